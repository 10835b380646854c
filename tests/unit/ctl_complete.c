/* Completion as far as it gets without a broker, and the usage of each verb as its grammar: what it
 * says is what the verb takes. */
#include "ctl/complete.h"

#include "ctl/options.h"
#include "ctl_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* What is offered, with blanks between; of the words before the tabs. */
static void
offered(const char *const *words, char *out, size_t room)
{
    struct bench bench;
    int n = 0;
    while (words[n]) {
        n++;
    }
    bench_init(&bench);
    (void)complete_words(&bench.ctl, n, words);
    out[0] = 0;
    for (const char *p = bench_out(&bench); *p; p += strcspn(p, "\n") + 1) {
        size_t used = strlen(out);
        bool is_files = strncmp(p, COMPLETE_FILES, strlen(COMPLETE_FILES)) == 0;
        assert_true(used < room);
        snprintf(out + used, room - used, "%s%.*s", used ? " " : "",
                 is_files ? 5 : (int)strcspn(p, "\t\n"), is_files ? "files" : p);
    }
    bench_fini(&bench);
}

static void
expect(const char *wanted, const char *const *words)
{
    char out[4096];
    offered(words, out, sizeof out);
    assert_string_equal(out, wanted);
}

static void
test_words_are_completed_where_they_stand(void **state)
{
    (void)state;
    expect("show", WORDS("sho"));
    expect("show", WORDS("--quiet", "--endpoint", "x", "sho"));
    expect("raise list show take resolve withdraw", WORDS("blocker", ""));
    expect("resolve", WORDS("blocker", "res"));
    expect("", WORDS("blocker", "list", ""));
    expect("", WORDS("blocker", "nothing", ""));
    expect("try wait release check", WORDS("lock", ""));
    expect("show close open", WORDS("project", ""));
    expect("pause", WORDS("schedule", "p"));
    expect("set list show next run pause resume remove", WORDS("schedule", ""));
    expect("open acknowledge amend resolve list show postmortem", WORDS("incident", ""));
    expect("P0 P1 P2 P3", WORDS("incident", "open", ""));
    expect("approve object", WORDS("decision", "review", "colour", ""));
    expect("", WORDS("decision", "review", "colour", "approve", ""));
    expect("area level target role schedule budget", WORDS("rules", "remove", ""));
    expect("text mermaid dot", WORDS("graph", ""));
    expect("bash zsh fish words", WORDS("completion", ""));
    expect("blocked blocker", WORDS("help", "blo"));
    expect("set", WORDS("status", ""));
    expect("files", WORDS("apply", "--dry-run", ""));
    expect("files", WORDS("apply", "one.yaml", ""));
    expect("files", WORDS("handoff", "give", ""));
    expect("", WORDS("add", ""));
    expect("", WORDS("no-such-verb", ""));
    expect("", WORDS("add", "x", "--role", "infra", "--", "ma"));
}

static void
test_options_and_their_values_are_completed(void **state)
{
    (void)state;
    expect("--reason --request-id", WORDS("cancel", "x", "--re"));
    expect("--quiet", WORDS("--q"));
    expect("backend", WORDS("take", "--role", "b"));
    expect("--role=backend", WORDS("take", "--role=b"));
    expect("backend", WORDS("handoff", "give", "--to", "b"));
    expect("critical high medium low", WORDS("add", "x", "--priority", ""));
    expect("P0 P1 P2 P3", WORDS("blocker", "raise", "x", "--severity", ""));
    expect("nothing expire cancel escalate", WORDS("add", "x", "--on-deadline", ""));
    expect("skip queue cancel-old allow", WORDS("schedule", "set", "x", "--overlap", ""));
    expect("run-once skip", WORDS("schedule", "set", "x", "--missed", ""));
    expect("daily weekly success milestones final", WORDS("schedule", "set", "x", "--report", ""));
    expect("done terminal started", WORDS("wait", "x", "--for", ""));
    expect("baton wfformat beads edges jobs groups lines", WORDS("apply", "--format", ""));
    expect("yes no", WORDS("add", "x", "--approval", ""));
    expect("ready running review", WORDS("list", "--state", "r"));
    expect("files", WORDS("complete", "--result", ""));
    expect("", WORDS("add", "x", "--title", ""));
    /* Options of other commands, in backticks, are not of this one. */
    expect("--endpoint", WORDS("schema", "--e"));
    expect("", WORDS("schema", "--export"));
}

