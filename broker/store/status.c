/* What went wrong, as a status and as a sentence that says what to do. */
#include "broker/store/private.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static bool
is_disk_full(int err)
{
    return err == ENOSPC || err == EDQUOT;
}

enum store_status
status_of(sqlite3 *db, int rc)
{
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return STORE_OK;
    case SQLITE_FULL:
        return STORE_FULL;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return STORE_CORRUPT;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return STORE_LOCKED;
    default:
        return db && is_disk_full(sqlite3_system_errno(db)) ? STORE_FULL : STORE_IO;
    }
}

static const char *
advice(enum store_status status)
{
    switch (status) {
    case STORE_LOCKED:
        return "another program has the file open: end it, and start the broker again";
    case STORE_CORRUPT:
        return "restore a backup; the damaged file is left as it is";
    case STORE_FULL:
        return "make room on the disk, and start the broker again";
    case STORE_OK:
    case STORE_NEWER:
    case STORE_FOREIGN:
    case STORE_DENIED:
    case STORE_IO:
        break;
    }
    return "check the disk and the system's log, and start the broker again";
}

enum store_status
status_explain(const struct store *store, int rc, const char *what, char *error, size_t error_room)
{
    enum store_status status = status_of(store->db, rc);
    int err = store->db ? sqlite3_system_errno(store->db) : 0;
    bool with_errno = err && (status == STORE_IO || status == STORE_FULL);
    snprintf(error, error_room, "store %s: cannot %s: %s%s%s%s; %s", store->path, what,
             sqlite3_errstr(rc), with_errno ? " (" : "", with_errno ? strerror(err) : "",
             with_errno ? ")" : "", advice(status));
    return status;
}

enum store_status
status_corrupt(const char *path, char *error, size_t error_room, const char *fmt, ...)
{
    char what[200];
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    snprintf(error, error_room, "store %s is damaged: %s; %s", path, what, advice(STORE_CORRUPT));
    return STORE_CORRUPT;
}

enum store_status
status_newer(const char *path, uint32_t format, char *error, size_t error_room)
{
    snprintf(error, error_room,
             "store %s has format %u, this program knows up to %d; it was not touched: use the "
             "newer program",
             path, format, STORE_FORMAT);
    return STORE_NEWER;
}

int64_t
clock_us(void)
{
    struct timespec now;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}
