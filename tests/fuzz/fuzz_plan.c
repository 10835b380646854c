/* Plans in every format: two files read into one plan, joined, and every answer asked for. Whatever
 * the bytes are, the reader ends, its memory is bounded, its messages can be printed, and what it
 * accepts is well formed. */
#include "tests/fuzz/fuzz.h"

#include "common/limits.h"
#include "common/text.h"
#include "ctl/plan/plan.h"

#include <string.h>

static void
check_messages(struct plan *plan)
{
    CHECK(!plan_error(plan, 0) == !plan_n_errors(plan));
    for (size_t i = 0; plan_error(plan, i); i++) {
        check_is_printable(plan_error(plan, i), 1);
    }
    for (size_t i = 0; plan_warning(plan, i); i++) {
        check_is_printable(plan_warning(plan, i), 1);
    }
}

static void
check_spec(const baton_spec *spec)
{
    CHECK(spec->id && name_is_valid(spec->id, ID_BYTES_MAX));
    CHECK(!spec->project || !*spec->project || name_is_valid(spec->project, NAME_BYTES_MAX));
    CHECK(!spec->title || prose_is_valid(spec->title, TITLE_BYTES_MAX));
    CHECK(!spec->prompt || utf8_is_valid(spec->prompt, strlen(spec->prompt)));
    CHECK(spec->deadline >= 0 && spec->deadline <= TIME_MS_MAX);
    CHECK(spec->not_before >= 0 && spec->not_before <= TIME_MS_MAX);
    CHECK(spec->estimate_ms >= 0 && spec->estimate_ms <= DURATION_MS_MAX);
    CHECK(spec->n_after <= EDGES_MAX && spec->n_claims <= CLAIMS_MAX);
    for (size_t i = 0; i < spec->n_after; i++) {
        CHECK(name_is_valid(spec->after[i].id, ID_BYTES_MAX));
    }
}

static void
check_plan(struct plan *plan)
{
    size_t n;
    baton_spec *const *specs = plan_specs(plan, &n);
    const struct plan_facts *facts = plan_facts(plan);
    CHECK(n == facts->n_tasks && facts->n_milestones <= n && facts->depth <= n);
    for (size_t i = 0; i < n; i++) {
        check_spec(specs[i]);
        check_is_printable(plan_source_of(plan, i), 0);
    }
    for (size_t i = 0; i < facts->n_forward_named; i++) {
        check_is_printable(facts->forward[i], 0);
    }
    for (size_t i = 0; plan_note_text(plan, i); i++) {
        check_is_printable(plan_note_text(plan, i), 0);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static const char *const names[] = {"/nowhere/p.yaml", "/nowhere/p.json", "/nowhere/p.jsonl",
                                        "/nowhere/p.tsv", "/nowhere/p"};
    struct input input = {data, bytes};
    unsigned format = input_byte(&input);
    unsigned flags = input_byte(&input);
    size_t n_formats = 0;
    while (plan_formats()[n_formats]) {
        n_formats++;
    }
    unsigned chosen = format % (unsigned)(n_formats + ARRAY_LEN(names));
    struct plan_options options = {
        .format = chosen < n_formats ? plan_formats()[chosen] : NULL,
        .role = flags & 1   ? "spread"
                : flags & 2 ? "backend"
                            : NULL,
        .project = flags & 4 ? "fuzz" : NULL,
        .zone = "Europe/Zurich",
        .now = INT64_C(1754956800000),
        .strict = flags & 8,
        .with_closed = flags & 16,
        .dangling = flags & 32   ? "drop"
                    : flags & 64 ? "error"
                                 : NULL,
    };
    const char *why;
    CHECK(plan_options_are_valid(&options, &why));
    struct plan *plan = plan_new(&options);
    /* A name in a folder that is not there: no prompt_file is found beside it. */
    const char *name = chosen < n_formats ? "/nowhere/p" : names[chosen - n_formats];
    if (flags & 128) {
        struct input first = input_piece(&input);
        plan_read_text(plan, name, (const char *)first.data, first.bytes);
    }
    plan_read_text(plan, name, (const char *)input.data, input.bytes);
    if (plan_finish(plan)) {
        CHECK(plan_n_errors(plan) == 0);
        check_plan(plan);
    } else {
        CHECK(plan_n_errors(plan) > 0);
    }
    check_messages(plan);
    plan_free(plan);
    return 0;
}
