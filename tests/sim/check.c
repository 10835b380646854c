/* Is what came out what the page says? Events in, and the tasks that changed compared. */
#include "sim.h"

#include "common/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned long long ull;

void
check_code(struct world *w, codes expected, Baton__Code code)
{
    char text[256];
    trace_line(w, "  -> %s (%s)", code_name((int)code),
               code == BATON__CODE__CODE_OK ? "" : w->request.error.message);
    trace_hash(w, &code, sizeof code);
    if (!(expected & (1u << code))) {
        sim_fail(w, "answer %s (field \"%s\": %s) instead of %s", code_name((int)code),
                 w->request.error.field, w->request.error.message,
                 trace_codes(expected, text, sizeof text));
    }
    if (code != BATON__CODE__CODE_OK) {
        if (w->request.error.code != code || !w->request.error.message[0]) {
            sim_fail(w, "refused with %s, but the error says %s: \"%s\"", code_name((int)code),
                     code_name((int)w->request.error.code), w->request.error.message);
        }
    }
}

void
check_refused(struct world *w)
{
    if (w->out.n_facts || w->out.n_events || w->out.n_stops || w->out.n_puts) {
        sim_fail(w, "a request that changes nothing left %u facts and %u events", w->out.n_facts,
                 w->out.n_events);
    }
}

bool
check_in_flux(const struct world *w, int t)
{
    struct m_due due[8];
    int n = w->late ? model_timers(w->m, t, due) : 0;
    for (int i = 0; i < n; i++) {
        if (due[i].lo <= w->m->now) {
            return true;
        }
    }
    return false;
}

/* ---- events ---- */

static const char *
name_of(const struct world *w, int t)
{
    return w->names[w->m->task[t].id];
}

/* The table of the page, with what follows at once from two rows taken together. */
static bool
is_legal(int from, int to)
{
    static const uint32_t to_of[STATES_N] = {
        [0] = 1u << WAITING | 1u << READY | 1u << DONE | 1u << ABORTED,
        [WAITING] = 1u << READY | 1u << DONE | 1u << FAILED | 1u << CANCELLED | 1u << ABORTED |
                    1u << EXPIRED | 1u << WAITING,
        [READY] = 1u << WAITING | 1u << LEASED | 1u << DONE | 1u << FAILED | 1u << CANCELLED |
                  1u << ABORTED | 1u << EXPIRED,
        [PARKED] = 1u << WAITING | 1u << READY | 1u << CANCELLED | 1u << ABORTED | 1u << DONE,
        [REVIEW] = 1u << WAITING | 1u << READY | 1u << DONE | 1u << FAILED | 1u << CANCELLED |
                   1u << ABORTED,
        [LEASED] = 1u << RUNNING | 1u << READY | 1u << WAITING | 1u << DONE | 1u << FAILED |
                   1u << CANCELLING | 1u << ABORTED,
        [RUNNING] = 1u << READY | 1u << WAITING | 1u << DONE | 1u << FAILED | 1u << CANCELLING |
                    1u << ABORTED | 1u << RUNNING,
        [CANCELLING] = 1u << CANCELLED | 1u << READY | 1u << DONE | 1u << WAITING | 1u << FAILED |
                       1u << CANCELLING | 1u << ABORTED,
        [DONE] = 1u << WAITING | 1u << READY | 1u << FAILED,
        [FAILED] = 1u << WAITING | 1u << READY,
        [CANCELLED] = 1u << WAITING | 1u << READY,
        [ABORTED] = 1u << WAITING | 1u << READY,
        [EXPIRED] = 1u << WAITING | 1u << READY,
    };
    bool aside = (to == PARKED || to == REVIEW) && from >= WAITING && from <= CANCELLING &&
                 from != PARKED;
    return from < STATES_N && (aside || (to_of[from] & (1u << to)));
}

