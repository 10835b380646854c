/* A submission whose bytes are known: its tasks are kept as they would be without. */
#include "core_bench.h"

#include "common/alloc.h"

#include <stdlib.h>

static Baton__Spec *
make(struct bench *b, int which)
{
    Baton__Spec *spec = bench_spec(b, "a", "infra");
    switch (which) {
    case 1:
        spec->project = bench_text("other");
        spec->priority = BATON__PRIORITY__PRIORITY_LOW;
        break;
    case 2:
        spec->title = bench_text("a title");
        spec->deadline = 5000;
        spec->prompt = bench_text("do it");
        break;
    case 3: { /* labels are sorted */
        Baton__Spec__LabelsEntry *labels = arena_alloc(&b->arena, 2 * sizeof *labels);
        spec->labels = arena_alloc(&b->arena, 2 * sizeof(Baton__Spec__LabelsEntry *));
        for (int i = 0; i < 2; i++) {
            baton__spec__labels_entry__init(&labels[i]);
            labels[i].key = bench_text(i ? "a" : "b");
            spec->labels[spec->n_labels++] = &labels[i];
        }
        break;
    }
    case 4: /* the task's own project is not named */
        bench_after(b, spec, "before");
        spec->after[0]->project = bench_text("default");
        break;
    case 5: /* a path has one form */
        spec->claims = arena_alloc(&b->arena, sizeof(Baton__Claim *));
        spec->claims[0] = arena_alloc(&b->arena, sizeof(Baton__Claim));
        baton__claim__init(spec->claims[0]);
        spec->claims[0]->name = arena_strdup(&b->arena, "path:src/");
        spec->n_claims = 1;
        break;
    case 6: /* gets an id */
        spec->id = bench_text("");
        break;
    default:
        break;
    }
    return spec;
}

static void
submit_one(struct bench *b, int which, bool is_known)
{
    Baton__Spec *specs[] = {make(b, which), bench_spec(b, "second", "testing")};
    Baton__Submit submit = BATON__SUBMIT__INIT;
    submit.tasks = specs;
    submit.n_tasks = 2;
    size_t bytes = baton__submit__get_packed_size(&submit);
    uint8_t *packed = xmalloc(bytes);
    baton__submit__pack(&submit, packed);
    b->request.packed = is_known ? packed : NULL;
    b->request.packed_bytes = is_known ? bytes : 0;
    assert_int_equal(bench_submit(b, &submit, NULL), 0);
    b->request.packed_bytes = 0;
    free(packed);
}

static void
test_kept_as_if_packed(void **unused)
{
    (void)unused;
    for (int which = 0; which <= 6; which++) {
        struct bench known, unknown;
        bench_init(&known);
        bench_init(&unknown);
        submit_one(&known, which, true);
        submit_one(&unknown, which, false);
        assert_int_equal(known.journal.bytes, unknown.journal.bytes);
        assert_memory_equal(known.journal.data, unknown.journal.data, known.journal.bytes);
        bench_fini(&known);
        bench_fini(&unknown);
    }
}

/* Bytes of more or fewer tasks are not those of these. */
static void
test_bytes_of_others_are_not_taken(void **unused)
{
    (void)unused;
    static const uint8_t others[] = {0x0a, 3, 0x0a, 1, 'x', 0x0a, 3, 0x0a, 1, 'y'};
    struct bench b;
    bench_init(&b);
    b.request.packed = others;
    b.request.packed_bytes = sizeof others / 2;
    Baton__Spec *specs[] = {bench_spec(&b, "a", "infra"), bench_spec(&b, "b", "infra")};
    Baton__Submit submit = BATON__SUBMIT__INIT;
    submit.tasks = specs;
    submit.n_tasks = 2;
    assert_int_equal(bench_submit(&b, &submit, NULL), 0);
    assert_string_equal(bench_state(&b, "a"), "ready");
    assert_string_equal(bench_state(&b, "b"), "ready");
    b.request.packed_bytes = 0;
    bench_fini(&b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kept_as_if_packed),
        cmocka_unit_test(test_bytes_of_others_are_not_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
