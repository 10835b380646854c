/* Tasks being built. */
#include "common/alloc.h"
#include "common/limits.h"
#include "common/text.h"
#include "common/words.h"
#include "ctl/plan/index.h"
#include "ctl/plan/inner.h"

#include <string.h>

const char *
source_project(const struct plan *plan, const struct source *source)
{
    const char *project = source->project ? source->project : plan->options.project;
    return project ? project : "default";
}

ptrdiff_t
draft_find(const struct plan *plan, const char *project, const char *id)
{
    return index_find(plan->index, project, id);
}

static const char *
explain_bad_id(struct plan *plan, const char *id)
{
    if (!*id) {
        return "the id is empty; give the task one";
    }
    if (strlen(id) > ID_BYTES_MAX) {
        return arena_printf(&plan->arena, "the id %s is longer than %d bytes; shorten it",
                            quote(plan, id), ID_BYTES_MAX);
    }
    return arena_printf(&plan->arena,
                        "%s can't be an id; use letters, digits and . _ : @ / + ~ -, not beginning "
                        "with - . or /, without .. or //",
                        quote(plan, id));
}

struct draft *
draft_new(struct plan *plan, struct place at, const char *project, const char *id)
{
    if (!name_is_valid(id, ID_BYTES_MAX)) {
        plan_fail(plan, at, "%s", explain_bad_id(plan, id));
        return NULL;
    }
    ptrdiff_t other = index_find(plan->index, project, id);
    if (other >= 0) {
        struct place there = plan->drafts[other].at;
        plan_fail(plan, at, "%s stands at %s:%u already; ids are unique in a project",
                  quote(plan, id), there.file, there.line);
        return NULL;
    }
    if (plan->n_drafts == SUBMIT_TASKS_MAX) {
        plan_fail(plan, at, "more than %d tasks in one plan; apply it in parts", SUBMIT_TASKS_MAX);
        return NULL;
    }
    if (plan->n_drafts == plan->room_drafts) {
        plan->room_drafts = plan->room_drafts ? plan->room_drafts * 2 : 64;
        plan->drafts = xreallocarray(plan->drafts, plan->room_drafts, sizeof *plan->drafts);
    }
    baton_spec *spec = baton_spec_new();
    CHECK(spec);
    spec->id = arena_strdup(&plan->arena, id);
    spec->project = project;
    size_t n = index_add(plan->index, project, spec->id);
    CHECK(n == plan->n_drafts);
    struct draft *draft = &plan->drafts[plan->n_drafts++];
    *draft = (struct draft){.spec = spec, .at = at};
    return draft;
}

void
draft_after(struct plan *plan, struct draft *draft, unsigned line, struct baton_edge edge)
{
    if (draft->n_after == EDGES_MAX) {
        plan_fail(plan, (struct place){draft->at.file, line},
                  "%s depends on more than %d tasks; put a milestone between",
                  quote(plan, draft->spec->id), EDGES_MAX);
    }
    if (draft->n_after >= EDGES_MAX) {
        draft->n_after = EDGES_MAX + 1; /* said once */
        return;
    }
    if (draft->n_after == draft->room_after) {
        size_t room = draft->room_after ? draft->room_after * 2 : 4;
        struct baton_edge *after = arena_alloc(&plan->arena, room * sizeof *after);
        unsigned *lines = arena_alloc(&plan->arena, room * sizeof *lines);
        if (draft->n_after) {
            memcpy(after, draft->after, draft->n_after * sizeof *after);
            memcpy(lines, draft->after_lines, draft->n_after * sizeof *lines);
        }
        draft->after = after;
        draft->after_lines = lines;
        draft->room_after = room;
    }
    draft->after_lines[draft->n_after] = line;
    draft->after[draft->n_after++] = edge;
}

void
draft_role(struct plan *plan, struct draft *draft)
{
    if (draft->spec->role || draft->spec->milestone) {
        return;
    }
    draft->spec->role = role_by_policy(plan, draft->spec->id);
    if (!draft->spec->role) {
        plan_fail(plan, draft->at,
                  "%s has no role; write one (agent: or role:), or give --role ROLE, --role spread "
                  "or --role-map FILE",
                  quote(plan, draft->spec->id));
    }
}

static size_t
texts_bytes(const char *const *texts, size_t n)
{
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++) {
        bytes += strlen(texts[i]) + 4;
    }
    return bytes;
}

void
draft_check(struct plan *plan, struct draft *draft)
{
    const baton_spec *spec = draft->spec;
    bool works = spec->n_command || spec->prompt || spec->n_check || spec->payload_bytes;
    if (spec->milestone && works) {
        plan_fail(plan, draft->at,
                  "%s is a milestone, which does no work; remove its command, "
                  "prompt, check and payload, or make it a task",
                  quote(plan, spec->id));
    }
    if (spec->milestone && spec->role) {
        plan_fail(plan, draft->at, "%s is a milestone, which no role works on; remove its role",
                  quote(plan, spec->id));
    }
    size_t bytes = texts_bytes(spec->command, spec->n_command) +
                   texts_bytes(spec->check, spec->n_check) + texts_bytes(spec->env, spec->n_env) +
                   (spec->prompt ? strlen(spec->prompt) : 0) + spec->payload_bytes;
    if (bytes > SPEC_BYTES_MAX) {
        plan_fail(plan, draft->at, "%s is larger than %d KiB in all; put large texts into files",
                  quote(plan, spec->id), SPEC_BYTES_MAX >> 10);
    }
}
