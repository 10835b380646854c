/* The slot's state machine: events in, actions out (worker/fsm.c is the table). */
#include "worker/slot.h"

#include "common/check.h"
#include "common/log.h"
#include "worker/exec.h"
#include "worker/proctree.h"
#include "worker/scope.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
slot_clear(struct slot *slot)
{
    struct worker *worker = slot->worker;
    *slot = (struct slot){
        .worker = worker,
        .state = RUN_FREE,
        .directory = -1,
        .workdir = -1,
        .log = -1,
        .child = {.in = -1, .out = -1, .err = -1, .progress = -1, .status = -1},
    };
}

void
slot_init(struct slot *slot, struct worker *worker)
{
    slot->worker = worker;
    slot_clear(slot);
}

/* Everything that belongs to the task goes; the processes have ended. */
static void
slot_empty(struct slot *slot)
{
    child_close(&slot->child);
    output_fini(&slot->out);
    output_fini(&slot->err);
    output_fini(&slot->check_output);
    const int fds[] = {slot->directory, slot->workdir, slot->log};
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(slot->paths); i++) {
        free(slot->paths[i]);
    }
    free(slot->prompt);
    free(slot->progress.text);
    free(slot->check_says);
    finding_fini(&slot->verdict.said);
    baton_assignment_free(slot->task);
    slot_clear(slot);
}

void
slot_fini(struct slot *slot)
{
    if (slot->child.pid > 0) {
        /* Its end is the end of the run: it kills all below it when we are gone. */
        kill(slot->child.pid, EXEC_SIGNAL_KILL);
    }
    slot_empty(slot);
}

bool
slot_is_free(const struct slot *slot)
{
    return slot->state == RUN_FREE;
}

uint64_t
slot_token(const struct slot *slot)
{
    return slot->task ? slot->task->token : 0;
}

struct log_about
slot_about(const struct slot *slot)
{
    const baton_assignment *task = slot->task;
    return (struct log_about){
        .task = task->id,
        .project = task->project,
        .role = task->role,
        .attempt = task->attempt,
        .token = task->token,
    };
}

/* ---- actions ---- */

static void
start(struct slot *slot)
{
    if (!slot_start(slot)) {
        struct log_about about = slot_about(slot);
        log_event_about(LOG_LEVEL_WARNING, "task.not_started", &about, "why=%s",
                        log_quote(slot->trouble).s);
        slot_event(slot, RUN_EV_ENDED);
    }
}

static void
confirm(struct slot *slot)
{
    slot->worker->failed_starts = 0;
    worker_confirm_start(slot->worker, slot->task->token);
    struct log_about about = slot_about(slot);
    log_event_about(LOG_LEVEL_INFO, "task.started", &about, "supervisor=%d", (int)slot->child.pid);
}

static void
arm(struct slot *slot, int64_t ms)
{
    slot->timer_at = slot->worker->now + MAX(ms, (int64_t)1);
}

static void
terminate(struct slot *slot)
{
    kill(slot->child.pid, EXEC_SIGNAL_TERM);
    arm(slot, slot->grace_ms);
}

static void
kill_run(struct slot *slot)
{
    kill(slot->child.pid, EXEC_SIGNAL_KILL);
    arm(slot, KILL_AGAIN_MS);
}

/* The supervisor was stopped, or cannot be scheduled. Its children become ours when it dies. */
static void
kill_supervisor(struct slot *slot)
{
    struct log_about about = slot_about(slot);
    log_event_about(LOG_LEVEL_WARNING, "process.supervisor_killed", &about, "pid=%d",
                    (int)slot->child.pid);
    (void)proctree_signal(slot->child.pid, SIGKILL);
    kill(slot->child.pid, SIGKILL);
    arm(slot, KILL_AGAIN_MS);
}

static void
start_check(struct slot *slot)
{
    if (slot_start_check(slot)) {
        arm(slot, CHECK_RUNTIME_MS);
    } else {
        slot_event(slot, RUN_EV_ENDED);
    }
}

static void
finish(struct slot *slot)
{
    slot_finish(slot);
    slot_empty(slot);
}

