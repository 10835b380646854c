/* ctl/plan: phases and milestones become tasks without work. */
#include "tests/unit/plan_help.h"

#include <string.h>

static const char two_phases[] = "defaults: {role: qa}\n"
                                 "tasks: [{id: z}]\n"
                                 "phases:\n"
                                 "- name: \"Phase 1: Foundation\"\n"
                                 "  deadline: 2025-08-17\n"
                                 "  tasks: [{id: a}, {id: b}, z]\n"
                                 "- id: two\n"
                                 "  name: Core\n"
                                 "  parallel: false\n"
                                 "  tasks: [{id: c}, {id: d, after: [a]}, {id: e}]\n"
                                 "- id: three\n"
                                 "  after: []\n"
                                 "  tasks: [{id: f}]\n"
                                 "- id: four\n";

static void
test_phases_follow_one_another(void **state)
{
    (void)state;
    struct plan *plan = plan_good("a.yaml", two_phases);
    const baton_spec *one = spec_of(plan, "phase-1-foundation");
    assert_true(one->milestone);
    assert_null(one->role);
    assert_string_equal(one->title, "Phase 1: Foundation");
    assert_int_equal(one->deadline, 1755475199000);
    assert_int_equal(one->n_after, 3);
    assert_true(waits_for(plan, "phase-1-foundation", "z"));
    assert_int_equal(spec_of(plan, "a")->n_after, 0);
    assert_int_equal(spec_of(plan, "z")->n_after, 0);
    assert_true(waits_for(plan, "c", "phase-1-foundation"));
    assert_true(waits_for(plan, "e", "phase-1-foundation"));
    assert_true(waits_for(plan, "two", "c"));
    assert_string_equal(spec_of(plan, "two")->title, "Core");
    assert_int_equal(plan_facts(plan)->n_milestones, 4);
    plan_free(plan);
}

static void
test_tasks_in_order_wait_for_each_other(void **state)
{
    (void)state;
    struct plan *plan = plan_good("a.yaml", two_phases);
    assert_false(waits_for(plan, "b", "a"));
    assert_true(waits_for(plan, "d", "c"));
    assert_true(waits_for(plan, "d", "a"));
    assert_true(waits_for(plan, "e", "d"));
    assert_false(waits_for(plan, "e", "c"));
    plan_free(plan);
}

static void
test_a_phase_can_say_what_it_waits_for(void **state)
{
    (void)state;
    struct plan *plan = plan_good("a.yaml", two_phases);
    assert_int_equal(spec_of(plan, "f")->n_after, 0);
    /* An empty phase is only its milestone. */
    assert_int_equal(spec_of(plan, "four")->n_after, 1);
    assert_true(waits_for(plan, "four", "three"));
    plan_free(plan);
}

static void
test_milestones_stand_alone(void **state)
{
    (void)state;
    struct plan *plan = plan_good("a.yaml", "defaults: {role: qa}\ntasks: [{id: a}, {id: b}]\n"
                                            "milestones:\n- {id: m, after: [a]}\n"
                                            "- {name: Launch, tasks: [b], after: m}\n");
    assert_int_equal(spec_of(plan, "m")->n_after, 1);
    assert_true(waits_for(plan, "Launch", "b"));
    assert_true(waits_for(plan, "Launch", "m"));
    assert_true(spec_of(plan, "Launch")->milestone);
    plan_free(plan);
}

static void
test_mistakes_in_phases(void **state)
{
    (void)state;
    assert_refused("a.yaml", "phases:\n- {id: a, task: []}\n",
                   "a.yaml:2: unknown key 'task' in a phase; did you mean 'tasks'?");
    assert_refused("a.yaml", "phases:\n- {tasks: []}\n", "a.yaml:2: it has no id");
    assert_refused("a.yaml", "phases:\n- {name: \"!!!\"}\n", "a.yaml:2: it has no id");
    assert_refused("a.yaml", "phases:\n- {id: a, parallel: maybe}\n", "a.yaml:2: parallel: true");
    assert_refused("a.yaml", "phases:\n- {id: a}\n- {id: a}\n", "a.yaml:3: 'a' stands at a.yaml:2");
    assert_refused("a.yaml", "phases: {a: b}\n", "a.yaml:1: phases: a list is wanted here");
    /* A phase that waits for its own end, by way of a task outside. */
    assert_refused("a.yaml",
                   "defaults: {role: qa}\nphases:\n- {id: p, tasks: [{id: a, after: [x]}]}\n"
                   "tasks: [{id: x, after: [p]}]\n",
                   "p -> a -> x -> p");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_phases_follow_one_another),
        cmocka_unit_test(test_tasks_in_order_wait_for_each_other),
        cmocka_unit_test(test_a_phase_can_say_what_it_waits_for),
        cmocka_unit_test(test_milestones_stand_alone),
        cmocka_unit_test(test_mistakes_in_phases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
