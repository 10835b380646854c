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
 * With behind.c another thread carries out what is written, in the same order, and SQLite goes on.
 * A transaction of up to GATHER_BYTES is written and synced here all the same when nothing waits:
 * there a switch of threads would cost more than it gives. Reads are answered by what waits, or
 * wait for it.
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
    sqlite3_file *real;  /* behind this struct */
    sqlite3_file *reads; /* the same; with `behind` another one of the same file, owned: SQLite's
                            own files are for one thread at a time */
    struct behind *behind;
    sqlite3_int64 size; /* with `behind`: when all is carried out */
    bool is_behind;     /* some of it was handed over since its last sync */
    sqlite3_filename name;
    int flags;   /* it was opened with */
    int failure; /* of a write */
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

static int
failure_of(const struct gathered *self)
{
    return self->failure || !self->behind ? self->failure : behind_failure(self->behind);
}

/* Writes what is not in the file yet; `here`: by the one call, on this thread. */
static int
settle_how(struct gathered *self, bool here)
{
    size_t from = self->from;
    size_t bytes = self->to - from;
    sqlite3_int64 at = self->at + (sqlite3_int64)from;
    int rc = failure_of(self);
    self->from = self->to = 0;
    if (rc || !bytes) {
        return rc;
    }
    if (here) {
        self->failure = self->real->pMethods->xWrite(self->real, self->window + from, (int)bytes,
                                                     at);
        return self->failure;
    }
    uint8_t *window = behind_write(self->behind, self->real, self->window, from, bytes, at);
    self->known = window == self->window ? self->known : 0;
    self->window = window;
    self->is_behind = true;
    return rc;
}

static int
settle(struct gathered *self)
{
    return settle_how(self, !self->behind);
}

/* … and waits until all of it is there. */
static int
settle_and_wait(struct gathered *self)
{
    int rc = settle(self);
    return rc || !self->behind ? rc : behind_wait(self->behind);
}

static bool
has(const struct gathered *self, int bytes, sqlite3_int64 at)
{
    return !failure_of(self) && at >= self->at &&
           at + bytes <= self->at + (sqlite3_int64)self->known;
}

static enum behind_found
find_behind(struct gathered *self, void *data, size_t bytes, sqlite3_int64 at)
{
    return self->behind ? behind_find(self->behind, self->real, data, bytes, at) : BEHIND_NOTHING;
}

/* Who reads on where the last read ended, or behind the header of a frame there, will go on. When
 * there is not that much, or it can't be read, nothing is fetched, and the one read will tell. */
static int
fetch(struct gathered *self, sqlite3_int64 at)
{
    int rc = settle(self);
    if (!rc && at >= self->read_to && at <= self->read_to + WAL_FRAME_HEADER_BYTES &&
        find_behind(self, NULL, GATHER_BYTES, at) == BEHIND_NOTHING) {
        bool there = self->reads->pMethods->xRead(self->reads, self->window, GATHER_BYTES, at) ==
                     SQLITE_OK;
        self->at = at;
        self->known = there ? GATHER_BYTES : 0;
    }
    return rc;
}

static void
close_reads(struct gathered *self)
{
    if (self->reads != self->real) {
        (void)self->reads->pMethods->xClose(self->reads); /* nothing was written by it */
        free(self->reads);
        self->reads = self->real;
    }
}

static int
gather_close(sqlite3_file *file)
{
    /* What was not synced was not promised either: it is of a transaction that was given up. */
    free(((struct gathered *)file)->window);
    close_reads((struct gathered *)file);
    return real_of(file)->pMethods->xClose(real_of(file));
}

/* What the window does not have. A file may be short because what makes it longer waits. */
static int
read_through(struct gathered *self, void *data, int bytes, sqlite3_int64 at)
{
    enum behind_found found = find_behind(self, data, (size_t)bytes, at);
    if (found == BEHIND_ALL) {
        return SQLITE_OK;
    }
    int rc = found == BEHIND_SOME ? behind_wait(self->behind) : SQLITE_OK;
    rc = rc ? rc : self->reads->pMethods->xRead(self->reads, data, bytes, at);
    if (rc == SQLITE_IOERR_SHORT_READ && self->behind) {
        rc = behind_wait(self->behind);
        rc = rc ? rc : self->reads->pMethods->xRead(self->reads, data, bytes, at);
    }
    return rc;
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
    return rc ? rc : read_through(self, data, bytes, at);
}

/* A stretch that these bytes go on from, but past the end of the window, becomes its beginning: so
 * a small transaction is one call wherever in the log it lies. */
static void
move_window(struct gathered *self, size_t bytes, sqlite3_int64 at)
{
    size_t stretch = self->to - self->from;
    bool goes_on = stretch && at == self->at + (sqlite3_int64)self->to;
    if (goes_on && self->to + bytes > GATHER_BYTES && stretch + bytes <= GATHER_BYTES) {
        memmove(self->window, self->window + self->from, stretch);
        self->at += (sqlite3_int64)self->from;
        self->from = 0;
        self->known = self->to = stretch;
    }
}

