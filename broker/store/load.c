/* Recovery: the chunks of the snapshot in force, then the journal behind it, every row checked.
 * Writes nothing. A thread reads, the caller's takes; that one alone uses the database meanwhile.
 */
#include "broker/store/private.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Without reading them; what is no blob never was one of ours. */
#define BYTES_OF(column) "iif(typeof(" column ")='blob',length(" column "),-1)"

struct loading {
    struct store *store;
    struct ahead ahead;
    sqlite3_blob *blob;       /* of the table that is being read; NULL: of none yet */
    enum store_status status; /* of the reading */
    enum store_status check;  /* … and of the b-trees */
    char check_error[512];
    uint64_t expected; /* seq of the next fact */
    uint64_t epoch;    /* of the last row */
    char *error;
    size_t error_room;
};

/* Prepares `sql`, binds up to two numbers. */
static sqlite3_stmt *
query(struct store *store, const char *sql, uint64_t first, uint64_t second, int *ret_rc)
{
    sqlite3_stmt *rows = NULL;
    int rc = sqlite3_prepare_v2(store->db, sql, -1, &rows, NULL);
    int n = sqlite3_bind_parameter_count(rows);
    if (!rc && n >= 1) {
        rc = sqlite3_bind_int64(rows, 1, (int64_t)first);
    }
    if (!rc && n >= 2) {
        rc = sqlite3_bind_int64(rows, 2, (int64_t)second);
    }
    *ret_rc = rc;
    return rows;
}

/* One number; `otherwise` when there is no row or NULL. */
static int
query_number(struct store *store, const char *sql, uint64_t bound, uint64_t otherwise,
             uint64_t *ret_value)
{
    int rc;
    sqlite3_stmt *row = query(store, sql, bound, 0, &rc);
    rc = rc ? rc : sqlite3_step(row);
    if (rc == SQLITE_ROW || rc == SQLITE_DONE) {
        bool is_there = rc == SQLITE_ROW && sqlite3_column_type(row, 0) != SQLITE_NULL;
        *ret_value = is_there ? (uint64_t)sqlite3_column_int64(row, 0) : otherwise;
        rc = SQLITE_OK;
    }
    sqlite3_finalize(row);
    return rc;
}

static enum store_status
loading_failed(const struct loading *l, int rc)
{
    return status_explain(l->store, rc, "read", l->error, l->error_room);
}

static enum store_status
chunk_is_senseless(const struct loading *l, uint64_t number)
{
    return status_corrupt(l->store->path, l->error, l->error_room,
                          "chunk %" PRIu64 " of snapshot %" PRIu64 " makes no sense", number,
                          l->store->snapshot_gen);
}

static enum store_status
row_is_senseless(const struct loading *l, uint64_t seq)
{
    return status_corrupt(l->store->path, l->error, l->error_room,
                          "the facts of journal row %" PRIu64 " make no sense", seq);
}

/* Reads column `column` of a row of `table` to where it stays: no copy of SQLite's own in between.
 */
static int
read_bytes(struct loading *l, const char *table, const char *column, int64_t rowid, uint8_t *ret,
           size_t bytes)
{
    int rc = l->blob ? sqlite3_blob_reopen(l->blob, rowid)
                     : sqlite3_blob_open(l->store->db, "main", table, column, rowid, 0, &l->blob);
    return rc ? rc : sqlite3_blob_read(l->blob, ret, (int)bytes, 0);
}

static void
bytes_end(struct loading *l)
{
    sqlite3_blob_close(l->blob);
    l->blob = NULL;
}

static enum store_status
read_chunk(struct loading *l, sqlite3_stmt *row, uint64_t number)
{
    uint64_t id = (uint64_t)sqlite3_column_int64(row, 0);
    int64_t bytes = sqlite3_column_int64(row, 2);
    if (id != (l->store->snapshot_gen << 32 | number)) {
        return status_corrupt(l->store->path, l->error, l->error_room,
                              "chunk %" PRIu64 " of snapshot %" PRIu64 " is missing", number,
                              l->store->snapshot_gen);
    }
    struct ahead_piece *piece = ahead_room(&l->ahead, (size_t)MAX(bytes, 0));
    if (!piece) {
        return STORE_CORRUPT; /* load says why */
    }
    uint8_t *data = l->ahead.loader->room_bytes(piece->room, piece->bytes);
    int rc = bytes > 0 ? read_bytes(l, "snapshot", "data", (int64_t)id, data, piece->bytes) : 0;
    if (rc) {
        return loading_failed(l, rc);
    }
    if (bytes < 0 ||
        crc_keyed('s', id, data, piece->bytes) != (uint64_t)sqlite3_column_int64(row, 1)) {
        return status_corrupt(l->store->path, l->error, l->error_room,
                              "chunk %" PRIu64 " of snapshot %" PRIu64
                              " does not match its checksum",
                              number, l->store->snapshot_gen);
    }
    if (!l->ahead.loader->read_chunk(piece->room, data, piece->bytes)) {
        return chunk_is_senseless(l, number);
    }
    piece->number = number;
    piece->n_facts = 0;
    ahead_put(&l->ahead);
    return STORE_OK;
}

