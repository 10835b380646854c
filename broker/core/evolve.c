/* evolve: the only writer of the state. One function a fact; what follows from a fact by itself (a
 * dependent becomes ready) is derived here and not journaled a second time. Everything is a
 * function of the state and the fact: no clock, no randomness, so that a replayed journal gives the
 * same state.
 *
 * emit() is the live path: it gives a fact its sequence number, applies it, and appends it to the
 * request's journal. */
#include "broker/core/evolve.h"
#include "broker/core/board/board.h"

void
evolve(struct core *core, const Baton__Fact *fact, uint64_t seq, struct core_out *out)
{
    CHECK(seq == core->seq + 1);
    core->seq = seq;
    core->now = MAX(core->now, fact->at);
    switch (fact->what_case) {
    case BATON__FACT__WHAT_EPOCH_BEGAN:
        evolve_epoch(core, fact, out);
        break;
    case BATON__FACT__WHAT_ADDED:
        evolve_added(core, fact, seq, out);
        break;
    case BATON__FACT__WHAT_RESPECIFIED:
        evolve_respecified(core, fact, out);
        break;
    case BATON__FACT__WHAT_LEASED:
        evolve_leased(core, fact, seq, out);
        break;
    case BATON__FACT__WHAT_STARTED:
        evolve_started(core, fact, out);
        break;
    case BATON__FACT__WHAT_PROGRESSED:
        evolve_progressed(core, fact, out);
        break;
    case BATON__FACT__WHAT_ATTEMPT_ENDED:
        evolve_attempt_ended(core, fact, out);
        break;
    case BATON__FACT__WHAT_DUE:
        evolve_due(core, fact, out);
        break;
    case BATON__FACT__WHAT_CANCELLING:
        evolve_cancelling(core, fact, out);
        break;
    case BATON__FACT__WHAT_ENDED:
        evolve_ended(core, fact, out);
        break;
    case BATON__FACT__WHAT_HOLD_SET:
        evolve_hold_set(core, fact, out);
        break;
    case BATON__FACT__WHAT_REVIVED:
        evolve_revived(core, fact, out);
        break;
    case BATON__FACT__WHAT_PAUSED:
        evolve_paused(core, fact, out);
        break;
    case BATON__FACT__WHAT_RESUMED:
        evolve_resumed(core, fact, out);
        break;
    case BATON__FACT__WHAT_RESOURCE_SET:
        evolve_resource_set(core, fact, out);
        break;
    case BATON__FACT__WHAT_PROJECT_SET:
        evolve_project_set(core, fact, out);
        break;
    case BATON__FACT__WHAT_ORPHANED:
        evolve_orphaned(core, fact, out);
        break;
    case BATON__FACT__WHAT_WORKER_NAMED:
        worker_add(core, seq, fact->worker_named->name);
        break;
    case BATON__FACT__WHAT_ANSWERED:
        answers_evolve(core, fact->answered, fact->at);
        break;
    case BATON__FACT__WHAT_FORGOTTEN:
        answers_forget(core, fact->forgotten);
        break;
    case BATON__FACT__WHAT_ARCHIVED:
        evolve_archived(core, fact, out);
        break;
    case BATON__FACT__WHAT_STALLED:
        evolve_stalled(core, fact, out);
        break;
    case BATON__FACT__WHAT_UNLOCKED:
        linger_end(core, fact->unlocked->token);
        break;
    case BATON__FACT__WHAT_LOCKED:
        evolve_locked(core, fact, out);
        break;
    case BATON__FACT__WHAT_LOCK_RELEASED:
        evolve_lock_released(core, fact, out);
        break;
    case BATON__FACT__WHAT_CARD_PUT:
        evolve_card_put(core, fact, seq, out);
        break;
    case BATON__FACT__WHAT_CARD_GONE:
        evolve_card_gone(core, fact, out);
        break;
    case BATON__FACT__WHAT_JUDGED:
        evolve_judged(core, fact, out);
        break;
    case BATON__FACT__WHAT_ALERTED:
        evolve_alerted(core, fact, out);
        break;
    case BATON__FACT__WHAT_BUDGET_TIMED:
        evolve_budget_timed(core, fact, out);
        break;
    case BATON__FACT__WHAT__NOT_SET:
    case _BATON__FACT__WHAT__CASE_IS_INT_SIZE:
    default:
        CHECK(!"a fact of this kind is not known");
    }
    if (core->scratch.used > 0) {
        arena_reset(&core->scratch);
    }
}

/* ---- the live path ---- */

static uint64_t
append(struct core *core, struct core_request *request, Baton__Fact *fact)
{
    uint64_t seq = core->seq + 1;
    struct core_out *out = request->out;
    fact->at = MAX(request->now, core->now);
    fact->actor = (char *)(uintptr_t)(request->actor ? request->actor : "");
    if (out->n_facts++ == 0) {
        out->first_seq = seq;
    }
    fact_pack(&out->facts, fact, &request->head);
    buf_fetch(&out->facts);
    evolve(core, fact, seq, out);
    return seq;
}

/* Milestones that are through, and tasks whose policy says abort. */
void
settle(struct core *core, struct core_request *request)
{
    while (core->n_settle > 0) {
        struct task *task = task_at(core, core->settle[--core->n_settle]);
        task->settling = false;
        notice_settle(core, request, task);
        if (task->state != WAITING) {
            continue;
        }
        Baton__Ended ended = BATON__ENDED__INIT;
        ended.key = task->key;
        if (task->edges->n_abort) {
            const struct task *culprit = edges_culprit(core, task);
            ended.to = (Baton__TaskState)ABORTED;
            ended.reason = BATON__REASON__REASON_UPSTREAM;
            ended.by = culprit ? culprit->key : 0;
        } else if (task->milestone && !task->held && !task->timed && !task_is_blocked(task) &&
                   edges_are_clear(task)) {
            ended.to = (Baton__TaskState)DONE;
        } else {
            continue;
        }
        Baton__Fact fact = BATON__FACT__INIT;
        fact.what_case = BATON__FACT__WHAT_ENDED;
        fact.ended = &ended;
        append(core, request, &fact);
    }
}

uint64_t
emit(struct core *core, struct core_request *request, Baton__Fact *fact)
{
    uint64_t seq = append(core, request, fact);
    if (core->n_settle > 0 && !core->settles_later) {
        settle(core, request);
    }
    return seq;
}
