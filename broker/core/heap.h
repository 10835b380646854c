/* A heap of task slots. The owner compares, and keeps each slot's position, so that an element in
 * the middle is found and moved in O(log n).
 *
 * What the broker orders comes in order mostly: tasks as they are added, leases as they are given,
 * both by the time. So what belongs behind all of a run is appended to it, in O(1) and without a
 * look at any but its last; only the rest stands in a binary heap. There are some runs, since a few
 * orders are mixed (priorities, short leases and long ones). Which part a slot stands in makes no
 * difference to what comes first. */
#ifndef BATON_BROKER_CORE_HEAP_H
#define BATON_BROKER_CORE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_class {
    bool (*before)(const void *context, uint32_t a, uint32_t b); /* strict and total */
    uint32_t *(*position)(const void *context, uint32_t slot);   /* the heap's own; 0: in none */
};

enum { HEAP_RUNS = 4 };

/* A ring. Numbers of places rise for ever and wrap around. */
struct heap_run {
    uint32_t *slots;     /* 0: has left */
    uint32_t room;       /* a power of two, or 0 */
    uint32_t begin, end; /* places: neither the first nor the last has left */
    uint32_t n;          /* of them that have not left */
};

struct heap {
    uint32_t n;             /* in all parts */
    uint32_t top;           /* the first of all; 0: there is none */
    uint32_t *slots;        /* of the binary heap; [0] is position 1 */
    uint32_t n_slots, room; /* … */
    struct heap_run *runs;  /* HEAP_RUNS, or NULL … */
    uint32_t n_runs;        /* … so many of them were ever needed */
};

void heap_add(struct heap *heap, const struct heap_class *class, const void *context,
              uint32_t slot);
void heap_remove(struct heap *heap, const struct heap_class *class, const void *context,
                 uint32_t slot);
/* The slot's key changed: restores the order. */
void heap_fix(struct heap *heap, const struct heap_class *class, const void *context,
              uint32_t slot);
static inline uint32_t
heap_top(const struct heap *heap)
{
    return heap->top;
}
/* Who stands at this position. */
uint32_t heap_at(const struct heap *heap, uint32_t position);
/* One after another, in no order, but the first are among the first. 0: that was all. *cursor is 0
 * at the beginning. */
uint32_t heap_walk(const struct heap *heap, uint32_t *cursor);
void heap_fini(struct heap *heap);

#endif
