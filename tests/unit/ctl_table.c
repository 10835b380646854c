#include "ctl/table.h"

#include "ctl_bench.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct table_column columns[] = {
    {.title = "ID"},
    {.title = "N", .right = true},
    {.title = "TITLE", .shrink = true},
};

static void
add_row(struct table *table, const char *id, uint64_t n, const char *title)
{
    table_add(table, id);
    table_add_number(table, n);
    table_add(table, title);
}

/* Every line of the output must fit. */
static void
assert_fits(const char *out, size_t width)
{
    while (*out) {
        char line[4096];
        size_t n = strcspn(out, "\n");
        assert_true(n < sizeof line);
        memcpy(line, out, n);
        line[n] = 0;
        if (text_columns(line) > width) {
            fail_msg("%zu columns, not %zu: %s", text_columns(line), width, line);
        }
        out += n + (out[n] == '\n');
    }
}

static void
test_columns_are_aligned(void **state)
{
    (void)state;
    struct bench bench;
    struct table table;
    bench_init(&bench);
    table_init(&table, columns, ARRAY_LEN(columns));
    add_row(&table, "long-name", 5, "first");
    add_row(&table, "x", 1000, "second");
    table_print(&table, &bench.ctl);
    assert_string_equal(bench_out(&bench), "ID            N  TITLE\n"
                                           "long-name     5  first\n"
                                           "x          1000  second\n");
    table_fini(&table);
    bench_fini(&bench);
}

static void
test_a_table_fits_every_width(void **state)
{
    (void)state;
    for (int width = 1; width < 120; width++) {
        struct bench bench;
        struct table table;
        bench_init(&bench);
        bench.ctl.width = width;
        table_init(&table, columns, ARRAY_LEN(columns));
        add_row(&table, "an-identifier", 123456, "a title that is much longer than the window");
        add_row(&table, "b", 1, "größer und breiter: 漢字漢字漢字漢字漢字漢字漢字漢字");
        table_print(&table, &bench.ctl);
        assert_fits(bench_out(&bench), (size_t)width);
        table_fini(&table);
        bench_fini(&bench);
    }
}

static void
test_what_is_cut_ends_with_an_ellipsis(void **state)
{
    (void)state;
    char out[64];
    assert_string_equal(text_cut("abcdef", 6, out, sizeof out), "abcdef");
    assert_string_equal(text_cut("abcdef", 5, out, sizeof out), "abcd…");
    assert_string_equal(text_cut("äöüß", 3, out, sizeof out), "äö…");
    assert_string_equal(text_cut("漢字漢字", 4, out, sizeof out), "漢…");
    assert_string_equal(text_cut("abc", 0, out, sizeof out), "");
    assert_string_equal(text_cut("a\xff", 2, out, sizeof out), "a\xff");
}

static void
test_cells_are_made_safe(void **state)
{
    (void)state;
    struct bench bench;
    struct table table;
    bench_init(&bench);
    bench.ctl.color = true;
    table_init(&table, columns, ARRAY_LEN(columns));
    add_row(&table, "running", 1, "\033[2J\nsecond line");
    table_print(&table, &bench.ctl);
    const char *out = bench_out(&bench);
    assert_null(strstr(out, "\033[2J"));
    assert_non_null(strstr(out, "\\x1b[2J\\nsecond line"));
    /* A state's word has its colour. */
    assert_non_null(strstr(out, "\033[34mrunning\033[0m"));
    table_fini(&table);
    bench_fini(&bench);
}

static void
test_no_colours_when_there_are_none(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench);
    assert_string_equal(color_of_state(&bench.ctl, "failed"), "");
    assert_string_equal(color_bold(&bench.ctl), "");
    assert_string_equal(color_end(&bench.ctl), "");
    bench_fini(&bench);
}

int
main(void)
{
    setlocale(LC_CTYPE, "C.UTF-8");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns_are_aligned),
        cmocka_unit_test(test_a_table_fits_every_width),
        cmocka_unit_test(test_what_is_cut_ends_with_an_ellipsis),
        cmocka_unit_test(test_cells_are_made_safe),
        cmocka_unit_test(test_no_colours_when_there_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
