/* Cards of the board in a plan: the strategy's blocks as they stand. What happens once
 * is in once.c.
 * docs/coordination.md says what each kind's fields are. */
#include "common/alloc.h"
#include "common/limits.h"
#include "common/measure.h"
#include "common/units.h"
#include "common/words.h"
#include "ctl/plan/inner.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

void
card_begin(struct card_draft *draft, struct plan *plan, const struct source *source,
           baton_card_kind kind)
{
    *draft = (struct card_draft){.plan = plan, .source = source};
    draft->card.kind = kind;
    draft->card.project = source_project(plan, source);
}

struct baton_item *
card_add_item(struct card_draft *draft, const char *tag)
{
    if (draft->n_items == draft->room_items) {
        size_t room = draft->room_items ? draft->room_items * 2 : 8;
        struct baton_item *items = arena_calloc(&draft->plan->arena, room, sizeof *items);
        if (draft->n_items) {
            memcpy(items, draft->items, draft->n_items * sizeof *items);
        }
        draft->items = items;
        draft->room_items = room;
    }
    struct baton_item *item = &draft->items[draft->n_items++];
    *item = (struct baton_item){.tag = tag};
    return item;
}

void
card_read_time(struct card_draft *draft, const struct node *node, bool begin, const char *tag)
{
    int64_t *ms = arena_calloc(&draft->plan->arena, 1, sizeof *ms);
    if (!field_time(draft->plan, draft->source, node, begin, ms)) {
        return;
    }
    int item = CARD_DUE_AT;
    if (tag) {
        card_add_item(draft, tag)->at = *ms;
        item = (int)draft->n_items - 1;
    } else {
        draft->card.due_at = *ms;
    }
    CHECK(draft->n_times < CARD_TIMES_MAX);
    draft->times[draft->n_times++] = (struct card_time){.ms = ms, .item = item};
}

static void
remember_time(const struct card_draft *draft, struct card_time time)
{
    struct plan *plan = draft->plan;
    if (plan->n_card_times == plan->room_card_times) {
        plan->room_card_times = plan->room_card_times ? plan->room_card_times * 2 : 16;
        plan->card_times = xreallocarray(plan->card_times, plan->room_card_times,
                                         sizeof *plan->card_times);
    }
    time.card = plan->n_cards;
    time.items = draft->items;
    plan->card_times[plan->n_card_times++] = time;
}

void
cards_settle_times(struct plan *plan)
{
    for (size_t i = 0; i < plan->n_card_times; i++) {
        const struct card_time *time = &plan->card_times[i];
        struct baton_card *card = &plan->cards[time->card].card;
        if (time->item == CARD_DUE_AT) {
            card->due_at = *time->ms;
        } else {
            time->items[time->item].at = *time->ms;
        }
    }
}

void
card_end(struct card_draft *draft, baton_card_verb verb, struct place at)
{
    struct plan *plan = draft->plan;
    if (draft->n_items > CARD_ITEMS_MAX) {
        plan_fail(plan, at, "a card has at most %d lines of all kinds", (int)CARD_ITEMS_MAX);
        return;
    }
    draft->card.items = draft->items;
    draft->card.n_items = draft->n_items;
    for (size_t i = 0; i < draft->n_times; i++) {
        remember_time(draft, draft->times[i]);
    }
    if (plan->n_cards == plan->room_cards) {
        plan->room_cards = plan->room_cards ? plan->room_cards * 2 : 16;
        plan->cards = xreallocarray(plan->cards, plan->room_cards, sizeof *plan->cards);
    }
    plan->cards[plan->n_cards++] = (struct plan_card){
        .card = draft->card,
        .verb = verb,
        .place = arena_printf(&plan->arena, "%s:%u", at.file, at.line),
    };
}

/* ---- values ---- */

/* A role as people write it. */
const char *
card_read_role(struct card_draft *draft, const struct node *node)
{
    const char *text;
    if (!field_text(draft->plan, draft->source, node, NAME_BYTES_MAX, &text)) {
        return NULL;
    }
    const char *role = baton_role_of(text);
    if (!role) {
        plan_fail(draft->plan, place_of(draft->source, node),
                  "%s%s is none of the six roles: infra, backend, frontend, realtime, integration, "
                  "testing",
                  node->key ? arena_printf(&draft->plan->arena, "%s: ", node->key) : "",
                  quote(draft->plan, node->text));
    }
    return role;
}

