/* A layer between SQLite and the disk that gathers what SQLite writes page by page, and remembers
 * it for reading back. SQLite writes a frame of the log as 24 bytes and 4096, reads each frame
 * again at the checkpoint, and writes each page of the database by a call of its own; most of these
 * lie side by side. Here each of the two files has a window: bytes of it as they are or will be, of
 * which one stretch may not be in the file yet. It goes there by one call.
 *
 * Why no promise is lost: what SQLite counts on is that it reads what it wrote, and that a write
 * is on the disk when a later sync of that file has returned. A read is answered from the window,
 * or after the stretch was written; a sync, a truncation, an unlocking, a control and a question
 * for the size write it first. So a write that fails is known at the latest at the sync, which is
 * before COMMIT returns, and before a checkpoint gives up the log. Between two syncs the kernel
 * keeps no order either: a power failure leaves nothing that it could not leave before. A file that
 * a write failed of answers with that error for ever, and nothing is tried again.
 *
 * Nobody else can look: one process has these files, by one connection, for one thread at a time.
 */
#include "broker/store/gather.h"

#include "broker/store/private.h"
#include "common/alloc.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct gathered {
    sqlite3_file base;
    sqlite3_file *real; /* behind this struct */
    int failure;        /* of a write */
    uint8_t *window;
    sqlite3_int64 at;      /* where in the file the window begins */
    size_t known;          /* bytes in it */
    sqlite3_int64 read_to; /* where the last read ended */
    size_t from, to;       /* the stretch of it that is not in the file yet */
};

static sqlite3_vfs gathering;
static sqlite3_vfs *real_vfs;

static sqlite3_file *
real_of(sqlite3_file *file)
{
    return ((struct gathered *)file)->real;
}

/* Writes what is not in the file yet. */
static int
settle(struct gathered *self)
{
    size_t from = self->from;
    size_t bytes = self->to - from;
    self->from = self->to = 0;
    if (bytes) {
        self->failure = self->real->pMethods->xWrite(self->real, self->window + from, (int)bytes,
                                                     self->at + (sqlite3_int64)from);
    }
    return self->failure;
}

static bool
has(const struct gathered *self, int bytes, sqlite3_int64 at)
{
    return !self->failure && at >= self->at && at + bytes <= self->at + (sqlite3_int64)self->known;
}

/* Who reads on where the last read ended, or behind the header of a frame there, will go on. When
 * there is not that much, or it can't be read, nothing is fetched, and the one read will tell. */
static int
fetch(struct gathered *self, sqlite3_int64 at)
{
    int rc = settle(self);
    if (!rc && at >= self->read_to && at <= self->read_to + WAL_FRAME_HEADER_BYTES) {
        bool there = self->real->pMethods->xRead(self->real, self->window, GATHER_BYTES, at) ==
                     SQLITE_OK;
        self->at = at;
        self->known = there ? GATHER_BYTES : 0;
    }
    return rc;
}

static int
gather_close(sqlite3_file *file)
{
    /* What was not synced was not promised either: it is of a transaction that was given up. */
    free(((struct gathered *)file)->window);
    return real_of(file)->pMethods->xClose(real_of(file));
}

static int
gather_read(sqlite3_file *file, void *data, int bytes, sqlite3_int64 at)
{
    struct gathered *self = (struct gathered *)file;
    int rc = has(self, bytes, at) ? SQLITE_OK : fetch(self, at);
    self->read_to = at + bytes;
    if (rc == SQLITE_OK && has(self, bytes, at)) {
        memcpy(data, self->window + (at - self->at), (size_t)bytes);
        return rc;
    }
    return rc ? rc : self->real->pMethods->xRead(self->real, data, bytes, at);
}

/* Makes room for these bytes: they lie in the window or go on from it. So they do with the stretch,
 * lest a page between be written again that the log does not have. */
static int
prepare(struct gathered *self, size_t bytes, sqlite3_int64 at)
{
    sqlite3_int64 end = at + (sqlite3_int64)bytes;
    if (at < self->at || at > self->at + (sqlite3_int64)self->known ||
        end > self->at + GATHER_BYTES) {
        int rc = settle(self);
        self->at = at;
        self->known = 0;
        return rc;
    }
    bool touches = at <= self->at + (sqlite3_int64)self->to &&
                   end >= self->at + (sqlite3_int64)self->from;
    return touches ? self->failure : settle(self);
}

