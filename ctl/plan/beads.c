/* Beads: an issue tracker's export, one JSON object a line.
 *
 * Open issues become tasks. Closed ones and tombstones are done already: they are left out, and a
 * dependency on them is met; so are pinned ones, which Beads never counts as work. `blocks` and
 * `parent-child` are dependencies, other links are not. Priority 0 is critical, 1 high, 2 medium, 3
 * and 4 low. */
#include "common/limits.h"
#include "common/text.h"
#include "ctl/plan/index.h"
#include "ctl/plan/inner.h"

#include <string.h>

static const char *
text_of(const struct node *map, const char *key)
{
    const struct node *node = node_get(map, key);
    return node && node->kind == NODE_SCALAR ? node->text : "";
}

static bool
is_over(const struct plan *plan, const struct node *issue)
{
    const char *status = text_of(issue, "status");
    bool closed = strcmp(status, "closed") == 0;
    return strcmp(status, "tombstone") == 0 || strcmp(status, "pinned") == 0 ||
           (closed && !plan->options.with_closed);
}

static baton_priority
priority_of(struct plan *plan, const struct source *source, const struct node *node)
{
    static const baton_priority of[] = {BATON_CRITICAL, BATON_HIGH, BATON_MEDIUM, BATON_LOW,
                                        BATON_LOW};
    uint32_t n;
    if (!node || node->kind == NODE_NULL ||
        !field_count(plan, source, node, 0, ARRAY_LEN(of) - 1, &n)) {
        return BATON_PRIORITY_NONE;
    }
    return of[n];
}

/* The issue's type and its labels. */
static void
read_labels(struct plan *plan, struct draft *draft, const struct node *issue)
{
    const char *type = text_of(issue, "issue_type");
    const struct node *list = node_get(issue, "labels");
    size_t room = 1 + (list && list->kind == NODE_LIST ? list->n : 0);
    struct baton_label *labels = arena_calloc(&plan->arena, MIN(room, (size_t)LABELS_MAX),
                                              sizeof *labels);
    size_t n = 0;
    if (*type && prose_is_valid(type, KEY_BYTES_MAX)) {
        labels[n++] = (struct baton_label){.name = "type", .value = type};
    }
    for (const struct node *item = list ? list->first : NULL; item && n < LABELS_MAX;
         item = item->next) {
        const char *name = foreign_id(plan, item->text);
        bool taken = !name || strcmp(name, "type") == 0;
        for (size_t i = 0; i < n && !taken; i++) {
            taken = strcmp(labels[i].name, name) == 0;
        }
        if (!taken) {
            labels[n++] = (struct baton_label){.name = name, .value = ""};
        }
    }
    draft->spec->labels = labels;
    draft->spec->n_labels = n;
}

static bool
gates(const char *type)
{
    return strcmp(type, "blocks") == 0 || strcmp(type, "parent-child") == 0;
}

static void
read_edges(struct plan *plan, struct source *source, struct draft *draft, const struct node *issue,
           const struct index *over)
{
    const struct node *list = node_get(issue, "dependencies");
    if (!list || list->kind == NODE_NULL || !field_is(plan, source, list, NODE_LIST)) {
        return;
    }
    for (const struct node *item = list->first; item; item = item->next) {
        const char *target = text_of(item, "depends_on_id");
        if (!gates(text_of(item, "type")) || index_find(over, "", target) >= 0) {
            continue;
        }
        const char *id = foreign_id(plan, target);
        if (id) {
            draft_after(plan, draft, item->line, (struct baton_edge){.id = id});
        } else {
            plan_fail(plan, place_of(source, item), "depends_on_id %s can't be made an id",
                      quote(plan, target));
        }
    }
}

static void
read_issue(struct plan *plan, struct source *source, const struct node *issue,
           const struct index *over)
{
    const char *id = foreign_id(plan, text_of(issue, "id"));
    if (!id) {
        plan_fail(plan, place_of(source, issue), "the issue's id %s can't be made an id",
                  quote(plan, text_of(issue, "id")));
        return;
    }
    struct draft *draft = draft_new(plan, place_of(source, issue), source_project(plan, source),
                                    id);
    if (!draft) {
        return;
    }
    baton_spec *spec = draft->spec;
    spec->title = foreign_title(plan, text_of(issue, "title"));
    spec->priority = priority_of(plan, source, node_get(issue, "priority"));
    const char *description = text_of(issue, "description");
    if (*description && prose_is_valid(description, TEXT_BYTES_MAX)) {
        spec->prompt = description;
    }
    spec->held = strcmp(text_of(issue, "status"), "deferred") == 0;
    read_labels(plan, draft, issue);
    read_edges(plan, source, draft, issue, over);
    draft_role(plan, draft);
}

void
beads_read(struct plan *plan, struct source *source, const struct node *const *issues, size_t n)
{
    size_t first = plan->n_drafts;
    struct index *over = index_new();
    for (size_t i = 0; i < n; i++) {
        if (is_over(plan, issues[i])) {
            index_add(over, "", text_of(issues[i], "id"));
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (!is_over(plan, issues[i])) {
            read_issue(plan, source, issues[i], over);
        }
    }
    index_free(over);
    foreign_settle(plan, source, first, foreign_dangling(plan, DANGLING_DROP));
}
