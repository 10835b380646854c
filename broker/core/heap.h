/* A binary heap of task slots. The owner compares, and keeps each slot's position, so that an
 * element in the middle is found and moved in O(log n). Positions begin at 1; 0 means "in no heap".
 */
#ifndef BATON_BROKER_CORE_HEAP_H
#define BATON_BROKER_CORE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_class {
    bool (*before)(const void *context, uint32_t a, uint32_t b); /* strict and total */
    uint32_t *(*position)(const void *context, uint32_t slot);
};

struct heap {
    uint32_t *slots; /* [0] is position 1 */
    uint32_t n;
    uint32_t room;
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
    return heap->n ? heap->slots[0] : 0;
}
void heap_fini(struct heap *heap);

#endif
