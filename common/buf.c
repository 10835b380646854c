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

/* The bytes of a varint that has an end in these eight, seven bits each, pushed together. */
static uint64_t
squeeze(uint64_t word, uint64_t stop)
{
    word &= stop ^ (stop - 1); /* nothing behind the first byte without its highest bit */
    word &= UINT64_C(0x7f7f7f7f7f7f7f7f);
    word = (word & UINT64_C(0x007f007f007f007f)) | (word & UINT64_C(0x7f007f007f007f00)) >> 1;
    word = (word & UINT64_C(0x00003fff00003fff)) | (word & UINT64_C(0x3fff00003fff0000)) >> 2;
    return (word & UINT64_C(0x000000000fffffff)) | (word & UINT64_C(0x0fffffff00000000)) >> 4;
}

struct varint
varint_get_long(const uint8_t *at, const uint8_t *end, size_t bytes_max)
{
    size_t left = (size_t)(end - at);
    if (left >= 2 && at[1] < 0x80 && bytes_max >= 2) { /* lengths and tags are rarely longer */
        return (struct varint){(uint64_t)at[1] << 7 | (at[0] & 0x7f), at + 2};
    }
    uint64_t word;
    if (left >= sizeof word) {
        memcpy(&word, at, sizeof word); /* little-endian, as this machine */
        uint64_t stop = ~word & UINT64_C(0x8080808080808080);
        size_t n = stop ? (size_t)__builtin_ctzll(stop) / 8 + 1 : SIZE_MAX;
        if (n <= bytes_max) {
            return (struct varint){squeeze(word, stop), at + n};
        }
    }
    uint64_t value = 0;
    for (size_t i = 0; i < left && i < bytes_max; i++) {
        value |= (uint64_t)(at[i] & 0x7f) << (7 * i);
        if (at[i] < 0x80) {
            return (struct varint){value, at + i + 1};
        }
    }
    return (struct varint){0, NULL};
}

bool
varint_read(const uint8_t *data, size_t bytes, size_t *pos, uint64_t *ret_value)
{
    struct varint varint = varint_get(data + *pos, data + bytes, VARINT_BYTES_MAX);
    if (!varint.behind) {
        return false;
    }
    *ret_value = varint.value;
    *pos = (size_t)(varint.behind - data);
    return true;
}
