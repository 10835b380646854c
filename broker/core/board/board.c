/* The store of cards: found by number, by name, by task; and the heap of their clocks. Evolves
 * them: what decides is in post.c and in the files of the kinds. */
#include "broker/core/board/board.h"

#include "common/alloc.h"
#include "common/pack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct card *
board_at(const struct core *core, uint32_t slot)
{
    return core->board.slots[slot];
}

struct card *
board_find(const struct core *core, uint64_t number)
{
    uint32_t slot = number ? index64_get(&core->board.by_number, number) : 0;
    return slot ? board_at(core, slot) : NULL;
}

enum { PROPOSAL = 0x80 }; /* beside the kind: names of proposals are apart */

static struct card *
find_identity(const struct core *core, unsigned kind, const char *project, const char *name)
{
    struct name_key key;
    name_key_init(&key, kind, project, name);
    struct card *card;
    HASH_FIND(by_identity, core->board.by_identity, key.text, key.bytes, card);
    name_key_fini(&key);
    return card;
}

struct card *
board_find_named(const struct core *core, unsigned kind, const char *project, const char *name)
{
    return find_identity(core, kind, project, name);
}

struct card *
board_find_proposal(const struct core *core, unsigned kind, const char *project, const char *name)
{
    return find_identity(core, kind | PROPOSAL, project, name);
}

static void
identity_leave(struct core *core, struct card *card)
{
    if (card->identity) {
        HASH_DELETE(by_identity, core->board.by_identity, card);
        free(card->identity);
        card->identity = NULL;
    }
}

/* An ended card leaves its name to others; one that is about to be superseded has to. */
static void
identity_join(struct core *core, struct card *card)
{
    const Baton__Card *message = card->message;
    if (!message->name[0] || card_has_ended(message)) {
        return;
    }
    bool is_proposal = card_kinds[message->kind]->proposed && message->state == CARD(OPEN);
    unsigned kind = message->kind | (is_proposal ? PROPOSAL : 0);
    struct card *other = find_identity(core, kind, message->project, message->name);
    if (other) {
        identity_leave(core, other);
    }
    size_t bytes;
    card->identity = name_key(kind, message->project, message->name, &bytes);
    HASH_ADD_KEYPTR(by_identity, core->board.by_identity, card->identity, bytes, card);
}

void
numbers_weigh(struct numbers *numbers, uint64_t number, int by)
{
    uint32_t at = 0; /* behind the last one that is not above it */
    for (uint32_t end = numbers->n; at < end;) {
        uint32_t middle = at + (end - at) / 2;
        if (numbers->list[middle] <= number) {
            at = middle + 1;
        } else {
            end = middle;
        }
    }
    if (by < 0) {
        CHECK(at > 0 && numbers->list[at - 1] == number);
        memmove(&numbers->list[at - 1], &numbers->list[at],
                (numbers->n - at) * sizeof *numbers->list);
        numbers->n--;
        return;
    }
    if (numbers->n == numbers->room) {
        numbers->room = numbers->room ? numbers->room * 2 : 16;
        numbers->list = xreallocarray(numbers->list, numbers->room, sizeof *numbers->list);
    }
    memmove(&numbers->list[at + 1], &numbers->list[at], (numbers->n - at) * sizeof *numbers->list);
    numbers->list[at] = number;
    numbers->n++;
}

/* ---- clocks ---- */

static int64_t
rings_at(const struct card *card)
{
    return card->message->rings_at && !card_has_ended(card->message) ? card->message->rings_at
                                                                     : NEVER;
}

static bool
rings_before(const void *context, uint32_t a, uint32_t b)
{
    const struct card *x = board_at(context, a), *y = board_at(context, b);
    int64_t at_x = rings_at(x), at_y = rings_at(y);
    return at_x != at_y ? at_x < at_y : x->message->number < y->message->number;
}

static uint32_t *
clock_position(const void *context, uint32_t slot)
{
    return &board_at(context, slot)->clock_pos;
}

static const struct heap_class clocks_class = {rings_before, clock_position};

/* A schedule's clock does not ring by itself: the core does not know what comes next. What has
 * ended has no clock, and stands in a heap of its own, by number: the first makes room. */
static struct heap *
heap_of(struct core *core, const struct card *card)
{
    return card_has_ended(card->message)           ? &core->board.ended
           : card->message->kind == KIND(SCHEDULE) ? &core->board.schedules
                                                   : &core->board.clocks;
}

static void
clock_remove(struct core *core, struct card *card)
{
    if (card->clock_pos) {
        heap_remove(heap_of(core, card), &clocks_class, core, card->slot);
    }
}

