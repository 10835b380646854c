/* The feed: every event once and in order, whatever is lost on the way. */
#include "baton.h"
#include "client_fake.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int
setup(void **state)
{
    struct fake *fake = malloc(sizeof *fake);
    fake_init(fake);
    *state = fake;
    return 0;
}

static int
teardown(void **state)
{
    fake_fini(*state);
    free(*state);
    return 0;
}

static baton_feed *
opened(const char *endpoint, uint64_t after)
{
    baton_feed *feed = NULL;
    assert_int_equal(baton_feed_open(endpoint, NULL, after, &feed), BATON_OK);
    return feed;
}

static void
expect(baton_feed *feed, uint64_t from, uint64_t to)
{
    for (uint64_t number = from; number <= to; number++) {
        const struct baton_event *event = NULL;
        assert_int_equal(baton_feed_next(feed, 20000, &event), BATON_OK);
        assert_int_equal(event->number, number);
        char id[32];
        snprintf(id, sizeof id, "t%llu", (unsigned long long)number);
        assert_string_equal(event->id, id);
    }
}

/* Answers Hellos and EventsAfters as a broker whose newest event is `newest`, until it has heard a
 * question for events behind `until`. */
static void
serve(struct fake *fake, uint64_t epoch, uint64_t newest, uint64_t until)
{
    for (bool more = true; more;) {
        struct heard *heard = fake_hear(fake);
        if (heard->m->op_case == BATON__TO_BROKER__OP_HELLO) {
            fake_welcome(fake, heard, epoch, newest);
        } else {
            CHECK(heard->m->op_case == BATON__TO_BROKER__OP_EVENTS);
            uint64_t after = heard->m->events->number;
            fake_events(fake, heard, after + 1, newest, newest);
            more = after != until;
        }
        heard_free(heard);
    }
}

static void
script_catch_up(struct fake *fake)
{
    struct heard *hello = fake_hear_op(fake, BATON__TO_BROKER__OP_HELLO);
    fake_welcome(fake, hello, 1, 30);
    heard_free(hello);
    struct heard *ask = fake_hear_op(fake, BATON__TO_BROKER__OP_EVENTS);
    CHECK(ask->m->events->number == 10);
    fake_events(fake, ask, 11, 20, 30); /* fewer than there are */
    heard_free(ask);
    serve(fake, 1, 30, 20);
    serve(fake, 1, 30, 30); /* asked again soon after subscribing */
}

static void
test_what_was_before_is_asked_for(void **state)
{
    struct fake *fake = *state;
    fake_run(fake, script_catch_up);
    baton_feed *feed = opened(fake->endpoint, 10);
    expect(feed, 11, 30);
    const struct baton_event *event = NULL;
    assert_int_equal(baton_feed_next(feed, 1000, &event), BATON_TIMEOUT);
    fake_join(fake);
    baton_feed_close(&feed);
}

static void
script_gap(struct fake *fake)
{
    serve(fake, 1, 5, 5);
    serve(fake, 1, 5, 5); /* the one after subscribing */
    fake_subscribed(fake);
    fake_publish(fake, 6, 7);
    fake_publish(fake, 7, 9);   /* overlaps */
    fake_publish(fake, 12, 13); /* 10 and 11 were lost: asked for at once, not after a silence */
    struct heard *heard = fake_hear_op(fake, BATON__TO_BROKER__OP_EVENTS);
    CHECK(heard->m->events->number == 9);
    fake_events(fake, heard, 10, 13, 13);
    heard_free(heard);
}

static void
test_a_gap_is_closed_and_nothing_comes_twice(void **state)
{
    struct fake *fake = *state;
    fake_run(fake, script_gap);
    baton_feed *feed = opened(fake->endpoint, UINT64_MAX);
    expect(feed, 6, 13);
    fake_join(fake);
    const struct baton_event *event = NULL;
    assert_int_equal(baton_feed_next(feed, 0, &event), BATON_TIMEOUT);
    baton_feed_close(&feed);
}

static void
script_silence(struct fake *fake)
{
    serve(fake, 1, 5, 5);
    serve(fake, 1, 5, 5);
    serve(fake, 1, 8, 5); /* happened, but nothing was published */
}

static void
test_silence_is_asked_about(void **state)
{
    struct fake *fake = *state;
    fake_run(fake, script_silence);
    baton_feed *feed = opened(fake->endpoint, 5);
    expect(feed, 6, 8);
    fake_join(fake);
    baton_feed_close(&feed);
}

static void
script_far_behind(struct fake *fake)
{
    struct heard *hello = fake_hear_op(fake, BATON__TO_BROKER__OP_HELLO);
    fake_welcome(fake, hello, 1, 500);
    heard_free(hello);
    struct heard *ask = fake_hear_op(fake, BATON__TO_BROKER__OP_EVENTS);
    CHECK(ask->m->events->number == 3);
    Baton__Error error = BATON__ERROR__INIT;
    error.code = BATON__CODE__CODE_TOO_FAR_BEHIND;
    error.message = text("gone");
    Baton__EventBatch batch = BATON__EVENT_BATCH__INIT;
    batch.newest = 500;
    Baton__FromBroker m = BATON__FROM_BROKER__INIT;
    m.error = &error;
    m.op_case = BATON__FROM_BROKER__OP_EVENTS;
    m.events = &batch;
    fake_answer(fake, ask, &m);
    heard_free(ask);
    serve(fake, 1, 502, 500);
}

static void
test_too_far_behind_is_said_once(void **state)
{
    struct fake *fake = *state;
    fake_run(fake, script_far_behind);
    baton_feed *feed = opened(fake->endpoint, 3);
    const struct baton_event *event = NULL;
    assert_int_equal(baton_feed_next(feed, 20000, &event), BATON_TOO_FAR_BEHIND);
    assert_string_equal(baton_feed_error(feed), "gone");
    expect(feed, 501, 502);
    fake_join(fake);
    baton_feed_close(&feed);
}

static void
script_restart(struct fake *fake)
{
    serve(fake, 1, 5, 4);
    serve(fake, 1, 5, 5);
    fake_stop(fake);
    fake_start(fake);
    serve(fake, 2, 7, 5);
    serve(fake, 2, 7, 7);
    serve(fake, 2, 8, 7);
}

static void
test_a_restart_of_the_broker_loses_nothing(void **state)
{
    struct fake *fake = *state;
    fake_run(fake, script_restart);
    baton_feed *feed = opened(fake->endpoint, 4);
    expect(feed, 5, 8);
    baton_feed_close(&feed);
    fake_join(fake);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_what_was_before_is_asked_for),
        TEST(test_a_gap_is_closed_and_nothing_comes_twice),
        TEST(test_silence_is_asked_about),
        TEST(test_too_far_behind_is_said_once),
        TEST(test_a_restart_of_the_broker_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
