/* Who says that a task is done: what its role asks for, approval, and sending back. Rework keeps
 * the place in the order and begins with a new budget of attempts; the limit of it is apart. */
#include "broker/core/board/board.h"
#include "broker/core/evolve.h"

#include "common/alloc.h"

#include <string.h>

enum { REWORK_LIMIT = 2 };

/* The rule of the task's role in its project; NULL: there is none. */
static const Baton__Card *
rule_of(const struct core *core, const struct task *task)
{
    if (!core->board.n_roles || task->role >= ROLES_N) {
        return NULL;
    }
    const struct card *card = board_find_named(core, KIND(ROLE), task_project(core, task),
                                               role_names[task->role]);
    return card ? card->message : NULL;
}

bool
approval_is_asked(const struct core *core, const struct task *task)
{
    const Baton__Card *rule = rule_of(core, task);
    return task->approval || (rule && card_item(rule, "requires", "approval"));
}

bool
handoff_is_missing(const struct core *core, const struct task *task, uint64_t token)
{
    const Baton__Card *rule = rule_of(core, task);
    if (!rule || !card_item(rule, "requires", "handoff")) {
        return false;
    }
    const struct card *card = board_first_of(core, OF_TASK, task_project(core, task), task->id);
    for (; card; card = board_next_of(core, card)) {
        if (card->message->kind == KIND(HANDOFF) && card->message->token == token) {
            return false;
        }
    }
    return true;
}

static uint32_t
rework_limit(const struct core *core, const struct task *task)
{
    const Baton__Card *rule = rule_of(core, task);
    const Baton__Item *item = rule ? card_item(rule, "limit", "rework") : NULL;
    return item ? (uint32_t)item->value : REWORK_LIMIT;
}

/* ---- the clock ---- */

void
review_begin(struct core *core, struct task *task, int64_t at)
{
    const Baton__Card *rule = rule_of(core, task);
    const Baton__Item *item = rule ? card_item(rule, "limit", "review") : NULL;
    const Baton__Spec *spec = task_unpack(core, task, &core->scratch);
    struct task_ext *ext = task_ext(core, task);
    int64_t ms = spec->review_ms ? spec->review_ms : item ? (int64_t)item->value : REVIEW_MS;
    ext->review_at = at + ms / 4 * 3;
    ext->review_due = at + ms;
    ext->review_told = 0;
}

unsigned
review_next(const struct task *task, int64_t *ret_at)
{
    bool waits = task->state == REVIEW ||
                 (task->state == PARKED && task->reason == BATON__REASON__REASON_APPROVAL);
    const struct task_ext *ext = task->ext;
    *ret_at = NEVER;
    if (!waits || ext->review_told > 1) {
        return BATON__ALERT__ALERT_NONE;
    }
    *ret_at = ext->review_told ? ext->review_due : ext->review_at;
    return ext->review_told ? BATON__ALERT__ALERT_REVIEW_OVERDUE : BATON__ALERT__ALERT_REVIEW_DUE;
}

/* ---- the judgement ---- */

static void
emit_judged(struct core *core, struct core_request *request, const struct task *task, unsigned to,
            unsigned reason, const char *text)
{
    Baton__Judged judged = BATON__JUDGED__INIT;
    judged.key = task->key;
    judged.to = (Baton__TaskState)to;
    judged.reason = (Baton__Reason)reason;
    judged.text = (char *)(uintptr_t)text;
    Baton__Fact fact = BATON__FACT__INIT;
    fact.what_case = BATON__FACT__WHAT_JUDGED;
    fact.judged = &judged;
    emit(core, request, &fact);
}

void
emit_approved(struct core *core, struct core_request *request, struct task *task, const char *text)
{
    if (task->state == PARKED) {
        emit_judged(core, request, task, READY, 0, text[0] ? text : "approved: go on");
        return;
    }
    emit_judged(core, request, task, DONE, 0, text);
    if (core->board.n_unanswered) {
        handoffs_accept(core, request, task);
    }
}

void
emit_sent_back(struct core *core, struct core_request *request, struct task *task, const char *text)
{
    if (task->state == PARKED) {
        emit_judged(core, request, task, READY, 0, text);
        return;
    }
    bool again = (task->ext ? task->ext->rework : 0u) < rework_limit(core, task);
    emit_judged(core, request, task, again ? READY : FAILED,
                again ? 0 : BATON__REASON__REASON_REJECTED, text);
}

void
emit_returned(struct core *core, struct core_request *request, struct task *receiver,
              const struct task *from, const char *text)
{
    stop_add(request->out, receiver, core->config.cancel_grace_ms, text);
    Baton__Result result = BATON__RESULT__INIT;
    result.outcome = BATON__OUTCOME__OUTCOME_PARKED;
    result.wait_for = (char *)(uintptr_t) "rework";
    result.summary = arena_printf(request->arena, "%s was sent back", from->id);
    struct ending ending = {.to = (Baton__TaskState)READY, .text = ""};
    if (receiver->edges->n_pending) {
        ending.to = (Baton__TaskState)PARKED;
        ending.reason = BATON__REASON__REASON_REWORK;
    }
    emit_attempt_ended(core, request, receiver, &result, &ending);
}

/* To be done again: as after a retry, but it is counted and told why. */
static void
rework(struct core *core, struct task *task, const Baton__Fact *fact, struct core_out *out)
{
    attempts_unfold(core, task);
    struct course *course = task_course(core, task);
    struct task_ext *ext = task_ext(core, task);
    course->failures = course->losses = 0;
    course->worker = 0; /* what a lease of its former life still tells comes too late */
    ext->rework++;
    set_text(&ext->note, fact->judged->text);
    set_text(&ext->reason_text, fact->judged->text);
    wait_until_start(core, task, fact->at);
    unique_index(core, task, task_unpack(core, task, &core->scratch));
    unsigned reason;
    unsigned to = place_of(task, &reason);
    task_move(core, task, to, reason, out, fact->at,
              &(struct event_more){.actor = fact->actor, .text = fact->judged->text});
    settle_if_due(core, task);
}

void
evolve_judged(struct core *core, const Baton__Fact *fact, struct core_out *out)
{
    const Baton__Judged *judged = fact->judged;
    struct task *task = task_by_key(core, judged->key);
    CHECK(task && (task_is_aside(task) || task->state == DONE));
    snapshot_keep(core, task);
    if (task->state == PARKED) {
        unpark(core, task, judged->text, fact->actor, out, fact->at);
    } else if (state_is_terminal(judged->to)) {
        set_text(&task_ext(core, task)->reason_text, judged->text);
        task_move(core, task, judged->to, judged->reason, out, fact->at,
                  &(struct event_more){.actor = fact->actor, .text = judged->text});
    } else {
        rework(core, task, fact, out);
    }
}
