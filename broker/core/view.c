/* A task as clients see it. Changes nothing. */
#include "broker/core/state.h"

#include "common/text.h"
#include "common/unpack.h"

#include <stdlib.h>
#include <string.h>

/* ---- why is it not running: the first cause ---- */

unsigned
view_reason(const struct core *core, const struct task *task, int64_t now)
{
    (void)now;
    if (task_has_lease(task) && task->state != CANCELLING && task->course->run->suspect) {
        return BATON__REASON__REASON_SUSPECT;
    }
    if (task->state != READY) {
        bool told = task->state == WAITING || task->state > RUNNING || task->reason;
        return told ? task->reason : BATON__REASON__REASON_NONE;
    }
    if (core->broker_paused) {
        return BATON__REASON__REASON_BROKER_PAUSED;
    }
    const struct role *role = &core->roles[task->role];
    if (role->paused) {
        return BATON__REASON__REASON_ROLE_PAUSED;
    }
    if (role->n_blockers || core->projects[task->project]->n_blockers) {
        return BATON__REASON__REASON_BLOCKER;
    }
    if (core->projects[task->project]->paused) {
        return BATON__REASON__REASON_PROJECT_PAUSED;
    }
    if (budgets_keep(core, task)) {
        return BATON__REASON__REASON_BUDGET;
    }
    if (queue_is_held_back(core, task)) {
        return BATON__REASON__REASON_SUBMITTER_PAUSED;
    }
    bool reserved;
    const struct resource *obstacle = queue_obstacle(core, task, &reserved);
    if (obstacle) {
        return resource_is_paused(obstacle) ? BATON__REASON__REASON_LOCK_PAUSED
                                            : BATON__REASON__REASON_LOCK;
    }
    if (role->workers == 0) {
        return BATON__REASON__REASON_NO_WORKER;
    }
    return role->credit == 0 ? BATON__REASON__REASON_NO_CREDIT : BATON__REASON__REASON_QUEUED;
}

/* ---- one task ---- */

/* What a list leaves out unless it is asked for whole specs. */
static void
slim(Baton__Spec *spec)
{
    spec->prompt = view_text("");
    spec->payload = (ProtobufCBinaryData){0};
    spec->n_env = 0;
}

static void
view_attempts(const struct core *core, struct arena *arena,
              const Baton__AttemptRecord *const *records, size_t n, Baton__TaskView *view)
{
    view->attempts = arena_alloc(arena, n * sizeof *view->attempts);
    for (size_t i = 0; i < n; i++) {
        const Baton__AttemptRecord *record = records[i];
        Baton__Attempt *attempt = arena_alloc(arena, sizeof *attempt);
        baton__attempt__init(attempt);
        attempt->number = record->number;
        attempt->token = record->token;
        attempt->worker = view_text(
            core_worker_name(core, index64_get(&core->workers_by_number, record->worker)));
        attempt->started_at = record->started_at;
        attempt->ended_at = record->ended_at;
        attempt->outcome = record->outcome;
        attempt->summary = record->summary;
        attempt->exit_status = record->exit_status;
        view->attempts[view->n_attempts++] = attempt;
    }
}

static void
view_orphans(const struct core *core, struct arena *arena,
             const Baton__OrphanRecord *const *records, size_t n, Baton__TaskView *view)
{
    view->orphans = arena_alloc(arena, n * sizeof *view->orphans);
    for (size_t i = 0; i < n; i++) {
        Baton__Orphan *orphan = arena_alloc(arena, sizeof *orphan);
        baton__orphan__init(orphan);
        orphan->token = records[i]->token;
        orphan->at = records[i]->at;
        orphan->worker = view_text(
            core_worker_name(core, index64_get(&core->workers_by_number, records[i]->worker)));
        orphan->result = records[i]->result;
        view->orphans[view->n_orphans++] = orphan;
    }
}

static Baton__Ref *
ref_of_key(const struct core *core, struct arena *arena, uint64_t key)
{
    const struct task *task = key ? task_by_key(core, key) : NULL;
    return task ? ref_make(arena, core, task) : NULL;
}

