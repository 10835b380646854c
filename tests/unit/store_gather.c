/* The layer that gathers writes against a file that is an array: whatever SQLite may ask in
 * whatever order, it reads what it wrote, and what was synced is in the file. */
#include "broker/store/gather.h"
#include "common/alloc.h"
#include "common/rng.h"
#include "tests/unit/store_help.h"
#include "tests/unit/store_vfs.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 30000, FILE_MAX = 600 << 10, PAGE = 4096 };

static char *dir, *database, *path, *name_and_settings;

struct model {
    sqlite3_file *file;
    struct rng rng;
    uint8_t bytes[FILE_MAX]; /* zero from `size` on */
    size_t size;
    size_t next; /* where the last call ended */
};

/* SQLite's steps: on from the last one, or past the header of a frame, or anywhere. */
static size_t
choose_place(struct model *model, size_t room)
{
    size_t end = FILE_MAX - room;
    uint64_t kind = rng_below(&model->rng, 8);
    size_t at = kind < 4   ? model->next
                : kind < 6 ? model->next + 24
                           : (size_t)rng_below(&model->rng, end);
    return at <= end ? at : 0;
}

static size_t
choose_length(struct model *model)
{
    static const size_t lengths[] = {24, 32, 100, 512, PAGE, PAGE, PAGE, GATHER_BYTES};
    return lengths[rng_below(&model->rng, ARRAY_LEN(lengths))];
}

static void
write_some(struct model *model)
{
    size_t bytes = choose_length(model);
    size_t at = choose_place(model, bytes);
    uint8_t *data = xmalloc(bytes);
    memset(data, (int)rng_below(&model->rng, 256), bytes);
    assert_int_equal(model->file->pMethods->xWrite(model->file, data, (int)bytes, (int64_t)at), 0);
    memset(model->bytes + at, data[0], bytes);
    model->size = MAX(model->size, at + bytes);
    model->next = at + bytes;
    free(data);
}

static void
read_some(struct model *model)
{
    size_t bytes = choose_length(model);
    size_t at = choose_place(model, bytes);
    uint8_t *data = xmalloc(bytes);
    int rc = model->file->pMethods->xRead(model->file, data, (int)bytes, (int64_t)at);
    assert_int_equal(rc, at + bytes <= model->size ? SQLITE_OK : SQLITE_IOERR_SHORT_READ);
    assert_memory_equal(data, model->bytes + at, bytes);
    model->next = at + bytes;
    free(data);
}

static void
truncate_some(struct model *model)
{
    model->size = (size_t)rng_below(&model->rng, model->size + 1);
    memset(model->bytes + model->size, 0, FILE_MAX - model->size);
    assert_int_equal(model->file->pMethods->xTruncate(model->file, (int64_t)model->size), 0);
}

/* These tell others, or the disk, what there is: the file itself has it then. */
static void
show(struct model *model)
{
    const sqlite3_io_methods *methods = model->file->pMethods;
    sqlite3_int64 size = 0;
    uint64_t how = rng_below(&model->rng, 3);
    if (how == 0) {
        assert_int_equal(methods->xSync(model->file, SQLITE_SYNC_NORMAL), 0);
    } else if (how == 1) {
        assert_int_equal(methods->xUnlock(model->file, SQLITE_LOCK_NONE), 0);
    } else {
        assert_int_equal(methods->xFileControl(model->file, SQLITE_FCNTL_SIZE_HINT, &size), 0);
    }
    size_t bytes;
    uint8_t *data = help_read(path, &bytes);
    assert_int_equal(bytes, model->size);
    assert_memory_equal(data, model->bytes, bytes);
    free(data);
    assert_int_equal(methods->xFileSize(model->file, &size), 0);
    assert_int_equal(size, model->size);
}

