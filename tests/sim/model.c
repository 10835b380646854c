/* The reference model: states, what follows from what, and what is due. */
#include "model.h"

#include <string.h>

enum { MET, PENDING, BROKEN };

void
model_init(struct model *m, const struct core_config *config)
{
    /* What lies behind the tasks was never used. */
    memset(m, 0, offsetof(struct model, task) + (size_t)m->n_tasks * sizeof(struct m_task));
    m->config = *config;
    memset(m->slot, 0xff, sizeof m->slot);
    for (int i = 0; i < M_RESOURCES; i++) {
        m->capacity[i] = 1;
    }
}

void
model_copy(struct model *to, const struct model *from)
{
    memcpy(to, from, offsetof(struct model, task) + (size_t)from->n_tasks * sizeof(struct m_task));
}

void
model_begin(struct model *m)
{
    m->n_changed = 0;
}

int
model_find(const struct model *m, int project, int id)
{
    return id < 0 ? -1 : m->slot[project][id];
}

bool
model_is_live(const struct model *m, int t)
{
    return m->state[t] < DONE;
}

bool
model_holds_lease(const struct model *m, int t)
{
    return m->state[t] == LEASED || m->state[t] == RUNNING || m->state[t] == CANCELLING;
}

int
model_n_live(const struct model *m)
{
    int n = 0;
    for (int t = 0; t < m->n_tasks; t++) {
        n += model_is_live(m, t);
    }
    return n;
}

struct m_lease *
model_lease(struct model *m, uint64_t token)
{
    int lo = 0;
    int hi = m->n_leases;
    while (lo < hi) {
        int mid = (lo + hi) / 2;
        if (m->leases[mid].token < token) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo < m->n_leases && m->leases[lo].token == token ? &m->leases[lo] : NULL;
}

uint32_t
model_max_attempts(const struct model *m, int t)
{
    uint32_t own = m->task[t].spec.max_attempts;
    return own ? own : m->config.max_attempts;
}

void
model_touch(struct model *m, int t)
{
    m->order_valid = false;
    for (int i = 0; i < m->n_changed; i++) {
        if (m->changed[i] == t) {
            return;
        }
    }
    CHECK(m->n_changed < M_CHANGED_MAX);
    m->changed[m->n_changed++] = (int16_t)t;
}

void
model_set(struct model *m, int t, int state, reasons why)
{
    struct m_task *task = &m->task[t];
    bool was_live = model_is_live(m, t);
    m->state[t] = (uint8_t)state;
    task->why = why;
    if (state >= DONE && (was_live || task->ended_at == 0)) {
        task->ended_at = m->now;
    }
    model_touch(m, t);
}

/* ---- dependencies ---- */

static int
edge_value(const struct model *m, const struct m_edge *edge)
{
    if (edge->id >= M_GATE_FIRST) {
        return model_gate_is_open(m, edge->project, edge->id) ? MET : PENDING;
    }
    int other = model_find(m, edge->project, edge->id);
    if (other < 0) {
        return PENDING;
    }
    int s = m->state[other];
    if (edge->condition == BATON__CONDITION__CONDITION_STARTED) {
        /* The archive knows outcomes only. */
        bool started = m->task[other].ever_started && !m->task[other].archived;
        return started || s == DONE ? MET : s >= DONE ? BROKEN : PENDING;
    }
    if (s < DONE) {
        return PENDING;
    }
    switch (edge->condition) {
    case BATON__CONDITION__CONDITION_SUCCESS:
        return s == DONE ? MET : BROKEN;
    case BATON__CONDITION__CONDITION_FAILED:
        return s == FAILED || s == EXPIRED ? MET : BROKEN;
    default:
        return MET;
    }
}

struct upstream {
    bool deps, gate, forward, hold, abort;
    bool gate_too; /* … or a task would do in its place */
};

/* The edges from `first` on that have its group (or it alone, without one). */
static void
group_value(const struct model *m, const struct m_spec *spec, int first, struct upstream *ret)
{
    const struct m_edge *edge = &spec->edges[first];
    bool met = false, pending = false, forward = false, ignore = false, abort = false;
    bool gates = true, gate_too = false; /* only these are pending; some of them are */
    for (int i = first; i < spec->n_edges; i++) {
        const struct m_edge *e = &spec->edges[i];
        if (i != first && (edge->any == 0 || e->any != edge->any)) {
            continue;
        }
        int value = edge_value(m, e);
        met |= value == MET;
        bool gate = e->id >= M_GATE_FIRST;
        pending |= value == PENDING;
        gates &= value != PENDING || gate;
        gate_too |= value == PENDING && gate;
        forward |= value == PENDING && !gate && model_find(m, e->project, e->id) < 0;
        ignore |= value == BROKEN && e->policy == BATON__POLICY__POLICY_IGNORE;
        abort |= value == BROKEN && e->policy == BATON__POLICY__POLICY_ABORT;
    }
    if (met) {
        return;
    }
    if (pending) {
        *(gates ? &ret->gate : &ret->deps) = true;
        ret->gate_too |= gate_too;
        ret->forward |= forward;
    } else if (!ignore) {
        ret->abort |= abort;
        ret->hold |= !abort;
    }
}

static void
upstream_of(const struct model *m, int t, struct upstream *ret)
{
    const struct m_spec *spec = &m->task[t].spec;
    *ret = (struct upstream){0};
    for (int i = 0; i < spec->n_edges; i++) {
        bool seen = false;
        for (int k = 0; k < i; k++) {
            seen |= spec->edges[i].any && spec->edges[k].any == spec->edges[i].any;
        }
        if (!seen) {
            group_value(m, spec, i, ret);
        }
    }
}

reasons
model_waiting_reasons(const struct model *m, int t, int *first)
{
    const struct m_task *task = &m->task[t];
    struct upstream up;
    upstream_of(m, t, &up);
    reasons set = 0;
    static const int order[] = {
        BATON__REASON__REASON_HELD,        BATON__REASON__REASON_BLOCKER,
        BATON__REASON__REASON_BUDGET,      BATON__REASON__REASON_UPSTREAM_FAILED,
        BATON__REASON__REASON_FORWARD_REF, BATON__REASON__REASON_DEPS,
        BATON__REASON__REASON_GATE,        BATON__REASON__REASON_BACKOFF,
        BATON__REASON__REASON_NOT_BEFORE};
    const bool holds[] = {task->held,
                          model_is_blocked(m, t),
                          task->spec.role >= 0 && budget_keeps(m, t, true),
                          up.hold || up.abort,
                          up.forward,
                          up.deps,
                          up.gate,
                          task->wait_backoff,
                          task->wait_not_before};
    *first = 0;
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        if (holds[i]) {
            set |= why_bit(order[i]);
            *first = *first ? *first : order[i];
        }
    }
    return up.gate_too ? set | WHY(GATE) : set;
}

