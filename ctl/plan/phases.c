/* Phases and milestones: each becomes a milestone task that waits for its tasks.
 *
 * Phases follow one another: the tasks of a phase wait for the milestone of the one before it, or
 * for what `after:` says instead. Milestones stand alone. */
#include "common/limits.h"
#include "common/text.h"
#include "ctl/plan/inner.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

static const char *const phase_keys[] = {
    "id",       "name",   "title",      "after",        "tasks",     "parallel",        "deadline",
    "priority", "labels", "depends_on", "dependencies", "execution", "synchronization", NULL};

/* A phase being read. */
struct phase {
    struct plan *plan;
    struct source *source;
    const struct node *map;
    const char *id;
    const struct node *after; /* NULL: not given */
    const char *before;       /* milestone of the phase before it, or NULL */
    bool chained;             /* phases, not milestones */
    bool in_order;            /* parallel: false */
};

static const struct node *
get_any(const struct node *map, const char *a, const char *b, const char *c)
{
    const struct node *node = node_get(map, a);
    node = node ? node : node_get(map, b);
    return node || !c ? node : node_get(map, c);
}

/* "Phase 1: Foundation" as an id: "phase-1-foundation". */
static const char *
slug_of(struct plan *plan, const char *name)
{
    if (name_is_valid(name, ID_BYTES_MAX)) {
        return name;
    }
    size_t bytes = MIN(strlen(name), (size_t)ID_BYTES_MAX);
    char *slug = arena_alloc(&plan->arena, bytes + 1);
    size_t n = 0;
    for (size_t i = 0; i < bytes; i++) {
        char c = name[i];
        c = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
            slug[n++] = c;
        } else if (n && slug[n - 1] != '-') {
            slug[n++] = '-';
        }
    }
    while (n && slug[n - 1] == '-') {
        n--;
    }
    slug[n] = 0;
    return slug;
}

static bool
check_keys(struct phase *phase)
{
    bool ok = true;
    for (const struct node *node = phase->map->first; node; node = node->next) {
        size_t i = 0;
        while (phase_keys[i] && strcmp(phase_keys[i], node->key) != 0) {
            i++;
        }
        if (!phase_keys[i]) {
            plan_fail(phase->plan, (struct place){phase->source->at.file, node->key_line},
                      "unknown key %s in a %s%s", quote(phase->plan, node->key),
                      phase->chained ? "phase" : "milestone",
                      did_you_mean(phase->plan, node->key, phase_keys));
            ok = false;
        }
    }
    return ok;
}

/* What the phase as a whole waits for, as edges of one task. */
static void
add_gates(struct phase *phase, struct draft *draft, unsigned line)
{
    if (phase->after) {
        if (phase->after->kind != NODE_NULL) {
            after_read(phase->plan, phase->source, draft, phase->after);
        }
    } else if (phase->before) {
        draft_after(phase->plan, draft, line, (struct baton_edge){.id = phase->before});
    }
}

/* The milestone is a task of few attributes, read as every task is. */
static bool
make_milestone(struct phase *phase)
{
    const struct node *id = node_get(phase->map, "id");
    const struct node *name = get_any(phase->map, "name", "title", NULL);
    struct place at = place_of(phase->source, phase->map);
    const char *text = id ? id->text : name ? slug_of(phase->plan, name->text) : "";
    if (!*text) {
        plan_fail(phase->plan, at, "it has no id; write id: or name:");
        return false;
    }
    struct draft *draft = draft_new(phase->plan, at, source_project(phase->plan, phase->source),
                                    text);
    if (!draft) {
        return false;
    }
    draft->spec->milestone = true;
    phase->id = draft->spec->id;
    struct reading r = {phase->plan, phase->source, draft, draft->spec};
    for (const struct node *node = phase->map->first; node; node = node->next) {
        for (const struct attribute *a = attributes; a->key; a++) {
            bool shared = strcmp(a->key, "deadline") == 0 || strcmp(a->key, "priority") == 0 ||
                          strcmp(a->key, "labels") == 0;
            if (shared && strcmp(a->key, node->key) == 0 && node->kind != NODE_NULL) {
                a->read(&r, node);
            }
        }
    }
    if (name) {
        field_text(phase->plan, phase->source, name, TITLE_BYTES_MAX, &draft->spec->title);
    }
    return true;
}

