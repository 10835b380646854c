/* Messages that are packed and unpacked by hand: the same bytes as protobuf-c's own, and the same
 * structs as the unpacker's, for any content. */
#include "broker/front/wire.h"
#include "broker/front/work_wire.h"
#include "tests/unit/filling.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROUNDS = 3000 };

static void
assert_packs_alike(struct filling *f, const Baton__FromBroker *message)
{
    size_t bytes = baton__from_broker__get_packed_size(message);
    uint8_t *expected = arena_alloc(&f->arena, bytes + 1);
    baton__from_broker__pack(message, expected);
    size_t frame_bytes;
    uint8_t *frame = wire_pack(message->id, message, &frame_bytes);
    assert_int_equal(frame_bytes, WIRE_PREAMBLE_BYTES + bytes);
    assert_memory_equal(frame + WIRE_PREAMBLE_BYTES, expected, bytes);
    free(frame);
}

/* Nothing that is rare: what the messages are mostly. */
static void
simplify(Baton__Assign *assign)
{
    for (size_t i = 0; i < assign->n_tasks; i++) {
        Baton__Assignment *a = assign->tasks[i];
        a->n_upstream = a->n_cards = a->n_budgets = 0;
        a->note = NULL;
    }
}

static void
test_assignments(void **state)
{
    (void)state;
    struct filling f = {.rng = {.state = 1}, .known_values = true};
    arena_init(&f.arena);
    for (int round = 0; round < ROUNDS; round++) {
        Baton__FromBroker message = BATON__FROM_BROKER__INIT;
        message.id = round % 3 ? (uint64_t)round : 0;
        message.op_case = BATON__FROM_BROKER__OP_ASSIGN;
        message.assign = (Baton__Assign *)filling_make(&f, &baton__assign__descriptor);
        if (round % 2) {
            simplify(message.assign);
        }
        for (size_t i = 0; i < message.assign->n_tasks; i++) {
            size_t bytes = baton__assignment__get_packed_size(message.assign->tasks[i]);
            size_t about = work_assignment_bytes(message.assign->tasks[i]);
            assert_true(about >= bytes && about < bytes + 100);
        }
        assert_packs_alike(&f, &message);
        arena_reset(&f.arena);
    }
    arena_fini(&f.arena);
}

static void
test_answers_to_reports(void **state)
{
    (void)state;
    struct filling f = {.rng = {.state = 2}, .known_values = true};
    arena_init(&f.arena);
    for (int round = 0; round < ROUNDS; round++) {
        Baton__FromBroker message = BATON__FROM_BROKER__INIT;
        message.id = (uint64_t)round;
        message.op_case = BATON__FROM_BROKER__OP_REPORTED;
        message.reported = (Baton__Reported *)filling_make(&f, &baton__reported__descriptor);
        assert_packs_alike(&f, &message);
        arena_reset(&f.arena);
    }
    arena_fini(&f.arena);
}

/* What is usual goes this way, what it does not know goes the other. */
static void
test_only_what_is_usual(void **state)
{
    (void)state;
    struct buf frame = {0};
    Baton__Assignment task = BATON__ASSIGNMENT__INIT;
    Baton__Assignment *tasks[] = {&task};
    Baton__Assign assign = BATON__ASSIGN__INIT;
    Baton__FromBroker message = BATON__FROM_BROKER__INIT;
    message.op_case = BATON__FROM_BROKER__OP_ASSIGN;
    message.assign = &assign;
    assign.tasks = tasks;
    assign.n_tasks = 1;
    assert_true(work_pack(&frame, &message));
    Baton__Note note = BATON__NOTE__INIT;
    task.note = &note;
    assert_false(work_pack(&frame, &message));
    Baton__Reported reported = BATON__REPORTED__INIT;
    message.op_case = BATON__FROM_BROKER__OP_REPORTED;
    message.reported = &reported;
    assert_true(work_pack(&frame, &message));
    Baton__Error error = BATON__ERROR__INIT;
    message.error = &error;
    assert_false(work_pack(&frame, &message));
    buf_fini(&frame);
}

/* What work_unpack takes is what unpack makes of it. */
static bool
is_taken(struct filling *f, size_t bytes, const uint8_t *data)
{
    struct unpack by_hand = {.arena = &f->arena, .left = SIZE_MAX / 2, .checks_texts = true};
    struct unpack by_type = by_hand;
    const Baton__ToBroker *message = work_unpack(&by_hand, bytes, data);
    if (!message) {
        assert_true(by_hand.left == by_type.left && !by_hand.nul_field);
        return false;
    }
    const Baton__ToBroker *expected = unpack(&by_type, &baton__to_broker__descriptor, bytes, data);
    assert_non_null(expected);
    assert_true(by_hand.nul_field == by_type.nul_field);
    size_t n = baton__to_broker__get_packed_size(message);
    assert_int_equal(n, baton__to_broker__get_packed_size(expected));
    uint8_t *a = arena_alloc(&f->arena, 2 * n + 1), *b = a + n;
    baton__to_broker__pack(message, a);
    baton__to_broker__pack(expected, b);
    assert_memory_equal(a, b, n);
    return true;
}

