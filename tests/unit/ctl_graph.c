#include "ctl/graph.h"

#include "ctl_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Adds a task with up to three dependencies. */
static void
add(struct graph *graph, const char *id, baton_state state, const char *title, const char *a,
    const char *b)
{
    struct baton_edge edges[2] = {{.id = a}, {.id = b}};
    baton_spec spec;
    baton_task task;
    task_make(&task, &spec, id, state);
    spec.title = title;
    spec.after = edges;
    spec.n_after = (a != NULL) + (b != NULL);
    for (size_t i = 0; i < 2; i++) {
        edges[i].project = "";
    }
    graph_add(graph, &task);
}

/* a -> b -> d, a -> c -> d, and e waits for the unknown "ghost". */
static void
make(struct graph *graph)
{
    *graph = (struct graph){0};
    add(graph, "d", BATON_WAITING, "the \"end\" <b> #1 \\", "b", "c");
    add(graph, "a", BATON_DONE, "", NULL, NULL);
    add(graph, "b", BATON_RUNNING, "", "a", NULL);
    add(graph, "c", BATON_DONE, "", "a", NULL);
    add(graph, "e", BATON_WAITING, "", "ghost", NULL);
    graph_finish(graph);
}

static const struct graph_node *
node(const struct graph *graph, const char *id)
{
    return &graph->nodes[names_find(&graph->names, "default", id)];
}

static void
test_levels_are_longest_paths(void **state)
{
    (void)state;
    struct graph graph;
    make(&graph);
    assert_int_equal(graph.n_nodes, 6);
    assert_int_equal(graph.n_edges, 5);
    assert_int_equal(graph.n_levels, 3);
    assert_int_equal(node(&graph, "a")->level, 0);
    assert_int_equal(node(&graph, "c")->level, 1);
    assert_int_equal(node(&graph, "d")->level, 2);
    assert_int_equal(node(&graph, "ghost")->state, BATON_STATE_NONE);
    graph_fini(&graph);
}

static void
test_a_cycle_does_not_hang(void **state)
{
    (void)state;
    struct graph graph = {0};
    add(&graph, "a", BATON_WAITING, "", "b", NULL);
    add(&graph, "b", BATON_WAITING, "", "a", NULL);
    add(&graph, "c", BATON_WAITING, "", "c", NULL);
    graph_finish(&graph);
    graph_select(&graph, 0, GRAPH_BOTH, 1000);
    assert_int_equal(graph_n_shown(&graph), 2);
    graph_fini(&graph);
}

static void
test_a_part_is_selected_by_direction_and_depth(void **state)
{
    (void)state;
    static const struct {
        const char *start;
        enum graph_direction direction;
        uint64_t depth;
        size_t n_shown;
    } cases[] = {
        {"a", GRAPH_AFTER, 1000, 4}, {"a", GRAPH_AFTER, 1, 3}, {"a", GRAPH_AFTER, 0, 1},
        {"d", GRAPH_BEFORE, 1, 3},   {"b", GRAPH_BOTH, 1, 3},  {"e", GRAPH_AFTER, 9, 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct graph graph;
        make(&graph);
        graph_select(&graph, names_find(&graph.names, "default", cases[i].start),
                     cases[i].direction, cases[i].depth);
        assert_int_equal(graph_n_shown(&graph), cases[i].n_shown);
        graph_fini(&graph);
    }
}

static void
test_text_counts_a_level(void **state)
{
    (void)state;
    struct bench bench;
    struct graph graph;
    bench_init(&bench);
    make(&graph);
    graph_print_text(&graph, &bench.ctl, false);
    const char *out = bench_out(&bench);
    assert_non_null(strstr(out, "    1      3  waiting 1, running 1, done 1"));
    assert_non_null(strstr(bench_err(&bench), "6 tasks, 5 dependencies, 3 levels"));
    graph_fini(&graph);
    bench_fini(&bench);
}

static void
test_full_text_has_a_line_a_task(void **state)
{
    (void)state;
    struct bench bench;
    struct graph graph;
    size_t lines = 0;
    bench_init(&bench);
    make(&graph);
    graph_print_text(&graph, &bench.ctl, true);
    for (const char *p = bench_out(&bench); (p = strchr(p, '\n')); p++) {
        lines++;
    }
    assert_int_equal(lines, 7);
    assert_non_null(strstr(bench_out(&bench), "b c"));
    graph_fini(&graph);
    bench_fini(&bench);
}

static void
test_dot_quotes_titles(void **state)
{
    (void)state;
    struct bench bench;
    struct graph graph;
    bench_init(&bench);
    make(&graph);
    graph_print_dot(&graph, &bench.ctl, 0);
    const char *out = bench_out(&bench);
    assert_non_null(strstr(out, "the \\\"end\\\" <b> #1 \\\\\""));
    assert_non_null(strstr(out, "n1 -> n0"));
    assert_non_null(strstr(out, "dashed"));
    graph_fini(&graph);
    bench_fini(&bench);
}

static void
test_mermaid_has_no_markup_from_outside(void **state)
{
    (void)state;
    struct bench bench;
    struct graph graph;
    bench_init(&bench);
    make(&graph);
    graph_print_mermaid(&graph, &bench.ctl, 0);
    const char *out = bench_out(&bench);
    assert_non_null(strstr(out, "flowchart LR"));
    assert_null(strstr(out, "<b>"));
    assert_non_null(strstr(out, "#34;end#34; #60;b#62; #35;1"));
    assert_non_null(strstr(out, ":::running"));
    graph_fini(&graph);
    bench_fini(&bench);
}

static void
test_a_limit_leaves_out_and_says_so(void **state)
{
    (void)state;
    struct bench bench;
    struct graph graph;
    bench_init(&bench);
    make(&graph);
    graph_print_mermaid(&graph, &bench.ctl, 2);
    assert_null(strstr(bench_out(&bench), "n3["));
    assert_non_null(strstr(bench_err(&bench), "4 tasks are left out"));
    graph_fini(&graph);
    bench_fini(&bench);
}

static void
test_many_names_keep_their_numbers(void **state)
{
    (void)state;
    struct names names = {0};
    char id[32];
    for (size_t i = 0; i < 20000; i++) {
        snprintf(id, sizeof id, "t%zu", i);
        assert_int_equal(names_add(&names, i % 2 ? "shop" : NULL, id), i);
    }
    assert_int_equal(names_add(&names, "default", "t10000"), 10000);
    assert_int_equal(names_find(&names, "shop", "t10001"), 10001);
    assert_true(names_find(&names, "default", "t10001") == NAMES_NONE);
    names_fini(&names);
    assert_true(names_find(&names, "default", "t1") == NAMES_NONE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels_are_longest_paths),
        cmocka_unit_test(test_a_cycle_does_not_hang),
        cmocka_unit_test(test_a_part_is_selected_by_direction_and_depth),
        cmocka_unit_test(test_text_counts_a_level),
        cmocka_unit_test(test_full_text_has_a_line_a_task),
        cmocka_unit_test(test_dot_quotes_titles),
        cmocka_unit_test(test_mermaid_has_no_markup_from_outside),
        cmocka_unit_test(test_a_limit_leaves_out_and_says_so),
        cmocka_unit_test(test_many_names_keep_their_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
