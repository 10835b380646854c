/* Tasks of ours, one by one: identity first, then what they say, then the document's defaults. */
#include "common/alloc.h"
#include "common/limits.h"
#include "ctl/plan/inner.h"

#include <stdint.h>
#include <string.h>

static const struct attribute *
attribute_find(const char *key)
{
    for (const struct attribute *a = attributes; a->key; a++) {
        if (strcmp(a->key, key) == 0) {
            return a;
        }
    }
    return NULL;
}

static void
fail_unknown(struct plan *plan, struct place at, const char *key, const char *where)
{
    const char *words[64];
    size_t n = 0;
    for (const struct attribute *a = attributes; a->key && n + 1 < ARRAY_LEN(words); a++) {
        words[n++] = a->key;
    }
    words[n] = NULL;
    plan_fail(plan, at, "unknown key %s in %s%s", quote(plan, key), where,
              did_you_mean(plan, key, words));
}

/* Reads the attributes of `map` into the task, but those whose slot is in *seen; adds the slots. */
static void
read_attributes(struct reading *r, const struct node *map, bool defaults, uint64_t *seen)
{
    uint64_t before = *seen;
    const char *keys[ATTRIBUTE_SLOTS] = {0};
    for (const struct node *node = map->first; node; node = node->next) {
        struct place at = {r->source->at.file, node->key_line};
        const struct attribute *a = attribute_find(node->key);
        if (!a || (defaults && !a->by_default)) {
            if (a) {
                plan_fail(r->plan, at, "%s can't stand in defaults; write it at each task",
                          node->key);
            } else {
                fail_unknown(r->plan, at, node->key, defaults ? "defaults" : "a task");
            }
            continue;
        }
        CHECK(a->slot < ATTRIBUTE_SLOTS);
        uint64_t bit = UINT64_C(1) << a->slot;
        if (before & bit) {
            continue;
        }
        if (keys[a->slot]) {
            plan_fail(r->plan, at, "%s and %s say the same thing; remove one of them", node->key,
                      keys[a->slot]);
            continue;
        }
        keys[a->slot] = node->key;
        *seen |= bit;
        if (node->kind != NODE_NULL) {
            a->read(r, node);
        }
    }
}

/* The text of a key that must be a name; NULL: reported or not there. */
static const char *
read_project(struct plan *plan, struct source *source, const struct node *map)
{
    const struct node *node = node_get(map, "project");
    const char *project = source_project(plan, source);
    if (node && node->kind != NODE_NULL) {
        field_name(plan, source, node, NAME_BYTES_MAX, &project);
    }
    return project;
}

size_t
task_read(struct plan *plan, struct source *source, const struct node *map, baton_priority priority)
{
    if (map->kind != NODE_MAP) {
        plan_fail(plan, place_of(source, map), "a task is a map with id:, task: and so on, not %s",
                  node_kind_name(map));
        return SIZE_MAX;
    }
    const struct node *id = node_get(map, "id");
    if (!id || id->kind != NODE_SCALAR) {
        plan_fail(plan, place_of(source, id ? id : map),
                  "the task has no id; write one, so that applying the plan again finds it");
        return SIZE_MAX;
    }
    struct draft *draft = draft_new(plan, place_of(source, map), read_project(plan, source, map),
                                    id->text);
    if (!draft) {
        return SIZE_MAX;
    }
    struct reading r = {.plan = plan, .source = source, .draft = draft, .spec = draft->spec};
    uint64_t seen = 0;
    read_attributes(&r, map, false, &seen);
    if (draft->spec->priority == BATON_PRIORITY_NONE) {
        draft->spec->priority = priority;
    }
    if (source->shape && !draft->spec->milestone) {
        if (draft->spec->priority != BATON_PRIORITY_NONE) {
            seen |= UINT64_C(1) << attribute_find("priority")->slot;
        }
        read_attributes(&r, source->shape, true, &seen);
    }
    draft_role(plan, draft);
    draft_check(plan, draft);
    return (size_t)(draft - plan->drafts);
}

baton_spec *
task_read_recurring(struct plan *plan, struct source *source, const struct node *map)
{
    static const char *const own[] = {"id",         "project",  "after",      "dependencies",
                                      "depends_on", "deadline", "not_before", "start",
                                      "milestone",  NULL};
    if (!field_is(plan, source, map, NODE_MAP)) {
        return NULL;
    }
    for (size_t i = 0; own[i]; i++) {
        const struct node *node = node_get(map, own[i]);
        if (node) {
            plan_fail(plan, (struct place){source->at.file, node->key_line},
                      "a task that recurs has no %s: each occurrence gets its own", own[i]);
            return NULL;
        }
    }
    baton_spec *spec = baton_spec_new();
    CHECK(spec);
    plan->recurring = xreallocarray(plan->recurring, plan->n_recurring + 1, sizeof(baton_spec *));
    plan->recurring[plan->n_recurring++] = spec;
    struct draft draft = {.spec = spec, .at = place_of(source, map)};
    struct reading r = {.plan = plan, .source = source, .draft = &draft, .spec = spec};
    uint64_t seen = 0;
    spec->id = "a task that recurs";
    read_attributes(&r, map, false, &seen);
    if (source->shape) {
        read_attributes(&r, source->shape, true, &seen);
    }
    draft_role(plan, &draft);
    draft_check(plan, &draft);
    spec->id = NULL;
    /* Of the defaults: they are of tasks that stand once. */
    spec->deadline = spec->not_before = 0;
    return spec;
}

void
tasks_read(struct plan *plan, struct source *source, const struct node *list)
{
    if (!field_is(plan, source, list, NODE_LIST)) {
        return;
    }
    for (const struct node *item = list->first; item; item = item->next) {
        task_read(plan, source, item, BATON_PRIORITY_NONE);
    }
}

void
task_read_defaults(struct plan *plan, struct source *source, const struct node *map)
{
    /* Tried on a task that nobody gets, so that a mistake is said once and not at each task. */
    size_t errors = plan->errors.n;
    baton_spec *spec = baton_spec_new();
    CHECK(spec);
    struct draft draft = {.spec = spec, .at = place_of(source, map)};
    struct reading r = {.plan = plan, .source = source, .draft = &draft, .spec = spec};
    uint64_t seen = 0;
    read_attributes(&r, map, true, &seen);
    baton_spec_free(spec);
    if (plan->errors.n == errors) {
        source->shape = map;
    }
}
