/* on_conflict attach: who waits for a task that is not added waits for the one that stands for it.
 */
#include "core_bench.h"

#include <string.h>

static Baton__Spec *
keyed(struct bench *b, const char *id, Baton__OnConflict on_conflict)
{
    Baton__Spec *spec = bench_spec(b, id, "infra");
    spec->unique_key = arena_strdup(&b->arena, "fetch");
    spec->on_conflict = on_conflict;
    return spec;
}

static const Baton__TaskView *
view_of(struct bench *b, const char *id)
{
    Baton__Ref ref = BATON__REF__INIT;
    ref.id = arena_strdup(&b->arena, id);
    Baton__TaskView *view = arena_alloc(&b->arena, sizeof *view);
    uint64_t archived;
    assert_int_equal(core_get(b->core, &b->request, &ref, view, &archived), 0);
    return view;
}

static Baton__Code
submit_plan(struct bench *b, Baton__Spec **specs, size_t n, Baton__Submitted *ret)
{
    Baton__Submit submit = BATON__SUBMIT__INIT;
    submit.tasks = specs;
    submit.n_tasks = n;
    return bench_submit(b, &submit, ret);
}

static void
test_dependents_of_an_attached_task_wait_for_the_other(void **unused)
{
    (void)unused;
    struct bench b;
    Baton__Submitted ret;
    bench_init(&b);
    assert_int_equal(bench_add(&b, keyed(&b, "first", BATON__ON_CONFLICT__ON_CONFLICT_REJECT)), 0);
    for (int again = 0; again < 2; again++) {
        Baton__Spec *specs[] = {keyed(&b, "second", BATON__ON_CONFLICT__ON_CONFLICT_ATTACH),
                                bench_spec(&b, "use", "testing")};
        bench_after(&b, specs[1], "second");
        bench_after(&b, specs[1], "first");
        assert_int_equal(submit_plan(&b, specs, 2, &ret), 0);
        assert_int_equal(ret.created, again ? 0 : 1);
        assert_int_equal(ret.updated, 0);
        assert_int_equal(ret.forward_refs_total, 0);
        assert_int_equal(ret.differences[0]->kind, BATON__DIFFERENCE__KIND__EXISTING);
        assert_int_equal(ret.differences[0]->index, 0);
        assert_string_equal(ret.differences[0]->task->id, "first");
    }
    assert_string_equal(bench_state(&b, "second"), "unknown");
    assert_int_equal(view_of(&b, "first")->dependents_total, 1);
    assert_int_equal(view_of(&b, "use")->spec->n_after, 1);
    assert_string_equal(view_of(&b, "use")->spec->after[0]->id, "first");
    assert_int_equal(bench_end(&b, bench_take(&b, "infra"), BATON__OUTCOME__OUTCOME_DONE), 0);
    assert_string_equal(bench_state(&b, "use"), "ready");
    bench_fini(&b);
}

/* When nobody has the key the task is one like others. */
static void
test_a_free_key_attaches_nothing(void **unused)
{
    (void)unused;
    struct bench b;
    bench_init(&b);
    Baton__Spec *specs[] = {keyed(&b, "first", BATON__ON_CONFLICT__ON_CONFLICT_ATTACH),
                            bench_spec(&b, "use", "testing")};
    bench_after(&b, specs[1], "first");
    assert_int_equal(submit_plan(&b, specs, 2, NULL), 0);
    assert_int_equal(bench_end(&b, bench_take(&b, "infra"), BATON__OUTCOME__OUTCOME_DONE), 0);
    assert_int_equal(bench_add(&b, keyed(&b, "second", BATON__ON_CONFLICT__ON_CONFLICT_ATTACH)), 0);
    assert_string_equal(bench_state(&b, "second"), "ready");
    bench_fini(&b);
}

/* What would go round, or say two things, is refused, and nothing is changed. */
static void
test_what_attaching_would_break_is_refused(void **unused)
{
    (void)unused;
    struct bench b;
    bench_init(&b);
    Baton__Spec *first = keyed(&b, "first", BATON__ON_CONFLICT__ON_CONFLICT_REJECT);
    bench_after(&b, first, "use"); /* not known yet */
    assert_int_equal(bench_add(&b, first), 0);
    Baton__Spec *specs[] = {keyed(&b, "second", BATON__ON_CONFLICT__ON_CONFLICT_ATTACH),
                            bench_spec(&b, "use", "testing"), bench_spec(&b, "other", "testing")};
    bench_after(&b, specs[1], "second");
    assert_int_equal(submit_plan(&b, specs, 3, NULL), BATON__CODE__CODE_CYCLE);
    assert_string_equal(bench_state(&b, "other"), "unknown");

    Baton__Spec *again[] = {keyed(&b, "second", BATON__ON_CONFLICT__ON_CONFLICT_ATTACH),
                            bench_spec(&b, "other", "testing")};
    bench_after(&b, again[1], "first");
    bench_after(&b, again[1], "second");
    again[1]->after[1]->policy = BATON__POLICY__POLICY_ABORT;
    assert_int_equal(submit_plan(&b, again, 2, NULL), BATON__CODE__CODE_INVALID);
    assert_string_equal(b.request.error.field, "tasks[1].after[1]");
    assert_string_equal(bench_state(&b, "other"), "unknown");
    bench_fini(&b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dependents_of_an_attached_task_wait_for_the_other),
        cmocka_unit_test(test_a_free_key_attaches_nothing),
        cmocka_unit_test(test_what_attaching_would_break_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
