/* Incidents: something is on fire, and the roles that its level of severity names are called. */
#include "broker/core/board/incident.h"

#include <string.h>

enum { AMENDED_MAX = 50 }; /* changes of severity that are written down */

/* ---- open ---- */

static Baton__Code
check_area(struct posting *p)
{
    const Baton__Card *next = &p->next;
    for (size_t i = 0; i < next->n_items; i++) {
        if (i > 0 || strcmp(next->items[i]->tag, "area") != 0) {
            return refuse(p->request, BATON__CODE__CODE_INVALID, "card.items",
                          "an incident is given one item at most: its area");
        }
    }
    if (next->n_items && !decision_area_rule(p->core, next)) {
        return refuse(p->request, BATON__CODE__CODE_NOT_FOUND, "card.items",
                      "there is no area '%s' in project '%s': see `baton rules list area`",
                      next->items[0]->name, next->project);
    }
    return BATON__CODE__CODE_OK;
}

static Baton__Code
check_room(struct posting *p)
{
    const struct core *core = p->core;
    if (core->n_tasks + ROLES_N > core->config.tasks_max ||
        (!project_find(core, p->next.project) && core->n_projects >= PROJECTS_MAX)) {
        return refuse(p->request, BATON__CODE__CODE_FULL, "card",
                      "there is no room for the tasks of an incident: the queue is full");
    }
    return BATON__CODE__CODE_OK;
}

static Baton__Code
incident_open(struct posting *p)
{
    Baton__Card *next = &p->next;
    bool unknown;
    if (!next->title[0]) {
        return refuse(p->request, BATON__CODE__CODE_INVALID, "card.title",
                      "what has happened? an incident needs a title");
    }
    if (!next->severity) {
        return refuse(p->request, BATON__CODE__CODE_INVALID, "card.severity",
                      "how bad is it? P0, P1, P2 or P3");
    }
    Baton__Code code = check_area(p);
    code = code == BATON__CODE__CODE_OK ? check_room(p) : code;
    if (code != BATON__CODE__CODE_OK) {
        return code;
    }
    (void)incident_roles(p->core, next, &unknown);
    if (unknown) {
        return refuse(p->request, BATON__CODE__CODE_INVALID, "card.role",
                      "a P%u calls whoever owns it: name an area, a role, or a task",
                      next->severity - 1);
    }
    next->due_at = incident_due_at(p->core, p->request, next);
    p->then = incident_call;
    return BATON__CODE__CODE_OK;
}

/* ---- answer ---- */

/* How the summoned role answers. False: it has before, or was not summoned. */
static bool
answer(struct core_request *request, Baton__Card *next, const char *role, const char *how,
       const char *by)
{
    Baton__Item *item = card_item(next, "summoned", role);
    if (!item || !incident_is_unanswered(item)) {
        return false;
    }
    card_items_own(request, next);
    item = card_item(next, "summoned", role);
    item->unit = (char *)(uintptr_t)how;
    item->by = (char *)(uintptr_t)by;
    item->at = request->now;
    if (incident_is_answered(next)) {
        next->state = CARD(TAKEN);
        next->rings_at = 0;
    }
    return true;
}

void
incident_started(struct core *core, struct core_request *request, const struct task *task)
{
    const struct card *card = board_find(core, task->ext->incident);
    if (!card) {
        return;
    }
    Baton__Card next = board_copy(card);
    for (size_t i = 0; i < next.n_items; i++) {
        /* By the task: its role may have been changed since. */
        const Baton__Item *item = next.items[i];
        if (incident_is_unanswered(item) && item->number == task->key &&
            answer(request, &next, item->name, "accepted",
                   core_worker_name(core, task->course->worker))) {
            board_emit(core, request, &next, VERB(ACKNOWLEDGE));
            return;
        }
    }
}

