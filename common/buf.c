#include "common/buf.h"

#include "common/alloc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool
buf_grow(struct buf *buf, size_t more)
{
    size_t need;
    CHECK(!__builtin_add_overflow(buf->bytes, more, &need) && need < SIZE_MAX / 2);
    size_t room = buf->room ? buf->room : 256;
    while (room < need) {
        room += room / 2 + 64;
    }
    uint8_t *data = buf->is_soft ? realloc(buf->data, room) : xrealloc(buf->data, room);
    if (!data) {
        buf->failed = true;
        return false;
    }
    buf->data = data;
    buf->room = room;
    return true;
}

void
buf_add(struct buf *buf, const void *p, size_t bytes)
{
    if (bytes > 0 && buf_has_room(buf, bytes)) {
        memcpy(buf->data + buf->bytes, p, bytes);
        buf->bytes += bytes;
    }
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
    if (buf_has_room(buf, (size_t)n + 1)) {
        vsnprintf((char *)buf->data + buf->bytes, (size_t)n + 1, fmt, again);
        buf->bytes += (size_t)n;
    }
    va_end(again);
}

void
buf_add_varint(struct buf *buf, uint64_t value)
{
    if (buf_has_room(buf, VARINT_BYTES_MAX)) {
        buf->bytes = (size_t)(varint_put(buf->data + buf->bytes, value) - buf->data);
    }
}

const char *
buf_text(struct buf *buf)
{
    if (!buf_has_room(buf, 1)) {
        return "";
    }
    buf->data[buf->bytes] = 0;
    return (const char *)buf->data;
}

void
buf_clear(struct buf *buf)
{
    buf->bytes = 0;
    buf->failed = false;
}

void
buf_fini(struct buf *buf)
{
    free(buf->data);
    *buf = (struct buf){.is_soft = buf->is_soft};
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
