#include "broker/core/heap.h"

#include "common/alloc.h"
#include "common/check.h"

#include <stdlib.h>

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

static void
sift_down(struct heap *heap, const struct heap_class *class, const void *context, uint32_t i)
{
    uint32_t slot = heap->slots[i];
    for (;;) {
        uint32_t child = 2 * i + 1;
        if (child >= heap->n) {
            break;
        }
        if (child + 1 < heap->n &&
            class->before(context, heap->slots[child + 1], heap->slots[child])) {
            child++;
        }
        if (!class->before(context, heap->slots[child], slot)) {
            break;
        }
        set(heap, class, context, i, heap->slots[child]);
        i = child;
    }
    set(heap, class, context, i, slot);
}

/* One is gone from i: the first of its children takes its place, and so on down to a leaf, where
 * the hole is then. What is put there belongs near it most often, so this asks half of what sifting
 * it down would. */
static uint32_t
hole_down(struct heap *heap, const struct heap_class *class, const void *context, uint32_t i)
{
    for (uint32_t child; (child = 2 * i + 1) < heap->n; i = child) {
        if (child + 1 < heap->n &&
            class->before(context, heap->slots[child + 1], heap->slots[child])) {
            child++;
        }
        set(heap, class, context, i, heap->slots[child]);
    }
    return i;
}

void
heap_add(struct heap *heap, const struct heap_class *class, const void *context, uint32_t slot)
{
    CHECK(*class->position(context, slot) == 0);
    if (heap->n == heap->room) {
        heap->room = heap->room ? heap->room * 2 : 16;
        heap->slots = xreallocarray(heap->slots, heap->room, sizeof *heap->slots);
    }
    heap->slots[heap->n++] = slot;
    sift_up(heap, class, context, heap->n - 1);
}

void
heap_fix(struct heap *heap, const struct heap_class *class, const void *context, uint32_t slot)
{
    uint32_t i = *class->position(context, slot) - 1;
    CHECK(i < heap->n && heap->slots[i] == slot);
    sift_up(heap, class, context, i);
    sift_down(heap, class, context, *class->position(context, slot) - 1);
}

void
heap_remove(struct heap *heap, const struct heap_class *class, const void *context, uint32_t slot)
{
    uint32_t i = *class->position(context, slot) - 1;
    CHECK(i < heap->n && heap->slots[i] == slot);
    *class->position(context, slot) = 0;
    uint32_t last = heap->slots[--heap->n];
    if (last != slot) {
        i = hole_down(heap, class, context, i);
        heap->slots[i] = last;
        sift_up(heap, class, context, i);
    }
    if (heap->room > 1024 && heap->n < heap->room / 4) {
        heap->room /= 2;
        heap->slots = xreallocarray(heap->slots, heap->room, sizeof *heap->slots);
    }
}

void
heap_fini(struct heap *heap)
{
    free(heap->slots);
    *heap = (struct heap){0};
}
