/* Rules: areas, levels of severity, targets. Each is one card of a name in its project; setting it
 * again replaces what it says. They do nothing by themselves: decisions, incidents and reports look
 * them up. */
#include "broker/core/board/board.h"

#include "common/measure.h"
#include "common/path_name.h"
#include "common/text.h"

#include <string.h>

/* What was given replaces what the rule said. */
void
rule_replace(struct posting *p)
{
    const Baton__Card *given = p->given;
    Baton__Card *next = &p->next;
    next->state = CARD(IN_FORCE);
    next->title = given->title;
    next->text = given->text;
    next->role = given->role;
    next->to_role = given->to_role;
    next->owner = given->owner;
    next->severity = given->severity;
    next->items = given->items;
    next->n_items = given->n_items;
}

Baton__Code
rule_remove(struct posting *p)
{
    (void)p;
    return BATON__CODE__CODE_OK;
}

/* ---- areas: who owns, reviews and decides ---- */

static Baton__Code
area_set(struct posting *p)
{
    rule_replace(p);
    if (!p->next.owner[0]) {
        return refuse(p->request, BATON__CODE__CODE_INVALID, "card.owner",
                      "who decides? an area has a decision maker");
    }
    for (size_t i = 0; i < p->next.n_items; i++) {
        const Baton__Item *item = p->next.items[i];
        if (strcmp(item->tag, "reviewer") != 0 || !item->name[0]) {
            return post_bad_item(p, i, "an area has items \"reviewer\", each with a name");
        }
        for (size_t j = 0; j < i; j++) {
            if (strcmp(p->next.items[j]->name, item->name) == 0) {
                return post_bad_item(p, i, "this reviewer is there twice");
            }
        }
    }
    return BATON__CODE__CODE_OK;
}

const struct card_kind card_area = {
    .name = "area",
    .gives = GIVES_TITLE | GIVES_TEXT | GIVES_ROLE | GIVES_OWNER | GIVES_ITEMS,
    .named = true,
    .is_rule = true,
    .verbs = {[VERB(SET)] = area_set, [VERB(REMOVE)] = rule_remove},
    .weigh = area_weigh,
};

/* ---- levels of severity: how fast who must answer ---- */

static bool
response_is_fine(const Baton__Item *item)
{
    return strcmp(item->name, "next_business_day") == 0 ||
           (!item->name[0] && item->value >= 1000 && item->value <= (double)DURATION_MS_MAX &&
            strcmp(item->unit, "ms") == 0);
}

static bool
required_is_fine(const Baton__Item *item)
{
    return role_number(item->name) >= 0 || strcmp(item->name, "owner") == 0 ||
           strcmp(item->name, "any") == 0;
}

/* Brings the name into its one form. */
static bool
freeze_is_fine(struct posting *p, Baton__Item *item)
{
    char name[RESOURCE_NAME_ROOM];
    if (resource_name_read(item->name, name) ||
        (!path_name_is(name) && !name_is_valid(name, NAME_BYTES_MAX))) {
        return false;
    }
    item->name = arena_strdup(p->request->arena, name);
    return true;
}

static Baton__Code
level_set(struct posting *p)
{
    size_t n_responses = 0;
    rule_replace(p);
    card_items_own(p->request, &p->next);
    if (!p->next.severity) {
        return refuse(p->request, BATON__CODE__CODE_INVALID, "card.severity",
                      "which severity? a level is of P0, P1, P2 or P3");
    }
    for (size_t i = 0; i < p->next.n_items; i++) {
        const Baton__Item *item = p->next.items[i];
        bool is_response = strcmp(item->tag, "response") == 0;
        n_responses += is_response;
        if (is_response && !response_is_fine(item)) {
            return post_bad_item(p, i,
                                 "a response time is a value in ms, or \"next_business_day\"");
        }
        if (strcmp(item->tag, "required") == 0 && !required_is_fine(item)) {
            return post_bad_item(p, i, "required is a role, \"owner\" or \"any\"");
        }
        bool freezes = strcmp(item->tag, "freeze") == 0;
        if (freezes && !freeze_is_fine(p, p->next.items[i])) {
            return post_bad_item(p, i, "freeze is the name of a resource");
        }
        if (!is_response && !freezes && strcmp(item->tag, "required") != 0 &&
            strcmp(item->tag, "contact") != 0 && strcmp(item->tag, "yield") != 0) {
            return post_bad_item(p, i, "a level has response, required, contact, yield and freeze");
        }
    }
    if (n_responses != 1) {
        return refuse(p->request, BATON__CODE__CODE_INVALID, "card.items",
                      "a level has one response time");
    }
    return BATON__CODE__CODE_OK;
}

const struct card_kind card_level = {
    .name = "level",
    .gives = GIVES_TITLE | GIVES_TEXT | GIVES_SEVERITY | GIVES_ITEMS,
    .named = true,
    .is_rule = true,
    .verbs = {[VERB(SET)] = level_set, [VERB(REMOVE)] = rule_remove},
};

/* ---- targets: what a metric should be ---- */

static Baton__Code
target_set(struct posting *p)
{
    rule_replace(p);
    const Baton__Item *item = p->next.n_items == 1 ? p->next.items[0] : NULL;
    if (!item || strcmp(item->tag, "target") != 0 ||
        (strcmp(item->name, "above") != 0 && strcmp(item->name, "below") != 0)) {
        return refuse(p->request, BATON__CODE__CODE_INVALID, "card.items",
                      "a target has one item \"target\", \"above\" or \"below\" a value");
    }
    const char *wrong = metric_unit_wrong(p->next.name, item->unit);
    if (wrong) {
        return post_bad_item(p, 0, wrong);
    }
    return BATON__CODE__CODE_OK;
}

const struct card_kind card_target = {
    .name = "target",
    .gives = GIVES_TITLE | GIVES_TEXT | GIVES_ROLE | GIVES_ITEMS,
    .named = true,
    .is_rule = true,
    .verbs = {[VERB(SET)] = target_set, [VERB(REMOVE)] = rule_remove},
};
