/* Frames that are not trusted, and the ones that we make. */
#include "broker/front/wire.h"
#include "common/alloc.h"
#include "common/buf.h"
#include "common/fields.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct buf
frame_of(const Baton__ToBroker *message)
{
    struct buf frame = {0};
    buf_add(&frame, wire_preamble, WIRE_PREAMBLE_BYTES);
    size_t bytes = baton__to_broker__get_packed_size(message);
    baton__to_broker__pack(message, buf_reserve(&frame, bytes));
    frame.bytes += bytes;
    return frame;
}

static struct buf
submit_frame(uint64_t id, const char *title)
{
    Baton__Spec spec = BATON__SPEC__INIT;
    spec.title = (char *)(uintptr_t)title;
    Baton__Spec *specs[] = {&spec};
    Baton__Submit submit = BATON__SUBMIT__INIT;
    submit.tasks = specs;
    submit.n_tasks = 1;
    Baton__ToBroker message = BATON__TO_BROKER__INIT;
    message.id = id;
    message.acked = id * 7;
    message.op_case = BATON__TO_BROKER__OP_SUBMIT;
    message.submit = &submit;
    return frame_of(&message);
}

static void
test_preamble(void **state)
{
    (void)state;
    struct arena arena;
    struct wire_frame seen = {0};
    arena_init(&arena);
    assert_int_equal(wire_unpack((const uint8_t *)"BTN", 3, &arena, &seen), WIRE_STRANGE);
    assert_int_equal(wire_unpack((const uint8_t *)"XTN\1", 4, &arena, &seen), WIRE_STRANGE);
    assert_int_equal(wire_unpack((const uint8_t *)"BTN\2", 4, &arena, &seen), WIRE_VERSION_X);
    assert_int_equal(wire_unpack((const uint8_t *)"BTN\1", 4, &arena, &seen), WIRE_OK);
    assert_int_equal(seen.message->op_case, BATON__TO_BROKER__OP__NOT_SET);
    arena_fini(&arena);
}

static void
test_text_must_be_utf8_without_nul(void **state)
{
    (void)state;
    struct arena arena;
    struct wire_frame seen = {0};
    arena_init(&arena);
    struct buf frame = submit_frame(1, "TITLE");
    assert_int_equal(wire_unpack(frame.data, frame.bytes, &arena, &seen), WIRE_OK);
    assert_string_equal(seen.message->submit->tasks[0]->title, "TITLE");
    uint8_t *title = memmem(frame.data, frame.bytes, "TITLE", 5);
    title[2] = 0xc3;
    assert_int_equal(wire_unpack(frame.data, frame.bytes, &arena, &seen), WIRE_MALFORMED);
    title[2] = 0;
    assert_int_equal(wire_unpack(frame.data, frame.bytes, &arena, &seen), WIRE_NUL);
    assert_string_equal(seen.nul_field, "title");
    assert_int_equal(seen.message->id, 1);
    title[2] = 'T';
    for (size_t cut = WIRE_PREAMBLE_BYTES + 1; cut < frame.bytes; cut++) {
        enum wire_status status = wire_unpack(frame.data, cut, &arena, &seen);
        assert_true(status == WIRE_OK || status == WIRE_MALFORMED);
    }
    assert_int_equal(wire_unpack(frame.data, frame.bytes - 1, &arena, &seen), WIRE_MALFORMED);
    buf_fini(&frame);
    arena_fini(&arena);
}

/* What the core may keep without packing it again. */
static void
test_operation_is_found_as_it_stands(void **state)
{
    (void)state;
    struct arena arena;
    struct wire_frame seen = {0};
    size_t bytes;
    arena_init(&arena);
    struct buf frame = submit_frame(1, "TITLE");
    assert_int_equal(wire_unpack(frame.data, frame.bytes, &arena, &seen), WIRE_OK);
    assert_false(seen.is_strange);
    uint32_t op = BATON__TO_BROKER__OP_SUBMIT;
    const uint8_t *submit = wire_operation(frame.data, frame.bytes, op, &bytes);
    static const uint8_t expected[] = {0x0a, 7, 0x22, 5, 'T', 'I', 'T', 'L', 'E'};
    assert_int_equal(bytes, sizeof expected);
    assert_memory_equal(submit, expected, bytes);
    /* Another field that could be taken for it, or a second one of its kind: not as packed. */
    static const uint8_t more[] = {0xc2, 0x0c, 2, 0x0a, 0, 0x62, 2, 0x0a, 0};
    for (size_t at = 0; at < 2; at++) {
        struct buf longer = {0};
        buf_add(&longer, frame.data, frame.bytes);
        buf_add(&longer, more + 5 * at, at ? 4 : 5);
        assert_int_equal(wire_unpack(longer.data, longer.bytes, &arena, &seen), WIRE_OK);
        assert_int_equal(seen.message->op_case, op);
        assert_int_equal(seen.message->submit->n_tasks, at ? 2 : 1);
        assert_true(seen.is_strange);
        buf_fini(&longer);
    }
    buf_fini(&frame);
    arena_fini(&arena);
}

