/* Memory with one lifetime: allocate at will, give all of it back at once. Also an allocator for
 * protobuf-c (`arena.pb`), so that an unpacked message costs no malloc a field. Out of memory
 * aborts, but in a soft one: there it gives NULL, and `failed` stays set. */
#ifndef BATON_COMMON_ARENA_H
#define BATON_COMMON_ARENA_H

#include <protobuf-c/protobuf-c.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena_block;

struct arena {
    ProtobufCAllocator pb;     /* hand &arena.pb to …__unpack; never free what it made */
    struct arena_block *first; /* newest block; owned */
    uint8_t *at;               /* free part of the newest block, or of what was lent … */
    uint8_t *end;              /* … and its end */
    size_t used;               /* bytes given out since the last reset */
    bool is_soft;
    bool failed; /* soft: there was no memory */
};

void arena_init(struct arena *arena);
/* A soft one, whose first `bytes` are at `lent`, aligned for anything; they outlive it. */
void arena_init_soft(struct arena *arena, void *lent, size_t bytes);
void *arena_alloc_more(struct arena *arena, size_t bytes); /* of arena_alloc, in a new block */
/* Aligned for anything, not zeroed. */
static inline void *
arena_alloc(struct arena *arena, size_t bytes)
{
    size_t left = (size_t)(arena->end - arena->at);
    size_t need = (bytes + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    if (__builtin_expect(bytes > left || need > left, 0)) {
        return arena_alloc_more(arena, bytes);
    }
    void *p = arena->at;
    arena->at += need;
    arena->used += need;
    return p;
}
void *arena_calloc(struct arena *arena, size_t n, size_t bytes);
char *arena_strdup(struct arena *arena, const char *s);
void *arena_memdup(struct arena *arena, const void *p, size_t bytes);
char *arena_printf(struct arena *arena, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Everything is gone; room for about as much again is kept, if it is not very much. Not for one to
 * which memory was lent. */
void arena_reset(struct arena *arena);
void arena_fini(struct arena *arena);

#endif
