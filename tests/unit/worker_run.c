/* The worker's loop with real processes and hostile agents (tests/agents), without a broker. */
#include "tests/unit/worker_fake.h"

#include "common/alloc.h"
#include "common/log.h"
#include "worker/limits.h"
#include "worker/loop.h"
#include "worker/options.h"
#include "worker/spawn.h"
#include "worker/spool.h"
#include "worker/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { ARGS = 40 };

static int signals;
static char base[64]; /* of one test */
static char state[96];
static char work[96];

static void
run_shell(const char *line)
{
    int status = system(line);
    assert_int_equal(status, 0);
}

static int
set_up(void **context)
{
    (void)context;
    snprintf(base, sizeof base, "/tmp/baton-worker-XXXXXX");
    assert_non_null(mkdtemp(base));
    snprintf(state, sizeof state, "%s/state", base);
    snprintf(work, sizeof work, "%s/work", base);
    assert_int_equal(mkdir(work, 0700), 0);
    return 0;
}

static int
tear_down(void **context)
{
    (void)context;
    char line[128];
    snprintf(line, sizeof line, "rm -rf '%s'", base);
    run_shell(line);
    return 0;
}

static const char *
agent(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s.sh", TEST_AGENTS, name);
    return path;
}

/* One life of a worker. Further arguments are added to the command line; NULL ends them. */
static int
live(const char *first, ...)
{
    const char *const fixed[] = {"baton-worker", "--role", "testing",   "--name", "w",
                                 "--state",      state,    "--workdir", work,     "--grace",
                                 "150ms"};
    char *argv[ARGS] = {0};
    int argc = 0;
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++) {
        argv[argc++] = xstrdup(fixed[i]);
    }
    va_list more;
    va_start(more, first);
    for (const char *arg = first; arg; arg = va_arg(more, const char *)) {
        argv[argc++] = xstrdup(arg);
    }
    va_end(more);
    struct options options;
    optind = 0;
    assert_int_equal(options_read(&options, argc, argv), -1);
    struct worker worker;
    int status = worker_open(&worker, &options);
    if (status < 0) {
        status = loop_run(&worker, signals);
    }
    worker_close(&worker);
    options_fini(&options);
    for (int i = 0; i < argc; i++) {
        free(argv[i]);
    }
    return status;
}

static char *
slurp(const char *directory, const char *name)
{
    static char text[65536];
    char path[256];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    assert_true(n >= 0);
    text[n] = 0;
    return text;
}

static bool
is_alive(const char *pid_file)
{
    return kill((pid_t)atoi(slurp(work, pid_file)), 0) == 0;
}

static size_t
count(const char *directory)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", state, directory);
    int fd = open(path, O_RDONLY | O_DIRECTORY);
    assert_true(fd >= 0);
    size_t n;
    free(state_tokens(fd, &n));
    close(fd);
    return n;
}

static struct fake_report *
run_one(const char *name)
{
    fake_reset(1);
    fake_task("T-1");
    assert_int_equal(live("--", agent(name), NULL), 0);
    assert_true(fake_report(1)->came);
    return fake_report(1);
}

/* ---- what a good agent gets and gives ---- */

static void
test_good_agent(void **context)
{
    (void)context;
    fake_reset(1);
    baton_spec *spec = fake_task("T-1");
    spec->prompt = "Build the thing.";
    struct baton_upstream *from = fake_upstream(1);
    *from = (struct baton_upstream){.project = "default",
                                    .id = "T-0",
                                    .state = BATON_DONE,
                                    .summary = "designed",
                                    .document = "{\"file\":\"d.md\"}",
                                    .document_bytes = 15};
    assert_int_equal(live("--", agent("done"), NULL), 0);
    struct fake_report *report = fake_report(1);
    assert_true(report->started);
    assert_int_equal(report->outcome, BATON_OUTCOME_DONE);
    assert_string_equal(report->summary, "all well");
    assert_string_equal(report->document, "{\"artifacts\":[\"a.txt\"]}");
    char *prompt = slurp(work, "stdin-copy");
    assert_non_null(strstr(prompt, "Build the thing."));
    assert_non_null(strstr(prompt, "T-0 is done: designed"));
    assert_non_null(strstr(prompt, "{\"file\":\"d.md\"}"));
    assert_non_null(strstr(prompt, "BATON_RESULT_FILE"));
    assert_int_equal(count("spool"), 0);
    assert_int_equal(count("leases"), 0);
    assert_int_equal(count("run"), 1);
}

