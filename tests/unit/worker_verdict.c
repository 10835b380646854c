/* What a run is judged to be, case by case, and the brakes. */
#include "worker/verdict.h"

#include "worker/brake.h"
#include "worker/limits.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { STATUS = 256 }; /* what waitpid makes of exit status 1 */

static const struct finding nothing;
static struct finding done = {.kind = FINDING_SAID, .outcome = BATON_OUTCOME_DONE};
static struct finding failed = {.kind = FINDING_SAID, .outcome = BATON_OUTCOME_FAILED};
static struct finding bad = {.kind = FINDING_BAD};
static struct finding unproven = {.kind = FINDING_UNPROVEN};

static struct evidence
usual(void)
{
    return (struct evidence){.have_status = true,
                             .command = "agent",
                             .file = &nothing,
                             .adapter = &nothing,
                             .check_says = "exit status 1"};
}

static baton_outcome
outcome(struct evidence evidence)
{
    struct verdict verdict = verdict_find(&evidence);
    assert_false(verdict.need_check);
    baton_outcome found = verdict.said.outcome;
    assert_int_equal(verdict.said.kind, FINDING_SAID);
    finding_fini(&verdict.said);
    return found;
}

static bool
needs_check(struct evidence evidence)
{
    struct verdict verdict = verdict_find(&evidence);
    finding_fini(&verdict.said);
    return verdict.need_check;
}

static void
test_evidence_in_order(void **context)
{
    (void)context;
    struct evidence e = usual();
    assert_int_equal(outcome(e), BATON_OUTCOME_FAILED);
    e.adapter = &done;
    assert_int_equal(outcome(e), BATON_OUTCOME_DONE);
    e.wait_status = 1 * STATUS;
    assert_int_equal(outcome(e), BATON_OUTCOME_DONE);
    e.file = &failed;
    assert_int_equal(outcome(e), BATON_OUTCOME_FAILED);
    e.file = &bad;
    bad.summary = (char[]){"bad"};
    assert_int_equal(outcome(e), BATON_OUTCOME_FAILED);
    e.file = &done;
    e.adapter = &failed;
    assert_int_equal(outcome(e), BATON_OUTCOME_DONE);
    e = usual();
    e.adapter = &unproven;
    unproven.summary = (char[]){"denied"};
    assert_int_equal(outcome(e), BATON_OUTCOME_FAILED);
}

static void
test_check_has_the_last_word(void **context)
{
    (void)context;
    struct evidence e = usual();
    e.check = CHECK_PENDING;
    assert_true(needs_check(e));
    e.file = &done;
    assert_true(needs_check(e));
    e.file = &failed;
    assert_false(needs_check(e));
    e.file = &nothing;
    e.wait_status = 1 * STATUS;
    assert_false(needs_check(e));
    e.wait_status = 0;
    e.check = CHECK_PASSED;
    assert_int_equal(outcome(e), BATON_OUTCOME_DONE);
    e.check = CHECK_FAILED;
    assert_int_equal(outcome(e), BATON_OUTCOME_FAILED);
    e.file = &done;
    assert_int_equal(outcome(e), BATON_OUTCOME_FAILED);
}

