/* Recurring work in a plan: `schedules:`, and the strategy's synchronisation points. Each becomes a
 * card of the board (docs/coordination.md, "Schedules"). */
#include "common/limits.h"
#include "common/recur.h"
#include "common/text.h"
#include "common/units.h"
#include "common/words.h"
#include "ctl/plan/inner.h"

#include <stdlib.h>
#include <string.h>

enum { ITEMS_ROOM = 16 }; /* more than a schedule has: their places stay */

static const char *const keys[] = {"name",   "when",   "cron",  "every",   "daily",  "weekly",
                                   "zone",   "start",  "end",   "overlap", "missed", "jitter",
                                   "within", "report", "title", "text",    "task",   NULL};

/* "cron", "when" stand alone; "daily: 9:00" is "daily 9:00". */
static void
read_when(struct card_draft *draft, const struct node *node)
{
    const char *text;
    struct recur rule;
    if (!field_text(draft->plan, draft->source, node, RECUR_TEXT_MAX, &text)) {
        return;
    }
    if (!node_is(node, "when") && !node_is(node, "cron")) {
        text = arena_printf(&draft->plan->arena, "%s %s", node->key, text);
    }
    const char *wrong = recur_parse(text, &rule);
    if (wrong) {
        plan_fail(draft->plan, place_of(draft->source, node), "%s: %s", node->key, wrong);
        return;
    }
    for (size_t i = 0; i < draft->n_items; i++) {
        if (strcmp(draft->items[i].tag, "when") == 0) {
            plan_fail(draft->plan, place_of(draft->source, node),
                      "%s: when it comes is said already", node->key);
            return;
        }
    }
    card_add_item(draft, "when")->text = text;
}

/* "run-once", "skip", "all:3". */
static void
read_missed(struct card_draft *draft, const struct node *node)
{
    const char *text;
    if (!field_text(draft->plan, draft->source, node, NAME_BYTES_MAX, &text)) {
        return;
    }
    char *end = NULL;
    long n = strncmp(text, "all:", 4) == 0 ? strtol(text + 4, &end, 10) : 0;
    struct baton_item *item = card_add_item(draft, "missed");
    item->name = n ? "all" : text;
    item->value = (double)n;
    if (n ? *end || n < 1 || n > SCHEDULE_MISSED_MAX
          : strcmp(text, "run-once") != 0 && strcmp(text, "skip") != 0) {
        plan_fail(draft->plan, place_of(draft->source, node),
                  "missed: run-once, skip, or all:N with N at most %d", (int)SCHEDULE_MISSED_MAX);
    }
}

static void
read_zone(struct card_draft *draft, const struct node *node)
{
    const char *text;
    if (!field_text(draft->plan, draft->source, node, NAME_BYTES_MAX, &text)) {
        return;
    }
    if (!zone_is_known(text)) {
        plan_fail(draft->plan, place_of(draft->source, node),
                  "zone: %s is no time zone that this machine knows; write one such as "
                  "Europe/Berlin, and install tzdata if it is missing",
                  quote(draft->plan, text));
        return;
    }
    card_add_item(draft, "zone")->name = text;
}

static void
read_duration(struct card_draft *draft, const struct node *node)
{
    int64_t ms;
    if (field_duration(draft->plan, draft->source, node, &ms)) {
        struct baton_item *item = card_add_item(draft, node->key);
        item->value = (double)ms;
        item->unit = "ms";
    }
}

/* A word of a list that ends with NULL; what: "overlap: skip, queue, … or allow". NULL: reported.
 */
static const char *
read_word(struct card_draft *draft, const struct node *node, const char *const *words,
          const char *what)
{
    const char *text;
    if (!field_text(draft->plan, draft->source, node, NAME_BYTES_MAX, &text)) {
        return NULL;
    }
    size_t i = 0;
    while (words[i] && strcmp(words[i], text) != 0) {
        i++;
    }
    if (!words[i]) {
        plan_fail(draft->plan, place_of(draft->source, node), "%s, not %s%s", what,
                  quote(draft->plan, text), did_you_mean(draft->plan, text, words));
    }
    return words[i];
}

static void
read_overlap(struct card_draft *draft, const struct node *node)
{
    static const char *const words[] = {"skip", "queue", "cancel-old", "allow", NULL};
    const char *word = read_word(draft, node, words, "overlap: skip, queue, cancel-old or allow");
    if (word) {
        card_add_item(draft, "overlap")->name = word;
    }
}

static void
read_report(struct card_draft *draft, const struct node *node)
{
    const char *word = read_word(draft, node, report_names,
                                 "report: daily, weekly, success, milestones or final");
    if (word) {
        card_add_item(draft, "report")->name = word;
    }
}

static void
read_field(struct card_draft *draft, struct source *source, const struct node *node)
{
    struct plan *plan = draft->plan;
    if (node->kind == NODE_NULL || node_is(node, "name")) {
        return;
    }
    if (node_is(node, "when") || node_is(node, "cron") || node_is(node, "every") ||
        node_is(node, "daily") || node_is(node, "weekly")) {
        read_when(draft, node);
    } else if (node_is(node, "zone")) {
        read_zone(draft, node);
    } else if (node_is(node, "start") || node_is(node, "end")) {
        card_read_time(draft, node, node_is(node, "start"), node->key);
    } else if (node_is(node, "overlap")) {
        read_overlap(draft, node);
    } else if (node_is(node, "missed")) {
        read_missed(draft, node);
    } else if (node_is(node, "jitter") || node_is(node, "within")) {
        read_duration(draft, node);
    } else if (node_is(node, "report")) {
        read_report(draft, node);
    } else if (node_is(node, "title")) {
        field_text(plan, source, node, TITLE_BYTES_MAX, &draft->card.title);
    } else if (node_is(node, "text")) {
        field_text(plan, source, node, CARD_TEXT_BYTES_MAX, &draft->card.text);
    } else if (node_is(node, "task")) {
        draft->card.spec = task_read_recurring(plan, source, node);
    } else {
        card_unknown_key(draft, node, "a schedule", keys);
    }
}

