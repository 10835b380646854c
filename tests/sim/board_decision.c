/* Steps on areas and decisions, and what they owe each other: docs/coordination.md, "Decisions". */
#include "sim.h"

#include "common/limits.h"

#include <string.h>

#define STATE(name) BATON__CARD_STATE__CARD_##name

enum { NAMES = 3, AREAS = 2, NOBODY = -1 };

static const char *const names[NAMES] = {"gate-3", "style", "api/v2"}; /* the first is a gate */
static const char *const areas[AREAS] = {"schema", "contracts"};

static bool
is_of(const struct m_card *card, unsigned kind, int project, int name)
{
    return card->kind == kind && card->project == project && card->name == name &&
           model_card_is_open(card);
}

/* The proposal, or the one in force; NULL. */
static struct m_card *
find(struct model *m, int project, int name, unsigned state)
{
    for (int i = 0; i < m->n_cards; i++) {
        struct m_card *card = &m->cards[i];
        if (is_of(card, BATON__CARD_KIND__CARD_DECISION, project, name) && card->state == state) {
            return card;
        }
    }
    return NULL;
}

static struct m_card *
find_area(struct model *m, int project, int name)
{
    for (int i = 0; i < m->n_cards; i++) {
        if (is_of(&m->cards[i], BATON__CARD_KIND__CARD_AREA, project, name)) {
            return &m->cards[i];
        }
    }
    return NULL;
}

static int
maker_of(struct model *m, const struct m_card *decision)
{
    const struct m_card *area = decision->area >= 0
                                    ? find_area(m, decision->project, decision->area)
                                    : NULL;
    return area ? area->owner : decision->owner;
}

static void
add_item(struct world *w, Baton__Card *card, const char *tag, const char *name)
{
    Baton__Item **items = arena_alloc(&w->arena, (card->n_items + 1) * sizeof(Baton__Item *));
    Baton__Item *item = arena_alloc(&w->arena, sizeof *item);
    baton__item__init(item);
    item->tag = arena_strdup(&w->arena, tag);
    item->name = arena_strdup(&w->arena, name);
    for (size_t i = 0; i < card->n_items; i++) {
        items[i] = card->items[i];
    }
    items[card->n_items++] = item;
    card->items = items;
}

static void
add_reviewers(struct world *w, Baton__Card *card, unsigned mask)
{
    for (int r = 0; r < M_ROLES; r++) {
        if (mask & 1u << r) {
            add_item(w, card, "reviewer", role_names[r]);
        }
    }
}

static char *
role_text(struct world *w, int role)
{
    return arena_strdup(&w->arena, role >= 0 ? role_names[role] : "");
}

static struct m_card *
pick_decision(struct world *w)
{
    for (int i = 0; i < 20 && w->m->n_cards; i++) {
        struct m_card *card = &w->m->cards[pick(w, (uint64_t)w->m->n_cards)];
        if (card->kind == BATON__CARD_KIND__CARD_DECISION) {
            return card;
        }
    }
    return NULL;
}

/* ---- areas ---- */

static void
set_area(struct world *w)
{
    struct model *m = w->m;
    Baton__Card card = BATON__CARD__INIT;
    Baton__Post message = BATON__POST__INIT;
    Baton__Posted ret;
    struct m_card made = {.kind = BATON__CARD_KIND__CARD_AREA,
                          .state = STATE(IN_FORCE),
                          .project = (int8_t)pick(w, (uint64_t)w->rates.projects),
                          .name = (int8_t)pick(w, AREAS),
                          .owner = (int8_t)pick(w, M_ROLES),
                          .role = pick(w, 2) ? (int8_t)pick(w, M_ROLES) : -1,
                          .task = -1,
                          .reviewers = (uint8_t)pick(w, 1 << M_ROLES)};
    struct m_card *known = find_area(m, made.project, made.name);
    bool removes = known && pick(w, 4) == 0;
    if (!known && !board_make_room(m)) {
        return;
    }
    message.verb = removes ? BATON__CARD_VERB__CARD_REMOVE : BATON__CARD_VERB__CARD_SET;
    message.card = &card;
    card.kind = BATON__CARD_KIND__CARD_AREA;
    card.project = arena_strdup(&w->arena, sim_projects[made.project]);
    card.name = arena_strdup(&w->arena, areas[made.name]);
    card.owner = role_text(w, made.owner);
    card.role = role_text(w, made.role);
    add_reviewers(w, &card, made.reviewers);
    if (board_post(w, &message, &ret, CODE(OK)) != BATON__CODE__CODE_OK) {
        return;
    }
    made.number = ret.card->number;
    if (removes) {
        *known = m->cards[--m->n_cards];
    } else if (known) {
        *known = made;
    } else {
        m->cards[m->n_cards++] = made;
    }
}