/* ---- what the usage says is what the verb takes ---- */

static void
run(const struct verb *verb, const char *const *words, char *err, size_t room)
{
    struct bench bench;
    bench_init(&bench);
    bench.ctl.options.timeout_ms = 50;
    bench.ctl.verb = verb;
    (void)bench_run(&bench, words);
    snprintf(err, room, "%s", bench_err(&bench));
    bench_fini(&bench);
}

/* "x is not one of list, show" against what the usage offers. */
static void
test_the_words_of_each_usage_are_those_of_its_verb(void **state)
{
    (void)state;
    size_t n = 0;
    for (const struct verb *verb = verbs; verb->name; verb++) {
        char err[1024], out[1024];
        /* Nor is it a file that a verb could make. */
        run(verb, WORDS(verb->name, "/dev/null/nonsense"), err, sizeof err);
        char *list = strstr(err, "not one of ");
        if (!list) {
            continue;
        }
        list += strlen("not one of ");
        list[strcspn(list, "\n;(")] = 0;
        offered(WORDS(verb->name, ""), out, sizeof out);
        size_t said = 0, taken = 0;
        for (char *save, *word = strtok_r(list, ", ", &save); word;
             word = strtok_r(NULL, ", ", &save)) {
            char spaced[64], all[1100];
            snprintf(spaced, sizeof spaced, " %s ", word);
            snprintf(all, sizeof all, " %s ", out);
            if (!strstr(all, spaced)) {
                fail_msg("%s %s is not in its usage: %s", verb->name, word, out);
            }
            taken++;
        }
        for (const char *p = out; p; p = strchr(p + 1, ' ')) {
            said++;
        }
        if (said != taken) {
            fail_msg("%s: its usage says words that it does not take: %s", verb->name, out);
        }
        n++;
    }
    assert_true(n >= 10);
}

/* Whether `verb word --option value` knows the option; an unknown one behind it keeps the verb from
 * doing anything. */
static bool
is_taken(const struct verb *verb, const char *word, const struct usage_option *option)
{
    char name[64], unknown[96], err[1024];
    const char *words[6];
    size_t n = 0;
    snprintf(name, sizeof name, "%.*s", (int)option->name.bytes, option->name.at);
    snprintf(unknown, sizeof unknown, "there is no option %s", name);
    words[n++] = verb->name;
    if (word) {
        words[n++] = word;
    }
    words[n++] = name;
    if (option->value.bytes) {
        words[n++] = "1";
    }
    words[n++] = "--no-such-thing";
    words[n] = NULL;
    run(verb, words, err, sizeof err);
    const char *at = strstr(err, unknown);
    bool is_unknown = at && !strchr("abcdefghijklmnopqrstuvwxyz-", at[strlen(unknown)]);
    bool needs_none = strstr(err, "takes no value") != NULL;
    bool needs_one = strstr(err, "needs a value") != NULL;
    return err[0] && !is_unknown && !needs_none && !needs_one;
}

static bool
is_taken_somewhere(const struct verb *verb, const struct usage_option *option)
{
    if (is_taken(verb, NULL, option)) {
        return true;
    }
    const char *at = verb->usage;
    for (struct span alternative, token, piece; usage_next_alternative(&at, &alternative);) {
        while (usage_next_token(&alternative, &token) && usage_next_piece(&token, &piece)) {
            char word[64];
            snprintf(word, sizeof word, "%.*s", (int)piece.bytes, piece.at);
            if (is_taken(verb, word, option)) {
                return true;
            }
        }
    }
    return false;
}

static void
test_each_option_that_a_usage_names_is_taken(void **state)
{
    (void)state;
    size_t n = 0;
    for (const struct verb *verb = verbs; verb->name; verb++) {
        const char *at = verb->usage;
        for (struct usage_option option; usage_next_option(&at, &option); n++) {
            if (!is_taken_somewhere(verb, &option)) {
                fail_msg("%s does not take %.*s as its usage says", verb->name,
                         (int)option.name.bytes, option.name.at);
            }
        }
    }
    assert_true(n > 250);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_words_are_completed_where_they_stand, bench_without_broker),
        cmocka_unit_test_setup(test_options_and_their_values_are_completed, bench_without_broker),
        cmocka_unit_test_setup(test_the_words_of_each_usage_are_those_of_its_verb,
                               bench_without_broker),
        cmocka_unit_test_setup(test_each_option_that_a_usage_names_is_taken, bench_without_broker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
