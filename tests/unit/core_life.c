/* The life of tasks in the core: from submission to the end, and the same state again after a
 * recovery. The breadth is the simulation's (tests/sim); here stand the stories that a reader wants
 * to see. */
#include "broker/core/core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A core, and all the facts that it ever made, for a second one to replay. */
struct world {
    struct core *core;
    struct arena arena;
    struct core_out out;
    struct core_request request;
    struct buf journal;
    uint32_t n_facts;
};

static void
world_init(struct world *w)
{
    memset(w, 0, sizeof *w);
    w->core = core_new(&(struct core_config){.hot_ended_max = 3});
    arena_init(&w->arena);
    w->request = (struct core_request){
        .now = 1000, .seed = 7, .actor = "ann", .arena = &w->arena, .out = &w->out};
}

static void
keep(struct world *w)
{
    buf_add(&w->journal, w->out.facts.data, w->out.facts.bytes);
    w->n_facts += w->out.n_facts;
    core_out_clear(&w->out);
    w->request.seed++;
}

static void
world_fini(struct world *w)
{
    char error[200];
    keep(w);
    if (!core_recovered(w->core, error, sizeof error)) {
        fail_msg("%s", error);
    }
    /* The journal alone gives the same state. */
    struct core *again = core_new(&(struct core_config){.hot_ended_max = 3});
    assert_true(core_replay(again, 1, w->n_facts, w->journal.data, w->journal.bytes, NULL));
    assert_true(core_recovered(again, error, sizeof error));
    assert_true(core_digest(again) == core_digest(w->core));
    core_free(again);
    /* So does a snapshot. */
    struct core *third = core_new(&(struct core_config){.hot_ended_max = 3});
    struct buf chunk = {0};
    core_snapshot_begin(w->core);
    bool more = true;
    while (more) {
        more = core_snapshot_step(w->core, 2, &chunk);
        assert_true(core_restore_chunk(third, chunk.data, chunk.bytes));
    }
    if (!core_recovered(third, error, sizeof error)) {
        fail_msg("%s", error);
    }
    assert_true(core_digest(third) == core_digest(w->core));
    core_free(third);
    buf_fini(&chunk);
    buf_fini(&w->journal);
    core_out_fini(&w->out);
    arena_fini(&w->arena);
    core_free(w->core);
}

static Baton__Spec *
spec(struct world *w, const char *id, const char *role)
{
    Baton__Spec *s = arena_alloc(&w->arena, sizeof *s);
    baton__spec__init(s);
    s->id = arena_strdup(&w->arena, id);
    s->role = arena_strdup(&w->arena, role);
    s->milestone = role[0] == 0;
    return s;
}

static void
after(struct world *w, Baton__Spec *s, const char *id)
{
    Baton__Edge *edge = arena_alloc(&w->arena, sizeof *edge);
    baton__edge__init(edge);
    edge->id = arena_strdup(&w->arena, id);
    Baton__Edge **more = arena_alloc(&w->arena, (s->n_after + 1) * sizeof *more);
    for (size_t i = 0; i < s->n_after; i++) {
        more[i] = s->after[i];
    }
    more[s->n_after++] = edge;
    s->after = more;
}

static Baton__Code
submit(struct world *w, Baton__Spec **specs, size_t n)
{
    Baton__Submit submit = BATON__SUBMIT__INIT;
    submit.tasks = specs;
    submit.n_tasks = n;
    Baton__Submitted ret;
    Baton__Code code = core_submit(w->core, &w->request, &submit, &ret);
    keep(w);
    return code;
}

static uint64_t
take(struct world *w, const char *role)
{
    uint32_t worker = core_worker(w->core, &w->request, "w1");
    Baton__Assign assign;
    struct core_dispatch dispatch = {.worker = worker, .roles = 1u << role_number(role), .max = 1};
    assert_int_equal(core_dispatch(w->core, &w->request, &dispatch, &assign), 0);
    keep(w);
    return assign.n_tasks ? assign.tasks[0]->token : 0;
}

static Baton__Code
end(struct world *w, uint64_t token, Baton__Outcome outcome)
{
    Baton__Result result = BATON__RESULT__INIT;
    result.outcome = outcome;
    Baton__Line line = BATON__LINE__INIT;
    line.token = token;
    line.what_case = BATON__LINE__WHAT_RESULT;
    line.result = &result;
    Baton__LineReply reply;
    core_report_line(w->core, &w->request, 0, &line, &reply);
    keep(w);
    return reply.code;
}

