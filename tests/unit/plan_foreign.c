/* ctl/plan: formats of others, with what they can't say. */
#include "common/check.h"
#include "common/words.h"
#include "tests/unit/plan_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct plan *
read_as(struct plan_options options, const char *name, const char *text)
{
    options.role = options.role ? options.role : "spread";
    struct plan *plan = plan_with(options, name, text);
    assert_good(plan);
    return plan;
}

static void
test_wfformat(void **state)
{
    (void)state;
    struct plan *plan = read_as(
        (struct plan_options){0}, "w.json",
        "{\"name\": \"w\", \"workflow\": {\"specification\": {\"tasks\": [\n"
        " {\"id\": \"one\", \"name\": \"First\", \"parents\": [], \"children\": [\"two\"]},\n"
        " {\"id\": \"two\", \"parents\": [\"one\"]}]},\n"
        " \"execution\": {\"tasks\": [{\"id\": \"two\", \"runtimeInSeconds\": 1.25},\n"
        "                             {\"id\": \"one\", \"runtimeInSeconds\": \"x\"}]}}}");
    assert_string_equal(spec_of(plan, "one")->title, "First");
    assert_true(waits_for(plan, "two", "one"));
    assert_int_equal(spec_of(plan, "two")->estimate_ms, 1250);
    assert_int_equal(spec_of(plan, "one")->estimate_ms, 0);
    assert_string_equal(plan_source_of(plan, 1), "w.json:3");
    plan_free(plan);
    assert_refused("w.json", "{\"workflow\": {\"tasks\": []}}", "this reads WfFormat 1.5");
}

static const char issues[] =
    "{\"id\":\"b-1\",\"title\":\"An "
    "epic\",\"status\":\"open\",\"priority\":0,\"issue_type\":\"epic\"}\n"
    "{\"id\":\"b-2\",\"title\":\"Done\",\"status\":\"closed\",\"priority\":2,\"issue_type\":"
    "\"task\"}\n"
    "\n"
    "{\"id\":\"b-3\",\"title\":\"Work\",\"status\":\"in_progress\",\"priority\":4,\"issue_type\":"
    "\"bug\","
    "\"labels\":[\"a b\",\"ui\"],\"dependencies\":["
    "{\"issue_id\":\"b-3\",\"depends_on_id\":\"b-1\",\"type\":\"parent-child\"},"
    "{\"issue_id\":\"b-3\",\"depends_on_id\":\"b-2\",\"type\":\"blocks\"},"
    "{\"issue_id\":\"b-3\",\"depends_on_id\":\"gone-9\",\"type\":\"blocks\"},"
    "{\"issue_id\":\"b-3\",\"depends_on_id\":\"b-4\",\"type\":\"related\"}]}\n"
    "{\"id\":\"b-4\",\"title\":\"Later\",\"status\":\"deferred\",\"issue_type\":\"task\"}\n";

static void
test_beads(void **state)
{
    (void)state;
    struct plan *plan = read_as((struct plan_options){0}, "i.jsonl", issues);
    assert_int_equal(plan_facts(plan)->n_tasks, 3);
    const baton_spec *work = spec_of(plan, "b-3");
    assert_int_equal(work->n_after, 1);
    assert_true(waits_for(plan, "b-3", "b-1"));
    assert_int_equal(work->priority, BATON_LOW);
    assert_int_equal(spec_of(plan, "b-1")->priority, BATON_CRITICAL);
    assert_int_equal(work->n_labels, 3);
    assert_string_equal(work->labels[0].value, "bug");
    assert_string_equal(work->labels[1].name, "a-b");
    assert_true(spec_of(plan, "b-4")->held);
    assert_int_equal(plan_n_warnings(plan), 1);
    assert_non_null(
        strstr(plan_warning(plan, 0), "1 dependencies on tasks that are not in the plan"));
    plan_free(plan);
}

static void
test_beads_by_other_policies(void **state)
{
    (void)state;
    struct plan *plan = read_as((struct plan_options){.with_closed = true, .dangling = "wait"},
                                "i.jsonl", issues);
    assert_int_equal(plan_facts(plan)->n_tasks, 4);
    assert_int_equal(spec_of(plan, "b-3")->n_after, 3);
    assert_int_equal(plan_facts(plan)->n_forward, 1);
    plan_free(plan);
    plan = plan_with((struct plan_options){.role = "qa", .dangling = "error"}, "i.jsonl", issues);
    assert_error(plan, "i.jsonl:4: 'b-3' depends on 'gone-9', which is nowhere");
    plan_free(plan);
    assert_refused("i.jsonl",
                   "{\"id\":\"a\",\"status\":\"open\",\"priority\":9,\"issue_type\":\"t\"}\n",
                   "i.jsonl:1: priority: a number from 0 to 4");
    assert_refused("i.jsonl", "{\"id\":\"a\",\"issue_type\":\"t\"}\n{\"id\":\n",
                   "i.jsonl:2: not JSON");
    assert_refused("i.jsonl", "[1]\n", "i.jsonl:1: an object with an id is wanted");
}

