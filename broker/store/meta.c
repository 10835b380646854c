/* The few facts about the store itself, each with its checksum. */
#include "broker/store/private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { META_VALUE_MAX = 64 };

int
meta_put(sqlite3_stmt *statement, const char *name, const char *value)
{
    int rc = sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
    rc = rc ? rc : sqlite3_bind_text(statement, 2, value, -1, SQLITE_STATIC);
    rc = rc ? rc : sqlite3_bind_int64(statement, 3, (int64_t)crc_meta(name, value));
    return rc ? rc : schema_run(statement);
}

int
meta_set(struct store *store, const char *name, uint64_t value)
{
    char text[META_VALUE_MAX];
    snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    return meta_put(store->statements[SQL_META_SET], name, text);
}

static bool
row_is_whole(sqlite3_stmt *row, const char *name)
{
    const char *value = (const char *)sqlite3_column_text(row, 0);
    return value && strlen(value) < META_VALUE_MAX &&
           crc_meta(name, value) == (uint64_t)sqlite3_column_int64(row, 1);
}

/* Reads one value into `text`. */
static enum store_status
meta_get(struct store *store, const char *name, char text[META_VALUE_MAX], char *error,
         size_t error_room)
{
    sqlite3_stmt *row = NULL;
    int rc = sqlite3_prepare_v2(store->db, "SELECT value,crc FROM meta WHERE name=?", -1, &row,
                                NULL);
    rc = rc ? rc : sqlite3_bind_text(row, 1, name, -1, SQLITE_STATIC);
    rc = rc ? rc : sqlite3_step(row);
    enum store_status status = STORE_OK;
    if (rc == SQLITE_ROW && row_is_whole(row, name)) {
        snprintf(text, META_VALUE_MAX, "%s", (const char *)sqlite3_column_text(row, 0));
    } else if (rc == SQLITE_ROW || rc == SQLITE_DONE) {
        status = status_corrupt(store->path, error, error_room, "meta row '%s' is %s", name,
                                rc == SQLITE_ROW ? "wrong" : "missing");
    } else {
        status = status_explain(store, rc, "read", error, error_room);
    }
    sqlite3_finalize(row);
    return status;
}

static enum store_status
meta_get_number(struct store *store, const char *name, uint64_t *ret_value, char *error,
                size_t error_room)
{
    char text[META_VALUE_MAX];
    enum store_status status = meta_get(store, name, text, error, error_room);
    if (status == STORE_OK) {
        *ret_value = strtoull(text, NULL, 10);
    }
    return status;
}

/* 0, which keeps most, in a store of a format that did not have it. */
static enum store_status
get_followed(struct store *store, char *error, size_t error_room)
{
    sqlite3_stmt *row = NULL;
    int rc = sqlite3_prepare_v2(store->db, "SELECT 1 FROM meta WHERE name='" META_FOLLOWED "'", -1,
                                &row, NULL);
    rc = rc ? rc : sqlite3_step(row);
    sqlite3_finalize(row);
    if (rc == SQLITE_DONE && store->format < STORE_FORMAT_FOLLOWED) {
        return STORE_OK;
    }
    return meta_get_number(store, META_FOLLOWED, &store->tail.position, error, error_room);
}

/* What is taken from a copy goes on in another life: its epoch must be above all that the original,
 * or another restore of the same copy, has reached or will reach. Seconds since 1970 are, since no
 * broker starts more than once a second. */
static void
begin_restored_life(struct store *store)
{
    time_t now = time(NULL);
    uint64_t epoch = now > 0 ? (uint64_t)now : 0;
    store->epoch = epoch > store->epoch ? epoch : store->epoch + 1000000;
    store->restored = true;
}

enum store_status
meta_load(struct store *store, char *error, size_t error_room)
{
    uint64_t running = 0;
    uint64_t copy = 0;
    const struct {
        const char *name;
        uint64_t *value;
    } numbers[] = {
        {META_EPOCH, &store->epoch},
        {META_RUNNING, &running},
        {META_COPY, &copy},
        {META_SNAPSHOT_GEN, &store->snapshot_gen},
        {META_SNAPSHOT_SEQ, &store->snapshot_seq},
        {META_SNAPSHOT_CHUNKS, &store->snapshot_chunks},
        {META_SNAPSHOT_BYTES, &store->snapshot_bytes},
        {META_ARCHIVED, &store->archived},
    };
    char id[META_VALUE_MAX];
    enum store_status status = meta_get(store, META_STORE_ID, id, error, error_room);
    for (size_t i = 0; status == STORE_OK && i < ARRAY_LEN(numbers); i++) {
        status = meta_get_number(store, numbers[i].name, numbers[i].value, error, error_room);
    }
    status = status ? status : get_followed(store, error, error_room);
    if (status != STORE_OK) {
        return status;
    }
    if (strlen(id) != STORE_ID_BYTES) {
        return status_corrupt(store->path, error, error_room, "meta row 'store_id' is wrong");
    }
    memcpy(store->id, id, sizeof(store->id));
    if (running && !store->wal_found.is_there) {
        return status_corrupt(store->path, error, error_room,
                              "%s-wal is missing, and the newest commits with it", store->path);
    }
    if (copy) {
        begin_restored_life(store);
    }
    return STORE_OK;
}
