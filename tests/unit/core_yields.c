/* Who makes way for an incident, and who need not. */
#include "core_bench.h"

#include "common/limits.h"

enum { P0 = 1, P1, P2 };

/* A level that calls infra. */
static void
set_level(struct bench *b, const char *name, uint32_t severity, bool yields)
{
    Baton__Item required = BATON__ITEM__INIT, within = BATON__ITEM__INIT, yield = BATON__ITEM__INIT;
    Baton__Item *items[] = {&required, &within, &yield};
    Baton__Card card = BATON__CARD__INIT;
    required.tag = bench_text("required");
    required.name = bench_text("infra");
    within.tag = bench_text("response");
    within.value = 900000;
    within.unit = bench_text("ms");
    yield.tag = bench_text("yield");
    card.kind = BATON__CARD_KIND__CARD_LEVEL;
    card.name = bench_text(name);
    card.severity = severity;
    card.items = items;
    card.n_items = yields ? 3 : 2;
    (void)bench_post(b, BATON__CARD_VERB__CARD_SET, 0, &card);
}

static uint64_t
open_incident(struct bench *b, uint32_t severity)
{
    Baton__Card card = BATON__CARD__INIT;
    card.kind = BATON__CARD_KIND__CARD_INCIDENT;
    card.title = bench_text("it burns");
    card.severity = severity;
    card.role = bench_text("infra");
    return bench_post(b, BATON__CARD_VERB__CARD_RAISE, 0, &card);
}

static void
resolve(struct bench *b, uint64_t number)
{
    Baton__Card card = BATON__CARD__INIT;
    card.number = number;
    card.outcome = bench_text("a full disk");
    (void)bench_post(b, BATON__CARD_VERB__CARD_RESOLVE, 0, &card);
}

static void
say(struct bench *b, uint64_t token, uint32_t percent)
{
    Baton__Progress progress = BATON__PROGRESS__INIT;
    Baton__Line line = BATON__LINE__INIT;
    Baton__LineReply reply;
    progress.percent = percent;
    line.token = token;
    line.what_case = percent ? BATON__LINE__WHAT_PROGRESS : BATON__LINE__WHAT_STARTED;
    if (percent) {
        line.progress = &progress;
    } else {
        line.started = true;
    }
    core_report_line(b->core, &b->request, 0, &line, &reply);
    assert_int_equal(reply.code, BATON__CODE__CODE_OK);
    bench_keep(b);
}

/* A task of infra that runs; returns its token. */
static uint64_t
run(struct bench *b, const char *id, Baton__Priority priority, bool preemptible)
{
    Baton__Spec *spec = bench_spec(b, id, "infra");
    spec->priority = priority;
    spec->max_attempts = 1;
    spec->no_preempt = !preemptible;
    assert_int_equal(bench_add(b, spec), BATON__CODE__CODE_OK);
    uint64_t token = bench_take(b, "infra");
    assert_true(token != 0);
    say(b, token, 0);
    return token;
}

/* One worker of infra, with so many free slots. */
static void
begin(struct bench *b, uint32_t credit)
{
    bench_init(b);
    core_set_capacity(b->core, 0, 1, 3, credit);
    set_level(b, "p0", P0, true);
    set_level(b, "p1", P1, true);
}

static void
test_the_last_in_the_order_makes_way_then_who_has_done_least(void **unused)
{
    (void)unused;
    struct bench b;
    begin(&b, 0);
    (void)run(&b, "urgent", BATON__PRIORITY__PRIORITY_HIGH, true);
    uint64_t further = run(&b, "further", BATON__PRIORITY__PRIORITY_LOW, true);
    uint64_t less = run(&b, "less", BATON__PRIORITY__PRIORITY_LOW, true);
    say(&b, further, 60);
    say(&b, less, 20);
    (void)open_incident(&b, P1);
    assert_string_equal(bench_state(&b, "less"), "cancelling");
    assert_string_equal(bench_state(&b, "further"), "running");
    (void)open_incident(&b, P1);
    assert_string_equal(bench_state(&b, "further"), "cancelling");
    assert_string_equal(bench_state(&b, "urgent"), "running");
    bench_fini(&b);
}