static Baton__Line *
line_of(struct filling *f, unsigned what)
{
    Baton__Line *line = arena_alloc(&f->arena, sizeof *line);
    *line = (Baton__Line)BATON__LINE__INIT;
    line->token = rng_next(&f->rng) >> rng_below(&f->rng, 64);
    line->what_case = (Baton__Line__WhatCase)what;
    line->started = what == BATON__LINE__WHAT_STARTED || what == BATON__LINE__WHAT_BEAT;
    if (what == BATON__LINE__WHAT_RESULT) {
        line->result = arena_alloc(&f->arena, sizeof *line->result);
        *line->result = (Baton__Result)BATON__RESULT__INIT;
        line->result->outcome = (Baton__Outcome)(1 + rng_below(&f->rng, 8));
    }
    return line;
}

/* A report as workers send it; now and then a line says more. */
static size_t
report_of(struct filling *f, bool simple, uint8_t **ret)
{
    static const unsigned whats[] = {BATON__LINE__WHAT_STARTED, BATON__LINE__WHAT_BEAT,
                                     BATON__LINE__WHAT_RESULT};
    Baton__Report report = BATON__REPORT__INIT;
    Baton__Line *lines[8];
    report.lines = lines;
    for (size_t n = (size_t)rng_below(&f->rng, 8); report.n_lines < n; report.n_lines++) {
        lines[report.n_lines] = simple || rng_below(&f->rng, 2)
                                    ? line_of(f, whats[rng_below(&f->rng, 3)])
                                    : (Baton__Line *)filling_make(f, &baton__line__descriptor);
    }
    Baton__ToBroker message = BATON__TO_BROKER__INIT;
    message.id = rng_below(&f->rng, 2) ? rng_next(&f->rng) : 0;
    message.op_case = BATON__TO_BROKER__OP_REPORT;
    message.report = &report;
    size_t bytes = baton__to_broker__get_packed_size(&message);
    *ret = arena_alloc(&f->arena, bytes + 1);
    return baton__to_broker__pack(&message, *ret);
}

static void
test_reports_are_read_as_the_unpacker_does(void **state)
{
    (void)state;
    struct filling f = {.rng = {.state = 3}, .known_values = true};
    arena_init(&f.arena);
    for (int round = 0; round < ROUNDS; round++) {
        uint8_t *data;
        size_t bytes = report_of(&f, round % 2, &data);
        assert_true(is_taken(&f, bytes, data));
        arena_reset(&f.arena);
    }
    arena_fini(&f.arena);
}

/* Whatever is taken is right; what is cut is not taken. */
static void
test_reports_that_are_damaged(void **state)
{
    (void)state;
    struct filling f = {.rng = {.state = 4}, .known_values = true};
    unsigned n_taken = 0;
    arena_init(&f.arena);
    for (int round = 0; round < 20 * ROUNDS; round++) {
        uint8_t *data;
        size_t bytes = report_of(&f, round % 2, &data);
        for (uint64_t n = 1 + rng_below(&f.rng, 3); n > 0; n--) {
            data[rng_below(&f.rng, bytes)] = (uint8_t)rng_next(&f.rng);
        }
        n_taken += is_taken(&f, bytes, data);
        n_taken += is_taken(&f, (size_t)rng_below(&f.rng, bytes), data);
        arena_reset(&f.arena);
    }
    assert_true(n_taken > 0);
    arena_fini(&f.arena);
}

static void
test_reports_have_bounds(void **state)
{
    (void)state;
    struct filling f = {.rng = {.state = 5}, .known_values = true};
    arena_init(&f.arena);
    uint8_t *data;
    size_t bytes = report_of(&f, true, &data);
    struct unpack frame = {.arena = &f.arena, .left = sizeof(Baton__ToBroker)};
    assert_null(work_unpack(&frame, bytes, data));
    assert_int_equal(frame.left, sizeof(Baton__ToBroker));
    arena_fini(&f.arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_assignments),
        cmocka_unit_test(test_answers_to_reports),
        cmocka_unit_test(test_only_what_is_usual),
        cmocka_unit_test(test_reports_are_read_as_the_unpacker_does),
        cmocka_unit_test(test_reports_that_are_damaged),
        cmocka_unit_test(test_reports_have_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
