/* What workers and agents say of their leases: started, alive, how far, how it ended; in time,
 * late, or twice. */
#include "broker/core/state.h"

#include "common/text.h"

#include <string.h>

/* The task's timer is to be updated. */
static void
run_renew(const struct core_request *request, struct run *run, int64_t extend_ms)
{
    int64_t ms = extend_ms > 0 ? MIN(extend_ms, DURATION_MS_MAX) : run->lease_ms;
    run->lease_until = request->now + ms;
    run->suspect = false;
}

void
lease_renew(struct core *core, const struct core_request *request, struct task *task,
            int64_t extend_ms)
{
    run_renew(request, task->course->run, extend_ms);
    timer_update(core, task);
}

void
emit_started(struct core *core, struct core_request *request, const struct task *task)
{
    Baton__Started started = BATON__STARTED__INIT;
    started.key = task->key;
    Baton__Fact fact = BATON__FACT__INIT;
    fact.what_case = BATON__FACT__WHAT_STARTED;
    fact.started = &started;
    core->latest_slot = task->slot;
    emit(core, request, &fact);
    if (task->urgent) {
        incident_started(core, request, task);
    }
    if (core->board.n_stale) {
        status_heard(core, request, task);
    }
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
        result->outcome > BATON__OUTCOME__OUTCOME_PARKED ||
        result->outcome == BATON__OUTCOME__OUTCOME_LOST) {
        return "result.outcome: no such outcome";
    }
    if (result->summary[0] && !prose_is_valid(result->summary, TITLE_BYTES_MAX)) {
        return "result.summary: longer than 1,024 bytes, or has control characters";
    }
    if (result->document.len > DOCUMENT_BYTES_MAX) {
        return "result.document: larger than 256 KiB";
    }
    size_t tail_bytes = result->output_tail[0] ? strlen(result->output_tail) : 0;
    if (tail_bytes > OUTPUT_TAIL_BYTES_MAX ||
        (tail_bytes && !utf8_is_valid(result->output_tail, tail_bytes))) {
        return "result.output_tail: larger than 8 KiB, or not UTF-8";
    }
    if (result->retry_after_ms < 0 || result->retry_after_ms > DURATION_MS_MAX) {
        return "result.retry_after_ms: not a duration";
    }
    return measures_fault(result->measures, result->n_measures);
}

/* "blocker", without a number: a new one on the task. */
static const char *
raise_blocker(struct core *core, struct core_request *request, const struct task *task,
              const Baton__Result *result)
{
    Baton__Card card = BATON__CARD__INIT;
    card.project = (char *)(uintptr_t)task_project(core, task);
    card.task = task->id;
    card.title = result->summary[0] ? result->summary : (char *)(uintptr_t) "it can't go on";
    card.token = task->course->token;
    uint64_t number = blocker_emit(core, request, &card);
    return arena_printf(request->arena, "blocker:%llu", (unsigned long long)number);
}

/* What comes with a result beside the end of the attempt, in facts before it; NULL, or what is
 * wrong, and nothing has happened. The result gets what it waits for in its one form. */
