/* Result objects, adapters, limits of providers, cleaned text. */
#include "worker/result.h"

#include "common/alloc.h"
#include "worker/adapter.h"
#include "worker/clean.h"
#include "worker/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct finding
parse(const char *text)
{
    return result_parse(text, strlen(text), "it");
}

static void
test_valid_results(void **context)
{
    (void)context;
    struct finding f = parse("{\"outcome\":\"done\"}");
    assert_int_equal(f.kind, FINDING_SAID);
    assert_int_equal(f.outcome, BATON_OUTCOME_DONE);
    assert_null(f.document);
    finding_fini(&f);
    f = parse(" {\"outcome\":\"released\",\"retry_after\":\"10m\",\"summary\":\"a\\nb\\u001b[31m\","
              "\"x\":{\"y\":[1]}} \n");
    assert_int_equal(f.outcome, BATON_OUTCOME_RELEASED);
    assert_int_equal(f.retry_after_ms, 600000);
    assert_string_equal(f.summary, "a b\xef\xbf\xbd[31m");
    assert_string_equal(f.document, "{\"x\":{\"y\":[1]}}");
    finding_fini(&f);
    f = parse("{\"outcome\":\"rate_limited\",\"retry_after\":1.5}");
    assert_int_equal(f.retry_after_ms, 1500);
    finding_fini(&f);
}

static void
test_invalid_results(void **context)
{
    (void)context;
    static const char *const bad[] = {
        "",
        "{",
        "[]",
        "\"done\"",
        "{}",
        "{\"outcome\":\"perfect\"}",
        "{\"outcome\":1}",
        "{\"outcome\":\"cancelled\"}",
        "{\"outcome\":\"lost\"}",
        "{\"outcome\":\"done\",\"outcome\":\"failed\"}",
        "{\"outcome\":\"done\"} x",
        "{\"outcome\":\"done\",\"retry_after\":-1}",
        "{\"outcome\":\"done\",\"retry_after\":1e300}",
        "{\"outcome\":\"done\",\"retry_after\":[]}",
        "{\"outcome\":\"done\",\"x\":\"\\u0000\"}",
        "{\"outcome\":\"done\",\"x\":\"\xff\"}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct finding f = parse(bad[i]);
        assert_int_equal(f.kind, FINDING_BAD);
        assert_non_null(strstr(f.summary, "not valid"));
        finding_fini(&f);
    }
}

