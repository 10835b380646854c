#include "ctl/options.h"

#include "ctl/spec_form.h"
#include "ctl_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { OWN_NAME = 256, OWN_TIMEOUT };

static const struct option own[] = {
    {"name", required_argument, NULL, OWN_NAME},
    {"timeout", required_argument, NULL, OWN_TIMEOUT},
    {0},
};

/* Reads words with the options above; the values of the own ones in order. */
static size_t
read_all(struct bench *bench, char **argv, int *values)
{
    size_t n = 0;
    int argc = 0;
    while (argv[argc]) {
        argc++;
    }
    optind = 0;
    while ((values[n] = ctl_getopt(&bench->ctl, argc, argv, "", own)) != -1) {
        n++;
        if (values[n - 1] == '?') {
            break;
        }
    }
    return n;
}

static void
test_options_stand_anywhere(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench);
    int values[8];
    char *argv[] = {(char[]){"verb"},      (char[]){"A"},    (char[]){"--json"},
                    (char[]){"--project"}, (char[]){"shop"}, (char[]){"B"},
                    (char[]){"--name=x"},  (char[]){"-q"},   NULL};
    assert_int_equal(read_all(&bench, argv, values), 1);
    assert_int_equal(values[0], OWN_NAME);
    assert_true(bench.ctl.json);
    assert_true(bench.ctl.quiet);
    assert_true(bench.ctl.project_given);
    assert_string_equal(bench.ctl.project, "shop");
    assert_string_equal(argv[optind], "A");
    assert_string_equal(argv[optind + 1], "B");
    bench_fini(&bench);
}

static void
test_the_project_counts_wherever_it_stands(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench);
    char *argv[] = {(char[]){"verb"},      (char[]){"--name"}, (char[]){"x"},
                    (char[]){"--project"}, (char[]){"shop"},   NULL};
    optind = 0;
    assert_int_equal(ctl_getopt(&bench.ctl, 5, argv, "", own), OWN_NAME);
    assert_string_equal(bench.ctl.project, "shop");
    assert_int_equal(ctl_getopt(&bench.ctl, 5, argv, "", own), -1);
    bench_fini(&bench);
}

static void
test_an_own_option_hides_the_global_one(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench);
    int values[8];
    char *argv[] = {(char[]){"verb"}, (char[]){"--timeout"}, (char[]){"5s"}, NULL};
    assert_int_equal(read_all(&bench, argv, values), 1);
    assert_int_equal(values[0], OWN_TIMEOUT);
    assert_int_equal(bench.ctl.options.timeout_ms, 0);
    bench_fini(&bench);
}

static void
test_a_slip_gets_a_proposal(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        const char *said;
    } cases[] = {
        {"--nmae", "is --name meant"},
        {"--jsn", "is --json meant"},
        {"--name", "--name needs a value"},
        {"--json=1", "--json takes no value"},
        {"-Z", "no option -Z"},
        {"--colour-of-night", "no option --colour-of-night"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bench bench;
        bench_init(&bench);
        int values[8];
        char word[40];
        snprintf(word, sizeof word, "%s", cases[i].word);
        char *argv[] = {(char[]){"verb"}, (char[]){"arg"}, word, NULL};
        assert_int_equal(read_all(&bench, argv, values), 1);
        assert_int_equal(values[0], '?');
        assert_int_equal(bench.ctl.status, CTL_USAGE);
        if (!strstr(bench_err(&bench), cases[i].said)) {
            fail_msg("%s: %s", cases[i].word, bench_err(&bench));
        }
        bench_fini(&bench);
    }
}

static void
test_an_error_is_one_json_object(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench);
    bench.ctl.json = true;
    assert_int_equal(ctl_fail(&bench.ctl, CTL_DATA, "invalid", NULL, "a \"%s\"", "\033[31m\xff"),
                     CTL_DATA);
    json_t *whole = json_loads(bench_err(&bench), 0, NULL);
    json_t *error = json_object_get(whole, "error");
    assert_string_equal(json_string_value(json_object_get(error, "code")), "invalid");
    assert_non_null(json_string_value(json_object_get(error, "message")));
    assert_int_equal(json_integer_value(json_object_get(whole, "v")), 1);
    json_decref(whole);
    bench_fini(&bench);
}

