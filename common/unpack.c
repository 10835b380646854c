#include "common/unpack.h"

#include "common/buf.h"
#include "common/check.h"
#include "common/fields.h"
#include "common/shape.h"
#include "common/text.h"

#include <limits.h>
#include <string.h>

enum { LENGTH_BYTES_MAX = 5, ROOM_MIN = 2 };

/* What is left to read of one message. */
struct reader {
    const uint8_t *at, *end;
};

/* One field as it stands there. */
struct piece {
    const uint8_t *begin; /* behind the tag */
    uint64_t value;       /* FIELD_VARINT; FIELD_SIZED: its length; FIELD_EIGHT_BYTES: these */
    const uint8_t *data;  /* all but FIELD_VARINT */
    size_t bytes;
};

static void *
take(struct unpack *unpack, size_t bytes)
{
    if (bytes > unpack->left) {
        unpack->is_exhausted = true;
        return NULL;
    }
    unpack->left -= bytes;
    return arena_alloc(unpack->arena, bytes);
}

/* An empty message; NULL: too much. */
static ProtobufCMessage *
message_new(struct unpack *unpack, const ProtobufCMessageDescriptor *type)
{
    ProtobufCMessage *message = take(unpack, type->sizeof_message);
    if (message) {
        type->message_init(message);
    }
    return message;
}

/* ---- reading ---- */

static inline bool
read_varint(struct unpack *unpack, struct reader *reader, size_t bytes_max, uint64_t *ret_value)
{
    struct varint varint = varint_get(reader->at, reader->end, bytes_max);
    if (!varint.behind) {
        return false;
    }
    ptrdiff_t bytes = varint.behind - reader->at;
    if (__builtin_expect(bytes > 1, 0)) {
        uint8_t last = varint.behind[-1];
        unpack->is_strange |= last == 0 || (bytes == VARINT_BYTES_MAX && last > 1);
    }
    reader->at = varint.behind;
    *ret_value = varint.value;
    return true;
}

static inline bool
read_piece(struct unpack *unpack, struct reader *reader, unsigned wire_type, struct piece *piece)
{
    *piece = (struct piece){.begin = reader->at};
    switch (wire_type) {
    case FIELD_VARINT:
        return read_varint(unpack, reader, 10, &piece->value);
    case FIELD_EIGHT_BYTES:
    case FIELD_FOUR_BYTES:
        piece->bytes = piece->value = wire_type == FIELD_EIGHT_BYTES ? 8 : 4;
        break;
    case FIELD_SIZED:
        if (!read_varint(unpack, reader, LENGTH_BYTES_MAX, &piece->value)) {
            return false;
        }
        piece->bytes = (size_t)piece->value;
        break;
    default:
        return false; /* groups */
    }
    if (piece->bytes > (size_t)(reader->end - reader->at)) {
        return false;
    }
    piece->data = reader->at;
    if (wire_type == FIELD_EIGHT_BYTES) {
        memcpy(&piece->value, piece->data, 8);
    }
    reader->at += piece->bytes;
    return true;
}

/* Packing does not write it so; may err towards that. */
static inline void
look_at_value(struct unpack *unpack, const struct shape_field *field, struct piece piece)
{
    if (__builtin_expect(piece.value - field->least > field->span, 0)) {
        unpack->is_strange = true;
    }
}

/* ---- values ---- */

static bool unpack_fields(struct unpack *unpack, const struct shape *shape, struct reader reader,
                          ProtobufCMessage *message);

static void
put_number(const struct shape_field *field, struct piece piece, void *at)
{
    uint64_t value = piece.value;
    switch (field->type) {
    case PROTOBUF_C_TYPE_BOOL:
        *(protobuf_c_boolean *)at = value != 0;
        break;
    case PROTOBUF_C_TYPE_SINT32:
        *(uint32_t *)at = (uint32_t)value >> 1 ^ (0u - (uint32_t)(value & 1));
        break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        *(uint64_t *)at = value;
        break;
    default:
        *(uint32_t *)at = (uint32_t)value;
    }
}

static bool
put_text(struct unpack *unpack, const struct shape_field *field, struct piece piece, void *at)
{
    if (unpack->checks_texts && !utf8_is_valid((const char *)piece.data, piece.bytes)) {
        if (!memchr(piece.data, 0, piece.bytes)) {
            return false;
        }
        unpack->nul_field = unpack->nul_field ? unpack->nul_field : field->name;
    }
    char *text = take(unpack, piece.bytes + 1);
    if (!text) {
        return false;
    }
    memcpy(text, piece.data, piece.bytes);
    text[piece.bytes] = 0;
    *(char **)at = text;
    return true;
}

static bool
put_bytes(struct unpack *unpack, struct piece piece, ProtobufCBinaryData *at)
{
    *at = (ProtobufCBinaryData){0};
    if (piece.bytes == 0) {
        return true;
    }
    at->data = take(unpack, piece.bytes);
    if (!at->data) {
        return false;
    }
    memcpy(at->data, piece.data, piece.bytes);
    at->len = piece.bytes;
    return true;
}

/* One that comes again goes on with the same: its fields override, its elements are added. */
static bool
put_message(struct unpack *unpack, const struct shape_field *field, struct piece piece,
            ProtobufCMessage **at)
{
    if (!*at) {
        *at = message_new(unpack, field->sub->type);
        if (!*at) {
            return false;
        }
    }
    struct reader reader = {piece.data, piece.data + piece.bytes};
    return unpack_fields(unpack, field->sub, reader, *at);
}

