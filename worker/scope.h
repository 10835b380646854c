/* A control group for each run, below the worker's own, where systemd has given that to the worker
 * (Delegate=): its processes are one whole whatever they do, and the limits of memory and of tasks
 * are the kernel's. Version 2 of control groups only. One thread. */
#ifndef BATON_WORKER_SCOPE_H
#define BATON_WORKER_SCOPE_H

#include <stdbool.h>
#include <stdint.h>

struct scope_limits {
    uint64_t memory_bytes; /* 0: none */
    uint32_t tasks;        /* processes and threads; 0: none */
    uint32_t cpu_weight;   /* 1 to 10000; 0: as others */
};

enum scope_status {
    SCOPE_NONE,  /* nobody has given us control groups; runs have none, and no limits are asked */
    SCOPE_READY, /* each run has one */
    SCOPE_LACKS, /* limits are asked for, but can't be held here */
};

/* At the start, before there are children: moves the worker into a group of its own beside those of
 * the runs. Copies the limits. *ret_lacks, with SCOPE_LACKS: what is missing; static. */
enum scope_status scope_begin(const struct scope_limits *limits, const char **ret_lacks);

/* Other limits for the runs that begin later. SCOPE_LACKS: nothing is changed. */
enum scope_status scope_change(const struct scope_limits *limits, const char **ret_lacks);

/* Makes the group of a run; whoever writes "0" to the descriptor is in it. Without groups the
 * descriptor is of /dev/null. -1: errno says why. */
int scope_open(uint64_t token);

/* Ends what is left in it, and the group. True when the limit of memory has killed something. */
bool scope_close(uint64_t token);

#endif