void
card_read_items(struct card_draft *draft, const struct node *node, const char *tag)
{
    if (node->kind == NODE_NULL) {
        return;
    }
    const struct node *first = node->kind == NODE_LIST ? node->first : node;
    for (const struct node *item = first; item; item = item->next) {
        const char *text;
        if (field_text(draft->plan, draft->source, item, CARD_TEXT_BYTES_MAX, &text)) {
            card_add_item(draft, tag)->text = text;
        }
        if (node->kind != NODE_LIST) {
            break;
        }
    }
}

void
card_unknown_key(struct card_draft *draft, const struct node *node, const char *where,
                 const char *const *keys)
{
    plan_fail(draft->plan, (struct place){draft->source->at.file, node->key_line},
              "unknown key %s in %s%s", quote(draft->plan, node->key), where,
              did_you_mean(draft->plan, node->key, keys));
}

/* ---- conflict_resolution ---- */

static void
read_area(struct plan *plan, const struct source *source, const struct node *entry)
{
    static const char *const keys[] = {"owner", "reviewers", "decision_maker", NULL};
    struct card_draft draft;
    card_begin(&draft, plan, source, BATON_CARD_AREA);
    draft.card.name = entry->key;
    for (const struct node *node = entry->first; node; node = node->next) {
        if (node_is(node, "owner")) {
            draft.card.role = card_read_role(&draft, node);
        } else if (node_is(node, "decision_maker")) {
            draft.card.owner = card_read_role(&draft, node);
        } else if (node_is(node, "reviewers")) {
            if (node->kind != NODE_NULL && field_is(plan, source, node, NODE_LIST)) {
                for (const struct node *item = node->first; item; item = item->next) {
                    card_add_item(&draft, "reviewer")->name = card_read_role(&draft, item);
                }
            }
        } else {
            card_unknown_key(&draft, node, "conflict_resolution", keys);
        }
    }
    if (!draft.card.owner) {
        draft.card.owner = draft.card.role; /* who owns it decides */
    }
    card_end(&draft, BATON_CARD_SET, (struct place){source->at.file, entry->key_line});
}

/* ---- severity_levels ---- */

uint32_t
card_severity_of(const char *name)
{
    bool ok = (name[0] == 'P' || name[0] == 'p') && name[1] >= '0' && name[1] <= '3' &&
              (name[2] == 0 || name[2] == '_' || name[2] == '-');
    return ok ? (uint32_t)(name[1] - '0') + 1 : 0;
}

/* "15 minutes", or "Next business day". */
static void
read_response(struct card_draft *draft, const struct node *node)
{
    int64_t ms = 0;
    const char *text;
    if (!field_text(draft->plan, draft->source, node, TITLE_BYTES_MAX, &text)) {
        return;
    }
    struct baton_item *item = card_add_item(draft, "response");
    item->text = text;
    if (strcasecmp(text, "next business day") == 0) {
        item->name = "next_business_day";
    } else if (duration_parse(text, &ms) && ms > 0) {
        item->value = (double)ms;
        item->unit = "ms";
    } else {
        plan_fail(draft->plan, place_of(draft->source, node),
                  "response_time: a duration such as \"15 minutes\", or \"Next business day\", not "
                  "%s",
                  quote(draft->plan, text));
    }
}

/* The six roles, and the three ways in which the strategy names nobody in particular. */
static void
read_required(struct card_draft *draft, const struct node *list)
{
    if (list->kind == NODE_NULL || !field_is(draft->plan, draft->source, list, NODE_LIST)) {
        return;
    }
    for (const struct node *node = list->first; node; node = node->next) {
        const char *text;
        if (!field_text(draft->plan, draft->source, node, NAME_BYTES_MAX, &text)) {
            continue;
        }
        const char *name = strcasecmp(text, "any available") == 0   ? "any"
                           : strcasecmp(text, "feature owner") == 0 ? "owner"
                           : strcasecmp(text, "relevant feature owner") == 0
                               ? "owner"
                               : card_read_role(draft, node);
        struct baton_item *item = card_add_item(draft, "required");
        item->name = name;
        item->text = text;
    }
}

/* Resources: a list of names. */
static void
read_freeze(struct card_draft *draft, const struct node *list)
{
    if (list->kind == NODE_NULL || !field_is(draft->plan, draft->source, list, NODE_LIST)) {
        return;
    }
    for (const struct node *node = list->first; node; node = node->next) {
        const char *name;
        if (resource_read_name(draft->plan, draft->source, node, &name)) {
            card_add_item(draft, "freeze")->name = name;
        }
    }
}

