/* What workers do in one step: take, start, beat, finish, get lost, come back. */
#include "sim.h"

#include "common/pack.h"

#include <stdio.h>
#include <string.h>

typedef unsigned long long ull;

/* ---- dispatch ---- */

struct wanted {
    struct core_dispatch ask;
    const char *projects[M_PROJECTS];
    uint32_t project_set;
    int only; /* slot of the only task wanted, or -1 */
    int worker;
};

static bool
suits(const struct world *w, int t, const struct wanted *wanted)
{
    const struct m_spec *spec = &w->m->task[t].spec;
    return (wanted->ask.roles & (1u << spec->role)) &&
           (wanted->project_set & (1u << spec->project)) && (wanted->only < 0 || wanted->only == t);
}

/* What of the resources is kept for earlier tasks that wait for them and are past their order_at:
 * surely, when the asking worker would have had them; perhaps, when nobody may have looked at them
 * (their role has no worker, say). */
struct kept {
    uint32_t sure, maybe;
};

enum can { CAN_NOT, CAN_PERHAPS, CAN };

static bool
claims_any(const struct model *m, int t, uint32_t resources)
{
    const struct m_spec *spec = &m->task[t].spec;
    for (int i = 0; i < spec->n_claims; i++) {
        for (int r = 0; r < M_RESOURCES; r++) {
            if ((resources & (1u << r)) && model_meet(r, spec->claims[i].resource)) {
                return true;
            }
        }
    }
    return false;
}

/* Walks one ready task in the order: may it be leased now? What it waits for is kept for it. */
static enum can
look_at_ready(struct world *w, int t, const struct wanted *wanted, struct kept *kept)
{
    struct model *m = w->m;
    uint32_t waits_for;
    uint32_t before = kept->sure | kept->maybe;
    bool mine = suits(w, t, wanted);
    reasons least = model_obstacles(m, t, kept->sure, true, &waits_for);
    reasons most = model_obstacles(m, t, kept->sure | kept->maybe, true, &waits_for);
    if (!(least & ~(WHY(LOCK) | WHY(LOCK_PAUSED))) && (m->tier[t] < 2 || m->now > m->order_at[t])) {
        /* One that lacks several may stand in the line of any of them. */
        bool lacks_one = !(least & WHY(LOCK_PAUSED)) && (waits_for & (waits_for - 1)) == 0 &&
                         !claims_any(m, t, before & ~waits_for);
        *(mine && lacks_one && wanted->only < 0 ? &kept->sure : &kept->maybe) |= waits_for;
    }
    return !mine || least ? CAN_NOT : most ? CAN_PERHAPS : CAN;
}

/* The next task that must be leased if any is (-1: none), and in ret_may those before it that may.
 */
static int
next_task(struct world *w, const struct wanted *wanted, const uint8_t *taken, uint8_t *ret_may)
{
    struct model *m = w->m;
    struct kept kept = {0, 0};
    memset(ret_may, 0, (size_t)m->n_tasks);
    if (m->worker[wanted->worker].on) {
        return -1;
    }
    for (int i = 0; i < m->n_order; i++) {
        int t = m->order[i];
        enum can can = taken[t] ? CAN_NOT : look_at_ready(w, t, wanted, &kept);
        ret_may[t] = can != CAN_NOT;
        if (can == CAN) {
            return t;
        }
    }
    return -1;
}

/* True when the page does not settle what can be had: times that passed without a tick, claims that
 * may or may not linger. */
static bool
is_open(const struct world *w)
{
    for (int i = 0; i < w->m->n_lingers; i++) {
        if (!w->m->lingers[i].sure || w->m->lingers[i].until <= w->m->now) {
            return true;
        }
    }
    return w->late;
}

