/* The one place where a task's state changes, and where its conditions say that it belongs. */
#include "broker/core/evolve.h"

#include "common/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct counts *
counts_of(const struct core *core, const struct task *task)
{
    return &core->projects[task->project]->counts[task->role];
}

/* The transitions of docs/semantics.md, "States": every one that is legal, and no other. */
#define TO(state) (1u << (state))
#define ENDS (TO(CANCELLED) | TO(ABORTED) | TO(EXPIRED))
#define ASIDE (TO(PARKED) | TO(REVIEW))
#define AFTER_LEASE (TO(WAITING) | TO(READY) | TO(DONE) | TO(FAILED) | ASIDE)
const uint16_t task_transitions[STATES_N] = {
    [UNKNOWN] = TO(WAITING) | TO(READY),
    [WAITING] = TO(READY) | TO(DONE) | TO(FAILED) | ENDS | ASIDE,
    [READY] = TO(WAITING) | TO(LEASED) | TO(DONE) | TO(FAILED) | ENDS | ASIDE,
    [LEASED] = TO(RUNNING) | TO(CANCELLING) | AFTER_LEASE,
    [RUNNING] = TO(CANCELLING) | AFTER_LEASE,
    [PARKED] = TO(WAITING) | TO(READY) | TO(CANCELLED),
    [CANCELLING] = TO(CANCELLING) | TO(CANCELLED) | AFTER_LEASE,
    [REVIEW] = TO(WAITING) | TO(READY) | TO(DONE) | TO(FAILED) | TO(CANCELLED),
    [DONE] = TO(WAITING) | TO(READY) | TO(FAILED),
    [FAILED] = TO(WAITING) | TO(READY),
    [CANCELLED] = TO(WAITING) | TO(READY),
    [ABORTED] = TO(WAITING) | TO(READY),
    [EXPIRED] = TO(WAITING) | TO(READY),
};

void
task_move(struct core *core, struct task *task, unsigned to, unsigned reason, struct core_out *out,
          int64_t at, struct event_more *more)
{
    unsigned from = task->state;
    bool was_live = task_is_live(task);
    CHECK(task_transitions[from] & TO(to));
    snapshot_keep(core, task);
    if (from == READY) {
        queue_leave(core, task);
    }
    struct project *project = core->projects[task->project];
    project->n_live += !was_live && !state_is_terminal(to);
    project->n_live -= was_live && state_is_terminal(to);
    if (from != UNKNOWN) {
        counts_of(core, task)->by_state[from]--;
    }
    task->state = (uint8_t)to;
    task->reason = (uint8_t)reason;
    counts_of(core, task)->by_state[to]++;
    if (state_is_terminal(to) && was_live) {
        task_course(core, task)->ended_at = at;
        metrics_task_ended(core, task, at);
        edges_count_live(core, task, -1);
        order_leave(core, task);
    } else if (!state_is_terminal(to) && !was_live && from != UNKNOWN) {
        CHECK(!task->brief); /* its course would not say it any more */
        task_course(core, task)->ended_at = 0;
        edges_count_live(core, task, 1);
        order_enter(core, task);
    }
    if (to == READY) {
        if (task->ready_at == 0) {
            order_anchor(core, task, at);
        }
        queue_enter(core, task);
    }
    if (task->edges->n_broken && (from == WAITING || to == WAITING || from == UNKNOWN)) {
        notice_look(core, task);
    }
    if (task->ext && task->ext->notice) {
        settle_add(core, task);
    }
    if (state_is_terminal(from) || state_is_terminal(to)) {
        ended_list_update(core, task);
    }
    timer_update(core, task);
    more->from = from;
    event_task(core, out, at, BATON__EVENT__KIND__TASK, task, more);
    bool reaches_dependents = state_is_terminal(from) != state_is_terminal(to) ||
                              (to == RUNNING && from != RUNNING) || from == UNKNOWN ||
                              (state_is_terminal(to) && from != to);
    if (reaches_dependents && task->edges->n_outs) {
        edges_update_outs(core, task, from == UNKNOWN, out, at);
    }
    if (was_live != task_is_live(task) && from != UNKNOWN) {
        park_count_child(core, task, was_live ? -1 : 1, out, at);
    }
    if (was_live && state_is_terminal(to) && project_is_complete(project)) {
        event_completed(core, out, at, project);
    }
}

/* Where a task without a lease belongs, from its conditions. */
unsigned
place_of(const struct task *task, unsigned *ret_reason)
{
    if (task->held) {
        *ret_reason = BATON__REASON__REASON_HELD;
    } else if (task_is_blocked(task)) {
        *ret_reason = BATON__REASON__REASON_BLOCKER;
    } else if (task_is_over_budget(task)) {
        *ret_reason = BATON__REASON__REASON_BUDGET;
    } else if (task->edges->n_broken || task->edges->n_abort) {
        *ret_reason = BATON__REASON__REASON_UPSTREAM_FAILED;
    } else if (task->edges->n_forward) {
        *ret_reason = BATON__REASON__REASON_FORWARD_REF;
    } else if (task->ext && task->ext->n_closed && task->ext->n_closed == task->edges->n_pending) {
        *ret_reason = BATON__REASON__REASON_GATE;
    } else if (task->edges->n_pending) {
        *ret_reason = BATON__REASON__REASON_DEPS;
    } else if (task->timed) {
        *ret_reason = task->backoff ? BATON__REASON__REASON_BACKOFF
                                    : BATON__REASON__REASON_NOT_BEFORE;
    } else if (task->milestone) {
        *ret_reason = BATON__REASON__REASON_DEPS; /* until it is settled, in the same request */
    } else {
        *ret_reason = BATON__REASON__REASON_QUEUED;
        return READY;
    }
    return WAITING;
}

void
settle_if_due(struct core *core, struct task *task)
{
    bool through = task->milestone && !task->held && !task->timed && !task_is_blocked(task) &&
                   edges_are_clear(task);
    if (task->edges->n_abort || through || (task->ext && task->ext->notice)) {
        settle_add(core, task);
    }
}

void
place_with(struct core *core, struct task *task, struct core_out *out, int64_t at,
           struct event_more *more)
{
    unsigned reason;
    unsigned to = place_of(task, &reason);
    if (to != task->state) {
        task_move(core, task, to, reason, out, at, more);
    } else if (reason != task->reason) {
        snapshot_keep(core, task);
        task->reason = (uint8_t)reason;
        timer_update(core, task);
    } else {
        timer_update(core, task);
    }
    settle_if_due(core, task);
}

void
task_place(struct core *core, struct task *task, struct core_out *out, int64_t at)
{
    place_with(core, task, out, at, &(struct event_more){0});
}
