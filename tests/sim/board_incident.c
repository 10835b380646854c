/* Steps on incidents, and what they owe: docs/coordination.md, "Incidents". */
#include "sim.h"

#include "common/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATE(name) BATON__CARD_STATE__CARD_##name

enum { MINUTE = 60000, DAY = 24 * 60 * MINUTE, LADDER = 2, OPEN_MAX = 6 };

static bool
is_incident(const struct m_card *card)
{
    return card->kind == BATON__CARD_KIND__CARD_INCIDENT;
}

static const struct m_card *
area_of(const struct model *m, const struct m_card *of)
{
    for (int i = 0; of->area >= 0 && i < m->n_cards; i++) {
        const struct m_card *card = &m->cards[i];
        if (card->kind == BATON__CARD_KIND__CARD_AREA && card->project == of->project &&
            card->name == of->area) {
            return card;
        }
    }
    return NULL;
}

static int
owner_of(const struct model *m, const struct m_card *of)
{
    const struct m_card *area = area_of(m, of);
    return area            ? (area->role >= 0 ? area->role : area->owner)
           : of->role >= 0 ? of->role
           : of->task >= 0 && !m->task[of->task].archived ? m->task[of->task].spec.role
                                                          : -1;
}

static int
any_role(const struct model *m)
{
    int best = 0;
    for (int r = 1; r < M_ROLES; r++) {
        bool more = m->credit[r] != m->credit[best] ? m->credit[r] > m->credit[best]
                                                    : m->workers[r] > m->workers[best];
        best = more ? r : best;
    }
    return best;
}

/* Roles as bits; 0: nobody knows the owner. */
static unsigned
required(const struct model *m, const struct m_card *of, int severity)
{
    int owner = owner_of(m, of);
    return severity == 1   ? 1u << role_number("infra") | 1u << role_number("backend")
           : severity == 4 ? 1u << any_role(m)
           : owner >= 0    ? 1u << owner
                           : 0;
}

static int64_t
response_ms(int severity)
{
    static const int64_t ms[] = {0, 15 * MINUTE, 60 * MINUTE, 240 * MINUTE, DAY};
    return ms[severity];
}

static unsigned
summoned(const struct m_card *of)
{
    unsigned roles = 0;
    for (int r = 0; r < M_ROLES; r++) {
        roles |= of->response[r] >= 0 ? 1u << r : 0;
    }
    return roles;
}

static bool
is_lonely(const struct model *m, unsigned roles)
{
    for (int r = 0; r < M_ROLES; r++) {
        if (roles & 1u << r && m->workers[r] == 0) {
            return true;
        }
    }
    return false;
}

/* Once `calling` is known: does somebody have to answer? */
static void
set_clock(struct model *m, struct m_card *of)
{
    bool waits = (summoned(of) | of->calling) & ~(unsigned)of->answered;
    of->state = waits ? STATE(OPEN) : STATE(TAKEN);
    of->due_at = waits ? m->now + response_ms(of->severity) : of->due_at;
    of->rings_at = waits && of->rung < LADDER ? of->due_at : 0;
    m->order_valid = false;
}

static void
freeze(struct model *m, struct m_card *of)
{
    for (int i = 0; i < m->n_cards; i++) {
        const struct m_card *card = &m->cards[i];
        of->frozen |= card->kind == BATON__CARD_KIND__CARD_LEVEL && card->project == of->project &&
                      card->severity == 1 && of->severity == 1;
    }
    m->order_valid = false;
}

static void
call_roles(struct model *m, struct m_card *of)
{
    freeze(m, of);
    of->calling = (uint8_t)(required(m, of, of->severity) & ~summoned(of));
    of->owed = is_lonely(m, of->calling) && of->rung < LADDER;
    set_clock(m, of);
}

/* ---- steps ---- */