static void
clock_set(struct core *core, struct card *card)
{
    if (rings_at(card) != NEVER || card_has_ended(card->message)) {
        heap_add(heap_of(core, card), &clocks_class, core, card->slot);
    }
}

static int64_t
clocks_next_at(const struct core *core)
{
    return core->board.clocks.n ? rings_at(board_at(core, heap_top(&core->board.clocks))) : NEVER;
}

struct card *
board_ringing(const struct core *core, int64_t now)
{
    return clocks_next_at(core) <= now ? board_at(core, heap_top(&core->board.clocks)) : NULL;
}

struct card *
board_surplus(const struct core *core)
{
    const struct heap *ended = &core->board.ended;
    return ended->n > core->config.hot_cards_max ? board_at(core, heap_top(ended)) : NULL;
}

int64_t
board_next_at(const struct core *core)
{
    return board_surplus(core) ? 0 : clocks_next_at(core);
}

/* ---- cards by what they concern ---- */

enum { TOKEN_ROOM = 24 };

/* The group that the card belongs to now, by project and name; the name may be in `room`. */
static enum group_of
group_of(const Baton__Card *card, const char **ret_project, const char **ret_name,
         char room[TOKEN_ROOM])
{
    *ret_project = card->project;
    *ret_name = card->task;
    if (card->task[0]) {
        return OF_TASK;
    }
    if (card_has_ended(card)) {
        return OF_NOTHING;
    }
    switch ((unsigned)card->kind) {
    case KIND(HANDOFF):
        *ret_name = card->to_role;
        return OF_ROLE;
    case KIND(BLOCKER):
        *ret_project = card->role[0] ? "" : card->project;
        *ret_name = card->role;
        return card->role[0] ? OF_BLOCKED_ROLE : OF_BLOCKED_PROJECT;
    case KIND(RESERVATION):
        *ret_project = "";
        *ret_name = room;
        snprintf(room, TOKEN_ROOM, "%llu", (unsigned long long)card->token);
        return card->token ? OF_LEASE : OF_NOTHING;
    default:
        return OF_NOTHING;
    }
}

static struct card_group *
group_find(const struct core *core, enum group_of of, const char *project, const char *name)
{
    struct name_key key;
    name_key_init(&key, of, project, name);
    struct card_group *group;
    HASH_FIND(by_key, core->board.groups, key.text, key.bytes, group);
    name_key_fini(&key);
    return group;
}

static void
group_join(struct core *core, struct card *card)
{
    const char *project, *name;
    char room[TOKEN_ROOM];
    enum group_of of = group_of(card->message, &project, &name, room);
    if (of == OF_NOTHING) {
        return;
    }
    struct card_group *group = group_find(core, of, project, name);
    if (!group) {
        size_t bytes;
        group = xcalloc(1, sizeof *group);
        group->key = name_key(of, project, name, &bytes);
        core->board.n_for_roles += of == OF_ROLE;
        core->board.n_of_leases += of == OF_LEASE;
        HASH_ADD_KEYPTR(by_key, core->board.groups, group->key, bytes, group);
    }
    uint32_t before = group->last; /* by number; where that does not hold yet, sort follows */
    while (before && !core->board.unsorted &&
           board_at(core, before)->message->number > card->message->number) {
        before = board_at(core, before)->group_prev;
    }
    card->group = group;
    card->group_prev = before;
    uint32_t *next = before ? &board_at(core, before)->group_next : &group->first;
    card->group_next = *next;
    *(card->group_next ? &board_at(core, card->group_next)->group_prev : &group->last) = card->slot;
    *next = card->slot;
}

static void
group_leave(struct core *core, struct card *card)
{
    struct card_group *group = card->group;
    if (!group) {
        return;
    }
    if (card->group_prev) {
        board_at(core, card->group_prev)->group_next = card->group_next;
    } else {
        group->first = card->group_next;
    }
    if (card->group_next) {
        board_at(core, card->group_next)->group_prev = card->group_prev;
    } else {
        group->last = card->group_prev;
    }
    card->group = NULL;
    if (!group->first) {
        core->board.n_for_roles -= group->key[0] == OF_ROLE;
        core->board.n_of_leases -= group->key[0] == OF_LEASE;
        HASH_DELETE(by_key, core->board.groups, group);
        free(group->key);
        free(group);
    }
}

/* The card has changed: it may concern another task now, or nothing any more. */
static void
group_look(struct core *core, struct card *card)
{
    const char *project, *name;
    char room[TOKEN_ROOM];
    enum group_of of = group_of(card->message, &project, &name, room);
    const struct card_group *group = of ? group_find(core, of, project, name) : NULL;
    if (!group || group != card->group) {
        group_leave(core, card);
        group_join(core, card);
    }
}

