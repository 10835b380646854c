#include "common/pack.h"

#include "common/alloc.h"
#include "common/shape.h"

#include <stdbool.h>
#include <string.h>

_Static_assert(PACK_HEAD_BYTES_MAX == sizeof(((struct shape_field *)0)->tag) + VARINT_BYTES_MAX,
               "tags are of other sizes");

static inline uint8_t *
put_tag(uint8_t *p, const struct shape_field *field)
{
    memcpy(p, field->tag, sizeof field->tag);
    return p + field->tag_bytes;
}

static inline void
add_number(struct buf *buf, const struct shape_field *field, uint64_t value)
{
    if (buf_has_room(buf, PACK_HEAD_BYTES_MAX)) {
        uint8_t *p = put_tag(buf->data + buf->bytes, field);
        buf->bytes = (size_t)(varint_put(p, value) - buf->data);
    }
}

static void
add_bytes(struct buf *buf, const struct shape_field *field, const void *data, size_t bytes)
{
    if (!buf_has_room(buf, PACK_HEAD_BYTES_MAX + bytes)) {
        return;
    }
    uint8_t *p = varint_put(put_tag(buf->data + buf->bytes, field), bytes);
    if (bytes > 0) {
        memcpy(p, data, bytes);
    }
    buf->bytes = (size_t)(p + bytes - buf->data);
}

/* A number as it goes over the wire; `at` is where it stands in the message. */
static inline uint64_t
number_at(unsigned type, const void *at)
{
    switch (type) {
    case PROTOBUF_C_TYPE_BOOL:
        return *(const protobuf_c_boolean *)at != 0;
    case PROTOBUF_C_TYPE_UINT32:
        return *(const uint32_t *)at;
    case PROTOBUF_C_TYPE_ENUM:
    case PROTOBUF_C_TYPE_INT32:
        return (uint64_t)(int64_t) * (const int32_t *)at;
    case PROTOBUF_C_TYPE_SINT32:
        return pack_zigzag(*(const int32_t *)at);
    default:
        return *(const uint64_t *)at;
    }
}

static void pack_fields(struct buf *buf, const struct shape *shape,
                        const ProtobufCMessage *message);

void
pack_long_length(struct buf *buf, size_t begin, size_t bytes)
{
    size_t n = (size_t)(63 - __builtin_clzll(bytes)) / 7 + 1;
    if (!buf_has_room(buf, n - 1)) {
        return;
    }
    memmove(buf->data + begin + n, buf->data + begin + 1, bytes);
    buf->bytes += n - 1;
    varint_put(buf->data + begin, bytes);
}

static void
add_message(struct buf *buf, const struct shape_field *field, const ProtobufCMessage *message)
{
    if (!buf_has_room(buf, PACK_HEAD_BYTES_MAX)) {
        return;
    }
    uint8_t *p = put_tag(buf->data + buf->bytes, field);
    buf->bytes = (size_t)(p - buf->data);
    size_t begin = buf->bytes++;
    pack_fields(buf, field->sub, message);
    pack_length(buf, begin);
}

/* One value that is there, although it may be empty: an element, or the case of a oneof. */
static void
add_value(struct buf *buf, const struct shape_field *field, const void *at)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING: {
        const char *text = *(const char *const *)at;
        add_bytes(buf, field, text, text ? strlen(text) : 0);
        break;
    }
    case PROTOBUF_C_TYPE_BYTES: {
        const ProtobufCBinaryData *data = at;
        add_bytes(buf, field, data->data, data->len);
        break;
    }
    case PROTOBUF_C_TYPE_MESSAGE:
        add_message(buf, field, *(const ProtobufCMessage *const *)at);
        break;
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        buf_add(buf, field->tag, field->tag_bytes);
        buf_add(buf, at, sizeof(uint64_t)); /* little-endian, as this machine */
        break;
    default:
        add_number(buf, field, number_at(field->type, at));
    }
}

static void
add_repeated(struct buf *buf, const struct shape_field *field, const char *message)
{
    size_t n = *(const size_t *)(const void *)(message + field->quantifier);
    const char *elements = *(const char *const *)(const void *)(message + field->offset);
    if (!field->is_packed) {
        for (size_t i = 0; i < n; i++) {
            add_value(buf, field, elements + i * field->bytes);
        }
        return;
    }
    buf_add(buf, field->tag, field->tag_bytes);
    if (!buf_has_room(buf, 1)) {
        return;
    }
    size_t begin = buf->bytes++;
    for (size_t i = 0; i < n; i++) {
        buf_add_varint(buf, number_at(field->type, elements + i * field->bytes));
    }
    pack_length(buf, begin);
}