static int
gather_write(sqlite3_file *file, const void *data, int count, sqlite3_int64 at)
{
    struct gathered *self = (struct gathered *)file;
    size_t bytes = (size_t)count;
    CHECK(bytes <= GATHER_BYTES);
    int rc = prepare(self, bytes, at);
    if (rc) {
        return rc;
    }
    size_t begin = (size_t)(at - self->at);
    size_t end = begin + bytes;
    memcpy(self->window + begin, data, bytes);
    self->known = MAX(self->known, end);
    bool alone = self->from == self->to;
    self->from = alone ? begin : MIN(self->from, begin);
    self->to = alone ? end : MAX(self->to, end);
    return SQLITE_OK;
}

static int
gather_truncate(sqlite3_file *file, sqlite3_int64 bytes)
{
    int rc = settle((struct gathered *)file);
    ((struct gathered *)file)->known = 0;
    return rc ? rc : real_of(file)->pMethods->xTruncate(real_of(file), bytes);
}

static int
gather_sync(sqlite3_file *file, int flags)
{
    int rc = settle((struct gathered *)file);
    return rc ? rc : real_of(file)->pMethods->xSync(real_of(file), flags);
}

static int
gather_file_size(sqlite3_file *file, sqlite3_int64 *ret_bytes)
{
    int rc = settle((struct gathered *)file);
    return rc ? rc : real_of(file)->pMethods->xFileSize(real_of(file), ret_bytes);
}

static int
gather_lock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int
gather_unlock(sqlite3_file *file, int level)
{
    int rc = settle((struct gathered *)file);
    int unlocked = real_of(file)->pMethods->xUnlock(real_of(file), level);
    return rc ? rc : unlocked;
}

static int
gather_check_reserved_lock(sqlite3_file *file, int *ret_is_reserved)
{
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), ret_is_reserved);
}

static int
gather_file_control(sqlite3_file *file, int op, void *arg)
{
    int rc = settle((struct gathered *)file);
    return rc ? rc : real_of(file)->pMethods->xFileControl(real_of(file), op, arg);
}

static int
gather_sector_size(sqlite3_file *file)
{
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int
gather_device_characteristics(sqlite3_file *file)
{
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

/* Version 1: without shared memory and mmap, by which the files could be seen past the window. */
static const sqlite3_io_methods METHODS = {
    .iVersion = 1,
    .xClose = gather_close,
    .xRead = gather_read,
    .xWrite = gather_write,
    .xTruncate = gather_truncate,
    .xSync = gather_sync,
    .xFileSize = gather_file_size,
    .xLock = gather_lock,
    .xUnlock = gather_unlock,
    .xCheckReservedLock = gather_check_reserved_lock,
    .xFileControl = gather_file_control,
    .xSectorSize = gather_sector_size,
    .xDeviceCharacteristics = gather_device_characteristics,
};

/* Only the database and its log; anything else is the real layer's own. */
static int
gather_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags, int *ret_flags)
{
    (void)vfs;
    if (!(flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL))) {
        return real_vfs->xOpen(real_vfs, name, file, flags, ret_flags);
    }
    struct gathered *self = (struct gathered *)file;
    *self = (struct gathered){.real = (sqlite3_file *)(self + 1)};
    int rc = real_vfs->xOpen(real_vfs, name, self->real, flags, ret_flags);
    if (!self->real->pMethods) {
        return rc;
    }
    self->base.pMethods = &METHODS;
    self->window = xmalloc(GATHER_BYTES);
    return rc;
}

static void
make(void)
{
    real_vfs = sqlite3_vfs_find(NULL);
    CHECK(real_vfs);
    gathering = *real_vfs;
    gathering.zName = "baton";
    gathering.szOsFile = (int)sizeof(struct gathered) + real_vfs->szOsFile;
    gathering.xOpen = gather_open;
    CHECK(sqlite3_vfs_register(&gathering, 0) == SQLITE_OK);
}

const char *
gather_vfs(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    CHECK(pthread_once(&once, make) == 0);
    return gathering.zName;
}