static void
test_what_is_not_preemptible_goes_on(void **unused)
{
    (void)unused;
    struct bench b;
    begin(&b, 0);
    (void)run(&b, "can", BATON__PRIORITY__PRIORITY_HIGH, true);
    (void)run(&b, "migration", BATON__PRIORITY__PRIORITY_LOW, false);
    (void)open_incident(&b, P1);
    assert_string_equal(bench_state(&b, "can"), "cancelling");
    (void)open_incident(&b, P1);
    assert_string_equal(bench_state(&b, "migration"), "running");
    bench_fini(&b);
}

/* A free slot; a level that does not say so, or is too low. */
static void
test_nobody_makes_way_without_need(void **unused)
{
    (void)unused;
    struct bench b;
    begin(&b, 1);
    set_level(&b, "p2", P2, true);
    (void)run(&b, "a", BATON__PRIORITY__PRIORITY_LOW, true);
    (void)open_incident(&b, P0);
    assert_string_equal(bench_state(&b, "a"), "running");
    core_set_capacity(b.core, 0, 1, 1, 0);
    (void)open_incident(&b, P2);
    assert_string_equal(bench_state(&b, "a"), "running");
    set_level(&b, "p1", P1, false);
    (void)open_incident(&b, P1);
    assert_string_equal(bench_state(&b, "a"), "running");
    (void)open_incident(&b, P0);
    assert_string_equal(bench_state(&b, "a"), "cancelling");
    bench_fini(&b);
}

/* Its only attempt may fail while it makes way: that is not counted. */
static void
test_it_makes_way_twice_and_loses_nothing_by_it(void **unused)
{
    (void)unused;
    struct bench b;
    begin(&b, 0);
    uint64_t token = run(&b, "a", BATON__PRIORITY__PRIORITY_LOW, true);
    for (int time = 1; time <= 3; time++) {
        uint64_t incident = open_incident(&b, P1);
        assert_string_equal(bench_state(&b, "a"), time <= 2 ? "cancelling" : "running");
        if (time <= 2) {
            assert_int_equal(bench_end(&b, token, BATON__OUTCOME__OUTCOME_FAILED), 0);
            assert_string_equal(bench_state(&b, "a"), "ready");
        }
        resolve(&b, incident);
        if (time <= 2) {
            token = bench_take(&b, "infra");
            assert_true(token != 0);
            say(&b, token, 0);
        }
    }
    assert_int_equal(bench_end(&b, token, BATON__OUTCOME__OUTCOME_FAILED), 0);
    assert_string_equal(bench_state(&b, "a"), "failed");
    bench_fini(&b);
}

static void
test_an_answer_to_an_incident_makes_way_for_none(void **unused)
{
    (void)unused;
    struct bench b;
    begin(&b, 0);
    uint64_t incident = open_incident(&b, P1);
    uint64_t token = bench_take(&b, "infra");
    say(&b, token, 0);
    const char *answer = arena_printf(&b.arena, "INC-%llu-infra", (unsigned long long)incident);
    assert_string_equal(bench_state(&b, answer), "running");
    (void)open_incident(&b, P0);
    assert_string_equal(bench_state(&b, answer), "running");
    bench_fini(&b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_last_in_the_order_makes_way_then_who_has_done_least),
        cmocka_unit_test(test_what_is_not_preemptible_goes_on),
        cmocka_unit_test(test_nobody_makes_way_without_need),
        cmocka_unit_test(test_it_makes_way_twice_and_loses_nothing_by_it),
        cmocka_unit_test(test_an_answer_to_an_incident_makes_way_for_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