static void
draw_wanted(struct world *w, bool take, struct wanted *ret)
{
    struct model *m = w->m;
    memset(ret, 0, sizeof *ret);
    ret->worker = (int)pick(w, (uint64_t)w->rates.workers);
    ret->only = -1;
    ret->project_set = (1u << M_PROJECTS) - 1;
    ret->ask.max = 1 + (uint32_t)(pick(w, 3) ? 0 : pick(w, 12));
    ret->ask.roles = 1u << pick(w, (uint64_t)w->rates.roles);
    if (pick(w, 3) == 0) {
        ret->ask.roles = pick(w, 2) ? (1u << M_ROLES) - 1
                                    : 1 + (uint32_t)pick(w, (1u << M_ROLES) - 1);
    }
    ret->ask.sessionless = take;
    if (take) {
        ret->ask.lease_ms = 1000 + (int64_t)pick(w, 3600000);
    }
    if (pick(w, 6) == 0) {
        int p = (int)pick(w, (uint64_t)w->rates.projects);
        ret->projects[0] = sim_projects[p];
        ret->project_set = 1u << p;
        ret->ask.projects = ret->projects;
        ret->ask.n_projects = 1;
    }
    if (take && m->n_tasks && pick(w, 2)) {
        ret->only = (int)pick(w, (uint64_t)m->n_tasks);
        for (int i = 0; i < 8 && m->state[ret->only] != READY; i++) {
            ret->only = (int)pick(w, (uint64_t)m->n_tasks);
        }
        ret->ask.task = message_ref(w, m->task[ret->only].project, m->task[ret->only].id);
        ret->ask.roles = (1u << M_ROLES) - 1;
        ret->ask.n_projects = 0;
        ret->project_set = (1u << M_PROJECTS) - 1;
        ret->ask.max = 1;
    }
    ret->ask.worker = world_worker(w, ret->worker);
}

static int64_t
lease_ms_of(const struct model *m, int t, const struct wanted *wanted)
{
    int64_t own = m->task[t].spec.lease;
    return wanted->ask.lease_ms ? wanted->ask.lease_ms : own ? own : m->config.lease_ms;
}

/* One assignment against the page; the model leases the task too. */
static void
take_assignment(struct world *w, const Baton__Assignment *a, const struct wanted *wanted)
{
    struct model *m = w->m;
    int t = world_slot(w, a->project, a->id);
    if (t < 0) {
        sim_fail(w, "%s was leased and never added", a->id);
    }
    if (w->late && m->state[t] == WAITING) { /* what it waited for has passed, the tick is late */
        struct m_due due[8];
        int n = model_timers(m, t, due);
        for (int i = 0; i < n; i++) {
            if (due[i].lo <= m->now && due[i].timer <= T_WAIT_TIME) {
                model_fire(m, t, due[i].timer);
            }
        }
    }
    uint32_t waits_for;
    reasons why = m->state[t] == READY ? model_obstacles(m, t, 0, false, &waits_for) : 0;
    if (m->state[t] != READY || !suits(w, t, wanted) || m->worker[wanted->worker].on ||
        (why && !w->late)) {
        char text[128];
        sim_fail(w, "%s was leased to %s, but it is %s and can't run now (%s)", a->id,
                 sim_workers[wanted->worker], state_name(m->state[t]),
                 trace_reasons(why, text, sizeof text));
    }
    if (a->token <= m->token) {
        sim_fail(w, "token %llu of %s comes after token %llu", (ull)a->token, a->id, (ull)m->token);
    }
    if (m->key[t] >= UINT64_MAX - M_TASKS_MAX) {
        m->key[t] = a->key; /* new, and not looked at yet */
    }
    if (a->key != m->key[t] || strcmp(a->role, role_names[m->task[t].spec.role]) != 0 ||
        a->attempt != m->task[t].attempt + 1 || a->lease_ms != lease_ms_of(m, t, wanted)) {
        sim_fail(w, "assignment of %s: key %llu, role %s, attempt %u, lease %lld ms", a->id,
                 (ull)a->key, a->role, a->attempt, (long long)a->lease_ms);
    }
    handoff_check_given(w, t, a);
    handoff_check_given_to_role(w, t, a);
    decision_check_given(w, t, a);
    model_leased(m, t, a->token, wanted->worker, a->lease_ms, wanted->ask.sessionless);
}

