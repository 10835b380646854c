/* The feed's socket, with real subscribers: what is published reaches who listens, and is not even
 * packed when nobody does. */
#include "broker/core/state.h"
#include "broker/front/feed.h"
#include "broker/front/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include <cmocka.h>

enum { PATIENCE = 1000, WAIT_MS = 10 }; /* 10 s in all */

struct world {
    char dir[32];
    char endpoint[64];
    void *context;
    struct core *core;
    struct window window;
    struct feed feed;
    uint64_t newest;
};

static void
world_open(struct world *w)
{
    char error[256];
    *w = (struct world){.context = zmq_ctx_new(), .core = core_new(&(struct core_config){0})};
    assert_non_null(w->context);
    snprintf(w->dir, sizeof w->dir, "/tmp/baton-feed-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    snprintf(w->endpoint, sizeof w->endpoint, "ipc://%s/feed", w->dir);
    window_init(&w->window, w->core);
    assert_true(feed_open(&w->feed, w->context, w->endpoint, &w->window, error, sizeof error));
}

static void
world_close(struct world *w)
{
    feed_close(&w->feed, 0);
    window_fini(&w->window);
    core_free(w->core);
    zmq_ctx_term(w->context);
    (void)unlink(w->endpoint + strlen("ipc://"));
    assert_int_equal(rmdir(w->dir), 0);
}

/* A turn with two events, all durable. True: they were packed. */
static bool
publish(struct world *w)
{
    struct core_out out = {0};
    event_plain(w->core, &out, 1, BATON__EVENT__KIND__EPOCH, "", "", "a");
    event_plain(w->core, &out, 1, BATON__EVENT__KIND__EPOCH, "", "", "b");
    window_add(&w->window, out.first_event, out.n_events, &out.events, 1);
    core_out_fini(&out);
    w->newest += 2;
    buf_clear(&w->feed.batch);
    feed_publish(&w->feed, 1);
    assert_int_equal(w->feed.n_published, w->newest);
    assert_int_equal(window_newest_published(&w->window, &w->feed.cursor), w->newest);
    return w->feed.batch.bytes > 0;
}

/* `room`: messages that it takes unread. */
static void *
subscribe(struct world *w, const char *topic, int room)
{
    void *sub = zmq_socket(w->context, ZMQ_SUB);
    assert_non_null(sub);
    assert_int_equal(zmq_setsockopt(sub, ZMQ_RCVHWM, &room, sizeof room), 0);
    assert_int_equal(zmq_setsockopt(sub, ZMQ_SUBSCRIBE, topic, strlen(topic)), 0);
    assert_int_equal(zmq_connect(sub, w->endpoint), 0);
    return sub;
}

static bool
can_receive(void *sub)
{
    zmq_pollitem_t item = {.socket = sub, .events = ZMQ_POLLIN};
    return zmq_poll(&item, 1, WAIT_MS) > 0;
}

/* The number of the newest event of the next message, within WAIT_MS; 0: there is none. */
static uint64_t
receive(void *sub)
{
    if (!can_receive(sub)) {
        return 0;
    }
    char topic[16];
    assert_int_equal(zmq_recv(sub, topic, sizeof topic, ZMQ_DONTWAIT), strlen("events"));
    assert_memory_equal(topic, "events", strlen("events"));
    uint8_t data[1024];
    int bytes = zmq_recv(sub, data, sizeof data, ZMQ_DONTWAIT);
    assert_in_range(bytes, WIRE_PREAMBLE_BYTES + 1, sizeof data);
    Baton__EventBatch *batch = baton__event_batch__unpack(NULL, (size_t)bytes - WIRE_PREAMBLE_BYTES,
                                                          data + WIRE_PREAMBLE_BYTES);
    assert_non_null(batch);
    assert_int_equal(batch->n_events, 2);
    assert_int_equal(batch->events[1]->number, batch->newest);
    assert_string_equal(batch->events[1]->text, "b");
    uint64_t newest = batch->newest;
    baton__event_batch__free_unpacked(batch, NULL);
    return newest;
}

static void
test_only_who_listens_costs(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    for (int i = 0; i < 10; i++) {
        assert_false(publish(&w));
    }
    void *other = subscribe(&w, "weather", 1000);
    void *sub = subscribe(&w, "ev", 1000);
    uint64_t got = 0;
    for (int i = 0; i < PATIENCE && !got; i++) {
        (void)publish(&w);
        got = receive(sub);
    }
    assert_true(got > 0);
    for (int i = 0; i < 10; i++) {
        assert_true(publish(&w));
    }
    while (got < w.newest) {
        uint64_t next = receive(sub);
        assert_int_equal(next, got + 2);
        got = next;
    }
    zmq_close(sub);
    bool packed = true;
    for (int i = 0; i < PATIENCE && packed; i++) {
        packed = publish(&w);
        assert_int_equal(receive(other), 0);
    }
    assert_false(packed);
    zmq_close(other);
    world_close(&w);
}

static void
test_full_subscribers_cost_nothing(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    void *sub = subscribe(&w, "", 1);
    for (int i = 0; i < PATIENCE && !can_receive(sub); i++) {
        (void)publish(&w);
    }
    assert_true(can_receive(sub));
    bool packed = true;
    for (int i = 0; i < 100 * FEED_MESSAGES_MAX && packed; i++) {
        packed = publish(&w);
    }
    assert_false(packed);
    /* It goes on when it has read. */
    for (int i = 0; i < 100 * FEED_MESSAGES_MAX && !packed; i++) {
        assert_true(receive(sub) > 0);
        packed = publish(&w);
    }
    assert_true(packed);
    zmq_close(sub);
    world_close(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_who_listens_costs),
        cmocka_unit_test(test_full_subscribers_cost_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
