/* One request and its answer. A request is sent, and sent again on a new socket when nothing came
 * back for a while, or at once when the connection broke; a changing one carries (client, number),
 * by which the broker does it once and repeats its answer. So sending blindly is safe, and the only
 * open end is a deadline that passes: then the request is kept, and if the caller makes the same
 * call again it is this very request, not a second one. */
#include "client/handle.h"

#include <string.h>

enum {
    SILENCE_MS = 1000, /* before a request is sent again */
    SILENCE_MS_MAX = 4000,
    BYTES_PER_MS = 4096, /* large requests are given time to be worked on */
};

baton_status
bad_argument(struct baton *b, const char *sentence)
{
    return fault_set(&b->fault, BATON_BAD_ARGUMENT, "%s", sentence);
}

baton_status
no_memory(struct baton *b, struct record *record)
{
    record_free(record);
    return fault_set(&b->fault, BATON_NO_MEMORY, "no memory for the answer");
}

struct record *
scratch_new(struct baton *b, size_t room)
{
    struct record *scratch = record_new(0, room);
    if (!scratch) {
        fault_set(&b->fault, BATON_NO_MEMORY, "no memory to build the request");
    }
    return scratch;
}

static bool
frames_equal(zmq_msg_t *a, zmq_msg_t *b)
{
    return zmq_msg_size(a) == zmq_msg_size(b) &&
           memcmp(zmq_msg_data(a), zmq_msg_data(b), zmq_msg_size(a)) == 0;
}

static void
forget_unanswered(struct baton *b)
{
    if (b->has_unanswered) {
        zmq_msg_close(&b->unanswered);
        b->has_unanswered = false;
    }
}

/* Packs the request: under its old number if it is the one that had no answer. */
static baton_status
number_and_pack(struct baton *b, const struct ask *ask, zmq_msg_t *ret_frame)
{
    Baton__ToBroker *message = ask->message;
    message->actor = b->actor;
    if (!ask->changing) {
        message->id = ++b->id;
        return frame_pack(message, ask->op, ret_frame, &b->fault);
    }
    message->client = b->client;
    message->acked = b->acked;
    if (b->has_unanswered) {
        message->id = b->unanswered_id;
        message->number = b->number;
        baton_status status = frame_pack(message, ask->op, ret_frame, &b->fault);
        if (status || frames_equal(ret_frame, &b->unanswered)) {
            forget_unanswered(b);
            return status;
        }
        zmq_msg_close(ret_frame);
        forget_unanswered(b);
    }
    message->id = b->id + 1;
    message->number = b->number + 1;
    baton_status status = frame_pack(message, ask->op, ret_frame, &b->fault);
    if (!status) {
        b->id++;
        b->number++;
    }
    return status;
}

/* Is this the answer to `ask`? The broker can't know the id of a message that it can't read. */
static bool
is_answer(const struct ask *ask, const Baton__FromBroker *message)
{
    if (message->id == ask->message->id) {
        return true;
    }
    return message->id == 0 && message->error &&
           (message->error->code == BATON__CODE__CODE_VERSION ||
            message->error->code == BATON__CODE__CODE_MALFORMED);
}

static baton_status
judge(struct baton *b, const struct ask *ask, const Baton__FromBroker *message)
{
    if (message->error && message->error->code != BATON__CODE__CODE_OK) {
        return fault_take(&b->fault, message->error);
    }
    if (message->op_case != ask->answer) {
        return fault_set(&b->fault, BATON_MALFORMED,
                         "the broker answered with a message of another kind (%d instead of %d): "
                         "are broker and library of versions that fit together?",
                         (int)message->op_case, (int)ask->answer);
    }
    return BATON_OK;
}

/* Takes what has arrived. True: it was the answer, or an end (`ret_status`). What can't be read is
 * dropped, but remembered in `ret_status` and the fault for the case that nothing better comes. */