/* The core moved a task where the model did not expect it: something was due. */
static void
fire_towards(struct world *w, int t, int to, int reason)
{
    struct model *m = w->m;
    for (int round = 0; round < 3 && m->state[t] != to; round++) {
        struct m_due due[8];
        int n = model_timers(m, t, due);
        int best = -1;
        for (int i = 0; i < n; i++) {
            bool leads = model_leads_to(m, t, due[i].timer, to, reason);
            if (due[i].lo <= m->now && leads && (best < 0 || due[i].lo < due[best].lo)) {
                best = i;
            }
        }
        if (best < 0) {
            return;
        }
        model_fire(m, t, due[best].timer);
    }
}

static void
take_task_event(struct world *w, const Baton__Event *e, int t)
{
    struct model *m = w->m;
    int from = (int)e->from;
    int to = (int)e->to;
    if (from != m->seen[t]) {
        sim_fail(w, "event %llu: %s goes from %s to %s, but it was %s", (ull)e->number, e->id,
                 state_name(from), state_name(to), state_name(m->seen[t]));
    }
    if (to <= 0 || to >= STATES_N || !is_legal(from, to)) {
        sim_fail(w, "event %llu: %s can't go from %s to %s", (ull)e->number, e->id,
                 state_name(from), state_name(to));
    }
    if (from < DONE && to >= DONE) {
        measure_task_ended(w, e, t);
    }
    m->seen[t] = (uint8_t)to;
    model_touch(m, t);
    incident_task_moves(w, t, e);
    if (m->state[t] != to) {
        fire_towards(w, t, to, (int)e->reason);
    }
    if (to == DONE &&
        (from == LEASED || from == RUNNING || from == CANCELLING || from == REVIEW || e->token)) {
        handoff_done(w, t);
    }
    if (to == READY) {
        /* Also when it is only passing through: its share was charged. */
        m->task[t].anchor_due |= !m->task[t].was_ready;
        model_first_ready(m, t);
    }
}

/* Has the project become complete, or is it no longer? Each time is told once, and at once. */
static void
watch_project(struct world *w, int p)
{
    struct model *m = w->m;
    bool live = false;
    for (int t = 0; t < m->n_tasks; t++) {
        live |= m->task[t].project == p && m->seen[t] && m->seen[t] < DONE;
    }
    bool complete = m->seen_closed[p] && !live;
    if (!complete && m->owed_complete[p]) {
        sim_fail(w, "project %s was complete, and nobody was told", sim_projects[p]);
    }
    m->owed_complete[p] |= complete && !m->seen_complete[p];
    m->seen_complete[p] = complete;
}

static void
take_project_event(struct world *w, const Baton__Event *e)
{
    struct model *m = w->m;
    int p = world_project(e->project);
    if (p < 0) {
        sim_fail(w, "event %llu is about the project \"%s\"", (ull)e->number, e->project);
    }
    if (e->kind == BATON__EVENT__KIND__COMPLETED) {
        if (!m->owed_complete[p]) {
            sim_fail(w, "event %llu: project %s is not complete, or it was told before",
                     (ull)e->number, e->project);
        }
        m->owed_complete[p] = false;
        return;
    }
    bool closed = e->kind == BATON__EVENT__KIND__CLOSED;
    if (m->seen_closed[p] == closed) {
        sim_fail(w, "event %llu: project %s was %s before", (ull)e->number, e->project,
                 closed ? "closed" : "open");
    }
    m->seen_closed[p] = closed;
    watch_project(w, p);
}

static void
check_projects(struct world *w)
{
    for (int p = 0; p < M_PROJECTS; p++) {
        if (w->m->owed_complete[p]) {
            sim_fail(w, "project %s is complete, and nobody was told", sim_projects[p]);
        }
        if (w->m->seen_closed[p] != w->m->closed[p]) {
            sim_fail(w, "the events say that project %s is %s", sim_projects[p],
                     w->m->closed[p] ? "open" : "closed");
        }
    }
}

