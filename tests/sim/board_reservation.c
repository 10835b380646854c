/* Steps on reservations: docs/coordination.md, "Reservations". What they hold counts with the
 * leases and the lingering claims (model_order.c). */
#include "sim.h"

#include "common/limits.h"

#include <string.h>

#define STATE(name) BATON__CARD_STATE__CARD_##name
#define ACTOR "agent@desk"

static bool
is_in_force(const struct m_card *card)
{
    return card->kind == BATON__CARD_KIND__CARD_RESERVATION && card->state == STATE(IN_FORCE);
}

static void
add_resource(struct world *w, Baton__Card *card, const struct m_claim *claim)
{
    Baton__Item *item = arena_alloc(&w->arena, sizeof *item);
    baton__item__init(item);
    item->tag = arena_strdup(&w->arena, "resource");
    item->name = arena_strdup(&w->arena, sim_resources[claim->resource]);
    if (model_is_path(claim->resource) && !strchr(item->name, '*') && pick(w, 2)) {
        item->name = arena_printf(&w->arena, "%s/**", item->name);
    }
    item->value = claim->amount;
    item->unit = arena_strdup(&w->arena, claim->shared ? "shared" : "");
    card->items[card->n_items++] = item;
}

/* Something that must be refused. */
static codes
spoil(struct world *w, Baton__Card *card)
{
    switch (pick(w, 5)) {
    case 0:
        card->items[0]->tag = arena_strdup(&w->arena, "thing");
        break;
    case 1:
        card->items[0]->name = arena_strdup(&w->arena, "path:../up");
        break;
    case 2:
        card->items[0]->value = 0.5;
        break;
    case 3:
        card->items[card->n_items++] = card->items[0];
        break;
    default:
        card->due_at = w->m->now;
        break;
    }
    return CODE(INVALID);
}

static codes
codes_of(const struct model *m, const struct m_spec *spec)
{
    codes expected = CODE(OK);
    for (int i = 0; i < spec->n_claims; i++) {
        const struct m_claim *claim = &spec->claims[i];
        if (!claim->shared && (uint32_t)claim->amount > m->capacity[claim->resource]) {
            return CODE(UNSATISFIABLE);
        }
    }
    for (int i = 0; i < spec->n_claims; i++) {
        const struct m_claim *claim = &spec->claims[i];
        expected = !model_is_unheld(m, claim, false)  ? CODE(CONFLICT)
                   : !model_is_unheld(m, claim, true) ? expected | CODE(CONFLICT)
                                                      : expected;
        if (expected == CODE(CONFLICT)) {
            break;
        }
    }
    return expected;
}

static void
reserve(struct world *w)
{
    static struct m_spec drawn;
    struct model *m = w->m;
    Baton__Card card = BATON__CARD__INIT;
    Baton__Post message = BATON__POST__INIT;
    Baton__Posted ret;
    if (!board_make_room(m)) {
        return;
    }
    memset(&drawn, 0, sizeof drawn);
    generate_claims(w, &drawn);
    struct m_card made = {.kind = BATON__CARD_KIND__CARD_RESERVATION,
                          .state = STATE(IN_FORCE),
                          .role = -1,
                          .to_role = -1,
                          .task = -1,
                          .n_claims = drawn.n_claims};
    memcpy(made.claims, drawn.claims, sizeof made.claims);
    card.items = arena_alloc(&w->arena, (M_CLAIMS_MAX + 1) * sizeof *card.items);
    for (int i = 0; i < drawn.n_claims; i++) {
        add_resource(w, &card, &drawn.claims[i]);
    }
    message.verb = BATON__CARD_VERB__CARD_RAISE;
    message.card = &card;
    message.dry_run = pick(w, 12) == 0;
    card.kind = BATON__CARD_KIND__CARD_RESERVATION;
    card.project = arena_strdup(&w->arena, sim_projects[0]);
    if (pick(w, 2) && board_pick_holder(w, &message.token) >= 0) {
        made.under = message.token;
    }
    if (pick(w, made.under ? 2 : 4)) { /* else until it is ended; few, or nothing would run */
        card.due_at = made.rings_at = m->now + 1 + (int64_t)pick(w, 100000);
    } else if (!made.under && pick(w, 4)) {
        return;
    }
    codes expected = codes_of(m, &drawn);
    if (pick(w, 10) == 0) {
        codes bad = spoil(w, &card);
        expected = expected & CODE(UNSATISFIABLE) ? expected | bad : bad;
    }
    if (board_post(w, &message, &ret, expected) == BATON__CODE__CODE_OK && !message.dry_run) {
        made.number = ret.card->number;
        m->cards[m->n_cards++] = made;
        m->order_valid = false;
    }
}

