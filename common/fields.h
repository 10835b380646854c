/* The wire format of protobuf, and a look at the fields of a packed message without unpacking it.
 * Pure. */
#ifndef BATON_COMMON_FIELDS_H
#define BATON_COMMON_FIELDS_H

#include "common/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum field_wire_type {
    FIELD_VARINT = 0,
    FIELD_EIGHT_BYTES = 1,
    FIELD_SIZED = 2,
    FIELD_FOUR_BYTES = 5,
};
/* What stands before each field. */
#define FIELD_TAG(number, wire_type) ((unsigned)(number) << 3 | (unsigned)(wire_type))

struct field {
    uint32_t number;
    uint8_t wire_type;
    uint64_t value;      /* of a varint */
    const uint8_t *data; /* content of a length-delimited field; NULL for others */
    size_t bytes;
    const uint8_t *whole; /* with its tag */
    size_t whole_bytes;
};

/* The field at *pos; moves *pos behind it. False: the end, or damaged (then *pos < bytes). */
static inline bool
field_next(const uint8_t *data, size_t bytes, size_t *pos, struct field *ret_field)
{
    const uint8_t *begin = data + *pos, *end = data + bytes;
    struct varint tag = varint_get(begin, end, VARINT_BYTES_MAX);
    if (!tag.behind || tag.value >> 3 == 0 || tag.value >> 3 > INT32_MAX) {
        return false;
    }
    const uint8_t *at = tag.behind;
    struct varint value = {0};
    size_t skip = 0;
    switch (tag.value & 7) {
    case FIELD_VARINT:
    case FIELD_SIZED:
        value = varint_get(at, end, VARINT_BYTES_MAX);
        if (!value.behind) {
            return false;
        }
        at = value.behind;
        skip = (tag.value & 7) == FIELD_SIZED ? value.value : 0;
        break;
    case FIELD_EIGHT_BYTES:
        skip = 8;
        break;
    case FIELD_FOUR_BYTES:
        skip = 4;
        break;
    default:
        return false;
    }
    if (skip > (size_t)(end - at)) {
        return false;
    }
    bool is_sized = (tag.value & 7) == FIELD_SIZED;
    *ret_field = (struct field){
        .number = (uint32_t)(tag.value >> 3),
        .wire_type = (uint8_t)(tag.value & 7),
        .value = is_sized ? 0 : value.value,
        .data = is_sized ? at : NULL,
        .bytes = is_sized ? skip : 0,
        .whole = begin,
        .whole_bytes = (size_t)(at + skip - begin),
    };
    *pos += ret_field->whole_bytes;
    return true;
}

/* The last varint field with this number, or 0. */
uint64_t field_varint(const uint8_t *data, size_t bytes, uint32_t number);

#endif