/* ---- proposals ---- */

static unsigned
asked(const struct m_card *card)
{
    return card->proposer >= 0 ? card->reviewers & ~(1u << card->proposer) : card->reviewers;
}

static codes
propose_codes(struct model *m, const struct m_card *made, const struct m_card *area)
{
    const struct m_card *same = find(m, made->project, made->name, STATE(IN_FORCE));
    if (find(m, made->project, made->name, STATE(OPEN))) {
        return CODE(CONFLICT);
    }
    if (made->area >= 0 && !area) {
        return CODE(NOT_FOUND);
    }
    bool other = same &&
                 (same->area != made->area || (made->area < 0 && same->owner != made->owner));
    return other ? CODE(CONFLICT) : CODE(OK);
}

static codes
spoil(struct world *w, Baton__Card *card)
{
    switch (pick(w, 4)) {
    case 0:
        card->title = arena_strdup(&w->arena, "\033[2Jgone");
        return CODE(INVALID);
    case 1:
        card->title = arena_strdup(&w->arena, "");
        return CODE(INVALID) | CODE(CONFLICT);
    case 2:
        add_item(w, card, "secret", "x");
        return CODE(INVALID) | CODE(CONFLICT);
    default:
        card->role = arena_strdup(&w->arena, "plumber");
        return CODE(UNKNOWN_ROLE);
    }
}

/* It names one that is to make way: in force, and decided by the same people. */
static codes
add_supersedes(struct world *w, Baton__Card *card, struct m_card *made)
{
    const struct m_card *old = pick_decision(w);
    for (int i = 0; i < w->m->n_cards && pick(w, 8); i++) {
        const struct m_card *at = &w->m->cards[i];
        bool fits = at->kind == BATON__CARD_KIND__CARD_DECISION && at->state == STATE(IN_FORCE) &&
                    at->project == made->project && at->area == made->area;
        old = fits ? at : old;
    }
    if (!old) {
        return CODE(OK);
    }
    add_item(w, card, "supersedes", "");
    card->items[card->n_items - 1]->number = made->supersedes = old->number;
    bool same = old->area == made->area && (made->area >= 0 || old->owner == made->owner);
    return old->state == STATE(IN_FORCE) && old->project == made->project && same ? CODE(OK)
                                                                                  : CODE(INVALID);
}

static void
propose(struct world *w)
{
    struct model *m = w->m;
    Baton__Card card = BATON__CARD__INIT;
    Baton__Post message = BATON__POST__INIT;
    Baton__Posted ret;
    if (!board_make_room(m)) {
        return;
    }
    struct m_card made = {.kind = BATON__CARD_KIND__CARD_DECISION,
                          .state = STATE(OPEN),
                          .project = (int8_t)pick(w, (uint64_t)w->rates.projects),
                          .name = (int8_t)pick(w, NAMES),
                          .area = pick(w, 3) ? (int8_t)pick(w, AREAS) : -1,
                          .proposer = pick(w, 2) ? (int8_t)pick(w, M_ROLES) : NOBODY,
                          .owner = (int8_t)pick(w, M_ROLES),
                          .reviewers = (uint8_t)pick(w, 8),
                          .role = -1,
                          .task = -1};
    const struct m_card *area = made.area >= 0 ? find_area(m, made.project, made.area) : NULL;
    message.verb = BATON__CARD_VERB__CARD_RAISE;
    message.card = &card;
    message.dry_run = pick(w, 15) == 0;
    card.kind = BATON__CARD_KIND__CARD_DECISION;
    card.project = arena_strdup(&w->arena, sim_projects[made.project]);
    card.name = arena_strdup(&w->arena, names[made.name]);
    card.title = arena_strdup(&w->arena, "which one?");
    card.role = role_text(w, made.proposer);
    add_reviewers(w, &card, made.reviewers);
    if (made.area >= 0) {
        add_item(w, &card, "area", areas[made.area]);
        made.owner = area ? area->owner : made.owner;
        made.reviewers |= area ? area->reviewers : 0;
    } else {
        card.owner = role_text(w, made.owner);
    }
    if (asked(&made)) {
        int64_t for_ms = pick(w, 2) ? REVIEW_MS : 1 + (int64_t)pick(w, 100000);
        made.due_at = m->now + for_ms;
        made.rings_at = m->now + for_ms / 4 * 3;
        card.due_at = for_ms == REVIEW_MS ? 0 : made.due_at;
    }
    codes expected = pick(w, 10) ? propose_codes(m, &made, area) : spoil(w, &card);
    if (expected == CODE(OK) && pick(w, 3) == 0) {
        expected = add_supersedes(w, &card, &made);
    }
    if (board_post(w, &message, &ret, expected) == BATON__CODE__CODE_OK && !message.dry_run) {
        made.number = ret.card->number;
        m->cards[m->n_cards++] = made;
    }
}

