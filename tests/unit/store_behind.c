/* What is written behind the back of SQLite's thread: nothing is told before it is durable, though
 * the next transaction has begun; nothing goes to the disk behind what failed; what waits is
 * bounded. The disk is held in the midst of a call, so that all of it waits for sure. */
#include "broker/store/gather.h"
#include "broker/store/private.h"
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
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LARGE = 200 << 10, PAGE = 4096, TOTAL = 4 * BEHIND_BYTES_MAX };

static int
setup(void **state)
{
    *state = help_dir();
    vfs_fail_at(0, 0);
    return 0;
}

static int
teardown(void **state)
{
    help_remove(*state);
    return 0;
}

/* A store whose first batch is in SQLite's hands, and its sync is not done. */
static struct store *
start_held(const char *dir, uint64_t *ret_ticket)
{
    struct found found;
    char error[512];
    struct store *store;
    assert_int_equal(help_load(dir, &store, &found, error, sizeof(error)), STORE_OK);
    tail_begin(store, 1 << 30);
    assert_int_equal(store_start(store, 1, error, sizeof(error)), STORE_OK);
    vfs_hold(VFS_SYNC);
    struct store_batch batch = help_batch(1, 2, LARGE);
    help_add_put(&batch, 1, 200);
    *ret_ticket = store_submit(store, &batch);
    vfs_wait_held();
    return store;
}

/* The storage thread does nothing more before the disk has gone on. */
static void
wait_until_it_waits(struct store *store)
{
    while (!behind_is_waited_for(store->behind)) {
        sched_yield();
    }
}

static uint64_t
taken(struct store *store)
{
    pthread_mutex_lock(&store->mutex);
    uint64_t ticket = store->taken;
    pthread_mutex_unlock(&store->mutex);
    return ticket;
}

static void
test_a_commit_is_told_behind_its_sync(void **state)
{
    uint64_t ticket;
    struct store *store = start_held(*state, &ticket);
    struct store_batch batch = help_batch(3, 1, 0);
    uint64_t next = store_submit(store, &batch);
    while (taken(store) < next) {
        sched_yield();
    }
    wait_until_it_waits(store);
    struct store_stats stats;
    store_get_stats(store, &stats);
    assert_int_equal(store_durable(store), 0);
    assert_int_equal(store_pending(store), 2);
    assert_int_equal(stats.commits, 0);
    assert_int_equal(tail_newest(store), 0);
    batch = help_batch(4, 1, 0);
    store_submit(store, &batch);
    assert_int_equal(taken(store), next); /* two under way, and no more */

    vfs_let_go(0);
    assert_true(help_wait(store, next + 1));
    store_get_stats(store, &stats);
    assert_int_equal(stats.commits, 3);
    assert_int_equal(tail_newest(store), 4);
    store_close(store);
}

/* Whatever the asked thread could say of the first batch. */
static void
ask(struct store *store, const char *dir, int what)
{
    struct tail_page page;
    if (what == 0) {
        store_read_archive(store, STORE_TASKS, 1, 7);
    } else if (what == 1) {
        char *path = help_path(dir, "copy");
        store_backup(store, path, 7);
        free(path);
    } else {
        assert_int_equal(tail_records(store, STORE_TASKS, 0, &page), TAIL_LATER);
    }
}

static bool
is_answered(struct store *store, int what, struct store_answer *ret_answer)
{
    struct tail_page page;
    if (what < 2) {
        return store_next_answer(store, ret_answer);
    }
    if (tail_records(store, STORE_TASKS, 0, &page) == TAIL_LATER) {
        return false;
    }
    assert_int_equal(page.n, 1);
    tail_page_fini(&page);
    return true;
}

static void
test_answers_are_of_what_is_durable(void **state)
{
    for (int what = 0; what < 3; what++) {
        char *dir = help_dir();
        uint64_t ticket;
        struct store *store = start_held(dir, &ticket);
        struct store_answer answer = {0};
        ask(store, dir, what);
        while (!behind_is_waited_for(store->behind)) {
            assert_false(is_answered(store, what, &answer));
            sched_yield();
        }
        assert_false(is_answered(store, what, &answer));
        vfs_let_go(0);
        while (!is_answered(store, what, &answer)) {
            assert_true(help_wait(store, ticket));
            sched_yield();
        }
        assert_int_equal(answer.status, STORE_OK);
        assert_int_equal(store_durable(store), ticket);
        store_answer_fini(&answer);
        store_close(store);
        help_remove(dir);
    }
    (void)state;
}