/* By which it is found: `--label phase=ID`. One that says so itself is left alone. */
static void
add_label(struct phase *phase, baton_spec *spec)
{
    const char *name = phase->chained ? "phase" : "milestone";
    for (size_t i = 0; i < spec->n_labels; i++) {
        if (strcmp(spec->labels[i].name, name) == 0) {
            return;
        }
    }
    if (spec->n_labels == LABELS_MAX) {
        return;
    }
    struct baton_label *labels = arena_alloc(&phase->plan->arena,
                                             (spec->n_labels + 1) * sizeof *labels);
    if (spec->n_labels) {
        memcpy(labels, spec->labels, spec->n_labels * sizeof *labels);
    }
    labels[spec->n_labels++] = (struct baton_label){.name = name, .value = phase->id};
    spec->labels = labels;
}

/* One task of the phase; `last` is the id of the one before it. Returns its id; NULL: reported. */
static const char *
read_member(struct phase *phase, const struct node *node, const char *last)
{
    struct plan *plan = phase->plan;
    if (node->kind == NODE_SCALAR) {
        /* A task that is told elsewhere: it is waited for, and stays as it is. */
        const char *id;
        return field_name(plan, phase->source, node, ID_BYTES_MAX, &id) ? id : NULL;
    }
    size_t n = task_read(plan, phase->source, node, BATON_PRIORITY_NONE);
    if (n == SIZE_MAX) {
        return NULL;
    }
    struct draft *draft = &plan->drafts[n];
    if (phase->chained) {
        add_gates(phase, draft, node->line);
    }
    add_label(phase, draft->spec);
    if (phase->in_order && last) {
        draft_after(plan, draft, node->line, (struct baton_edge){.id = last});
    }
    if (strcmp(draft->spec->project, source_project(plan, phase->source)) != 0) {
        plan_fail(plan, draft->at, "a task of a phase is in the phase's project; remove project:");
    }
    return draft->spec->id;
}

/* A point at which the phase comes together: it waits for all of its tasks, and for what it names
 * itself; the phase's milestone waits for it, and so does the next phase. */
static void
read_point(struct phase *phase, size_t milestone, size_t n_members, unsigned number,
           const struct node *node)
{
    struct plan *plan = phase->plan;
    static const char *const keys[] = {"id", "title", "name", "after", "deadline", "held", NULL};
    const struct node *id = node->kind == NODE_MAP ? node_get(node, "id") : NULL;
    const struct node *title = node->kind == NODE_MAP ? get_any(node, "title", "name", NULL) : node;
    const char *name = id ? id->text : arena_printf(&plan->arena, "%s-sync-%u", phase->id, number);
    struct draft *draft = draft_new(plan, place_of(phase->source, node),
                                    source_project(plan, phase->source), name);
    if (!draft) {
        return;
    }
    draft->spec->milestone = true;
    add_label(phase, draft->spec);
    if (title) {
        field_text(plan, phase->source, title, TITLE_BYTES_MAX, &draft->spec->title);
    }
    for (size_t i = 0; i < n_members; i++) {
        draft_after(plan, draft, node->line, plan->drafts[milestone].after[i]);
    }
    const struct node *entry = node->kind == NODE_MAP ? node->first : NULL;
    for (; entry; entry = entry->next) {
        size_t i = 0;
        while (keys[i] && strcmp(keys[i], entry->key) != 0) {
            i++;
        }
        if (!keys[i]) {
            plan_fail(plan, (struct place){phase->source->at.file, entry->key_line},
                      "unknown key %s in synchronization%s", quote(plan, entry->key),
                      did_you_mean(plan, entry->key, keys));
        } else if (strcmp(entry->key, "after") == 0) {
            after_read(plan, phase->source, draft, entry);
        } else if (strcmp(entry->key, "held") == 0) {
            field_bool(plan, phase->source, entry, &draft->spec->held);
        } else if (strcmp(entry->key, "deadline") == 0) {
            field_time(plan, phase->source, entry, false, &draft->spec->deadline);
        }
    }
    draft_after(plan, &plan->drafts[milestone], node->line,
                (struct baton_edge){.id = draft->spec->id});
}

