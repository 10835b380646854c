/* The broker's time: never falls, does not leap, comes to agree with the wall clock. */
#include "broker/front/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { S = 1000 * 1000 };

static const int64_t wall0 = INT64_C(1767225600) * S;
static const int64_t boot0 = INT64_C(1234) * S;

static void
test_runs_with_the_wall_clock(void **state)
{
    (void)state;
    struct clock clock;
    int64_t jump;
    clock_init(&clock, wall0, boot0, 0);
    for (int i = 1; i <= 100; i++) {
        assert_int_equal(clock_advance(&clock, wall0 + i * S, boot0 + i * S, &jump),
                         wall0 / 1000 + i * 1000);
        assert_int_equal(jump, 0);
    }
}

static void
test_starts_at_the_newest_fact(void **state)
{
    (void)state;
    struct clock clock;
    int64_t jump;
    int64_t newest_ms = wall0 / 1000 + 5000;
    clock_init(&clock, wall0, boot0, newest_ms);
    /* Half the speed until the wall clock has come up: ten seconds later. */
    assert_int_equal(clock_advance(&clock, wall0 + 4 * S, boot0 + 4 * S, &jump), newest_ms + 2000);
    assert_int_equal(clock_advance(&clock, wall0 + 10 * S, boot0 + 10 * S, &jump),
                     wall0 / 1000 + 10000);
    assert_int_equal(clock_advance(&clock, wall0 + 20 * S, boot0 + 20 * S, &jump),
                     wall0 / 1000 + 20000);
}

static void
test_a_jump_ahead_is_taken_slowly(void **state)
{
    (void)state;
    struct clock clock;
    int64_t jump;
    int64_t hour = INT64_C(3600) * S;
    clock_init(&clock, wall0, boot0, 0);
    int64_t now = clock_advance(&clock, wall0 + hour + 2 * S, boot0 + 2 * S, &jump);
    assert_int_equal(jump, 3600 * 1000);
    assert_int_equal(now, wall0 / 1000 + 3000);
    clock_advance(&clock, wall0 + hour + 4 * S, boot0 + 4 * S, &jump);
    assert_int_equal(jump, 0);
    /* Two hours of running make up for one. */
    now = clock_advance(&clock, wall0 + 4 * hour, boot0 + 3 * hour, &jump);
    assert_int_equal(now, (wall0 + 4 * hour) / 1000);
}

static void
test_a_jump_back_never_turns_time_back(void **state)
{
    (void)state;
    struct clock clock;
    int64_t jump;
    int64_t year = INT64_C(365) * 86400 * S;
    clock_init(&clock, wall0, boot0, 0);
    int64_t before = clock_advance(&clock, wall0 + S, boot0 + S, &jump);
    int64_t now = clock_advance(&clock, wall0 - year + 3 * S, boot0 + 3 * S, &jump);
    assert_int_equal(jump, -year / 1000);
    assert_int_equal(now, before + 1000);
}

static void
test_a_boot_clock_that_stands_still(void **state)
{
    (void)state;
    struct clock clock;
    int64_t jump;
    clock_init(&clock, wall0, boot0, 0);
    int64_t now = clock_advance(&clock, wall0 + 500, boot0, &jump);
    assert_int_equal(now, wall0 / 1000);
    assert_int_equal(clock_advance(&clock, wall0 + 500, boot0 - S, &jump), now);
    assert_int_equal(clock_advance(&clock, wall0 + S, boot0 + S, &jump), now + 1000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runs_with_the_wall_clock),
        cmocka_unit_test(test_starts_at_the_newest_fact),
        cmocka_unit_test(test_a_jump_ahead_is_taken_slowly),
        cmocka_unit_test(test_a_jump_back_never_turns_time_back),
        cmocka_unit_test(test_a_boot_clock_that_stands_still),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
