/* The reference model: leases, what workers say, and how attempts end. */
#include "model.h"

#include "common/limits.h"

#include <string.h>

enum { UNCLEAN_EXTRA_MS = 10000, RATE_LIMITED_MS = 60000 };

static struct m_lease *
latest_lease(struct model *m, int t)
{
    return model_lease(m, m->latest[t]);
}

void
model_leased(struct model *m, int t, uint64_t token, int worker, int64_t lease_ms, bool sessionless)
{
    struct m_task *task = &m->task[t];
    CHECK(m->n_leases < M_LEASES_MAX);
    m->leases[m->n_leases++] = (struct m_lease){.token = token,
                                                .task = (int16_t)t,
                                                .worker = (int8_t)worker,
                                                .sessionless = sessionless,
                                                .losses = task->losses};
    m->latest[t] = token;
    m->token = token;
    task->worker = (int8_t)worker;
    task->sessionless = sessionless;
    task->attempt++;
    task->suspect = task->stalled = task->late_ok = task->maybe_suspect = false;
    task->n_taken = 0;
    memset(task->said, 0, sizeof task->said);
    task->lease_ms = lease_ms;
    task->end_lo = task->end_hi = m->now + lease_ms;
    task->start_lo = task->start_hi = m->now + m->config.start_ms;
    task->started_at = 0;
    task->next_update_at = 0;
    task->stall_from_hi = 0;
    model_set(m, t, LEASED, 0);
    budget_lease(m, t, false);
    model_settle(m);
}

static void
linger(struct model *m, int t, bool sure)
{
    const struct m_spec *spec = &m->task[t].spec;
    const struct m_task *task = &m->task[t];
    if (spec->n_claims + task->n_taken == 0) {
        return;
    }
    CHECK(m->n_lingers < M_LINGERS_MAX);
    struct m_linger *l = &m->lingers[m->n_lingers++];
    *l = (struct m_linger){.token = m->latest[t],
                           .until = m->now + m->config.linger_ms,
                           .sure = sure,
                           .n_claims = (uint8_t)(spec->n_claims + task->n_taken)};
    memcpy(l->claims, spec->claims, sizeof spec->claims);
    memcpy(l->claims + spec->n_claims, task->taken, sizeof task->taken);
}

static void
unlinger(struct model *m, uint64_t token)
{
    for (int i = 0; i < m->n_lingers; i++) {
        if (m->lingers[i].token == token) {
            m->lingers[i--] = m->lingers[--m->n_lingers];
            m->order_valid = false;
        }
    }
}

/* The page does not say whether its claims linger still. */
static void
doubt_linger(struct model *m, uint64_t token)
{
    for (int i = 0; i < m->n_lingers; i++) {
        m->lingers[i].sure &= m->lingers[i].token != token;
    }
}

/* The attempt counts as failed. */
static void
fail_attempt(struct model *m, int t)
{
    struct m_task *task = &m->task[t];
    const struct m_spec *spec = &task->spec;
    task->failures++;
    if (task->failures >= model_max_attempts(m, t)) {
        model_set(m, t, FAILED, WHY(EXHAUSTED));
        return;
    }
    int64_t base = spec->backoff ? spec->backoff : m->config.backoff_ms;
    int64_t cap = spec->backoff_cap ? spec->backoff_cap : m->config.backoff_cap_ms;
    int64_t most = base;
    for (uint32_t i = 1; i < task->failures && most < cap; i++) {
        most *= 2;
    }
    most = MIN(most, cap);
    task->wait_backoff = true;
    task->next_lo = m->now + 1;
    task->next_hi = m->now + MAX(most, 1);
    model_set(m, t, WAITING, WHY(BACKOFF));
}

static void
wait_for(struct model *m, int t, int64_t delay)
{
    struct m_task *task = &m->task[t];
    if (delay > 0) {
        task->wait_backoff = true;
        task->next_lo = task->next_hi = m->now + delay;
    }
    model_set(m, t, WAITING, WHY(BACKOFF));
}

