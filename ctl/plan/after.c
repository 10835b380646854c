/* What a task waits for. */
#include "common/gate_name.h"
#include "common/limits.h"
#include "common/text.h"
#include "common/words.h"
#include "ctl/plan/inner.h"

#include <string.h>

static const char *const edge_keys[] = {"task", "id", "project", "on", "else", "any", NULL};

/* ID, or PROJECT//ID; in place of the id, signal:NAME or decision:NAME. */
static bool
read_name(struct plan *plan, const struct source *source, const struct node *node,
          struct baton_edge *edge)
{
    if (node->kind != NODE_SCALAR) {
        plan_fail(plan, place_of(source, node), "a task's id is wanted here, not %s",
                  node_kind_name(node));
        return false;
    }
    const char *id = node->text;
    const char *parted = strstr(id, "//");
    if (parted) {
        edge->project = arena_printf(&plan->arena, "%.*s", (int)(parted - id), id);
        id = parted + 2;
    }
    if (gate_name_kind(id, NULL)) {
        char *settled = arena_strdup(&plan->arena, id);
        gate_name_settle(settled);
        id = settled;
    }
    if ((parted && !name_is_valid(edge->project, NAME_BYTES_MAX)) ||
        !name_is_valid(id, ID_BYTES_MAX)) {
        plan_fail(plan, place_of(source, node),
                  "%s can't be a task; write an id, or PROJECT//ID for one of another project; or "
                  "signal:NAME",
                  quote(plan, node->text));
        return false;
    }
    edge->id = id;
    return true;
}

static bool
read_key(struct plan *plan, const struct source *source, const struct node *node,
         struct baton_edge *edge)
{
    int word = 0;
    if (strcmp(node->key, "task") == 0 || strcmp(node->key, "id") == 0) {
        return read_name(plan, source, node, edge);
    }
    if (strcmp(node->key, "project") == 0) {
        return field_name(plan, source, node, NAME_BYTES_MAX, &edge->project);
    }
    if (strcmp(node->key, "any") == 0) {
        return field_count(plan, source, node, 1, EDGES_MAX, &edge->any);
    }
    if (strcmp(node->key, "on") == 0) {
        bool ok = field_word(plan, source, node, condition_number,
                             "success, finished, failed, started", &word);
        edge->condition = (baton_condition)word;
        return ok;
    }
    if (strcmp(node->key, "else") == 0) {
        bool ok = field_word(plan, source, node, policy_number, "hold, abort, ignore", &word);
        edge->policy = (baton_policy)word;
        return ok;
    }
    plan_fail(plan, (struct place){source->at.file, node->key_line},
              "unknown key %s in a dependency%s", quote(plan, node->key),
              did_you_mean(plan, node->key, edge_keys));
    return false;
}

static void
read_edge(struct plan *plan, const struct source *source, struct draft *draft,
          const struct node *node)
{
    struct baton_edge edge = {0};
    if (node->kind != NODE_MAP) {
        if (read_name(plan, source, node, &edge)) {
            draft_after(plan, draft, node->line, edge);
        }
        return;
    }
    bool ok = true;
    for (const struct node *item = node->first; item; item = item->next) {
        ok = read_key(plan, source, item, &edge) && ok;
    }
    if (ok && !edge.id) {
        plan_fail(plan, place_of(source, node), "the dependency names no task; write task: ID");
    } else if (ok && gate_name_kind(edge.id, NULL) && (edge.condition || edge.policy)) {
        plan_fail(plan, place_of(source, node), "%s does not end or fail; leave on: and else: out",
                  quote(plan, edge.id));
    } else if (ok) {
        draft_after(plan, draft, node->line, edge);
    }
}

void
after_read(struct plan *plan, const struct source *source, struct draft *draft,
           const struct node *node)
{
    if (node->kind != NODE_LIST) {
        read_edge(plan, source, draft, node);
        return;
    }
    for (const struct node *item = node->first; item; item = item->next) {
        read_edge(plan, source, draft, item);
    }
}
