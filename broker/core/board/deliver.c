/* The cards that come with a task: handoffs of what it depends on and to its role, and the
 * decisions in force in its area. As many as fit. */
#include "broker/core/board/board.h"

#include "common/unpack.h"
#include "common/words.h"

#include <string.h>

/* Of those that concern the task, the newest: others may be too large to fit. */
enum { DECISIONS_LOOKED_AT = 4 * DECISIONS_GIVEN };

struct parcel {
    struct core_request *request;
    Baton__Assignment *assignment;
    size_t room; /* of assignment->cards */
    size_t left; /* bytes */
};

static bool
has_room(const struct parcel *parcel)
{
    return parcel->assignment->n_cards < parcel->room;
}

static void
parcel_add(struct parcel *parcel, const Baton__Card *card)
{
    Baton__Assignment *assignment = parcel->assignment;
    size_t bytes = baton__card__get_packed_size(card);
    if (bytes > parcel->left || !has_room(parcel)) {
        return;
    }
    struct arena *arena = parcel->request->arena;
    uint8_t *packed = arena_alloc(arena, bytes + 1);
    baton__card__pack(card, packed);
    Baton__Card *copy = unpack_own(arena, &baton__card__descriptor, bytes, packed);
    CHECK(copy);
    assignment->cards[assignment->n_cards++] = copy;
    parcel->left -= bytes;
}

static bool
has_card(const Baton__Assignment *assignment, uint64_t number)
{
    for (size_t i = 0; i < assignment->n_cards; i++) {
        if (assignment->cards[i]->number == number) {
            return true;
        }
    }
    return false;
}

static void
add_handoffs(const struct core *core, const struct task *task, const Baton__Spec *spec,
             struct parcel *parcel)
{
    const char *own = task_project(core, task);
    for (size_t i = 0; i < spec->n_after; i++) {
        const Baton__Edge *edge = spec->after[i];
        const Baton__Card *card = handoff_latest(core, edge->project[0] ? edge->project : own,
                                                 edge->id);
        if (card && !has_card(parcel->assignment, card->number)) {
            parcel_add(parcel, card);
        }
    }
}

/* Oldest first: they are given until somebody answers. */
static void
add_handoffs_to_role(const struct core *core, const struct task *task, struct parcel *parcel)
{
    const struct card *card = board_first_of(core, OF_ROLE, task_project(core, task),
                                             role_names[task->role]);
    for (; card && has_room(parcel); card = board_next_of(core, card)) {
        parcel_add(parcel, card->message);
    }
}

/* Newest first. */
static void
add_decisions(const struct core *core, const struct task *task, const Baton__Spec *spec,
              struct parcel *parcel)
{
    const char *label = "";
    for (size_t i = 0; i < spec->n_labels; i++) {
        label = strcmp(spec->labels[i]->key, "area") == 0 ? spec->labels[i]->value : label;
    }
    const char *project = task_project(core, task);
    const struct numbers none = {0};
    const struct numbers *a = decisions_of_role(core, project, role_names[task->role]);
    const struct numbers *b = decisions_of_area(core, project, label);
    a = a ? a : &none;
    b = b ? b : &none;
    uint32_t i = a->n, k = b->n;
    for (int looked = 0; i + k > 0 && has_room(parcel) && looked < DECISIONS_LOOKED_AT; looked++) {
        uint64_t x = i ? a->list[i - 1] : 0, y = k ? b->list[k - 1] : 0;
        i -= x >= y;
        k -= y >= x;
        parcel_add(parcel, board_find(core, MAX(x, y))->message);
    }
}

void
cards_deliver(const struct core *core, struct core_request *request, const struct task *task,
              Baton__Assignment *assignment)
{
    if (!task->edges->n_ins && !core->board.n_of_areas && !core->board.n_for_roles &&
        (!core->board.n_of_role[task->role] ||
         !decisions_of_role(core, task_project(core, task), role_names[task->role]))) {
        return;
    }
    const Baton__Spec *spec = task_unpack(core, task, request->arena);
    size_t for_role = core->board.n_for_roles ? ROLE_HANDOFFS_GIVEN : 0;
    size_t room = spec->n_after + for_role + MIN(core->board.n_in_force, DECISIONS_GIVEN);
    struct parcel parcel = {.request = request,
                            .assignment = assignment,
                            .room = spec->n_after,
                            .left = UPSTREAM_BYTES_MAX};
    assignment->cards = arena_alloc(request->arena, (room + 1) * sizeof(Baton__Card *));
    add_handoffs(core, task, spec, &parcel);
    parcel.room = assignment->n_cards + for_role;
    if (for_role) {
        add_handoffs_to_role(core, task, &parcel);
    }
    parcel.room = assignment->n_cards + MIN(core->board.n_in_force, DECISIONS_GIVEN);
    add_decisions(core, task, spec, &parcel);
}
