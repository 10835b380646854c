/* A growable run of bytes. Zeroed memory is an empty one. Out of memory aborts (common/alloc.h),
 * but for one that is soft: what finds no room there is left out, and `failed` stays set. So
 * whoever fills it asks once, at the end. */
#ifndef BATON_COMMON_BUF_H
#define BATON_COMMON_BUF_H

#include "common/check.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
    uint8_t *data; /* owned; NULL while nothing was added */
    size_t bytes;  /* used */
    size_t room;   /* allocated */
    bool is_soft;  /* set by the owner */
    bool failed;   /* soft: something is missing */
};

bool buf_grow(struct buf *buf, size_t more); /* of buf_has_room, when there is none yet */
/* Makes room for `more` bytes behind the used ones. False: it is soft, and there is no memory. */
static inline bool
buf_has_room(struct buf *buf, size_t more)
{
    return __builtin_expect(more <= buf->room - buf->bytes, 1) || buf_grow(buf, more);
}
/* The same, and returns where they go; they count as used when they are added to `bytes`. NULL:
 * it is soft, and there is no memory. */
static inline uint8_t *
buf_reserve(struct buf *buf, size_t more)
{
    return buf_has_room(buf, more) ? buf->data + buf->bytes : NULL;
}
/* Where a run of small pieces will soon be written comes to the cache, in the background: across a
 * border of pages the processor does not see it coming. */
static inline void
buf_fetch(const struct buf *buf)
{
    enum { AHEAD_BYTES = 1024 };
    __builtin_prefetch(buf->data + buf->bytes + AHEAD_BYTES, 1);
}
void buf_add(struct buf *buf, const void *p, size_t bytes);
void buf_add_text(struct buf *buf, const char *text);
void buf_printf(struct buf *buf, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* A varint as in protobuf. */
void buf_add_varint(struct buf *buf, uint64_t value);
/* The content as text: NUL-terminated (the NUL does not count as used), "" when there is no room
 * for that. Borrowed until the next change. */
const char *buf_text(struct buf *buf);
/* Empty again; keeps the memory. */
void buf_clear(struct buf *buf);
void buf_fini(struct buf *buf);

/* Writes one, of at most VARINT_BYTES_MAX bytes; returns what is behind it. */
enum { VARINT_BYTES_MAX = 10 };
static inline uint8_t *
varint_put(uint8_t *p, uint64_t value)
{
    while (value >= 0x80) {
        *p++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *p++ = (uint8_t)value;
    return p;
}

/* A varint that was read: returned whole, it stays in registers. */
struct varint {
    uint64_t value;
    const uint8_t *behind; /* NULL: it is cut, or too long */
};
struct varint varint_get_long(const uint8_t *at, const uint8_t *end, size_t bytes_max);
/* Reads one of at most bytes_max bytes. */
static inline struct varint
varint_get(const uint8_t *at, const uint8_t *end, size_t bytes_max)
{
    return at < end && *at < 0x80 ? (struct varint){*at, at + 1}
                                  : varint_get_long(at, end, bytes_max);
}
/* The same at *pos of some bytes; moves *pos behind it. False: it is cut, or too long. */
bool varint_read(const uint8_t *data, size_t bytes, size_t *pos, uint64_t *ret_value);

#endif
