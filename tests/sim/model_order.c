/* The reference model: the order of the ready ones, and what they need to run. */
#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int64_t hour = 3600000;

static int64_t
patience(int priority)
{
    switch (priority) {
    case BATON__PRIORITY__PRIORITY_CRITICAL:
        return 0;
    case BATON__PRIORITY__PRIORITY_HIGH:
        return hour;
    case BATON__PRIORITY__PRIORITY_LOW:
        return 72 * hour;
    default:
        return 8 * hour;
    }
}

static int64_t
patience_above(int priority)
{
    int p = priority ? priority : BATON__PRIORITY__PRIORITY_MEDIUM;
    return p == BATON__PRIORITY__PRIORITY_CRITICAL ? 0 : patience(p - 1);
}

static int
dependents_first(const struct model *m, int16_t *list)
{
    static uint16_t open[M_TASKS_MAX]; /* live dependents not listed yet */
    int n = 0;
    for (int t = 0; t < m->n_tasks; t++) {
        open[t] = m->n_dependents[t];
        if (model_is_live(m, t) && open[t] == 0) {
            list[n++] = (int16_t)t;
        }
    }
    for (int i = 0; i < n; i++) {
        const struct m_spec *spec = &m->task[list[i]].spec;
        for (int k = 0; k < spec->n_edges; k++) {
            int up = model_find(m, spec->edges[k].project, spec->edges[k].id);
            if (up >= 0 && --open[up] == 0 && model_is_live(m, up)) {
                list[n++] = (int16_t)up;
            }
        }
    }
    return n;
}

static void
count_dependents(struct model *m)
{
    memset(m->n_dependents, 0, (size_t)m->n_tasks * sizeof m->n_dependents[0]);
    for (int d = 0; d < m->n_tasks; d++) {
        const struct m_spec *spec = &m->task[d].spec;
        for (int k = 0; model_is_live(m, d) && k < spec->n_edges; k++) {
            int up = model_find(m, spec->edges[k].project, spec->edges[k].id);
            if (up >= 0) { /* one that waits with two conditions counts twice */
                m->n_dependents[up]++;
            }
        }
    }
}

/* A place in the order: the tier comes first. */
struct place {
    int tier;
    int64_t at;
};

static struct place
earlier(struct place a, struct place b)
{
    return a.tier != b.tier ? (a.tier < b.tier ? a : b) : a.at < b.at ? a : b;
}

/* `d` is done with: what it depends on hears of its urgency. */
static void
inherit(struct model *m, int d, struct place *from_dependents)
{
    const struct m_spec *spec = &m->task[d].spec;
    for (int k = 0; k < spec->n_edges; k++) {
        int up = model_find(m, spec->edges[k].project, spec->edges[k].id);
        if (up < 0) {
            continue;
        }
        if (m->effective[d] != INT64_MAX) {
            m->effective[up] = MIN(m->effective[up], m->effective[d] - spec->estimate);
        }
        int64_t before = m->order_at[d] - m->task[up].spec.estimate;
        struct place place = {m->tier[d], MAX(m->task[up].anchor, before)};
        from_dependents[up] = earlier(from_dependents[up], place);
    }
}

static int64_t
patience_for(const struct m_card *incident)
{
    static const int64_t quarters[] = {0, 1, 4, 16};
    return incident->severity == 4 ? MAX(0, incident->due_at - incident->created_at)
                                   : quarters[incident->severity] * hour / 4;
}

/* `incident`: to which it is an answer; NULL: none. */
static struct place
own_place(const struct model *m, int t, const struct m_card *incident)
{
    const struct m_task *task = &m->task[t];
    const struct m_spec *spec = &task->spec;
    int urgency = model_is_escalated(m, t) ? BATON__PRIORITY__PRIORITY_CRITICAL : spec->priority;
    int64_t base = task->anchor + (incident ? patience_for(incident) : patience(urgency));
    int64_t own = base;
    if (m->effective[t] != INT64_MAX) {
        bool hard = (spec->deadline && spec->on_deadline) || incident;
        int64_t floor = hard ? task->anchor : task->anchor + patience_above(urgency);
        own = MAX(floor, MIN(m->effective[t] - spec->estimate, base));
    }
    int tier = incident && incident->severity <= 2 ? incident->severity - 1 : 2;
    return (struct place){tier, MAX(task->anchor, own)};
}

