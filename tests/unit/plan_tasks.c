/* ctl/plan: what a task of ours can say. */
#include "common/check.h"
#include "common/units.h"
#include "tests/unit/plan_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
test_every_attribute_arrives(void **state)
{
    (void)state;
    struct plan *plan = plan_good(
        "a.yaml",
        "version: 1\nproject: shop\n"
        "resources: {gpu: 2}\n"
        "tasks:\n"
        "- id: a\n  title: The first\n  role: Real-time Agent\n  priority: critical\n"
        "  deadline: 2025-08-12\n  on_deadline: expire\n  not_before: 2025-08-10\n"
        "  estimate: 2 days\n"
        "  resources: [disk, {name: gpu, amount: 2}, {name: net, shared: true}]\n"
        "  held: true\n  command: [make, -j2]\n  check: [test, -s, out]\n  prompt: |\n    Do\n    "
        "it.\n"
        "  payload: '{\"x\": 1}'\n  env: {A: 1, B_2: two words}\n  workdir: src/lib\n"
        "  labels: {team: core, wip: }\n  timeout: 30m\n  idle_timeout: 5m\n  lease: 90s\n"
        "  stall: 10m\n  retries: 4\n  backoff: 2s\n  backoff_cap: 1m\n  crash_limit: 2\n"
        "  unique_key: k\n  unique_window: 1h\n  on_conflict: attach\n"
        "  fairness: {key: team-1, weight: 3}\n");
    const baton_spec *s = spec_of(plan, "a");
    assert_string_equal(s->project, "shop");
    assert_string_equal(s->title, "The first");
    assert_string_equal(s->role, "realtime");
    assert_int_equal(s->priority, BATON_CRITICAL);
    assert_int_equal(s->deadline, 1755043199000);
    assert_int_equal(s->on_deadline, BATON_DEADLINE_EXPIRE);
    assert_int_equal(s->not_before, 1754784000000);
    assert_int_equal(s->estimate_ms, 172800000);
    assert_int_equal(s->n_claims, 3);
    assert_string_equal(s->claims[1].name, "gpu");
    assert_int_equal(s->claims[1].amount, 2);
    assert_true(s->claims[2].shared);
    assert_true(s->held);
    assert_int_equal(s->n_command, 2);
    assert_string_equal(s->command[1], "-j2");
    assert_int_equal(s->n_check, 3);
    assert_string_equal(s->prompt, "Do\nit.\n");
    assert_int_equal(s->payload_bytes, 8);
    assert_int_equal(s->n_env, 2);
    assert_string_equal(s->env[1], "B_2=two words");
    assert_string_equal(s->workdir, "src/lib");
    assert_int_equal(s->n_labels, 2);
    assert_string_equal(s->labels[0].value, "core");
    assert_string_equal(s->labels[1].value, "");
    assert_int_equal(s->max_runtime_ms, 1800000);
    assert_int_equal(s->idle_ms, 300000);
    assert_int_equal(s->lease_ms, 90000);
    assert_int_equal(s->stall_ms, 600000);
    assert_int_equal(s->max_attempts, 5);
    assert_int_equal(s->backoff_ms, 2000);
    assert_int_equal(s->backoff_cap_ms, 60000);
    assert_int_equal(s->crash_limit, 2);
    assert_string_equal(s->unique_key, "k");
    assert_int_equal(s->unique_window_ms, 3600000);
    assert_int_equal(s->on_conflict, BATON_CONFLICT_ATTACH);
    assert_string_equal(s->fairness_key, "team-1");
    assert_int_equal(s->fairness_weight, 3);
    size_t n;
    const struct baton_resource *resources = plan_resources(plan, &n);
    assert_int_equal(n, 1);
    assert_int_equal(resources[0].capacity, 2);
    assert_string_equal(plan_source_of(plan, 0), "a.yaml:5");
    plan_free(plan);
}

static void
test_dependencies_in_all_their_forms(void **state)
{
    (void)state;
    struct plan *plan = plan_good("a.yaml", "tasks:\n"
                                            "- {id: a, role: qa}\n- {id: b, role: qa, after: a}\n"
                                            "- id: c\n  role: qa\n  dependencies:\n"
                                            "  - a\n  - a\n  - other//x/y\n"
                                            "  - {task: b, on: finished, else: ignore}\n"
                                            "  - {task: z, project: ops, any: 1}\n"
                                            "  - {id: a, on: started, any: 1}\n");
    const baton_spec *c = spec_of(plan, "c");
    assert_int_equal(spec_of(plan, "b")->n_after, 1);
    assert_int_equal(c->n_after, 5); /* a once */
    assert_string_equal(c->after[1].project, "other");
    assert_string_equal(c->after[1].id, "x/y");
    assert_int_equal(c->after[2].condition, BATON_ON_FINISHED);
    assert_int_equal(c->after[2].policy, BATON_IGNORE);
    assert_string_equal(c->after[3].project, "ops");
    assert_int_equal(c->after[3].any, 1);
    assert_int_equal(c->after[4].condition, BATON_ON_STARTED);
    assert_int_equal(plan_facts(plan)->n_forward, 2);
    assert_int_equal(plan_facts(plan)->depth, 3);
    plan_free(plan);
}

