/* What is kept of attempts, also of those that had nothing to say (broker/core/attempts.c). */
#include "core_bench.h"

#include <string.h>

enum { DONE_AT = 3000 };

/* Leases, starts and ends a task of infra; the token. */
static uint64_t
run(struct bench *b, Baton__Result *result)
{
    uint64_t token = bench_take(b, "infra");
    Baton__Line line = BATON__LINE__INIT;
    Baton__LineReply reply;
    b->request.now = DONE_AT - 1000;
    line.token = token;
    line.what_case = BATON__LINE__WHAT_STARTED;
    line.started = true;
    core_report_line(b->core, &b->request, 0, &line, &reply);
    b->request.now = DONE_AT;
    line.what_case = BATON__LINE__WHAT_RESULT;
    line.result = result;
    core_report_line(b->core, &b->request, 0, &line, &reply);
    assert_int_equal(reply.code, BATON__CODE__CODE_OK);
    bench_keep(b);
    return token;
}

static uint64_t
run_done(struct bench *b)
{
    Baton__Result result = BATON__RESULT__INIT;
    result.outcome = BATON__OUTCOME__OUTCOME_DONE;
    return run(b, &result);
}

static Baton__TaskView
view_of(struct bench *b, const char *id)
{
    Baton__Ref ref = BATON__REF__INIT;
    ref.id = bench_text(id);
    Baton__TaskView view;
    uint64_t archived;
    assert_int_equal(core_get(b->core, &b->request, &ref, &view, &archived), 0);
    return view;
}

static void
check_first_attempt(const Baton__TaskView *view, uint64_t token)
{
    assert_true(view->n_attempts > 0);
    const Baton__Attempt *attempt = view->attempts[0];
    assert_int_equal(attempt->number, 1);
    assert_int_equal(attempt->token, token);
    assert_string_equal(attempt->worker, "w1");
    assert_int_equal(attempt->started_at, DONE_AT - 1000);
    assert_int_equal(attempt->ended_at, DONE_AT);
    assert_int_equal(attempt->outcome, BATON__OUTCOME__OUTCOME_DONE);
    assert_string_equal(attempt->summary, "");
    assert_int_equal(attempt->exit_status, 0);
}

static void
retry(struct bench *b, const char *id)
{
    Baton__Ref ref = BATON__REF__INIT;
    ref.id = bench_text(id);
    Baton__Ref *refs[] = {&ref};
    Baton__Change change = BATON__CHANGE__INIT;
    Baton__Changed changed;
    change.verb = BATON__CHANGE__VERB__REOPEN;
    change.tasks = refs;
    change.n_tasks = 1;
    change.reason = bench_text("once more");
    assert_int_equal(core_change(b->core, &b->request, &change, &changed), BATON__CODE__CODE_OK);
    bench_keep(b);
}

static void
test_one_that_said_nothing_but_done_is_seen_like_any_other(void **unused)
{
    (void)unused;
    struct bench b;
    bench_init(&b);
    assert_int_equal(bench_add(&b, bench_spec(&b, "a", "infra")), 0);
    uint64_t token = run_done(&b);
    Baton__TaskView view = view_of(&b, "a");
    assert_int_equal(view.n_attempts, 1);
    check_first_attempt(&view, token);
    assert_non_null(view.result);
    assert_int_equal(view.result->outcome, BATON__OUTCOME__OUTCOME_DONE);
    bench_fini(&b);
}

static void
test_what_is_done_again_has_both_attempts(void **unused)
{
    (void)unused;
    struct bench b;
    bench_init(&b);
    assert_int_equal(bench_add(&b, bench_spec(&b, "a", "infra")), 0);
    uint64_t token = run_done(&b);
    retry(&b, "a");
    Baton__TaskView view = view_of(&b, "a");
    assert_int_equal(view.n_attempts, 1);
    check_first_attempt(&view, token);
    Baton__Result result = BATON__RESULT__INIT;
    result.outcome = BATON__OUTCOME__OUTCOME_FATAL;
    result.summary = bench_text("no");
    result.exit_status = -9;
    run(&b, &result);
    view = view_of(&b, "a");
    assert_int_equal(view.n_attempts, 2);
    check_first_attempt(&view, token);
    assert_int_equal(view.attempts[1]->number, 2);
    assert_string_equal(view.attempts[1]->summary, "no");
    assert_int_equal(view.attempts[1]->exit_status, -9);
    assert_int_equal(view.result->outcome, BATON__OUTCOME__OUTCOME_FATAL);
    bench_fini(&b);
}

