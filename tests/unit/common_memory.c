/* common/buf and common/arena, and what becomes of packing and unpacking without memory. */
#include "allocations.h"
#include "common/arena.h"
#include "common/pack.h"
#include "common/unpack.h"

#include "wire.pb-c.h"

#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
test_a_buffer_grows(void **state)
{
    (void)state;
    struct buf buf = {0};
    buf_add(&buf, "", 0);
    assert_null(buf.data);
    for (int i = 0; i < 1000; i++) {
        buf_printf(&buf, "%d,", i);
    }
    assert_int_equal(buf.bytes, 3890);
    assert_int_equal(strlen(buf_text(&buf)), 3890);
    assert_int_equal(strncmp(buf_text(&buf), "0,1,2,3,", 8), 0);
    buf_clear(&buf);
    buf_add_text(&buf, "x");
    assert_string_equal(buf_text(&buf), "x");
    buf_fini(&buf);
    assert_int_equal(buf.room, 0);
}

static void
test_varints_come_back(void **state)
{
    (void)state;
    static const uint64_t values[] = {0, 1, 127, 128, 300, UINT32_MAX, UINT64_MAX};
    struct buf buf = {0};
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        buf_add_varint(&buf, values[i]);
    }
    size_t pos = 0;
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        uint64_t value = 42;
        assert_int_equal(varint_read(buf.data, buf.bytes, &pos, &value), 1);
        assert_true(value == values[i]);
    }
    assert_int_equal(pos, buf.bytes);
    uint64_t value;
    assert_int_equal(varint_read(buf.data, buf.bytes, &pos, &value), 0);
    static const uint8_t endless[11] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                        0xff, 0xff, 0xff, 0xff, 0xff};
    pos = 0;
    assert_int_equal(varint_read(endless, sizeof endless, &pos, &value), 0);
    buf_fini(&buf);
}

/* Of each length, with nothing behind it or much; cut anywhere, and longer than is allowed. */
static void
test_varints_of_all_lengths(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2 * 64; i++) {
        uint64_t value = (UINT64_C(1) << i / 2) - (i & 1);
        for (size_t behind = 0; behind < 12; behind++) {
            uint8_t *bytes = malloc(VARINT_BYTES_MAX + behind);
            size_t n = (size_t)(varint_put(bytes, value) - bytes);
            memset(bytes + n, 0xff, behind);
            uint8_t *exact = realloc(bytes, n + behind); /* a sanitizer sees a byte too far */
            struct varint got = varint_get(exact, exact + n + behind, n);
            assert_true(got.value == value);
            assert_ptr_equal(got.behind, exact + n);
            assert_true(n == 1 || !varint_get(exact, exact + n + behind, n - 1).behind);
            for (size_t cut = 0; cut < n; cut++) {
                assert_null(varint_get(exact, exact + cut, VARINT_BYTES_MAX).behind);
            }
            free(exact);
        }
    }
}

static void
test_an_arena_gives_aligned_memory_that_stays(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    char *words[500];
    for (int i = 0; i < 500; i++) {
        words[i] = arena_printf(&arena, "word %d", i);
        assert_int_equal((uintptr_t)words[i] % _Alignof(max_align_t), 0);
        memset(arena_alloc(&arena, (size_t)i * 37), 0xee, (size_t)i * 37);
    }
    for (int i = 0; i < 500; i++) {
        char expected[32];
        snprintf(expected, sizeof expected, "word %d", i);
        assert_string_equal(words[i], expected);
    }
    uint64_t *zeros = arena_calloc(&arena, 1000, sizeof *zeros);
    for (int i = 0; i < 1000; i++) {
        assert_true(zeros[i] == 0);
    }
    assert_true(arena.used > 4600000);
    arena_reset(&arena);
    assert_int_equal(arena.used, 0);
    assert_string_equal(arena_strdup(&arena, "again"), "again");
    arena_fini(&arena);
    assert_null(arena.first);
}

