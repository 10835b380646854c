#include "common/buf.h"

#include "common/alloc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint8_t *
buf_grow(struct buf *buf, size_t more)
{
    size_t need;
    CHECK(!__builtin_add_overflow(buf->bytes, more, &need));
    size_t room = buf->room ? buf->room : 256;
    while (room < need) {
        room += room / 2 + 64;
    }
    buf->data = xrealloc(buf->data, room);
    buf->room = room;
    return buf->data + buf->bytes;
}

void
buf_add(struct buf *buf, const void *p, size_t bytes)
{
    if (bytes == 0) {
        return;
    }
    memcpy(buf_reserve(buf, bytes), p, bytes);
    buf->bytes += bytes;
}

void
buf_add_text(struct buf *buf, const char *text)
{
    buf_add(buf, text, strlen(text));
}

void
buf_printf(struct buf *buf, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    CHECK(n >= 0);
    vsnprintf((char *)buf_reserve(buf, (size_t)n + 1), (size_t)n + 1, fmt, again);
    va_end(again);
    buf->bytes += (size_t)n;
}

void
buf_add_varint(struct buf *buf, uint64_t value)
{
    uint8_t *p = buf_reserve(buf, 10);
    size_t n = 0;
    while (value >= 0x80) {
        p[n++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    p[n++] = (uint8_t)value;
    buf->bytes += n;
}

const char *
buf_text(struct buf *buf)
{
    *buf_reserve(buf, 1) = 0;
    return (const char *)buf->data;
}

void
buf_clear(struct buf *buf)
{
    buf->bytes = 0;
}

void
buf_fini(struct buf *buf)
{
    free(buf->data);
    *buf = (struct buf){0};
}

int
varint_read(const uint8_t *data, size_t bytes, size_t *pos, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && *pos < bytes; shift += 7) {
        uint8_t b = data[(*pos)++];
        value |= (uint64_t)(b & 0x7f) << shift;
        if (!(b & 0x80)) {
            *ret_value = value;
            return 1;
        }
    }
    return 0;
}