/* The case of a oneof, when it is one of this step's. */
static const struct shape_field *
chosen(const struct shape *shape, const struct shape_step *step, const char *message)
{
    const struct shape_field *first = &shape->fields[step->first];
    uint32_t number = *(const uint32_t *)(const void *)(message + first->quantifier);
    if (number < first->number || number > shape->fields[step->last].number) {
        return NULL;
    }
    const struct shape_field *field = &shape->fields[shape->by_number[number] - 1];
    bool is_pointer = field->type == PROTOBUF_C_TYPE_STRING ||
                      field->type == PROTOBUF_C_TYPE_MESSAGE;
    return is_pointer && !*(const void *const *)(const void *)(message + field->offset) ? NULL
                                                                                        : field;
}

/* Fields that are neither plain numbers nor texts. */
static void
pack_other(struct buf *buf, const struct shape *shape, const struct shape_step *step,
           const char *message)
{
    const struct shape_field *field = &shape->fields[step->first];
    if (step->kind == SHAPE_ONEOF) {
        field = chosen(shape, step, message);
        if (field) {
            add_value(buf, field, message + field->offset);
        }
    } else if (field->is_repeated) {
        add_repeated(buf, field, message);
    } else if (field->type != PROTOBUF_C_TYPE_DOUBLE ||
               *(const double *)(const void *)(message + field->offset) != 0) {
        add_value(buf, field, message + field->offset);
    }
}

/* Zero and "" are not said, except by the case of a oneof. Most of what is said are numbers and
 * texts: these are written in here, at p, and buf->bytes follows when others need it. */
static void
pack_fields(struct buf *buf, const struct shape *shape, const ProtobufCMessage *message)
{
    const char *base = (const char *)message;
    const struct shape_step *end = shape->steps + shape->n_steps;
    uint8_t *p = buf->data + buf->bytes;
    for (const struct shape_step *step = shape->steps; step < end; step++) {
        uint64_t word = *(const uint64_t *)(const void *)(base + step->word) & step->mask;
        if (word == 0) {
            continue;
        }
        const struct shape_field *field = &shape->fields[step->first];
        if (step->kind == SHAPE_TEXT) {
            const char *text = *(const char *const *)(const void *)(base + step->word);
            if (text[0] == '\0') {
                continue;
            }
            size_t bytes = strlen(text);
            buf->bytes = (size_t)(p - buf->data);
            if (!buf_has_room(buf, PACK_HEAD_BYTES_MAX + bytes)) {
                return;
            }
            p = put_tag(buf->data + buf->bytes, field);
            p = pack_copy(varint_put(p, bytes), text, bytes);
        } else if (step->kind <= SHAPE_SIGNED) {
            word >>= step->shift;
            word = step->kind == SHAPE_SIGNED ? (uint64_t)(int64_t)(int32_t)word : word;
            buf->bytes = (size_t)(p - buf->data);
            if (!buf_has_room(buf, PACK_HEAD_BYTES_MAX)) {
                return;
            }
            p = varint_put(put_tag(buf->data + buf->bytes, field), word);
        } else {
            buf->bytes = (size_t)(p - buf->data);
            pack_other(buf, shape, step, base);
            p = buf->data + buf->bytes;
        }
    }
    buf->bytes = (size_t)(p - buf->data);
    for (unsigned i = 0; i < message->n_unknown_fields; i++) {
        const ProtobufCMessageUnknownField *unknown = &message->unknown_fields[i];
        buf_add_varint(buf, FIELD_TAG(unknown->tag, unknown->wire_type));
        buf_add(buf, unknown->data, unknown->len);
    }
}

void
pack(struct buf *buf, const ProtobufCMessage *message)
{
    pack_fields(buf, shape_of(message->descriptor), message);
}

void
pack_sized(struct buf *buf, const ProtobufCMessage *message)
{
    if (buf_has_room(buf, 1)) {
        size_t begin = buf->bytes++;
        pack(buf, message);
        pack_length(buf, begin);
    }
}

void
pack_field(struct buf *buf, unsigned number, const ProtobufCMessage *message)
{
    buf_add_varint(buf, FIELD_TAG(number, FIELD_SIZED));
    pack_sized(buf, message);
}

uint8_t *
pack_new(struct buf *room, const ProtobufCMessage *message, size_t *ret_bytes)
{
    buf_clear(room);
    buf_reserve(room, PACK_ROOM);
    pack(room, message);
    *ret_bytes = room->bytes;
    return xmemdup(room->data, room->bytes);
}
