/* Work: leases are given, reported on, and end. */
#include "broker/core/state.h"

#include "common/text.h"
#include "common/unpack.h"

#include <string.h>

/* ---- workers ---- */

uint32_t
core_worker(struct core *core, struct core_request *request, const char *name)
{
    struct worker *worker = worker_find(core, name);
    if (worker) {
        return worker->idx;
    }
    if (!name_is_valid(name, NAME_BYTES_MAX)) {
        refuse(request, BATON__CODE__CODE_INVALID, "worker",
               "the worker's name is missing or not valid");
        return 0;
    }
    if (core->n_workers > WORKERS_MAX) {
        refuse(request, BATON__CODE__CODE_FULL, "worker",
               "more than 100,000 workers' names: give workers names that last");
        return 0;
    }
    Baton__WorkerNamed named = BATON__WORKER_NAMED__INIT;
    named.name = (char *)(uintptr_t)name;
    Baton__Fact fact = BATON__FACT__INIT;
    fact.what_case = BATON__FACT__WHAT_WORKER_NAMED;
    fact.worker_named = &named;
    emit(core, request, &fact);
    return worker_find(core, name)->idx;
}

bool
core_worker_is_draining(const struct core *core, uint32_t worker)
{
    return core->workers[worker]->draining;
}

uint32_t
core_worker_n_leases(const struct core *core, uint32_t worker)
{
    return core->workers[worker]->n_leases;
}

uint32_t
core_worker_next_expected(const struct core *core, uint32_t worker)
{
    for (uint32_t w = worker + 1; w < core->n_workers; w++) {
        for (uint32_t slot = core->workers[w]->first; slot;
             slot = task_at(core, slot)->course->run->next) {
            if (!task_at(core, slot)->course->run->sessionless) {
                return w;
            }
        }
    }
    return 0;
}

/* ---- dispatch ---- */

/* Results of what the task depended on, newest knowledge, bounded. */
static void
add_upstream(const struct core *core, struct core_request *request, const struct task *task,
             Baton__Assignment *assignment)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < task->edges->n_ins; i++) {
        const struct task *pred = task->edges->ins[i].pred ? task_at(core, task->edges->ins[i].pred)
                                                           : NULL;
        size_t result_bytes;
        const uint8_t *packed = pred ? attempts_result(pred, &result_bytes) : NULL;
        if (!packed || !state_is_terminal(pred->state)) {
            continue;
        }
        bytes += result_bytes;
        if (bytes > UPSTREAM_BYTES_MAX) {
            return;
        }
        if (!assignment->upstream) {
            assignment->upstream = arena_alloc(request->arena,
                                               task->edges->n_ins * sizeof *assignment->upstream);
        }
        const Baton__Result *result = unpack_own(request->arena, &baton__result__descriptor,
                                                 result_bytes, packed);
        CHECK(result);
        Baton__Upstream *upstream = arena_alloc(request->arena, sizeof *upstream);
        baton__upstream__init(upstream);
        upstream->project = core->projects[pred->project]->name;
        upstream->id = pred->id;
        upstream->state = (Baton__TaskState)pred->state;
        upstream->summary = result->summary;
        upstream->document = result->document;
        assignment->upstream[assignment->n_upstream++] = upstream;
    }
}

/* How its wait ended, or why it was sent back, and what the last attempt left. */
static void
add_note(struct core_request *request, const struct task *task, Baton__Assignment *assignment)
{
    if (!task->ext || !task->ext->note) {
        return;
    }
    Baton__Note *note = arena_alloc(request->arena, sizeof *note);
    baton__note__init(note);
    note->text = task->ext->note;
    assignment->note = note;
    size_t bytes;
    const uint8_t *packed = attempts_result(task, &bytes);
    const Baton__Result *result =
        packed ? unpack_own(request->arena, &baton__result__descriptor, bytes, packed) : NULL;
    if (result) {
        note->document = result->document;
    }
}