/* It waits for approval from now on. */
static void
begin_review(struct model *m, int t)
{
    struct m_task *task = &m->task[t];
    int role = task->spec.role;
    bool by_rule = role >= 0 && (m->asked[task->project][role] & M_ASKS_REVIEW);
    int64_t ms = task->spec.review ? task->spec.review
                 : by_rule         ? m->review_ms[task->project][role]
                                   : INT64_C(86400000);
    task->review_at = m->now + ms / 4 * 3;
    task->review_due = m->now + ms;
    task->review_told = 0;
}

void
model_done(struct model *m, int t)
{
    const struct m_task *task = &m->task[t];
    unsigned asked = task->spec.role >= 0 ? m->asked[task->project][task->spec.role] : 0;
    if ((asked & M_ASKS_HANDOFF) && task->handed != m->latest[t]) {
        fail_attempt(m, t);
    } else if (task->spec.approval || (asked & M_ASKS_APPROVAL)) {
        begin_review(m, t);
        model_set(m, t, REVIEW, WHY(APPROVAL));
    } else {
        model_set(m, t, DONE, WHY(NONE));
    }
}

void
model_sent_back(struct model *m, int t)
{
    struct m_task *task = &m->task[t];
    int role = task->spec.role;
    uint32_t limit = role >= 0 && (m->asked[task->project][role] & M_ASKS_LIMIT)
                         ? m->rework_limit[task->project][role]
                         : 2;
    if (task->rework >= limit) {
        model_set(m, t, FAILED, WHY(REJECTED));
        return;
    }
    task->rework++;
    task->failures = task->losses = 0;
    task->wait_backoff = false;
    task->late_ok = false;
    task->ended_at = 0;
    if (task->spec.deadline && task->spec.deadline <= m->now) {
        task->deadline_hi = INT64_MAX;
    }
    model_set(m, t, WAITING, 0);
}

static void
park(struct model *m, int t, enum m_wait waits, int gate, uint64_t number)
{
    const reasons why[] = {[W_BLOCKER] = WHY(BLOCKER),
                           [W_GATE] = WHY(GATE),
                           [W_APPROVAL] = WHY(APPROVAL),
                           [W_CHILDREN] = WHY(CHILDREN),
                           [W_REWORK] = WHY(REWORK)};
    struct m_task *task = &m->task[t];
    task->waits = (uint8_t)waits;
    task->waits_gate = (int16_t)gate;
    task->waits_number = number;
    if (waits == W_APPROVAL) {
        begin_review(m, t);
    }
    model_set(m, t, model_wait_is_over(m, t) ? WAITING : PARKED, why[waits]);
}

static void
end_lease(struct model *m, int t, int outcome, enum m_end how)
{
    struct m_lease *lease = latest_lease(m, t);
    bool ran_out = m->state[t] == CANCELLING && m->task[t].cause == BATON__REASON__REASON_TIMEOUT;
    bool yields = m->state[t] == CANCELLING && m->task[t].cause == BATON__REASON__REASON_PREEMPTED;
    if (yields && outcome == BATON__OUTCOME__OUTCOME_LOST) {
        outcome = BATON__OUTCOME__OUTCOME_RELEASED;
    }
    if (ran_out && outcome == BATON__OUTCOME__OUTCOME_LOST) {
        outcome = BATON__OUTCOME__OUTCOME_TIMED_OUT;
    }
    lease->outcome = outcome == BATON__OUTCOME__OUTCOME_LOST ? 0 : (uint8_t)outcome;
    lease->end = (uint8_t)how;
    budget_end(m, t, outcome);
    m->task[t].suspect = m->task[t].stalled = false;
}

