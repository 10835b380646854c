/* The database as such: made, opened with the right settings, compared with schema.sql; its
 * statements. */
#include "broker/store/private.h"

#include "common/alloc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

extern const char schema_sql[]; /* schema.sql, by embed.cmake */

const char META_SET_SQL[] = "INSERT INTO meta(name,value,crc) VALUES(?1,?2,?3) "
                            "ON CONFLICT(name) DO UPDATE SET value=?2,crc=?3";

#define NUMBER(macro) NUMBER_OF(macro)
#define NUMBER_OF(text) #text

static const char *const SQL[N_STATEMENTS] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_META_SET] = META_SET_SQL,
    [SQL_JOURNAL_PUT] = "INSERT INTO journal(seq,n,epoch,crc,facts) VALUES(?,?,?,?,?)",
    [SQL_JOURNAL_OLDEST] = "SELECT seq,n,length(facts) FROM journal ORDER BY seq",
    [SQL_JOURNAL_CUT] = "DELETE FROM journal WHERE seq<=?",
    [SQL_JOURNAL_BYTES] = "SELECT ifnull(sum(length(facts)),0) FROM journal WHERE seq>?",
    [SQL_JUMP_PUT] = "INSERT INTO jump(seq,after,crc) VALUES(?,?,?)",
    [SQL_CHUNK_PUT] = "INSERT INTO snapshot(id,crc,data) VALUES(?,?,?)",
    [SQL_CHUNK_OLDEST] = "SELECT id,length(data) FROM snapshot WHERE id>=? AND id<? ORDER BY id",
    [SQL_CHUNK_CUT] = "DELETE FROM snapshot WHERE id>=? AND id<=?",
    [SQL_ARCHIVE_DELETE] = "DELETE FROM archive WHERE key=?",
    [SQL_ARCHIVE_SCAN] = "SELECT key,key,crc,record FROM archive WHERE key BETWEEN ? AND ? "
                         "ORDER BY key",
    [SQL_CARD_PUT] = "INSERT INTO archive_card(key,crc,record) VALUES(?1,?2,?3) "
                     "ON CONFLICT(key) DO UPDATE SET crc=?2,record=?3",
    [SQL_CARD_DELETE] = "DELETE FROM archive_card WHERE key=?",
    [SQL_CARD_SCAN] = "SELECT key,key,crc,record FROM archive_card WHERE key BETWEEN ? AND ? "
                      "ORDER BY key",
    [SQL_RUN_PUT] = "INSERT INTO archive_run(first,last,crc,records) VALUES(?,?,?,?)",
    [SQL_RUN_DELETE] = "DELETE FROM archive_run WHERE first=?",
    [SQL_RUN_SCAN] = "SELECT first,last,crc,records FROM archive_run WHERE first BETWEEN "
                     "?1/" NUMBER(RUN_SPAN) "*" NUMBER(RUN_SPAN) " AND ?2 AND last>=?1 "
                                                                 "ORDER BY first",
    [SQL_TAIL_FACTS] = "SELECT seq,n,epoch,crc,facts FROM journal WHERE seq>="
                       "ifnull((SELECT max(seq) FROM journal WHERE seq<=?),0) ORDER BY seq",
    [SQL_TAIL_JUMP] = "SELECT seq,after FROM jump WHERE seq>?1 AND after<=?1 ORDER BY seq",
    [SQL_TAIL_CHUNKS] = "SELECT id,crc,data FROM snapshot WHERE id>=? AND id<? ORDER BY id",
};

/* The order matters: EXCLUSIVE before the first access, or SQLite makes a -shm. secure_delete is on
 * in Debian's build and would write every page that a cut frees. */
int
schema_configure(sqlite3 *db)
{
    char sql[600];
    snprintf(sql, sizeof(sql),
             "PRAGMA locking_mode=EXCLUSIVE; PRAGMA mmap_size=0; PRAGMA trusted_schema=OFF;"
             "PRAGMA cell_size_check=ON; PRAGMA secure_delete=OFF; PRAGMA temp_store=MEMORY;"
             "PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0; PRAGMA journal_size_limit=%d;",
             WAL_KEPT_BYTES);
    sqlite3_extended_result_codes(db, 1);
    int rc = sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    /* Only a store that ends well is tidied up; anything else is left as it is. */
    rc = rc ? rc : sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    return rc ? rc : sqlite3_exec(db, sql, NULL, NULL, NULL);
}

