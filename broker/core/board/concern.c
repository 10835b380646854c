/* Whom the decisions in force concern: lists by role and by area, so that what is given to a task
 * costs what it is given, however many decisions there are. A decision concerns the role that
 * proposed it, and those of its area as the area's rule says now (or, without one, as it says
 * itself): who owns, who decides, who reviews. Who else works at the area says so with a label. */
#include "broker/core/board/board.h"

#include "common/words.h"

#include <stdlib.h>
#include <string.h>

struct decision_list {
    char *key; /* what of, project, NUL, name; owned */
    struct numbers numbers;
    UT_hash_handle by_key;
};

enum { BY_ROLE = 'r', BY_AREA = 'a' };

static struct decision_list *
find(const struct core *core, unsigned what, const char *project, const char *name)
{
    struct name_key key;
    name_key_init(&key, what, project, name);
    struct decision_list *list;
    HASH_FIND(by_key, core->board.decisions, key.text, key.bytes, list);
    name_key_fini(&key);
    return list;
}

static void
weigh(struct core *core, unsigned what, const char *project, const char *name, uint64_t number,
      int by)
{
    struct decision_list *list = find(core, what, project, name);
    if (!list) {
        size_t bytes;
        list = xcalloc(1, sizeof *list);
        list->key = name_key(what, project, name, &bytes);
        HASH_ADD_KEYPTR(by_key, core->board.decisions, list->key, bytes, list);
    }
    numbers_weigh(&list->numbers, number, by);
    if (list->numbers.n == 0) {
        HASH_DELETE(by_key, core->board.decisions, list);
        free(list->numbers.list);
        free(list->key);
        free(list);
    }
}

static uint32_t
bit_of(const char *role)
{
    int number = role[0] ? role_number(role) : -1;
    return number < 0 ? 0 : UINT32_C(1) << number;
}

/* `area` NULL: there is no rule for it. */
static uint32_t
concerned(const Baton__Card *decision, const Baton__Card *area)
{
    const Baton__Card *ground = area ? area : decision;
    uint32_t roles = bit_of(decision->role) | bit_of(ground->owner) | bit_of(ground->role);
    for (size_t i = 0; i < ground->n_items; i++) {
        if (strcmp(ground->items[i]->tag, "reviewer") == 0) {
            roles |= bit_of(ground->items[i]->name);
        }
    }
    return roles;
}

/* The decision is on the lists of these roles from now on. */
static void
put(struct core *core, struct card *card, uint32_t roles)
{
    uint32_t changed = card->concerns ^ roles;
    for (int r = 0; r < ROLES_N; r++) {
        if (changed & UINT32_C(1) << r) {
            int by = roles & UINT32_C(1) << r ? 1 : -1;
            weigh(core, BY_ROLE, card->message->project, role_names[r], card->message->number, by);
            core->board.n_of_role[r] += (uint32_t)by;
        }
    }
    card->concerns = roles;
}

void
decision_list_weigh(struct core *core, const Baton__Card *decision, int by)
{
    struct card *card = board_find(core, decision->number);
    const char *name = decision_area(decision);
    core->board.n_in_force += (uint32_t)by;
    if (name[0]) {
        core->board.n_of_areas += (uint32_t)by;
        weigh(core, BY_AREA, decision->project, name, decision->number, by);
    }
    put(core, card, by > 0 ? concerned(decision, decision_area_rule(core, decision)) : 0);
}

void
area_weigh(struct core *core, const Baton__Card *area, int by)
{
    const struct decision_list *list = find(core, BY_AREA, area->project, area->name);
    for (uint32_t i = 0; list && i < list->numbers.n; i++) {
        struct card *card = board_find(core, list->numbers.list[i]);
        put(core, card, concerned(card->message, by > 0 ? area : NULL));
    }
}

const struct numbers *
decisions_of_role(const struct core *core, const char *project, const char *role)
{
    const struct decision_list *list = find(core, BY_ROLE, project, role);
    return list ? &list->numbers : NULL;
}

const struct numbers *
decisions_of_area(const struct core *core, const char *project, const char *area)
{
    const struct decision_list *list = area[0] ? find(core, BY_AREA, project, area) : NULL;
    return list ? &list->numbers : NULL;
}

void
decision_lists_fini(struct core *core)
{
    struct decision_list *list, *next;
    HASH_ITER (by_key, core->board.decisions, list, next) {
        HASH_DELETE(by_key, core->board.decisions, list);
        free(list->numbers.list);
        free(list->key);
        free(list);
    }
}
