/* Rows for COPY: each value as the server reads it back. */
#include "broker/export/copy.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static void
test_times_are_those_of_the_calendar(void **state)
{
    (void)state;
    struct buf rows = {0};
    /* Days of five centuries, and a moment in each. */
    for (int64_t day = 0; day < 200000; day++) {
        time_t s = (time_t)(day * 86400 + day % 86400);
        struct tm tm;
        char want[64];
        char whole[80];
        gmtime_r(&s, &tm);
        strftime(want, sizeof want, "%Y-%m-%d %H:%M:%S", &tm);
        snprintf(whole, sizeof whole, "%s.%03d+00\n", want, (int)(day % 999 + 1));
        buf_clear(&rows);
        copy_time(&rows, (int64_t)s * 1000 + day % 999 + 1);
        copy_end(&rows);
        assert_string_equal(buf_text(&rows), whole);
    }
    buf_clear(&rows);
    copy_time(&rows, 0);
    copy_end(&rows);
    assert_string_equal(buf_text(&rows), "\\N\n");
    buf_fini(&rows);
}

static void
test_texts_are_escaped_and_always_utf8(void **state)
{
    (void)state;
    struct buf rows = {0};
    copy_text(&rows, "a\tb\nc\rd\\e\\N");
    copy_text(&rows, "\xc3\xa9\xff\xed\xa0\x80z");
    copy_text(&rows, "");
    copy_text_or_null(&rows, "");
    copy_number(&rows, INT64_MIN);
    copy_number_or_null(&rows, 0);
    copy_bool(&rows, true);
    copy_end(&rows);
    assert_string_equal(buf_text(&rows),
                        "a\\tb\\nc\\rd\\\\e\\\\N\t"
                        "\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\t"
                        "\t\\N\t-9223372036854775808\t\\N\tt\n");
    buf_fini(&rows);
}

static void
test_json_survives_what_is_in_it(void **state)
{
    (void)state;
    struct buf json = {0};
    json_string(&json, "a\"b\\c\n\x01\xfe");
    json_number(&json, 0.1);
    json_number(&json, (double)INFINITY);
    assert_string_equal(buf_text(&json),
                        "\"a\\\"b\\\\c\\u000a\\u0001\xef\xbf\xbd\"0.10000000000000001null");
    buf_fini(&json);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_times_are_those_of_the_calendar),
        cmocka_unit_test(test_texts_are_escaped_and_always_utf8),
        cmocka_unit_test(test_json_survives_what_is_in_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
