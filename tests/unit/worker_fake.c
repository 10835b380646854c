/* The fake: all of baton.h that the worker uses. */
#include "tests/unit/worker_fake.h"

#include "common/alloc.h"
#include "common/check.h"
#include "common/words.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct baton_worker {
    int fd;
};

struct task {
    baton_spec spec;
    char id[64];
    bool given;
    struct baton_upstream upstream[2];
    size_t n_upstream;
    bool stop;
    bool lose;
    bool over;
    int signal;
    bool at_progress; /* not before its first progress */
    bool told;        /* stop, lose or signal were done */
    struct fake_report report;
    bool acknowledged;
};

static struct {
    struct task tasks[FAKE_TASKS_MAX + 1];
    size_t n;
    size_t n_expected;
    size_t n_reports;
    uint32_t credit;
    bool has_signalled; /* nothing comes until the worker has looked for signals */
    uint64_t held[FAKE_TASKS_MAX];
    size_t n_held;
    bool up;
    baton_status answer;
    bool away;
    struct baton_worker worker;
} fake;

void
fake_reset(size_t n_expected)
{
    memset(&fake, 0, sizeof fake);
    fake.n_expected = n_expected;
}

static struct task *
task_of(uint64_t token)
{
    CHECK(token >= 1 && token <= FAKE_TASKS_MAX);
    return &fake.tasks[token];
}

baton_spec *
fake_task(const char *id)
{
    struct task *task = task_of(++fake.n);
    snprintf(task->id, sizeof task->id, "%s", id);
    task->spec = (baton_spec){.id = task->id,
                              .project = "default",
                              .role = "testing",
                              .title = "",
                              .prompt = "",
                              .workdir = "",
                              .unique_key = "",
                              .fairness_key = "",
                              .traceparent = ""};
    return &task->spec;
}

struct baton_upstream *
fake_upstream(size_t token)
{
    struct task *task = task_of(token);
    return &task->upstream[task->n_upstream++];
}

void
fake_stop_when_started(uint64_t token)
{
    task_of(token)->stop = true;
}

void
fake_stop_at_progress(uint64_t token)
{
    task_of(token)->stop = task_of(token)->at_progress = true;
}

void
fake_lose_when_started(uint64_t token)
{
    task_of(token)->lose = true;
}

void
fake_lease_is_over(uint64_t token)
{
    task_of(token)->over = true;
}

void
fake_signal_when_started(uint64_t token, int number)
{
    task_of(token)->signal = number;
}

void
fake_answer(baton_status status, bool away)
{
    fake.answer = status;
    fake.away = away;
}

struct fake_report *
fake_report(uint64_t token)
{
    return &task_of(token)->report;
}

size_t
fake_n_reports(void)
{
    return fake.n_reports;
}

bool
fake_was_held(uint64_t token)
{
    for (size_t i = 0; i < fake.n_held; i++) {
        if (fake.held[i] == token) {
            return true;
        }
    }
    return false;
}

uint32_t
fake_credit(void)
{
    return fake.credit;
}

/* ---- baton.h ---- */

baton_status
baton_open(const char *endpoint, const struct baton_options *options, baton **ret_baton)
{
    (void)endpoint;
    (void)options;
    *ret_baton = (baton *)&fake.worker;
    return BATON_OK;
}

void
baton_close(baton **handle)
{
    *handle = NULL;
}

baton_status
baton_beat(baton *handle, uint64_t token, int64_t extend_ms, struct baton_line_reply *ret_reply)
{
    (void)handle;
    (void)extend_ms;
    (void)ret_reply;
    return task_of(token)->over ? BATON_STALE_TOKEN : BATON_OK;
}

const char *
baton_status_name(baton_status status)
{
    return status == BATON_OK ? "ok" : "other";
}

const char *
baton_state_name(baton_state state)
{
    return state_name((int)state);
}

bool
baton_state_is_terminal(baton_state state)
{
    return state >= BATON_DONE;
}

const char *
baton_role_of(const char *name)
{
    int number = role_number_loose(name);
    return number < 0 ? NULL : role_names[number];
}

const char *
baton_endpoint(const char *endpoint)
{
    return endpoint ? endpoint : "ipc:///nowhere";
}

const char *
baton_error(const baton *handle)
{
    (void)handle;
    return "";
}

baton_status
baton_worker_open(const char *endpoint, const struct baton_worker_options *options,
                  baton_worker **ret_worker)
{
    (void)endpoint;
    for (size_t i = 0; i < options->n_held; i++) {
        fake.held[fake.n_held++] = options->held[i].token;
    }
    fake.worker.fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
    *ret_worker = &fake.worker;
    return BATON_OK;
}

