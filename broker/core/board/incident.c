/* Incidents: something is on fire, and the roles that its level of severity names are called. Each
 * gets a task at the head of its queue; whoever starts it has answered. What nobody answers in time
 * climbs a ladder of two rungs: to who decides the area, then to the people that the level names;
 * with each rung the severity rises by one. */
#include "broker/core/board/board.h"

#include "common/text.h"
#include "common/words.h"

#include <string.h>

enum { P0 = 1, P1, P2, P3, LADDER = 2, CONTACTS_MAX = 20 };

#define MINUTE INT64_C(60000)
#define DAY (24 * 60 * MINUTE)

/* ---- levels of severity ---- */

const Baton__Card *
incident_level(const struct core *core, const Baton__Card *incident)
{
    for (uint32_t slot = core->board.first; slot; slot = board_at(core, slot)->next) {
        const Baton__Card *card = board_at(core, slot)->message;
        if (card->kind == KIND(LEVEL) && card->severity == incident->severity &&
            strcmp(card->project, incident->project) == 0) {
            return card;
        }
    }
    return NULL;
}

/* When somebody should have answered, from now on. */
static int64_t
due_at(const struct core *core, const struct core_request *request, const Baton__Card *incident)
{
    static const int64_t built_in[] = {
        [P0] = 15 * MINUTE, [P1] = 60 * MINUTE, [P2] = 240 * MINUTE, [P3] = 0};
    const Baton__Card *level = incident_level(core, incident);
    int64_t ms = built_in[incident->severity];
    for (size_t i = 0; level && i < level->n_items; i++) {
        if (strcmp(level->items[i]->tag, "response") == 0) {
            ms = level->items[i]->name[0] ? 0 : (int64_t)level->items[i]->value;
        }
    }
    if (ms) {
        return request->now + ms;
    }
    return request->business_end > request->now ? request->business_end : request->now + DAY;
}

static const Baton__Card *
area_of(const struct core *core, const Baton__Card *incident)
{
    const char *name = decision_area(incident);
    const struct card *area = name[0] ? board_find_named(core, KIND(AREA), incident->project, name)
                                      : NULL;
    return area ? area->message : NULL;
}

/* Who owns what is on fire: the area's owner, else the role or the role of the task that it is
 * about; -1: nobody knows. */
static int
owner_role(const struct core *core, const Baton__Card *incident)
{
    const Baton__Card *area = area_of(core, incident);
    if (area) {
        return role_number(area->role[0] ? area->role : area->owner);
    }
    if (incident->role[0]) {
        return role_number(incident->role);
    }
    const struct task *task = incident->task[0]
                                  ? task_find(core, project_find(core, incident->project),
                                              incident->task)
                                  : NULL;
    return task && task->role < ROLES_N ? task->role : -1;
}

/* The role that can begin soonest. */
static int
any_role(const struct core *core)
{
    int best = 0;
    for (int r = 1; r < ROLES_N; r++) {
        const struct role *role = &core->roles[r], *than = &core->roles[best];
        if (role->credit != than->credit ? role->credit > than->credit
                                         : role->workers > than->workers) {
            best = r;
        }
    }
    return best;
}

/* Roles to summon, as bits; *ret_unknown: an owner is asked for, and nobody knows who that is. */
static uint32_t
required_roles(const struct core *core, const Baton__Card *incident, bool *ret_unknown)
{
    static const char *const built_in[][3] = {
        [P0] = {"infra", "backend"}, [P1] = {"owner"}, [P2] = {"owner"}, [P3] = {"any"}};
    const Baton__Card *level = incident_level(core, incident);
    size_t n = level ? level->n_items : ARRAY_LEN(built_in[0]);
    uint32_t roles = 0;
    *ret_unknown = false;
    for (size_t i = 0; i < n; i++) {
        const char *name = !level ? built_in[incident->severity][i]
                           : strcmp(level->items[i]->tag, "required") == 0 ? level->items[i]->name
                                                                           : NULL;
        if (!name) {
            continue;
        }
        int role = strcmp(name, "owner") == 0 ? owner_role(core, incident)
                   : strcmp(name, "any") == 0 ? any_role(core)
                                              : role_number(name);
        *ret_unknown |= role < 0;
        roles |= role < 0 ? 0 : 1u << role;
    }
    return roles || *ret_unknown ? roles : 1u << any_role(core);
}