static void
test_an_error_for_people_has_no_escapes(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench);
    ctl_fail(&bench.ctl, CTL_DATA, "invalid", "mind the \033", "a %s", "\033[31m");
    ctl_remark(&bench.ctl, "b %s", "\033]0;x\007");
    assert_null(strchr(bench_err(&bench), '\033'));
    assert_non_null(strstr(bench_err(&bench), "\\x1b[31m"));
    bench_fini(&bench);
}

static void
test_every_status_has_an_exit(void **state)
{
    (void)state;
    static const struct {
        baton_status status;
        int exit;
    } cases[] = {
        {BATON_OK, 0},        {BATON_NOT_FOUND, 1}, {BATON_STALE_TOKEN, 1},   {BATON_CYCLE, 65},
        {BATON_CONFLICT, 65}, {BATON_FULL, 75},     {BATON_TIMEOUT, 75},      {BATON_NO_BROKER, 69},
        {BATON_DENIED, 77},   {BATON_VERSION, 78},  {BATON_INTERNAL, 70},     {BATON_INVALID, 65},
        {BATON_PAUSED, 75},   {BATON_BUSY, 75},     {BATON_UNKNOWN_ROLE, 65},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(ctl_exit_of(cases[i].status), cases[i].exit);
    }
}

static void
test_values_are_bounded(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench);
    uint64_t n = 7;
    int64_t ms = 7;
    assert_true(ctl_take_number(&bench.ctl, "--n", "12", 12, &n));
    assert_int_equal(n, 12);
    assert_false(ctl_take_number(&bench.ctl, "--n", "13", 12, &n));
    assert_false(ctl_take_number(&bench.ctl, "--n", "-1", 12, &n));
    assert_false(ctl_take_number(&bench.ctl, "--n", "", 12, &n));
    assert_false(ctl_take_number(&bench.ctl, "--n", "1x", 12, &n));
    assert_false(ctl_take_number(&bench.ctl, "--n", "99999999999999999999999", UINT64_MAX, &n));
    assert_int_equal(n, 12);
    assert_true(ctl_take_duration(&bench.ctl, "--d", "90s", &ms));
    assert_int_equal(ms, 90000);
    assert_false(ctl_take_duration(&bench.ctl, "--d", "soon", &ms));
    bench_fini(&bench);
}

static bool
take(struct spec_form *form, struct bench *bench, int option, const char *value)
{
    return spec_form_take(form, &bench->ctl, option, value, false);
}

