/* Where the broker's three threads run: where the kernel likes (apart), or all on one processor
 * (together). Pure; cpus.h does it.
 *
 * At low load a task wakes each of them several times, and a wake that goes to another processor
 * finds it asleep: 10 to 60 us each on a virtual machine, and as much CPU. On one processor it is a
 * switch of 3 us. The kernel rather spreads them. Which processor is best depends on where the
 * disk's interrupts arrive, which nobody can be asked; so each is tried for some commits and timed,
 * as being apart is. The time from the hand-over to the news of the commit is what is compared. It
 * also grows when another program takes the processor: then they are all tried again.
 *
 * Under load one processor is not enough, and they are apart. */
#ifndef BATON_FRONT_PLACEMENT_H
#define BATON_FRONT_PLACEMENT_H

#include <stdbool.h>
#include <stdint.h>

enum {
    PLACEMENT_APART = 0,
    PLACEMENT_SEATS_MAX = 9, /* apart, and the first processors */
    PLACEMENT_TRIAL = 32,    /* commits */
};

struct placement {
    uint32_t n_seats;
    uint32_t seat; /* where the threads are to be: PLACEMENT_APART, or a processor's number + 1 */
    uint32_t settled; /* what the last trials found best */
    bool is_trying;
    bool is_busy;
    int64_t median_us[PLACEMENT_SEATS_MAX]; /* of the commits of its last trial */
    int64_t commit_us[PLACEMENT_TRIAL];     /* in the trial under way */
    uint32_t n_commits;
    uint32_t n_trials; /* since it was settled */
    int64_t window_us; /* when it began */
    int64_t slept_us;  /* in the window */
    uint32_t n_calm;   /* windows in a row */
};

/* With fewer than two processors the threads are left alone. */
void placement_init(struct placement *placement, uint32_t n_cpus, int64_t now_us);

/* A commit that nothing else waited for took so long, from the hand-over to the news. */
void placement_commit(struct placement *placement, int64_t us);

/* The broker's own thread slept for so long until now. */
void placement_slept(struct placement *placement, int64_t slept_us, int64_t now_us);

#endif