static sqlite3_file *
open_file(int kind, const char *name)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(gather_vfs());
    assert_non_null(vfs);
    dir = help_dir();
    database = help_path(dir, "file");
    path = help_path(dir, name);
    help_write(database, (const uint8_t *)"", 0); /* a log takes its rights from it */
    sqlite3_file *file = xcalloc(1, (size_t)vfs->szOsFile);
    /* SQLite's own layer looks for settings behind the name, as long as the file is open. */
    name_and_settings = xcalloc(1, strlen(path) + 10);
    memcpy(name_and_settings, path, strlen(path));
    int flags = kind | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    assert_int_equal(vfs->xOpen(vfs, name_and_settings, file, flags, NULL), SQLITE_OK);
    return file;
}

static void
close_file(sqlite3_file *file)
{
    assert_int_equal(file->pMethods->xClose(file), 0);
    free(file);
    free(name_and_settings);
    free(path);
    free(database);
    help_remove(dir);
}

static void
compare(int kind, const char *name)
{
    struct model *model = xcalloc(1, sizeof(*model));
    model->rng.state = (uint64_t)kind;
    model->file = open_file(kind, name);
    for (int i = 0; i < STEPS; i++) {
        uint64_t step = rng_below(&model->rng, 64);
        if (step < 40) {
            write_some(model);
        } else if (step < 62) {
            read_some(model);
        } else if (step < 63) {
            show(model);
        } else if (rng_below(&model->rng, 4) == 0) {
            truncate_some(model);
        }
    }
    show(model);
    close_file(model->file);
    free(model);
}

static void
test_database(void **state)
{
    (void)state;
    compare(SQLITE_OPEN_MAIN_DB, "file");
}

static void
test_log(void **state)
{
    (void)state;
    compare(SQLITE_OPEN_WAL, "file-wal");
}

/* Side by side: one call. Apart: one each, and nothing of what lies between. */
static void
test_calls(void **state)
{
    (void)state;
    static uint8_t data[PAGE];
    sqlite3_file *file = open_file(SQLITE_OPEN_MAIN_DB, "file");
    const sqlite3_io_methods *methods = file->pMethods;
    vfs_fail_at(0, 0);
    for (int64_t i = 0; i < 4; i++) {
        assert_int_equal(methods->xWrite(file, data, PAGE, i * PAGE), SQLITE_OK);
    }
    assert_int_equal(methods->xSync(file, SQLITE_SYNC_NORMAL), SQLITE_OK);
    assert_int_equal(vfs_calls(), 2);
    assert_int_equal(methods->xWrite(file, data, PAGE, 0), SQLITE_OK);
    assert_int_equal(methods->xWrite(file, data, PAGE, (sqlite3_int64)3 * PAGE), SQLITE_OK);
    assert_int_equal(methods->xSync(file, SQLITE_SYNC_NORMAL), SQLITE_OK);
    assert_int_equal(vfs_calls(), 5);
    close_file(file);
}

/* Not one byte of what was gathered before a failure, or comes after it, gets to the disk. */
static void
test_a_failure_is_for_ever(void **state)
{
    (void)state;
    static uint8_t data[PAGE];
    sqlite3_file *file = open_file(SQLITE_OPEN_MAIN_DB, "file");
    const sqlite3_io_methods *methods = file->pMethods;
    sqlite3_int64 size = 0;
    for (int64_t i = 0; i < 3; i++) {
        assert_int_equal(methods->xWrite(file, data, PAGE, i * PAGE), SQLITE_OK);
    }
    vfs_fail_at(1, SQLITE_FULL);
    assert_int_equal(methods->xSync(file, SQLITE_SYNC_NORMAL), SQLITE_FULL);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(methods->xWrite(file, data, PAGE, i * 3 * PAGE), SQLITE_FULL);
        assert_int_equal(methods->xRead(file, data, PAGE, 0), SQLITE_FULL);
        assert_int_equal(methods->xSync(file, SQLITE_SYNC_NORMAL), SQLITE_FULL);
        assert_int_equal(methods->xTruncate(file, 0), SQLITE_FULL);
        assert_int_equal(methods->xFileSize(file, &size), SQLITE_FULL);
    }
    assert_int_equal(vfs_calls(), 1);
    vfs_fail_at(0, 0);
    close_file(file);
}

int
main(void)
{
    vfs_install();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_database),
        cmocka_unit_test(test_log),
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_a_failure_is_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
