/* The tree of processes, read from /proc: who descends from whom. Used by the supervisor of one run
 * (its descendants are the run) and by the worker (what a killed supervisor left behind). */
#ifndef BATON_WORKER_PROCTREE_H
#define BATON_WORKER_PROCTREE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct proctree_process {
    pid_t pid;
    pid_t parent;
};

struct proctree {
    struct proctree_process *processes; /* owned, ascending by pid */
    size_t n;
};

/* False when /proc cannot be read. Free with proctree_fini. O(processes of the machine). */
bool proctree_load(struct proctree *ret_tree);
void proctree_fini(struct proctree *tree);

/* True when `pid` descends from `root` (and is not it). */
bool proctree_is_below(const struct proctree *tree, pid_t pid, pid_t root);

/* Sends `signal` to every process below `root`; returns how many there were. */
size_t proctree_signal(pid_t root, int signal);

#endif
