/* The stream of events: a SUB socket for what happens now, and questions over a DEALER for what was
 * missed. Events are handed out in the order of their numbers, each once: what is at or below the
 * last number is skipped, what is not the next one shows a gap, and a gap is closed by asking.
 *
 * A question is also asked at the start, soon after the SUB socket was opened (what happened before
 * its subscription arrived is not sent to it), and whenever the feed was silent for a while: the
 * last message may be the one that was dropped, or the broker may have moved its feed. */
#include "client/card.h"
#include "client/endpoint.h"
#include "client/frame.h"
#include "client/handle.h"
#include "client/link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    ANSWER_MS = 1000, /* for a question, then it is asked again on a new socket */
    ANSWER_MS_MAX = 4000,
    SILENCE_MS = 3000, /* without a message: ask */
    SETTLE_MS = 100,   /* after subscribing: ask */
    RETRY_MS_MAX = 30 * 1000,
    BATCH_EVENTS = 4000, /* asked for at once */
    ROOM_BYTES = 64 * 1024,
};

enum question { ASKED_NOTHING, ASKED_HELLO, ASKED_EVENTS };

struct baton_feed {
    struct link link; /* for questions */
    struct fault fault;
    char *actor; /* owned */
    bool interruptible;
    void *sub; /* owned; NULL: not known yet where it is */
    int sub_fd;
    char *feed;       /* endpoint of the SUB socket; owned */
    uint64_t last;    /* number of the last event handed out, or to begin behind */
    bool from_newest; /* `last` is not known yet: the newest */
    uint64_t newest;  /* known to exist */
    uint64_t epoch;   /* of the broker, from Welcome */
    bool behind;      /* events may be missing: ask */
    enum question asked;
    uint64_t id;                    /* of the latest question */
    int64_t answer_by;              /* something asked: when to give up waiting */
    int64_t hello_at;               /* when to say Hello again, for silence */
    int64_t patience_ms;            /* for an answer */
    struct record *in;              /* memory of the batch; owned */
    const Baton__EventBatch *batch; /* being handed out; NULL: none */
    size_t at;                      /* place in it */
    struct baton_event event;       /* the one that the caller borrows */
    struct baton_card card;         /* … and its card */
};

static void
sub_close(struct baton_feed *f)
{
    if (f->sub) {
        zmq_close(f->sub);
        f->sub = NULL;
    }
}

void
baton_feed_close(baton_feed **feed)
{
    struct baton_feed *f = feed ? *feed : NULL;
    if (!f) {
        return;
    }
    sub_close(f);
    link_fini(&f->link, 0);
    fault_clear(&f->fault);
    record_free(f->in);
    free(f->feed);
    free(f->actor);
    free(f);
    *feed = NULL;
}

baton_status
baton_feed_open(const char *endpoint, const struct baton_options *options, uint64_t after,
                baton_feed **ret_feed)
{
    struct fault *fault = fault_of_thread();
    fault_clear(fault);
    endpoint = baton_endpoint(endpoint);
    baton_status status = endpoint_check(endpoint, fault);
    if (status) {
        return status;
    }
    struct baton_feed *f = calloc(1, sizeof *f);
    if (!f) {
        return fault_set(fault, BATON_NO_MEMORY, "no memory for a feed");
    }
    f->link.fd = f->sub_fd = -1;
    f->actor = options && options->actor ? strdup(options->actor) : actor_default();
    f->interruptible = options && options->interruptible;
    f->in = record_new(0, ROOM_BYTES);
    f->from_newest = after == UINT64_MAX;
    f->last = f->from_newest ? 0 : after;
    f->patience_ms = ANSWER_MS;
    if (!f->actor || !f->in || !link_init(&f->link, endpoint)) {
        baton_feed_close(&f);
        return fault_set(fault, BATON_NO_MEMORY,
                         "no memory, threads or descriptors left for a feed");
    }
    *ret_feed = f;
    return BATON_OK;
}

const char *
baton_feed_error(const baton_feed *feed)
{
    return fault_text(feed ? &feed->fault : fault_of_thread());
}

static bool
ask(struct baton_feed *f, Baton__ToBroker *message, enum question question, int64_t now)
{
    message->id = f->id + 1;
    message->actor = f->actor;
    zmq_msg_t frame;
    if (frame_pack(message, NULL, &frame, &f->fault)) {
        return false;
    }
    if (!link_send(&f->link, &frame)) {
        zmq_msg_close(&frame);
        return false;
    }
    f->id++;
    f->asked = question;
    f->answer_by = now + link_jitter(&f->link, f->patience_ms);
    return true;
}

static bool
ask_hello(struct baton_feed *f, int64_t now)
{
    Baton__Hello hello = BATON__HELLO__INIT;
    hello.version_min = PROTOCOL_VERSION;
    hello.version_max = PROTOCOL_VERSION;
    hello.software = pb_text("libbaton " BATON_SOFTWARE_VERSION);
    Baton__ToBroker message = BATON__TO_BROKER__INIT;
    message.op_case = BATON__TO_BROKER__OP_HELLO;
    message.hello = &hello;
    return ask(f, &message, ASKED_HELLO, now);
}

