/* After a recovery, and in the simulation at any time: everything derived is recounted and every
 * invariant checked. A mismatch is a refusal to start, never a repair. */
#include "broker/core/board/board.h"

#include "common/alloc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct checkup {
    struct core *core;
    char *error;
    size_t room;
    bool ok;
    uint32_t *linked; /* slots of the tasks that have edges or an ext */
    uint32_t n_linked;
    uint32_t n_listed; /* tasks by key */
    uint32_t n_leases;
};

static void PRINTF_LIKE(2, 3) fail(struct checkup *c, const char *fmt, ...)
{
    if (c->ok) {
        va_list args;
        va_start(args, fmt);
        vsnprintf(c->error, c->room, fmt, args);
        va_end(args);
        c->ok = false;
    }
}

static void
check_gate(struct checkup *c, const struct task *task, uint32_t in_pos)
{
    const struct edge_in *edge = &task->edges->ins[in_pos];
    if (!edge->is_gate) {
        return;
    }
    const struct gate_in *in = edge->out_pos < task->ext->n_gates ? &task->ext->gates[edge->out_pos]
                                                                  : NULL;
    if (!in || in->in_pos != in_pos || in->pos >= in->gate->n_waiters ||
        in->gate->waiters[in->pos].succ != task->slot ||
        in->gate->waiters[in->pos].in_pos != in_pos) {
        fail(c, "task %s: a gate does not know that it waits", task->id);
    } else if (in->gate->told != (in->gate->n_open != 0) ||
               (edge->state == EDGE_MET) != in->gate->told) {
        fail(c, "task %s: a gate is %s for it", task->id, in->gate->told ? "closed" : "open");
    }
}

static void
check_edges(struct checkup *c, struct task *task)
{
    struct core *core = c->core;
    uint32_t was[5] = {task->edges->n_pending, task->edges->n_broken, task->edges->n_abort,
                       task->edges->n_forward, task->ext ? task->ext->n_closed : 0};
    edges_recount(core, task);
    if (was[0] != task->edges->n_pending || was[1] != task->edges->n_broken ||
        was[2] != task->edges->n_abort || was[3] != task->edges->n_forward ||
        was[4] != (task->ext ? task->ext->n_closed : 0)) {
        fail(c, "task %s: its dependencies are miscounted", task->id);
    }
    for (uint32_t i = 0; i < task->edges->n_ins; i++) {
        const struct edge_in *edge = &task->edges->ins[i];
        if (!edge->pred) {
            check_gate(c, task, i);
            continue;
        }
        const struct task *pred = task_at(core, edge->pred);
        if (edge->out_pos >= pred->edges->n_outs ||
            pred->edges->outs[edge->out_pos].succ != task->slot ||
            pred->edges->outs[edge->out_pos].in_pos != i) {
            fail(c, "task %s: an edge has only one end", task->id);
        } else if (edge->state !=
                   edge_eval(pred->state, pred->course->started_at != 0, edge->condition)) {
            fail(c, "task %s: its edge to %s has the wrong state", task->id, pred->id);
        }
    }
    uint32_t live = 0;
    for (uint32_t i = 0; i < task->edges->n_outs; i++) {
        live += task_is_live(task_at(core, task->edges->outs[i].succ));
    }
    if (live != task->n_live_outs) {
        fail(c, "task %s: its dependents are miscounted", task->id);
    }
}

static void
check_state(struct checkup *c, const struct task *task)
{
    bool blocked = task->held || task_is_blocked(task) || task_is_over_budget(task) ||
                   task->timed || !edges_are_clear(task);
    if (task->state == READY && (blocked || !task->heap_pos || task->milestone)) {
        fail(c, "task %s is ready and should not be", task->id);
    }
    if (task->state == WAITING && !blocked && !task->milestone) {
        fail(c, "task %s waits for nothing", task->id);
    }
    bool held_back = task->state == READY && queue_is_held_back(c->core, task);
    if (held_back && ((task->ext && (task->ext->line || task->ext->scout_line)) ||
                      heap_at(&c->core->actors[task->actor]->held, task->heap_pos) != task->slot)) {
        fail(c, "task %s is queued although its submitter is paused", task->id);
    }
    if (task->state == PARKED && park_is_over(c->core, task, task->ext->waits_for)) {
        fail(c, "task %s is parked for %s, which is over", task->id, task->ext->waits_for);
    }
    if ((task->state == PARKED) != (task->ext && task->ext->waits_for)) {
        fail(c, "task %s: what it waits for and its state disagree", task->id);
    }
    if (task->state != READY && task->heap_pos) {
        fail(c, "task %s is queued and not ready", task->id);
    }
    if ((task->course->run != NULL) != task_has_lease(task)) {
        fail(c, "task %s: lease and state disagree", task->id);
    }
    if (task->course->token && task_by_token(c->core, task->course->token) != task) {
        fail(c, "task %s: its token does not lead to it", task->id);
    }
    if (task->course->token > c->core->seq || task->key > c->core->seq) {
        fail(c, "task %s is from the future", task->id);
    }
}

struct use {
    uint64_t whole, shared, whole_below, shared_below;
};

/* By number of resource: what the claims hold, and, of a path, what they hold below it. */
static void
use_add(const struct core *core, const struct claim *claims, uint32_t n_claims, struct use *uses)
{
    for (uint32_t i = 0; i < n_claims; i++) {
        const struct resource *held = core->resources[claims[i].resource];
        uint32_t amount = held->is_path ? 1 : claims[i].amount ? claims[i].amount : WHOLE;
        uses[held->number].shared += claims[i].shared;
        uses[held->number].whole += claims[i].shared ? 0 : amount;
        for (const struct resource *at = held->above; at; at = at->above) {
            uses[at->number].shared_below += claims[i].shared;
            uses[at->number].whole_below += !claims[i].shared;
        }
    }
}