/* What whoever takes the task gets with it. */
static void
assignment_fill(const struct core *core, struct core_request *request, const struct task *task,
                Baton__Assignment *assignment)
{
    baton__assignment__init(assignment);
    assignment->key = task->key;
    assignment->project = core->projects[task->project]->name;
    assignment->id = task->id;
    assignment->role = (char *)(uintptr_t)(task->role < ROLES_N ? role_names[task->role] : "");
    assignment->attempt = task->course->attempt;
    assignment->spec.data = (uint8_t *)(uintptr_t)task_spec(task);
    assignment->spec.len = task->spec_bytes;
    add_upstream(core, request, task, assignment);
    add_note(request, task, assignment);
    if (core->board.n && task->role < ROLES_N &&
        (task->edges->n_ins || core->board.n_in_force || core->board.n_for_roles)) {
        cards_deliver(core, request, task, assignment);
    }
    if (core->n_budgets) {
        assignment->budgets = budgets_of_task(core, request->arena, task, BUDGETS_GIVEN,
                                              &assignment->n_budgets);
    }
}

Baton__Code
core_context(const struct core *core, struct core_request *request, const Baton__Ref *ref,
             Baton__Assignment *ret)
{
    struct task *task;
    uint64_t archived_key;
    Baton__Code code = view_find(core, request, ref, &task, &archived_key);
    if (code == BATON__CODE__CODE_OK) {
        assignment_fill(core, request, task, ret);
    }
    return code;
}

static void
assign(struct core *core, struct core_request *request, const struct core_dispatch *dispatch,
       struct task *task, Baton__Assignment *assignment)
{
    Baton__Leased leased = BATON__LEASED__INIT;
    leased.key = task->key;
    leased.worker = core->workers[dispatch->worker]->number;
    leased.sessionless = dispatch->sessionless;
    leased.waited_ms = MAX(request->now - task->ready_at, 0);
    leased.lease_ms = dispatch->lease_ms ? dispatch->lease_ms : core->config.lease_ms;
    if (task->has_limits && !(dispatch->sessionless && dispatch->lease_ms)) {
        int64_t own = task_unpack(core, task, request->arena)->lease_ms;
        leased.lease_ms = own ? own : leased.lease_ms;
    }
    Baton__Fact fact = BATON__FACT__INIT;
    fact.what_case = BATON__FACT__WHAT_LEASED;
    fact.leased = &leased;
    core->latest_slot = task->slot;
    emit(core, request, &fact);
    assignment_fill(core, request, task, assignment);
    assignment->token = task->course->token;
    assignment->lease_ms = leased.lease_ms;
}

static Baton__Code
pick_named(struct core *core, struct core_request *request, const struct core_dispatch *dispatch,
           struct task **ret)
{
    const Baton__Ref *ref = dispatch->task;
    const char *project = ref->project[0] ? ref->project : "default";
    struct task *task = task_find(core, project_find(core, project), ref->id);
    if (!task || task->state == UNKNOWN) {
        return refuse(request, BATON__CODE__CODE_NOT_FOUND, "task",
                      "there is no task %s in project %s", ref->id, project);
    }
    if (task->state != READY) {
        return refuse(request, BATON__CODE__CODE_ILLEGAL_TRANSITION, "task",
                      "%s is %s (%s), not ready", task->id, state_name(task->state),
                      reason_name(task->reason));
    }
    if (!(dispatch->roles & 1u << task->role)) {
        return refuse(request, BATON__CODE__CODE_INVALID, "roles", "%s is a task for %s", task->id,
                      role_names[task->role]);
    }
    core->queue_now = request->now;
    bool reserved;
    const struct resource *obstacle = queue_obstacle(core, task, &reserved);
    if (core->broker_paused || role_is_stopped(&core->roles[task->role]) ||
        queue_is_stopped(core->projects[task->project], task->role) ||
        queue_is_held_back(core, task) || obstacle) {
        return refuse(request, BATON__CODE__CODE_BUSY, "task", "%s can't start now (%s)", task->id,
                      reason_name((int)view_reason(core, task, request->now)));
    }
    *ret = task;
    return BATON__CODE__CODE_OK;
}

