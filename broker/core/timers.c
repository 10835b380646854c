/* When core_tick must look at a task again: one heap, one time a task, the earliest of those that
 * concern it. */
#include "broker/core/state.h"

static bool
timer_before(const void *core, uint32_t a, uint32_t b)
{
    const struct task *x = task_at(core, a);
    const struct task *y = task_at(core, b);
    return x->timer_at != y->timer_at ? x->timer_at < y->timer_at : x->key < y->key;
}

static uint32_t *
timer_position(const void *core, uint32_t slot)
{
    return &task_at(core, slot)->timer_pos;
}

static const struct heap_class by_time = {.before = timer_before, .position = timer_position};

static int64_t
timer_of(const struct task *task)
{
    const struct run *run = task->run;
    int64_t at = NEVER;
    switch (task->state) {
    case WAITING:
    case READY:
        if (task->timed) {
            at = task->next_at;
        }
        if (task->deadline && task->on_deadline != BATON__ON_DEADLINE__ON_DEADLINE_NOTHING) {
            at = MIN(at, task->deadline);
        }
        return at;
    case LEASED:
        at = MIN(run->lease_until, run->start_until);
        break;
    case RUNNING:
        at = run->lease_until;
        if (run->stall_at && !run->stalled) {
            at = MIN(at, run->stall_at);
        }
        if (run->max_runtime_ms) {
            at = MIN(at, task->started_at + run->max_runtime_ms + RUNTIME_SLACK_MS);
        }
        break;
    case CANCELLING:
        return run->cancel_until;
    default:
        return NEVER;
    }
    if (task->deadline && task->on_deadline == BATON__ON_DEADLINE__ON_DEADLINE_CANCEL) {
        at = MIN(at, task->deadline);
    }
    return at;
}

void
timer_remove(struct core *core, struct task *task)
{
    if (task->timer_pos) {
        heap_remove(&core->timers, &by_time, core, task->slot);
    }
    task->timer_at = NEVER;
}

void
timer_update(struct core *core, struct task *task)
{
    int64_t at = timer_of(task);
    if (at == task->timer_at) {
        return;
    }
    if (at == NEVER) {
        timer_remove(core, task);
    } else if (task->timer_pos) {
        task->timer_at = at;
        heap_fix(&core->timers, &by_time, core, task->slot);
    } else {
        task->timer_at = at;
        heap_add(&core->timers, &by_time, core, task->slot);
    }
}
