/* The table of a run's states and events. Every cell is written down; the unit test reads the whole
 * table. */
#include "worker/fsm.h"

#include "common/check.h"

#define STAY(state)                                                                                \
    {                                                                                              \
        state, RUN_DO_NOTHING                                                                      \
    }
#define BUG(state)                                                                                 \
    {                                                                                              \
        state, RUN_DO_COMPLAIN                                                                     \
    }

static const struct run_step table[RUN_STATES][RUN_EVENTS] =
    {
        [RUN_FREE] =
            {
                [RUN_EV_ASSIGNED] = {RUN_STARTING, RUN_DO_START},
                [RUN_EV_STARTED] = BUG(RUN_FREE),
                [RUN_EV_EXITED] = BUG(RUN_FREE),
                [RUN_EV_ENDED] = BUG(RUN_FREE),
                [RUN_EV_STOP] = STAY(RUN_FREE),
                [RUN_EV_LOST] = STAY(RUN_FREE),
                [RUN_EV_TIMER] = STAY(RUN_FREE),
                [RUN_EV_VERDICT] = BUG(RUN_FREE),
                [RUN_EV_NEED_CHECK] = BUG(RUN_FREE),
            },
        [RUN_STARTING] =
            {
                [RUN_EV_ASSIGNED] = BUG(RUN_STARTING),
                [RUN_EV_STARTED] = {RUN_RUNNING, RUN_DO_CONFIRM},
                [RUN_EV_EXITED] = {RUN_SETTLING, RUN_DO_SETTLE},
                [RUN_EV_ENDED] = {RUN_JUDGING, RUN_DO_JUDGE},
                [RUN_EV_STOP] = {RUN_STOPPING, RUN_DO_TERM},
                [RUN_EV_LOST] = {RUN_STOPPING, RUN_DO_TERM},
                [RUN_EV_TIMER] = STAY(RUN_STARTING),
                [RUN_EV_VERDICT] = BUG(RUN_STARTING),
                [RUN_EV_NEED_CHECK] = BUG(RUN_STARTING),
            },
        [RUN_RUNNING] =
            {
                [RUN_EV_ASSIGNED] = BUG(RUN_RUNNING),
                [RUN_EV_STARTED] = STAY(RUN_RUNNING),
                [RUN_EV_EXITED] = {RUN_SETTLING, RUN_DO_SETTLE},
                [RUN_EV_ENDED] = {RUN_JUDGING, RUN_DO_JUDGE},
                [RUN_EV_STOP] = {RUN_STOPPING, RUN_DO_TERM},
                [RUN_EV_LOST] = {RUN_STOPPING, RUN_DO_TERM},
                [RUN_EV_TIMER] = STAY(RUN_RUNNING),
                [RUN_EV_VERDICT] = BUG(RUN_RUNNING),
                [RUN_EV_NEED_CHECK] = BUG(RUN_RUNNING),
            },
        [RUN_SETTLING] =
            {
                [RUN_EV_ASSIGNED] = BUG(RUN_SETTLING),
                [RUN_EV_STARTED] = STAY(RUN_SETTLING),
                [RUN_EV_EXITED] = STAY(RUN_SETTLING),
                [RUN_EV_ENDED] = {RUN_JUDGING, RUN_DO_JUDGE},
                /* The agent was faster than the stop: what it left has been told to end already. */
                [RUN_EV_STOP] = STAY(RUN_SETTLING),
                [RUN_EV_LOST] = {RUN_KILLING, RUN_DO_KILL},
                [RUN_EV_TIMER] = {RUN_KILLING, RUN_DO_KILL},
                [RUN_EV_VERDICT] = BUG(RUN_SETTLING),
                [RUN_EV_NEED_CHECK] = BUG(RUN_SETTLING),
            },
        [RUN_STOPPING] =
            {
                [RUN_EV_ASSIGNED] = BUG(RUN_STOPPING),
                [RUN_EV_STARTED] = STAY(RUN_STOPPING),
                [RUN_EV_EXITED] = STAY(RUN_STOPPING),
                [RUN_EV_ENDED] = {RUN_JUDGING, RUN_DO_JUDGE},
                [RUN_EV_STOP] = STAY(RUN_STOPPING),
                [RUN_EV_LOST] = {RUN_KILLING, RUN_DO_KILL},
                [RUN_EV_TIMER] = {RUN_KILLING, RUN_DO_KILL},
                [RUN_EV_VERDICT] = BUG(RUN_STOPPING),
                [RUN_EV_NEED_CHECK] = BUG(RUN_STOPPING),
            },
        [RUN_KILLING] =
            {
                [RUN_EV_ASSIGNED] = BUG(RUN_KILLING),
                [RUN_EV_STARTED] = STAY(RUN_KILLING),
                [RUN_EV_EXITED] = STAY(RUN_KILLING),
                [RUN_EV_ENDED] = {RUN_JUDGING, RUN_DO_JUDGE},
                [RUN_EV_STOP] = STAY(RUN_KILLING),
                [RUN_EV_LOST] = STAY(RUN_KILLING),
                [RUN_EV_TIMER] = {RUN_KILLING, RUN_DO_KILL_ALL},
                [RUN_EV_VERDICT] = BUG(RUN_KILLING),
                [RUN_EV_NEED_CHECK] = BUG(RUN_KILLING),
            },
        [RUN_JUDGING] =
            {
                [RUN_EV_ASSIGNED] = BUG(RUN_JUDGING),
                [RUN_EV_STARTED] = BUG(RUN_JUDGING),
                [RUN_EV_EXITED] = BUG(RUN_JUDGING),
                [RUN_EV_ENDED] = BUG(RUN_JUDGING),
                [RUN_EV_STOP] = BUG(RUN_JUDGING),
                [RUN_EV_LOST] = BUG(RUN_JUDGING),
                [RUN_EV_TIMER] = BUG(RUN_JUDGING),
                [RUN_EV_VERDICT] = {RUN_FREE, RUN_DO_FINISH},
                [RUN_EV_NEED_CHECK] = {RUN_CHECKING, RUN_DO_CHECK},
            },
        [RUN_CHECKING] =
            {
                [RUN_EV_ASSIGNED] = BUG(RUN_CHECKING),
                [RUN_EV_STARTED] = STAY(RUN_CHECKING),
                [RUN_EV_EXITED] = {RUN_CHECKING, RUN_DO_SETTLE},
                [RUN_EV_ENDED] = {RUN_JUDGING, RUN_DO_JUDGE},
                /* A check has nothing to save: no grace. */
                [RUN_EV_STOP] = {RUN_KILLING, RUN_DO_KILL},
                [RUN_EV_LOST] = {RUN_KILLING, RUN_DO_KILL},
                [RUN_EV_TIMER] = {RUN_KILLING, RUN_DO_KILL},
                [RUN_EV_VERDICT] = BUG(RUN_CHECKING),
                [RUN_EV_NEED_CHECK] = BUG(RUN_CHECKING),
            },
};

struct run_step
run_step(enum run_state state, enum run_event event)
{
    CHECK((unsigned)state < RUN_STATES && (unsigned)event < RUN_EVENTS);
    return table[state][event];
}

const char *
run_state_name(enum run_state state)
{
    static const char *const names[RUN_STATES] = {"free",     "starting", "running", "settling",
                                                  "stopping", "killing",  "judging", "checking"};
    return (unsigned)state < RUN_STATES ? names[state] : "";
}

const char *
run_event_name(enum run_event event)
{
    static const char *const names[RUN_EVENTS] = {
        "assigned", "started", "exited", "ended", "stop", "lost", "timer", "verdict", "need_check"};
    return (unsigned)event < RUN_EVENTS ? names[event] : "";
}