/* Under a lease only those who are summoned have a say. */
static Baton__Code
check_summoned(struct posting *p, const char *role)
{
    if (p->under && !card_item(&p->next, "summoned", role_names[p->under->role])) {
        return refuse(p->request, BATON__CODE__CODE_DENIED, "token",
                      "the role %s is not summoned to incident #%llu", role_names[p->under->role],
                      (unsigned long long)p->next.number);
    }
    if (role[0] && !card_item(&p->next, "summoned", role)) {
        return refuse(p->request, BATON__CODE__CODE_INVALID, "card.role",
                      "the role %s is not summoned to incident #%llu", role,
                      (unsigned long long)p->next.number);
    }
    if (p->under && role[0] && strcmp(role, role_names[p->under->role]) != 0) {
        return refuse(p->request, BATON__CODE__CODE_DENIED, "card.role",
                      "the token is of a task of the role %s: it can't answer for %s",
                      role_names[p->under->role], role);
    }
    return BATON__CODE__CODE_OK;
}

static Baton__Code
incident_acknowledge(struct posting *p)
{
    Baton__Card *next = &p->next;
    const char *by = p->request->actor ? p->request->actor : "";
    const char *only = p->under ? role_names[p->under->role] : p->given->role;
    if (card_has_ended(next)) {
        return post_illegal(p, "it has ended");
    }
    Baton__Code code = check_summoned(p, p->given->role);
    for (int r = 0; code == BATON__CODE__CODE_OK && r < ROLES_N; r++) {
        if (!only[0] || strcmp(only, role_names[r]) == 0) {
            (void)answer(p->request, next, role_names[r], "acknowledged", by);
        }
    }
    return code;
}

/* ---- amend, resolve ---- */

/* Each item has its moment and follows the one before: so the items are the incident's log, and a
 * role was called when the item before it was written. */
static void
add_amended(struct core_request *request, Baton__Card *next, uint32_t severity)
{
    if (card_items_tagged(next, "amended") < AMENDED_MAX) {
        Baton__Item *item = card_item_add(request, next, "amended", "");
        item->name = arena_printf(request->arena, "P%u", severity - 1);
        item->text = arena_printf(request->arena, "P%u", next->severity - 1);
        item->by = (char *)(uintptr_t)(request->actor ? request->actor : "");
        item->at = request->now;
    }
}

static Baton__Code
incident_amend(struct posting *p)
{
    Baton__Card *next = &p->next;
    const Baton__Card *given = p->given;
    if (card_has_ended(next)) {
        return post_illegal(p, "it has ended");
    }
    if (!given->severity && !given->title[0] && !given->text[0]) {
        return refuse(p->request, BATON__CODE__CODE_INVALID, "card",
                      "what is known now? a severity, a title or a text");
    }
    next->title = given->title[0] ? given->title : next->title;
    next->text = given->text[0] ? given->text : next->text;
    if (given->severity && given->severity != next->severity) {
        add_amended(p->request, next, given->severity);
        next->severity = given->severity;
        p->then = incident_call;
        return check_room(p);
    }
    return BATON__CODE__CODE_OK;
}

/* Nobody need begin any more. */
static void
call_off(struct posting *p, struct card *card)
{
    Baton__Card now = board_copy(card);
    char *text = arena_printf(p->request->arena, "incident #%llu is resolved",
                              (unsigned long long)now.number);
    for (size_t i = 0; i < now.n_items; i++) {
        bool summoned = strcmp(now.items[i]->tag, "summoned") == 0;
        struct task *task = summoned ? task_by_key(p->core, now.items[i]->number) : NULL;
        if (task && (task->state == WAITING || task->state == READY)) {
            Baton__Ended ended = BATON__ENDED__INIT;
            ended.key = task->key;
            ended.to = (Baton__TaskState)CANCELLED;
            ended.reason = BATON__REASON__REASON_OPERATOR;
            ended.text = text;
            Baton__Fact fact = BATON__FACT__INIT;
            fact.what_case = BATON__FACT__WHAT_ENDED;
            fact.ended = &ended;
            emit(p->core, p->request, &fact);
        }
    }
}