/* ---- what others say to it ---- */

/* Who speaks: a role, or NOBODY; under a lease that of its task. */
static int
draw_voice(struct world *w, const struct m_card *of, Baton__Post *message)
{
    int holder = pick(w, 3) == 0 ? board_pick_holder(w, &message->token) : -1;
    if (holder >= 0) {
        return w->m->task[holder].spec.role;
    }
    int maker = maker_of(w->m, of);
    int voice = pick(w, 2) ? maker : (int)pick(w, M_ROLES + 1) - 1;
    message->card->role = role_text(w, voice);
    return voice;
}

static void
review(struct world *w)
{
    Baton__Card card = BATON__CARD__INIT;
    Baton__Post message = BATON__POST__INIT;
    Baton__Posted ret;
    struct m_card *of = pick_decision(w);
    if (!of) {
        return;
    }
    message.verb = BATON__CARD_VERB__CARD_REVIEW;
    message.card = &card;
    int voice = draw_voice(w, of, &message);
    bool objects = pick(w, 2), says = pick(w, 6);
    card.number = of->number;
    add_item(w, &card, "review", "");
    card.items[0]->unit = arena_strdup(&w->arena, objects ? "object" : "approve");
    card.items[0]->text = arena_strdup(&w->arena, says ? "it is slow" : "");
    bool may = voice >= 0 && of->reviewers & 1u << voice;
    codes expected = of->state != STATE(OPEN) ? CODE(ILLEGAL_TRANSITION)
                     : objects && !says       ? CODE(INVALID)
                     : !may                   ? CODE(DENIED)
                                              : CODE(OK);
    if (board_post(w, &message, &ret, expected) == BATON__CODE__CODE_OK) {
        of->spoken |= (uint8_t)(1u << voice);
        of->rings_at = asked(of) & ~(unsigned)of->spoken ? of->rings_at : 0;
    }
}

static void
decide(struct world *w)
{
    struct model *m = w->m;
    Baton__Card card = BATON__CARD__INIT;
    Baton__Post message = BATON__POST__INIT;
    Baton__Posted ret;
    struct m_card *of = pick_decision(w);
    if (!of) {
        return;
    }
    bool withdraws = pick(w, 4) == 0;
    message.verb = withdraws ? BATON__CARD_VERB__CARD_WITHDRAW : BATON__CARD_VERB__CARD_DECIDE;
    message.card = &card;
    int voice = draw_voice(w, of, &message);
    message.force = pick(w, message.token ? 2 : 5) == 0;
    card.number = of->number;
    card.outcome = arena_strdup(&w->arena, pick(w, 10) ? "this one" : "");
    bool may = voice == maker_of(m, of) || (message.force && !message.token);
    if (withdraws) {
        bool proposed = of->state == STATE(OPEN);
        may |= proposed && (!message.token || (of->proposer >= 0 && voice == of->proposer));
    }
    bool fits = withdraws ? model_card_is_open(of) : of->state == STATE(OPEN);
    codes expected = !fits                            ? CODE(ILLEGAL_TRANSITION)
                     : !withdraws && !card.outcome[0] ? CODE(INVALID)
                     : !may                           ? CODE(DENIED)
                                                      : CODE(OK);
    if (board_post(w, &message, &ret, expected) != BATON__CODE__CODE_OK) {
        return;
    }
    struct m_card *old = find(m, of->project, of->name, STATE(IN_FORCE));
    if (!withdraws && old) {
        old->owed_old = true;
    }
    old = withdraws || !of->supersedes ? NULL : model_card(m, of->supersedes);
    if (old && old->state == STATE(IN_FORCE)) {
        old->owed_old = true;
    }
    of->owner = (int8_t)maker_of(m, of);
    of->state = withdraws ? STATE(WITHDRAWN) : STATE(IN_FORCE);
    of->rings_at = 0;
    m->order_valid = false;
    model_settle(m);
}

