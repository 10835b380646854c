/* The order of ready tasks: a virtual deadline, static between events (docs/semantics.md, "Order").
 *
 * Urgency flows from a task to what it depends on. Each task keeps the two values that flow
 * (`effective`, `order_at`); when one of them changes, only those whose own value rests on it are
 * looked at again: a lower value is one comparison, a higher one a walk over the dependents of
 * those that rested on the old value. So adding the ten-thousandth dependent of a hub costs as much
 * as adding the first. */
#include "broker/core/state.h"

#include "common/alloc.h"

#include <stdlib.h>
#include <string.h>

#define HOUR INT64_C(3600000)

int64_t
patience_ms(unsigned priority)
{
    switch (priority) {
    case BATON__PRIORITY__PRIORITY_CRITICAL:
        return 0;
    case BATON__PRIORITY__PRIORITY_HIGH:
        return HOUR;
    case BATON__PRIORITY__PRIORITY_LOW:
        return 72 * HOUR;
    default:
        return 8 * HOUR;
    }
}

bool
order_before(const void *context, uint32_t a, uint32_t b)
{
    const struct core *core = context;
    const struct task *x = task_at(core, a);
    const struct task *y = task_at(core, b);
    if (x->order_at != y->order_at) {
        return x->order_at < y->order_at;
    }
    if (x->n_live_outs != y->n_live_outs) {
        return x->n_live_outs > y->n_live_outs;
    }
    return x->key < y->key;
}

/* What answers a P0 or P1, and what that needs, stands in a tier of its own before all else: its
 * order_at is that much lower. So tiers flow to what a task depends on as every urgency does. */
#define TIER_MS (INT64_C(1) << 52) /* more than any time */

static int64_t
tier_of(int64_t order_at)
{
    return order_at >= 0 ? 0 : order_at < -TIER_MS ? -2 * TIER_MS : -TIER_MS;
}

int64_t
order_time(int64_t order_at)
{
    return order_at - tier_of(order_at);
}

static int64_t
own_tier(const struct task *task)
{
    return !task->urgent || task->ext->severity > 2 ? 0
           : task->ext->severity == 1               ? -2 * TIER_MS
                                                    : -TIER_MS;
}

/* Its priority, or critical when its deadline has passed and says so. */
static unsigned
urgency_of(const struct task *task)
{
    return alert_now(task) == BATON__ALERT__ALERT_ESCALATED ? BATON__PRIORITY__PRIORITY_CRITICAL
                                                            : task->priority;
}

static int64_t
base_of(const struct task *task)
{
    return task->anchor + (task->urgent ? task->ext->patience_ms : patience_ms(urgency_of(task)));
}

static int64_t
floor_of(const struct task *task)
{
    bool hard = task->course->deadline &&
                task->on_deadline != BATON__ON_DEADLINE__ON_DEADLINE_NOTHING;
    if (hard || task->urgent || urgency_of(task) == BATON__PRIORITY__PRIORITY_CRITICAL) {
        return task->anchor;
    }
    return task->anchor + patience_ms(task->priority - 1u);
}

static int64_t
own_of(const struct task *task, int64_t effective)
{
    int64_t base = base_of(task);
    if (effective == NEVER) {
        return base + own_tier(task);
    }
    int64_t floor = floor_of(task);
    return MAX(floor, MIN(effective - task->course->estimate_ms, base)) + own_tier(task);
}

/* What a dependent passes on: infinite when it is not live. */
static int64_t
passed_effective(const struct task *task, int64_t effective)
{
    return effective == NEVER ? NEVER : effective - task->course->estimate_ms;
}

static int64_t
passed_order(const struct task *to, int64_t order_at)
{
    if (order_at == NEVER) {
        return NEVER;
    }
    int64_t tier = tier_of(order_at);
    return MAX(to->anchor, order_at - tier - to->course->estimate_ms) + tier;
}

static void
effective_set(struct core *core, struct task *task, int64_t effective)
{
    if (effective != task->course->effective) {
        task_course(core, task)->effective = effective;
    }
}

