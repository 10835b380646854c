/* The reference model: what operators change. */
#include "model.h"

#include <string.h>

enum verdict { APPLIES, ALREADY, ILLEGAL, OPEN };

static bool
depends_on(const struct model *m, int d, int t)
{
    const struct m_spec *spec = &m->task[d].spec;
    for (int i = 0; i < spec->n_edges; i++) {
        if (spec->edges[i].project == m->task[t].project && spec->edges[i].id == m->task[t].id) {
            return true;
        }
    }
    return false;
}

/* A subtree goes along the edges that need the other to run. */
static bool
carries(const struct model *m, int d, int t)
{
    const struct m_spec *spec = &m->task[d].spec;
    for (int i = 0; i < spec->n_edges; i++) {
        const struct m_edge *e = &spec->edges[i];
        bool needs = e->condition == BATON__CONDITION__CONDITION_SUCCESS ||
                     e->condition == BATON__CONDITION__CONDITION_STARTED;
        if (needs && e->project == m->task[t].project && e->id == m->task[t].id) {
            return true;
        }
    }
    return false;
}

static bool
reopen_is_refused(const struct model *m, int t)
{
    for (int d = 0; d < m->n_tasks; d++) {
        if (model_holds_lease(m, d) && depends_on(m, d, t)) {
            return true;
        }
    }
    return false;
}

static enum verdict
verdict_of_set(const struct model *m, int t, const struct m_change *change)
{
    struct m_spec then = m->task[t].spec;
    model_take_fields(&then, &change->spec, change->fields);
    uint32_t differing = model_differences(&m->task[t].spec, &then);
    if (m->state[t] == DONE) {
        return ILLEGAL;
    }
    if (m->state[t] == CANCELLING) {
        return OPEN;
    }
    if ((model_holds_lease(m, t) || model_is_aside(m, t)) &&
        (change->fields & ~(uint32_t)F_WHILE_RUNNING)) {
        return differing & ~(uint32_t)F_WHILE_RUNNING ? ILLEGAL : OPEN;
    }
    return differing ? APPLIES : ALREADY;
}

/* Its unique key is another live task's by now. */
bool
model_is_replaced(const struct model *m, int t)
{
    const struct m_task *task = &m->task[t];
    for (int o = 0; task->spec.unique && o < m->n_tasks; o++) {
        if (o != t && model_is_live(m, o) && m->task[o].project == task->project &&
            m->task[o].spec.unique == task->spec.unique) {
            return true;
        }
    }
    return false;
}

/* It would end the same way at once: then it is no use, and refused. */
static enum verdict
verdict_of_retry(const struct model *m, int t)
{
    const struct m_spec *spec = &m->task[t].spec;
    bool ends = spec->on_deadline == BATON__ON_DEADLINE__ON_DEADLINE_EXPIRE ||
                spec->on_deadline == BATON__ON_DEADLINE__ON_DEADLINE_CANCEL;
    bool too_late = ends && spec->deadline && spec->deadline <= m->now;
    return too_late || model_aborts(m, t) || model_is_replaced(m, t) ? ILLEGAL : APPLIES;
}

static enum verdict
verdict_of(const struct model *m, int t, const struct m_change *change)
{
    int s = m->state[t];
    switch (change->verb) {
    case BATON__CHANGE__VERB__CANCEL:
        if (s == CANCELLING) {
            return m->task[t].cause == BATON__REASON__REASON_TIMEOUT ||
                           m->task[t].cause == BATON__REASON__REASON_PREEMPTED
                       ? APPLIES
                       : ALREADY;
        }
        return s == CANCELLED ? ALREADY : s >= DONE ? ILLEGAL : APPLIES;
    case BATON__CHANGE__VERB__RETRY:
        return s > DONE ? verdict_of_retry(m, t) : s == WAITING || s == READY ? OPEN : ILLEGAL;
    case BATON__CHANGE__VERB__HOLD:
        return s >= DONE ? ILLEGAL : m->task[t].held ? ALREADY : APPLIES;
    case BATON__CHANGE__VERB__RELEASE:
        return s >= DONE ? m->task[t].held ? OPEN : ILLEGAL : m->task[t].held ? APPLIES : ALREADY;
    case BATON__CHANGE__VERB__REOPEN:
        if (s != DONE) {
            return ILLEGAL;
        }
        return !model_is_replaced(m, t) && (change->force || !reopen_is_refused(m, t)) ? APPLIES
                                                                                       : ILLEGAL;
    case BATON__CHANGE__VERB__APPROVE:
        return s == DONE ? ALREADY : model_is_aside(m, t) ? APPLIES : ILLEGAL;
    case BATON__CHANGE__VERB__REFUSE:
        return s == REVIEW || (s == PARKED && m->task[t].waits == W_APPROVAL) ? APPLIES : ILLEGAL;
    case BATON__CHANGE__VERB__SET:
        return verdict_of_set(m, t, change);
    default:
        return ILLEGAL;
    }
}