static const char *
state(struct world *w, const char *id)
{
    Baton__Ref ref = BATON__REF__INIT;
    ref.id = (char *)(uintptr_t)id;
    Baton__TaskView view;
    uint64_t archived;
    if (core_get(w->core, &w->request, &ref, &view, &archived) != BATON__CODE__CODE_OK) {
        return archived ? "archived" : "unknown";
    }
    return state_name((int)view.state);
}

static void
test_a_dependent_waits_until_what_it_needs_is_done(void **unused)
{
    (void)unused;
    struct world w;
    world_init(&w);
    Baton__Spec *specs[] = {spec(&w, "b", "backend"), spec(&w, "a", "infra"), spec(&w, "m", "")};
    after(&w, specs[0], "a");
    after(&w, specs[2], "b");
    assert_int_equal(submit(&w, specs, 3), 0);
    assert_string_equal(state(&w, "a"), "ready");
    assert_string_equal(state(&w, "b"), "waiting");
    assert_int_equal(take(&w, "backend"), 0);
    uint64_t a = take(&w, "infra");
    assert_true(a > 0);
    assert_string_equal(state(&w, "a"), "leased");
    assert_int_equal(end(&w, a, BATON__OUTCOME__OUTCOME_DONE), 0);
    assert_int_equal(end(&w, a, BATON__OUTCOME__OUTCOME_DONE), 0);
    assert_int_equal(end(&w, a, BATON__OUTCOME__OUTCOME_FAILED), BATON__CODE__CODE_STALE_TOKEN);
    uint64_t b = take(&w, "backend");
    assert_true(b > a);
    assert_int_equal(end(&w, b, BATON__OUTCOME__OUTCOME_DONE), 0);
    assert_string_equal(state(&w, "b"), "done");
    assert_string_equal(state(&w, "m"), "done");
    world_fini(&w);
}

static void
test_failures_back_off_and_exhaust(void **unused)
{
    (void)unused;
    struct world w;
    world_init(&w);
    Baton__Spec *specs[] = {spec(&w, "a", "infra"), spec(&w, "b", "infra")};
    after(&w, specs[1], "a");
    assert_int_equal(submit(&w, specs, 2), 0);
    for (int i = 0; i < 3; i++) {
        uint64_t token = take(&w, "infra");
        assert_true(token > 0);
        assert_int_equal(end(&w, token, BATON__OUTCOME__OUTCOME_FAILED), 0);
        assert_int_equal(take(&w, "infra"), 0);
        w.request.now += 3600 * 1000;
        core_tick(w.core, &w.request);
        keep(&w);
    }
    assert_string_equal(state(&w, "a"), "failed");
    assert_string_equal(state(&w, "b"), "waiting");
    world_fini(&w);
}

/* How long the task waits for its next attempt. */
static int64_t
delay_of(struct world *w, const char *id)
{
    Baton__Ref ref = BATON__REF__INIT;
    ref.id = (char *)(uintptr_t)id;
    Baton__TaskView view;
    uint64_t archived;
    assert_int_equal(core_get(w->core, &w->request, &ref, &view, &archived), 0);
    return view.next_at - w->request.now;
}

/* Full jitter: even between nothing and a bound that doubles up to the cap. Of a hundred tasks some
 * come near both ends, and their mean is near the half. */
