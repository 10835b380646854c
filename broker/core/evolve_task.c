/* Facts about the rest of a task's life: due, held, ended, revived, archived. */
#include "broker/core/evolve.h"

#include "common/alloc.h"
#include "common/pack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
evolve_ended(struct core *core, const Baton__Fact *fact, struct core_out *out)
{
    const Baton__Ended *ended = fact->ended;
    struct task *task = task_by_key(core, ended->key);
    CHECK(task && (task->state == WAITING || task->state == READY || task_is_aside(task)));
    snapshot_keep(core, task);
    if (task->state == PARKED) {
        park_leave(core, task);
    }
    task->backoff = false;
    task_wait_for(core, task, 0);
    if (ended->text[0] || ended->by) {
        struct task_ext *ext = task_ext(core, task);
        set_text(&ext->reason_text, ended->text);
        ext->aborted_by = ended->by;
    }
    task_move(core, task, ended->to, ended->reason, out, fact->at,
              &(struct event_more){.actor = fact->actor, .text = ended->text});
}

/* Whose deadline presses it: its own, or that of the oldest dependent that hands one on. */
static void
alert_text(const struct core *core, const struct task *task, char *text, size_t room)
{
    const struct task *from = NULL;
    if (task->milestone) {
        snprintf(text, room, "what it waits for should have started by now");
        return;
    }
    for (uint32_t i = 0;
         task->course->effective != task->course->deadline && i < task->edges->n_outs; i++) {
        const struct task *succ = task_at(core, task->edges->outs[i].succ);
        if (task_is_live(succ) && latest_start(succ) == task->course->effective &&
            (!from || succ->key < from->key)) {
            from = succ;
        }
    }
    if (from) {
        snprintf(text, room, "it should have started by now for %s, which waits for it", from->id);
    } else {
        snprintf(text, room, "it should have started by now for its deadline");
    }
}

void
task_wait_for(struct core *core, struct task *task, int64_t at)
{
    task->timed = at != 0;
    if (at != task->course->next_at) {
        task_course(core, task)->next_at = at;
    }
}

/* No back-off (any more): what is left to wait for is the scheduled start. */
void
wait_until_start(struct core *core, struct task *task, int64_t at)
{
    int64_t not_before = task_unpack(core, task, &core->scratch)->not_before;
    task->backoff = false;
    task_wait_for(core, task, not_before > at ? not_before : 0);
}

void
evolve_due(struct core *core, const Baton__Fact *fact, struct core_out *out)
{
    struct task *task = task_by_key(core, fact->due->key);
    CHECK(task && task->timed);
    snapshot_keep(core, task);
    if (task->backoff) {
        wait_until_start(core, task, fact->at);
    } else {
        task_wait_for(core, task, 0);
    }
    task_place(core, task, out, fact->at);
}

/* Its approval is due soon, or has not come in time. */
static void
tell_review(struct core *core, struct task *task, const Baton__Alerted *alerted, int64_t at,
            struct core_out *out)
{
    bool over = alerted->alert == BATON__ALERT__ALERT_REVIEW_OVERDUE;
    char text[64];
    task_ext(core, task)->review_told++;
    snprintf(text, sizeof text, "%s",
             over ? "nobody has approved or refused it in time" : "it waits to be approved");
    timer_update(core, task);
    event_task(core, out, at,
               over ? BATON__EVENT__KIND__REVIEW_OVERDUE : BATON__EVENT__KIND__REVIEW_DUE, task,
               &(struct event_more){.from = task->state, .text = text});
}

void
evolve_alerted(struct core *core, const Baton__Fact *fact, struct core_out *out)
{
    const Baton__Alerted *alerted = fact->alerted;
    struct task *task = task_by_key(core, alerted->key);
    CHECK(task && task_is_live(task));
    snapshot_keep(core, task);
    if (alerted->alert >= BATON__ALERT__ALERT_REVIEW_DUE) {
        tell_review(core, task, alerted, fact->at, out);
        return;
    }
    struct task_ext *ext = task_ext(core, task);
    struct event_more more = {.from = task->state, .actor = fact->actor};
    char text[ID_BYTES_MAX + NAME_BYTES_MAX + 64] = "";
    unsigned kind = BATON__EVENT__KIND__LATE;
    if (alerted->alert == BATON__ALERT__ALERT_AT_RISK) {
        kind = BATON__EVENT__KIND__AT_RISK;
        ext->risk_told = alerted->deadline;
        alert_text(core, task, text, sizeof text);
    } else {
        ext->late_told = alerted->deadline;
        ext->escalated = alerted->alert == BATON__ALERT__ALERT_ESCALATED;
        snprintf(text, sizeof text, "its deadline has passed");
    }
    if (ext->escalated && kind == BATON__EVENT__KIND__LATE) {
        kind = BATON__EVENT__KIND__ESCALATED;
        const char *who = actor_name(core, task->actor);
        snprintf(text, sizeof text, "its deadline has passed; submitted by %s",
                 who && who[0] ? who : "nobody known");
        order_spread(core, task);
    }
    timer_update(core, task);
    more.text = text;
    event_task(core, out, fact->at, kind, task, &more);
}

