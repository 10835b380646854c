/* Lower work makes way for an incident: where its level says "yield", and every slot of a role that
 * a P0 or P1 calls is taken, one running task of the role is told to stop. It is ready again
 * when it has, or after the grace, in its old place; nothing is counted. */
#include "broker/core/board/board.h"

#include <string.h>

#define YIELD_GRACE_MS INT64_C(120000)

enum { P1 = 2, YIELDS_MAX = 2 /* of one task */, PREEMPTED_MAX = 50 /* that a card names */ };

/* A migration that can't be cut, say. */
static bool
refuses(const struct core *core, struct core_request *request, const struct task *task)
{
    return task_unpack(core, task, request->arena)->no_preempt;
}

/* Which of two gives way first: the later one in the order, then the one that has done less. */
static bool
gives_way_before(const struct task *a, const struct task *b)
{
    uint32_t done_a = a->ext ? a->ext->progress : 0, done_b = b->ext ? b->ext->progress : 0;
    return a->order_at != b->order_at ? a->order_at > b->order_at
           : done_a != done_b         ? done_a < done_b
                                      : a->key > b->key;
}

static struct task *
victim_of(const struct core *core, struct core_request *request, uint32_t role)
{
    struct task *victim = NULL;
    for (uint32_t w = 1; w < core->n_workers; w++) {
        for (uint32_t slot = core->workers[w]->first; slot;
             slot = task_at(core, slot)->course->run->next) {
            struct task *task = task_at(core, slot);
            bool may = task->role == role && task->state == RUNNING &&
                       !task->course->run->sessionless && task->order_at >= 0 &&
                       (!task->ext || task->ext->n_yields < YIELDS_MAX);
            if (may && (!victim || gives_way_before(task, victim)) &&
                !refuses(core, request, task)) {
                victim = task;
            }
        }
    }
    return victim;
}

static bool
level_yields(const struct core *core, const Baton__Card *incident)
{
    const Baton__Card *level = incident_level(core, incident);
    for (size_t i = 0; level && i < level->n_items; i++) {
        if (strcmp(level->items[i]->tag, "yield") == 0) {
            return incident->severity <= P1;
        }
    }
    return false;
}

/* The card names what made way, for the post-mortem. */
static void
add_preempted(const struct core *core, struct core_request *request, Baton__Card *next,
              const struct task *task)
{
    if (card_items_tagged(next, "preempted") < PREEMPTED_MAX) {
        Baton__Item *item = card_item_add(request, next, "preempted", "");
        item->name = arena_strdup(request->arena, task->id);
        item->text = core->projects[task->project]->name;
        item->number = task->key;
        item->at = request->now;
    }
}

void
incident_yield(struct core *core, struct core_request *request, uint64_t number)
{
    const Baton__Card *card = board_find(core, number)->message;
    Baton__Card next = *card;
    if (!level_yields(core, card)) {
        return;
    }
    for (size_t i = 0; i < card->n_items; i++) {
        const Baton__Item *item = card->items[i];
        const struct task *response = strcmp(item->tag, "summoned") == 0 && !item->unit[0]
                                          ? task_by_key(core, item->number)
                                          : NULL;
        if (!response || response->state != READY || response->role >= ROLES_N) {
            continue;
        }
        const struct role *role = &core->roles[response->role];
        struct task *victim = role->workers && !role->credit
                                  ? victim_of(core, request, response->role)
                                  : NULL;
        if (victim) {
            emit_cancelling(core, request, victim, BATON__REASON__REASON_PREEMPTED,
                            arena_printf(request->arena, "makes way for incident #%llu",
                                         (unsigned long long)number),
                            YIELD_GRACE_MS);
            add_preempted(core, request, &next, victim);
        }
    }
    if (next.n_items > card->n_items) {
        board_emit(core, request, &next, BATON__CARD_VERB__CARD_AMEND);
    }
}