reasons
model_reasons(const struct model *m, int t)
{
    const struct m_task *task = &m->task[t];
    if (m->state[t] != LEASED && m->state[t] != RUNNING) {
        return task->why;
    }
    reasons why = (task->suspect ? WHY(SUSPECT) : 0) | (task->stalled ? WHY(STALLED) : 0);
    return why && !task->maybe_suspect ? why
                                       : why | WHY(OK) | (task->maybe_suspect ? WHY(SUSPECT) : 0);
}

bool
model_aborts(const struct model *m, int t)
{
    struct upstream up;
    upstream_of(m, t, &up);
    return up.abort;
}

/* One waiting or ready task as its conditions want it. Returns true when its state changed. */
static bool
settle_one(struct model *m, int t)
{
    struct m_task *task = &m->task[t];
    struct upstream up;
    upstream_of(m, t, &up);
    if (up.abort) {
        model_set(m, t, ABORTED, WHY(UPSTREAM));
        return true;
    }
    int first;
    model_waiting_reasons(m, t, &first);
    int was = m->state[t];
    if (first) {
        reasons why = why_bit((int)first);
        if (was != WAITING || task->why != why) {
            model_set(m, t, WAITING, why);
        }
        return was != WAITING;
    }
    if (task->spec.role < 0) {
        model_set(m, t, DONE, WHY(NONE));
        return true;
    }
    if (was != READY) {
        model_set(m, t, READY, WHY_READY);
        task->anchor_due = !task->was_ready;
    }
    return was != READY;
}

void
model_settle(struct model *m)
{
    bool again = true;
    while (again) {
        again = false;
        for (int t = 0; t < m->n_tasks; t++) {
            if (m->state[t] == PARKED && model_wait_is_over(m, t)) {
                model_set(m, t, WAITING, 0);
            }
            if (m->state[t] == WAITING || m->state[t] == READY) {
                again |= settle_one(m, t);
            }
        }
    }
}