int
schema_cache(sqlite3 *db, int kib)
{
    char sql[50];
    snprintf(sql, sizeof(sql), "PRAGMA cache_size=-%d", kib);
    return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

static int
fill_new(sqlite3 *db, const char *id)
{
    char sql[300];
    snprintf(sql, sizeof(sql),
             "PRAGMA page_size=%d; PRAGMA locking_mode=EXCLUSIVE; PRAGMA synchronous=FULL;"
             "BEGIN; PRAGMA application_id=%d; PRAGMA user_version=%d;",
             STORE_PAGE_BYTES, STORE_APPLICATION, STORE_FORMAT);
    int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
    rc = rc ? rc : sqlite3_exec(db, schema_sql, NULL, NULL, NULL);
    sqlite3_stmt *set = NULL;
    rc = rc ? rc : sqlite3_prepare_v2(db, META_SET_SQL, -1, &set, NULL);
    rc = rc ? rc : meta_put(set, META_STORE_ID, id);
    static const char *const zeros[] = {
        META_EPOCH,          META_RUNNING,      META_COPY,
        META_SNAPSHOT_GEN,   META_SNAPSHOT_SEQ, META_SNAPSHOT_CHUNKS,
        META_SNAPSHOT_BYTES, META_ARCHIVED,     META_FOLLOWED};
    for (size_t i = 0; !rc && i < ARRAY_LEN(zeros); i++) {
        rc = meta_put(set, zeros[i], "0");
    }
    sqlite3_finalize(set);
    return rc ? rc : sqlite3_exec(db, "COMMIT; PRAGMA journal_mode=WAL;", NULL, NULL, NULL);
}

static bool
make_id(char id[STORE_ID_BYTES + 1])
{
    uint8_t bytes[STORE_ID_BYTES / 2];
    if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes)) {
        return false;
    }
    for (size_t i = 0; i < sizeof(bytes); i++) {
        snprintf(id + 2 * i, 3, "%02x", bytes[i]);
    }
    return true;
}

/* Makes PATH.new whole. */
static enum store_status
create_file(const char *path, char *error, size_t error_room)
{
    struct store store = {.path = xstrdup(path)};
    char id[STORE_ID_BYTES + 1];
    enum store_status status = STORE_IO;
    unlink(path); /* of a creation that was cut short; the lock is ours */
    int fd = files_create(path);
    if (fd < 0 || close(fd) != 0 || !make_id(id)) {
        snprintf(error, error_room, "store %s: cannot create: %s; check the directory", path,
                 strerror(errno));
        status = errno == ENOSPC ? STORE_FULL : STORE_IO;
    } else {
        int rc = sqlite3_open_v2(path, &store.db, SQLITE_OPEN_READWRITE, NULL);
        rc = rc ? rc : fill_new(store.db, id);
        status = rc ? status_explain(&store, rc, "create", error, error_room) : STORE_OK;
        /* The last connection's close writes the log back and removes it. */
        sqlite3_close(store.db);
    }
    free(store.path);
    return status;
}

enum store_status
schema_create(const char *dir, const char *path, char *error, size_t error_room)
{
    char *wal_path = files_path(dir, "baton.db-wal");
    struct stat st;
    bool orphan = stat(wal_path, &st) == 0;
    free(wal_path);
    if (orphan) {
        /* SQLite would play a stranger's log into the new store. */
        return status_corrupt(path, error, error_room, "the file is gone, but its -wal is there");
    }
    char *new_path = files_path(dir, "baton.db.new");
    enum store_status status = create_file(new_path, error, error_room);
    if (status == STORE_OK &&
        (!files_sync_dir(dir) || rename(new_path, path) != 0 || !files_sync_dir(dir))) {
        snprintf(error, error_room, "store %s: cannot create: %s; check the disk", path,
                 strerror(errno));
        status = STORE_IO;
    }
    free(new_path);
    return status;
}

/* All that sqlite_schema says, as text; NULL when it cannot be read. The root of a table that came
 * later is wherever there was room. */
static char *
schema_text(sqlite3 *db, int *ret_rc)
{
    sqlite3_stmt *statement = NULL;
    char *text = NULL;
    int rc = sqlite3_prepare_v2(
        db,
        "SELECT group_concat(type||'|'||name||'|'||tbl_name||'|'||"
        "iif(name IN('archive_card','archive_run'),'',rootpage)||'|'||ifnull(sql,''),';') "
        "FROM (SELECT * FROM sqlite_schema "
        "ORDER BY rowid)",
        -1, &statement, NULL);
    if (!rc && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
        const char *column = (const char *)sqlite3_column_text(statement, 0);
        text = column ? xstrdup(column) : NULL;
        rc = SQLITE_OK;
    }
    sqlite3_finalize(statement);
    *ret_rc = rc;
    return text;
}

static char *
expected_text(int format)
{
    sqlite3 *db = NULL;
    char *text = NULL;
    int rc = sqlite3_open_v2(":memory:", &db, SQLITE_OPEN_READWRITE, NULL);
    rc = rc ? rc : sqlite3_exec(db, schema_sql, NULL, NULL, NULL);
    if (format < STORE_FORMAT_RUNS) {
        rc = rc ? rc : sqlite3_exec(db, "DROP TABLE archive_run", NULL, NULL, NULL);
    }
    if (format < STORE_FORMAT_CARDS) {
        rc = rc ? rc : sqlite3_exec(db, "DROP TABLE archive_card", NULL, NULL, NULL);
    }
    if (!rc) {
        text = schema_text(db, &rc);
    }
    sqlite3_close(db);
    CHECK(!rc && text);
    return text;
}

