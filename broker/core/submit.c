/* Submitting tasks: whole or not at all. First everything is checked (nothing changes), then the
 * facts are emitted. */
#include "broker/core/board/board.h"

#include "common/alloc.h"
#include "common/gate_name.h"
#include "common/path_name.h"
#include "common/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum plan_kind { PLAN_ADD, PLAN_UPDATE, PLAN_UNCHANGED, PLAN_EXISTING };

/* What is to become of one task of the submission. */
struct plan {
    enum plan_kind kind;
    struct task *task;     /* the one that exists */
    struct task *replaced; /* by unique_key: cancelled first */
    bool raise;            /* EXISTING: its priority rises */
    bool made_id;
    uint64_t diff;
    ProtobufCBinaryData packed;
};

struct submission {
    struct core *core;
    struct core_request *request;
    const Baton__Submit *submit;
    Baton__Submitted *ret;
    struct plan *plans;
    struct task *parent;
    size_t n;
    struct slotset names; /* slot = place in the submission + 1 */
};

static const char *
place(const struct submission *s, size_t i)
{
    return arena_printf(s->request->arena, "tasks[%zu]", i);
}

static Baton__Code
refuse_at(const struct submission *s, size_t i, Baton__Code code, const char *field,
          const char *what)
{
    const char *at = arena_printf(s->request->arena, "%s.%s", place(s, i), field);
    return refuse(s->request, code, at, "%s: %s", s->submit->tasks[i]->id, what);
}

/* ---- ids ---- */

static int
compare_names(const void *a, const void *b)
{
    const Baton__Spec *x = *(Baton__Spec *const *)a;
    const Baton__Spec *y = *(Baton__Spec *const *)b;
    int by = strcmp(x->id, y->id);
    return by ? by : strcmp(x->project, y->project);
}

struct name_probe {
    const struct submission *s;
    const char *project;
    const char *id;
};

static bool
is_named(const void *context, uint32_t slot)
{
    const struct name_probe *probe = context;
    const Baton__Spec *spec = probe->s->submit->tasks[slot - 1];
    return strcmp(spec->id, probe->id) == 0 && strcmp(spec->project, probe->project) == 0;
}

static uint32_t
id_hash(const struct submission *s, const char *id)
{
    return (uint32_t)XXH3_64bits_withSeed(id, strlen(id), s->core->config.hash_seed);
}

static bool
in_submission(const struct submission *s, const char *project, const char *id)
{
    struct name_probe probe = {.s = s, .project = project, .id = id};
    return slotset_find(&s->names, id_hash(s, id), is_named, &probe) != 0;
}

/* Names that a task of the submission bears or waits for: none of these may be made up. */
static Baton__Spec **
names_of(const struct submission *s, size_t *ret_n)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        n += 1 + s->submit->tasks[i]->n_after;
    }
    Baton__Spec *names = arena_calloc(s->request->arena, n, sizeof *names);
    Baton__Spec **sorted = arena_alloc(s->request->arena, n * sizeof(Baton__Spec *));
    size_t at = 0;
    for (size_t i = 0; i < s->n; i++) {
        const Baton__Spec *spec = s->submit->tasks[i];
        names[at].project = spec->project;
        names[at].id = spec->id;
        sorted[at] = &names[at];
        at++;
        for (size_t e = 0; e < spec->n_after; e++, at++) {
            const char *project = spec->after[e]->project;
            names[at].project = project[0] ? spec->after[e]->project : spec->project;
            names[at].id = spec->after[e]->id;
            sorted[at] = &names[at];
        }
    }
    qsort(sorted, n, sizeof *sorted, compare_names);
    *ret_n = n;
    return sorted;
}

/* Ids for those that have none, each its own: neither in the store nor in the submission. Numbers
 * of different tasks are different by their remainder. */