static const char *
take_along(struct core *core, struct core_request *request, struct task *task,
           const Baton__Line *line)
{
    Baton__Result *result = line->result;
    bool parks = result->outcome == BATON__OUTCOME__OUTCOME_PARKED;
    bool raises = parks && strcmp(result->wait_for, "blocker") == 0;
    const char *waits_for = "";
    const char *fault = NULL;
    if (raises && board_n_open(core) >= CARDS_MAX) {
        fault = "result.wait_for: the board is full: end some blockers first";
    } else if (parks && !raises) {
        fault = park_fault(core, request, task, result->wait_for, &waits_for);
    }
    if (!fault && line->handoff) {
        fault = handoff_of_result(core, request, task, line->token, line->handoff);
    }
    if (!fault && raises && task->state != CANCELLING) {
        waits_for = raise_blocker(core, request, task, result);
    }
    if (!fault) {
        result->wait_for = (char *)(uintptr_t)waits_for;
    }
    return fault;
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
 * since. If it is neither, the token is stale, whatever is wrong with the result: whoever hears
 * that stops, and does not mend its words. */
static void
report_late(struct core *core, struct core_request *request, struct task *task,
            const Baton__Line *line, Baton__LineReply *ret)
{
    const Baton__Result *result = line->result;
    const Baton__AttemptRecord *attempt = attempts_find(core, task, line->token, request->arena);
    const char *fault = result_fault(result);
    if (!fault && attempt && attempt->outcome == result->outcome) {
        answer_line(ret, BATON__CODE__CODE_OK, task, "");
        return;
    }
    bool waits = task->state == WAITING || task->state == READY;
    if (task->course->token == line->token && waits && task->course->worker && attempt &&
        attempt->outcome == BATON__OUTCOME__OUTCOME_LOST) {
        fault = fault ? fault : take_along(core, request, task, line);
        if (fault) {
            answer_line(ret, BATON__CODE__CODE_INVALID, task, fault);
            return;
        }
        struct ending ending = ending_of(core, request, task, result);
        ending.undo_loss = attempt->started_at != 0;
        emit_attempt_ended(core, request, task, result, &ending);
        answer_line(ret, BATON__CODE__CODE_OK, task, "");
        return;
    }
    if (fault) {
        answer_line(ret, BATON__CODE__CODE_STALE_TOKEN, task, "the lease has ended");
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
    if (task->course->token != line->token || !task->course->run) {
        report_late(core, request, task, line, ret);
        return;
    }
    const char *fault = result_fault(line->result);
    fault = fault ? fault : take_along(core, request, task, line);
    if (fault) {
        answer_line(ret, BATON__CODE__CODE_INVALID, task, fault);
        return;
    }
    struct ending ending = ending_of(core, request, task, line->result);
    emit_attempt_ended(core, request, task, line->result, &ending);
    answer_line(ret, BATON__CODE__CODE_OK, task, "");
}

/* Said again, it does not shorten what was asked for since. */
static void
report_started(struct core *core, struct core_request *request, struct task *task)
{
    struct run *run = task->course->run;
    run_renew(request, run, MAX(run->lease_ms, run->lease_until - request->now));
    if (task->state == LEASED) {
        emit_started(core, request, task); /* its move updates the timer */
    } else {
        timer_update(core, task);
    }
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
    const char *fault = measures_fault(progress->measures, progress->n_measures);
    if (fault) {
        answer_line(ret, BATON__CODE__CODE_INVALID, task, fault);
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
    progressed.measures = progress->measures;
    progressed.n_measures = progress->n_measures;
    Baton__Fact fact = BATON__FACT__INIT;
    fact.what_case = BATON__FACT__WHAT_PROGRESSED;
    fact.progressed = &progressed;
    emit(core, request, &fact);
    if (core->board.n_stale) {
        status_heard(core, request, task);
    }
    lease_renew(core, request, task, line->extend_ms);
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
    if (worker && task->course->worker && task->course->worker != worker &&
        task->course->token == line->token) {
        answer_line(ret, BATON__CODE__CODE_STALE_TOKEN, task, "the lease is another worker's");
        return;
    }
    if (line->what_case == BATON__LINE__WHAT_RESULT) {
        report_result(core, request, task, line, ret);
        return;
    }
    if (task->course->token != line->token || !task->course->run) {
        answer_line(ret, BATON__CODE__CODE_STALE_TOKEN, task, "the lease has ended");
        return;
    }
    switch (line->what_case) {
    case BATON__LINE__WHAT_STARTED:
        report_started(core, request, task);
        answer_line(ret, BATON__CODE__CODE_OK, task, "");
        break;
    case BATON__LINE__WHAT_BEAT:
        lease_renew(core, request, task, line->extend_ms);
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
