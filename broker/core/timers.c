/* When core_tick must look at a task again: one heap, one time a task, the earliest of those that
 * concern it. A lease that is prolonged only moves to a later time, and mostly ends long before it:
 * so a task whose time moves later stays where it is in the heap until it comes to the top. */
#include "broker/core/state.h"

static bool
timer_before(const void *core, uint32_t a, uint32_t b)
{
    const struct task *x = task_at(core, a);
    const struct task *y = task_at(core, b);
    return x->course->timer_key != y->course->timer_key
               ? x->course->timer_key < y->course->timer_key
               : x->key < y->key;
}

static uint32_t *
timer_position(const void *core, uint32_t slot)
{
    /* Who stands in the heap has a time, and so a course of its own. */
    return (uint32_t *)(uintptr_t)&task_at(core, slot)->course->timer_pos;
}

static const struct heap_class by_time = {.before = timer_before, .position = timer_position};

bool
deadline_expires(const struct task *task)
{
    return task->course->deadline && (task->on_deadline == BATON__ON_DEADLINE__ON_DEADLINE_EXPIRE ||
                                      task->on_deadline == BATON__ON_DEADLINE__ON_DEADLINE_CANCEL);
}

bool
deadline_cancels(const struct task *task)
{
    return task->course->deadline && task->on_deadline == BATON__ON_DEADLINE__ON_DEADLINE_CANCEL;
}

int64_t
latest_start(const struct task *task)
{
    return task->course->effective == NEVER ? NEVER
                                            : task->course->effective - task->course->estimate_ms;
}

/* A task without an estimate has no latest start of its own: what presses it speaks for it. */
static bool
risk_is_open(const struct task *task)
{
    return task->state != RUNNING && !task_is_aside(task) && task->course->estimate_ms > 0 &&
           task->course->effective != NEVER &&
           !(task->ext && task->ext->risk_told == task->course->effective);
}

unsigned
alert_next(const struct task *task, int64_t *ret_at)
{
    const struct task_ext *ext = task->ext;
    bool waits = task->state == WAITING || task->state == READY;
    unsigned alert = BATON__ALERT__ALERT_NONE;
    *ret_at = NEVER;
    if (task->course->effective == NEVER && !task->course->deadline) {
        return alert;
    }
    if (task->course->deadline && !(waits ? deadline_expires(task) : deadline_cancels(task))) {
        bool lifts = task->on_deadline == BATON__ON_DEADLINE__ON_DEADLINE_ESCALATE;
        if (!ext || ext->late_told != task->course->deadline || (lifts && !ext->escalated)) {
            alert = lifts ? BATON__ALERT__ALERT_ESCALATED : BATON__ALERT__ALERT_LATE;
            *ret_at = task->course->deadline;
        }
    }
    if (risk_is_open(task) && latest_start(task) < *ret_at) {
        alert = BATON__ALERT__ALERT_AT_RISK;
        *ret_at = latest_start(task) + 1;
    }
    return alert;
}

unsigned
alert_now(const struct task *task)
{
    const struct task_ext *ext = task->ext;
    if (!ext || !task_is_live(task)) {
        return BATON__ALERT__ALERT_NONE;
    }
    if (task->course->deadline && ext->late_told == task->course->deadline) {
        bool lifted = task->on_deadline == BATON__ON_DEADLINE__ON_DEADLINE_ESCALATE &&
                      ext->escalated;
        return lifted ? BATON__ALERT__ALERT_ESCALATED : BATON__ALERT__ALERT_LATE;
    }
    return task->course->effective != NEVER && ext->risk_told == task->course->effective
               ? BATON__ALERT__ALERT_AT_RISK
               : BATON__ALERT__ALERT_NONE;
}

static int64_t
timer_of(const struct task *task)
{
    const struct run *run = task->course->run;
    int64_t at = NEVER;
    int64_t alert_at;
    switch (task->state) {
    case WAITING:
    case READY:
        if (task->timed) {
            at = task->course->next_at;
        }
        if (deadline_expires(task)) {
            at = MIN(at, task->course->deadline);
        }
        at = MIN(at, notice_forward_at(task));
        break;
    case LEASED:
        at = MIN(run->lease_until, run->start_until);
        break;
    case RUNNING:
        at = run->lease_until;
        if (run->stall_at && !run->stalled) {
            at = MIN(at, run->stall_at);
        }
        if (run->max_runtime_ms) {
            at = MIN(at, task->course->started_at + run->max_runtime_ms + RUNTIME_SLACK_MS);
        }
        break;
    case PARKED:
    case REVIEW:
        (void)review_next(task, &at);
        break;
    case CANCELLING:
        return run->cancel_until;
    default:
        return NEVER;
    }
    if ((task->course->run || task_is_aside(task)) && deadline_cancels(task)) {
        at = MIN(at, task->course->deadline);
    }
    (void)alert_next(task, &alert_at);
    return MIN(at, alert_at);
}

void
timer_remove(struct core *core, struct task *task)
{
    if (task->course->timer_pos) {
        heap_remove(&core->timers, &by_time, core, task->slot);
    }
    if (task->course->timer_at != NEVER) {
        task_course(core, task)->timer_at = NEVER;
    }
}

void
timer_update(struct core *core, struct task *task)
{
    int64_t at = timer_of(task);
    if (at == task->course->timer_at) {
        return;
    }
    if (at == NEVER) {
        timer_remove(core, task);
        return;
    }
    struct course *course = task_course(core, task);
    course->timer_at = at;
    if (!course->timer_pos) {
        course->timer_key = at;
        heap_add(&core->timers, &by_time, core, task->slot);
    } else if (at < course->timer_key) {
        course->timer_key = at;
        heap_fix(&core->timers, &by_time, core, task->slot);
    }
}

struct task *
timer_first(struct core *core)
{
    while (core->timers.n > 0) {
        struct task *task = task_at(core, heap_top(&core->timers));
        if (task->course->timer_key == task->course->timer_at) {
            return task;
        }
        task_course(core, task)->timer_key = task->course->timer_at;
        heap_fix(&core->timers, &by_time, core, task->slot);
    }
    return NULL;
}