void
model_first_ready(struct model *m, int t)
{
    struct m_task *task = &m->task[t];
    if (!task->anchor_due) {
        return;
    }
    task->anchor_due = false;
    task->was_ready = true;
    task->anchor = m->now;
    int f = task->spec.fairness;
    if (f) {
        task->anchor = MAX(m->now, m->virtual_time[f]);
        int64_t cost = MAX(task->spec.estimate, 1000);
        m->virtual_time[f] = task->anchor +
                             cost / (task->spec.weight ? (int64_t)task->spec.weight : 1);
    }
    m->order_valid = false;
}

/* ---- time ---- */

bool
model_waits_forward(const struct model *m, int t)
{
    struct upstream up;
    upstream_of(m, t, &up);
    return up.forward;
}

bool
model_holds_up(const struct model *m, int t)
{
    for (int d = 0; d < m->n_tasks && m->state[t] >= DONE && !m->task[t].archived; d++) {
        const struct m_spec *spec = &m->task[d].spec;
        struct upstream up;
        for (int k = 0; m->state[d] == WAITING && k < spec->n_edges; k++) {
            const struct m_edge *e = &spec->edges[k];
            if (model_find(m, e->project, e->id) == t && edge_value(m, e) == BROKEN &&
                e->policy == BATON__POLICY__POLICY_HOLD) {
                upstream_of(m, d, &up);
                if (up.hold) {
                    return true;
                }
            }
        }
    }
    return false;
}

bool
model_is_aside(const struct model *m, int t)
{
    return m->state[t] == PARKED || m->state[t] == REVIEW;
}

bool
model_wait_is_over(const struct model *m, int t)
{
    const struct m_task *task = &m->task[t];
    struct upstream up;
    switch (task->waits) {
    case W_BLOCKER: {
        const struct m_card *card = model_card((struct model *)(uintptr_t)m, task->waits_number);
        /* That it waits for an unknown task is not so while it is parked: the blocker ends by that.
         */
        bool of_itself = card && card->forward && card->task == t;
        return task->waits_number && (!card || !model_card_is_open(card) || of_itself);
    }
    case W_GATE:
        return model_gate_is_open(m, task->project, task->waits_gate);
    case W_CHILDREN:
        for (int c = 0; c < m->n_tasks; c++) {
            if (m->task[c].parent == t && model_is_live(m, c)) {
                return false;
            }
        }
        return true;
    case W_REWORK:
        upstream_of(m, t, &up);
        return !up.deps && !up.gate && !up.forward;
    default:
        return false;
    }
}

static int
add_due(struct m_due *due, int n, enum m_timer timer, int64_t lo, int64_t hi)
{
    due[n] = (struct m_due){timer, lo, hi};
    return n + 1;
}

static int
lease_timers(const struct model *m, int t, struct m_due *due, int n)
{
    const struct m_task *task = &m->task[t];
    const struct m_spec *spec = &task->spec;
    /* One that is told to stop has its grace; whether its lease ends it sooner is left open. */
    n = add_due(due, n, T_LEASE, task->end_lo,
                m->state[t] == CANCELLING ? INT64_MAX : task->end_hi);
    if (m->state[t] == LEASED && !task->sessionless) {
        n = add_due(due, n, T_START, task->start_lo, task->start_hi);
    }
    if (m->state[t] == RUNNING && spec->max_runtime) {
        int64_t at = task->started_at + spec->max_runtime + 30000;
        n = add_due(due, n, T_RUNTIME, at, at);
    }
    if (m->state[t] == RUNNING && !task->stalled) {
        int64_t at = task->progress_at + (spec->stall ? spec->stall : m->config.stall_ms);
        int64_t said = task->next_update_at;
        int64_t late = MAX(at, at - task->progress_at + task->stall_from_hi);
        n = add_due(due, n, T_STALL, said ? MIN(at, said) : at, MAX(late, said));
    }
    if (m->state[t] == CANCELLING) {
        n = add_due(due, n, T_GRACE, task->grace_lo, task->grace_hi);
    }
    return n;
}

