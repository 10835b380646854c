/* Blockers that the broker raises by itself: a task has ended, and others wait for it in vain (with
 * policy hold). One for each such task, however many wait; for whoever submitted it, with the usual
 * clock. And one for a task that has waited for a day for one that nobody has added. They block
 * nothing, and end by themselves when their cause does. */
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

/* False: the board is full. */
static bool
notice_raise(struct core *core, struct core_request *request, const struct task *task,
             const char *cause, const char *title)
{
    if (board_n_open(core) >= CARDS_MAX) {
        return false;
    }
    Baton__Item item = BATON__ITEM__INIT;
    Baton__Item *items[] = {&item};
    const char *owner = actor_name(core, task->actor);
    Baton__Card card = BATON__CARD__INIT;
    item.tag = (char *)(uintptr_t) "cause";
    item.name = (char *)(uintptr_t)cause;
    card.items = items;
    card.n_items = 1;
    card.project = (char *)(uintptr_t)task_project(core, task);
    card.task = task->id;
    card.title = (char *)(uintptr_t)title;
    card.owner = (char *)(uintptr_t)(owner && strlen(owner) <= NAME_BYTES_MAX ? owner : "");
    blocker_emit(core, request, &card);
    return true;
}

static bool
is_forward(const Baton__Card *card)
{
    return strcmp(card->items[0]->name, "forward_ref") == 0;
}

static void
notice_end(struct core *core, struct core_request *request, const struct task *task)
{
    const struct card *card = board_find(core, task->ext->notice);
    CHECK(card);
    Baton__Card next = board_copy(card);
    static char goes_on[] = "it goes on", nobody[] = "nobody waits for it any more",
                known[] = "it does not wait for an unknown task any more";
    next.state = CARD(RESOLVED);
    next.outcome = is_forward(card->message)        ? known
                   : state_is_terminal(task->state) ? nobody
                                                    : goes_on;
    next.ended_at = request->now;
    next.rings_at = 0;
    board_emit(core, request, &next, VERB(RESOLVE));
}

/* It waits for a task that nobody has added. */
static const struct edge_in *
forward_of(const struct core *core, const struct task *task)
{
    for (uint32_t i = 0; task->state == WAITING && task->edges->n_forward && i < task->edges->n_ins;
         i++) {
        const struct edge_in *edge = &task->edges->ins[i];
        if (edge->pred && edge->state == EDGE_PENDING &&
            task_at(core, edge->pred)->state == UNKNOWN) {
            return edge;
        }
    }
    return NULL;
}

int64_t
notice_forward_at(const struct task *task)
{
    if (task->state != WAITING || !task->edges->n_forward || (task->ext && task->ext->notice)) {
        return NEVER;
    }
    const struct task_ext *ext = task->ext;
    int64_t since = MAX(task->created_at, ext ? ext->after_since : 0);
    return MAX(since + FORWARD_TARGET_MS, ext ? ext->forward_again : 0);
}

void
notice_forward(struct core *core, struct core_request *request, struct task *task)
{
    const struct edge_in *edge = forward_of(core, task);
    CHECK(edge);
    const char *title = arena_printf(request->arena,
                                     "%s waits for %s, which nobody has added for a day", task->id,
                                     task_at(core, edge->pred)->id);
    if (!notice_raise(core, request, task, "forward_ref", title)) {
        task_ext(core, task)->forward_again = request->now + BLOCKER_TARGET_MS;
        timer_update(core, task);
    }
}

void
notice_settle(struct core *core, struct core_request *request, struct task *task)
{
    bool vain = holds_up(core, task);
    bool is_open = task->ext && task->ext->notice;
    if (!is_open && !vain) {
        return;
    }
    /* What these facts leave to settle is the caller's, who is at it. */
    bool later = core->settles_later;
    core->settles_later = true;
    if (is_open) {
        const Baton__Card *card = board_find(core, task->ext->notice)->message;
        bool holds = is_forward(card) ? forward_of(core, task) != NULL : vain;
        if (!holds) {
            notice_end(core, request, task);
        }
    }
    if (vain && !(task->ext && task->ext->notice)) {
        (void)notice_raise(core, request, task, "upstream_failed",
                           arena_printf(request->arena,
                                        "%s is %s, and what waits for it can't go on", task->id,
                                        state_name(task->state)));
    }
    core->settles_later = later;
}