static void
draw_capacity(struct world *w)
{
    for (int r = 0; r < M_ROLES; r++) {
        w->m->workers[r] = (uint32_t)pick(w, 3);
        w->m->credit[r] = w->m->workers[r] ? (uint32_t)pick(w, 4) : 0;
        core_set_capacity(w->core, r, w->m->workers[r], 2 * w->m->workers[r], w->m->credit[r]);
    }
}

static int
n_open(const struct model *m)
{
    int n = 0;
    for (int i = 0; i < m->n_cards; i++) {
        n += is_incident(&m->cards[i]) && model_card_is_open(&m->cards[i]);
    }
    return n;
}

static void
add_area(struct world *w, Baton__Card *card, int area)
{
    static const char *const areas[] = {"schema", "contracts"};
    Baton__Item *item = arena_alloc(&w->arena, sizeof *item);
    card->items = arena_alloc(&w->arena, sizeof(Baton__Item *));
    baton__item__init(item);
    item->tag = arena_strdup(&w->arena, "area");
    item->name = arena_strdup(&w->arena, areas[area]);
    card->items[card->n_items++] = item;
}

/* What is built in, and lower work yields. */
static void
set_level(struct world *w, int project, int severity)
{
    struct model *m = w->m;
    Baton__Card card = BATON__CARD__INIT;
    Baton__Post message = BATON__POST__INIT;
    Baton__Posted ret;
    struct m_card made = {.kind = BATON__CARD_KIND__CARD_LEVEL,
                          .state = STATE(IN_FORCE),
                          .project = (int8_t)project,
                          .severity = (uint8_t)severity,
                          .role = -1,
                          .task = -1};
    if (!board_make_room(m)) {
        return;
    }
    message.verb = BATON__CARD_VERB__CARD_SET;
    message.card = &card;
    card.kind = BATON__CARD_KIND__CARD_LEVEL;
    card.project = arena_strdup(&w->arena, sim_projects[made.project]);
    card.name = arena_printf(&w->arena, "P%d", made.severity - 1);
    card.severity = made.severity;
    Baton__Item items[5], *list[5];
    static const char *const tags[] = {"response", "yield", "required", "required", "freeze"};
    for (size_t i = 0; i < ARRAY_LEN(items); i++) {
        baton__item__init(&items[i]);
        items[i].tag = arena_strdup(&w->arena, tags[i]);
        list[i] = &items[i];
    }
    items[0].value = (double)response_ms(made.severity);
    items[0].unit = arena_strdup(&w->arena, "ms");
    items[2].name = arena_strdup(&w->arena, made.severity == 1 ? "infra" : "owner");
    items[3].name = arena_strdup(&w->arena, "backend");
    card.items = list;
    items[4].name = arena_strdup(&w->arena, sim_resources[M_FROZEN]);
    card.n_items = made.severity == 1 ? 5 : 3;
    if (board_post(w, &message, &ret, CODE(OK)) != BATON__CODE__CODE_OK) {
        return;
    }
    made.number = ret.card->number;
    if (ret.changed) {
        m->cards[m->n_cards++] = made;
    }
}

