/* The whole table of a run's life, told a second time in another form, and what must hold of it. */
#include "worker/fsm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* A cell is next state and action; "." stays and does nothing, "!" is a bug. */
static const char *const expected[RUN_STATES] = {
    [RUN_FREE] = "starting+start ! ! ! . . . ! !",
    [RUN_STARTING] =
        "! running+confirm settling+settle judging+judge stopping+term stopping+term . ! !",
    [RUN_RUNNING] = "! . settling+settle judging+judge stopping+term stopping+term . ! !",
    [RUN_SETTLING] = "! . . judging+judge . killing+kill killing+kill ! !",
    [RUN_STOPPING] = "! . . judging+judge . killing+kill killing+kill ! !",
    [RUN_KILLING] = "! . . judging+judge . . killing+kill_all ! !",
    [RUN_JUDGING] = "! ! ! ! ! ! ! free+finish checking+check",
    [RUN_CHECKING] = "! . checking+settle judging+judge killing+kill killing+kill killing+kill ! !",
};

static const char *const action_names[] = {"nothing", "start",  "confirm",  "settle",
                                           "term",    "kill",   "kill_all", "judge",
                                           "check",   "finish", "complain"};

static void
cell(char *out, size_t room, enum run_state state, struct run_step step)
{
    if (step.action == RUN_DO_COMPLAIN && step.next == state) {
        snprintf(out, room, "!");
    } else if (step.action == RUN_DO_NOTHING && step.next == state) {
        snprintf(out, room, ".");
    } else {
        snprintf(out, room, "%s+%s", run_state_name(step.next), action_names[step.action]);
    }
}

static void
test_every_cell(void **context)
{
    (void)context;
    for (int state = 0; state < RUN_STATES; state++) {
        char row[512] = "";
        for (int event = 0; event < RUN_EVENTS; event++) {
            char text[64];
            cell(text, sizeof text, (enum run_state)state,
                 run_step((enum run_state)state, (enum run_event)event));
            size_t n = strlen(row);
            snprintf(row + n, sizeof row - n, "%s%s", event ? " " : "", text);
        }
        assert_string_equal(row, expected[state]);
    }
}

/* From every state in which processes live, timers alone lead to a kill that cannot be refused, and
 * the end of the processes to a judgement. */
static void
test_every_run_can_be_ended(void **context)
{
    (void)context;
    const enum run_state alive[] = {RUN_STARTING, RUN_RUNNING, RUN_SETTLING,
                                    RUN_STOPPING, RUN_KILLING, RUN_CHECKING};
    for (size_t i = 0; i < sizeof alive / sizeof alive[0]; i++) {
        enum run_state state = run_step(alive[i], RUN_EV_STOP).next;
        bool killed = false;
        for (int timer = 0; timer < 3; timer++) {
            struct run_step step = run_step(state, RUN_EV_TIMER);
            killed = killed || step.action == RUN_DO_KILL_ALL;
            state = step.next;
        }
        assert_true(killed);
        assert_int_equal(run_step(alive[i], RUN_EV_ENDED).action, RUN_DO_JUDGE);
    }
}

static void
test_names(void **context)
{
    (void)context;
    for (int state = 0; state < RUN_STATES; state++) {
        assert_true(run_state_name((enum run_state)state)[0] != 0);
    }
    for (int event = 0; event < RUN_EVENTS; event++) {
        assert_true(run_event_name((enum run_event)event)[0] != 0);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_cell),
        cmocka_unit_test(test_every_run_can_be_ended),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
