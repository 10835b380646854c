/* Handoffs: what an agent leaves to whoever goes on with its work. The latest one of a task counts:
 * it supersedes those that nobody has answered. A task that depends on it and ends done without a
 * word has accepted it. One of no task goes from role to role, and to all tasks of that role until
 * it is answered. */
#include "broker/core/board/board.h"

#include "common/text.h"
#include "common/words.h"

#include <string.h>

static bool
is_unanswered(const struct card *card)
{
    return card->message->kind == KIND(HANDOFF) && card->message->state == CARD(SUBMITTED);
}

/* ---- give ---- */

static Baton__Code
check_handoff_items(struct posting *p)
{
    static const char *const tags[] = {"completed", "ready", "blocker", "next_step"};
    for (size_t i = 0; i < p->next.n_items; i++) {
        const Baton__Item *item = p->next.items[i];
        if (strcmp(item->tag, "artifact") == 0) {
            if (!path_stays_below(item->name)) {
                return post_bad_item(p, i,
                                     "an artifact has a relative path without '..' as its name");
            }
            if (item->unit[0] && strcmp(item->unit, "missing") != 0) {
                return post_bad_item(p, i, "an artifact has no unit, or \"missing\"");
            }
            continue;
        }
        if (strcmp(item->tag, "timestamp") == 0) {
            if (!item->at) {
                return post_bad_item(p, i, "a timestamp has a time");
            }
            continue;
        }
        bool known = false;
        for (size_t k = 0; k < ARRAY_LEN(tags); k++) {
            known |= strcmp(item->tag, tags[k]) == 0;
        }
        if (!known) {
            return post_bad_item(p, i,
                                 "a handoff has completed, ready, blocker, next_step, artifact, "
                                 "timestamp");
        }
        if (!item->text[0]) {
            return post_bad_item(p, i, "it has no text");
        }
    }
    return BATON__CODE__CODE_OK;
}

/* From whom: the task's role, unless the task has none or is in the archive. */
static Baton__Code
check_giver(struct posting *p)
{
    Baton__Card *next = &p->next;
    const char *of_task = p->task && p->task->role < ROLES_N ? role_names[p->task->role] : NULL;
    if (!next->task[0]) {
        bool known = next->role[0] && next->to_role[0];
        return known ? BATON__CODE__CODE_OK
                     : refuse(p->request, BATON__CODE__CODE_INVALID,
                              next->role[0] ? "card.to_role" : "card.role",
                              "of which task (task: ID, --task ID), or from which role to which "
                              "(from_agent and to_agent, --role and --to)?");
    }
    if (p->under && p->under != p->task) {
        return refuse(p->request, BATON__CODE__CODE_DENIED, "card.task",
                      "task '%s' is another's: the token is of task '%s'", next->task,
                      p->under->id);
    }
    if (!next->role[0] && !of_task) {
        return refuse(p->request, BATON__CODE__CODE_INVALID, "card.role",
                      "from which role? task '%s' says none any more", next->task);
    }
    if (next->role[0] && of_task && strcmp(next->role, of_task) != 0) {
        return refuse(p->request, BATON__CODE__CODE_INVALID, "card.role",
                      "task '%s' is of the role %s, not %s", next->task, of_task, next->role);
    }
    if (!next->role[0]) {
        next->role = (char *)(uintptr_t)of_task;
    }
    return BATON__CODE__CODE_OK;
}

static void
emit_end(struct core *core, struct core_request *request, const struct card *card, unsigned verb,
         unsigned state, const char *outcome)
{
    Baton__Card next = board_copy(card);
    next.state = (Baton__CardState)state;
    next.outcome = (char *)(uintptr_t)outcome;
    next.ended_at = request->now;
    board_emit(core, request, &next, verb);
}

/* Those of the same task that nobody has answered are superseded. */
static void
supersede(struct posting *p, struct card *by)
{
    const Baton__Card *newest = by->message;
    const char *outcome = arena_printf(p->request->arena, "superseded by #%llu",
                                       (unsigned long long)newest->number);
    struct card *card = board_first_of(p->core, OF_TASK, newest->project, newest->task);
    for (; card; card = board_next_of(p->core, card)) {
        if (card != by && is_unanswered(card)) {
            emit_end(p->core, p->request, card, VERB(RAISE), CARD(SUPERSEDED), outcome);
        }
    }
}