/* Once soon, once overdue, each when it is due. */
static void
take_review(struct world *w, const Baton__Event *e)
{
    struct model *m = w->m;
    int t = world_slot(w, e->project, e->id);
    struct m_due due[2];
    int n = t < 0 ? 0 : model_alerts(m, t, due);
    bool over = e->kind == BATON__EVENT__KIND__REVIEW_OVERDUE, is_due = false;
    for (int i = 0; i < n; i++) {
        is_due |= due[i].timer == T_REVIEW && due[i].lo <= m->now;
    }
    if (!is_due || over != (m->task[t].review_told == 1)) {
        sim_fail(w, "event %llu: the approval of %s is not due now, or it was told before",
                 (ull)e->number, e->id);
    }
    model_fire(m, t, T_REVIEW);
}

/* Told when it is due, and only once: what was told is not due any more. */
static void
take_alert(struct world *w, const Baton__Event *e, int t)
{
    struct model *m = w->m;
    struct m_due due[2];
    model_order(m);
    int n = model_alerts(m, t, due);
    enum m_timer timer = e->kind == BATON__EVENT__KIND__AT_RISK ? T_RISK : T_LATE;
    bool is_due = false;
    for (int i = 0; i < n; i++) {
        is_due |= due[i].timer == timer && due[i].lo <= m->now;
    }
    bool lifts = m->task[t].spec.on_deadline == BATON__ON_DEADLINE__ON_DEADLINE_ESCALATE;
    is_due |= timer == T_RISK && m->task[t].owed_risk;
    m->task[t].owed_risk &= timer != T_RISK;
    if (timer == T_RISK && is_due) {
        model_press(m, t);
    }
    if (!is_due || (e->kind == BATON__EVENT__KIND__ESCALATED) != (timer == T_LATE && lifts)) {
        sim_fail(w, "event %llu: %s is told to be %s, which it is not now or was told before",
                 (ull)e->number, e->id, event_kind_name((int)e->kind));
    }
    model_fire(m, t, timer);
}

void
check_event(struct world *w, const Baton__Event *e)
{
    struct model *m = w->m;
    if (e->number != m->event + 1) {
        sim_fail(w, "event %llu follows event %llu", (ull)e->number, (ull)m->event);
    }
    m->event = e->number;
    if (e->at > m->now) {
        sim_fail(w, "event %llu is from the future", (ull)e->number);
    }
    static const uint32_t of_tasks =
        1u << BATON__EVENT__KIND__TASK | 1u << BATON__EVENT__KIND__PROGRESS |
        1u << BATON__EVENT__KIND__UPDATED | 1u << BATON__EVENT__KIND__ORPHAN |
        1u << BATON__EVENT__KIND__HELD | 1u << BATON__EVENT__KIND__STALLED |
        1u << BATON__EVENT__KIND__AT_RISK | 1u << BATON__EVENT__KIND__LATE |
        1u << BATON__EVENT__KIND__ESCALATED;
    if (e->kind == BATON__EVENT__KIND__CARD || e->kind == BATON__EVENT__KIND__BUDGET) {
        board_take_event(w, e);
        return;
    }
    if (e->kind >= BATON__EVENT__KIND__REVIEW_DUE) {
        take_review(w, e);
        return;
    }
    static const uint32_t of_projects = 1u << BATON__EVENT__KIND__CLOSED |
                                        1u << BATON__EVENT__KIND__OPENED |
                                        1u << BATON__EVENT__KIND__COMPLETED;
    if (of_projects & (1u << e->kind)) {
        take_project_event(w, e);
    }
    if (!(of_tasks & (1u << e->kind))) {
        return;
    }
    int t = world_slot(w, e->project, e->id);
    if (t < 0 && e->kind == BATON__EVENT__KIND__TASK && incident_take_task(w, e)) {
        t = world_slot(w, e->project, e->id);
    }
    if (t < 0) {
        sim_fail(w, "event %llu is about %s, which was not added", (ull)e->number, e->id);
    }
    status_hears(w, t, e);
    if (e->kind == BATON__EVENT__KIND__TASK) {
        take_task_event(w, e, t);
        watch_project(w, w->m->task[t].project);
    } else if (e->kind == BATON__EVENT__KIND__STALLED) {
        struct m_due due[8];
        int n = model_timers(m, t, due);
        bool is_due = false;
        for (int i = 0; i < n; i++) {
            is_due |= due[i].timer == T_STALL && due[i].lo <= m->now;
        }
        if (!is_due) {
            sim_fail(w, "%s is called stalled too early", e->id);
        }
        model_fire(m, t, T_STALL);
    } else if (e->kind >= BATON__EVENT__KIND__AT_RISK) {
        take_alert(w, e, t);
    }
}

