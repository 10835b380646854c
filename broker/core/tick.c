/* What time does: starts that come due, leases that run out, deadlines and what is told of them,
 * stalls, pauses that end, answers and ended tasks that grow old. A bounded amount a call;
 * core_next_at says when to call again. */
#include "broker/core/board/board.h"

enum { TICK_TASKS = 2000, TICK_ARCHIVED = 2000 };

static void
emit_simple_due(struct core *core, struct core_request *request, const struct task *task)
{
    Baton__Due due = BATON__DUE__INIT;
    due.key = task->key;
    Baton__Fact fact = BATON__FACT__INIT;
    fact.what_case = BATON__FACT__WHAT_DUE;
    fact.due = &due;
    emit(core, request, &fact);
}

static void
emit_expired(struct core *core, struct core_request *request, const struct task *task)
{
    Baton__Ended ended = BATON__ENDED__INIT;
    ended.key = task->key;
    ended.to = (Baton__TaskState)(task_is_aside(task) ? CANCELLED : EXPIRED);
    ended.reason = BATON__REASON__REASON_DEADLINE;
    Baton__Fact fact = BATON__FACT__INIT;
    fact.what_case = BATON__FACT__WHAT_ENDED;
    fact.ended = &ended;
    emit(core, request, &fact);
}

static void
emit_stalled(struct core *core, struct core_request *request, const struct task *task)
{
    Baton__Stalled stalled = BATON__STALLED__INIT;
    stalled.key = task->key;
    Baton__Fact fact = BATON__FACT__INIT;
    fact.what_case = BATON__FACT__WHAT_STALLED;
    fact.stalled = &stalled;
    emit(core, request, &fact);
}

static void
emit_alerted(struct core *core, struct core_request *request, const struct task *task,
             unsigned alert, int64_t deadline)
{
    Baton__Alerted alerted = BATON__ALERTED__INIT;
    alerted.key = task->key;
    alerted.alert = (Baton__Alert)alert;
    alerted.deadline = deadline;
    Baton__Fact fact = BATON__FACT__INIT;
    fact.what_case = BATON__FACT__WHAT_ALERTED;
    fact.alerted = &alerted;
    emit(core, request, &fact);
}

/* The milestones whose deadlines have become the task's effective one are at risk with it. */
static void
alert_milestones(struct core *core, struct core_request *request, const struct task *task)
{
    size_t n;
    const uint32_t *slots = order_pressing(core, task, request->arena, &n);
    for (size_t i = 0; i < n; i++) {
        const struct task *by = task_at(core, slots[i]);
        int64_t deadline = by->course->deadline;
        if (by->milestone && deadline > request->now && deadline == by->course->effective &&
            !(by->ext && by->ext->risk_told == deadline)) {
            emit_alerted(core, request, by, BATON__ALERT__ALERT_AT_RISK, deadline);
        }
    }
}

/* True when something was to be told of its deadline, and is. */
static bool
tick_alert(struct core *core, struct core_request *request, const struct task *task)
{
    int64_t at;
    unsigned alert = alert_next(task, &at);
    if (at > request->now) {
        return false;
    }
    bool risk = alert == BATON__ALERT__ALERT_AT_RISK;
    emit_alerted(core, request, task, alert,
                 risk ? task->course->effective : task->course->deadline);
    if (risk) {
        alert_milestones(core, request, task);
    }
    return true;
}

static void
tick_review(struct core *core, struct core_request *request, const struct task *task)
{
    int64_t at;
    unsigned alert = review_next(task, &at);
    if (at <= request->now) {
        emit_alerted(core, request, task, alert, task->ext->review_due);
    }
}

static void
tick_leased(struct core *core, struct core_request *request, struct task *task)
{
    const struct run *run = task->course->run;
    int64_t now = request->now;
    bool deadline = deadline_cancels(task) && task->course->deadline <= now;
    bool too_long = task->state == RUNNING && run->max_runtime_ms &&
                    task->course->started_at + run->max_runtime_ms + RUNTIME_SLACK_MS <= now;
    if (run->lease_until <= now) {
        lease_end(core, request, task, BATON__OUTCOME__OUTCOME_LOST, "the lease ran out");
    } else if (task->state == LEASED && run->start_until <= now) {
        lease_end(core, request, task, BATON__OUTCOME__OUTCOME_LOST, "it was not started in time");
    } else if (deadline) {
        emit_cancelling(core, request, task, BATON__REASON__REASON_DEADLINE, "its deadline passed",
                        0);
    } else if (too_long) {
        emit_cancelling(core, request, task, BATON__REASON__REASON_TIMEOUT,
                        "its longest run time passed", 0);
    } else if (!tick_alert(core, request, task)) {
        emit_stalled(core, request, task);
    }
}