static void
test_arguments_environment_and_descriptors(void **context)
{
    (void)context;
    setenv("BATON_SECRET", "1", 1);
    setenv("OTHER_SECRET", "1", 1);
    setenv("PASSED", "yes", 1);
    fake_reset(1);
    baton_spec *spec = fake_task("T-1");
    static const char *const env[] = {"COLOUR=blue", "BATON_TOKEN=999", "nonsense"};
    spec->env = env;
    spec->n_env = 3;
    spec->traceparent = "00-abc";
    assert_int_equal(mkdir(strcat(strcpy((char[128]){0}, work), "/sub"), 0700), 0);
    spec->workdir = "sub";
    assert_int_equal(live("--env", "PASSED", "--", agent("show"), "{task_id}/{token}",
                          "{\"a\":{x}}", "$HOME `id`", NULL),
                     0);
    assert_int_equal(fake_report(1)->outcome, BATON_OUTCOME_DONE);
    char sub[128];
    snprintf(sub, sizeof sub, "%s/sub", work);
    assert_string_equal(slurp(sub, "arguments"), "T-1/1\n{\"a\":{x}}\n$HOME `id`\n");
    char *variables = slurp(sub, "variables");
    assert_non_null(strstr(variables, "BATON_TASK_ID=T-1\n"));
    assert_non_null(strstr(variables, "BATON_TOKEN=1\n"));
    assert_non_null(strstr(variables, "BATON_PROGRESS_FD=3\n"));
    assert_non_null(strstr(variables, "COLOUR=blue\n"));
    assert_non_null(strstr(variables, "PASSED=yes\n"));
    assert_non_null(strstr(variables, "TRACEPARENT=00-abc\n"));
    assert_null(strstr(variables, "SECRET"));
    /* 0, 1, 2, 3, and the one of `ls` itself. */
    char *descriptors = slurp(sub, "descriptors");
    assert_non_null(strstr(descriptors, " 3 -> pipe:"));
    assert_null(strstr(descriptors, " 5 -> "));
    assert_null(strstr(descriptors, " 6 -> "));
}

static void
test_progress(void **context)
{
    (void)context;
    struct fake_report *report = run_one("progress");
    assert_int_equal(report->outcome, BATON_OUTCOME_DONE);
    assert_true(report->n_progress >= 1);
    assert_int_equal(report->percent, 60);
    assert_string_equal(report->progress, "more than half");
}

/* ---- agents that lie, break, hang, flood, flee ---- */

static void
test_exit_status_0_proves_nothing(void **context)
{
    (void)context;
    struct fake_report *report = run_one("liar");
    assert_int_equal(report->outcome, BATON_OUTCOME_FAILED);
    assert_non_null(strstr(report->summary, "nothing proves"));
    assert_string_equal(report->tail, "Error: tool denied\n");
}

static void
test_good_result_and_bad_end(void **context)
{
    (void)context;
    struct fake_report *report = run_one("badend");
    assert_int_equal(report->outcome, BATON_OUTCOME_DONE);
    assert_int_equal(report->exit_status, 1);
}

static void
test_bad_result_files(void **context)
{
    (void)context;
    static const char *const agents[] = {"link", "fifo", "huge", "garbage"};
    static const char *const says[] = {"regular file", "regular file", "larger than", "line 1"};
    for (size_t i = 0; i < 4; i++) {
        struct fake_report *report = run_one(agents[i]);
        assert_int_equal(report->outcome, BATON_OUTCOME_FAILED);
        assert_non_null(strstr(report->summary, "the result file is not valid"));
        assert_non_null(strstr(report->summary, says[i]));
    }
}

