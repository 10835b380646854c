#include "tests/unit/filling.h"

#include <string.h>

enum { DEPTH_MAX = 4 };

static uint64_t
number(struct filling *f)
{
    return rng_next(&f->rng) >> rng_below(&f->rng, 64);
}

static char *
text(struct filling *f)
{
    size_t n = (size_t)rng_below(&f->rng, rng_below(&f->rng, 8) == 0 ? 300 : 6);
    char *s = arena_calloc(&f->arena, n + 1, 1);
    memset(s, 'a', n);
    return s;
}

/* Returns the bytes that the value has in the message. */
static size_t
fill_value(struct filling *f, const ProtobufCFieldDescriptor *field, void *at)
{
    switch ((int)field->type) {
    case PROTOBUF_C_TYPE_STRING:
        *(char **)at = text(f);
        return sizeof(char *);
    case PROTOBUF_C_TYPE_BYTES: {
        char *s = text(f);
        *(ProtobufCBinaryData *)at = (ProtobufCBinaryData){strlen(s), (uint8_t *)s};
        return sizeof(ProtobufCBinaryData);
    }
    case PROTOBUF_C_TYPE_MESSAGE:
        *(ProtobufCMessage **)at = filling_make(f, field->descriptor);
        return sizeof(ProtobufCMessage *);
    case PROTOBUF_C_TYPE_BOOL:
        *(protobuf_c_boolean *)at = (protobuf_c_boolean)rng_below(&f->rng, 2);
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_DOUBLE:
        *(double *)at = (double)(int64_t)number(f) / 8;
        return sizeof(double);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        *(uint64_t *)at = number(f);
        return sizeof(uint64_t);
    case PROTOBUF_C_TYPE_ENUM:
        if (f->known_values) {
            const ProtobufCEnumDescriptor *type = field->descriptor;
            *(int *)at = type->values[rng_below(&f->rng, type->n_values)].value;
            return sizeof(int);
        }
        *(uint32_t *)at = (uint32_t)number(f);
        return sizeof(uint32_t);
    default:
        *(uint32_t *)at = (uint32_t)number(f);
        return sizeof(uint32_t);
    }
}

static void
fill_repeated(struct filling *f, const ProtobufCFieldDescriptor *field, char *message)
{
    size_t n = (size_t)rng_below(&f->rng, 4);
    char *elements = arena_calloc(&f->arena, n + 1, sizeof(ProtobufCBinaryData));
    char *at = elements;
    for (size_t i = 0; i < n; i++) {
        at += fill_value(f, field, at);
    }
    memcpy(message + field->offset, &elements, sizeof elements);
    memcpy(message + field->quantifier_offset, &n, sizeof n);
}

ProtobufCMessage *
filling_make(struct filling *f, const ProtobufCMessageDescriptor *type)
{
    ProtobufCMessage *message = arena_calloc(&f->arena, 1, type->sizeof_message);
    type->message_init(message);
    f->depth++;
    for (unsigned i = 0; i < type->n_fields && f->depth <= DEPTH_MAX; i++) {
        const ProtobufCFieldDescriptor *field = &type->fields[i];
        bool is_one_of = field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF;
        if (rng_below(&f->rng, is_one_of ? 12 : 3) != 0) {
            continue;
        }
        char *base = (char *)message;
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            fill_repeated(f, field, base);
            continue;
        }
        fill_value(f, field, base + field->offset);
        if (is_one_of) {
            memcpy(base + field->quantifier_offset, &field->id, sizeof field->id);
        }
    }
    f->depth--;
    return message;
}
