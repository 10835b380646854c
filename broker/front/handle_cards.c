/* Cards: a page of the board's, and with `archived` those of the archive between them; one that is
 * asked for by its number is found in either.
 *
 * The core's page is taken first and the archive looked through afterwards, so a card that is
 * archived meanwhile is in both, and shown once. */
#include "broker/front/store_ops.h"

#include "common/limits.h"
#include "common/unpack.h"

#include <string.h>

enum {
    SCAN_RECORDS = 500,                /* asked of the store at once */
    SCAN_PAGES_MAX = 40,               /* for one answer: then it ends early */
    SCAN_BYTES_MAX = 24 * 1024 * 1024, /* of records kept for one answer, the same */
};

static size_t
page_limit(const Baton__Cards *query)
{
    return query->limit ? MIN(query->limit, (uint32_t)CARDS_PAGE) : CARDS_PAGE;
}

/* ---- what was found ---- */

static Baton__Card *
copy(struct arena *arena, const Baton__Card *card)
{
    size_t bytes = baton__card__get_packed_size(card);
    uint8_t *packed = arena_alloc(arena, bytes + 1);
    baton__card__pack(card, packed);
    Baton__Card *ret = core_card_record(arena, packed, bytes);
    CHECK(ret);
    return ret;
}

/* Keeps a record that passes the filter. */
static void
keep(struct store_op *op, const struct store_record *record)
{
    struct cards_op *cards = &op->cards;
    Baton__Card *card = core_card_record(&op->arena, record->data, record->bytes);
    if (!card || !core_card_matches(cards->query, card)) {
        return;
    }
    if (cards->n_found == cards->room) {
        size_t room = MAX(cards->room * 2, (size_t)64);
        Baton__Card **found = arena_alloc(&op->arena, room * sizeof(Baton__Card *));
        if (cards->n_found > 0) {
            memcpy(found, cards->found, cards->n_found * sizeof(Baton__Card *));
        }
        cards->found = found;
        cards->room = room;
    }
    cards->found[cards->n_found++] = card;
}

static void
finish(struct front *front, struct store_op *op)
{
    struct cards_op *cards = &op->cards;
    uint64_t up_to = cards->is_exhausted ? cards->bound : MIN(cards->bound, cards->scanned);
    size_t limit = page_limit(cards->query);
    Baton__CardList list = BATON__CARD_LIST__INIT;
    list.event = cards->memory.event;
    list.cards = arena_alloc(&op->arena, limit * sizeof(Baton__Card *));
    size_t bytes = 0, m = 0, f = 0;
    uint64_t last = 0;
    while (m < cards->memory.n_cards || f < cards->n_found) {
        bool is_memory = f == cards->n_found ||
                         (m < cards->memory.n_cards &&
                          cards->memory.cards[m]->number <= cards->found[f]->number);
        Baton__Card *card = is_memory ? cards->memory.cards[m] : cards->found[f];
        if (card->number > up_to) {
            break;
        }
        *(is_memory ? &m : &f) += 1;
        if (card->number == last) {
            continue;
        }
        bytes += baton__card__get_packed_size(card);
        if (list.n_cards == limit || (list.n_cards > 0 && bytes > CARDS_ANSWER_BYTES)) {
            list.next = last;
            break;
        }
        list.cards[list.n_cards++] = card;
        last = card->number;
    }
    if (!list.next && up_to < UINT64_MAX) {
        list.next = up_to;
    }
    Baton__FromBroker reply = BATON__FROM_BROKER__INIT;
    reply.op_case = BATON__FROM_BROKER__OP_CARDS;
    reply.cards = &list;
    store_op_answer(front, op, &reply);
}

/* ---- looking through the archive ---- */

static void
scan_on(struct front *front, struct store_op *op)
{
    store_scan_archive(front->store, STORE_CARDS, op->cards.scanned, SCAN_RECORDS, op->cookie);
}

/* True when the page can be made. */
static bool
take_records(struct store_op *op, const struct store_answer *answer)
{
    struct cards_op *cards = &op->cards;
    for (size_t i = 0; i < answer->n_records; i++) {
        if (answer->records[i].key > cards->bound) {
            cards->is_exhausted = true;
            return true;
        }
        keep(op, &answer->records[i]);
        cards->scanned = answer->records[i].key;
        if (cards->n_found > page_limit(cards->query) || op->arena.used > SCAN_BYTES_MAX) {
            return true;
        }
    }
    cards->is_exhausted = !answer->has_more;
    cards->n_pages++;
    return cards->is_exhausted || cards->n_pages >= SCAN_PAGES_MAX;
}

void
cards_continue(struct front *front, struct store_op *op, const struct store_answer *answer)
{
    if (answer->status != STORE_OK) {
        store_op_refuse(front, op, BATON__CODE__CODE_INTERNAL, answer->error);
    } else if (answer->kind == STORE_ANSWER_RECORD) {
        if (answer->n_records > 0) {
            keep(op, &answer->records[0]);
        }
        op->cards.is_exhausted = true;
        finish(front, op);
    } else if (take_records(op, answer)) {
        finish(front, op);
    } else {
        scan_on(front, op);
    }
}

/* ---- the request ---- */

/* The board's own cards do not stay until the archive has answered. */
static void
remember(struct store_op *op, const Baton__Cards *query, const Baton__CardList *list)
{
    size_t bytes = baton__cards__get_packed_size(query);
    uint8_t *packed = arena_alloc(&op->arena, bytes + 1);
    baton__cards__pack(query, packed);
    op->cards = (struct cards_op){
        .query = unpack_own(&op->arena, &baton__cards__descriptor, bytes, packed),
        .memory = *list,
        .bound = list->next ? list->next : UINT64_MAX,
        .scanned = query->after};
    CHECK(op->cards.query);
    op->cards.memory.cards = arena_alloc(&op->arena, list->n_cards * sizeof(Baton__Card *));
    for (size_t i = 0; i < list->n_cards; i++) {
        op->cards.memory.cards[i] = copy(&op->arena, list->cards[i]);
    }
}

enum answered
handle_cards(struct call *call, Baton__FromBroker *reply)
{
    struct front *front = call->front;
    const Baton__Cards *query = call->message->cards;
    struct core_request request = front_request(front, call->actor);
    Baton__CardList *list = arena_alloc(&front->arena, sizeof *list);
    core_cards(front->core, &request, query, list);
    bool by_number = query->number && list->n_cards == 0;
    bool by_scan = query->archived && !query->number;
    if (query->open || !(by_number || by_scan) || query->after > INT64_MAX) {
        reply->op_case = BATON__FROM_BROKER__OP_CARDS;
        reply->cards = list;
        return ANSWER_NOW;
    }
    struct store_op *op = store_op_begin(call, STORE_OP_CARDS, reply);
    if (!op) {
        return ANSWER_NOW;
    }
    remember(op, query, list);
    if (by_scan) {
        scan_on(front, op);
    } else {
        store_read_archive(front->store, STORE_CARDS, query->number, op->cookie);
    }
    return ANSWER_LATER;
}
