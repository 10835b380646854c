/* Projects as plans: closed to new tasks, complete when all have ended. */
#include "core_bench.h"

#include <string.h>

static Baton__ProjectStatus *
ask(struct bench *b, Baton__Project__Verb verb, bool expect_changed)
{
    Baton__Project message = BATON__PROJECT__INIT;
    message.verb = verb;
    Baton__ProjectReply reply;
    assert_int_equal(core_project(b->core, &b->request, &message, &reply), 0);
    bench_keep(b);
    assert_int_equal(reply.changed, expect_changed);
    return reply.project;
}

static unsigned
n_completed(struct bench *b)
{
    return bench_n_events(b, BATON__EVENT__KIND__COMPLETED);
}

static void
test_a_closed_plan_takes_nothing_new_and_completes_once(void **unused)
{
    (void)unused;
    struct bench b;
    bench_init(&b);
    Baton__Spec *gate = bench_spec(&b, "gate", "");
    bench_after(&b, gate, "a");
    assert_int_equal(bench_add(&b, bench_spec(&b, "a", "infra")), 0);
    assert_int_equal(bench_add(&b, gate), 0);
    const Baton__ProjectStatus *project = ask(&b, BATON__PROJECT__VERB__CLOSE, true);
    assert_true(project->closed && !project->complete);
    assert_string_equal(project->closed_by, "ann");
    ask(&b, BATON__PROJECT__VERB__CLOSE, false);

    assert_int_equal(bench_add(&b, bench_spec(&b, "b", "infra")), BATON__CODE__CODE_CLOSED);
    assert_string_equal(b.request.error.field, "tasks[0].project");
    assert_int_equal(bench_add(&b, bench_spec(&b, "a", "infra")), 0); /* it is there: unchanged */
    uint64_t a = bench_take(&b, "infra");
    assert_int_equal(n_completed(&b), 0);
    assert_int_equal(bench_end(&b, a, BATON__OUTCOME__OUTCOME_DONE), 0);
    assert_string_equal(bench_state(&b, "gate"), "done");
    assert_int_equal(n_completed(&b), 1);
    assert_true(ask(&b, BATON__PROJECT__VERB__SHOW, false)->complete);
    core_tick(b.core, &b.request);
    bench_keep(&b);
    assert_int_equal(n_completed(&b), 1);

    ask(&b, BATON__PROJECT__VERB__OPEN, true);
    assert_int_equal(bench_add(&b, bench_spec(&b, "b", "infra")), 0);
    ask(&b, BATON__PROJECT__VERB__CLOSE, true);
    assert_int_equal(n_completed(&b), 1);
    assert_int_equal(bench_end(&b, bench_take(&b, "infra"), BATON__OUTCOME__OUTCOME_FATAL), 0);
    assert_int_equal(n_completed(&b), 2); /* failed is ended too */
    assert_int_equal(bench_n_events(&b, BATON__EVENT__KIND__CLOSED), 2);
    assert_int_equal(bench_n_events(&b, BATON__EVENT__KIND__OPENED), 1);
    bench_fini(&b);
}

/* The plan is closed, but what runs in it may still split itself up, and that counts. */
static void
test_a_running_task_may_still_add_its_children(void **unused)
{
    (void)unused;
    struct bench b;
    bench_init(&b);
    assert_int_equal(bench_add(&b, bench_spec(&b, "a", "infra")), 0);
    ask(&b, BATON__PROJECT__VERB__CLOSE, true);
    uint64_t a = bench_take(&b, "infra");
    Baton__Spec *child = bench_spec(&b, "part", "testing");
    Baton__Submit submit = BATON__SUBMIT__INIT;
    submit.tasks = &child;
    submit.n_tasks = 1;
    submit.parent_token = a;
    assert_int_equal(bench_submit(&b, &submit, NULL), 0);
    assert_int_equal(bench_end(&b, a, BATON__OUTCOME__OUTCOME_DONE), 0);
    assert_int_equal(n_completed(&b), 0);
    assert_int_equal(bench_end(&b, bench_take(&b, "testing"), BATON__OUTCOME__OUTCOME_DONE), 0);
    assert_int_equal(n_completed(&b), 1);
    bench_fini(&b);
}

static void
test_a_plan_is_closed_with_its_tasks_or_not_at_all(void **unused)
{
    (void)unused;
    struct bench b;
    bench_init(&b);
    Baton__Spec *spec = bench_spec(&b, "a", "infra");
    char *closes[] = {arena_strdup(&b.arena, "default"), arena_strdup(&b.arena, "ghost")};
    Baton__Submit submit = BATON__SUBMIT__INIT;
    submit.tasks = &spec;
    submit.n_tasks = 1;
    submit.close = closes;
    submit.n_close = 2;
    assert_int_equal(bench_submit(&b, &submit, NULL), BATON__CODE__CODE_NOT_FOUND);
    assert_string_equal(b.request.error.field, "close[1]");
    assert_string_equal(bench_state(&b, "a"), "unknown");
    submit.n_close = 1;
    submit.dry_run = true;
    assert_int_equal(bench_submit(&b, &submit, NULL), 0);
    submit.dry_run = false;
    assert_int_equal(bench_submit(&b, &submit, NULL), 0);
    assert_int_equal(bench_submit(&b, &submit, NULL), 0); /* again: nothing differs */
    assert_true(ask(&b, BATON__PROJECT__VERB__SHOW, false)->closed);
    assert_int_equal(bench_n_events(&b, BATON__EVENT__KIND__CLOSED), 1);
    bench_fini(&b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_closed_plan_takes_nothing_new_and_completes_once),
        cmocka_unit_test(test_a_running_task_may_still_add_its_children),
        cmocka_unit_test(test_a_plan_is_closed_with_its_tasks_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