static void
make_ids(const struct submission *s)
{
    size_t n_names = 0;
    Baton__Spec **names = NULL;
    for (size_t i = 0; i < s->n; i++) {
        Baton__Spec *spec = s->submit->tasks[i];
        if (spec->id[0]) {
            continue;
        }
        names = names ? names : names_of(s, &n_names);
        uint64_t number = s->core->seq + 1 + i;
        uint32_t project = project_find(s->core, spec->project);
        do {
            spec->id = arena_printf(s->request->arena, "t%llu", (unsigned long long)number);
            number += s->n;
        } while (task_find(s->core, project, spec->id) ||
                 tombstone_find(s->core, spec->project, spec->id) ||
                 bsearch(&spec, names, n_names, sizeof *names, compare_names));
        s->plans[i].made_id = true;
        s->plans[i].packed = spec_pack(spec, s->request->arena);
    }
}

static Baton__Code
check_twice(struct submission *s)
{
    for (size_t i = 0; i < s->n; i++) {
        const Baton__Spec *spec = s->submit->tasks[i];
        if (in_submission(s, spec->project, spec->id)) {
            return refuse(s->request, BATON__CODE__CODE_CONFLICT, "tasks",
                          "%s is there twice in the submission: give one of them another id",
                          spec->id);
        }
        slotset_add(&s->names, (uint32_t)i + 1, id_hash(s, spec->id));
    }
    return BATON__CODE__CODE_OK;
}

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

static Baton__Code
check_fits(const struct submission *s, size_t i)
{
    const Baton__Spec *spec = s->submit->tasks[i];
    for (size_t c = 0; c < spec->n_claims; c++) {
        uint32_t capacity = capacity_after(s, spec->claims[c]->name);
        if (spec->claims[c]->amount > capacity) {
            return refuse(s->request, BATON__CODE__CODE_UNSATISFIABLE,
                          arena_printf(s->request->arena, "%s.claims[%zu]", place(s, i), c),
                          "%s claims %u of %s, which has %u: claim less, or raise its capacity",
                          spec->id, spec->claims[c]->amount, spec->claims[c]->name, capacity);
        }
    }
    return BATON__CODE__CODE_OK;
}

Baton__Code
resources_check(struct core *core, struct core_request *request, Baton__Resource *const *resources,
                size_t n)
{
    if (n > RESOURCES_MAX || HASH_CNT(by_name, core->resources_by_name) + n > RESOURCES_MAX) {
        return refuse(request, BATON__CODE__CODE_FULL, "resources", "more than 100,000 resources");
    }
    for (size_t i = 0; i < n; i++) {
        const char *field = arena_printf(request->arena, "resources[%zu]", i);
        char name[RESOURCE_NAME_ROOM];
        const char *wrong = resource_name_read(resources[i]->name, name);
        if (!wrong && path_name_is(name)) {
            wrong = "a path has no capacity: it is held whole, or shared";
        }
        if (wrong) {
            return refuse(request, BATON__CODE__CODE_INVALID, field, "%s: %s", field, wrong);
        }
        if (resources[i]->capacity > CAPACITY_MAX) {
            return refuse(request, BATON__CODE__CODE_INVALID, field,
                          "%s: a capacity is at most 1,000,000", field);
        }
    }
    return BATON__CODE__CODE_OK;
}

void
resources_emit(struct core *core, struct core_request *request, Baton__Resource *const *resources,
               size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct resource *resource = resource_find(core, resources[i]->name);
        bool same = resource ? resource->capacity ==
                                       (resources[i]->capacity ? resources[i]->capacity : 1) &&
                                   resource->set == (resources[i]->capacity != 0)
                             : resources[i]->capacity == 0;
        if (same) {
            continue;
        }
        Baton__ResourceSet set = BATON__RESOURCE_SET__INIT;
        set.name = resources[i]->name;
        set.capacity = resources[i]->capacity;
        Baton__Fact fact = BATON__FACT__INIT;
        fact.what_case = BATON__FACT__WHAT_RESOURCE_SET;
        fact.resource_set = &set;
        emit(core, request, &fact);
    }
}

/* ---- what exists already ---- */

