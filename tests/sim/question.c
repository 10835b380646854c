/* Questions to the core, and the whole world compared. */
#include "sim.h"

#include "common/limits.h"

#include <string.h>

static void
check_role(struct world *w, int role, const Baton__RoleStatus *status)
{
    const struct model *m = w->m;
    uint64_t n[STATES_N] = {0};
    for (int t = 0; t < m->n_tasks; t++) {
        if (m->task[t].spec.role == role) {
            n[m->state[t]]++;
        }
    }
    uint64_t waiting = n[WAITING] + n[PARKED] + n[REVIEW];
    uint64_t running = n[LEASED] + n[RUNNING] + n[CANCELLING];
    uint64_t failed = n[FAILED] + n[EXPIRED] + n[ABORTED];
    if (status->waiting != waiting || status->ready != n[READY] || status->running != running ||
        status->done != n[DONE] || status->failed != failed || status->cancelled != n[CANCELLED]) {
        sim_fail(
            w,
            "status of %s: waiting %u, ready %u, running %u, done %llu, failed %llu, cancelled "
            "%llu instead of %llu, %llu, %llu, %llu, %llu, %llu",
            role_names[role], status->waiting, status->ready, status->running,
            (unsigned long long)status->done, (unsigned long long)status->failed,
            (unsigned long long)status->cancelled, (unsigned long long)waiting,
            (unsigned long long)n[READY], (unsigned long long)running, (unsigned long long)n[DONE],
            (unsigned long long)failed, (unsigned long long)n[CANCELLED]);
    }
    if (!w->late && (status->paused != 0) != m->role[role].on) {
        sim_fail(w, "status says that %s is %spaused", role_names[role],
                 status->paused ? "" : "not ");
    }
}

static void
check_status(struct world *w)
{
    Baton__StatusReply status;
    core_status(w->core, world_request(w, ""), &status);
    for (size_t i = 0; i < status.n_roles; i++) {
        int role = role_number(status.roles[i]->role);
        if (role < 0) {
            sim_fail(w, "status names the unknown role \"%s\"", status.roles[i]->role);
        }
        check_role(w, role, status.roles[i]);
    }
    for (int t = 0; t < w->m->n_tasks; t++) {
        if (check_in_flux(w, t)) {
            return;
        }
    }
    uint64_t n_hot = 0;
    for (int t = 0; t < w->m->n_tasks; t++) {
        n_hot += !w->m->task[t].archived;
    }
    if (core_n_tasks(w->core) != n_hot ||
        core_n_archived(w->core) != (uint64_t)w->m->n_tasks - n_hot) {
        sim_fail(w, "%llu tasks in memory and %llu in the archive instead of %llu and %llu",
                 (unsigned long long)core_n_tasks(w->core),
                 (unsigned long long)core_n_archived(w->core), (unsigned long long)n_hot,
                 (unsigned long long)((uint64_t)w->m->n_tasks - n_hot));
    }
}

static void
check_resources(struct world *w)
{
    Baton__Resources ask = BATON__RESOURCES__INIT;
    Baton__ResourceList list;
    Baton__Code code = core_resources(w->core, world_request(w, ""), &ask, &list);
    check_code(w, CODE(OK), code);
    check_refused(w);
    for (size_t i = 0; i < list.n_resources; i++) {
        const Baton__ResourceView *view = list.resources[i];
        int r = 0;
        while (r < M_RESOURCES && strcmp(sim_resources[r], view->name) != 0) {
            r++;
        }
        if (r == M_RESOURCES) {
            sim_fail(w, "there is a resource called \"%s\"", view->name);
        }
        if (view->capacity != w->m->capacity[r]) {
            sim_fail(w, "capacity of %s is %u instead of %u", view->name, view->capacity,
                     w->m->capacity[r]);
        }
        uint32_t least = model_used(w->m, r, false);
        uint32_t most = model_used(w->m, r, true);
        if (!w->late && (view->used != 0) != (least != 0) && (view->used != 0) != (most != 0)) {
            sim_fail(w, "%u units of %s are in use instead of %u", view->used, view->name, least);
        }
    }
}

void
check_all(struct world *w)
{
    struct model *m = w->m;
    model_order(m);
    uint32_t n_late = 0;
    for (int t = 0; t < m->n_tasks; t++) {
        if (check_in_flux(w, t)) {
            n_late++;
            continue;
        }
        check_task(w, t);
        model_order(m);
        if (m->seen[t] != m->state[t]) {
            sim_fail(w, "%s is %s, but its events end with %s", w->names[m->task[t].id],
                     state_name(m->state[t]), state_name(m->seen[t]));
        }
    }
    w->skipped = n_late > 0;
    if (n_late == 0) {
        check_status(w);
        check_resources(w);
    }
}