/* What it says to be ready is raised, as signals that others wait for. */
static void
given(struct posting *p, struct card *card)
{
    const Baton__Card *handoff = card->message;
    if (handoff->task[0]) {
        supersede(p, card);
    }
    for (size_t i = 0; i < handoff->n_items; i++) {
        if (strcmp(handoff->items[i]->tag, "ready") == 0) {
            signal_emit(p->core, p->request, handoff, handoff->items[i]->text);
        }
    }
}

static Baton__Code
handoff_give(struct posting *p)
{
    Baton__Card *next = &p->next;
    Baton__Code code = check_giver(p);
    if (code == BATON__CODE__CODE_OK) {
        code = check_handoff_items(p);
    }
    if (code != BATON__CODE__CODE_OK) {
        return code;
    }
    if (!next->n_items && !next->title[0] && !next->text[0]) {
        return refuse(p->request, BATON__CODE__CODE_INVALID, "card.items",
                      "the handoff says nothing");
    }
    if (board_n_open(p->core) + next->n_items >= CARDS_MAX) {
        return refuse(p->request, BATON__CODE__CODE_FULL, "card.items",
                      "the board has no room for what the handoff says to be ready: withdraw "
                      "signals that nobody waits for");
    }
    next->state = CARD(SUBMITTED);
    p->then = given;
    return BATON__CODE__CODE_OK;
}

/* ---- answer ---- */

/* Does the task depend on the handoff's task? By its description: that one may be archived. */
static bool
depends_on(struct posting *p, const struct task *task, const Baton__Card *handoff)
{
    const Baton__Spec *spec = task_unpack(p->core, task, p->request->arena);
    for (size_t i = 0; i < spec->n_after; i++) {
        const Baton__Edge *edge = spec->after[i];
        const char *project = edge->project[0] ? edge->project : task_project(p->core, task);
        if (strcmp(edge->id, handoff->task) == 0 && strcmp(project, handoff->project) == 0) {
            return true;
        }
    }
    return false;
}

static Baton__Code
handoff_answer(struct posting *p, unsigned state)
{
    Baton__Card *next = &p->next;
    if (card_has_ended(next)) {
        return post_illegal(p, "it has ended");
    }
    bool is_receiver = !p->under || depends_on(p, p->under, next) ||
                       (next->to_role[0] && p->under->role < ROLES_N &&
                        strcmp(next->to_role, role_names[p->under->role]) == 0);
    if (!is_receiver) {
        return refuse(p->request, BATON__CODE__CODE_DENIED, "token",
                      "handoff #%llu is not for task '%s': it does not depend on the work that is "
                      "handed on, nor is its role asked",
                      (unsigned long long)next->number, p->under->id);
    }
    if (state == CARD(REJECTED) && !p->given->outcome[0]) {
        return refuse(p->request, BATON__CODE__CODE_INVALID, "card.outcome",
                      "why? a rejection needs a reason");
    }
    next->state = (Baton__CardState)state;
    next->outcome = p->given->outcome;
    next->ended_at = p->request->now;
    next->ended_by = (char *)(uintptr_t)(p->request->actor ? p->request->actor : "");
    return BATON__CODE__CODE_OK;
}

static Baton__Code
handoff_accept(struct posting *p)
{
    return handoff_answer(p, CARD(ACCEPTED));
}

enum { REWORK_WITHIN_MS = 24 * 60 * 60 * 1000 }; /* of the receiver's start */

/* The task needs the handoff's task to be done (or to have ended): it can't go on without it. */
static bool
needs(const struct core *core, const struct task *receiver, const struct task *from)
{
    for (uint32_t i = 0; i < receiver->edges->n_ins; i++) {
        const struct edge_in *edge = &receiver->edges->ins[i];
        bool on_end = edge->condition == BATON__CONDITION__CONDITION_SUCCESS ||
                      edge->condition == BATON__CONDITION__CONDITION_FINISHED;
        if (edge->pred && task_at(core, edge->pred) == from && !edge->any && on_end) {
            return true;
        }
    }
    return false;
}

