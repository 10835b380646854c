/* What happened since this broker began, for those who watch: leases, waits, run times, ends.
 * Counted by evolve, asked by core_tally, and nothing is decided by it. Not persistent: every epoch
 * begins at nothing. */
#ifndef BATON_BROKER_CORE_TALLY_H
#define BATON_BROKER_CORE_TALLY_H

#include "common/limits.h"
#include "common/words.h"

#include <stdint.h>

enum {
    TALLY_BOUNDS = 13,
    TALLY_OUTCOMES = 16,
    TALLY_KINDS = 32,  /* of cards */
    TALLY_STATES = 32, /* … */
};

struct tally_times {
    uint64_t counts[TALLY_BOUNDS + 1]; /* up to each bound; the last: longer */
    int64_t sum_ms;
};

struct tallies {
    struct tally_role {
        uint64_t leases;
        uint64_t retries;                      /* of them, those that were not a task's first */
        uint64_t outcomes[TALLY_OUTCOMES];     /* ended attempts */
        struct tally_times waits;              /* from ready to the first lease */
        struct tally_times runs;               /* from start to end, of an attempt */
    } roles[ROLES_N + 1];                      /* milestones too, though they are never leased */
    uint64_t cards[TALLY_KINDS][TALLY_STATES]; /* that came into this state; only ended ones */
};

/* Below 0 counts as 0. */
void tally_time(struct tally_times *times, int64_t ms);

#endif
