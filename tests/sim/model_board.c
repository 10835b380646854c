/* The model's board: docs/coordination.md, as simple as it can be. */
#include "model.h"

struct m_card *
model_card(struct model *m, uint64_t number)
{
    for (int i = 0; i < m->n_cards; i++) {
        if (m->cards[i].number == number) {
            return &m->cards[i];
        }
    }
    return NULL;
}

bool
model_card_is_open(const struct m_card *card)
{
    return card->state < BATON__CARD_STATE__CARD_RESOLVED;
}

struct m_card *
model_signal(struct model *m, int project, int g)
{
    for (int i = 0; i < m->n_cards; i++) {
        struct m_card *card = &m->cards[i];
        if (card->kind == BATON__CARD_KIND__CARD_SIGNAL && model_card_is_open(card) &&
            card->project == project && card->name == g) {
            return card;
        }
    }
    return NULL;
}

/* Name 0 is that of the gate. */
static bool
decision_is_in_force(const struct model *m, int project)
{
    for (int i = 0; i < m->n_cards; i++) {
        const struct m_card *card = &m->cards[i];
        if (card->kind == BATON__CARD_KIND__CARD_DECISION && card->project == project &&
            card->name == 0 && card->state == BATON__CARD_STATE__CARD_IN_FORCE) {
            return true;
        }
    }
    return false;
}

bool
model_gate_is_open(const struct model *m, int project, int id)
{
    int g = id - M_GATE_FIRST;
    return g < M_SIGNALS ? model_signal((struct model *)(uintptr_t)m, project, g) != NULL
                         : decision_is_in_force(m, project);
}

static bool
is_open_blocker(const struct m_card *card)
{
    return card->kind == BATON__CARD_KIND__CARD_BLOCKER && model_card_is_open(card) &&
           !card->notice;
}

struct m_card *
model_notice(struct model *m, int t)
{
    for (int i = 0; i < m->n_cards; i++) {
        struct m_card *card = &m->cards[i];
        if (card->notice && model_card_is_open(card) && card->task == t) {
            return card;
        }
    }
    return NULL;
}

bool
model_is_blocked(const struct model *m, int t)
{
    for (int i = 0; i < m->n_cards; i++) {
        if (is_open_blocker(&m->cards[i]) && m->cards[i].task == t) {
            return true;
        }
    }
    return false;
}

bool
model_is_blocked_around(const struct model *m, int project, int role)
{
    for (int i = 0; i < m->n_cards; i++) {
        const struct m_card *card = &m->cards[i];
        if (is_open_blocker(card) && card->task < 0 &&
            (card->role >= 0 ? card->role == role : card->project == project)) {
            return true;
        }
    }
    return false;
}

void
model_card_changed(struct model *m, const struct m_card *card)
{
    if (card->task >= 0) {
        model_touch(m, card->task);
    }
    m->order_valid = false;
}
