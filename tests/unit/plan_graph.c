/* ctl/plan: cycles, references, depth. */
#include "common/alloc.h"
#include "tests/unit/plan_help.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
test_cycles_are_printed_whole(void **state)
{
    (void)state;
    assert_refused("a.yaml",
                   "defaults: {role: qa}\ntasks:\n- {id: a, after: [b]}\n- {id: b, after: [c]}\n"
                   "- {id: c, after: [a]}\n- {id: d, after: [a]}\n",
                   "a -> b -> c -> a; remove one of these dependencies");
    assert_refused("a.yaml", "tasks: [{id: a, role: qa,\n after: [a]}]\n",
                   "a.yaml:2: 'a' depends on itself");
    assert_refused("a.yaml", "tasks: [{id: a, role: qa, after: [default//a]}]\n",
                   "depends on itself");
    /* The same id in another project is another task. */
    plan_free(plan_good("a.yaml", "tasks:\n- {id: a, role: qa, after: [p//a]}\n"
                                  "- {id: a, role: qa, project: p}\n"));
    assert_refused("a.yaml",
                   "tasks:\n- {id: a, role: qa, after: [p//a]}\n"
                   "- {id: a, role: qa, project: p, after: [default//a]}\n",
                   "a -> a -> a");
}

static void
test_each_cycle_is_told_once(void **state)
{
    (void)state;
    struct plan *plan = plan_of("a.yaml", "defaults: {role: qa}\ntasks:\n"
                                          "- {id: a, after: [b, x]}\n- {id: b, after: [a, c]}\n"
                                          "- {id: c, after: [a]}\n- {id: x, after: [y]}\n"
                                          "- {id: y, after: [x]}\n- {id: z, after: [a, x]}\n");
    assert_int_equal(plan_n_errors(plan), 2);
    assert_error(plan, "x -> y -> x");
    assert_error(plan, "a -> b -> a");
    plan_free(plan);
}

/* n tasks, each waiting for the next; closed to a ring or not. */
static char *
chain(size_t n, bool ring)
{
    char *text = xmalloc(n * 32 + 32);
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        if (i + 1 < n || ring) {
            used += (size_t)sprintf(text + used, "t%zu\tt%zu\n", i, (i + 1) % n);
        }
    }
    return text;
}

static void
test_long_chains_and_rings(void **state)
{
    (void)state;
    char *text = chain(100000, false);
    struct plan *plan = plan_with((struct plan_options){.role = "qa"}, "c.tsv", text);
    assert_good(plan);
    assert_int_equal(plan_facts(plan)->depth, 100000);
    plan_free(plan);
    free(text);
    text = chain(100000, true);
    plan = plan_with((struct plan_options){.role = "qa"}, "c.tsv", text);
    assert_int_equal(plan_n_errors(plan), 1);
    assert_error(plan, "(99000 more) -> t0");
    plan_free(plan);
    free(text);
}

/* Many small cycles cost no more than their number. */
static void
test_many_cycles_are_counted(void **state)
{
    (void)state;
    enum { N = 50000 };
    char *text = xmalloc((size_t)N * 40 + 1);
    size_t used = 0;
    for (int i = 0; i < N; i++) {
        used += (size_t)sprintf(text + used, "a%d\tb%d\nb%d\ta%d\n", i, i, i, i);
    }
    double before = cpu_seconds();
    struct plan *plan = plan_with((struct plan_options){.role = "qa"}, "c.tsv", text);
    assert_int_equal(plan_n_errors(plan), N);
    assert_true(cpu_seconds() - before < 10);
    plan_free(plan);
    free(text);
}

static void
test_forward_references(void **state)
{
    (void)state;
    const char *text = "tasks:\n- id: a\n  role: qa\n  after:\n  - x\n  - p//y\n  - x\n";
    struct plan *plan = plan_good("a.yaml", text);
    assert_int_equal(plan_facts(plan)->n_forward, 2);
    assert_string_equal(plan_facts(plan)->forward[0], "x <- a, a.yaml:5");
    assert_string_equal(plan_facts(plan)->forward[1], "p//y <- a, a.yaml:6");
    plan_free(plan);
    plan = plan_with((struct plan_options){.strict = true}, "a.yaml", text);
    assert_int_equal(plan_n_errors(plan), 2);
    assert_error(plan, "a.yaml:5: 'a' depends on 'x', which is not in the plan");
    plan_free(plan);
}

/* Every one of the groups on its own is refused, with a cycle of it printed. */
static void
test_thirty_cycles_of_others(void **state)
{
    (void)state;
    const char *path = shared_path("workloads/debian-bookworm-cycles.json");
    if (!path) {
        skip();
    }
    json_t *groups = json_load_file(path, 0, NULL);
    assert_int_equal(json_array_size(groups), 30);
    for (size_t i = 0; i < json_array_size(groups); i++) {
        json_t *one = json_pack("[O]", json_array_get(groups, i));
        char *text = json_dumps(one, 0);
        struct plan *plan = plan_with((struct plan_options){.role = "spread"}, "g.json", text);
        assert_int_equal(plan_n_errors(plan), 1);
        assert_error(plan, " -> ");
        plan_free(plan);
        free(text);
        json_decref(one);
    }
    json_decref(groups);
    struct plan *plan = plan_new(&(struct plan_options){.role = "spread"});
    plan_read_file(plan, path);
    assert_false(plan_finish(plan));
    assert_int_equal(plan_n_errors(plan), 30);
    assert_error(plan, "libc6 -> libgcc-s1 -> libc6");
    plan_free(plan);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cycles_are_printed_whole),
        cmocka_unit_test(test_each_cycle_is_told_once),
        cmocka_unit_test(test_long_chains_and_rings),
        cmocka_unit_test(test_many_cycles_are_counted),
        cmocka_unit_test(test_forward_references),
        cmocka_unit_test(test_thirty_cycles_of_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
