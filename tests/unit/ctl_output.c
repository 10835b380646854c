#include "ctl/task_json.h"
#include "ctl_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct baton_edge after[] = {
    {.id = "A", .project = ""},
    {.id = "B", .project = "default", .condition = BATON_ON_FINISHED, .policy = BATON_IGNORE},
    {.id = "C", .project = "shop", .any = 1},
};

static const char *
text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    if (!text) {
        fail_msg("%s is no string", key);
    }
    return text;
}

/* The keys that scripts were promised, in this order. */
static void
test_a_row_has_the_promised_keys(void **state)
{
    (void)state;
    static const char *const keys[] = {"v",        "id",         "project",    "role",
                                       "state",    "priority",   "depends_on", "attempt",
                                       "worker",   "created_at", "started_at", "ended_at",
                                       "deadline", "title",      "reason"};
    struct bench bench;
    baton_spec spec;
    baton_task task;
    bench_init(&bench);
    task_make(&task, &spec, "X", BATON_RUNNING);
    spec.after = after;
    spec.n_after = 3;
    task.created_at = 1754956800000;
    task.worker = "w1";
    ctl_print_json(&bench.ctl, task_json_row(&task));
    const char *out = bench_out(&bench);
    assert_ptr_equal(strchr(out, '\n'), out + strlen(out) - 1);
    json_t *row = bench_out_json(&bench);
    void *iter = json_object_iter(row);
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        assert_string_equal(json_object_iter_key(iter), keys[i]);
        iter = json_object_iter_next(row, iter);
    }
    assert_int_equal(json_integer_value(json_object_get(row, "v")), 1);
    assert_string_equal(text_of(row, "state"), "running");
    assert_string_equal(text_of(row, "priority"), "medium");
    assert_string_equal(text_of(row, "created_at"), "2025-08-12T00:00:00Z");
    assert_true(json_is_null(json_object_get(row, "ended_at")));
    assert_true(json_is_null(json_object_get(row, "deadline")));
    json_t *depends_on = json_object_get(row, "depends_on");
    assert_int_equal(json_array_size(depends_on), 3);
    assert_string_equal(json_string_value(json_array_get(depends_on, 0)), "A");
    assert_string_equal(json_string_value(json_array_get(depends_on, 1)), "B");
    assert_string_equal(json_string_value(json_array_get(depends_on, 2)), "shop//C");
    json_decref(row);
    bench_fini(&bench);
}

static void
test_broken_text_never_breaks_a_row(void **state)
{
    (void)state;
    struct bench bench;
    baton_spec spec;
    baton_task task;
    bench_init(&bench);
    task_make(&task, &spec, "X", BATON_FAILED);
    spec.title = "a\xff\xc3\xa9\xed\xa0\x80z\xe2\x82";
    task.reason_text = "\x80";
    ctl_print_json(&bench.ctl, task_json_row(&task));
    json_t *row = bench_out_json(&bench);
    const char *title = text_of(row, "title");
    assert_non_null(strstr(title, "a\xef\xbf\xbd\xc3\xa9"));
    assert_non_null(strchr(title, 'z'));
    json_decref(row);
    bench_fini(&bench);
}

static void
test_a_whole_task_has_its_results(void **state)
{
    (void)state;
    static const char document[] = "{\"outcome\":\"done\"}";
    static const struct baton_attempt attempt = {
        .number = 1, .token = UINT64_C(1) << 60, .worker = "w", .summary = "ok"};
    struct bench bench;
    baton_spec spec;
    baton_task task;
    bench_init(&bench);
    task_make(&task, &spec, "X", BATON_DONE);
    task.attempts = &attempt;
    task.n_attempts = 1;
    task.has_result = true;
    task.result = (struct baton_result){.outcome = BATON_OUTCOME_DONE,
                                        .summary = "ok",
                                        .output_tail = "",
                                        .document = document,
                                        .document_bytes = sizeof document - 1};
    ctl_print_json(&bench.ctl, task_json_whole(&task));
    json_t *whole = bench_out_json(&bench);
    json_t *result = json_object_get(whole, "result");
    json_t *first = json_array_get(json_object_get(whole, "attempts"), 0);
    assert_string_equal(text_of(json_object_get(result, "document"), "outcome"), "done");
    /* Above 2^53 a number would come out as another one in most languages. */
    assert_string_equal(text_of(first, "token"), "1152921504606846976");
    json_decref(whole);
    bench_fini(&bench);
}

static void
test_an_export_says_what_was_asked_for(void **state)
{
    (void)state;
    static const char *const command[] = {"make", "test"};
    static const char *const env[] = {"A=1=2"};
    static const struct baton_claim claims[] = {{"gpu", 2, false}};
    struct bench bench;
    baton_spec spec;
    baton_task task;
    bench_init(&bench);
    task_make(&task, &spec, "X", BATON_DONE);
    spec.after = after;
    spec.n_after = 3;
    spec.command = command;
    spec.n_command = 2;
    spec.env = env;
    spec.n_env = 1;
    spec.claims = claims;
    spec.n_claims = 1;
    spec.max_runtime_ms = 1500;
    spec.prompt = "one\ntwo \"three\"";
    json_t *object = task_json_export(&task);
    json_t *edges = json_object_get(object, "after");
    json_t *second = json_array_get(edges, 1);
    assert_string_equal(json_string_value(json_array_get(edges, 0)), "A");
    assert_string_equal(text_of(second, "on"), "finished");
    assert_string_equal(text_of(second, "else"), "ignore");
    assert_string_equal(text_of(json_object_get(object, "env"), "A"), "1=2");
    assert_string_equal(text_of(object, "timeout"), "1500ms");
    assert_string_equal(text_of(object, "prompt"), spec.prompt);
    /* What became of it is not part of the plan, and what was not said is not said. */
    assert_null(json_object_get(object, "state"));
    assert_null(json_object_get(object, "deadline"));
    assert_null(json_object_get(object, "priority"));
    json_decref(object);
    bench_fini(&bench);
}

/* The value is the same; what would move a cursor or turn the line around is written in ASCII. */
static void
test_json_is_safe_on_a_terminal(void **state)
{
    (void)state;
    static const char text[] =
        "\x1b[m\x7f\xc2\x9b \xe2\x80\xae \xf3\xa0\x81\x81 \xc5\xbc \xf0\x9f\x91\xa9";
    struct bench bench;
    bench_init(&bench);
    ctl_print_json(&bench.ctl, json_pack("{s:s}", "x", text));
    assert_string_equal(bench_out(&bench), "{\"v\":1,\"x\":\"\\u001B[m\\u007F\\u009B \\u202E "
                                           "\\uDB40\\uDC41 \xc5\xbc \xf0\x9f\x91\xa9\"}\n");
    json_t *object = bench_out_json(&bench);
    assert_string_equal(text_of(object, "x"), text);
    json_decref(object);
    bench_fini(&bench);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_row_has_the_promised_keys),
        cmocka_unit_test(test_broken_text_never_breaks_a_row),
        cmocka_unit_test(test_a_whole_task_has_its_results),
        cmocka_unit_test(test_an_export_says_what_was_asked_for),
        cmocka_unit_test(test_json_is_safe_on_a_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
