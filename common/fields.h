/* A look at the fields of a packed protobuf message without unpacking it. Pure. */
#ifndef BATON_COMMON_FIELDS_H
#define BATON_COMMON_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct field {
    uint32_t number;
    uint64_t value;      /* of a varint */
    const uint8_t *data; /* content of a length-delimited field; NULL for others */
    size_t bytes;
    const uint8_t *whole; /* with its tag */
    size_t whole_bytes;
};

/* The field at *pos; moves *pos behind it. False: the end, or damaged (then *pos < bytes). */
bool field_next(const uint8_t *data, size_t bytes, size_t *pos, struct field *ret_field);

/* The last varint field with this number, or 0. */
uint64_t field_varint(const uint8_t *data, size_t bytes, uint32_t number);

#endif
