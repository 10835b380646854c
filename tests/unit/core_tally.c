/* What the core counts for those who watch: leases, waits, run times, ends, cards; begun anew with
 * every epoch. */
#include "core_bench.h"

#include "common/words.h"

#include <string.h>

static Baton__Tallies
tallies_of(struct bench *b)
{
    Baton__Tallies tallies;
    core_tally(b->core, &b->request, &tallies);
    assert_true(protobuf_c_message_check(&tallies.base));
    return tallies;
}

static uint64_t
count_of(struct bench *b, const char *name, const char *role, const char *of)
{
    Baton__Tallies tallies = tallies_of(b);
    for (size_t i = 0; i < tallies.n_counts; i++) {
        const Baton__Tallies__Count *count = tallies.counts[i];
        if (strcmp(count->name, name) == 0 && strcmp(count->role, role) == 0 &&
            strcmp(count->of, of) == 0) {
            return count->value;
        }
    }
    return 0;
}

/* Times in the bucket that ends at `bound_us` (0: the last). */
static uint64_t
times_in(struct bench *b, const char *name, const char *role, int64_t bound_us, int64_t *ret_sum_us)
{
    Baton__Tallies tallies = tallies_of(b);
    for (size_t i = 0; i < tallies.n_times; i++) {
        const Baton__Tallies__Times *times = tallies.times[i];
        if (strcmp(times->name, name) != 0 || strcmp(times->role, role) != 0) {
            continue;
        }
        assert_int_equal(times->n_counts, times->n_bounds_us + 1);
        *ret_sum_us = times->sum_us;
        for (size_t k = 0; k < times->n_bounds_us; k++) {
            if (times->bounds_us[k] == bound_us) {
                return times->counts[k];
            }
        }
        return times->counts[times->n_bounds_us];
    }
    fail_msg("no times %s of %s", name, role);
    return 0;
}

static void
start(struct bench *b, uint64_t token)
{
    Baton__Line line = BATON__LINE__INIT;
    line.token = token;
    line.what_case = BATON__LINE__WHAT_STARTED;
    line.started = true;
    Baton__LineReply reply;
    core_report_line(b->core, &b->request, 0, &line, &reply);
    assert_int_equal(reply.code, BATON__CODE__CODE_OK);
    bench_keep(b);
}

static void
test_waits_and_runs(void **unused)
{
    (void)unused;
    struct bench b;
    bench_init(&b);
    int64_t sum;
    assert_int_equal(bench_add(&b, bench_spec(&b, "a", "backend")), 0);
    assert_int_equal(bench_add(&b, bench_spec(&b, "b", "testing")), 0);
    b.request.now += 700; /* ready so long */
    uint64_t token = bench_take(&b, "backend");
    start(&b, token);
    b.request.now += 15000; /* as long as a bound: below it */
    assert_int_equal(bench_end(&b, token, BATON__OUTCOME__OUTCOME_FAILED), 0);
    assert_int_equal(times_in(&b, "waits", "backend", 1000000, &sum), 1);
    assert_int_equal(sum, 700000);
    assert_int_equal(times_in(&b, "runs", "backend", 15000000, &sum), 1);
    assert_int_equal(sum, 15000000);
    assert_int_equal(times_in(&b, "waits", "testing", 1000000, &sum), 0);
    assert_int_equal(count_of(&b, "leases", "backend", ""), 1);
    assert_int_equal(count_of(&b, "retries", "backend", ""), 0);
    assert_int_equal(count_of(&b, "attempts", "backend", "failed"), 1);

    /* The second attempt waits for its back-off: that is not the queue's waiting. */
    b.request.now += 10 * 60 * 1000;
    core_tick(b.core, &b.request);
    bench_keep(&b);
    token = bench_take(&b, "backend");
    start(&b, token);
    b.request.now += 5 * 3600 * 1000;
    assert_int_equal(bench_end(&b, token, BATON__OUTCOME__OUTCOME_DONE), 0);
    assert_int_equal(times_in(&b, "runs", "backend", 0, &sum), 1); /* longer than all bounds */
    assert_int_equal(times_in(&b, "waits", "backend", 1000000, &sum), 1);
    assert_int_equal(sum, 700000);
    assert_int_equal(count_of(&b, "leases", "backend", ""), 2);
    assert_int_equal(count_of(&b, "retries", "backend", ""), 1);
    assert_int_equal(count_of(&b, "attempts", "backend", "done"), 1);
    bench_fini(&b);
}

