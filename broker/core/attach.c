/* on_conflict attach: a task of the submission is not added because another has its unique key, and
 * whoever in the submission waits for it waits for the other. Nothing of it outlives the request:
 * the dependencies are rewritten before anything is decided, so they are compared, checked and kept
 * as those on the other task. */
#include "broker/core/state.h"

#include <stdlib.h>
#include <string.h>

/* An id of the submission, and who stands for it. */
struct alias {
    const char *project;
    const char *id;
    const struct task *holder;
};

struct aliases {
    struct alias *all;
    size_t n;
};

static int
compare_aliases(const void *a, const void *b)
{
    const struct alias *x = a;
    const struct alias *y = b;
    int by = strcmp(x->id, y->id);
    return by ? by : strcmp(x->project, y->project);
}

/* The holder of the key when the task is to be attached to it; NULL: it is there itself, or is
 * added. */
static const struct task *
holder_for(const struct core *core, struct core_request *request, const Baton__Spec *spec)
{
    if (spec->on_conflict != BATON__ON_CONFLICT__ON_CONFLICT_ATTACH || !spec->unique_key[0]) {
        return NULL;
    }
    const struct task *own = task_find(core, project_find(core, spec->project), spec->id);
    if ((own && own->state != UNKNOWN) || tombstone_find(core, spec->project, spec->id)) {
        return NULL;
    }
    return unique_holder(core, request, spec);
}

static const struct alias *
alias_find(const struct aliases *aliases, const char *project, const char *id)
{
    struct alias key = {.project = project, .id = id};
    return aliases->n ? bsearch(&key, aliases->all, aliases->n, sizeof key, compare_aliases) : NULL;
}

/* A dependency and where it stood, so that of two alike the first one stays. */
struct placed {
    const Baton__Edge *edge;
    size_t at;
};

static int
compare_placed(const void *a, const void *b)
{
    const struct placed *x = a;
    const struct placed *y = b;
    int by = spec_compare_edges(&x->edge, &y->edge);
    return by ? by : (x->at > y->at) - (x->at < y->at);
}

/* The task may have waited for both: once is enough, unless they say different things. */
static Baton__Code
merge_edges(struct core_request *request, Baton__Spec *spec, size_t i)
{
    struct placed *sorted = arena_alloc(request->arena, spec->n_after * sizeof *sorted);
    for (size_t e = 0; e < spec->n_after; e++) {
        sorted[e] = (struct placed){.edge = spec->after[e], .at = e};
    }
    qsort(sorted, spec->n_after, sizeof *sorted, compare_placed);
    for (size_t e = 1; e < spec->n_after; e++) {
        const struct placed *one = &sorted[e - 1];
        if (spec_compare_edges(&one->edge, &sorted[e].edge) != 0) {
            continue;
        }
        if (one->edge->policy != sorted[e].edge->policy) {
            return refuse(request, BATON__CODE__CODE_INVALID,
                          arena_printf(request->arena, "tasks[%zu].after[%zu]", i, sorted[e].at),
                          "%s depends on %s twice (another id is attached to it), with different "
                          "policies: say it once",
                          spec->id, one->edge->id);
        }
        spec->after[sorted[e].at] = NULL;
    }
    size_t n = 0;
    for (size_t e = 0; e < spec->n_after; e++) {
        if (spec->after[e]) {
            spec->after[n++] = spec->after[e];
        }
    }
    spec->n_after = n;
    return BATON__CODE__CODE_OK;
}

static Baton__Code
rewrite(struct core_request *request, Baton__Spec *spec, size_t i, const struct aliases *aliases,
        bool *ret_changed)
{
    if (alias_find(aliases, spec->project, spec->id)) {
        return BATON__CODE__CODE_OK; /* is not added, so what it waits for does not count */
    }
    for (size_t e = 0; e < spec->n_after; e++) {
        Baton__Edge *edge = spec->after[e];
        const char *project = edge->project[0] ? edge->project : spec->project;
        const struct alias *alias = alias_find(aliases, project, edge->id);
        if (alias) {
            edge->id = arena_strdup(request->arena, alias->holder->id);
            *ret_changed = true;
        }
    }
    return *ret_changed ? merge_edges(request, spec, i) : BATON__CODE__CODE_OK;
}

Baton__Code
attach_rewrite(struct core *core, struct core_request *request, const Baton__Submit *submit,
               bool **ret_changed)
{
    struct aliases aliases = {0};
    for (size_t i = 0; i < submit->n_tasks; i++) {
        const Baton__Spec *spec = submit->tasks[i];
        const struct task *holder = holder_for(core, request, spec);
        if (holder) {
            aliases.all = aliases.all
                              ? aliases.all
                              : arena_alloc(request->arena, submit->n_tasks * sizeof *aliases.all);
            aliases.all[aliases.n++] = (struct alias){spec->project, spec->id, holder};
        }
    }
    if (aliases.n == 0) {
        return BATON__CODE__CODE_OK;
    }
    qsort(aliases.all, aliases.n, sizeof *aliases.all, compare_aliases);
    bool *changed = arena_calloc(request->arena, submit->n_tasks, sizeof *changed);
    Baton__Code code = BATON__CODE__CODE_OK;
    for (size_t i = 0; i < submit->n_tasks && code == BATON__CODE__CODE_OK; i++) {
        code = rewrite(request, submit->tasks[i], i, &aliases, &changed[i]);
    }
    *ret_changed = changed;
    return code;
}
