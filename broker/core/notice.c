/* Blockers that the broker raises by itself: a task has ended, and others wait for it in vain (with
 * policy hold). One for each such task, however many wait; for whoever submitted it, with the usual
 * clock. It blocks nothing, and ends by itself when the task goes on or nobody waits any more. */
#include "broker/core/board/board.h"

#include <string.h>

static bool
is_vain(const struct edge_in *edge)
{
    return edge->pred && edge->state == EDGE_BROKEN && edge->policy == BATON__POLICY__POLICY_HOLD;
}

void
notice_look(struct core *core, const struct task *task)
{
    for (uint32_t i = 0; task->edges->n_broken && i < task->edges->n_ins; i++) {
        if (is_vain(&task->edges->ins[i])) {
            settle_add(core, task_at(core, task->edges->ins[i].pred));
        }
    }
}

/* Somebody waits for it in vain. O(its dependents) when nobody does. */
static bool
holds_up(const struct core *core, const struct task *task)
{
    if (!state_is_terminal(task->state)) {
        return false;
    }
    for (uint32_t i = 0; i < task->edges->n_outs; i++) {
        const struct task *succ = task_at(core, task->edges->outs[i].succ);
        if (succ->state == WAITING && succ->edges->n_broken &&
            is_vain(&succ->edges->ins[task->edges->outs[i].in_pos])) {
            return true;
        }
    }
    return false;
}

static void
notice_raise(struct core *core, struct core_request *request, const struct task *task)
{
    if (core->board.n - core->board.n_ended >= CARDS_MAX) {
        return;
    }
    Baton__Item cause = BATON__ITEM__INIT;
    Baton__Item *items[] = {&cause};
    static char tag[] = "cause", name[] = "upstream_failed";
    const char *owner = actor_name(core, task->actor);
    Baton__Card card = BATON__CARD__INIT;
    cause.tag = tag;
    cause.name = name;
    card.items = items;
    card.n_items = 1;
    card.project = (char *)(uintptr_t)task_project(core, task);
    card.task = task->id;
    card.title = arena_printf(request->arena, "%s is %s, and what waits for it can't go on",
                              task->id, state_name(task->state));
    card.owner = (char *)(uintptr_t)(owner && strlen(owner) <= NAME_BYTES_MAX ? owner : "");
    blocker_emit(core, request, &card);
}

static void
notice_end(struct core *core, struct core_request *request, const struct task *task)
{
    const struct card *card = board_find(core, task->ext->notice);
    CHECK(card);
    Baton__Card next = board_copy(card);
    static char goes_on[] = "it goes on", nobody[] = "nobody waits for it any more";
    next.state = CARD(RESOLVED);
    next.outcome = state_is_terminal(task->state) ? nobody : goes_on;
    next.ended_at = request->now;
    next.rings_at = 0;
    board_emit(core, request, &next, VERB(RESOLVE));
}

void
notice_settle(struct core *core, struct core_request *request, struct task *task)
{
    bool is_open = task->ext && task->ext->notice;
    if (is_open == holds_up(core, task)) {
        return;
    }
    /* What these facts leave to settle is the caller's, who is at it. */
    bool later = core->settles_later;
    core->settles_later = true;
    if (is_open) {
        notice_end(core, request, task);
    } else {
        notice_raise(core, request, task);
    }
    core->settles_later = later;
}