static void
test_a_lease_that_runs_out_is_a_loss(void **unused)
{
    (void)unused;
    struct bench b;
    bench_init(&b);
    assert_int_equal(bench_add(&b, bench_spec(&b, "a", "infra")), 0);
    assert_true(bench_take(&b, "infra") != 0);
    b.request.now += 24 * 3600 * 1000;
    core_tick(b.core, &b.request);
    bench_keep(&b);
    assert_int_equal(count_of(&b, "attempts", "infra", "lost"), 1);
    int64_t sum;
    times_in(&b, "runs", "infra", 1000, &sum); /* it never started */
    assert_int_equal(sum, 0);
    bench_fini(&b);
}

static uint64_t
raise_blocker(struct bench *b, const char *task)
{
    Baton__Card card = BATON__CARD__INIT;
    card.kind = BATON__CARD_KIND__CARD_BLOCKER;
    card.title = (char *)(uintptr_t) "no staging";
    card.task = (char *)(uintptr_t)task;
    card.due_at = b->request.now + 1000;
    Baton__Post post = BATON__POST__INIT;
    post.verb = BATON__CARD_VERB__CARD_RAISE;
    post.card = &card;
    Baton__Posted posted;
    assert_int_equal(core_post(b->core, &b->request, &post, &posted), 0);
    uint64_t number = posted.card->number;
    bench_keep(b);
    return number;
}

static void
test_cards_by_kind_and_state(void **unused)
{
    (void)unused;
    struct bench b;
    bench_init(&b);
    assert_int_equal(bench_add(&b, bench_spec(&b, "a", "infra")), 0);
    assert_int_equal(bench_add(&b, bench_spec(&b, "b", "infra")), 0);
    assert_int_equal(tallies_of(&b).n_cards, 0);
    uint64_t first = raise_blocker(&b, "a");
    int64_t oldest = b.request.now;
    b.request.now += 600;
    raise_blocker(&b, "b");
    b.request.now += 600; /* the first one is overdue, the second is not */
    Baton__Tallies tallies = tallies_of(&b);
    assert_int_equal(tallies.n_cards, 1);
    assert_int_equal(tallies.cards[0]->kind, BATON__CARD_KIND__CARD_BLOCKER);
    assert_int_equal(tallies.cards[0]->state, BATON__CARD_STATE__CARD_OPEN);
    assert_int_equal(tallies.cards[0]->n, 2);
    assert_int_equal(tallies.cards[0]->n_overdue, 1);
    assert_int_equal(tallies.cards[0]->oldest_at, oldest);

    Baton__Card card = BATON__CARD__INIT;
    card.kind = BATON__CARD_KIND__CARD_BLOCKER;
    card.number = first;
    Baton__Post post = BATON__POST__INIT;
    post.verb = BATON__CARD_VERB__CARD_RESOLVE;
    post.card = &card;
    Baton__Posted posted;
    assert_int_equal(core_post(b.core, &b.request, &post, &posted), 0);
    bench_keep(&b);
    tallies = tallies_of(&b);
    assert_int_equal(tallies.cards[0]->n, 1);
    assert_int_equal(tallies.cards[0]->n_overdue, 0);
    assert_int_equal(count_of(&b, "blocker", "", "resolved"), 1);
    bench_fini(&b);
}

static void
test_an_epoch_begins_at_nothing(void **unused)
{
    (void)unused;
    struct bench b;
    bench_init(&b);
    assert_int_equal(bench_add(&b, bench_spec(&b, "a", "infra")), 0);
    assert_true(bench_take(&b, "infra") != 0);
    assert_int_equal(count_of(&b, "leases", "infra", ""), 1);
    core_begin_epoch(b.core, &b.request, 2, "batond");
    bench_keep(&b);
    assert_int_equal(count_of(&b, "leases", "infra", ""), 0);
    bench_fini(&b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_waits_and_runs),
        cmocka_unit_test(test_a_lease_that_runs_out_is_a_loss),
        cmocka_unit_test(test_cards_by_kind_and_state),
        cmocka_unit_test(test_an_epoch_begins_at_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
