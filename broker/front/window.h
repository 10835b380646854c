/* The newest events, packed, for those who missed some on the feed. Events come in runs (one a
 * turn) and leave in runs, when there are more than enough newer ones. Pure. */
#ifndef BATON_FRONT_WINDOW_H
#define BATON_FRONT_WINDOW_H

#include "common/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    WINDOW_EVENTS = 64 * 1024,            /* kept at least, if their size allows … */
    WINDOW_BYTES_MAX = 128 * 1024 * 1024, /* … together */
    EVENTS_PAGE = 1000,                   /* in one message, if nothing else was asked for */
    EVENTS_PAGE_BYTES = 1024 * 1024,      /* where a page ends in any case */
};

struct window_run {
    uint64_t first;  /* number of its first event */
    uint64_t ticket; /* may be published when this is durable */
    uint32_t n;
    uint8_t *data; /* malloced: varint length and packed Event, again and again */
    size_t bytes;
};

struct window {
    struct window_run *runs; /* in order; those before `first_run` are gone */
    size_t first_run, n_runs, room;
    size_t published; /* index of the first run that is not published */
    uint64_t n;       /* events in it */
    size_t bytes;
    uint64_t newest; /* number of the newest event that ever was */
};

void window_fini(struct window *window);

/* After recovery: what is in it is old news, and the next number is that behind `newest`. */
void window_begin(struct window *window, uint64_t newest);

/* Takes the memory of `events`. The first number must be the one behind the newest, but in an empty
 * window. */
void window_add(struct window *window, uint64_t first, uint32_t n, struct buf *events,
                uint64_t ticket);

/* Appends a packed EventBatch (its events and `newest`) with up to `limit` events numbered above
 * `after` and returns how many. -1: some of them are gone. */
int window_page(const struct window *window, uint64_t after, uint32_t limit, struct buf *batch);

/* The next page to publish whose ticket is durable, from *pos on, as a packed EventBatch in `batch`
 * (cleared first). False: there is none. */
struct window_cursor {
    uint32_t done;   /* events of the run that were handed out */
    size_t byte_pos; /* behind them */
};
bool window_publish(struct window *window, struct window_cursor *cursor, uint64_t durable,
                    struct buf *batch, uint32_t *ret_n);
/* Number of the newest event that was handed out so. */
uint64_t window_newest_published(const struct window *window, const struct window_cursor *cursor);

#endif