static void
tick_task(struct core *core, struct core_request *request, struct task *task)
{
    switch (task->state) {
    case WAITING:
    case READY:
        if (deadline_expires(task) && task->course->deadline <= request->now) {
            emit_expired(core, request, task);
        } else if (notice_forward_at(task) <= request->now) {
            notice_forward(core, request, task);
        } else if (!tick_alert(core, request, task)) {
            emit_simple_due(core, request, task);
        }
        break;
    case LEASED:
    case RUNNING:
        tick_leased(core, request, task);
        break;
    case PARKED:
    case REVIEW:
        if (deadline_cancels(task) && task->course->deadline <= request->now) {
            emit_expired(core, request, task);
        } else if (!tick_alert(core, request, task)) {
            tick_review(core, request, task);
        }
        break;
    case CANCELLING:
        cancel_end(core, request, task);
        break;
    default:
        CHECK(!"a task in this state has no timer");
    }
}

static void
tick_pauses(struct core *core, struct core_request *request)
{
    for (struct pause *pause = core->pauses, *next; pause; pause = next) {
        next = pause->next;
        if (pause->until && pause->until <= request->now) {
            emit_resumed(core, request, pause->scope, pause->name);
        }
    }
}

static void
tick_lingers(struct core *core, struct core_request *request)
{
    for (struct linger *linger = core->lingers, *next; linger; linger = next) {
        next = linger->next;
        if (linger->until <= request->now) {
            Baton__Unlocked unlocked = BATON__UNLOCKED__INIT;
            unlocked.token = linger->token;
            Baton__Fact fact = BATON__FACT__INIT;
            fact.what_case = BATON__FACT__WHAT_UNLOCKED;
            fact.unlocked = &unlocked;
            emit(core, request, &fact);
        }
    }
}

/* When the oldest answer is to go; NEVER: not yet known. */
static int64_t
answers_next_at(const struct core *core)
{
    if (!core->oldest) {
        return NEVER;
    }
    return core->n_answers > core->config.answers_max ? 0
                                                      : core->oldest->at + core->config.answers_ms;
}

static void
tick_answers(struct core *core, struct core_request *request)
{
    if (answers_next_at(core) > request->now) {
        return;
    }
    /* All that are too old, or, when there are too many, the older eighth: rarely, and many at
     * once. */
    int64_t before = request->now - core->config.answers_ms + 1;
    if (core->n_answers > core->config.answers_max) {
        const struct answer *answer = core->oldest;
        for (uint32_t i = 0; i < core->n_answers - core->config.answers_max / 8 * 7 && answer;
             i++) {
            before = MAX(before, answer->at + 1);
            answer = answer->newer;
        }
    }
    Baton__Forgotten forgotten = BATON__FORGOTTEN__INIT;
    forgotten.before = before;
    Baton__Fact fact = BATON__FACT__INIT;
    fact.what_case = BATON__FACT__WHAT_FORGOTTEN;
    fact.forgotten = &forgotten;
    emit(core, request, &fact);
}

static int64_t
archive_next_at(const struct core *core)
{
    if (!core->ended_first) {
        return NEVER;
    }
    return core->n_ended > core->config.hot_ended_max
               ? 0
               : task_at(core, core->ended_first)->course->ended_at + core->config.hot_ended_ms;
}

uint64_t
core_n_to_archive(const struct core *core, int64_t now)
{
    uint64_t excess = core->n_ended > core->config.hot_ended_max
                          ? core->n_ended - core->config.hot_ended_max
                          : 0;
    uint64_t n = 0;
    for (uint32_t slot = core->ended_first; slot; slot = task_at(core, slot)->course->ended_next) {
        bool old = task_at(core, slot)->course->ended_at + core->config.hot_ended_ms <= now;
        if (!old && n >= excess) {
            break;
        }
        n++;
    }
    return n;
}

static void
tick_archive(struct core *core, struct core_request *request)
{
    for (int i = 0; i < TICK_ARCHIVED && archive_next_at(core) <= request->now; i++) {
        Baton__Archived archived = BATON__ARCHIVED__INIT;
        core->latest_slot = core->ended_first;
        archived.key = task_at(core, core->ended_first)->key;
        Baton__Fact fact = BATON__FACT__INIT;
        fact.what_case = BATON__FACT__WHAT_ARCHIVED;
        fact.archived = &archived;
        emit(core, request, &fact);
    }
}

void
core_tick(struct core *core, struct core_request *request)
{
    core->queue_now = request->now;
    budgets_count(core, request);
    for (int i = 0; i < TICK_TASKS; i++) {
        struct task *task = timer_first(core);
        if (!task || task->course->timer_at > request->now) {
            break;
        }
        tick_task(core, request, task);
    }
    tick_pauses(core, request);
    tick_lingers(core, request);
    board_tick(core, request);
    budgets_tick(core, request);
    tick_answers(core, request);
    tick_archive(core, request);
}

int64_t
core_next_at(struct core *core)
{
    int64_t at = MIN(MIN(answers_next_at(core), archive_next_at(core)), board_next_at(core));
    at = MIN(at, budgets_next_at(core));
    const struct task *first = timer_first(core);
    at = first ? MIN(at, first->course->timer_at) : at;
    for (const struct pause *pause = core->pauses; pause; pause = pause->next) {
        at = pause->until ? MIN(at, pause->until) : at;
    }
    for (const struct linger *linger = core->lingers; linger; linger = linger->next) {
        at = MIN(at, linger->until);
    }
    return at;
}
