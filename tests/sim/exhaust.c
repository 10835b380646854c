/* Small worlds, whole: every history of a few steps with three tasks and two workers, each step
 * checked against the model as in the random worlds. What does nothing in a state is not tried
 * there. A history is lived from its beginning; the next one differs in the last step that has
 * another choice. */
#include "sim.h"

#include <stdio.h>
#include <string.h>

enum { DEPTH_MAX = 12, TASKS = 3, WORKERS = 2, CHOICES_MAX = 64, LEASE_MS = 40000 };

enum action {
    DO_SUBMIT,
    DO_SUBMIT_BEHIND, /* it depends on the one before */
    DO_DISPATCH,
    DO_START,
    DO_DONE,
    DO_FAIL,
    DO_LOSE,
    DO_TIME,
    DO_CANCEL,
    DO_RETRY,
    DO_RESTART,
};
static const char *const action_names[] = {"submit", "submit behind", "dispatch", "start",
                                           "done",   "fail",          "lose",     "time",
                                           "cancel", "retry",         "restart"};

struct choice {
    enum action action;
    int which; /* task or worker */
};

struct history {
    uint32_t depth;
    int at[DEPTH_MAX];   /* the choice taken at each step */
    int n_of[DEPTH_MAX]; /* of so many */
    struct choice done[DEPTH_MAX];
    uint32_t length;
};

/* ---- what can be done now ---- */

static int
add_choice(struct choice *choices, int n, enum action action, int which)
{
    choices[n] = (struct choice){action, which};
    return n + 1;
}

static int
choices_of_task(const struct world *w, int t, struct choice *choices, int n)
{
    const struct model *m = w->m;
    int s = m->state[t];
    if (s == LEASED) {
        n = add_choice(choices, n, DO_START, t);
    }
    if (model_holds_lease(m, t)) {
        n = add_choice(choices, n, DO_DONE, t);
        n = add_choice(choices, n, DO_FAIL, t);
    }
    if (s < CANCELLING) {
        n = add_choice(choices, n, DO_CANCEL, t);
    }
    if (s > DONE && !m->task[t].archived) {
        n = add_choice(choices, n, DO_RETRY, t);
    }
    return n;
}

static int
choices_now(const struct world *w, struct choice *choices)
{
    const struct model *m = w->m;
    int n = 0, n_ready = 0, n_held[WORKERS] = {0};
    if (m->n_tasks < TASKS) {
        n = add_choice(choices, n, DO_SUBMIT, m->n_tasks);
        if (m->n_tasks > 0) {
            n = add_choice(choices, n, DO_SUBMIT_BEHIND, m->n_tasks);
        }
    }
    for (int t = 0; t < m->n_tasks; t++) {
        n = choices_of_task(w, t, choices, n);
        n_ready += m->state[t] == READY;
        n_held[0] += model_holds_lease(m, t) && m->task[t].worker == 0;
        n_held[1] += model_holds_lease(m, t) && m->task[t].worker == 1;
    }
    for (int i = 0; i < WORKERS; i++) {
        /* A worker that comes back announces nothing: then what it holds is lost. */
        if (n_ready || (n_held[i] && !m->connected[i])) {
            n = add_choice(choices, n, DO_DISPATCH, i);
        }
        if (n_held[i] && m->connected[i]) {
            n = add_choice(choices, n, DO_LOSE, i);
        }
    }
    if (m->n_tasks && core_next_at(w->core) != INT64_MAX) {
        n = add_choice(choices, n, DO_TIME, 0);
    }
    if (m->n_tasks) {
        n = add_choice(choices, n, DO_RESTART, 0);
    }
    return n;
}

/* ---- doing it ---- */

static void
settle_step(struct world *w)
{
    check_step(w);
    world_commit(w);
    arena_reset(&w->arena);
    model_begin(w->m);
}

/* Three different lives: nothing to lose; expires; lifts when late. */
static void
submit_one(struct world *w, int t, bool behind)
{
    struct m_submit submit;
    memset(&submit, 0, sizeof submit);
    submit.n = 1;
    struct m_spec *spec = &submit.spec[0];
    spec->id = (int16_t)t;
    spec->estimate = t == 1 ? 0 : 20000;
    spec->deadline = t == 0 ? 0 : w->m->now + (t == 1 ? 35000 : 60000);
    spec->on_deadline = t == 0   ? BATON__ON_DEADLINE__ON_DEADLINE_NOTHING
                        : t == 1 ? BATON__ON_DEADLINE__ON_DEADLINE_EXPIRE
                                 : BATON__ON_DEADLINE__ON_DEADLINE_ESCALATE;
    if (behind) {
        spec->n_edges = 1;
        spec->edges[0].id = (int16_t)(t - 1);
        spec->edges[0].policy = t == 1 ? BATON__POLICY__POLICY_ABORT : BATON__POLICY__POLICY_HOLD;
    }
    submit_it(w, &submit, STEP_SUBMIT);
}