static void
test_what_is_wrong_with_a_text_is_named(void **context)
{
    (void)context;
    static const struct {
        const char *text, *said;
    } cases[] = {
        {"{\"outcome\":\"done\",\"handoff\":{\"next_steps\":[\"a\\u001b[31m\"]}}",
         "handoff.next_steps: a text has the control character U+001B in it"},
        {"{\"outcome\":\"done\",\"handoff\":{\"artifacts\":[\"a\\u0007\"]}}",
         "handoff.artifacts: a text has the control character U+0007 in it"},
        {"{\"outcome\":\"done\",\"handoff\":{\"notes\":\"a\\u007f\"}}",
         "handoff.notes: a text has the control character U+007F in it"},
        {"{\"outcome\":\"done\",\"handoff\":{\"next_steps\":[1]}}",
         "handoff.next_steps: a list of texts is wanted"},
        {"{\"outcome\":\"done\",\"handoff\":{\"artifacts\":[\"../a\"]}}",
         "handoff.artifacts: each has a relative path without '..'"},
        {"{\"outcome\":\"parked\",\"wait_for\":\"signal:a\\u001b\"}",
         "wait_for has the control character U+001B in it"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct finding f = parse(cases[i].text);
        assert_int_equal(f.kind, FINDING_BAD);
        assert_non_null(strstr(f.summary, cases[i].said));
        finding_fini(&f);
    }
}

static void
test_deep_results(void **context)
{
    (void)context;
    char text[1000] = "{\"outcome\":\"done\",\"x\":";
    for (int i = 0; i < 100; i++) {
        strcat(text, "[");
    }
    for (int i = 0; i < 100; i++) {
        strcat(text, "]");
    }
    strcat(text, "}");
    struct finding f = parse(text);
    assert_int_equal(f.kind, FINDING_BAD);
    finding_fini(&f);
    f = parse(
        "{\"outcome\":\"done\",\"x\":\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
        "[[[[[[[[[[[[[[[[[[[[\\\"[[[[[[[[[[[[[[\"}");
    assert_int_equal(f.kind, FINDING_SAID);
    finding_fini(&f);
}

/* ---- adapters ---- */

struct example {
    enum adapter adapter;
    const char *text;
    enum finding_kind kind;
    baton_outcome outcome;
    const char *summary; /* a part of it */
};

static const struct example examples[] = {
    {ADAPTER_NONE, "{\"outcome\":\"done\"}", FINDING_NONE, 0, NULL},
    {ADAPTER_LAST_JSON_LINE, "noise\n{\"outcome\":\"done\",\"summary\":\"ok\"}\n\n", FINDING_SAID,
     BATON_OUTCOME_DONE, "ok"},
    {ADAPTER_LAST_JSON_LINE, "{\"outcome\":\"done\"}\nthen more", FINDING_NONE, 0, NULL},
    {ADAPTER_LAST_JSON_LINE, "{\"outcome\":\"won\"}", FINDING_BAD, BATON_OUTCOME_FAILED,
     "last line"},
    {ADAPTER_LAST_JSON_LINE, "", FINDING_NONE, 0, NULL},
    {ADAPTER_CLAUDE_JSON,
     "{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":false,\"num_turns\":3,\"result\":"
     "\"Did it\",\"permission_denials\":[]}",
     FINDING_SAID, BATON_OUTCOME_DONE, "Did it"},
    {ADAPTER_CLAUDE_JSON,
     "{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":true,\"result\":\"API Error\"}",
     FINDING_SAID, BATON_OUTCOME_FAILED, "API Error"},
    {ADAPTER_CLAUDE_JSON,
     "{\"type\":\"result\",\"subtype\":\"error_max_turns\",\"is_error\":false}", FINDING_SAID,
     BATON_OUTCOME_FAILED, "error_max_turns"},
    {ADAPTER_CLAUDE_JSON,
     "{\"type\":\"result\",\"subtype\":\"success\",\"num_turns\":2,\"result\":\"x\","
     "\"permission_denials\":[{\"tool_name\":\"Write\"}]}",
     FINDING_UNPROVEN, BATON_OUTCOME_FAILED, "Write"},
    {ADAPTER_CLAUDE_JSON,
     "{\"type\":\"result\",\"subtype\":\"success\",\"num_turns\":0,\"result\":\"Unknown command\"}",
     FINDING_UNPROVEN, BATON_OUTCOME_FAILED, "Unknown command"},
    {ADAPTER_CLAUDE_JSON,
     "{\"type\":\"system\"}\n{\"type\":\"assistant\"}\n{\"type\":\"result\",\"subtype\":"
     "\"success\","
     "\"num_turns\":1,\"result\":\"streamed\"}\n",
     FINDING_SAID, BATON_OUTCOME_DONE, "streamed"},
    {ADAPTER_CLAUDE_JSON,
     "[{\"type\":\"system\"},{\"type\":\"result\",\"subtype\":\"success\",\"num_turns\":1,"
     "\"result\":\"listed\"}]",
     FINDING_SAID, BATON_OUTCOME_DONE, "listed"},
    {ADAPTER_CLAUDE_JSON, "{\"type\":\"assistant\"}\nnoise [[[", FINDING_NONE, 0, NULL},
    {ADAPTER_CLAUDE_JSON, "[]", FINDING_NONE, 0, NULL},
    {ADAPTER_CODEX_JSONL,
     "{\"type\":\"thread.started\"}\n{\"type\":\"item.completed\",\"item\":{\"type\":"
     "\"agent_message\",\"text\":\"Built\"}}\n{\"type\":\"turn.completed\",\"usage\":{}}\n",
     FINDING_SAID, BATON_OUTCOME_DONE, "Built"},
    {ADAPTER_CODEX_JSONL,
     "{\"type\":\"turn.completed\"}\n{\"type\":\"turn.failed\",\"error\":{\"message\":\"usage "
     "limit\"}}",
     FINDING_SAID, BATON_OUTCOME_FAILED, "usage limit"},
    {ADAPTER_CODEX_JSONL, "{\"type\":\"error\",\"message\":\"stream lost\"}", FINDING_SAID,
     BATON_OUTCOME_FAILED, "stream lost"},
    {ADAPTER_CODEX_JSONL, "{\"type\":\"turn.completed\"}", FINDING_UNPROVEN, BATON_OUTCOME_FAILED,
     "without a message"},
    {ADAPTER_CODEX_JSONL, "{\"type\":\"turn.started\"}", FINDING_NONE, 0, NULL},
    {ADAPTER_OPENHANDS_JSONL,
     "{\"action\":\"run\"}\n{\"action\":\"finish\",\"args\":{\"final_thought\":\"all set\"}}\n",
     FINDING_SAID, BATON_OUTCOME_DONE, "all set"},
    {ADAPTER_OPENHANDS_JSONL,
     "{\"kind\":\"ActionEvent\",\"action\":{\"kind\":\"FinishAction\",\"message\":\"fin\"}}",
     FINDING_SAID, BATON_OUTCOME_DONE, "fin"},
    {ADAPTER_OPENHANDS_JSONL, "{\"observation\":\"error\",\"content\":\"no key\"}", FINDING_SAID,
     BATON_OUTCOME_FAILED, "no key"},
    {ADAPTER_OPENHANDS_JSONL, "{\"action\":\"run\"}", FINDING_NONE, 0, NULL},
};

static void
test_adapters(void **context)
{
    (void)context;
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        const struct example *e = &examples[i];
        struct finding f = adapter_read(e->adapter, e->text, strlen(e->text));
        assert_int_equal(f.kind, e->kind);
        if (e->kind != FINDING_NONE) {
            assert_int_equal(f.outcome, e->outcome);
            assert_non_null(strstr(f.summary, e->summary));
        }
        finding_fini(&f);
    }
}

