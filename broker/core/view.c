/* Tasks as clients see them: views, pages, status. Changes nothing. */
#include "broker/core/state.h"

#include "common/text.h"
#include "common/unpack.h"

#include <stdlib.h>
#include <string.h>

static char *
text(const char *s)
{
    return (char *)(uintptr_t)(s ? s : "");
}

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
    spec->prompt = text("");
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
        attempt->worker = text(
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
        orphan->worker = text(
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
    view->reason_text = text(ext->reason_text);
    view->progress = ext->progress;
    view->progress_text = text(ext->progress_text);
    view->progress_at = ext->progress_at;
    view->measures = measures_messages(ext, arena, &view->n_measures);
    view->waits_for = text(ext->waits_for);
    view->note = text(ext->note);
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
        view->result->output_tail = text("");
    }
}

static int
compare_keys(const void *a, const void *b)
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
    qsort(keys, n, sizeof *keys, compare_keys);
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
    ret->worker = text(core_worker_name(core, task->course->worker));
    ret->token = task->course->token;
    ret->created_at = task->created_at;
    ret->ready_at = task->ready_at;
    ret->started_at = task->course->started_at;
    ret->ended_at = task->course->ended_at;
    ret->next_at = task->timed ? task->course->next_at : 0;
    ret->actor = text(actor_name(core, task->actor));
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

/* ---- lists ---- */

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
    qsort(keys, n, sizeof *keys, compare_keys);
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

/* ---- status ---- */

enum { EARLY = 64 }; /* of a queue's ready tasks: the oldest is among them */

static Baton__RoleStatus *
role_status(const struct core *core, struct core_request *request, uint32_t r)
{
    Baton__RoleStatus *status = arena_alloc(request->arena, sizeof *status);
    baton__role_status__init(status);
    status->role = text(role_names[r]);
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
    ret->not_accepting_because = text(ret->accepting ? "" : why);
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
