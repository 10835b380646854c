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
    return task->ended_prev || core->ended_first == task->slot;
}

/* Terminal tasks that no live task depends on may be archived; they stand here in the order in
 * which they became so. */
void
ended_list_update(struct core *core, struct task *task)
{
    bool in = state_is_terminal(task->state) && task->n_live_outs == 0;
    bool has = ended_list_has(core, task);
    if (in && !has) {
        task->ended_prev = core->ended_last;
        task->ended_next = 0;
        *(core->ended_last ? &task_at(core, core->ended_last)->ended_next
                           : &core->ended_first) = task->slot;
        core->ended_last = task->slot;
        core->n_ended++;
    } else if (!in && has) {
        *(task->ended_prev ? &task_at(core, task->ended_prev)->ended_next
                           : &core->ended_first) = task->ended_next;
        *(task->ended_next ? &task_at(core, task->ended_next)->ended_prev
                           : &core->ended_last) = task->ended_prev;
        task->ended_next = task->ended_prev = 0;
        core->n_ended--;
    }
}

void
worker_list_add(struct core *core, struct task *task)
{
    struct worker *worker = core->workers[task->worker];
    task->run->prev = 0;
    task->run->next = worker->first;
    if (worker->first) {
        task_at(core, worker->first)->run->prev = task->slot;
    }
    worker->first = task->slot;
    worker->n_leases++;
}

void
worker_list_remove(struct core *core, struct task *task)
{
    struct worker *worker = core->workers[task->worker];
    struct run *run = task->run;
    if (run->prev) {
        task_at(core, run->prev)->run->next = run->next;
    } else {
        worker->first = run->next;
    }
    if (run->next) {
        task_at(core, run->next)->run->prev = run->prev;
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
