/* What is told of deadlines: at risk, late, escalated, each once for each deadline, also by a core
 * that was recovered from the journal. */
#include "broker/core/core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { ESTIMATE = 100, DEADLINE = 5000 };

struct world {
    struct core *core;
    struct arena arena;
    struct core_out out;
    struct core_request request;
    struct buf journal;
    uint32_t n_facts;
};

static void
setup(struct world *w)
{
    memset(w, 0, sizeof *w);
    w->core = core_new(&(struct core_config){0});
    arena_init(&w->arena);
    w->request = (struct core_request){
        .now = 1000, .seed = 7, .actor = "ann", .arena = &w->arena, .out = &w->out};
}

/* Keeps the facts; the number of events of that kind about the task among what came out. */
static unsigned
told(struct world *w, const char *id, Baton__Event__Kind kind, char *text, size_t room)
{
    unsigned n = 0;
    struct buf packed = {0};
    uint64_t number = w->out.first_event;
    for (size_t pos = 0; pos < w->out.events.bytes;) {
        uint64_t bytes;
        size_t begin = 0;
        buf_clear(&packed);
        core_event_next(w->core, w->out.events.data, &pos, number++, &packed);
        assert_true(varint_read(packed.data, packed.bytes, &begin, &bytes));
        Baton__Event *e = baton__event__unpack(&w->arena.pb, bytes, packed.data + begin);
        assert_non_null(e);
        if (e->kind == kind && strcmp(e->id, id) == 0) {
            n++;
            snprintf(text, room, "%s", e->text);
        }
    }
    buf_fini(&packed);
    buf_add(&w->journal, w->out.facts.data, w->out.facts.bytes);
    w->n_facts += w->out.n_facts;
    core_out_clear(&w->out);
    return n;
}

static unsigned
told_at(struct world *w, int64_t at, const char *id, Baton__Event__Kind kind)
{
    char text[512];
    w->request.now = at;
    core_tick(w->core, &w->request);
    return told(w, id, kind, text, sizeof text);
}

static void
add(struct world *w, const char *id, const char *after, int64_t deadline, Baton__OnDeadline then)
{
    Baton__Spec spec = BATON__SPEC__INIT;
    Baton__Spec *specs[] = {&spec};
    Baton__Edge edge = BATON__EDGE__INIT;
    Baton__Edge *edges[] = {&edge};
    char none[] = "", role[] = "infra";
    spec.id = arena_strdup(&w->arena, id);
    spec.role = role;
    spec.estimate_ms = ESTIMATE;
    spec.deadline = deadline;
    spec.on_deadline = then;
    edge.id = after ? arena_strdup(&w->arena, after) : none;
    spec.after = edges;
    spec.n_after = after ? 1 : 0;
    Baton__Submit submit = BATON__SUBMIT__INIT;
    submit.tasks = specs;
    submit.n_tasks = 1;
    Baton__Submitted ret;
    assert_int_equal(core_submit(w->core, &w->request, &submit, &ret), BATON__CODE__CODE_OK);
}

static Baton__TaskView
view(struct world *w, const char *id)
{
    Baton__Ref ref = BATON__REF__INIT;
    Baton__TaskView ret;
    uint64_t archived;
    ref.id = arena_strdup(&w->arena, id);
    assert_int_equal(core_get(w->core, &w->request, &ref, &ret, &archived), BATON__CODE__CODE_OK);
    return ret;
}

static void
set_deadline(struct world *w, const char *id, int64_t deadline)
{
    Baton__Ref ref = BATON__REF__INIT;
    Baton__Ref *refs[] = {&ref};
    Baton__Spec spec = BATON__SPEC__INIT;
    Baton__Change change = BATON__CHANGE__INIT;
    char field[] = "deadline";
    char *fields[] = {field};
    ref.id = arena_strdup(&w->arena, id);
    spec.deadline = deadline;
    change.verb = BATON__CHANGE__VERB__SET;
    change.tasks = refs;
    change.n_tasks = 1;
    change.spec = &spec;
    change.fields = fields;
    change.n_fields = 1;
    Baton__Changed ret;
    assert_int_equal(core_change(w->core, &w->request, &change, &ret), BATON__CODE__CODE_OK);
}

/* The journal so far gives the same state, and goes on from there. */
static void
recover(struct world *w)
{
    char error[200], text[8];
    (void)told(w, "", BATON__EVENT__KIND__TASK, text, sizeof text);
    uint64_t digest = core_digest(w->core);
    struct core *again = core_new(&(struct core_config){0});
    assert_true(core_replay(again, 1, w->n_facts, w->journal.data, w->journal.bytes, NULL));
    assert_true(core_recovered(again, error, sizeof error));
    assert_true(core_digest(again) == digest);
    core_free(w->core);
    w->core = again;
}