static void
read_points(struct phase *phase, size_t milestone, const struct node *points)
{
    size_t n_members = phase->plan->drafts[milestone].n_after;
    unsigned number = 0;
    const struct node *first = points->kind == NODE_LIST ? points->first : points;
    for (const struct node *node = first; node; node = node->next) {
        if (node->kind == NODE_MAP || node->kind == NODE_SCALAR) {
            read_point(phase, milestone, n_members, ++number, node);
        } else {
            plan_fail(phase->plan, place_of(phase->source, node),
                      "synchronization: a text, or a map with title: and after:");
        }
        if (points->kind != NODE_LIST) {
            break;
        }
    }
}

static void
read_members(struct phase *phase)
{
    struct plan *plan = phase->plan;
    size_t milestone = plan->n_drafts - 1;
    const struct node *list = node_get(phase->map, "tasks");
    size_t n = 0;
    if (list && list->kind != NODE_NULL && field_is(plan, phase->source, list, NODE_LIST)) {
        const char *last = NULL;
        for (const struct node *item = list->first; item; item = item->next) {
            const char *id = read_member(phase, item, last);
            if (id) {
                draft_after(plan, &plan->drafts[milestone], item->line,
                            (struct baton_edge){.id = id});
                last = id;
                n++;
            }
        }
    }
    const struct node *points = node_get(phase->map, "synchronization");
    if (points && points->kind != NODE_NULL) {
        read_points(phase, milestone, points);
    }
    /* Tasks carry the gates of their phase; without any the milestone does. */
    if (n == 0 || !phase->chained) {
        add_gates(phase, &plan->drafts[milestone], phase->map->line);
    }
}

/* "sequential", "Parallel Execution": as the strategy has it. */
static void
read_execution(struct phase *phase)
{
    const struct node *node = node_get(phase->map, "execution");
    const char *text;
    if (!node || node->kind == NODE_NULL ||
        !field_text(phase->plan, phase->source, node, NAME_BYTES_MAX, &text)) {
        return;
    }
    bool in_order = strncasecmp(text, "sequential", strlen("sequential")) == 0;
    if (!in_order && strncasecmp(text, "parallel", strlen("parallel")) != 0) {
        plan_fail(phase->plan, place_of(phase->source, node), "execution: parallel or sequential");
    } else if (node_get(phase->map, "parallel")) {
        plan_fail(phase->plan, place_of(phase->source, node),
                  "execution and parallel say the same thing; remove one of them");
    }
    phase->in_order = in_order;
}

static bool
phase_read(struct phase *phase)
{
    if (!field_is(phase->plan, phase->source, phase->map, NODE_MAP) || !check_keys(phase) ||
        !make_milestone(phase)) {
        return false;
    }
    phase->after = get_any(phase->map, "after", "depends_on", "dependencies");
    const struct node *parallel = node_get(phase->map, "parallel");
    bool value = true;
    if (parallel && field_bool(phase->plan, phase->source, parallel, &value)) {
        phase->in_order = !value;
    }
    read_execution(phase);
    add_label(phase, phase->plan->drafts[phase->plan->n_drafts - 1].spec);
    read_members(phase);
    return true;
}

void
phases_read(struct plan *plan, struct source *source, const struct node *list, bool chained)
{
    if (!field_is(plan, source, list, NODE_LIST)) {
        return;
    }
    const char *before = NULL;
    for (const struct node *item = list->first; item; item = item->next) {
        struct phase phase = {.plan = plan,
                              .source = source,
                              .map = item,
                              .before = chained ? before : NULL,
                              .chained = chained};
        if (phase_read(&phase)) {
            before = phase.id;
        }
    }
}