/* ---- why ---- */

/* Every reason that a task may truly name. */
static reasons
true_reasons(struct world *w, int t)
{
    struct model *m = w->m;
    int first;
    uint32_t waits;
    switch (m->state[t]) {
    case WAITING:
        /* Of alternatives the broken ones may be told as well. */
        return model_waiting_reasons(m, t, &first) | WHY(UPSTREAM_FAILED);
    case READY: {
        uint32_t all = (1u << M_RESOURCES) - 1;
        reasons why = model_obstacles(m, t, all, true, &waits);
        return why | WHY(QUEUED) | WHY(NO_WORKER) | WHY(NO_CREDIT);
    }
    default:
        return model_reasons(m, t);
    }
}

static bool
is_edge_to(struct world *w, const struct m_edge *edge, const Baton__Ref *ref)
{
    const Baton__Ref *to = message_ref(w, edge->project, edge->id);
    const char *project = to->project[0] ? to->project : "default";
    return strcmp(to->id, ref->id) == 0 && strcmp(project, ref->project) == 0;
}

/* However much it wants of another task, that is one cause: one for each group that it is in. */
static void
check_told_once(struct world *w, int t, const Baton__Explained *explained)
{
    const struct m_spec *spec = &w->m->task[t].spec;
    for (size_t i = 0; i < explained->n_causes; i++) {
        const Baton__Ref *ref = explained->causes[i]->task;
        if (w->m->state[t] != WAITING || !ref) {
            continue;
        }
        int told = 0, groups = 0;
        for (size_t j = 0; j < explained->n_causes; j++) {
            const Baton__Ref *other = explained->causes[j]->task;
            told += other && strcmp(other->id, ref->id) == 0 &&
                    strcmp(other->project, ref->project) == 0;
        }
        for (int k = 0; k < spec->n_edges; k++) {
            bool is_new = is_edge_to(w, &spec->edges[k], ref);
            for (int l = 0; l < k && is_new; l++) {
                is_new = spec->edges[l].any != spec->edges[k].any ||
                         !is_edge_to(w, &spec->edges[l], ref);
            }
            groups += is_new;
        }
        if (told > groups) {
            sim_fail(w, "why %s: %s is named %d times, for %d", w->names[w->m->task[t].id], ref->id,
                     told, groups);
        }
    }
}

/* Whoever waits for it, each once. */
static void
check_dependents(struct world *w, int t, const Baton__TaskView *view)
{
    const struct model *m = w->m;
    uint32_t n = 0;
    for (int d = 0; d < m->n_tasks; d++) {
        const struct m_spec *spec = &m->task[d].spec;
        bool waits = false;
        if (check_in_flux(w, d)) {
            return;
        }
        for (int k = 0; k < spec->n_edges && !m->task[d].archived && !waits; k++) {
            waits = model_find(m, spec->edges[k].project, spec->edges[k].id) == t;
        }
        n += waits;
    }
    if (view->dependents_total != n || view->n_dependents != n) {
        sim_fail(w, "%s has %u dependents, %zu of them named, instead of %u",
                 w->names[w->m->task[t].id], view->dependents_total, view->n_dependents, n);
    }
}

