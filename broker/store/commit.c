/* One transaction for all that waits. On the storage thread. */
#include "broker/store/private.h"

#include <stdlib.h>
#include <string.h>

size_t
batch_bytes(const struct store_batch *batch)
{
    size_t bytes = sizeof(struct entry) + batch->facts_bytes + batch->records_bytes +
                   batch->n_puts * sizeof(struct store_put);
    for (size_t i = 0; i < batch->n_chunks; i++) {
        bytes += sizeof(struct store_chunk) + batch->chunks[i].bytes;
    }
    return bytes;
}

void
batch_fini(struct store_batch *batch)
{
    free(batch->facts);
    free(batch->records);
    free(batch->puts);
    for (size_t i = 0; i < batch->n_chunks; i++) {
        free(batch->chunks[i].data);
    }
    free(batch->chunks);
}

void
entry_free(struct entry *entry)
{
    batch_fini(&entry->batch);
    free(entry);
}

/* The first batch after a restore says which numbers were left out. */
static int
write_jump(struct store *store, uint64_t seq)
{
    uint64_t after = store->seq_written;
    uint8_t bytes[8];
    memcpy(bytes, &after, sizeof(bytes));
    sqlite3_stmt *put = store->statements[SQL_JUMP_PUT];
    int rc = sqlite3_bind_int64(put, 1, (int64_t)seq);
    rc = rc ? rc : sqlite3_bind_int64(put, 2, (int64_t)after);
    rc = rc ? rc : sqlite3_bind_int64(put, 3, (int64_t)crc_keyed('u', seq, bytes, sizeof(bytes)));
    return rc ? rc : schema_run(put);
}

static int
write_facts(struct store *store, const struct store_batch *batch)
{
    int rc = SQLITE_OK;
    if (batch->seq != store->seq_written + 1) {
        rc = write_jump(store, batch->seq);
    }
    uint64_t crc = crc_journal(batch->seq, batch->n_facts, store->epoch, batch->facts,
                               batch->facts_bytes);
    sqlite3_stmt *put = store->statements[SQL_JOURNAL_PUT];
    rc = rc ? rc : sqlite3_bind_int64(put, 1, (int64_t)batch->seq);
    rc = rc ? rc : sqlite3_bind_int64(put, 2, batch->n_facts);
    rc = rc ? rc : sqlite3_bind_int64(put, 3, (int64_t)store->epoch);
    rc = rc ? rc : sqlite3_bind_int64(put, 4, (int64_t)crc);
    rc = rc ? rc
            : sqlite3_bind_blob64(put, 5, batch->facts ? (const void *)batch->facts : "",
                                  batch->facts_bytes, SQLITE_STATIC);
    rc = rc ? rc : schema_run(put);
    store->seq_written = batch->seq + batch->n_facts - 1;
    store->journal_bytes += batch->facts_bytes;
    return rc;
}

static int
write_chunk(struct store *store, const struct store_chunk *chunk)
{
    uint64_t id = store->gen_newest << 32 | store->gen_chunks;
    sqlite3_stmt *put = store->statements[SQL_CHUNK_PUT];
    int rc = sqlite3_bind_int64(put, 1, (int64_t)id);
    rc = rc ? rc
            : sqlite3_bind_int64(put, 2, (int64_t)crc_keyed('s', id, chunk->data, chunk->bytes));
    rc = rc ? rc
            : sqlite3_bind_blob64(put, 3, chunk->data ? (const void *)chunk->data : "",
                                  chunk->bytes, SQLITE_STATIC);
    store->gen_chunks++;
    store->gen_bytes += chunk->bytes;
    return rc ? rc : schema_run(put);
}

/* The switch is these four rows; what they made needless is cut later, in small steps. */
static int
switch_snapshot(struct store *store, uint64_t seq)
{
    int rc = meta_set(store, META_SNAPSHOT_GEN, store->gen_newest);
    rc = rc ? rc : meta_set(store, META_SNAPSHOT_SEQ, seq);
    rc = rc ? rc : meta_set(store, META_SNAPSHOT_CHUNKS, store->gen_chunks);
    rc = rc ? rc : meta_set(store, META_SNAPSHOT_BYTES, store->gen_bytes);
    store->snapshot_gen = store->gen_newest;
    store->snapshot_seq = seq;
    store->snapshot_chunks = store->gen_chunks;
    store->snapshot_bytes = store->gen_bytes;
    store->gen_is_open = false;
    store->trim_is_due = true;
    if (!rc && store->tail.is_on) {
        /* For the next start, which must not cut more than this. An older number keeps more. */
        rc = meta_set(store, META_FOLLOWED, tail_position(store));
    }

    sqlite3_stmt *sum = store->statements[SQL_JOURNAL_BYTES];
    rc = rc ? rc : sqlite3_bind_int64(sum, 1, (int64_t)seq);
    if (!rc && (rc = sqlite3_step(sum)) == SQLITE_ROW) {
        store->journal_bytes = (uint64_t)sqlite3_column_int64(sum, 0);
        rc = SQLITE_OK;
    }
    sqlite3_reset(sum);
    return rc;
}

static int
write_snapshot(struct store *store, const struct store_batch *batch)
{
    if (batch->snapshot_begin) {
        store->trim_is_due = store->trim_is_due || store->gen_is_open;
        store->gen_newest++;
        store->gen_is_open = true;
        store->gen_chunks = store->gen_bytes = 0;
    }
    int rc = SQLITE_OK;
    for (size_t i = 0; !rc && i < batch->n_chunks; i++) {
        rc = write_chunk(store, &batch->chunks[i]);
    }
    if (!rc && batch->snapshot_end) {
        rc = switch_snapshot(store, batch->snapshot_seq);
    }
    return rc;
}

static int
write_batch(struct store *store, const struct store_batch *batch)
{
    int rc = batch->n_facts ? write_facts(store, batch) : SQLITE_OK;
    return rc ? rc : write_snapshot(store, batch);
}

int
commit_entries(struct store *store, struct entry *entries)
{
    size_t bytes = 0;
    int rc = schema_begin(store);
    for (struct entry *entry = entries; !rc && entry; entry = entry->next) {
        rc = write_batch(store, &entry->batch);
        bytes += entry->bytes;
    }
    rc = rc ? rc : archive_write(store, entries);
    if (!rc && store->trim_is_due) {
        /* Twice what came in, so that the cutting ends even if there is never a quiet moment. */
        rc = trim_step(store, MAX((size_t)TRIM_BUSY_BYTES, 2 * bytes));
    }
    return rc ? rc : schema_commit(store);
}
