/* Cuts what the snapshot in force made needless: journal rows that it covers whole and no follower
 * needs, and chunks of other generations. What is needless follows from the rows themselves, so a
 * cut that a crash interrupts goes on after the restart. */
#include "broker/store/private.h"

/* Deletes journal rows from the oldest on. */
static int
trim_journal(struct store *store, size_t *bytes, bool *ret_done)
{
    sqlite3_stmt *rows = store->statements[SQL_JOURNAL_OLDEST];
    uint64_t last = 0;
    int rc = SQLITE_ROW;
    bool needless = true;
    uint64_t cut_max = MIN(store->snapshot_seq, tail_cut_max(store));
    for (int i = 0; i < TRIM_ROWS_MAX && *bytes && (rc = sqlite3_step(rows)) == SQLITE_ROW; i++) {
        uint64_t seq = (uint64_t)sqlite3_column_int64(rows, 0);
        uint64_t n = (uint64_t)sqlite3_column_int64(rows, 1);
        needless = seq + n - 1 <= cut_max;
        if (!needless) {
            break;
        }
        last = seq;
        size_t row_bytes = (size_t)sqlite3_column_int64(rows, 2);
        *bytes -= MIN(*bytes, row_bytes + 1);
    }
    sqlite3_reset(rows);
    *ret_done = rc == SQLITE_DONE || !needless;
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
        return rc;
    }
    if (!last) {
        return SQLITE_OK;
    }
    sqlite3_stmt *cut = store->statements[SQL_JOURNAL_CUT];
    rc = sqlite3_bind_int64(cut, 1, (int64_t)last);
    return rc ? rc : schema_run(cut);
}

/* Deletes chunks with from <= id < to, from the oldest on. */
static int
trim_chunks(struct store *store, uint64_t from, uint64_t to, size_t *bytes, bool *ret_done)
{
    sqlite3_stmt *rows = store->statements[SQL_CHUNK_OLDEST];
    uint64_t last = 0;
    int rc = sqlite3_bind_int64(rows, 1, (int64_t)from);
    rc = rc ? rc : sqlite3_bind_int64(rows, 2, (int64_t)to);
    if (rc) {
        return rc;
    }
    rc = SQLITE_ROW;
    while (*bytes && (rc = sqlite3_step(rows)) == SQLITE_ROW) {
        last = (uint64_t)sqlite3_column_int64(rows, 0);
        size_t row_bytes = (size_t)sqlite3_column_int64(rows, 1);
        *bytes -= MIN(*bytes, row_bytes + 1);
    }
    sqlite3_reset(rows);
    *ret_done = rc == SQLITE_DONE;
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
        return rc;
    }
    if (!last) {
        return SQLITE_OK;
    }
    sqlite3_stmt *cut = store->statements[SQL_CHUNK_CUT];
    rc = sqlite3_bind_int64(cut, 1, (int64_t)from);
    rc = rc ? rc : sqlite3_bind_int64(cut, 2, (int64_t)last);
    return rc ? rc : schema_run(cut);
}

int
trim_step(struct store *store, size_t bytes)
{
    uint64_t in_force = store->snapshot_gen;
    uint64_t writing = store->gen_newest + (store->gen_is_open ? 0 : 1);
    bool journal_done = false;
    bool older_done = false;
    bool dropped_done = false;
    int rc = trim_journal(store, &bytes, &journal_done);
    if (!rc && journal_done) {
        rc = trim_chunks(store, 0, in_force << 32, &bytes, &older_done);
    }
    if (!rc && older_done) {
        /* Begun and never ended. */
        rc = trim_chunks(store, (in_force + 1) << 32, writing << 32, &bytes, &dropped_done);
    }
    if (!rc && dropped_done) {
        store->trim_is_due = false;
    }
    return rc;
}
