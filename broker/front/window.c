#include "broker/front/window.h"

#include "common/alloc.h"
#include "common/check.h"

#include <stdlib.h>
#include <string.h>

/* Tags of EventBatch in proto/wire.proto. */
enum { TAG_EVENTS = 1 << 3 | 2, TAG_NEWEST = 2 << 3 | 0 };

void
window_fini(struct window *window)
{
    for (size_t i = window->first_run; i < window->n_runs; i++) {
        free(window->runs[i].data);
    }
    free(window->runs);
    *window = (struct window){0};
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
        window->bytes -= run->bytes;
        free(run->data);
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
    }
    make_room(window);
    window->runs[window->n_runs++] = (struct window_run){
        .first = first, .ticket = ticket, .n = n, .data = events->data, .bytes = events->bytes};
    window->n += n;
    window->bytes += events->bytes;
    window->newest = first + n - 1;
    *events = (struct buf){0};
    evict(window);
}

/* Moves *pos behind the event there and returns where it begins, with its length in front. */
static const uint8_t *
next_event(const struct window_run *run, size_t *pos, size_t *ret_bytes)
{
    const uint8_t *begin = run->data + *pos;
    uint64_t length;
    CHECK(varint_read(run->data, run->bytes, pos, &length));
    CHECK(length <= run->bytes - *pos);
    *pos += (size_t)length;
    *ret_bytes = (size_t)(run->data + *pos - begin);
    return begin;
}

static void
add_event(struct buf *batch, const uint8_t *event, size_t bytes)
{
    uint8_t *p = buf_reserve(batch, bytes + 1);
    p[0] = TAG_EVENTS;
    memcpy(p + 1, event, bytes);
    batch->bytes += bytes + 1;
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
        for (size_t pos = 0; pos < run->bytes; number++) {
            size_t bytes;
            const uint8_t *event = next_event(run, &pos, &bytes);
            if (number <= after) {
                continue;
            }
            if (n == limit || (n > 0 && batch->bytes - begin + bytes > EVENTS_PAGE_BYTES)) {
                goto full;
            }
            add_event(batch, event, bytes);
            n++;
        }
    }
full:
    add_newest(batch, window->newest);
    return (int)n;
}

bool
window_publish(struct window *window, struct window_cursor *cursor, uint64_t durable,
               struct buf *batch, uint32_t *ret_n)
{
    buf_clear(batch);
    uint32_t n = 0;
    uint64_t newest = 0;
    while (window->published < window->n_runs && n < EVENTS_PAGE &&
           batch->bytes < EVENTS_PAGE_BYTES) {
        struct window_run *run = &window->runs[window->published];
        if (run->ticket > durable) {
            break;
        }
        while (cursor->done < run->n && n < EVENTS_PAGE && batch->bytes < EVENTS_PAGE_BYTES) {
            size_t bytes;
            const uint8_t *event = next_event(run, &cursor->byte_pos, &bytes);
            add_event(batch, event, bytes);
            newest = run->first + cursor->done;
            cursor->done++;
            n++;
        }
        if (cursor->done == run->n) {
            *cursor = (struct window_cursor){0};
            window->published++;
        }
    }
    if (n == 0) {
        return false;
    }
    add_newest(batch, newest);
    evict(window);
    *ret_n = n;
    return true;
}

uint64_t
window_newest_published(const struct window *window, const struct window_cursor *cursor)
{
    return window->published < window->n_runs
               ? window->runs[window->published].first + cursor->done - 1
               : window->newest;
}
