/* Cards of a plan that happen once: blockers, decisions, incidents and signals (handoffs are in
 * handoffs.c). docs/coordination.md says what each kind's fields are. */
#include "common/limits.h"
#include "common/words.h"
#include "ctl/plan/inner.h"

#include <string.h>

static bool
begin(struct card_draft *draft, struct plan *plan, const struct source *source,
      const struct node *map, baton_card_kind kind)
{
    if (!field_is(plan, source, map, NODE_MAP)) {
        return false;
    }
    card_begin(draft, plan, source, kind);
    return true;
}

/* What several kinds have. */
static bool
read_common(struct card_draft *draft, const struct node *node)
{
    struct plan *plan = draft->plan;
    const struct source *source = draft->source;
    if (node_is(node, "title")) {
        field_text(plan, source, node, TITLE_BYTES_MAX, &draft->card.title);
    } else if (node_is(node, "text")) {
        field_text(plan, source, node, CARD_TEXT_BYTES_MAX, &draft->card.text);
    } else if (node_is(node, "role")) {
        draft->card.role = card_read_role(draft, node);
    } else {
        return false;
    }
    return true;
}

static void
read_severity(struct card_draft *draft, const struct node *node)
{
    const char *text;
    if (field_text(draft->plan, draft->source, node, NAME_BYTES_MAX, &text) &&
        !(draft->card.severity = card_severity_of(text))) {
        plan_fail(draft->plan, place_of(draft->source, node), "severity: P0, P1, P2 or P3");
    }
}

static void
want(struct card_draft *draft, const struct node *map, const char *value, const char *what)
{
    if (!value || !value[0]) {
        plan_fail(draft->plan, place_of(draft->source, map), "%s", what);
    }
}

/* ---- blockers ---- */

void
blocker_read(struct plan *plan, const struct source *source, const struct node *map)
{
    static const char *const keys[] = {"title", "task",     "role", "text",
                                       "owner", "severity", "due",  NULL};
    struct card_draft draft;
    if (!begin(&draft, plan, source, map, BATON_CARD_BLOCKER)) {
        return;
    }
    for (const struct node *node = map->first; node; node = node->next) {
        if (read_common(&draft, node)) {
            continue;
        }
        if (node_is(node, "task")) {
            field_name(plan, source, node, ID_BYTES_MAX, &draft.card.task);
        } else if (node_is(node, "owner")) {
            field_text(plan, source, node, NAME_BYTES_MAX, &draft.card.owner);
        } else if (node_is(node, "due")) {
            card_read_time(&draft, node, false, NULL);
        } else if (node_is(node, "severity")) {
            read_severity(&draft, node);
        } else {
            card_unknown_key(&draft, node, "a blocker", keys);
        }
    }
    card_end(&draft, BATON_CARD_RAISE, place_of(source, map));
}

/* ---- decisions ---- */

/* A role as people write it, or whoever else. */
static const char *
read_party(struct card_draft *draft, const struct node *node)
{
    const char *text;
    if (!field_text(draft->plan, draft->source, node, NAME_BYTES_MAX, &text)) {
        return NULL;
    }
    const char *role = baton_role_of(text);
    return role ? role : text;
}

static void
read_reviewers(struct card_draft *draft, const struct node *list)
{
    if (list->kind == NODE_NULL || !field_is(draft->plan, draft->source, list, NODE_LIST)) {
        return;
    }
    for (const struct node *node = list->first; node; node = node->next) {
        card_add_item(draft, "reviewer")->name = read_party(draft, node);
    }
}

/* A list of names, or a map of names to what they mean. */
static void
read_choices(struct card_draft *draft, const struct node *choices)
{
    if (choices->kind == NODE_NULL) {
        return;
    }
    if (choices->kind != NODE_MAP && !field_is(draft->plan, draft->source, choices, NODE_LIST)) {
        return;
    }
    for (const struct node *node = choices->first; node; node = node->next) {
        struct baton_item *item = card_add_item(draft, "option");
        if (choices->kind == NODE_MAP) {
            item->name = node->key;
            field_text(draft->plan, draft->source, node, CARD_TEXT_BYTES_MAX, &item->text);
        } else {
            field_text(draft->plan, draft->source, node, TITLE_BYTES_MAX, &item->name);
        }
    }
}

static void
read_name_item(struct card_draft *draft, const struct node *node, const char *tag)
{
    field_name(draft->plan, draft->source, node, ID_BYTES_MAX, &card_add_item(draft, tag)->name);
}

static void
read_superseded(struct card_draft *draft, const struct node *node)
{
    uint32_t number = 0;
    if (field_count(draft->plan, draft->source, node, 1, UINT32_MAX, &number)) {
        card_add_item(draft, "supersedes")->number = number;
    }
}

