/* One DEALER socket to the broker: opening, closing, sending and receiving whole frames without
 * ever blocking, and waiting for them. ZMQ_IMMEDIATE is on, so a socket that is not writable is one
 * without a connection: nothing is ever queued for a broker that is away. */
#ifndef BATON_CLIENT_LINK_H
#define BATON_CLIENT_LINK_H

#include "common/rng.h"

#include <stdbool.h>
#include <stdint.h>
#include <zmq.h>

struct link {
    void *context; /* ZeroMQ's; owned */
    void *socket;  /* owned; NULL: could not be opened, tried again with link_open */
    int socket_fd; /* the socket's descriptor; another one after each link_open */
    int fd; /* an epoll set with it, the same for ever; edge-triggered: look at link_events before
               waiting on it */
    char *endpoint; /* owned */
    struct rng rng; /* for jitter */
};

enum link_wait { LINK_WOKEN, LINK_TIMEOUT, LINK_INTERRUPTED };

/* Milliseconds of a clock that never goes back. */
int64_t clock_ms(void);
/* Fills `bytes` with randomness of the kernel. */
void random_fill(void *p, size_t bytes);

/* False: no memory, no more threads or descriptors. */
bool link_init(struct link *link, const char *endpoint);
/* Frames under way are still sent for up to linger_ms. A link that is all zero is fine. */
void link_fini(struct link *link, int linger_ms);
/* A new socket, also in the place of an old one, whose frames are dropped either way. */
bool link_open(struct link *link);
/* A socket of `type` in the link's context with our usual options, connected; NULL: failed. */
void *link_connect(struct link *link, int type, const char *endpoint, int *ret_fd);

/* ZMQ_POLLIN and ZMQ_POLLOUT, as they are now. */
int socket_events(void *socket);
int link_events(struct link *link);
/* False: no connection now; `frame` stays the caller's. True: it was taken. */
bool link_send(struct link *link, zmq_msg_t *frame);
/* The next frame into `frame` (initialised); false: none there. Messages of several frames are not
 * ours and are dropped. */
bool link_receive(struct link *link, zmq_msg_t *frame);

/* Sleeps until one of the descriptors stirs or clock_ms() is `until` (INT64_MAX: for ever). */
enum link_wait fds_wait(const int *fds, int n_fds, int64_t until);
/* `ms` and up to half of it more. */
int64_t link_jitter(struct link *link, int64_t ms);

#endif
