/* Verbs as they are typed, as far as they get without a broker. */
#include "ctl/options.h"
#include "ctl_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Runs, and compares status and a part of what is said. */
static void
expect(const char *const *words, int status, const char *said)
{
    struct bench bench;
    bench_init(&bench);
    bench.ctl.options.timeout_ms = 50;
    int got = bench_run(&bench, words);
    if (got != status || !strstr(bench_err(&bench), said)) {
        fail_msg("%s: status %d, not %d: %s", words[0], got, status, bench_err(&bench));
    }
    bench_fini(&bench);
}

static void
test_the_table_is_whole(void **state)
{
    (void)state;
    static const char *const wanted[] = {
        "apply",    "check",  "add",    "list",       "show",   "why",     "wait",
        "cancel",   "retry",  "hold",   "release",    "pause",  "resume",  "drain",
        "reopen",   "set",    "graph",  "watch",      "status", "workers", "resources",
        "ping",     "backup", "gc",     "export",     "take",   "started", "progress",
        "complete", "fail",   "return", "completion", "help",   "version", "project",
    };
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        const struct verb *verb = verb_find(wanted[i]);
        if (!verb) {
            fail_msg("there is no %s", wanted[i]);
        }
        assert_non_null(verb->run);
        assert_true(verb->help[0] && verb->usage && verb->group[0]);
    }
    assert_null(verb_find("lst"));
    assert_string_equal(verb_nearest("lst")->name, "list");
    assert_string_equal(verb_nearest("cancle")->name, "cancel");
    assert_null(verb_nearest("frobnicate"));
}

static void
test_wrong_command_lines_are_refused(void **state)
{
    (void)state;
    expect(WORDS("show"), CTL_USAGE, "which task");
    expect(WORDS("show", "a", "b"), CTL_USAGE, "which task");
    expect(WORDS("show", "../x"), CTL_DATA, "not a task's name");
    expect(WORDS("add", "x"), CTL_USAGE, "--role");
    expect(WORDS("add", "x", "y", "--role", "infra"), CTL_USAGE, "one task at a time");
    expect(WORDS("add", "x", "--role", "cook"), CTL_DATA, "not a role");
    expect(WORDS("wait"), CTL_USAGE, "which tasks");
    expect(WORDS("wait", "a", "--all"), CTL_USAGE, "not both");
    expect(WORDS("wait", "a", "--for", "lunch"), CTL_USAGE, "--for");
    expect(WORDS("wait", "a", "--timeout", "soon"), CTL_USAGE, "not a duration");
    expect(WORDS("list", "--state", "happy"), CTL_USAGE, "--state");
    expect(WORDS("graph", "png"), CTL_USAGE, "text, mermaid and dot");
    expect(WORDS("pause"), CTL_USAGE, "--broker");
    expect(WORDS("pause", "--role", "infra", "--broker"), CTL_USAGE, "one of");
    expect(WORDS("drain", "--project", "p"), CTL_USAGE, "can be drained");
    expect(WORDS("take"), CTL_USAGE, "--role");
    expect(WORDS("progress", "60"), CTL_USAGE, "--token");
    expect(WORDS("progress", "101", "x", "--token", "5"), CTL_USAGE, "percent");
    expect(WORDS("complete", "--token", "x"), CTL_USAGE, "not a token");
    expect(WORDS("fail", "--token", "5"), CTL_USAGE, "why it failed");
    expect(WORDS("resources", "gpu"), CTL_USAGE, "NAME=CAPACITY");
    expect(WORDS("completion", "tcsh"), CTL_USAGE, "bash, zsh or fish");
    expect(WORDS("help", "frobnicate"), CTL_USAGE, "no verb");
    expect(WORDS("help", "lsit"), CTL_USAGE, "is list meant?");
    expect(WORDS("help", "list", "show"), CTL_USAGE, "one verb");
    expect(WORDS("version", "x"), CTL_USAGE, "not expected");
    expect(WORDS("resume", "--broker", "--until", "+1h"), CTL_USAGE, "baton pause");
    expect(WORDS("context"), CTL_USAGE, "BATON_TASK_ID");
    expect(WORDS("context", "a", "b"), CTL_USAGE, "one task");
    expect(WORDS("set", "x"), CTL_USAGE, "set what");
    expect(WORDS("set", "--title", "x"), CTL_USAGE, "which tasks");
}

static void
test_many_tasks_need_two_words(void **state)
{
    (void)state;
    expect(WORDS("cancel", "a"), CTL_USAGE, "--reason");
    expect(WORDS("cancel", "--reason", "x"), CTL_USAGE, "which tasks");
    expect(WORDS("cancel", "--role", "infra", "--reason", "x"), CTL_USAGE, "which tasks");
    expect(WORDS("cancel", "--all", "--reason", "x"), CTL_USAGE, "confirmed");
    expect(WORDS("cancel", "a", "--all", "--reason", "x"), CTL_USAGE, "not both");
    expect(WORDS("cancel", "--all", "--yes", "--reason", "x"), CTL_BROKER, "");
    expect(WORDS("retry", "--all", "--dry-run"), CTL_BROKER, "");
}

