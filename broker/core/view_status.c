/* How it stands: roles, projects, pauses, and the numbers of the core. Changes nothing. */
#include "broker/core/state.h"

enum { EARLY = 64 }; /* of a queue's ready tasks: the oldest is among them */

static Baton__RoleStatus *
role_status(const struct core *core, struct core_request *request, uint32_t r)
{
    Baton__RoleStatus *status = arena_alloc(request->arena, sizeof *status);
    baton__role_status__init(status);
    status->role = view_text(role_names[r]);
    status->workers = core->roles[r].workers;
    status->slots = core->roles[r].slots;
    status->credit = core->roles[r].credit;
    status->paused = core->roles[r].paused;
    for (uint32_t p = 1; p < core->n_projects; p++) {
        const struct counts *counts = &core->projects[p]->counts[r];
        status->waiting += counts->by_state[WAITING] + counts->by_state[PARKED] +
                           counts->by_state[REVIEW];
        status->ready += counts->by_state[READY];
        status->running += counts->by_state[LEASED] + counts->by_state[RUNNING] +
                           counts->by_state[CANCELLING];
        status->done += counts->by_state[DONE] + counts->gone_done;
        status->failed += counts->by_state[FAILED] + counts->by_state[EXPIRED] +
                          counts->by_state[ABORTED] + counts->gone_failed;
        status->cancelled += counts->by_state[CANCELLED] + counts->gone_cancelled;
        const struct heap *heap = &core->projects[p]->queues[r].heap;
        uint32_t cursor = 0;
        for (uint32_t i = 0, slot; i < EARLY && (slot = heap_walk(heap, &cursor)); i++) {
            int64_t at = task_at(core, slot)->ready_at;
            if (!status->oldest_ready_at || at < status->oldest_ready_at) {
                status->oldest_ready_at = at;
            }
        }
    }
    return status;
}

Baton__ProjectStatus *
view_project(struct core_request *request, const struct project *project)
{
    Baton__ProjectStatus *status = arena_alloc(request->arena, sizeof *status);
    baton__project_status__init(status);
    status->project = project->name;
    status->paused = project->paused;
    status->complete = project_is_complete(project);
    if (project->closing) {
        status->closed = true;
        status->closed_by = project->closing->actor;
        status->closed_at = project->closing->since;
        status->closed_reason = project->closing->text;
    }
    for (int r = 0; r < ROLE_SLOTS; r++) {
        const struct counts *counts = &project->counts[r];
        for (unsigned s = WAITING; s < DONE; s++) {
            status->open += counts->by_state[s];
        }
        status->done += counts->by_state[DONE] + counts->gone_done;
        for (unsigned s = FAILED; s < STATES_N; s++) {
            status->failed += counts->by_state[s];
        }
        status->failed += counts->gone_failed + counts->gone_cancelled;
    }
    return status;
}

void
core_status(const struct core *core, struct core_request *request, Baton__StatusReply *ret)
{
    struct arena *arena = request->arena;
    baton__status_reply__init(ret);
    ret->epoch = core->epoch;
    ret->now = request->now;
    ret->n_tasks = core->n_tasks;
    ret->n_archived = core->n_tombstones;
    ret->event = core->event;
    ret->journal_seq = core->seq;
    ret->memory_bytes = core_memory(core);
    const char *why;
    ret->accepting = core_is_accepting(core, &why);
    ret->not_accepting_because = view_text(ret->accepting ? "" : why);
    ret->roles = arena_alloc(arena, ROLES_N * sizeof *ret->roles);
    for (uint32_t r = 0; r < ROLES_N; r++) {
        ret->roles[ret->n_roles++] = role_status(core, request, r);
    }
    size_t n_projects = MIN(core->n_projects, (uint32_t)NAMED_MAX);
    ret->projects = arena_alloc(arena, n_projects * sizeof *ret->projects);
    for (uint32_t p = 1; p < n_projects; p++) {
        ret->projects[ret->n_projects++] = view_project(request, core->projects[p]);
    }
    size_t n_pauses = 0;
    for (const struct pause *pause = core->pauses; pause && n_pauses < NAMED_MAX;
         pause = pause->next) {
        n_pauses++;
    }
    ret->pauses = arena_alloc(arena, n_pauses * sizeof *ret->pauses);
    for (const struct pause *pause = core->pauses; ret->n_pauses < n_pauses; pause = pause->next) {
        Baton__PauseView *view = arena_alloc(arena, sizeof *view);
        baton__pause_view__init(view);
        view->scope = (Baton__Pause__Scope)pause->scope;
        view->name = pause->name;
        view->reason = pause->text;
        view->actor = pause->actor;
        view->since = pause->since;
        view->until = pause->until;
        view->refuse = pause->refuse;
        ret->pauses[ret->n_pauses++] = view;
    }
}

void
core_worker_tasks(const struct core *core, struct core_request *request, uint32_t worker,
                  Baton__Ref ***ret_refs, size_t *ret_n)
{
    const struct worker *w = core->workers[worker];
    size_t room = MIN(w->n_leases, (uint32_t)NAMED_MAX);
    *ret_refs = arena_alloc(request->arena, room * sizeof(Baton__Ref *));
    *ret_n = 0;
    for (uint32_t slot = w->first; slot && *ret_n < room;
         slot = task_at(core, slot)->course->run->next) {
        (*ret_refs)[(*ret_n)++] = ref_make(request->arena, core, task_at(core, slot));
    }
}

uint64_t
core_seq(const struct core *core)
{
    return core->seq;
}

uint64_t
core_event(const struct core *core)
{
    return core->event;
}

int64_t
core_now(const struct core *core)
{
    return core->now;
}

uint64_t
core_epoch(const struct core *core)
{
    return core->epoch;
}

uint64_t
core_n_tasks(const struct core *core)
{
    return core->n_tasks;
}

uint64_t
core_n_archived(const struct core *core)
{
    return core->n_tombstones;
}

size_t
core_memory(const struct core *core)
{
    return core->bytes + core->n_slots * sizeof(struct task) +
           core->names.room * sizeof *core->names.entries +
           core->by_key.room * sizeof *core->by_key.blocks +
           core->by_token.room * sizeof *core->by_token.blocks +
           core->n_tombstones * sizeof **core->tombstones;
}
