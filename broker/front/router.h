/* The ROUTER socket: frames in, frames out. Knows nothing of what is in them. Never blocks; what a
 * peer does not take is refused, and the caller decides what that means. One thread. */
#ifndef BATON_FRONT_ROUTER_H
#define BATON_FRONT_ROUTER_H

#include "common/check.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ROUTER_SEND_MESSAGES_MAX = 10 * 1000,     /* not taken yet by one peer … */
    ROUTER_SEND_BYTES_MAX = 64 * 1024 * 1024, /* … and bytes of the large ones */
    ROUTER_RECEIVE_MESSAGES_MAX = 100,        /* of one peer, not read yet by us */
    ROUTER_COPY_BYTES_MAX = 4096,             /* smaller messages are copied */
    ROUTER_HANDSHAKE_MS = 3000,
    ROUTER_BACKLOG = 256,
    ROUTER_LINGER_MS = 1000,
};

struct router;

/* `context` is the ZeroMQ context. NULL, and why, when it can't bind to `endpoint`. */
struct router *router_open(void *context, const char *endpoint, char *error, size_t error_room);
/* Waits up to linger_ms, in zmq_ctx_term, for what peers have not taken yet. */
void router_close(struct router *router, int linger_ms);

/* For zmq_poll. */
void *router_socket(const struct router *router);

struct router_message {
    uint64_t peer;
    const uint8_t *data; /* valid until the next receive */
    size_t bytes;
};

enum router_received {
    ROUTER_NOTHING,
    ROUTER_MESSAGE,
    ROUTER_STRANGE, /* several frames, or a routing id that a peer chose: dropped */
};
enum router_received router_receive(struct router *router, struct router_message *ret_message);

enum router_sent {
    ROUTER_SENT,
    ROUTER_GONE, /* the peer is not connected any more */
    ROUTER_FULL, /* it takes no more now */
};
/* Takes *data (malloced; NULL afterwards) when it was sent. */
enum router_sent router_send(struct router *router, uint64_t peer, uint8_t **data,
                             size_t bytes) MUST_CHECK;

#endif