static void
view_ext(const struct core *core, struct arena *arena, const struct task *task, bool whole,
         Baton__TaskView *view)
{
    const struct task_ext *ext = task->ext;
    view->reason_text = view_text(ext->reason_text);
    view->progress = ext->progress;
    view->progress_text = view_text(ext->progress_text);
    view->progress_at = ext->progress_at;
    view->measures = measures_messages(ext, arena, &view->n_measures);
    view->waits_for = view_text(ext->waits_for);
    view->note = view_text(ext->note);
    view->rework = ext->rework;
    view->review_due = task->state == REVIEW || (task->state == PARKED &&
                                                 task->reason == BATON__REASON__REASON_APPROVAL)
                           ? ext->review_due
                           : 0;
    view->aborted_by = ref_of_key(core, arena, ext->aborted_by);
    view->parent = ref_of_key(core, arena, ext->parent);
    if (whole) {
        view_orphans(core, arena, (const Baton__OrphanRecord *const *)ext->orphans, ext->n_orphans,
                     view);
    }
}

static void
view_past(const struct core *core, struct arena *arena, const struct task *task, bool whole,
          Baton__TaskView *view)
{
    size_t bytes, n;
    const uint8_t *result = attempts_result(task, &bytes);
    if (result) {
        view->result = unpack_own(arena, &baton__result__descriptor, bytes, result);
        CHECK(view->result);
    }
    if (whole) {
        Baton__AttemptRecord *const *attempts = attempts_list(core, task, arena, &n);
        view_attempts(core, arena, (const Baton__AttemptRecord *const *)attempts, n, view);
    } else if (result) {
        view->result->document = (ProtobufCBinaryData){0};
        view->result->output_tail = view_text("");
    }
}

int
view_compare_keys(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Whoever waits for it, once with however many conditions, in the order of keys. Of very many only
 * some are looked at: of the others each condition counts. */
static void
view_dependents(const struct core *core, struct arena *arena, const struct task *task,
                Baton__TaskView *ret)
{
    enum { LOOKS_MAX = 20 * 1000 };
    size_t n = MIN(task->edges->n_outs, (uint32_t)LOOKS_MAX);
    uint64_t *keys = arena_alloc(arena, n * sizeof *keys);
    for (size_t i = 0; i < n; i++) {
        keys[i] = task_at(core, task->edges->outs[i].succ)->key;
    }
    qsort(keys, n, sizeof *keys, view_compare_keys);
    ret->dependents = arena_alloc(arena, MIN(n, (size_t)NAMED_MAX) * sizeof *ret->dependents);
    ret->dependents_total = task->edges->n_outs;
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && keys[i] == keys[i - 1]) {
            ret->dependents_total--;
        } else if (ret->n_dependents < NAMED_MAX) {
            ret->dependents[ret->n_dependents++] = ref_make(arena, core,
                                                            task_by_key(core, keys[i]));
        }
    }
}

void
view_make(const struct core *core, struct core_request *request, const struct task *task,
          bool whole, bool dependents, Baton__TaskView *ret)
{
    struct arena *arena = request->arena;
    baton__task_view__init(ret);
    ret->key = task->key;
    ret->spec = task_unpack(core, task, arena);
    if (!whole) {
        slim(ret->spec);
    }
    ret->state = (Baton__TaskState)task->state;
    ret->reason = (Baton__Reason)view_reason(core, task, request->now);
    ret->attempt = task->course->attempt;
    ret->losses = task->course->losses;
    ret->worker = view_text(core_worker_name(core, task->course->worker));
    ret->token = task->course->token;
    ret->created_at = task->created_at;
    ret->ready_at = task->ready_at;
    ret->started_at = task->course->started_at;
    ret->ended_at = task->course->ended_at;
    ret->next_at = task->timed ? task->course->next_at : 0;
    ret->actor = view_text(actor_name(core, task->actor));
    ret->order_at = task_is_live(task) ? order_time(task->order_at) : 0;
    ret->alert = (Baton__Alert)alert_now(task);
    ret->latest_start = task_is_live(task) && task->course->effective != NEVER ? latest_start(task)
                                                                               : 0;
    ret->n_unmet = task->edges->n_pending + task->edges->n_broken + task->edges->n_abort;
    if (task->ext) {
        view_ext(core, arena, task, whole, ret);
    }
    view_past(core, arena, task, whole, ret);
    if (dependents) {
        view_dependents(core, arena, task, ret);
    }
}