void
baton_worker_close(baton_worker **worker, int64_t linger_ms, bool keep)
{
    (void)linger_ms;
    (void)keep;
    close((*worker)->fd);
    *worker = NULL;
}

int
baton_worker_fd(const baton_worker *worker)
{
    return worker->fd;
}

int64_t
baton_worker_timeout_ms(const baton_worker *worker)
{
    (void)worker;
    return 1000;
}

static void
assign(uint64_t token, struct task *task, struct baton_worker_event *event)
{
    baton_assignment *assignment = xcalloc(1, sizeof *assignment);
    *assignment = (baton_assignment){
        .token = token,
        .key = token,
        .project = "default",
        .id = task->id,
        .role = "testing",
        .attempt = 1,
        .lease_ms = 60000,
        .spec = &task->spec,
        .upstream = task->upstream,
        .n_upstream = task->n_upstream,
    };
    task->given = true;
    fake.credit--;
    *event = (struct baton_worker_event){
        .kind = BATON_WORK_ASSIGNED, .assignment = assignment, .token = token};
}

static bool
about_task(uint64_t token, struct task *task, struct baton_worker_event *event)
{
    if (task->report.came && !task->acknowledged && !fake.away) {
        task->acknowledged = true;
        *event = (struct baton_worker_event){
            .kind = BATON_WORK_REPORTED, .token = token, .status = fake.answer};
        return true;
    }
    if (task->report.started && !task->told && (!task->at_progress || task->report.n_progress)) {
        task->told = true;
        if (task->signal) {
            kill(getpid(), task->signal);
            fake.has_signalled = true;
        }
        if (task->stop || task->lose) {
            *event = (struct baton_worker_event){
                .kind = task->stop ? BATON_WORK_STOP : BATON_WORK_LOST,
                .token = token,
                .reason = "test",
                .grace_ms = 0,
            };
            return true;
        }
    }
    return false;
}

baton_status
baton_worker_next(baton_worker *worker, int64_t timeout_ms, struct baton_worker_event *ret_event)
{
    (void)timeout_ms;
    uint64_t count;
    if (read(worker->fd, &count, sizeof count) < 0) {
        count = 0;
    }
    if (!fake.up) {
        fake.up = true;
        *ret_event = (struct baton_worker_event){.kind = BATON_WORK_UP, .epoch = 1};
        return BATON_OK;
    }
    for (uint64_t token = 1; token <= FAKE_TASKS_MAX; token++) {
        struct task *task = task_of(token);
        if (about_task(token, task, ret_event)) {
            return BATON_OK;
        }
        if (fake.has_signalled) {
            fake.has_signalled = false;
            return BATON_TIMEOUT;
        }
        if (token <= fake.n && !task->given && fake.credit > 0) {
            assign(token, task, ret_event);
            return BATON_OK;
        }
    }
    return BATON_TIMEOUT;
}

void
baton_worker_credit(baton_worker *worker, uint32_t slots)
{
    (void)worker;
    fake.credit = slots;
}

void
baton_worker_started(baton_worker *worker, uint64_t token)
{
    (void)worker;
    task_of(token)->report.started = true;
}

void
baton_worker_progress(baton_worker *worker, uint64_t token, uint32_t percent, const char *text,
                      int64_t next_update_at)
{
    (void)worker;
    (void)next_update_at;
    struct fake_report *report = fake_report(token);
    report->percent = percent;
    report->n_progress++;
    snprintf(report->progress, sizeof report->progress, "%s", text);
}

baton_status
baton_worker_report(baton_worker *worker, uint64_t token, const struct baton_result *result)
{
    (void)worker;
    struct fake_report *report = fake_report(token);
    CHECK(!report->came);
    report->came = true;
    report->outcome = result->outcome;
    snprintf(report->summary, sizeof report->summary, "%s", result->summary);
    snprintf(report->document, sizeof report->document, "%.*s", (int)result->document_bytes,
             result->document ? (const char *)result->document : "");
    snprintf(report->tail, sizeof report->tail, "%s", result->output_tail);
    report->exit_status = result->exit_status;
    report->output_bytes = result->output_bytes;
    report->retry_after_ms = result->retry_after_ms;
    report->runtime_ms = result->runtime_ms;
    if (++fake.n_reports == fake.n_expected) {
        kill(getpid(), SIGTERM);
    }
    return BATON_OK;
}

const char *
baton_worker_error(const baton_worker *worker)
{
    (void)worker;
    return "";
}

void
baton_assignment_free(baton_assignment *assignment)
{
    free(assignment);
}