/* Together with what stands beside it, it is the description that anybody sees. */
static void
check_spec(struct world *w, const Baton__Assignment *a)
{
    if (pick(w, 32)) {
        return;
    }
    Baton__Ref ref = BATON__REF__INIT;
    ref.project = a->project;
    ref.id = a->id;
    Baton__TaskView view;
    uint64_t archived;
    Baton__Code code = core_get(w->core, world_request(w, ""), &ref, &view, &archived);
    Baton__Spec *spec = baton__spec__unpack(&w->arena.pb, a->spec.len, a->spec.data);
    bool ok = code == BATON__CODE__CODE_OK && spec && !spec->id[0] && !spec->project[0] &&
              !spec->role[0];
    if (ok) {
        spec->id = a->id;
        spec->project = a->project;
        spec->role = a->role;
        struct buf sent = {0}, seen = {0};
        pack(&sent, &spec->base);
        pack(&seen, &view.spec->base);
        ok = sent.bytes == seen.bytes && memcmp(sent.data, seen.data, sent.bytes) == 0;
        buf_fini(&sent);
        buf_fini(&seen);
    }
    if (!ok) {
        sim_fail(w, "the spec in the assignment of %s is not its own", a->id);
    }
}

static _Noreturn void
fail_order(struct world *w, int number, int t, int expected)
{
    const struct model *m = w->m;
    const char *is = t >= 0 ? w->names[m->task[t].id] : "nothing";
    const char *should = expected >= 0 ? w->names[m->task[expected].id] : "nothing";
    char text[200] = "";
    if (t >= 0 && expected >= 0) {
        snprintf(text, sizeof text, " (order %lld, %u dependents, key %llu; its %lld, %u, %llu)",
                 (long long)m->order_at[t], m->n_dependents[t], (ull)m->key[t],
                 (long long)m->order_at[expected], m->n_dependents[expected],
                 (ull)m->key[expected]);
    }
    sim_fail(w, "dispatch: %s comes as number %d instead of %s%s", is, number, should, text);
}

/* Each task against the order of the page, as if they were leased one after the other. */
static void
compare_assigned(struct world *w, const Baton__Assign *assign, const struct wanted *wanted)
{
    static uint8_t taken[M_TASKS_MAX], may[M_TASKS_MAX];
    struct model *m = w->m;
    int n_before = m->n_lingers;
    int expected = -1;
    struct m_budget budgets[M_BUDGETS];
    memcpy(budgets, m->budget, sizeof budgets);
    memset(taken, 0, (size_t)m->n_tasks);
    model_order(m);
    for (size_t i = 0; i <= assign->n_tasks && i < wanted->ask.max; i++) {
        const Baton__Assignment *a = i < assign->n_tasks ? assign->tasks[i] : NULL;
        int t = a ? world_slot(w, a->project, a->id) : -1;
        expected = next_task(w, wanted, taken, may);
        if (t != expected && (t < 0 || !may[t])) {
            fail_order(w, (int)i + 1, t, expected);
        }
        if (t < 0) {
            break;
        }
        taken[t] = 1;
        budget_lease(m, t, true);
        model_order(m);
        /* Its claims count for those behind it: as lingering ones for the moment. */
        if (m->task[t].spec.n_claims && m->n_lingers < M_LINGERS_MAX) {
            struct m_linger *l = &m->lingers[m->n_lingers++];
            *l = (struct m_linger){.sure = true, .n_claims = m->task[t].spec.n_claims};
            memcpy(l->claims, m->task[t].spec.claims, sizeof m->task[t].spec.claims);
        }
    }
    m->n_lingers = n_before;
    memcpy(m->budget, budgets, sizeof budgets);
    m->order_valid = false;
}

