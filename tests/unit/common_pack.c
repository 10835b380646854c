/* common/pack and common/unpack: the same bytes as protobuf-c's own, for any content of any of our
 * messages, and the same messages again. */
#include "common/alloc.h"
#include "common/arena.h"
#include "common/pack.h"
#include "common/unpack.h"
#include "tests/unit/filling.h"

#include "fact.pb-c.h"
#include "wire.pb-c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROUNDS = 300 };

static struct buf room; /* of pack_new */

static void
assert_packs_alike(const ProtobufCMessage *message)
{
    size_t bytes = protobuf_c_message_get_packed_size(message);
    uint8_t *expected = xmalloc(bytes + 1);
    protobuf_c_message_pack(message, expected);
    size_t n;
    uint8_t *packed = pack_new(&room, message, &n);
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

static bool
is_taken_by_both(const ProtobufCMessageDescriptor *type, size_t bytes, const uint8_t *data)
{
    struct arena arena;
    arena_init(&arena);
    /* Exactly as large as it is, so that a sanitizer sees a byte too far. */
    uint8_t *exact = xmemdup(data, bytes);
    bool ours = unpack_own(&arena, type, bytes, exact) != NULL;
    ProtobufCMessage *theirs = protobuf_c_message_unpack(type, &arena.pb, bytes, exact);
    assert_int_equal(ours, theirs != NULL);
    free(exact);
    arena_fini(&arena);
    return ours;
}

/* Unpacked and packed again it is the same; cut anywhere it is taken by both or by none. */
static void
assert_unpacks(const ProtobufCMessage *message)
{
    size_t bytes, again_bytes;
    uint8_t *packed = pack_new(&room, message, &bytes);
    struct arena arena;
    arena_init(&arena);
    const ProtobufCMessage *made = unpack_own(&arena, message->descriptor, bytes, packed);
    assert_non_null(made);
    assert_ptr_equal(made->descriptor, message->descriptor);
    uint8_t *again = pack_new(&room, made, &again_bytes);
    assert_int_equal(again_bytes, bytes);
    assert_memory_equal(again, packed, bytes);
    for (size_t cut = 0; cut < bytes && bytes < 500; cut++) {
        is_taken_by_both(message->descriptor, cut, packed);
    }
    free(again);
    free(packed);
    arena_fini(&arena);
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
            const ProtobufCMessage *message = filling_make(&f, types[t]);
            assert_packs_alike(message);
            assert_unpacks(message);
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
    uint8_t *packed = pack_new(&room, &spec->base, &n);
    assert_int_equal(n, sizeof newer);
    assert_memory_equal(packed, newer, sizeof newer);
    free(packed);
    baton__spec__free_unpacked(spec, NULL);
}

static void *
unpack_text(struct arena *arena, struct unpack *how, const char *data, size_t bytes)
{
    how->arena = arena;
    return unpack(how, &baton__spec__descriptor, bytes, (const uint8_t *)data);
}

static void
test_texts_are_looked_at(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    struct unpack how = {.left = 4096, .checks_texts = true};
    Baton__Spec *spec = unpack_text(&arena, &how, "\x0a\x0bgr\xc3\xbc\xc3\x9f dich", 13);
    assert_non_null(spec);
    assert_string_equal(spec->id, "gr\xc3\xbc\xc3\x9f dich");
    assert_null(how.nul_field);
    assert_null(unpack_text(&arena, &how, "\x0a\x0agr\xc3\xbc\xc3 dich", 12));
    assert_false(how.is_exhausted);
    spec = unpack_text(&arena, &how, "\x0a\x0aid12345\0ab\x12\1\0", 15);
    assert_non_null(spec);
    assert_string_equal(how.nul_field, "id");
    arena_fini(&arena);
}

/* What is not called strange packs to its very bytes; what packing never writes is. */
static void
test_strange_bytes_are_told(void **state)
{
    (void)state;
    static const struct {
        const char *data;
        size_t bytes;
        bool is_strange;
    } cases[] = {
        {"\x0a\1a\x1a\1b\x28\3\xb2\1\1c", 12, false}, /* id, role, priority, payload */
        {"\xa2\1\0\xa2\1\1a", 7, false},              /* two words, one of them empty */
        {"\x52\0\x52\2\x18\1", 6, false},             /* two edges */
        {"\x30\xff\xff\xff\xff\xff\xff\xff\xff\xff\1", 11, false}, /* a deadline of -1 */
        {"\x1a\1b\x0a\1a", 6, true},                               /* another order */
        {"\x0a\1a\x0a\1b", 6, true},                               /* twice */
        {"\x0a\0", 2, true},                                       /* nothing is said */
        {"\x28\0", 2, true},                                       /* … */
        {"\x28\x83\0", 3, true},                                   /* longer than it need be */
        {"\x0a\x81\0a", 4, true},                                  /* … */
        {"\x8a\0\1a", 4, true},                                    /* … */
        {"\x60\2", 2, true},                                       /* truer than true */
        {"\xf0\1\x80\x80\x80\x80\x10", 7, true},                   /* cut to 32 bits */
        {"\x52\2\x18\0", 4, true},                                 /* in an edge */
        {"\xfa\x3f\2hi", 5, true},                                 /* not known */
    };
    struct arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct unpack how = {.left = 100000};
        const Baton__Spec *spec = unpack_text(&arena, &how, cases[i].data, cases[i].bytes);
        assert_non_null(spec);
        assert_int_equal(how.is_strange, cases[i].is_strange);
        size_t n;
        uint8_t *packed = pack_new(&room, &spec->base, &n);
        bool same = n == cases[i].bytes && memcmp(packed, cases[i].data, n) == 0;
        assert_true(same || cases[i].is_strange);
        free(packed);
    }
    arena_fini(&arena);
}

