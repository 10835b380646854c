#include "broker/front/router.h"

#include "common/alloc.h"
#include "common/limits.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

/* libzmq makes routing ids of five bytes, the first 0; the rest is a number that it never uses
 * twice. Others were chosen by a peer and are not served. */
enum { ID_BYTES = 5, PEER_BUCKETS = 1024, SWEEP_EVERY = 4096 };

/* Bytes of large messages that a peer has not taken yet. ZeroMQ's own mark counts messages only,
 * and ten thousand of 16 MiB are too many. Large messages are handed to ZeroMQ without a copy, and
 * it gives them back on its own thread: hence the atomic. */
struct backlog {
    uint64_t peer;
    atomic_size_t bytes;
    struct backlog *next;
};

struct router {
    void *socket;
    zmq_msg_t in;
    struct backlog *backlogs[PEER_BUCKETS];
    size_t n_backlogs;
    size_t n_since_sweep;
};

/* ---- opening ---- */

static bool
set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof value) == 0;
}

static bool
set_options(void *socket)
{
    int64_t message_bytes = MESSAGE_BYTES_MAX;
    return zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &message_bytes, sizeof message_bytes) == 0 &&
           set_int(socket, ZMQ_ROUTER_MANDATORY, 1) && set_int(socket, ZMQ_ROUTER_HANDOVER, 0) &&
           set_int(socket, ZMQ_SNDHWM, ROUTER_SEND_MESSAGES_MAX) &&
           set_int(socket, ZMQ_RCVHWM, ROUTER_RECEIVE_MESSAGES_MAX) &&
           set_int(socket, ZMQ_HANDSHAKE_IVL, ROUTER_HANDSHAKE_MS) &&
           set_int(socket, ZMQ_BACKLOG, ROUTER_BACKLOG) && set_int(socket, ZMQ_LINGER, 0);
}

struct router *
router_open(void *context, const char *endpoint, char *error, size_t error_room)
{
    void *socket = zmq_socket(context, ZMQ_ROUTER);
    if (!socket || !set_options(socket) || zmq_bind(socket, endpoint) != 0) {
        snprintf(error, error_room, "can't listen on %s: %s", endpoint, zmq_strerror(errno));
        if (socket) {
            zmq_close(socket);
        }
        return NULL;
    }
    struct router *router = xcalloc(1, sizeof *router);
    router->socket = socket;
    CHECK(zmq_msg_init(&router->in) == 0);
    return router;
}

void
router_close(struct router *router, int linger_ms)
{
    if (!router) {
        return;
    }
    zmq_msg_close(&router->in);
    (void)set_int(router->socket, ZMQ_LINGER, linger_ms);
    zmq_close(router->socket);
    /* ZeroMQ may still hold messages that count in a backlog; they are left to the end of the
     * process. */
    for (size_t i = 0; i < PEER_BUCKETS; i++) {
        while (router->backlogs[i] && atomic_load(&router->backlogs[i]->bytes) == 0) {
            struct backlog *backlog = router->backlogs[i];
            router->backlogs[i] = backlog->next;
            free(backlog);
        }
    }
    free(router);
}

void *
router_socket(const struct router *router)
{
    return router->socket;
}

/* ---- receiving ---- */

/* Receives the next frame into router->in. False: there is none. */
static bool
receive_frame(struct router *router)
{
    for (;;) {
        if (zmq_msg_recv(&router->in, router->socket, ZMQ_DONTWAIT) >= 0) {
            return true;
        }
        if (errno != EINTR) {
            CHECK(errno == EAGAIN);
            return false;
        }
    }
}

enum router_received
router_receive(struct router *router, struct router_message *ret_message)
{
    if (!receive_frame(router)) {
        return ROUTER_NOTHING;
    }
    const uint8_t *id = zmq_msg_data(&router->in);
    bool is_ours = zmq_msg_size(&router->in) == ID_BYTES && id[0] == 0;
    uint32_t number = 0;
    if (is_ours) {
        memcpy(&number, id + 1, sizeof number);
    }
    /* ZeroMQ hands a message over whole: its other frames are there. */
    bool more = zmq_msg_more(&router->in);
    size_t n_frames = 0;
    while (more) {
        CHECK(receive_frame(router));
        more = zmq_msg_more(&router->in);
        n_frames++;
    }
    if (!is_ours || n_frames != 1) {
        return ROUTER_STRANGE;
    }
    *ret_message = (struct router_message){
        .peer = number, .data = zmq_msg_data(&router->in), .bytes = zmq_msg_size(&router->in)};
    return ROUTER_MESSAGE;
}