static void
test_wall_and_idle_limits(void **context)
{
    (void)context;
    fake_reset(2);
    fake_task("T-1")->max_runtime_ms = 100;
    fake_task("T-2")->idle_ms = 100;
    assert_int_equal(live("--slots", "2", "--", agent("hang"), NULL), 0);
    assert_int_equal(fake_report(1)->outcome, BATON_OUTCOME_TIMED_OUT);
    assert_non_null(strstr(fake_report(1)->summary, "ran longer than 100ms"));
    assert_int_equal(fake_report(2)->outcome, BATON_OUTCOME_TIMED_OUT);
    assert_non_null(strstr(fake_report(2)->summary, "no output and no progress for 100ms"));
    assert_int_equal(fake_report(1)->exit_status, -SIGTERM);
}

static void
test_ignored_term_becomes_kill(void **context)
{
    (void)context;
    fake_reset(1);
    fake_task("T-1");
    fake_stop_at_progress(1);
    assert_int_equal(live("--", agent("stubborn"), NULL), 0);
    assert_int_equal(fake_report(1)->outcome, BATON_OUTCOME_CANCELLED);
    assert_int_equal(fake_report(1)->exit_status, -SIGKILL);
    assert_string_equal(fake_report(1)->tail, "ready\n");
}

static void
test_flood_costs_little(void **context)
{
    (void)context;
    struct rusage before;
    struct rusage after;
    fake_reset(1);
    fake_task("T-1")->max_runtime_ms = 1000;
    getrusage(RUSAGE_SELF, &before);
    assert_int_equal(live("--output-max", "64K", "--", agent("flood"), NULL), 0);
    getrusage(RUSAGE_SELF, &after);
    struct fake_report *report = fake_report(1);
    assert_int_equal(report->outcome, BATON_OUTCOME_TIMED_OUT);
    assert_true(report->output_bytes > 1024 * 1024);
    /* 40 MB/s and what was in the pipes. */
    assert_true(report->output_bytes < 64 * 1024 * 1024);
    assert_true(strlen(report->tail) > 4000 && strlen(report->tail) <= OUTPUT_TAIL_BYTES_MAX);
    char path[160];
    snprintf(path, sizeof path, "%s/run/1/output.log", state);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_size > 128 * 1024 && st.st_size <= 4 * 64 * 1024 + 1024);
    assert_true(after.ru_maxrss - before.ru_maxrss < 32 * 1024);
}

static void
test_fled_processes_are_ended(void **context)
{
    (void)context;
    struct fake_report *report = run_one("flee");
    assert_int_equal(report->outcome, BATON_OUTCOME_DONE);
    assert_false(is_alive("pid1"));
    assert_false(is_alive("pid2"));
}

static void
test_killed_supervisor(void **context)
{
    (void)context;
    struct fake_report *report = run_one("killer");
    assert_int_equal(report->outcome, BATON_OUTCOME_FAILED);
    assert_non_null(strstr(report->summary, "supervisor was killed"));
    /* The kernel may still be at it: it was killed by us, and is a child of ours or reaped. */
    assert_false(is_alive("pid1"));
}

/* ---- exit statuses ---- */

static void
test_exit_statuses(void **context)
{
    (void)context;
    static const struct {
        const char *status;
        baton_outcome outcome;
    } cases[] = {{"1", BATON_OUTCOME_FAILED},     {"75", BATON_OUTCOME_RELEASED},
                 {"64", BATON_OUTCOME_FATAL},     {"65", BATON_OUTCOME_FATAL},
                 {"77", BATON_OUTCOME_FATAL},     {"78", BATON_OUTCOME_FATAL},
                 {"127", BATON_OUTCOME_RELEASED}, {"126", BATON_OUTCOME_RELEASED}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fake_reset(1);
        fake_task("T-1");
        assert_int_equal(live("--", agent("exit"), cases[i].status, NULL), 0);
        assert_int_equal(fake_report(1)->outcome, cases[i].outcome);
        assert_int_equal(fake_report(1)->exit_status, atoi(cases[i].status));
    }
    fake_reset(1);
    fake_task("T-1");
    assert_int_equal(live("--", agent("exit"), "signal", "11", NULL), 0);
    assert_int_equal(fake_report(1)->outcome, BATON_OUTCOME_FAILED);
    assert_int_equal(fake_report(1)->exit_status, -SIGSEGV);
    assert_non_null(strstr(fake_report(1)->summary, "killed by signal 11"));
}

