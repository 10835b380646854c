/* evolve: the only writer of the state. One function a fact; what follows from a fact by itself (a
 * dependent becomes ready) is derived here and not journaled a second time. Everything is a
 * function of the state and the fact: no clock, no randomness, so that a replayed journal gives the
 * same state.
 *
 * emit() is the live path: it gives a fact its sequence number, applies it, and appends it to the
 * request's journal. */
#include "broker/core/state.h"

#include "common/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- lists ---- */

void
all_list_add(struct core *core, struct task *task)
{
    task->prev = core->last;
    task->next = 0;
    *(core->last ? &task_at(core, core->last)->next : &core->first) = task->slot;
    core->last = task->slot;
}

static void
all_list_remove(struct core *core, struct task *task)
{
    if (core->snapshot.cursor == task->slot) {
        core->snapshot.cursor = task->next;
    }
    *(task->prev ? &task_at(core, task->prev)->next : &core->first) = task->next;
    *(task->next ? &task_at(core, task->next)->prev : &core->last) = task->prev;
}

static bool
ended_list_has(const struct core *core, const struct task *task)
{
    return task->ended_prev || core->ended_first == task->slot;
}

/* Terminal tasks that no live task depends on may be archived; they stand here in the order in
 * which they became so. */
void
ended_list_update(struct core *core, struct task *task)
{
    bool in = state_is_terminal(task->state) && task->n_live_outs == 0;
    bool has = ended_list_has(core, task);
    if (in && !has) {
        task->ended_prev = core->ended_last;
        task->ended_next = 0;
        *(core->ended_last ? &task_at(core, core->ended_last)->ended_next
                           : &core->ended_first) = task->slot;
        core->ended_last = task->slot;
        core->n_ended++;
    } else if (!in && has) {
        *(task->ended_prev ? &task_at(core, task->ended_prev)->ended_next
                           : &core->ended_first) = task->ended_next;
        *(task->ended_next ? &task_at(core, task->ended_next)->ended_prev
                           : &core->ended_last) = task->ended_prev;
        task->ended_next = task->ended_prev = 0;
        core->n_ended--;
    }
}

void
worker_list_add(struct core *core, struct task *task)
{
    struct worker *worker = core->workers[task->worker];
    task->run->prev = 0;
    task->run->next = worker->first;
    if (worker->first) {
        task_at(core, worker->first)->run->prev = task->slot;
    }
    worker->first = task->slot;
    worker->n_leases++;
}

static void
worker_list_remove(struct core *core, struct task *task)
{
    struct worker *worker = core->workers[task->worker];
    struct run *run = task->run;
    if (run->prev) {
        task_at(core, run->prev)->run->next = run->next;
    } else {
        worker->first = run->next;
    }
    if (run->next) {
        task_at(core, run->next)->run->prev = run->prev;
    }
    worker->n_leases--;
}

void
settle_add(struct core *core, struct task *task)
{
    if (task->settling) {
        return;
    }
    task->settling = true;
    if (core->n_settle == core->room_settle) {
        core->room_settle = core->room_settle ? core->room_settle * 2 : 64;
        core->settle = xreallocarray(core->settle, core->room_settle, sizeof *core->settle);
    }
    core->settle[core->n_settle++] = task->slot;
}

/* ---- the one place where a state changes ---- */

static struct counts *
counts_of(const struct core *core, const struct task *task)
{
    return &core->projects[task->project]->counts[task->role];
}

/* The transitions of docs/semantics.md, "States": every one that is legal, and no other. Rows for
 * parked and review are there although nothing leads to them yet. */
#define TO(state) (1u << (state))
#define ENDS (TO(CANCELLED) | TO(ABORTED) | TO(EXPIRED))
#define AFTER_LEASE (TO(WAITING) | TO(READY) | TO(DONE) | TO(FAILED))
const uint16_t task_transitions[STATES_N] = {
    [UNKNOWN] = TO(WAITING) | TO(READY),
    [WAITING] = TO(READY) | TO(DONE) | TO(FAILED) | ENDS,
    [READY] = TO(WAITING) | TO(LEASED) | TO(DONE) | TO(FAILED) | ENDS,
    [LEASED] = TO(RUNNING) | TO(CANCELLING) | AFTER_LEASE,
    [RUNNING] = TO(CANCELLING) | TO(PARKED) | TO(REVIEW) | AFTER_LEASE,
    [PARKED] = TO(READY) | TO(CANCELLING),
    [CANCELLING] = TO(CANCELLING) | TO(CANCELLED) | AFTER_LEASE,
    [REVIEW] = TO(READY) | TO(DONE) | TO(FAILED) | TO(CANCELLING),
    [DONE] = TO(WAITING) | TO(READY),
    [FAILED] = TO(WAITING) | TO(READY),
    [CANCELLED] = TO(WAITING) | TO(READY),
    [ABORTED] = TO(WAITING) | TO(READY),
    [EXPIRED] = TO(WAITING) | TO(READY),
};

