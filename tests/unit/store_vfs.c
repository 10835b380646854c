/* See store_vfs.h. */
#include "tests/unit/store_vfs.h"

#include "common/alloc.h"
#include "common/check.h"
#include "tests/unit/store_help.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum file_kind { FILE_DB, FILE_WAL, FILE_OTHER };
enum record_kind { RECORD_WRITE, RECORD_TRUNCATE, RECORD_SYNC, RECORD_DELETE, RECORD_MARK };
enum { SECTOR = 512 };

static const char *const NAMES[] = {"baton.db", "baton.db-wal"};

struct record {
    enum record_kind kind;
    enum file_kind file;
    uint64_t at; /* offset, new size, or seq */
    uint8_t *data;
    size_t bytes;
};

struct shim_file {
    sqlite3_file base;
    enum file_kind kind;
    sqlite3_file *real; /* behind this struct */
};

static sqlite3_vfs shim;
static sqlite3_vfs *real_vfs;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static uint64_t fail_at, calls, calls_after;
static int fail_code;
static bool recording;
static struct record *records;
static size_t n_records, records_room;

static sqlite3_file *
real_of(sqlite3_file *file)
{
    return ((struct shim_file *)file)->real;
}

/* Counts the call and says whether it is the one that fails; else writes it down. */
static int
enter(sqlite3_file *file, struct record record)
{
    record.file = ((struct shim_file *)file)->kind;
    pthread_mutex_lock(&mutex);
    calls++;
    calls_after += fail_at && calls > fail_at;
    int rc = fail_at && calls == fail_at ? fail_code : SQLITE_OK;
    if (recording && record.file != FILE_OTHER) {
        if (n_records == records_room) {
            records_room = records_room ? 2 * records_room : 256;
            records = xreallocarray(records, records_room, sizeof(*records));
        }
        record.data = record.kind == RECORD_WRITE ? xmemdup(record.data, record.bytes) : NULL;
        records[n_records++] = record;
    }
    pthread_mutex_unlock(&mutex);
    return rc;
}

static int
shim_close(sqlite3_file *file)
{
    return real_of(file)->pMethods->xClose(real_of(file));
}

static int
shim_read(sqlite3_file *file, void *data, int bytes, sqlite3_int64 at)
{
    return real_of(file)->pMethods->xRead(real_of(file), data, bytes, at);
}

static int
shim_write(sqlite3_file *file, const void *data, int bytes, sqlite3_int64 at)
{
    union {
        const void *in;
        uint8_t *out;
    } p = {.in = data};
    struct record record = {
        .kind = RECORD_WRITE, .at = (uint64_t)at, .data = p.out, .bytes = (size_t)bytes};
    int rc = enter(file, record);
    return rc ? rc : real_of(file)->pMethods->xWrite(real_of(file), data, bytes, at);
}

static int
shim_truncate(sqlite3_file *file, sqlite3_int64 bytes)
{
    int rc = enter(file, (struct record){.kind = RECORD_TRUNCATE, .at = (uint64_t)bytes});
    return rc ? rc : real_of(file)->pMethods->xTruncate(real_of(file), bytes);
}

static int
shim_sync(sqlite3_file *file, int flags)
{
    int rc = enter(file, (struct record){.kind = RECORD_SYNC});
    return rc ? rc : real_of(file)->pMethods->xSync(real_of(file), flags);
}

static int
shim_file_size(sqlite3_file *file, sqlite3_int64 *ret_bytes)
{
    return real_of(file)->pMethods->xFileSize(real_of(file), ret_bytes);
}

static int
shim_lock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int
shim_unlock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int
shim_check_reserved_lock(sqlite3_file *file, int *ret)
{
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), ret);
}

static int
shim_file_control(sqlite3_file *file, int op, void *arg)
{
    return real_of(file)->pMethods->xFileControl(real_of(file), op, arg);
}

