/* Measures and metrics, recounted: everything that ever ended or was answered stands in one long
 * log, and each question is answered by reading all of it. */
#include "sim.h"

#include "common/alloc.h"
#include "common/limits.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { HOUR_MS = 3600 * 1000, NO_ROLE = M_ROLES };

static const char *const names[M_MEASURES] = {"tokens", "coverage", "lines"};

/* ---- what is said ---- */

/* Whole numbers, so that sums are exact in any order. */
Baton__Measure **
measure_draw(struct world *w, struct m_report *report, size_t *ret_n)
{
    Baton__Measure **list = arena_calloc(&w->arena, M_MEASURES, sizeof *list);
    *ret_n = 0;
    for (int i = 0; i < M_MEASURES; i++) {
        report->measured[i] = pick(w, 3) == 0;
        report->measure[i] = (double)pick(w, i == 1 ? 120 : 100000);
        if (!report->measured[i]) {
            continue;
        }
        Baton__Measure *m = arena_alloc(&w->arena, sizeof *m);
        baton__measure__init(m);
        m->name = arena_strdup(&w->arena, names[i]);
        m->value = report->measure[i];
        list[(*ret_n)++] = m;
    }
    return list;
}

/* Makes one of them wrong. */
bool
measure_spoil(struct world *w, Baton__Measure **list, size_t n)
{
    if (n == 0 || pick(w, 30)) {
        return false;
    }
    Baton__Measure *m = list[pick(w, n)];
    switch (pick(w, 3)) {
    case 0:
        m->name = arena_strdup(&w->arena, pick(w, 2) ? "" : "../x");
        break;
    case 1:
        m->value = pick(w, 2) ? 1e300 : (double)INFINITY;
        break;
    default:
        m->unit = arena_strdup(&w->arena, "\033[2J");
        break;
    }
    return true;
}

void
measure_take(struct model *m, int t, const struct m_report *report)
{
    struct m_task *task = &m->task[t];
    for (int i = 0; i < M_MEASURES; i++) {
        if (!report->measured[i]) {
            continue;
        }
        struct m_sum *sum = &m->sum[task->project][task->spec.role][i];
        sum->n += !task->said[i];
        sum->sum += report->measure[i] - (task->said[i] ? task->measure[i] : 0);
        sum->last = report->measure[i];
        if (i == 0) {
            budget_tokens(m, t, task->said[i] ? task->measure[i] : 0, report->measure[i]);
        }
        task->said[i] = true;
        task->measure[i] = report->measure[i];
    }
}

/* ---- the log ---- */

static void
log_add(struct world *w, const struct m_entry *entry)
{
    if ((size_t)w->m->n_log == w->room_log) {
        w->room_log = w->room_log ? w->room_log * 2 : 1024;
        w->log = xreallocarray(w->log, w->room_log, sizeof *w->log);
    }
    w->log[w->m->n_log++] = *entry;
}

void
measure_task_ended(struct world *w, const Baton__Event *e, int t)
{
    const struct m_task *task = &w->m->task[t];
    if (task->spec.role < 0) {
        return;
    }
    struct m_entry entry = {.at = e->at, .project = task->project, .role = task->spec.role};
    entry.what = M_ENDED;
    entry.done = e->to == BATON__TASK_STATE__STATE_DONE;
    entry.on_time = entry.done && (!task->spec.deadline || e->at <= task->spec.deadline);
    if (entry.done && task->said[1] && task->measure[1] <= 100) {
        bool weighs = task->said[2] && task->measure[2] > 0;
        entry.coverage = task->measure[1] * (weighs ? task->measure[2] : 1);
        entry.lines = weighs ? task->measure[2] : 0;
        entry.plain = !weighs;
    }
    log_add(w, &entry);
}

