/* Steps on signals: docs/coordination.md, "Signals". Tasks wait for them as for tasks, by names
 * that no task has (model.h). */
#include "sim.h"

#include <string.h>

#define STATE(name) BATON__CARD_STATE__CARD_##name

/* One of the ways in which people write it. */
char *
signal_text(struct world *w, int g)
{
    switch (pick(w, 4)) {
    case 0:
        return arena_printf(&w->arena, "gate-%d", g);
    case 1:
        return arena_printf(&w->arena, "Gate %d", g);
    case 2:
        return arena_printf(&w->arena, "GATE  %d!", g);
    default:
        return arena_printf(&w->arena, "gate - %d.", g);
    }
}

static void
add(struct model *m, uint64_t number, int project, int g)
{
    m->cards[m->n_cards++] = (struct m_card){.number = number,
                                             .kind = BATON__CARD_KIND__CARD_SIGNAL,
                                             .state = STATE(IN_FORCE),
                                             .project = (int8_t)project,
                                             .role = -1,
                                             .task = -1,
                                             .to_role = -1,
                                             .name = (int8_t)g};
    m->order_valid = false;
    model_settle(m);
}

void
signal_owe(struct world *w, int project, int g)
{
    if (!model_signal(w->m, project, g)) {
        w->m->owed_signals[project] |= 1u << g;
    }
}

static void
raise_signal(struct world *w)
{
    struct model *m = w->m;
    Baton__Card card = BATON__CARD__INIT;
    Baton__Post message = BATON__POST__INIT;
    Baton__Posted ret;
    int p = (int)pick(w, (uint64_t)w->rates.projects), g = (int)pick(w, M_SIGNALS);
    if (!board_make_room(m)) {
        return;
    }
    const struct m_card *known = model_signal(m, p, g);
    message.verb = BATON__CARD_VERB__CARD_RAISE;
    message.card = &card;
    message.dry_run = pick(w, 12) == 0;
    card.kind = BATON__CARD_KIND__CARD_SIGNAL;
    card.project = arena_strdup(&w->arena, sim_projects[p]);
    card.name = signal_text(w, g);
    codes expected = CODE(OK);
    if (pick(w, 20) == 0) {
        static const char *const wrong[] = {"", "..", "!!", "a/../b"};
        card.name = arena_strdup(&w->arena, wrong[pick(w, ARRAY_LEN(wrong))]);
        expected = CODE(INVALID);
    } else if (pick(w, 20) == 0) {
        card.to_role = arena_strdup(&w->arena, "infra");
        expected = CODE(INVALID);
    }
    if (board_post(w, &message, &ret, expected) != BATON__CODE__CODE_OK || message.dry_run) {
        return;
    }
    if (ret.changed == (known != NULL) || (known && ret.card->number != known->number)) {
        sim_fail(w, "signal %d is raised %s", g, known ? "twice" : "and was before");
    }
    if (!known) {
        add(m, ret.card->number, p, g);
    }
}

static struct m_card *
pick_signal(struct world *w)
{
    for (int i = 0; i < 20 && w->m->n_cards; i++) {
        struct m_card *card = &w->m->cards[pick(w, (uint64_t)w->m->n_cards)];
        if (card->kind == BATON__CARD_KIND__CARD_SIGNAL) {
            return card;
        }
    }
    return NULL;
}

static void
withdraw_signal(struct world *w)
{
    struct model *m = w->m;
    Baton__Card card = BATON__CARD__INIT;
    Baton__Post message = BATON__POST__INIT;
    Baton__Posted ret;
    int p = (int)pick(w, (uint64_t)w->rates.projects), g = (int)pick(w, M_SIGNALS);
    struct m_card *known = model_signal(m, p, g);
    message.verb = BATON__CARD_VERB__CARD_WITHDRAW;
    message.card = &card;
    card.kind = BATON__CARD_KIND__CARD_SIGNAL;
    card.project = arena_strdup(&w->arena, sim_projects[p]);
    card.name = signal_text(w, g);
    codes expected = known ? CODE(OK) : CODE(NOT_FOUND);
    struct m_card *one = pick(w, 3) == 0 ? pick_signal(w) : NULL;
    if (one) { /* by its number, although it may have ended */
        card = (Baton__Card)BATON__CARD__INIT;
        card.number = one->number;
        known = one;
        expected = model_card_is_open(one) ? CODE(OK) : CODE(ILLEGAL_TRANSITION);
    }
    if (board_post(w, &message, &ret, expected) == BATON__CODE__CODE_OK) {
        known->state = STATE(WITHDRAWN);
        m->order_valid = false;
        model_settle(m);
    }
}

void
step_signal(struct world *w)
{
    if (pick(w, 3)) {
        raise_signal(w);
    } else {
        withdraw_signal(w);
    }
}

/* One that a handoff raised, by what it says to be ready: each once, and no other. */
void
signal_take_event(struct world *w, const Baton__Event *e)
{
    struct model *m = w->m;
    int p = world_project(e->card->project);
    int g = strncmp(e->card->name, "gate-", 5) == 0 ? e->card->name[5] - '0' : -1;
    if (p < 0 || g < 0 || g >= M_SIGNALS || !(m->owed_signals[p] & (1u << g)) ||
        e->card->state != STATE(IN_FORCE)) {
        sim_fail(w, "signal %s is raised by nobody", e->card->name);
    }
    m->owed_signals[p] = (uint8_t)(m->owed_signals[p] & ~(1u << g));
    if (!board_make_room(m)) {
        sim_fail(w, "no room for the signal");
    }
    add(m, e->card->number, p, g);
}

void
signal_check(struct world *w)
{
    for (int p = 0; p < M_PROJECTS; p++) {
        if (w->m->owed_signals[p]) {
            sim_fail(w, "a handoff says that something is ready, and nobody heard of it");
        }
    }
}
