/* One document of ours: the keys at its top. */
#include "common/alloc.h"
#include "common/limits.h"
#include "common/units.h"
#include "ctl/plan/inner.h"

#include <string.h>

static const char *const top_keys[] = {
    "version",          "project",    "closed",    "zone",
    "defaults",         "resources",  "tasks",     "phases",
    "milestones",       "task_queue", "schedules", "synchronization_points",
    "handoff_template", "handoff",    "handoffs",  "blocker",
    "blockers",         "decision",   "decisions", "incident",
    "incidents",        "signal",     "signals",   "conflict_resolution",
    "agent_metrics",    "budgets",    "roles",     "severity_levels",
    "dashboard_config", NULL};

/* The document's project takes no tasks after this plan. */
static void
read_closed(struct plan *plan, const struct source *source, const struct node *node)
{
    bool closed = false;
    if (!field_bool(plan, source, node, &closed) || !closed) {
        return;
    }
    const char *project = source_project(plan, source);
    for (size_t i = 0; i < plan->n_closes; i++) {
        if (strcmp(plan->closes[i], project) == 0) {
            return;
        }
    }
    if (plan->n_closes == NAMED_MAX) {
        plan_fail(plan, place_of(source, node), "closed: a plan closes at most 1,000 projects");
        return;
    }
    plan->closes = xreallocarray(plan->closes, plan->n_closes + 1, sizeof *plan->closes);
    plan->closes[plan->n_closes++] = arena_strdup(&plan->arena, project);
}

/* What the rest of the document is read with. */
static void
read_settings(struct plan *plan, struct source *source, const struct node *root)
{
    source->project = source->zone = NULL;
    source->shape = NULL;
    const struct node *node = node_get(root, "version");
    uint32_t version;
    if (node && field_count(plan, source, node, 0, UINT32_MAX, &version) && version != 1) {
        plan_fail(plan, place_of(source, node), "version: this baton reads version 1, not %u",
                  version);
    }
    node = node_get(root, "project");
    if (node) {
        field_name(plan, source, node, NAME_BYTES_MAX, &source->project);
    }
    node = node_get(root, "closed");
    if (node && node->kind != NODE_NULL) {
        read_closed(plan, source, node);
    }
    node = node_get(root, "zone");
    if (node && field_is(plan, source, node, NODE_SCALAR)) {
        if (zone_is_known(node->text)) {
            source->zone = node->text;
        } else {
            plan_fail(plan, place_of(source, node),
                      "zone: %s is no time zone that this machine knows; write one such as "
                      "Europe/Berlin, and install tzdata if it is missing",
                      quote(plan, node->text));
        }
    }
    node = node_get(root, "defaults");
    if (node && node->kind != NODE_NULL && field_is(plan, source, node, NODE_MAP)) {
        task_read_defaults(plan, source, node);
    }
}

static void
read_part(struct plan *plan, struct source *source, const struct node *node)
{
    if (node->kind == NODE_NULL) {
        return; /* "tasks:" with nothing behind it */
    }
    if (strcmp(node->key, "resources") == 0) {
        capacities_read(plan, source, node);
    } else if (strcmp(node->key, "tasks") == 0) {
        tasks_read(plan, source, node);
    } else if (strcmp(node->key, "phases") == 0) {
        phases_read(plan, source, node, true);
    } else if (strcmp(node->key, "milestones") == 0) {
        phases_read(plan, source, node, false);
    } else if (strcmp(node->key, "task_queue") == 0) {
        strategy_read_queue(plan, source, node);
    } else if (strcmp(node->key, "schedules") == 0) {
        schedules_read(plan, source, node);
    } else if (strcmp(node->key, "synchronization_points") == 0) {
        sync_points_read(plan, source, node);
    } else if (!cards_read(plan, source, node)) {
        block_read(plan, source, node);
    }
}

static bool
is_top_key(const char *key)
{
    for (size_t i = 0; top_keys[i]; i++) {
        if (strcmp(top_keys[i], key) == 0) {
            return true;
        }
    }
    return false;
}

void
document_read(struct plan *plan, struct source *source, const struct node *root)
{
    if (root->kind != NODE_MAP) {
        plan_fail(plan, place_of(source, root),
                  "a plan is a map with keys such as tasks: or task_queue:, not %s",
                  node_kind_name(root));
        return;
    }
    read_settings(plan, source, root);
    for (const struct node *node = root->first; node; node = node->next) {
        if (!is_top_key(node->key)) {
            plan_fail(plan, (struct place){source->at.file, node->key_line},
                      "unknown key %s at the top of a plan%s", quote(plan, node->key),
                      did_you_mean(plan, node->key, top_keys));
            continue;
        }
        bool setting = strcmp(node->key, "version") == 0 || strcmp(node->key, "project") == 0 ||
                       strcmp(node->key, "closed") == 0 || strcmp(node->key, "zone") == 0 ||
                       strcmp(node->key, "defaults") == 0;
        if (!setting) {
            read_part(plan, source, node);
        }
    }
}
