/* The memory of one record: see record.h. Knows nothing of what is in it. */
#include "client/record.h"

#include "common/unpack.h"

#include <stdlib.h>
#include <string.h>

enum {
    UNPACKED_FACTOR = 16, /* memory for a message: this many times its size … */
    UNPACKED_BASE = 128 * 1024 * 1024,
};

static size_t
rounded(size_t bytes)
{
    return (bytes + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
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
    record->public_bytes = rounded(public_bytes);
    record->first_bytes = first_bytes;
    memset(record + 1, 0, record->public_bytes);
    record->arena.first = NULL;
    record_reset(record);
    return record;
}

void
record_free(struct record *record)
{
    if (record) {
        arena_fini(&record->arena);
        free(record);
    }
}

void
record_reset(struct record *record)
{
    arena_fini(&record->arena);
    arena_init_soft(&record->arena, (uint8_t *)(record + 1) + record->public_bytes,
                    record->first_bytes - record->public_bytes);
    record->failed = record->malformed = false;
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

void *
record_alloc(struct record *record, size_t bytes)
{
    void *p = bytes <= SIZE_MAX / 4 ? arena_alloc(&record->arena, bytes) : NULL;
    record->failed |= !p;
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
    return p && total ? memset(p, 0, total) : p; /* most lists are empty */
}

void *
record_unpack(struct record *record, const ProtobufCMessageDescriptor *type, size_t bytes,
              const uint8_t *data)
{
    struct unpack in = {.arena = &record->arena, .left = UNPACKED_BASE + bytes * UNPACKED_FACTOR};
    void *message = unpack(&in, type, bytes, data);
    record->failed |= record->arena.failed;
    return message;
}

uint8_t *
record_keep(struct record *record, const struct buf *buf)
{
    record->failed |= buf->failed;
    uint8_t *p = buf->failed ? NULL : record_alloc(record, buf->bytes);
    if (p && buf->bytes) {
        memcpy(p, buf->data, buf->bytes);
    }
    return p;
}