static void
test_ended_from_outside(void **context)
{
    (void)context;
    static const struct {
        enum run_cause cause;
        baton_outcome without;
        baton_outcome with_result;
    } cases[] = {
        {CAUSE_WALL, BATON_OUTCOME_TIMED_OUT, BATON_OUTCOME_DONE},
        {CAUSE_IDLE, BATON_OUTCOME_TIMED_OUT, BATON_OUTCOME_DONE},
        {CAUSE_HALT, BATON_OUTCOME_RELEASED, BATON_OUTCOME_DONE},
        {CAUSE_CANCELLED, BATON_OUTCOME_CANCELLED, BATON_OUTCOME_CANCELLED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct evidence e = usual();
        e.wait_status = SIGTERM;
        e.cause = cases[i].cause;
        assert_int_equal(outcome(e), cases[i].without);
        e.file = &done;
        assert_int_equal(outcome(e), cases[i].with_result);
    }
    struct evidence e = usual();
    e.cause = CAUSE_HALT;
    e.file = &done;
    e.check = CHECK_PENDING; /* no time for it */
    assert_int_equal(outcome(e), BATON_OUTCOME_RELEASED);
    e.cause = CAUSE_WALL;
    assert_true(needs_check(e));
}

static void
test_lost_lease(void **context)
{
    (void)context;
    struct evidence e = usual();
    e.cause = CAUSE_LOST;
    struct verdict verdict = verdict_find(&e);
    assert_true(verdict.no_report);
    assert_false(verdict.keep);
    finding_fini(&verdict.said);
    e.file = &done;
    e.check = CHECK_PENDING;
    verdict = verdict_find(&e);
    assert_true(verdict.no_report);
    assert_true(verdict.keep);
    assert_false(verdict.need_check);
    assert_int_equal(verdict.said.outcome, BATON_OUTCOME_DONE);
    finding_fini(&verdict.said);
}

static void
test_limits_of_the_provider(void **context)
{
    (void)context;
    struct evidence e = usual();
    e.limited = true;
    e.limited_ms = 5000;
    struct verdict verdict = verdict_find(&e);
    assert_int_equal(verdict.said.outcome, BATON_OUTCOME_RATE_LIMITED);
    assert_int_equal(verdict.said.retry_after_ms, 5000);
    finding_fini(&verdict.said);
    e.adapter = &failed;
    assert_int_equal(outcome(e), BATON_OUTCOME_RATE_LIMITED);
    e.adapter = &done; /* it got through in the end */
    assert_int_equal(outcome(e), BATON_OUTCOME_DONE);
}

static void
test_not_started(void **context)
{
    (void)context;
    struct evidence e = usual();
    e.trouble = "disk full";
    assert_int_equal(outcome(e), BATON_OUTCOME_RELEASED);
    e.trouble_is_task = true;
    assert_int_equal(outcome(e), BATON_OUTCOME_FATAL);
    e = usual();
    e.exec_errno = 2;
    struct verdict verdict = verdict_find(&e);
    assert_true(verdict.misconfigured);
    assert_int_equal(verdict.said.outcome, BATON_OUTCOME_RELEASED);
    finding_fini(&verdict.said);
    e.own_command = true;
    assert_int_equal(outcome(e), BATON_OUTCOME_FATAL);
    e = usual();
    e.have_status = false;
    assert_int_equal(outcome(e), BATON_OUTCOME_FAILED);
}

static void
test_brake_doubles_and_eases(void **context)
{
    (void)context;
    struct brake brake;
    brake_init(&brake, 1000);
    assert_false(brake_is_on(&brake, 0));
    assert_int_equal(brake_pull(&brake, 0, 0), 1000);
    assert_true(brake_is_on(&brake, 999));
    /* Another slot meets the same limit. */
    assert_int_equal(brake_pull(&brake, 500, 0), 500);
    assert_false(brake_is_on(&brake, 1000));
    assert_int_equal(brake_pull(&brake, 1000, 0), 2000);
    assert_int_equal(brake_pull(&brake, 1000, 9000), 9000);
    assert_int_equal(brake_pull(&brake, 20000, 0), 4000);
    brake_ease(&brake);
    assert_int_equal(brake_pull(&brake, 30000, 0), 1000);
    int64_t now = 100000;
    for (int i = 0; i < 40; i++) {
        now += brake_pull(&brake, now, 0);
    }
    assert_int_equal(brake_pull(&brake, now, 0), BRAKE_MAX_MS);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_evidence_in_order),
        cmocka_unit_test(test_check_has_the_last_word),
        cmocka_unit_test(test_ended_from_outside),
        cmocka_unit_test(test_lost_lease),
        cmocka_unit_test(test_limits_of_the_provider),
        cmocka_unit_test(test_not_started),
        cmocka_unit_test(test_brake_doubles_and_eases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