static void
task_move(struct core *core, struct task *task, unsigned to, unsigned reason, struct core_out *out,
          int64_t at, struct event_more more)
{
    unsigned from = task->state;
    bool was_live = task_is_live(task);
    CHECK(task_transitions[from] & TO(to));
    snapshot_keep(core, task);
    if (from == READY) {
        queue_leave(core, task);
    }
    if (from != UNKNOWN) {
        counts_of(core, task)->by_state[from]--;
    }
    task->state = (uint8_t)to;
    task->reason = (uint8_t)reason;
    counts_of(core, task)->by_state[to]++;
    if (state_is_terminal(to) && was_live) {
        task->ended_at = at;
        edges_count_live(core, task, -1);
        order_leave(core, task);
    } else if (!state_is_terminal(to) && !was_live && from != UNKNOWN) {
        task->ended_at = 0;
        edges_count_live(core, task, 1);
        order_enter(core, task);
    }
    if (to == READY) {
        if (task->ready_at == 0) {
            order_anchor(core, task, at);
        }
        queue_enter(core, task);
    }
    ended_list_update(core, task);
    timer_update(core, task);
    more.from = from;
    event_task(core, out, at, BATON__EVENT__KIND__TASK, task, &more);
    bool reaches_dependents = state_is_terminal(from) != state_is_terminal(to) ||
                              (to == RUNNING && from != RUNNING) || from == UNKNOWN ||
                              (state_is_terminal(to) && from != to);
    if (reaches_dependents) {
        edges_update_outs(core, task, from == UNKNOWN, out, at);
    }
}

/* Where a task without a lease belongs, from its conditions. */
static unsigned
place_of(const struct task *task, unsigned *ret_reason)
{
    if (task->held) {
        *ret_reason = BATON__REASON__REASON_HELD;
    } else if (task->n_broken || task->n_abort) {
        *ret_reason = BATON__REASON__REASON_UPSTREAM_FAILED;
    } else if (task->n_forward) {
        *ret_reason = BATON__REASON__REASON_FORWARD_REF;
    } else if (task->n_pending) {
        *ret_reason = BATON__REASON__REASON_DEPS;
    } else if (task->timed) {
        *ret_reason = task->backoff ? BATON__REASON__REASON_BACKOFF
                                    : BATON__REASON__REASON_NOT_BEFORE;
    } else if (task->milestone) {
        *ret_reason = BATON__REASON__REASON_DEPS; /* until it is settled, in the same request */
    } else {
        *ret_reason = BATON__REASON__REASON_QUEUED;
        return READY;
    }
    return WAITING;
}

static void
settle_if_due(struct core *core, struct task *task)
{
    bool through = task->milestone && !task->held && !task->timed && edges_are_clear(task);
    if (task->n_abort || through) {
        settle_add(core, task);
    }
}

static void
place_with(struct core *core, struct task *task, struct core_out *out, int64_t at,
           struct event_more more)
{
    unsigned reason;
    unsigned to = place_of(task, &reason);
    if (to != task->state) {
        task_move(core, task, to, reason, out, at, more);
    } else if (reason != task->reason) {
        snapshot_keep(core, task);
        task->reason = (uint8_t)reason;
        timer_update(core, task);
    } else {
        timer_update(core, task);
    }
    settle_if_due(core, task);
}

void
task_place(struct core *core, struct task *task, struct core_out *out, int64_t at)
{
    place_with(core, task, out, at, (struct event_more){0});
}

/* ---- added, changed ---- */

static void
claims_index(struct core *core, struct task *task, const Baton__Spec *spec)
{
    if (task->ext && task->ext->claims) {
        struct claim *claims = task->ext->claims;
        uint32_t n_claims = task->ext->n_claims;
        task->ext->claims = NULL;
        task->ext->n_claims = 0;
        resource_unclaim(core, claims, n_claims);
        free(claims);
    }
    if (spec->n_claims == 0) {
        return;
    }
    struct task_ext *ext = task_ext(core, task);
    ext->n_claims = (uint32_t)spec->n_claims;
    ext->claims = xcalloc(ext->n_claims, sizeof *ext->claims);
    for (uint32_t i = 0; i < ext->n_claims; i++) {
        struct resource *resource = resource_make(core, spec->claims[i]->name);
        resource->n_claims++;
        ext->claims[i] = (struct claim){.resource = resource->number,
                                        .amount = spec->claims[i]->amount,
                                        .shared = spec->claims[i]->shared};
    }
}