/* Which incident each task answers, -1: none. */
static void
find_incidents(const struct model *m, int16_t *of)
{
    for (int t = 0; t < m->n_tasks; t++) {
        of[t] = -1;
    }
    for (int i = 0; i < m->n_cards; i++) {
        const struct m_card *card = &m->cards[i];
        bool is_open = card->kind == BATON__CARD_KIND__CARD_INCIDENT && model_card_is_open(card);
        for (int r = 0; is_open && r < M_ROLES; r++) {
            if (card->response[r] >= 0) {
                of[card->response[r]] = (int16_t)i;
            }
        }
    }
}

static const struct model *sorting;

static int
compare(const void *a, const void *b)
{
    const struct model *m = sorting;
    int x = *(const int16_t *)a;
    int y = *(const int16_t *)b;
    if (m->tier[x] != m->tier[y]) {
        return m->tier[x] < m->tier[y] ? -1 : 1;
    }
    if (m->order_at[x] != m->order_at[y]) {
        return m->order_at[x] < m->order_at[y] ? -1 : 1;
    }
    if (m->n_dependents[x] != m->n_dependents[y]) {
        return m->n_dependents[x] > m->n_dependents[y] ? -1 : 1;
    }
    return m->key[x] < m->key[y] ? -1 : 1;
}

void
model_order(struct model *m)
{
    static int16_t list[M_TASKS_MAX];
    static struct place from_dependents[M_TASKS_MAX];
    static int16_t incidents[M_TASKS_MAX];
    if (m->order_valid) {
        return;
    }
    count_dependents(m);
    for (int t = 0; t < m->n_tasks; t++) {
        const struct m_spec *spec = &m->task[t].spec;
        m->effective[t] = spec->deadline ? spec->deadline : INT64_MAX;
        from_dependents[t] = (struct place){3, INT64_MAX};
    }
    find_incidents(m, incidents);
    int n = dependents_first(m, list);
    for (int i = 0; i < n; i++) {
        int t = list[i];
        const struct m_card *incident = incidents[t] >= 0 ? &m->cards[incidents[t]] : NULL;
        struct place place = earlier(own_place(m, t, incident), from_dependents[t]);
        m->tier[t] = (uint8_t)place.tier;
        m->order_at[t] = place.at;
        inherit(m, list[i], from_dependents);
    }
    m->n_order = 0;
    for (int t = 0; t < m->n_tasks; t++) {
        if (m->state[t] == READY) {
            m->order[m->n_order++] = (int16_t)t;
        }
    }
    sorting = m;
    qsort(m->order, (size_t)m->n_order, sizeof m->order[0], compare);
    m->order_valid = true;
}

/* ---- resources ---- */

struct use {
    bool exclusive, shared;
    uint32_t units;
};

static void
add_claims(const struct m_claim *claims, int n, struct use use[M_RESOURCES])
{
    for (int i = 0; i < n; i++) {
        struct use *u = &use[claims[i].resource];
        u->shared |= claims[i].shared;
        u->exclusive |= !claims[i].shared && claims[i].amount == 0;
        u->units += claims[i].shared ? 0 : (uint32_t)claims[i].amount;
    }
}

bool
model_is_path(int resource)
{
    return strncmp(sim_resources[resource], "path:", 5) == 0;
}

bool
model_meet(int a, int b)
{
    if (a == b || !model_is_path(a) || !model_is_path(b)) {
        return a == b;
    }
    char x[64], y[64];
    snprintf(x, sizeof x, "/%s/", sim_resources[a] + 5);
    snprintf(y, sizeof y, "/%s/", sim_resources[b] + 5);
    return strcmp(x, "/**/") == 0 || strcmp(y, "/**/") == 0 || strncmp(x, y, strlen(x)) == 0 ||
           strncmp(x, y, strlen(y)) == 0;
}

/* What is in the way of a claim on r: use of r, and of the paths that it meets. */
static struct use
use_met(const struct use use[M_RESOURCES], int r)
{
    struct use all = {0};
    for (int i = 0; i < M_RESOURCES; i++) {
        if (model_meet(i, r)) {
            all.exclusive |= use[i].exclusive;
            all.shared |= use[i].shared;
            all.units += use[i].units;
        }
    }
    return all;
}

