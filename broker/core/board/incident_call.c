/* Whom an incident calls. Each role gets a task at the head of its queue; whoever starts it has
 * answered. What nobody answers in time climbs a ladder of two rungs: to who decides the area, then
 * to the people that the level names; with each rung the severity rises by one. */
#include "broker/core/board/incident.h"

#include "common/words.h"

#include <string.h>

enum { LADDER = 2, CONTACTS_MAX = 20 };

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
    added.spec = spec_pack(core, &spec, arena);
    Baton__Fact fact = BATON__FACT__INIT;
    fact.what_case = BATON__FACT__WHAT_ADDED;
    fact.added = &added;
    struct core_request own = *request;
    own.actor = ""; /* the broker's: a pause of whoever opened it is no pause of these */
    struct adding adding = {.spec = &spec};
    core->adding = &adding;
    uint64_t key = emit(core, &own, &fact);
    core->adding = NULL;
    return key;
}

/* Adds tasks for those that have none yet, and writes them into `next`; where the queue is full, a
 * role is called without one. True: one of these roles has no worker, or no task. */
static bool
summon(struct core *core, struct core_request *request, Baton__Card *next, uint32_t roles)
{
    bool lonely = false;
    for (int r = 0; r < ROLES_N; r++) {
        if (!(roles & 1u << r) || card_item(next, "summoned", role_names[r])) {
            continue;
        }
        bool room = core->n_tasks < core->config.tasks_max;
        char *id = room ? response_id(core, request->arena, next, role_names[r])
                        : (char *)(uintptr_t) "no task, since the queue is full";
        uint64_t key = room ? emit_response(core, request, next, role_names[r], id) : 0;
        Baton__Item *item = card_item_add(request, next, "summoned", role_names[r]);
        item->text = id;
        item->number = key;
        item->at = request->now;
        lonely |= core->roles[r].workers == 0 || !room;
    }
    return lonely;
}

bool
incident_is_unanswered(const Baton__Item *item)
{
    return strcmp(item->tag, "summoned") == 0 && !item->unit[0];
}

bool
incident_is_answered(const Baton__Card *card)
{
    for (size_t i = 0; i < card->n_items; i++) {
        if (incident_is_unanswered(card->items[i])) {
            return false;
        }
    }
    return true;
}

/* Runs again from now, while somebody has not answered and there is a rung left. */
static void
set_clock(const struct core *core, const struct core_request *request, Baton__Card *next)
{
    bool waits = !incident_is_answered(next);
    next->state = waits ? CARD(OPEN) : CARD(TAKEN);
    next->due_at = waits ? incident_due_at(core, request, next) : next->due_at;
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
    const Baton__Card *area = decision_area_rule(core, next);
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

/* Writes down for whom it goes up: who let the clock ring, or has no worker that could answer. */
static void
add_missed(const struct core *core, struct core_request *request, Baton__Card *next)
{
    bool rang = next->due_at <= request->now;
    size_t n = next->n_items;
    for (size_t i = 0; i < n; i++) {
        const Baton__Item *item = next->items[i];
        int role = incident_is_unanswered(item) ? role_number(item->name) : -1;
        bool lonely = role >= 0 && core->roles[role].workers == 0;
        if (role < 0 || !(rang || (lonely && !card_item(next, "missed", role_names[role])))) {
            continue;
        }
        Baton__Item *missed = card_item_add(request, next, "missed", role_names[role]);
        missed->at = request->now;
        missed->value = next->rung;
        missed->unit = (char *)(uintptr_t)(rang ? "" : "no worker");
    }
}

/* What its level freezes is nobody's from now on, until the incident is resolved. A name for which
 * there is no room among the resources is nobody's anyway: no task can claim it. */
static void
freeze(const struct core *core, struct core_request *request, Baton__Card *next)
{
    const Baton__Card *level = incident_level(core, next);
    uint32_t n = core->n_resources;
    for (size_t i = 0; level && i < level->n_items; i++) {
        const char *name = level->items[i]->name;
        if (strcmp(level->items[i]->tag, "freeze") != 0 || card_item(next, "freeze", name) ||
            (!resource_find(core, name) && n++ >= RESOURCES_MAX)) {
            continue;
        }
        card_item_add(request, next, "freeze", name)->at = request->now;
    }
}

/* One rung up. True: it can't stay there, since nobody is there to answer. */
static bool
escalate(struct core *core, struct core_request *request, const struct card *card)
{
    Baton__Card next = board_copy(card);
    bool unknown, reached;
    next.rung++;
    add_missed(core, request, &next);
    if (next.severity > P0) {
        next.severity--;
        Baton__Item *bump = card_item_add(request, &next, "bump", "");
        bump->name = arena_printf(request->arena, "P%u", next.severity - 1);
        bump->at = request->now;
    }
    uint32_t roles = tell_rung(core, request, &next, &reached);
    roles |= incident_roles(core, &next, &unknown);
    freeze(core, request, &next);
    bool lonely = summon(core, request, &next, roles);
    set_clock(core, request, &next);
    board_emit(core, request, &next, VERB(VERB_UNSPECIFIED));
    incident_yield(core, request, next.number);
    return (lonely || !reached) && next.rung < LADDER;
}

void
incident_ring(struct core *core, struct core_request *request, const struct card *card)
{
    uint64_t number = card->message->number;
    while (escalate(core, request, board_find(core, number))) {
    }
}

/* The roles of its level are called; those that nobody works for at once one rung higher. */
void
incident_call(struct posting *p, struct card *card)
{
    bool unknown;
    Baton__Card next = board_copy(card);
    uint64_t number = next.number;
    uint32_t roles = incident_roles(p->core, &next, &unknown);
    freeze(p->core, p->request, &next);
    bool lonely = summon(p->core, p->request, &next, roles);
    set_clock(p->core, p->request, &next);
    board_emit(p->core, p->request, &next, p->post->verb);
    incident_yield(p->core, p->request, number);
    if (lonely && next.rung < LADDER) {
        incident_ring(p->core, p->request, board_find(p->core, number));
    }
}