int
model_timers(const struct model *m, int t, struct m_due due[8])
{
    const struct m_task *task = &m->task[t];
    const struct m_spec *spec = &task->spec;
    int s = m->state[t];
    int n = 0;
    if (s >= DONE) {
        return 0;
    }
    if (task->wait_backoff) {
        n = add_due(due, n, T_WAIT_BACKOFF, task->next_lo, task->next_hi);
    }
    if (task->wait_not_before) {
        n = add_due(due, n, T_WAIT_TIME, spec->not_before, spec->not_before);
    }
    if (s == LEASED || s == RUNNING || s == CANCELLING) {
        n = lease_timers(m, t, due, n);
    }
    if ((s == LEASED || s == RUNNING) && budget_stops(m, t)) {
        n = add_due(due, n, T_BUDGET, m->now, m->now);
    }
    bool acts = spec->on_deadline == BATON__ON_DEADLINE__ON_DEADLINE_CANCEL
                    ? s != CANCELLING
                    : spec->on_deadline == BATON__ON_DEADLINE__ON_DEADLINE_EXPIRE &&
                          (s == WAITING || s == READY);
    if (s == WAITING && !model_notice((struct model *)(uintptr_t)m, t) &&
        model_waits_forward(m, t)) {
        int64_t at = MAX(task->created_at, task->after_since) + INT64_C(24) * 3600000;
        n = add_due(due, n, T_FORWARD, at, at);
    }
    if (spec->deadline && acts) {
        n = add_due(due, n, T_DEADLINE, spec->deadline, MAX(spec->deadline, task->deadline_hi));
    }
    return n;
}

/* The latest start needs the effective deadlines: model_order comes first. */
int
model_alerts(const struct model *m, int t, struct m_due due[2])
{
    const struct m_task *task = &m->task[t];
    const struct m_spec *spec = &task->spec;
    int s = m->state[t];
    int n = 0;
    if (s >= DONE || s == CANCELLING) {
        return 0;
    }
    if (s != RUNNING && !model_is_aside(m, t) && spec->estimate && m->effective[t] != INT64_MAX &&
        task->risk_told != m->effective[t]) {
        int64_t at = m->effective[t] - spec->estimate + 1;
        n = add_due(due, n, T_RISK, at, at);
    }
    bool lifts = spec->on_deadline == BATON__ON_DEADLINE__ON_DEADLINE_ESCALATE;
    bool open = spec->on_deadline == BATON__ON_DEADLINE__ON_DEADLINE_NOTHING || lifts ||
                (spec->on_deadline == BATON__ON_DEADLINE__ON_DEADLINE_EXPIRE && s != WAITING &&
                 s != READY);
    bool told = task->late_told == spec->deadline && (!lifts || task->escalated);
    if (spec->deadline && open && !told) {
        n = add_due(due, n, T_LATE, spec->deadline, spec->deadline);
    }
    bool asks = s == REVIEW || (s == PARKED && task->waits == W_APPROVAL);
    if (asks && task->review_told < 2) {
        int64_t at = task->review_told ? task->review_due : task->review_at;
        n = add_due(due, n, T_REVIEW, at, at);
    }
    return n;
}

/* The deadline of d, less what is to be done from d on, is that of t. */
static bool
presses(const struct model *m, int d, int t)
{
    const struct m_spec *spec = &m->task[d].spec;
    if (!model_is_live(m, d) || m->effective[t] == INT64_MAX ||
        m->effective[d] - spec->estimate != m->effective[t]) {
        return false;
    }
    for (int i = 0; i < spec->n_edges; i++) {
        if (model_find(m, spec->edges[i].project, spec->edges[i].id) == t) {
            return true;
        }
    }
    return false;
}

void
model_press(struct model *m, int t)
{
    static bool reached[M_TASKS_MAX];
    bool more = true;
    memset(reached, 0, sizeof reached);
    reached[t] = true;
    while (more) {
        more = false;
        for (int d = 0; d < m->n_tasks; d++) {
            for (int i = 0; i < m->task[d].spec.n_edges && !reached[d] && model_is_live(m, d);
                 i++) {
                const struct m_edge *e = &m->task[d].spec.edges[i];
                int up = model_find(m, e->project, e->id);
                if (up >= 0 && reached[up] && presses(m, d, up)) {
                    reached[d] = more = true;
                }
            }
        }
    }
    for (int d = 0; d < m->n_tasks; d++) {
        struct m_task *task = &m->task[d];
        if (reached[d] && d != t && task->spec.role < 0 && task->spec.deadline > m->now &&
            task->spec.deadline == m->effective[d] && task->risk_told != m->effective[d]) {
            task->owed_risk = true;
        }
    }
}