static codes
draw_incident(struct world *w, Baton__Card *card, struct m_card *made)
{
    struct model *m = w->m;
    *made = (struct m_card){.kind = BATON__CARD_KIND__CARD_INCIDENT,
                            .state = STATE(OPEN),
                            .project = (int8_t)pick(w, (uint64_t)w->rates.projects),
                            .severity = (uint8_t)(1 + pick(w, 4)),
                            .area = pick(w, 2) ? (int8_t)pick(w, 2) : -1,
                            .role = pick(w, 2) ? (int8_t)pick(w, M_ROLES) : -1,
                            .task = -1};
    memset(made->response, -1, sizeof made->response);
    card->kind = BATON__CARD_KIND__CARD_INCIDENT;
    uint64_t ignored;
    int busy = pick(w, 2) ? board_pick_holder(w, &ignored) : -1;
    if (busy >= 0) { /* its role has no slot left, and lower work is to make way */
        made->severity = 2;
        made->area = -1;
        made->role = m->task[busy].spec.role;
        m->workers[made->role] = 1;
        m->credit[made->role] = 0;
        core_set_capacity(w->core, made->role, 1, 1, 0);
    } else if (pick(w, 4) == 0 && m->n_tasks) {
        made->task = (int16_t)pick(w, (uint64_t)m->n_tasks);
        made->project = m->task[made->task].project;
        card->task = w->names[m->task[made->task].id];
    }
    card->project = arena_strdup(&w->arena, sim_projects[made->project]);
    card->title = arena_strdup(&w->arena, "it burns");
    card->severity = made->severity;
    card->role = arena_strdup(&w->arena, made->role >= 0 ? role_names[made->role] : "");
    if (made->area >= 0) {
        add_area(w, card, made->area);
    }
    codes expected = made->area >= 0 && !area_of(m, made) ? CODE(NOT_FOUND)
                     : !required(m, made, made->severity) ? CODE(INVALID)
                                                          : CODE(OK);
    if (pick(w, 15) == 0) {
        card->severity = pick(w, 2) ? 0 : 7;
        expected = CODE(INVALID) | (expected & ~(codes)CODE(OK));
    } else if (pick(w, 15) == 0) {
        card->title = arena_strdup(&w->arena, pick(w, 2) ? "" : "\033[2Jgone");
        expected = CODE(INVALID);
    }
    return expected;
}

static void
open_incident(struct world *w)
{
    struct model *m = w->m;
    Baton__Card card = BATON__CARD__INIT;
    Baton__Post message = BATON__POST__INIT;
    Baton__Posted ret;
    struct m_card made;
    if (!board_make_room(m) || n_open(m) >= OPEN_MAX || m->n_tasks > M_TASKS_MAX - 100 ||
        w->n_names > M_GATE_FIRST - 100) {
        return;
    }
    draw_capacity(w);
    message.verb = BATON__CARD_VERB__CARD_RAISE;
    message.card = &card;
    message.dry_run = pick(w, 15) == 0;
    codes expected = draw_incident(w, &card, &made);
    if (board_post(w, &message, &ret, expected) == BATON__CODE__CODE_OK && !message.dry_run) {
        made.number = ret.card->number;
        made.created_at = m->now;
        call_roles(m, &made);
        m->cards[m->n_cards++] = made;
    }
}

static struct m_card *
pick_incident(struct world *w)
{
    for (int i = 0; i < 30 && w->m->n_cards; i++) {
        struct m_card *card = &w->m->cards[pick(w, (uint64_t)w->m->n_cards)];
        if (is_incident(card)) {
            return card;
        }
    }
    return NULL;
}

static void
answered(struct model *m, struct m_card *of, unsigned roles)
{
    of->answered = (uint8_t)(of->answered | (roles & summoned(of)));
    if (of->state == STATE(OPEN) && !(summoned(of) & ~(unsigned)of->answered)) {
        of->state = STATE(TAKEN);
        of->rings_at = 0;
    }
    m->order_valid = false;
}

static void
acknowledge(struct world *w, struct m_card *of)
{
    Baton__Card card = BATON__CARD__INIT;
    Baton__Post message = BATON__POST__INIT;
    Baton__Posted ret;
    message.verb = BATON__CARD_VERB__CARD_ACKNOWLEDGE;
    message.card = &card;
    card.number = of->number;
    int holder = pick(w, 3) == 0 ? board_pick_holder(w, &message.token) : -1;
    for (int i = 0; i < 5 && holder >= 0; i++) { /* one that is called, if there is one */
        bool called = summoned(of) & 1u << w->m->task[holder].spec.role;
        holder = called ? holder : board_pick_holder(w, &message.token);
    }
    message.token = holder >= 0 ? message.token : 0;
    int role = holder < 0 && pick(w, 2) ? (int)pick(w, M_ROLES) : -1;
    card.role = arena_strdup(&w->arena, role >= 0 ? role_names[role] : "");
    unsigned roles = holder >= 0 ? 1u << w->m->task[holder].spec.role
                     : role >= 0 ? 1u << role
                                 : (1u << M_ROLES) - 1;
    codes expected = !model_card_is_open(of) ? CODE(ILLEGAL_TRANSITION)
                     : roles & summoned(of)  ? CODE(OK)
                     : holder >= 0           ? CODE(DENIED)
                                             : CODE(INVALID);
    if (board_post(w, &message, &ret, expected) == BATON__CODE__CODE_OK) {
        answered(w->m, of, roles);
    }
}

