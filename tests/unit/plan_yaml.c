/* ctl/plan: what YAML is taken, what is not, and that none of it costs much. */
#include "common/alloc.h"
#include "common/check.h"
#include "tests/unit/plan_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The unbounded parser takes from 9 s to for ever; the sanitizers' allocator is slow by itself. */
#ifdef __SANITIZE_ADDRESS__
#define CPU_SECONDS_MAX 40.0
#else
#define CPU_SECONDS_MAX 5.0
#endif

static void
assert_cheaply_refused(const char *text, const char *wanted)
{
    double before = cpu_seconds();
    assert_refused("bomb.yaml", text, wanted);
    assert_true(cpu_seconds() - before < CPU_SECONDS_MAX);
}

static void
test_bombs_are_refused_at_once(void **state)
{
    (void)state;
    static const struct {
        const char *unit;
        size_t n;
        const char *wanted;
    } bombs[] = {
        {"[", 80000, "nested more than 64 deep"},
        {"{", 80000, "nested more than 64 deep"},
        {"[ ", 50000, "nested more than 64 deep"},
        {"[\n", 50000, "nested more than 64 deep"},
        {"[a,", 30000, "nested more than 64 deep"},
        {"- ", 100000, "nested more than 64 deep"},
        {"{a: ", 50000, "nested more than 64 deep"},
        {"? ", 100000, "a key must be a word"},
        {"%TAG ! tag:x,2000:\n", 50000, "tags are not taken"},
        {"x", 2 * 1024 * 1024, "longer than 1 MiB"},
        {"\"a b\nc", 300000, "bomb.yaml:"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bombs); i++) {
        char *text = repeat(bombs[i].unit, bombs[i].n);
        assert_cheaply_refused(text, bombs[i].wanted);
        free(text);
    }
}

static void
test_deep_blocks_are_refused(void **state)
{
    (void)state;
    char *text = xmalloc(3000 * 3010);
    size_t used = 0;
    for (int i = 0; i < 3000; i++) {
        used += (size_t)sprintf(text + used, "%*sa:\n", i, "");
    }
    assert_cheaply_refused(text, "bomb.yaml:65: nested more than 64 deep");
    free(text);
}

static void
test_many_values_are_refused(void **state)
{
    (void)state;
    char *text = repeat("- a\n", 2100000);
    assert_cheaply_refused(text, "more than 2000000 values");
    free(text);
}

static void
test_alias_bomb_is_refused(void **state)
{
    (void)state;
    assert_refused("a.yaml", "a: &a [x, x]\nb: &b [*a, *a]\n", "a.yaml:1: anchors");
    assert_refused("a.yaml", "tasks: *a\n", "a.yaml:1: aliases");
    assert_refused("a.yaml", "tasks:\n- <<: {id: a}\n", "a.yaml:2: merge keys");
}

static void
test_tags_are_refused(void **state)
{
    (void)state;
    assert_refused("a.yaml", "tasks:\n- id: !!int 7\n", "a.yaml:2: tags");
    assert_refused("a.yaml", "tasks: !evil [x]\n", "a.yaml:1: tags");
}

static void
test_twin_keys_are_refused(void **state)
{
    (void)state;
    assert_refused("a.yaml", "tasks: []\nversion: 1\ntasks: []\n",
                   "a.yaml:3: 'tasks' stands twice");
    assert_refused("a.yaml", "tasks:\n- {id: a, role: qa,\n   id: b}\n",
                   "a.yaml:3: 'id' stands twice");
    assert_refused("a.json", "{\"tasks\": [],\n \"tasks\": []}", "a.json:2: not JSON: duplicate");
}