void
measure_card(struct world *w, const Baton__Event *e)
{
    const Baton__Card *card = e->card;
    struct m_entry entry = {.at = e->at, .role = NO_ROLE};
    if (strcmp(e->text, "accept") == 0) {
        entry.what = M_ACCEPTED;
    } else if (strcmp(e->text, "reject") == 0) {
        entry.what = M_REJECTED;
    } else if (strcmp(e->text, "resolve") == 0 && card->kind == BATON__CARD_KIND__CARD_BLOCKER) {
        entry.what = M_RESOLVED;
        entry.ms = e->at - card->created_at;
        entry.overdue = card->rung > 0;
    } else {
        return;
    }
    entry.project = (int8_t)world_project(card->project);
    int role = card->role[0] ? role_number(card->role) : -1;
    int t = card->task[0] ? world_slot(w, card->project, card->task) : -1;
    if (role < 0 && t >= 0 && !w->m->task[t].archived) {
        role = w->m->task[t].spec.role;
    }
    entry.role = (int8_t)(role < 0 ? NO_ROLE : role);
    log_add(w, &entry);
}

/* ---- questions ---- */

static Baton__Metrics
recount(const struct world *w, int project, int role, int64_t since)
{
    Baton__Metrics sum = BATON__METRICS__INIT;
    for (int i = 0; i < w->m->n_log; i++) {
        const struct m_entry *e = &w->log[i];
        if (e->project != project || e->role != role || e->at < since) {
            continue;
        }
        sum.ended += e->what == M_ENDED;
        sum.done += e->done;
        sum.on_time += e->on_time;
        sum.accepted += e->what == M_ACCEPTED;
        sum.rejected += e->what == M_REJECTED;
        sum.resolved += e->what == M_RESOLVED;
        sum.resolved_ms += e->ms;
        sum.resolved_ms_max = MAX(sum.resolved_ms_max, e->ms);
        sum.overdue += e->overdue;
        sum.coverage += e->plain ? 0 : e->coverage;
        sum.lines += e->lines;
        sum.coverage_plain += e->plain ? e->coverage : 0;
        sum.n_plain += e->plain;
    }
    for (int i = 0; i < w->m->n_cards; i++) {
        const struct m_card *card = &w->m->cards[i];
        int64_t late_at = card->created_at + HANDOFF_ANSWER_MS;
        sum.unanswered += card->kind == BATON__CARD_KIND__CARD_HANDOFF &&
                          card->state == BATON__CARD_STATE__CARD_SUBMITTED &&
                          card->project == project && card->role == role && late_at <= w->m->now &&
                          late_at >= since;
    }
    return sum;
}

static void
compare_row(struct world *w, const Baton__RoleMetrics *row, int project, int role,
            const Baton__Metrics *expected)
{
    static const Baton__Metrics none = BATON__METRICS__INIT;
    const Baton__Metrics *is = row ? row->metrics : &none;
    uint8_t a[256], b[256];
    size_t n = baton__metrics__get_packed_size(is);
    if (n != baton__metrics__get_packed_size(expected) || n > sizeof a) {
        n = SIZE_MAX;
    } else {
        baton__metrics__pack(is, a);
        baton__metrics__pack(expected, b);
    }
    if (n == SIZE_MAX || memcmp(a, b, n) != 0) {
        trace_message(w, "is", &is->base);
        trace_message(w, "should be", &expected->base);
        sim_fail(w,
                 "metrics of %s in %s: %llu ended, %llu on time, %llu accepted, %llu unanswered, "
                 "%llu resolved instead of %llu, %llu, %llu, %llu, %llu",
                 role < M_ROLES ? role_names[role] : "no role", sim_projects[project],
                 (unsigned long long)is->ended, (unsigned long long)is->on_time,
                 (unsigned long long)is->accepted, (unsigned long long)is->unanswered,
                 (unsigned long long)is->resolved, (unsigned long long)expected->ended,
                 (unsigned long long)expected->on_time, (unsigned long long)expected->accepted,
                 (unsigned long long)expected->unanswered, (unsigned long long)expected->resolved);
    }
}