static void
withdraw(struct world *w)
{
    struct model *m = w->m;
    Baton__Card card = BATON__CARD__INIT;
    Baton__Post message = BATON__POST__INIT;
    Baton__Posted ret;
    struct m_card *of = NULL;
    for (int i = 0; i < 20 && m->n_cards && !of; i++) {
        struct m_card *at = &m->cards[pick(w, (uint64_t)m->n_cards)];
        of = at->kind == BATON__CARD_KIND__CARD_RESERVATION ? at : NULL;
    }
    if (!of) {
        return;
    }
    message.verb = BATON__CARD_VERB__CARD_WITHDRAW;
    message.card = &card;
    card.number = of->number;
    if (pick(w, 4) == 0) {
        (void)board_pick_holder(w, &message.token);
    }
    codes expected = !is_in_force(of)                              ? CODE(ILLEGAL_TRANSITION)
                     : message.token && message.token != of->under ? CODE(DENIED)
                                                                   : CODE(OK);
    if (board_post(w, &message, &ret, expected) == BATON__CODE__CODE_OK) {
        of->state = STATE(WITHDRAWN);
        m->order_valid = false;
    }
}

void
step_reservation(struct world *w)
{
    if (pick(w, 2)) {
        reserve(w);
    } else {
        withdraw(w);
    }
}

/* ---- what follows by itself ---- */

/* Does the task with this lease hold it still? */
static bool
is_leased(struct model *m, uint64_t token)
{
    const struct m_lease *lease = model_lease(m, token);
    return lease && lease->end == END_LIVE && m->latest[lease->task] == token &&
           model_holds_lease(m, lease->task);
}

void
reservation_take_event(struct world *w, const Baton__Event *e, struct m_card *card)
{
    struct model *m = w->m;
    if (e->text[0]) {
        return; /* a verb: its step compares */
    }
    bool over = card->rings_at && card->rings_at <= m->now;
    if (!is_in_force(card) || !(over || card->under)) {
        sim_fail(w, "reservation %llu changed by itself", (unsigned long long)card->number);
    }
    if (e->card->state == STATE(EXPIRED)) {
        card->state = STATE(EXPIRED);
        card->ended_by_lease = !over;
    } else if (!card->under || e->card->token || e->card->rings_at > m->now + m->config.linger_ms) {
        sim_fail(w, "reservation %llu lasts on", (unsigned long long)card->number);
    } else {
        card->rings_at = e->card->rings_at;
    }
    m->order_valid = false;
}

/* After a step: none outlasts the lease under which it was made, and none ended before it. */
void
reservation_check(struct world *w)
{
    for (int i = 0; i < w->m->n_cards; i++) {
        struct m_card *card = &w->m->cards[i];
        if (card->kind != BATON__CARD_KIND__CARD_RESERVATION || !card->under) {
            continue;
        }
        bool leased = is_leased(w->m, card->under);
        const struct m_lease *lease = model_lease(w->m, card->under);
        if (card->ended_by_lease && (leased || !lease || lease->unclean)) {
            sim_fail(w, "reservation %llu ended before its lease, or with one that may be at work",
                     (unsigned long long)card->number);
        }
        if (is_in_force(card) && !leased) {
            bool clean = lease && lease->end == END_REPORTED;
            if (clean || !card->rings_at || card->rings_at > w->m->now + w->m->config.linger_ms) {
                sim_fail(w, "reservation %llu outlasts its lease",
                         (unsigned long long)card->number);
            }
            card->under = 0; /* unclean: it lingers */
        }
        card->ended_by_lease = false;
    }
}
