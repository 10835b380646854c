/* Steps on the rules of roles: what a task needs to be done. */
#include "sim.h"

#include <string.h>

static Baton__Item *
item(struct world *w, const char *tag, const char *name, double value)
{
    Baton__Item *made = arena_alloc(&w->arena, sizeof *made);
    baton__item__init(made);
    made->tag = arena_strdup(&w->arena, tag);
    made->name = arena_strdup(&w->arena, name);
    made->value = value;
    return made;
}

static struct m_card *
card_of(struct model *m, int project, int role)
{
    for (int i = 0; i < m->n_cards; i++) {
        struct m_card *card = &m->cards[i];
        if (card->kind == BATON__CARD_KIND__CARD_ROLE && card->project == project &&
            card->name == role) {
            return card;
        }
    }
    return NULL;
}

static void
set_rule(struct world *w, int p, int r)
{
    struct model *m = w->m;
    Baton__Card card = BATON__CARD__INIT;
    Baton__Post message = BATON__POST__INIT;
    Baton__Posted ret;
    Baton__Item *items[6];
    unsigned asks = (unsigned)pick(w, 16);
    int64_t review = 1 + (int64_t)pick(w, 100000);
    uint32_t limit = (uint32_t)pick(w, 4);
    codes expected = CODE(OK);
    card.items = items;
    if (asks & M_ASKS_HANDOFF) {
        items[card.n_items++] = item(w, "requires", "handoff", 0);
    }
    if (asks & M_ASKS_APPROVAL) {
        items[card.n_items++] = item(w, "requires", "approval", 0);
    }
    if (asks & M_ASKS_LIMIT) {
        items[card.n_items++] = item(w, "limit", "rework", limit);
    }
    if (asks & M_ASKS_REVIEW) {
        items[card.n_items++] = item(w, "limit", "review", (double)review);
    }
    card.kind = BATON__CARD_KIND__CARD_ROLE;
    card.project = arena_strdup(&w->arena, sim_projects[p]);
    card.name = arena_strdup(&w->arena, role_names[r]);
    if (pick(w, 10) == 0) {
        bool twice = card.n_items && pick(w, 2);
        items[card.n_items] = twice ? items[0] : item(w, "limit", "rework", 0.5);
        card.n_items++;
        expected = CODE(INVALID);
    } else if (pick(w, 10) == 0) {
        card.name = arena_strdup(&w->arena, "plumber");
        expected = CODE(UNKNOWN_ROLE);
    }
    message.verb = BATON__CARD_VERB__CARD_SET;
    message.card = &card;
    if (board_post(w, &message, &ret, expected) != BATON__CODE__CODE_OK) {
        return;
    }
    m->asked[p][r] = (uint8_t)asks;
    m->rework_limit[p][r] = (uint8_t)limit;
    m->review_ms[p][r] = review;
    if (!card_of(m, p, r)) {
        m->cards[m->n_cards++] = (struct m_card){.number = ret.card->number,
                                                 .kind = BATON__CARD_KIND__CARD_ROLE,
                                                 .state = BATON__CARD_STATE__CARD_IN_FORCE,
                                                 .project = (int8_t)p,
                                                 .role = -1,
                                                 .task = -1,
                                                 .name = (int8_t)r};
    }
}

static void
remove_rule(struct world *w, int p, int r)
{
    struct model *m = w->m;
    Baton__Card card = BATON__CARD__INIT;
    Baton__Post message = BATON__POST__INIT;
    Baton__Posted ret;
    struct m_card *known = card_of(m, p, r);
    card.kind = BATON__CARD_KIND__CARD_ROLE;
    card.project = arena_strdup(&w->arena, sim_projects[p]);
    card.name = arena_strdup(&w->arena, role_names[r]);
    message.verb = BATON__CARD_VERB__CARD_REMOVE;
    message.card = &card;
    if (board_post(w, &message, &ret, known ? CODE(OK) : CODE(NOT_FOUND)) == BATON__CODE__CODE_OK) {
        m->asked[p][r] = 0;
        *known = m->cards[--m->n_cards];
    }
}

void
step_role(struct world *w)
{
    int p = (int)pick(w, (uint64_t)w->rates.projects), r = (int)pick(w, (uint64_t)w->rates.roles);
    if (!board_make_room(w->m)) {
        return;
    }
    if (pick(w, 4)) {
        set_rule(w, p, r);
    } else {
        remove_rule(w, p, r);
    }
}