bool
model_is_escalated(const struct model *m, int t)
{
    const struct m_task *task = &m->task[t];
    return task->spec.on_deadline == BATON__ON_DEADLINE__ON_DEADLINE_ESCALATE &&
           task->spec.deadline && task->escalated && task->late_told == task->spec.deadline;
}

int
model_alert(struct model *m, int t)
{
    const struct m_task *task = &m->task[t];
    if (m->state[t] >= DONE) {
        return BATON__ALERT__ALERT_NONE;
    }
    if (task->spec.deadline && task->late_told == task->spec.deadline) {
        return model_is_escalated(m, t) ? BATON__ALERT__ALERT_ESCALATED : BATON__ALERT__ALERT_LATE;
    }
    model_order(m);
    return m->effective[t] != INT64_MAX && task->risk_told == m->effective[t]
               ? BATON__ALERT__ALERT_AT_RISK
               : BATON__ALERT__ALERT_NONE;
}

bool
model_leads_to(const struct model *m, int t, enum m_timer timer, int to, int reason)
{
    int s = m->state[t];
    switch (timer) {
    case T_WAIT_BACKOFF:
    case T_WAIT_TIME:
        return s == WAITING && (to == READY || to == DONE);
    case T_START:
        return to == READY || to == WAITING;
    case T_LEASE:
        return s == CANCELLING ? to == CANCELLED || to == WAITING || to == FAILED || to == READY
                               : to == READY || to == WAITING || (s == RUNNING && to == FAILED);
    case T_RUNTIME:
        return to == CANCELLING && reason == BATON__REASON__REASON_TIMEOUT;
    case T_DEADLINE:
        return s == WAITING || s == READY ? to == EXPIRED
               : model_is_aside(m, t)
                   ? to == CANCELLED
                   : to == CANCELLING && reason == BATON__REASON__REASON_DEADLINE;
    case T_GRACE:
        return to == CANCELLED || to == WAITING || to == FAILED || to == READY;
    case T_BUDGET:
        return to == CANCELLING && reason == BATON__REASON__REASON_BUDGET;
    case T_STALL:
    case T_RISK:
    case T_LATE:
    case T_REVIEW:
    case T_FORWARD:
        break;
    }
    return false;
}

void
model_fire(struct model *m, int t, enum m_timer timer)
{
    struct m_task *task = &m->task[t];
    int s = m->state[t];
    switch (timer) {
    case T_WAIT_BACKOFF:
        task->wait_backoff = false;
        break;
    case T_WAIT_TIME:
        task->wait_not_before = false;
        break;
    case T_START:
        model_lose_lease(m, t, END_TIME);
        break;
    case T_LEASE:
        if (s == CANCELLING) {
            model_finish_cancelling(m, t, BATON__OUTCOME__OUTCOME_LOST, END_TIME);
        } else {
            model_lose_lease(m, t, END_TIME);
        }
        break;
    case T_BUDGET:
        model_cancel(m, t, BATON__REASON__REASON_BUDGET, 0);
        break;
    case T_RUNTIME:
        model_cancel(m, t, BATON__REASON__REASON_TIMEOUT, 0);
        break;
    case T_DEADLINE:
        if (s == WAITING || s == READY) {
            model_set(m, t, EXPIRED, WHY(DEADLINE));
        } else {
            model_cancel(m, t, BATON__REASON__REASON_DEADLINE, 0);
        }
        break;
    case T_GRACE:
        model_finish_cancelling(m, t, BATON__OUTCOME__OUTCOME_LOST, END_GRACE);
        break;
    case T_FORWARD:
        break;
    case T_STALL:
        task->stalled = true;
        model_touch(m, t);
        break;
    case T_RISK:
        model_order(m);
        task->risk_told = m->effective[t];
        model_touch(m, t);
        break;
    case T_REVIEW:
        task->review_told++;
        model_touch(m, t);
        break;
    case T_LATE:
        task->late_told = task->spec.deadline;
        task->escalated = task->spec.on_deadline == BATON__ON_DEADLINE__ON_DEADLINE_ESCALATE;
        model_touch(m, t);
        break;
    }
    model_settle(m);
}