static enum store_status
load_snapshot(struct loading *l)
{
    struct store *store = l->store;
    int rc;
    sqlite3_stmt *rows = query(
        store, "SELECT id,crc," BYTES_OF("data") " FROM snapshot WHERE id>=? AND id<? ORDER BY id",
        store->snapshot_gen << 32, (store->snapshot_gen + 1) << 32, &rc);
    enum store_status status = rc ? loading_failed(l, rc) : STORE_OK;
    uint64_t n = 0;
    while (status == STORE_OK && (rc = sqlite3_step(rows)) == SQLITE_ROW) {
        status = read_chunk(l, rows, n++);
    }
    if (status == STORE_OK && rc != SQLITE_DONE) {
        status = loading_failed(l, rc);
    }
    if (status == STORE_OK && n != store->snapshot_chunks) {
        status = status_corrupt(store->path, l->error, l->error_room,
                                "snapshot %" PRIu64 " has %" PRIu64 " chunks instead of %" PRIu64,
                                store->snapshot_gen, n, store->snapshot_chunks);
    }
    bytes_end(l);
    sqlite3_finalize(rows);
    return status;
}

/* The numbers between `expected` and `seq` were left out by a restore, and the store says so. */
static enum store_status
check_jump(struct loading *l, uint64_t seq)
{
    int rc;
    sqlite3_stmt *row = query(l->store, "SELECT after,crc FROM jump WHERE seq=?", seq, 0, &rc);
    rc = rc ? rc : sqlite3_step(row);
    enum store_status status = STORE_OK;
    if (rc == SQLITE_ROW) {
        uint8_t after[8];
        uint64_t value = (uint64_t)sqlite3_column_int64(row, 0);
        memcpy(after, &value, sizeof(after));
        bool whole = crc_keyed('u', seq, after, sizeof(after)) ==
                     (uint64_t)sqlite3_column_int64(row, 1);
        rc = whole && value + 1 == l->expected ? SQLITE_ROW : SQLITE_DONE;
    }
    if (rc == SQLITE_DONE) {
        status = status_corrupt(l->store->path, l->error, l->error_room,
                                "facts %" PRIu64 " to %" PRIu64 " are missing in the journal",
                                l->expected, seq - 1);
    } else if (rc != SQLITE_ROW) {
        status = loading_failed(l, rc);
    }
    sqlite3_finalize(row);
    return status;
}

static enum store_status
row_is_rotten(const struct loading *l, uint64_t seq)
{
    return status_corrupt(l->store->path, l->error, l->error_room,
                          "journal row %" PRIu64 " does not match its checksum", seq);
}

/* Does a whole row go on from what was read before it? */
static enum store_status
check_place(struct loading *l, uint64_t seq, uint32_t n, uint64_t epoch)
{
    if (epoch < l->epoch || epoch > l->store->epoch) {
        return status_corrupt(l->store->path, l->error, l->error_room,
                              "journal row %" PRIu64 " has epoch %" PRIu64 " behind epoch %" PRIu64,
                              seq, epoch, l->epoch);
    }
    l->epoch = epoch;
    if (seq < l->expected && seq + n <= l->expected) {
        return status_corrupt(l->store->path, l->error, l->error_room,
                              "journal row %" PRIu64 " repeats its predecessor", seq);
    }
    /* Only the first row may begin before what is expected: the snapshot covers a part of it. */
    if (seq < l->expected && l->expected != l->store->snapshot_seq + 1) {
        return status_corrupt(l->store->path, l->error, l->error_room,
                              "journal row %" PRIu64 " overlaps its predecessor", seq);
    }
    return seq > l->expected ? check_jump(l, seq) : STORE_OK;
}

static enum store_status
read_row(struct loading *l, sqlite3_stmt *row)
{
    uint64_t seq = (uint64_t)sqlite3_column_int64(row, 0);
    int64_t n = sqlite3_column_int64(row, 1);
    uint64_t epoch = (uint64_t)sqlite3_column_int64(row, 2);
    int64_t bytes = sqlite3_column_int64(row, 4);
    if (n <= 0 || n > UINT32_MAX || bytes < 0) {
        return row_is_rotten(l, seq);
    }
    struct ahead_piece *piece = ahead_room(&l->ahead, (size_t)bytes);
    if (!piece) {
        return STORE_CORRUPT; /* load says why */
    }
    uint8_t *facts = l->ahead.loader->room_bytes(piece->room, piece->bytes);
    int rc = bytes > 0 ? read_bytes(l, "journal", "facts", (int64_t)seq, facts, piece->bytes) : 0;
    if (rc) {
        return loading_failed(l, rc);
    }
    piece->number = seq;
    piece->n_facts = (uint32_t)n;
    if (crc_journal(seq, piece->n_facts, epoch, facts, piece->bytes) !=
        (uint64_t)sqlite3_column_int64(row, 3)) {
        return row_is_rotten(l, seq);
    }
    enum store_status status = check_place(l, seq, piece->n_facts, epoch);
    if (status != STORE_OK) {
        return status;
    }
    if (!l->ahead.loader->read_facts(piece->room, piece->n_facts, facts, piece->bytes)) {
        return row_is_senseless(l, seq);
    }
    ahead_put(&l->ahead);
    l->expected = seq + piece->n_facts;
    l->store->journal_bytes += piece->bytes;
    return STORE_OK;
}

