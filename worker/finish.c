/* The end of a run: evidence, verdict, result, report. */
#include "worker/slot.h"

#include "common/alloc.h"
#include "common/log.h"
#include "common/words.h"
#include "worker/adapter.h"
#include "worker/clean.h"
#include "worker/handoff.h"
#include "worker/result.h"
#include "worker/spool.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { CHECK_TAIL_BYTES = 700 /* of its output, in the summary */ };

/* ---- the check ---- */

static char *
describe_check(const struct slot *slot, int status)
{
    struct buf tail = {0};
    struct buf says = {0};
    output_tail(&slot->check_output, CHECK_TAIL_BYTES, &tail);
    char *end = clean_tail(tail.data, tail.bytes, CHECK_TAIL_BYTES);
    if (slot->checked.exec_errno) {
        buf_printf(&says, "it cannot be run: %s", strerror(slot->checked.exec_errno));
    } else if (status < 0) {
        buf_printf(&says, "killed by signal %d: %s", -status, end);
    } else {
        buf_printf(&says, "exit status %d: %s", status, end);
    }
    char *text = xstrdup(buf_text(&says));
    free(end);
    buf_fini(&tail);
    buf_fini(&says);
    return text;
}

static int
exit_status(const struct ending *ending)
{
    struct evidence evidence = {.have_status = ending->have_status,
                                .wait_status = ending->wait_status};
    return verdict_exit_status(&evidence);
}

static void
settle_check(struct slot *slot)
{
    slot->checking = false;
    const struct ending *checked = &slot->checked;
    int status = exit_status(checked);
    bool passed = !slot->check_says && checked->have_status && status == 0 && !checked->exec_errno;
    slot->check = passed ? CHECK_PASSED : CHECK_FAILED;
    if (!slot->check_says) {
        slot->check_says = describe_check(slot, checked->have_status ? status : -SIGKILL);
    }
}

/* ---- the judgement ---- */

/* What an adapter and the patterns read: the end of the output, as text. */
static char *
end_of(const struct output *output, size_t *ret_bytes)
{
    struct buf text = {0};
    output_tail(output, output->kept, &text);
    *ret_bytes = text.bytes;
    char *copy = xmemdup(buf_text(&text), text.bytes + 1);
    buf_fini(&text);
    return copy;
}

static bool
speaks_of_limit(struct slot *slot, const struct finding *adapter, int64_t *ret_ms)
{
    struct buf text = {0};
    /* With an adapter standard output is the agent's work, which may well speak of rate limits. */
    if (slot->worker->options->adapter == ADAPTER_NONE) {
        output_tail(&slot->out, OUTPUT_TAIL_BYTES, &text);
    } else if (adapter->summary) {
        buf_add_text(&text, adapter->summary);
    }
    buf_add_text(&text, "\n");
    output_tail(&slot->err, OUTPUT_TAIL_BYTES, &text);
    bool match = adapter_limits_match(slot->worker->limits, buf_text(&text), ret_ms);
    buf_fini(&text);
    return match;
}

static void
judge_with(struct slot *slot, const struct finding *file, const struct finding *adapter)
{
    const struct options *options = slot->worker->options;
    const char *const *argv = slot->own_command ? slot->task->spec->command
                                                : options->command.items;
    size_t n_argv = slot->own_command ? slot->task->spec->n_command : options->command.n;
    struct evidence evidence = {
        .cause = slot->cause,
        .limit_ms = slot->limit_ms,
        .trouble = slot->trouble[0] ? slot->trouble : NULL,
        .trouble_is_task = slot->trouble_is_task,
        .exec_errno = slot->agent.exec_errno,
        .own_command = slot->own_command,
        .command = n_argv ? argv[0] : "",
        .have_status = slot->agent.have_status,
        .wait_status = slot->agent.wait_status,
        .file = file,
        .adapter = adapter,
        .check = slot->check,
        .check_says = slot->check_says ? slot->check_says : "",
    };
    evidence.limited = speaks_of_limit(slot, adapter, &evidence.limited_ms);
    slot->verdict = verdict_find(&evidence);
}

/* Where the run looks as if nothing came of it, the agent may have told the broker so itself. */
static bool
may_have_ended_itself(const struct slot *slot)
{
    return slot->cause == CAUSE_NONE && slot->agent.have_status && !slot->verdict.need_check &&
           slot->verdict.said.outcome != BATON_OUTCOME_DONE;
}

void
slot_judge(struct slot *slot)
{
    if (slot->checking) {
        settle_check(slot);
    }
    struct finding file = slot->directory >= 0 ? result_read(slot->directory, "result.json")
                                               : (struct finding){0};
    file.document = handoff_mark_missing(file.document, slot->workdir);
    size_t bytes;
    char *text = end_of(&slot->out, &bytes);
    struct finding adapter = adapter_read(slot->worker->options->adapter, text, bytes);
    free(text);
    slot->measures = file.measures;
    measures_merge(&slot->measures, &adapter.measures);
    judge_with(slot, &file, &adapter);
    if (may_have_ended_itself(slot) && worker_lease_is_over(slot->worker, slot->task->token)) {
        slot->cause = CAUSE_LOST;
        finding_fini(&slot->verdict.said);
        judge_with(slot, &file, &adapter);
    }
    finding_fini(&file);
    finding_fini(&adapter);
    slot_event(slot, slot->verdict.need_check ? RUN_EV_NEED_CHECK : RUN_EV_VERDICT);
}

