/* Messages that are packed by hand: the same bytes as protobuf-c's own, for any content. */
#include "broker/front/wire.h"
#include "broker/front/work_pack.h"
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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_assignments),
        cmocka_unit_test(test_answers_to_reports),
        cmocka_unit_test(test_only_what_is_usual),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
