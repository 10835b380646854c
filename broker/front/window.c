#include "broker/front/window.h"

#include "common/alloc.h"
#include "common/check.h"
#include "common/fields.h"

#include <stdlib.h>
#include <string.h>

/* Tags of EventBatch in proto/wire.proto. */
enum { TAG_EVENTS = FIELD_TAG(1, FIELD_SIZED), TAG_NEWEST = FIELD_TAG(2, FIELD_VARINT) };

void
window_init(struct window *window, const struct core *core)
{
    *window = (struct window){.core = core};
}

void
window_fini(struct window *window)
{
    for (size_t i = window->first_run; i < window->n_runs; i++) {
        buf_fini(&window->runs[i].events);
    }
    free(window->runs);
    buf_fini(&window->spare);
    *window = (struct window){0};
}

/* The larger one of it and the spare one is kept. */
static void
keep_memory(struct window *window, struct buf *events)
{
    if (events->room > window->spare.room) {
        struct buf larger = *events;
        *events = window->spare;
        window->spare = larger;
    }
    buf_fini(events);
}

/* Old runs go when those behind them suffice, but never one that was not published yet. */
static void
evict(struct window *window)
{
    while (window->first_run < window->published) {
        struct window_run *run = &window->runs[window->first_run];
        if (window->n - run->n < WINDOW_EVENTS && window->bytes <= WINDOW_BYTES_MAX) {
            return;
        }
        window->n -= run->n;
        window->bytes -= run->events.bytes;
        keep_memory(window, &run->events);
        window->first_run++;
    }
}

static void
make_room(struct window *window)
{
    if (window->n_runs < window->room) {
        return;
    }
    if (window->first_run > window->room / 2) {
        size_t gone = window->first_run;
        memmove(window->runs, window->runs + gone, (window->n_runs - gone) * sizeof *window->runs);
        window->n_runs -= gone;
        window->published -= gone;
        window->first_run = 0;
        return;
    }
    window->room = MAX(window->room * 2, (size_t)64);
    window->runs = xreallocarray(window->runs, window->room, sizeof *window->runs);
}

void
window_begin(struct window *window, uint64_t newest)
{
    CHECK(window->n == 0 || window->newest == newest);
    window->newest = newest;
    window->published = window->n_runs;
    evict(window);
}

void
window_add(struct window *window, uint64_t first, uint32_t n, struct buf *events, uint64_t ticket)
{
    CHECK(n > 0);
    CHECK(window->newest == 0 || first == window->newest + 1);
    if (events->room / 2 > events->bytes) {
        events->data = xrealloc(events->data, events->bytes);
        events->room = events->bytes;
    }
    make_room(window);
    window->runs[window->n_runs++] = (struct window_run){
        .first = first, .ticket = ticket, .n = n, .events = *events};
    window->n += n;
    window->bytes += events->bytes;
    window->newest = first + n - 1;
    evict(window);
    *events = window->spare;
    buf_clear(events);
    window->spare = (struct buf){0};
}

static void
add_event(const struct window *window, const struct window_run *run, size_t *pos, uint64_t number,
          struct buf *batch)
{
    buf_add_varint(batch, TAG_EVENTS);
    core_event_next(window->core, run->events.data, pos, number, batch);
}

static void
add_newest(struct buf *batch, uint64_t newest)
{
    buf_add_varint(batch, TAG_NEWEST);
    buf_add_varint(batch, newest);
}

/* Index of the run that holds event `number`, which is in the window. */
static size_t
find_run(const struct window *window, uint64_t number)
{
    size_t low = window->first_run;
    size_t high = window->n_runs;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (window->runs[middle].first <= number) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

int
window_page(const struct window *window, uint64_t after, uint32_t limit, struct buf *batch)
{
    if (after == window->newest) {
        add_newest(batch, window->newest);
        return 0;
    }
    /* Asked for a number that was never given out: the store is another one, or an older copy. */
    if (after > window->newest || window->n == 0 ||
        after + 1 < window->runs[window->first_run].first) {
        return -1;
    }
    size_t begin = batch->bytes;
    uint32_t n = 0;
    for (size_t i = find_run(window, after + 1); i < window->n_runs; i++) {
        const struct window_run *run = &window->runs[i];
        uint64_t number = run->first;
        for (size_t pos = 0; pos < run->events.bytes; number++) {
            if (number <= after) {
                core_event_next(window->core, run->events.data, &pos, number, NULL);
                continue;
            }
            if (n == limit) {
                goto full;
            }
            size_t end = batch->bytes;
            add_event(window, run, &pos, number, batch);
            if (n > 0 && batch->bytes - begin > EVENTS_PAGE_BYTES) {
                batch->bytes = end;
                goto full;
            }
            n++;
        }
    }
full:
    add_newest(batch, window->newest);
    return (int)n;
}

bool
window_has_news(const struct window *window, uint64_t durable)
{
    return window->published < window->n_runs && window->runs[window->published].ticket <= durable;
}

static void
end_run(struct window *window, struct window_cursor *cursor)
{
    *cursor = (struct window_cursor){0};
    window->published++;
}

uint32_t
window_publish(struct window *window, struct window_cursor *cursor, uint64_t durable,
               struct buf *batch)
{
    CHECK(window_has_news(window, durable));
    buf_clear(batch);
    uint32_t n = 0;
    uint64_t newest = 0;
    while (window_has_news(window, durable) && n < EVENTS_PAGE &&
           batch->bytes < EVENTS_PAGE_BYTES) {
        const struct window_run *run = &window->runs[window->published];
        while (cursor->done < run->n && n < EVENTS_PAGE && batch->bytes < EVENTS_PAGE_BYTES) {
            newest = run->first + cursor->done;
            add_event(window, run, &cursor->byte_pos, newest, batch);
            cursor->done++;
            n++;
        }
        if (cursor->done == run->n) {
            end_run(window, cursor);
        }
    }
    add_newest(batch, newest);
    evict(window);
    return n;
}

uint64_t
window_pass(struct window *window, struct window_cursor *cursor, uint64_t durable)
{
    uint64_t n = 0;
    while (window_has_news(window, durable)) {
        n += window->runs[window->published].n - cursor->done;
        end_run(window, cursor);
    }
    evict(window);
    return n;
}

uint64_t
window_newest_published(const struct window *window, const struct window_cursor *cursor)
{
    return window->published < window->n_runs
               ? window->runs[window->published].first + cursor->done - 1
               : window->newest;
}
