/* The worker's directory on disk, held by a lock:
 *
 *   lock            held while the worker runs, with its process id
 *   spool/TOKEN     results that the broker has not acknowledged yet (worker/spool.h)
 *   orphans/TOKEN   results of leases that were lost, for people
 *   leases/TOKEN    one for each run that goes on: what is found at start was interrupted
 *   run/TOKEN/      the attempts' own directories; the newest ones are kept
 *   crashes         tasks during which the worker died, and how often
 */
#ifndef BATON_WORKER_STATE_H
#define BATON_WORKER_STATE_H

#include "common/check.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct state {
    char *path; /* absolute; owned */
    int dir;
    int lock;
    int spool;
    int orphans;
    int leases;
    int run;
    size_t n_runs;   /* directories in run/ */
    pid_t janitor;   /* the last process that deletes old directories; 0: none was */
    json_t *crashes; /* object: "project/id" -> count; owned */
};

enum state_open { STATE_OPENED, STATE_IN_USE, STATE_FAILED };

/* Makes what is missing and takes the lock. STATE_IN_USE: *ret_holder is the process that has it
 * (0: not known). STATE_FAILED: errno. */
enum state_open state_open(struct state *state, const char *path, pid_t *ret_holder);
void state_close(struct state *state);

/* Makes run/TOKEN anew and opens it; -1: errno. */
int state_run_begin(struct state *state, uint64_t token);
/* Deletes the oldest directories in the background when there are too many. */
void state_prune(struct state *state);
/* True for the process that does it. */
bool state_is_janitor(const struct state *state, pid_t pid);

/* Notes that a run goes on, and that it has ended. */
void state_lease_begin(struct state *state, uint64_t token, const char *project, const char *id);
void state_lease_end(struct state *state, uint64_t token, const char *project, const char *id);

/* A run that the last worker did not end. */
struct state_interrupted {
    uint64_t token;
    int crashes; /* how often a worker died during this task, this time included */
};
/* Finds them all, counts the crashes, forgets the notes only by state_lease_forget. New memory. */
struct state_interrupted *state_interrupted(struct state *state, size_t *ret_n);
void state_lease_forget(struct state *state, uint64_t token);

/* Tokens that name files in `dir`, ascending; new memory. */
uint64_t *state_tokens(int dir, size_t *ret_n);

/* The name of a token's file. */
struct token_name {
    char s[24];
};
struct token_name token_name(uint64_t token);

#endif
