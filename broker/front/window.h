/* The newest events, for those who missed some on the feed. Events come in runs (one a turn) as the
 * core left them, are packed for who reads them, and leave in runs, when there are more than enough
 * newer ones. Pure. */
#ifndef BATON_FRONT_WINDOW_H
#define BATON_FRONT_WINDOW_H

#include "broker/core/core.h"
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
    struct buf events; /* as in core_out */
};

struct window {
    const struct core *core; /* borrowed: packs them */
    struct window_run *runs; /* in order; those before `first_run` are gone */
    size_t first_run, n_runs, room;
    size_t published; /* index of the first run that is not published */
    uint64_t n;       /* events in it */
    size_t bytes;
    uint64_t newest;  /* number of the newest event that ever was */
    struct buf spare; /* memory of a run that is gone, for one that comes */
};

void window_init(struct window *window, const struct core *core); /* borrows */
void window_fini(struct window *window);

/* After recovery: what is in it is old news, and the next number is that behind `newest`. */
void window_begin(struct window *window, uint64_t newest);

/* Takes the memory of `events` and leaves an empty one, with that of a run that is gone: it need
 * not be asked of the kernel again. The first number must be the one behind the newest, but in an
 * empty window. */
void window_add(struct window *window, uint64_t first, uint32_t n, struct buf *events,
                uint64_t ticket);

/* Appends a packed EventBatch (its events and `newest`) with up to `limit` events numbered above
 * `after` and returns how many. -1: some of them are gone. */
int window_page(const struct window *window, uint64_t after, uint32_t limit, struct buf *batch);

/* How much of the first run that is not published was handed out. */
struct window_cursor {
    uint32_t done;   /* events */
    size_t byte_pos; /* behind them */
};
/* Is there something to publish whose ticket is durable? */
bool window_has_news(const struct window *window, uint64_t durable);
/* The next page of it, as a packed EventBatch in `batch` (cleared first). The number of its events;
 * there must be news. */
uint32_t window_publish(struct window *window, struct window_cursor *cursor, uint64_t durable,
                        struct buf *batch);
/* All of it counts as published; packs nothing. The number of these events. */
uint64_t window_pass(struct window *window, struct window_cursor *cursor, uint64_t durable);
/* Number of the newest event that was handed out so. */
uint64_t window_newest_published(const struct window *window, const struct window_cursor *cursor);

#endif