void
step_decision(struct world *w)
{
    switch (pick(w, 6)) {
    case 0:
        set_area(w);
        break;
    case 1:
    case 2:
        propose(w);
        break;
    case 3:
        review(w);
        break;
    default:
        decide(w);
        break;
    }
}

/* ---- what comes out ---- */

static bool
concerns(struct model *m, const struct m_card *decision, int role)
{
    const struct m_card *area = decision->area >= 0
                                    ? find_area(m, decision->project, decision->area)
                                    : NULL;
    const struct m_card *rule = area ? area : decision;
    return decision->proposer == role || rule->owner == role || (area && area->role == role) ||
           (rule->reviewers & 1u << role);
}

void
decision_check_given(struct world *w, int t, const Baton__Assignment *a)
{
    struct model *m = w->m;
    for (int i = 0; i < m->n_cards; i++) {
        const struct m_card *card = &m->cards[i];
        if (card->kind != BATON__CARD_KIND__CARD_DECISION) {
            continue;
        }
        bool given = false;
        for (size_t k = 0; k < a->n_cards; k++) {
            given |= a->cards[k]->number == card->number;
        }
        bool owed = card->state == STATE(IN_FORCE) && card->project == m->task[t].project &&
                    concerns(m, card, m->task[t].spec.role);
        if (given != owed) {
            sim_fail(w, "%s is %sgiven decision %llu", w->names[m->task[t].id], given ? "" : "not ",
                     (unsigned long long)card->number);
        }
    }
}

/* Whoever did not speak in time is written down as silent, and nobody else who did. */
static void
check_silent(struct world *w, const Baton__Card *card, const struct m_card *of)
{
    unsigned silent = 0;
    for (size_t i = 0; i < card->n_items; i++) {
        const Baton__Item *item = card->items[i];
        for (int r = 0; r < M_ROLES && strcmp(item->tag, "review") == 0; r++) {
            silent |= strcmp(item->name, role_names[r]) == 0 && strcmp(item->unit, "silent") == 0
                          ? 1u << r
                          : 0;
        }
    }
    if (silent != (asked(of) & ~(unsigned)of->spoken)) {
        sim_fail(w, "the silence of reviewers %#x of decision %llu is not written down", silent,
                 (unsigned long long)card->number);
    }
}

/* Whoever is written down as its maker is the maker, or it is called an override. */
static void
check_decided(struct world *w, const Baton__Card *card, const struct m_card *of)
{
    for (size_t i = 0; i < card->n_items; i++) {
        const Baton__Item *item = card->items[i];
        if (strcmp(item->tag, "decided") == 0 && (strcmp(item->name, role_names[of->owner]) == 0 ||
                                                  strcmp(item->unit, "override") == 0)) {
            return;
        }
    }
    sim_fail(w, "decision %llu is in force, and nobody who may has decided it",
             (unsigned long long)card->number);
}

void
decision_take_event(struct world *w, const Baton__Event *e, struct m_card *of)
{
    if (e->card->state == STATE(IN_FORCE)) {
        check_decided(w, e->card, of);
        check_silent(w, e->card, of);
    }
    if (e->card->state == STATE(SUPERSEDED) && of->owed_old) {
        of->state = STATE(SUPERSEDED);
        of->owed_old = false;
    }
    if (e->text[0]) {
        return;
    }
    if (!of->rings_at || of->rings_at > w->m->now || e->card->rung != of->rung + 1u ||
        of->state != STATE(OPEN)) {
        sim_fail(w, "the clock of decision %llu rang a %uth time, and it was not due",
                 (unsigned long long)of->number, e->card->rung);
    }
    of->rung++;
    of->rings_at = of->rung == 1 ? of->due_at : 0;
    if (of->rung == 2) {
        check_silent(w, e->card, of);
    }
}