/* Eight million empty tasks of two bytes each. */
static void
test_memory_is_bounded(void **state)
{
    (void)state;
    enum { BYTES = 16 * 1024 * 1024 };
    struct buf frame = {0};
    buf_add(&frame, wire_preamble, WIRE_PREAMBLE_BYTES);
    buf_add_varint(&frame, 1 << 3);
    buf_add_varint(&frame, 77);
    buf_add_varint(&frame, BATON__TO_BROKER__OP_SUBMIT << 3 | 2);
    buf_add_varint(&frame, BYTES);
    uint8_t *p = buf_reserve(&frame, BYTES);
    for (size_t i = 0; i < BYTES; i += 2) {
        p[i] = 1 << 3 | 2;
        p[i + 1] = 0;
    }
    frame.bytes += BYTES;
    struct arena arena;
    struct wire_frame seen = {0};
    arena_init(&arena);
    assert_int_equal(wire_unpack(frame.data, frame.bytes, &arena, &seen), WIRE_TOO_LARGE);
    assert_int_equal(wire_id(frame.data, frame.bytes), 77);
    assert_true(arena.used <= WIRE_UNPACKED_BASE + frame.bytes * (WIRE_UNPACKED_FACTOR + 1));
    buf_fini(&frame);
    arena_fini(&arena);
}

static void
test_digest_is_of_the_operation(void **state)
{
    (void)state;
    struct buf a = submit_frame(1, "one");
    struct buf b = submit_frame(2, "one");
    struct buf c = submit_frame(1, "two");
    assert_true(wire_digest(a.data, a.bytes) == wire_digest(b.data, b.bytes));
    assert_false(wire_digest(a.data, a.bytes) == wire_digest(c.data, c.bytes));
    buf_fini(&a);
    buf_fini(&b);
    buf_fini(&c);
}

static void
test_answers(void **state)
{
    (void)state;
    Baton__Done done = BATON__DONE__INIT;
    done.event = 300;
    Baton__FromBroker message = BATON__FROM_BROKER__INIT;
    message.op_case = BATON__FROM_BROKER__OP_DONE;
    message.done = &done;
    size_t bytes;
    uint8_t *data = wire_pack(UINT64_MAX, &message, &bytes);
    assert_memory_equal(data, "BTN\1", 4);
    Baton__FromBroker *got = baton__from_broker__unpack(NULL, bytes - 4, data + 4);
    assert_non_null(got);
    assert_true(got->id == UINT64_MAX);
    assert_false(got->replayed);
    assert_int_equal(got->done->event, 300);
    baton__from_broker__free_unpacked(got, NULL);
    free(data);

    uint8_t body[64];
    size_t body_bytes = baton__from_broker__pack(&message, body);
    data = wire_frame(9, true, body, body_bytes, &bytes);
    got = baton__from_broker__unpack(NULL, bytes - 4, data + 4);
    assert_non_null(got);
    assert_int_equal(got->id, 9);
    assert_true(got->replayed);
    assert_int_equal(got->done->event, 300);
    baton__from_broker__free_unpacked(got, NULL);
    free(data);
}

static void
test_fields(void **state)
{
    (void)state;
    static const uint8_t good[] = {0x08, 0x96, 0x01, 0x12, 0x02, 'h', 'i', 0x08, 0x05};
    assert_int_equal(field_varint(good, sizeof good, 1), 5);
    assert_int_equal(field_varint(good, 3, 1), 150);
    assert_int_equal(field_varint(good, sizeof good, 2), 0);
    struct field field;
    size_t pos = 3;
    assert_true(field_next(good, sizeof good, &pos, &field));
    assert_int_equal(field.number, 2);
    assert_memory_equal(field.data, "hi", 2);
    assert_int_equal(field.whole_bytes, 4);
    pos = 3;
    assert_false(field_next(good, 6, &pos, &field));
    static const uint8_t fixed[] = {0x09, 1, 2, 3, 4, 5, 6, 7};
    pos = 0;
    assert_false(field_next(fixed, sizeof fixed, &pos, &field));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_preamble),
        cmocka_unit_test(test_text_must_be_utf8_without_nul),
        cmocka_unit_test(test_operation_is_found_as_it_stands),
        cmocka_unit_test(test_memory_is_bounded),
        cmocka_unit_test(test_digest_is_of_the_operation),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
