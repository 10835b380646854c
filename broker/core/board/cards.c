/* Looking at the board. */
#include "broker/core/board/board.h"

#include "common/unpack.h"

#include <string.h>

enum { CARDS_LOOKED_AT = 20000 };

static bool
is_one_of(const char *text, char *const *texts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(text, texts[i]) == 0) {
            return true;
        }
    }
    return n == 0;
}

static bool
has_number(const int *numbers, size_t n, int number)
{
    for (size_t i = 0; i < n; i++) {
        if (numbers[i] == number) {
            return true;
        }
    }
    return n == 0;
}

bool
core_card_matches(const Baton__Cards *q, const Baton__Card *card)
{
    return has_number((const int *)q->kinds, q->n_kinds, (int)card->kind) &&
           has_number((const int *)q->states, q->n_states, (int)card->state) &&
           is_one_of(card->project, q->projects, q->n_projects) &&
           (is_one_of(card->role, q->roles, q->n_roles) ||
            is_one_of(card->to_role, q->roles, q->n_roles) ||
            is_one_of(card->owner, q->roles, q->n_roles)) &&
           (!q->task ||
            (strcmp(q->task->id, card->task) == 0 &&
             strcmp(q->task->project[0] ? q->task->project : "default", card->project) == 0)) &&
           (!q->name[0] || strcmp(q->name, card->name) == 0) &&
           (!q->number || q->number == card->number) && !(q->open && card_has_ended(card)) &&
           card->changed_at >= q->since && (!q->until || card->changed_at < q->until);
}

/* The first card behind `after`. */
static uint32_t
begin_at(const struct core *core, const Baton__Cards *q)
{
    const struct card *card = q->number  ? board_find(core, q->number)
                              : q->after ? board_find(core, q->after)
                                         : NULL;
    if (q->number) {
        return card ? card->slot : 0;
    }
    if (card) {
        return card->next;
    }
    uint32_t slot = core->board.first;
    while (slot && board_at(core, slot)->message->number <= q->after) {
        slot = board_at(core, slot)->next;
    }
    return slot;
}

void
core_cards(const struct core *core, struct core_request *request, const Baton__Cards *query,
           Baton__CardList *ret)
{
    baton__card_list__init(ret);
    ret->event = core->event;
    uint32_t limit = query->limit && query->limit < CARDS_PAGE ? query->limit : CARDS_PAGE;
    ret->cards = arena_alloc(request->arena, limit * sizeof *ret->cards);
    size_t bytes = 0;
    uint32_t n = 0;
    for (uint32_t slot = begin_at(core, query); slot; slot = board_at(core, slot)->next) {
        Baton__Card *card = board_at(core, slot)->message;
        if (ret->n_cards == limit || ++n > CARDS_LOOKED_AT || bytes > CARDS_ANSWER_BYTES) {
            ret->next = board_at(core, board_at(core, slot)->prev)->message->number;
            return;
        }
        if (core_card_matches(query, card)) {
            ret->cards[ret->n_cards++] = card;
            bytes += baton__card__get_packed_size(card);
        }
        if (query->number) {
            return;
        }
    }
}

Baton__Card *
core_card_record(struct arena *arena, const uint8_t *record, size_t bytes)
{
    return unpack_own(arena, &baton__card__descriptor, bytes, record);
}