/* Rows that the snapshot covers whole are as good as deleted. */
static enum store_status
load_journal(struct loading *l)
{
    struct store *store = l->store;
    uint64_t first = 0;
    l->expected = store->snapshot_seq + 1;
    int rc = query_number(store,
                          "SELECT seq FROM journal WHERE seq=(SELECT max(seq) FROM journal WHERE "
                          "seq<=?1) AND seq+n-1>?1",
                          store->snapshot_seq, l->expected, &first);
    if (rc) {
        return loading_failed(l, rc);
    }
    sqlite3_stmt *rows = query(
        store,
        "SELECT seq,n,epoch,crc," BYTES_OF("facts") " FROM journal WHERE seq>=? ORDER BY seq",
        first, 0, &rc);
    enum store_status status = rc ? loading_failed(l, rc) : STORE_OK;
    while (status == STORE_OK && (rc = sqlite3_step(rows)) == SQLITE_ROW) {
        status = read_row(l, rows);
    }
    if (status == STORE_OK && rc != SQLITE_DONE) {
        status = loading_failed(l, rc);
    }
    bytes_end(l);
    sqlite3_finalize(rows);
    return status;
}

/* A restored store goes on at a number that neither the original nor another restore of the same
 * copy reaches: tokens are sequence numbers. A million facts a second since 1970 are more than any
 * broker wrote. */
static uint64_t
restored_seq(const struct store *store, uint64_t seq)
{
    uint64_t candidate = store->epoch << 20;
    return candidate > seq ? candidate : seq + (UINT64_C(1) << 40);
}

static void *
read_all(void *context)
{
    struct loading *l = context;
    l->status = l->store->snapshot_gen ? load_snapshot(l) : STORE_OK;
    if (l->status == STORE_OK) {
        l->status = load_journal(l);
    }
    ahead_is_over(&l->ahead);
    /* While the other one takes the rest. If they are not in order, that is why something was
     * refused, and nothing that was taken counts. */
    l->check = schema_check(l->store, l->check_error, sizeof(l->check_error));
    return NULL;
}

/* NULL: all was taken. Else the piece that makes no sense. */
static const struct ahead_piece *
take_all(struct ahead *ahead)
{
    const struct store_loader *loader = ahead->loader;
    const struct ahead_piece *piece;
    while ((piece = ahead_next(ahead))) {
        bool ok = piece->n_facts
                      ? loader->batch(loader->context, piece->number, piece->n_facts, piece->room)
                      : loader->chunk(loader->context, piece->room);
        if (!ok) {
            return piece;
        }
        ahead_taken(ahead);
    }
    return NULL;
}

static enum store_status
load(struct loading *l, const struct store_loader *loader)
{
    if (!ahead_begin(&l->ahead, loader, read_all, l)) {
        ahead_end(&l->ahead);
        return thread_refused(l->store, l->error, l->error_room);
    }
    const struct ahead_piece *refused = take_all(&l->ahead);
    if (!refused && l->status == STORE_OK && loader->whole) {
        loader->whole(loader->context);
    }
    ahead_end(&l->ahead);
    if (l->check != STORE_OK) {
        snprintf(l->error, l->error_room, "%s", l->check_error);
        return l->check;
    }
    return !refused           ? l->status
           : refused->n_facts ? row_is_senseless(l, refused->number)
                              : chunk_is_senseless(l, refused->number);
}

enum store_status
store_load(struct store *store, const struct store_loader *loader, char *error, size_t error_room)
{
    CHECK(!store->loaded && !store->started);
    struct loading l = {.store = store, .error = error, .error_room = error_room};
    store->journal_bytes = 0;
    enum store_status status = load(&l, loader);
    uint64_t newest_id = 0;
    int rc = SQLITE_OK;
    if (status == STORE_OK &&
        (rc = query_number(store, "SELECT max(id) FROM snapshot", 0, 0, &newest_id)) != SQLITE_OK) {
        status = loading_failed(&l, rc);
    }
    if (status != STORE_OK) {
        return status;
    }
    store->gen_newest = MAX(store->snapshot_gen, newest_id >> 32);
    store->seq_written = store->seq_loaded = l.expected - 1;
    store->next_seq = store->restored ? restored_seq(store, l.expected) : l.expected;
    store->trim_is_due = true;
    store->loaded = true;
    return STORE_OK;
}