/* ---- tasks ---- */

static void
differ(struct world *w, int t, const char *what, int64_t is, int64_t expected)
{
    sim_fail(w, "%s of %s (%s, %s) is %lld instead of %lld", what, name_of(w, t),
             sim_projects[w->m->task[t].project], state_name(w->m->state[t]), (long long)is,
             (long long)expected);
}

/* The page leaves open what happens: the core's word is taken. */
static void
adopt(struct world *w, int t, const Baton__TaskView *view)
{
    struct model *m = w->m;
    struct m_task *task = &m->task[t];
    task->vague = false;
    if (m->state[t] == WAITING || m->state[t] == READY) {
        bool held = view->reason == BATON__REASON__REASON_HELD;
        if (held != task->held) {
            task->held = held;
            model_settle(m);
            model_first_ready(m, t);
        }
    }
    if (m->state[t] == WAITING && (int)view->state == READY && task->wait_backoff) {
        task->wait_backoff = false;
        model_settle(m);
        model_first_ready(m, t);
    }
    if (m->state[t] == CANCELLING && (int)view->state == CANCELLING) {
        task->cause = (int)view->reason;
        task->why = why_bit((int)view->reason);
    }
}

static void
compare_numbers(struct world *w, int t, const Baton__TaskView *view)
{
    const struct model *m = w->m;
    const struct m_task *task = &m->task[t];
    if (view->attempt != task->attempt) {
        differ(w, t, "attempt", view->attempt, task->attempt);
    }
    if (view->rework != task->rework) {
        differ(w, t, "rework", view->rework, task->rework);
    }
    if ((view->waits_for[0] != 0) != (m->state[t] == PARKED)) {
        sim_fail(w, "%s is %s and waits for '%s'", name_of(w, t), state_name(m->state[t]),
                 view->waits_for);
    }
    if (view->losses != task->losses) {
        differ(w, t, "losses", view->losses, task->losses);
    }
    if (view->token != m->latest[t]) {
        differ(w, t, "token", (int64_t)view->token, (int64_t)m->latest[t]);
    }
    if (view->created_at != task->created_at) {
        differ(w, t, "created_at", view->created_at, task->created_at);
    }
    if (m->state[t] >= DONE && view->ended_at != task->ended_at) {
        differ(w, t, "ended_at", view->ended_at, task->ended_at);
    }
    if (model_holds_lease(m, t) && strcmp(view->worker, sim_workers[task->worker]) != 0) {
        sim_fail(w, "%s is held by %s instead of %s", name_of(w, t), view->worker,
                 sim_workers[task->worker]);
    }
}