/* Any prefix and any end of a good output is read without harm. */
static void
test_adapters_take_cut_output(void **context)
{
    (void)context;
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        size_t bytes = strlen(examples[i].text);
        for (size_t n = 0; n <= bytes; n++) {
            char *part = xmemdup(examples[i].text, n); /* exact, for the address sanitizer */
            struct finding f = adapter_read(examples[i].adapter, part, n);
            finding_fini(&f);
            free(part);
        }
    }
}

static void
test_adapter_names(void **context)
{
    (void)context;
    for (int i = 0; i < ADAPTERS; i++) {
        enum adapter found;
        assert_true(adapter_of(adapter_name((enum adapter)i), &found));
        assert_int_equal(found, i);
    }
    enum adapter found;
    assert_false(adapter_of("claude", &found));
}

static void
test_provider_limits(void **context)
{
    (void)context;
    size_t number = 99;
    struct adapter_limits *limits = adapter_limits_new(ADAPTER_CLAUDE_JSON, NULL, 0, &number);
    assert_non_null(limits);
    static const struct {
        const char *text;
        bool match;
        int64_t ms;
    } cases[] = {
        {"API Error: 429", true, 0},
        {"line 4290 of the file", false, 0},
        {"HTTP 529 {\"type\":\"overloaded_error\"}", true, 0},
        {"Rate limit reached. Please try again in 20s.", true, 20000},
        {"usage-limit; Retry-After: 5 minutes", true, 300000},
        {"rate_limit: retry after 250ms", true, 250},
        {"too many requests, again in 2h", true, 7200000},
        {"all tests pass", false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t ms = -1;
        bool match = adapter_limits_match(limits, cases[i].text, &ms);
        assert_int_equal(match, cases[i].match);
        assert_int_equal(match ? ms : 0, cases[i].ms);
    }
    adapter_limits_free(limits);
    static const char *const wrong[] = {"fine", "(("};
    assert_null(adapter_limits_new(ADAPTER_NONE, wrong, 2, &number));
    assert_int_equal(number, 1);
}

static void
test_cleaned_text(void **context)
{
    (void)context;
    static const struct {
        const char *in;
        size_t max;
        const char *tail;
    } cases[] = {
        {"plain", 100, "plain"},
        {"a\r\nb\rc\x1b[0m\x01", 100, "a\nb\nc\xef\xbf\xbd[0m\xef\xbf\xbd"},
        {"\xff\xfe", 100, "\xef\xbf\xbd\xef\xbf\xbd"},
        {"xx\xc3\xa4", 1, ""},
        {"xx\xc3\xa4", 2, "\xc3\xa4"},
        {"abc\xe2\x82\xac", 5, "bc\xe2\x82\xac"},
        {"\xff\xff\xff", 4, "\xef\xbf\xbd"},
        {"", 10, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *text = clean_tail(cases[i].in, strlen(cases[i].in), cases[i].max);
        assert_string_equal(text, cases[i].tail);
        assert_true(strlen(text) <= cases[i].max);
        free(text);
    }
    char *text = clean_head("ab\xc3\xa4", 4, 3, 1);
    assert_true(strlen(text) <= 3);
    free(text);
    text = clean_head("a\nb\tc", 5, 100, 1);
    assert_string_equal(text, "a b c");
    free(text);
}

static const struct measure_text *
measured(const struct finding *finding, const char *name)
{
    for (size_t i = 0; i < finding->measures.n; i++) {
        if (strcmp(finding->measures.list[i].name, name) == 0) {
            return &finding->measures.list[i];
        }
    }
    return NULL;
}

static void
assert_measure(struct finding finding, const char *name, double value, const char *unit)
{
    const struct measure_text *measure = measured(&finding, name);
    assert_non_null(measure);
    assert_true(measure->value == value);
    assert_string_equal(measure->unit, unit);
    finding_fini(&finding);
}

static void
test_measures(void **context)
{
    (void)context;
    static const char claude[] =
        "{\"type\":\"result\",\"subtype\":\"success\",\"num_turns\":3,\"result\":\"x\","
        "\"total_cost_usd\":0.25,\"duration_ms\":1500,\"usage\":{\"input_tokens\":10,"
        "\"output_tokens\":5,\"cache_read_input_tokens\":100}}";
    assert_measure(adapter_read(ADAPTER_CLAUDE_JSON, claude, strlen(claude)), "tokens", 115, "");
    assert_measure(adapter_read(ADAPTER_CLAUDE_JSON, claude, strlen(claude)), "cost_usd", 0.25,
                   "USD");
    assert_measure(adapter_read(ADAPTER_CLAUDE_JSON, claude, strlen(claude)), "duration", 1500,
                   "ms");
    static const char codex[] =
        "{\"type\":\"turn.completed\",\"usage\":{\"input_tokens\":7,\"output_tokens\":1}}\n"
        "{\"type\":\"item.completed\",\"item\":{\"type\":\"agent_message\",\"text\":\"x\"}}\n"
        "{\"type\":\"turn.completed\",\"usage\":{\"input_tokens\":20,\"output_tokens\":2}}\n";
    assert_measure(adapter_read(ADAPTER_CODEX_JSONL, codex, strlen(codex)), "tokens", 30, "");
    assert_measure(parse("{\"outcome\":\"done\",\"measures\":{\"coverage\":\"83.5%\"}}"),
                   "coverage", 83.5, "%");
    assert_measure(parse("{\"outcome\":\"done\",\"measures\":[{\"name\":\"a\",\"value\":2,"
                         "\"unit\":\"s\"}]}"),
                   "a", 2, "s");
    static const char *const wrong[] = {"5",
                                        "[1]",
                                        "{\"a\":[]}",
                                        "{\"../a\":1}",
                                        "{\"a\":\"x\"}",
                                        "{\"a\":1e300}",
                                        "{\"a\":{\"value\":\"1\",\"unit\":\"\\u001b\"}}"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        char text[128];
        snprintf(text, sizeof text, "{\"outcome\":\"done\",\"measures\":%s}", wrong[i]);
        struct finding finding = parse(text);
        assert_int_equal(finding.kind, FINDING_BAD);
        finding_fini(&finding);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid_results),
        cmocka_unit_test(test_invalid_results),
        cmocka_unit_test(test_deep_results),
        cmocka_unit_test(test_what_is_wrong_with_a_text_is_named),
        cmocka_unit_test(test_measures),
        cmocka_unit_test(test_adapters),
        cmocka_unit_test(test_adapters_take_cut_output),
        cmocka_unit_test(test_adapter_names),
        cmocka_unit_test(test_provider_limits),
        cmocka_unit_test(test_cleaned_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
