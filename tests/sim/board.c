/* Steps on the board. */
#include "sim.h"

#include "common/limits.h"

#include <stdlib.h>
#include <string.h>

static const struct m_card *
pick_card(struct world *w)
{
    const struct model *m = w->m;
    return m->n_cards ? &m->cards[pick(w, (uint64_t)m->n_cards)] : NULL;
}

/* Ended cards make room. False: there is none. */
bool
board_make_room(struct model *m)
{
    int n = 0;
    for (int i = 0; i < m->n_cards && m->n_cards == M_CARDS_MAX; i++) {
        if (model_card_is_open(&m->cards[i]) || i >= M_CARDS_MAX / 2) {
            m->cards[n++] = m->cards[i];
        }
    }
    m->n_cards = m->n_cards == M_CARDS_MAX ? n : m->n_cards;
    return m->n_cards < M_CARDS_MAX;
}

Baton__Code
board_post(struct world *w, Baton__Post *message, Baton__Posted *ret, codes expected)
{
    trace_message(w, "post", &message->base);
    Baton__Code code = core_post(w->core, world_request(w, "agent@desk"), message, ret);
    check_code(w, expected, code);
    if (code != BATON__CODE__CODE_OK || message->dry_run || !ret->changed) {
        check_refused(w);
    }
    return code;
}

/* ---- blockers ---- */

static codes
draw_blocker(struct world *w, Baton__Card *card, struct m_card *ret)
{
    struct model *m = w->m;
    codes expected = CODE(OK);
    int project = (int)pick(w, (uint64_t)w->rates.projects);
    *ret = (struct m_card){.kind = BATON__CARD_KIND__CARD_BLOCKER,
                           .state = BATON__CARD_STATE__CARD_OPEN,
                           .project = (int8_t)project,
                           .role = -1,
                           .task = -1};
    card->kind = BATON__CARD_KIND__CARD_BLOCKER;
    card->project = arena_strdup(&w->arena, sim_projects[project]);
    card->title = arena_strdup(&w->arena, "the database is not there");
    ret->rings_at = m->now + BLOCKER_TARGET_MS;
    if (pick(w, 3) == 0) {
        card->due_at = ret->rings_at = m->now + 1 + (int64_t)pick(w, 100000);
    }
    uint64_t on = pick(w, 10);
    if (on < 7 && m->n_tasks) {
        int t = (int)pick(w, (uint64_t)m->n_tasks);
        ret->project = m->task[t].project;
        card->project = arena_strdup(&w->arena, sim_projects[ret->project]);
        card->task = w->names[m->task[t].id];
        ret->task = (int16_t)t;
        expected = m->state[t] < DONE ? CODE(OK) : CODE(ILLEGAL_TRANSITION);
        expected |= check_in_flux(w, t) ? CODE(OK) | CODE(ILLEGAL_TRANSITION) : 0;
    } else if (on < 9) {
        ret->role = (int8_t)pick(w, (uint64_t)w->rates.roles);
        card->role = arena_strdup(&w->arena, role_names[ret->role]);
    } else {
        expected |= CODE(NOT_FOUND); /* a project that nobody has used yet */
    }
    if (pick(w, 15) == 0) {
        card->title = arena_strdup(&w->arena, pick(w, 2) ? "" : "\033[2Jgone");
        expected = CODE(INVALID);
    } else if (pick(w, 20) == 0) {
        card->severity = 5 + (uint32_t)pick(w, 9);
        expected = CODE(INVALID);
    } else if (pick(w, 20) == 0) {
        card->role = arena_strdup(&w->arena, "plumber");
        expected = CODE(UNKNOWN_ROLE);
    } else if (pick(w, 20) == 0) {
        card->to_role = arena_strdup(&w->arena, "infra");
        expected = CODE(INVALID);
    }
    return expected;
}

