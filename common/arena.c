#include "common/arena.h"

#include "common/alloc.h"
#include "common/check.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 64 * 1024, SOFT_BLOCK_BYTES = 4096, KEPT_BYTES_MAX = 4 * 1024 * 1024 };

struct arena_block {
    struct arena_block *next;
    size_t room;
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

void
arena_init_soft(struct arena *arena, void *lent, size_t bytes)
{
    arena_init(arena);
    arena->at = lent;
    arena->end = arena->at + bytes;
    arena->is_soft = true;
}

static bool
block_add(struct arena *arena, size_t bytes)
{
    size_t room = MAX(bytes, (size_t)(arena->is_soft ? SOFT_BLOCK_BYTES : BLOCK_BYTES));
    /* Few large blocks instead of many small ones when much is asked for in one lifetime. */
    room = MAX(room, MIN(arena->used, (size_t)KEPT_BYTES_MAX));
    struct arena_block *block = arena->is_soft ? malloc(sizeof *block + room)
                                               : xmalloc(sizeof *block + room);
    if (!block) {
        arena->failed = true;
        return false;
    }
    *block = (struct arena_block){.next = arena->first, .room = room};
    arena->first = block;
    arena->at = block->data;
    arena->end = block->data + room;
    return true;
}

void *
arena_alloc_more(struct arena *arena, size_t bytes)
{
    CHECK(bytes <= SIZE_MAX / 2);
    size_t need = (bytes + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    return block_add(arena, need) ? arena_alloc(arena, bytes) : NULL;
}

void *
arena_calloc(struct arena *arena, size_t n, size_t bytes)
{
    size_t total;
    CHECK(!__builtin_mul_overflow(n, bytes, &total));
    void *p = arena_alloc(arena, total);
    return p ? memset(p, 0, total) : NULL;
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
    if (q && bytes) {
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
    if (s) {
        vsnprintf(s, (size_t)n + 1, fmt, again);
    }
    va_end(again);
    return s;
}

/* Frees all blocks but this one; NULL: all. */
static void
keep_only(struct arena *arena, struct arena_block *keep)
{
    for (struct arena_block *block = arena->first, *next; block; block = next) {
        next = block->next;
        if (block != keep) {
            free(block);
        }
    }
    if (keep) {
        keep->next = NULL;
    }
    arena->first = keep;
    arena->at = keep ? keep->data : NULL;
    arena->end = keep ? keep->data + keep->room : NULL;
    arena->used = 0;
    arena->failed = false;
}

/* One block for as much as this time, if it took several: what is given back each time comes from
 * the system again, page by page. */
void
arena_reset(struct arena *arena)
{
    struct arena_block *newest = arena->first;
    size_t room = 0;
    if (newest && newest->next) {
        room = BLOCK_BYTES;
        while (room < arena->used && room < KEPT_BYTES_MAX) {
            room *= 2;
        }
    }
    bool keep = newest && newest->room >= room && newest->room <= KEPT_BYTES_MAX;
    keep_only(arena, keep ? newest : NULL);
    if (room && !keep) {
        block_add(arena, room);
    }
}

void
arena_fini(struct arena *arena)
{
    keep_only(arena, NULL);
}