static void
test_missing_command_stops_taking(void **context)
{
    (void)context;
    fake_reset(1);
    fake_task("T-1");
    fake_task("T-2");
    assert_int_equal(live("--", "/nowhere/agent", NULL), 0);
    assert_int_equal(fake_report(1)->outcome, BATON_OUTCOME_RELEASED);
    assert_non_null(strstr(fake_report(1)->summary, "/nowhere/agent"));
    assert_true(fake_report(1)->retry_after_ms >= 30000);
    assert_false(fake_report(1)->started);
    assert_false(fake_report(2)->came);
    assert_int_equal(fake_credit(), 0);
}

static void
test_own_command_that_is_missing_is_the_tasks_fault(void **context)
{
    (void)context;
    static const char *const missing[] = {"/nowhere/tool"};
    static const char *const good[] = {"sh", "-c", "echo '{\"outcome\":\"done\"}' > {result_file}"};
    fake_reset(2);
    baton_spec *spec = fake_task("T-1");
    spec->command = missing;
    spec->n_command = 1;
    spec = fake_task("T-2");
    spec->command = good;
    spec->n_command = 3;
    assert_int_equal(live("--", agent("liar"), NULL), 0);
    assert_int_equal(fake_report(1)->outcome, BATON_OUTCOME_FATAL);
    assert_int_equal(fake_report(2)->outcome, BATON_OUTCOME_DONE);
}

static void
test_no_task_commands(void **context)
{
    (void)context;
    static const char *const evil[] = {"touch", "evil"};
    static const char *const env[] = {"LD_PRELOAD=/evil.so"};
    fake_reset(1);
    baton_spec *spec = fake_task("T-1");
    spec->command = evil;
    spec->n_command = 2;
    spec->check = evil;
    spec->n_check = 2;
    spec->env = env;
    spec->n_env = 1;
    assert_int_equal(live("--no-task-commands", "--", agent("show"), NULL), 0);
    assert_int_equal(fake_report(1)->outcome, BATON_OUTCOME_DONE);
    assert_null(strstr(slurp(work, "variables"), "LD_PRELOAD"));
    char path[128];
    snprintf(path, sizeof path, "%s/evil", work);
    assert_int_equal(access(path, F_OK), -1);
}

static void
test_workdir_stays_inside(void **context)
{
    (void)context;
    static const char *const paths[] = {"..", "/etc", "out/x", "missing"};
    char out[128];
    snprintf(out, sizeof out, "%s/out", work);
    for (size_t i = 0; i < 4; i++) {
        unlink(out);
        assert_int_equal(symlink("/tmp", out), 0);
        fake_reset(1);
        fake_task("T-1")->workdir = paths[i];
        assert_int_equal(live("--", agent("done"), NULL), 0);
        assert_int_equal(fake_report(1)->outcome, BATON_OUTCOME_FATAL);
    }
}

/* ---- checks ---- */

static void
test_check_decides(void **context)
{
    (void)context;
    fake_reset(1);
    fake_task("T-1");
    assert_int_equal(live("--check-command", "echo fine", "--", agent("liar"), NULL), 0);
    assert_int_equal(fake_report(1)->outcome, BATON_OUTCOME_DONE);
    fake_reset(1);
    fake_task("T-1");
    assert_int_equal(live("--check", "sh", "--check", "-c", "--check", "echo 3 tests fail; exit 4",
                          "--", agent("done"), NULL),
                     0);
    struct fake_report *report = fake_report(1);
    assert_int_equal(report->outcome, BATON_OUTCOME_FAILED);
    assert_string_equal(report->summary, "the check failed: exit status 4: 3 tests fail ");
    assert_string_equal(report->document, "{\"artifacts\":[\"a.txt\"]}");
    assert_int_equal(report->exit_status, 0);
    fake_reset(1);
    fake_task("T-1");
    assert_int_equal(live("--check", "/nowhere/check", "--", agent("done"), NULL), 0);
    assert_int_equal(fake_report(1)->outcome, BATON_OUTCOME_FAILED);
    assert_non_null(strstr(fake_report(1)->summary, "cannot be run"));
}

/* ---- the provider's limit ---- */