static void
test_memory_is_bounded(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    struct unpack how = {.left = sizeof(Baton__Spec) + 20};
    assert_non_null(unpack_text(&arena, &how, "\x0a\1a", 3));
    how.left = sizeof(Baton__Spec) + 20;
    static char edges[1000]; /* 500 edges that say nothing */
    for (size_t i = 0; i < sizeof edges; i += 2) {
        edges[i] = 10 << 3 | 2;
    }
    assert_null(unpack_text(&arena, &how, edges, sizeof edges));
    assert_true(how.is_exhausted);
    how = (struct unpack){.left = sizeof(Baton__Spec) + 500 * sizeof(Baton__Edge) + 1024 * 16};
    Baton__Spec *spec = unpack_text(&arena, &how, edges, sizeof edges);
    assert_non_null(spec);
    assert_int_equal(spec->n_after, 500);
    arena_fini(&arena);
}

/* A message in two pieces is one, and of two cases of a oneof the last one holds. */
static void
test_what_comes_again_goes_on(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    static const uint8_t twice[] = {
        0x62, 4, 0x0a, 2, 0x0a, 0, /* submit, one task */
        0x62, 4, 0x0a, 2, 0x0a, 0, /* … and one more */
    };
    Baton__ToBroker *message = unpack_own(&arena, &baton__to_broker__descriptor, sizeof twice,
                                          twice);
    assert_non_null(message);
    assert_int_equal(message->op_case, BATON__TO_BROKER__OP_SUBMIT);
    assert_int_equal(message->submit->n_tasks, 2);
    static const uint8_t two_cases[] = {0x62, 4, 0x0a, 2, 0x0a, 0, 0x82, 2, 2, 0x0a, 0};
    message = unpack_own(&arena, &baton__to_broker__descriptor, sizeof two_cases, two_cases);
    assert_non_null(message);
    assert_int_equal(message->op_case, BATON__TO_BROKER__OP_REPORT);
    assert_int_equal(message->report->n_lines, 1);
    arena_fini(&arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_packs_as_protobuf_c_does),
        cmocka_unit_test(test_unknown_fields_are_kept),
        cmocka_unit_test(test_texts_are_looked_at),
        cmocka_unit_test(test_strange_bytes_are_told),
        cmocka_unit_test(test_memory_is_bounded),
        cmocka_unit_test(test_what_comes_again_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
