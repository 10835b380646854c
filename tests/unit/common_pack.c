/* common/pack: the same bytes as protobuf-c's own, for any content of any of our messages. */
#include "common/alloc.h"
#include "common/arena.h"
#include "common/pack.h"
#include "common/rng.h"

#include "fact.pb-c.h"
#include "wire.pb-c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { DEPTH_MAX = 4, ROUNDS = 300 };

struct filling {
    struct arena arena;
    struct rng rng;
    int depth;
};

static void
assert_packs_alike(const ProtobufCMessage *message)
{
    size_t bytes = protobuf_c_message_get_packed_size(message);
    uint8_t *expected = xmalloc(bytes + 1);
    protobuf_c_message_pack(message, expected);
    size_t n;
    uint8_t *packed = pack_new(message, &n);
    assert_int_equal(n, bytes);
    assert_memory_equal(packed, expected, bytes);
    struct buf sized = {0};
    buf_add_text(&sized, "x");
    pack_sized(&sized, message);
    uint64_t length;
    size_t pos = 1;
    assert_true(varint_read(sized.data, sized.bytes, &pos, &length));
    assert_int_equal(length, bytes);
    assert_int_equal(sized.bytes, pos + bytes);
    assert_memory_equal(sized.data + pos, expected, bytes);
    buf_fini(&sized);
    free(packed);
    free(expected);
}

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

static ProtobufCMessage *fill(struct filling *f, const ProtobufCMessageDescriptor *type);

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
        *(ProtobufCMessage **)at = fill(f, field->descriptor);
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

static ProtobufCMessage *
fill(struct filling *f, const ProtobufCMessageDescriptor *type)
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

static void
test_packs_as_protobuf_c_does(void **state)
{
    (void)state;
    static const ProtobufCMessageDescriptor *const types[] = {
        &baton__fact__descriptor,        &baton__task_record__descriptor,
        &baton__from_broker__descriptor, &baton__to_broker__descriptor,
        &baton__event__descriptor,       &baton__snapshot_chunk__descriptor,
        &baton__spec__descriptor,
    };
    struct filling f = {.rng = {.state = 1}};
    arena_init(&f.arena);
    for (size_t t = 0; t < ARRAY_LEN(types); t++) {
        for (int i = 0; i < ROUNDS; i++) {
            assert_packs_alike(fill(&f, types[t]));
            arena_reset(&f.arena);
        }
    }
    arena_fini(&f.arena);
}

/* What a newer client said and this broker does not know goes into the journal all the same. */
static void
test_unknown_fields_are_kept(void **state)
{
    (void)state;
    static const uint8_t newer[] = {0x0a, 1, 'a', 0xfa, 0x3f, 2, 'h', 'i', 0x80, 0x40, 0x07};
    Baton__Spec *spec = baton__spec__unpack(NULL, sizeof newer, newer);
    assert_non_null(spec);
    assert_int_equal(spec->base.n_unknown_fields, 2);
    assert_packs_alike(&spec->base);
    size_t n;
    uint8_t *packed = pack_new(&spec->base, &n);
    assert_int_equal(n, sizeof newer);
    assert_memory_equal(packed, newer, sizeof newer);
    free(packed);
    baton__spec__free_unpacked(spec, NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_packs_as_protobuf_c_does),
        cmocka_unit_test(test_unknown_fields_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