struct card *
board_first_of(const struct core *core, enum group_of of, const char *project, const char *name)
{
    const struct card_group *group = group_find(core, of, project, name);
    return group ? board_at(core, group->first) : NULL;
}

struct card *
board_next_of(const struct core *core, const struct card *card)
{
    return card->group_next ? board_at(core, card->group_next) : NULL;
}

/* ---- cards of a kind that have not ended ---- */

static void
open_leave(struct core *core, struct card *card)
{
    struct card_list *list = &core->board.open[card->message->kind];
    if (card->is_listed) {
        *(card->open_prev ? &board_at(core, card->open_prev)->open_next
                          : &list->first) = card->open_next;
        *(card->open_next ? &board_at(core, card->open_next)->open_prev
                          : &list->last) = card->open_prev;
        card->is_listed = false;
    }
}

/* New cards have the highest number; where a snapshot has them in another order, sort follows. */
static void
open_join(struct core *core, struct card *card)
{
    struct card_list *list = &core->board.open[card->message->kind];
    if (!card->is_listed && !card_has_ended(card->message)) {
        card->open_prev = list->last;
        card->open_next = 0;
        *(list->last ? &board_at(core, list->last)->open_next : &list->first) = card->slot;
        list->last = card->slot;
        card->is_listed = true;
    }
}

struct card *
board_first_open(const struct core *core, unsigned kind)
{
    uint32_t slot = core->board.open[kind].first;
    return slot ? board_at(core, slot) : NULL;
}

struct card *
board_next_open(const struct core *core, const struct card *card)
{
    return card->open_next ? board_at(core, card->open_next) : NULL;
}

/* ---- the store ---- */

static uint32_t
slot_take(struct board *board)
{
    if (board->n_free) {
        return board->free[--board->n_free];
    }
    if (board->n_slots == board->room_slots) {
        board->room_slots = board->room_slots ? board->room_slots * 2 : 64;
        board->slots = xreallocarray(board->slots, board->room_slots, sizeof *board->slots);
        board->free = xreallocarray(board->free, board->room_slots, sizeof *board->free);
        if (board->n_slots == 0) {
            board->slots[board->n_slots++] = NULL;
        }
    }
    return board->n_slots++;
}

static int
compare_numbers(const void *a, const void *b)
{
    const struct card *x = *(struct card *const *)a;
    const struct card *y = *(struct card *const *)b;
    return (x->message->number > y->message->number) - (x->message->number < y->message->number);
}

static void
list_append(struct core *core, struct card *card)
{
    struct board *board = &core->board;
    card->prev = board->last;
    card->next = 0;
    *(board->last ? &board_at(core, board->last)->next : &board->first) = card->slot;
    board->last = card->slot;
}

/* Those that a snapshot had to set aside came first. Lists and names are as if all had come in
 * their order. */
static void
sort(struct core *core)
{
    struct board *board = &core->board;
    struct card **all = xcalloc(board->n, sizeof(struct card *));
    uint32_t n = 0;
    for (uint32_t slot = board->first; slot; slot = board_at(core, slot)->next) {
        all[n++] = board_at(core, slot);
    }
    for (uint32_t i = 0; i < n; i++) {
        group_leave(core, all[i]);
        open_leave(core, all[i]);
        identity_leave(core, all[i]);
    }
    if (n > 1) {
        qsort(all, n, sizeof(struct card *), compare_numbers);
    }
    board->first = board->last = 0;
    for (uint32_t i = 0; i < n; i++) {
        list_append(core, all[i]);
        identity_join(core, all[i]);
        group_join(core, all[i]);
        open_join(core, all[i]);
    }
    board->unsorted = false;
    free(all);
}

struct card *
board_add(struct core *core, Baton__Card *message)
{
    struct board *board = &core->board;
    struct card *card = xcalloc(1, sizeof *card);
    card->message = message;
    card->slot = slot_take(board);
    board->slots[card->slot] = card;
    board->n++;
    card->aside = core->snapshot.side; /* came after the snapshot that may be running */
    board->unsorted = board->unsorted ||
                      (board->last &&
                       board_at(core, board->last)->message->number > message->number);
    list_append(core, card);
    index64_put(&board->by_number, message->number, card->slot);
    identity_join(core, card);
    group_join(core, card);
    open_join(core, card);
    clock_set(core, card);
    return card;
}

