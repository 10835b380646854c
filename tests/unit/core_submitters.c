/* Who submits: pauses of a submitter, ids that the broker makes, children of agents, names that
 * nobody has. */
#include "core_bench.h"

#include <string.h>

static Baton__Code
pause_it(struct bench *b, Baton__Pause__Scope scope, const char *name, bool resume,
         Baton__Done *ret)
{
    Baton__Pause pause = BATON__PAUSE__INIT;
    pause.scope = scope;
    pause.name = arena_strdup(&b->arena, name);
    pause.resume = resume;
    Baton__Code code = core_pause(b->core, &b->request, &pause, ret);
    bench_keep(b);
    return code;
}

static unsigned
cause_of(struct bench *b, const char *id)
{
    Baton__Ref ref = BATON__REF__INIT;
    ref.id = arena_strdup(&b->arena, id);
    Baton__Explained explained;
    uint64_t archived;
    assert_int_equal(core_why(b->core, &b->request, &ref, &explained, &archived), 0);
    assert_true(explained.n_causes > 0);
    assert_int_equal(explained.task->reason, explained.causes[0]->reason);
    return explained.causes[0]->reason;
}

static void
test_a_paused_submitter_keeps_its_tasks_and_nobody_else(void **unused)
{
    (void)unused;
    struct bench b;
    Baton__Done done;
    bench_init(&b);
    assert_int_equal(bench_add(&b, bench_spec(&b, "a1", "infra")), 0);
    uint64_t a1 = bench_take(&b, "infra");
    assert_int_equal(bench_add(&b, bench_spec(&b, "a2", "infra")), 0);
    b.request.actor = "bob smith";
    assert_int_equal(bench_add(&b, bench_spec(&b, "b1", "infra")), 0);

    assert_int_equal(pause_it(&b, BATON__PAUSE__SCOPE__SUBMITTER, "ann", false, &done), 0);
    assert_true(done.changed && !done.unknown);
    assert_int_equal(cause_of(&b, "a2"), BATON__REASON__REASON_SUBMITTER_PAUSED);
    /* Running work goes on; what the submitter adds now is taken, and waits. */
    assert_int_equal(bench_end(&b, a1, BATON__OUTCOME__OUTCOME_DONE), 0);
    b.request.actor = "ann";
    assert_int_equal(bench_add(&b, bench_spec(&b, "a3", "infra")), 0);
    assert_string_equal(bench_state(&b, "a3"), "ready");
    uint64_t b1 = bench_take(&b, "infra");
    assert_string_equal(bench_state(&b, "b1"), "leased");
    assert_int_equal(bench_take(&b, "infra"), 0);

    assert_int_equal(pause_it(&b, BATON__PAUSE__SCOPE__SUBMITTER, "ann", true, &done), 0);
    assert_true(done.changed);
    assert_true(bench_take(&b, "infra") > b1);
    assert_string_equal(bench_state(&b, "a2"), "leased");
    assert_true(bench_take(&b, "infra") != 0);
    bench_fini(&b);
}

static Baton__Spec *
claiming(struct bench *b, const char *id, const char *resource)
{
    Baton__Spec *spec = bench_spec(b, id, "infra");
    Baton__Claim *claim = arena_alloc(&b->arena, sizeof *claim);
    baton__claim__init(claim);
    claim->name = arena_strdup(&b->arena, resource);
    spec->claims = arena_memdup(&b->arena, &claim, sizeof(Baton__Claim *));
    spec->n_claims = 1;
    return spec;
}

/* Whoever waits for a lock and is paused neither keeps it nor stands before others in its line. */
static void
test_a_paused_submitter_keeps_no_lock_from_others(void **unused)
{
    (void)unused;
    struct bench b;
    Baton__Done done;
    bench_init(&b);
    assert_int_equal(bench_add(&b, claiming(&b, "holder", "db")), 0);
    uint64_t holder = bench_take(&b, "infra");
    assert_int_equal(bench_add(&b, claiming(&b, "a", "db")), 0);
    b.request.actor = "bob";
    assert_int_equal(bench_add(&b, claiming(&b, "b", "db")), 0);
    assert_int_equal(bench_take(&b, "infra"), 0); /* both stand in the line now */
    assert_int_equal(pause_it(&b, BATON__PAUSE__SCOPE__SUBMITTER, "ann", false, &done), 0);
    assert_int_equal(bench_end(&b, holder, BATON__OUTCOME__OUTCOME_DONE), 0);
    uint64_t token = bench_take(&b, "infra");
    assert_string_equal(bench_state(&b, "b"), "leased");
    assert_int_equal(bench_end(&b, token, BATON__OUTCOME__OUTCOME_DONE), 0);
    assert_int_equal(bench_take(&b, "infra"), 0);
    assert_int_equal(pause_it(&b, BATON__PAUSE__SCOPE__SUBMITTER, "ann", true, &done), 0);
    assert_true(bench_take(&b, "infra") != 0);
    assert_string_equal(bench_state(&b, "a"), "leased");
    bench_fini(&b);
}