static bool
lock_is_paused(const struct model *m, int r)
{
    for (int i = 0; i < M_RESOURCES; i++) {
        if (m->lock[i].on && model_meet(i, r)) {
            return true;
        }
    }
    for (int i = 0; i < m->n_cards; i++) {
        const struct m_card *card = &m->cards[i];
        if (card->kind == BATON__CARD_KIND__CARD_INCIDENT && model_card_is_open(card) &&
            card->frozen && model_meet(M_FROZEN, r)) {
            return true;
        }
    }
    return false;
}

static bool
fits(const struct m_claim *claim, const struct use *u, uint32_t capacity)
{
    if (claim->shared) {
        return !u->exclusive && u->units == 0;
    }
    if (claim->amount == 0) {
        return !u->exclusive && !u->shared && u->units == 0;
    }
    return !u->exclusive && !u->shared && u->units + (uint32_t)claim->amount <= capacity;
}

static void
use_now(const struct model *m, bool with_vague, struct use use[M_RESOURCES])
{
    for (int o = 0; o < m->n_tasks; o++) {
        if (model_holds_lease(m, o)) {
            add_claims(m->task[o].spec.claims, m->task[o].spec.n_claims, use);
            add_claims(m->task[o].taken, m->task[o].n_taken, use);
        }
    }
    for (int i = 0; i < m->n_lingers; i++) {
        if (m->lingers[i].sure || with_vague) {
            add_claims(m->lingers[i].claims, m->lingers[i].n_claims, use);
        }
    }
    for (int i = 0; i < m->n_cards; i++) {
        const struct m_card *card = &m->cards[i];
        if (card->kind == BATON__CARD_KIND__CARD_RESERVATION && model_card_is_open(card)) {
            add_claims(card->claims, card->n_claims, use);
        }
    }
}

bool
model_is_unheld(const struct model *m, const struct m_claim *claim, bool with_vague)
{
    struct use use[M_RESOURCES] = {0};
    use_now(m, with_vague, use);
    struct use met = use_met(use, claim->resource);
    return fits(claim, &met, m->capacity[claim->resource]);
}

bool
model_has_room(const struct model *m, const struct m_claim *claim, bool with_vague)
{
    return model_is_unheld(m, claim, with_vague) && !lock_is_paused(m, claim->resource);
}

reasons
model_obstacles(const struct model *m, int t, uint32_t reserved, bool with_vague,
                uint32_t *ret_waits_for)
{
    const struct m_spec *spec = &m->task[t].spec;
    struct use use[M_RESOURCES] = {0};
    reasons why = 0;
    *ret_waits_for = 0;
    why |= m->broker.on ? WHY(BROKER_PAUSED) : 0;
    why |= m->role[spec->role].on ? WHY(ROLE_PAUSED) : 0;
    why |= model_is_blocked_around(m, spec->project, spec->role) ? WHY(BLOCKER) : 0;
    why |= m->project[spec->project].on ? WHY(PROJECT_PAUSED) : 0;
    why |= budget_keeps(m, t, false) ? WHY(BUDGET) : 0;
    why |= !m->task[t].response && m->submitter[m->task[t].actor].on ? WHY(SUBMITTER_PAUSED) : 0;
    if (spec->n_claims == 0) {
        return why;
    }
    use_now(m, with_vague, use);
    for (int i = 0; i < spec->n_claims; i++) {
        int r = spec->claims[i].resource;
        struct use met = use_met(use, r);
        bool room = fits(&spec->claims[i], &met, m->capacity[r]);
        bool kept = false;
        for (int k = 0; k < M_RESOURCES; k++) {
            kept |= (reserved & (1u << k)) && model_meet(k, r);
        }
        why |= lock_is_paused(m, r) ? WHY(LOCK_PAUSED) : 0;
        why |= !room || kept ? WHY(LOCK) : 0;
        *ret_waits_for |= room ? 0 : 1u << r;
    }
    return why;
}

uint32_t
model_used(const struct model *m, int resource, bool with_vague)
{
    struct use use[M_RESOURCES] = {0};
    use_now(m, with_vague, use);
    const struct use *u = &use[resource];
    return u->exclusive || u->shared ? 1 : u->units;
}
