/* Steps on handoffs, and what they owe each other: docs/coordination.md, "Handoffs". */
#include "sim.h"

#include "common/limits.h"

#include <string.h>

#define STATE(name) BATON__CARD_STATE__CARD_##name
#define ACTOR "agent@desk" /* of the verbs; anybody else is the broker by itself */

static bool
is_handoff(const struct m_card *card)
{
    return card->kind == BATON__CARD_KIND__CARD_HANDOFF;
}

static bool
task_depends_on(const struct model *m, int t, int on)
{
    const struct m_spec *spec = &m->task[t].spec;
    for (int i = 0; i < spec->n_edges && on >= 0; i++) { /* -1: of no task */
        if (spec->edges[i].id == m->task[on].id && spec->edges[i].project == m->task[on].project) {
            return true;
        }
    }
    return false;
}

int
board_pick_holder(struct world *w, uint64_t *ret_token)
{
    const struct model *m = w->m;
    for (int i = 0; i < 20 && m->n_leases; i++) {
        const struct m_lease *lease = &m->leases[pick(w, (uint64_t)m->n_leases)];
        bool holds = lease->end == END_LIVE && m->state[lease->task] >= LEASED &&
                     m->state[lease->task] <= CANCELLING;
        if (holds && !check_in_flux(w, lease->task)) {
            *ret_token = lease->token;
            return lease->task;
        }
    }
    return -1;
}

/* ---- give ---- */

static Baton__Item *
add_item(struct world *w, Baton__Card *card, const char *tag, const char *name, const char *text)
{
    Baton__Item *item = arena_alloc(&w->arena, sizeof *item);
    Baton__Item **items = arena_alloc(&w->arena, sizeof(Baton__Item *));
    baton__item__init(item);
    item->tag = arena_strdup(&w->arena, tag);
    item->name = arena_strdup(&w->arena, name);
    item->text = arena_strdup(&w->arena, text);
    items[0] = item;
    card->items = items;
    card->n_items = 1;
    return item;
}

static codes
spoil(struct world *w, Baton__Card *card)
{
    static const char *const paths[] = {"/etc/passwd", "../up", "a/../../b", "..", ""};
    switch (pick(w, 5)) {
    case 0:
        add_item(w, card, "artifact", paths[pick(w, ARRAY_LEN(paths))], "what it is");
        return CODE(INVALID);
    case 1:
        add_item(w, card, "secret", "x", "y");
        return CODE(INVALID);
    case 2:
        add_item(w, card, "completed", "", "");
        return CODE(INVALID);
    case 3:
        card->to_role = arena_strdup(&w->arena, "plumber");
        return CODE(UNKNOWN_ROLE);
    default:
        card->name = arena_strdup(&w->arena, "named");
        return CODE(INVALID);
    }
}

/* A newer one comes: those that nobody has answered are superseded. */
static void
owe_old(struct model *m, int t)
{
    for (int i = 0; i < m->n_cards; i++) {
        struct m_card *older = &m->cards[i];
        if (is_handoff(older) && older->task == t && older->state == STATE(SUBMITTED)) {
            older->owed_old = true;
        }
    }
}

Baton__Card *
handoff_message(struct world *w)
{
    Baton__Card *card = arena_alloc(&w->arena, sizeof *card);
    baton__card__init(card);
    add_item(w, card, "completed", "", "the schema");
    return card;
}

/* One that came with a result: its task owes it. */
void
handoff_adopt(struct world *w, const Baton__Event *e)
{
    struct model *m = w->m;
    int t = world_slot(w, e->card->project, e->card->task);
    if (t < 0 || !m->task[t].owed_handoff || e->card->token != m->latest[t] ||
        !board_make_room(m)) {
        sim_fail(w, "handoff %llu is given by nobody", (unsigned long long)e->card->number);
    }
    m->task[t].owed_handoff = false;
    owe_old(m, t);
    m->cards[m->n_cards++] = (struct m_card){.number = e->card->number,
                                             .kind = BATON__CARD_KIND__CARD_HANDOFF,
                                             .state = STATE(SUBMITTED),
                                             .project = m->task[t].project,
                                             .role = m->task[t].spec.role,
                                             .to_role = -1,
                                             .task = (int16_t)t,
                                             .created_at = m->now};
}

