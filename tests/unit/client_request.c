/* Asking a broker: what is sent again, under which number, and what becomes of silence. */
#include "baton.h"
#include "client_fake.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
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

static baton *
opened(const char *endpoint, const char *client, int64_t timeout_ms)
{
    struct baton_options options = {.client = client, .timeout_ms = timeout_ms};
    baton *b = NULL;
    assert_int_equal(baton_open(endpoint, &options, &b), BATON_OK);
    return b;
}

static baton_status
submit_one(baton *b, const char *id)
{
    baton_spec *spec = baton_spec_new();
    spec->id = id;
    spec->role = "backend";
    baton_submitted *submitted = NULL;
    baton_status status = baton_submit(b, &spec, 1, NULL, &submitted);
    if (status == BATON_OK) {
        assert_int_equal(submitted->created, 1);
    }
    baton_submitted_free(submitted);
    baton_spec_free(spec);
    return status;
}

static void
answer_submit(struct fake *fake, const struct heard *heard)
{
    Baton__Submitted submitted = BATON__SUBMITTED__INIT;
    submitted.created = 1;
    Baton__FromBroker m = BATON__FROM_BROKER__INIT;
    m.op_case = BATON__FROM_BROKER__OP_SUBMITTED;
    m.submitted = &submitted;
    fake_answer(fake, heard, &m);
}

static void
script_silent_once(struct fake *fake)
{
    struct heard *first = fake_hear_op(fake, BATON__TO_BROKER__OP_SUBMIT);
    struct heard *again = fake_hear_op(fake, BATON__TO_BROKER__OP_SUBMIT);
    CHECK(first->n_bytes == again->n_bytes);
    CHECK(memcmp(first->bytes, again->bytes, first->n_bytes) == 0);
    CHECK(first->m->number == 1 && first->m->acked == 0 && strlen(first->m->client) == 32);
    CHECK(!heard_same_peer(first, again)); /* on a new socket */
    answer_submit(fake, again);
    struct heard *next = fake_hear_op(fake, BATON__TO_BROKER__OP_SUBMIT);
    CHECK(next->m->number == 2 && next->m->acked == 1);
    CHECK(strcmp(next->m->client, first->m->client) == 0);
    answer_submit(fake, next);
    heard_free(first);
    heard_free(again);
    heard_free(next);
}

static void
test_silence_is_answered_by_the_same_request_on_a_new_socket(void **state)
{
    struct fake *fake = *state;
    fake_run(fake, script_silent_once);
    baton *b = opened(fake->endpoint, NULL, 0);
    assert_int_equal(submit_one(b, "A"), BATON_OK);
    assert_int_equal(submit_one(b, "B"), BATON_OK);
    fake_join(fake);
    baton_close(&b);
    assert_null(b);
}

static void
script_no_answer_then_answers(struct fake *fake)
{
    struct heard *first = fake_hear_op(fake, BATON__TO_BROKER__OP_SUBMIT);
    struct heard *same = fake_hear_op(fake, BATON__TO_BROKER__OP_SUBMIT);
    CHECK(same->m->number == first->m->number); /* the same call again is the same request */
    CHECK(same->m->id == first->m->id);
    struct heard *other = fake_hear_op(fake, BATON__TO_BROKER__OP_SUBMIT);
    CHECK(other->m->number == first->m->number + 1);
    answer_submit(fake, other);
    heard_free(first);
    heard_free(same);
    heard_free(other);
}

static void
test_the_same_call_after_no_broker_is_the_same_request(void **state)
{
    struct fake *fake = *state;
    fake_run(fake, script_no_answer_then_answers);
    baton *b = opened(fake->endpoint, NULL, 200);
    assert_int_equal(submit_one(b, "A"), BATON_NO_BROKER);
    assert_non_null(strstr(baton_error(b), fake->endpoint));
    assert_int_equal(submit_one(b, "A"), BATON_NO_BROKER);
    assert_int_equal(submit_one(b, "B"), BATON_OK);
    assert_string_equal(baton_error(b), "");
    fake_join(fake);
    baton_close(&b);
}

static void
script_named(struct fake *fake)
{
    for (uint64_t i = 0; i < 4; i++) {
        struct heard *heard = fake_hear_op(fake, BATON__TO_BROKER__OP_SUBMIT);
        CHECK(strcmp(heard->m->client, "nightly") == 0);
        CHECK(heard->m->number == i % 2 + 1 && heard->m->acked == 0);
        answer_submit(fake, heard);
        heard_free(heard);
    }
}