static void
test_provider_limit(void **context)
{
    (void)context;
    fake_reset(1);
    fake_task("T-1");
    fake_task("T-2");
    assert_int_equal(live("--adapter", "claude-json", "--", agent("limited"), NULL), 0);
    assert_int_equal(fake_report(1)->outcome, BATON_OUTCOME_RATE_LIMITED);
    assert_int_equal(fake_report(1)->retry_after_ms, 90000);
    assert_false(fake_report(2)->came);
    assert_int_equal(fake_credit(), 0);
    /* Without an adapter the words mean nothing, unless the operator says so. */
    assert_int_equal(run_one("limited")->outcome, BATON_OUTCOME_FAILED);
    fake_reset(1);
    fake_task("T-1");
    assert_int_equal(live("--rate-limit-pattern", "too many", "--", agent("limited"), NULL), 0);
    assert_int_equal(fake_report(1)->outcome, BATON_OUTCOME_RATE_LIMITED);
}

/* ---- the broker's word ---- */

static void
test_cancel(void **context)
{
    (void)context;
    fake_reset(1);
    fake_task("T-1");
    fake_stop_when_started(1);
    assert_int_equal(live("--", agent("hang"), NULL), 0);
    assert_int_equal(fake_report(1)->outcome, BATON_OUTCOME_CANCELLED);
}

static void
test_lost_lease_is_not_reported(void **context)
{
    (void)context;
    static const char *const command[] = {
        "sh", "-c",
        "echo '{\"outcome\":\"done\",\"n\":1}' > {result_file}; exec "
        "sleep 1000"};
    fake_reset(1);
    baton_spec *spec = fake_task("T-1");
    spec->command = command;
    spec->n_command = 3;
    fake_lose_when_started(1);
    fake_task("T-2");
    assert_int_equal(live("--", agent("done"), NULL), 0);
    assert_false(fake_report(1)->came);
    assert_int_equal(fake_report(2)->outcome, BATON_OUTCOME_DONE);
}

static void
test_agent_that_completes_itself_is_not_reported(void **context)
{
    (void)context;
    fake_reset(1);
    fake_task("T-1");
    fake_lease_is_over(1);
    fake_task("T-2");
    assert_int_equal(live("--", agent("liar"), NULL), 0);
    assert_false(fake_report(1)->came);
    assert_int_equal(fake_report(2)->outcome, BATON_OUTCOME_FAILED);
    assert_int_equal(count("orphans"), 0);
}

static void
test_second_term_gives_tasks_back(void **context)
{
    (void)context;
    fake_reset(0);
    fake_task("T-1");
    fake_signal_when_started(1, SIGTERM);
    /* The first TERM drains, and the drain's time is over at once. */
    assert_int_equal(live("--drain-timeout", "50ms", "--", agent("hang"), NULL), 0);
    assert_int_equal(fake_report(1)->outcome, BATON_OUTCOME_RELEASED);
}

static void
test_drain_finishes(void **context)
{
    (void)context;
    fake_reset(0);
    fake_task("T-1");
    fake_task("T-2");
    fake_signal_when_started(1, SIGTERM);
    assert_int_equal(live("--", agent("done"), NULL), 0);
    assert_int_equal(fake_report(1)->outcome, BATON_OUTCOME_DONE);
    assert_false(fake_report(2)->came);
}

/* ---- lives ---- */

static void
test_results_outlive_the_worker(void **context)
{
    (void)context;
    fake_reset(0);
    struct state disk;
    pid_t holder;
    assert_int_equal(state_open(&disk, state, &holder), STATE_OPENED);
    struct baton_result result = {.outcome = BATON_OUTCOME_DONE,
                                  .summary = "kept",
                                  .document = "{\"n\":1}",
                                  .document_bytes = 7,
                                  .output_tail = "x\n"};
    assert_true(spool_save(disk.spool, 7, "default", "T-7", &result));
    state_lease_begin(&disk, 7, "default", "T-7");
    state_lease_begin(&disk, 8, "default", "T-8");
    state_close(&disk);
    fake_reset(2);
    assert_int_equal(live("--", agent("done"), NULL), 0);
    assert_true(fake_was_held(7));
    assert_true(fake_was_held(8));
    assert_int_equal(fake_report(7)->outcome, BATON_OUTCOME_DONE);
    assert_string_equal(fake_report(7)->document, "{\"n\":1}");
    assert_int_equal(fake_report(8)->outcome, BATON_OUTCOME_RELEASED);
    assert_int_equal(count("spool"), 0);
    assert_int_equal(count("leases"), 0);
}