static void
test_lines_of_ours(void **state)
{
    (void)state;
    struct plan *plan = read_as(
        (struct plan_options){0}, "t.jsonl",
        "{\"v\":1,\"id\":\"a\",\"role\":\"infra\",\"estimate\":\"1500ms\"}\n"
        "{\"id\":\"b\",\"role\":\"testing\",\"after\":[\"a\"]}\n");
    assert_int_equal(spec_of(plan, "a")->estimate_ms, 1500);
    assert_true(waits_for(plan, "b", "a"));
    plan_free(plan);
    assert_refused("t.jsonl", "{\"id\":\"a\",\"role\":\"qa\"}\n{\"id\":\"b\",\"rol\":\"qa\"}\n",
                   "t.jsonl:2: unknown key 'rol'");
}

static void
test_edges_with_a_header(void **state)
{
    (void)state;
    struct plan *plan = read_as((struct plan_options){.role = "qa"}, "e.tsv",
                                "# task\tsize\tdepends_on(comma separated)\trole\tpriority\n"
                                "a\t1\t\t\thigh\r\n"
                                "# a comment\n"
                                "b\t2\ta, c\tFrontend\n"
                                "c d\t3\n");
    assert_int_equal(plan_facts(plan)->n_tasks, 3);
    assert_int_equal(spec_of(plan, "a")->priority, BATON_HIGH);
    assert_string_equal(spec_of(plan, "a")->role, "testing");
    assert_string_equal(spec_of(plan, "b")->role, "frontend");
    assert_int_equal(spec_of(plan, "b")->n_after, 2);
    assert_int_equal(plan_facts(plan)->n_forward, 1);
    assert_string_equal(spec_of(plan, "c-d")->title, "c d");
    plan_free(plan);
    struct plan *bad = plan_with((struct plan_options){.role = "qa"}, "e.tsv",
                                 "task\tafter\n../x\t\na\t..\n");
    assert_error(bad, "e.tsv:2: '../x' can't be made an id");
    assert_error(bad, "e.tsv:3: '..' can't be made an id");
    plan_free(bad);
}

static void
test_edges_in_pairs(void **state)
{
    (void)state;
    struct plan *plan = read_as((struct plan_options){0}, "e.tsv", "b\ta\nc\tb\nc\ta\nlone\n");
    assert_int_equal(plan_facts(plan)->n_tasks, 4);
    assert_int_equal(plan_facts(plan)->n_edges, 3);
    assert_true(waits_for(plan, "b", "a"));
    assert_int_equal(plan_facts(plan)->depth, 3);
    plan_free(plan);
    assert_refused("e.tsv", "a\tb\tc\n", "e.tsv:1: two columns are wanted");
}

static void
test_jobs_and_groups(void **state)
{
    (void)state;
    struct plan *plan = read_as((struct plan_options){0}, "j.json",
                                "{\"stages\": [], \"jobs\": [{\"id\": \"unit test (docker)\"},\n"
                                " {\"id\": \"b\", \"deps\": [\"unit test (docker)\"]}]}");
    assert_true(waits_for(plan, "b", "unit-test-docker"));
    assert_string_equal(spec_of(plan, "unit-test-docker")->title, "unit test (docker)");
    plan_free(plan);
    plan = read_as((struct plan_options){0}, "j.json",
                   "{\"tasks\": [{\"id\": \"a\"}, {\"id\": \"b\"}],\n"
                   " \"dependencies\": [{\"source\": \"a\", \"target\": \"b\"}]}");
    assert_true(waits_for(plan, "b", "a"));
    plan_free(plan);
    plan = read_as((struct plan_options){0}, "j.json", "[{\"id\": \"a\", \"needs\": [\"b\"]}]");
    assert_int_equal(plan_facts(plan)->n_forward, 1);
    plan_free(plan);
    assert_refused("g.json",
                   "[{\"members\": [\"a\", \"b\"], \"edges\": [[\"a\", \"b\"], [\"b\", \"a\"]]}]",
                   "a -> b -> a");
    assert_refused("g.json", "[{\"members\": [\"a\"], \"edges\": [[\"x\", \"a\"]]}]",
                   "no task of the file");
}