static void
dispatch_wanted(struct world *w, bool take, struct wanted wanted)
{
    struct model *m = w->m;
    static uint8_t taken[M_TASKS_MAX], may[M_TASKS_MAX];
    Baton__Assign assign;
    memset(taken, 0, sizeof taken);
    if (!take && !m->connected[wanted.worker]) {
        core_worker_back(w->core, world_request(w, "front"), wanted.ask.worker, NULL, 0,
                         &(uint64_t *){NULL}, &(size_t){0});
        uint64_t lost[1];
        int n_lost;
        model_back(m, wanted.worker, NULL, NULL, 0, lost, &n_lost);
        return;
    }
    model_order(m);
    int first = next_task(w, &wanted, taken, may);
    trace_line(w, "%s asks for %u of roles %#x%s%s%s", sim_workers[wanted.worker], wanted.ask.max,
               wanted.ask.roles, take ? ", without a session" : "",
               wanted.only >= 0 ? ", only " : "",
               wanted.only >= 0 ? w->names[m->task[wanted.only].id] : "");
    if (first >= 0 && !is_open(w) && !core_has_ready(w->core, wanted.ask.roles)) {
        sim_fail(w, "core_has_ready says no, but %s is ready", w->names[m->task[first].id]);
    }
    Baton__Code code = core_dispatch(w->core, world_request(w, "front"), &wanted.ask, &assign);
    if (wanted.only >= 0) {
        codes refusals = ~(CODE(OK) | CODE(INTERNAL) | CODE(MALFORMED));
        bool open = may[wanted.only];
        check_code(w,
                   is_open(w)   ? ~0u
                   : first >= 0 ? CODE(OK)
                   : open       ? refusals | CODE(OK)
                                : refusals,
                   code);
    } else {
        check_code(w, CODE(OK), code);
    }
    if (code != BATON__CODE__CODE_OK) {
        return;
    }
    w->n_accepted_of[take ? STEP_TAKE : STEP_DISPATCH] += assign.n_tasks > 0;
    trace_message(w, "  assigned", &assign.base);
    if (!is_open(w)) {
        compare_assigned(w, &assign, &wanted);
    }
    if (assign.n_tasks > wanted.ask.max) {
        sim_fail(w, "%zu tasks instead of at most %u", assign.n_tasks, wanted.ask.max);
    }
    for (size_t i = 0; i < assign.n_tasks; i++) {
        take_assignment(w, assign.tasks[i], &wanted);
        check_spec(w, assign.tasks[i]);
    }
}

void
step_dispatch(struct world *w, bool take)
{
    struct wanted wanted;
    draw_wanted(w, take, &wanted);
    dispatch_wanted(w, take, wanted);
}

void
dispatch_it(struct world *w, int worker)
{
    struct wanted wanted = {.worker = worker, .only = -1, .project_set = (1u << M_PROJECTS) - 1};
    wanted.ask.max = 1;
    wanted.ask.roles = (1u << M_ROLES) - 1;
    wanted.ask.worker = world_worker(w, worker);
    dispatch_wanted(w, false, wanted);
}

/* ---- reports ---- */

static bool
has_live_child(const struct model *m, int t)
{
    for (int c = 0; c < m->n_tasks; c++) {
        if (m->task[c].parent == t && model_is_live(m, c)) {
            return true;
        }
    }
    return false;
}

static int
draw_outcome(struct world *w, int t)
{
    if (w->m->state[t] == CANCELLING && pick(w, 2)) {
        return BATON__OUTCOME__OUTCOME_CANCELLED;
    }
    if (chance(w, w->rates.parks) || (w->rates.parks && has_live_child(w->m, t) && pick(w, 2))) {
        return BATON__OUTCOME__OUTCOME_PARKED;
    }
    if (!chance(w, w->rates.failure)) {
        return BATON__OUTCOME__OUTCOME_DONE;
    }
    static const int bad[] = {2, 2, 2, 2, 3, 4, 5, 5, 7};
    return bad[pick(w, ARRAY_LEN(bad))];
}

/* So that the lease ends at another of the task's timers, or a millisecond beside it. */
static int64_t
draw_extension(struct world *w, int t)
{
    struct m_due due[8];
    int n = model_timers(w->m, t, due);
    int64_t ms = n ? due[pick(w, (uint64_t)n)].lo - w->m->now + (int64_t)pick(w, 3) - 1 : 0;
    return ms > 1 && ms < INT64_C(7) * 86400000 ? ms : 1000;
}

/* Of any, but mostly of one that is open; 0: there is none. */
static uint64_t
draw_blocker_number(struct world *w)
{
    const struct model *m = w->m;
    bool any = pick(w, 8) == 0;
    uint64_t number = 0, n = 0;
    for (int i = 0; i < m->n_cards; i++) {
        const struct m_card *card = &m->cards[i];
        if (card->kind == BATON__CARD_KIND__CARD_BLOCKER && (any || model_card_is_open(card)) &&
            pick(w, ++n) == 0) {
            number = card->number;
        }
    }
    return number;
}

