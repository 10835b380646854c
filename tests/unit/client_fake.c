/* A broker that a test plays by hand: see client_fake.h. */
#include "client_fake.h"

#include "common/alloc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HEAR_MS = 10 * 1000 };

static const uint8_t preamble[4] = {'B', 'T', 'N', 1};

void
fake_init(struct fake *fake)
{
    *fake = (struct fake){.context = zmq_ctx_new()};
    strcpy(fake->dir, "/tmp/baton-test-XXXXXX");
    CHECK(mkdtemp(fake->dir));
    snprintf(fake->endpoint, sizeof fake->endpoint, "ipc://%s/broker", fake->dir);
    snprintf(fake->feed, sizeof fake->feed, "ipc://%s/feed", fake->dir);
    fake_start(fake);
}

void
fake_start(struct fake *fake)
{
    int none = 0, mandatory = 1;
    fake->router = zmq_socket(fake->context, ZMQ_ROUTER);
    fake->pub = zmq_socket(fake->context, ZMQ_XPUB);
    zmq_setsockopt(fake->router, ZMQ_LINGER, &none, sizeof none);
    zmq_setsockopt(fake->router, ZMQ_ROUTER_MANDATORY, &mandatory, sizeof mandatory);
    zmq_setsockopt(fake->pub, ZMQ_LINGER, &none, sizeof none);
    /* The socket before closed in another thread; its path may be in use for a moment longer. */
    while (zmq_bind(fake->router, fake->endpoint) < 0) {
        CHECK(errno == EADDRINUSE);
    }
    while (zmq_bind(fake->pub, fake->feed) < 0) {
        CHECK(errno == EADDRINUSE);
    }
}

void
fake_stop(struct fake *fake)
{
    if (fake->router) {
        zmq_unbind(fake->router, fake->endpoint);
        zmq_unbind(fake->pub, fake->feed);
        zmq_close(fake->router);
        zmq_close(fake->pub);
        fake->router = fake->pub = NULL;
    }
}

void
fake_fini(struct fake *fake)
{
    char path[128];
    fake_stop(fake);
    zmq_ctx_term(fake->context);
    snprintf(path, sizeof path, "%s/broker", fake->dir);
    unlink(path);
    snprintf(path, sizeof path, "%s/feed", fake->dir);
    unlink(path);
    CHECK(rmdir(fake->dir) == 0);
}

static bool
readable(struct fake *fake, int ms)
{
    zmq_pollitem_t item = {.socket = fake->router, .events = ZMQ_POLLIN};
    int n;
    do {
        n = zmq_poll(&item, 1, ms);
    } while (n < 0 && errno == EINTR);
    return n > 0;
}

struct heard *
fake_hear(struct fake *fake)
{
    CHECK(readable(fake, HEAR_MS));
    struct heard *heard = xcalloc(1, sizeof *heard);
    int n = zmq_recv(fake->router, heard->peer, sizeof heard->peer, 0);
    CHECK(n > 0 && (size_t)n <= sizeof heard->peer);
    heard->peer_bytes = (size_t)n;
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    CHECK(zmq_msg_recv(&frame, fake->router, 0) >= 0);
    CHECK(!zmq_msg_more(&frame));
    heard->n_bytes = zmq_msg_size(&frame);
    heard->bytes = xmemdup(zmq_msg_data(&frame), heard->n_bytes);
    zmq_msg_close(&frame);
    CHECK(heard->n_bytes >= 4 && memcmp(heard->bytes, preamble, 4) == 0);
    heard->m = baton__to_broker__unpack(NULL, heard->n_bytes - 4, heard->bytes + 4);
    CHECK(heard->m);
    return heard;
}

struct heard *
fake_hear_op(struct fake *fake, Baton__ToBroker__OpCase op)
{
    for (;;) {
        struct heard *heard = fake_hear(fake);
        if (heard->m->op_case == op) {
            return heard;
        }
        CHECK(heard->m->op_case == BATON__TO_BROKER__OP_PING);
        Baton__Pong pong = BATON__PONG__INIT;
        pong.epoch = 1;
        Baton__FromBroker m = BATON__FROM_BROKER__INIT;
        m.op_case = BATON__FROM_BROKER__OP_PONG;
        m.pong = &pong;
        fake_answer(fake, heard, &m);
        heard_free(heard);
    }
}

bool
fake_hears(struct fake *fake, int ms)
{
    if (!readable(fake, ms)) {
        return false;
    }
    heard_free(fake_hear(fake));
    return true;
}

void
heard_free(struct heard *heard)
{
    baton__to_broker__free_unpacked(heard->m, NULL);
    free(heard->bytes);
    free(heard);
}

bool
heard_same_peer(const struct heard *a, const struct heard *b)
{
    return a->peer_bytes == b->peer_bytes && memcmp(a->peer, b->peer, a->peer_bytes) == 0;
}

