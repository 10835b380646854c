/* Which tasks a list asks for, and pages of them. Changes nothing. */
#include "broker/core/state.h"

#include <stdlib.h>
#include <string.h>

static bool
name_in(char *const *names, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(names[i][0] ? names[i] : "default", name) == 0) {
            return true;
        }
    }
    return n == 0;
}

static bool
labels_match(const struct core *core, const struct task *task, const Baton__List *list)
{
    struct arena arena;
    arena_init(&arena);
    const Baton__Spec *spec = task_unpack(core, task, &arena);
    bool all = true;
    for (size_t i = 0; i < list->n_labels && all; i++) {
        bool found = false;
        for (size_t j = 0; j < spec->n_labels && !found; j++) {
            found = strcmp(spec->labels[j]->key, list->labels[i]->key) == 0 &&
                    strcmp(spec->labels[j]->value, list->labels[i]->value) == 0;
        }
        all = found;
    }
    arena_fini(&arena);
    return all;
}

bool
view_matches(const struct core *core, const struct task *task, const Baton__List *list)
{
    bool state = list->n_states == 0;
    for (size_t i = 0; i < list->n_states && !state; i++) {
        state = (unsigned)list->states[i] == task->state;
    }
    return state && name_in(list->projects, list->n_projects, task_project(core, task)) &&
           name_in(list->roles, list->n_roles,
                   task->role < ROLES_N ? role_names[task->role] : "") &&
           strncmp(task->id, list->id_prefix, strlen(list->id_prefix)) == 0 &&
           (list->n_labels == 0 || labels_match(core, task, list));
}

static Baton__TaskView *
list_add(const struct core *core, struct core_request *request, const struct task *task,
         const Baton__List *list, Baton__Listed *ret, size_t *bytes)
{
    Baton__TaskView *view = arena_alloc(request->arena, sizeof *view);
    view_make(core, request, task, list->specs, false, view);
    ret->tasks[ret->n_tasks++] = view;
    *bytes += baton__task_view__get_packed_size(view);
    return view;
}

enum { LIST_LOOKS_MAX = 20 * 1000, LIST_BYTES_MAX = 1024 * 1024 };

static uint32_t
list_limit(const Baton__List *list)
{
    return list->limit ? MIN(list->limit, (uint32_t)PAGE_MAX) : 1000;
}

/* Names instead of a walk: a page of those that are there, by key as any page. */
static Baton__Code
list_named(const struct core *core, struct core_request *request, const Baton__List *list,
           Baton__Listed *ret)
{
    if (list->n_ids > PAGE_MAX) {
        return refuse(request, BATON__CODE__CODE_TOO_LARGE, "ids",
                      "more than 10,000 ids: ask in parts");
    }
    uint64_t *keys = arena_alloc(request->arena, list->n_ids * sizeof *keys);
    size_t n = 0, bytes = 0;
    for (size_t i = 0; i < list->n_ids; i++) {
        const struct task *task = task_find(core, project_find(core, list->ids[i]->project),
                                            list->ids[i]->id);
        if (task && task->state != UNKNOWN && task->key > list->after &&
            view_matches(core, task, list)) {
            keys[n++] = task->key;
        }
    }
    qsort(keys, n, sizeof *keys, view_compare_keys);
    ret->tasks = arena_alloc(request->arena, list_limit(list) * sizeof *ret->tasks);
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && keys[i] == keys[i - 1]) {
            continue; /* named twice */
        }
        if (ret->n_tasks == list_limit(list) || bytes > LIST_BYTES_MAX) {
            ret->next = keys[i - 1];
            break;
        }
        list_add(core, request, task_by_key(core, keys[i]), list, ret, &bytes);
    }
    return BATON__CODE__CODE_OK;
}

/* The first task with a key above `after`. Most often the page before ended at a task that is still
 * there. */
static uint32_t
page_begin(const struct core *core, uint64_t after)
{
    if (after == 0) {
        return core->first;
    }
    const struct task *last = task_by_key(core, after);
    if (last) {
        return last->next;
    }
    uint32_t slot = core->first;
    while (slot && task_at(core, slot)->key <= after) {
        slot = task_at(core, slot)->next;
    }
    return slot;
}

Baton__Code
core_list(const struct core *core, struct core_request *request, const Baton__List *list,
          Baton__Listed *ret)
{
    baton__listed__init(ret);
    ret->event = core->event;
    if (list->n_ids > 0) {
        return list_named(core, request, list, ret);
    }
    uint32_t limit = list_limit(list);
    ret->tasks = arena_alloc(request->arena, limit * sizeof *ret->tasks);
    size_t bytes = 0;
    uint32_t looks = 0;
    for (uint32_t slot = page_begin(core, list->after); slot;) {
        const struct task *task = task_at(core, slot);
        if (view_matches(core, task, list)) {
            list_add(core, request, task, list, ret, &bytes);
        }
        slot = task->next;
        if (slot &&
            (ret->n_tasks == limit || ++looks == LIST_LOOKS_MAX || bytes > LIST_BYTES_MAX)) {
            ret->next = task->key;
            break;
        }
    }
    return BATON__CODE__CODE_OK;
}
