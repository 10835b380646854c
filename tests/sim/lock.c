/* Steps of running tasks that take more than they declared. */
#include "sim.h"

#include <string.h>

static bool
meets_own(const struct model *m, int t, int resource, bool *ret_other)
{
    const struct m_task *task = &m->task[t];
    bool same = false;
    *ret_other = false;
    for (int i = 0; i < task->spec.n_claims + task->n_taken; i++) {
        const struct m_claim *own = i < task->spec.n_claims ? &task->spec.claims[i]
                                                            : &task->taken[i - task->spec.n_claims];
        same |= own->resource == resource;
        *ret_other |= own->resource != resource && model_meet(own->resource, resource);
    }
    return same;
}

/* Might it be kept for a task that waits? */
static bool
is_wanted_elsewhere(const struct model *m, int resource)
{
    for (int t = 0; t < m->n_tasks; t++) {
        for (int i = 0; m->state[t] == READY && i < m->task[t].spec.n_claims; i++) {
            if (model_meet(m->task[t].spec.claims[i].resource, resource)) {
                return true;
            }
        }
    }
    return false;
}

static void
try_lock(struct world *w, int t, Baton__Lock *lock, const struct m_claim *claim)
{
    struct model *m = w->m;
    struct m_task *task = &m->task[t];
    bool other;
    bool same = meets_own(m, t, claim->resource, &other);
    if (same || other || task->n_taken == M_TAKEN_MAX || m->n_lingers + 8 > M_LINGERS_MAX) {
        return;
    }
    Baton__LockReply ret;
    uint32_t capacity = m->capacity[claim->resource];
    bool never = !claim->shared && (uint32_t)claim->amount > capacity;
    bool may = model_has_room(m, claim, false);
    bool must = model_has_room(m, claim, true) && !is_wanted_elsewhere(m, claim->resource);
    trace_message(w, "lock", &lock->base);
    Baton__Code code = core_lock(w->core, world_request(w, "agent@desk"), lock, NULL, 0, &ret);
    check_code(w, never ? CODE(UNSATISFIABLE) : CODE(OK), code);
    if (code != BATON__CODE__CODE_OK || !ret.granted) {
        check_refused(w);
    }
    if (code == BATON__CODE__CODE_OK && (ret.granted ? !may : must)) {
        sim_fail(w, "the lock on %s is %s to %s", sim_resources[claim->resource],
                 ret.granted ? "given" : "refused", w->names[task->id]);
    }
    if (code == BATON__CODE__CODE_OK && ret.granted) {
        task->taken[task->n_taken++] = *claim;
        m->order_valid = false;
    }
}

static void
release_lock(struct world *w, int t, Baton__Lock *lock, int resource)
{
    struct m_task *task = &w->m->task[t];
    int at = -1, declared = -1;
    for (int i = 0; i < task->n_taken; i++) {
        at = task->taken[i].resource == resource ? i : at;
    }
    for (int i = 0; i < task->spec.n_claims; i++) {
        declared = task->spec.claims[i].resource == resource ? i : declared;
    }
    Baton__LockReply ret;
    lock->verb = BATON__LOCK__VERB__RELEASE;
    trace_message(w, "lock", &lock->base);
    Baton__Code code = core_lock(w->core, world_request(w, "agent@desk"), lock, NULL, 0, &ret);
    check_code(w,
               declared >= 0 ? CODE(ILLEGAL_TRANSITION)
               : at >= 0     ? CODE(OK)
                             : CODE(NOT_FOUND),
               code);
    if (code == BATON__CODE__CODE_OK) {
        task->taken[at] = task->taken[--task->n_taken];
        w->m->order_valid = false;
    } else {
        check_refused(w);
    }
}

void
step_lock(struct world *w)
{
    struct model *m = w->m;
    Baton__Claim claim = BATON__CLAIM__INIT;
    Baton__Lock lock = BATON__LOCK__INIT;
    if (m->n_tasks == 0) {
        return;
    }
    int t = (int)pick(w, (uint64_t)m->n_tasks);
    for (int i = 0; i < 20 && !model_holds_lease(m, t); i++) {
        t = (int)pick(w, (uint64_t)m->n_tasks);
    }
    int resource = (int)pick(w, (uint64_t)w->rates.resources);
    bool is_path = strncmp(sim_resources[resource], "path:", 5) == 0;
    struct m_claim wanted = {.resource = (int8_t)resource, .shared = pick(w, 3) == 0};
    wanted.amount = wanted.shared || is_path ? 0 : (int32_t)pick(w, 4);
    claim.name = arena_strdup(&w->arena, sim_resources[resource]);
    claim.amount = (uint32_t)wanted.amount;
    claim.shared = wanted.shared;
    lock.token = m->latest[t];
    lock.claim = &claim;
    if (m->task[t].vague || check_in_flux(w, t)) {
        return;
    }
    if (!model_holds_lease(m, t)) {
        Baton__LockReply ret;
        Baton__Code code = core_lock(w->core, world_request(w, "agent@desk"), &lock, NULL, 0, &ret);
        check_code(w, CODE(STALE_TOKEN), code);
        check_refused(w);
    } else if (pick(w, 3)) {
        try_lock(w, t, &lock, &wanted);
    } else {
        release_lock(w, t, &lock, resource);
    }
}
