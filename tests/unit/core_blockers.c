/* A blocker on a role: what its tasks had kept for themselves is there for others meanwhile. */
#include "core_bench.h"

/* A task that claims so much of "gpu". */
static void
claim(struct bench *b, const char *id, const char *role, uint32_t amount)
{
    Baton__Spec *spec = bench_spec(b, id, role);
    Baton__Claim claim = BATON__CLAIM__INIT, *claims[] = {&claim};
    claim.name = bench_text("gpu");
    claim.amount = amount;
    spec->claims = claims;
    spec->n_claims = 1;
    assert_int_equal(bench_add(b, spec), BATON__CODE__CODE_OK);
}

static void
test_what_a_blocked_role_had_reserved_others_are_given(void **unused)
{
    (void)unused;
    struct bench b;
    Baton__Resource gpu = BATON__RESOURCE__INIT, *resources[] = {&gpu};
    Baton__Resources set = BATON__RESOURCES__INIT;
    Baton__ResourceList list;
    Baton__Card blocker = BATON__CARD__INIT;
    bench_init(&b);
    gpu.name = bench_text("gpu");
    gpu.capacity = 2;
    set.set = resources;
    set.n_set = 1;
    assert_int_equal(core_resources(b.core, &b.request, &set, &list), BATON__CODE__CODE_OK);
    bench_keep(&b);
    claim(&b, "holder", "infra", 1);
    assert_true(bench_take(&b, "infra") != 0);
    claim(&b, "both", "backend", 2);
    b.request.now += INT64_C(100) * 86400000; /* past its time: it keeps the resource */
    assert_int_equal(bench_take(&b, "backend"), 0);
    claim(&b, "one", "frontend", 1);
    assert_int_equal(bench_take(&b, "frontend"), 0);
    blocker.kind = BATON__CARD_KIND__CARD_BLOCKER;
    blocker.title = bench_text("no credentials");
    blocker.role = bench_text("backend");
    (void)bench_post(&b, BATON__CARD_VERB__CARD_RAISE, 0, &blocker);
    assert_true(bench_take(&b, "frontend") != 0);
    bench_fini(&b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_blocked_role_had_reserved_others_are_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
