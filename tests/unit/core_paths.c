/* Paths as resources of the core: who has to wait for whom. In breadth: tests/sim. */
#include "core_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* A task for backend that claims "name" or "name:shared" each. */
static Baton__Spec *
claiming(struct bench *w, const char *id, const char *const *claims, size_t n)
{
    Baton__Spec *s = bench_spec(w, id, "backend");
    s->n_claims = n;
    s->claims = arena_alloc(&w->arena, (n + 1) * sizeof *s->claims);
    for (size_t i = 0; i < n; i++) {
        Baton__Claim *claim = s->claims[i] = arena_alloc(&w->arena, sizeof *claim);
        baton__claim__init(claim);
        claim->name = arena_strdup(&w->arena, claims[i]);
        char *share = strstr(claim->name, ":shared");
        claim->shared = share != NULL;
        if (share) {
            *share = 0;
        }
    }
    return s;
}

static Baton__Reason
reason(struct bench *w, const char *id)
{
    Baton__Ref ref = BATON__REF__INIT;
    ref.id = (char *)(uintptr_t)id;
    Baton__TaskView view;
    uint64_t archived;
    assert_int_equal(core_get(w->core, &w->request, &ref, &view, &archived), 0);
    return view.reason;
}

static void
add(struct bench *w, const char *id, const char *claim)
{
    Baton__Spec *s = claiming(w, id, &claim, 1);
    assert_int_equal(bench_add(w, s), BATON__CODE__CODE_OK);
}

/* Would the second claim run beside the first? */
static bool
run_together(const char *first, const char *second)
{
    struct bench w;
    bench_init(&w);
    add(&w, "a", first);
    add(&w, "b", second);
    uint64_t a = bench_take(&w, "backend");
    assert_true(a);
    uint64_t b = bench_take(&w, "backend");
    if (!b) {
        assert_int_equal(reason(&w, "b"), BATON__REASON__REASON_LOCK);
        assert_int_equal(bench_end(&w, a, BATON__OUTCOME__OUTCOME_DONE), 0);
        assert_true(bench_take(&w, "backend")); /* then it does when the first has ended */
    }
    bench_fini(&w);
    return b != 0;
}

static void
test_who_waits_for_whom(void **state)
{
    (void)state;
    assert_false(run_together("path:src/api/**", "path:src/api/users.c"));
    assert_false(run_together("path:src/api/users.c", "path:src/api/"));
    assert_false(run_together("path:a", "path:**"));
    assert_false(run_together("path:**", "path:a/b/c:shared"));
    assert_false(run_together("path:a/b:shared", "path:a"));
    assert_true(run_together("path:a:shared", "path:a/b:shared"));
    assert_true(run_together("path:src/api", "path:src/apis"));
    assert_true(run_together("path:src/a", "path:src/b"));
    assert_true(run_together("path:**", "db"));
}

static void
test_what_can_never_fit_is_refused(void **state)
{
    (void)state;
    struct bench w;
    bench_init(&w);
    const char *nested[] = {"path:src", "path:src/api/**"};
    Baton__Spec *s = claiming(&w, "a", nested, 2);
    assert_int_equal(bench_add(&w, s), BATON__CODE__CODE_INVALID);
    assert_string_equal(w.request.error.field, "claims[1]");
    s = claiming(&w, "a", nested, 1);
    s->claims[0]->amount = 2;
    assert_int_equal(bench_add(&w, s), BATON__CODE__CODE_UNSATISFIABLE);
    const char *up = "path:../x";
    s = claiming(&w, "a", &up, 1);
    assert_int_equal(bench_add(&w, s), BATON__CODE__CODE_INVALID);
    bench_fini(&w);
}

static void
test_a_corner_that_is_paused(void **state)
{
    (void)state;
    struct bench w;
    bench_init(&w);
    add(&w, "whole", "path:**");
    add(&w, "corner", "path:src/api/users.c");
    add(&w, "beside", "path:src/db");
    Baton__Pause pause = BATON__PAUSE__INIT;
    pause.scope = BATON__PAUSE__SCOPE__LOCK;
    pause.name = (char *)(uintptr_t) "path:src/api/**";
    Baton__Done done;
    assert_int_equal(core_pause(w.core, &w.request, &pause, &done), 0);
    w.request.now += 10 * 24 * INT64_C(3600000); /* all wait past their time */
    uint64_t beside = bench_take(&w, "backend");
    assert_true(beside); /* who waits for the whole tree does not keep it from the others */
    assert_int_equal(reason(&w, "whole"), BATON__REASON__REASON_LOCK_PAUSED);
    assert_int_equal(reason(&w, "corner"), BATON__REASON__REASON_LOCK_PAUSED);
    pause.resume = true;
    pause.name = (char *)(uintptr_t) "path:src/api";
    assert_int_equal(core_pause(w.core, &w.request, &pause, &done), 0);
    assert_true(done.changed);
    assert_int_equal(bench_take(&w, "backend"), 0); /* kept for the first in order now */
    assert_int_equal(reason(&w, "whole"), BATON__REASON__REASON_LOCK);
    assert_int_equal(bench_end(&w, beside, BATON__OUTCOME__OUTCOME_DONE), 0);
    assert_true(bench_take(&w, "backend"));
    assert_int_equal(reason(&w, "whole"), BATON__REASON__REASON_OK);
    bench_fini(&w);
}

/* Nothing is left of paths that nobody claims. */
static void
test_forgotten_with_the_last_claim(void **state)
{
    (void)state;
    struct bench w;
    bench_init(&w);
    add(&w, "a", "path:one/two/three/four");
    Baton__Resources ask = BATON__RESOURCES__INIT;
    Baton__ResourceList list;
    assert_int_equal(core_resources(w.core, &w.request, &ask, &list), 0);
    assert_int_equal(list.n_resources, 1); /* not the directories above */
    assert_string_equal(list.resources[0]->name, "path:one/two/three/four");
    Baton__Spec *s = claiming(&w, "a", NULL, 0);
    Baton__Submit submit = BATON__SUBMIT__INIT;
    submit.tasks = &s;
    submit.n_tasks = 1;
    submit.update = true;
    Baton__Submitted ret;
    assert_int_equal(core_submit(w.core, &w.request, &submit, &ret), 0);
    assert_int_equal(core_resources(w.core, &w.request, &ask, &list), 0);
    assert_int_equal(list.n_resources, 0);
    bench_fini(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_waits_for_whom),
        cmocka_unit_test(test_what_can_never_fit_is_refused),
        cmocka_unit_test(test_a_corner_that_is_paused),
        cmocka_unit_test(test_forgotten_with_the_last_claim),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
