/* How an attempt ends, and what follows: done, another attempt after a back-off, dead letter. */
#include "broker/core/state.h"

#include "common/text.h"

#include <string.h>

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
    struct rng rng = {.state = request->seed ^ task->key ^ task->course->token};
    return 1 + (int64_t)rng_below(&rng, (uint64_t)delay);
}

static void
after_failure(const struct core *core, const struct core_request *request, const struct task *task,
              struct ending *ending)
{
    const Baton__Spec *spec = task->has_limits ? task_unpack(core, task, request->arena) : NULL;
    uint32_t max = spec && spec->max_attempts ? spec->max_attempts : core->config.max_attempts;
    uint32_t failures = task->course->failures + 1u;
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
    const Baton__Spec *spec = task->has_limits ? task_unpack(core, task, request->arena) : NULL;
    uint32_t limit = spec && spec->crash_limit ? spec->crash_limit : core->config.crash_limit;
    ending->lost = true;
    if (task->course->losses + 1u >= limit) {
        ending->to = (Baton__TaskState)FAILED;
        ending->reason = BATON__REASON__REASON_CRASH_LIMIT;
    }
}

/* Done, unless its role or itself asks for more. Without the handoff that is asked for there is
 * nothing to review: the attempt has failed, and the next one is told. */
static void
after_done(const struct core *core, const struct core_request *request, const struct task *task,
           struct ending *ending)
{
    if (handoff_is_missing(core, task, task->course->token)) {
        after_failure(core, request, task, ending);
        ending->text = arena_printf(request->arena,
                                    "not done: the role %s requires a handoff, and this attempt "
                                    "gave none",
                                    role_names[task->role]);
    } else if (approval_is_asked(core, task)) {
        ending->to = (Baton__TaskState)REVIEW;
        ending->reason = BATON__REASON__REASON_APPROVAL;
    } else {
        ending->to = (Baton__TaskState)DONE;
    }
}

/* The result was checked: what it waits for has its one form. */
static void
after_parked(const struct core *core, const struct core_request *request, const struct task *task,
             const Baton__Result *result, struct ending *ending)
{
    ending->to = (Baton__TaskState)READY;
    ending->text = arena_printf(request->arena, "%s: nothing is left to wait for",
                                park_words(request->arena, result->wait_for));
    if (!park_is_over(core, task, result->wait_for)) {
        ending->to = (Baton__TaskState)PARKED;
        ending->reason = park_reason(result->wait_for);
        ending->text = result->summary;
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

struct ending
ending_of(const struct core *core, const struct core_request *request, const struct task *task,
          const Baton__Result *result)
{
    struct ending ending = {.text = ""};
    bool yields = task->state == CANCELLING && task->reason == BATON__REASON__REASON_PREEMPTED;
    if (yields && result->outcome != BATON__OUTCOME__OUTCOME_DONE) {
        ending.to = (Baton__TaskState)READY;
        ending.text = kept_reason(request, task);
        return ending;
    }
    if (task->state == CANCELLING && !cancelling_is_by_the_way(task)) {
        ending.to = (Baton__TaskState)CANCELLED;
        ending.reason = task->reason;
        ending.text = kept_reason(request, task);
        return ending;
    }
    if (task->state == CANCELLING && !yields && result->outcome != BATON__OUTCOME__OUTCOME_DONE) {
        after_failure(core, request, task, &ending);
        ending.text = "the longest run time had passed";
        return ending;
    }
    int64_t delay = MIN(result->retry_after_ms, DURATION_MS_MAX);
    switch (result->outcome) {
    case BATON__OUTCOME__OUTCOME_DONE:
        after_done(core, request, task, &ending);
        break;
    case BATON__OUTCOME__OUTCOME_PARKED:
        after_parked(core, request, task, result, &ending);
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

void
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
    core->latest_slot = task->slot;
    emit(core, request, &fact);
    if (ending->to == (Baton__TaskState)DONE && core->board.n_unanswered) {
        handoffs_accept(core, request, task);
    }
    if (core->board.n_of_leases) {
        reservations_end(core, request, task, ending->unclean || ending->lost);
    }
}

void
lease_end(struct core *core, struct core_request *request, struct task *task, unsigned outcome,
          const char *summary)
{
    Baton__Result result = BATON__RESULT__INIT;
    result.outcome = (Baton__Outcome)outcome;
    if (task->state == CANCELLING && task->reason == BATON__REASON__REASON_TIMEOUT) {
        result.outcome = BATON__OUTCOME__OUTCOME_TIMED_OUT; /* counted: not a loss to be undone */
    } else if (task->state == CANCELLING && task->reason == BATON__REASON__REASON_PREEMPTED) {
        result.outcome = BATON__OUTCOME__OUTCOME_RELEASED; /* nor is this one */
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
    if (cancelling_is_by_the_way(task)) {
        result.outcome = task->reason == BATON__REASON__REASON_TIMEOUT
                             ? BATON__OUTCOME__OUTCOME_TIMED_OUT
                             : BATON__OUTCOME__OUTCOME_RELEASED;
        ending = ending_of(core, request, task, &result);
    } else {
        ending = (struct ending){.to = (Baton__TaskState)CANCELLED,
                                 .reason = BATON__REASON__REASON_UNCLEAN,
                                 .text = kept_reason(request, task)};
    }
    ending.unclean = true;
    emit_attempt_ended(core, request, task, &result, &ending);
}
