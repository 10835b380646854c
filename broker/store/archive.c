/* What has ended and left the memory: by key, and in order of keys. On the storage thread. */
#include "broker/store/private.h"

#include "common/alloc.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

sqlite3_stmt *
archive_statement(const struct store *store, enum store_archive archive, enum statement which)
{
    return store
        ->statements[archive == STORE_CARDS ? which - SQL_ARCHIVE_INSERT + SQL_CARD_INSERT : which];
}

char
archive_letter(enum store_archive archive)
{
    return archive == STORE_CARDS ? 'c' : 'a';
}

/* Only tasks are counted. */
static void
count(struct store *store, const struct store_put *put, int by)
{
    if (put->archive == STORE_TASKS && sqlite3_changes(store->db)) {
        store->archived += (uint64_t)by;
    }
}

static int
archive_delete(struct store *store, const struct store_put *put)
{
    sqlite3_stmt *cut = archive_statement(store, put->archive, SQL_ARCHIVE_DELETE);
    int rc = sqlite3_bind_int64(cut, 1, (int64_t)put->key);
    rc = rc ? rc : schema_run(cut);
    if (!rc) {
        count(store, put, -1);
    }
    return rc;
}

static int
archive_write(struct store *store, enum statement which, const uint8_t *record,
              const struct store_put *put)
{
    sqlite3_stmt *write = archive_statement(store, put->archive, which);
    uint64_t crc = crc_keyed(archive_letter(put->archive), put->key, record, put->bytes);
    int rc = sqlite3_bind_int64(write, 1, (int64_t)put->key);
    rc = rc ? rc : sqlite3_bind_int64(write, 2, (int64_t)crc);
    rc = rc ? rc : sqlite3_bind_blob64(write, 3, record, put->bytes, SQLITE_STATIC);
    return rc ? rc : schema_run(write);
}

int
archive_put(struct store *store, const uint8_t *records, const struct store_put *put)
{
    if (put->bytes == 0) {
        return archive_delete(store, put);
    }
    const uint8_t *record = records + put->at;
    int rc = archive_write(store, SQL_ARCHIVE_INSERT, record, put);
    if (rc) {
        return rc;
    }
    if (sqlite3_changes(store->db)) {
        count(store, put, 1);
        return SQLITE_OK;
    }
    return archive_write(store, SQL_ARCHIVE_UPDATE, record, put);
}

/* Adds the row; false when it does not match its checksum. */
static bool
add_record(struct store_answer *answer, sqlite3_stmt *row, char letter)
{
    uint64_t key = (uint64_t)sqlite3_column_int64(row, 0);
    const uint8_t *data = sqlite3_column_blob(row, 2);
    size_t bytes = (size_t)sqlite3_column_bytes(row, 2);
    if (crc_keyed(letter, key, data, bytes) != (uint64_t)sqlite3_column_int64(row, 1)) {
        return false;
    }
    if (!(answer->n_records & (answer->n_records - 1))) {
        size_t room = answer->n_records ? 2 * answer->n_records : 1;
        answer->records = xreallocarray(answer->records, room, sizeof(*answer->records));
    }
    answer->records[answer->n_records++] = (struct store_record){
        .key = key, .data = xmemdup(data, bytes), .bytes = bytes};
    return true;
}

void
archive_answer(struct store *store, const struct question *question, struct store_answer *answer)
{
    bool one = question->kind == STORE_ANSWER_RECORD;
    sqlite3_stmt *rows = archive_statement(store, question->archive,
                                           one ? SQL_ARCHIVE_GET : SQL_ARCHIVE_SCAN);
    uint32_t limit = question->key > INT64_MAX ? 0 : one ? 1 : question->limit;
    size_t bytes = 0;
    int rc = sqlite3_bind_int64(rows, 1, (int64_t)question->key);
    rc = rc ? rc : SQLITE_ROW;
    while (rc == SQLITE_ROW && answer->n_records < limit && bytes < SCAN_BYTES_MAX &&
           (rc = sqlite3_step(rows)) == SQLITE_ROW) {
        bytes += (size_t)sqlite3_column_bytes(rows, 2);
        if (!add_record(answer, rows, archive_letter(question->archive))) {
            answer->status = status_corrupt(store->path, answer->error, sizeof(answer->error),
                                            "archived record %" PRIu64
                                            " does not match its checksum",
                                            (uint64_t)sqlite3_column_int64(rows, 0));
            break;
        }
    }
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
        answer->status = status_explain(store, rc, "read the archive", answer->error,
                                        sizeof(answer->error));
    }
    sqlite3_reset(rows);
}