struct task *
unique_holder_of(const struct core *core, uint32_t project, const char *unique_key)
{
    if (!unique_key[0] || !project) {
        return NULL;
    }
    char full[KEY_BYTES_MAX + 16];
    snprintf(full, sizeof full, "%u %s", project, unique_key);
    struct task_ext *ext;
    HASH_FIND(by_unique, core->unique, full, strlen(full), ext);
    return ext ? task_at(core, ext->unique_slot) : NULL;
}

struct task *
unique_holder(const struct core *core, struct core_request *request, const Baton__Spec *spec)
{
    uint32_t project = project_find(core, spec->project);
    struct task *task = unique_holder_of(core, project, spec->unique_key);
    if (task && !task_is_live(task)) {
        int64_t window = task_unpack(core, task, request->arena)->unique_window_ms;
        if (!window || request->now >= task->created_at + window) {
            return NULL;
        }
    }
    return task;
}

static Baton__Code
plan_unique(struct submission *s, size_t i, struct task *holder)
{
    const Baton__Spec *spec = s->submit->tasks[i];
    struct plan *plan = &s->plans[i];
    switch (spec->on_conflict) {
    case BATON__ON_CONFLICT__ON_CONFLICT_RAISE:
        plan->raise = task_is_live(holder) && (int)spec->priority < holder->priority;
        /* fall through */
    case BATON__ON_CONFLICT__ON_CONFLICT_EXISTING:
    case BATON__ON_CONFLICT__ON_CONFLICT_ATTACH:
        plan->kind = PLAN_EXISTING;
        plan->task = holder;
        return BATON__CODE__CODE_OK;
    case BATON__ON_CONFLICT__ON_CONFLICT_REPLACE:
        if (holder->state == WAITING || holder->state == READY) {
            plan->replaced = holder;
            return BATON__CODE__CODE_OK;
        }
        /* fall through */
    case BATON__ON_CONFLICT__ON_CONFLICT_REJECT:
    case _BATON__ON_CONFLICT_IS_INT_SIZE:
    default:
        return refuse_at(
            s, i, BATON__CODE__CODE_CONFLICT, "unique_key",
            arena_printf(s->request->arena, "its unique key belongs to %s", holder->id));
    }
}

static Baton__Code
plan_update(struct submission *s, size_t i)
{
    struct plan *plan = &s->plans[i];
    const struct task *task = plan->task;
    const char *fields = "";
    for (unsigned f = 0; f < 64; f++) {
        if (plan->diff & UINT64_C(1) << f) {
            fields = arena_printf(s->request->arena, "%s%s%s", fields, fields[0] ? ", " : "",
                                  spec_field_name(f));
        }
    }
    if (!s->submit->update) {
        return refuse_at(
            s, i, BATON__CODE__CODE_CONFLICT, "id",
            arena_printf(s->request->arena,
                         "exists with other content (%s): update it, or use another id", fields));
    }
    if (state_is_terminal(task->state)) {
        return refuse_at(s, i, BATON__CODE__CODE_CONFLICT, "id",
                         arena_printf(s->request->arena,
                                      "is %s already and can't be changed (%s): use another id",
                                      state_name(task->state), fields));
    }
    bool busy = task->state != WAITING && task->state != READY;
    if (busy && plan->diff & ~spec_soft_fields()) {
        return refuse_at(s, i, BATON__CODE__CODE_CONFLICT, "id",
                         arena_printf(s->request->arena,
                                      "is %s: %s can't be changed now; try again when it has ended",
                                      state_name(task->state), fields));
    }
    const struct task *holder = unique_holder(s->core, s->request, s->submit->tasks[i]);
    if (holder && holder != task) {
        return refuse_at(
            s, i, BATON__CODE__CODE_CONFLICT, "unique_key",
            arena_printf(s->request->arena, "%s has this unique key: use another one", holder->id));
    }
    return BATON__CODE__CODE_OK;
}

