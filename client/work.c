/* One task at a time, for agents and scripts: take it, say how it goes, end it. */
#include "client/card.h"
#include "client/handle.h"
#include "client/measure.h"
#include "client/view.h"

/* One ask for work waits so long at the broker: short enough that a broker that hangs is noticed.
 */
enum { TAKE_SLICE_MS = 20 * 1000 };

static baton_status
assignment_make(struct baton *b, const Baton__Assignment *task, baton_assignment **ret_assignment)
{
    switch (assignment_from_message(task, ret_assignment)) {
    case MADE:
        return BATON_OK;
    case NOT_MADE_NO_MEMORY:
        return no_memory(b, NULL);
    case NOT_MADE_UNREADABLE:
        break;
    }
    return fault_set(&b->fault, BATON_MALFORMED,
                     "the broker gave the task %.*s, but its content can't be read: are broker and "
                     "library of versions that fit together?",
                     ID_BYTES_MAX, task->id);
}

baton_status
baton_take(baton *b, const struct baton_take *take, baton_assignment **ret_assignment)
{
    Baton__Ref task = BATON__REF__INIT;
    task.project = pb_text(take->task.project);
    task.id = pb_text(take->task.id);
    Baton__Take m = BATON__TAKE__INIT;
    m.roles = pb_texts(take->roles);
    m.n_roles = take->n_roles;
    m.projects = pb_texts(take->projects);
    m.n_projects = take->n_projects;
    m.max = 1;
    m.worker = pb_text(take->worker ? take->worker : b->actor);
    m.lease_ms = take->lease_ms;
    m.task = take->task.id && *take->task.id ? &task : NULL;

    int64_t until = take->wait_ms < 0 ? INT64_MAX : clock_ms() + take->wait_ms;
    int64_t left = take->wait_ms < 0 ? INT64_MAX : take->wait_ms;
    for (;; left = MAX(until - clock_ms(), 0)) {
        m.wait_ms = MIN(left, TAKE_SLICE_MS);
        Baton__ToBroker message = BATON__TO_BROKER__INIT;
        message.op_case = BATON__TO_BROKER__OP_TAKE;
        message.take = &m;
        struct ask ask = {
            .message = &message,
            .changing = true,
            .answer = BATON__FROM_BROKER__OP_ASSIGN,
            .silence_ms = m.wait_ms,
        };
        struct answer answer;
        baton_status status = request(b, &ask, &answer);
        if (status) {
            return status;
        }
        const Baton__Assign *assign = answer.message->assign;
        bool got = assign->n_tasks > 0;
        if (got) {
            status = assignment_make(b, assign->tasks[0], ret_assignment);
        }
        record_free(answer.record);
        if (got) {
            return status;
        }
        if (clock_ms() >= until) {
            return fault_set(&b->fault, BATON_TIMEOUT, "there is no task to take now");
        }
    }
}

baton_status
baton_context(baton *b, struct baton_ref ref, baton_assignment **ret_assignment)
{
    Baton__Ref task = BATON__REF__INIT;
    task.project = pb_text(ref.project);
    task.id = pb_text(ref.id);
    Baton__Get get = BATON__GET__INIT;
    get.task = &task;
    Baton__ToBroker message = BATON__TO_BROKER__INIT;
    message.op_case = BATON__TO_BROKER__OP_CONTEXT;
    message.context = &get;
    struct ask ask = {.message = &message, .answer = BATON__FROM_BROKER__OP_CONTEXT};
    struct answer answer;
    baton_status status = request(b, &ask, &answer);
    if (status) {
        return status;
    }
    status = assignment_make(b, answer.message->context, ret_assignment);
    record_free(answer.record);
    return status;
}

