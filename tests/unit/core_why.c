/* Who waits for what, as why and show tell it. */
#include "core_bench.h"

#include <string.h>

static void
waits(struct bench *b, Baton__Spec *spec, const char *id, Baton__Condition condition, uint32_t any)
{
    bench_after(b, spec, id);
    spec->after[spec->n_after - 1]->condition = condition;
    spec->after[spec->n_after - 1]->any = any;
}

static Baton__Explained
why(struct bench *b, const char *id)
{
    Baton__Ref ref = BATON__REF__INIT;
    Baton__Explained explained;
    uint64_t archived;
    ref.id = arena_strdup(&b->arena, id);
    assert_int_equal(core_why(b->core, &b->request, &ref, &explained, &archived), 0);
    return explained;
}

static void
test_two_conditions_are_one_cause_and_one_dependent(void **unused)
{
    (void)unused;
    struct bench b;
    bench_init(&b);
    Baton__Spec *specs[] = {bench_spec(&b, "first", "infra"), bench_spec(&b, "second", "infra"),
                            bench_spec(&b, "use", "testing"), bench_spec(&b, "other", "testing")};
    waits(&b, specs[2], "first", BATON__CONDITION__CONDITION_SUCCESS, 0);
    waits(&b, specs[2], "second", BATON__CONDITION__CONDITION_FINISHED, 0);
    waits(&b, specs[2], "first", BATON__CONDITION__CONDITION_STARTED, 0);
    waits(&b, specs[2], "unknown", BATON__CONDITION__CONDITION_SUCCESS, 0);
    waits(&b, specs[2], "unknown", BATON__CONDITION__CONDITION_STARTED, 0);
    waits(&b, specs[2], "signal:ready", BATON__CONDITION__CONDITION_SUCCESS, 0);
    waits(&b, specs[3], "first", BATON__CONDITION__CONDITION_SUCCESS, 1);
    waits(&b, specs[3], "first", BATON__CONDITION__CONDITION_FAILED, 1);
    Baton__Submit submit = BATON__SUBMIT__INIT;
    submit.tasks = specs;
    submit.n_tasks = 4;
    assert_int_equal(bench_submit(&b, &submit, NULL), 0);

    Baton__Explained use = why(&b, "use");
    assert_int_equal(use.n_causes, 4);
    assert_string_equal(use.causes[0]->text, "waits for first to be done and start; it is ready");
    assert_string_equal(use.causes[1]->text, "waits for second to end; it is ready");
    assert_string_equal(use.causes[2]->text, "waits for unknown, which is not known yet");
    assert_string_equal(use.causes[3]->name, "ready");
    Baton__Explained other = why(&b, "other");
    assert_int_equal(other.n_causes, 1);
    assert_string_equal(
        other.causes[0]->text,
        "waits for first to be done or fail; it is ready (one of several would do)");

    Baton__Explained first = why(&b, "first");
    assert_int_equal(first.task->dependents_total, 2);
    assert_int_equal(first.task->n_dependents, 2);
    assert_string_equal(first.task->dependents[0]->id, "use");
    assert_string_equal(first.task->dependents[1]->id, "other");
    assert_int_equal(first.order->dependents, 4); /* of the order: each condition counts */
    bench_fini(&b);
}

/* One that is met is none, and what is broken is told with all that can't come any more. */
static void
test_what_is_met_or_ignored_is_no_cause(void **unused)
{
    (void)unused;
    struct bench b;
    bench_init(&b);
    Baton__Spec *specs[] = {bench_spec(&b, "first", "infra"), bench_spec(&b, "use", "testing")};
    waits(&b, specs[1], "first", BATON__CONDITION__CONDITION_SUCCESS, 0);
    waits(&b, specs[1], "first", BATON__CONDITION__CONDITION_FINISHED, 0);
    waits(&b, specs[1], "first", BATON__CONDITION__CONDITION_FAILED, 0);
    specs[1]->after[0]->policy = BATON__POLICY__POLICY_IGNORE;
    Baton__Submit submit = BATON__SUBMIT__INIT;
    submit.tasks = specs;
    submit.n_tasks = 2;
    assert_int_equal(bench_submit(&b, &submit, NULL), 0);
    Baton__Explained use = why(&b, "use");
    assert_int_equal(use.n_causes, 1);
    assert_string_equal(use.causes[0]->text,
                        "waits for first to be done and end and fail; it is ready");
    Baton__Change change = BATON__CHANGE__INIT;
    Baton__Changed changed;
    Baton__Ref ref = BATON__REF__INIT, *refs[] = {&ref};
    ref.id = bench_text("first");
    change.verb = BATON__CHANGE__VERB__CANCEL;
    change.reason = bench_text("not wanted");
    change.tasks = refs;
    change.n_tasks = 1;
    assert_int_equal(core_change(b.core, &b.request, &change, &changed), 0);
    bench_keep(&b);
    use = why(&b, "use");
    assert_int_equal(use.n_causes, 1);
    assert_string_equal(use.causes[0]->text, "first is cancelled, so it can't fail any more");
    bench_fini(&b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_conditions_are_one_cause_and_one_dependent),
        cmocka_unit_test(test_what_is_met_or_ignored_is_no_cause),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