void
check_task(struct world *w, int t)
{
    struct model *m = w->m;
    struct m_task *task = &m->task[t];
    Baton__Ref ref = BATON__REF__INIT;
    ref.project = (char *)(uintptr_t)sim_projects[task->project];
    ref.id = w->names[task->id];
    Baton__TaskView view;
    uint64_t archived = 0;
    Baton__Code code = core_get(w->core, world_request(w, ""), &ref, &view, &archived);
    if (task->archived) {
        if (code != BATON__CODE__CODE_NOT_FOUND || archived != m->key[t]) {
            sim_fail(w, "%s is in the archive, but core_get says %s", ref.id, code_name((int)code));
        }
        return;
    }
    if (code != BATON__CODE__CODE_OK) {
        sim_fail(w, "%s is not found: %s", ref.id, w->request.error.message);
    }
    if (task->vague) {
        adopt(w, t, &view);
    }
    if ((int)view.state != m->state[t]) {
        sim_fail(w, "%s in %s is %s (%s) instead of %s", ref.id, sim_projects[task->project],
                 state_name((int)view.state), reason_name((int)view.reason),
                 state_name(m->state[t]));
    }
    reasons why = model_reasons(m, t);
    if (!(why & why_bit((int)view.reason))) {
        char text[256];
        sim_fail(w, "%s in %s is %s because of %s instead of %s", ref.id,
                 sim_projects[task->project], state_name((int)view.state),
                 reason_name((int)view.reason), trace_reasons(why, text, sizeof text));
    }
    if (m->state[t] > DONE) {
        task->why = why_bit((int)view.reason); /* of those that it might have been */
    }
    if (m->key[t] != view.key) {
        if (m->key[t] < UINT64_MAX - M_TASKS_MAX) {
            differ(w, t, "key", (int64_t)view.key, (int64_t)m->key[t]);
        }
        m->key[t] = view.key;
        m->order_valid = false;
    }
    compare_numbers(w, t, &view);
    if (task->wait_backoff && m->state[t] == WAITING &&
        (view.next_at || view.reason == BATON__REASON__REASON_BACKOFF)) {
        if (view.next_at < task->next_lo || view.next_at > task->next_hi) {
            sim_fail(w, "back-off of %s ends at %+lld ms, not within %+lld and %+lld ms", ref.id,
                     (long long)(view.next_at - m->now), (long long)(task->next_lo - m->now),
                     (long long)(task->next_hi - m->now));
        }
        task->next_lo = task->next_hi = view.next_at;
    }
    if (m->state[t] < DONE && (int)view.alert != model_alert(m, t)) {
        differ(w, t, "alert", view.alert, model_alert(m, t));
    }
    if (m->state[t] < DONE && m->order_valid && view.order_at != m->order_at[t]) {
        differ(w, t, "order_at", view.order_at, m->order_at[t]);
    }
}

static void
compare_changed(struct world *w)
{
    struct model *m = w->m;
    for (int i = 0; i < m->n_changed; i++) {
        int t = m->changed[i];
        if (check_in_flux(w, t)) {
            w->skipped = true;
            continue;
        }
        check_task(w, t);
        if (m->seen[t] != m->state[t]) {
            sim_fail(w, "%s is %s, but its events end with %s", name_of(w, t),
                     state_name(m->state[t]), state_name(m->seen[t]));
        }
    }
}

static void
end_pause(struct model *m, struct m_pause *pause, int64_t *next)
{
    if (pause->on && pause->until && pause->until <= m->now) {
        pause->on = false;
        m->order_valid = false;
    } else if (pause->on && pause->until) {
        *next = MIN(*next, pause->until);
    }
}

/* Returns when the next of them ends. */
static int64_t
end_pauses_and_lingers(struct world *w)
{
    struct model *m = w->m;
    int64_t next = INT64_MAX;
    end_pause(m, &m->broker, &next);
    for (int i = 0; i < M_ROLES; i++) {
        end_pause(m, &m->role[i], &next);
    }
    for (int i = 0; i < M_PROJECTS; i++) {
        end_pause(m, &m->project[i], &next);
    }
    for (int i = 0; i < M_RESOURCES; i++) {
        end_pause(m, &m->lock[i], &next);
    }
    for (int i = 0; i < M_WORKERS; i++) {
        end_pause(m, &m->worker[i], &next);
    }
    for (int i = 0; i < M_ACTORS; i++) {
        end_pause(m, &m->submitter[i], &next);
    }
    for (int i = 0; i < m->n_lingers; i++) {
        if (m->lingers[i].until <= m->now) {
            m->lingers[i--] = m->lingers[--m->n_lingers];
            m->order_valid = false;
        } else if (m->lingers[i].sure) {
            next = MIN(next, m->lingers[i].until);
        }
    }
    return next;
}