static void
test_a_task_is_read_from_options(void **state)
{
    (void)state;
    struct bench bench;
    struct spec_form form;
    bench_init(&bench);
    spec_form_init(&form);
    assert_true(take(&form, &bench, SPEC_OPTION_ROLE, "Frontend Agent"));
    assert_true(take(&form, &bench, SPEC_OPTION_PRIORITY, "high"));
    assert_true(take(&form, &bench, SPEC_OPTION_AFTER, "a:finished"));
    assert_true(take(&form, &bench, SPEC_OPTION_AFTER, "b|c:started"));
    assert_true(take(&form, &bench, SPEC_OPTION_AFTER, "d|e"));
    assert_true(take(&form, &bench, SPEC_OPTION_RESOURCE, "gpu=2"));
    assert_true(take(&form, &bench, SPEC_OPTION_RESOURCE, "db:shared"));
    assert_true(take(&form, &bench, SPEC_OPTION_RESOURCE, "lock"));
    assert_true(take(&form, &bench, SPEC_OPTION_LABEL, "team=a=b"));
    assert_true(take(&form, &bench, SPEC_OPTION_MAX_RUNTIME, "2h"));
    assert_string_equal(form.spec->role, "frontend");
    assert_int_equal(form.spec->priority, BATON_HIGH);
    assert_int_equal(form.spec->n_after, 5);
    assert_int_equal(form.spec->after[0].condition, BATON_ON_FINISHED);
    assert_int_equal(form.spec->after[0].any, 0);
    assert_int_equal(form.spec->after[1].any, form.spec->after[2].any);
    assert_int_equal(form.spec->after[2].condition, BATON_ON_STARTED);
    assert_int_not_equal(form.spec->after[2].any, form.spec->after[3].any);
    assert_string_equal(form.spec->after[4].id, "e");
    assert_int_equal(form.spec->n_claims, 3);
    assert_int_equal(form.spec->claims[0].amount, 2);
    assert_true(form.spec->claims[1].shared);
    assert_string_equal(form.spec->claims[1].name, "db");
    assert_int_equal(form.spec->claims[2].amount, 0);
    assert_string_equal(form.spec->labels[0].name, "team");
    assert_string_equal(form.spec->labels[0].value, "a=b");
    assert_int_equal(form.spec->max_runtime_ms, 7200000);
    assert_int_equal(form.n_fields, 6);
    spec_form_fini(&form);
    bench_fini(&bench);
}

static void
test_wrong_values_of_a_task_are_refused(void **state)
{
    (void)state;
    static const struct {
        int option;
        const char *value;
    } cases[] = {
        {SPEC_OPTION_ROLE, "cook"},
        {SPEC_OPTION_PRIORITY, "urgent"},
        {SPEC_OPTION_AFTER, "../x"},
        {SPEC_OPTION_AFTER, "a||b"},
        {SPEC_OPTION_RESOURCE, "=2"},
        {SPEC_OPTION_RESOURCE, "gpu=x"},
        {SPEC_OPTION_RESOURCE, "a b"},
        {SPEC_OPTION_LABEL, "x"},
        {SPEC_OPTION_LABEL, "=x"},
        {SPEC_OPTION_MAX_ATTEMPTS, "100000"},
        {SPEC_OPTION_IDLE, "never"},
        {SPEC_OPTION_ON_DEADLINE, "explode"},
        {SPEC_OPTION_PROMPT_FILE, "/nonexistent/prompt"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bench bench;
        struct spec_form form;
        bench_init(&bench);
        spec_form_init(&form);
        if (take(&form, &bench, cases[i].option, cases[i].value)) {
            fail_msg("taken: %s", cases[i].value);
        }
        assert_true(bench.ctl.status == CTL_USAGE || bench.ctl.status == CTL_DATA);
        assert_true(bench_err(&bench)[0]);
        spec_form_fini(&form);
        bench_fini(&bench);
    }
}

static void
test_a_command_is_cut_off_at_two_dashes(void **state)
{
    (void)state;
    char *argv[] = {(char[]){"add"}, (char[]){"X"},      (char[]){"--"},
                    (char[]){"sh"},  (char[]){"--json"}, NULL};
    int argc = 5;
    size_t n;
    const char *const *command = command_split(&argc, argv, &n);
    assert_int_equal(argc, 2);
    assert_int_equal(n, 2);
    assert_string_equal(command[1], "--json");
    assert_null(argv[2]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options_stand_anywhere),
        cmocka_unit_test(test_the_project_counts_wherever_it_stands),
        cmocka_unit_test(test_an_own_option_hides_the_global_one),
        cmocka_unit_test(test_a_slip_gets_a_proposal),
        cmocka_unit_test(test_an_error_is_one_json_object),
        cmocka_unit_test(test_an_error_for_people_has_no_escapes),
        cmocka_unit_test(test_every_status_has_an_exit),
        cmocka_unit_test(test_values_are_bounded),
        cmocka_unit_test(test_a_task_is_read_from_options),
        cmocka_unit_test(test_wrong_values_of_a_task_are_refused),
        cmocka_unit_test(test_a_command_is_cut_off_at_two_dashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
