#include "broker/core/heap.h"

#include "common/alloc.h"
#include "common/check.h"

#include <stdlib.h>

/* A position in a run: this bit, the number of the run, the low bits of the place. */
#define IN_RUN (UINT32_C(1) << 31)
enum { PLACE_BITS = 29, RUN_ROOM_MIN = 16, ROOM_KEPT = 1024 };
#define PLACE_MASK ((UINT32_C(1) << PLACE_BITS) - 1)

_Static_assert(HEAP_RUNS <= 1 << (31 - PLACE_BITS), "the run's number does not fit");

/* ---- runs ---- */

static uint32_t *
run_at(const struct heap_run *run, uint32_t place)
{
    return &run->slots[place & (run->room - 1)];
}

static uint32_t
run_first(const struct heap_run *run)
{
    return run->n ? *run_at(run, run->begin) : 0;
}

static uint32_t
run_last(const struct heap_run *run)
{
    return *run_at(run, run->end - 1);
}

/* Nobody's place changes. */
static void
run_resize(struct heap_run *run, uint32_t room)
{
    CHECK(room <= PLACE_MASK + 1);
    struct heap_run to = *run;
    to.room = room;
    to.slots = xreallocarray(NULL, room, sizeof *to.slots);
    for (uint32_t place = run->begin; place != run->end; place++) {
        *run_at(&to, place) = *run_at(run, place);
    }
    free(run->slots);
    *run = to;
}

/* The slot's position is `at`. */
static void
run_set(const struct heap *heap, const struct heap_run *run, uint32_t place, uint32_t slot,
        uint32_t *at)
{
    *run_at(run, place) = slot;
    *at = IN_RUN | (uint32_t)(run - heap->runs) << PLACE_BITS | (place & PLACE_MASK);
}

/* Those that are left close ranks: costs as much as those that left, since at least as many did. */
static void
run_close_ranks(const struct heap *heap, struct heap_run *run, const struct heap_class *class,
                const void *context)
{
    uint32_t to = run->begin;
    for (uint32_t place = run->begin; place != run->end; place++) {
        uint32_t slot = *run_at(run, place);
        if (slot) {
            run_set(heap, run, to++, slot, class->position(context, slot));
        }
    }
    run->end = to;
}

static void
run_append(const struct heap *heap, struct heap_run *run, const struct heap_class *class,
           const void *context, uint32_t slot, uint32_t *at)
{
    if (run->end - run->begin == run->room) {
        if (run->room && run->n <= run->room / 2) {
            run_close_ranks(heap, run, class, context);
        } else {
            run_resize(run, run->room ? run->room * 2 : RUN_ROOM_MIN);
        }
    }
    run_set(heap, run, run->end++, slot, at);
    run->n++;
}

static struct heap_run *
run_of(const struct heap *heap, uint32_t position)
{
    return &heap->runs[(position & ~IN_RUN) >> PLACE_BITS];
}

static void
run_remove(struct heap_run *run, uint32_t position)
{
    *run_at(run, position) = 0;
    if (--run->n == 0) {
        run->begin = run->end;
    } else {
        while (*run_at(run, run->begin) == 0) {
            run->begin++;
        }
        while (*run_at(run, run->end - 1) == 0) {
            run->end--;
        }
    }
    if (run->room > ROOM_KEPT && run->end - run->begin < run->room / 4) {
        run_resize(run, run->room / 2);
    }
}

/* The run that ends closest before the slot; else an empty one; NULL: it belongs into none. */
static struct heap_run *
run_for(struct heap *heap, const struct heap_class *class, const void *context, uint32_t slot)
{
    struct heap_run *best = NULL, *empty = NULL;
    for (struct heap_run *run = heap->runs; run < heap->runs + heap->n_runs; run++) {
        if (run->n == 0) {
            empty = empty ? empty : run;
        } else if (class->before(context, run_last(run), slot) &&
                   (!best || class->before(context, run_last(best), run_last(run)))) {
            best = run;
        }
    }
    if (!best && !empty && heap->n_runs < HEAP_RUNS) {
        return &heap->runs[heap->n_runs++];
    }
    return best ? best : empty;
}

/* ---- the binary heap ---- */

static void
set(struct heap *heap, const struct heap_class *class, const void *context, uint32_t i,
    uint32_t slot)
{
    heap->slots[i] = slot;
    *class->position(context, slot) = i + 1;
}