static void
raise_blocker(struct world *w)
{
    Baton__Card card = BATON__CARD__INIT;
    Baton__Post message = BATON__POST__INIT;
    Baton__Posted ret;
    struct m_card made;
    if (!board_make_room(w->m)) {
        return;
    }
    message.verb = BATON__CARD_VERB__CARD_RAISE;
    message.card = &card;
    message.dry_run = pick(w, 12) == 0;
    codes expected = draw_blocker(w, &card, &made);
    if (board_post(w, &message, &ret, expected) == BATON__CODE__CODE_OK && !message.dry_run) {
        made.number = ret.card->number;
        w->m->cards[w->m->n_cards++] = made;
        model_card_changed(w->m, &made);
        model_settle(w->m);
    }
}

static void
change_blocker(struct world *w)
{
    static const struct {
        Baton__CardVerb verb;
        Baton__CardState to;
    } changes[] = {
        {BATON__CARD_VERB__CARD_TAKE, BATON__CARD_STATE__CARD_TAKEN},
        {BATON__CARD_VERB__CARD_RESOLVE, BATON__CARD_STATE__CARD_RESOLVED},
        {BATON__CARD_VERB__CARD_RESOLVE, BATON__CARD_STATE__CARD_RESOLVED},
        {BATON__CARD_VERB__CARD_WITHDRAW, BATON__CARD_STATE__CARD_WITHDRAWN},
        {BATON__CARD_VERB__CARD_ACCEPT, 0},
    };
    size_t i = pick(w, ARRAY_LEN(changes));
    const struct m_card *of = pick_card(w);
    of = of && of->kind == BATON__CARD_KIND__CARD_BLOCKER ? of : NULL;
    Baton__Card card = BATON__CARD__INIT;
    Baton__Post message = BATON__POST__INIT;
    Baton__Posted ret;
    message.verb = changes[i].verb;
    message.card = &card;
    card.number = of && pick(w, 20) ? of->number : w->m->seq + 5;
    card.outcome = arena_strdup(&w->arena, "cleared");
    struct m_card *known = model_card(w->m, card.number);
    codes expected = !known           ? CODE(NOT_FOUND)
                     : !changes[i].to ? CODE(INVALID)
                     : known->notice && changes[i].to >= BATON__CARD_STATE__CARD_RESOLVED
                         ? CODE(ILLEGAL_TRANSITION)
                     : model_card_is_open(known) ? CODE(OK)
                                                 : CODE(ILLEGAL_TRANSITION);
    if (board_post(w, &message, &ret, expected) == BATON__CODE__CODE_OK) {
        known->state = (uint8_t)changes[i].to;
        model_card_changed(w->m, known);
        model_settle(w->m);
    }
}

static void
step_blocker(struct world *w)
{
    if (pick(w, 2)) {
        raise_blocker(w);
    } else {
        change_blocker(w);
    }
}

void
step_board(struct world *w)
{
    static void (*const steps[BOARD_KINDS])(struct world *) = {
        step_handoff,     step_decision, step_incident, step_status, step_blocker,
        step_reservation, step_schedule, step_signal,   step_budget, step_role,
    };
    if (w->rates.board < BOARD_KINDS && pick(w, 4)) {
        steps[w->rates.board](w);
    } else if (chance(w, w->rates.budgets)) {
        step_budget(w);
    } else if (chance(w, w->rates.approval / 4)) {
        step_role(w);
    } else if (chance(w, w->rates.gates)) {
        step_signal(w);
    } else if (pick(w, 6) == 0) {
        step_reservation(w);
    } else if (pick(w, 3) == 0) {
        step_schedule(w);
    } else if (pick(w, 3) == 0) {
        step_handoff(w);
    } else if (pick(w, 3) == 0) {
        step_decision(w);
    } else if (pick(w, 4) == 0) {
        step_incident(w);
    } else if (pick(w, 6) == 0) {
        step_status(w);
    } else {
        step_blocker(w);
    }
}

/* ---- events and clocks ---- */

