#include "broker/core/tally.h"

#include "broker/core/board/board.h"
#include "broker/core/state.h"

static const int64_t bounds_ms[TALLY_BOUNDS] = {
    1, 10, 50, 100, 500, 1000, 5000, 15000, 60000, 300000, 900000, 3600000, 14400000,
};

void
tally_time(struct tally_times *times, int64_t ms)
{
    size_t i = 0;
    ms = MAX(ms, (int64_t)0);
    while (i < TALLY_BOUNDS && ms > bounds_ms[i]) {
        i++;
    }
    times->counts[i]++;
    times->sum_ms += ms;
}

/* ---- the answer ---- */

struct answer_room {
    struct core_request *request;
    Baton__Tallies *tallies;
    size_t room_counts, room_times, room_cards;
};

static void
add_count(struct answer_room *into, const char *name, const char *role, const char *of,
          uint64_t value)
{
    Baton__Tallies *ret = into->tallies;
    CHECK(ret->n_counts < into->room_counts);
    Baton__Tallies__Count *count = arena_alloc(into->request->arena, sizeof *count);
    baton__tallies__count__init(count);
    count->name = (char *)(uintptr_t)name;
    count->role = (char *)(uintptr_t)role;
    count->of = (char *)(uintptr_t)of;
    count->value = value;
    ret->counts[ret->n_counts++] = count;
}

static void
add_times(struct answer_room *into, const char *name, const char *role,
          const struct tally_times *times)
{
    struct arena *arena = into->request->arena;
    Baton__Tallies *ret = into->tallies;
    CHECK(ret->n_times < into->room_times);
    Baton__Tallies__Times *some = arena_alloc(arena, sizeof *some);
    baton__tallies__times__init(some);
    some->name = (char *)(uintptr_t)name;
    some->role = (char *)(uintptr_t)role;
    some->sum_us = times->sum_ms * 1000;
    some->bounds_us = arena_alloc(arena, TALLY_BOUNDS * sizeof *some->bounds_us);
    some->counts = arena_alloc(arena, (TALLY_BOUNDS + 1) * sizeof *some->counts);
    for (size_t i = 0; i < TALLY_BOUNDS; i++) {
        some->bounds_us[some->n_bounds_us++] = bounds_ms[i] * 1000;
    }
    for (size_t i = 0; i <= TALLY_BOUNDS; i++) {
        some->counts[some->n_counts++] = times->counts[i];
    }
    ret->times[ret->n_times++] = some;
}

/* Cards of the kind that have not ended, by state. O(cards). */
static void
add_cards(const struct core *core, unsigned kind, struct answer_room *into)
{
    Baton__Tallies *ret = into->tallies;
    Baton__Tallies__Cards *of[TALLY_STATES] = {0};
    const struct card *at = board_first_open(core, kind);
    for (; at; at = board_next_open(core, at)) {
        const Baton__Card *card = at->message;
        CHECK((unsigned)card->state < TALLY_STATES);
        Baton__Tallies__Cards *some = of[card->state];
        if (!some) {
            CHECK(ret->n_cards < into->room_cards);
            some = of[card->state] = arena_alloc(into->request->arena, sizeof *some);
            baton__tallies__cards__init(some);
            some->kind = card->kind;
            some->state = card->state;
            some->oldest_at = card->created_at;
            ret->cards[ret->n_cards++] = some;
        }
        some->n++;
        some->n_overdue += card->due_at != 0 && card->due_at <= into->request->now;
        some->oldest_at = MIN(some->oldest_at, card->created_at);
    }
}

void
core_tally(const struct core *core, struct core_request *request, Baton__Tallies *ret)
{
    baton__tallies__init(ret);
    struct answer_room into = {
        .request = request,
        .tallies = ret,
        .room_counts = (size_t)ROLES_N * (2 + TALLY_OUTCOMES) + (size_t)TALLY_KINDS * TALLY_STATES,
        .room_times = 2 * ROLES_N + TALLY_TIMES_MORE,
        .room_cards = (size_t)TALLY_KINDS * TALLY_STATES,
    };
    ret->counts = arena_alloc(request->arena, into.room_counts * sizeof *ret->counts);
    ret->times = arena_alloc(request->arena, into.room_times * sizeof *ret->times);
    ret->cards = arena_alloc(request->arena, into.room_cards * sizeof *ret->cards);
    for (int r = 0; r < ROLES_N; r++) {
        const struct tally_role *tally = &core->tally.roles[r];
        add_count(&into, "leases", role_names[r], "", tally->leases);
        add_count(&into, "retries", role_names[r], "", tally->retries);
        for (int o = 1; o < TALLY_OUTCOMES && outcome_name(o)[0]; o++) {
            add_count(&into, "attempts", role_names[r], outcome_name(o), tally->outcomes[o]);
        }
        add_times(&into, "waits", role_names[r], &tally->waits);
        add_times(&into, "runs", role_names[r], &tally->runs);
    }
    for (int k = 1; k < TALLY_KINDS; k++) {
        for (int s = 1; s < TALLY_STATES; s++) {
            if (core->tally.cards[k][s] > 0) {
                add_count(&into, card_kind_name(k), "", card_state_name(s),
                          core->tally.cards[k][s]);
            }
        }
    }
    for (unsigned kind = 0; kind < TALLY_KINDS; kind++) {
        add_cards(core, kind, &into);
    }
}