/* ---- sending ---- */

static void
sweep_backlogs(struct router *router)
{
    for (size_t i = 0; i < PEER_BUCKETS; i++) {
        struct backlog **at = &router->backlogs[i];
        while (*at) {
            struct backlog *backlog = *at;
            if (atomic_load(&backlog->bytes) == 0) {
                *at = backlog->next;
                free(backlog);
                router->n_backlogs--;
            } else {
                at = &backlog->next;
            }
        }
    }
}

static struct backlog *
backlog_of(struct router *router, uint64_t peer)
{
    if (++router->n_since_sweep >= SWEEP_EVERY) {
        router->n_since_sweep = 0;
        sweep_backlogs(router);
    }
    struct backlog **bucket = &router->backlogs[peer % PEER_BUCKETS];
    for (struct backlog *backlog = *bucket; backlog; backlog = backlog->next) {
        if (backlog->peer == peer) {
            return backlog;
        }
    }
    struct backlog *backlog = xcalloc(1, sizeof *backlog);
    backlog->peer = peer;
    backlog->next = *bucket;
    *bucket = backlog;
    router->n_backlogs++;
    return backlog;
}

struct loan {
    struct backlog *backlog;
    size_t bytes;
};

/* On ZeroMQ's thread: a large message has gone out, or its peer has. The subtraction is the last
 * touch of the backlog, which may be swept right after. */
static void
give_back(void *data, void *hint)
{
    struct loan *loan = hint;
    size_t bytes = loan->bytes;
    struct backlog *backlog = loan->backlog;
    free(loan);
    atomic_fetch_sub(&backlog->bytes, bytes);
    free(data);
}

static void
message_copy(zmq_msg_t *message, const uint8_t *data, size_t bytes)
{
    CHECK(zmq_msg_init_size(message, bytes) == 0);
    memcpy(zmq_msg_data(message), data, bytes);
}

static enum router_sent
send_id(struct router *router, uint64_t peer)
{
    uint8_t id[ID_BYTES] = {0};
    uint32_t number = (uint32_t)peer;
    memcpy(id + 1, &number, sizeof number);
    while (zmq_send(router->socket, id, sizeof id, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0) {
        if (errno != EINTR) {
            CHECK(errno == EAGAIN || errno == EHOSTUNREACH);
            return errno == EAGAIN ? ROUTER_FULL : ROUTER_GONE;
        }
    }
    return ROUTER_SENT;
}

enum router_sent
router_send(struct router *router, uint64_t peer, uint8_t **data, size_t bytes)
{
    struct backlog *backlog = NULL;
    if (bytes > ROUTER_COPY_BYTES_MAX) {
        backlog = backlog_of(router, peer);
        if (atomic_load(&backlog->bytes) + bytes > ROUTER_SEND_BYTES_MAX) {
            return ROUTER_FULL;
        }
    }
    enum router_sent sent = send_id(router, peer);
    if (sent != ROUTER_SENT) {
        return sent;
    }
    zmq_msg_t message;
    if (backlog) {
        struct loan *loan = xmalloc(sizeof *loan);
        *loan = (struct loan){.backlog = backlog, .bytes = bytes};
        atomic_fetch_add(&backlog->bytes, bytes);
        CHECK(zmq_msg_init_data(&message, *data, bytes, give_back, loan) == 0);
    } else {
        message_copy(&message, *data, bytes);
        free(*data);
    }
    *data = NULL;
    /* The peer had room for the message's first frame, so it has for the rest; a peer that went in
     * between makes ZeroMQ drop it, which is as if it went a moment later. */
    while (zmq_msg_send(&message, router->socket, ZMQ_DONTWAIT) < 0) {
        CHECK(errno == EINTR);
    }
    return ROUTER_SENT;
}
