/* Disks that fail: a write, a sync, room. Nothing is durable after it, nothing is tried again, and
 * the file recovers. */
#include "common/alloc.h"
#include "tests/unit/store_help.h"
#include "tests/unit/store_vfs.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <poll.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

enum { FAILURES = 300, TURNS = 200 };

static char error[512];

static int
setup(void **state)
{
    *state = help_dir();
    return 0;
}

static int
teardown(void **state)
{
    (void)umount(*state); /* of test_full_disk, if it failed in the midst */
    help_remove(*state);
    return 0;
}

static struct store_batch
next_batch(uint64_t seq, int turn)
{
    struct store_batch batch = help_batch(seq, 2, turn % 9 ? 50 : 20000);
    help_add_put(&batch, seq, 200);
    batch.snapshot_begin = turn % 10 == 0;
    help_add_chunk(&batch, (uint64_t)turn % 10, 3000);
    batch.snapshot_end = turn % 10 == 9;
    batch.snapshot_seq = seq;
    return batch;
}

/* Submits until the store fails. Returns the newest fact that was durable. */
static uint64_t
work_until_failure(struct store *store, uint64_t *ret_submitted)
{
    uint64_t durable = 0;
    uint64_t seq = store_next_seq(store);
    for (int turn = 0; turn < TURNS; turn++) {
        struct store_batch batch = next_batch(seq, turn);
        seq += 2;
        if (!help_wait(store, store_submit(store, &batch))) {
            break;
        }
        durable = seq - 1;
    }
    *ret_submitted = seq - 1;
    return durable;
}

/* A failed store stays so: whatever is asked of it. */
static void
expect_failed_for_ever(struct store *store, uint64_t seq, enum store_status expected)
{
    enum store_status status;
    assert_non_null(store_error(store, &status));
    assert_int_equal(status, expected);
    uint64_t durable = store_durable(store);
    for (int i = 0; i < 3; i++) {
        struct store_batch batch = help_batch(seq + (uint64_t)i, 1, 0);
        assert_true(store_submit(store, &batch) > durable);
    }
    store_backup(store, "/tmp/never", 3);
    store_read_archive(store, STORE_TASKS, 1, 4);
    for (int i = 0; i < 2; i++) {
        struct store_answer answer = help_answer(store);
        assert_int_not_equal(answer.status, STORE_OK);
        assert_int_equal(answer.n_records, 0);
        store_answer_fini(&answer);
    }
    assert_int_equal(store_durable(store), durable);
}

/* The n-th call fails, for every n. */
static void
fail_each(int code, enum store_status expected)
{
    for (uint64_t n = 1; n <= FAILURES; n++) {
        char *dir = help_dir();
        struct found found;
        struct store *store;
        uint64_t submitted = 0;
        vfs_fail_at(0, 0);
        assert_int_equal(help_load(dir, &store, &found, error, sizeof(error)), STORE_OK);
        store_set_wal_bound(store, 60000);
        assert_int_equal(store_start(store, 1, error, sizeof(error)), STORE_OK);
        vfs_fail_at(n, code);
        uint64_t durable = work_until_failure(store, &submitted);
        assert_true(vfs_calls() >= n);
        expect_failed_for_ever(store, submitted + 1, expected);
        store_close(store);
        assert_int_equal(vfs_calls_after(), 0);

        vfs_fail_at(0, 0);
        assert_int_equal(help_load(dir, &store, &found, error, sizeof(error)), STORE_OK);
        assert_false(found.wrong);
        assert_true(store_next_seq(store) > durable);
        assert_true(store_next_seq(store) <= submitted + 1);
        store_close(store);
        help_remove(dir);
    }
}

static void
test_write_errors(void **state)
{
    (void)state;
    fail_each(SQLITE_IOERR_WRITE, STORE_IO);
}

static void
test_full_disk_by_code(void **state)
{
    (void)state;
    fail_each(SQLITE_FULL, STORE_FULL);
}

/* Errors at the start: a status and a sentence, and the next try succeeds. */
static void
test_errors_at_the_start(void **state)
{
    (void)state;
    bool through = false;
    for (uint64_t n = 1; !through; n++) {
        char *dir = help_dir();
        struct found found;
        struct store *store;
        vfs_fail_at(n, SQLITE_IOERR_FSYNC);
        error[0] = '\0';
        enum store_status status = help_load(dir, &store, &found, error, sizeof(error));
        if (status == STORE_OK) {
            status = store_start(store, 1, error, sizeof(error));
            through = status == STORE_OK && vfs_calls() < n;
            store_close(store);
        }
        if (!through) {
            assert_int_equal(status, STORE_IO);
            assert_true(error[0]);
            assert_true(n < 100);
        }
        vfs_fail_at(0, 0);
        store_close(help_start(dir, &found));
        help_remove(dir);
    }
}

/* A real file system without room. */
static void
test_full_disk(void **state)
{
    if (mount("tmpfs", *state, "tmpfs", 0, "size=4m") != 0) {
        print_message("SKIPPED test_full_disk: no tmpfs can be mounted here: %s\n",
                      strerror(errno));
        skip();
    }
    struct found found;
    struct store *store = help_start(*state, &found);
    struct store_stats stats;
    store_set_reserve(store, 1 << 20);
    store_get_stats(store, &stats);
    assert_false(stats.low);
    uint64_t seq = 1;
    uint64_t durable = 0;
    for (;;) {
        struct store_batch batch = help_batch(seq++, 1, 50000);
        if (!help_wait(store, store_submit(store, &batch))) {
            break;
        }
        durable = seq - 1;
        assert_true(seq < 200);
    }
    assert_true(durable > 10);
    expect_failed_for_ever(store, seq, STORE_FULL);
    store_close(store);
    char *full_dir = help_path(*state, "other");
    enum store_status status = store_open(full_dir, &store, error, sizeof(error));
    assert_int_equal(status, STORE_FULL);
    static const char *const names[] = {"lock", "baton.db.new", "baton.db.new-journal"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char *path = help_path(full_dir, names[i]);
        unlink(path);
        free(path);
    }
    rmdir(full_dir);
    free(full_dir);

    assert_int_equal(mount("tmpfs", *state, "tmpfs", MS_REMOUNT, "size=16m"), 0);
    store = help_start(*state, &found);
    assert_true(found.last >= durable && found.last < seq);
    struct store_batch batch = help_batch(store_next_seq(store), 1, 50000);
    assert_true(help_wait(store, store_submit(store, &batch)));
    store_close(store);
    assert_int_equal(umount(*state), 0);
}

int
main(void)
{
    if (access("/dev/shm", W_OK) == 0) {
        setenv("TMPDIR", "/dev/shm", 0);
    }
    vfs_install();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_write_errors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_disk_by_code, setup, teardown),
        cmocka_unit_test_setup_teardown(test_errors_at_the_start, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_disk, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