void
evolve_hold_set(struct core *core, const Baton__Fact *fact, struct core_out *out)
{
    const Baton__HoldSet *hold = fact->hold_set;
    struct task *task = task_by_key(core, hold->key);
    CHECK(task && task_is_live(task));
    snapshot_keep(core, task);
    task->held = !hold->release;
    struct event_more more = {.from = task->state, .actor = fact->actor, .text = hold->text};
    if (task->state == WAITING || task->state == READY) {
        set_text(&task_ext(core, task)->reason_text, hold->text);
        unsigned before = task->state;
        place_with(core, task, out, fact->at, &more);
        if (task->state != before) {
            return; /* told by that event */
        }
    }
    event_task(core, out, fact->at, BATON__EVENT__KIND__HELD, task, &more);
}

void
evolve_revived(struct core *core, const Baton__Fact *fact, struct core_out *out)
{
    const Baton__Revived *revived = fact->revived;
    struct task *task = task_by_key(core, revived->key);
    CHECK(task && state_is_terminal(task->state));
    snapshot_keep(core, task);
    attempts_unfold(core, task);
    struct course *course = task_course(core, task);
    course->failures = course->losses = 0;
    course->worker = 0; /* what a lease of its former life still tells comes too late */
    wait_until_start(core, task, fact->at);
    unique_index(core, task, task_unpack(core, task, &core->scratch));
    struct task_ext *ext = task_ext(core, task);
    set_text(&ext->reason_text, revived->text);
    ext->aborted_by = 0;
    ext->rework = 0;
    unsigned reason;
    unsigned to = place_of(task, &reason);
    task_move(core, task, to, reason, out, fact->at,
              &(struct event_more){.actor = fact->actor, .text = revived->text});
    settle_if_due(core, task);
}

void
evolve_orphaned(struct core *core, const Baton__Fact *fact, struct core_out *out)
{
    const Baton__Orphaned *orphaned = fact->orphaned;
    linger_end(core, orphaned->token);
    struct task *task = task_by_key(core, orphaned->key);
    CHECK(task);
    snapshot_keep(core, task);
    const Baton__AttemptRecord *attempt = attempts_find(core, task, orphaned->token,
                                                        &core->scratch);
    struct task_ext *ext = task_ext(core, task);
    if (ext->n_orphans == ORPHANS_KEPT) {
        baton__orphan_record__free_unpacked(ext->orphans[0], NULL);
        memmove(ext->orphans, ext->orphans + 1, --ext->n_orphans * sizeof *ext->orphans);
    }
    Baton__OrphanRecord from = BATON__ORPHAN_RECORD__INIT;
    from.token = orphaned->token;
    from.at = fact->at;
    from.result = orphaned->result;
    from.worker = attempt ? attempt->worker : 0;
    /* A deep copy by way of the wire form. */
    size_t bytes = baton__orphan_record__get_packed_size(&from);
    uint8_t *packed = arena_alloc(&core->scratch, bytes);
    baton__orphan_record__pack(&from, packed);
    ext->orphans = xreallocarray(ext->orphans, ext->n_orphans + 1, sizeof *ext->orphans);
    ext->orphans[ext->n_orphans++] = baton__orphan_record__unpack(NULL, bytes, packed);
    event_task(core, out, fact->at, BATON__EVENT__KIND__ORPHAN, task,
               &(struct event_more){.from = task->state, .text = orphaned->result->summary});
}

static void
count_gone(struct counts *counts, unsigned state)
{
    if (state == DONE) {
        counts->gone_done++;
    } else if (state == CANCELLED) {
        counts->gone_cancelled++;
    } else {
        counts->gone_failed++;
    }
}

static void
put_record(const struct core *core, const struct task *task, struct core_out *out)
{
    if (out) {
        size_t at = out->records.bytes;
        task_record_pack(core, task, true, &out->records);
        put_add(out, false, task->key, at);
    }
}

void
evolve_archived(struct core *core, const Baton__Fact *fact, struct core_out *out)
{
    struct task *task = task_by_key(core, fact->archived->key);
    CHECK(task && state_is_terminal(task->state) && task->n_live_outs == 0);
    snapshot_keep(core, task);
    struct identity identity = leaving_take(core, task);
    const struct task *next = leaving_next(core, task);
    put_record(core, task, out);
    counts_of(core, task)->by_state[task->state]--;
    count_gone(counts_of(core, task), task->state);
    uint32_t n_outs = task->edges->n_outs;
    for (uint32_t i = 0; i < n_outs; i++) {
        /* All of these are terminal; should one live again, the edge has the value of the outcome,
         * which is all that a tombstone knows. */
        struct task *succ = task_at(core, task->edges->outs[i].succ);
        struct edge_in *edge = &succ->edges->ins[task->edges->outs[i].in_pos];
        edge->pred = 0;
        edge->state = (uint8_t)edge_eval(task->state, task->state == DONE, edge->condition);
        edges_recount(core, succ);
    }
    if (n_outs) {
        task_edges(core, task)->n_outs = 0;
    }
    edges_drop(core, task);
    timer_remove(core, task);
    all_list_remove(core, task);
    tombstone_add(core, identity, task->key, task->state, task->slot);
    task->state = UNKNOWN;
    ended_list_update(core, task);
    index64_remove(&core->by_key, task->key);
    core->n_tasks--;
    task_free(core, task);
    leaving_look(core, next);
}
