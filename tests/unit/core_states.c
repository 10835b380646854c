/* Every state against everything that can be said of a task in it: the table of docs/semantics.md,
 * cell by cell. */
#include "broker/core/core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* What can be said, in the order of the columns below. */
enum saying {
    CANCEL,
    RETRY,
    HOLD,
    RELEASE,
    REOPEN,
    STARTED,
    PROGRESS,
    DONE,
    FAILED,
    FATAL,
    RATE_LIMITED,
    GIVEN_BACK,
    WAS_CANCELLED,
    PARKS,
    APPROVE,
    REFUSE,
    N_SAYINGS
};

/* One letter a state; '-' means refused, and nothing has changed. */
static const char letters[] = "?wrlupcvDFCAE";

static const struct {
    char state;
    const char *row; /* what each saying leads to */
} table[] = {
    /*       C R H L O  s p D F X Q B K  P a r */
    {'w', "C-ww-"
          "--------"
          "---"},
    {'r', "C-wr-"
          "--------"
          "---"},
    {'l', "c-ll-"
          "uuDwFwrr"
          "p--"},
    {'u', "c-uu-"
          "uuDwFwrr"
          "p--"},
    {'p', "C-pp-"
          "--------"
          "prr"},
    {'c', "c-cc-"
          "ccCCCCCC"
          "C--"},
    {'v', "C-vv-"
          "--v-----"
          "-Dr"},
    {'D', "----r"
          "--D-----"
          "-D-"},
    {'F', "-r---"
          "----F---"
          "---"},
    {'C', "Cr---"
          "--------"
          "---"},
    {'A', "-----"
          "--------"
          "---"},
    {'E', "-----"
          "--------"
          "---"},
};

struct world {
    struct core *core;
    struct arena arena;
    struct core_out out;
    struct core_request request;
    uint64_t token;
    bool approval;
};

static char *
text(struct world *w, const char *s)
{
    return arena_strdup(&w->arena, s);
}

static void
add(struct world *w, const char *id, const char *after, Baton__Policy policy, int64_t deadline)
{
    Baton__Spec spec = BATON__SPEC__INIT;
    spec.id = text(w, id);
    spec.role = text(w, "infra");
    spec.approval = w->approval;
    spec.deadline = deadline;
    spec.on_deadline = deadline ? BATON__ON_DEADLINE__ON_DEADLINE_EXPIRE : 0;
    Baton__Edge edge = BATON__EDGE__INIT;
    Baton__Edge *edges[] = {&edge};
    if (after) {
        edge.id = text(w, after);
        edge.policy = policy;
        spec.after = edges;
        spec.n_after = 1;
    }
    Baton__Spec *specs[] = {&spec};
    Baton__Submit submit = BATON__SUBMIT__INIT;
    submit.tasks = specs;
    submit.n_tasks = 1;
    Baton__Submitted ret;
    assert_int_equal(core_submit(w->core, &w->request, &submit, &ret), 0);
}

static Baton__Code
line(struct world *w, Baton__Line__WhatCase what, Baton__Outcome outcome)
{
    Baton__Line said = BATON__LINE__INIT;
    Baton__Progress progress = BATON__PROGRESS__INIT;
    Baton__Result result = BATON__RESULT__INIT;
    said.token = w->token;
    said.what_case = what;
    result.outcome = outcome;
    result.wait_for = text(w, "approval");
    if (what == BATON__LINE__WHAT_PROGRESS) {
        said.progress = &progress;
    } else if (what == BATON__LINE__WHAT_RESULT) {
        said.result = &result;
    } else {
        said.started = true;
    }
    Baton__LineReply reply;
    core_report_line(w->core, &w->request, 0, &said, &reply);
    return reply.code;
}

static Baton__Code
verb(struct world *w, Baton__Change__Verb which)
{
    Baton__Ref ref = BATON__REF__INIT;
    ref.id = text(w, "x");
    Baton__Ref *refs[] = {&ref};
    Baton__Change change = BATON__CHANGE__INIT;
    change.verb = which;
    change.reason = text(w, "because");
    change.tasks = refs;
    change.n_tasks = 1;
    Baton__Changed ret;
    return core_change(w->core, &w->request, &change, &ret);
}