static struct baton_item *
find_item(const struct card_draft *draft, const char *tag)
{
    for (size_t i = 0; i < draft->n_items; i++) {
        if (strcmp(draft->items[i].tag, tag) == 0) {
            return &draft->items[i];
        }
    }
    return NULL;
}

static void
begin(struct card_draft *draft, struct plan *plan, const struct source *source, const char *name)
{
    card_begin(draft, plan, source, BATON_CARD_SCHEDULE);
    draft->room_items = ITEMS_ROOM;
    draft->items = arena_calloc(&plan->arena, ITEMS_ROOM, sizeof *draft->items);
    draft->card.name = name;
}

/* Everything was read. */
static void
finish(struct card_draft *draft, struct place at)
{
    struct plan *plan = draft->plan;
    const char *name = draft->card.name ? draft->card.name : "";
    const char *zone = draft->source->zone ? draft->source->zone : plan->options.zone;
    if (!name_is_valid(name, SCHEDULE_NAME_BYTES_MAX)) {
        plan_fail(
            plan, at,
            "%s is no name of a schedule: letters, digits and . _ : @ / + ~ -, at most %d bytes",
            quote(plan, name), (int)SCHEDULE_NAME_BYTES_MAX);
    }
    if (!find_item(draft, "when")) {
        plan_fail(plan, at, "when does %s come? Write when:, cron:, every:, daily: or weekly:",
                  quote(plan, name));
    }
    if (find_item(draft, "within") && !draft->card.spec) {
        plan_fail(plan, at, "within: is the time that each task has: %s has no task",
                  quote(plan, name));
    }
    if (!find_item(draft, "zone") && zone) {
        card_add_item(draft, "zone")->name = zone;
    }
    card_end(draft, BATON_CARD_SET, at);
}

static void
read_schedule(struct plan *plan, struct source *source, const struct node *entry, const char *name)
{
    struct card_draft draft;
    if (!field_is(plan, source, entry, NODE_MAP)) {
        return;
    }
    const struct node *own = node_get(entry, "name");
    if (own && !field_name(plan, source, own, NAME_BYTES_MAX, &name)) {
        return;
    }
    begin(&draft, plan, source, name);
    for (const struct node *node = entry->first; node; node = node->next) {
        read_field(&draft, source, node);
    }
    finish(&draft, place_of(source, entry));
}

void
schedules_read(struct plan *plan, struct source *source, const struct node *node)
{
    bool is_list = node->kind == NODE_LIST;
    if (!is_list && !field_is(plan, source, node, NODE_MAP)) {
        return;
    }
    for (const struct node *entry = node->first; entry; entry = entry->next) {
        read_schedule(plan, source, entry, is_list ? NULL : entry->key);
    }
}

/* ---- the strategy's synchronisation points ---- */

/* "Daily": daily. */
static const char *
lower(struct plan *plan, const char *key)
{
    char *text = arena_strdup(&plan->arena, key);
    for (char *p = text; *p; p++) {
        *p = *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a') : *p;
    }
    return text;
}

/* "9 AM - Quick status check": when, and what for. */
static void
read_point_text(struct plan *plan, const struct source *source, const struct node *node)
{
    struct card_draft draft;
    struct recur rule;
    const char *text, *key = lower(plan, node->key);
    if (!field_text(plan, source, node, TITLE_BYTES_MAX, &text)) {
        return;
    }
    if (strcmp(key, "blockers") == 0) {
        plan_note(plan, (struct place){source->at.file, node->key_line},
                  "blockers are told at once, without being scheduled");
        return;
    }
    const char *dash = strstr(text, " - ");
    begin(&draft, plan, source, arena_printf(&plan->arena, "%s-sync", key));
    draft.card.title = dash ? dash + 3 : text;
    char *when = arena_printf(&plan->arena, "%s %.*s", key,
                              (int)(dash ? (size_t)(dash - text) : strlen(text)), text);
    const char *wrong = recur_parse(when, &rule);
    if (wrong) {
        plan_fail(plan, place_of(source, node),
                  "%s: %s; a point is a time and what for: \"9 AM - Quick status check\"",
                  node->key, wrong);
        return;
    }
    card_add_item(&draft, "when")->text = when;
    if (report_number(key) >= 0) { /* "weekdays" has none of its own */
        card_add_item(&draft, "report")->name = key;
    }
    finish(&draft, place_of(source, node));
}

static void
read_points(struct plan *plan, struct source *source, const struct node *map)
{
    for (const struct node *node = map->first; node; node = node->next) {
        if (node->kind == NODE_MAP) {
            read_schedule(plan, source, node,
                          arena_printf(&plan->arena, "%s-sync", lower(plan, node->key)));
        } else if (node->kind != NODE_NULL) {
            read_point_text(plan, source, node);
        }
    }
}

void
sync_points_read(struct plan *plan, struct source *source, const struct node *node)
{
    if (node->kind != NODE_LIST) {
        if (field_is(plan, source, node, NODE_MAP)) {
            read_points(plan, source, node);
        }
        return;
    }
    for (const struct node *entry = node->first; entry; entry = entry->next) {
        if (field_is(plan, source, entry, NODE_MAP)) {
            read_points(plan, source, entry);
        }
    }
}