/* The proposal's maker speaks: a card of its own behind the proposal. */
static void
add_outcome(struct card_draft *proposal, const char *outcome, const char *by, struct place at)
{
    struct card_draft draft;
    card_begin(&draft, proposal->plan, proposal->source, BATON_CARD_DECISION);
    draft.card.name = proposal->card.name;
    draft.card.outcome = outcome;
    draft.card.role = by;
    card_end(&draft, BATON_CARD_DECIDE, at);
}

void
decision_read(struct plan *plan, const struct source *source, const struct node *map)
{
    static const char *const keys[] = {"name",       "area",    "title", "text",      "options",
                                       "owner",      "role",    "due",   "reviewers", "category",
                                       "supersedes", "decided", "by",    NULL};
    struct card_draft draft;
    const char *outcome = NULL, *by = NULL;
    if (!begin(&draft, plan, source, map, BATON_CARD_DECISION)) {
        return;
    }
    for (const struct node *node = map->first; node; node = node->next) {
        if (read_common(&draft, node)) {
            continue;
        }
        if (node_is(node, "name")) {
            field_name(plan, source, node, ID_BYTES_MAX, &draft.card.name);
        } else if (node_is(node, "area") || node_is(node, "category")) {
            read_name_item(&draft, node, node->key);
        } else if (node_is(node, "options")) {
            read_choices(&draft, node);
        } else if (node_is(node, "owner")) {
            draft.card.owner = read_party(&draft, node);
        } else if (node_is(node, "reviewers")) {
            read_reviewers(&draft, node);
        } else if (node_is(node, "due")) {
            card_read_time(&draft, node, false, NULL);
        } else if (node_is(node, "supersedes")) {
            read_superseded(&draft, node);
        } else if (node_is(node, "decided")) {
            field_text(plan, source, node, CARD_TEXT_BYTES_MAX, &outcome);
        } else if (node_is(node, "by")) {
            by = card_read_role(&draft, node);
        } else {
            card_unknown_key(&draft, node, "a decision", keys);
        }
    }
    want(&draft, map, draft.card.name, "a decision needs a name, such as db-engine");
    want(&draft, map, draft.card.title, "a decision needs a title: what is to be decided");
    if (by) {
        want(&draft, map, outcome, "by: says who decided, but decided: is missing");
    }
    card_end(&draft, BATON_CARD_RAISE, place_of(source, map));
    if (outcome) {
        add_outcome(&draft, outcome, by, place_of(source, map));
    }
}

/* ---- incidents ---- */

void
incident_read(struct plan *plan, const struct source *source, const struct node *map)
{
    static const char *const keys[] = {"severity", "title", "text", "area", "task", "role", NULL};
    struct card_draft draft;
    if (!begin(&draft, plan, source, map, BATON_CARD_INCIDENT)) {
        return;
    }
    for (const struct node *node = map->first; node; node = node->next) {
        if (read_common(&draft, node)) {
            continue;
        }
        if (node_is(node, "severity")) {
            read_severity(&draft, node);
        } else if (node_is(node, "area")) {
            read_name_item(&draft, node, "area");
        } else if (node_is(node, "task")) {
            field_name(plan, source, node, ID_BYTES_MAX, &draft.card.task);
        } else {
            card_unknown_key(&draft, node, "an incident", keys);
        }
    }
    want(&draft, map, draft.card.title, "an incident needs a title: what has happened");
    if (!draft.card.severity && !node_get(map, "severity")) {
        plan_fail(plan, place_of(source, map), "an incident needs a severity: P0, P1, P2 or P3");
    }
    card_end(&draft, BATON_CARD_RAISE, place_of(source, map));
}

/* ---- signals ---- */

void
signal_read(struct plan *plan, const struct source *source, const struct node *entry)
{
    static const char *const keys[] = {"name", "task", "text", NULL};
    struct card_draft draft;
    card_begin(&draft, plan, source, BATON_CARD_SIGNAL);
    if (entry->kind == NODE_SCALAR) {
        field_text(plan, source, entry, TITLE_BYTES_MAX, &draft.card.name);
    } else if (field_is(plan, source, entry, NODE_MAP)) {
        for (const struct node *node = entry->first; node; node = node->next) {
            if (node_is(node, "name")) {
                field_text(plan, source, node, TITLE_BYTES_MAX, &draft.card.name);
            } else if (node_is(node, "task")) {
                field_name(plan, source, node, ID_BYTES_MAX, &draft.card.task);
            } else if (node_is(node, "text")) {
                field_text(plan, source, node, CARD_TEXT_BYTES_MAX, &draft.card.text);
            } else {
                card_unknown_key(&draft, node, "a signal", keys);
            }
        }
        want(&draft, entry, draft.card.name, "a signal needs a name, such as \"Database Ready\"");
    }
    card_end(&draft, BATON_CARD_RAISE, place_of(source, entry));
}
