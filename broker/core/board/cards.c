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

static bool
is_about(const Baton__Card *card, const Baton__Ref *task)
{
    return strcmp(task->id, card->task) == 0 &&
           strcmp(task->project[0] ? task->project : "default", card->project) == 0;
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
           (!q->task || is_about(card, q->task)) &&
           (!q->name[0] || strcmp(q->name, card->name) == 0) &&
           (!q->number || q->number == card->number) && !(q->open && card_has_ended(card)) &&
           card->changed_at >= q->since && (!q->until || card->changed_at < q->until);
}

/* ---- a page ---- */

/* The fewest cards among which all are that the query is about: a task's, those of a kind that have
 * not ended, or all. By number, each. */
enum among { AMONG_ALL, AMONG_TASK, AMONG_OPEN };

static enum among
among_of(const Baton__Cards *q)
{
    return q->task && q->task->id[0]    ? AMONG_TASK
           : q->open && q->n_kinds == 1 ? AMONG_OPEN
                                        : AMONG_ALL;
}

static const struct card *
first(const struct core *core, const Baton__Cards *q)
{
    switch (among_of(q)) {
    case AMONG_TASK:
        return board_first_of(core, OF_TASK, q->task->project[0] ? q->task->project : "default",
                              q->task->id);
    case AMONG_OPEN:
        return (unsigned)q->kinds[0] < CARD_KINDS_N ? board_first_open(core, (unsigned)q->kinds[0])
                                                    : NULL;
    case AMONG_ALL:
    default:
        return core->board.first ? board_at(core, core->board.first) : NULL;
    }
}

static const struct card *
next(const struct core *core, const Baton__Cards *q, const struct card *card)
{
    switch (among_of(q)) {
    case AMONG_TASK:
        return board_next_of(core, card);
    case AMONG_OPEN:
        return board_next_open(core, card);
    case AMONG_ALL:
    default:
        return card->next ? board_at(core, card->next) : NULL;
    }
}

static bool
is_among(const Baton__Cards *q, const struct card *card)
{
    switch (among_of(q)) {
    case AMONG_TASK:
        return is_about(card->message, q->task);
    case AMONG_OPEN:
        return card->is_listed && (int)card->message->kind == (int)q->kinds[0];
    case AMONG_ALL:
    default:
        return true;
    }
}

/* The first one behind `after`; most often that is still where it was. */
static const struct card *
begin(const struct core *core, const Baton__Cards *q)
{
    const struct card *card = q->after ? board_find(core, q->after) : NULL;
    if (card && is_among(q, card)) {
        return next(core, q, card);
    }
    card = first(core, q);
    while (card && card->message->number <= q->after) {
        card = next(core, q, card);
    }
    return card;
}

void
core_cards(const struct core *core, struct core_request *request, const Baton__Cards *query,
           Baton__CardList *ret)
{
    baton__card_list__init(ret);
    ret->event = core->event;
    uint32_t limit = query->limit && query->limit < CARDS_PAGE ? query->limit : CARDS_PAGE;
    ret->cards = arena_alloc(request->arena, limit * sizeof *ret->cards);
    if (query->number) {
        const struct card *card = board_find(core, query->number);
        if (card && core_card_matches(query, card->message)) {
            ret->cards[ret->n_cards++] = card->message;
        }
        return;
    }
    size_t bytes = 0;
    uint32_t n = 0;
    uint64_t last = 0;
    for (const struct card *card = begin(core, query); card; card = next(core, query, card)) {
        if (ret->n_cards == limit || ++n > CARDS_LOOKED_AT || bytes > CARDS_ANSWER_BYTES) {
            ret->next = last;
            return;
        }
        last = card->message->number;
        if (core_card_matches(query, card->message)) {
            ret->cards[ret->n_cards++] = card->message;
            bytes += baton__card__get_packed_size(card->message);
        }
    }
}

Baton__Card *
core_card_record(struct arena *arena, const uint8_t *record, size_t bytes)
{
    return unpack_own(arena, &baton__card__descriptor, bytes, record);
}