static void
test_a_pause_of_a_name_that_nobody_has_says_so(void **unused)
{
    (void)unused;
    struct bench b;
    Baton__Done done;
    bench_init(&b);
    assert_int_equal(bench_add(&b, bench_spec(&b, "a", "infra")), 0);
    assert_int_equal(pause_it(&b, BATON__PAUSE__SCOPE__PROJECT, "default", false, &done), 0);
    assert_true(done.changed && !done.unknown);
    assert_int_equal(pause_it(&b, BATON__PAUSE__SCOPE__PROJECT, "ghost", false, &done), 0);
    assert_true(done.changed && done.unknown);
    assert_int_equal(pause_it(&b, BATON__PAUSE__SCOPE__SUBMITTER, "ghost", false, &done), 0);
    assert_true(done.changed && done.unknown);
    assert_int_equal(pause_it(&b, BATON__PAUSE__SCOPE__ROLE, "ghost", false, &done),
                     BATON__CODE__CODE_UNKNOWN_ROLE);
    assert_int_equal(pause_it(&b, BATON__PAUSE__SCOPE__WORKER, "ghost", false, &done),
                     BATON__CODE__CODE_NOT_FOUND);
    assert_string_equal(b.request.error.field, "name");
    assert_int_equal(pause_it(&b, BATON__PAUSE__SCOPE__WORKER, "ghost", true, &done), 0);
    assert_false(done.changed);
    Baton__Pause pause = BATON__PAUSE__INIT;
    pause.scope = BATON__PAUSE__SCOPE__WORKER;
    pause.name = arena_strdup(&b.arena, "ghost");
    pause.force = true;
    assert_int_equal(core_pause(b.core, &b.request, &pause, &done), 0);
    assert_true(done.changed && done.unknown);
    bench_keep(&b);
    uint32_t worker = core_worker(b.core, &b.request, "ghost");
    assert_true(core_worker_is_draining(b.core, worker));
    bench_fini(&b);
}

/* Numbers follow the journal's, so a submission can guess them, and name them in dependencies. */
static void
test_a_made_id_is_nobodys_else(void **unused)
{
    (void)unused;
    struct bench b;
    bench_init(&b);
    assert_int_equal(core_seq(b.core), 0);
    Baton__Spec *specs[] = {bench_spec(&b, "", "infra"), bench_spec(&b, "t1", "infra"),
                            bench_spec(&b, "", "infra"), bench_spec(&b, "t3", "infra")};
    bench_after(&b, specs[3], "t7");
    Baton__Submit submit = BATON__SUBMIT__INIT;
    submit.tasks = specs;
    submit.n_tasks = 4;
    Baton__Submitted ret;
    assert_int_equal(bench_submit(&b, &submit, &ret), 0);
    assert_int_equal(ret.created, 4);
    assert_int_equal(ret.n_differences, 2);
    assert_string_equal(ret.differences[0]->task->id, "t5");
    assert_string_equal(ret.differences[1]->task->id, "t11"); /* 3 is given, 7 is waited for */
    assert_int_equal(ret.forward_refs_total, 1);
    bench_fini(&b);
}

/* An agent's children are told apart by what they say of themselves; two that say nothing are not
 * the same. */
static void
test_a_child_without_a_title_goes_not_round(void **unused)
{
    (void)unused;
    struct bench b;
    bench_init(&b);
    assert_int_equal(bench_add(&b, bench_spec(&b, "plain", "infra")), 0);
    Baton__Spec *child = bench_spec(&b, "child", "infra");
    Baton__Submit submit = BATON__SUBMIT__INIT;
    submit.tasks = &child;
    submit.n_tasks = 1;
    submit.parent_token = bench_take(&b, "infra");
    assert_int_equal(bench_submit(&b, &submit, NULL), 0);
    child = bench_spec(&b, "grandchild", "infra");
    child->title = arena_strdup(&b.arena, "tidy up");
    submit.parent_token = bench_take(&b, "infra");
    assert_int_equal(bench_submit(&b, &submit, NULL), 0);
    child = bench_spec(&b, "again", "infra");
    child->title = arena_strdup(&b.arena, "tidy up");
    submit.parent_token = bench_take(&b, "infra");
    assert_int_equal(bench_submit(&b, &submit, NULL), BATON__CODE__CODE_LIMIT);
    bench_fini(&b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_paused_submitter_keeps_its_tasks_and_nobody_else),
        cmocka_unit_test(test_a_paused_submitter_keeps_no_lock_from_others),
        cmocka_unit_test(test_a_pause_of_a_name_that_nobody_has_says_so),
        cmocka_unit_test(test_a_made_id_is_nobodys_else),
        cmocka_unit_test(test_a_child_without_a_title_goes_not_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
