#include "common/shape.h"

#include "common/buf.h"
#include "common/check.h"
#include "common/fields.h"

#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

enum { TABLE_BITS = 10, POOL_BYTES = 512 * 1024 };

/* Open addressing by the descriptor's address; what stands in it stays. */
static _Atomic(const struct shape *) table[1 << TABLE_BITS];

/* Shapes are made here and not by malloc: so there always is one, for a library that must not end
 * the program when memory runs out, too. Only what is used of it costs memory. */
static alignas(max_align_t) uint8_t pool[POOL_BYTES];
static size_t pool_used;
static pthread_mutex_t making =
    PTHREAD_MUTEX_INITIALIZER; /* for the pool, and to add to the table */

static void *
pool_take(size_t n, size_t bytes)
{
    size_t need = (n * bytes + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    CHECK(need <= POOL_BYTES - pool_used);
    void *p = pool + pool_used;
    pool_used += need;
    return p;
}

static const struct shape *shape_make(const ProtobufCMessageDescriptor *type);

_Static_assert(sizeof(protobuf_c_boolean) == 4 && sizeof(size_t) == 8 && sizeof(void *) == 8,
               "words are of other sizes");

static uint8_t
value_bytes(const ProtobufCFieldDescriptor *field)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_BOOL:
    case PROTOBUF_C_TYPE_ENUM:
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_UINT32:
        return 4;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return 8;
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FLOAT:
    default:
        CHECK(!"no field of our messages has this type");
    }
}

static uint8_t
wire_type(unsigned type)
{
    bool is_sized = type == PROTOBUF_C_TYPE_STRING || type == PROTOBUF_C_TYPE_BYTES ||
                    type == PROTOBUF_C_TYPE_MESSAGE;
    bool is_fixed = type == PROTOBUF_C_TYPE_FIXED64 || type == PROTOBUF_C_TYPE_DOUBLE;
    return is_sized ? 2 : is_fixed ? 1 : 0;
}

/* The greatest that packing writes of a value, or of its length. */
static uint64_t
value_max(unsigned type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_BOOL:
        return 1;
    case PROTOBUF_C_TYPE_ENUM:
    case PROTOBUF_C_TYPE_INT32:
        return INT32_MAX;
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_UINT32:
        return UINT32_MAX;
    case PROTOBUF_C_TYPE_DOUBLE:
        return INT64_MAX; /* not below zero: -0.0 is not written */
    default:
        return UINT64_MAX;
    }
}

static struct shape_field
field_of(const ProtobufCFieldDescriptor *field)
{
    CHECK(field->id < SHAPE_NUMBERS);
    bool is_message = field->type == PROTOBUF_C_TYPE_MESSAGE;
    struct shape_field made = {
        .offset = field->offset,
        .quantifier = field->quantifier_offset,
        .number = (uint16_t)field->id,
        .type = (uint8_t)field->type,
        .wire_type = wire_type(field->type),
        .bytes = value_bytes(field),
        .is_repeated = field->label == PROTOBUF_C_LABEL_REPEATED,
        .is_packed = field->flags & PROTOBUF_C_FIELD_FLAG_PACKED,
        .is_oneof = field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF,
        .name = field->name,
        .sub = is_message ? shape_make(field->descriptor) : NULL,
    };
    made.least = !made.is_repeated && !made.is_oneof && !is_message;
    made.span = value_max(made.type) - made.least;
    bool is_packed = made.is_repeated && made.is_packed;
    uint8_t tag[VARINT_BYTES_MAX];
    made.tag_bytes =
        (uint8_t)(varint_put(tag, FIELD_TAG(field->id, is_packed ? FIELD_SIZED : made.wire_type)) -
                  tag);
    CHECK(made.tag_bytes <= sizeof made.tag);
    memcpy(made.tag, tag, made.tag_bytes);
    return made;
}

/* The aligned word in which a value of four or eight bytes stands. A message's size is a multiple
 * of eight. */
static struct shape_step
step_of(uint32_t at, bool is_half)
{
    struct shape_step step = {.word = at & ~7u, .mask = UINT64_MAX};
    if (is_half) {
        step.shift = at & 4 ? 32 : 0; /* little-endian, as this machine */
        step.mask = (uint64_t)UINT32_MAX << step.shift;
    }
    return step;
}

static enum shape_kind
kind_of(const struct shape_field *field)
{
    if (field->is_oneof) {
        return SHAPE_ONEOF;
    }
    if (field->is_repeated) {
        return SHAPE_OTHER;
    }
    switch (field->type) {
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_INT64:
        return SHAPE_NUMBER;
    case PROTOBUF_C_TYPE_ENUM:
    case PROTOBUF_C_TYPE_INT32:
        return SHAPE_SIGNED;
    case PROTOBUF_C_TYPE_STRING:
        return SHAPE_TEXT;
    default:
        return SHAPE_OTHER;
    }
}

static struct shape *
shape_new(const ProtobufCMessageDescriptor *type)
{
    CHECK(type->n_fields < UINT8_MAX && type->sizeof_message % 8 == 0);
    struct shape *shape = pool_take(1, sizeof *shape);
    shape->type = type;
    shape->fields = pool_take(type->n_fields, sizeof *shape->fields);
    shape->steps = pool_take(type->n_fields, sizeof *shape->steps);
    for (unsigned i = 0; i < type->n_fields; i++) {
        struct shape_field field = field_of(&type->fields[i]);
        shape->fields[i] = field;
        shape->by_number[field.number] = (uint8_t)(i + 1);
        struct shape_step *before = shape->n_steps ? &shape->steps[shape->n_steps - 1] : NULL;
        if (field.is_oneof && before && before->kind == SHAPE_ONEOF && before->last + 1u == i &&
            shape->fields[before->first].quantifier == field.quantifier) {
            before->last = (uint8_t)i;
            continue;
        }
        bool counted = field.is_repeated || field.is_oneof;
        struct shape_step step = step_of(counted ? field.quantifier : field.offset,
                                         field.is_oneof || (!counted && field.bytes == 4));
        step.kind = (uint8_t)kind_of(&field);
        step.first = step.last = (uint8_t)i;
        shape->steps[shape->n_steps++] = step;
    }
    return shape;
}

/* The shape of the type if it is there; `ret_slot` is where it stands or belongs. */
static const struct shape *
find(const ProtobufCMessageDescriptor *type, size_t *ret_slot)
{
    size_t at = (size_t)(((uintptr_t)type >> 4) * UINT64_C(0x9e3779b97f4a7c15) >>
                         (64 - TABLE_BITS));
    for (size_t n = 0; n < 1 << TABLE_BITS; n++, at = (at + 1) % (1 << TABLE_BITS)) {
        const struct shape *there = atomic_load_explicit(&table[at], memory_order_acquire);
        if (!there || there->type == type) {
            *ret_slot = at;
            return there;
        }
    }
    CHECK(!"more types of messages than there is room for");
}

/* With those that are in it, as deep as the type is nested. `making` is held. */
static const struct shape *
shape_make(const ProtobufCMessageDescriptor *type)
{
    size_t slot;
    const struct shape *there = find(type, &slot);
    if (!there) {
        there = shape_new(type);
        find(type, &slot); /* another one's may have taken the slot */
        atomic_store_explicit(&table[slot], there, memory_order_release);
    }
    return there;
}

const struct shape *
shape_of(const ProtobufCMessageDescriptor *type)
{
    size_t slot;
    const struct shape *there = find(type, &slot);
    if (!there) {
        pthread_mutex_lock(&making);
        there = shape_make(type);
        pthread_mutex_unlock(&making);
    }
    return there;
}