static void
amend(struct world *w, struct m_card *of)
{
    Baton__Card card = BATON__CARD__INIT;
    Baton__Post message = BATON__POST__INIT;
    Baton__Posted ret;
    message.verb = BATON__CARD_VERB__CARD_AMEND;
    message.card = &card;
    card.number = of->number;
    card.severity = (uint32_t)pick(w, 5);
    codes expected = !model_card_is_open(of) ? CODE(ILLEGAL_TRANSITION)
                     : card.severity == 0    ? CODE(INVALID)
                                             : CODE(OK);
    draw_capacity(w);
    if (board_post(w, &message, &ret, expected) == BATON__CODE__CODE_OK &&
        card.severity != of->severity) {
        of->severity = (uint8_t)card.severity;
        call_roles(w->m, of);
    }
}

static void
resolve(struct world *w, struct m_card *of)
{
    Baton__Card card = BATON__CARD__INIT;
    Baton__Post message = BATON__POST__INIT;
    Baton__Posted ret;
    message.verb = BATON__CARD_VERB__CARD_RESOLVE;
    message.card = &card;
    card.number = of->number;
    card.outcome = arena_strdup(&w->arena, pick(w, 5) ? "a full disk" : "");
    int holder = pick(w, 3) == 0 ? board_pick_holder(w, &message.token) : -1;
    bool may = holder < 0 || summoned(of) & 1u << w->m->task[holder].spec.role;
    codes expected = !model_card_is_open(of) ? CODE(ILLEGAL_TRANSITION)
                     : !card.outcome[0]      ? CODE(INVALID)
                     : !may                  ? CODE(DENIED)
                                             : CODE(OK);
    if (board_post(w, &message, &ret, expected) == BATON__CODE__CODE_OK) {
        of->state = STATE(RESOLVED);
        of->rings_at = 0;
        of->called_off = true;
        w->m->order_valid = false;
    }
}

void
step_incident(struct world *w)
{
    if (pick(w, 4) == 0) {
        set_level(w, (int)pick(w, (uint64_t)w->rates.projects), 1 + (int)pick(w, 2));
        return;
    }
    struct m_card *of = pick_incident(w);
    uint64_t what = pick(w, 10);
    if (!of || what < 3) {
        open_incident(w);
    } else if (what < 6) {
        acknowledge(w, of);
    } else if (what < 8) {
        amend(w, of);
    } else {
        resolve(w, of);
    }
}

/* ---- what comes out ---- */

/* Who is called with the next rung. */
static unsigned
next_rung_roles(const struct model *m, const struct m_card *of)
{
    const struct m_card *area = of->rung == 0 ? area_of(m, of) : NULL;
    unsigned roles = required(m, of, of->severity > 1 ? of->severity - 1 : 1);
    return (roles | (area ? 1u << area->owner : 0)) & ~summoned(of);
}

static bool
may_ring(const struct model *m, const struct m_card *of)
{
    return of->rung < LADDER && model_card_is_open(of) &&
           (of->owed || (of->rings_at && of->rings_at <= m->now));
}

bool
incident_take_task(struct world *w, const Baton__Event *e)
{
    struct model *m = w->m;
    char *end;
    uint64_t number = strncmp(e->id, "INC-", 4) == 0 ? strtoull(e->id + 4, &end, 10) : 0;
    struct m_card *of = number ? model_card(m, number) : NULL;
    int role = of && *end == '-' ? role_number(end + 1) : -1;
    int id = world_name(w, e->id);
    if (!of || !is_incident(of) || role < 0 || id < 0 || of->response[role] >= 0) {
        return false;
    }
    bool called = of->calling & 1u << role ||
                  (may_ring(m, of) && next_rung_roles(m, of) & 1u << role);
    if (!called) {
        return false;
    }
    of->calling &= (uint8_t) ~(1u << role);
    of->response[role] = (int16_t)model_add_response(m, of->project, id, role);
    return true;
}