static void
read_level(struct plan *plan, const struct source *source, const struct node *entry)
{
    static const char *const keys[] = {
        "description", "response_time", "agents_required", "yield", "freeze", "contacts", NULL};
    struct card_draft draft;
    card_begin(&draft, plan, source, BATON_CARD_LEVEL);
    draft.card.name = entry->key;
    draft.card.severity = card_severity_of(entry->key);
    if (!draft.card.severity) {
        plan_fail(plan, (struct place){source->at.file, entry->key_line},
                  "severity_levels: %s does not begin with P0, P1, P2 or P3",
                  quote(plan, entry->key));
    }
    for (const struct node *node = entry->first; node; node = node->next) {
        bool yields = false;
        if (node_is(node, "description")) {
            field_text(plan, source, node, TITLE_BYTES_MAX, &draft.card.title);
        } else if (node_is(node, "response_time")) {
            read_response(&draft, node);
        } else if (node_is(node, "agents_required")) {
            read_required(&draft, node);
        } else if (node_is(node, "contacts")) {
            card_read_items(&draft, node, "contact");
        } else if (node_is(node, "freeze")) {
            read_freeze(&draft, node);
        } else if (node_is(node, "yield")) {
            if (field_bool(plan, source, node, &yields) && yields) {
                card_add_item(&draft, "yield")->value = 1;
            }
        } else {
            card_unknown_key(&draft, node, "severity_levels", keys);
        }
    }
    card_end(&draft, BATON_CARD_SET, (struct place){source->at.file, entry->key_line});
}

/* ---- agent_metrics ---- */

/* "90%", "< 4 hours", "> 10": a bound, its direction and its unit. */
static void
read_target(struct card_draft *draft, const struct node *node)
{
    const char *text;
    if (!field_text(draft->plan, draft->source, node, TITLE_BYTES_MAX, &text)) {
        return;
    }
    struct baton_item *item = card_add_item(draft, "target");
    const char *p = text;
    item->text = text;
    item->name = *p == '<' ? "below" : "above";
    p += *p == '<' || *p == '>';
    p += *p == '=';
    p += strspn(p, " ");
    char *after;
    double value = strtod(p, &after);
    int64_t ms;
    if (after != p && isfinite(value) && strcmp(after, "%") == 0) {
        item->value = value;
        item->unit = "%";
    } else if (after != p && isfinite(value) && *after == 0) {
        item->value = value;
    } else if (duration_parse(p, &ms)) {
        item->value = (double)ms;
        item->unit = "ms";
    } else {
        plan_fail(draft->plan, place_of(draft->source, node),
                  "target: %s is no bound; write 90%%, \"< 4 hours\" or a number",
                  quote(draft->plan, text));
        return;
    }
    const char *wrong = metric_unit_wrong(draft->card.name, item->unit ? item->unit : "");
    if (wrong) {
        plan_fail(draft->plan, place_of(draft->source, node), "target: %s: %s",
                  quote(draft->plan, text), wrong);
    }
}

static void
read_metric(struct plan *plan, const struct source *source, const struct node *entry)
{
    static const char *const keys[] = {"target", "measurement", NULL};
    struct card_draft draft;
    card_begin(&draft, plan, source, BATON_CARD_TARGET);
    draft.card.name = entry->key;
    for (const struct node *node = entry->first; node; node = node->next) {
        if (node_is(node, "target")) {
            read_target(&draft, node);
        } else if (node_is(node, "measurement")) {
            field_text(plan, source, node, CARD_TEXT_BYTES_MAX, &draft.card.text);
        } else {
            card_unknown_key(&draft, node, "agent_metrics", keys);
        }
    }
    card_end(&draft, BATON_CARD_SET, (struct place){source->at.file, entry->key_line});
}

/* ---- roles: what is asked of whoever works in one ---- */

static void
read_requirement(struct card_draft *draft, const struct node *node)
{
    if (node->kind == NODE_SCALAR && strcmp(node->text, "required") == 0) {
        struct baton_item *item = card_add_item(draft, "requires");
        item->name = node->key;
        return;
    }
    plan_fail(draft->plan, place_of(draft->source, node), "%s: write \"required\", or leave it out",
              node->key);
}