static Baton__Code
plan_task(struct submission *s, size_t i)
{
    Baton__Spec *spec = s->submit->tasks[i];
    struct plan *plan = &s->plans[i];
    struct task *task = task_find(s->core, project_find(s->core, spec->project), spec->id);
    if (task && task->state != UNKNOWN) {
        Baton__Spec *old = task_unpack(s->core, task, s->request->arena);
        plan->task = task;
        plan->diff = spec_diff(old, spec, s->request->arena);
        plan->kind = plan->diff ? PLAN_UPDATE : PLAN_UNCHANGED;
        return plan->diff ? plan_update(s, i) : BATON__CODE__CODE_OK;
    }
    if (tombstone_find(s->core, spec->project, spec->id)) {
        plan->kind =
            PLAN_UNCHANGED; /* ended long ago; its content is in the archive and not compared */
        return BATON__CODE__CODE_OK;
    }
    plan->kind = PLAN_ADD;
    plan->task = task; /* a placeholder, or NULL */
    struct task *holder = unique_holder(s->core, s->request, spec);
    return holder ? plan_unique(s, i, holder) : BATON__CODE__CODE_OK;
}

/* ---- the graph ---- */

static Baton__Code
check_graph(const struct submission *s)
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
static Baton__Code
list_forward_refs(struct submission *s)
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
                in_submission(s, project, id) || tombstone_find(s->core, project, id)) {
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

static Baton__Code
check_parent(struct submission *s)
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
            return refuse_at(s, i, BATON__CODE__CODE_DENIED, "project",
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
                return refuse_at(
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

/* ---- projects that are closed ---- */

static int
compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A closed project takes nothing new from outside; what runs in it may still split itself up. */
static Baton__Code
check_open(const struct submission *s)
{
    for (size_t i = 0; i < s->n && !s->parent; i++) {
        uint32_t number = s->plans[i].kind == PLAN_ADD
                              ? project_find(s->core, s->submit->tasks[i]->project)
                              : 0;
        const struct project *project = number ? s->core->projects[number] : NULL;
        if (project && project->closing) {
            return refuse_at(
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
static Baton__Code
check_closings(const struct submission *s)
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

static void
emit_closings(const struct submission *s)
{
    for (size_t i = 0; i < s->submit->n_close; i++) {
        const char *name = s->submit->close[i];
        uint32_t number = project_find(s->core, name);
        CHECK(number);
        if (!s->core->projects[number]->closing) {
            emit_project_set(s->core, s->request, name, true, "");
        }
    }
}

/* ---- deciding ---- */

/* What is wrong with one; `prefix` says where it stands. */
static Baton__Code
check_one(const struct submission *s, size_t i, const char *prefix)
{
    Baton__Spec *spec = s->submit->tasks[i];
    Baton__Code code = spec_check(s->request, spec, prefix);
    return code ? code : spec_pack_checked(s->request, spec, prefix, &s->plans[i].packed);
}

/* Those whose dependencies are others than they said are packed anew. */
static Baton__Code
attach(struct submission *s)
{
    bool *changed = NULL;
    Baton__Code code = attach_rewrite(s->core, s->request, s->submit, &changed);
    for (size_t i = 0; i < s->n && changed && code == BATON__CODE__CODE_OK; i++) {
        if (changed[i]) {
            code = spec_pack_checked(s->request, s->submit->tasks[i], place(s, i),
                                     &s->plans[i].packed);
        }
    }
    return code;
}

static Baton__Code
check_each(struct submission *s)
{
    for (size_t i = 0; i < s->n; i++) {
        Baton__Code code = check_one(s, i, "");
        if (code != BATON__CODE__CODE_OK) {
            /* Where it stands is named only for one that is wrong. */
            return s->n == 1 ? code : check_one(s, i, place(s, i));
        }
    }
    make_ids(s);
    Baton__Code code = check_twice(s);
    code = code ? code : attach(s);
    for (size_t i = 0; i < s->n && code == BATON__CODE__CODE_OK; i++) {
        code = check_fits(s, i);
        if (code == BATON__CODE__CODE_OK) {
            code = plan_task(s, i);
        }
    }
    return code;
}

static int
compare_unique(const void *a, const void *b)
{
    const Baton__Spec *x = *(Baton__Spec *const *)a;
    const Baton__Spec *y = *(Baton__Spec *const *)b;
    int by = strcmp(x->unique_key, y->unique_key);
    return by ? by : strcmp(x->project, y->project);
}

static Baton__Code
check_unique_twice(const struct submission *s)
{
    Baton__Spec **sorted = arena_alloc(s->request->arena, s->n * sizeof(Baton__Spec *));
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (s->submit->tasks[i]->unique_key[0] && s->plans[i].kind == PLAN_ADD) {
            sorted[n++] = s->submit->tasks[i];
        }
    }
    if (n > 1) {
        qsort(sorted, n, sizeof(Baton__Spec *), compare_unique);
    }
    for (size_t i = 1; i < n; i++) {
        if (compare_unique(&sorted[i - 1], &sorted[i]) == 0) {
            return refuse(s->request, BATON__CODE__CODE_CONFLICT, "tasks",
                          "%s and %s have the same unique key", sorted[i - 1]->id, sorted[i]->id);
        }
    }
    return BATON__CODE__CODE_OK;
}

/* Projects that the submission would make, of its tasks and of what they depend on. */
static Baton__Code
check_projects(const struct submission *s)
{
    size_t room = s->n + s->submit->n_cards;
    for (size_t i = 0; i < s->n; i++) {
        room += s->submit->tasks[i]->n_after;
    }
    char **names = arena_alloc(s->request->arena, room * sizeof(char *));
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        const Baton__Spec *spec = s->submit->tasks[i];
        if (!project_find(s->core, spec->project)) {
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

static Baton__Code
decide(struct submission *s)
{
    struct core *core = s->core;
    const char *why;
    if (s->n > SUBMIT_TASKS_MAX) {
        return refuse(s->request, BATON__CODE__CODE_TOO_LARGE, "tasks",
                      "more than 200,000 tasks: submit them in parts");
    }
    if (!core_is_accepting(core, &why)) {
        return refuse(s->request, BATON__CODE__CODE_PAUSED, "", "the broker takes no new work: %s",
                      why);
    }
    if (core->n_tasks + s->n > core->config.tasks_max) {
        return refuse(s->request, BATON__CODE__CODE_FULL, "tasks",
                      "the queue is full (%u tasks): wait until some have ended", core->n_tasks);
    }
    Baton__Code code = resources_check(core, s->request, s->submit->resources,
                                       s->submit->n_resources);
    code = code ? code : check_each(s);
    code = code ? code : check_unique_twice(s);
    code = code ? code : check_projects(s);
    code = code ? code : check_parent(s);
    code = code ? code : check_open(s);
    code = code ? code : check_closings(s);
    code = code ? code : carried_check(core, s->request, s->submit, s->ret);
    code = code ? code : list_forward_refs(s);
    return code ? code : check_graph(s);
}

/* ---- answering, emitting ---- */

static void
add_difference(struct submission *s, size_t i, Baton__Difference__Kind kind)
{
    struct arena *arena = s->request->arena;
    const struct plan *plan = &s->plans[i];
    Baton__Difference *difference = arena_alloc(arena, sizeof *difference);
    baton__difference__init(difference);
    difference->kind = kind;
    difference->index = (uint32_t)i;
    const Baton__Spec *spec = s->submit->tasks[i];
    Baton__Ref *ref = arena_alloc(arena, sizeof *ref);
    baton__ref__init(ref);
    ref->project = spec->project;
    ref->id = plan->kind == PLAN_EXISTING ? arena_strdup(arena, plan->task->id) : spec->id;
    difference->task = ref;
    difference->fields = arena_calloc(arena, 64, sizeof(char *));
    for (unsigned f = 0; f < 64 && kind == BATON__DIFFERENCE__KIND__UPDATED; f++) {
        if (plan->diff & UINT64_C(1) << f) {
            difference->fields[difference->n_fields++] = (char *)(uintptr_t)spec_field_name(f);
        }
    }
    s->ret->differences[s->ret->n_differences++] = difference;
}

static void
answer(struct submission *s)
{
    static const Baton__Difference__Kind kinds[] = {
        [PLAN_ADD] = BATON__DIFFERENCE__KIND__CREATED,
        [PLAN_UPDATE] = BATON__DIFFERENCE__KIND__UPDATED,
        [PLAN_UNCHANGED] = BATON__DIFFERENCE__KIND__UNCHANGED,
        [PLAN_EXISTING] = BATON__DIFFERENCE__KIND__EXISTING,
    };
    s->ret->differences = arena_calloc(s->request->arena, s->n, sizeof *s->ret->differences);
    for (size_t i = 0; i < s->n; i++) {
        const struct plan *plan = &s->plans[i];
        s->ret->created += plan->kind == PLAN_ADD;
        s->ret->updated += plan->kind == PLAN_UPDATE;
        s->ret->unchanged += plan->kind == PLAN_UNCHANGED || plan->kind == PLAN_EXISTING;
        bool tell = s->submit->dry_run || plan->kind == PLAN_UPDATE ||
                    plan->kind == PLAN_EXISTING || plan->made_id;
        if (tell) {
            add_difference(s, i, kinds[plan->kind]);
        }
    }
}

static void
emit_respecified(const struct submission *s, uint64_t key, ProtobufCBinaryData spec)
{
    Baton__Respecified change = BATON__RESPECIFIED__INIT;
    change.key = key;
    change.spec = spec;
    Baton__Fact fact = BATON__FACT__INIT;
    fact.what_case = BATON__FACT__WHAT_RESPECIFIED;
    fact.respecified = &change;
    emit(s->core, s->request, &fact);
}

static void
emit_task(struct submission *s, size_t i)
{
    const struct plan *plan = &s->plans[i];
    const Baton__Spec *spec = s->submit->tasks[i];
    if (plan->kind == PLAN_UPDATE) {
        emit_respecified(s, plan->task->key, plan->packed);
    } else if (plan->kind == PLAN_EXISTING && plan->raise) {
        Baton__Spec *raised = task_unpack(s->core, plan->task, s->request->arena);
        raised->priority = spec->priority;
        emit_respecified(s, plan->task->key, spec_pack(raised, s->request->arena));
    } else if (plan->kind == PLAN_ADD) {
        if (plan->replaced &&
            (plan->replaced->state == WAITING || plan->replaced->state == READY)) {
            Baton__Ended ended = BATON__ENDED__INIT;
            ended.key = plan->replaced->key;
            ended.to = (Baton__TaskState)CANCELLED;
            ended.reason = BATON__REASON__REASON_OPERATOR;
            ended.text = arena_printf(s->request->arena, "replaced by %s", spec->id);
            Baton__Fact fact = BATON__FACT__INIT;
            fact.what_case = BATON__FACT__WHAT_ENDED;
            fact.ended = &ended;
            emit(s->core, s->request, &fact);
        }
        Baton__Added added = BATON__ADDED__INIT;
        added.spec = plan->packed;
        if (s->parent) {
            added.parent = s->parent->key;
            added.depth = (s->parent->ext ? s->parent->ext->depth : 0) + 1;
        }
        Baton__Fact fact = BATON__FACT__INIT;
        fact.what_case = BATON__FACT__WHAT_ADDED;
        fact.added = &added;
        s->core->adding = spec;
        emit(s->core, s->request, &fact);
        s->core->adding = NULL;
    }
}

Baton__Code
core_submit(struct core *core, struct core_request *request, const Baton__Submit *submit,
            Baton__Submitted *ret)
{
    baton__submitted__init(ret);
    struct submission s = {
        .core = core, .request = request, .submit = submit, .ret = ret, .n = submit->n_tasks};
    if (s.n <= SUBMIT_TASKS_MAX) {
        s.plans = arena_calloc(request->arena, s.n, sizeof *s.plans);
    }
    Baton__Code code = decide(&s);
    slotset_fini(&s.names);
    if (code != BATON__CODE__CODE_OK) {
        return code;
    }
    answer(&s);
    if (!submit->dry_run) {
        resources_emit(core, request, submit->resources, submit->n_resources);
        for (size_t i = 0; i < s.n; i++) {
            emit_task(&s, i);
        }
        carried_emit(core, request, submit);
        emit_closings(&s);
    }
    ret->event = core->event;
    return BATON__CODE__CODE_OK;
}
