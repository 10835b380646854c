/* common/buf and common/arena. */
#include "common/arena.h"
#include "common/buf.h"

#include <setjmp.h>
#include <stdarg.h>
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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_buffer_grows),
        cmocka_unit_test(test_varints_come_back),
        cmocka_unit_test(test_an_arena_gives_aligned_memory_that_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
