/* Whoever asks whether a token may still publish gets the truth, also between two ticks. */
#include "core_bench.h"

static bool
is_live(struct bench *b, uint64_t token)
{
    Baton__TokenView view;
    core_check_token(b->core, &b->request, token, &view);
    return view.live;
}

static void
test_a_token_is_live_exactly_while_its_lease_is(void **unused)
{
    (void)unused;
    struct bench b;
    bench_init(&b);
    Baton__Spec *spec = bench_spec(&b, "a", "infra");
    spec->lease_ms = 60000;
    assert_int_equal(bench_add(&b, spec), BATON__CODE__CODE_OK);
    uint64_t token = bench_take(&b, "infra");
    assert_true(is_live(&b, token) && !is_live(&b, token + 1) && !is_live(&b, 0));
    b.request.now += 59999;
    assert_true(is_live(&b, token));
    b.request.now++; /* and nothing has looked at it yet */
    assert_false(is_live(&b, token));
    core_tick(b.core, &b.request);
    bench_keep(&b);
    uint64_t next = bench_take(&b, "infra");
    assert_true(is_live(&b, next) && !is_live(&b, token));
    Baton__Change change = BATON__CHANGE__INIT;
    Baton__Changed changed;
    Baton__Ref ref = BATON__REF__INIT, *refs[] = {&ref};
    ref.id = (char *)(uintptr_t) "a";
    change.verb = BATON__CHANGE__VERB__CANCEL;
    change.reason = (char *)(uintptr_t) "not wanted";
    change.tasks = refs;
    change.n_tasks = 1;
    assert_int_equal(core_change(b.core, &b.request, &change, &changed), BATON__CODE__CODE_OK);
    bench_keep(&b);
    assert_string_equal(bench_state(&b, "a"), "cancelling");
    assert_false(is_live(&b, next)); /* it has nothing to publish any more */
    bench_fini(&b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_token_is_live_exactly_while_its_lease_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
