/* common/units: durations and times as people write them. */
#include "common/check.h"
#include "common/limits.h"
#include "common/units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
test_durations_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"90", 90000},
        {"90s", 90000},
        {"0", 0},
        {"250ms", 250},
        {"2h30m", 9000000},
        {"2h 30m", 9000000},
        {"1.5h", 5400000},
        {"1d", 86400000},
        {"1w", 604800000},
        {"4 hours", 14400000},
        {"15 minutes", 900000},
        {"0.001s", 1},
        {" 2 days ", 172800000},
        {"1 Day 1 Hour", 90000000},
        {"87600h", DURATION_MS_MAX},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t ms = -1;
        assert_true(duration_parse(cases[i].text, &ms));
        assert_int_equal(ms, cases[i].ms);
    }
}

static void
test_what_is_no_duration_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "  ",
        "h",
        "-1s",
        "1x",
        "1s x",
        "1.s",
        "1.2345s",
        ".5s",
        "1 2",
        "1h30",
        "< 4 hours",
        "1e3",
        "1\x1b[31ms",
        "11 years",
        "99999999999999999999s",
        "3651d",
        "999999999999999w",
        "Next business day",
        "1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s"};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t ms = 77;
        assert_false(duration_parse(cases[i], &ms));
        assert_int_equal(ms, 77);
    }
}

static void
test_durations_are_written_with_two_units(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {{0, "0s"},
                 {1, "1ms"},
                 {250, "250ms"},
                 {1500, "1s 500ms"},
                 {90000, "1m 30s"},
                 {5400000, "1h 30m"},
                 {86400000, "1d"},
                 {273600000, "3d 4h"},
                 {3600001, "1h"},
                 {-1500, "-1s 500ms"},
                 {INT64_MIN, "-15250284452w 3d"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char out[64];
        assert_string_equal(duration_format(cases[i].ms, out, sizeof out), cases[i].text);
    }
}

static void
test_times_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2025-08-12T18:00:00Z", 1755021600000},
        {"2025-08-12 18:00", 1755021600000},
        {"2025-08-12T18:00:00.250Z", 1755021600250},
        {"2025-08-12T20:00:00+02:00", 1755021600000},
        {"2025-08-12T12:30-0530", 1755021600000},
        {"2025-08-12", 1755043199000},
        {"2024-02-29", 1709251199000},
        {"9999-12-31T23:59:59Z", 253402300799000},
        {"+2h", 7201000},
        {"in 15 minutes", 901000},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t ms = -1;
        assert_true(time_parse(cases[i].text, NULL, 1000, &ms));
        assert_int_equal(ms, cases[i].ms);
    }
}

static void
test_what_is_no_time_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "soon",
        "ISO 8601",
        "2025-13-01",
        "2025-02-29",
        "2100-02-29",
        "2025-00-10",
        "2025-01-32",
        "1969-12-31",
        "1970-01-01T00:00+01:00",
        "10000-01-01",
        "2025-8-12",
        "2025-08-12T",
        "2025-08-12T24:00",
        "2025-08-12T18:60",
        "2025-08-12T18:00:61Z",
        "2025-08-12T18:00:00.Z",
        "2025-08-12T18:00:00Z now",
        "2025-08-12T18:00+99:00",
        "2025-08-12T18:00+01:60",
        "+11 years",
        "in",
        "2025-08-12T18:00:00.0000000000000000000000000000000000000000000000000000000000Z"};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t ms = 77;
        assert_false(time_parse(cases[i], "", 0, &ms));
        assert_int_equal(ms, 77);
    }
}

static void
test_a_zone_moves_the_end_of_a_day(void **state)
{
    (void)state;
    if (!zone_is_known("Europe/Berlin")) {
        print_message("SKIPPED: no tzdata on this machine\n");
        skip();
    }
    setenv("TZ", "Asia/Tokyo", 1);
    int64_t ms = -1;
    assert_true(time_parse("2025-08-12", "Europe/Berlin", 0, &ms)); /* summer */
    assert_int_equal(ms, 1755043199000 - 2 * 3600000);
    assert_true(time_parse("2025-01-12T10:00", "Europe/Berlin", 0, &ms)); /* winter */
    assert_int_equal(ms, 1736672400000);
    assert_true(time_parse("2025-08-12T18:00Z", "Europe/Berlin", 0, &ms));
    assert_int_equal(ms, 1755021600000);
    assert_string_equal(getenv("TZ"), "Asia/Tokyo");
}

static void
test_unknown_and_hostile_zones_are_refused(void **state)
{
    (void)state;
    static const char *const zones[] = {"Mars/Olympus",
                                        "../../../etc/passwd",
                                        "/etc/localtime",
                                        ":Europe/Paris",
                                        "Europe/../../passwd",
                                        "Europe",
                                        "CET-1",
                                        "zone.tab",
                                        "Europe/Berlin\n"};
    for (size_t i = 0; i < ARRAY_LEN(zones); i++) {
        int64_t ms;
        assert_false(zone_is_known(zones[i]));
        assert_false(time_parse("2025-08-12", zones[i], 0, &ms));
    }
    assert_true(zone_is_known(NULL));
    assert_true(zone_is_known(""));
    assert_true(zone_is_known("UTC"));
}

static void
test_times_are_written_and_read_back(void **state)
{
    (void)state;
    char out[64];
    assert_string_equal(time_format(1755021600000, out, sizeof out), "2025-08-12T18:00:00Z");
    assert_string_equal(time_format(1755021600007, out, sizeof out), "2025-08-12T18:00:00.007Z");
    assert_string_equal(time_format(INT64_MAX, out, sizeof out), "9999-12-31T23:59:59.999Z");
    /* Steps that visit every kind of day of several centuries. */
    for (int64_t ms = 0; ms < TIME_MS_MAX / 16; ms += 86399123 * INT64_C(7)) {
        int64_t again = -1;
        assert_true(time_parse(time_format(ms, out, sizeof out), NULL, 0, &again));
        assert_int_equal(again, ms);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_durations_are_read),
        cmocka_unit_test(test_what_is_no_duration_is_refused),
        cmocka_unit_test(test_durations_are_written_with_two_units),
        cmocka_unit_test(test_times_are_read),
        cmocka_unit_test(test_what_is_no_time_is_refused),
        cmocka_unit_test(test_a_zone_moves_the_end_of_a_day),
        cmocka_unit_test(test_unknown_and_hostile_zones_are_refused),
        cmocka_unit_test(test_times_are_written_and_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
