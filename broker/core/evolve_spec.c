/* Facts about what a task is: added, changed. */
#include "broker/core/evolve.h"

#include "common/alloc.h"
#include "common/unpack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
claims_index(struct core *core, struct task *task, const Baton__Spec *spec)
{
    if (task->course->run) {
        return; /* claims don't change under a lease, and what was taken stays */
    }
    if (task->ext && task->ext->claims) {
        struct claim *claims = task->ext->claims;
        uint32_t n_claims = task->ext->n_claims;
        task->ext->claims = NULL;
        task->ext->n_claims = 0;
        resource_unclaim(core, claims, n_claims);
        free(claims);
    }
    for (size_t i = 0; i < spec->n_claims; i++) {
        (void)claim_add(core, task, spec->claims[i]);
    }
}

void
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
    if (older && task_is_live(task_at(core, older->unique_slot)) && !task_is_live(task) &&
        task->state != UNKNOWN) {
        return; /* an ended one keeps out of the way of a live one */
    }
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
    task->on_deadline = (uint8_t)spec->on_deadline;
    if (spec->deadline != task->course->deadline ||
        spec->estimate_ms != task->course->estimate_ms) {
        struct course *course = task_course(core, task);
        course->deadline = spec->deadline;
        course->estimate_ms = spec->estimate_ms;
    }
    task->milestone = spec->milestone;
    task->has_limits = spec->max_attempts || spec->crash_limit || spec->backoff_ms ||
                       spec->backoff_cap_ms || spec->max_runtime_ms || spec->lease_ms ||
                       spec->stall_ms;
    task->approval = spec->approval;
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
        above->n_live_children++;
        ext->root = above->root ? above->root : parent->key;
        struct task *root = task_by_key(core, ext->root);
        if (root) {
            snapshot_keep(core, root);
            task_ext(core, root)->n_descendants++;
        }
    }
}

void
evolve_added(struct core *core, const Baton__Fact *fact, uint64_t seq, struct core_out *out)
{
    const Baton__Added *added = fact->added;
    const struct adding *adding = core->adding;
    const Baton__Spec *spec = adding ? adding->spec
                                     : unpack_own(&core->scratch, &baton__spec__descriptor,
                                                  added->spec.len, added->spec.data);
    CHECK(spec);
    uint32_t project = project_make(core, spec->project);
    uint64_t hash = adding && adding->hash ? adding->hash : task_hash(core, project, spec->id);
    struct task *task = task_find_hashed(core, hash, project, spec->id);
    if (task) {
        CHECK(task->state == UNKNOWN);
        core->n_placeholders--;
    } else {
        task = task_new(core, project, hash);
    }
    task_set_spec(core, task, spec->id, added->spec.data, added->spec.len);
    task->key = seq;
    task->created_at = task->anchor = fact->at;
    task->actor = actor_take(core, fact->actor);
    task->held = spec->held;
    if (spec->not_before > fact->at) {
        task_wait_for(core, task, spec->not_before);
    }
    core->n_tasks++;
    all_list_add(core, task);
    index64_put(&core->by_key, seq, task->slot);
    task_index_spec(core, task, spec);
    parent_count(core, task, added);
    /* Live before its edges are built, so that they are counted as those of a live task. */
    task->state = WAITING;
    task->aside = core->snapshot.side; /* came after the snapshot that may be running */
    edges_build(core, task, spec);
    order_enter(core, task);
    task->state = UNKNOWN;
    unsigned reason;
    unsigned to = place_of(task, &reason);
    task_move(core, task, to, reason, out, fact->at,
              &(struct event_more){.actor = fact->actor, .title = spec->title});
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

void
evolve_respecified(struct core *core, const Baton__Fact *fact, struct core_out *out)
{
    const Baton__Respecified *change = fact->respecified;
    struct task *task = task_by_key(core, change->key);
    CHECK(task);
    snapshot_keep(core, task);
    Baton__Spec *old = task_unpack(core, task, &core->scratch);
    Baton__Spec *spec = unpack_own(&core->scratch, &baton__spec__descriptor, change->spec.len,
                                   change->spec.data);
    CHECK(spec);
    if (task->state == READY && spec->milestone) {
        /* No queue is for it any more; what it waits for is settled below. */
        task_move(core, task, WAITING, BATON__REASON__REASON_DEPS, out, fact->at,
                  &(struct event_more){.actor = fact->actor});
    }
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
        task_wait_for(core, task, spec->not_before > fact->at ? spec->not_before : 0);
    }
    bool other_edges = !edges_equal(old, spec);
    if (other_edges) {
        edges_build(core, task, spec);
        task_ext(core, task)->after_since = fact->at;
    }
    if (queued) {
        queue_enter(core, task);
    }
    if (task->course->run) {
        run_limits(core, task->course->run, spec);
    }
    order_spread(core, task);
    /* What it depends on now has not heard of it yet, or heard it with another estimate. */
    for (uint32_t i = 0;
         (other_edges || old->estimate_ms != spec->estimate_ms) && i < task->edges->n_ins; i++) {
        uint32_t pred = task->edges->ins[i].pred;
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