static void
unique_index(struct core *core, struct task *task, const Baton__Spec *spec)
{
    if (task->ext && task->ext->unique_full) {
        HASH_DELETE(by_unique, core->unique, task->ext);
        set_text(&task->ext->unique_full, NULL);
    }
    if (!spec->unique_key[0]) {
        return;
    }
    struct task_ext *ext = task_ext(core, task);
    char full[KEY_BYTES_MAX + 16];
    snprintf(full, sizeof full, "%u %s", task->project, spec->unique_key);
    struct task_ext *older;
    HASH_FIND(by_unique, core->unique, full, strlen(full), older);
    if (older) {
        /* Its task has ended or its window is over: the key is this one's now. */
        HASH_DELETE(by_unique, core->unique, older);
        set_text(&older->unique_full, NULL);
    }
    ext->unique_full = xstrdup(full);
    ext->unique_slot = task->slot;
    HASH_ADD_KEYPTR(by_unique, core->unique, ext->unique_full, strlen(ext->unique_full), ext);
}

/* The parts of the spec that the core itself works with. */
void
task_index_spec(struct core *core, struct task *task, const Baton__Spec *spec)
{
    int role = role_number(spec->role);
    task->role = (uint8_t)(role < 0 ? ROLE_NONE : role);
    task->priority = (uint8_t)spec->priority;
    task->deadline = spec->deadline;
    task->on_deadline = (uint8_t)spec->on_deadline;
    task->estimate_ms = spec->estimate_ms;
    task->milestone = spec->milestone;
    task->has_limits = spec->max_attempts || spec->crash_limit || spec->backoff_ms ||
                       spec->backoff_cap_ms || spec->max_runtime_ms || spec->lease_ms ||
                       spec->stall_ms;
    claims_index(core, task, spec);
    unique_index(core, task, spec);
    if (spec->fairness_key[0] || (task->ext && task->ext->fairness_key)) {
        struct task_ext *ext = task_ext(core, task);
        set_text(&ext->fairness_key, spec->fairness_key);
        ext->fairness_weight = spec->fairness_weight;
    }
}

static void
parent_count(struct core *core, struct task *task, const Baton__Added *added)
{
    if (!added->parent) {
        return;
    }
    struct task_ext *ext = task_ext(core, task);
    ext->parent = added->parent;
    ext->depth = added->depth;
    ext->root = added->parent;
    struct task *parent = task_by_key(core, added->parent);
    if (parent) {
        snapshot_keep(core, parent);
        struct task_ext *above = task_ext(core, parent);
        above->n_children++;
        ext->root = above->root ? above->root : parent->key;
        struct task *root = task_by_key(core, ext->root);
        if (root) {
            snapshot_keep(core, root);
            task_ext(core, root)->n_descendants++;
        }
    }
}

static void
evolve_added(struct core *core, const Baton__Fact *fact, uint64_t seq, struct core_out *out)
{
    const Baton__Added *added = fact->added;
    Baton__Spec *spec = baton__spec__unpack(&core->scratch.pb, added->spec.len, added->spec.data);
    CHECK(spec);
    uint32_t project = project_make(core, spec->project);
    struct task *task = task_find(core, project, spec->id);
    if (task) {
        CHECK(task->state == UNKNOWN);
        core->n_placeholders--;
    } else {
        task = task_new(core, project, spec->id);
    }
    task_set_spec(core, task, spec->id, added->spec.data, added->spec.len);
    task->key = seq;
    task->created_at = task->anchor = fact->at;
    task->actor = actor_take(core, fact->actor);
    task->held = spec->held;
    if (spec->not_before > fact->at) {
        task->timed = true;
        task->next_at = spec->not_before;
    }
    core->n_tasks++;
    all_list_add(core, task);
    index64_put(&core->by_key, seq, task->slot);
    task_index_spec(core, task, spec);
    parent_count(core, task, added);
    /* Live before its edges are built, so that they are counted as those of a live task. */
    task->state = WAITING;
    task->set_aside = true; /* came after the snapshot that may be running */
    edges_build(core, task, spec);
    order_enter(core, task);
    task->state = UNKNOWN;
    unsigned reason;
    unsigned to = place_of(task, &reason);
    task_move(core, task, to, reason, out, fact->at,
              (struct event_more){.actor = fact->actor, .title = spec->title});
    settle_if_due(core, task);
}