/* Occupancy is what the live leases hold, the lingering claims, and what is reserved by hand. */
static void
check_resources(struct checkup *c)
{
    struct core *core = c->core;
    struct use *uses = xcalloc(core->n_resources + 1, sizeof *uses);
    for (uint32_t i = 0; i < c->n_linked; i++) {
        const struct task *task = task_at(core, c->linked[i]);
        if (task->course->run && task->ext) {
            use_add(core, task->ext->claims, task->ext->n_claims, uses);
        }
    }
    for (const struct linger *linger = core->lingers; linger; linger = linger->next) {
        use_add(core, linger->claims, linger->n_claims, uses);
    }
    for (uint32_t slot = core->board.first; slot; slot = board_at(core, slot)->next) {
        struct claim claims[RESERVATION_CLAIMS_MAX];
        use_add(core, claims, reservation_claims(core, board_at(core, slot)->message, claims),
                uses);
    }
    for (uint32_t r = 1; r < core->n_resources; r++) {
        const struct resource *resource = core->resources[r];
        if (resource && (uses[r].whole != resource->used || uses[r].shared != resource->n_shared ||
                         uses[r].whole_below != resource->whole_below ||
                         uses[r].shared_below != resource->shared_below)) {
            fail(c, "resource %s: its use is miscounted", resource->name);
        }
    }
    free(uses);
}

/* Kahn: a task that is never reached is on a cycle. */
static void
check_acyclic(struct checkup *c)
{
    struct core *core = c->core;
    uint32_t *left = xcalloc(core->n_slots, sizeof *left);
    core->n_stack = 0;
    uint32_t n = 0;
    for (uint32_t k = 0; k < c->n_linked; k++) {
        uint32_t slot = c->linked[k];
        const struct task *task = task_at(core, slot);
        for (uint32_t i = 0; i < task->edges->n_ins; i++) {
            left[slot] += task->edges->ins[i].pred &&
                          task_at(core, task->edges->ins[i].pred)->state != UNKNOWN;
        }
        if (left[slot] == 0) {
            stack_push(core, slot);
        }
    }
    while (core->n_stack > 0) {
        const struct task *task = task_at(core, core->stack[--core->n_stack]);
        n++;
        for (uint32_t i = 0; i < task->edges->n_outs; i++) {
            if (--left[task->edges->outs[i].succ] == 0) {
                stack_push(core, task->edges->outs[i].succ);
            }
        }
    }
    free(left);
    if (n != c->n_linked) {
        fail(c, "%u tasks wait for each other in a circle", c->n_linked - n);
    }
}

static void
check_counts(struct checkup *c)
{
    struct core *core = c->core;
    uint64_t counted = 0;
    for (uint32_t p = 1; p < core->n_projects; p++) {
        uint32_t live = 0;
        for (int r = 0; r < ROLE_SLOTS; r++) {
            for (unsigned s = WAITING; s < STATES_N; s++) {
                counted += core->projects[p]->counts[r].by_state[s];
                live += state_is_terminal(s) ? 0 : core->projects[p]->counts[r].by_state[s];
            }
        }
        if (live != core->projects[p]->n_live) {
            fail(c, "project %s: its open tasks are miscounted", core->projects[p]->name);
        }
    }
    if (counted != core->n_tasks || c->n_listed != core->n_tasks ||
        core->by_key.n != core->n_tasks ||
        core->names.n != core->n_tasks + core->n_placeholders + core->n_tombstones) {
        fail(c, "%u tasks, %llu counted, %zu by key, %zu by name", core->n_tasks,
             (unsigned long long)counted, core->by_key.n, core->names.n);
    }
    uint32_t leases = 0;
    for (uint32_t w = 1; w < core->n_workers; w++) {
        leases += core->workers[w]->n_leases;
    }
    if (leases != c->n_leases) {
        fail(c, "%u leases, %u in the lists of workers", c->n_leases, leases);
    }
}

bool
core_recovered(struct core *core, char *error, size_t error_room)
{
    core_link(core);
    struct checkup c = {.core = core, .error = error, .room = error_room, .ok = true};
    c.linked = xcalloc(core->n_tasks, sizeof *c.linked);
    uint64_t key = 0;
    uint32_t slot = core->first;
    while (slot && c.n_listed < core->n_tasks) {
        struct task *task = task_at(core, slot);
        if (task->key <= key) {
            fail(&c, "task %s is out of order", task->id);
        }
        key = task->key;
        if (task->ext || task->edges != &edges_none || task->n_live_outs) {
            c.linked[c.n_linked++] = slot;
            check_edges(&c, task);
        }
        check_state(&c, task);
        c.n_listed++;
        c.n_leases += task->course->run != NULL;
        slot = task->next;
    }
    if (slot) {
        fail(&c, "more than %u tasks are listed", core->n_tasks);
    }
    check_resources(&c);
    check_acyclic(&c);
    check_counts(&c);
    if (!budgets_are_right(core)) {
        fail(&c, "a budget: what is reserved of it is miscounted");
    }
    free(c.linked);
    return c.ok;
}

bool
core_is_indexed(const struct core *core)
{
    bool ok = true;
    for (uint32_t slot = core->first; slot && ok; slot = task_at(core, slot)->next) {
        const struct task *task = task_at(core, slot);
        ok = task_by_key(core, task->key) == task &&
             task_find(core, task->project, task->id) == task;
    }
    return ok;
}