static Baton__Code
take_follow_ups(struct posting *p)
{
    const Baton__Card *given = p->given;
    uint32_t project = project_find(p->core, p->next.project);
    for (size_t i = 0; i < given->n_items; i++) {
        const Baton__Item *item = given->items[i];
        if (strcmp(item->tag, "follow_up") != 0 || !item->name[0]) {
            return refuse(p->request, BATON__CODE__CODE_INVALID, "card.items",
                          "a resolution has items \"follow_up\", each with the id of a task");
        }
        const struct task *task = task_find(p->core, project, item->name);
        if ((!task || task->state == UNKNOWN) &&
            !tombstone_find(p->core, p->next.project, item->name)) {
            return refuse(p->request, BATON__CODE__CODE_NOT_FOUND, "card.items",
                          "there is no task '%s' in project '%s'", item->name, p->next.project);
        }
        (void)card_item_add(p->request, &p->next, "follow_up", item->name);
    }
    return BATON__CODE__CODE_OK;
}

static Baton__Code
incident_resolve(struct posting *p)
{
    Baton__Card *next = &p->next;
    if (card_has_ended(next)) {
        return post_illegal(p, "it has ended");
    }
    if (!p->given->outcome[0]) {
        return refuse(p->request, BATON__CODE__CODE_INVALID, "card.outcome",
                      "what was the cause? a resolution says it");
    }
    Baton__Code code = check_summoned(p, "");
    code = code == BATON__CODE__CODE_OK ? take_follow_ups(p) : code;
    next->state = CARD(RESOLVED);
    next->outcome = p->given->outcome;
    next->ended_at = p->request->now;
    next->ended_by = (char *)(uintptr_t)(p->request->actor ? p->request->actor : "");
    next->rings_at = 0;
    p->then = call_off;
    return code;
}

/* ---- what it means for its tasks ---- */

/* Patience as the levels' response times are: P0 and P1 in a tier of their own (order.c). */
static int64_t
patience_of(const Baton__Card *card)
{
    switch (card->severity) {
    case P0:
        return 15 * MINUTE;
    case P1:
        return 60 * MINUTE;
    case P2:
        return 240 * MINUTE;
    default:
        return MAX(0, card->due_at - card->created_at);
    }
}

static void
weigh_freeze(struct core *core, const char *name, int by)
{
    struct resource *resource = resource_make(core, name);
    resource->n_claims += (uint32_t)by;
    resource->n_frozen += (uint32_t)by;
    path_count_pause(resource, by);
}

static void
incident_weigh(struct core *core, const Baton__Card *card, int by)
{
    for (size_t i = 0; i < card->n_items && !card_has_ended(card); i++) {
        if (strcmp(card->items[i]->tag, "freeze") == 0) {
            weigh_freeze(core, card->items[i]->name, by);
        }
        bool summoned = strcmp(card->items[i]->tag, "summoned") == 0;
        struct task *task = summoned ? task_by_key(core, card->items[i]->number) : NULL;
        if (task) {
            struct task_ext *ext = task_ext(core, task);
            task->urgent = by > 0;
            ext->incident = by > 0 ? card->number : 0;
            ext->severity = by > 0 ? (uint8_t)card->severity : 0;
            ext->patience_ms = by > 0 ? patience_of(card) : 0;
        }
    }
}

static void
incident_shift(struct core *core, const Baton__Card *card, struct core_out *out, int64_t at)
{
    (void)out;
    (void)at;
    for (size_t i = 0; i < card->n_items; i++) {
        struct resource *resource = strcmp(card->items[i]->tag, "freeze") == 0
                                        ? resource_find(core, card->items[i]->name)
                                        : NULL;
        if (resource) {
            resource_wake(core, resource);
            resource_forget_if_unused(core, resource);
        }
        bool summoned = strcmp(card->items[i]->tag, "summoned") == 0;
        struct task *task = summoned ? task_by_key(core, card->items[i]->number) : NULL;
        if (task && task_is_live(task)) {
            order_spread(core, task);
        }
    }
}

const struct card_kind card_incident = {
    .name = "incident",
    .gives = GIVES_TITLE | GIVES_TEXT | GIVES_TASK | GIVES_ROLE | GIVES_SEVERITY | GIVES_ITEMS,
    .verbs =
        {
            [VERB(RAISE)] = incident_open,
            [VERB(ACKNOWLEDGE)] = incident_acknowledge,
            [VERB(AMEND)] = incident_amend,
            [VERB(RESOLVE)] = incident_resolve,
        },
    .ring = incident_ring,
    .weigh = incident_weigh,
    .shift = incident_shift,
};