static bool
edges_equal(const Baton__Spec *a, const Baton__Spec *b)
{
    if (a->n_after != b->n_after) {
        return false;
    }
    for (size_t i = 0; i < a->n_after; i++) {
        const Baton__Edge *x = a->after[i];
        const Baton__Edge *y = b->after[i];
        if (strcmp(x->id, y->id) != 0 || strcmp(x->project, y->project) != 0 ||
            x->condition != y->condition || x->policy != y->policy || x->any != y->any) {
            return false;
        }
    }
    return true;
}

/* The limits of a lease that hold from now on. */
static void
run_limits(const struct core *core, struct run *run, const Baton__Spec *spec)
{
    int64_t stall_ms = spec->stall_ms ? spec->stall_ms : core->config.stall_ms;
    run->stall_at += run->stall_at ? stall_ms - run->stall_ms : 0;
    run->stall_ms = stall_ms;
    run->max_runtime_ms = spec->max_runtime_ms;
}

static void
evolve_respecified(struct core *core, const Baton__Fact *fact, struct core_out *out)
{
    const Baton__Respecified *change = fact->respecified;
    struct task *task = task_by_key(core, change->key);
    CHECK(task);
    snapshot_keep(core, task);
    Baton__Spec *old = task_unpack(task, &core->scratch);
    Baton__Spec *spec = baton__spec__unpack(&core->scratch.pb, change->spec.len, change->spec.data);
    CHECK(spec);
    bool queued = task->state == READY;
    if (queued) {
        queue_leave(core, task);
    }
    counts_of(core, task)->by_state[task->state]--;
    char id[ID_BYTES_MAX + 1];
    snprintf(id, sizeof id, "%s", task->id);
    task_set_spec(core, task, id, change->spec.data, change->spec.len);
    task_index_spec(core, task, spec);
    counts_of(core, task)->by_state[task->state]++;
    bool free_of_lease = task->state == WAITING || task->state == READY;
    if (free_of_lease && spec->not_before != old->not_before && !task->backoff) {
        task->timed = spec->not_before > fact->at;
        task->next_at = task->timed ? spec->not_before : 0;
    }
    bool other_edges = !edges_equal(old, spec);
    if (other_edges) {
        edges_build(core, task, spec);
    }
    if (queued) {
        queue_enter(core, task);
    }
    if (task->run) {
        run_limits(core, task->run, spec);
    }
    order_spread(core, task);
    /* What it depends on now has not heard of it yet, or heard it with another estimate. */
    for (uint32_t i = 0; (other_edges || old->estimate_ms != spec->estimate_ms) && i < task->n_ins;
         i++) {
        uint32_t pred = task->ins[i].pred;
        if (pred && task_is_live(task_at(core, pred))) {
            order_spread(core, task_at(core, pred));
        }
    }
    timer_update(core, task);
    event_task(
        core, out, fact->at, BATON__EVENT__KIND__UPDATED, task,
        &(struct event_more){.from = task->state, .actor = fact->actor, .title = spec->title});
    if (free_of_lease) {
        task_place(core, task, out, fact->at);
    }
}

/* ---- leases ---- */

static void
evolve_leased(struct core *core, const Baton__Fact *fact, uint64_t seq, struct core_out *out)
{
    const Baton__Leased *leased = fact->leased;
    struct task *task = task_by_key(core, leased->key);
    CHECK(task && task->state == READY && edges_are_clear(task));
    snapshot_keep(core, task);
    task->token = seq;
    task->worker = index64_get(&core->workers_by_number, leased->worker);
    CHECK(task->worker);
    task->attempt++;
    index64_put(&core->by_token, seq, task->slot);
    struct run *run = xcalloc(1, sizeof *run);
    run->lease_ms = leased->lease_ms;
    run->sessionless = leased->sessionless;
    run->lease_until = fact->at + leased->lease_ms;
    run->start_until = fact->at + core->config.start_ms;
    run->stall_ms = core->config.stall_ms;
    if (task->has_limits) {
        const Baton__Spec *spec = task_unpack(task, &core->scratch);
        run->max_runtime_ms = spec->max_runtime_ms;
        run->stall_ms = spec->stall_ms ? spec->stall_ms : run->stall_ms;
    }
    if (run->sessionless) {
        run->start_until = NEVER; /* nobody starts it apart from whoever took it */
    }
    task->run = run;
    if (task->ext) {
        task->ext->progress = 0;
        task->ext->progress_at = 0;
        task->ext->next_update_at = 0;
        set_text(&task->ext->progress_text, NULL);
        set_text(&task->ext->reason_text, NULL);
    }
    worker_list_add(core, task);
    if (task->ext) {
        resource_take(core, task->ext->claims, task->ext->n_claims);
    }
    task_move(core, task, LEASED, BATON__REASON__REASON_OK, out, fact->at, (struct event_more){0});
}