static Baton__Code
say(struct world *w, enum saying saying)
{
    static const Baton__Outcome outcomes[N_SAYINGS] = {
        [DONE] = BATON__OUTCOME__OUTCOME_DONE,
        [FAILED] = BATON__OUTCOME__OUTCOME_FAILED,
        [FATAL] = BATON__OUTCOME__OUTCOME_FATAL,
        [RATE_LIMITED] = BATON__OUTCOME__OUTCOME_RATE_LIMITED,
        [GIVEN_BACK] = BATON__OUTCOME__OUTCOME_RELEASED,
        [WAS_CANCELLED] = BATON__OUTCOME__OUTCOME_CANCELLED,
        [PARKS] = BATON__OUTCOME__OUTCOME_PARKED,
    };
    if (saying <= REOPEN) {
        return verb(w, (Baton__Change__Verb)(saying + 1));
    }
    if (saying == APPROVE || saying == REFUSE) {
        return verb(w,
                    saying == APPROVE ? BATON__CHANGE__VERB__APPROVE : BATON__CHANGE__VERB__REFUSE);
    }
    if (saying == STARTED) {
        return line(w, BATON__LINE__WHAT_STARTED, 0);
    }
    if (saying == PROGRESS) {
        return line(w, BATON__LINE__WHAT_PROGRESS, 0);
    }
    return line(w, BATON__LINE__WHAT_RESULT, outcomes[saying]);
}

static char
state(struct world *w)
{
    Baton__Ref ref = BATON__REF__INIT;
    ref.id = text(w, "x");
    Baton__TaskView view;
    uint64_t archived;
    assert_int_equal(core_get(w->core, &w->request, &ref, &view, &archived), 0);
    return letters[view.state];
}

static void
take(struct world *w)
{
    struct core_dispatch dispatch = {
        .worker = core_worker(w->core, &w->request, "w"), .roles = 1, .max = 1};
    Baton__Assign assign;
    assert_int_equal(core_dispatch(w->core, &w->request, &dispatch, &assign), 0);
    assert_int_equal(assign.n_tasks, 1);
    w->token = assign.tasks[0]->token;
}

/* Brings task x into the state. */
static void
reach(struct world *w, char to)
{
    if (to == 'A') {
        add(w, "y", NULL, 0, 0);
        add(w, "x", "y", BATON__POLICY__POLICY_ABORT, 0);
        take(w);
        assert_int_equal(say(w, FATAL), 0);
        w->token = 0;
    } else if (to == 'E') {
        add(w, "x", NULL, 0, w->request.now + 10);
        w->request.now += 20;
        core_tick(w->core, &w->request);
    } else {
        w->approval = to == 'v';
        add(w, "x", to == 'w' ? "nobody" : NULL, 0, 0);
        if (strchr("lucDFpv", to)) {
            take(w);
        }
        if (strchr("ucDFpv", to)) {
            assert_int_equal(say(w, STARTED), 0);
        }
        if (strchr("cC", to)) {
            assert_int_equal(say(w, CANCEL), 0);
        }
        if (to == 'p') {
            assert_int_equal(say(w, PARKS), 0);
        }
        if (strchr("DFv", to)) {
            assert_int_equal(say(w, to == 'F' ? FATAL : DONE), 0);
        }
    }
    assert_int_equal(state(w), to);
}

static void
check_cell(char from, enum saying saying, char to)
{
    struct world w = {.core = core_new(&(struct core_config){0})};
    arena_init(&w.arena);
    w.request = (struct core_request){
        .now = 1000, .actor = "ann", .arena = &w.arena, .out = &w.out};
    reach(&w, from);
    uint64_t before = core_digest(w.core);
    Baton__Code code = say(&w, saying);
    char error[200] = "";
    bool sound = core_recovered(w.core, error, sizeof error);
    char is = state(&w);
    bool kept = core_digest(w.core) == before;
    /* A late result is kept as an orphan: that is all that may change then. */
    bool orphan = saying >= DONE && code == BATON__CODE__CODE_STALE_TOKEN;
    bool right = to == '-' ? code != 0 && is == from && (kept || orphan) : code == 0 && is == to;
    core_out_fini(&w.out);
    core_free(w.core);
    arena_fini(&w.arena);
    if (!right || !sound) {
        fail_msg("state %c, saying %d: %c (code %d) instead of %c; %s", from, (int)saying, is,
                 (int)code, to, error);
    }
}

static void
test_every_state_and_everything_said(void **unused)
{
    (void)unused;
    for (size_t s = 0; s < ARRAY_LEN(table); s++) {
        assert_int_equal(strlen(table[s].row), N_SAYINGS);
        for (int saying = 0; saying < N_SAYINGS; saying++) {
            check_cell(table[s].state, (enum saying)saying, table[s].row[saying]);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_state_and_everything_said)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