/* ---- response tasks ---- */

/* "INC-12-infra", or, if there is one already, with a number behind it. */
static char *
response_id(const struct core *core, struct arena *arena, const Baton__Card *incident,
            const char *role)
{
    char *id = arena_printf(arena, "INC-%llu-%s", (unsigned long long)incident->number, role);
    for (unsigned i = 2;; i++) {
        const struct task *task = task_find(core, project_find(core, incident->project), id);
        if ((!task || task->state == UNKNOWN) && !tombstone_find(core, incident->project, id)) {
            return id;
        }
        id = arena_printf(arena, "INC-%llu-%s-%u", (unsigned long long)incident->number, role, i);
    }
}

static uint64_t
emit_response(struct core *core, struct core_request *request, const Baton__Card *incident,
              const char *role, char *id)
{
    struct arena *arena = request->arena;
    Baton__Spec spec = BATON__SPEC__INIT;
    spec.id = id;
    spec.project = incident->project;
    spec.role = (char *)(uintptr_t)role;
    spec.title = arena_printf(arena, "Answer the incident #%llu (P%u)",
                              (unsigned long long)incident->number, incident->severity - 1);
    spec.priority = BATON__PRIORITY__PRIORITY_CRITICAL;
    spec.prompt = arena_printf(
        arena,
        "Incident #%llu (P%u): %s\n\n%s\n\nYou answer for the role %s. Find the cause and stop the "
        "damage; tell how it stands with `baton progress`. What has to follow later becomes tasks "
        "of their own. When it is over: `baton incident resolve %llu CAUSE`.\n",
        (unsigned long long)incident->number, incident->severity - 1, incident->title,
        incident->text, role, (unsigned long long)incident->number);
    Baton__Spec__LabelsEntry label = BATON__SPEC__LABELS_ENTRY__INIT, *labels[] = {&label};
    label.key = (char *)(uintptr_t) "incident";
    label.value = arena_printf(arena, "%llu", (unsigned long long)incident->number);
    spec.labels = labels;
    spec.n_labels = 1;
    Baton__Added added = BATON__ADDED__INIT;
    added.spec = spec_pack(&spec, arena);
    Baton__Fact fact = BATON__FACT__INIT;
    fact.what_case = BATON__FACT__WHAT_ADDED;
    fact.added = &added;
    struct core_request own = *request;
    own.actor = ""; /* the broker's: a pause of whoever opened it is no pause of these */
    core->adding = &spec;
    uint64_t key = emit(core, &own, &fact);
    core->adding = NULL;
    return key;
}

/* Adds tasks for those that have none yet, and writes them into `next`. True: one of these roles
 * has no worker. */
static bool
summon(struct core *core, struct core_request *request, Baton__Card *next, uint32_t roles)
{
    bool lonely = false;
    for (int r = 0; r < ROLES_N; r++) {
        if (!(roles & 1u << r) || card_item(next, "summoned", role_names[r])) {
            continue;
        }
        char *id = response_id(core, request->arena, next, role_names[r]);
        uint64_t key = emit_response(core, request, next, role_names[r], id);
        Baton__Item *item = card_item_add(request, next, "summoned", role_names[r]);
        item->text = id;
        item->number = key;
        item->at = request->now;
        lonely |= core->roles[r].workers == 0;
    }
    return lonely;
}

static bool
is_unanswered(const Baton__Item *item)
{
    return strcmp(item->tag, "summoned") == 0 && !item->unit[0];
}

static bool
all_answered(const Baton__Card *card)
{
    for (size_t i = 0; i < card->n_items; i++) {
        if (is_unanswered(card->items[i])) {
            return false;
        }
    }
    return true;
}

/* Runs again from now, while somebody has not answered and there is a rung left. */
static void
set_clock(const struct core *core, const struct core_request *request, Baton__Card *next)
{
    bool waits = !all_answered(next);
    next->state = waits ? CARD(OPEN) : CARD(TAKEN);
    next->due_at = waits ? due_at(core, request, next) : next->due_at;
    next->rings_at = waits && next->rung < LADDER ? next->due_at : 0;
}

/* ---- the ladder ---- */