static void
evolve_started(struct core *core, const Baton__Fact *fact, struct core_out *out)
{
    struct task *task = task_by_key(core, fact->started->key);
    CHECK(task && task->state == LEASED);
    snapshot_keep(core, task);
    task->started_at = fact->at;
    task->run->stall_at = fact->at + task->run->stall_ms;
    task_move(core, task, RUNNING, BATON__REASON__REASON_OK, out, fact->at, (struct event_more){0});
}

static void
evolve_progressed(struct core *core, const Baton__Fact *fact, struct core_out *out)
{
    const Baton__Progressed *progressed = fact->progressed;
    struct task *task = task_by_key(core, progressed->key);
    CHECK(task && task->run);
    snapshot_keep(core, task);
    struct task_ext *ext = task_ext(core, task);
    ext->progress = progressed->percent;
    ext->progress_at = fact->at;
    ext->next_update_at = progressed->next_update_at;
    set_text(&ext->progress_text, progressed->text);
    struct run *run = task->run;
    run->stalled = false;
    run->stall_at = MAX(fact->at + run->stall_ms, ext->next_update_at);
    if (task->state == RUNNING) {
        task->reason = BATON__REASON__REASON_OK;
    }
    timer_update(core, task);
    event_task(core, out, fact->at, BATON__EVENT__KIND__PROGRESS, task,
               &(struct event_more){.from = task->state, .text = progressed->text});
}

static void
evolve_stalled(struct core *core, const Baton__Fact *fact, struct core_out *out)
{
    struct task *task = task_by_key(core, fact->stalled->key);
    CHECK(task && task->state == RUNNING);
    snapshot_keep(core, task);
    task->run->stalled = true;
    task->reason = BATON__REASON__REASON_STALLED;
    timer_update(core, task);
    event_task(core, out, fact->at, BATON__EVENT__KIND__STALLED, task,
               &(struct event_more){.from = RUNNING});
}

static Baton__AttemptRecord *
attempt_record(struct core *core, struct task *task)
{
    struct task_ext *ext = task_ext(core, task);
    if (ext->n_attempts > 0 && ext->attempts[ext->n_attempts - 1]->token == task->token) {
        return ext->attempts[ext->n_attempts - 1]; /* its end is told again, late */
    }
    if (ext->n_attempts == ATTEMPTS_KEPT) {
        index64_remove(&core->by_token, ext->attempts[0]->token);
        baton__attempt_record__free_unpacked(ext->attempts[0], NULL);
        memmove(ext->attempts, ext->attempts + 1, --ext->n_attempts * sizeof *ext->attempts);
    }
    ext->attempts = xreallocarray(ext->attempts, ext->n_attempts + 1, sizeof *ext->attempts);
    Baton__AttemptRecord *record = xmalloc(sizeof *record);
    baton__attempt_record__init(record);
    record->summary = xstrdup("");
    ext->attempts[ext->n_attempts++] = record;
    return record;
}

static void
attempt_close(struct core *core, struct task *task, const Baton__AttemptEnded *ended, int64_t at)
{
    Baton__AttemptRecord *record = attempt_record(core, task);
    record->number = task->attempt;
    record->token = task->token;
    record->worker = core->workers[task->worker]->number;
    record->started_at = task->state == LEASED ? 0 : task->started_at;
    record->ended_at = at;
    record->outcome = ended->result ? ended->result->outcome : BATON__OUTCOME__OUTCOME_UNSPECIFIED;
    record->exit_status = ended->result ? ended->result->exit_status : 0;
    const char *summary = ended->result && ended->result->summary[0] ? ended->result->summary
                                                                     : ended->text;
    free(record->summary);
    record->summary = xstrdup(summary);
    struct task_ext *ext = task->ext;
    free(ext->result);
    ext->result = NULL;
    ext->result_bytes = 0;
    if (ended->result) {
        ext->result_bytes = (uint32_t)baton__result__get_packed_size(ended->result);
        ext->result = xmalloc(ext->result_bytes);
        baton__result__pack(ended->result, ext->result);
    }
    set_text(&ext->reason_text, ended->text);
}