/* One that is done, and whose work somebody goes on with now; -1: there is none. */
static int
pick_upstream(struct world *w)
{
    const struct model *m = w->m;
    int first = (int)pick(w, (uint64_t)m->n_tasks);
    for (int i = 0; i < m->n_tasks; i++) {
        int from = (first + i) % m->n_tasks;
        for (int t = 0; t < m->n_tasks && m->state[from] == DONE; t++) {
            if (model_holds_lease(m, t) && task_depends_on(m, t, from)) {
                return from;
            }
        }
    }
    return -1;
}

static void
give(struct world *w)
{
    struct model *m = w->m;
    Baton__Card card = BATON__CARD__INIT;
    Baton__Post message = BATON__POST__INIT;
    Baton__Posted ret;
    if (!board_make_room(m) || !m->n_tasks) {
        return;
    }
    int t = pick(w, 4) ? -1 : pick_upstream(w);
    t = t >= 0 ? t : (int)pick(w, (uint64_t)m->n_tasks);
    codes expected = CODE(OK);
    int holder = pick(w, 2) ? board_pick_holder(w, &message.token) : -1;
    if (holder >= 0 && pick(w, 4)) {
        t = holder;
    } else if (holder >= 0 && t != holder) {
        expected = CODE(DENIED);
    }
    struct m_card made = {.kind = BATON__CARD_KIND__CARD_HANDOFF,
                          .created_at = m->now,
                          .state = STATE(SUBMITTED),
                          .project = m->task[t].project,
                          .role = m->task[t].spec.role,
                          .to_role = -1,
                          .task = (int16_t)t};
    message.verb = BATON__CARD_VERB__CARD_RAISE;
    message.card = &card;
    card.kind = BATON__CARD_KIND__CARD_HANDOFF;
    card.project = arena_strdup(&w->arena, sim_projects[made.project]);
    card.task = w->names[m->task[t].id];
    int ready = -1;
    if (chance(w, w->rates.gates) && m->n_cards < M_CARDS_MAX - 2) {
        ready = (int)pick(w, M_SIGNALS);
        add_item(w, &card, "ready", "", signal_text(w, ready));
    } else {
        add_item(w, &card, pick(w, 2) ? "artifact" : "completed", "src/schema.sql", "the schema");
    }
    if (pick(w, 2)) {
        made.to_role = (int8_t)pick(w, (uint64_t)w->rates.roles);
        card.to_role = arena_strdup(&w->arena, role_names[made.to_role]);
    }
    if (holder >= 0 && t == holder && expected == CODE(OK)) {
        made.token = message.token;
    }
    if (m->task[t].archived || m->task[t].spec.role < 0) {
        expected |= CODE(INVALID); /* from which role? */
    }
    if (pick(w, 10) == 0) {
        /* The form of a text is looked at first, its sense after whose task it is. */
        codes form = spoil(w, &card);
        ready = -1;
        expected = expected == CODE(OK) ? form : expected | form;
        expected &= ~(codes)CODE(OK);
    }
    if (board_post(w, &message, &ret, expected) != BATON__CODE__CODE_OK) {
        return;
    }
    owe_old(m, t);
    made.number = ret.card->number;
    m->cards[m->n_cards++] = made;
    if (made.token) {
        m->task[t].handed = made.token;
    }
    if (ready >= 0) {
        signal_owe(w, made.project, ready);
    }
}

/* From role to role, of no task. */
static void
give_to_role(struct world *w)
{
    struct model *m = w->m;
    Baton__Card card = BATON__CARD__INIT;
    Baton__Post message = BATON__POST__INIT;
    Baton__Posted ret;
    if (!board_make_room(m) || !m->n_tasks) {
        return;
    }
    const struct m_task *somewhere = &m->task[pick(w, (uint64_t)m->n_tasks)];
    struct m_card made = {.kind = BATON__CARD_KIND__CARD_HANDOFF,
                          .created_at = m->now,
                          .state = STATE(SUBMITTED),
                          .project = somewhere->project,
                          .role = (int8_t)pick(w, (uint64_t)w->rates.roles),
                          .to_role = (int8_t)pick(w, (uint64_t)w->rates.roles),
                          .task = -1};
    codes expected = CODE(OK);
    message.verb = BATON__CARD_VERB__CARD_RAISE;
    message.card = &card;
    card.kind = BATON__CARD_KIND__CARD_HANDOFF;
    card.project = arena_strdup(&w->arena, sim_projects[made.project]);
    card.role = arena_strdup(&w->arena, role_names[made.role]);
    card.to_role = arena_strdup(&w->arena, role_names[made.to_role]);
    add_item(w, &card, "completed", "", "the schema");
    if (pick(w, 8) == 0) {
        *(pick(w, 2) ? &card.role : &card.to_role) = arena_strdup(&w->arena, "");
        expected = CODE(INVALID);
    }
    if (board_post(w, &message, &ret, expected) == BATON__CODE__CODE_OK) {
        made.number = ret.card->number;
        m->cards[m->n_cards++] = made;
    }
}