/* The last of the table too. */
static void
test_every_key_of_a_task_has_a_place_of_its_own(void **state)
{
    (void)state;
    struct plan *plan = plan_good("a.yaml", "defaults: {role: backend, approval: required}\n"
                                            "tasks:\n- {id: a, approval: true, v: 1}\n"
                                            "- {id: b, approval: false, v: 1}\n- id: c\n");
    assert_true(spec_of(plan, "a")->approval);
    assert_false(spec_of(plan, "b")->approval);
    assert_true(spec_of(plan, "c")->approval);
    plan_free(plan);
    plan = plan_good("a.yaml", "defaults: {role: backend, preemptible: false}\n"
                               "tasks: [{id: a, preemptible: true}, {id: b}]\n");
    assert_false(spec_of(plan, "a")->no_preempt);
    assert_true(spec_of(plan, "b")->no_preempt);
    plan_free(plan);
    assert_refused("a.yaml", "tasks: [{id: a, role: qa, preemptible: never}]\n", "a.yaml:1: ");
    assert_refused("a.yaml", "tasks: [{id: a, role: qa, approval: true, approval: true}]\n",
                   "a.yaml:1: 'approval' stands twice in one map");
}

static void
test_defaults_fill_what_a_task_leaves_out(void **state)
{
    (void)state;
    struct plan *plan = plan_good("a.yaml",
                                  "defaults: {role: backend, timeout: 10m, priority: low,\n"
                                  "           env: {A: 1}, max_attempts: 7}\n"
                                  "tasks:\n- id: a\n"
                                  "- {id: b, agent: QA, max_runtime: 1m, env: {B: 2},\n"
                                  "   retries: 0, priority: high}\n"
                                  "- {id: m, milestone: true, after: [a, b]}\n");
    assert_string_equal(spec_of(plan, "a")->role, "backend");
    assert_int_equal(spec_of(plan, "a")->max_runtime_ms, 600000);
    assert_int_equal(spec_of(plan, "a")->priority, BATON_LOW);
    assert_string_equal(spec_of(plan, "b")->role, "testing");
    assert_int_equal(spec_of(plan, "b")->max_runtime_ms, 60000);
    assert_int_equal(spec_of(plan, "b")->n_env, 1);
    assert_int_equal(spec_of(plan, "b")->max_attempts, 1);
    assert_int_equal(spec_of(plan, "b")->priority, BATON_HIGH);
    assert_null(spec_of(plan, "m")->role);
    plan_free(plan);
    assert_refused("a.yaml",
                   "defaults: {rolle: qa}\ntasks: [{id: a, role: qa}, {id: b, role: qa}]\n",
                   "a.yaml:1: unknown key 'rolle' in defaults; did you mean 'role'?");
    assert_refused("a.yaml", "defaults: {id: a}\n", "a.yaml:1: id can't stand in defaults");
    struct plan *once = plan_of("a.yaml", "defaults: {timeout: soon}\ntasks:\n- {id: a, role: qa}\n"
                                          "- {id: b, role: qa}\n");
    assert_int_equal(plan_n_errors(once), 1);
    plan_free(once);
}

static void
test_documents_close_their_projects(void **state)
{
    (void)state;
    struct plan *plan = plan_good("a.yaml", "project: shop\nclosed: true\n"
                                            "tasks: [{id: a, role: qa}]\n---\n"
                                            "project: other\nclosed: false\n"
                                            "tasks: [{id: b, role: qa}]\n---\n"
                                            "project: shop\nclosed: true\n");
    size_t n;
    const char *const *closes = plan_closes(plan, &n);
    assert_int_equal(n, 1);
    assert_string_equal(closes[0], "shop");
    plan_free(plan);
    assert_refused("a.yaml", "closed: maybe\n", "a.yaml:1: closed");
}

static void
test_zones_of_documents(void **state)
{
    (void)state;
    if (!zone_is_known("Asia/Tokyo")) {
        print_message("SKIPPED: no tzdata on this machine\n");
        skip();
    }
    struct plan *plan = plan_good("a.yaml",
                                  "zone: Asia/Tokyo\n"
                                  "tasks: [{id: a, role: qa, deadline: 2025-08-12}]\n---\n"
                                  "tasks: [{id: b, role: qa, deadline: 2025-08-12}]\n");
    assert_int_equal(spec_of(plan, "a")->deadline, 1755043199000 - 9 * 3600000);
    assert_int_equal(spec_of(plan, "b")->deadline, 1755043199000);
    plan_free(plan);
    assert_refused("a.yaml", "zone: ../../etc/passwd\n", "a.yaml:1: zone: '../../etc/passwd'");
}