/* Who is written down as missed with this rung. */
static unsigned
told_missed(const Baton__Card *card, unsigned rung)
{
    unsigned roles = 0;
    for (size_t i = 0; i < card->n_items; i++) {
        const Baton__Item *item = card->items[i];
        bool is = strcmp(item->tag, "missed") == 0 && item->value == (double)rung;
        roles |= is ? 1u << role_number(item->name) : 0;
    }
    return roles;
}

/* All who have not answered when the clock rings; else who has no worker, and was not passed over
 * before. */
static unsigned
expected_missed(const struct model *m, const struct m_card *of, unsigned before)
{
    bool rang = of->due_at <= m->now;
    unsigned roles = 0;
    for (int r = 0; r < M_ROLES; r++) {
        bool waits = before & 1u << r && !(of->answered & 1u << r);
        bool lonely = m->workers[r] == 0 && !(of->missed & 1u << r);
        roles |= waits && (rang || lonely) ? 1u << r : 0;
    }
    return roles;
}

/* One rung up: when its time has come, or nobody is there to answer; each once. */
static void
take_ring(struct world *w, const Baton__Event *e, struct m_card *of, unsigned before)
{
    struct model *m = w->m;
    if (!may_ring(m, of) || e->card->rung != of->rung + 1u) {
        sim_fail(w, "incident %llu goes to rung %u, and that is not due",
                 (unsigned long long)of->number, e->card->rung);
    }
    of->rung++;
    unsigned missed = expected_missed(m, of, before);
    of->missed |= (uint8_t)missed;
    if (told_missed(e->card, of->rung) != missed) {
        sim_fail(w, "incident %llu: rung %u is for the roles %#x, not %#x",
                 (unsigned long long)of->number, of->rung, told_missed(e->card, of->rung), missed);
    }
    bool reached = of->rung > 1 || area_of(m, of);
    of->severity = (uint8_t)(of->severity > 1 ? of->severity - 1 : 1);
    freeze(m, of);
    if (e->card->severity != of->severity) {
        sim_fail(w, "incident %llu is P%u on rung %u", (unsigned long long)of->number,
                 e->card->severity - 1, of->rung);
    }
    of->owed = of->rung < LADDER && (!reached || is_lonely(m, summoned(of) & ~before));
    set_clock(m, of);
}

/* The roles that its card had when it was told last. */
static unsigned
told_roles(const Baton__Card *card)
{
    unsigned roles = 0;
    for (size_t i = 0; i < card->n_items; i++) {
        int role = strcmp(card->items[i]->tag, "summoned") == 0 ? role_number(card->items[i]->name)
                                                                : -1;
        roles |= role >= 0 ? 1u << role : 0;
    }
    return roles;
}

/* What has made way since its card was told last. */
static void
take_preempted(struct world *w, const Baton__Card *card, struct m_card *of)
{
    int n = 0;
    for (size_t i = 0; i < card->n_items; i++) {
        n += strcmp(card->items[i]->tag, "preempted") == 0;
    }
    if (n != of->preempted + w->m->n_preempted) {
        sim_fail(w, "incident %llu names %d tasks that made way, not %d more than %d",
                 (unsigned long long)of->number, n, w->m->n_preempted, of->preempted);
    }
    of->preempted = (uint16_t)n;
    w->m->n_preempted = 0;
}

/* Nobody has answered for another. */
static void
check_answers(struct world *w, const Baton__Card *card, const struct m_card *of)
{
    for (size_t i = 0; i < card->n_items; i++) {
        const Baton__Item *item = card->items[i];
        bool answers = strcmp(item->tag, "summoned") == 0 && item->unit[0];
        if (answers && !(of->answered & 1u << role_number(item->name))) {
            sim_fail(w, "incident %llu is answered for %s by nobody of it",
                     (unsigned long long)of->number, item->name);
        }
    }
}