Baton__Code
view_find(const struct core *core, struct core_request *request, const Baton__Ref *ref,
          struct task **ret, uint64_t *ret_archived_key)
{
    *ret_archived_key = 0;
    const char *project = ref && ref->project[0] ? ref->project : "default";
    if (!ref || !name_is_valid(ref->id, ID_BYTES_MAX) || !name_is_valid(project, NAME_BYTES_MAX)) {
        return refuse(request, BATON__CODE__CODE_INVALID, "task",
                      "the task's id or project is not a name");
    }
    struct task *task = task_find(core, project_find(core, project), ref->id);
    if (task && task->state != UNKNOWN) {
        *ret = task;
        return BATON__CODE__CODE_OK;
    }
    const struct tombstone *tombstone = tombstone_find(core, project, ref->id);
    *ret_archived_key = tombstone ? tombstone->key : 0;
    return refuse(request, BATON__CODE__CODE_NOT_FOUND, "task",
                  "there is no task %s in project %s%s", ref->id, project,
                  task ? " yet: others wait for it, so add it, or change what waits" : "");
}

Baton__Code
core_get(const struct core *core, struct core_request *request, const Baton__Ref *ref,
         Baton__TaskView *ret, uint64_t *ret_archived_key)
{
    struct task *task;
    Baton__Code code = view_find(core, request, ref, &task, ret_archived_key);
    if (code == BATON__CODE__CODE_OK) {
        view_make(core, request, task, true, true, ret);
    }
    return code;
}

int
core_archived_state(const struct core *core, const Baton__Ref *ref, uint64_t *ret_key)
{
    const char *project = ref->project[0] ? ref->project : "default";
    const struct tombstone *tombstone = tombstone_find(core, project, ref->id);
    *ret_key = tombstone ? tombstone->key : 0;
    return tombstone ? tombstone->state : 0;
}

bool
core_view_record(const struct core *core, struct arena *arena, const uint8_t *data, size_t bytes,
                 Baton__TaskView *ret)
{
    Baton__TaskRecord *record = unpack_own(arena, &baton__task_record__descriptor, bytes, data);
    Baton__Spec *spec = record ? unpack_own(arena, &baton__spec__descriptor, record->spec.len,
                                            record->spec.data)
                               : NULL;
    if (!spec) {
        return false;
    }
    baton__task_view__init(ret);
    ret->key = record->key;
    ret->spec = spec;
    ret->state = record->state;
    ret->reason = record->reason;
    ret->attempt = record->attempt;
    ret->losses = record->losses;
    ret->worker = record->worker_name;
    ret->token = record->token;
    ret->created_at = record->created_at;
    ret->ready_at = record->ready_at;
    ret->started_at = record->started_at;
    ret->ended_at = record->ended_at;
    ret->reason_text = record->reason_text;
    ret->progress = record->progress;
    ret->progress_text = record->progress_text;
    ret->progress_at = record->progress_at;
    ret->result = record->result;
    ret->measures = record->measures;
    ret->n_measures = record->n_measures;
    ret->actor = record->actor;
    ret->archived = true;
    ret->aborted_by = ref_of_key(core, arena, record->aborted_by);
    ret->parent = ref_of_key(core, arena, record->parent);
    view_attempts(core, arena, (const Baton__AttemptRecord *const *)record->attempts,
                  record->n_attempts, ret);
    view_orphans(core, arena, (const Baton__OrphanRecord *const *)record->orphans,
                 record->n_orphans, ret);
    return true;
}

void
core_check_token(const struct core *core, struct core_request *request, uint64_t token,
                 Baton__TokenView *ret)
{
    baton__token_view__init(ret);
    const struct task *task = token ? task_by_token(core, token) : NULL;
    /* Who was told to stop has nothing to publish any more. */
    const struct course *course = task ? task->course : NULL;
    if (!task || course->token != token || !course->run || task->state == CANCELLING ||
        course->run->lease_until <= request->now) {
        return;
    }
    ret->live = true;
    ret->task = ref_make(request->arena, core, task);
    ret->role = (char *)(uintptr_t)(task->role < ROLES_N ? role_names[task->role] : "");
    ret->state = (Baton__TaskState)task->state;
    ret->worker = (char *)(uintptr_t)core_worker_name(core, course->worker);
    ret->lease_until = course->run->lease_until;
}