/* The broker's zone is known only after the plan is read: times that say none are read again. */
static void
test_zone_that_comes_later(void **state)
{
    (void)state;
    if (!zone_is_known("Asia/Tokyo")) {
        print_message("SKIPPED: no tzdata on this machine\n");
        skip();
    }
    struct plan *plan = plan_good("a.yaml",
                                  "tasks:\n"
                                  "- {id: a, role: qa, deadline: 2025-08-12, start: 2025-08-12}\n"
                                  "- {id: b, role: qa, deadline: 2025-08-12T18:00:00+02:00}\n"
                                  "- {id: c, role: qa, deadline: 2025-08-12 18:00}\n"
                                  "---\n"
                                  "zone: Europe/Berlin\n"
                                  "tasks: [{id: d, role: qa, deadline: 2025-08-12}]\n");
    assert_true(plan_needs_zone(plan));
    int64_t said = spec_of(plan, "b")->deadline, berlin = spec_of(plan, "d")->deadline;
    assert_int_equal(spec_of(plan, "a")->deadline, 1755043199000);
    assert_true(plan_set_zone(plan, "Asia/Tokyo"));
    assert_int_equal(spec_of(plan, "a")->deadline, 1755043199000 - 9 * 3600000);
    assert_int_equal(spec_of(plan, "a")->not_before, 1754956800000 - 9 * 3600000);
    assert_int_equal(spec_of(plan, "c")->deadline, 1755021600000 - 9 * 3600000);
    assert_int_equal(spec_of(plan, "b")->deadline, said);
    assert_int_equal(spec_of(plan, "d")->deadline, berlin);
    plan_free(plan);
    plan = plan_good("a.yaml", "tasks: [{id: a, role: qa, deadline: 2025-08-12T18:00Z,"
                               " start: +2h}]\n");
    assert_false(plan_needs_zone(plan));
    plan_free(plan);
}

/* One mistake each, in a task that is right but for it. */
static void
test_mistakes_have_their_place_and_a_remedy(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        const char *wanted;
    } cases[] = {
        {"titel: x", "a.yaml:5: unknown key 'titel' in a task; did you mean 'title'?"},
        {"depends: [x]", "a.yaml:5: unknown key 'depends' in a task"},
        {"role: fronted", "a.yaml:5: unknown role 'fronted'"},
        {"agent: [x]", "a.yaml:5: agent: text is wanted here, not a list"},
        {"priority: urgent", "a.yaml:5: priority: one of critical, high, medium, low"},
        {"deadline: tomorrow", "a.yaml:5: deadline: a date or time"},
        {"deadline: 2025-02-30", "a.yaml:5: deadline: a date or time"},
        {"estimate: 11 years", "a.yaml:5: estimate: a duration"},
        {"timeout: 5 parsecs", "a.yaml:5: timeout: a duration"},
        {"retries: -1", "a.yaml:5: retries: a number from 0 to 999"},
        {"retries: 1000", "a.yaml:5: retries: a number from 0 to 999"},
        {"retries: 99999999999999999999", "a.yaml:5: retries: a number"},
        {"held: yes please", "a.yaml:5: held: true or false"},
        {"command: make test", "a.yaml:5: command: there is no shell"},
        {"command: []", "a.yaml:5: command: the program is missing"},
        {"command: [[a]]", "a.yaml:5: text is wanted here, not a list"},
        {"env: {BATON_TOKEN: 1}", "a.yaml:5: 'BATON_TOKEN' can't be a variable"},
        {"env: {\"A=B\": 1}", "a.yaml:5: 'A=B' can't be a variable"},
        {"workdir: ../up", "a.yaml:5: workdir: '../up' can't be a name"},
        {"workdir: /etc", "a.yaml:5: workdir: '/etc' can't be a name"},
        {"after: [../x]", "a.yaml:5: '../x' can't be a task"},
        {"after: [{on: success}]", "a.yaml:5: the dependency names no task"},
        {"after: [{task: x, on: sucess}]", "a.yaml:5: on: one of success"},
        {"after: [{task: x, els: hold}]",
         "unknown key 'els' in a dependency; did you mean 'else'?"},
        {"after: [[x]]", "a.yaml:5: a task's id is wanted here, not a list"},
        {"after: [x, {task: x, else: abort}]", "a.yaml:5: 'a' depends on 'x' twice"},
        {"resources: [gpu, gpu]", "a.yaml:5: resource 'gpu' is claimed twice"},
        {"resources: [{name: g, amount: 2, shared: true}]", "shared or by an amount, not both"},
        {"resources: [{amount: 2}]", "a.yaml:5: the resource has no name"},
        {"title: \"a\\x1b[2J\"", "a.yaml:5: title: 'a\\x1b[2J' has a control character"},
        {"task: x\n  title: y", "a.yaml:6: title and task say the same thing"},
        {"milestone: true", "a.yaml:3: 'a' is a milestone, which no role works on"},
        {"payload: {a: 1}", "a.yaml:5: payload: text is wanted here, not a map"},
        {"fairness: {weight: 2}", "a.yaml:5: fairness: the key is missing"},
        {"labels: {\"../x\": y}", "a.yaml:5: '../x' can't be the name of a label"},
        {"prompt_file: /etc/passwd", "a.yaml:5: '/etc/passwd' must be a path below"},
        {"prompt_file: a/../../x", "a.yaml:5: 'a/../../x' must be a path below"},
        {"prompt_file: not/there.md", "a.yaml:5: 'not/there.md' can't be opened"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bool has_role = strstr(cases[i].line, "role:") || strstr(cases[i].line, "agent:");
        char text[512];
        snprintf(text, sizeof text, "version: 1\ntasks:\n- id: a\n  %s\n  %s\n",
                 has_role ? "held: false" : "role: qa", cases[i].line);
        assert_refused("a.yaml", text, cases[i].wanted);
    }
}