static void
act(struct slot *slot, enum run_action action, enum run_state from, enum run_event event)
{
    switch (action) {
    case RUN_DO_NOTHING:
        break;
    case RUN_DO_START:
        start(slot);
        break;
    case RUN_DO_CONFIRM:
        confirm(slot);
        break;
    case RUN_DO_SETTLE:
        arm(slot, slot->grace_ms);
        break;
    case RUN_DO_TERM:
        terminate(slot);
        break;
    case RUN_DO_KILL:
        kill_run(slot);
        break;
    case RUN_DO_KILL_ALL:
        kill_supervisor(slot);
        break;
    case RUN_DO_JUDGE:
        slot->timer_at = 0;
        slot_judge(slot);
        break;
    case RUN_DO_CHECK:
        start_check(slot);
        break;
    case RUN_DO_FINISH:
        finish(slot);
        break;
    case RUN_DO_COMPLAIN:
        log_event(LOG_LEVEL_ERROR, "worker.bug", "state=%s event=%s", run_state_name(from),
                  run_event_name(event));
        break;
    }
}

/* An action may bring the next event; the depth is that of the longest way without a process:
 * assigned, ended, verdict. */
void
slot_event(struct slot *slot, enum run_event event)
{
    enum run_state from = slot->state;
    struct run_step step = run_step(from, event);
    slot->state = step.next;
    act(slot, step.action, from, event);
}

/* ---- what comes from outside ---- */

void
slot_assign(struct slot *slot, baton_assignment *task)
{
    CHECK(slot_is_free(slot));
    slot->task = task;
    slot->grace_ms = slot->worker->options->grace_ms;
    slot->started_at = slot->alive_at = slot->worker->now;
    slot_event(slot, RUN_EV_ASSIGNED);
}

void
slot_stop(struct slot *slot, enum run_cause cause, int64_t grace_ms)
{
    if (slot_is_free(slot)) {
        return;
    }
    slot->cause = MAX(slot->cause, cause);
    int64_t own = slot->worker->options->grace_ms;
    slot->grace_ms = grace_ms < 0 ? own : MIN(grace_ms, own);
    slot_event(slot, cause == CAUSE_LOST ? RUN_EV_LOST : RUN_EV_STOP);
}

bool
slot_reaped(struct slot *slot, pid_t pid)
{
    if (slot->child.pid != pid || pid <= 0) {
        return false;
    }
    slot_drain(slot);
    slot->child.pid = 0;
    if (scope_close(slot->task->token)) {
        struct log_about about = slot_about(slot);
        log_event_about(LOG_LEVEL_WARNING, "run.out_of_memory", &about, "%s", "");
    }
    slot->ended_at = slot->checking ? slot->ended_at : slot->worker->now;
    slot_event(slot, RUN_EV_ENDED);
    return true;
}

void
slot_tick(struct slot *slot)
{
    int64_t now = slot->worker->now;
    bool runs = slot->state == RUN_RUNNING || slot->state == RUN_STARTING;
    if (runs && slot->wall_at && now >= slot->wall_at) {
        slot->limit_ms = slot->wall_at - slot->started_at;
        slot_stop(slot, CAUSE_WALL, -1);
    } else if (runs && slot->idle_ms && now >= slot->alive_at + slot->idle_ms) {
        slot->limit_ms = slot->idle_ms;
        slot_stop(slot, CAUSE_IDLE, -1);
    } else if (slot->timer_at && now >= slot->timer_at) {
        slot->timer_at = 0;
        slot_event(slot, RUN_EV_TIMER);
    }
    slot_tell_progress(slot);
}

int64_t
slot_next_at(const struct slot *slot)
{
    int64_t next = slot->timer_at ? slot->timer_at : INT64_MAX;
    if (slot->state == RUN_RUNNING || slot->state == RUN_STARTING) {
        next = slot->wall_at ? MIN(next, slot->wall_at) : next;
        next = slot->idle_ms ? MIN(next, slot->alive_at + slot->idle_ms) : next;
    }
    if (slot->progress.pending) {
        next = MIN(next, slot->progress.next_at);
    }
    if (slot->flood_bytes >= FLOOD_BYTES_PER_TICK) {
        next = MIN(next, slot->flood_tick + FLOOD_TICK_MS);
    }
    return next;
}