static int
shim_sector_size(sqlite3_file *file)
{
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int
shim_device_characteristics(sqlite3_file *file)
{
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

/* Version 1: no shared memory, no mmap. A store that needed them would fail here. */
static const sqlite3_io_methods METHODS = {.iVersion = 1,
                                           .xClose = shim_close,
                                           .xRead = shim_read,
                                           .xWrite = shim_write,
                                           .xTruncate = shim_truncate,
                                           .xSync = shim_sync,
                                           .xFileSize = shim_file_size,
                                           .xLock = shim_lock,
                                           .xUnlock = shim_unlock,
                                           .xCheckReservedLock = shim_check_reserved_lock,
                                           .xFileControl = shim_file_control,
                                           .xSectorSize = shim_sector_size,
                                           .xDeviceCharacteristics = shim_device_characteristics};

static enum file_kind
kind_of(const char *path)
{
    const char *name = path ? strrchr(path, '/') : NULL;
    for (size_t i = 0; name && i < ARRAY_LEN(NAMES); i++) {
        if (strcmp(name + 1, NAMES[i]) == 0) {
            return (enum file_kind)i;
        }
    }
    return FILE_OTHER;
}

static int
shim_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags, int *ret_flags)
{
    (void)vfs;
    struct shim_file *self = (struct shim_file *)file;
    self->kind = kind_of(name);
    self->real = (sqlite3_file *)(self + 1);
    int rc = real_vfs->xOpen(real_vfs, name, self->real, flags, ret_flags);
    self->base.pMethods = self->real->pMethods ? &METHODS : NULL;
    return rc;
}

static int
shim_delete(sqlite3_vfs *vfs, const char *name, int sync_dir)
{
    (void)vfs;
    struct shim_file file = {.kind = kind_of(name)};
    int rc = enter(&file.base, (struct record){.kind = RECORD_DELETE});
    return rc ? rc : real_vfs->xDelete(real_vfs, name, sync_dir);
}

void
vfs_install(void)
{
    real_vfs = sqlite3_vfs_find(NULL);
    shim = *real_vfs;
    shim.zName = "shim";
    shim.szOsFile = (int)sizeof(struct shim_file) + real_vfs->szOsFile;
    shim.xOpen = shim_open;
    shim.xDelete = shim_delete;
    CHECK(sqlite3_vfs_register(&shim, 1) == SQLITE_OK);
}

void
vfs_fail_at(uint64_t n, int code)
{
    pthread_mutex_lock(&mutex);
    fail_at = n;
    fail_code = code;
    calls = calls_after = 0;
    pthread_mutex_unlock(&mutex);
}

uint64_t
vfs_calls(void)
{
    pthread_mutex_lock(&mutex);
    uint64_t n = calls;
    pthread_mutex_unlock(&mutex);
    return n;
}

uint64_t
vfs_calls_after(void)
{
    pthread_mutex_lock(&mutex);
    uint64_t n = calls_after;
    pthread_mutex_unlock(&mutex);
    return n;
}

void
vfs_record_begin(void)
{
    pthread_mutex_lock(&mutex);
    recording = true;
    pthread_mutex_unlock(&mutex);
}

void
vfs_record_end(void)
{
    pthread_mutex_lock(&mutex);
    recording = false;
    pthread_mutex_unlock(&mutex);
}

void
vfs_record_free(void)
{
    for (size_t i = 0; i < n_records; i++) {
        free(records[i].data);
    }
    free(records);
    records = NULL;
    n_records = records_room = 0;
}

size_t
vfs_record_length(void)
{
    return n_records;
}

void
vfs_record_mark(uint64_t seq)
{
    struct shim_file file = {.kind = FILE_DB};
    CHECK(enter(&file.base, (struct record){.kind = RECORD_MARK, .at = seq}) == SQLITE_OK);
}

/* ---- what a power failure leaves ---- */

struct content {
    bool is_there;
    uint8_t *data;
    size_t bytes;
};

static void
resize(struct content *content, size_t bytes)
{
    content->data = xrealloc(content->data, bytes);
    if (bytes > content->bytes) {
        memset(content->data + content->bytes, 0, bytes - content->bytes);
    }
    content->bytes = bytes;
}

static void
apply_bytes(struct content *content, uint64_t at, const uint8_t *data, size_t bytes)
{
    content->is_there = true;
    if (content->bytes < at + bytes) {
        resize(content, at + bytes);
    }
    memcpy(content->data + at, data, bytes);
}

static void
apply(struct content *content, const struct record *record)
{
    if (record->kind == RECORD_WRITE) {
        apply_bytes(content, record->at, record->data, record->bytes);
    } else if (record->kind == RECORD_TRUNCATE) {
        resize(content, record->at);
    } else if (record->kind == RECORD_DELETE) {
        resize(content, 0);
        content->is_there = false;
    }
}

/* Some of the sectors that the write touches. */
static void
apply_torn(struct content *content, const struct record *record, struct rng *rng)
{
    size_t done = 0;
    while (done < record->bytes) {
        size_t in_sector = SECTOR - (record->at + done) % SECTOR;
        size_t bytes = MIN(in_sector, record->bytes - done);
        if (rng_below(rng, 2)) {
            apply_bytes(content, record->at + done, record->data + done, bytes);
        }
        done += bytes;
    }
}

static void
apply_unsynced(struct content *content, const struct record *record, struct rng *rng, uint64_t mood)
{
    /* Moods: as it comes; all is lost; all is there. */
    uint64_t luck = mood == 1 ? 0 : mood == 2 ? 1 : rng_below(rng, 3);
    if (luck == 1) {
        apply(content, record);
    } else if (luck == 2 && record->kind == RECORD_WRITE) {
        apply_torn(content, record, rng);
    }
}

static size_t
last_sync(enum file_kind file, size_t before)
{
    for (size_t i = before; i > 0; i--) {
        if (records[i - 1].kind == RECORD_SYNC && records[i - 1].file == file) {
            return i;
        }
    }
    return 0;
}

static void
crash_file(enum file_kind file, const char *from, const char *to, size_t at, struct rng *rng,
           uint64_t mood)
{
    char *source = help_path(from, NAMES[file]);
    char *target = help_path(to, NAMES[file]);
    struct content content = {0};
    content.data = help_read(source, &content.bytes);
    content.is_there = content.data;
    size_t synced = last_sync(file, at);
    for (size_t i = 0; i < at; i++) {
        if (records[i].file != file) {
            continue;
        }
        if (i < synced) {
            apply(&content, &records[i]);
        } else {
            apply_unsynced(&content, &records[i], rng, mood);
        }
    }
    unlink(target);
    if (content.is_there) {
        help_write(target, content.data, content.bytes);
    }
    free(content.data);
    free(source);
    free(target);
}

uint64_t
vfs_crash_image(const char *from, const char *to, size_t at, struct rng *rng)
{
    uint64_t mood = rng_below(rng, 6);
    crash_file(FILE_DB, from, to, at, rng, mood);
    crash_file(FILE_WAL, from, to, at, rng, mood);
    uint64_t mark = 0;
    for (size_t i = 0; i < at; i++) {
        mark = records[i].kind == RECORD_MARK ? records[i].at : mark;
    }
    return mark;
}