/* The sync of the first commit fails while the second one waits behind it. */
static void
test_nothing_goes_behind_a_failure(void **state)
{
    uint64_t ticket;
    enum store_status status;
    struct store *store = start_held(*state, &ticket);
    struct store_batch batch = help_batch(3, 2, LARGE);
    uint64_t next = store_submit(store, &batch);
    while (taken(store) < next) {
        sched_yield();
    }
    wait_until_it_waits(store);
    errno = 0;
    vfs_let_go(SQLITE_IOERR_FSYNC);
    assert_false(help_wait(store, next));
    assert_non_null(store_error(store, &status));
    assert_int_equal(status, STORE_IO);
    assert_int_equal(store_durable(store), 0);
    store_read_archive(store, STORE_TASKS, 1, 7);
    struct store_answer answer = help_answer(store);
    assert_int_equal(answer.status, STORE_IO);
    store_answer_fini(&answer);
    assert_int_equal(tail_newest(store), 0);
    store_close(store);
    assert_int_equal(vfs_calls_after(), 0);

    vfs_fail_at(0, 0);
    struct found found;
    store_close(help_start(*state, &found));
    assert_false(found.wrong);
    assert_true(found.last <= 2);
}

/* ---- one file, without a store ---- */

struct filling {
    sqlite3_file *file;
    atomic_size_t accepted;
};

static void *
fill(void *arg)
{
    struct filling *filling = arg;
    static uint8_t data[PAGE];
    for (size_t at = 0; at < TOTAL; at += PAGE) {
        memset(data, (int)(at / PAGE) & 0xff, PAGE);
        CHECK(filling->file->pMethods->xWrite(filling->file, data, PAGE, (int64_t)at) == SQLITE_OK);
        filling->accepted += PAGE;
    }
    return NULL;
}

static void
never(void *context, int rc, int err)
{
    (void)context;
    print_error("%d: %s\n", rc, strerror(err));
    abort();
}

static void
test_what_waits_is_bounded(void **state)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(gather_vfs());
    struct filling filling = {.file = xcalloc(1, (size_t)vfs->szOsFile)};
    char *path = help_path(*state, "baton.db");
    char *name = xcalloc(1, strlen(path) + 10); /* SQLite's own layer looks behind its end */
    memcpy(name, path, strlen(path));
    int flags = SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    assert_int_equal(vfs->xOpen(vfs, name, filling.file, flags, NULL), SQLITE_OK);
    struct behind *behind = behind_begin(never, NULL);
    assert_non_null(behind);
    assert_int_equal(gather_set_behind(filling.file, behind), SQLITE_OK);

    pthread_t thread;
    vfs_hold(VFS_WRITE);
    assert_int_equal(pthread_create(&thread, NULL, fill, &filling), 0);
    vfs_wait_held();
    while (!behind_is_waited_for(behind) && filling.accepted < TOTAL) {
        sched_yield();
    }
    assert_true(filling.accepted > BEHIND_BYTES_MAX / 2);
    assert_true(filling.accepted <= BEHIND_BYTES_MAX + 2 * GATHER_BYTES);
    vfs_let_go(0);
    pthread_join(thread, NULL);

    assert_int_equal(gather_set_behind(filling.file, NULL), SQLITE_OK);
    behind_end(behind);
    size_t bytes;
    uint8_t *data = help_read(path, &bytes);
    assert_int_equal(bytes, TOTAL);
    for (size_t at = 0; at < TOTAL; at++) {
        assert_int_equal(data[at], (at / PAGE) & 0xff);
    }
    free(data);
    assert_int_equal(filling.file->pMethods->xClose(filling.file), SQLITE_OK);
    free(filling.file);
    free(name);
    free(path);
}

int
main(void)
{
    vfs_install();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_commit_is_told_behind_its_sync, setup, teardown),
        cmocka_unit_test_setup_teardown(test_answers_are_of_what_is_durable, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nothing_goes_behind_a_failure, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_waits_is_bounded, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