/* Marks the tasks that the change is about: 1 those named (or filtered), 2 those below them. */
static void
targets_of(const struct model *m, const struct m_change *change, uint8_t *mark)
{
    memset(mark, 0, (size_t)m->n_tasks);
    for (int i = 0; !change->filter && i < change->n; i++) {
        int t = model_find(m, change->project[i], change->id[i]);
        if (t >= 0) {
            mark[t] = 1;
        }
    }
    for (int t = 0; change->filter && t < m->n_tasks; t++) {
        const struct m_task *task = &m->task[t];
        mark[t] = !task->archived &&
                  (change->f_project < 0 || task->project == change->f_project) &&
                  (change->f_role < 0 || task->spec.role == change->f_role) &&
                  (change->f_state == 0 || m->state[t] == change->f_state);
    }
    bool again = change->subtree;
    while (again) {
        again = false;
        for (int t = 0; t < m->n_tasks; t++) {
            if (!mark[t] || m->task[t].archived) {
                continue;
            }
            for (int d = 0; d < m->n_tasks; d++) {
                if (!mark[d] && !m->task[d].archived && carries(m, d, t)) {
                    mark[d] = 2;
                    again = true;
                }
            }
        }
    }
}

static void
codes_of_set(struct model *m, const struct m_change *change, const uint8_t *mark, codes *sure)
{
    static struct m_spec specs[M_TASKS_MAX];
    int n = 0;
    for (int t = 0; t < m->n_tasks; t++) {
        if (mark[t] == 1) {
            specs[n] = m->task[t].spec;
            model_take_fields(&specs[n++], &change->spec, change->fields);
        }
    }
    if ((change->fields & F_AFTER) && model_would_cycle(m, specs, n)) {
        *sure |= CODE(CYCLE) | CODE(INVALID);
    }
    for (int k = 0; (change->fields & F_CLAIMS) && k < change->spec.n_claims; k++) {
        const struct m_claim *claim = &change->spec.claims[k];
        if (!claim->shared && (uint32_t)claim->amount > m->capacity[claim->resource]) {
            *sure |= CODE(UNSATISFIABLE);
        }
    }
}

codes
model_change_codes(struct model *m, const struct m_change *change)
{
    static uint8_t mark[M_TASKS_MAX];
    codes sure = 0;
    codes maybe = 0;
    targets_of(m, change, mark);
    for (int i = 0; !change->filter && i < change->n; i++) {
        int t = model_find(m, change->project[i], change->id[i]);
        if (t < 0) {
            sure |= CODE(NOT_FOUND);
        } else if (m->task[t].archived) {
            sure |= CODE(NOT_FOUND) | CODE(ILLEGAL_TRANSITION);
        }
    }
    for (int t = 0; t < m->n_tasks; t++) {
        if (mark[t] != 1 || m->task[t].archived) {
            continue;
        }
        enum verdict v = verdict_of(m, t, change);
        bool named = !change->filter && !change->subtree;
        named &= change->verb != BATON__CHANGE__VERB__RETRY || change->n == 1;
        if (v == ILLEGAL) {
            *(named ? &sure : &maybe) |= CODE(ILLEGAL_TRANSITION) | CODE(CONFLICT);
        } else if (v == OPEN) {
            maybe |= CODE(ILLEGAL_TRANSITION) | CODE(CONFLICT);
        }
    }
    if (!change->reason && (change->verb == BATON__CHANGE__VERB__CANCEL ||
                            change->verb == BATON__CHANGE__VERB__REFUSE)) {
        sure |= CODE(INVALID);
    }
    if (change->verb == BATON__CHANGE__VERB__SET) {
        if (change->fields == 0) {
            sure |= CODE(INVALID);
        }
        codes_of_set(m, change, mark, &sure);
    }
    return sure ? sure | maybe : CODE(OK) | maybe;
}

