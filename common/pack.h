/* Packing messages, byte for byte as protobuf-c does, in one pass: no counting of the bytes first,
 * for the message and again for each one in it, as protobuf-c's own functions need. */
#ifndef BATON_COMMON_PACK_H
#define BATON_COMMON_PACK_H

#include "common/buf.h"
#include "common/fields.h"

#include <protobuf-c/protobuf-c.h>
#include <string.h>

enum {
    PACK_ROOM = 512
}; /* most of our messages fit: reserved before, it saves growing by copying */

/* Appends the packed message. Its fields are of the types that our messages have; another is a bug.
 * In a soft buf it may fail, as buf.h says. */
void pack(struct buf *buf, const ProtobufCMessage *message);
/* Appends its length, as a varint, and the packed message. */
void pack_sized(struct buf *buf, const ProtobufCMessage *message);
/* Appends a field of another message: this one with its length. */
void pack_field(struct buf *buf, unsigned number, const ProtobufCMessage *message);
/* The packed message in memory of its own and of just its size, malloced; never NULL. Made in
 * `room`, which is not soft and which the caller keeps for the next one. */
uint8_t *pack_new(struct buf *room, const ProtobufCMessage *message, size_t *ret_bytes);

/* Names are short, and the call of memcpy is then most of it. */
static inline uint8_t *
pack_copy(uint8_t *p, const char *text, size_t bytes)
{
    if (bytes < 8 || bytes > 32) {
        memcpy(p, text, bytes);
    } else if (bytes <= 16) {
        memcpy(p, text, 8);
        memcpy(p + bytes - 8, text + bytes - 8, 8);
    } else {
        memcpy(p, text, 16);
        memcpy(p + bytes - 16, text + bytes - 16, 16);
    }
    return p + bytes;
}

/* For the few messages that are packed by hand: what is said of one field, nothing of 0 and "", at
 * p, where there is room for PACK_HEAD_BYTES_MAX and the text. Returns what is behind. */
enum { PACK_HEAD_BYTES_MAX = 2 + VARINT_BYTES_MAX };
static inline uint8_t *
pack_number(uint8_t *p, unsigned field, uint64_t value)
{
    return value ? varint_put(varint_put(p, FIELD_TAG(field, FIELD_VARINT)), value) : p;
}

/* A sint32 as a number. */
static inline uint32_t
pack_zigzag(int32_t value)
{
    return (uint32_t)value << 1 ^ (value < 0 ? UINT32_MAX : 0);
}

static inline uint8_t *
pack_text(uint8_t *p, unsigned field, const char *text, size_t bytes)
{
    if (bytes == 0) {
        return p;
    }
    return pack_copy(varint_put(varint_put(p, FIELD_TAG(field, FIELD_SIZED)), bytes), text, bytes);
}

static inline size_t
varint_bytes(uint64_t value)
{
    return ((size_t)(63 - __builtin_clzll(value | 1)) * 9 + 73) / 64; /* / 7 + 1 */
}

/* So many bytes do these write of a field below 16. */
static inline size_t
pack_number_bytes(uint64_t value)
{
    return value ? 1 + varint_bytes(value) : 0;
}

static inline size_t
pack_text_bytes(size_t bytes)
{
    return bytes ? 1 + varint_bytes(bytes) + bytes : 0;
}

static inline uint8_t *
pack_fixed64(uint8_t *p, unsigned field, uint64_t value)
{
    if (value == 0) {
        return p;
    }
    p = varint_put(p, FIELD_TAG(field, FIELD_EIGHT_BYTES));
    memcpy(p, &value, sizeof value); /* little-endian, as this machine */
    return p + sizeof value;
}

void pack_long_length(struct buf *buf, size_t begin, size_t bytes);
/* Writes the length of what was packed from `begin`+1 on to `begin`, and moves it if that takes
 * more than the one byte left for it. */
static inline void
pack_length(struct buf *buf, size_t begin)
{
    size_t bytes = buf->bytes - begin - 1;
    if (bytes < 0x80) {
        buf->data[begin] = (uint8_t)bytes;
    } else {
        pack_long_length(buf, begin, bytes);
    }
}

#endif