static void
linger_add(struct core *core, const struct task *task, int64_t until)
{
    struct linger *linger = xcalloc(1, sizeof *linger);
    *linger = (struct linger){
        .token = task->token,
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

static void
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
    free(task->run);
    task->run = NULL;
    if (task->ext && task->ext->n_claims) {
        if (unclean) {
            linger_add(core, task, at + core->config.linger_ms);
        } else {
            resource_give_back(core, task->ext->claims, task->ext->n_claims);
        }
    }
}

static void
evolve_attempt_ended(struct core *core, const Baton__Fact *fact, struct core_out *out)
{
    const Baton__AttemptEnded *ended = fact->attempt_ended;
    struct task *task = task_by_key(core, ended->key);
    CHECK(task && !state_is_terminal(task->state));
    snapshot_keep(core, task);
    attempt_close(core, task, ended, fact->at);
    if (task->run) {
        bool unclean = ended->lost || ended->unclean;
        lease_close(core, task, unclean, fact->at);
        task->losses = (uint16_t)(task->losses + ended->lost);
    } else {
        /* Told late, after the lease was lost: the loss did not happen. */
        CHECK(task->losses >= ended->undo_loss);
        task->losses = (uint16_t)(task->losses - ended->undo_loss);
        linger_end(core, task->token);
    }
    task->failures = (uint16_t)(task->failures + ended->counted);
    task->timed = ended->next_at > fact->at;
    task->backoff = task->timed;
    task->next_at = task->timed ? ended->next_at : 0;
    struct event_more more = {.actor = fact->actor, .text = ended->text};
    if (ended->result && !ended->text[0]) {
        more.text = ended->result->summary;
    }
    if (state_is_terminal(ended->to)) {
        task_move(core, task, ended->to, ended->reason, out, fact->at, more);
        return;
    }
    if (task->state == WAITING || task->state == READY) {
        place_with(core, task, out, fact->at, more);
        return;
    }
    unsigned reason;
    unsigned to = place_of(task, &reason);
    task_move(core, task, to, reason, out, fact->at, more);
    settle_if_due(core, task);
}

static void
evolve_cancelling(struct core *core, const Baton__Fact *fact, struct core_out *out)
{
    const Baton__Cancelling *cancelling = fact->cancelling;
    struct task *task = task_by_key(core, cancelling->key);
    CHECK(task && task->run && task->state != CANCELLING);
    snapshot_keep(core, task);
    struct task_ext *ext = task_ext(core, task);
    ext->cancel_grace_ms = cancelling->grace_ms;
    set_text(&ext->reason_text, cancelling->text);
    task->run->cancel_until = fact->at + cancelling->grace_ms + CANCEL_SLACK_MS;
    task_move(core, task, CANCELLING, cancelling->reason, out, fact->at,
              (struct event_more){.actor = fact->actor, .text = cancelling->text});
}

/* ---- the rest of a task's life ---- */

static void
evolve_ended(struct core *core, const Baton__Fact *fact, struct core_out *out)
{
    const Baton__Ended *ended = fact->ended;
    struct task *task = task_by_key(core, ended->key);
    CHECK(task && (task->state == WAITING || task->state == READY));
    snapshot_keep(core, task);
    task->timed = task->backoff = false;
    task->next_at = 0;
    if (ended->text[0] || ended->by) {
        struct task_ext *ext = task_ext(core, task);
        set_text(&ext->reason_text, ended->text);
        ext->aborted_by = ended->by;
    }
    task_move(core, task, ended->to, ended->reason, out, fact->at,
              (struct event_more){.actor = fact->actor, .text = ended->text});
}

/* No back-off (any more): what is left to wait for is the scheduled start. */
static void
wait_until_start(struct core *core, struct task *task, int64_t at)
{
    int64_t not_before = task_unpack(task, &core->scratch)->not_before;
    task->backoff = false;
    task->timed = not_before > at;
    task->next_at = task->timed ? not_before : 0;
}

static void
evolve_due(struct core *core, const Baton__Fact *fact, struct core_out *out)
{
    struct task *task = task_by_key(core, fact->due->key);
    CHECK(task && task->timed);
    snapshot_keep(core, task);
    if (task->backoff) {
        wait_until_start(core, task, fact->at);
    } else {
        task->timed = false;
        task->next_at = 0;
    }
    task_place(core, task, out, fact->at);
}

static void
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
        place_with(core, task, out, fact->at, more);
        if (task->state != before) {
            return; /* told by that event */
        }
    }
    event_task(core, out, fact->at, BATON__EVENT__KIND__HELD, task, &more);
}

static void
evolve_revived(struct core *core, const Baton__Fact *fact, struct core_out *out)
{
    const Baton__Revived *revived = fact->revived;
    struct task *task = task_by_key(core, revived->key);
    CHECK(task && state_is_terminal(task->state));
    snapshot_keep(core, task);
    task->failures = task->losses = 0;
    task->worker = 0; /* what a lease of its former life still tells comes too late */
    wait_until_start(core, task, fact->at);
    struct task_ext *ext = task_ext(core, task);
    set_text(&ext->reason_text, revived->text);
    ext->aborted_by = 0;
    unsigned reason;
    unsigned to = place_of(task, &reason);
    task_move(core, task, to, reason, out, fact->at,
              (struct event_more){.actor = fact->actor, .text = revived->text});
    settle_if_due(core, task);
}

