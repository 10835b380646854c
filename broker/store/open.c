/* A store's life: opened, started, closed. On the caller's thread. */
#include "broker/store/gather.h"
#include "broker/store/private.h"

#include "common/alloc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define RESERVE_BYTES (UINT64_C(64) << 20)

/* Takes the lock and finds or makes the file. What is not a store, or newer, gets no lock file
 * either. */
static enum store_status
open_files(struct store *store, char *error, size_t error_room)
{
    bool is_there = false;
    enum store_status status = files_lock(store->dir, false, &store->lock_fd, error, error_room);
    if (status == STORE_OK) {
        status = header_check(store->path, &is_there, error, error_room);
    }
    if (status == STORE_OK && store->lock_fd < 0) {
        status = files_lock(store->dir, true, &store->lock_fd, error, error_room);
        if (status == STORE_OK) {
            /* Another one may have made it in between. */
            status = header_check(store->path, &is_there, error, error_room);
        }
    }
    if (status == STORE_OK && !is_there) {
        status = schema_create(store->dir, store->path, error, error_room);
    }
    if (status == STORE_OK) {
        status = wal_check(store->path, &store->wal_found, error, error_room);
    }
    return status;
}

static int
count_frames(void *context, sqlite3 *db, const char *name, int frames)
{
    (void)db;
    (void)name;
    struct store *store = context;
    store->wal_frames = frames - MIN(frames, store->wal_left);
    return SQLITE_OK;
}

/* Something was refused. If the b-trees are not in order, that is why. */
static enum store_status
check_first(struct store *store, enum store_status refused, char *error, size_t error_room)
{
    char *why = xstrdup(error);
    enum store_status status = schema_check(store, error, error_room);
    if (status == STORE_OK) {
        snprintf(error, error_room, "%s", why);
        status = refused;
    }
    free(why);
    return status;
}

static enum store_status
open_database(struct store *store, char *error, size_t error_room)
{
    int rc = sqlite3_open_v2(store->path, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                             gather_vfs());
    rc = rc ? rc : schema_configure(store->db);
    rc = rc ? rc : schema_cache(store->db, STORE_CACHE_LOAD_KIB);
    if (rc) {
        return status_explain(store, rc, "open", error, error_room);
    }
    sqlite3_wal_hook(store->db, count_frames, store);
    enum store_status status = schema_verify(store, error, error_room);
    if (status == STORE_OK && (status = meta_load(store, error, error_room)) != STORE_OK) {
        status = check_first(store, status, error, error_room);
    }
    if (status == STORE_OK && (rc = schema_prepare(store)) != SQLITE_OK) {
        status = status_explain(store, rc, "open", error, error_room);
    }
    return status;
}

static struct store *
store_new(const char *dir)
{
    struct store *store = xcalloc(1, sizeof(*store));
    store->dir = xstrdup(dir);
    store->path = files_path(dir, "baton.db");
    store->lock_fd = -1;
    store->event_fd = -1;
    store->reserve_bytes = RESERVE_BYTES;
    store->wal_bound_bytes = WAL_BOUND_BYTES;
    store->entries_tail = &store->entries;
    store->questions_tail = &store->questions;
    store->backups_tail = &store->backups;
    store->answers_tail = &store->answers;
    pthread_condattr_t monotonic;
    CHECK(pthread_condattr_init(&monotonic) == 0);
    CHECK(pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0);
    CHECK(pthread_cond_init(&store->wake, &monotonic) == 0);
    CHECK(pthread_condattr_destroy(&monotonic) == 0);
    CHECK(pthread_mutex_init(&store->mutex, NULL) == 0);
    return store;
}

static void
store_free(struct store *store)
{
    if (store->event_fd >= 0) {
        close(store->event_fd);
    }
    if (store->lock_fd >= 0) {
        close(store->lock_fd);
    }
    struct store_answer answer;
    while (store_next_answer(store, &answer)) {
        store_answer_fini(&answer);
    }
    while (store->backups) {
        struct question *next = store->backups->next;
        question_free(store->backups);
        store->backups = next;
    }
    tail_fini(store);
    buf_fini(&store->packing);
    spare_fini(store);
    pthread_cond_destroy(&store->wake);
    pthread_mutex_destroy(&store->mutex);
    free(store->path);
    free(store->dir);
    free(store);
}

enum store_status
store_open(const char *dir, struct store **ret_store, char *error, size_t error_room)
{
    *ret_store = NULL;
    enum store_status status = files_make_dir(dir, error, error_room);
    if (status != STORE_OK) {
        return status;
    }
    struct store *store = store_new(dir);
    status = open_files(store, error, error_room);
    if (status == STORE_OK) {
        status = open_database(store, error, error_room);
    }
    if (status == STORE_OK) {
        *ret_store = store;
    } else {
        store_close(store);
    }
    return status;
}