static void
test_deadly_task_does_not_go_round_for_ever(void **context)
{
    (void)context;
    baton_outcome last = BATON_OUTCOME_NONE;
    for (int i = 0; i < 3; i++) {
        struct state disk;
        pid_t holder;
        assert_int_equal(state_open(&disk, state, &holder), STATE_OPENED);
        state_lease_begin(&disk, 9, "default", "T-9");
        state_close(&disk);
        fake_reset(1);
        assert_int_equal(live("--", agent("done"), NULL), 0);
        last = fake_report(9)->outcome;
        assert_int_equal(last, i < 2 ? BATON_OUTCOME_RELEASED : BATON_OUTCOME_FAILED);
    }
}

static void
test_one_name_one_worker(void **context)
{
    (void)context;
    int says[2];
    assert_int_equal(pipe2(says, O_CLOEXEC), 0);
    pid_t other = fork(); /* the lock is a process's */
    if (other == 0) {
        struct state disk;
        pid_t holder;
        char byte = state_open(&disk, state, &holder) == STATE_OPENED ? '+' : '-';
        _exit(write(says[1], &byte, 1) == 1 ? pause() : 1);
    }
    char byte = 0;
    assert_int_equal(read(says[0], &byte, 1), 1);
    assert_int_equal(byte, '+');
    fake_reset(1);
    fake_task("T-1");
    assert_int_equal(live("--", agent("done"), NULL), 75);
    assert_int_equal(kill(other, SIGKILL), 0);
    assert_int_equal(waitpid(other, NULL, 0), other);
    assert_int_equal(live("--", agent("done"), NULL), 0);
    close(says[0]);
    close(says[1]);
}

static void
test_refused_report_is_kept_for_people(void **context)
{
    (void)context;
    fake_reset(1);
    fake_task("T-1");
    fake_answer(BATON_STALE_TOKEN, false);
    assert_int_equal(live("--", agent("done"), NULL), 0);
    assert_int_equal(count("spool"), 0);
    assert_int_equal(count("orphans"), 1);
}

static void
test_many_at_once(void **context)
{
    (void)context;
    fake_reset(30);
    for (int i = 0; i < 30; i++) {
        fake_task("T-1");
    }
    assert_int_equal(live("--slots", "8", "--", agent("done"), NULL), 0);
    for (uint64_t i = 1; i <= 30; i++) {
        assert_int_equal(fake_report(i)->outcome, BATON_OUTCOME_DONE);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    signals = loop_signals();
    assert_true(signals >= 0 && spawn_reserve_descriptors());
    spawn_raise_files();
    const struct CMUnitTest tests[] = {
        TEST(test_good_agent),
        TEST(test_arguments_environment_and_descriptors),
        TEST(test_progress),
        TEST(test_exit_status_0_proves_nothing),
        TEST(test_good_result_and_bad_end),
        TEST(test_bad_result_files),
        TEST(test_wall_and_idle_limits),
        TEST(test_ignored_term_becomes_kill),
        TEST(test_flood_costs_little),
        TEST(test_fled_processes_are_ended),
        TEST(test_killed_supervisor),
        TEST(test_exit_statuses),
        TEST(test_missing_command_stops_taking),
        TEST(test_own_command_that_is_missing_is_the_tasks_fault),
        TEST(test_no_task_commands),
        TEST(test_workdir_stays_inside),
        TEST(test_check_decides),
        TEST(test_provider_limit),
        TEST(test_cancel),
        TEST(test_lost_lease_is_not_reported),
        TEST(test_agent_that_completes_itself_is_not_reported),
        TEST(test_second_term_gives_tasks_back),
        TEST(test_drain_finishes),
        TEST(test_results_outlive_the_worker),
        TEST(test_deadly_task_does_not_go_round_for_ever),
        TEST(test_one_name_one_worker),
        TEST(test_refused_report_is_kept_for_people),
        TEST(test_many_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
