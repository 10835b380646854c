/* Facts about leases: given, started, reported on, ended; and the claims that outlive an unclean
 * end. */
#include "broker/core/evolve.h"

#include "common/alloc.h"
#include "common/pack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
evolve_leased(struct core *core, const Baton__Fact *fact, uint64_t seq, struct core_out *out)
{
    const Baton__Leased *leased = fact->leased;
    struct task *task = task_by_key(core, leased->key);
    CHECK(task && task->state == READY && edges_are_clear(task));
    snapshot_keep(core, task);
    struct course *course = task_course(core, task);
    course->token = seq;
    course->worker = index64_get(&core->workers_by_number, leased->worker);
    CHECK(course->worker);
    course->attempt++;
    index64_put(&core->by_token, seq, task->slot);
    struct run *run = run_new(core);
    run->lease_ms = leased->lease_ms;
    run->sessionless = leased->sessionless;
    run->lease_until = fact->at + leased->lease_ms;
    run->start_until = fact->at + core->config.start_ms;
    run->stall_ms = core->config.stall_ms;
    if (task->has_limits) {
        const Baton__Spec *spec = task_unpack(core, task, &core->scratch);
        run->max_runtime_ms = spec->max_runtime_ms;
        run->stall_ms = spec->stall_ms ? spec->stall_ms : run->stall_ms;
    }
    if (run->sessionless) {
        run->start_until = NEVER; /* nobody starts it apart from whoever took it */
    }
    course->run = run;
    if (task->ext) {
        task->ext->progress = 0;
        task->ext->progress_at = 0;
        task->ext->next_update_at = 0;
        set_text(&task->ext->progress_text, NULL);
        set_text(&task->ext->reason_text, NULL);
        measures_begin(task);
    }
    struct tally_role *tally = &core->tally.roles[task->role];
    tally->leases++;
    tally->retries += course->attempt > 1;
    if (course->attempt == 1) {
        tally_time(&tally->waits, fact->at - task->ready_at);
    }
    worker_list_add(core, task);
    if (task->ext) {
        resource_take(core, task->ext->claims, task->ext->n_claims);
    }
    task_move(core, task, LEASED, BATON__REASON__REASON_OK, out, fact->at, &(struct event_more){0});
    if (core->n_budgets) {
        budgets_lease(core, task, out, fact->at);
    }
}

void
evolve_started(struct core *core, const Baton__Fact *fact, struct core_out *out)
{
    struct task *task = task_by_key(core, fact->started->key);
    CHECK(task && task->state == LEASED);
    snapshot_keep(core, task);
    task_course(core, task)->started_at = fact->at;
    task->course->run->stall_at = fact->at + task->course->run->stall_ms;
    task_move(core, task, RUNNING, BATON__REASON__REASON_OK, out, fact->at,
              &(struct event_more){0});
}

void
evolve_progressed(struct core *core, const Baton__Fact *fact, struct core_out *out)
{
    const Baton__Progressed *progressed = fact->progressed;
    struct task *task = task_by_key(core, progressed->key);
    CHECK(task && task->course->run);
    snapshot_keep(core, task);
    struct task_ext *ext = task_ext(core, task);
    ext->progress = progressed->percent;
    ext->progress_at = fact->at;
    ext->next_update_at = progressed->next_update_at;
    set_text(&ext->progress_text, progressed->text);
    measures_take(core, task, progressed->measures, progressed->n_measures, out, fact->at);
    budgets_time(core, task, out, fact->at);
    struct run *run = task->course->run;
    run->stalled = false;
    run->stall_at = MAX(fact->at + run->stall_ms, ext->next_update_at);
    if (task->state == RUNNING) {
        task->reason = BATON__REASON__REASON_OK;
    }
    timer_update(core, task);
    event_task(core, out, fact->at, BATON__EVENT__KIND__PROGRESS, task,
               &(struct event_more){.from = task->state, .text = progressed->text});
}

void
evolve_stalled(struct core *core, const Baton__Fact *fact, struct core_out *out)
{
    struct task *task = task_by_key(core, fact->stalled->key);
    CHECK(task && task->state == RUNNING);
    snapshot_keep(core, task);
    task->course->run->stalled = true;
    task->reason = BATON__REASON__REASON_STALLED;
    timer_update(core, task);
    event_task(core, out, fact->at, BATON__EVENT__KIND__STALLED, task,
               &(struct event_more){.from = RUNNING});
}

static void
linger_add(struct core *core, const struct task *task, int64_t until)
{
    struct linger *linger = xcalloc(1, sizeof *linger);
    *linger = (struct linger){
        .token = task->course->token,
        .until = until,
        .n_claims = task->ext->n_claims,
        .claims = xmemdup(task->ext->claims, task->ext->n_claims * sizeof *linger->claims),
        .next = NULL};
    struct linger **at = &core->lingers;
    while (*at) {
        at = &(*at)->next;
    }
    *at = linger;
    for (uint32_t i = 0; i < linger->n_claims; i++) {
        core->resources[linger->claims[i].resource]->n_claims++;
    }
}

void
linger_end(struct core *core, uint64_t token)
{
    for (struct linger **at = &core->lingers; *at; at = &(*at)->next) {
        struct linger *linger = *at;
        if (linger->token == token) {
            *at = linger->next;
            resource_give_back(core, linger->claims, linger->n_claims);
            resource_unclaim(core, linger->claims, linger->n_claims);
            free(linger->claims);
            free(linger);
            return;
        }
    }
}