/* Makes room for these bytes: they lie in the window or go on from it. So they do with the stretch,
 * lest a page between be written again that the log does not have. */
static int
prepare(struct gathered *self, size_t bytes, sqlite3_int64 at)
{
    sqlite3_int64 end = at + (sqlite3_int64)bytes;
    move_window(self, bytes, at);
    bool is_apart = at < self->at || at > self->at + (sqlite3_int64)self->known ||
                    end > self->at + GATHER_BYTES;
    bool touches = at <= self->at + (sqlite3_int64)self->to &&
                   end >= self->at + (sqlite3_int64)self->from;
    int rc = is_apart || !touches ? settle(self) : failure_of(self);
    if (is_apart || !self->known) { /* with the stretch the window may have gone */
        self->at = at;
        self->known = 0;
    }
    return rc;
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
    self->size = MAX(self->size, at + count);
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
    struct gathered *self = (struct gathered *)file;
    int rc = settle(self);
    self->known = 0;
    self->size = bytes;
    if (rc || !self->behind) {
        return rc ? rc : self->real->pMethods->xTruncate(self->real, bytes);
    }
    behind_truncate(self->behind, self->real, bytes);
    self->is_behind = true;
    return rc;
}

static int
gather_sync(sqlite3_file *file, int flags)
{
    struct gathered *self = (struct gathered *)file;
    bool here = !self->behind || (!self->is_behind && behind_is_idle(self->behind));
    int rc = settle_how(self, here);
    self->is_behind = false;
    if (rc || here) {
        return rc ? rc : self->real->pMethods->xSync(self->real, flags);
    }
    behind_sync(self->behind, self->real, flags);
    return rc;
}

static int
gather_file_size(sqlite3_file *file, sqlite3_int64 *ret_bytes)
{
    struct gathered *self = (struct gathered *)file;
    int rc = settle(self);
    if (rc || !self->behind) {
        return rc ? rc : self->real->pMethods->xFileSize(self->real, ret_bytes);
    }
    *ret_bytes = self->size;
    return rc;
}

static int
gather_lock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int
gather_unlock(sqlite3_file *file, int level)
{
    int rc = settle_and_wait((struct gathered *)file);
    int unlocked = real_of(file)->pMethods->xUnlock(real_of(file), level);
    return rc ? rc : unlocked;
}

static int
gather_check_reserved_lock(sqlite3_file *file, int *ret_is_reserved)
{
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), ret_is_reserved);
}

/* What SQLite says with each commit and each checkpoint. Its own layer makes nothing of it, and
 * nobody waits for the disk for it. */
static bool
is_remark(int op)
{
    return op == SQLITE_FCNTL_COMMIT_PHASETWO || op == SQLITE_FCNTL_SYNC ||
           op == SQLITE_FCNTL_CKPT_START || op == SQLITE_FCNTL_CKPT_DONE ||
           op == SQLITE_FCNTL_SIZE_HINT;
}

static int
gather_file_control(sqlite3_file *file, int op, void *arg)
{
    struct gathered *self = (struct gathered *)file;
    if (self->behind && is_remark(op)) {
        return SQLITE_NOTFOUND;
    }
    int rc = settle_and_wait(self);
    return rc ? rc : self->real->pMethods->xFileControl(self->real, op, arg);
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
    *self = (struct gathered){.real = (sqlite3_file *)(self + 1), .name = name, .flags = flags};
    self->reads = self->real;
    int rc = real_vfs->xOpen(real_vfs, name, self->real, flags, ret_flags);
    if (!self->real->pMethods) {
        return rc;
    }
    self->base.pMethods = &METHODS;
    self->window = xmalloc(GATHER_BYTES);
    return rc;
}

int
gather_set_behind(sqlite3_file *file, struct behind *behind)
{
    CHECK(file->pMethods == &METHODS);
    struct gathered *self = (struct gathered *)file;
    int rc = settle_and_wait(self);
    self->failure = failure_of(self); /* for ever, with `behind` or without */
    self->behind = NULL;
    close_reads(self);
    if (!behind) {
        return SQLITE_OK;
    }
    int flags = self->flags & ~(SQLITE_OPEN_CREATE | SQLITE_OPEN_EXCLUSIVE);
    sqlite3_file *reads = xcalloc(1, (size_t)real_vfs->szOsFile);
    rc = rc ? rc : self->real->pMethods->xFileSize(self->real, &self->size);
    rc = rc ? rc : real_vfs->xOpen(real_vfs, self->name, reads, flags, NULL);
    if (rc) {
        free(reads);
        return rc;
    }
    self->reads = reads;
    self->behind = behind;
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
