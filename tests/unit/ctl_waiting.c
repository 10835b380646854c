#include "ctl/waiting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct waiting waiting;

static void
begin(const char *what, bool any)
{
    struct waiting_for want;
    assert_true(waiting_for_parse(what, &want));
    waiting_init(&waiting, want, any);
}

static void
see(const char *id, baton_state state)
{
    waiting_see(&waiting, "default", id, state, state == BATON_RUNNING);
}

static int
teardown(void **state)
{
    (void)state;
    waiting_fini(&waiting);
    return 0;
}

static void
test_all_done_is_yes(void **state)
{
    (void)state;
    begin("done", false);
    see("a", BATON_RUNNING);
    see("b", BATON_WAITING);
    assert_false(waiting_is_decided(&waiting));
    see("a", BATON_DONE);
    assert_false(waiting_is_decided(&waiting));
    assert_int_equal(waiting_n_pending(&waiting), 1);
    see("b", BATON_READY);
    see("b", BATON_DONE);
    assert_true(waiting_is_decided(&waiting));
    assert_true(waiting_is_met(&waiting));
}

static void
test_one_failure_is_no_at_once(void **state)
{
    (void)state;
    begin("done", false);
    see("a", BATON_RUNNING);
    see("b", BATON_RUNNING);
    see("a", BATON_CANCELLED);
    assert_true(waiting_is_decided(&waiting));
    assert_false(waiting_is_met(&waiting));
    assert_true(waiting_missed(&waiting, 0));
    assert_false(waiting_missed(&waiting, 1));
}

static void
test_a_retry_takes_a_failure_back(void **state)
{
    (void)state;
    begin("terminal", false);
    see("a", BATON_FAILED);
    see("b", BATON_RUNNING);
    assert_false(waiting_is_decided(&waiting));
    see("a", BATON_READY);
    see("b", BATON_DONE);
    assert_false(waiting_is_decided(&waiting));
    see("a", BATON_DONE);
    assert_true(waiting_is_decided(&waiting));
    assert_true(waiting_is_met(&waiting));
}

static void
test_terminal_waits_for_all_and_then_judges(void **state)
{
    (void)state;
    begin("terminal", false);
    see("a", BATON_EXPIRED);
    see("b", BATON_RUNNING);
    assert_false(waiting_is_decided(&waiting));
    see("b", BATON_DONE);
    assert_true(waiting_is_decided(&waiting));
    assert_false(waiting_is_met(&waiting));
}

static void
test_any_needs_one(void **state)
{
    (void)state;
    begin("done", true);
    see("a", BATON_FAILED);
    see("b", BATON_RUNNING);
    assert_false(waiting_is_decided(&waiting));
    see("b", BATON_DONE);
    assert_true(waiting_is_decided(&waiting));
    assert_true(waiting_is_met(&waiting));
}

static void
test_any_of_none_left_is_no(void **state)
{
    (void)state;
    begin("done", true);
    see("a", BATON_FAILED);
    see("b", BATON_ABORTED);
    assert_true(waiting_is_decided(&waiting));
    assert_false(waiting_is_met(&waiting));
}

static void
test_a_passing_state_counts_once_seen(void **state)
{
    (void)state;
    begin("state=running", false);
    see("a", BATON_RUNNING);
    see("b", BATON_READY);
    see("a", BATON_FAILED);
    assert_false(waiting_is_decided(&waiting));
    see("b", BATON_RUNNING);
    assert_true(waiting_is_decided(&waiting));
    assert_true(waiting_is_met(&waiting));
}

static void
test_started_is_running_or_after_it(void **state)
{
    (void)state;
    begin("started", false);
    see("a", BATON_READY);
    waiting_see(&waiting, "default", "b", BATON_FAILED, true);
    assert_false(waiting_is_decided(&waiting));
    see("a", BATON_RUNNING);
    assert_true(waiting_is_met(&waiting));
    see("c", BATON_CANCELLED);
    assert_false(waiting_is_met(&waiting));
}

static void
test_nothing_to_wait_for_is_yes(void **state)
{
    (void)state;
    begin("done", false);
    assert_true(waiting_is_decided(&waiting));
    assert_true(waiting_is_met(&waiting));
}

static void
test_names_are_shown_as_written(void **state)
{
    (void)state;
    begin("done", false);
    waiting_see(&waiting, "shop", "a", BATON_READY, false);
    waiting_see(&waiting, "", "b", BATON_READY, false);
    assert_string_equal(waiting_name(&waiting, 0, "shop"), "a");
    assert_string_equal(waiting_name(&waiting, 0, "sho"), "shop//a");
    assert_string_equal(waiting_name(&waiting, 1, "default"), "b");
}

static void
test_what_can_be_waited_for(void **state)
{
    (void)state;
    struct waiting_for want;
    assert_true(waiting_for_parse("done", &want));
    assert_int_equal(want.state, BATON_DONE);
    assert_true(waiting_for_parse("state=parked", &want));
    assert_int_equal(want.state, BATON_PARKED);
    assert_true(waiting_for_parse("terminal", &want));
    assert_true(want.terminal);
    assert_false(waiting_for_parse("running", &want));
    assert_false(waiting_for_parse("state=", &want));
    assert_false(waiting_for_parse("state=happy", &want));
    assert_false(waiting_for_parse("", &want));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_all_done_is_yes, teardown),
        cmocka_unit_test_teardown(test_one_failure_is_no_at_once, teardown),
        cmocka_unit_test_teardown(test_a_retry_takes_a_failure_back, teardown),
        cmocka_unit_test_teardown(test_terminal_waits_for_all_and_then_judges, teardown),
        cmocka_unit_test_teardown(test_any_needs_one, teardown),
        cmocka_unit_test_teardown(test_any_of_none_left_is_no, teardown),
        cmocka_unit_test_teardown(test_a_passing_state_counts_once_seen, teardown),
        cmocka_unit_test_teardown(test_started_is_running_or_after_it, teardown),
        cmocka_unit_test_teardown(test_nothing_to_wait_for_is_yes, teardown),
        cmocka_unit_test_teardown(test_names_are_shown_as_written, teardown),
        cmocka_unit_test(test_what_can_be_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