/* Sends one line and gives its answer. */
static baton_status
line_send(struct baton *b, Baton__Line *line, struct baton_line_reply *ret_reply)
{
    Baton__Report report = BATON__REPORT__INIT;
    report.lines = &line;
    report.n_lines = 1;
    Baton__ToBroker message = BATON__TO_BROKER__INIT;
    message.op_case = BATON__TO_BROKER__OP_REPORT;
    message.report = &report;
    struct ask ask = {.message = &message, .answer = BATON__FROM_BROKER__OP_REPORTED};
    struct answer answer;
    baton_status status = request(b, &ask, &answer);
    if (status) {
        return status;
    }
    const Baton__Reported *reported = answer.message->reported;
    if (reported->n_lines != 1 || reported->lines[0]->token != line->token) {
        status = fault_set(&b->fault, BATON_MALFORMED,
                           "the broker's answer to a report is about something else");
    } else {
        const Baton__LineReply *reply = reported->lines[0];
        Baton__Error error = BATON__ERROR__INIT;
        error.code = reply->code;
        error.message = reply->message;
        status = reply->code == BATON__CODE__CODE_OK ? BATON_OK : fault_take(&b->fault, &error);
        if (ret_reply) {
            *ret_reply = (struct baton_line_reply){.state = (baton_state)reply->state,
                                                   .stop = reply->stop};
        }
    }
    record_free(answer.record);
    return status;
}

baton_status
baton_started(baton *b, uint64_t token, struct baton_line_reply *ret_reply)
{
    Baton__Line line = BATON__LINE__INIT;
    line.token = token;
    line.what_case = BATON__LINE__WHAT_STARTED;
    line.started = true;
    return line_send(b, &line, ret_reply);
}

baton_status
baton_beat(baton *b, uint64_t token, int64_t extend_ms, struct baton_line_reply *ret_reply)
{
    Baton__Line line = BATON__LINE__INIT;
    line.token = token;
    line.what_case = BATON__LINE__WHAT_BEAT;
    line.beat = true;
    line.extend_ms = extend_ms;
    return line_send(b, &line, ret_reply);
}

static baton_status
too_many_measures(struct baton *b)
{
    return fault_set(&b->fault, BATON_TOO_LARGE, "measures: at most %d in one report",
                     (int)MEASURES_MAX);
}

baton_status
baton_progress(baton *b, uint64_t token, uint32_t percent, const char *text, int64_t next_update_at,
               struct baton_line_reply *ret_reply)
{
    return baton_progress_measured(b, token, percent, text, next_update_at, NULL, 0, ret_reply);
}

baton_status
baton_progress_measured(baton *b, uint64_t token, uint32_t percent, const char *text,
                        int64_t next_update_at, const struct baton_measure *measures,
                        size_t n_measures, struct baton_line_reply *ret_reply)
{
    struct measure_messages said;
    if (!measures_to_messages(measures, n_measures, &said)) {
        return too_many_measures(b);
    }
    Baton__Progress progress = BATON__PROGRESS__INIT;
    progress.measures = said.list;
    progress.n_measures = said.n;
    progress.percent = percent;
    progress.text = pb_text(text);
    progress.next_update_at = next_update_at;
    Baton__Line line = BATON__LINE__INIT;
    line.token = token;
    line.what_case = BATON__LINE__WHAT_PROGRESS;
    line.progress = &progress;
    return line_send(b, &line, ret_reply);
}

baton_status
baton_complete(baton *b, uint64_t token, const struct baton_result *result,
               struct baton_line_reply *ret_reply)
{
    if (result->n_measures > MEASURES_MAX) {
        return too_many_measures(b);
    }
    struct record *scratch = scratch_new(b, 256);
    if (!scratch) {
        return BATON_NO_MEMORY;
    }
    Baton__Line line = BATON__LINE__INIT;
    line.handoff = result->handoff ? card_to_message(scratch, result->handoff) : NULL;
    line.result = result_to_message(scratch, result);
    if (scratch->failed || !line.result) {
        return no_memory(b, scratch);
    }
    line.token = token;
    line.what_case = BATON__LINE__WHAT_RESULT;
    baton_status status = line_send(b, &line, ret_reply);
    record_free(scratch);
    return status;
}