static void
read_role_rule(struct plan *plan, const struct source *source, const struct node *entry)
{
    static const char *const keys[] = {"handoff", "approval", "rework_limit", "review_within",
                                       NULL};
    struct card_draft draft;
    card_begin(&draft, plan, source, BATON_CARD_ROLE);
    int role = role_number_loose(entry->key);
    if (role < 0) {
        plan_fail(plan, (struct place){source->at.file, entry->key_line},
                  "roles: unknown role %s%s", quote(plan, entry->key),
                  did_you_mean(plan, entry->key, role_names));
    }
    draft.card.name = role_names[MAX(role, 0)];
    for (const struct node *node = entry->first; node; node = node->next) {
        uint32_t limit = 0;
        if (node_is(node, "handoff") || node_is(node, "approval")) {
            read_requirement(&draft, node);
        } else if (node_is(node, "rework_limit")) {
            if (field_count(plan, source, node, 0, ATTEMPTS_MAX, &limit)) {
                struct baton_item *item = card_add_item(&draft, "limit");
                item->name = "rework";
                item->value = limit;
            }
        } else if (node_is(node, "review_within")) {
            int64_t ms = 0;
            field_duration(plan, source, node, &ms);
            if (ms) {
                struct baton_item *item = card_add_item(&draft, "limit");
                item->name = "review";
                item->value = (double)ms;
            }
        } else {
            card_unknown_key(&draft, node, "roles", keys);
        }
    }
    card_end(&draft, BATON_CARD_SET, (struct place){source->at.file, entry->key_line});
}

/* ---- the keys at the top of a document ---- */

typedef void entry_fn(struct plan *plan, const struct source *source, const struct node *entry);

/* What an entry says, as a number: the same text in another place is the same. */
static uint64_t
hash_of(const struct node *top)
{
    const struct node *next[PLAN_NESTING_MAX + 1]; /* siblings still to come, by depth */
    size_t depth = 0;
    XXH3_state_t *state = XXH3_createState();
    CHECK(state);
    XXH3_64bits_reset(state);
    for (const struct node *node = top; node;) {
        const char *key = node->key ? node->key : "";
        const uint8_t shape[] = {(uint8_t)node->kind, (uint8_t)depth};
        XXH3_64bits_update(state, shape, sizeof shape);
        XXH3_64bits_update(state, key, strlen(key) + 1);
        XXH3_64bits_update(state, node->text, strlen(node->text) + 1);
        CHECK(depth < ARRAY_LEN(next));
        next[depth] = node == top ? NULL : node->next;
        if (node->first) {
            depth++;
            node = node->first;
            continue;
        }
        while (!next[depth] && depth > 0) {
            depth--;
        }
        node = next[depth];
    }
    uint64_t hash = XXH3_64bits_digest(state);
    XXH3_freeState(state);
    return hash;
}

static void
read_entry(struct plan *plan, const struct source *source, const struct node *entry, entry_fn *read)
{
    size_t first = plan->n_cards;
    read(plan, source, entry);
    uint64_t hash = first < plan->n_cards ? hash_of(entry) : 0;
    for (size_t i = first; i < plan->n_cards; i++) {
        plan->cards[i].identity = hash + (i - first);
    }
}

static void
each_of(struct plan *plan, const struct source *source, const struct node *node,
        enum node_kind kind, entry_fn *read)
{
    if (!field_is(plan, source, node, kind)) {
        return;
    }
    for (const struct node *entry = node->first; entry; entry = entry->next) {
        if (kind == NODE_LIST || field_is(plan, source, entry, NODE_MAP)) {
            read_entry(plan, source, entry, read);
        }
    }
}

bool
cards_read(struct plan *plan, const struct source *source, const struct node *node)
{
    static const struct {
        const char *key;
        enum node_kind kind; /* of the value; NODE_NULL: it is an entry itself */
        entry_fn *read;
    } parts[] = {
        {"conflict_resolution", NODE_MAP, read_area},
        {"severity_levels", NODE_MAP, read_level},
        {"agent_metrics", NODE_MAP, read_metric},
        {"roles", NODE_MAP, read_role_rule},
        {"budgets", NODE_MAP, budget_read},
        {"handoffs", NODE_LIST, handoff_read},
        {"handoff", NODE_NULL, handoff_read},
        {"handoff_template", NODE_NULL, handoff_form_read},
        {"blockers", NODE_LIST, blocker_read},
        {"blocker", NODE_NULL, blocker_read},
        {"decisions", NODE_LIST, decision_read},
        {"decision", NODE_NULL, decision_read},
        {"incidents", NODE_LIST, incident_read},
        {"incident", NODE_NULL, incident_read},
        {"signals", NODE_LIST, signal_read},
        {"signal", NODE_NULL, signal_read},
    };
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (!node_is(node, parts[i].key)) {
            continue;
        }
        if (parts[i].kind == NODE_NULL) {
            read_entry(plan, source, node, parts[i].read);
        } else {
            each_of(plan, source, node, parts[i].kind, parts[i].read);
        }
        return true;
    }
    return false;
}

const struct plan_card *
plan_cards(const struct plan *plan, size_t *ret_n)
{
    *ret_n = plan->n_cards;
    return plan->cards;
}
