/* Rules of roles: what is asked of whoever works in a role. Its name is the role's; items say what
 * a task of the role needs to be done (requires handoff, approval), and how often it may be sent
 * back (limit rework), how long approval may take (limit review, ms). Who holds tasks to it:
 * review.c. */
#include "broker/core/board/board.h"

#include <string.h>

static bool
item_is_fine(const Baton__Item *item)
{
    if (strcmp(item->tag, "requires") == 0) {
        return strcmp(item->name, "handoff") == 0 || strcmp(item->name, "approval") == 0;
    }
    if (strcmp(item->tag, "limit") != 0) {
        return false;
    }
    if (strcmp(item->name, "review") == 0) {
        return item->value >= 1 && item->value <= DURATION_MS_MAX &&
               item->value == (double)(int64_t)item->value;
    }
    return strcmp(item->name, "rework") == 0 && item->value >= 0 && item->value <= ATTEMPTS_MAX &&
           item->value == (double)(uint32_t)item->value;
}

static Baton__Code
role_set(struct posting *p)
{
    rule_replace(p);
    if (role_number(p->next.name) < 0) {
        return refuse(p->request, BATON__CODE__CODE_UNKNOWN_ROLE, "card.name",
                      "'%s' is no role: infra, backend, frontend, realtime, integration, testing",
                      p->next.name);
    }
    for (size_t i = 0; i < p->next.n_items; i++) {
        const Baton__Item *item = p->next.items[i];
        if (!item_is_fine(item)) {
            return post_bad_item(p, i,
                                 "a role requires handoff or approval, limits rework to 0 to 1,000 "
                                 "times, or review to a time in ms");
        }
        for (size_t j = 0; j < i; j++) {
            if (strcmp(p->next.items[j]->tag, item->tag) == 0 &&
                strcmp(p->next.items[j]->name, item->name) == 0) {
                return post_bad_item(p, i, "this is there twice");
            }
        }
    }
    return BATON__CODE__CODE_OK;
}

static void
role_weigh(struct core *core, const Baton__Card *card, int by)
{
    (void)card;
    core->board.n_roles += (uint32_t)by;
}

const struct card_kind card_role = {
    .name = "role",
    .gives = GIVES_TITLE | GIVES_TEXT | GIVES_ITEMS,
    .named = true,
    .is_rule = true,
    .verbs = {[VERB(SET)] = role_set, [VERB(REMOVE)] = rule_remove},
    .weigh = role_weigh,
};