static const Baton__RoleMetrics *
row_of(const Baton__MetricsReply *reply, int project, int role)
{
    for (size_t i = 0; i < reply->n_rows; i++) {
        int r = reply->rows[i]->role[0] ? role_number(reply->rows[i]->role) : NO_ROLE;
        if (strcmp(reply->rows[i]->project, sim_projects[project]) == 0 && r == role) {
            return reply->rows[i];
        }
    }
    return NULL;
}

static void
compare_sums(struct world *w, const Baton__MetricsReply *reply)
{
    size_t n = 0;
    for (int p = 0; p < M_PROJECTS; p++) {
        for (int r = 0; r < M_ROLES; r++) {
            for (int i = 0; i < M_MEASURES; i++) {
                n += w->m->sum[p][r][i].n > 0;
            }
        }
    }
    if (n != reply->n_sums) {
        sim_fail(w, "%zu measures are summed instead of %zu", reply->n_sums, n);
    }
    for (size_t k = 0; k < reply->n_sums; k++) {
        const Baton__RoleSum *row = reply->sums[k];
        int p = world_project(row->project);
        int r = role_number(row->role);
        int i = 0;
        while (i < M_MEASURES && strcmp(names[i], row->sum->name) != 0) {
            i++;
        }
        const struct m_sum *sum = p >= 0 && r >= 0 && i < M_MEASURES ? &w->m->sum[p][r][i] : NULL;
        if (!sum || row->sum->n != sum->n || row->sum->sum != sum->sum ||
            row->sum->last != sum->last) {
            sim_fail(w, "%s of %s in %s: %llu times, %g together", row->sum->name, row->role,
                     row->project, (unsigned long long)row->sum->n, row->sum->sum);
        }
    }
}

void
measure_check(struct world *w)
{
    static const int64_t windows[] = {0, HOUR_MS, 24 * HOUR_MS, INT64_C(744) * HOUR_MS};
    Baton__MetricsRequest ask = BATON__METRICS_REQUEST__INIT;
    Baton__MetricsReply reply;
    ask.window_ms = windows[pick(w, ARRAY_LEN(windows))];
    codes expected = CODE(OK);
    if (pick(w, 10) == 0) {
        ask.window_ms = pick(w, 2) ? -1 : HOUR_MS + 1;
        expected = CODE(INVALID);
    }
    Baton__Code code = core_metrics(w->core, world_request(w, ""), &ask, &reply);
    check_code(w, expected, code);
    check_refused(w);
    if (code != BATON__CODE__CODE_OK) {
        return;
    }
    int64_t since = ask.window_ms ? (w->m->now - ask.window_ms) / HOUR_MS * HOUR_MS : 0;
    for (int p = 0; p < M_PROJECTS; p++) {
        for (int r = 0; r <= M_ROLES; r++) {
            Baton__Metrics sum = recount(w, p, r, since);
            compare_row(w, row_of(&reply, p, r), p, r, &sum);
        }
    }
    compare_sums(w, &reply);
}

/* The token of a lease is live exactly while the lease is. */
void
measure_check_token(struct world *w)
{
    const struct model *m = w->m;
    const struct m_lease *lease = m->n_leases ? &m->leases[pick(w, (uint64_t)m->n_leases)] : NULL;
    uint64_t token = lease && pick(w, 5) ? lease->token : m->seq + pick(w, 10);
    Baton__TokenView view;
    core_check_token(w->core, world_request(w, ""), token, &view);
    check_refused(w);
    lease = NULL;
    for (int i = 0; i < m->n_leases; i++) {
        lease = m->leases[i].token == token ? &m->leases[i] : lease;
    }
    bool live = lease && lease->end == END_LIVE && m->state[lease->task] != CANCELLING;
    if (lease && check_in_flux(w, lease->task)) {
        return;
    }
    if (view.live != live || (live && (view.state != (Baton__TaskState)m->state[lease->task] ||
                                       strcmp(view.worker, sim_workers[lease->worker]) != 0))) {
        sim_fail(w, "token %llu is %s", (unsigned long long)token, view.live ? "live" : "not live");
    }
}