static void
test_a_named_client_repeats_itself_in_its_next_life(void **state)
{
    struct fake *fake = *state;
    fake_run(fake, script_named);
    for (int life = 0; life < 2; life++) {
        baton *b = opened(fake->endpoint, "nightly", 0);
        assert_int_equal(submit_one(b, "A"), BATON_OK);
        assert_int_equal(submit_one(b, "B"), BATON_OK);
        baton_close(&b);
    }
    fake_join(fake);
}

static void
script_errors(struct fake *fake)
{
    struct heard *heard = fake_hear_op(fake, BATON__TO_BROKER__OP_SUBMIT);
    char *path[] = {text("a"), text("b"), text("a")};
    Baton__Error error = BATON__ERROR__INIT;
    error.code = BATON__CODE__CODE_CYCLE;
    error.message = text("the tasks depend on each other");
    error.field = text("tasks[0].after");
    error.path = path;
    error.n_path = 3;
    error.retry_after_ms = 7;
    Baton__FromBroker m = BATON__FROM_BROKER__INIT;
    m.error = &error;
    fake_answer(fake, heard, &m);
    heard_free(heard);

    heard = fake_hear_op(fake, BATON__TO_BROKER__OP_GET);
    fake_error(fake, heard, BATON__CODE__CODE_NOT_FOUND, "there is no task x");
    heard_free(heard);

    /* An answer without an id: the broker could not read so far. */
    heard = fake_hear_op(fake, BATON__TO_BROKER__OP_PING);
    error = (Baton__Error)BATON__ERROR__INIT;
    error.code = BATON__CODE__CODE_VERSION;
    error.message = text("this broker speaks version 2");
    m.id = 0;
    fake_tell(fake, heard, &m);
    heard_free(heard);

    /* A code from the future. */
    heard = fake_hear_op(fake, BATON__TO_BROKER__OP_PING);
    fake_error(fake, heard, (Baton__Code)77, "new");
    heard_free(heard);
}

static void
test_errors_pass_through(void **state)
{
    struct fake *fake = *state;
    fake_run(fake, script_errors);
    baton *b = opened(fake->endpoint, NULL, 0);
    assert_int_equal(submit_one(b, "A"), BATON_CYCLE);
    assert_string_equal(baton_error(b), "the tasks depend on each other");
    assert_string_equal(baton_error_field(b), "tasks[0].after");
    assert_string_equal(baton_error_cycle(b), "a -> b -> a");
    assert_int_equal(baton_error_retry_after_ms(b), 7);
    baton_task *task = NULL;
    struct baton_ref ref = {.id = "x"};
    assert_int_equal(baton_get(b, ref, &task), BATON_NOT_FOUND);
    assert_string_equal(baton_error_cycle(b), "");
    struct baton_pong pong;
    assert_int_equal(baton_ping(b, &pong), BATON_VERSION);
    assert_string_equal(baton_error(b), "this broker speaks version 2");
    assert_int_equal(baton_ping(b, &pong), BATON_INTERNAL);
    fake_join(fake);
    baton_close(&b);
}

static void
script_garbage(struct fake *fake)
{
    struct heard *heard = fake_hear_op(fake, BATON__TO_BROKER__OP_PING);
    fake_raw(fake, heard, "", 0);
    fake_raw(fake, heard, "HTTP", 4);
    fake_raw(fake, heard, "BTN\x01\xff\xff\xff", 7);
    fake_raw(fake, heard, "BTN\x02whatever", 12);
    heard_free(heard);
}

static void
test_what_cannot_be_read_is_dropped_and_remembered(void **state)
{
    struct fake *fake = *state;
    fake_run(fake, script_garbage);
    baton *b = opened(fake->endpoint, NULL, 500);
    struct baton_pong pong;
    assert_int_equal(baton_ping(b, &pong), BATON_VERSION);
    assert_non_null(strstr(baton_error(b), "version 2"));
    fake_join(fake);
    baton_close(&b);
}

