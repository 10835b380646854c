/* Other graphs in JSON: entries with `id` and `deps`; `tasks` with `dependencies` between a
 * `source` and a `target`; and groups of `members` and `edges`. */
#include "ctl/plan/inner.h"

#include <string.h>

static const char *
read_id(struct plan *plan, const struct source *source, const struct node *node)
{
    const char *id = node->kind == NODE_SCALAR ? foreign_id(plan, node->text) : NULL;
    if (!id) {
        plan_fail(plan, place_of(source, node), "%s can't be made an id",
                  node->kind == NODE_SCALAR ? quote(plan, node->text) : node_kind_name(node));
    }
    return id;
}

/* A task with nothing but its id; its title is the id as it was. SIZE_MAX: reported. */
static size_t
make_task(struct plan *plan, const struct source *source, const struct node *id_node)
{
    const char *id = read_id(plan, source, id_node);
    struct draft *draft =
        id ? draft_new(plan, place_of(source, id_node), source_project(plan, source), id) : NULL;
    if (!draft) {
        return SIZE_MAX;
    }
    if (strcmp(id, id_node->text) != 0) {
        draft->spec->title = foreign_title(plan, id_node->text);
    }
    return (size_t)(draft - plan->drafts);
}

static const struct node *
find_any(const struct node *map, const char *const *keys)
{
    for (; *keys; keys++) {
        const struct node *node = node_get(map, *keys);
        if (node) {
            return node;
        }
    }
    return NULL;
}

static void
read_entry(struct plan *plan, const struct source *source, const struct node *map)
{
    static const char *const id_keys[] = {"id", "name", NULL};
    static const char *const title_keys[] = {"title", "description", NULL};
    static const char *const deps_keys[] = {"deps", "dependencies", "depends_on", "needs", NULL};
    const struct node *id = find_any(map, id_keys);
    if (map->kind != NODE_MAP || !id) {
        plan_fail(plan, place_of(source, map), "an entry with id and deps is wanted here");
        return;
    }
    size_t n = make_task(plan, source, id);
    if (n == SIZE_MAX) {
        return;
    }
    struct draft *draft = &plan->drafts[n];
    const struct node *title = find_any(map, title_keys);
    if (title && title->kind == NODE_SCALAR) {
        draft->spec->title = foreign_title(plan, title->text);
    }
    const struct node *deps = find_any(map, deps_keys);
    if (deps && deps->kind != NODE_NULL && field_is(plan, source, deps, NODE_LIST)) {
        for (const struct node *item = deps->first; item; item = item->next) {
            const char *target = read_id(plan, source, item);
            if (target) {
                draft_after(plan, draft, item->line, (struct baton_edge){.id = target});
            }
        }
    }
    draft_role(plan, draft);
}

/* Makes `task` wait for `target`, both by their nodes. */
static void
connect_tasks(struct plan *plan, const struct source *source, const struct node *task,
              const struct node *target)
{
    const char *from = read_id(plan, source, task);
    const char *to = read_id(plan, source, target);
    if (!from || !to) {
        return;
    }
    ptrdiff_t n = draft_find(plan, source_project(plan, source), from);
    if (n < 0) {
        plan_fail(plan, place_of(source, task), "an edge of %s, which is no task of the file",
                  quote(plan, from));
        return;
    }
    draft_after(plan, &plan->drafts[n], target->line, (struct baton_edge){.id = to});
}

void
jobs_read(struct plan *plan, struct source *source, const struct node *root)
{
    static const char *const list_keys[] = {"jobs", "tasks", "nodes", NULL};
    size_t first = plan->n_drafts;
    const struct node *list = root->kind == NODE_LIST ? root : find_any(root, list_keys);
    if (!list || !field_is(plan, source, list, NODE_LIST)) {
        return;
    }
    for (const struct node *item = list->first; item; item = item->next) {
        read_entry(plan, source, item);
    }
    const struct node *edges = node_get(root, "dependencies");
    for (const struct node *edge = edges ? edges->first : NULL; edge; edge = edge->next) {
        const struct node *before = node_get(edge, "source");
        const struct node *task = node_get(edge, "target");
        if (before && task) {
            connect_tasks(plan, source, task, before);
        } else {
            plan_fail(plan, place_of(source, edge),
                      "a dependency with source and target is wanted "
                      "here");
        }
    }
    foreign_settle(plan, source, first, foreign_dangling(plan, DANGLING_WAIT));
}

void
groups_read(struct plan *plan, struct source *source, const struct node *root)
{
    size_t first = plan->n_drafts;
    for (const struct node *group = root->first; group; group = group->next) {
        const struct node *members = node_get(group, "members");
        const struct node *edges = node_get(group, "edges");
        if (!members || !edges || members->kind != NODE_LIST || edges->kind != NODE_LIST) {
            plan_fail(plan, place_of(source, group),
                      "a group with lists members and edges is "
                      "wanted here");
            continue;
        }
        for (const struct node *item = members->first; item; item = item->next) {
            size_t n = make_task(plan, source, item);
            if (n != SIZE_MAX) {
                draft_role(plan, &plan->drafts[n]);
            }
        }
        for (const struct node *edge = edges->first; edge; edge = edge->next) {
            if (edge->kind == NODE_LIST && edge->n == 2) {
                connect_tasks(plan, source, edge->first, edge->last);
            } else {
                plan_fail(plan, place_of(source, edge),
                          "an edge is a list of two: the task, and "
                          "what it depends on");
            }
        }
    }
    foreign_settle(plan, source, first, foreign_dangling(plan, DANGLING_WAIT));
}