static void
test_names_of_others_become_ours_or_are_refused(void **state)
{
    (void)state;
    assert_refused("j.json", "[{\"id\": \"a\\nb\"}]", "'a\\nb' can't be made an id");
    assert_refused("j.json", "[{\"id\": \"../a\"}]", "'../a' can't be made an id");
    assert_refused("j.json", "[{\"id\": \"a b\"}, {\"id\": \"a-b\"}]",
                   "'a-b' stands at j.json:1 already");
    assert_refused("e.tsv", "a\x1b[2J\tb\n", "can't be made an id");
}

static void
test_roles_by_policy(void **state)
{
    (void)state;
    const char *text = "ui-menu\tapi\napi\n";
    struct plan *plan = read_as((struct plan_options){.role_map = data_path("roles.map")}, "e.tsv",
                                text);
    assert_string_equal(spec_of(plan, "ui-menu")->role, "frontend");
    assert_string_equal(spec_of(plan, "api")->role, "backend");
    plan_free(plan);
    /* Spread is for ever: these roles are part of the contract. */
    plan = read_as((struct plan_options){.role = "spread"}, "e.tsv", "a\nb\nc\nd\ne\nf\ng\nh\n");
    size_t used = 0;
    for (int i = 0; i < ROLES_N; i++) {
        used += plan_facts(plan)->of_role[i] > 0;
    }
    assert_true(used >= 3);
    assert_string_equal(spec_of(plan, "a")->role, "testing");
    assert_string_equal(spec_of(plan, "b")->role, "realtime");
    plan_free(plan);
    plan = plan_with((struct plan_options){0}, "e.tsv", text);
    assert_error(plan, "e.tsv:1: 'ui-menu' has no role");
    plan_free(plan);
    const char *why;
    assert_false(plan_options_are_valid(&(struct plan_options){.role = "x"}, &why));
    assert_false(plan_options_are_valid(&(struct plan_options){.format = "x"}, &why));
    assert_false(plan_options_are_valid(&(struct plan_options){.dangling = "x"}, &why));
    assert_false(plan_options_are_valid(&(struct plan_options){.zone = "x"}, &why));
    assert_false(plan_options_are_valid(&(struct plan_options){.project = "../x"}, &why));
}

static void
test_graphs_that_nobody_here_wrote(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t n_tasks, n_edges, depth;
    } files[] = {
        {"wf-helloworld-forkjoin-10-chameleon.json", 10, 16, 3},
        {"wf-sarek-dirt02-001.json", 26, 50, 10},
        {"wf-cutandrun-dirt02-001.json", 120, 196, 22},
        {"wf-montage-chameleon-2mass-01d-001.json", 103, 231, 8},
        {"wf-1000genome-chameleon-8ch-100k-001.json", 208, 304, 3},
        {"wf-epigenomics-chameleon-hep-3seq-100k-001.json", 233, 285, 9},
        {"wf-seismology-chameleon-500p-001.json", 501, 500, 2},
        {"beads-own-issues-2026-02.jsonl", 701, 710, 12},
        {"debian-bookworm-libs-depends.tsv", 22658, 90398, 35},
        {"debian-bookworm-gnome-desktop-depends.tsv", 887, 4177, 30},
        {"gitlab-runner-ci-jobs.json", 77, 675, 11},
    };
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        char name[256];
        snprintf(name, sizeof name, "workloads/%s", files[i].name);
        const char *path = shared_path(name);
        if (!path) {
            skip();
        }
        struct plan *plan = plan_new(&(struct plan_options){.role = "spread", .with_closed = true});
        plan_read_file(plan, path);
        plan_finish(plan);
        assert_good(plan);
        const struct plan_facts *facts = plan_facts(plan);
        assert_int_equal(facts->n_tasks, files[i].n_tasks);
        assert_int_equal(facts->n_edges, files[i].n_edges);
        assert_int_equal(facts->depth, files[i].depth);
        assert_int_equal(facts->n_forward, 0);
        plan_free(plan);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wfformat),
        cmocka_unit_test(test_beads),
        cmocka_unit_test(test_beads_by_other_policies),
        cmocka_unit_test(test_lines_of_ours),
        cmocka_unit_test(test_edges_with_a_header),
        cmocka_unit_test(test_edges_in_pairs),
        cmocka_unit_test(test_jobs_and_groups),
        cmocka_unit_test(test_names_of_others_become_ours_or_are_refused),
        cmocka_unit_test(test_roles_by_policy),
        cmocka_unit_test(test_graphs_that_nobody_here_wrote),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