/* The work is done again, and whoever sent it back waits for that. */
static void
send_back(struct posting *p, struct card *card)
{
    const Baton__Card *handoff = card->message;
    char outcome[NOTE_BYTES_MAX / 2];
    text_head(outcome, sizeof outcome, handoff->outcome);
    emit_sent_back(
        p->core, p->request, p->task,
        arena_printf(p->request->arena, "%s rejected the handoff: %s", p->under->id, outcome));
    emit_returned(p->core, p->request, p->under, p->task,
                  arena_printf(p->request->arena, "%s is done again", p->task->id));
}

static Baton__Code
handoff_reject(struct posting *p)
{
    const struct task *receiver = p->under;
    bool runs = receiver && (receiver->state == LEASED || receiver->state == RUNNING);
    if (runs && p->task && p->task->state == DONE && needs(p->core, receiver, p->task) &&
        (receiver->state == LEASED ||
         p->request->now < receiver->course->started_at + REWORK_WITHIN_MS) &&
        !unique_is_taken(p->core, p->request, p->task)) {
        p->then = send_back;
    }
    return handoff_answer(p, CARD(REJECTED));
}

const char *
handoff_of_result(struct core *core, struct core_request *request, struct task *task,
                  uint64_t token, const Baton__Card *handoff)
{
    Baton__Card card = *handoff;
    if (card.task[0] && strcmp(card.task, task->id) != 0) {
        return arena_printf(request->arena, "result.handoff.task: it is of '%s', not of '%s'",
                            prose_is_valid(card.task, ID_BYTES_MAX) ? card.task : "another task",
                            task->id);
    }
    card.number = 0;
    card.kind = KIND(HANDOFF);
    card.project = (char *)(uintptr_t)task_project(core, task);
    card.task = task->id;
    Baton__Post post = BATON__POST__INIT;
    post.verb = VERB(RAISE);
    post.card = &card;
    struct posting p;
    bool changed;
    if (posting_decide(&p, core, request, &post, false, &changed) != BATON__CODE__CODE_OK) {
        return arena_printf(request->arena, "result.handoff: %s", request->error.message);
    }
    p.next.token = token;
    uint64_t number = board_emit(core, request, &p.next, VERB(RAISE));
    given(&p, board_find(core, number));
    return NULL;
}

void
handoffs_accept(struct core *core, struct core_request *request, const struct task *task)
{
    if (!task->edges->n_ins) {
        return; /* it depends on none */
    }
    const Baton__Spec *spec = task_unpack(core, task, request->arena);
    const char *outcome = arena_printf(request->arena, "task '%s' is done", task->id);
    const char *own = task_project(core, task);
    for (size_t i = 0; i < spec->n_after; i++) {
        const Baton__Edge *edge = spec->after[i];
        struct card *card = board_first_of(core, OF_TASK, edge->project[0] ? edge->project : own,
                                           edge->id);
        for (; card; card = board_next_of(core, card)) {
            if (is_unanswered(card)) {
                emit_end(core, request, card, VERB(ACCEPT), CARD(ACCEPTED), outcome);
            }
        }
    }
}

const Baton__Card *
handoff_latest(const struct core *core, const char *project, const char *id)
{
    const Baton__Card *latest = NULL;
    const struct card *card = board_first_of(core, OF_TASK, project, id);
    for (; card; card = board_next_of(core, card)) {
        if (card->message->kind == KIND(HANDOFF)) {
            latest = card->message;
        }
    }
    return latest && latest->state != CARD(REJECTED) ? latest : NULL;
}

static void
handoff_weigh(struct core *core, const Baton__Card *card, int by)
{
    core->board.n_unanswered += card->state == CARD(SUBMITTED) ? (uint32_t)by : 0;
}

const struct card_kind card_handoff = {
    .name = "handoff",
    .gives = GIVES_TITLE | GIVES_TEXT | GIVES_TASK | GIVES_ROLE | GIVES_TO_ROLE | GIVES_ITEMS,
    .verbs =
        {
            [VERB(RAISE)] = handoff_give,
            [VERB(ACCEPT)] = handoff_accept,
            [VERB(REJECT)] = handoff_reject,
        },
    .weigh = handoff_weigh,
};