enum store_status
schema_check(struct store *store, char *error, size_t error_room)
{
    static const char *const all[] = {"PRAGMA quick_check(1)"};
    static const char *const small[] = {
        "PRAGMA quick_check('meta')", "PRAGMA quick_check('journal')", "PRAGMA quick_check('jump')",
        "PRAGMA quick_check('snapshot')"};
    struct stat st;
    bool is_large = stat(store->path, &st) == 0 && st.st_size > QUICK_CHECK_BYTES_MAX;
    for (size_t i = 0; i < (is_large ? ARRAY_LEN(small) : ARRAY_LEN(all)); i++) {
        sqlite3_stmt *statement = NULL;
        enum store_status status = STORE_OK;
        int rc = sqlite3_prepare_v2(store->db, is_large ? small[i] : all[i], -1, &statement, NULL);
        rc = rc ? rc : sqlite3_step(statement);
        if (rc != SQLITE_ROW) {
            status = status_explain(store, rc, "read", error, error_room);
        } else {
            const char *text = (const char *)sqlite3_column_text(statement, 0);
            if (!text || strcmp(text, "ok") != 0) {
                status = status_corrupt(store->path, error, error_room, "%.150s",
                                        text ? text : "no answer");
            }
        }
        sqlite3_finalize(statement);
        if (status != STORE_OK) {
            return status;
        }
    }
    return STORE_OK;
}

/* The log may have a newer one than the header. */
static int
get_format(struct store *store)
{
    sqlite3_stmt *row = NULL;
    int rc = sqlite3_prepare_v2(store->db, "PRAGMA user_version", -1, &row, NULL);
    if (!rc && (rc = sqlite3_step(row)) == SQLITE_ROW) {
        store->format = sqlite3_column_int(row, 0);
        rc = SQLITE_OK;
    }
    sqlite3_finalize(row);
    return rc;
}

int
schema_upgrade(struct store *store)
{
    char sql[60];
    int rc = SQLITE_OK;
    if (store->format < STORE_FORMAT_RUNS) {
        /* From there on the schema is what came later, in the order in which it came. */
        const char *later = strstr(schema_sql, store->format < STORE_FORMAT_CARDS
                                                   ? "CREATE TABLE archive_card"
                                                   : "CREATE TABLE archive_run");
        CHECK(later);
        rc = sqlite3_exec(store->db, later, NULL, NULL, NULL);
    }
    snprintf(sql, sizeof(sql), "PRAGMA user_version=%d", STORE_FORMAT);
    rc = rc ? rc : sqlite3_exec(store->db, sql, NULL, NULL, NULL);
    store->format = STORE_FORMAT;
    return rc;
}

enum store_status
schema_verify(struct store *store, char *error, size_t error_room)
{
    int rc = get_format(store);
    char *text = rc ? NULL : schema_text(store->db, &rc);
    if (rc) {
        return status_explain(store, rc, "read", error, error_room);
    }
    if (store->format > STORE_FORMAT) {
        free(text);
        return status_newer(store->path, (uint32_t)store->format, error, error_room);
    }
    char *expected = expected_text(store->format);
    bool same = text && strcmp(text, expected) == 0;
    free(text);
    free(expected);
    if (!same) {
        return status_corrupt(store->path, error, error_room,
                              "its tables are not those of format %d", store->format);
    }
    return STORE_OK;
}

int
schema_prepare(struct store *store)
{
    int rc = SQLITE_OK;
    for (int i = 0; !rc && i < N_STATEMENTS; i++) {
        bool is_later =
            (i >= SQL_CARD_PUT && i <= SQL_CARD_SCAN && store->format < STORE_FORMAT_CARDS) ||
            (i >= SQL_RUN_PUT && i <= SQL_RUN_SCAN && store->format < STORE_FORMAT_RUNS);
        if (is_later || store->statements[i]) {
            continue;
        }
        rc = sqlite3_prepare_v3(store->db, SQL[i], -1, SQLITE_PREPARE_PERSISTENT,
                                &store->statements[i], NULL);
    }
    return rc;
}

void
schema_finalize(struct store *store)
{
    for (int i = 0; i < N_STATEMENTS; i++) {
        sqlite3_finalize(store->statements[i]);
        store->statements[i] = NULL;
    }
}

int
schema_run(sqlite3_stmt *statement)
{
    int rc = sqlite3_step(statement);
    CHECK(rc != SQLITE_ROW);
    sqlite3_reset(statement);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int
schema_begin(struct store *store)
{
    return schema_run(store->statements[SQL_BEGIN]);
}

int
schema_commit(struct store *store)
{
    return schema_run(store->statements[SQL_COMMIT]);
}
