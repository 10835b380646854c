/* Budgets of time, to the millisecond: they are used while nobody says a word, and a day ends with
 * what ran in it. */
#include "core_bench.h"

#define DAY_MS INT64_C(86400000)

static void
set_budget(struct bench *b, double ms, const char *flag)
{
    Baton__Post post = BATON__POST__INIT;
    Baton__Card card = BATON__CARD__INIT;
    Baton__Item limit = BATON__ITEM__INIT, more = BATON__ITEM__INIT, *items[] = {&limit, &more};
    Baton__Posted ret;
    limit.tag = (char *)(uintptr_t) "limit";
    limit.name = (char *)(uintptr_t) "time";
    limit.value = ms;
    more.tag = (char *)(uintptr_t)flag;
    card.kind = BATON__CARD_KIND__CARD_BUDGET;
    card.name = (char *)(uintptr_t) "b";
    card.items = items;
    card.n_items = 2;
    post.verb = BATON__CARD_VERB__CARD_SET;
    post.card = &card;
    assert_int_equal(core_post(b->core, &b->request, &post, &ret), BATON__CODE__CODE_OK);
    bench_keep(b);
}

static void
tick_at(struct bench *b, int64_t at)
{
    b->request.now = at;
    core_tick(b->core, &b->request);
    bench_keep(b);
}

static double
used(struct bench *b)
{
    Baton__BudgetsRequest ask = BATON__BUDGETS_REQUEST__INIT;
    Baton__BudgetList list;
    assert_int_equal(core_budgets(b->core, &b->request, &ask, &list), BATON__CODE__CODE_OK);
    assert_int_equal(list.n_budgets, 1);
    return list.budgets[0]->limits[0]->used;
}

static void
beat(struct bench *b, uint64_t token)
{
    Baton__Line line = BATON__LINE__INIT;
    Baton__LineReply reply;
    line.token = token;
    line.beat = true;
    core_report_line(b->core, &b->request, 0, &line, &reply);
    bench_keep(b);
}

/* Leases `n` tasks of a second's budget and says when its clock will act next, a level further. */
static void
check_levels(struct bench *b, int n)
{
    int64_t begin = b->request.now;
    uint64_t token[3];
    for (int i = 0; i < n; i++) {
        assert_int_equal(bench_add(b, bench_spec(b, (const char *[]){"a", "b", "c"}[i], "infra")),
                         BATON__CODE__CODE_OK);
        token[i] = bench_take(b, "infra");
        assert_true(token[i] != 0);
    }
    int64_t warn = begin + (800 + n - 1) / n, over = begin + (1000 + n - 1) / n;
    assert_int_equal(core_next_at(b->core), warn);
    tick_at(b, warn - 1);
    assert_int_equal(bench_n_events(b, BATON__EVENT__KIND__BUDGET), 0);
    tick_at(b, warn);
    assert_int_equal(bench_n_events(b, BATON__EVENT__KIND__BUDGET), 1);
    assert_int_equal(core_next_at(b->core), over);
    beat(b, token[0]); /* a heartbeat says nothing of it */
    tick_at(b, over - 1);
    assert_string_equal(bench_state(b, "a"), "leased");
    tick_at(b, over);
    assert_int_equal(bench_n_events(b, BATON__EVENT__KIND__BUDGET), 2);
    assert_true(used(b) >= 1000 && used(b) < 1000 + n);
}

static void
test_a_hard_one_ends_what_runs_in_its_millisecond(void **unused)
{
    (void)unused;
    for (int n = 1; n <= 3; n++) {
        struct bench b;
        bench_init(&b);
        set_budget(&b, 1000, "hard");
        check_levels(&b, n);
        assert_string_equal(bench_state(&b, "a"), "cancelling");
        assert_string_equal(bench_state(&b, (const char *[]){"a", "b", "c"}[n - 1]), "cancelling");
        bench_fini(&b);
    }
}

static void
test_a_soft_one_is_told_and_lets_it_run(void **unused)
{
    (void)unused;
    struct bench b;
    bench_init(&b);
    set_budget(&b, 1000, "everywhere");
    check_levels(&b, 2);
    assert_string_equal(bench_state(&b, "a"), "leased");
    bench_fini(&b);
}

static void
test_what_ran_before_midnight_is_of_the_day_that_ends(void **unused)
{
    (void)unused;
    struct bench b;
    bench_init(&b);
    b.request.now = 3 * DAY_MS - 1000;
    set_budget(&b, 100000, "day");
    assert_int_equal(bench_add(&b, bench_spec(&b, "a", "infra")), BATON__CODE__CODE_OK);
    uint64_t token = bench_take(&b, "infra");
    tick_at(&b, 3 * DAY_MS);
    assert_true(used(&b) == 0);
    b.request.now = 3 * DAY_MS + 50;
    assert_int_equal(bench_end(&b, token, BATON__OUTCOME__OUTCOME_DONE), BATON__CODE__CODE_OK);
    assert_true(used(&b) == 50);
    bench_fini(&b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_hard_one_ends_what_runs_in_its_millisecond),
        cmocka_unit_test(test_a_soft_one_is_told_and_lets_it_run),
        cmocka_unit_test(test_what_ran_before_midnight_is_of_the_day_that_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