static void
evolve_orphaned(struct core *core, const Baton__Fact *fact, struct core_out *out)
{
    const Baton__Orphaned *orphaned = fact->orphaned;
    linger_end(core, orphaned->token);
    struct task *task = task_by_key(core, orphaned->key);
    CHECK(task);
    snapshot_keep(core, task);
    struct task_ext *ext = task_ext(core, task);
    if (ext->n_orphans == ORPHANS_KEPT) {
        baton__orphan_record__free_unpacked(ext->orphans[0], NULL);
        memmove(ext->orphans, ext->orphans + 1, --ext->n_orphans * sizeof *ext->orphans);
    }
    Baton__OrphanRecord from = BATON__ORPHAN_RECORD__INIT;
    from.token = orphaned->token;
    from.at = fact->at;
    from.result = orphaned->result;
    for (uint32_t i = 0; i < ext->n_attempts; i++) {
        if (ext->attempts[i]->token == orphaned->token) {
            from.worker = ext->attempts[i]->worker;
        }
    }
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
put_record(struct core *core, const struct task *task, struct core_out *out)
{
    if (!out) {
        return;
    }
    Baton__TaskRecord record;
    record_make(core, task, &core->scratch, &record);
    record.worker_name = (char *)(uintptr_t)core_worker_name(core, task->worker);
    if (out->n_puts == out->room_puts) {
        out->room_puts = out->room_puts ? out->room_puts * 2 : 64;
        out->puts = xreallocarray(out->puts, out->room_puts, sizeof *out->puts);
    }
    struct core_put *put = &out->puts[out->n_puts++];
    put->key = task->key;
    put->bytes = baton__task_record__get_packed_size(&record);
    put->record = xmalloc(put->bytes);
    baton__task_record__pack(&record, put->record);
}

static void
evolve_archived(struct core *core, const Baton__Fact *fact, struct core_out *out)
{
    struct task *task = task_by_key(core, fact->archived->key);
    CHECK(task && state_is_terminal(task->state) && task->n_live_outs == 0);
    snapshot_keep(core, task);
    put_record(core, task, out);
    uint64_t hi, lo;
    identity_hash(core, task_project(core, task), task->id, &hi, &lo);
    tombstone_add(core, hi, lo, task->key, task->state);
    counts_of(core, task)->by_state[task->state]--;
    count_gone(counts_of(core, task), task->state);
    for (uint32_t i = 0; i < task->n_outs; i++) {
        /* All of these are terminal; should one live again, this edge keeps its value. */
        task_at(core, task->outs[i].succ)->ins[task->outs[i].in_pos].pred = 0;
    }
    task->n_outs = 0;
    edges_drop(core, task);
    timer_remove(core, task);
    all_list_remove(core, task);
    task->state = UNKNOWN;
    ended_list_update(core, task);
    index64_remove(&core->by_key, task->key);
    core->n_tasks--;
    task_free(core, task);
}

/* ---- what is not about one task ---- */

static void
evolve_epoch(struct core *core, const Baton__Fact *fact, struct core_out *out)
{
    core->epoch = fact->epoch_began->epoch;
    int64_t at = fact->at;
    const struct core_config *config = &core->config;
    for (uint32_t w = 1; w < core->n_workers; w++) {
        for (uint32_t slot = core->workers[w]->first; slot;) {
            struct task *task = task_at(core, slot);
            struct run *run = task->run;
            run->suspect = !run->sessionless;
            run->lease_until = at + (run->sessionless ? run->lease_ms : config->restart_grace_ms);
            run->start_until = run->sessionless
                                   ? NEVER
                                   : at + MAX(config->start_ms, config->restart_grace_ms);
            run->stall_at = at + run->stall_ms;
            if (task->state == CANCELLING) {
                run->cancel_until = at + MAX(task->ext->cancel_grace_ms, config->restart_grace_ms) +
                                    CANCEL_SLACK_MS;
            }
            timer_update(core, task);
            slot = run->next;
        }
    }
    event_plain(core, out, at, BATON__EVENT__KIND__EPOCH, "", fact->actor,
                fact->epoch_began->software);
}

void
pause_apply(struct core *core, uint32_t scope, const char *name, bool paused, bool refuse)
{
    switch (scope) {
    case BATON__PAUSE__SCOPE__BROKER:
        core->broker_paused = paused;
        core->broker_refuses = paused && refuse;
        break;
    case BATON__PAUSE__SCOPE__ROLE:
        core->roles[role_number(name)].paused = paused;
        resource_wake_all(core);
        break;
    case BATON__PAUSE__SCOPE__PROJECT: {
        uint32_t number = project_find(core, name);
        if (number) {
            queue_pause_project(core, core->projects[number], paused);
            resource_wake_all(core);
        }
        break;
    }
    case BATON__PAUSE__SCOPE__LOCK: {
        struct resource *resource = resource_find(core, name);
        if (resource) {
            resource->paused = paused;
            resource_wake(core, resource);
        }
        break;
    }
    case BATON__PAUSE__SCOPE__WORKER: {
        struct worker *worker = worker_find(core, name);
        if (worker) {
            worker->draining = paused;
        }
        break;
    }
    default:
        CHECK(false);
    }
}

static void
pause_remove(struct core *core, uint32_t scope, const char *name)
{
    for (struct pause **at = &core->pauses; *at; at = &(*at)->next) {
        struct pause *pause = *at;
        if (pause->scope == scope && strcmp(pause->name, name) == 0) {
            *at = pause->next;
            free(pause->name);
            free(pause->text);
            free(pause->actor);
            free(pause);
            return;
        }
    }
}

static const char *
scope_text(uint32_t scope, const char *name, struct arena *arena)
{
    return name[0] ? arena_printf(arena, "%s %s", scope_name((int)scope), name)
                   : scope_name((int)scope);
}

static void
evolve_paused(struct core *core, const Baton__Fact *fact, struct core_out *out)
{
    const Baton__Paused *paused = fact->paused;
    pause_remove(core, paused->scope, paused->name);
    struct pause *pause = xcalloc(1, sizeof *pause);
    *pause = (struct pause){.scope = paused->scope,
                            .name = xstrdup(paused->name),
                            .text = xstrdup(paused->text),
                            .actor = xstrdup(fact->actor),
                            .since = fact->at,
                            .until = paused->until,
                            .refuse = paused->refuse};
    struct pause **at = &core->pauses;
    while (*at) {
        at = &(*at)->next;
    }
    *at = pause;
    pause_apply(core, paused->scope, paused->name, true, paused->refuse);
    event_plain(core, out, fact->at, BATON__EVENT__KIND__PAUSED,
                scope_text(paused->scope, paused->name, &core->scratch), fact->actor, paused->text);
}

static void
evolve_resumed(struct core *core, const Baton__Fact *fact, struct core_out *out)
{
    const Baton__Resumed *resumed = fact->resumed;
    pause_remove(core, resumed->scope, resumed->name);
    pause_apply(core, resumed->scope, resumed->name, false, false);
    event_plain(core, out, fact->at, BATON__EVENT__KIND__RESUMED,
                scope_text(resumed->scope, resumed->name, &core->scratch), fact->actor, "");
}

static void
evolve_resource_set(struct core *core, const Baton__Fact *fact, struct core_out *out)
{
    const Baton__ResourceSet *set = fact->resource_set;
    struct resource *resource = resource_make(core, set->name);
    resource->capacity = set->capacity ? set->capacity : 1;
    resource->set = set->capacity != 0;
    resource_wake(core, resource);
    event_plain(core, out, fact->at, BATON__EVENT__KIND__RESOURCE, set->name, fact->actor,
                arena_printf(&core->scratch, "%u", resource->capacity));
    resource_forget_if_unused(core, resource);
}

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
    case BATON__FACT__WHAT__NOT_SET:
    case _BATON__FACT__WHAT__CASE_IS_INT_SIZE:
    default:
        CHECK(!"a fact of this kind is not known");
    }
    arena_reset(&core->scratch);
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
    size_t bytes = baton__fact__get_packed_size(fact);
    buf_add_varint(&out->facts, bytes);
    baton__fact__pack(fact, buf_reserve(&out->facts, bytes));
    out->facts.bytes += bytes;
    evolve(core, fact, seq, out);
    return seq;
}

/* Milestones that are through, and tasks whose policy says abort. */
static void
settle(struct core *core, struct core_request *request)
{
    while (core->n_settle > 0) {
        struct task *task = task_at(core, core->settle[--core->n_settle]);
        task->settling = false;
        if (task->state != WAITING) {
            continue;
        }
        Baton__Ended ended = BATON__ENDED__INIT;
        ended.key = task->key;
        if (task->n_abort) {
            const struct task *culprit = edges_culprit(core, task);
            ended.to = (Baton__TaskState)ABORTED;
            ended.reason = BATON__REASON__REASON_UPSTREAM;
            ended.by = culprit ? culprit->key : 0;
        } else if (task->milestone && !task->held && !task->timed && edges_are_clear(task)) {
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
    settle(core, request);
    return seq;
}