/* ---- answer ---- */

/* Often one that depends on it. */
static int
pick_receiver(struct world *w, int from, uint64_t *ret_token)
{
    struct model *m = w->m;
    bool wanted = pick(w, 4);
    for (int t = 0; t < m->n_tasks && wanted; t++) {
        if (model_holds_lease(m, t) && task_depends_on(m, t, from) && !check_in_flux(w, t)) {
            *ret_token = m->latest[t];
            return t;
        }
    }
    return board_pick_holder(w, ret_token);
}

/* The receiver needs it, has begun within a day, and it can be done again. */
static bool
sends_back(const struct model *m, int receiver, int from)
{
    const struct m_task *task = &m->task[receiver];
    bool needs = false;
    for (int i = 0; i < task->spec.n_edges && from >= 0; i++) {
        const struct m_edge *e = &task->spec.edges[i];
        needs |= e->id == m->task[from].id && e->project == m->task[from].project && !e->any &&
                 e->condition <= BATON__CONDITION__CONDITION_FINISHED;
    }
    bool in_time = m->state[receiver] == LEASED ||
                   (m->state[receiver] == RUNNING &&
                    m->now < task->started_at + INT64_C(24) * 3600000);
    return from >= 0 && needs && in_time && m->state[from] == DONE && !m->task[from].archived &&
           !model_is_replaced(m, from);
}

static void
answer(struct world *w)
{
    struct model *m = w->m;
    Baton__Card card = BATON__CARD__INIT;
    Baton__Post message = BATON__POST__INIT;
    Baton__Posted ret;
    struct m_card *of = NULL;
    bool upstream = pick(w, 4);
    for (int i = 0; i < m->n_cards && upstream && !of; i++) {
        /* One whose work somebody goes on with now. */
        struct m_card *at = &m->cards[i];
        bool open = is_handoff(at) && model_card_is_open(at) && at->task >= 0 &&
                    m->state[at->task] == DONE;
        for (int t = 0; t < m->n_tasks && open && !of; t++) {
            of = model_holds_lease(m, t) && task_depends_on(m, t, at->task) ? at : NULL;
        }
    }
    for (int i = 0; i < 10 && m->n_cards && !of; i++) {
        struct m_card *at = &m->cards[pick(w, (uint64_t)m->n_cards)];
        of = is_handoff(at) ? at : NULL;
    }
    if (!of) {
        return;
    }
    bool rejects = pick(w, 2);
    message.verb = rejects ? BATON__CARD_VERB__CARD_REJECT : BATON__CARD_VERB__CARD_ACCEPT;
    message.card = &card;
    card.number = of->number;
    card.outcome = arena_strdup(&w->arena, pick(w, 5) ? "no migration script" : "");
    codes expected = CODE(OK);
    int holder = -1;
    if (!model_card_is_open(of)) {
        expected = CODE(ILLEGAL_TRANSITION);
    } else {
        holder = pick(w, 4) ? pick_receiver(w, of->task, &message.token) : -1;
        bool may = holder < 0 || task_depends_on(m, holder, of->task) ||
                   (of->to_role >= 0 && m->task[holder].spec.role == of->to_role);
        expected = !may ? CODE(DENIED) : rejects && !card.outcome[0] ? CODE(INVALID) : CODE(OK);
    }
    bool returns = rejects && holder >= 0 && sends_back(m, holder, of->task);
    if (returns && check_in_flux(w, of->task)) {
        return;
    }
    if (board_post(w, &message, &ret, expected) == BATON__CODE__CODE_OK) {
        of->state = rejects ? STATE(REJECTED) : STATE(ACCEPTED);
        if (returns) {
            model_sent_back(m, of->task);
            model_settle(m);
            model_returned(m, holder);
            model_settle(m);
        }
    }
}

