/* The life of one run, as a table: what an agent's slot does at each event. Pure: no processes, no
 * time, no broker; worker/slot.c carries the actions out.
 *
 *   free -> starting -> running -> settling -> judging -> free
 *                          |          |          |  ^
 *                          v          v          v  |
 *                       stopping -> killing    checking
 */
#ifndef BATON_WORKER_FSM_H
#define BATON_WORKER_FSM_H

enum run_state {
    RUN_FREE,     /* no task */
    RUN_STARTING, /* the supervisor is started, the agent's program not yet */
    RUN_RUNNING,  /* the agent works */
    RUN_SETTLING, /* the agent has ended; what it left behind is told to end */
    RUN_STOPPING, /* all of it was told to end, its grace runs */
    RUN_KILLING,  /* all of it was killed, the kernel has yet to say so */
    RUN_JUDGING,  /* all of it has ended; only within a turn */
    RUN_CHECKING, /* the check command runs */
    RUN_STATES
};

enum run_event {
    RUN_EV_ASSIGNED,   /* a task came */
    RUN_EV_STARTED,    /* the program was executed */
    RUN_EV_EXITED,     /* the main process has ended */
    RUN_EV_ENDED,      /* every process of it has ended */
    RUN_EV_STOP,       /* cancelled, a limit passed, or the worker stops */
    RUN_EV_LOST,       /* the lease is no longer ours */
    RUN_EV_TIMER,      /* the grace has passed */
    RUN_EV_VERDICT,    /* what became of it is known */
    RUN_EV_NEED_CHECK, /* the check command has to say */
    RUN_EVENTS
};

enum run_action {
    RUN_DO_NOTHING,
    RUN_DO_START,    /* prepare the directory, start the agent */
    RUN_DO_CONFIRM,  /* tell the broker that it has started */
    RUN_DO_SETTLE,   /* arm the grace for what was left behind */
    RUN_DO_TERM,     /* TERM to all, arm the grace */
    RUN_DO_KILL,     /* KILL to all, arm the next blow */
    RUN_DO_KILL_ALL, /* the supervisor does not obey: kill it, then what it left */
    RUN_DO_JUDGE,    /* find the verdict */
    RUN_DO_CHECK,    /* start the check command */
    RUN_DO_FINISH,   /* spool and report, or keep as an orphan; clear the slot */
    RUN_DO_COMPLAIN  /* the event cannot come here: a bug */
};

struct run_step {
    enum run_state next;
    enum run_action action;
};

struct run_step run_step(enum run_state state, enum run_event event);

/* Stable names in lower case, for the log. */
const char *run_state_name(enum run_state state);
const char *run_event_name(enum run_event event);

#endif