void
incident_take_event(struct world *w, const Baton__Event *e, struct m_card *of)
{
    if (!e->text[0]) {
        take_ring(w, e, of, of->told);
    } else if (strcmp(e->text, "acknowledge") == 0) {
        answered(w->m, of, of->owed_answers);
        of->owed_answers = 0;
        check_answers(w, e->card, of);
    }
    of->told = (uint8_t)told_roles(e->card);
    take_preempted(w, e->card, of);
}

static bool
level_yields(const struct model *m, const struct m_card *of)
{
    for (int i = 0; i < m->n_cards; i++) {
        const struct m_card *card = &m->cards[i];
        if (card->kind == BATON__CARD_KIND__CARD_LEVEL && card->project == of->project &&
            card->severity == of->severity) {
            return of->severity <= 2;
        }
    }
    return false;
}

/* It is told to make way: for whom, and may that be asked of it? */
static void
check_yield(struct world *w, int t)
{
    struct model *m = w->m;
    int role = m->task[t].spec.role;
    bool asked = false;
    for (int i = 0; i < m->n_cards; i++) {
        const struct m_card *of = &m->cards[i];
        for (int r = 0; is_incident(of) && model_card_is_open(of) && r < M_ROLES; r++) {
            int answer = of->response[r];
            asked |= answer >= 0 && !(of->answered & 1u << r) && m->seen[answer] == READY &&
                     m->task[answer].spec.role == role && level_yields(m, of);
        }
    }
    model_order(m);
    if (!asked || !m->workers[role] || m->credit[role] || m->task[t].n_yields >= 2 ||
        m->tier[t] < 2 || m->task[t].sessionless || m->task[t].spec.no_preempt ||
        m->seen[t] != CANCELLING) {
        sim_fail(w, "%s has to make way, and nobody may ask it", w->names[m->task[t].id]);
    }
    model_cancel(m, t, BATON__REASON__REASON_PREEMPTED, 120000);
    m->task[t].n_yields++;
    m->n_preempted++;
}

void
incident_task_moves(struct world *w, int t, const Baton__Event *e)
{
    struct model *m = w->m;
    int from = (int)e->from, to = (int)e->to;
    if (to == CANCELLING && e->reason == BATON__REASON__REASON_PREEMPTED) {
        check_yield(w, t);
    }
    for (int i = 0; i < m->n_cards; i++) {
        struct m_card *of = &m->cards[i];
        for (int r = 0; is_incident(of) && r < M_ROLES; r++) {
            if (of->response[r] != t) {
                continue;
            }
            if (of->called_off && to == CANCELLED && from <= READY) {
                model_cancel(m, t, BATON__REASON__REASON_OPERATOR, 0);
            }
            if (from == LEASED && to == RUNNING && model_card_is_open(of) &&
                !(of->answered & 1u << r)) {
                of->owed_answers |= (uint8_t)(1u << r);
            }
        }
    }
}

void
incident_check(struct world *w)
{
    struct model *m = w->m;
    if (m->n_preempted) {
        sim_fail(w, "%d tasks made way, and no incident names them", m->n_preempted);
    }
    for (int i = 0; i < m->n_cards; i++) {
        struct m_card *of = &m->cards[i];
        if (!is_incident(of)) {
            continue;
        }
        if (of->calling || of->owed_answers) {
            sim_fail(w, "incident %llu: a role was not called, or its answer was not heard",
                     (unsigned long long)of->number);
        }
        for (int r = 0; of->called_off && r < M_ROLES; r++) {
            int t = of->response[r];
            if (t >= 0 && m->seen[t] <= READY) {
                sim_fail(w, "incident %llu is over, and %s is to answer it still",
                         (unsigned long long)of->number, w->names[m->task[t].id]);
            }
        }
        of->called_off = false;
    }
}
