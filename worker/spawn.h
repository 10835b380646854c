/* Starts a command under baton-exec, with pipes. Safe beside other threads: posix_spawn, and every
 * descriptor of ours closes itself. */
#ifndef BATON_WORKER_SPAWN_H
#define BATON_WORKER_SPAWN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct spawn {
    char *const *argv;    /* of the agent, ended by NULL */
    char *const *environ; /* of the agent, ended by NULL */
    int workdir;          /* directory to run in */
    int scope;            /* of scope_open */
    bool quiet;           /* no pipes for input and progress: it reads nothing (a check) */
};

/* Our ends: not blocking; -1 when closed or not there. */
struct child {
    pid_t pid; /* of the supervisor; 0: none */
    int in;
    int out;
    int err;
    int progress;
    int status;
};

/* Finds baton-exec beside the running program or where it is installed. NULL: not there. Borrowed.
 */
const char *spawn_helper(void);

/* The directory of the running program, where `baton` is too; NULL when the kernel does not say. */
const char *spawn_tools(void);

/* 0, or an errno; then nothing is left open. */
int spawn_child(const struct spawn *what, struct child *ret_child);

/* Closes our ends; leaves the process. */
void child_close(struct child *child);

/* No descriptor numbers 0 to 6 may be handed out to something of ours later: call first in main. */
bool spawn_reserve_descriptors(void);

/* Raises the number of open files to what is allowed, and says it; agents get back what it was. */
uint64_t spawn_raise_files(void);

#endif
