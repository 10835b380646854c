/* Budgets in a plan: `budgets:`, a map of names. Each becomes a card of the board
 * (docs/coordination.md, "Budgets"). */
#include "common/limits.h"
#include "common/measure.h"
#include "common/units.h"
#include "ctl/plan/inner.h"

#include <string.h>

/* tokens: 2000000, cost: "50 USD", time: 8h */
static void
read_amounts(struct card_draft *draft, const struct node *map, const char *tag)
{
    if (!field_is(draft->plan, draft->source, map, NODE_MAP)) {
        return;
    }
    for (const struct node *node = map->first; node; node = node->next) {
        const char *text;
        char unit[CARD_TAG_BYTES_MAX + 1];
        double value;
        int64_t ms;
        if (!field_text(draft->plan, draft->source, node, TITLE_BYTES_MAX, &text)) {
            continue;
        }
        struct baton_item *item = card_add_item(draft, tag);
        item->name = node->key;
        if (node_is(node, "time") && duration_parse(text, &ms)) {
            item->value = (double)ms;
            item->unit = "ms";
        } else if (!node_is(node, "time") && measure_parse_value(text, &value, unit)) {
            item->value = value;
            item->unit = arena_strdup(&draft->plan->arena, unit);
        } else {
            plan_fail(draft->plan, place_of(draft->source, node),
                      "%s: %s is no amount; write a number, perhaps with a unit, and for time a "
                      "duration",
                      node->key, quote(draft->plan, text));
            continue;
        }
        if (!(item->value <= BUDGET_MAX) || item->value < 0 ||
            (item->value == 0 && strcmp(tag, "limit") == 0)) {
            plan_fail(draft->plan, place_of(draft->source, node),
                      "%s: %s is no %s; it is above 0 and at most 1e12", node->key,
                      quote(draft->plan, text), tag);
        }
    }
}

static void
read_flag(struct card_draft *draft, const struct node *node, const char *tag)
{
    bool on = false;
    if (field_bool(draft->plan, draft->source, node, &on) && on) {
        card_add_item(draft, tag);
    }
}

void
budget_read(struct plan *plan, const struct source *source, const struct node *entry)
{
    static const char *const keys[] = {"limits", "reserve",    "task", "role",  "title",
                                       "owner",  "everywhere", "hard", "daily", NULL};
    struct card_draft draft;
    card_begin(&draft, plan, source, BATON_CARD_BUDGET);
    draft.card.name = entry->key;
    for (const struct node *node = entry->first; node; node = node->next) {
        if (node_is(node, "limits") || node_is(node, "reserve")) {
            read_amounts(&draft, node, node_is(node, "limits") ? "limit" : "reserve");
        } else if (node_is(node, "task")) {
            field_name(plan, source, node, ID_BYTES_MAX, &draft.card.task);
        } else if (node_is(node, "role")) {
            draft.card.role = card_read_role(&draft, node);
        } else if (node_is(node, "title")) {
            field_text(plan, source, node, TITLE_BYTES_MAX, &draft.card.title);
        } else if (node_is(node, "owner")) {
            field_text(plan, source, node, NAME_BYTES_MAX, &draft.card.owner);
        } else if (node_is(node, "everywhere") || node_is(node, "hard")) {
            read_flag(&draft, node, node->key);
        } else if (node_is(node, "daily")) {
            read_flag(&draft, node, "day");
        } else {
            card_unknown_key(&draft, node, "budgets", keys);
        }
    }
    card_end(&draft, BATON_CARD_SET, (struct place){source->at.file, entry->key_line});
}