void
model_lose_lease(struct model *m, int t, enum m_end how)
{
    struct m_task *task = &m->task[t];
    bool started = m->state[t] == RUNNING;
    end_lease(m, t, 0, how);
    task->late_ok = true;
    if (!started) {
        model_set(m, t, WAITING, 0);
        return;
    }
    latest_lease(m, t)->unclean = true;
    linger(m, t, true);
    task->losses++;
    uint32_t limit = task->spec.crash_limit ? task->spec.crash_limit : m->config.crash_limit;
    if (task->losses >= limit) {
        model_set(m, t, FAILED, WHY(CRASH_LIMIT));
    } else {
        model_set(m, t, WAITING, 0);
    }
}

void
model_returned(struct model *m, int t)
{
    end_lease(m, t, BATON__OUTCOME__OUTCOME_PARKED, END_REPORTED);
    m->task[t].late_ok = false;
    park(m, t, W_REWORK, 0, 0);
}

void
model_cancel(struct model *m, int t, int cause, int64_t grace)
{
    struct m_task *task = &m->task[t];
    if (!model_holds_lease(m, t)) {
        model_set(m, t, CANCELLED, why_bit((int)cause));
        return;
    }
    task->cause = cause;
    task->grace_ms = grace ? grace : m->config.cancel_grace_ms;
    task->grace_lo = task->grace_hi = m->now + task->grace_ms + UNCLEAN_EXTRA_MS;
    model_set(m, t, CANCELLING, why_bit((int)cause));
}

/* `clean`: the worker said that it is over. */
void
model_finish_cancelling(struct model *m, int t, int outcome, enum m_end how)
{
    struct m_task *task = &m->task[t];
    bool clean = how == END_REPORTED || how == END_WORKER || how == END_BYE;
    end_lease(m, t, outcome, how);
    if (!clean) {
        latest_lease(m, t)->unclean = true;
        linger(m, t, task->started_at != 0);
    }
    bool yields = task->cause == BATON__REASON__REASON_PREEMPTED;
    if (yields && outcome != BATON__OUTCOME__OUTCOME_DONE) {
        task->late_ok = false;
        wait_for(m, t, 0);
    } else if (!yields && task->cause != BATON__REASON__REASON_TIMEOUT) {
        reasons cause = why_bit((int)task->cause);
        model_set(m, t, CANCELLED,
                  how == END_GRACE ? WHY(UNCLEAN)
                  : clean          ? cause
                                   : cause | WHY(UNCLEAN));
    } else if (outcome == BATON__OUTCOME__OUTCOME_DONE) {
        model_done(m, t);
    } else {
        fail_attempt(m, t);
    }
}

/* ---- reports ---- */

static void
apply_result(struct model *m, int t, const struct m_report *report)
{
    struct m_task *task = &m->task[t];
    bool raises = report->outcome == BATON__OUTCOME__OUTCOME_PARKED && report->waits == W_BLOCKER &&
                  !report->waits_number;
    if (report->handoff) {
        task->owed_handoff = true;
        task->handed = m->latest[t];
    }
    task->owed_blocker = raises && m->state[t] != CANCELLING;
    if (m->state[t] == CANCELLING) {
        model_finish_cancelling(m, t, report->outcome, END_REPORTED);
        return;
    }
    end_lease(m, t, report->outcome, END_REPORTED);
    task->late_ok = false;
    switch (report->outcome) {
    case BATON__OUTCOME__OUTCOME_DONE:
        model_done(m, t);
        break;
    case BATON__OUTCOME__OUTCOME_PARKED:
        park(m, t, report->waits, report->waits_gate, report->waits_number);
        break;
    case BATON__OUTCOME__OUTCOME_FAILED:
    case BATON__OUTCOME__OUTCOME_TIMED_OUT:
        fail_attempt(m, t);
        break;
    case BATON__OUTCOME__OUTCOME_FATAL:
        model_set(m, t, FAILED, WHY(FATAL));
        break;
    case BATON__OUTCOME__OUTCOME_RATE_LIMITED:
        wait_for(m, t, report->retry_after ? report->retry_after : RATE_LIMITED_MS);
        break;
    default:
        wait_for(m, t, report->retry_after);
        break;
    }
}