static void
draw_wait(struct world *w, int t, struct m_report *report)
{
    const struct model *m = w->m;
    report->waits = (uint8_t)(W_BLOCKER + pick(w, W_REWORK - W_BLOCKER));
    if (pick(w, 4) && has_live_child(m, t)) {
        report->waits = W_CHILDREN;
    }
    if (report->waits == W_GATE) {
        report->waits_gate = (int16_t)(M_GATE_FIRST + (int)pick(w, M_GATES));
    } else if (report->waits == W_BLOCKER && pick(w, 4)) {
        report->waits_number = draw_blocker_number(w);
    }
}

static char *
wait_text(struct world *w, const struct m_report *report)
{
    switch (report->waits) {
    case W_BLOCKER:
        return report->waits_number
                   ? arena_printf(&w->arena, "blocker:%s%llu", pick(w, 2) ? "" : "00",
                                  (ull)report->waits_number)
                   : arena_strdup(&w->arena, "blocker");
    case W_GATE:
        return arena_strdup(&w->arena, w->names[report->waits_gate]);
    case W_APPROVAL:
        return arena_strdup(&w->arena, "approval");
    default:
        return arena_strdup(&w->arena, "children");
    }
}

static void
draw_what(struct world *w, int t, struct m_report *report)
{
    uint64_t dice = pick(w, 10);
    bool leased = w->m->state[t] == LEASED;
    report->what = leased && dice < 8 ? R_STARTED
                   : dice < 2         ? R_BEAT
                   : dice < 3         ? R_PROGRESS
                   : dice < 4         ? R_STARTED
                                      : R_RESULT;
    if (report->what == R_RESULT) {
        report->outcome = draw_outcome(w, t);
        report->handoff = pick(w, 4) == 0 && w->m->n_cards < M_CARDS_MAX - 4;
        if (report->outcome == BATON__OUTCOME__OUTCOME_PARKED) {
            draw_wait(w, t, report);
        }
        bool delays = report->outcome == BATON__OUTCOME__OUTCOME_RATE_LIMITED ||
                      report->outcome == BATON__OUTCOME__OUTCOME_RELEASED;
        report->retry_after = delays && pick(w, 2) ? 1 + (int64_t)pick(w, 600000) : 0;
    } else if (report->what != R_STARTED && pick(w, 8) == 0) {
        report->extend = pick(w, 2) ? 1000 + (int64_t)pick(w, 7200000) : draw_extension(w, t);
    }
}

static bool
draw_report(struct world *w, bool odd, struct m_report *report)
{
    struct model *m = w->m;
    memset(report, 0, sizeof *report);
    if (m->n_leases == 0) {
        return false;
    }
    const struct m_lease *lease = NULL;
    int span = MIN(m->n_leases, odd ? 60 : 400);
    for (int tries = 0; tries < 12; tries++) {
        lease = &m->leases[m->n_leases - 1 - (int)pick(w, (uint64_t)span)];
        if (odd || lease->end == END_LIVE) {
            break;
        }
    }
    report->token = lease->token;
    report->worker = lease->sessionless || pick(w, 16) == 0 ? -1 : lease->worker;
    draw_what(w, lease->task, report);
    if (odd && lease->outcome && pick(w, 2)) { /* the same once more */
        report->what = R_RESULT;
        report->outcome = lease->outcome;
        report->handoff = false;
        if (report->outcome == BATON__OUTCOME__OUTCOME_PARKED) {
            draw_wait(w, lease->task, report);
        }
    }
    if (odd && pick(w, 4) == 0) {
        report->worker = (int)pick(w, (uint64_t)w->rates.workers);
    }
    if (odd && pick(w, 8) == 0) {
        static const uint64_t strange[] = {0, 1, UINT64_MAX, UINT64_MAX / 2};
        report->token = pick(w, 2) ? strange[pick(w, 4)] : m->seq + pick(w, 100);
    }
    return true;
}