static void
sift_up(struct heap *heap, const struct heap_class *class, const void *context, uint32_t i)
{
    uint32_t slot = heap->slots[i];
    while (i > 0 && class->before(context, slot, heap->slots[(i - 1) / 2])) {
        set(heap, class, context, i, heap->slots[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    set(heap, class, context, i, slot);
}

/* One is gone from i: the first of its children takes its place, and so on down to a leaf, where
 * the hole is then. What is put there belongs near it most often, so this asks half of what sifting
 * it down would. */
static uint32_t
hole_down(struct heap *heap, const struct heap_class *class, const void *context, uint32_t i)
{
    for (uint32_t child; (child = 2 * i + 1) < heap->n_slots; i = child) {
        if (child + 1 < heap->n_slots &&
            class->before(context, heap->slots[child + 1], heap->slots[child])) {
            child++;
        }
        set(heap, class, context, i, heap->slots[child]);
    }
    return i;
}

static void
binary_add(struct heap *heap, const struct heap_class *class, const void *context, uint32_t slot)
{
    if (heap->n_slots == heap->room) {
        heap->room = heap->room ? heap->room * 2 : 16;
        heap->slots = xreallocarray(heap->slots, heap->room, sizeof *heap->slots);
    }
    heap->slots[heap->n_slots++] = slot;
    sift_up(heap, class, context, heap->n_slots - 1);
}

static void
binary_remove(struct heap *heap, const struct heap_class *class, const void *context, uint32_t i)
{
    uint32_t last = heap->slots[--heap->n_slots];
    if (i != heap->n_slots) {
        i = hole_down(heap, class, context, i);
        heap->slots[i] = last;
        sift_up(heap, class, context, i);
    }
    if (heap->room > ROOM_KEPT && heap->n_slots < heap->room / 4) {
        heap->room /= 2;
        heap->slots = xreallocarray(heap->slots, heap->room, sizeof *heap->slots);
    }
}

/* ---- the whole ---- */

static void
find_top(struct heap *heap, const struct heap_class *class, const void *context)
{
    heap->top = heap->n_slots ? heap->slots[0] : 0;
    for (uint32_t r = 0; r < heap->n_runs; r++) {
        uint32_t first = run_first(&heap->runs[r]);
        if (first && (!heap->top || class->before(context, first, heap->top))) {
            heap->top = first;
        }
    }
}

void
heap_add(struct heap *heap, const struct heap_class *class, const void *context, uint32_t slot)
{
    uint32_t *position = class->position(context, slot);
    CHECK(*position == 0);
    if (!heap->runs) {
        heap->runs = xcalloc(HEAP_RUNS, sizeof *heap->runs);
    }
    struct heap_run *run = run_for(heap, class, context, slot);
    bool is_behind = run && run->n > 0; /* … one that is not before the top */
    if (run) {
        run_append(heap, run, class, context, slot, position);
    } else {
        binary_add(heap, class, context, slot);
    }
    if (heap->n++ == 0 || (!is_behind && class->before(context, slot, heap->top))) {
        heap->top = slot;
    }
}

void
heap_remove(struct heap *heap, const struct heap_class *class, const void *context, uint32_t slot)
{
    uint32_t *position = class->position(context, slot);
    if (*position & IN_RUN) {
        struct heap_run *run = run_of(heap, *position);
        CHECK(*run_at(run, *position) == slot);
        run_remove(run, *position);
    } else {
        CHECK(heap_at(heap, *position) == slot);
        binary_remove(heap, class, context, *position - 1);
    }
    *position = 0;
    heap->n--;
    if (heap->top == slot) {
        find_top(heap, class, context);
    }
}

void
heap_fix(struct heap *heap, const struct heap_class *class, const void *context, uint32_t slot)
{
    heap_remove(heap, class, context, slot);
    heap_add(heap, class, context, slot);
}

uint32_t
heap_at(const struct heap *heap, uint32_t position)
{
    if (position & IN_RUN) {
        const struct heap_run *run = run_of(heap, position);
        return run->n ? *run_at(run, position) : 0;
    }
    return position > 0 && position <= heap->n_slots ? heap->slots[position - 1] : 0;
}

uint32_t
heap_walk(const struct heap *heap, uint32_t *cursor)
{
    enum { PARTS = HEAP_RUNS + 1 };
    for (uint32_t n_passed = 0; n_passed < PARTS;) {
        uint32_t i = *cursor / PARTS, part = *cursor % PARTS;
        const struct heap_run *run = part < heap->n_runs ? &heap->runs[part] : NULL;
        uint32_t n = run ? run->end - run->begin : part == HEAP_RUNS ? heap->n_slots : 0;
        uint32_t slot = i >= n ? 0 : run ? *run_at(run, run->begin + i) : heap->slots[i];
        ++*cursor;
        if (slot) {
            return slot;
        }
        n_passed = i < n ? 0 : n_passed + 1; /* all parts in turn: that was the end */
    }
    return 0;
}

void
heap_fini(struct heap *heap)
{
    for (uint32_t r = 0; r < heap->n_runs; r++) {
        free(heap->runs[r].slots);
    }
    free(heap->runs);
    free(heap->slots);
    *heap = (struct heap){0};
}
