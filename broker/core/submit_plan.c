/* Submitting tasks: what is to become of each, given what exists already. */
#include "broker/core/submission.h"

#include <stdio.h>
#include <string.h>

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
    if (!spec->unique_key[0]) {
        return NULL;
    }
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
        return submission_refuse(
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
        return submission_refuse(
            s, i, BATON__CODE__CODE_CONFLICT, "id",
            arena_printf(s->request->arena,
                         "exists with other content (%s): update it, or use another id", fields));
    }
    if (state_is_terminal(task->state)) {
        return submission_refuse(
            s, i, BATON__CODE__CODE_CONFLICT, "id",
            arena_printf(s->request->arena,
                         "is %s already and can't be changed (%s): use another id",
                         state_name(task->state), fields));
    }
    bool busy = task->state != WAITING && task->state != READY;
    if (busy && plan->diff & ~spec_soft_fields()) {
        return submission_refuse(
            s, i, BATON__CODE__CODE_CONFLICT, "id",
            arena_printf(s->request->arena,
                         "is %s: %s can't be changed now; try again when it has ended",
                         state_name(task->state), fields));
    }
    const struct task *holder = unique_holder(s->core, s->request, s->submit->tasks[i]);
    if (holder && holder != task) {
        return submission_refuse(
            s, i, BATON__CODE__CODE_CONFLICT, "unique_key",
            arena_printf(s->request->arena, "%s has this unique key: use another one", holder->id));
    }
    return BATON__CODE__CODE_OK;
}

Baton__Code
submission_plan(struct submission *s, size_t i)
{
    Baton__Spec *spec = s->submit->tasks[i];
    struct plan *plan = &s->plans[i];
    struct task *task = plan->project
                            ? task_find_hashed(s->core, plan->identity.lo, plan->project, spec->id)
                            : NULL;
    if (task && task->state != UNKNOWN) {
        Baton__Spec *old = task_unpack(s->core, task, s->request->arena);
        plan->task = task;
        plan->diff = spec_diff(old, spec, s->request->arena);
        plan->kind = plan->diff ? PLAN_UPDATE : PLAN_UNCHANGED;
        return plan->diff ? plan_update(s, i) : BATON__CODE__CODE_OK;
    }
    if (tombstone_find_hashed(s->core, plan->identity)) {
        plan->kind =
            PLAN_UNCHANGED; /* ended long ago; its content is in the archive and not compared */
        return BATON__CODE__CODE_OK;
    }
    plan->kind = PLAN_ADD;
    plan->task = task; /* a placeholder, or NULL */
    struct task *holder = unique_holder(s->core, s->request, spec);
    return holder ? plan_unique(s, i, holder) : BATON__CODE__CODE_OK;
}
