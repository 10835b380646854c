/* What became of a run: from all that is known to one outcome, or to "the check has to say". Pure.
 */
#ifndef BATON_WORKER_VERDICT_H
#define BATON_WORKER_VERDICT_H

#include "worker/finding.h"

#include <stdbool.h>
#include <stdint.h>

/* Why a run was ended from outside; the strongest that happened counts, later is stronger. */
enum run_cause {
    CAUSE_NONE,
    CAUSE_IDLE,      /* no sign of life for too long */
    CAUSE_WALL,      /* ran too long */
    CAUSE_HALT,      /* the worker stops at once */
    CAUSE_CANCELLED, /* the broker said so */
    CAUSE_LOST,      /* the lease is no longer ours */
};

enum check_state {
    CHECK_ABSENT,  /* there is none */
    CHECK_PENDING, /* there is one and it has not run */
    CHECK_PASSED,
    CHECK_FAILED,
};

struct evidence {
    enum run_cause cause;
    int64_t limit_ms;     /* with CAUSE_IDLE, CAUSE_WALL: the limit that passed */
    const char *trouble;  /* the run could not be prepared: why; NULL */
    bool trouble_is_task; /* … by fault of the task */
    int exec_errno;       /* the command could not be executed; 0 */
    bool own_command;     /* it is the task's command, not the worker's */
    const char *command;  /* its first word */
    bool have_status;     /* the supervisor told how the main process ended */
    int wait_status;      /* as of waitpid */
    const struct finding *file;
    const struct finding *adapter;
    bool limited;       /* the provider's limit was spoken of */
    int64_t limited_ms; /* when to try again, 0: not said */
    enum check_state check;
    const char *check_says; /* how it ended, with the end of its output */
};

struct verdict {
    bool need_check;
    bool no_report;      /* the lease was lost */
    bool keep;           /* … and the agent left a result that people may want */
    bool misconfigured;  /* the worker's own command cannot be run: take nothing for a while */
    bool failed_start;   /* it did not even start */
    struct finding said; /* outcome, summary, document, retry_after; owned */
};

/* Free with finding_fini(&verdict.said). */
struct verdict verdict_find(const struct evidence *evidence);

/* Exit status as in struct baton_result: -N for signal N. */
int verdict_exit_status(const struct evidence *evidence);

#endif