static void
report_one(struct world *w, int t, enum action action)
{
    struct m_report report = {.token = w->m->latest[t], .worker = w->m->task[t].worker};
    report.what = action == DO_START ? R_STARTED : R_RESULT;
    report.outcome = action == DO_DONE   ? BATON__OUTCOME__OUTCOME_DONE
                     : action == DO_FAIL ? BATON__OUTCOME__OUTCOME_FAILED
                                         : 0;
    report_it(w, &report, false);
}

static void
change_one(struct world *w, int t, int verb)
{
    struct m_change change;
    memset(&change, 0, sizeof change);
    change.verb = verb;
    change.n = 1;
    change.id[0] = (int16_t)t;
    change.reason = true;
    change_it(w, &change);
}

/* To the last millisecond in which nothing may happen, and on to the one in which it must. */
static void
pass_time(struct world *w)
{
    int64_t ms = core_next_at(w->core) - w->m->now;
    if (ms > 1) {
        world_advance(w, ms - 1);
        world_tick(w);
        w->ticked = true;
        settle_step(w);
    }
    world_advance(w, ms > 0 ? 1 : 0);
    world_tick(w);
    w->ticked = true;
}

static void
do_choice(struct world *w, struct choice choice)
{
    trace_line(w, "%s %d", action_names[choice.action], choice.which);
    switch (choice.action) {
    case DO_SUBMIT:
    case DO_SUBMIT_BEHIND:
        submit_one(w, choice.which, choice.action == DO_SUBMIT_BEHIND);
        break;
    case DO_DISPATCH:
        dispatch_it(w, choice.which);
        break;
    case DO_START:
    case DO_DONE:
    case DO_FAIL:
        report_one(w, choice.which, choice.action);
        break;
    case DO_LOSE:
        lose_it(w, choice.which);
        break;
    case DO_TIME:
        pass_time(w);
        break;
    case DO_CANCEL:
        change_one(w, choice.which, BATON__CHANGE__VERB__CANCEL);
        break;
    case DO_RETRY:
        change_one(w, choice.which, BATON__CHANGE__VERB__RETRY);
        break;
    case DO_RESTART:
        world_crash(w);
        break;
    }
    settle_step(w);
}

/* ---- all of them ---- */

/* The stall comes one millisecond before the lease would end: what is early shows. */
static void
begin(struct world *w)
{
    const struct core_config config = {.lease_ms = LEASE_MS,
                                       .start_ms = 30000,
                                       .suspect_ms = 20000,
                                       .restart_grace_ms = 25000,
                                       .cancel_grace_ms = 15000,
                                       .stall_ms = LEASE_MS - 1,
                                       .linger_ms = 12000,
                                       .backoff_ms = 5000,
                                       .backoff_cap_ms = 8000,
                                       .max_attempts = 2,
                                       .crash_limit = 2,
                                       .hot_ended_max = 1000,
                                       .hot_ended_ms = INT64_C(7) * 86400000,
                                       .hot_cards_max = 1000,
                                       .answers_ms = INT64_C(7) * 86400000,
                                       .answers_max = 1000,
                                       .tasks_max = 1000,
                                       .hash_seed = 1};
    world_reset(w, &config);
    memset(&w->rates, 0, sizeof w->rates);
    w->rng.state = 1;
    for (int i = 0; i < WORKERS; i++) {
        dispatch_it(w, i); /* the first word of a worker is that it is there */
    }
    settle_step(w);
}

static void
live_through(struct world *w, struct history *h)
{
    struct choice choices[CHOICES_MAX];
    begin(w);
    for (h->length = 0; h->length < h->depth; h->length++) {
        uint32_t i = h->length;
        h->n_of[i] = choices_now(w, choices);
        h->done[i] = choices[h->at[i]];
        w->step = i;
        w->doing = action_names[h->done[i].action];
        do_choice(w, h->done[i]);
    }
    check_all(w);
    settle_step(w);
}

/* To the next history; false: that was the last. */
static bool
next(struct history *h)
{
    uint32_t i = h->depth;
    while (i > 0 && h->at[i - 1] + 1 == h->n_of[i - 1]) {
        h->at[--i] = 0;
    }
    if (i > 0) {
        h->at[i - 1]++;
    }
    return i > 0;
}

bool
exhaust(uint32_t depth, bool trace)
{
    struct history history = {.depth = depth};
    struct world *w = world_new(1, trace);
    jmp_buf failed;
    volatile uint64_t n = 0;
    w->failed = &failed;
    if (setjmp(failed) != 0) {
        printf("FAILED in history %llu:", (unsigned long long)n);
        for (uint32_t i = 0; i <= history.length && i < depth; i++) {
            printf("%s %s %d", i ? "," : "", action_names[history.done[i].action],
                   history.done[i].which);
        }
        printf("\n  %s\n", w->message);
        return false;
    }
    do {
        live_through(w, &history);
        n++;
    } while (next(&history));
    printf("%llu histories of %u steps\n", (unsigned long long)n, depth);
    world_free(w);
    return true;
}
