/* Submitting tasks: the names in a submission, those given and those made up. */
#include "broker/core/submission.h"

#include <stdlib.h>
#include <string.h>

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

static bool
has_hashed(const struct submission *s, uint64_t hash, const char *project, const char *id)
{
    struct name_probe probe = {.s = s, .project = project, .id = id};
    return slotset_find(&s->names, hash, is_named, &probe) != 0;
}

bool
submission_has(const struct submission *s, const char *project, const char *id)
{
    return has_hashed(s, identity_of(s->core, project, id).lo, project, id);
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
void
submission_make_ids(const struct submission *s)
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
        s->plans[i].packed = spec_pack(s->core, spec, s->request->arena);
    }
}

void
submission_hash_names(const struct submission *s)
{
    const struct core *core = s->core;
    for (size_t i = 0; i < s->n; i++) {
        const Baton__Spec *spec = s->submit->tasks[i];
        struct plan *plan = &s->plans[i];
        plan->project = project_find(core, spec->project);
        plan->identity = identity_of(core, spec->project, spec->id);
    }
}

Baton__Code
submission_check_twice(struct submission *s)
{
    slotset_reserve(&s->names, s->n);
    for (size_t i = 0; i < s->n; i++) {
        const Baton__Spec *spec = s->submit->tasks[i];
        uint64_t hash = s->plans[i].identity.lo;
        if (has_hashed(s, hash, spec->project, spec->id)) {
            return refuse(s->request, BATON__CODE__CODE_CONFLICT, "tasks",
                          "%s is there twice in the submission: give one of them another id",
                          spec->id);
        }
        slotset_add(&s->names, (uint32_t)i + 1, hash);
    }
    return BATON__CODE__CODE_OK;
}

static int
compare_unique(const void *a, const void *b)
{
    const Baton__Spec *x = *(Baton__Spec *const *)a;
    const Baton__Spec *y = *(Baton__Spec *const *)b;
    int by = strcmp(x->unique_key, y->unique_key);
    return by ? by : strcmp(x->project, y->project);
}

Baton__Code
submission_check_unique(const struct submission *s)
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