static bool
put_value(struct unpack *unpack, const struct shape_field *field, struct piece piece, void *at)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        return put_text(unpack, field, piece, at);
    case PROTOBUF_C_TYPE_BYTES:
        return put_bytes(unpack, piece, at);
    case PROTOBUF_C_TYPE_MESSAGE:
        return put_message(unpack, field, piece, at);
    default:
        put_number(field, piece, at);
        return true;
    }
}

/* ---- fields ---- */

/* Room for one more in an array of n, whose room is n at each power of two. NULL: too much. */
static void *
element_add(struct unpack *unpack, void **array, size_t n, size_t bytes)
{
    if (n == 0 || (n >= ROOM_MIN && (n & (n - 1)) == 0)) {
        void *more = take(unpack, MAX(2 * n, (size_t)ROOM_MIN) * bytes);
        if (!more) {
            return NULL;
        }
        if (n > 0) {
            memcpy(more, *array, n * bytes);
        }
        *array = more;
    }
    return (char *)*array + n * bytes;
}

/* The place of one more element, counted already: when it can't be read, the whole is refused. */
static void *
element_place(struct unpack *unpack, const struct shape_field *field, char *message)
{
    size_t *n = (size_t *)(void *)(message + field->quantifier);
    void *at = element_add(unpack, (void **)(void *)(message + field->offset), *n, field->bytes);
    if (at) {
        ++*n;
        if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
            *(void **)at = NULL;
        }
    }
    return at;
}

/* All elements of a packed field. */
static bool
add_elements(struct unpack *unpack, const struct shape_field *field, struct piece piece,
             char *message)
{
    struct reader reader = {piece.data, piece.data + piece.bytes};
    unpack->is_strange |= !field->is_packed || piece.bytes == 0;
    while (reader.at < reader.end) {
        struct piece one;
        void *at = element_place(unpack, field, message);
        if (!at || !read_piece(unpack, &reader, field->wire_type, &one)) {
            return false;
        }
        look_at_value(unpack, field, one);
        put_number(field, one, at);
    }
    return true;
}

static bool
put_field(struct unpack *unpack, const struct shape_field *field, unsigned wire_type,
          struct piece piece, char *message)
{
    if (wire_type != field->wire_type) {
        return field->is_repeated && wire_type == FIELD_SIZED &&
               add_elements(unpack, field, piece, message);
    }
    look_at_value(unpack, field, piece);
    void *at = message + field->offset;
    if (field->is_repeated) {
        unpack->is_strange |= field->is_packed;
        at = element_place(unpack, field, message);
        if (!at) {
            return false;
        }
    } else if (field->is_oneof) {
        uint32_t *number = (uint32_t *)(void *)(message + field->quantifier);
        if (*number != field->number) {
            unpack->is_strange |= *number != 0;
            memset(at, 0, field->bytes);
            *number = field->number;
        }
    }
    return put_value(unpack, field, piece, at);
}

static bool
keep_unknown(struct unpack *unpack, uint32_t number, unsigned wire_type, struct piece piece,
             const uint8_t *end, ProtobufCMessage *message)
{
    ProtobufCMessageUnknownField *unknown = element_add(unpack, (void **)&message->unknown_fields,
                                                        message->n_unknown_fields, sizeof *unknown);
    if (!unknown) {
        return false;
    }
    *unknown = (ProtobufCMessageUnknownField){.tag = number,
                                              .wire_type = (ProtobufCWireType)wire_type,
                                              .len = (size_t)(end - piece.begin)};
    unknown->data = take(unpack, unknown->len);
    if (!unknown->data) {
        return false;
    }
    memcpy(unknown->data, piece.begin, unknown->len);
    message->n_unknown_fields++;
    return true;
}

static bool
unpack_fields(struct unpack *unpack, const struct shape *shape, struct reader reader,
              ProtobufCMessage *message)
{
    const struct shape_field *before = NULL;
    while (reader.at < reader.end) {
        uint64_t tag = *reader.at;
        unsigned place;
        if (__builtin_expect(tag < 0x80, 1)) {
            reader.at++;
            place = shape->by_number[tag >> 3];
        } else {
            if (!read_varint(unpack, &reader, LENGTH_BYTES_MAX, &tag) || tag >> 3 > INT_MAX) {
                return false;
            }
            place = tag >> 3 < SHAPE_NUMBERS ? shape->by_number[tag >> 3] : 0;
        }
        struct piece piece;
        if (!read_piece(unpack, &reader, tag & 7, &piece)) {
            return false;
        }
        if (!place) {
            unpack->is_strange = true;
            if (tag >> 3 == 0 ||
                !keep_unknown(unpack, (uint32_t)(tag >> 3), tag & 7, piece, reader.at, message)) {
                return false;
            }
            continue;
        }
        const struct shape_field *field = &shape->fields[place - 1];
        if (__builtin_expect(field <= before, 0)) {
            unpack->is_strange |= field < before || !field->is_repeated || field->is_packed;
        }
        before = field;
        if (!put_field(unpack, field, tag & 7, piece, (char *)message)) {
            return false;
        }
    }
    return true;
}

void *
unpack(struct unpack *unpack, const ProtobufCMessageDescriptor *type, size_t bytes,
       const uint8_t *data)
{
    ProtobufCMessage *message = message_new(unpack, type);
    if (!message) {
        return NULL;
    }
    struct reader reader = {data, bytes ? data + bytes : data};
    return unpack_fields(unpack, shape_of(type), reader, message) ? message : NULL;
}

void *
unpack_own(struct arena *arena, const ProtobufCMessageDescriptor *type, size_t bytes,
           const uint8_t *data)
{
    struct unpack own = {.arena = arena, .left = SIZE_MAX};
    return unpack(&own, type, bytes, data);
}