static void
test_a_broker_that_is_away_is_69(void **state)
{
    (void)state;
    expect(WORDS("list"), CTL_BROKER, "");
    expect(WORDS("status"), CTL_BROKER, "");
    expect(WORDS("wait", "a"), CTL_BROKER, "");
    expect(WORDS("watch"), CTL_BROKER, "");
    expect(WORDS("take", "--role", "infra"), CTL_BROKER, "");
    expect(WORDS("show", "shop//a"), CTL_BROKER, "");
}

static void
test_a_wrong_environment_is_78(void **state)
{
    (void)state;
    setenv("BATON_TOKEN", "not-a-number", 1);
    expect(WORDS("progress", "60", "x"), CTL_CONFIG, "BATON_TOKEN");
    unsetenv("BATON_TOKEN");
    setenv("BATON_ENDPOINT", "carrier-pigeon", 1);
    expect(WORDS("ping"), CTL_CONFIG, "carrier-pigeon");
}

static void
test_options_may_stand_before_the_word(void **state)
{
    (void)state;
    expect(WORDS("blocker", "--quiet", "--project", "show", "take"), CTL_USAGE, "which blocker");
    expect(WORDS("blocker", "--owner", "list", "take"), CTL_USAGE, "which blocker");
    expect(WORDS("blocker", "--owner=list", "take"), CTL_USAGE, "which blocker");
    expect(WORDS("lock", "--amount", "2", "try"), CTL_USAGE, "which lock");
    expect(WORDS("project", "--reason", "x", "close", "a", "b"), CTL_USAGE, "one project");
    expect(WORDS("status", "--quiet", "set"), CTL_USAGE, "whose status");
    expect(WORDS("reserve", "--quiet", "show"), CTL_USAGE, "which reservation");
    expect(WORDS("blocker", "--quiet"), CTL_USAGE, "say one of raise, list");
    expect(WORDS("blocker", "--quiet", "nonsense"), CTL_USAGE, "nonsense is not one of raise");
    expect(WORDS("lock", "nonsense", "x"), CTL_USAGE, "nonsense is not one of try, wait");
    expect(WORDS("project", "nonsense"), CTL_USAGE, "nonsense is not one of show, close, open");
}

/* Who reads an error and does what it says must not lose anything. */
static void
test_no_hint_proposes_destruction(void **state)
{
    (void)state;
    static const char *const destructive[] = {"cancel --", "baton cancel", "--yes`", "rm "};
    const char *const *const lines[] = {
        WORDS("cancel", "--all", "--reason", "x"),
        WORDS("retry", "--all"),
        WORDS("show"),
        WORDS("list"),
        WORDS("wait"),
        WORDS("set", "x"),
    };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct bench bench;
        bench_init(&bench);
        bench.ctl.options.timeout_ms = 50;
        bench_run(&bench, lines[i]);
        for (size_t j = 0; j < ARRAY_LEN(destructive); j++) {
            assert_null(strstr(bench_err(&bench), destructive[j]));
        }
        bench_fini(&bench);
    }
}

/* What it is for stands before its options, and nothing is left over where there are none. */
static void
test_help_says_first_what_a_verb_is_for(void **state)
{
    (void)state;
    for (const struct verb *verb = verbs; verb->name; verb++) {
        struct bench bench;
        bench_init(&bench);
        assert_int_equal(bench_run(&bench, WORDS("help", verb->name)), CTL_YES);
        const char *said = bench_out(&bench);
        const char *help = strstr(said, verb->help), *option = strstr(said, "\n  --");
        if (!help || !option || help > option || strstr(said, "\n\n\n") || strstr(said, " \n")) {
            fail_msg("help of %s: %s", verb->name, said);
        }
        bench_fini(&bench);
    }
}

static void
test_help_as_json_lists_the_verbs(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench);
    bench.ctl.json = true;
    assert_int_equal(bench_run(&bench, WORDS("help")), CTL_YES);
    size_t lines = 0;
    size_t n = 0;
    for (const char *p = bench_out(&bench); (p = strchr(p, '\n')); p++) {
        lines++;
    }
    while (verbs[n].name) {
        n++;
    }
    assert_int_equal(lines, n);
    bench_fini(&bench);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_the_table_is_whole, bench_without_broker),
        cmocka_unit_test_setup(test_wrong_command_lines_are_refused, bench_without_broker),
        cmocka_unit_test_setup(test_options_may_stand_before_the_word, bench_without_broker),
        cmocka_unit_test_setup(test_many_tasks_need_two_words, bench_without_broker),
        cmocka_unit_test_setup(test_a_broker_that_is_away_is_69, bench_without_broker),
        cmocka_unit_test_setup(test_a_wrong_environment_is_78, bench_without_broker),
        cmocka_unit_test_setup(test_no_hint_proposes_destruction, bench_without_broker),
        cmocka_unit_test_setup(test_help_says_first_what_a_verb_is_for, bench_without_broker),
        cmocka_unit_test_setup(test_help_as_json_lists_the_verbs, bench_without_broker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