/* One that the broker raised by itself: whether it should have, notice_check says. */
static void
adopt_notice(struct world *w, const Baton__Event *e, int t)
{
    struct model *m = w->m;
    bool forward = strcmp(e->card->items[0]->name, "forward_ref") == 0;
    int64_t since = MAX(m->task[t].created_at, m->task[t].after_since);
    if (forward && (!model_waits_forward(m, t) || since + INT64_C(24) * 3600000 > m->now)) {
        sim_fail(w, "%s is told to wait for an unknown task too early", e->card->task);
    }
    if (model_notice(m, t) || !board_make_room(m) ||
        e->card->due_at != m->now + BLOCKER_TARGET_MS) {
        sim_fail(w, "blocker %llu is raised on %s, which has one",
                 (unsigned long long)e->card->number, e->card->task);
    }
    m->cards[m->n_cards++] = (struct m_card){.number = e->card->number,
                                             .kind = BATON__CARD_KIND__CARD_BLOCKER,
                                             .state = BATON__CARD_STATE__CARD_OPEN,
                                             .project = m->task[t].project,
                                             .role = -1,
                                             .task = (int16_t)t,
                                             .notice = true,
                                             .forward = forward,
                                             .rings_at = m->now + BLOCKER_TARGET_MS};
}

/* After a step: exactly those tasks have one for which others wait in vain. */
void
notice_check(struct world *w)
{
    struct model *m = w->m;
    for (int t = 0; t < m->n_tasks; t++) {
        const struct m_card *card = model_notice(m, t);
        bool holds_up = card && card->forward ? m->state[t] == WAITING && model_waits_forward(m, t)
                                              : model_holds_up(m, t);
        if (holds_up != (card != NULL)) {
            sim_fail(w, "%s: others %swait for it in vain, and a blocker %s so",
                     w->names[m->task[t].id], holds_up ? "" : "don't ",
                     holds_up ? "does not say" : "says");
        }
    }
}

/* One that the result of an agent raised. */
static void
adopt_blocker(struct world *w, const Baton__Event *e)
{
    struct model *m = w->m;
    int t = world_slot(w, e->card->project, e->card->task);
    if (t >= 0 && e->card->n_items && strcmp(e->card->items[0]->tag, "cause") == 0) {
        adopt_notice(w, e, t);
        return;
    }
    if (t < 0 || !m->task[t].owed_blocker || !board_make_room(m)) {
        sim_fail(w, "blocker %llu is raised by nobody", (unsigned long long)e->card->number);
    }
    m->task[t].owed_blocker = false;
    m->task[t].waits_number = e->card->number;
    m->cards[m->n_cards++] = (struct m_card){.number = e->card->number,
                                             .kind = BATON__CARD_KIND__CARD_BLOCKER,
                                             .state = BATON__CARD_STATE__CARD_OPEN,
                                             .project = m->task[t].project,
                                             .role = -1,
                                             .task = (int16_t)t,
                                             .rings_at = m->now + BLOCKER_TARGET_MS};
    model_card_changed(m, &m->cards[m->n_cards - 1]);
}