static void
add_escalated(struct core_request *request, Baton__Card *next, const char *name, const char *text)
{
    Baton__Item *item = card_item_add(request, next, "escalated", name);
    item->text = (char *)(uintptr_t)text;
    item->at = request->now;
    item->value = next->rung;
}

/* To whoever decides the area, and to the people that the level names: as roles to summon. */
static uint32_t
tell_rung(const struct core *core, struct core_request *request, Baton__Card *next,
          bool *ret_reached)
{
    const Baton__Card *area = area_of(core, next);
    if (next->rung == 1) {
        *ret_reached = area != NULL;
        if (area) {
            add_escalated(request, next, area->owner, "");
        }
        int role = area ? role_number(area->owner) : -1;
        return role < 0 ? 0 : 1u << role;
    }
    const Baton__Card *level = incident_level(core, next);
    size_t n = 0;
    for (size_t i = 0; level && i < level->n_items && n < CONTACTS_MAX; i++) {
        const Baton__Item *item = level->items[i];
        if (strcmp(item->tag, "contact") == 0) {
            add_escalated(request, next, "contact", item->text[0] ? item->text : item->name);
            n++;
        }
    }
    *ret_reached = true; /* as far as anybody can be */
    return 0;
}

/* One rung up. True: it can't stay there, since nobody is there to answer. */
static bool
escalate(struct core *core, struct core_request *request, const struct card *card)
{
    Baton__Card next = board_copy(card);
    bool unknown, reached;
    next.rung++;
    if (next.severity > P0) {
        next.severity--;
        Baton__Item *bump = card_item_add(request, &next, "bump", "");
        bump->name = arena_printf(request->arena, "P%u", next.severity - 1);
        bump->at = request->now;
    }
    uint32_t roles = tell_rung(core, request, &next, &reached);
    roles |= required_roles(core, &next, &unknown);
    bool lonely = summon(core, request, &next, roles);
    set_clock(core, request, &next);
    board_emit(core, request, &next, VERB(VERB_UNSPECIFIED));
    incident_yield(core, request, next.number);
    return (lonely || !reached) && next.rung < LADDER;
}

static void
incident_ring(struct core *core, struct core_request *request, const struct card *card)
{
    uint64_t number = card->message->number;
    while (escalate(core, request, board_find(core, number))) {
    }
}

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
    if (next->n_items && !area_of(p->core, next)) {
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

/* The roles of its level are called; those that nobody works for at once one rung higher. */
static void
call_roles(struct posting *p, struct card *card)
{
    bool unknown;
    Baton__Card next = board_copy(card);
    uint64_t number = next.number;
    uint32_t roles = required_roles(p->core, &next, &unknown);
    bool lonely = summon(p->core, p->request, &next, roles);
    set_clock(p->core, p->request, &next);
    board_emit(p->core, p->request, &next, p->post->verb);
    incident_yield(p->core, p->request, number);
    if (lonely && next.rung < LADDER) {
        incident_ring(p->core, p->request, board_find(p->core, number));
    }
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
    (void)required_roles(p->core, next, &unknown);
    if (unknown) {
        return refuse(p->request, BATON__CODE__CODE_INVALID, "card.role",
                      "a P%u calls whoever owns it: name an area, a role, or a task",
                      next->severity - 1);
    }
    next->due_at = due_at(p->core, p->request, next);
    p->then = call_roles;
    return BATON__CODE__CODE_OK;
}

/* ---- answer ---- */

/* How the summoned role answers. False: it has before, or was not summoned. */
static bool
answer(struct core_request *request, Baton__Card *next, const char *role, const char *how,
       const char *by)
{
    Baton__Item *item = card_item(next, "summoned", role);
    if (!item || !is_unanswered(item)) {
        return false;
    }
    card_items_own(request, next);
    item = card_item(next, "summoned", role);
    item->unit = (char *)(uintptr_t)how;
    item->by = (char *)(uintptr_t)by;
    item->at = request->now;
    if (all_answered(next)) {
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
        if (is_unanswered(item) && item->number == task->key &&
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
        next->severity = given->severity;
        p->then = call_roles;
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
incident_weigh(struct core *core, const Baton__Card *card, int by)
{
    for (size_t i = 0; i < card->n_items && !card_has_ended(card); i++) {
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
