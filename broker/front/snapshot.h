/* Writes a snapshot now and then, a piece a turn, while the core goes on; behind it the journal is
 * cut. */
#ifndef BATON_FRONT_SNAPSHOT_H
#define BATON_FRONT_SNAPSHOT_H

#include "broker/core/core.h"
#include "broker/store/store.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    SNAPSHOT_JOURNAL_BYTES_MIN = 64 * 1024 * 1024, /* no snapshot for less journal, unless something
                                                      else is asked for or the disk is small */
    SNAPSHOT_STEP_TASKS = 2000,                    /* a turn at most, … */
    SNAPSHOT_STEP_FIRST = 64,                      /* … at first, … */
    SNAPSHOT_STEP_BYTES = 4 * 1024 * 1024,         /* … and fewer of large ones */
    SNAPSHOT_PENDING_MAX = 8, /* batches that wait for the disk: it is behind, leave it alone */
};

struct snapshot {
    uint64_t journal_bytes_min; /* no snapshot for less journal than this */
    bool is_running;
    bool is_begun;   /* the first piece was handed over */
    uint32_t step;   /* tasks of the next piece */
    size_t bytes;    /* of the latest piece: the next one is of about that size */
    uint64_t ticket; /* of the last piece of the newest one */
    uint64_t n_done;
};

/* A piece of the snapshot for the batch of this turn, when one is due or under way. None is begun
 * for which there is no room: `free_bytes` are free on the disk. */
void snapshot_step(struct snapshot *snapshot, struct core *core, struct store *store,
                   uint64_t room_bytes, struct store_batch *batch);
/* After a batch with snapshot_end was submitted under this ticket. */
void snapshot_ended(struct snapshot *snapshot, uint64_t ticket);
/* True when the next turn should come at once. */
bool snapshot_is_hungry(const struct snapshot *snapshot, struct store *store);

#endif
