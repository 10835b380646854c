/* The lists that tasks stand on: all of them by key, the ended ones, those of a worker, those to
 * settle. */
#include "broker/core/evolve.h"

#include "common/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
all_list_add(struct core *core, struct task *task)
{
    task->prev = core->last;
    task->next = 0;
    *(core->last ? &task_at(core, core->last)->next : &core->first) = task->slot;
    core->last = task->slot;
}

void
all_list_remove(struct core *core, struct task *task)
{
    if (core->snapshot.cursor == task->slot) {
        core->snapshot.cursor = task->next;
    }
    *(task->prev ? &task_at(core, task->prev)->next : &core->first) = task->next;
    *(task->next ? &task_at(core, task->next)->prev : &core->last) = task->prev;
}

static bool
ended_list_has(const struct core *core, const struct task *task)
{
    return task->course->ended_prev || core->ended_first == task->slot;
}

/* What leads on from the task in this slot (0: the list itself), towards the end or the beginning.
 */
static uint32_t *
ended_link(struct core *core, uint32_t slot, bool forward)
{
    if (slot == 0) {
        return forward ? &core->ended_first : &core->ended_last;
    }
    struct course *course = task_course(core, task_at(core, slot));
    return forward ? &course->ended_next : &course->ended_prev;
}

/* Terminal tasks that no live task depends on may be archived; they stand here in the order in
 * which they became so. */
void
ended_list_update(struct core *core, struct task *task)
{
    bool in = state_is_terminal(task->state) && task->n_live_outs == 0;
    bool has = ended_list_has(core, task);
    if (in == has) {
        return;
    }
    if (in) {
        struct course *course = task_course(core, task);
        course->ended_prev = core->ended_last;
        course->ended_next = 0;
        *ended_link(core, core->ended_last, true) = task->slot;
        core->ended_last = task->slot;
        core->n_ended++;
    } else {
        struct course *course = task_course(core, task);
        *ended_link(core, course->ended_prev, true) = course->ended_next;
        *ended_link(core, course->ended_next, false) = course->ended_prev;
        course->ended_next = course->ended_prev = 0;
        core->n_ended--;
    }
}

void
worker_list_add(struct core *core, struct task *task)
{
    struct worker *worker = core->workers[task->course->worker];
    task->course->run->prev = 0;
    task->course->run->next = worker->first;
    if (worker->first) {
        task_at(core, worker->first)->course->run->prev = task->slot;
    }
    worker->first = task->slot;
    worker->n_leases++;
}

void
worker_list_remove(struct core *core, struct task *task)
{
    struct worker *worker = core->workers[task->course->worker];
    struct run *run = task->course->run;
    if (run->prev) {
        task_at(core, run->prev)->course->run->next = run->next;
    } else {
        worker->first = run->next;
    }
    if (run->next) {
        task_at(core, run->next)->course->run->prev = run->prev;
    }
    worker->n_leases--;
}

void
settle_add(struct core *core, struct task *task)
{
    if (task->settling) {
        return;
    }
    task->settling = true;
    if (core->n_settle == core->room_settle) {
        core->room_settle = core->room_settle ? core->room_settle * 2 : 64;
        core->settle = xreallocarray(core->settle, core->room_settle, sizeof *core->settle);
    }
    core->settle[core->n_settle++] = task->slot;
}
