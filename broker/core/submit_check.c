/* Submitting tasks: does the whole fit the graph, the projects and the resources that are there?
 * Nothing is changed here. */
#include "broker/core/submission.h"

#include "common/alloc.h"
#include "common/gate_name.h"
#include "common/text.h"

#include <stdlib.h>
#include <string.h>

/* ---- resources ---- */

static uint32_t
capacity_after(const struct submission *s, const char *name)
{
    for (size_t i = 0; i < s->submit->n_resources; i++) {
        if (strcmp(s->submit->resources[i]->name, name) == 0) {
            return s->submit->resources[i]->capacity ? s->submit->resources[i]->capacity : 1;
        }
    }
    const struct resource *resource = resource_find(s->core, name);
    return resource ? resource->capacity : 1;
}

Baton__Code
submission_check_fits(const struct submission *s, size_t i)
{
    const Baton__Spec *spec = s->submit->tasks[i];
    for (size_t c = 0; c < spec->n_claims; c++) {
        uint32_t capacity = capacity_after(s, spec->claims[c]->name);
        if (spec->claims[c]->amount > capacity) {
            return refuse(
                s->request, BATON__CODE__CODE_UNSATISFIABLE,
                arena_printf(s->request->arena, "%s.claims[%zu]", submission_place(s, i), c),
                "%s claims %u of %s, which has %u: claim less, or raise its capacity", spec->id,
                spec->claims[c]->amount, spec->claims[c]->name, capacity);
        }
    }
    return BATON__CODE__CODE_OK;
}

/* ---- the graph ---- */

Baton__Code
submission_check_graph(const struct submission *s)
{
    struct new_task *tasks = xcalloc(s->n, sizeof *tasks);
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        const struct plan *plan = &s->plans[i];
        if (plan->kind == PLAN_ADD || plan->kind == PLAN_UPDATE) {
            const Baton__Spec *spec = s->submit->tasks[i];
            tasks[n++] = (struct new_task){.spec = spec, .slot = plan->task ? plan->task->slot : 0};
        }
    }
    Baton__Code code = n ? graph_check(s->core, s->request, tasks, n) : BATON__CODE__CODE_OK;
    free(tasks);
    return code;
}

static int
compare_refs(const void *a, const void *b)
{
    const Baton__Ref *x = *(Baton__Ref *const *)a;
    const Baton__Ref *y = *(Baton__Ref *const *)b;
    int by = strcmp(x->project, y->project);
    return by ? by : strcmp(x->id, y->id);
}

/* The dependencies that nobody knows yet, each once. */
Baton__Code
submission_list_forward(struct submission *s)
{
    struct arena *arena = s->request->arena;
    Baton__Ref **refs = NULL;
    size_t n = 0, room = 0;
    for (size_t i = 0; i < s->n; i++) {
        const Baton__Spec *spec = s->submit->tasks[i];
        for (size_t e = 0; e < spec->n_after && s->plans[i].kind != PLAN_EXISTING; e++) {
            const char *id = spec->after[e]->id;
            const char *project = spec->after[e]->project[0] ? spec->after[e]->project
                                                             : spec->project;
            const struct task *task = task_find(s->core, project_find(s->core, project), id);
            if (gate_name_kind(id, NULL) || (task && task->state != UNKNOWN) ||
                submission_has(s, project, id) || tombstone_find(s->core, project, id)) {
                continue;
            }
            if (s->submit->strict) {
                free(refs);
                return refuse(s->request, BATON__CODE__CODE_FORWARD_REF,
                              arena_printf(arena, "tasks[%zu].after[%zu]", i, e),
                              "%s depends on %s, which is not known: add it, or don't be strict",
                              spec->id, id);
            }
            if (n == room) {
                room = room ? room * 2 : 64;
                refs = xreallocarray(refs, room, sizeof(Baton__Ref *));
            }
            Baton__Ref *ref = arena_alloc(arena, sizeof *ref);
            baton__ref__init(ref);
            ref->project = (char *)(uintptr_t)project;
            ref->id = (char *)(uintptr_t)id;
            refs[n++] = ref;
        }
    }
    if (n) {
        qsort(refs, n, sizeof *refs, compare_refs);
        size_t kept = 1;
        for (size_t i = 1; i < n; i++) {
            if (compare_refs(&refs[kept - 1], &refs[i]) != 0) {
                refs[kept++] = refs[i];
            }
        }
        s->ret->forward_refs_total = (uint32_t)kept;
        s->ret->n_forward_refs = MIN(kept, (size_t)NAMED_MAX);
        s->ret->forward_refs = arena_memdup(arena, refs, s->ret->n_forward_refs * sizeof *refs);
    }
    free(refs);
    return BATON__CODE__CODE_OK;
}

/* ---- tasks added by agents ---- */

enum { DESCENDANTS_MAX = 200 };