static void
card_free(struct core *core, struct card *card)
{
    struct board *board = &core->board;
    if (core->snapshot.card == card->slot) {
        core->snapshot.card = card->next;
    }
    clock_remove(core, card);
    group_leave(core, card);
    open_leave(core, card);
    identity_leave(core, card);
    index64_remove(&board->by_number, card->message->number);
    *(card->prev ? &board_at(core, card->prev)->next : &board->first) = card->next;
    *(card->next ? &board_at(core, card->next)->prev : &board->last) = card->prev;
    board->slots[card->slot] = NULL;
    board->free[board->n_free++] = card->slot;
    board->n--;
    baton__card__free_unpacked(card->message, NULL);
    free(card);
}

/* Tasks can wait for it. */
static bool
is_gate(const Baton__Card *card)
{
    return card->kind == KIND(SIGNAL) || card->kind == KIND(DECISION);
}

/* What the card means for tasks has changed: they go where they belong now. */
static void
shift(struct core *core, const Baton__Card *card, struct core_out *out, int64_t at)
{
    if (card_kinds[card->kind]->shift) {
        card_kinds[card->kind]->shift(core, card, out, at);
    }
    if (is_gate(card)) {
        gate_tell(core, card->kind, card->project, card->name, out, at);
    }
}

static void
weigh(struct core *core, const Baton__Card *card, int by)
{
    const struct card_kind *kind = card_kinds[card->kind];
    if (kind->weigh) {
        kind->weigh(core, card, by);
    }
    if (is_gate(card) && card->state == CARD(IN_FORCE)) {
        gate_count(core, card->kind, card->project, card->name, by);
    }
}

void
board_link(struct core *core)
{
    if (core->board.unsorted) {
        sort(core);
    }
    for (uint32_t slot = core->board.first; slot; slot = board_at(core, slot)->next) {
        weigh(core, board_at(core, slot)->message, 1);
    }
    budgets_link(core);
    gates_link(core);
}

void
board_fini(struct core *core)
{
    while (core->board.first) {
        card_free(core, board_at(core, core->board.first));
    }
    decision_lists_fini(core);
    free(core->board.reservations.list);
    free(core->board.slots);
    free(core->board.free);
    heap_fini(&core->board.clocks);
    heap_fini(&core->board.schedules);
    heap_fini(&core->board.ended);
    index64_fini(&core->board.by_number);
}

/* ---- evolve ---- */

static Baton__Card *
message_copy(const Baton__Card *card, struct arena *arena)
{
    size_t bytes = baton__card__get_packed_size(card);
    uint8_t *packed = arena_alloc(arena, bytes + 1);
    baton__card__pack(card, packed);
    Baton__Card *copy = baton__card__unpack(NULL, bytes, packed);
    CHECK(copy);
    return copy;
}

void
evolve_card_put(struct core *core, const Baton__Fact *fact, uint64_t seq, struct core_out *out)
{
    Baton__Card *message = message_copy(fact->card_put->card, &core->scratch);
    struct card *card = board_find(core, message->number);
    if (card_has_ended(message) && !(card && card_has_ended(card->message))) {
        core->tally.cards[message->kind][message->state]++;
    }
    if (card) {
        snapshot_keep_card(core, card);
        weigh(core, card->message, -1);
        clock_remove(core, card);
        identity_leave(core, card);
        baton__card__free_unpacked(card->message, NULL);
        card->message = message;
        identity_join(core, card);
        group_look(core, card);
        if (card_has_ended(message)) {
            open_leave(core, card);
        }
        CHECK(card->is_listed != card_has_ended(message)); /* nothing begins again */
        clock_set(core, card);
    } else {
        message->number = seq;
        card = board_add(core, message);
    }
    weigh(core, message, 1);
    metrics_card(core, message, fact->card_put->verb, fact->at);
    event_card(core, out, fact->at, message, fact->actor, fact->card_put->verb);
    shift(core, message, out, fact->at);
}

void
evolve_card_gone(struct core *core, const Baton__Fact *fact, struct core_out *out)
{
    struct card *card = board_find(core, fact->card_gone->number);
    CHECK(card);
    snapshot_keep_card(core, card);
    Baton__Card *message = message_copy(card->message, &core->scratch);
    if (card_has_ended(message) && out) {
        size_t at = out->records.bytes;
        pack(&out->records, &message->base);
        put_add(out, true, message->number, at);
    }
    weigh(core, message, -1);
    card_free(core, card);
    if (!card_has_ended(message)) { /* a rule that was removed */
        event_card(core, out, fact->at, message, fact->actor, BATON__CARD_VERB__CARD_REMOVE);
        shift(core, message, out, fact->at);
    }
    baton__card__free_unpacked(message, NULL);
}