void
check_why(struct world *w, int t)
{
    struct model *m = w->m;
    char text[256];
    Baton__Explained explained;
    uint64_t archived;
    Baton__Ref *ref = message_ref(w, m->task[t].project, m->task[t].id);
    Baton__Code code = core_why(w->core, world_request(w, ""), ref, &explained, &archived);
    check_refused(w);
    if (m->task[t].archived) {
        check_code(w, CODE(NOT_FOUND), code);
        return;
    }
    check_code(w, CODE(OK), code);
    trace_message(w, "  why", &explained.base);
    check_dependents(w, t, explained.task);
    if (!model_is_live(m, t) || check_in_flux(w, t)) {
        return;
    }
    check_told_once(w, t, &explained);
    reasons truth = true_reasons(w, t);
    if (explained.n_causes == 0) {
        sim_fail(w, "why %s: no cause is named, but there is %s", ref->id,
                 trace_reasons(truth, text, sizeof text));
    }
    for (size_t i = 0; i < explained.n_causes; i++) {
        if (!(truth & why_bit((int)explained.causes[i]->reason))) {
            sim_fail(w, "why %s (%s): %s is named, but only %s is true", ref->id,
                     state_name(m->state[t]), reason_name((int)explained.causes[i]->reason),
                     trace_reasons(truth, text, sizeof text));
        }
        if (!explained.causes[i]->text[0]) {
            sim_fail(w, "why %s: %s comes without a sentence", ref->id,
                     reason_name((int)explained.causes[i]->reason));
        }
    }
    model_order(m);
    const Baton__Order *order = explained.order;
    if (order && (order->order_at != m->order_at[t] || order->anchor != m->task[t].anchor ||
                  order->dependents != m->n_dependents[t])) {
        sim_fail(w, "why %s: order %lld, anchor %lld, %u dependents instead of %lld, %lld, %u",
                 ref->id, (long long)order->order_at, (long long)order->anchor, order->dependents,
                 (long long)m->order_at[t], (long long)m->task[t].anchor, m->n_dependents[t]);
    }
}

/* ---- lists ---- */

/* All pages of a list: every task of those states, once, in order of keys. */
static void
check_list(struct world *w)
{
    struct model *m = w->m;
    Baton__List list = BATON__LIST__INIT;
    Baton__TaskState state = (Baton__TaskState)(1 + pick(w, STATES_N - 1));
    list.n_states = 1;
    list.states = &state;
    list.limit = 1 + (uint32_t)pick(w, 40);
    int expected = 0;
    for (int t = 0; t < m->n_tasks; t++) {
        if (check_in_flux(w, t)) {
            return;
        }
        expected += !m->task[t].archived && m->state[t] == (int)state;
    }
    uint64_t last = 0;
    int n = 0;
    for (int page = 0;; page++) {
        Baton__Listed listed;
        Baton__Code code = core_list(w->core, world_request(w, ""), &list, &listed);
        check_code(w, CODE(OK), code);
        for (size_t i = 0; i < listed.n_tasks; i++, n++) {
            if (listed.tasks[i]->key <= last || listed.tasks[i]->state != state) {
                sim_fail(w, "a page of %s tasks has key %llu (%s) after %llu",
                         state_name((int)state), (unsigned long long)listed.tasks[i]->key,
                         state_name((int)listed.tasks[i]->state), (unsigned long long)last);
            }
            last = listed.tasks[i]->key;
        }
        if (listed.next == 0) {
            break;
        }
        if (page > M_TASKS_MAX || listed.next < last) {
            sim_fail(w, "the pages of a list do not come to an end");
        }
        list.after = listed.next;
    }
    if (n != expected) {
        sim_fail(w, "%d tasks are listed as %s instead of %d", n, state_name((int)state), expected);
    }
}

static void
check_worker_tasks(struct world *w)
{
    struct model *m = w->m;
    int worker = (int)pick(w, M_WORKERS);
    Baton__Ref **refs;
    size_t n;
    size_t expected = 0;
    uint32_t number = world_worker(w, worker);
    for (int t = 0; t < m->n_tasks; t++) {
        expected += model_holds_lease(m, t) && m->task[t].worker == worker;
    }
    core_worker_tasks(w->core, world_request(w, ""), number, &refs, &n);
    if (!w->late && (n != expected || core_worker_n_leases(w->core, number) != expected)) {
        sim_fail(w, "%s holds %zu tasks (%u leases) instead of %zu", sim_workers[worker], n,
                 core_worker_n_leases(w->core, number), expected);
    }
    if (!w->late && core_worker_is_draining(w->core, number) != m->worker[worker].on) {
        sim_fail(w, "%s is %sdraining", sim_workers[worker], m->worker[worker].on ? "not " : "");
    }
}

static void
check_accepting(struct world *w)
{
    const char *reason = NULL;
    bool accepts = core_is_accepting(w->core, &reason);
    if (!w->late && accepts != !(w->m->broker.on && w->m->broker.refuse)) {
        sim_fail(w, "the broker says that it is %saccepting", accepts ? "" : "not ");
    }
}

void
step_question(struct world *w)
{
    switch (pick(w, 5)) {
    case 0:
        check_list(w);
        break;
    case 1:
        check_worker_tasks(w);
        break;
    case 2:
        check_accepting(w);
        break;
    default:
        if (w->m->n_tasks) {
            check_why(w, (int)pick(w, (uint64_t)w->m->n_tasks));
        }
        break;
    }
}