static void
script_late_answers(struct fake *fake)
{
    struct heard *heard = fake_hear_op(fake, BATON__TO_BROKER__OP_PING);
    Baton__Pong pong = BATON__PONG__INIT;
    Baton__FromBroker m = BATON__FROM_BROKER__INIT;
    m.op_case = BATON__FROM_BROKER__OP_PONG;
    m.pong = &pong;
    m.id = heard->m->id + 5; /* not the answer to this */
    pong.epoch = 1;
    fake_tell(fake, heard, &m);
    pong.epoch = 2;
    fake_answer(fake, heard, &m);
    heard_free(heard);
}

static void
test_answers_to_other_requests_are_dropped(void **state)
{
    struct fake *fake = *state;
    fake_run(fake, script_late_answers);
    baton *b = opened(fake->endpoint, NULL, 0);
    struct baton_pong pong;
    assert_int_equal(baton_ping(b, &pong), BATON_OK);
    assert_int_equal(pong.epoch, 2);
    fake_join(fake);
    baton_close(&b);
}

static void
answer_take(struct fake *fake, const struct heard *heard, uint64_t token)
{
    Baton__Spec spec = BATON__SPEC__INIT;
    spec.id = text("A");
    spec.prompt = text("do it");
    uint8_t packed[64];
    Baton__Assignment task = BATON__ASSIGNMENT__INIT;
    Baton__Assignment *tasks[] = {&task};
    task.token = token;
    task.id = text("A");
    task.spec.data = packed;
    task.spec.len = baton__spec__pack(&spec, packed);
    Baton__Assign assign = BATON__ASSIGN__INIT;
    assign.tasks = tasks;
    assign.n_tasks = token != 0;
    Baton__FromBroker m = BATON__FROM_BROKER__INIT;
    m.op_case = BATON__FROM_BROKER__OP_ASSIGN;
    m.assign = &assign;
    fake_answer(fake, heard, &m);
}

/* A take is not sent again for silence before its 20 s are over, and the script waits for 10. */
static void
script_restart(struct fake *fake)
{
    struct heard *first = fake_hear_op(fake, BATON__TO_BROKER__OP_TAKE);
    fake_stop(fake);
    fake_start(fake);
    struct heard *again = fake_hear_op(fake, BATON__TO_BROKER__OP_TAKE);
    CHECK(again->n_bytes == first->n_bytes);
    CHECK(memcmp(again->bytes, first->bytes, first->n_bytes) == 0);
    answer_take(fake, again, 9);
    heard_free(first);
    heard_free(again);
}

static void
test_a_broker_that_restarts_is_asked_again_at_once(void **state)
{
    struct fake *fake = *state;
    fake_run(fake, script_restart);
    baton *b = opened(fake->endpoint, NULL, 0);
    struct baton_take take = {.wait_ms = -1};
    baton_assignment *assignment = NULL;
    assert_int_equal(baton_take(b, &take, &assignment), BATON_OK);
    baton_assignment_free(assignment);
    fake_join(fake);
    baton_close(&b);
}

static void
script_take(struct fake *fake)
{
    struct heard *heard = fake_hear_op(fake, BATON__TO_BROKER__OP_TAKE);
    CHECK(heard->m->number == 1 && heard->m->take->max == 1 && !heard->m->take->task);
    CHECK(heard->m->take->n_roles == 1 && strcmp(heard->m->take->roles[0], "backend") == 0);
    answer_take(fake, heard, 0); /* nothing yet: it asks again, with a new number */
    heard_free(heard);
    heard = fake_hear_op(fake, BATON__TO_BROKER__OP_TAKE);
    CHECK(heard->m->number == 2);
    answer_take(fake, heard, 9);
    heard_free(heard);
    heard = fake_hear_op(fake, BATON__TO_BROKER__OP_REPORT);
    CHECK(heard->m->report->n_lines == 1 && heard->m->report->lines[0]->token == 9);
    CHECK(heard->m->report->lines[0]->what_case == BATON__LINE__WHAT_RESULT);
    Baton__LineReply line = BATON__LINE_REPLY__INIT;
    Baton__LineReply *lines[] = {&line};
    line.token = 9;
    line.code = BATON__CODE__CODE_STALE_TOKEN;
    line.message = text("too late");
    Baton__Reported reported = BATON__REPORTED__INIT;
    reported.lines = lines;
    reported.n_lines = 1;
    Baton__FromBroker m = BATON__FROM_BROKER__INIT;
    m.op_case = BATON__FROM_BROKER__OP_REPORTED;
    m.reported = &reported;
    fake_answer(fake, heard, &m);
    heard_free(heard);
}