static Baton__Line *
message_line(struct world *w, struct m_report *report, bool *ret_spoilt)
{
    const struct m_lease *lease = model_lease(w->m, report->token);
    bool measures = lease && lease->end == END_LIVE && pick(w, 3) == 0;
    bool says_more = pick(w, 2); /* "done" alone is kept in another form (core/attempts.c) */
    Baton__Line *line = arena_alloc(&w->arena, sizeof *line);
    baton__line__init(line);
    line->token = report->token;
    line->extend_ms = report->extend;
    switch (report->what) {
    case R_STARTED:
        line->what_case = BATON__LINE__WHAT_STARTED;
        line->started = true;
        break;
    case R_BEAT:
        line->what_case = BATON__LINE__WHAT_BEAT;
        line->beat = true;
        break;
    case R_PROGRESS:
        line->what_case = BATON__LINE__WHAT_PROGRESS;
        line->progress = arena_alloc(&w->arena, sizeof *line->progress);
        baton__progress__init(line->progress);
        line->progress->percent = (uint32_t)pick(w, 101);
        line->progress->text = arena_strdup(&w->arena, "on it");
        line->progress->next_update_at = report->next_update_at;
        if (measures) {
            line->progress->measures = measure_draw(w, report, &line->progress->n_measures);
            *ret_spoilt = measure_spoil(w, line->progress->measures, line->progress->n_measures);
        }
        break;
    case R_RESULT:
        line->what_case = BATON__LINE__WHAT_RESULT;
        line->result = arena_alloc(&w->arena, sizeof *line->result);
        baton__result__init(line->result);
        line->result->outcome = (Baton__Outcome)report->outcome;
        line->result->summary = arena_strdup(&w->arena, says_more ? "that is that" : "");
        line->result->retry_after_ms = report->retry_after;
        if (report->outcome == BATON__OUTCOME__OUTCOME_PARKED) {
            line->result->wait_for = wait_text(w, report);
        }
        line->handoff = report->handoff ? handoff_message(w) : NULL;
        line->result->exit_status = says_more ? (int32_t)pick(w, 3) : 0;
        if (measures) {
            line->result->measures = measure_draw(w, report, &line->result->n_measures);
            *ret_spoilt = measure_spoil(w, line->result->measures, line->result->n_measures);
        }
        break;
    }
    return line;
}

/* Nothing changes: who has no lease hears that, and only who has one what is wrong. */
static codes
nonsense_codes(const struct model *m, const struct m_report *report)
{
    const struct m_lease *lease = model_lease((struct model *)(uintptr_t)m, report->token);
    if (!lease || (report->worker >= 0 && report->worker != lease->worker)) {
        return CODE(STALE_TOKEN) | CODE(NOT_FOUND);
    }
    if (lease->end == END_LIVE) {
        return CODE(INVALID);
    }
    bool late = m->latest[lease->task] == lease->token && m->task[lease->task].late_ok;
    return CODE(STALE_TOKEN) | CODE(NOT_FOUND) | (late ? CODE(INVALID) : 0);
}

void
report_it(struct world *w, const struct m_report *said, bool odd)
{
    struct model *m = w->m;
    struct m_report report = *said;
    Baton__LineReply reply;
    bool spoilt = false;
    Baton__Line *line = message_line(w, &report, &spoilt);
    bool nonsense = odd && report.what == R_RESULT && pick(w, 10) == 0;
    if (nonsense) {
        static const int wrong[] = {0, BATON__OUTCOME__OUTCOME_LOST, 10, -1};
        line->result->outcome = (Baton__Outcome)wrong[pick(w, ARRAY_LEN(wrong))];
    }
    uint32_t worker = report.worker < 0 ? 0 : world_worker(w, report.worker);
    nonsense |= spoilt;
    trace_message(w, report.worker < 0 ? "report" : sim_workers[report.worker], &line->base);
    core_report_line(w->core, world_request(w, "front"), worker, line, &reply);
    report.accepted = reply.code == BATON__CODE__CODE_OK;
    const struct m_lease *said_by = model_lease(m, report.token);
    if (report.accepted && said_by && said_by->end == END_LIVE) {
        measure_take(m, said_by->task, &report);
        if (report.what == R_PROGRESS) {
            budget_time(m, said_by->task);
        }
        model_settle(m);
    }
    codes expected = nonsense ? nonsense_codes(m, &report) : model_report(m, &report);
    trace_message(w, "  answer", &reply.base);
    trace_hash_message(w, &reply.base);
    char text[128];
    if (!(expected & (1u << reply.code)) || reply.token != report.token) {
        sim_fail(w, "report under token %llu (%llu): %s instead of %s: %s", (ull)report.token,
                 (ull)reply.token, code_name((int)reply.code),
                 trace_codes(expected, text, sizeof text), reply.message);
    }
    const struct m_lease *lease = model_lease(m, report.token);
    if (reply.code == BATON__CODE__CODE_OK && lease && !check_in_flux(w, lease->task)) {
        if ((int)reply.state != m->state[lease->task]) {
            sim_fail(w, "the answer says that %s is %s instead of %s",
                     w->names[m->task[lease->task].id], state_name((int)reply.state),
                     state_name(m->state[lease->task]));
        }
        if (lease->end == END_LIVE &&
            (reply.stop != 0) != (reply.state == BATON__TASK_STATE__STATE_CANCELLING)) {
            sim_fail(w, "%s is %s, and the answer to its worker says %s",
                     w->names[m->task[lease->task].id], state_name((int)reply.state),
                     reply.stop ? "stop" : "go on");
        }
    }
    w->n_accepted_of[odd ? STEP_ODD_REPORT : STEP_REPORT] += reply.code == BATON__CODE__CODE_OK;
}