/* A request with everything that makes a buffer grow: texts, messages, lists, bytes. */
/* A message like the one before it takes nothing from the system. */
static void
test_an_arena_keeps_room_for_as_much_again(void **state)
{
    (void)state;
    enum { PIECES = 3000, PIECE_BYTES = 1000 };
    struct arena arena;
    arena_init(&arena);
    const struct arena_block *kept = NULL;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < PIECES; i++) {
            memset(arena_alloc(&arena, PIECE_BYTES), round, PIECE_BYTES);
        }
        if (round > 0) {
            assert_ptr_equal(arena.first, kept);
        }
        arena_reset(&arena);
        assert_non_null(arena.first);
        kept = arena.first;
    }
    arena_fini(&arena);
}

static Baton__ToBroker *
large_request(struct arena *arena)
{
    enum { TASKS = 40, WORDS = 50 };
    Baton__ToBroker *m = arena_alloc(arena, sizeof *m);
    Baton__Submit *submit = arena_alloc(arena, sizeof *submit);
    *m = (Baton__ToBroker)BATON__TO_BROKER__INIT;
    *submit = (Baton__Submit)BATON__SUBMIT__INIT;
    m->op_case = BATON__TO_BROKER__OP_SUBMIT;
    m->submit = submit;
    submit->n_tasks = TASKS;
    submit->tasks = arena_calloc(arena, TASKS, sizeof *submit->tasks);
    for (size_t i = 0; i < TASKS; i++) {
        Baton__Spec *spec = submit->tasks[i] = arena_alloc(arena, sizeof *spec);
        *spec = (Baton__Spec)BATON__SPEC__INIT;
        spec->id = arena_printf(arena, "task %zu", i);
        spec->n_command = i % WORDS;
        spec->command = arena_calloc(arena, WORDS, sizeof *spec->command);
        for (size_t k = 0; k < spec->n_command; k++) {
            spec->command[k] = spec->id;
        }
        spec->payload.len = 30 * i;
        spec->payload.data = arena_calloc(arena, 30 * i, 1);
    }
    return m;
}

static void
test_packing_without_memory_is_known_at_the_end(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    Baton__ToBroker *m = large_request(&arena);
    size_t bytes = baton__to_broker__get_packed_size(m);
    uint8_t *expected = arena_alloc(&arena, bytes);
    baton__to_broker__pack(m, expected);
    long n = 0;
    for (bool failed = true; failed;) {
        struct buf buf = {.is_soft = true};
        allocations_left = ++n;
        pack_sized(&buf, &m->base);
        buf_add_text(&buf, "x");
        allocations_left = -1;
        failed = buf.failed;
        size_t pos = 0;
        uint64_t length = 0;
        assert_true(failed || varint_read(buf.data, buf.bytes, &pos, &length));
        assert_true(failed || (length == bytes && buf.bytes == pos + bytes + 1));
        assert_true(failed || memcmp(buf.data + pos, expected, bytes) == 0);
        buf_fini(&buf);
        assert_true(buf.is_soft && !buf.failed);
    }
    assert_in_range(n, 10, 100); /* it failed so often before */
    arena_fini(&arena);
}

static void
test_unpacking_without_memory_is_refused(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    struct buf packed = {0};
    pack(&packed, &large_request(&arena)->base);
    alignas(max_align_t) uint8_t lent[512];
    const Baton__ToBroker *m = NULL;
    long n = 0;
    while (!m) {
        struct arena soft;
        arena_init_soft(&soft, lent, sizeof lent);
        allocations_left = ++n;
        m = unpack_own(&soft, &baton__to_broker__descriptor, packed.bytes, packed.data);
        allocations_left = -1;
        assert_int_equal(soft.failed, m == NULL);
        assert_int_equal(soft.first == NULL, n == 1);
        if (m) {
            assert_string_equal(m->submit->tasks[39]->command[38], "task 39");
        }
        arena_fini(&soft);
    }
    assert_in_range(n, 4, 100);
    buf_fini(&packed);
    arena_fini(&arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_buffer_grows),
        cmocka_unit_test(test_varints_come_back),
        cmocka_unit_test(test_varints_of_all_lengths),
        cmocka_unit_test(test_an_arena_gives_aligned_memory_that_stays),
        cmocka_unit_test(test_an_arena_keeps_room_for_as_much_again),
        cmocka_unit_test(test_packing_without_memory_is_known_at_the_end),
        cmocka_unit_test(test_unpacking_without_memory_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
