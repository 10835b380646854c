/* Blockers: something is in the way of a task, a role or a project. While one is open or taken,
 * what it blocks is not offered; work that runs goes on. Its clock runs against the target. */
#include "broker/core/board/board.h"

#include "common/text.h"

#include <stdio.h>
#include <string.h>

static Baton__Code
blocker_raise(struct posting *p)
{
    Baton__Card *next = &p->next;
    if (!next->title[0]) {
        return refuse(p->request, BATON__CODE__CODE_INVALID, "card.title",
                      "what is in the way? a blocker needs a title");
    }
    if (next->task[0] && (!p->task || state_is_terminal(p->task->state))) {
        return refuse(p->request, BATON__CODE__CODE_ILLEGAL_TRANSITION, "card.task",
                      "task '%s' has ended: it can't be blocked any more", next->task);
    }
    if (next->task[0] && next->role[0]) {
        return refuse(p->request, BATON__CODE__CODE_INVALID, "card.role",
                      "a blocker is on a task or on a role, not on both");
    }
    if (!next->task[0] && !next->role[0] && !project_find(p->core, next->project)) {
        return refuse(p->request, BATON__CODE__CODE_NOT_FOUND, "card.project",
                      "there is no project '%s' to block", next->project);
    }
    if (!next->due_at) {
        next->due_at = p->request->now + BLOCKER_TARGET_MS;
    } else if (next->due_at <= p->request->now) {
        return refuse(p->request, BATON__CODE__CODE_INVALID, "card.due_at", "that time has passed");
    }
    next->rings_at = next->due_at;
    return BATON__CODE__CODE_OK;
}

uint64_t
blocker_emit(struct core *core, struct core_request *request, Baton__Card *card)
{
    card->kind = KIND(BLOCKER);
    card->state = CARD(OPEN);
    card->by = (char *)(uintptr_t)(request->actor ? request->actor : "");
    card->created_at = request->now;
    card->due_at = card->rings_at = request->now + BLOCKER_TARGET_MS;
    return board_emit(core, request, card, VERB(RAISE));
}

static Baton__Code
blocker_take(struct posting *p)
{
    if (card_has_ended(&p->next)) {
        return post_illegal(p, "it has ended");
    }
    p->next.state = CARD(TAKEN);
    p->next.owner = p->given->owner[0] ? p->given->owner : (char *)(uintptr_t)p->request->actor;
    return BATON__CODE__CODE_OK;
}

/* Raised by the broker itself; it blocks nothing, and ends when its cause does. */
static bool
is_notice(const Baton__Card *card)
{
    return card->n_items > 0 && strcmp(card->items[0]->tag, "cause") == 0;
}

static Baton__Code
blocker_end(struct posting *p, unsigned state)
{
    if (card_has_ended(&p->next)) {
        return post_illegal(p, "it has ended");
    }
    if (is_notice(&p->next)) {
        return post_illegal(p, "it ends by itself: retry the task, or cancel what waits for it");
    }
    p->next.state = (Baton__CardState)state;
    p->next.outcome = p->given->outcome;
    p->next.ended_at = p->request->now;
    p->next.ended_by = (char *)(uintptr_t)p->request->actor;
    p->next.rings_at = 0;
    return BATON__CODE__CODE_OK;
}

static Baton__Code
blocker_resolve(struct posting *p)
{
    return blocker_end(p, CARD(RESOLVED));
}

static Baton__Code
blocker_withdraw(struct posting *p)
{
    return blocker_end(p, CARD(WITHDRAWN));
}

/* The target has passed: said once, to everybody. */
static void
blocker_ring(struct core *core, struct core_request *request, const struct card *card)
{
    Baton__Card next = board_copy(card);
    next.rung++;
    next.rings_at = 0;
    board_emit(core, request, &next, VERB(VERB_UNSPECIFIED));
}

static void
blocker_weigh(struct core *core, const Baton__Card *card, int by)
{
    if (card_has_ended(card)) {
        return;
    }
    if (is_notice(card)) {
        struct task *task = task_find(core, project_find(core, card->project), card->task);
        if (task) {
            task_ext(core, task)->notice = by > 0 ? card->number : 0;
            timer_update(core, task);
        }
    } else if (card->task[0]) {
        struct task *task = task_find(core, project_find(core, card->project), card->task);
        if (task && task->state != UNKNOWN) {
            task_ext(core, task)->n_blockers += (uint32_t)by;
        }
    } else if (card->role[0]) {
        core->roles[role_number(card->role)].n_blockers += (uint32_t)by;
    } else {
        uint32_t project = project_make(core, card->project); /* may move core->projects */
        core->projects[project]->n_blockers += (uint32_t)by;
    }
}

/* Who is parked for it goes on, and is told how it ended. */
static void
release_parked(struct core *core, const Baton__Card *card, struct core_out *out, int64_t at)
{
    char number[32], note[NOTE_BYTES_MAX];
    snprintf(number, sizeof number, "%llu", (unsigned long long)card->number);
    int bytes = snprintf(note, sizeof note, "blocker #%s (%s) was %s%s", number, card->title,
                         card_state_name((int)card->state), card->outcome[0] ? ": " : "");
    size_t used = MIN((size_t)bytes, sizeof note - 1);
    text_head(note + used, sizeof note - used, card->outcome);
    gate_release(core, KIND(BLOCKER), "", number, note, out, at);
}

static void
blocker_shift(struct core *core, const Baton__Card *card, struct core_out *out, int64_t at)
{
    if (card->task[0]) {
        struct task *task = task_find(core, project_find(core, card->project), card->task);
        if (task && (task->state == WAITING || task->state == READY)) {
            task_place(core, task, out, at);
        }
    } else if (card->role[0]) {
        resource_wake_all(core);
    } else {
        struct project *project = core->projects[project_find(core, card->project)];
        queue_pause_project(core, project, project->paused);
        resource_wake_all(core);
    }
    if (card_has_ended(card)) {
        release_parked(core, card, out, at);
    }
}

const struct card_kind card_blocker = {
    .name = "blocker",
    .gives = GIVES_TITLE | GIVES_TEXT | GIVES_TASK | GIVES_ROLE | GIVES_OWNER | GIVES_SEVERITY |
             GIVES_DUE_AT | GIVES_OUTCOME,
    .verbs =
        {
            [VERB(RAISE)] = blocker_raise,
            [VERB(TAKE)] = blocker_take,
            [VERB(RESOLVE)] = blocker_resolve,
            [VERB(WITHDRAW)] = blocker_withdraw,
        },
    .ring = blocker_ring,
    .weigh = blocker_weigh,
    .shift = blocker_shift,
};