void
step_report(struct world *w, bool odd)
{
    struct m_report report;
    if (draw_report(w, odd, &report)) {
        report_it(w, &report, odd);
    }
}

/* ---- sessions ---- */

void
step_lost(struct world *w)
{
    lose_it(w, (int)pick(w, (uint64_t)w->rates.workers));
}

void
lose_it(struct world *w, int worker)
{
    if (!w->m->connected[worker]) {
        return;
    }
    trace_line(w, "%s is lost", sim_workers[worker]);
    core_worker_lost(w->core, world_request(w, ""), world_worker(w, worker));
    model_lost(w->m, worker);
}

static int
draw_held(struct world *w, int worker, uint64_t *tokens, bool *started)
{
    struct model *m = w->m;
    bool forgetful = pick(w, 5) == 0;
    int n = 0;
    for (int t = 0; t < m->n_tasks && n < 60; t++) {
        bool own = model_holds_lease(m, t) && m->task[t].worker == worker &&
                   !m->task[t].sessionless;
        if (own && !(forgetful && pick(w, 2))) {
            tokens[n] = m->latest[t];
            started[n++] = m->state[t] != LEASED || pick(w, 4) == 0;
        } else if (!own && m->latest[t] && !m->task[t].sessionless &&
                   pick(w, 200) == 0) { /* not, or no longer, its own */
            tokens[n] = m->latest[t];
            started[n++] = true;
        }
    }
    if (pick(w, 30) == 0) {
        tokens[n] = m->seq + 1 + pick(w, 3);
        started[n++] = false;
    }
    return n;
}

void
step_back(struct world *w)
{
    int worker = (int)pick(w, (uint64_t)w->rates.workers);
    uint64_t tokens[64];
    bool started[64];
    int n = draw_held(w, worker, tokens, started);
    Baton__Held *messages = arena_calloc(&w->arena, (size_t)n + 1, sizeof *messages);
    const Baton__Held **held = arena_calloc(&w->arena, (size_t)n + 1, sizeof *held);
    for (int i = 0; i < n; i++) {
        baton__held__init(&messages[i]);
        messages[i].token = tokens[i];
        messages[i].started = started[i];
        held[i] = &messages[i];
        trace_message(w, "  holds", &messages[i].base);
    }
    trace_line(w, "%s is back with %d leases", sim_workers[worker], n);
    uint64_t *lost = NULL;
    size_t n_lost = 0;
    uint32_t number = world_worker(w, worker);
    core_worker_back(w->core, world_request(w, "front"), number, held, (size_t)n, &lost, &n_lost);
    uint64_t expected[64];
    int n_expected;
    model_back(w->m, worker, tokens, started, n, expected, &n_expected);
    if (n_lost != (size_t)n_expected) {
        sim_fail(w, "%zu of the announced leases are lost instead of %d", n_lost, n_expected);
    }
    for (size_t i = 0; i < n_lost; i++) {
        if (lost[i] != expected[i]) {
            sim_fail(w, "lease %llu is lost instead of %llu", (ull)lost[i], (ull)expected[i]);
        }
    }
}

void
step_bye(struct world *w)
{
    int worker = (int)pick(w, (uint64_t)w->rates.workers);
    if (!w->m->connected[worker]) {
        return;
    }
    trace_line(w, "%s says goodbye", sim_workers[worker]);
    core_worker_bye(w->core, world_request(w, "front"), world_worker(w, worker));
    model_bye(w->m, worker);
}