void
fake_raw(struct fake *fake, const struct heard *to, const void *bytes, size_t n)
{
    /* The peer may be gone by now: then nobody hears it, as it is with a broker. */
    if (zmq_send(fake->router, to->peer, to->peer_bytes, ZMQ_SNDMORE) >= 0) {
        CHECK(zmq_send(fake->router, bytes, n, 0) >= 0);
    }
}

void
fake_tell(struct fake *fake, const struct heard *to, const Baton__FromBroker *m)
{
    size_t n = 4 + baton__from_broker__get_packed_size(m);
    uint8_t *bytes = xmalloc(n);
    memcpy(bytes, preamble, 4);
    baton__from_broker__pack(m, bytes + 4);
    fake_raw(fake, to, bytes, n);
    free(bytes);
}

void
fake_answer(struct fake *fake, const struct heard *to, Baton__FromBroker *m)
{
    m->id = to->m->id;
    fake_tell(fake, to, m);
}

void
fake_error(struct fake *fake, const struct heard *to, Baton__Code code, const char *sentence)
{
    Baton__Error error = BATON__ERROR__INIT;
    error.code = code;
    error.message = text(sentence);
    Baton__FromBroker m = BATON__FROM_BROKER__INIT;
    m.error = &error;
    fake_answer(fake, to, &m);
}

static Baton__EventBatch *
batch_new(uint64_t from, uint64_t to, uint64_t newest)
{
    Baton__EventBatch *batch = xmalloc(sizeof *batch);
    *batch = (Baton__EventBatch)BATON__EVENT_BATCH__INIT;
    batch->newest = newest;
    batch->n_events = to >= from ? to - from + 1 : 0;
    batch->events = xcalloc(batch->n_events + 1, sizeof *batch->events);
    for (size_t i = 0; i < batch->n_events; i++) {
        Baton__Event *event = batch->events[i] = xmalloc(sizeof *event);
        *event = (Baton__Event)BATON__EVENT__INIT;
        event->number = from + i;
        event->id = xmalloc(32);
        snprintf(event->id, 32, "t%llu", (unsigned long long)event->number);
    }
    return batch;
}

static void
batch_free(Baton__EventBatch *batch)
{
    for (size_t i = 0; i < batch->n_events; i++) {
        free(batch->events[i]->id);
        free(batch->events[i]);
    }
    free(batch->events);
    free(batch);
}

void
fake_subscribed(struct fake *fake)
{
    char subscription[16];
    int n = zmq_recv(fake->pub, subscription, sizeof subscription, 0);
    CHECK(n == 7 && memcmp(subscription, "\1events", 7) == 0);
}

void
fake_publish(struct fake *fake, uint64_t from, uint64_t to)
{
    Baton__EventBatch *batch = batch_new(from, to, to);
    size_t n = 4 + baton__event_batch__get_packed_size(batch);
    uint8_t *bytes = xmalloc(n);
    memcpy(bytes, preamble, 4);
    baton__event_batch__pack(batch, bytes + 4);
    CHECK(zmq_send(fake->pub, "events", 6, ZMQ_SNDMORE) >= 0);
    CHECK(zmq_send(fake->pub, bytes, n, 0) >= 0);
    free(bytes);
    batch_free(batch);
}

void
fake_events(struct fake *fake, const struct heard *ask, uint64_t from, uint64_t to, uint64_t newest)
{
    Baton__EventBatch *batch = batch_new(from, to, newest);
    Baton__FromBroker m = BATON__FROM_BROKER__INIT;
    m.op_case = BATON__FROM_BROKER__OP_EVENTS;
    m.events = batch;
    fake_answer(fake, ask, &m);
    batch_free(batch);
}

void
fake_welcome(struct fake *fake, const struct heard *hello, uint64_t epoch, uint64_t event)
{
    Baton__Welcome welcome = BATON__WELCOME__INIT;
    welcome.version = 1;
    welcome.epoch = epoch;
    welcome.event = event;
    welcome.heartbeat_ms = fake->heartbeat_ms ? fake->heartbeat_ms : 5000;
    welcome.feed = fake->feed;
    welcome.zone = text("Europe/Berlin");
    Baton__FromBroker m = BATON__FROM_BROKER__INIT;
    m.op_case = BATON__FROM_BROKER__OP_WELCOME;
    m.welcome = &welcome;
    fake_answer(fake, hello, &m);
}

static void *
thread_main(void *arg)
{
    struct fake *fake = arg;
    fake->script(fake);
    return NULL;
}

void
fake_run(struct fake *fake, void (*script)(struct fake *))
{
    fake->script = script;
    CHECK(pthread_create(&fake->thread, NULL, thread_main, fake) == 0);
}

void
fake_join(struct fake *fake)
{
    CHECK(pthread_join(fake->thread, NULL) == 0);
}
