/* ctl/plan: files, several of them, large ones, and what is none. */
#include "tests/unit/plan_help.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
    char folder[64];
    char path[128]; /* in it */
};

static int
setup(void **state)
{
    static struct fixture fixture;
    strcpy(fixture.folder, "/tmp/baton-plan-XXXXXX");
    if (!mkdtemp(fixture.folder)) {
        return -1;
    }
    snprintf(fixture.path, sizeof fixture.path, "%s/plan.yaml", fixture.folder);
    *state = &fixture;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *fixture = *state;
    unlink(fixture->path);
    return rmdir(fixture->folder);
}

static void
assert_file_refused(const char *path, const char *wanted)
{
    struct plan *plan = plan_new(&(struct plan_options){0});
    plan_read_file(plan, path);
    assert_false(plan_finish(plan));
    assert_error(plan, wanted);
    plan_free(plan);
}

static void
test_what_is_no_file(void **state)
{
    struct fixture *fixture = *state;
    assert_file_refused(fixture->path, "plan.yaml: can't be opened: No such file");
    assert_file_refused(fixture->folder, "is a directory");
    assert_file_refused("/dev/zero", "larger than 64 MiB");
}

static void
test_a_plan_of_100_megabytes(void **state)
{
    struct fixture *fixture = *state;
    int fd = open(fixture->path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, 100 * 1000 * 1000), 0);
    double before = cpu_seconds();
    assert_file_refused(fixture->path, "plan.yaml: the file is larger than 64 MiB; split");
    assert_true(cpu_seconds() - before < 1);
    assert_int_equal(ftruncate(fd, 20 * 1000 * 1000), 0);
    assert_file_refused(fixture->path, "plan.yaml: the file is larger than 16 MiB; split");
    close(fd);
}

static void
test_files_are_one_plan(void **state)
{
    (void)state;
    struct plan *plan = plan_new(&(struct plan_options){.role = "qa", .project = "p"});
    plan_read_text(plan, "one.yaml", "tasks: [{id: a, after: [b]}]\n", 29);
    plan_read_text(plan, "two.tsv", "b\tc\n", 4);
    plan_finish(plan);
    assert_good(plan);
    assert_int_equal(plan_facts(plan)->n_tasks, 3);
    assert_int_equal(plan_facts(plan)->n_forward, 0);
    assert_string_equal(spec_of(plan, "b")->project, "p");
    plan_free(plan);
    plan = plan_new(&(struct plan_options){.role = "qa"});
    plan_read_text(plan, "one.yaml", "tasks: [{id: a}]\n", 17);
    plan_read_text(plan, "two.yaml", "\ntasks: [{id: a}]\n", 18);
    assert_false(plan_finish(plan));
    assert_error(plan, "two.yaml:2: 'a' stands at one.yaml:1 already");
    plan_free(plan);
}

static void
test_prompts_from_files_beside(void **state)
{
    (void)state;
    struct plan *plan = plan_new(&(struct plan_options){0});
    plan_read_file(plan, data_path("with_prompt.yaml"));
    plan_finish(plan);
    assert_good(plan);
    assert_string_equal(spec_of(plan, "report")->prompt, "Write the report.\n");
    plan_free(plan);
}

static void
test_a_pipe_is_no_prompt(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(mkfifo(fixture->path, 0600), 0);
    char plan_path[160];
    snprintf(plan_path, sizeof plan_path, "%s/p", fixture->folder);
    FILE *file = fopen(plan_path, "we");
    assert_non_null(file);
    fputs("tasks: [{id: a, role: qa, prompt_file: plan.yaml}]\n", file);
    fclose(file);
    assert_file_refused(plan_path, "is not a file");
    unlink(plan_path);
}

static void
test_a_bad_role_map(void **state)
{
    struct fixture *fixture = *state;
    FILE *file = fopen(fixture->path, "we");
    assert_non_null(file);
    fputs("* backend\nui-* frontent\n", file);
    fclose(file);
    struct plan *plan = plan_new(&(struct plan_options){.role_map = fixture->path});
    assert_false(plan_finish(plan));
    assert_error(plan, "plan.yaml:2: 'frontent' is not a role");
    assert_error(plan, "did you mean 'frontend'?");
    plan_free(plan);
}

/* Bytes that mean nothing are refused without harm; run it with the sanitizers. */
static void
test_random_bytes(void **state)
{
    (void)state;
    static const char *const names[] = {"r.yaml", "r.json", "r.jsonl", "r.tsv", "r"};
    static const char alphabet[] = "{}[]:,-#\"'\n\t |>&*!%@?ab1\\\xc3\xa4";
    uint64_t x = 88172645463325252;
    for (int i = 0; i < 3000; i++) {
        char text[200];
        for (size_t j = 0; j < sizeof text; j++) {
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            text[j] = alphabet[x % (sizeof alphabet - 1)];
        }
        struct plan *plan = plan_new(&(struct plan_options){.role = "spread"});
        plan_read_text(plan, names[i % 5], text, sizeof text);
        plan_finish(plan);
        plan_free(plan);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_no_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_plan_of_100_megabytes, setup, teardown),
        cmocka_unit_test(test_files_are_one_plan),
        cmocka_unit_test(test_prompts_from_files_beside),
        cmocka_unit_test_setup_teardown(test_a_pipe_is_no_prompt, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_bad_role_map, setup, teardown),
        cmocka_unit_test(test_random_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
