/* A copy of the store while it runs. The storage thread copies some pages between two commits,
 * through the connection that also writes, so SQLite carries later changes over into what was
 * copied already. What may take long at the end (look through the copy, mark it, sync it) is done
 * by a thread of its own on a connection of its own. The copy gets its name last: a file of that
 * name is whole. */
#include "broker/store/private.h"

#include "common/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct backup {
    struct store *store;
    struct question *question;
    char *part; /* PATH.part */
    sqlite3 *copy;
    sqlite3_backup *pages; /* NULL: all are copied */
    struct store_answer answer;
    pthread_t finisher;
    bool finished; /* under the store's mutex */
};

static void
fail_copy(struct backup *backup, enum store_status status, const char *what, const char *why)
{
    backup->answer.status = status;
    snprintf(backup->answer.error, sizeof(backup->answer.error),
             "backup %s: cannot %s: %s; name another path or mend the cause, and ask again",
             backup->question->path, what, why);
}

static void
fail_copy_errno(struct backup *backup, const char *what)
{
    int err = errno;
    fail_copy(backup, files_status_of(err), what, strerror(err));
}

static void
fail_copy_sqlite(struct backup *backup, const char *what, int rc)
{
    enum store_status status = status_of(backup->copy, rc);
    fail_copy(backup, status == STORE_OK ? STORE_IO : status, what, sqlite3_errstr(rc));
}

/* Answers and forgets. */
static void
backup_end(struct backup *backup)
{
    struct store *store = backup->store;
    if (backup->pages) {
        sqlite3_backup_finish(backup->pages);
    }
    sqlite3_close(backup->copy);
    if (backup->answer.status != STORE_OK && backup->part) {
        unlink(backup->part);
    }
    answer_push(store, &backup->answer);
    question_free(backup->question);
    free(backup->part);
    free(backup);
    store->backup = NULL;
}

static void
backup_open(struct backup *backup)
{
    const char *path = backup->question->path;
    struct stat st;
    if (lstat(path, &st) == 0) {
        errno = EEXIST;
        fail_copy_errno(backup, "create");
        return;
    }
    size_t room = strlen(path) + sizeof(".part");
    char *part = xmalloc(room);
    snprintf(part, room, "%s.part", path);
    int fd = files_create(part);
    if (fd < 0) {
        fail_copy_errno(backup, errno == EEXIST ? "create PATH.part" : "create");
        free(part);
        return;
    }
    close(fd);
    backup->part = part;
    int rc = sqlite3_open_v2(part, &backup->copy, SQLITE_OPEN_READWRITE, NULL);
    rc = rc ? rc
            : sqlite3_exec(backup->copy,
                           "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=OFF;"
                           "PRAGMA synchronous=OFF",
                           NULL, NULL, NULL);
    if (!rc) {
        backup->pages = sqlite3_backup_init(backup->copy, "main", backup->store->db, "main");
        rc = backup->pages ? SQLITE_OK : sqlite3_errcode(backup->copy);
    }
    if (rc) {
        fail_copy_sqlite(backup, "create", rc);
    }
}

static void
backup_begin(struct store *store, struct question *question)
{
    struct backup *backup = xcalloc(1, sizeof(*backup));
    backup->store = store;
    backup->question = question;
    backup->answer = (struct store_answer){.kind = question->kind, .cookie = question->cookie};
    store->backup = backup;
    const char *failure = store_error(store, &backup->answer.status);
    if (failure) {
        snprintf(backup->answer.error, sizeof(backup->answer.error), "%s", failure);
    } else {
        backup_open(backup);
    }
    if (backup->answer.status != STORE_OK) {
        backup_end(backup);
    }
}

/* Says in the copy that it is one, and that no log belongs to it. */
static int
mark_copy(sqlite3 *db)
{
    sqlite3_stmt *set = NULL;
    int rc = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    rc = rc ? rc : sqlite3_prepare_v2(db, META_SET_SQL, -1, &set, NULL);
    rc = rc ? rc : meta_put(set, META_COPY, "1");
    rc = rc ? rc : meta_put(set, META_RUNNING, "0");
    sqlite3_finalize(set);
    return rc ? rc : sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
}

static int
check_copy(sqlite3 *db)
{
    sqlite3_stmt *check = NULL;
    int rc = sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &check, NULL);
    if (!rc && (rc = sqlite3_step(check)) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(check, 0);
        rc = text && strcmp(text, "ok") == 0 ? SQLITE_OK : SQLITE_CORRUPT;
    }
    sqlite3_finalize(check);
    return rc;
}