/* A scheduled start that comes before the end of a back-off changes nothing when it comes. */
static bool
is_covered(const struct model *m, int t, enum m_timer timer)
{
    const struct m_task *task = &m->task[t];
    return timer == T_WAIT_TIME && task->wait_backoff && task->spec.not_before <= task->next_hi;
}

/* After a tick: nothing that is due is left, and the core knows when the next thing is. */
static void
check_due(struct world *w)
{
    struct model *m = w->m;
    int64_t next = MIN(end_pauses_and_lingers(w), board_check_due(w));
    int what = -1;
    for (int t = 0; t < m->n_tasks; t++) {
        struct m_due due[8];
        int n = m->state[t] < DONE ? model_timers(m, t, due) : 0;
        for (int i = 0; i < n; i++) {
            bool silent = due[i].timer == T_WAIT_BACKOFF || due[i].timer == T_WAIT_TIME;
            if (due[i].hi <= m->now && silent) {
                model_fire(m, t, due[i].timer);
            } else if (due[i].hi <= m->now) {
                static const char *const names[] = {
                    "back-off", "start time", "lease", "start", "run time",
                    "deadline", "grace",      "stall", "",      "wait for an unknown task",
                    "",         "budget"};
                sim_fail(w, "the %s of %s (%s) was due %lld ms ago, and the tick left it",
                         names[due[i].timer], name_of(w, t), state_name(m->state[t]),
                         (long long)(m->now - due[i].hi));
            } else if (!silent || (m->state[t] == WAITING && !is_covered(m, t, due[i].timer))) {
                what = due[i].hi < next ? t : what;
                next = MIN(next, due[i].hi);
            }
        }
    }
    model_order(m);
    for (int t = 0; t < m->n_tasks; t++) {
        struct m_due due[2];
        if (m->task[t].owed_risk) {
            sim_fail(w, "milestone %s should have been told to be at risk, and was not",
                     name_of(w, t));
        }
        for (int i = model_alerts(m, t, due); i-- > 0;) {
            if (due[i].hi <= m->now) {
                sim_fail(w, "%s was due to be told %s %lld ms ago, and the tick left it",
                         name_of(w, t),
                         due[i].timer == T_RISK   ? "at risk"
                         : due[i].timer == T_LATE ? "late"
                                                  : "review",
                         (long long)(m->now - due[i].hi));
            }
            what = due[i].hi < next ? t : what;
            next = MIN(next, due[i].hi);
        }
    }
    if (core_next_at(w->core) > next) {
        sim_fail(w, "%s is due in %lld ms, but core_next_at says %lld ms",
                 what >= 0 ? name_of(w, what) : "the end of a pause or of lingering claims",
                 (long long)(next - m->now), (long long)(core_next_at(w->core) - m->now));
    }
    for (int i = 0; i < m->n_lingers; i++) {
        if (m->lingers[i].until <= m->now) {
            m->lingers[i--] = m->lingers[--m->n_lingers];
            m->order_valid = false;
        }
    }
}

void
check_step(struct world *w)
{
    check_facts(w);
    check_events(w);
    handoff_check(w);
    incident_check(w);
    budget_check_told(w);
    for (int t = 0; t < w->m->n_tasks; t++) {
        if (w->m->task[t].owed_blocker || w->m->task[t].owed_handoff) {
            sim_fail(w, "the result of %s brings a card, and none came", name_of(w, t));
        }
    }
    reservation_check(w);
    signal_check(w);
    check_projects(w);
    for (size_t i = 0; i < w->out.n_puts; i++) {
        const struct core_put *put = &w->out.puts[i];
        (put->is_card ? board_take_put : check_put)(w, put, w->out.records.data + put->at);
    }
    if (w->ticked) {
        check_due(w);
        w->ticked = w->late = false;
    }
    compare_changed(w);
    if (!w->late && !w->skipped && w->step % 8 == 0) { /* looks at all of them */
        notice_check(w);
    }
}
