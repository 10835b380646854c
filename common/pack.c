#include "common/pack.h"

#include "common/alloc.h"
#include "common/check.h"

#include <stdbool.h>
#include <string.h>

enum { VARINT = 0, EIGHT_BYTES = 1, SIZED = 2 };

static void
add_number(struct buf *buf, uint32_t tag, uint64_t value)
{
    uint8_t *p = buf_reserve(buf, 2 * VARINT_BYTES_MAX);
    p = varint_put(p, tag << 3 | VARINT);
    buf->bytes = (size_t)(varint_put(p, value) - buf->data);
}

static void
add_bytes(struct buf *buf, uint32_t tag, const void *data, size_t bytes)
{
    uint8_t *p = buf_reserve(buf, 2 * VARINT_BYTES_MAX + bytes);
    p = varint_put(p, tag << 3 | SIZED);
    p = varint_put(p, bytes);
    if (bytes > 0) {
        memcpy(p, data, bytes);
    }
    buf->bytes = (size_t)(p + bytes - buf->data);
}

/* A number as it goes over the wire; `at` is where it stands in the message. */
static uint64_t
number_at(const ProtobufCFieldDescriptor *field, const void *at)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_BOOL:
        return *(const protobuf_c_boolean *)at != 0;
    case PROTOBUF_C_TYPE_UINT32:
        return *(const uint32_t *)at;
    case PROTOBUF_C_TYPE_ENUM:
    case PROTOBUF_C_TYPE_INT32:
        return (uint64_t)(int64_t) * (const int32_t *)at;
    case PROTOBUF_C_TYPE_SINT32: {
        int32_t value = *(const int32_t *)at;
        return (uint32_t)value << 1 ^ (value < 0 ? UINT32_MAX : 0);
    }
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64:
        return *(const uint64_t *)at;
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE:
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
    default:
        CHECK(!"no field of our messages has this type");
    }
}

/* One value that is there, although it may be empty: an element, or the case of a oneof. */
static void
add_value(struct buf *buf, const ProtobufCFieldDescriptor *field, const void *at)
{
    switch ((int)field->type) {
    case PROTOBUF_C_TYPE_STRING: {
        const char *text = *(const char *const *)at;
        add_bytes(buf, field->id, text, text ? strlen(text) : 0);
        break;
    }
    case PROTOBUF_C_TYPE_BYTES: {
        const ProtobufCBinaryData *data = at;
        add_bytes(buf, field->id, data->data, data->len);
        break;
    }
    case PROTOBUF_C_TYPE_MESSAGE:
        buf_add_varint(buf, field->id << 3 | SIZED);
        pack_sized(buf, *(const ProtobufCMessage *const *)at);
        break;
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        buf_add_varint(buf, field->id << 3 | EIGHT_BYTES);
        buf_add(buf, at, sizeof(uint64_t)); /* little-endian, as this machine */
        break;
    default:
        add_number(buf, field->id, number_at(field, at));
    }
}

/* Of a value in its message: those that are all zero when it is not said. Of a string that is the
 * pointer, of bytes their number. */
static const uint8_t word_bytes[] = {
    [PROTOBUF_C_TYPE_INT32] = 4,   [PROTOBUF_C_TYPE_SINT32] = 4,  [PROTOBUF_C_TYPE_UINT32] = 4,
    [PROTOBUF_C_TYPE_ENUM] = 4,    [PROTOBUF_C_TYPE_BOOL] = 4,    [PROTOBUF_C_TYPE_INT64] = 8,
    [PROTOBUF_C_TYPE_UINT64] = 8,  [PROTOBUF_C_TYPE_FIXED64] = 8, [PROTOBUF_C_TYPE_STRING] = 8,
    [PROTOBUF_C_TYPE_MESSAGE] = 8, [PROTOBUF_C_TYPE_DOUBLE] = 8,  [PROTOBUF_C_TYPE_BYTES] = 8,
};
_Static_assert(sizeof(protobuf_c_boolean) == 4 && sizeof(size_t) == 8 && sizeof(void *) == 8,
               "words are of other sizes");