static void
teardown(struct world *w)
{
    recover(w);
    buf_fini(&w->journal);
    core_out_fini(&w->out);
    arena_fini(&w->arena);
    core_free(w->core);
}

/* b is due and waits for a: a must start two estimates before, b one. */
static void
test_what_presses_is_told_to_the_millisecond_and_once(void **state)
{
    (void)state;
    struct world w;
    setup(&w);
    add(&w, "b", "a", DEADLINE, BATON__ON_DEADLINE__ON_DEADLINE_NOTHING);
    add(&w, "a", NULL, 0, BATON__ON_DEADLINE__ON_DEADLINE_NOTHING);
    const int64_t latest_a = DEADLINE - 2 * ESTIMATE, latest_b = DEADLINE - ESTIMATE;
    assert_int_equal(view(&w, "a").latest_start, latest_a);
    assert_int_equal(told_at(&w, latest_a, "a", BATON__EVENT__KIND__AT_RISK), 0);
    assert_int_equal(core_next_at(w.core), latest_a + 1);
    assert_int_equal(told_at(&w, latest_a + 1, "a", BATON__EVENT__KIND__AT_RISK), 1);
    assert_int_equal(view(&w, "a").alert, BATON__ALERT__ALERT_AT_RISK);
    assert_int_equal(view(&w, "b").alert, BATON__ALERT__ALERT_NONE);
    recover(&w);
    assert_int_equal(told_at(&w, latest_b, "a", BATON__EVENT__KIND__AT_RISK), 0);
    assert_int_equal(told_at(&w, latest_b + 1, "b", BATON__EVENT__KIND__AT_RISK), 1);
    assert_int_equal(told_at(&w, DEADLINE - 1, "b", BATON__EVENT__KIND__LATE), 0);
    assert_int_equal(told_at(&w, DEADLINE, "b", BATON__EVENT__KIND__LATE), 1);
    recover(&w);
    assert_int_equal(told_at(&w, DEADLINE + 1, "b", BATON__EVENT__KIND__LATE), 0);
    assert_int_equal(view(&w, "b").alert, BATON__ALERT__ALERT_LATE);
    teardown(&w);
}

static void
test_another_deadline_is_told_anew(void **state)
{
    (void)state;
    struct world w;
    setup(&w);
    add(&w, "a", NULL, DEADLINE, BATON__ON_DEADLINE__ON_DEADLINE_NOTHING);
    assert_int_equal(told_at(&w, DEADLINE, "a", BATON__EVENT__KIND__LATE), 1);
    set_deadline(&w, "a", 2 * DEADLINE);
    assert_int_equal(view(&w, "a").alert, BATON__ALERT__ALERT_NONE);
    assert_int_equal(told_at(&w, 2 * DEADLINE - ESTIMATE + 1, "a", BATON__EVENT__KIND__AT_RISK), 1);
    assert_int_equal(told_at(&w, 2 * DEADLINE, "a", BATON__EVENT__KIND__LATE), 1);
    teardown(&w);
}

static void
test_escalate_makes_it_critical_and_names_who_submitted_it(void **state)
{
    (void)state;
    struct world w;
    char text[512] = "";
    setup(&w);
    add(&w, "other", NULL, 0, BATON__ON_DEADLINE__ON_DEADLINE_NOTHING);
    add(&w, "a", NULL, DEADLINE, BATON__ON_DEADLINE__ON_DEADLINE_ESCALATE);
    int64_t anchor = view(&w, "a").ready_at;
    assert_true(view(&w, "a").order_at > anchor);
    w.request.now = DEADLINE;
    w.request.actor = "";
    core_tick(w.core, &w.request);
    assert_int_equal(told(&w, "a", BATON__EVENT__KIND__ESCALATED, text, sizeof text), 1);
    assert_non_null(strstr(text, "submitted by ann"));
    assert_int_equal(view(&w, "a").order_at, anchor);
    assert_int_equal(view(&w, "a").alert, BATON__ALERT__ALERT_ESCALATED);
    assert_int_equal(view(&w, "a").state, BATON__TASK_STATE__STATE_READY);
    recover(&w);
    assert_int_equal(view(&w, "a").order_at, anchor);
    assert_int_equal(told_at(&w, DEADLINE + 1, "a", BATON__EVENT__KIND__ESCALATED), 0);
    set_deadline(&w, "a", 100 * INT64_C(3600000));
    assert_int_equal(view(&w, "a").order_at, anchor + 8 * INT64_C(3600000));
    teardown(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_presses_is_told_to_the_millisecond_and_once),
        cmocka_unit_test(test_another_deadline_is_told_anew),
        cmocka_unit_test(test_escalate_makes_it_critical_and_names_who_submitted_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