Baton__Code
core_dispatch(struct core *core, struct core_request *request, const struct core_dispatch *dispatch,
              Baton__Assign *ret)
{
    CHECK(dispatch->worker && dispatch->worker < core->n_workers);
    baton__assign__init(ret);
    struct task *task = NULL;
    if (dispatch->task) {
        Baton__Code code = pick_named(core, request, dispatch, &task);
        if (code != BATON__CODE__CODE_OK) {
            return code;
        }
    }
    if (task && core->workers[dispatch->worker]->draining) {
        return refuse(request, BATON__CODE__CODE_BUSY, "worker",
                      "%s is drained: it takes nothing new",
                      core_worker_name(core, dispatch->worker));
    }
    if (core->broker_paused || core->workers[dispatch->worker]->draining) {
        return BATON__CODE__CODE_OK;
    }
    uint32_t *projects = NULL;
    if (dispatch->n_projects > 0) {
        projects = arena_alloc(request->arena, dispatch->n_projects * sizeof *projects);
        for (size_t i = 0; i < dispatch->n_projects; i++) {
            projects[i] = project_find(core, dispatch->projects[i]);
        }
    }
    uint32_t max = task ? 1 : MIN(dispatch->max, (uint32_t)SLOTS_MAX);
    uint32_t room = 0;
    while (ret->n_tasks < max) {
        if (!dispatch->task) {
            task = queue_pick(core, dispatch->roles, projects, dispatch->n_projects, request->now);
        }
        if (!task) {
            break;
        }
        if (ret->n_tasks == room) {
            Baton__Assignment **more = arena_alloc(request->arena, (room * 2 + 8) * sizeof *more);
            if (room) {
                memcpy(more, ret->tasks, room * sizeof *more);
            }
            room = room * 2 + 8;
            ret->tasks = more;
        }
        Baton__Assignment *assignment = arena_alloc(request->arena, sizeof *assignment);
        assign(core, request, dispatch, task, assignment);
        ret->tasks[ret->n_tasks++] = assignment;
        task = NULL;
    }
    return BATON__CODE__CODE_OK;
}

/* ---- sessions come and go ---- */

void
core_worker_lost(struct core *core, struct core_request *request, uint32_t worker)
{
    for (uint32_t slot = core->workers[worker]->first; slot;) {
        struct task *task = task_at(core, slot);
        struct run *run = task->course->run;
        if (!run->sessionless) {
            run->suspect = true;
            run->lease_until = MIN(run->lease_until, request->now + core->config.suspect_ms);
            timer_update(core, task);
        }
        slot = run->next;
    }
}

static void
come_back(struct core *core, struct core_request *request, struct task *task,
          const Baton__Held *held)
{
    if (!held) {
        lease_end(core, request, task, BATON__OUTCOME__OUTCOME_LOST,
                  "the worker came back without it");
        return;
    }
    if (held->started && task->state == LEASED) {
        emit_started(core, request, task);
    }
    lease_renew(core, request, task, 0);
    if (task->state == CANCELLING) {
        stop_add(request->out, task, task->ext->cancel_grace_ms,
                 task->ext->reason_text ? task->ext->reason_text : reason_name(task->reason));
    }
}

void
core_worker_back(struct core *core, struct core_request *request, uint32_t worker,
                 const Baton__Held *const *held, size_t n_held, uint64_t **ret_lost,
                 size_t *ret_n_lost)
{
    uint64_t *lost = arena_alloc(request->arena, (n_held + 1) * sizeof *lost);
    size_t n_lost = 0;
    struct index64 announced = {0}; /* token to its place in held, from 1 */
    for (size_t i = 0; i < n_held; i++) {
        const struct task *task = task_by_token(core, held[i]->token);
        bool is_its = task && task->course->token == held[i]->token && task->course->run &&
                      task->course->worker == worker;
        if (is_its) {
            index64_put(&announced, held[i]->token, (uint32_t)i + 1);
        } else {
            lost[n_lost++] = held[i]->token;
        }
    }
    for (uint32_t slot = core->workers[worker]->first, next; slot; slot = next) {
        struct task *task = task_at(core, slot);
        next = task->course->run->next;
        if (!task->course->run->sessionless) {
            uint32_t place = index64_get(&announced, task->course->token);
            come_back(core, request, task, place ? held[place - 1] : NULL);
        }
    }
    index64_fini(&announced);
    *ret_lost = lost;
    *ret_n_lost = n_lost;
}

void
core_worker_bye(struct core *core, struct core_request *request, uint32_t worker)
{
    for (uint32_t slot = core->workers[worker]->first, next; slot; slot = next) {
        struct task *task = task_at(core, slot);
        next = task->course->run->next;
        if (!task->course->run->sessionless) {
            lease_end(core, request, task, BATON__OUTCOME__OUTCOME_RELEASED, "the worker went");
        }
    }
}