/* ---- the report ---- */

/* The ends of both streams; what went wrong stands in the second, so it comes last. */
static char *
make_tail(const struct slot *slot)
{
    struct buf out = {0};
    struct buf err = {0};
    output_tail(&slot->out, OUTPUT_TAIL_BYTES, &out);
    output_tail(&slot->err, OUTPUT_TAIL_BYTES, &err);
    char *first = clean_tail(out.data, out.bytes, OUTPUT_TAIL_BYTES - 32);
    char *second = clean_tail(err.data, err.bytes, OUTPUT_TAIL_BYTES - 32);
    struct buf both = {0};
    buf_add_text(&both, first);
    if (*first && *second) {
        buf_printf(&both, "%s[standard error]\n", both.data[both.bytes - 1] == '\n' ? "" : "\n");
    }
    buf_add_text(&both, second);
    char *text = xstrdup(buf_text(&both));
    free(first);
    free(second);
    buf_fini(&out);
    buf_fini(&err);
    buf_fini(&both);
    return text;
}

/* What this end says about the worker itself. */
static void
set_brakes(struct slot *slot)
{
    struct worker *worker = slot->worker;
    struct verdict *verdict = &slot->verdict;
    struct finding *said = &verdict->said;
    if (verdict->no_report) {
        return;
    }
    struct log_about about = slot_about(slot);
    if (said->outcome == BATON_OUTCOME_RATE_LIMITED) {
        int64_t hold = brake_pull(&worker->rate, worker->now, said->retry_after_ms);
        said->retry_after_ms = said->retry_after_ms ? said->retry_after_ms : hold;
        log_event_about(LOG_LEVEL_WARNING, "provider.limited", &about,
                        "takes_nothing_for_s=%" PRId64 " why=%s", hold / 1000,
                        log_quote(said->summary).s);
    } else if (said->outcome == BATON_OUTCOME_DONE) {
        brake_ease(&worker->rate);
        brake_ease(&worker->starts);
    }
    worker->failed_starts = verdict->failed_start ? worker->failed_starts + 1 : 0;
    if (verdict->misconfigured || worker->failed_starts >= BRAKE_FAILED_STARTS) {
        bool said_so = brake_is_on(&worker->starts, worker->now);
        int64_t hold = brake_pull(&worker->starts, worker->now, 0);
        said->retry_after_ms = MAX(said->retry_after_ms, hold);
        log_event_about(said_so ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR, "agent.cannot_start", &about,
                        "takes_nothing_for_s=%" PRId64 " why=%s mend=%s", hold / 1000,
                        log_quote(said->summary).s,
                        log_quote("correct the command after -- and restart this worker").s);
    } else if (verdict->failed_start) {
        said->retry_after_ms = MAX(said->retry_after_ms, (int64_t)BRAKE_START_FIRST_MS);
    }
}

static void
say_end(const struct slot *slot, const struct baton_result *result)
{
    bool is_well = result->outcome == BATON_OUTCOME_DONE ||
                   result->outcome == BATON_OUTCOME_PARKED || slot->verdict.no_report;
    struct log_about about = slot_about(slot);
    log_event_about(is_well ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING,
                    slot->verdict.no_report ? "task.dropped" : "task.ended", &about,
                    "outcome=%s exit=%d runtime_ms=%" PRId64 " summary=%s",
                    slot->verdict.no_report ? "lost" : outcome_name((int)result->outcome),
                    result->exit_status, result->runtime_ms, log_quote(result->summary).s);
}

static void
deliver(struct slot *slot, const struct baton_result *result)
{
    struct worker *worker = slot->worker;
    const baton_assignment *task = slot->task;
    if (!slot->verdict.no_report) {
        slot->progress.next_at = 0; /* what it said last is not left out */
        slot_tell_progress(slot);
        worker_report(worker, task->token, task->project, task->id, result);
    } else if (slot->verdict.keep &&
               !spool_save(worker->state.orphans, task->token, task->project, task->id, result)) {
        log_event(LOG_LEVEL_WARNING, "state.write_failed", "file=orphans/%" PRIu64 " why=%s",
                  task->token, log_quote(strerror(errno)).s);
    }
    state_lease_end(&worker->state, task->token, task->project, task->id);
    state_prune(&worker->state);
}

void
slot_finish(struct slot *slot)
{
    output_finish(&slot->out, "standard output");
    output_finish(&slot->err, "standard error");
    output_finish(&slot->check_output, "the check's output");
    set_brakes(slot);
    const struct finding *said = &slot->verdict.said;
    char *tail = make_tail(slot);
    int64_t ended_at = slot->ended_at ? slot->ended_at : slot->worker->now;
    struct baton_measure measures[MEASURES_MAX];
    struct baton_result result = {
        .outcome = said->outcome,
        .summary = said->summary ? said->summary : "",
        .document = said->document,
        .document_bytes = said->document ? strlen(said->document) : 0,
        .exit_status = exit_status(&slot->agent),
        .output_tail = tail,
        .output_bytes = slot->out.total + slot->err.total,
        .retry_after_ms = said->retry_after_ms,
        .runtime_ms = ended_at - slot->started_at,
        .measures = measures,
        .n_measures = measures_view(&slot->measures, measures),
        .wait_for = said->wait_for,
    };
    say_end(slot, &result);
    deliver(slot, &result);
    free(tail);
}
