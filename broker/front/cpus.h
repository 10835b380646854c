/* Puts the broker's threads on the processors that placement.h asks for. */
#ifndef BATON_FRONT_CPUS_H
#define BATON_FRONT_CPUS_H

#include "broker/front/placement.h"

#include <sched.h>
#include <sys/types.h>

enum { CPUS_THREADS_MAX = 8 };

struct cpus {
    cpu_set_t allowed;                /* what we were started with */
    int cpu[PLACEMENT_SEATS_MAX - 1]; /* the first ones of it */
    uint32_t n;                       /* of them; 0: it can't be known */
    uint32_t seat;                    /* where the threads are */
    pid_t threads[CPUS_THREADS_MAX];
    size_t n_threads;
};

void cpus_init(struct cpus *cpus);

/* Only the main thread, ZeroMQ's and the store's move; others stay where they may run now. False:
 * it is not allowed, or the processor was taken from us; then some may be elsewhere than others. */
bool cpus_move(struct cpus *cpus, uint32_t seat);

#endif