/* The lease is over: its slot, its worker's list, its resources. */
static void
lease_close(struct core *core, struct task *task, bool unclean, int64_t at)
{
    worker_list_remove(core, task);
    run_free(core, task);
    if (task->ext && task->ext->n_claims) {
        if (unclean) {
            linger_add(core, task, at + core->config.linger_ms);
        } else {
            resource_give_back(core, task->ext->claims, task->ext->n_claims);
        }
        claims_drop_taken(core, task);
    }
}

static void
tally_end(struct core *core, const struct task *task, const Baton__AttemptEnded *ended, int64_t at)
{
    struct tally_role *tally = &core->tally.roles[task->role];
    unsigned outcome = ended->result ? ended->result->outcome : BATON__OUTCOME__OUTCOME_RELEASED;
    if (outcome < TALLY_OUTCOMES) {
        tally->outcomes[outcome]++;
    }
    if (task->state != LEASED) {
        tally_time(&tally->runs, at - task->course->started_at);
    }
}

/* What was noted for the attempt has been read, unless it was lost or given back. Why an attempt
 * that said done was not taken as done, and that one that parks had nothing to wait for, is noted
 * for the next one. */
static void
note_spend(struct core *core, struct task *task, const Baton__AttemptEnded *ended)
{
    unsigned outcome = ended->result ? ended->result->outcome : BATON__OUTCOME__OUTCOME_LOST;
    bool waits_not = outcome == BATON__OUTCOME__OUTCOME_PARKED &&
                     ended->to == (Baton__TaskState)READY && ended->text[0];
    if (waits_not) {
        set_text(&task_ext(core, task)->note, ended->text);
    } else if (task->ext && outcome != BATON__OUTCOME__OUTCOME_LOST &&
               outcome != BATON__OUTCOME__OUTCOME_RELEASED) {
        bool falls_short = outcome == BATON__OUTCOME__OUTCOME_DONE && ended->counted;
        set_text(&task->ext->note, falls_short ? ended->text : NULL);
    }
}

void
evolve_attempt_ended(struct core *core, const Baton__Fact *fact, struct core_out *out)
{
    const Baton__AttemptEnded *ended = fact->attempt_ended;
    struct task *task = task_by_key(core, ended->key);
    CHECK(task && !state_is_terminal(task->state));
    snapshot_keep(core, task);
    attempts_end(core, task, ended, fact->at);
    if (ended->result && ended->result->n_measures) {
        measures_take(core, task, ended->result->measures, ended->result->n_measures, out,
                      fact->at);
    }
    struct course *course = task_course(core, task);
    if (course->run) {
        if (course->run->n_holds) {
            budgets_end(core, task, ended->result ? ended->result->outcome : 0, out, fact->at);
        }
        bool unclean = ended->lost || ended->unclean;
        tally_end(core, task, ended, fact->at);
        lease_close(core, task, unclean, fact->at);
        course->losses = (uint16_t)(course->losses + ended->lost);
    } else {
        /* Told late, after the lease was lost: the loss did not happen. */
        CHECK(course->losses >= ended->undo_loss);
        course->losses = (uint16_t)(course->losses - ended->undo_loss);
        linger_end(core, course->token);
    }
    course->failures = (uint16_t)(course->failures + ended->counted);
    task->backoff = ended->next_at > fact->at;
    task_wait_for(core, task, task->backoff ? ended->next_at : 0);
    if (!task->timed && !state_is_terminal(ended->to)) {
        wait_until_start(core, task, fact->at);
    }
    note_spend(core, task, ended);
    struct event_more more = {.actor = fact->actor, .text = ended->text};
    if (ended->result && !ended->text[0]) {
        more.text = ended->result->summary;
    }
    if (ended->to == (Baton__TaskState)PARKED) {
        park_enter(core, task, ended->result->wait_for);
    }
    if (ended->reason == BATON__REASON__REASON_APPROVAL) {
        review_begin(core, task, fact->at);
    }
    if (state_is_terminal(ended->to) || ended->to == (Baton__TaskState)PARKED ||
        ended->to == (Baton__TaskState)REVIEW) {
        task_move(core, task, ended->to, ended->reason, out, fact->at, &more);
        return;
    }
    if (task->state == WAITING || task->state == READY) {
        place_with(core, task, out, fact->at, &more);
        return;
    }
    unsigned reason;
    unsigned to = place_of(task, &reason);
    task_move(core, task, to, reason, out, fact->at, &more);
    settle_if_due(core, task);
}

void
evolve_cancelling(struct core *core, const Baton__Fact *fact, struct core_out *out)
{
    const Baton__Cancelling *cancelling = fact->cancelling;
    struct task *task = task_by_key(core, cancelling->key);
    /* One that is ended for its run time may be cancelled for good. */
    CHECK(task && task->course->run &&
          (task->state != CANCELLING || cancelling_is_by_the_way(task)));
    snapshot_keep(core, task);
    struct task_ext *ext = task_ext(core, task);
    ext->n_yields += cancelling->reason == BATON__REASON__REASON_PREEMPTED;
    ext->cancel_grace_ms = cancelling->grace_ms;
    set_text(&ext->reason_text, cancelling->text);
    task->course->run->cancel_until = fact->at + cancelling->grace_ms + CANCEL_SLACK_MS;
    task_move(core, task, CANCELLING, cancelling->reason, out, fact->at,
              &(struct event_more){.actor = fact->actor, .text = cancelling->text});
}
