#include "broker/front/snapshot.h"

#include "common/alloc.h"

/* It is written beside the one in force and the journal, which are cut only afterwards; it is
 * hardly larger than both together. */
static bool
is_due(const struct snapshot *snapshot, struct store *store, uint64_t room_bytes)
{
    /* The figures are those before the newest snapshot until its last piece is durable. */
    if (store_durable(store) < snapshot->ticket) {
        return false;
    }
    struct store_stats stats;
    store_get_stats(store, &stats);
    uint64_t needed = stats.journal_bytes + stats.snapshot_bytes;
    return stats.journal_bytes > MAX(snapshot->journal_bytes_min, stats.snapshot_bytes) &&
           needed <= room_bytes;
}

/* Tasks have between a hundred bytes and a megabyte. */
static void
adapt(struct snapshot *snapshot, size_t bytes)
{
    if (bytes > SNAPSHOT_STEP_BYTES) {
        snapshot->step = MAX(snapshot->step / 2, 1u);
    } else if (bytes < SNAPSHOT_STEP_BYTES / 4) {
        snapshot->step = MIN(snapshot->step * 2, (uint32_t)SNAPSHOT_STEP_TASKS);
    }
}

void
snapshot_step(struct snapshot *snapshot, struct core *core, struct store *store,
              uint64_t room_bytes, struct store_batch *batch)
{
    if (!snapshot->is_running) {
        if (!is_due(snapshot, store, room_bytes)) {
            return;
        }
        core_snapshot_begin(core);
        snapshot->is_running = true;
        snapshot->is_begun = false;
        snapshot->step = SNAPSHOT_STEP_FIRST;
        snapshot->bytes = 0;
    }
    if (store_pending(store) > SNAPSHOT_PENDING_MAX) {
        return;
    }
    struct buf chunk = {0};
    buf_reserve(&chunk, snapshot->bytes + snapshot->bytes / 8);
    bool more = core_snapshot_step(core, snapshot->step, &chunk);
    snapshot->bytes = chunk.bytes;
    adapt(snapshot, chunk.bytes);
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