static void
test_hostile_ids_are_refused(void **state)
{
    (void)state;
    static const char *const ids[] = {"../etc",     "a/../b",      "-rf",      "\"a\\nb\"",
                                      "\"\\e[2J\"", "'a b'",       "a//b",     ".hidden",
                                      "'$(x)'",     "\"\\u202e\"", "\"\\x7f\""};
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        char text[128];
        snprintf(text, sizeof text, "tasks:\n- id: %s\n  role: qa\n", ids[i]);
        assert_refused("a.yaml", text, "can't be an id");
    }
    char *long_id = repeat("x", 4096);
    char *text = malloc(8192);
    assert_non_null(text);
    snprintf(text, 8192, "tasks:\n- id: %s\n  role: qa\n", long_id);
    assert_refused("a.yaml", text, "longer than 128 bytes");
    free(text);
    free(long_id);
    assert_refused("a.yaml", "project: ../x\n", "project: '../x' can't be a name");
    assert_refused("a.yaml", "tasks:\n- role: qa\n", "a.yaml:2: the task has no id");
    assert_refused("a.yaml", "tasks:\n- {id: a, role: qa}\n- {id: a, role: qa}\n",
                   "a.yaml:3: 'a' stands at a.yaml:2 already");
    assert_refused("a.yaml", "tasks:\n- id: a\n", "a.yaml:2: 'a' has no role");
}

static void
test_top_of_a_plan(void **state)
{
    (void)state;
    assert_refused("a.yaml", "version: 2\n", "a.yaml:1: version: this baton reads version 1");
    assert_refused(
        "a.yaml", "task_que: {}\n",
        "a.yaml:1: unknown key 'task_que' at the top of a plan; did you mean 'task_queue'?");
    assert_refused("a.yaml", "tasks: {a: b}\n",
                   "a.yaml:1: tasks: a list is wanted here, not a map");
    assert_refused("a.yaml", "resources: {gpu: 0}\n", "a.yaml:1: gpu: a number from 1");
    assert_refused("a.yaml",
                   "resources: {gpu: 1}\ntasks:\n- {id: a, role: qa, resources: [{name: gpu, "
                   "amount: 2}]}\n",
                   "a.yaml:3: 'a' claims 2 of resource 'gpu', which has 1");
    assert_refused("a.yaml", "resources: {gpu: 1}\n---\nresources: {gpu: 2}\n",
                   "a.yaml:3: resource");
    plan_free(plan_good("a.yaml", "tasks:\nresources: {gpu: 1}\n"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_attribute_arrives),
        cmocka_unit_test(test_dependencies_in_all_their_forms),
        cmocka_unit_test(test_every_key_of_a_task_has_a_place_of_its_own),
        cmocka_unit_test(test_defaults_fill_what_a_task_leaves_out),
        cmocka_unit_test(test_documents_close_their_projects),
        cmocka_unit_test(test_zones_of_documents),
        cmocka_unit_test(test_zone_that_comes_later),
        cmocka_unit_test(test_mistakes_have_their_place_and_a_remedy),
        cmocka_unit_test(test_hostile_ids_are_refused),
        cmocka_unit_test(test_top_of_a_plan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