static void
test_words_are_kept(void **unused)
{
    (void)unused;
    struct bench b;
    bench_init(&b);
    assert_int_equal(bench_add(&b, bench_spec(&b, "a", "infra")), 0);
    Baton__Result result = BATON__RESULT__INIT;
    result.outcome = BATON__OUTCOME__OUTCOME_DONE;
    result.runtime_ms = 7;
    run(&b, &result);
    assert_int_equal(view_of(&b, "a").result->runtime_ms, 7);
    bench_fini(&b);
}

/* Done after all: why it was to stop is no reason any more. */
static void
test_done_while_being_stopped_has_no_reason(void **unused)
{
    (void)unused;
    struct bench b;
    bench_init(&b);
    Baton__Spec *spec = bench_spec(&b, "a", "infra");
    spec->max_runtime_ms = 1000;
    assert_int_equal(bench_add(&b, spec), 0);
    uint64_t token = bench_take(&b, "infra");
    Baton__Line line = BATON__LINE__INIT;
    Baton__LineReply reply;
    line.token = token;
    line.what_case = BATON__LINE__WHAT_STARTED;
    line.started = true;
    core_report_line(b.core, &b.request, 0, &line, &reply);
    b.request.now += 60 * 1000;
    core_tick(b.core, &b.request);
    assert_int_equal(view_of(&b, "a").state, BATON__TASK_STATE__STATE_CANCELLING);
    assert_string_not_equal(view_of(&b, "a").reason_text, "");
    assert_int_equal(bench_end(&b, token, BATON__OUTCOME__OUTCOME_DONE), BATON__CODE__CODE_OK);
    Baton__TaskView view = view_of(&b, "a");
    assert_int_equal(view.state, BATON__TASK_STATE__STATE_DONE);
    assert_string_equal(view.reason_text, "");
    bench_fini(&b);
}

static void
test_another_end_of_what_is_done_is_an_orphan(void **unused)
{
    (void)unused;
    struct bench b;
    bench_init(&b);
    assert_int_equal(bench_add(&b, bench_spec(&b, "a", "infra")), 0);
    uint64_t token = run_done(&b);
    assert_int_equal(bench_end(&b, token, BATON__OUTCOME__OUTCOME_DONE), BATON__CODE__CODE_OK);
    assert_int_equal(view_of(&b, "a").n_orphans, 0);
    assert_int_equal(bench_end(&b, token, BATON__OUTCOME__OUTCOME_FAILED),
                     BATON__CODE__CODE_STALE_TOKEN);
    Baton__TaskView view = view_of(&b, "a");
    assert_int_equal(view.n_orphans, 1);
    assert_string_equal(view.orphans[0]->worker, "w1");
    check_first_attempt(&view, token);
    bench_fini(&b);
}

static void
test_the_archive_has_it_too(void **unused)
{
    (void)unused;
    struct bench b;
    bench_init(&b); /* three are kept */
    static const char *const ids[] = {"a", "b", "c", "d"};
    uint64_t first = 0;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        assert_int_equal(bench_add(&b, bench_spec(&b, ids[i], "infra")), 0);
        uint64_t token = run_done(&b);
        first = first ? first : token;
    }
    core_tick(b.core, &b.request);
    assert_int_equal(b.out.n_puts, 1);
    Baton__TaskView view;
    assert_true(core_view_record(b.core, &b.arena, b.out.records.data, b.out.puts[0].bytes, &view));
    assert_int_equal(view.n_attempts, 1);
    check_first_attempt(&view, first);
    assert_int_equal(view.result->outcome, BATON__OUTCOME__OUTCOME_DONE);
    bench_fini(&b);
}

static void
test_dependents_hear_of_it(void **unused)
{
    (void)unused;
    struct bench b;
    bench_init(&b);
    assert_int_equal(bench_add(&b, bench_spec(&b, "a", "infra")), 0);
    Baton__Spec *spec = bench_spec(&b, "b", "infra");
    bench_after(&b, spec, "a");
    assert_int_equal(bench_add(&b, spec), 0);
    run_done(&b);
    Baton__Ref ref = BATON__REF__INIT;
    ref.id = bench_text("b");
    Baton__Assignment context;
    assert_int_equal(core_context(b.core, &b.request, &ref, &context), BATON__CODE__CODE_OK);
    assert_int_equal(context.n_upstream, 1);
    assert_string_equal(context.upstream[0]->id, "a");
    bench_fini(&b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_that_said_nothing_but_done_is_seen_like_any_other),
        cmocka_unit_test(test_what_is_done_again_has_both_attempts),
        cmocka_unit_test(test_words_are_kept),
        cmocka_unit_test(test_done_while_being_stopped_has_no_reason),
        cmocka_unit_test(test_another_end_of_what_is_done_is_an_orphan),
        cmocka_unit_test(test_the_archive_has_it_too),
        cmocka_unit_test(test_dependents_hear_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
