#include "common/arena.h"

#include "common/alloc.h"
#include "common/check.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 64 * 1024, KEPT_BYTES_MAX = 4 * 1024 * 1024 };

struct arena_block {
    struct arena_block *next;
    size_t room;
    size_t used;
    alignas(max_align_t) uint8_t data[];
};

static void *
pb_alloc(void *arena, size_t bytes)
{
    return arena_alloc(arena, bytes);
}

static void
pb_free(void *arena, void *p)
{
    (void)arena;
    (void)p;
}

void
arena_init(struct arena *arena)
{
    *arena = (struct arena){.pb = {.alloc = pb_alloc, .free = pb_free, .allocator_data = arena}};
}

static struct arena_block *
block_new(struct arena *arena, size_t bytes)
{
    size_t room = MAX(bytes, (size_t)BLOCK_BYTES);
    if (arena->first) {
        /* Few large blocks instead of many small ones when much is asked for in one lifetime. */
        room = MAX(room, MIN(arena->first->room * 2, (size_t)KEPT_BYTES_MAX));
    }
    struct arena_block *block = xmalloc(sizeof *block + room);
    *block = (struct arena_block){.next = arena->first, .room = room};
    arena->first = block;
    return block;
}

void *
arena_alloc(struct arena *arena, size_t bytes)
{
    CHECK(bytes <= SIZE_MAX / 2);
    size_t need = (bytes + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    struct arena_block *block = arena->first;
    if (!block || block->room - block->used < need) {
        block = block_new(arena, need);
    }
    void *p = block->data + block->used;
    block->used += need;
    arena->used += need;
    return p;
}

void *
arena_calloc(struct arena *arena, size_t n, size_t bytes)
{
    size_t total;
    CHECK(!__builtin_mul_overflow(n, bytes, &total));
    return memset(arena_alloc(arena, total), 0, total);
}

char *
arena_strdup(struct arena *arena, const char *s)
{
    return arena_memdup(arena, s, strlen(s) + 1);
}

void *
arena_memdup(struct arena *arena, const void *p, size_t bytes)
{
    void *q = arena_alloc(arena, bytes);
    if (bytes) {
        memcpy(q, p, bytes);
    }
    return q;
}

char *
arena_printf(struct arena *arena, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    CHECK(n >= 0);
    char *s = arena_alloc(arena, (size_t)n + 1);
    vsnprintf(s, (size_t)n + 1, fmt, again);
    va_end(again);
    return s;
}

void
arena_reset(struct arena *arena)
{
    struct arena_block *keep = arena->first;
    if (keep && keep->room > KEPT_BYTES_MAX) {
        keep = NULL;
    }
    for (struct arena_block *block = arena->first, *next; block; block = next) {
        next = block->next;
        if (block != keep) {
            free(block);
        }
    }
    if (keep) {
        keep->next = NULL;
        keep->used = 0;
    }
    arena->first = keep;
    arena->used = 0;
}

void
arena_fini(struct arena *arena)
{
    for (struct arena_block *block = arena->first, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    arena->first = NULL;
    arena->used = 0;
}