void
board_take_event(struct world *w, const Baton__Event *e)
{
    struct m_card *card = e->card ? model_card(w->m, e->card->number) : NULL;
    if (!e->card) {
        sim_fail(w, "event %llu is of a card and has none", (unsigned long long)e->number);
    }
    measure_card(w, e);
    if (e->card->kind == BATON__CARD_KIND__CARD_BUDGET) {
        budget_take_event(w, e, card);
        return;
    }
    if (!card && e->card->kind == BATON__CARD_KIND__CARD_SIGNAL) {
        signal_take_event(w, e);
        return;
    }
    if (!card && e->card->kind == BATON__CARD_KIND__CARD_HANDOFF) {
        handoff_adopt(w, e);
        return;
    }
    if (!card && e->card->kind == BATON__CARD_KIND__CARD_BLOCKER) {
        adopt_blocker(w, e);
        return;
    }
    if (card && card->kind == BATON__CARD_KIND__CARD_RESERVATION) {
        reservation_take_event(w, e, card);
        return;
    }
    if (card && card->kind == BATON__CARD_KIND__CARD_HANDOFF) {
        handoff_take_event(w, e, card);
        return;
    }
    if (card && card->kind == BATON__CARD_KIND__CARD_STATUS) {
        status_take_event(w, e, card);
        return;
    }
    if (card && card->kind == BATON__CARD_KIND__CARD_INCIDENT) {
        incident_take_event(w, e, card);
        return;
    }
    if (card && card->kind == BATON__CARD_KIND__CARD_DECISION) {
        decision_take_event(w, e, card);
        return;
    }
    if (card && card->notice && e->card->state == BATON__CARD_STATE__CARD_RESOLVED) {
        card->state = BATON__CARD_STATE__CARD_RESOLVED;
        model_settle(w->m); /* one may be parked for it */
        return;
    }
    if (e->text[0] || e->card->kind == BATON__CARD_KIND__CARD_SCHEDULE) {
        return; /* a verb: its step compares */
    }
    if (!card || !model_card_is_open(card) || !card->rings_at || card->rings_at > w->m->now) {
        sim_fail(w, "the clock of card %llu rang, and it was not due",
                 (unsigned long long)e->card->number);
    }
    card->rings_at = 0;
}

int64_t
board_check_due(struct world *w)
{
    int64_t next = budget_check_due(w);
    uint32_t n_ended = 0;
    for (int i = 0; i < w->m->n_cards; i++) {
        const struct m_card *card = &w->m->cards[i];
        n_ended += !model_card_is_open(card);
        if (!model_card_is_open(card) || !card->rings_at) {
            continue;
        }
        if (card->rings_at <= w->m->now) {
            sim_fail(w, "the clock of card %llu was due, and the tick left it",
                     (unsigned long long)card->number);
        }
        next = card->rings_at < next ? card->rings_at : next;
    }
    if (n_ended > w->m->config.hot_cards_max) {
        sim_fail(w, "%u ended cards are on the board, and the tick left them", n_ended);
    }
    return next;
}

/* A card leaves the board for the archive: of those that have ended, and are too many, the oldest.
 */
void
board_take_put(struct world *w, const struct core_put *put, const uint8_t *data)
{
    struct model *m = w->m;
    struct m_card *card = model_card(m, put->key);
    uint32_t n_ended = 0;
    if (!card || model_card_is_open(card)) {
        sim_fail(w, "card %llu goes to the archive, and has not ended",
                 (unsigned long long)put->key);
    }
    for (int i = 0; i < m->n_cards; i++) {
        bool has_ended = !model_card_is_open(&m->cards[i]);
        n_ended += has_ended;
        if (has_ended && m->cards[i].number < put->key) {
            sim_fail(w, "card %llu goes to the archive before card %llu",
                     (unsigned long long)put->key, (unsigned long long)m->cards[i].number);
        }
    }
    if (n_ended <= m->config.hot_cards_max) {
        sim_fail(w, "card %llu goes to the archive too early", (unsigned long long)put->key);
    }
    const Baton__Card *record = core_card_record(&w->arena, data, put->bytes);
    if (!record || record->number != card->number || record->state != card->state ||
        record->kind != card->kind) {
        sim_fail(w, "the record of card %llu for the archive is not what it was",
                 (unsigned long long)put->key);
    }
    m->n_cards--;
    memmove(card, card + 1, (size_t)(&m->cards[m->n_cards] - card) * sizeof *card);
}

/* The whole board, as a client reads it: no ended card is on it that the archive was given. */
static void
check_ended(struct world *w)
{
    Baton__Cards query = BATON__CARDS__INIT;
    Baton__CardList list;
    uint32_t n_ended = 0, n_seen = 0;
    for (int i = 0; i < w->m->n_cards; i++) {
        n_ended += !model_card_is_open(&w->m->cards[i]);
    }
    do {
        core_cards(w->core, world_request(w, "agent@desk"), &query, &list);
        for (size_t i = 0; i < list.n_cards; i++) {
            n_seen += list.cards[i]->state >= BATON__CARD_STATE__CARD_RESOLVED;
        }
        query.after = list.next;
    } while (query.after);
    if (n_seen != n_ended && w->m->config.hot_cards_max < M_CARDS_MAX / 4) {
        sim_fail(w, "%u ended cards are on the board instead of %u", n_seen, n_ended);
    }
}