/* Marked, then closed: the close writes the log of the marking back and removes it. */
static bool
complete_copy(struct backup *backup)
{
    sqlite3 *db = NULL;
    int rc = sqlite3_open_v2(backup->part, &db, SQLITE_OPEN_READWRITE, NULL);
    rc = rc ? rc
            : sqlite3_exec(db, "PRAGMA locking_mode=EXCLUSIVE; PRAGMA synchronous=FULL", NULL, NULL,
                           NULL);
    rc = rc ? rc : check_copy(db);
    rc = rc ? rc : mark_copy(db);
    int closed = sqlite3_close(db);
    rc = rc ? rc : closed;
    if (rc) {
        fail_copy_sqlite(backup, "complete", rc);
    }
    return !rc;
}

static bool
sync_copy(struct backup *backup)
{
    struct stat st;
    int fd = open(backup->part, O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0 && fstat(fd, &st) == 0;
    int err = errno;
    if (fd >= 0) {
        close(fd);
    }
    if (ok) {
        backup->answer.bytes = (uint64_t)st.st_size;
    } else {
        errno = err;
        fail_copy_errno(backup, "sync");
    }
    return ok;
}

static bool
name_copy(struct backup *backup)
{
    const char *path = backup->question->path;
    bool ok = renameat2(AT_FDCWD, backup->part, AT_FDCWD, path, RENAME_NOREPLACE) == 0;
    if (!ok && (errno == EINVAL || errno == ENOSYS)) {
        /* A file system that cannot do that: a link does not replace either. */
        ok = link(backup->part, path) == 0 && unlink(backup->part) == 0;
    }
    if (!ok || !files_sync_dir_of(path)) {
        fail_copy_errno(backup, "name");
        return false;
    }
    return true;
}

static void *
finisher_main(void *arg)
{
    struct backup *backup = arg;
    /* It would inherit where its maker runs just now, and has work for a processor of its own. */
    (void)sched_setaffinity(0, sizeof backup->store->cpus, &backup->store->cpus);
    if (complete_copy(backup) && sync_copy(backup)) {
        (void)name_copy(backup);
    }
    pthread_mutex_lock(&backup->store->mutex);
    backup->finished = true;
    thread_wake_unlock(backup->store);
    return NULL;
}

static void
backup_copy(struct backup *backup, int n)
{
    int rc = sqlite3_backup_step(backup->pages, n);
    if (rc == SQLITE_OK) {
        return;
    }
    int finished = sqlite3_backup_finish(backup->pages);
    backup->pages = NULL;
    rc = rc == SQLITE_DONE ? finished : rc;
    if (rc) {
        fail_copy_sqlite(backup, "copy", rc);
        backup_end(backup);
        return;
    }
    sqlite3_close(backup->copy);
    backup->copy = NULL;
    if (pthread_create(&backup->finisher, NULL, finisher_main, backup) != 0) {
        errno = EAGAIN;
        fail_copy_errno(backup, "start a thread");
        backup_end(backup);
    }
}

/* The next one asked for, if what was submitted before it is durable. */
static struct question *
next_question(struct store *store, bool take)
{
    pthread_mutex_lock(&store->mutex);
    struct question *question = store->backups;
    if (question && store->status == STORE_OK && question->ticket > store->durable) {
        question = NULL;
    }
    if (question && take) {
        store->backups = question->next;
        if (!store->backups) {
            store->backups_tail = &store->backups;
        }
    }
    pthread_mutex_unlock(&store->mutex);
    return question;
}

static bool
is_finished(struct backup *backup)
{
    pthread_mutex_lock(&backup->store->mutex);
    bool finished = backup->finished;
    pthread_mutex_unlock(&backup->store->mutex);
    return finished;
}

bool
backup_is_busy(struct store *store)
{
    if (!store->backup) {
        return next_question(store, false) != NULL;
    }
    return store->backup->pages || is_finished(store->backup);
}

void
backup_step(struct store *store, int pages)
{
    struct backup *backup = store->backup;
    if (!backup) {
        struct question *question = next_question(store, true);
        if (question) {
            backup_begin(store, question);
        }
    } else if (!backup->pages) {
        if (is_finished(backup)) {
            pthread_join(backup->finisher, NULL);
            backup_end(backup);
        }
    } else if (store_error(store, NULL)) {
        fail_copy(backup, STORE_IO, "copy", "the store failed");
        backup_end(backup);
    } else {
        backup_copy(backup, pages);
    }
}

void
backup_fini(struct store *store)
{
    struct backup *backup = store->backup;
    if (!backup) {
        return;
    }
    if (backup->pages) {
        fail_copy(backup, STORE_IO, "copy", "the store was closed");
    } else {
        pthread_join(backup->finisher, NULL);
    }
    backup_end(backup);
}
