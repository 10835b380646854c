/* When rules come due in zones whose clocks are put forward and back. */
#include "broker/front/zone.h"

#include "common/units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* `wanted` are the next times, in UTC; ended by NULL. */
static void
expect(const char *name, const char *rule, const char *from, const char *const *wanted)
{
    struct zone *zone = zone_open(name);
    struct recur recur;
    int64_t at;
    assert_non_null(zone);
    assert_null(recur_parse(rule, &recur));
    assert_true(time_parse(from, NULL, 0, &at));
    for (; *wanted; wanted++) {
        char text[64];
        at = zone_next(zone, &recur, 0, at);
        assert_string_equal(time_format(at, text, sizeof text), *wanted);
    }
    zone_close(zone);
}

#define EXPECT(zone, rule, from, ...)                                                              \
    expect(zone, rule, from, (const char *const[]){__VA_ARGS__, NULL})

static void
test_the_time_of_day_is_that_of_the_zone(void **state)
{
    (void)state;
    EXPECT("UTC", "daily 9:00", "2025-08-12T09:00:00Z", "2025-08-13T09:00:00Z",
           "2025-08-14T09:00:00Z");
    EXPECT("Europe/Berlin", "daily 9:00", "2025-10-24T12:00:00Z", "2025-10-25T07:00:00Z",
           "2025-10-26T08:00:00Z", "2025-10-27T08:00:00Z");
    EXPECT("Asia/Kolkata", "weekly Monday 10:00", "2025-08-12T00:00:00Z", "2025-08-18T04:30:00Z");
    EXPECT("America/New_York", "0 20 * * *", "2025-03-08T20:00:00Z", "2025-03-09T01:00:00Z",
           "2025-03-10T00:00:00Z");
}

/* 2025-03-30 in Berlin: 02:00 to 03:00 is not there. */
static void
test_a_time_that_does_not_exist_comes_once_after_the_gap(void **state)
{
    (void)state;
    EXPECT("Europe/Berlin", "daily 2:30", "2025-03-29T00:00:00Z", "2025-03-29T01:30:00Z",
           "2025-03-30T01:00:00Z", "2025-03-31T00:30:00Z");
    EXPECT("Europe/Berlin", "*/20 2 * * *", "2025-03-29T12:00:00Z", "2025-03-30T01:00:00Z",
           "2025-03-31T00:00:00Z", "2025-03-31T00:20:00Z");
    EXPECT("Europe/Berlin", "*/20 2-3 * * *", "2025-03-29T12:00:00Z", "2025-03-30T01:00:00Z",
           "2025-03-30T01:20:00Z");
    EXPECT("Europe/Berlin", "hourly", "2025-03-29T23:30:00Z", "2025-03-30T00:00:00Z",
           "2025-03-30T01:00:00Z", "2025-03-30T02:00:00Z");
    /* A whole day is not there: Samoa went over the date line. */
    EXPECT("Pacific/Apia", "0 12 30 12 *", "2011-12-01T00:00:00Z", "2011-12-30T10:00:00Z");
}

/* 2025-10-26 in Berlin: 02:00 to 03:00 comes twice. */
static void
test_a_time_that_exists_twice_comes_once(void **state)
{
    (void)state;
    EXPECT("Europe/Berlin", "daily 2:30", "2025-10-25T12:00:00Z", "2025-10-26T00:30:00Z",
           "2025-10-27T01:30:00Z");
    EXPECT("Europe/Berlin", "30 2 * * *", "2025-10-26T00:45:00Z", "2025-10-27T01:30:00Z");
    EXPECT("Europe/Berlin", "30 1-3 * * *", "2025-10-25T22:00:00Z", "2025-10-25T23:30:00Z",
           "2025-10-26T00:30:00Z", "2025-10-26T02:30:00Z");
    /* What goes by the hour goes by the hour. */
    EXPECT("Europe/Berlin", "30 * * * *", "2025-10-26T00:00:00Z", "2025-10-26T00:30:00Z",
           "2025-10-26T01:30:00Z", "2025-10-26T02:30:00Z");
    /* Half an hour, in the south. */
    EXPECT("Australia/Lord_Howe", "45 1 * * *", "2025-04-04T20:00:00Z", "2025-04-05T14:45:00Z",
           "2025-04-06T15:15:00Z");
}

static void
test_an_interval_counts_from_its_anchor(void **state)
{
    (void)state;
    struct zone *zone = zone_open("Europe/Berlin");
    struct recur recur;
    assert_null(recur_parse("every 4h", &recur));
    assert_int_equal(zone_next(zone, &recur, 5000, 0), 5000);
    assert_int_equal(zone_next(zone, &recur, 5000, 5000), 5000 + 4 * 3600 * 1000);
    assert_int_equal(zone_next(zone, &recur, 5000, 4 * 3600 * 1000 + 4999), 5000 + 4 * 3600 * 1000);
    zone_close(zone);
}

/* The first fifty of each rule, against a look at every minute. */
static void
test_it_agrees_with_looking_at_every_minute(void **state)
{
    (void)state;
    static const char *const rules[] = {"15 * * * *", "7 */6 1,15 * *", "0 12 * * sun"};
    struct zone *zone = zone_open("America/Sao_Paulo"); /* no clock is put there any more */
    for (size_t r = 0; r < sizeof rules / sizeof rules[0]; r++) {
        struct recur recur;
        int64_t at, wanted;
        assert_null(recur_parse(rules[r], &recur));
        assert_true(time_parse("2025-01-01T00:00:00Z", NULL, 0, &at));
        wanted = at;
        for (int n = 0; n < 50; n++) {
            do {
                wanted += 60000;
            } while (recur_next_local(&recur, wanted - 3 * 3600 * 1000) !=
                     wanted - 3 * 3600 * 1000);
            at = zone_next(zone, &recur, 0, at);
            assert_int_equal(at, wanted);
        }
    }
    zone_close(zone);
}

static void
test_what_is_no_zone_is_none(void **state)
{
    (void)state;
    static const char *const names[] = {"Mars/Olympus", "../../etc/passwd", "/etc/localtime",
                                        "Europe/", "EST5EDT4,M3.2.0,M11.1.0"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_null(zone_open(names[i]));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_time_of_day_is_that_of_the_zone),
        cmocka_unit_test(test_a_time_that_does_not_exist_comes_once_after_the_gap),
        cmocka_unit_test(test_a_time_that_exists_twice_comes_once),
        cmocka_unit_test(test_an_interval_counts_from_its_anchor),
        cmocka_unit_test(test_it_agrees_with_looking_at_every_minute),
        cmocka_unit_test(test_what_is_no_zone_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