static codes
late_result(struct model *m, struct m_lease *lease, const struct m_report *report)
{
    int t = lease->task;
    struct m_task *task = &m->task[t];
    if (task->archived) {
        return CODE(STALE_TOKEN) | CODE(NOT_FOUND) |
               (lease->outcome == report->outcome ? CODE(OK) : 0);
    }
    if (lease->outcome) {
        if (lease->outcome != report->outcome) {
            unlinger(m, lease->token);
        }
        doubt_linger(m, lease->token);
        return lease->outcome == report->outcome ? CODE(OK) : CODE(STALE_TOKEN);
    }
    unlinger(m, lease->token);
    bool waits = m->state[t] == WAITING || m->state[t] == READY;
    if (lease->end == END_BYE && report->outcome == BATON__OUTCOME__OUTCOME_RELEASED) {
        return CODE(OK) | CODE(STALE_TOKEN); /* the goodbye said so already */
    }
    bool by_worker = (lease->end == END_WORKER || lease->end == END_BYE) && report->accepted;
    if ((lease->end == END_TIME || by_worker) && task->late_ok && waits &&
        m->latest[t] == lease->token) {
        task->losses = lease->losses;
        apply_result(m, t, report);
        model_settle(m);
        /* Held or sent back since then: is it still because of the loss? */
        return CODE(OK) | (by_worker ? CODE(STALE_TOKEN) : 0);
    }
    return CODE(STALE_TOKEN);
}

static void
renew(struct model *m, int t, int64_t extend)
{
    struct m_task *task = &m->task[t];
    task->end_lo = task->end_hi = m->now + (extend ? extend : task->lease_ms);
    task->suspect = task->maybe_suspect = false;
    model_touch(m, t);
}

static void
start(struct model *m, int t)
{
    struct m_task *task = &m->task[t];
    if (m->state[t] != LEASED) {
        return;
    }
    task->started_at = task->progress_at = m->now;
    task->ever_started = true;
    model_set(m, t, RUNNING, 0);
    model_settle(m);
}

static codes
live_line(struct model *m, int t, const struct m_report *report)
{
    struct m_task *task = &m->task[t];
    switch (report->what) {
    case R_STARTED:
        start(m, t);
        /* The page names beats, progress and announcements; this is as good a sign of life. */
        task->end_hi = MAX(task->end_hi, m->now + task->lease_ms);
        task->maybe_suspect |= task->suspect;
        break;
    case R_PROGRESS:
        start(m, t);
        task->progress_at = m->now;
        task->next_update_at = report->next_update_at;
        task->stalled = false;
        renew(m, t, report->extend);
        break;
    case R_BEAT:
        renew(m, t, report->extend);
        break;
    case R_RESULT:
        apply_result(m, t, report);
        model_settle(m);
        break;
    }
    return CODE(OK);
}

/* More attempts than are remembered have begun since. */
static bool
is_forgotten(const struct model *m, const struct m_lease *lease)
{
    int later = 0;
    for (const struct m_lease *l = lease + 1; l < m->leases + m->n_leases; l++) {
        later += l->task == lease->task;
    }
    return later >= ATTEMPTS_KEPT - 1;
}

codes
model_report(struct model *m, const struct m_report *report)
{
    struct m_lease *lease = model_lease(m, report->token);
    if (!lease) {
        return CODE(NOT_FOUND) | CODE(STALE_TOKEN);
    }
    if (lease->end != END_LIVE && is_forgotten(m, lease)) {
        return CODE(NOT_FOUND) | CODE(STALE_TOKEN) | CODE(OK);
    }
    if (report->worker >= 0 && report->worker != lease->worker) {
        if (report->what == R_RESULT) {
            doubt_linger(m, report->token); /* the page: until the old worker reports */
        }
        if (lease->end == END_BYE && report->outcome == BATON__OUTCOME__OUTCOME_RELEASED) {
            return ~0u;
        }
        if (lease->end != END_LIVE && report->what == R_RESULT && lease->outcome &&
            lease->outcome == report->outcome) {
            return ~0u; /* the same as its own worker said: nothing changes */
        }
        return CODE(NOT_FOUND) | CODE(STALE_TOKEN) | CODE(INVALID) | CODE(DENIED);
    }
    if (lease->end == END_LIVE) {
        return live_line(m, lease->task, report);
    }
    if (report->what == R_RESULT) {
        return late_result(m, lease, report);
    }
    return CODE(STALE_TOKEN) | (m->task[lease->task].archived ? CODE(NOT_FOUND) : 0);
}