Baton__Code
submission_check_parent(struct submission *s)
{
    if (!s->submit->parent_token) {
        return BATON__CODE__CODE_OK;
    }
    struct core_request *request = s->request;
    struct task *parent = task_by_token(s->core, s->submit->parent_token);
    if (!parent || parent->course->token != s->submit->parent_token || !task_has_lease(parent)) {
        return refuse(request, BATON__CODE__CODE_STALE_TOKEN, "parent_token",
                      "the lease with this token has ended, so nothing can be added in its name");
    }
    s->parent = parent;
    uint32_t n_new = 0;
    for (size_t i = 0; i < s->n; i++) {
        n_new += s->plans[i].kind == PLAN_ADD;
        const Baton__Spec *spec = s->submit->tasks[i];
        if (strcmp(spec->project, task_project(s->core, parent)) != 0) {
            return submission_refuse(s, i, BATON__CODE__CODE_DENIED, "project",
                                     "an agent adds tasks to the project of its own task only");
        }
        uint64_t above = parent->key;
        while (above && s->plans[i].kind == PLAN_ADD) {
            const struct task *ancestor = task_by_key(s->core, above);
            if (!ancestor) {
                break;
            }
            const Baton__Spec *other = task_unpack(s->core, ancestor, request->arena);
            bool says_what = spec->title[0] || spec->unique_key[0];
            if (says_what && strcmp(other->role, spec->role) == 0 &&
                strcmp(other->title, spec->title) == 0 &&
                strcmp(other->unique_key, spec->unique_key) == 0) {
                return submission_refuse(
                    s, i, BATON__CODE__CODE_LIMIT, "title",
                    arena_printf(request->arena,
                                 "has the role and title of %s, above it: this would go round",
                                 ancestor->id));
            }
            above = ancestor->ext ? ancestor->ext->parent : 0;
        }
    }
    const struct task_ext *ext = parent->ext;
    const struct task *root = ext && ext->root ? task_by_key(s->core, ext->root) : parent;
    uint32_t below = root && root->ext ? root->ext->n_descendants : 0;
    if ((ext ? ext->depth : 0) + 1 > SPAWN_DEPTH_MAX ||
        (ext ? ext->n_children : 0) + n_new > SPAWN_FANOUT_MAX || below + n_new > DESCENDANTS_MAX) {
        return refuse(
            request, BATON__CODE__CODE_LIMIT, "tasks",
            "an agent's tasks are at most %d deep, %d below one task and %d below the first: "
            "ask an operator to add them",
            SPAWN_DEPTH_MAX, SPAWN_FANOUT_MAX, DESCENDANTS_MAX);
    }
    return BATON__CODE__CODE_OK;
}

/* ---- projects ---- */

static int
compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A closed project takes nothing new from outside; what runs in it may still split itself up. */
Baton__Code
submission_check_open(const struct submission *s)
{
    for (size_t i = 0; i < s->n && !s->parent; i++) {
        const struct plan *plan = &s->plans[i];
        const struct project *project = plan->kind == PLAN_ADD && plan->project
                                            ? s->core->projects[plan->project]
                                            : NULL;
        if (project && project->closing) {
            return submission_refuse(
                s, i, BATON__CODE__CODE_CLOSED, "project",
                arena_printf(s->request->arena,
                             "project %s was closed by %s and takes no new tasks: open "
                             "it first, or add the task to another",
                             project->name, project->closing->actor));
        }
    }
    return BATON__CODE__CODE_OK;
}

/* What is to be closed is there, or comes with this submission. */
Baton__Code
submission_check_closings(const struct submission *s)
{
    const Baton__Submit *submit = s->submit;
    if (submit->n_close > NAMED_MAX) {
        return refuse(s->request, BATON__CODE__CODE_TOO_LARGE, "close",
                      "more than 1,000 projects to close: close some by themselves");
    }
    char **names = arena_alloc(s->request->arena, s->n * sizeof(char *));
    for (size_t i = 0; i < s->n && submit->n_close; i++) {
        names[i] = submit->tasks[i]->project;
    }
    if (s->n > 1 && submit->n_close) {
        qsort(names, s->n, sizeof(char *), compare_texts);
    }
    for (size_t i = 0; i < submit->n_close; i++) {
        const char *field = arena_printf(s->request->arena, "close[%zu]", i);
        const char *name = submit->close[i];
        if (!name_is_valid(name, NAME_BYTES_MAX)) {
            return refuse(s->request, BATON__CODE__CODE_INVALID, field, "the name is not valid");
        }
        uint32_t number = project_find(s->core, name);
        bool known = number && project_has_tasks(s->core->projects[number]);
        if (!known && !(s->n && bsearch(&name, names, s->n, sizeof(char *), compare_texts))) {
            return refuse(s->request, BATON__CODE__CODE_NOT_FOUND, field,
                          "project %s can't be closed: it has no tasks", name);
        }
    }
    return BATON__CODE__CODE_OK;
}

/* Projects that the submission would make, of its tasks and of what they depend on. */
Baton__Code
submission_check_projects(const struct submission *s)
{
    size_t room = s->n + s->submit->n_cards;
    for (size_t i = 0; i < s->n; i++) {
        room += s->submit->tasks[i]->n_after;
    }
    char **names = arena_alloc(s->request->arena, room * sizeof(char *));
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        const Baton__Spec *spec = s->submit->tasks[i];
        if (!s->plans[i].project && !(n && strcmp(names[n - 1], spec->project) == 0)) {
            names[n++] = spec->project;
        }
        for (size_t e = 0; e < spec->n_after; e++) {
            if (spec->after[e]->project[0] && !project_find(s->core, spec->after[e]->project)) {
                names[n++] = spec->after[e]->project;
            }
        }
    }
    for (size_t i = 0; i < s->submit->n_cards; i++) {
        if (!project_find(s->core, s->submit->cards[i]->project)) {
            names[n++] = s->submit->cards[i]->project;
        }
    }
    if (n > 1) {
        qsort(names, n, sizeof(char *), compare_texts);
    }
    size_t distinct = n > 0;
    for (size_t i = 1; i < n; i++) {
        distinct += strcmp(names[i - 1], names[i]) != 0;
    }
    if (distinct && s->core->n_projects + distinct > PROJECTS_MAX) {
        return refuse(s->request, BATON__CODE__CODE_FULL, "tasks",
                      "more than 10,000 projects: use labels to tell tasks apart");
    }
    return BATON__CODE__CODE_OK;
}