static bool
refresh(struct core *core, struct task *task)
{
    int64_t effective = task->course->deadline ? task->course->deadline : NEVER;
    int64_t inherited = NEVER;
    for (uint32_t i = 0; i < task->edges->n_outs; i++) {
        const struct task *succ = task_at(core, task->edges->outs[i].succ);
        if (task_is_live(succ)) {
            effective = MIN(effective, passed_effective(succ, succ->course->effective));
            inherited = MIN(inherited, passed_order(task, succ->order_at));
        }
    }
    int64_t order_at = MIN(own_of(task, effective), inherited); /* neither is before the anchor */
    bool changed = effective != task->course->effective || order_at != task->order_at;
    effective_set(core, task, effective);
    task->order_at = order_at;
    return changed;
}

static bool
lower(struct core *core, struct task *task, int64_t effective, int64_t order_at)
{
    bool changed = false;
    if (effective < task->course->effective) {
        effective_set(core, task, effective);
        changed = true;
    }
    int64_t to = MIN(MIN(own_of(task, task->course->effective), order_at), task->order_at);
    if (to < task->order_at) {
        task->order_at = to;
        changed = true;
    }
    return changed;
}

static void
change_push(struct core *core, const struct task *task, int64_t effective, int64_t order_at)
{
    if (core->n_changes == core->room_changes) {
        core->room_changes = core->room_changes ? core->room_changes * 2 : 256;
        core->changes = xreallocarray(core->changes, core->room_changes, sizeof *core->changes);
    }
    core->changes[core->n_changes++] = (struct order_change){
        .slot = task->slot, .effective = effective, .order_at = order_at};
}

/* One task that the changed one depends on. */
static void
follow(struct core *core, struct task *pred, const struct task *task,
       const struct order_change *old)
{
    bool live = task_is_live(task);
    int64_t effective = live ? passed_effective(task, task->course->effective) : NEVER;
    int64_t order_at = live ? passed_order(pred, task->order_at) : NEVER;
    int64_t old_effective = passed_effective(task, old->effective);
    int64_t old_order = passed_order(pred, old->order_at);
    int64_t before_effective = pred->course->effective;
    int64_t before_order = pred->order_at;
    bool rested = (effective > old_effective && pred->course->effective == old_effective) ||
                  (order_at > old_order && pred->order_at == old_order);
    bool changed = rested ? refresh(core, pred) : lower(core, pred, effective, order_at);
    if (changed) {
        queue_fix(core, pred);
        timer_update(core, pred);
        change_push(core, pred, before_effective, before_order);
    }
}

static void
spread(struct core *core)
{
    while (core->n_changes > 0) {
        struct order_change old = core->changes[--core->n_changes];
        const struct task *task = task_at(core, old.slot);
        for (uint32_t i = 0; i < task->edges->n_ins; i++) {
            if (!task->edges->ins[i].pred) {
                continue;
            }
            struct task *pred = task_at(core, task->edges->ins[i].pred);
            if (task_is_live(pred)) {
                follow(core, pred, task, &old);
            }
        }
    }
}

void
order_spread(struct core *core, struct task *task)
{
    int64_t effective = task->course->effective;
    int64_t order_at = task->order_at;
    if (refresh(core, task)) {
        queue_fix(core, task);
        timer_update(core, task);
        change_push(core, task, effective, order_at);
        spread(core);
    }
}

void
order_enter(struct core *core, struct task *task)
{
    refresh(core, task);
    if (task->edges->n_ins) {
        change_push(core, task, NEVER, NEVER);
        spread(core);
    }
}

void
order_leave(struct core *core, struct task *task)
{
    if (task->edges->n_ins) {
        change_push(core, task, task->course->effective, task->order_at);
        spread(core);
    }
}

void
order_alone(struct core *core, struct task *task)
{
    CHECK(task->edges == &edges_none);
    refresh(core, task);
}

