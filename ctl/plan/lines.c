/* JSON lines: issues of Beads, or tasks of ours, such as `baton export` writes. */
#include "ctl/plan/inner.h"

#include <string.h>

/* The lines as nodes; what is no JSON object is reported. */
static const struct node **
read_lines(struct plan *plan, struct source *source, size_t *ret_n)
{
    size_t n_lines = 1;
    for (const char *p = source->text; (p = strchr(p, '\n')); p++) {
        n_lines++;
    }
    const struct node **objects = arena_calloc(&plan->arena, n_lines, sizeof *objects);
    size_t n = 0;
    unsigned line = 1;
    for (const char *p = source->text; *p; line++) {
        size_t bytes = strcspn(p, "\n");
        struct place at = {source->at.file, line};
        if (bytes > PLAN_LINE_BYTES_MAX) {
            plan_fail(plan, at, "the line is longer than 1 MiB; shorten it");
        } else if (strspn(p, " \t\r") < bytes) {
            const struct node *object = json_read(plan, source, p, bytes, line);
            if (object && object->kind == NODE_MAP && node_get(object, "id")) {
                objects[n++] = object;
            } else if (object) {
                plan_fail(plan, at, "an object with an id is wanted on each line");
            }
        }
        p += bytes + (p[bytes] == '\n');
    }
    *ret_n = n;
    return objects;
}

static bool
is_beads(const struct node *object)
{
    return node_get(object, "issue_type") ||
           (node_get(object, "status") && !node_get(object, "role") && !node_get(object, "agent"));
}

void
lines_read(struct plan *plan, struct source *source)
{
    size_t n;
    const struct node **objects = read_lines(plan, source, &n);
    bool beads = plan->options.format ? format_of_name(plan->options.format) == FORMAT_BEADS
                                      : n > 0 && is_beads(objects[0]);
    if (beads) {
        beads_read(plan, source, objects, n);
        return;
    }
    source->project = source->zone = NULL;
    source->shape = NULL;
    for (size_t i = 0; i < n; i++) {
        task_read(plan, source, objects[i], BATON_PRIORITY_NONE);
    }
}