static bool
receive(struct baton *b, const struct ask *ask, struct answer *ret_answer, baton_status *ret_status)
{
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    bool ended = false;
    while (!ended && link_receive(&b->link, &frame)) {
        struct record *record = record_new(ask->public_bytes, 3 * zmq_msg_size(&frame) + 1024);
        if (!record) {
            *ret_status = no_memory(b, NULL);
            ended = true;
            break;
        }
        const Baton__FromBroker *message = NULL;
        baton_status unreadable = frame_unpack(&frame, record, &b->fault, &message);
        if (unreadable) {
            *ret_status = unreadable;
            ended = unreadable == BATON_NO_MEMORY;
        } else if (is_answer(ask, message)) {
            *ret_status = judge(b, ask, message);
            ended = true;
        }
        if (ended && !*ret_status) {
            *ret_answer = (struct answer){.message = message, .record = record};
        } else {
            record_free(record); /* late answers to what was sent twice, too */
        }
    }
    zmq_msg_close(&frame);
    return ended;
}

static baton_status
no_broker(struct baton *b, int64_t timeout_ms)
{
    return fault_set(&b->fault, BATON_NO_BROKER,
                     "no answer from a broker at %s within %lld ms: is batond running there? Start "
                     "it, or name another endpoint (BATON_ENDPOINT)",
                     b->link.endpoint, (long long)timeout_ms);
}

static bool
resend(struct link *link, zmq_msg_t *frame)
{
    zmq_msg_t copy; /* shares the bytes */
    zmq_msg_init(&copy);
    zmq_msg_copy(&copy, frame);
    bool sent = link_send(link, &copy);
    if (!sent) {
        zmq_msg_close(&copy);
    }
    return sent;
}

static baton_status
converse(struct baton *b, const struct ask *ask, zmq_msg_t *frame, struct answer *ret_answer,
         bool *ret_answered)
{
    int64_t timeout_ms = ask->timeout_ms ? ask->timeout_ms : b->timeout_ms + ask->silence_ms;
    int64_t deadline = clock_ms() + timeout_ms;
    int64_t silence = SILENCE_MS + (int64_t)zmq_msg_size(frame) / BYTES_PER_MS;
    int64_t resend_at = 0;
    bool sent = false;
    baton_status status = BATON_OK;
    for (;;) {
        int events = link_events(&b->link);
        if ((events & ZMQ_POLLIN) && receive(b, ask, ret_answer, &status)) {
            break;
        }
        int64_t now = clock_ms();
        if (now >= deadline) {
            return status ? status : no_broker(b, timeout_ms);
        }
        if (sent && now >= resend_at) {
            link_open(&b->link); /* the old connection may be half dead */
            sent = false;
            silence = MIN(silence * 2, MAX(SILENCE_MS_MAX, silence));
            continue;
        }
        if (!(events & ZMQ_POLLOUT)) {
            sent = false; /* what was under way is lost with the connection */
        } else if (!sent) {
            sent = resend(&b->link, frame);
            resend_at = now + ask->silence_ms + link_jitter(&b->link, silence);
            continue; /* sending may have used up the descriptor's edge */
        }
        if (events & ZMQ_POLLIN) {
            continue;
        }
        if (!b->link.socket && !link_open(&b->link)) {
            return fault_set(&b->fault, BATON_NO_MEMORY,
                             "no memory or descriptors left for a socket");
        }
        int64_t until = sent ? MIN(deadline, resend_at) : deadline;
        if (fds_wait(&b->link.fd, 1, until) == LINK_INTERRUPTED && b->interruptible) {
            return fault_set(&b->fault, BATON_INTERRUPTED,
                             "interrupted by a signal while waiting for the broker");
        }
    }
    *ret_answered = status != BATON_NO_MEMORY;
    return status;
}

baton_status
request(struct baton *b, const struct ask *ask, struct answer *ret_answer)
{
    fault_clear(&b->fault);
    zmq_msg_t frame;
    baton_status status = number_and_pack(b, ask, &frame);
    if (status) {
        return status;
    }
    bool answered = false;
    status = converse(b, ask, &frame, ret_answer, &answered);
    if (ask->changing && answered && !b->repeatable) {
        b->acked = b->number;
    }
    if (ask->changing && !answered) {
        b->unanswered = frame; /* moved */
        b->unanswered_id = ask->message->id;
        b->has_unanswered = true;
    } else {
        zmq_msg_close(&frame);
    }
    return status;
}