/* From the tasks without live dependents upwards: each when all its dependents are done (Kahn). */
void
order_all(struct core *core, struct task *const *tasks, uint32_t n)
{
    uint32_t *left = xcalloc(core->n_slots, sizeof *left);
    core->n_stack = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct task *task = tasks[i];
        if (task_is_live(task)) {
            left[task->slot] = task->n_live_outs;
            if (task->n_live_outs == 0) {
                stack_push(core, task->slot);
            }
        }
    }
    while (core->n_stack > 0) {
        struct task *task = task_at(core, core->stack[--core->n_stack]);
        refresh(core, task);
        for (uint32_t i = 0; i < task->edges->n_ins; i++) {
            uint32_t pred = task->edges->ins[i].pred;
            if (pred && task_is_live(task_at(core, pred)) && --left[pred] == 0) {
                stack_push(core, pred);
            }
        }
    }
    free(left);
}

enum { FAIRNESS_MAX = 10 * 1000 };

/* Keys whose virtual time has passed say next to nothing any more. */
static void
fairness_sweep(struct core *core, int64_t now)
{
    struct fairness *fairness, *tmp;
    HASH_ITER (by_key, core->fairness, fairness, tmp) {
        if (fairness->virtual_time <= now) {
            HASH_DELETE(by_key, core->fairness, fairness);
            free(fairness->key);
            free(fairness);
        }
    }
}

void
order_anchor(struct core *core, struct task *task, int64_t now)
{
    int64_t before = task->anchor;
    task->ready_at = task->anchor = now;
    struct task_ext *ext = task->ext;
    if (ext && ext->fairness_key) {
        struct fairness *fairness;
        HASH_FIND(by_key, core->fairness, ext->fairness_key, strlen(ext->fairness_key), fairness);
        if (!fairness) {
            if (HASH_CNT(by_key, core->fairness) >= FAIRNESS_MAX) {
                fairness_sweep(core, now);
            }
            fairness = xcalloc(1, sizeof *fairness);
            fairness->key = xstrdup(ext->fairness_key);
            HASH_ADD_KEYPTR(by_key, core->fairness, fairness->key, strlen(fairness->key), fairness);
        }
        task->anchor = MAX(fairness->virtual_time, now);
        int64_t weight = ext->fairness_weight ? ext->fairness_weight : 1;
        fairness->virtual_time = task->anchor + MAX(task->course->estimate_ms, 1000) / weight;
    }
    if (task->anchor != before) {
        order_spread(core, task);
    }
}

void
order_terms(const struct core *core, const struct task *task, int64_t *ret_floor, int64_t *ret_base,
            struct task **ret_effective_from, struct task **ret_inherited_from)
{
    *ret_floor = floor_of(task);
    *ret_base = base_of(task);
    *ret_effective_from = NULL;
    *ret_inherited_from = NULL;
    for (uint32_t i = 0; i < task->edges->n_outs; i++) {
        struct task *succ = task_at(core, task->edges->outs[i].succ);
        if (!task_is_live(succ)) {
            continue;
        }
        if (task->course->effective != NEVER && task->course->effective != task->course->deadline &&
            passed_effective(succ, succ->course->effective) == task->course->effective) {
            *ret_effective_from = succ;
        }
        if (task->order_at < own_of(task, task->course->effective) &&
            passed_order(task, succ->order_at) == task->order_at) {
            *ret_inherited_from = succ;
        }
    }
}

uint32_t *
order_pressing(struct core *core, const struct task *task, struct arena *arena, size_t *ret_n)
{
    uint32_t mark = mark_new(core);
    const struct task *at = task;
    core->n_stack = 0;
    for (uint32_t done = 0;; done++) {
        for (uint32_t i = 0; i < at->edges->n_outs; i++) {
            struct task *succ = task_at(core, at->edges->outs[i].succ);
            if (core->marks[succ->slot] != mark && task_is_live(succ) &&
                passed_effective(succ, succ->course->effective) == at->course->effective) {
                core->marks[succ->slot] = mark;
                stack_push(core, succ->slot);
            }
        }
        if (done == core->n_stack) {
            break;
        }
        at = task_at(core, core->stack[done]);
    }
    *ret_n = core->n_stack;
    return core->n_stack ? arena_memdup(arena, core->stack, core->n_stack * sizeof *core->stack)
                         : NULL;
}
