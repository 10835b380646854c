#include "common/fields.h"

uint64_t
field_varint(const uint8_t *data, size_t bytes, uint32_t number)
{
    uint64_t value = 0;
    struct field field;
    for (size_t pos = 0; pos < bytes && field_next(data, bytes, &pos, &field);) {
        if (field.number == number && field.wire_type == FIELD_VARINT) {
            value = field.value;
        }
    }
    return value;
}
