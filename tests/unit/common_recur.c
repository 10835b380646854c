/* Rules of recurring work: what is taken, and the next local time. */
#include "common/recur.h"

#include "common/units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* The next local time, written as if it were UTC. */
static void
expect(const char *rule, const char *from, const char *wanted)
{
    struct recur recur;
    int64_t at;
    char text[64];
    assert_null(recur_parse(rule, &recur));
    assert_true(time_parse(from, NULL, 0, &at));
    at = recur_next_local(&recur, at);
    assert_string_equal(time_format(at, text, sizeof text), wanted);
}

static void
test_cron_fields_are_minute_hour_day_month_weekday(void **state)
{
    (void)state;
    expect("0 9 * * 1-5", "2025-08-09T00:00:00Z", "2025-08-11T09:00:00Z"); /* a Saturday */
    expect("*/15 * * * *", "2025-08-09T10:16:00Z", "2025-08-09T10:30:00Z");
    expect("59 23 31 12 *", "2025-01-01T00:00:00Z", "2025-12-31T23:59:00Z");
    expect("0 0 29 2 *", "2025-01-01T00:00:00Z", "2028-02-29T00:00:00Z");
    expect("0 12 13 * fri", "2025-08-09T00:00:00Z", "2025-08-13T12:00:00Z"); /* one suffices */
    expect("0 12 * * 7", "2025-08-09T00:00:00Z", "2025-08-10T12:00:00Z");    /* 7 is Sunday */
    expect("5,35 8-10/2 * jan-mar mon", "2025-08-09T00:00:00Z", "2026-01-05T08:05:00Z");
    expect("0 9 * * *", "2025-08-09T09:00:00Z", "2025-08-09T09:00:00Z"); /* at or after */
    expect("10/20 0 * * *", "2025-08-09T00:11:00Z", "2025-08-09T00:30:00Z");
}

static void
test_words_are_as_people_write_them(void **state)
{
    (void)state;
    expect("9 AM", "2025-08-09T10:00:00Z", "2025-08-10T09:00:00Z");
    expect("daily 9:00", "2025-08-09T10:00:00Z", "2025-08-10T09:00:00Z");
    expect("Daily at 17:30", "2025-08-09T10:00:00Z", "2025-08-09T17:30:00Z");
    expect("weekly Monday 10:00", "2025-08-09T00:00:00Z", "2025-08-11T10:00:00Z");
    expect("Monday 10 AM", "2025-08-09T00:00:00Z", "2025-08-11T10:00:00Z");
    expect("mon 10am", "2025-08-11T10:00:00Z", "2025-08-11T10:00:00Z");
    expect("weekdays 9:30pm", "2025-08-09T00:00:00Z", "2025-08-11T21:30:00Z");
    expect("monthly 31 12 AM", "2025-02-01T00:00:00Z", "2025-03-31T00:00:00Z");
    expect("hourly", "2025-08-09T10:00:30Z", "2025-08-09T11:00:00Z");
}

static void
test_intervals_are_durations(void **state)
{
    (void)state;
    struct recur recur;
    assert_null(recur_parse("every 15m", &recur));
    assert_int_equal(recur.every_ms, 15 * 60 * 1000);
    assert_null(recur_parse("Every 4 hours", &recur));
    assert_int_equal(recur.every_ms, 4 * 3600 * 1000);
    assert_null(recur_parse("\tevery\t90s", &recur));
    assert_int_equal(recur.every_ms, 90 * 1000);
}

static void
test_what_is_no_rule_is_refused_with_a_reason(void **state)
{
    (void)state;
    static const struct {
        const char *rule;
        const char *word;
    } wrong[] = {
        {"", "when?"},
        {"60 9 * * *", "minute"},
        {"0 24 * * *", "hour"},
        {"0 9 32 * *", "day of the month"},
        {"0 9 * 13 *", "month"},
        {"0 9 * * 8", "weekday"},
        {"0 9 * * mon-", "weekday"},
        {"*/0 9 * * *", "minute"},
        {"5-3 9 * * *", "minute"},
        {"1,,2 9 * * *", "minute"},
        {"0 0 30 2 *", "never"},
        {"every", "duration"},
        {"every 0s", "duration"},
        {"every 10ms", "duration"},
        {"every Monday", "duration"},
        {"daily", "time of day"},
        {"daily 25:00", "time of day"},
        {"daily 9:5", "time of day"},
        {"13 PM", "time of day"},
        {"0 AM", "time of day"},
        {"daily 9:00 sharp", "time of day"},
        {"weekly 10:00", "which day"},
        {"monthly 32 9:00", "which day"},
        {"hourly 9:00", "alone"},
        {"fortnightly 9:00", "time of day"},
        {"a b c d e f g h i j", "too long"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct recur recur = {.every_ms = 77};
        const char *why = recur_parse(wrong[i].rule, &recur);
        if (!why || !strstr(why, wrong[i].word)) {
            fail_msg("%s: %s", wrong[i].rule, why ? why : "taken");
        }
        assert_int_equal(recur.every_ms, 77);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cron_fields_are_minute_hour_day_month_weekday),
        cmocka_unit_test(test_words_are_as_people_write_them),
        cmocka_unit_test(test_intervals_are_durations),
        cmocka_unit_test(test_what_is_no_rule_is_refused_with_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
