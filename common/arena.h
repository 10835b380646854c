/* Memory with one lifetime: allocate at will, give all of it back at once. Also an allocator for
 * protobuf-c
 * (`arena.pb`), so that an unpacked message costs no malloc a field. Out of memory aborts. */
#ifndef BATON_COMMON_ARENA_H
#define BATON_COMMON_ARENA_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

struct arena_block;

struct arena {
    ProtobufCAllocator pb;     /* hand &arena.pb to …__unpack; never free what it made */
    struct arena_block *first; /* newest block; owned */
    size_t used;               /* bytes given out since the last reset */
};

void arena_init(struct arena *arena);
/* Aligned for anything, not zeroed. */
void *arena_alloc(struct arena *arena, size_t bytes);
void *arena_calloc(struct arena *arena, size_t n, size_t bytes);
char *arena_strdup(struct arena *arena, const char *s);
void *arena_memdup(struct arena *arena, const void *p, size_t bytes);
char *arena_printf(struct arena *arena, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Everything is gone; one block is kept. */
void arena_reset(struct arena *arena);
void arena_fini(struct arena *arena);

#endif
