/* When the next business day ends: weekends, summer time, the zone of the machine. */
#include "broker/front/calendar.h"

#include "common/units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static int64_t
at(const char *text)
{
    int64_t ms;
    assert_true(time_parse(text, NULL, 0, &ms));
    return ms;
}

static void
expect(const char *now, const char *end)
{
    struct calendar calendar = {0};
    char said[64], wanted[64];
    time_format(calendar_business_end(&calendar, at(now)), said, sizeof said);
    time_format(at(end), wanted, sizeof wanted);
    assert_string_equal(said, wanted);
}

static void
use_zone(const char *zone)
{
    setenv("TZ", zone, 1);
    tzset();
}

static void
test_the_next_working_day_at_five(void **state)
{
    (void)state;
    use_zone("UTC");
    expect("2025-08-11T10:00Z", "2025-08-12T17:00Z"); /* Monday */
    expect("2025-08-11T23:59Z", "2025-08-12T17:00Z");
    expect("2025-08-15T00:00Z", "2025-08-18T17:00Z"); /* Friday */
    expect("2025-08-16T12:00Z", "2025-08-18T17:00Z");
    expect("2025-08-17T12:00Z", "2025-08-18T17:00Z");
    expect("2025-12-31T12:00Z", "2026-01-01T17:00Z");
}

static void
test_in_the_zone_of_the_machine(void **state)
{
    (void)state;
    use_zone("America/New_York");
    expect("2025-08-12T02:00Z", "2025-08-12T21:00Z"); /* still Monday there */
    expect("2025-08-12T05:00Z", "2025-08-13T21:00Z");
    use_zone("Europe/Berlin");
    expect("2025-03-28T12:00Z", "2025-03-31T15:00Z"); /* over the change to summer time */
    expect("2025-03-27T12:00Z", "2025-03-28T16:00Z");
}

static void
test_a_day_is_kept_and_the_next_one_found(void **state)
{
    (void)state;
    struct calendar calendar = {0};
    use_zone("UTC");
    int64_t monday = calendar_business_end(&calendar, at("2025-08-11T10:00Z"));
    assert_int_equal(calendar_business_end(&calendar, at("2025-08-11T23:59:59Z")), monday);
    assert_int_equal(calendar_business_end(&calendar, at("2025-08-12T00:00:00Z")),
                     at("2025-08-13T17:00Z"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_next_working_day_at_five),
        cmocka_unit_test(test_in_the_zone_of_the_machine),
        cmocka_unit_test(test_a_day_is_kept_and_the_next_one_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