static void
test_broken_text_has_its_line(void **state)
{
    (void)state;
    assert_refused("a.yaml", "tasks:\n  - id: a\n task: b\n", "a.yaml:3: not YAML");
    assert_refused("a.json", "{\n\"tasks\": [\n}\n", "a.json:3: not JSON");
    assert_refused("a.yaml", "tasks:\n- id: \xff\n", "a.yaml:2: not UTF-8");
    assert_refused("a.yaml", "tasks:\n- id: \"a\\0b\"\n", "a.yaml:2: a NUL");
    assert_refused("a.yaml", " \n\n", "a.yaml: the file is empty");
    assert_refused("a.yaml", "- id: a\n", "a.yaml:1: a plan is a map");
    struct plan *plan = plan_new(&(struct plan_options){0});
    plan_read_text(plan, "nul.yaml", "tasks:\n- id: \0x\n", 16);
    plan_finish(plan);
    assert_error(plan, "nul.yaml:2: a NUL byte");
    plan_free(plan);
}

static void
test_several_documents_are_one_plan(void **state)
{
    (void)state;
    struct plan *plan = plan_good("a.yaml", "project: one\ntasks: [{id: a, role: qa}]\n---\n"
                                            "---\ntasks: [{id: b, role: qa, after: one//a}]\n");
    assert_string_equal(spec_of(plan, "a")->project, "one");
    assert_string_equal(spec_of(plan, "b")->project, "default");
    assert_int_equal(plan_facts(plan)->n_forward, 0);
    plan_free(plan);
}

static void
test_byte_order_mark_and_json_are_taken(void **state)
{
    (void)state;
    plan_free(plan_good("a.yaml", "\xef\xbb\xbftasks: [{id: a, role: qa}]\n"));
    plan_free(
        plan_good("a.json", "{\"tasks\": [{\"id\": \"a\", \"role\": \"qa\", \"held\": true}]}"));
    plan_free(plan_good("-", "{\"tasks\": [{\"id\": \"a\", \"role\": \"qa\"}]}"));
}

static void
test_json_has_bounds_and_lines(void **state)
{
    (void)state;
    char *text = repeat("[", 100000);
    double before = cpu_seconds();
    assert_refused("a.json", text, "a.json:1: nested more than 64 deep");
    assert_true(cpu_seconds() - before < CPU_SECONDS_MAX);
    free(text);
    assert_refused("a.json",
                   "{\"tasks\": [\n {\"id\": \"a\\\"]\", \"role\": \"qa\"},\n"
                   " {\"id\": \"b\",\n  \"rolle\": \"qa\"}]}",
                   "a.json:4: unknown key 'rolle' in a task; did you mean 'role'?");
    assert_refused("a.json", "{\"tasks\": [{\"id\": \"a\\u0000\"}]}", "a.json:1: not JSON");
}

static void
test_messages_are_safe_to_print(void **state)
{
    (void)state;
    struct plan *plan = plan_of("a.yaml", "tasks:\n- id: \"a\\e[31m\\nb\"\n  role: qa\n");
    assert_error(plan, "a.yaml:2: 'a\\x1b[31m\\nb' can't be an id");
    plan_free(plan);
}

static void
test_many_mistakes_are_counted(void **state)
{
    (void)state;
    char *lines = repeat("- x\n", 50);
    char *text = xmalloc(strlen(lines) + 16);
    sprintf(text, "tasks:\n%s", lines);
    struct plan *plan = plan_of("a.yaml", text);
    assert_int_equal(plan_n_errors(plan), 50);
    assert_non_null(plan_error(plan, 19));
    assert_null(plan_error(plan, 20));
    plan_free(plan);
    free(text);
    free(lines);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bombs_are_refused_at_once),
        cmocka_unit_test(test_deep_blocks_are_refused),
        cmocka_unit_test(test_many_values_are_refused),
        cmocka_unit_test(test_alias_bomb_is_refused),
        cmocka_unit_test(test_tags_are_refused),
        cmocka_unit_test(test_twin_keys_are_refused),
        cmocka_unit_test(test_broken_text_has_its_line),
        cmocka_unit_test(test_several_documents_are_one_plan),
        cmocka_unit_test(test_byte_order_mark_and_json_are_taken),
        cmocka_unit_test(test_json_has_bounds_and_lines),
        cmocka_unit_test(test_messages_are_safe_to_print),
        cmocka_unit_test(test_many_mistakes_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
