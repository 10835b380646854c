/* WfFormat 1.5: recorded runs of scientific workflows.
 *
 * Taken: tasks with id, name and parents, and as estimate how long each one ran. Not taken:
 * commands, files, machines and priorities, which belong to the place where it ran. */
#include "common/limits.h"
#include "ctl/plan/index.h"
#include "ctl/plan/inner.h"

#include <stdlib.h>
#include <string.h>

/* The id of an entry as ours; NULL: reported. */
static const char *
read_id(struct plan *plan, const struct source *source, const struct node *node, const char *what)
{
    const char *id = node && node->kind == NODE_SCALAR ? foreign_id(plan, node->text) : NULL;
    if (!id) {
        plan_fail(plan, place_of(source, node ? node : &(struct node){.line = 1}),
                  "%s is %s, which can't be made an id", what,
                  node && node->kind == NODE_SCALAR ? quote(plan, node->text) : "missing");
    }
    return id;
}

static void
read_parents(struct plan *plan, struct source *source, struct draft *draft,
             const struct node *parents)
{
    if (!parents || parents->kind == NODE_NULL || !field_is(plan, source, parents, NODE_LIST)) {
        return;
    }
    for (const struct node *node = parents->first; node; node = node->next) {
        const char *id = read_id(plan, source, node, "a parent");
        if (id) {
            draft_after(plan, draft, node->line, (struct baton_edge){.id = id});
        }
    }
}

static void
read_task(struct plan *plan, struct source *source, const struct node *map)
{
    if (!field_is(plan, source, map, NODE_MAP)) {
        return;
    }
    const struct node *node = node_get(map, "id");
    const char *id = read_id(plan, source, node ? node : node_get(map, "name"), "the task's id");
    struct draft *draft =
        id ? draft_new(plan, place_of(source, map), source_project(plan, source), id) : NULL;
    if (!draft) {
        return;
    }
    const struct node *name = node_get(map, "name");
    draft->spec->title = name ? foreign_title(plan, name->text) : NULL;
    read_parents(plan, source, draft, node_get(map, "parents"));
    draft_role(plan, draft);
}

/* "12.5" seconds; nonsense is no estimate. */
static int64_t
estimate_of(const struct node *node)
{
    char *end;
    double seconds = node && node->kind == NODE_SCALAR ? strtod(node->text, &end) : 0;
    if (!(seconds > 0) || *end) {
        return 0;
    }
    double ms = seconds * 1000 + 0.5;
    return ms < (double)DURATION_MS_MAX ? (int64_t)ms : DURATION_MS_MAX;
}

static void
read_runtimes(struct plan *plan, struct source *source, const struct node *list)
{
    if (!list || list->kind != NODE_LIST) {
        return;
    }
    const char *project = source_project(plan, source);
    for (const struct node *item = list->first; item; item = item->next) {
        const struct node *node = node_get(item, "id");
        const char *id = node ? foreign_id(plan, node->text) : NULL;
        ptrdiff_t n = id ? draft_find(plan, project, id) : -1;
        if (n >= 0) {
            plan->drafts[n].spec->estimate_ms = estimate_of(node_get(item, "runtimeInSeconds"));
        }
    }
}

void
wfformat_read(struct plan *plan, struct source *source, const struct node *root)
{
    size_t first = plan->n_drafts;
    const struct node *workflow = node_get(root, "workflow");
    const struct node *tasks = node_get(node_get(workflow, "specification"), "tasks");
    if (!tasks || tasks->kind != NODE_LIST) {
        plan_fail(plan, place_of(source, workflow ? workflow : root),
                  "no list workflow.specification.tasks; this reads WfFormat 1.5, convert older "
                  "files with wfcommons");
        return;
    }
    for (const struct node *item = tasks->first; item; item = item->next) {
        read_task(plan, source, item);
    }
    read_runtimes(plan, source, node_get(node_get(workflow, "execution"), "tasks"));
    foreign_settle(plan, source, first, foreign_dangling(plan, DANGLING_WAIT));
}
