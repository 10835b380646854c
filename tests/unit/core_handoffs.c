/* A rejected handoff sends the work back while whoever needs it has just begun; that one waits. */
#include "core_bench.h"

#define DAY_MS INT64_C(86400000)

/* Starts the task, or with `beat` keeps its lease for three days. */
static void
say(struct bench *b, uint64_t token, bool beat)
{
    Baton__Line line = BATON__LINE__INIT;
    Baton__LineReply reply;
    line.token = token;
    line.what_case = beat ? BATON__LINE__WHAT_BEAT : BATON__LINE__WHAT_STARTED;
    line.beat = true;
    line.extend_ms = beat ? 3 * DAY_MS : 0;
    core_report_line(b->core, &b->request, 0, &line, &reply);
    assert_int_equal(reply.code, BATON__CODE__CODE_OK);
    bench_keep(b);
}

static void
signal_it(struct bench *b, Baton__CardVerb verb)
{
    Baton__Card card = BATON__CARD__INIT;
    card.kind = BATON__CARD_KIND__CARD_SIGNAL;
    card.name = bench_text("keys");
    (void)bench_post(b, verb, 0, &card);
}

/* The schema is handed on and done; the server needs it (and a signal), and rejects it so long
 * after its start. */
static void
reject_after(struct bench *b, int64_t ms)
{
    Baton__Card handoff = BATON__CARD__INIT, why = BATON__CARD__INIT;
    bench_init(b);
    signal_it(b, BATON__CARD_VERB__CARD_RAISE);
    Baton__Spec *server = bench_spec(b, "server", "backend");
    bench_after(b, server, "schema");
    bench_after(b, server, "signal:keys");
    assert_int_equal(bench_add(b, bench_spec(b, "schema", "infra")), BATON__CODE__CODE_OK);
    assert_int_equal(bench_add(b, server), BATON__CODE__CODE_OK);
    uint64_t giver = bench_take(b, "infra");
    handoff.kind = BATON__CARD_KIND__CARD_HANDOFF;
    handoff.task = bench_text("schema");
    handoff.title = bench_text("the schema is there");
    why.number = bench_post(b, BATON__CARD_VERB__CARD_RAISE, giver, &handoff);
    assert_int_equal(bench_end(b, giver, BATON__OUTCOME__OUTCOME_DONE), BATON__CODE__CODE_OK);
    uint64_t receiver = bench_take(b, "backend");
    say(b, receiver, false);
    say(b, receiver, true);
    b->request.now += ms;
    why.outcome = bench_text("no index");
    (void)bench_post(b, BATON__CARD_VERB__CARD_REJECT, receiver, &why);
}

static void
test_within_a_day_the_work_comes_back_and_the_receiver_waits(void **unused)
{
    (void)unused;
    struct bench b;
    reject_after(&b, DAY_MS - 1);
    assert_string_equal(bench_state(&b, "schema"), "ready");
    assert_string_equal(bench_state(&b, "server"), "parked");
    assert_int_equal(bench_end(&b, bench_take(&b, "infra"), BATON__OUTCOME__OUTCOME_DONE), 0);
    assert_string_equal(bench_state(&b, "server"), "ready");
    bench_fini(&b);
}

static void
test_after_a_day_it_is_said_and_nothing_more(void **unused)
{
    (void)unused;
    struct bench b;
    reject_after(&b, DAY_MS);
    assert_string_equal(bench_state(&b, "schema"), "done");
    assert_string_equal(bench_state(&b, "server"), "running");
    bench_fini(&b);
}

/* What it waits for is all that it needs, whatever comes last. */
static void
test_a_signal_that_was_withdrawn_meanwhile_ends_the_wait_when_it_is_back(void **unused)
{
    (void)unused;
    struct bench b;
    reject_after(&b, 0);
    signal_it(&b, BATON__CARD_VERB__CARD_WITHDRAW);
    signal_it(&b, BATON__CARD_VERB__CARD_RAISE);
    assert_string_equal(bench_state(&b, "server"), "parked"); /* the schema is not done yet */
    signal_it(&b, BATON__CARD_VERB__CARD_WITHDRAW);
    assert_int_equal(bench_end(&b, bench_take(&b, "infra"), BATON__OUTCOME__OUTCOME_DONE), 0);
    assert_string_equal(bench_state(&b, "server"), "parked");
    signal_it(&b, BATON__CARD_VERB__CARD_RAISE);
    assert_string_equal(bench_state(&b, "server"), "ready");
    bench_fini(&b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_within_a_day_the_work_comes_back_and_the_receiver_waits),
        cmocka_unit_test(test_after_a_day_it_is_said_and_nothing_more),
        cmocka_unit_test(test_a_signal_that_was_withdrawn_meanwhile_ends_the_wait_when_it_is_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