static void
test_delays_are_spread_and_double_up_to_the_cap(void **unused)
{
    (void)unused;
    enum { TASKS = 100, BASE_MS = 1000, CAP_MS = 3000 };
    static const int64_t bounds_ms[] = {BASE_MS, 2 * BASE_MS, CAP_MS, CAP_MS};
    struct world w;
    world_init(&w);
    Baton__Spec *specs[TASKS];
    for (int i = 0; i < TASKS; i++) {
        char id[16];
        snprintf(id, sizeof id, "t%d", i);
        specs[i] = spec(&w, id, "infra");
        specs[i]->backoff_ms = BASE_MS;
        specs[i]->backoff_cap_ms = CAP_MS;
        specs[i]->max_attempts = 5;
    }
    assert_int_equal(submit(&w, specs, TASKS), 0);
    for (size_t round = 0; round < 4; round++) {
        uint64_t token;
        while ((token = take(&w, "infra")) > 0) {
            assert_int_equal(end(&w, token, BATON__OUTCOME__OUTCOME_FAILED), 0);
        }
        int64_t least = INT64_MAX, most = 0, sum = 0;
        for (int i = 0; i < TASKS; i++) {
            int64_t delay = delay_of(&w, specs[i]->id);
            least = delay < least ? delay : least;
            most = delay > most ? delay : most;
            sum += delay;
        }
        int64_t bound = bounds_ms[round];
        assert_in_range(least, 1, bound / 5);
        assert_in_range(most, bound - bound / 5, bound);
        assert_in_range(sum / TASKS, bound / 3, bound - bound / 3);
        w.request.now += bound;
        core_tick(w.core, &w.request);
        keep(&w);
    }
    world_fini(&w);
}

static void
test_a_cycle_is_refused_with_its_path(void **unused)
{
    (void)unused;
    struct world w;
    world_init(&w);
    Baton__Spec *first[] = {spec(&w, "a", "infra")};
    after(&w, first[0], "c");
    assert_int_equal(submit(&w, first, 1), 0);
    Baton__Spec *more[] = {spec(&w, "c", "infra"), spec(&w, "b", "infra")};
    after(&w, more[0], "b");
    after(&w, more[1], "a");
    assert_int_equal(submit(&w, more, 2), BATON__CODE__CODE_CYCLE);
    assert_int_equal(w.request.error.n_path, 4);
    assert_string_equal(state(&w, "b"), "unknown");
    world_fini(&w);
}

static void
test_a_lost_lease_goes_back_and_a_late_result_still_counts(void **unused)
{
    (void)unused;
    struct world w;
    world_init(&w);
    Baton__Spec *specs[] = {spec(&w, "a", "infra")};
    assert_int_equal(submit(&w, specs, 1), 0);
    uint64_t token = take(&w, "infra");
    w.request.now += 10 * 60 * 1000;
    core_tick(w.core, &w.request);
    keep(&w);
    assert_string_equal(state(&w, "a"), "ready");
    assert_int_equal(end(&w, token, BATON__OUTCOME__OUTCOME_DONE), 0);
    assert_string_equal(state(&w, "a"), "done");
    world_fini(&w);
}

static void
test_ended_tasks_leave_the_memory_and_still_count(void **unused)
{
    (void)unused;
    struct world w;
    world_init(&w);
    for (int i = 0; i < 10; i++) {
        char id[16];
        snprintf(id, sizeof id, "t%d", i);
        Baton__Spec *specs[] = {spec(&w, id, "infra")};
        assert_int_equal(submit(&w, specs, 1), 0);
        assert_int_equal(end(&w, take(&w, "infra"), BATON__OUTCOME__OUTCOME_DONE), 0);
        /* Three are kept, for a week. */
        assert_int_equal(core_n_to_archive(w.core, w.request.now), i < 3 ? 0 : 1);
        assert_int_equal(core_n_to_archive(w.core, w.request.now + INT64_C(604800000)),
                         i < 3 ? i + 1 : 4);
        core_tick(w.core, &w.request);
        keep(&w);
    }
    assert_string_equal(state(&w, "t0"), "archived");
    Baton__Ref t0 = BATON__REF__INIT;
    t0.id = arena_strdup(&w.arena, "t0");
    uint64_t key;
    assert_int_equal(core_archived_state(w.core, &t0, &key), BATON__TASK_STATE__STATE_DONE);
    Baton__Spec *specs[] = {spec(&w, "late", "infra")};
    after(&w, specs[0], "t0");
    assert_int_equal(submit(&w, specs, 1), 0);
    assert_string_equal(state(&w, "late"), "ready");
    world_fini(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_dependent_waits_until_what_it_needs_is_done),
        cmocka_unit_test(test_failures_back_off_and_exhaust),
        cmocka_unit_test(test_delays_are_spread_and_double_up_to_the_cap),
        cmocka_unit_test(test_a_cycle_is_refused_with_its_path),
        cmocka_unit_test(test_a_lost_lease_goes_back_and_a_late_result_still_counts),
        cmocka_unit_test(test_ended_tasks_leave_the_memory_and_still_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
