/* Work: leases are given, reported on, and end. */
#include "broker/core/state.h"

#include "common/text.h"

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

/* ---- dispatch ---- */

/* Results of what the task depended on, newest knowledge, bounded. */
static void
add_upstream(const struct core *core, struct core_request *request, const struct task *task,
             Baton__Assignment *assignment)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < task->n_ins; i++) {
        const struct task *pred = task->ins[i].pred ? task_at(core, task->ins[i].pred) : NULL;
        if (!pred || !pred->ext || !pred->ext->result || !state_is_terminal(pred->state)) {
            continue;
        }
        bytes += pred->ext->result_bytes;
        if (bytes > UPSTREAM_BYTES_MAX) {
            return;
        }
        if (!assignment->upstream) {
            assignment->upstream = arena_alloc(request->arena,
                                               task->n_ins * sizeof *assignment->upstream);
        }
        const Baton__Result *result = baton__result__unpack(
            &request->arena->pb, pred->ext->result_bytes, pred->ext->result);
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

static void
assign(struct core *core, struct core_request *request, const struct core_dispatch *dispatch,
       struct task *task, Baton__Assignment *assignment)
{
    Baton__Leased leased = BATON__LEASED__INIT;
    leased.key = task->key;
    leased.worker = core->workers[dispatch->worker]->number;
    leased.sessionless = dispatch->sessionless;
    leased.lease_ms = dispatch->lease_ms ? dispatch->lease_ms : core->config.lease_ms;
    if (task->has_limits && !(dispatch->sessionless && dispatch->lease_ms)) {
        int64_t own = task_unpack(task, request->arena)->lease_ms;
        leased.lease_ms = own ? own : leased.lease_ms;
    }
    Baton__Fact fact = BATON__FACT__INIT;
    fact.what_case = BATON__FACT__WHAT_LEASED;
    fact.leased = &leased;
    emit(core, request, &fact);
    baton__assignment__init(assignment);
    assignment->token = task->token;
    assignment->key = task->key;
    assignment->project = core->projects[task->project]->name;
    assignment->id = task->id;
    assignment->role = (char *)(uintptr_t)role_names[task->role];
    assignment->attempt = task->attempt;
    assignment->lease_ms = leased.lease_ms;
    assignment->spec.data = (uint8_t *)(uintptr_t)task_spec(task);
    assignment->spec.len = task->spec_bytes;
    add_upstream(core, request, task, assignment);
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
    if (core->broker_paused || core->roles[task->role].paused ||
        core->projects[task->project]->paused || obstacle) {
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

/* ---- the end of an attempt ---- */

struct ending {
    Baton__TaskState to;
    unsigned reason;
    int64_t next_at;
    bool counted;
    bool lost;
    bool undo_loss;
    bool unclean;
    const char *text;
};

/* Full jitter: even in [1, the capped exponential]. */
static int64_t
backoff_ms(const struct core *core, const struct core_request *request, const struct task *task,
           const Baton__Spec *spec, uint32_t failures)
{
    int64_t base = spec && spec->backoff_ms ? spec->backoff_ms : core->config.backoff_ms;
    int64_t cap = spec && spec->backoff_cap_ms ? spec->backoff_cap_ms : core->config.backoff_cap_ms;
    int64_t delay = base;
    for (uint32_t i = 1; i < failures && delay < cap; i++) {
        delay *= 2;
    }
    delay = MIN(delay, cap);
    struct rng rng = {.state = request->seed ^ task->key ^ task->token};
    return 1 + (int64_t)rng_below(&rng, (uint64_t)delay);
}

static void
after_failure(const struct core *core, const struct core_request *request, const struct task *task,
              struct ending *ending)
{
    const Baton__Spec *spec = task->has_limits ? task_unpack(task, request->arena) : NULL;
    uint32_t max = spec && spec->max_attempts ? spec->max_attempts : core->config.max_attempts;
    uint32_t failures = task->failures + 1u;
    ending->counted = true;
    if (failures >= max) {
        ending->to = (Baton__TaskState)FAILED;
        ending->reason = BATON__REASON__REASON_EXHAUSTED;
    } else {
        ending->to = (Baton__TaskState)WAITING;
        ending->reason = BATON__REASON__REASON_BACKOFF;
        ending->next_at = request->now + backoff_ms(core, request, task, spec, failures);
    }
}

static void
after_loss(const struct core *core, const struct core_request *request, const struct task *task,
           struct ending *ending)
{
    ending->to = (Baton__TaskState)READY;
    if (task->state == LEASED) {
        return;
    }
    const Baton__Spec *spec = task->has_limits ? task_unpack(task, request->arena) : NULL;
    uint32_t limit = spec && spec->crash_limit ? spec->crash_limit : core->config.crash_limit;
    ending->lost = true;
    if (task->losses + 1u >= limit) {
        ending->to = (Baton__TaskState)FAILED;
        ending->reason = BATON__REASON__REASON_CRASH_LIMIT;
    }
}

enum { RATE_LIMIT_MS = 60 * 1000 };

/* The words of whoever cancelled it, as evolve may not find them any more. */
static const char *
kept_reason(const struct core_request *request, const struct task *task)
{
    const char *text = task->ext ? task->ext->reason_text : NULL;
    return text ? arena_strdup(request->arena, text) : "";
}

static struct ending
ending_of(const struct core *core, const struct core_request *request, const struct task *task,
          const Baton__Result *result)
{
    struct ending ending = {.text = ""};
    if (task->state == CANCELLING && task->reason != BATON__REASON__REASON_TIMEOUT) {
        ending.to = (Baton__TaskState)CANCELLED;
        ending.reason = task->reason;
        ending.text = kept_reason(request, task);
        return ending;
    }
    if (task->state == CANCELLING && result->outcome != BATON__OUTCOME__OUTCOME_DONE) {
        after_failure(core, request, task, &ending);
        ending.text = "the longest run time had passed";
        return ending;
    }
    int64_t delay = MIN(result->retry_after_ms, DURATION_MS_MAX);
    switch (result->outcome) {
    case BATON__OUTCOME__OUTCOME_DONE:
        ending.to = (Baton__TaskState)DONE;
        break;
    case BATON__OUTCOME__OUTCOME_FATAL:
        ending.to = (Baton__TaskState)FAILED;
        ending.reason = BATON__REASON__REASON_FATAL;
        ending.counted = true;
        break;
    case BATON__OUTCOME__OUTCOME_RATE_LIMITED:
        ending.to = (Baton__TaskState)WAITING;
        ending.reason = BATON__REASON__REASON_BACKOFF;
        ending.next_at = request->now + (delay > 0 ? delay : RATE_LIMIT_MS);
        break;
    case BATON__OUTCOME__OUTCOME_RELEASED:
    case BATON__OUTCOME__OUTCOME_CANCELLED:
        ending.to = (Baton__TaskState)READY;
        if (delay > 0) {
            ending.to = (Baton__TaskState)WAITING;
            ending.reason = BATON__REASON__REASON_BACKOFF;
            ending.next_at = request->now + delay;
        }
        break;
    case BATON__OUTCOME__OUTCOME_LOST:
        after_loss(core, request, task, &ending);
        break;
    case BATON__OUTCOME__OUTCOME_FAILED:
    case BATON__OUTCOME__OUTCOME_TIMED_OUT:
    case BATON__OUTCOME__OUTCOME_UNSPECIFIED:
    case _BATON__OUTCOME_IS_INT_SIZE:
    default:
        after_failure(core, request, task, &ending);
        break;
    }
    return ending;
}

static void
emit_attempt_ended(struct core *core, struct core_request *request, const struct task *task,
                   const Baton__Result *result, const struct ending *ending)
{
    Baton__AttemptEnded ended = BATON__ATTEMPT_ENDED__INIT;
    ended.key = task->key;
    ended.result = (Baton__Result *)(uintptr_t)result;
    ended.to = ending->to;
    ended.reason = (Baton__Reason)ending->reason;
    ended.next_at = ending->next_at;
    ended.counted = ending->counted;
    ended.lost = ending->lost;
    ended.undo_loss = ending->undo_loss;
    ended.unclean = ending->unclean;
    ended.text = (char *)(uintptr_t)ending->text;
    Baton__Fact fact = BATON__FACT__INIT;
    fact.what_case = BATON__FACT__WHAT_ATTEMPT_ENDED;
    fact.attempt_ended = &ended;
    emit(core, request, &fact);
}

void
lease_end(struct core *core, struct core_request *request, struct task *task, unsigned outcome,
          const char *summary)
{
    Baton__Result result = BATON__RESULT__INIT;
    result.outcome = (Baton__Outcome)outcome;
    if (task->state == CANCELLING && task->reason == BATON__REASON__REASON_TIMEOUT) {
        result.outcome = BATON__OUTCOME__OUTCOME_TIMED_OUT; /* counted: not a loss to be undone */
    }
    result.summary = (char *)(uintptr_t)summary;
    struct ending ending = ending_of(core, request, task, &result);
    emit_attempt_ended(core, request, task, &result, &ending);
}

void
cancel_end(struct core *core, struct core_request *request, struct task *task)
{
    Baton__Result result = BATON__RESULT__INIT;
    static char text[] = "the worker did not confirm the end in time";
    result.outcome = BATON__OUTCOME__OUTCOME_LOST;
    result.summary = text;
    struct ending ending;
    if (task->reason == BATON__REASON__REASON_TIMEOUT) {
        result.outcome = BATON__OUTCOME__OUTCOME_TIMED_OUT;
        ending = ending_of(core, request, task, &result);
    } else {
        ending = (struct ending){.to = (Baton__TaskState)CANCELLED,
                                 .reason = BATON__REASON__REASON_UNCLEAN,
                                 .text = kept_reason(request, task)};
    }
    ending.unclean = true;
    emit_attempt_ended(core, request, task, &result, &ending);
}

/* ---- reports ---- */

static void
renew(struct core *core, const struct core_request *request, struct task *task, int64_t extend_ms)
{
    struct run *run = task->run;
    int64_t ms = extend_ms > 0 ? MIN(extend_ms, DURATION_MS_MAX) : run->lease_ms;
    run->lease_until = request->now + ms;
    run->suspect = false;
    timer_update(core, task);
}

static void
emit_started(struct core *core, struct core_request *request, const struct task *task)
{
    Baton__Started started = BATON__STARTED__INIT;
    started.key = task->key;
    Baton__Fact fact = BATON__FACT__INIT;
    fact.what_case = BATON__FACT__WHAT_STARTED;
    fact.started = &started;
    emit(core, request, &fact);
}

static void
answer_line(Baton__LineReply *ret, Baton__Code code, const struct task *task, const char *message)
{
    ret->code = code;
    ret->message = (char *)(uintptr_t)message;
    if (task) {
        ret->state = (Baton__TaskState)task->state;
        ret->stop = code == BATON__CODE__CODE_OK && task->state == CANCELLING;
    }
}

static const char *
result_fault(const Baton__Result *result)
{
    if (result->outcome <= BATON__OUTCOME__OUTCOME_UNSPECIFIED ||
        result->outcome >= BATON__OUTCOME__OUTCOME_LOST) {
        return "result.outcome: no such outcome";
    }
    if (!prose_is_valid(result->summary, TITLE_BYTES_MAX)) {
        return "result.summary: longer than 1,024 bytes, or has control characters";
    }
    if (result->document.len > DOCUMENT_BYTES_MAX) {
        return "result.document: larger than 256 KiB";
    }
    if (strlen(result->output_tail) > OUTPUT_TAIL_BYTES_MAX ||
        !utf8_is_valid(result->output_tail, strlen(result->output_tail))) {
        return "result.output_tail: larger than 8 KiB, or not UTF-8";
    }
    if (result->retry_after_ms < 0 || result->retry_after_ms > DURATION_MS_MAX) {
        return "result.retry_after_ms: not a duration";
    }
    return NULL;
}

static const Baton__AttemptRecord *
attempt_of(const struct task *task, uint64_t token)
{
    for (uint32_t i = 0; task->ext && i < task->ext->n_attempts; i++) {
        if (task->ext->attempts[i]->token == token) {
            return task->ext->attempts[i];
        }
    }
    return NULL;
}

static void
keep_orphan(struct core *core, struct core_request *request, struct task *task, uint64_t token,
            const Baton__Result *result)
{
    for (uint32_t i = 0; task->ext && i < task->ext->n_orphans; i++) {
        if (task->ext->orphans[i]->token == token) {
            return;
        }
    }
    Baton__Orphaned orphaned = BATON__ORPHANED__INIT;
    orphaned.key = task->key;
    orphaned.token = token;
    orphaned.result = (Baton__Result *)(uintptr_t)result;
    Baton__Fact fact = BATON__FACT__INIT;
    fact.what_case = BATON__FACT__WHAT_ORPHANED;
    fact.orphaned = &orphaned;
    emit(core, request, &fact);
}

/* The lease is over. The result may be a repetition, or come late to a task that nobody has taken
 * since. */
static void
report_late(struct core *core, struct core_request *request, struct task *task,
            const Baton__Line *line, Baton__LineReply *ret)
{
    const Baton__Result *result = line->result;
    const Baton__AttemptRecord *attempt = attempt_of(task, line->token);
    if (attempt && attempt->outcome == result->outcome) {
        answer_line(ret, BATON__CODE__CODE_OK, task, "");
        return;
    }
    bool waits = task->state == WAITING || task->state == READY;
    if (task->token == line->token && waits && task->worker && attempt &&
        attempt->outcome == BATON__OUTCOME__OUTCOME_LOST) {
        struct ending ending = ending_of(core, request, task, result);
        ending.undo_loss = attempt->started_at != 0;
        emit_attempt_ended(core, request, task, result, &ending);
        answer_line(ret, BATON__CODE__CODE_OK, task, "");
        return;
    }
    keep_orphan(core, request, task, line->token, result);
    answer_line(ret, BATON__CODE__CODE_STALE_TOKEN, task,
                "the lease has ended: the result is kept as an orphan and changes nothing");
}

static void
report_result(struct core *core, struct core_request *request, struct task *task,
              const Baton__Line *line, Baton__LineReply *ret)
{
    const char *fault = result_fault(line->result);
    if (fault) {
        answer_line(ret, BATON__CODE__CODE_INVALID, task, fault);
        return;
    }
    if (task->token != line->token || !task->run) {
        report_late(core, request, task, line, ret);
        return;
    }
    struct ending ending = ending_of(core, request, task, line->result);
    emit_attempt_ended(core, request, task, line->result, &ending);
    answer_line(ret, BATON__CODE__CODE_OK, task, "");
}

static void
report_progress(struct core *core, struct core_request *request, struct task *task,
                const Baton__Line *line, Baton__LineReply *ret)
{
    const Baton__Progress *progress = line->progress;
    if (progress->percent > 100 || !prose_is_valid(progress->text, TITLE_BYTES_MAX) ||
        progress->next_update_at < 0 || progress->next_update_at > TIME_MS_MAX) {
        answer_line(ret, BATON__CODE__CODE_INVALID, task,
                    "progress: 0 to 100 percent, a text of at most 1,024 bytes, a time");
        return;
    }
    if (task->state == LEASED) {
        emit_started(core, request, task);
    }
    Baton__Progressed progressed = BATON__PROGRESSED__INIT;
    progressed.key = task->key;
    progressed.percent = progress->percent;
    progressed.text = progress->text;
    progressed.next_update_at = progress->next_update_at;
    Baton__Fact fact = BATON__FACT__INIT;
    fact.what_case = BATON__FACT__WHAT_PROGRESSED;
    fact.progressed = &progressed;
    emit(core, request, &fact);
    renew(core, request, task, line->extend_ms);
    answer_line(ret, BATON__CODE__CODE_OK, task, "");
}

static bool
line_is_archived(const struct core *core, const Baton__Line *line)
{
    const char *project = line->project[0] ? line->project : "default";
    return line->id[0] && strlen(line->id) <= ID_BYTES_MAX && strlen(project) <= NAME_BYTES_MAX &&
           tombstone_find(core, project, line->id);
}

void
core_report_line(struct core *core, struct core_request *request, uint32_t worker,
                 const Baton__Line *line, Baton__LineReply *ret)
{
    baton__line_reply__init(ret);
    ret->token = line->token;
    struct task *task = task_by_token(core, line->token);
    if (!task) {
        bool was = line->token && line->token <= core->seq &&
                   (line_is_archived(core, line) || line->what_case != BATON__LINE__WHAT_RESULT);
        answer_line(ret, was ? BATON__CODE__CODE_STALE_TOKEN : BATON__CODE__CODE_NOT_FOUND, NULL,
                    "no task in memory has or had a lease with this token");
        return;
    }
    if (worker && task->worker && task->worker != worker && task->token == line->token) {
        answer_line(ret, BATON__CODE__CODE_STALE_TOKEN, task, "the lease is another worker's");
        return;
    }
    if (line->what_case == BATON__LINE__WHAT_RESULT) {
        report_result(core, request, task, line, ret);
        return;
    }
    if (task->token != line->token || !task->run) {
        answer_line(ret, BATON__CODE__CODE_STALE_TOKEN, task, "the lease has ended");
        return;
    }
    switch (line->what_case) {
    case BATON__LINE__WHAT_STARTED:
        if (task->state == LEASED) {
            emit_started(core, request, task);
        }
        /* Said again, it does not shorten what was asked for since. */
        renew(core, request, task, MAX(task->run->lease_ms, task->run->lease_until - request->now));
        answer_line(ret, BATON__CODE__CODE_OK, task, "");
        break;
    case BATON__LINE__WHAT_BEAT:
        renew(core, request, task, line->extend_ms);
        answer_line(ret, BATON__CODE__CODE_OK, task, "");
        break;
    case BATON__LINE__WHAT_PROGRESS:
        report_progress(core, request, task, line, ret);
        break;
    case BATON__LINE__WHAT_RESULT:
    case BATON__LINE__WHAT__NOT_SET:
    case _BATON__LINE__WHAT__CASE_IS_INT_SIZE:
    default:
        answer_line(ret, BATON__CODE__CODE_INVALID, task, "the line says nothing");
        break;
    }
}

/* ---- sessions come and go ---- */

void
core_worker_lost(struct core *core, struct core_request *request, uint32_t worker)
{
    for (uint32_t slot = core->workers[worker]->first; slot;) {
        struct task *task = task_at(core, slot);
        struct run *run = task->run;
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
    renew(core, request, task, 0);
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
        bool is_its = task && task->token == held[i]->token && task->run && task->worker == worker;
        if (is_its) {
            index64_put(&announced, held[i]->token, (uint32_t)i + 1);
        } else {
            lost[n_lost++] = held[i]->token;
        }
    }
    for (uint32_t slot = core->workers[worker]->first, next; slot; slot = next) {
        struct task *task = task_at(core, slot);
        next = task->run->next;
        if (!task->run->sessionless) {
            uint32_t place = index64_get(&announced, task->token);
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
        next = task->run->next;
        if (!task->run->sessionless) {
            lease_end(core, request, task, BATON__OUTCOME__OUTCOME_RELEASED, "the worker went");
        }
    }
}
