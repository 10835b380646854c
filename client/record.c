/* The memory of one record: see record.h. Knows nothing of what is in it. */
#include "client/record.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES_MIN = 4096, BLOCK_BYTES_MAX = 1024 * 1024 };

struct record_block {
    alignas(max_align_t) struct record_block *next;
    size_t bytes;
    alignas(max_align_t) uint8_t data[];
};

static size_t
rounded(size_t bytes)
{
    return (bytes + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
}

static void *
pb_alloc(void *record, size_t bytes)
{
    return record_alloc(record, bytes);
}

static void
pb_free(void *record, void *p)
{
    (void)record;
    (void)p;
}

struct record *
record_new(size_t public_bytes, size_t room)
{
    size_t first_bytes = rounded(public_bytes) + rounded(room);
    if (public_bytes > SIZE_MAX / 4 || room > SIZE_MAX / 4) {
        return NULL;
    }
    struct record *record = malloc(sizeof *record + first_bytes);
    if (!record) {
        return NULL;
    }
    *record = (struct record){
        .pb = {.alloc = pb_alloc, .free = pb_free, .allocator_data = record},
        .public_bytes = rounded(public_bytes),
        .first_bytes = first_bytes,
    };
    record->at = (uint8_t *)(record + 1) + record->public_bytes;
    record->end = (uint8_t *)(record + 1) + first_bytes;
    memset(record + 1, 0, record->public_bytes);
    return record;
}

static void
blocks_free(struct record *record)
{
    for (struct record_block *block = record->more, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    record->more = NULL;
}

void
record_free(struct record *record)
{
    if (record) {
        blocks_free(record);
        free(record);
    }
}

void
record_reset(struct record *record)
{
    blocks_free(record);
    record->at = (uint8_t *)(record + 1) + record->public_bytes;
    record->end = (uint8_t *)(record + 1) + record->first_bytes;
    record->failed = false;
}

void *
record_public(struct record *record)
{
    return record + 1;
}

struct record *
record_of(const void *public_struct)
{
    return public_struct ? (struct record *)(uintptr_t)public_struct - 1 : NULL;
}

static bool
block_add(struct record *record, size_t need)
{
    /* Doubling, so that a record of any size has few blocks. */
    size_t bytes = record->more ? record->more->bytes * 2 : record->first_bytes;
    bytes = bytes < BLOCK_BYTES_MIN ? BLOCK_BYTES_MIN : bytes;
    bytes = bytes > BLOCK_BYTES_MAX ? BLOCK_BYTES_MAX : bytes;
    bytes = bytes < need ? need : bytes;
    struct record_block *block = malloc(sizeof *block + bytes);
    if (!block) {
        return false;
    }
    block->next = record->more;
    block->bytes = bytes;
    record->more = block;
    record->at = block->data;
    record->end = block->data + bytes;
    return true;
}

void *
record_alloc(struct record *record, size_t bytes)
{
    size_t need = rounded(bytes);
    if (bytes > SIZE_MAX / 4 ||
        ((size_t)(record->end - record->at) < need && !block_add(record, need))) {
        record->failed = true;
        return NULL;
    }
    void *p = record->at;
    record->at += need;
    return p;
}

void *
record_array(struct record *record, size_t n, size_t bytes)
{
    size_t total;
    if (__builtin_mul_overflow(n, bytes, &total)) {
        record->failed = true;
        return NULL;
    }
    void *p = record_alloc(record, total);
    return p ? memset(p, 0, total) : NULL;
}
