/* The PUB socket: events that became durable, to whoever listens; packed only if somebody does. A
 * subscriber that does not read in time misses some and asks for them (window.h). One thread. */
#ifndef BATON_FRONT_FEED_H
#define BATON_FRONT_FEED_H

#include "broker/front/window.h"

#include <stddef.h>
#include <stdint.h>

enum { FEED_MESSAGES_MAX = 1000 /* not taken yet by one subscriber */ };

struct feed {
    void *socket;
    struct window *window; /* borrowed */
    struct window_cursor cursor;
    struct buf batch;
    uint64_t n_published; /* events */
};

/* Binds to `endpoint`. False, and why. */
bool feed_open(struct feed *feed, void *context, const char *endpoint, struct window *window,
               char *error, size_t error_room);
void feed_close(struct feed *feed, int linger_ms);

/* Sends what is in the window, durable, and was not sent: to nobody, if nobody listens. */
void feed_publish(struct feed *feed, uint64_t durable);

#endif