/* How many cards the pages of a query have, each once and by number; `of`, if given: how many of
 * those another query is about. */
static uint32_t
count_cards(struct world *w, const Baton__Cards *asked, const Baton__Cards *of)
{
    Baton__Cards query = *asked;
    Baton__CardList list;
    uint32_t n = 0;
    do {
        core_cards(w->core, world_request(w, "agent@desk"), &query, &list);
        uint64_t last = query.after;
        for (size_t i = 0; i < list.n_cards; i++) {
            if (list.cards[i]->number <= last) {
                sim_fail(w, "card %llu comes behind card %llu",
                         (unsigned long long)list.cards[i]->number, (unsigned long long)last);
            }
            last = list.cards[i]->number;
            n += !of || core_card_matches(of, list.cards[i]);
        }
        query.after = list.next;
    } while (query.after);
    return n;
}

/* Lists that are found by what they are about have what a walk over the whole board finds. */
static void
check_lists(struct world *w)
{
    if (w->m->n_cards == 0) {
        return;
    }
    Baton__Cards all = BATON__CARDS__INIT, one = BATON__CARDS__INIT, query = BATON__CARDS__INIT;
    Baton__CardList list;
    Baton__Ref ref = BATON__REF__INIT;
    one.number = w->m->cards[pick(w, (uint64_t)w->m->n_cards)].number;
    core_cards(w->core, world_request(w, "agent@desk"), &one, &list);
    if (list.n_cards != 1) {
        sim_fail(w, "card %llu is not on the board", (unsigned long long)one.number);
    }
    Baton__CardKind kind = list.cards[0]->kind;
    query.limit = 1 + (uint32_t)pick(w, 10);
    ref.project = arena_strdup(&w->arena, list.cards[0]->project);
    ref.id = arena_strdup(&w->arena, list.cards[0]->task);
    for (int by_task = 0; by_task < 2; by_task++) {
        query.open = !by_task || pick(w, 2);
        query.kinds = &kind;
        query.n_kinds = !by_task;
        query.task = by_task ? &ref : NULL;
        uint32_t n = count_cards(w, &query, NULL), expected = count_cards(w, &all, &query);
        if (n != expected) {
            sim_fail(w, "%u cards are of %s instead of %u", n,
                     by_task
                         ? arena_printf(&w->arena, "the task of %s %llu", card_kind_name((int)kind),
                                        (unsigned long long)one.number)
                         : card_kind_name((int)kind),
                     expected);
        }
    }
}

void
board_check(struct world *w)
{
    check_ended(w);
    check_lists(w);
    Baton__Cards query = BATON__CARDS__INIT;
    Baton__CardList list;
    uint32_t n_open = 0, n_seen = 0;
    for (int i = 0; i < w->m->n_cards; i++) {
        n_open += model_card_is_open(&w->m->cards[i]);
    }
    query.open = true;
    query.limit = 1 + (uint32_t)pick(w, 50);
    do {
        core_cards(w->core, world_request(w, "agent@desk"), &query, &list);
        for (size_t i = 0; i < list.n_cards; i++) {
            const struct m_card *card = model_card(w->m, list.cards[i]->number);
            n_seen++;
            if (!card || card->state != list.cards[i]->state || card->kind != list.cards[i]->kind) {
                sim_fail(w, "card %llu is not what it should be",
                         (unsigned long long)list.cards[i]->number);
            }
        }
        query.after = list.next;
    } while (list.next);
    if (n_seen != n_open) {
        sim_fail(w, "%u cards are open instead of %u", n_seen, n_open);
    }
}