/* Moves what was packed from `begin` on to make room for its length before it. */
static void
put_length(struct buf *buf, size_t begin)
{
    uint8_t length[VARINT_BYTES_MAX];
    size_t bytes = buf->bytes - begin - 1;
    size_t n = (size_t)(varint_put(length, bytes) - length);
    if (n > 1) {
        buf_reserve(buf, n - 1);
        memmove(buf->data + begin + n, buf->data + begin + 1, bytes);
        buf->bytes += n - 1;
    }
    memcpy(buf->data + begin, length, n);
}

static void
add_repeated(struct buf *buf, const ProtobufCFieldDescriptor *field, const char *elements, size_t n)
{
    size_t bytes = field->type == PROTOBUF_C_TYPE_BYTES ? sizeof(ProtobufCBinaryData)
                                                        : word_bytes[field->type];
    if (!(field->flags & PROTOBUF_C_FIELD_FLAG_PACKED)) {
        for (size_t i = 0; i < n; i++) {
            add_value(buf, field, elements + i * bytes);
        }
        return;
    }
    buf_add_varint(buf, field->id << 3 | SIZED);
    buf_reserve(buf, 1);
    size_t begin = buf->bytes++;
    for (size_t i = 0; i < n; i++) {
        buf_add_varint(buf, number_at(field, elements + i * bytes));
    }
    put_length(buf, begin);
}

/* Zero and "" are not said, except by the case of a oneof. */
static inline bool
is_said(const ProtobufCFieldDescriptor *field, const char *message)
{
    const void *at = message + field->offset;
    if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
        const void *quantifier = message + field->quantifier_offset;
        bool is_pointer = field->type == PROTOBUF_C_TYPE_STRING ||
                          field->type == PROTOBUF_C_TYPE_MESSAGE;
        return *(const uint32_t *)quantifier == field->id &&
               (!is_pointer || *(const void *const *)at);
    }
    if (word_bytes[field->type] == 4) {
        return *(const uint32_t *)at != 0;
    }
    return *(const uint64_t *)at != 0 &&
           (field->type != PROTOBUF_C_TYPE_STRING || (*(const char *const *)at)[0] != 0) &&
           (field->type != PROTOBUF_C_TYPE_DOUBLE || *(const double *)at != 0);
}

void
pack(struct buf *buf, const ProtobufCMessage *message)
{
    const char *base = (const char *)message;
    const ProtobufCFieldDescriptor *field = message->descriptor->fields;
    const ProtobufCFieldDescriptor *end = field + message->descriptor->n_fields;
    for (; field < end; field++) {
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            size_t n = *(const size_t *)(const void *)(base + field->quantifier_offset);
            if (n > 0) {
                add_repeated(buf, field, *(const char *const *)(const void *)(base + field->offset),
                             n);
            }
        } else if (is_said(field, base)) {
            add_value(buf, field, base + field->offset);
        }
    }
    for (unsigned i = 0; i < message->n_unknown_fields; i++) {
        const ProtobufCMessageUnknownField *unknown = &message->unknown_fields[i];
        buf_add_varint(buf, unknown->tag << 3 | unknown->wire_type);
        buf_add(buf, unknown->data, unknown->len);
    }
}

void
pack_sized(struct buf *buf, const ProtobufCMessage *message)
{
    buf_reserve(buf, 1);
    size_t begin = buf->bytes++;
    pack(buf, message);
    put_length(buf, begin);
}

uint8_t *
pack_new(const ProtobufCMessage *message, size_t *ret_bytes)
{
    struct buf buf = {0};
    buf_reserve(&buf, PACK_ROOM);
    pack(&buf, message);
    *ret_bytes = buf.bytes;
    uint8_t *packed = xmemdup(buf.data, buf.bytes);
    buf_fini(&buf);
    return packed;
}