static void
revive(struct model *m, int t)
{
    struct m_task *task = &m->task[t];
    task->failures = task->losses = 0;
    task->wait_backoff = false;
    task->late_ok = false;
    task->ended_at = 0;
    task->rework = 0;
    if (task->spec.deadline && task->spec.deadline <= m->now) {
        task->deadline_hi = INT64_MAX;
    }
    model_set(m, t, WAITING, 0);
}

static void
apply(struct model *m, int t, const struct m_change *change, int mark)
{
    struct m_task *task = &m->task[t];
    switch (change->verb) {
    case BATON__CHANGE__VERB__CANCEL:
        model_cancel(m, t,
                     mark == 2 ? BATON__REASON__REASON_SUBTREE : BATON__REASON__REASON_OPERATOR,
                     change->grace);

        break;
    case BATON__CHANGE__VERB__RETRY:
    case BATON__CHANGE__VERB__REOPEN:
        revive(m, t);
        break;
    case BATON__CHANGE__VERB__HOLD:
    case BATON__CHANGE__VERB__RELEASE:
        task->held = change->verb == BATON__CHANGE__VERB__HOLD;
        model_touch(m, t);
        break;
    case BATON__CHANGE__VERB__APPROVE:
        if (m->state[t] == PARKED) {
            model_set(m, t, WAITING, 0);
        } else {
            model_set(m, t, DONE, WHY(NONE));
        }
        break;
    case BATON__CHANGE__VERB__REFUSE:
        if (m->state[t] == PARKED) {
            model_set(m, t, WAITING, 0);
        } else {
            model_sent_back(m, t);
        }
        break;
    case BATON__CHANGE__VERB__SET: {
        struct m_spec then = task->spec;
        model_take_fields(&then, &change->spec, change->fields);
        model_respecify(m, t, &then);
        break;
    }
    default:
        break;
    }
}

/* Retries in the order in which they help each other: a task that was aborted because of another
 * one is retried after it. */
static int
retry_all(struct model *m, const struct m_change *change)
{
    static uint8_t mark[M_TASKS_MAX];
    int n = 0;
    bool again = true;
    targets_of(m, change, mark);
    for (int t = 0; t < m->n_tasks; t++) {
        /* With a subtree come those that ended because of it, not what failed by itself. */
        bool undone = m->state[t] == ABORTED ||
                      (m->state[t] == CANCELLED && (m->task[t].why & WHY(SUBTREE)));
        mark[t] = mark[t] == 2 && !undone ? 0 : mark[t];
    }
    while (again) {
        again = false;
        for (int t = 0; t < m->n_tasks; t++) {
            if (mark[t] && !m->task[t].archived && m->state[t] > DONE &&
                verdict_of(m, t, change) == APPLIES) {
                n++;
                again = !change->dry_run;
                mark[t] = 0;
                if (!change->dry_run) {
                    apply(m, t, change, 1);
                }
            }
        }
    }
    if (!change->dry_run) {
        model_settle(m);
    }
    bool one = change->n == 1 && !change->subtree && !change->filter;
    return one && n ? n : -1;
}

int
model_change(struct model *m, const struct m_change *change)
{
    static uint8_t mark[M_TASKS_MAX];
    if (change->verb == BATON__CHANGE__VERB__RETRY) {
        return retry_all(m, change);
    }
    int n = 0;
    bool vague = change->subtree || change->filter;
    targets_of(m, change, mark);
    /* What each is in for is settled before any of it happens. */
    for (int t = 0; t < m->n_tasks; t++) {
        if (mark[t] && !m->task[t].archived) {
            enum verdict v = verdict_of(m, t, change);
            vague |= v == OPEN;
            if (v == OPEN) {
                m->task[t].vague = !change->dry_run;
                model_touch(m, t);
            }
            mark[t] = v == APPLIES || (v == OPEN && change->verb == BATON__CHANGE__VERB__SET)
                          ? mark[t]
                          : 0;
        }
    }
    for (int t = 0; t < m->n_tasks; t++) {
        if (mark[t] && !m->task[t].archived) {
            n++;
            if (!change->dry_run) {
                apply(m, t, change, mark[t]);
            }
        }
    }
    if (!change->dry_run) {
        model_settle(m);
    }
    return vague ? -1 : n;
}