static bool
ask_events(struct baton_feed *f, int64_t now)
{
    Baton__EventsAfter events = BATON__EVENTS_AFTER__INIT;
    events.number = f->last;
    events.limit = BATCH_EVENTS;
    Baton__ToBroker message = BATON__TO_BROKER__INIT;
    message.op_case = BATON__TO_BROKER__OP_EVENTS;
    message.events = &events;
    return ask(f, &message, ASKED_EVENTS, now);
}

/* Sends the question that is due, if any and if there is a connection. True: something was done
 * that may have used up the edge of a descriptor. */
static bool
ask_due(struct baton_feed *f, int64_t now)
{
    bool connected = link_events(&f->link) & ZMQ_POLLOUT;
    if (!connected) {
        f->asked = ASKED_NOTHING; /* lost with the connection; the next one may be another epoch */
        f->hello_at = now;
        return false;
    }
    if (f->asked && now >= f->answer_by) {
        f->asked = ASKED_NOTHING;
        f->hello_at = now;
        f->patience_ms = MIN(f->patience_ms * 2, ANSWER_MS_MAX);
        link_open(&f->link);
        return true;
    }
    if (f->asked) {
        return false;
    }
    if (now >= f->hello_at) {
        return ask_hello(f, now);
    }
    return f->behind && ask_events(f, now);
}

static void
welcome(struct baton_feed *f, const Baton__Welcome *m, int64_t now)
{
    bool moved = !f->sub || !f->feed || strcmp(f->feed, m->feed) != 0 || f->epoch != m->epoch;
    f->epoch = m->epoch;
    f->hello_at = now + link_jitter(&f->link, SILENCE_MS);
    f->newest = MAX(f->newest, m->event);
    if (f->from_newest) {
        f->from_newest = false;
        f->last = m->event;
    }
    if (moved && endpoint_check(m->feed, &f->fault) == BATON_OK) {
        sub_close(f);
        free(f->feed);
        f->feed = strdup(m->feed);
        f->sub = f->feed ? link_connect(&f->link, ZMQ_SUB, m->feed, &f->sub_fd) : NULL;
        f->hello_at = now + SETTLE_MS;
    }
    f->behind = true; /* asked once more after each Hello: it costs little and closes every gap */
}

/* The events behind `last` are gone from the broker's memory. */
static baton_status
too_far_behind(struct baton_feed *f, const Baton__FromBroker *m)
{
    uint64_t newest = m->op_case == BATON__FROM_BROKER__OP_EVENTS ? m->events->newest : f->newest;
    baton_status status = fault_take(&f->fault, m->error);
    f->last = f->newest = newest;
    f->behind = true; /* asked again from there */
    return status;
}

/* The events behind `last`, or as many of them as fit. */
static baton_status
events_answered(struct baton_feed *f, const Baton__EventBatch *batch)
{
    f->batch = batch;
    f->at = 0;
    f->newest = MAX(f->newest, batch->newest);
    if (batch->n_events == 0) {
        f->behind = false; /* that is all there is to get now, whatever `newest` says */
        return BATON_OK;
    }
    f->behind = batch->events[batch->n_events - 1]->number < f->newest;
    uint64_t first = batch->events[0]->number;
    if (first <= f->last + 1) {
        return BATON_OK;
    }
    uint64_t expected = f->last + 1;
    f->last = first - 1;
    return fault_set(&f->fault, BATON_TOO_FAR_BEHIND,
                     "the events %llu to %llu are gone: read the state with list, then go on",
                     (unsigned long long)expected, (unsigned long long)f->last);
}

/* Takes an answer. BATON_OK: go on; else what the caller is to know. */
static baton_status
answered(struct baton_feed *f, const Baton__FromBroker *m, int64_t now)
{
    enum question asked = f->asked;
    if (m->id != f->id || !asked) {
        return BATON_OK; /* to a question that was given up */
    }
    f->asked = ASKED_NOTHING;
    f->patience_ms = ANSWER_MS;
    if (m->error && m->error->code == BATON__CODE__CODE_TOO_FAR_BEHIND && asked == ASKED_EVENTS) {
        return too_far_behind(f, m);
    }
    if (m->error) {
        bool lasting = m->error->code == BATON__CODE__CODE_VERSION ||
                       m->error->code == BATON__CODE__CODE_DENIED;
        f->behind = false; /* until the next Welcome */
        f->hello_at = now + MAX(SILENCE_MS, MIN(m->error->retry_after_ms, RETRY_MS_MAX));
        baton_status status = fault_take(&f->fault, m->error);
        return lasting ? status : BATON_OK; /* the others are asked again after a silence */
    }
    if (asked == ASKED_HELLO && m->op_case == BATON__FROM_BROKER__OP_WELCOME) {
        welcome(f, m->welcome, now);
    } else if (asked == ASKED_EVENTS && m->op_case == BATON__FROM_BROKER__OP_EVENTS) {
        return events_answered(f, m->events);
    }
    return BATON_OK;
}

