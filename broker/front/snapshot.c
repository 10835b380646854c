#include "broker/front/snapshot.h"

#include "common/alloc.h"

static bool
is_due(const struct snapshot *snapshot, struct store *store)
{
    /* The figures are those before the newest snapshot until its last piece is durable. */
    if (store_durable(store) < snapshot->ticket) {
        return false;
    }
    struct store_stats stats;
    store_get_stats(store, &stats);
    uint64_t least = snapshot->journal_bytes_min ? snapshot->journal_bytes_min
                                                 : SNAPSHOT_JOURNAL_BYTES_MIN;
    return stats.journal_bytes > MAX(least, stats.snapshot_bytes);
}

void
snapshot_step(struct snapshot *snapshot, struct core *core, struct store *store,
              struct store_batch *batch)
{
    if (!snapshot->is_running) {
        if (!is_due(snapshot, store)) {
            return;
        }
        core_snapshot_begin(core);
        snapshot->is_running = true;
        snapshot->is_begun = false;
    }
    if (store_pending(store) > SNAPSHOT_PENDING_MAX) {
        return;
    }
    struct buf chunk = {0};
    bool more = core_snapshot_step(core, SNAPSHOT_STEP_TASKS, &chunk);
    batch->snapshot_begin = !snapshot->is_begun;
    snapshot->is_begun = true;
    if (chunk.bytes > 0) {
        batch->chunks = xmalloc(sizeof *batch->chunks);
        batch->chunks[0] = (struct store_chunk){.data = chunk.data, .bytes = chunk.bytes};
        batch->n_chunks = 1;
    } else {
        buf_fini(&chunk);
    }
    if (!more) {
        batch->snapshot_end = true;
        batch->snapshot_seq = core_snapshot_seq(core);
        snapshot->is_running = false;
        snapshot->n_done++;
    }
}

void
snapshot_ended(struct snapshot *snapshot, uint64_t ticket)
{
    snapshot->ticket = ticket;
}

bool
snapshot_is_hungry(const struct snapshot *snapshot, struct store *store)
{
    return snapshot->is_running && store_pending(store) <= SNAPSHOT_PENDING_MAX;
}
