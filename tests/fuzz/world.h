/* A core with some tasks in every state that a few requests lead to, for targets to work on; all
 * its facts are kept, so that in the end a second core can be made from them. */
#ifndef BATON_TESTS_FUZZ_WORLD_H
#define BATON_TESTS_FUZZ_WORLD_H

#include "broker/core/core.h"

struct world {
    struct core *core;
    struct core_out out;
    struct core_request request; /* for the next call; its error is set anew by world_request */
    struct arena arena;          /* of one step */
    struct buf journal;          /* varint length and packed Fact, again and again */
    uint32_t n_facts;
    struct buf snapshot; /* chunks, each with a varint length before it; empty: none is complete */
    uint64_t snapshot_seq;
};

void world_init(struct world *world);
void world_fini(struct world *world);

/* The beginning of a call to the core. */
struct core_request *world_request(struct world *world);
/* After each step: its facts are kept, its events and records looked at, its memory given back. */
void world_step_end(struct world *world);
/* Time passes, and what is due is done. */
void world_pass(struct world *world, int64_t ms);
/* A whole snapshot of now replaces the one that there is. */
void world_snapshot(struct world *world);
/* A core with nothing in it, configured as this one. */
struct core *world_new_core(void);
/* Every invariant holds, and a core made from the journal, or from the snapshot and the journal, is
 * the same. */
void world_check(struct world *world);

#endif
