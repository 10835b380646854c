/* Where the broker's threads run, on machines whose commits take as long as a table says. */
#include "broker/front/placement.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { SECOND_US = 1000 * 1000, MANY = PLACEMENT_TRIAL * 8 };

struct machine {
    struct placement placement;
    int64_t now_us;
    int64_t commit_us[PLACEMENT_SEATS_MAX]; /* by seat */
};

static void
commits(struct machine *machine, int n)
{
    for (int i = 0; i < n; i++) {
        /* A disk is slow now and then: that says nothing about the seat. */
        bool is_slow = i % 5 == 0;
        placement_commit(&machine->placement,
                         machine->commit_us[machine->placement.seat] + (is_slow ? 5000 : i % 7));
    }
}

/* So many ms, awake for a share of them. */
static void
run(struct machine *machine, int ms, int percent)
{
    for (int i = 0; i < ms; i++) {
        machine->now_us += 1000;
        placement_slept(&machine->placement, 1000 - 10 * percent, machine->now_us);
    }
}

static struct machine
machine_of(uint32_t n_cpus, int64_t apart_us, int64_t first_us, int64_t second_us)
{
    struct machine machine = {.now_us = SECOND_US, .commit_us = {apart_us, first_us, second_us}};
    placement_init(&machine.placement, n_cpus, machine.now_us);
    return machine;
}

static void
test_settles_on_the_fastest_processor(void **state)
{
    (void)state;
    struct machine machine = machine_of(2, 400, 390, 300);
    assert_int_equal(machine.placement.seat, PLACEMENT_APART);
    commits(&machine, 3 * PLACEMENT_TRIAL - 1);
    assert_int_equal(machine.placement.seat, 2); /* the last one tried */
    commits(&machine, MANY);
    assert_int_equal(machine.placement.seat, 2);

    machine = machine_of(2, 400, 300, 390);
    commits(&machine, 3 * PLACEMENT_TRIAL);
    assert_int_equal(machine.placement.seat, 1);
}

static void
test_apart_must_be_faster_by_a_tenth(void **state)
{
    (void)state;
    struct machine machine = machine_of(2, 290, 310, 300);
    commits(&machine, 3 * PLACEMENT_TRIAL);
    assert_int_equal(machine.placement.seat, 2);

    machine = machine_of(2, 250, 310, 300);
    commits(&machine, 3 * PLACEMENT_TRIAL);
    assert_int_equal(machine.placement.seat, PLACEMENT_APART);
}

static void
test_one_processor_is_left_alone(void **state)
{
    (void)state;
    struct machine machine = machine_of(1, 400, 300, 300);
    commits(&machine, MANY);
    assert_int_equal(machine.placement.seat, PLACEMENT_APART);
}

static void
test_many_processors_are_not_all_tried(void **state)
{
    (void)state;
    struct machine machine = machine_of(1000, 400, 390, 380);
    for (uint32_t seat = 3; seat < PLACEMENT_SEATS_MAX; seat++) {
        machine.commit_us[seat] = 400;
    }
    commits(&machine, PLACEMENT_SEATS_MAX * PLACEMENT_TRIAL);
    assert_int_equal(machine.placement.seat, 2);
}

static void
test_load_takes_them_apart_at_once(void **state)
{
    (void)state;
    struct machine machine = machine_of(2, 400, 390, 300);
    commits(&machine, 3 * PLACEMENT_TRIAL);
    run(&machine, 1000, 30);
    assert_int_equal(machine.placement.seat, 2);
    run(&machine, 40, 60);
    assert_int_equal(machine.placement.seat, PLACEMENT_APART);
    commits(&machine, MANY); /* of a busy broker: they are not compared */
    assert_int_equal(machine.placement.seat, PLACEMENT_APART);
    run(&machine, 1000, 30); /* not calm enough */
    assert_int_equal(machine.placement.seat, PLACEMENT_APART);
    run(&machine, 200, 10);
    assert_int_equal(machine.placement.seat, 2);
}

static void
test_all_are_tried_again_when_it_becomes_worse(void **state)
{
    (void)state;
    struct machine machine = machine_of(2, 400, 390, 300);
    commits(&machine, 3 * PLACEMENT_TRIAL);
    machine.commit_us[2] = 440; /* not by half */
    commits(&machine, 20 * PLACEMENT_TRIAL);
    assert_int_equal(machine.placement.seat, 2);
    machine.commit_us[2] = 1500; /* another program has taken that processor */
    commits(&machine, 4 * PLACEMENT_TRIAL);
    assert_int_equal(machine.placement.seat, 1);
}

static void
test_all_are_tried_again_now_and_then(void **state)
{
    (void)state;
    struct machine machine = machine_of(2, 400, 390, 300);
    commits(&machine, 3 * PLACEMENT_TRIAL);
    machine.commit_us[1] = 200;
    commits(&machine, 90 * PLACEMENT_TRIAL);
    assert_int_equal(machine.placement.seat, 2);
    commits(&machine, 15 * PLACEMENT_TRIAL);
    assert_int_equal(machine.placement.seat, 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settles_on_the_fastest_processor),
        cmocka_unit_test(test_apart_must_be_faster_by_a_tenth),
        cmocka_unit_test(test_one_processor_is_left_alone),
        cmocka_unit_test(test_many_processors_are_not_all_tried),
        cmocka_unit_test(test_load_takes_them_apart_at_once),
        cmocka_unit_test(test_all_are_tried_again_when_it_becomes_worse),
        cmocka_unit_test(test_all_are_tried_again_now_and_then),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