static void
test_take_asks_again_until_there_is_work(void **state)
{
    struct fake *fake = *state;
    fake_run(fake, script_take);
    baton *b = opened(fake->endpoint, NULL, 0);
    const char *roles[] = {"backend"};
    struct baton_take take = {.roles = roles, .n_roles = 1, .wait_ms = 5000};
    baton_assignment *assignment = NULL;
    assert_int_equal(baton_take(b, &take, &assignment), BATON_OK);
    assert_int_equal(assignment->token, 9);
    assert_string_equal(assignment->spec->prompt, "do it");
    assert_string_equal(assignment->spec->title, "");
    baton_assignment_free(assignment);
    struct baton_result result = {.outcome = BATON_OUTCOME_DONE};
    assert_int_equal(baton_complete(b, 9, &result, NULL), BATON_STALE_TOKEN);
    assert_string_equal(baton_error(b), "too late");
    fake_join(fake);
    baton_close(&b);
}

static void
script_list(struct fake *fake)
{
    for (uint64_t page = 0; page < 3; page++) {
        struct heard *heard = fake_hear_op(fake, BATON__TO_BROKER__OP_LIST);
        CHECK(heard->m->list->after == page * 10);
        CHECK(heard->m->list->n_states == 1);
        Baton__TaskView views[2] = {BATON__TASK_VIEW__INIT, BATON__TASK_VIEW__INIT};
        Baton__TaskView *tasks[] = {&views[0], &views[1]};
        views[0].key = page * 10 + 1;
        views[1].key = page * 10 + 2;
        Baton__Listed listed = BATON__LISTED__INIT;
        listed.tasks = tasks;
        listed.n_tasks = page == 1 ? 0 : 2; /* a page may be empty and not be the last */
        listed.next = page < 2 ? (page + 1) * 10 : 0;
        listed.event = 100 + page;
        Baton__FromBroker m = BATON__FROM_BROKER__INIT;
        m.op_case = BATON__FROM_BROKER__OP_LISTED;
        m.listed = &listed;
        fake_answer(fake, heard, &m);
        heard_free(heard);
    }
}

static bool
sum_keys(const baton_task *task, void *context)
{
    *(uint64_t *)context += task->key;
    assert_string_equal(task->spec->id, "");
    return true;
}

static void
test_list_follows_pages(void **state)
{
    struct fake *fake = *state;
    fake_run(fake, script_list);
    baton *b = opened(fake->endpoint, NULL, 0);
    baton_state ready = BATON_READY;
    struct baton_filter filter = {.states = &ready, .n_states = 1};
    uint64_t sum = 0, event = 0;
    assert_int_equal(baton_list(b, &filter, sum_keys, &sum, &event), BATON_OK);
    assert_int_equal(sum, 1 + 2 + 21 + 22);
    assert_int_equal(event, 100); /* of the first page */
    fake_join(fake);
    baton_close(&b);
}

static void
script_zone(struct fake *fake)
{
    struct heard *heard = fake_hear_op(fake, BATON__TO_BROKER__OP_HELLO);
    CHECK(heard->m->hello->version_min == 1 && heard->m->hello->version_max == 1);
    CHECK(heard->m->hello->worker[0] == 0);
    fake_welcome(fake, heard, 1, 0);
    heard_free(heard);
}

static void
test_zone_comes_from_welcome(void **state)
{
    struct fake *fake = *state;
    fake_run(fake, script_zone);
    baton *b = opened(fake->endpoint, NULL, 0);
    const char *zone = NULL;
    assert_int_equal(baton_zone(b, &zone), BATON_OK);
    assert_string_equal(zone, "Europe/Berlin");
    fake_join(fake);
    baton_close(&b);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_silence_is_answered_by_the_same_request_on_a_new_socket),
        TEST(test_a_broker_that_restarts_is_asked_again_at_once),
        TEST(test_the_same_call_after_no_broker_is_the_same_request),
        TEST(test_a_named_client_repeats_itself_in_its_next_life),
        TEST(test_errors_pass_through),
        TEST(test_what_cannot_be_read_is_dropped_and_remembered),
        TEST(test_answers_to_other_requests_are_dropped),
        TEST(test_take_asks_again_until_there_is_work),
        TEST(test_list_follows_pages),
        TEST(test_zone_comes_from_welcome),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
