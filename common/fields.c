#include "common/fields.h"

#include "common/buf.h"

#include <limits.h>

enum { VARINT = 0, FIXED64 = 1, LENGTH = 2, FIXED32 = 5 };

bool
field_next(const uint8_t *data, size_t bytes, size_t *pos, struct field *ret_field)
{
    size_t at = *pos;
    uint64_t tag;
    uint64_t value = 0;
    if (!varint_read(data, bytes, &at, &tag) || tag >> 3 > INT_MAX) {
        return false;
    }
    struct field field = {.number = (uint32_t)(tag >> 3), .whole = data + *pos};
    size_t skip = 0;
    switch (tag & 7) {
    case VARINT:
        if (!varint_read(data, bytes, &at, &field.value)) {
            return false;
        }
        break;
    case FIXED64:
        skip = 8;
        break;
    case FIXED32:
        skip = 4;
        break;
    case LENGTH:
        if (!varint_read(data, bytes, &at, &value) || value > bytes - at) {
            return false;
        }
        field.data = data + at;
        field.bytes = skip = (size_t)value;
        break;
    default:
        return false;
    }
    if (skip > bytes - at) {
        return false;
    }
    at += skip;
    field.whole_bytes = at - *pos;
    *pos = at;
    *ret_field = field;
    return true;
}

uint64_t
field_varint(const uint8_t *data, size_t bytes, uint32_t number)
{
    uint64_t value = 0;
    struct field field;
    for (size_t pos = 0; pos < bytes && field_next(data, bytes, &pos, &field);) {
        if (field.number == number && !field.data) {
            value = field.value;
        }
    }
    return value;
}
