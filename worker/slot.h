/* A slot: room for one task at a time, with the processes that work on it. */
#ifndef BATON_WORKER_SLOT_H
#define BATON_WORKER_SLOT_H

#include "client/include/baton.h"
#include "common/log.h"
#include "context/attempt.h"
#include "worker/fsm.h"
#include "worker/limits.h"
#include "worker/output.h"
#include "worker/spawn.h"
#include "worker/verdict.h"
#include "worker/worker.h"

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SLOT_FDS = 5, SLOT_TEXT_MAX = 512 };

/* Lines of progress from the agent, told on at a bounded pace. */
struct progress {
    char line[PROGRESS_LINE_BYTES_MAX];
    size_t bytes;
    bool skipping; /* the rest of a line that was too long */
    bool pending;  /* something is to be told */
    uint32_t percent;
    char *text;      /* owned; NULL: none */
    int64_t next_at; /* not told before */
};

/* How the main process of a run ended, as the supervisor told. */
struct ending {
    int exec_errno;   /* it could not be executed */
    bool have_status; /* false: the supervisor could not tell any more */
    int wait_status;  /* as of waitpid */
};

struct slot {
    struct worker *worker;
    enum run_state state;
    baton_assignment *task; /* owned; NULL while free */

    /* the attempt */
    struct attempt attempt;
    int directory;    /* run/TOKEN, or -1 */
    int workdir;      /* -1 */
    int log;          /* output.log, -1 */
    char *paths[5];   /* owned: directory, workdir, prompt, task and result file */
    bool own_command; /* the task's command runs, not the worker's */
    char *prompt;     /* owned; what the agent still has to read */
    size_t prompt_bytes;
    size_t prompt_sent;

    /* the processes */
    struct child child;
    char status_line[32];
    size_t status_bytes;
    struct output out;
    struct output err;
    struct output check_output; /* both streams of the check */
    struct progress progress;
    int64_t flood_tick; /* when the present tick of reading began */
    size_t flood_bytes; /* read in it */

    /* what is known */
    enum run_cause cause;
    int64_t limit_ms;
    char trouble[SLOT_TEXT_MAX];
    bool trouble_is_task;
    struct ending agent;
    struct ending checked;
    bool checking; /* the child is the check */
    enum check_state check;
    char *check_says; /* owned */
    struct verdict verdict;
    struct measures measures; /* of its result file and its output, however it ended */

    /* clocks, monotonic; 0: not set */
    int64_t started_at;
    int64_t ended_at;
    int64_t alive_at; /* last sign of life */
    int64_t wall_at;  /* longest run time */
    int64_t idle_ms;
    int64_t grace_ms; /* for the next TERM */
    int64_t timer_at; /* next RUN_EV_TIMER */
};

void slot_init(struct slot *slot, struct worker *worker);
/* Kills what runs, at once, and forgets it. For the end of the worker only. */
void slot_fini(struct slot *slot);

/* Takes the assignment. The slot must be free. */
void slot_assign(struct slot *slot, baton_assignment *task);
/* The run is to end, because of `cause`, within grace_ms (below 0: the worker's own grace). */
void slot_stop(struct slot *slot, enum run_cause cause, int64_t grace_ms);
/* The supervisor `pid` was reaped. False: it is not this slot's. */
bool slot_reaped(struct slot *slot, pid_t pid);
/* Time passes: limits, graces. */
void slot_tick(struct slot *slot);
/* Monotonic time of the next slot_tick; INT64_MAX: none. */
int64_t slot_next_at(const struct slot *slot);

bool slot_is_free(const struct slot *slot);
uint64_t slot_token(const struct slot *slot);

/* Whom the log names. Not of a free slot. Borrows. */
struct log_about slot_about(const struct slot *slot);

/* ---- between the files of the slot ---- */

void slot_event(struct slot *slot, enum run_event event);

/* start.c: prepares the attempt and starts the command or the check. False: slot->trouble. */
bool slot_start(struct slot *slot);
bool slot_start_check(struct slot *slot);

/* pump.c: the pipes. */
size_t slot_poll(const struct slot *slot, struct pollfd fds[SLOT_FDS]);
void slot_pump(struct slot *slot, const struct pollfd *fds, size_t n);
/* Reads what is left in the pipes of a child that has ended, then closes them. */
void slot_drain(struct slot *slot);
void slot_tell_progress(struct slot *slot);

/* finish.c: the verdict and the report. */
void slot_judge(struct slot *slot);
void slot_finish(struct slot *slot);

#endif