/* ---- workers ---- */

void
model_lost(struct model *m, int worker)
{
    m->connected[worker] = false;
    for (int t = 0; t < m->n_tasks; t++) {
        struct m_task *task = &m->task[t];
        if (model_holds_lease(m, t) && task->worker == worker && !task->sessionless) {
            task->suspect = true;
            task->end_lo = MIN(task->end_lo, m->now + m->config.suspect_ms);
            task->end_hi = MIN(task->end_hi, m->now + m->config.suspect_ms);
            model_touch(m, t);
        }
    }
}

void
model_back(struct model *m, int worker, const uint64_t *held, const bool *started, int n,
           uint64_t *ret_lost, int *ret_n_lost)
{
    m->connected[worker] = true;
    int n_lost = 0;
    for (int i = 0; i < n; i++) {
        struct m_lease *lease = model_lease(m, held[i]);
        if (!lease || lease->end != END_LIVE || lease->worker != worker) {
            ret_lost[n_lost++] = held[i];
            continue;
        }
        renew(m, lease->task, 0);
        if (started[i]) {
            start(m, lease->task);
        }
    }
    for (int t = 0; t < m->n_tasks; t++) {
        bool said = false;
        for (int i = 0; i < n; i++) {
            said |= held[i] == m->latest[t];
        }
        if (!model_holds_lease(m, t) || m->task[t].worker != worker || m->task[t].sessionless ||
            said) {
            continue;
        }
        if (m->state[t] == CANCELLING) {
            model_finish_cancelling(m, t, BATON__OUTCOME__OUTCOME_LOST, END_WORKER);
            m->task[t].why |= WHY(UNCLEAN);
        } else {
            model_lose_lease(m, t, END_WORKER);
        }
    }
    model_settle(m);
    *ret_n_lost = n_lost;
}

void
model_bye(struct model *m, int worker)
{
    m->connected[worker] = false;
    for (int t = 0; t < m->n_tasks; t++) {
        if (!model_holds_lease(m, t) || m->task[t].worker != worker || m->task[t].sessionless) {
            continue;
        }
        if (m->state[t] == CANCELLING) {
            model_finish_cancelling(m, t, BATON__OUTCOME__OUTCOME_LOST, END_BYE);
        } else {
            end_lease(m, t, 0, END_BYE);
            m->task[t].late_ok = true;
            model_set(m, t, WAITING, 0);
        }
    }
    model_settle(m);
}

void
model_restarted(struct model *m)
{
    for (int w = 0; w < M_WORKERS; w++) {
        m->connected[w] = false;
    }
    memset(m->workers, 0, sizeof m->workers);
    memset(m->credit, 0, sizeof m->credit);
    for (int t = 0; t < m->n_tasks; t++) {
        struct m_task *task = &m->task[t];
        if (!model_holds_lease(m, t)) {
            continue;
        }
        int64_t grace = task->sessionless ? task->lease_ms : m->config.restart_grace_ms;
        task->suspect = false;
        task->maybe_suspect = !task->sessionless;
        task->end_lo = task->end_hi = m->now + grace;
        task->stall_from_hi = m->now;
        task->start_lo = m->now + m->config.start_ms;
        task->start_hi = m->now + MAX(grace, m->config.start_ms);
        task->grace_lo = MIN(task->grace_lo, m->now);
        int64_t anew = MAX(task->grace_ms, m->config.restart_grace_ms) + UNCLEAN_EXTRA_MS;
        task->grace_hi = MAX(task->grace_hi, m->now + anew);
        model_touch(m, t);
    }
}