/* Gives the log its size at once, in zeros: a sync of bytes in the midst of a file asks half of the
 * disk that a sync of bytes at its end does (ext4, measured), and zeros are no frames. */
static int
lay_out_log(struct store *store)
{
    static const uint8_t zeros[64 << 10];
    sqlite3_file *log = NULL;
    sqlite3_int64 at = 0;
    bool is_short = false;
    int rc = sqlite3_file_control(store->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
    rc = rc ? rc : log->pMethods->xFileSize(log, &at);
    sqlite3_int64 end = (sqlite3_int64)MIN(4 * store->wal_bound_bytes, (uint64_t)WAL_KEPT_BYTES);
    while (!rc && at < end) {
        int bytes = (int)MIN(end - at, (sqlite3_int64)sizeof(zeros));
        rc = log->pMethods->xWrite(log, zeros, bytes, at);
        at += bytes;
        is_short = true;
    }
    return rc || !is_short ? rc : log->pMethods->xSync(log, SQLITE_SYNC_NORMAL);
}

static int
write_back(struct store *store)
{
    return sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
}

/* What a crash left in the log goes into the database with what comes next, for which nobody waits.
 * Not when it is long, so that the log does not grow from crash to crash. */
static int
write_back_left(struct store *store)
{
    uint64_t n = store->wal_found.n_frames;
    if (n * (STORE_PAGE_BYTES + WAL_FRAME_HEADER_BYTES) > WAL_LEFT_BYTES) {
        return write_back(store);
    }
    store->wal_left = (int)n;
    return SQLITE_OK;
}

/* In one commit: the new epoch, and that from now on a log belongs to the file. An older format
 * becomes ours, and that is in the header, where older programs look, before there is a fact that
 * they don't know. */
static int
begin_life(struct store *store, uint64_t epoch)
{
    bool is_older = store->format < STORE_FORMAT;
    int rc = write_back_left(store);
    rc = rc ? rc : schema_begin(store);
    rc = rc ? rc : meta_set(store, META_EPOCH, epoch);
    rc = rc ? rc : meta_set(store, META_RUNNING, 1);
    rc = rc ? rc : meta_set(store, META_COPY, 0);
    if (!rc && is_older) {
        rc = meta_set(store, META_FOLLOWED, store->tail.position);
        rc = rc ? rc : schema_upgrade(store);
    }
    rc = rc ? rc : schema_commit(store);
    rc = rc || !is_older ? rc : schema_prepare(store);
    if (!rc && is_older) {
        store->wal_left = 0;
        rc = write_back(store);
    }
    return rc;
}

enum store_status
store_start(struct store *store, uint64_t epoch, char *error, size_t error_room)
{
    CHECK(store->loaded && !store->started && epoch > store->epoch && epoch <= INT64_MAX);
    space_look(store, clock_us());
    int rc = schema_cache(store->db, STORE_CACHE_KIB);
    rc = rc ? rc : begin_life(store, epoch);
    rc = rc || store->stats.low ? rc : lay_out_log(store);
    if (rc) {
        return status_explain(store, rc, "write", error, error_room);
    }
    store->epoch = epoch;
    store->may_jump = store->restored;
    store->stats.journal_bytes = store->journal_bytes;
    store->stats.snapshot_bytes = store->snapshot_bytes;
    store->stats.archived = store->archived;
    store->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (store->event_fd < 0 || !thread_begin(&store->thread, thread_main, store)) {
        return thread_refused(store, error, error_room);
    }
    store->started = true;
    return STORE_OK;
}

/* All is committed: the file alone is the store, until the next start. */
static void
end_life(struct store *store)
{
    int rc = schema_begin(store);
    rc = rc ? rc : meta_set(store, META_RUNNING, 0);
    rc = rc ? rc : schema_commit(store);
    if (!rc) {
        /* The close then writes the log back and removes it. If that fails, the log stays, and the
         * next open reads it. */
        rc = sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
        CHECK(rc == SQLITE_OK);
    }
}

void
store_close(struct store *store)
{
    if (!store) {
        return;
    }
    if (store->started) {
        pthread_mutex_lock(&store->mutex);
        store->stopping = true;
        thread_wake_unlock(store);
        pthread_join(store->thread, NULL);
        if (store->status == STORE_OK) {
            end_life(store);
        }
    }
    schema_finalize(store);
    sqlite3_close(store->db);
    store_free(store);
}

const char *
store_id(const struct store *store)
{
    return store->id;
}

uint64_t
store_epoch(const struct store *store)
{
    return store->epoch;
}

const char *
store_path(const struct store *store)
{
    return store->path;
}

bool
store_is_restored(const struct store *store)
{
    return store->restored;
}

uint64_t
store_next_seq(const struct store *store)
{
    CHECK(store->loaded);
    return store->next_seq;
}

void
store_set_wal_bound(struct store *store, uint64_t bytes)
{
    CHECK(!store->started);
    store->wal_bound_bytes = bytes;
}