void
step_handoff(struct world *w)
{
    if (pick(w, 12) == 0) {
        give_to_role(w);
    } else if (pick(w, 2)) {
        give(w);
    } else {
        answer(w);
    }
}

/* ---- who is given it ---- */

/* The latest one of the task that the edge names; NULL: there is none, or it was forgotten. */
static const struct m_card *
latest_of(const struct model *m, const struct m_edge *edge)
{
    const struct m_card *latest = NULL;
    for (int i = 0; i < m->n_cards; i++) {
        const struct m_card *card = &m->cards[i];
        if (is_handoff(card) && card->task >= 0 && m->task[card->task].id == edge->id &&
            m->task[card->task].project == edge->project &&
            (!latest || card->number > latest->number)) {
            latest = card;
        }
    }
    return latest;
}

void
handoff_check_given(struct world *w, int t, const Baton__Assignment *a)
{
    const struct m_spec *spec = &w->m->task[t].spec;
    for (int i = 0; i < spec->n_edges; i++) {
        const struct m_card *latest = latest_of(w->m, &spec->edges[i]);
        size_t n = 0, n_latest = 0;
        for (size_t k = 0; k < a->n_cards; k++) {
            const struct m_card *card = model_card(w->m, a->cards[k]->number);
            bool is = card && latest && is_handoff(card) && card->task == latest->task;
            n += is;
            n_latest += is && card == latest;
        }
        size_t owed = latest && latest->state != STATE(REJECTED);
        if (latest && (n != owed || n_latest != owed)) {
            sim_fail(w, "%s gets %zu handoffs of one task, of which %zu are the latest",
                     w->names[w->m->task[t].id], n, n_latest);
        }
    }
}

/* Those of no task to its role that nobody has answered, each once, and no other. */
void
handoff_check_given_to_role(struct world *w, int t, const Baton__Assignment *a)
{
    const struct m_task *task = &w->m->task[t];
    for (int i = 0; i < w->m->n_cards; i++) {
        const struct m_card *card = &w->m->cards[i];
        size_t n = 0;
        if (!is_handoff(card) || card->task >= 0) {
            continue;
        }
        for (size_t k = 0; k < a->n_cards; k++) {
            n += a->cards[k]->number == card->number;
        }
        bool owed = card->state == STATE(SUBMITTED) && card->project == task->project &&
                    card->to_role == task->spec.role;
        if (n != owed) {
            sim_fail(w, "%s gets handoff %llu to a role %zu times", w->names[task->id],
                     (unsigned long long)card->number, n);
        }
    }
}

/* ---- what follows by itself ---- */

void
handoff_done(struct world *w, int t)
{
    struct model *m = w->m;
    for (int i = 0; i < m->n_cards; i++) {
        struct m_card *card = &m->cards[i];
        if (is_handoff(card) && card->state == STATE(SUBMITTED) &&
            task_depends_on(m, t, card->task)) {
            card->owed = true;
        }
    }
}

void
handoff_take_event(struct world *w, const Baton__Event *e, struct m_card *card)
{
    int state = (int)e->card->state;
    if (state == STATE(SUPERSEDED) && card->owed_old) {
        card->state = STATE(SUPERSEDED);
        card->owed_old = false;
    } else if (state == STATE(ACCEPTED) && card->owed) {
        card->state = STATE(ACCEPTED);
        card->owed = false;
    } else if (strcmp(e->actor, ACTOR) != 0 || state != card->state) {
        sim_fail(w, "handoff %llu is %s, for no reason that anybody knows",
                 (unsigned long long)card->number, card_state_name(state));
    }
}

void
handoff_check(struct world *w)
{
    for (int i = 0; i < w->m->n_cards; i++) {
        const struct m_card *card = &w->m->cards[i];
        if (card->owed || card->owed_old) {
            sim_fail(w, "handoff %llu should have ended, and has not",
                     (unsigned long long)card->number);
        }
    }
}
