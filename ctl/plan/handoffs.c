/* Handoffs in a plan, and the strategy's form of one. docs/coordination.md says what the fields
 * are. */
#include "common/limits.h"
#include "common/text.h"
#include "common/units.h"
#include "ctl/plan/inner.h"

#include <string.h>

static void
read_path(struct card_draft *draft, const struct node *node, const char **ret_path)
{
    if (field_text(draft->plan, draft->source, node, TITLE_BYTES_MAX, ret_path) &&
        !path_stays_below(*ret_path)) {
        plan_fail(draft->plan, place_of(draft->source, node),
                  "an artifact is a relative path without '..', not %s",
                  quote(draft->plan, *ret_path));
    }
}

static void
read_artifacts(struct card_draft *draft, const struct node *list)
{
    static const char *const keys[] = {"path", "description", NULL};
    if (list->kind == NODE_NULL || !field_is(draft->plan, draft->source, list, NODE_LIST)) {
        return;
    }
    for (const struct node *entry = list->first; entry; entry = entry->next) {
        struct baton_item *item = card_add_item(draft, "artifact");
        if (entry->kind == NODE_SCALAR) {
            read_path(draft, entry, &item->name);
            continue;
        }
        if (!field_is(draft->plan, draft->source, entry, NODE_MAP)) {
            continue;
        }
        for (const struct node *node = entry->first; node; node = node->next) {
            if (node_is(node, "path")) {
                read_path(draft, node, &item->name);
            } else if (node_is(node, "description")) {
                field_text(draft->plan, draft->source, node, CARD_TEXT_BYTES_MAX, &item->text);
            } else {
                card_unknown_key(draft, node, "artifacts", keys);
            }
        }
    }
}

static const char *const handoff_keys[] = {"task",
                                           "from_agent",
                                           "to_agent",
                                           "timestamp",
                                           "task_completed",
                                           "dependencies_ready",
                                           "blockers",
                                           "next_steps",
                                           "artifacts",
                                           "notes",
                                           NULL};

static void
read_handoff_field(struct card_draft *draft, const struct node *node)
{
    static const struct {
        const char *key;
        const char *tag;
    } lists[] = {{"task_completed", "completed"},
                 {"dependencies_ready", "ready"},
                 {"blockers", "blocker"},
                 {"next_steps", "next_step"}};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        if (node_is(node, lists[i].key)) {
            card_read_items(draft, node, lists[i].tag);
            return;
        }
    }
    if (node_is(node, "from_agent")) {
        draft->card.role = card_read_role(draft, node);
    } else if (node_is(node, "to_agent")) {
        draft->card.to_role = card_read_role(draft, node);
    } else if (node_is(node, "task")) {
        field_name(draft->plan, draft->source, node, ID_BYTES_MAX, &draft->card.task);
    } else if (node_is(node, "timestamp")) {
        card_read_time(draft, node, true, "timestamp");
    } else if (node_is(node, "artifacts")) {
        read_artifacts(draft, node);
    } else if (node_is(node, "notes")) {
        field_text(draft->plan, draft->source, node, CARD_TEXT_BYTES_MAX, &draft->card.text);
    } else {
        card_unknown_key(draft, node, "a handoff", handoff_keys);
    }
}

void
handoff_read(struct plan *plan, const struct source *source, const struct node *map)
{
    struct card_draft draft;
    if (!field_is(plan, source, map, NODE_MAP)) {
        return;
    }
    card_begin(&draft, plan, source, BATON_CARD_HANDOFF);
    for (const struct node *node = map->first; node; node = node->next) {
        if (node->kind != NODE_NULL) {
            read_handoff_field(&draft, node);
        }
    }
    card_end(&draft, BATON_CARD_RAISE, place_of(source, map));
}

/* The strategy's block holds words in place of values ("Agent Name", "ISO 8601"): a form to copy,
 * not a handoff. */
static bool
is_template(const struct node *map)
{
    const struct node *from = node_get(map, "from_agent");
    const struct node *at = node_get(map, "timestamp");
    int64_t ms;
    return (!from || from->kind != NODE_SCALAR || !baton_role_of(from->text)) &&
           (!at || at->kind != NODE_SCALAR || !time_parse(at->text, NULL, 0, &ms));
}

static void
check_template(struct plan *plan, const struct source *source, const struct node *map)
{
    struct card_draft draft;
    card_begin(&draft, plan, source, BATON_CARD_HANDOFF);
    for (const struct node *node = map->first; node; node = node->next) {
        size_t i = 0;
        while (handoff_keys[i] && !node_is(node, handoff_keys[i])) {
            i++;
        }
        if (!handoff_keys[i]) {
            card_unknown_key(&draft, node, "handoff_template", handoff_keys);
        }
    }
}

void
handoff_form_read(struct plan *plan, const struct source *source, const struct node *node)
{
    if (node->kind == NODE_MAP && is_template(node)) {
        check_template(plan, source, node);
        plan_note(plan, (struct place){source->at.file, node->key_line},
                  "handoff_template: a form to copy, nothing to apply");
        return;
    }
    handoff_read(plan, source, node);
}