static baton_status
take_answer(struct baton_feed *f, int64_t now, bool *ret_took)
{
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    baton_status status = BATON_OK;
    if ((*ret_took = link_receive(&f->link, &frame))) {
        record_reset(f->in);
        const Baton__FromBroker *m = NULL;
        status = frame_unpack(&frame, f->in, &f->fault, &m);
        if (!status) {
            status = answered(f, m, now);
        } else if (status != BATON_NO_MEMORY) {
            status = BATON_OK; /* dropped: the question is asked again */
        }
    }
    zmq_msg_close(&frame);
    return status;
}

/* One message of the SUB socket: its second frame. False: there is none. */
static bool
sub_receive(struct baton_feed *f, zmq_msg_t *frame)
{
    for (unsigned part = 0;;) {
        if (zmq_msg_recv(frame, f->sub, ZMQ_DONTWAIT) < 0) {
            if (zmq_errno() == EINTR) {
                continue;
            }
            return false;
        }
        part++;
        if (!zmq_msg_more(frame)) {
            if (part == 2) {
                return true;
            }
            part = 0; /* not of our form: the next message */
        }
    }
}

static baton_status
take_news(struct baton_feed *f, int64_t now, bool *ret_took)
{
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    baton_status status = BATON_OK;
    if ((*ret_took = f->sub && sub_receive(f, &frame))) {
        record_reset(f->in);
        const uint8_t *data = zmq_msg_data(&frame);
        size_t bytes = zmq_msg_size(&frame);
        if (frame_check(data, bytes, &f->fault) == BATON_OK) {
            f->batch = record_unpack(f->in, &baton__event_batch__descriptor, bytes - PREAMBLE_BYTES,
                                     data + PREAMBLE_BYTES);
        }
        if (f->batch) {
            f->at = 0;
            f->newest = MAX(f->newest, f->batch->newest);
            f->behind |= f->batch->n_events == 0 && f->newest > f->last;
            f->hello_at = MAX(f->hello_at, now + link_jitter(&f->link, SILENCE_MS));
        } else if (f->in->failed) {
            status = fault_set(&f->fault, BATON_NO_MEMORY, "no memory for events");
        }
    }
    zmq_msg_close(&frame);
    return status;
}

/* The next event of the batch that is the next of all. False: the batch is used up. */
static bool
batch_next(struct baton_feed *f)
{
    while (f->batch && f->at < f->batch->n_events) {
        const Baton__Event *m = f->batch->events[f->at++];
        if (m->number <= f->last) {
            continue;
        }
        if (m->number != f->last + 1) {
            f->behind = true; /* a gap: what is behind it comes again with the answer */
            break;
        }
        f->last = m->number;
        if (!baton_event_kind_name((int)m->kind)[0]) {
            continue; /* newer than this library */
        }
        f->event = (struct baton_event){
            .number = m->number,
            .at = m->at,
            .kind = (enum baton_event_kind)m->kind,
            .project = m->project,
            .id = m->id,
            .role = m->role,
            .from = (baton_state)m->from,
            .to = (baton_state)m->to,
            .reason = (int)m->reason,
            .token = m->token,
            .attempt = m->attempt,
            .worker = m->worker,
            .actor = m->actor,
            .text = m->text,
            .progress = m->progress,
            .title = m->title,
        };
        if (m->card) {
            f->event.card = card_from_message(f->in, m->card, &f->card) ? &f->card : NULL;
        }
        return true;
    }
    f->batch = NULL;
    return false;
}

/* Waits until something comes or is due. */
static enum link_wait
feed_wait(struct baton_feed *f, int64_t until, int64_t now)
{
    int fds[2] = {f->link.fd, f->sub_fd};
    int64_t wake_at = f->asked ? f->answer_by : f->hello_at;
    wake_at = wake_at > now ? wake_at : now + SILENCE_MS; /* due, but there is no connection */
    return fds_wait(fds, f->sub ? 2 : 1, MIN(until, wake_at));
}

baton_status
baton_feed_next(baton_feed *f, int64_t timeout_ms, const struct baton_event **ret_event)
{
    int64_t until = timeout_ms < 0 ? INT64_MAX : clock_ms() + timeout_ms;
    for (;;) {
        if (batch_next(f)) {
            *ret_event = &f->event;
            return BATON_OK;
        }
        int64_t now = clock_ms();
        bool asked = ask_due(f, now);
        bool took = false;
        baton_status status = take_answer(f, now, &took);
        /* While an answer is awaited the news wait too: they would only show the same gap. */
        if (!took && !status && f->asked != ASKED_EVENTS && !f->behind) {
            status = take_news(f, now, &took);
        }
        if (status) {
            return status;
        }
        bool more = (link_events(&f->link) & ZMQ_POLLIN) ||
                    (f->sub && f->asked != ASKED_EVENTS && !f->behind &&
                     (socket_events(f->sub) & ZMQ_POLLIN));
        if (took || asked || more) {
            continue;
        }
        if (now >= until) {
            return BATON_TIMEOUT;
        }
        if (feed_wait(f, until, now) == LINK_INTERRUPTED && f->interruptible) {
            return fault_set(&f->fault, BATON_INTERRUPTED,
                             "interrupted by a signal while waiting for events");
        }
    }
}
