/* common/text: what is taken as a name or as text, and how foreign text is shown. */
#include "common/check.h"
#include "common/limits.h"
#include "common/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
test_utf8(void **state)
{
    (void)state;
    assert_true(utf8_is_valid("", 0));
    assert_true(utf8_is_valid("gr\xc3\xbc\xc3\x9f \xf0\x9f\x90\x9f", 11));
    static const char *const bad[] = {"\x80",
                                      "\xc0\xaf",
                                      "\xc3",
                                      "\xe2\x82",
                                      "\xe0\x80\xaf",
                                      "\xed\xa0\x80",
                                      "\xf0\x80\x80\x80",
                                      "\xf4\x90\x80\x80",
                                      "\xff"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(utf8_is_valid(bad[i], strlen(bad[i])));
    }
    assert_false(utf8_is_valid("a\0b", 3));
    /* Looked at in words: a bad byte is seen at each place of each length. */
    for (size_t bytes = 1; bytes < 40; bytes++) {
        char text[40];
        memset(text, 'a', sizeof text);
        assert_true(utf8_is_valid(text, bytes));
        for (size_t at = 0; at < bytes; at++) {
            static const char wrong[] = {0, (char)0x80, (char)0xc3, (char)0xff};
            for (size_t i = 0; i < sizeof wrong; i++) {
                text[at] = wrong[i];
                assert_false(utf8_is_valid(text, bytes));
            }
            text[at] = 1;
            assert_true(utf8_is_valid(text, bytes));
            text[at] = 'a';
        }
    }
}

static void
test_names(void **state)
{
    (void)state;
    static const char *const good[] = {"a",        "FIX-001", "bd-1.2",          "a/b",
                                       "libfoo++", "x:y@z~1", "aufgabe-\xc3\xa4"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_true(name_is_valid(good[i], ID_BYTES_MAX));
    }
    static const char *const bad[] = {"",
                                      "../x",
                                      "a/../b",
                                      "/etc",
                                      "a/",
                                      "a//b",
                                      "-rf",
                                      ".hidden",
                                      "a b",
                                      "a\nb",
                                      "\x1b[31m",
                                      "a\tb",
                                      "a;b",
                                      "a\"b",
                                      "a\xff",
                                      "$(x)",
                                      "a\xc2\x9b",
                                      "a\xe2\x80\xae"
                                      "b"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(name_is_valid(bad[i], ID_BYTES_MAX));
    }
    static const char ascii[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "._:@/+~-";
    for (unsigned c = 1; c < 0x100; c++) {
        const char in_the_middle[] = {'a', (char)c, 'b', 0};
        assert_int_equal(name_is_valid(in_the_middle, ID_BYTES_MAX), strchr(ascii, (int)c) != NULL);
    }
    char long_name[ID_BYTES_MAX + 2];
    memset(long_name, 'a', sizeof long_name);
    long_name[ID_BYTES_MAX + 1] = 0;
    assert_false(name_is_valid(long_name, ID_BYTES_MAX));
    long_name[ID_BYTES_MAX] = 0;
    assert_true(name_is_valid(long_name, ID_BYTES_MAX));
}

static void
test_prose(void **state)
{
    (void)state;
    assert_true(prose_is_valid("", 0));
    assert_true(prose_is_valid("two\nlines\tand more", TITLE_BYTES_MAX));
    assert_false(prose_is_valid("abc", 2));
    assert_false(prose_is_valid("\x1b[2J", TITLE_BYTES_MAX));
    assert_false(prose_is_valid("a\rb", TITLE_BYTES_MAX));
    assert_false(prose_is_valid("a\x7f", TITLE_BYTES_MAX));
    assert_false(prose_is_valid("\xfe", TITLE_BYTES_MAX));
}

static void
test_paths_that_stay_below(void **state)
{
    (void)state;
    assert_true(path_stays_below("a/b..c/..d"));
    static const char *const out[] = {"", "/a", "..", "../a", "a/..", "a/../b"};
    for (size_t i = 0; i < ARRAY_LEN(out); i++) {
        assert_false(path_stays_below(out[i]));
    }
    assert_int_equal(prose_control("a\tb\n"), 0);
    assert_int_equal(prose_control("\xff\x1b"), 0x1b);
}

static void
test_foreign_text_is_shown_without_controls(void **state)
{
    (void)state;
    char out[64];
    size_t n = text_escape(out, sizeof out, "a\x1b[31m\nb\xff\xe2\x80\xae", false);
    assert_string_equal(out, "a\\x1b[31m\\nb\\xff\\u{202e}");
    assert_int_equal(n, strlen(out));
    text_escape(out, sizeof out, "a\nb", true);
    assert_string_equal(out, "a\nb");
    /* Cut between characters, never within an escape. */
    assert_int_equal(text_escape(out, 5, "ab\x01", false), 2);
    assert_string_equal(out, "ab");
}

static void
test_characters_are_looked_at_one_by_one(void **state)
{
    (void)state;
    static const struct {
        const char *s;
        size_t bytes;
        uint32_t code;
        bool plain;
    } cases[] = {{"a", 1, 'a', true},          {"\xc5\xbcx", 2, 0x17c, true},
                 {"\xc2\x9b", 2, 0x9b, false}, {"\x7f", 1, 0x7f, false},
                 {"\xff", 1, 0, false},        {"\xe2\x80\xae", 3, 0x202e, false}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint32_t code;
        bool plain;
        assert_int_equal(text_look(cases[i].s, strlen(cases[i].s), &code, &plain), cases[i].bytes);
        assert_int_equal(code, cases[i].code);
        assert_int_equal(plain, cases[i].plain);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_prose),
        cmocka_unit_test(test_paths_that_stay_below),
        cmocka_unit_test(test_foreign_text_is_shown_without_controls),
        cmocka_unit_test(test_characters_are_looked_at_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
