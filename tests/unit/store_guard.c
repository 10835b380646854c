/* Whose store is it? A second broker, a stranger's file, a newer format, a log gone astray: refused
 * with a sentence, and nothing touched. */
#include "common/alloc.h"
#include "tests/unit/store_help.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

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
    help_remove(*state);
    return 0;
}

static enum store_status
try_open(const char *dir)
{
    struct store *store;
    struct found found;
    error[0] = '\0';
    enum store_status status = help_load(dir, &store, &found, error, sizeof(error));
    assert_true((status == STORE_OK) == (store != NULL));
    assert_true((status == STORE_OK) == (error[0] == '\0'));
    store_close(store);
    return status;
}

static void
make_store(const char *dir)
{
    struct found found;
    struct store *store = help_start(dir, &found);
    struct store_batch batch = help_batch(1, 5, 100);
    assert_true(help_wait(store, store_submit(store, &batch)));
    store_close(store);
}

static void
test_second_open_is_refused_with_the_pid(void **state)
{
    struct found found;
    struct store *store = help_start(*state, &found);
    char pid[64];
    snprintf(pid, sizeof(pid), "in use by pid %ld;", (long)getpid());
    for (int i = 0; i < 3; i++) {
        assert_int_equal(try_open(*state), STORE_LOCKED);
        assert_non_null(strstr(error, pid));
    }
    struct store_batch batch = help_batch(1, 1, 0);
    assert_true(help_wait(store, store_submit(store, &batch)));
    store_close(store);
    assert_int_equal(try_open(*state), STORE_OK);
}

/* The lock goes with the process, however that ends. */
static void
test_lock_of_a_dead_process_is_void(void **state)
{
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        struct found found;
        struct store *store = help_start(*state, &found);
        struct store_batch batch = help_batch(1, 3, 0);
        (void)help_wait(store, store_submit(store, &batch));
        CHECK(write(ready[1], "x", 1) == 1);
        for (;;) {
            pause();
        }
    }
    char byte;
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(try_open(*state), STORE_LOCKED);
    char pid[64];
    snprintf(pid, sizeof(pid), "pid %ld;", (long)child);
    assert_non_null(strstr(error, pid));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_int_equal(try_open(*state), STORE_OK);
    close(ready[0]);
    close(ready[1]);
}

/* Writes a file as baton.db, opens, and compares. */
static void
expect_untouched(const char *dir, const uint8_t *data, size_t bytes, enum store_status expected)
{
    char *path = help_path(dir, "baton.db");
    help_write(path, data, bytes);
    assert_int_equal(try_open(dir), expected);
    assert_non_null(strstr(error, "not touched"));
    size_t after_bytes;
    uint8_t *after = help_read(path, &after_bytes);
    assert_int_equal(after_bytes, bytes);
    assert_memory_equal(after, data, bytes);
    static const char *const others[] = {"lock", "baton.db-wal", "baton.db-shm", "baton.db.new"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        char *other = help_path(dir, others[i]);
        assert_int_not_equal(access(other, F_OK), 0);
        free(other);
    }
    free(after);
    free(path);
}

static void
test_foreign_and_newer_are_untouched(void **state)
{
    char *made = help_dir();
    make_store(made);
    char *path = help_path(made, "baton.db");
    size_t bytes;
    uint8_t *data = help_read(path, &bytes);
    assert_true(bytes > 4096);

    expect_untouched(*state, (const uint8_t *)"", 0, STORE_FOREIGN);
    expect_untouched(*state, (const uint8_t *)"hello\n", 6, STORE_FOREIGN);
    data[63]++; /* user_version */
    expect_untouched(*state, data, bytes, STORE_NEWER);
    assert_non_null(strstr(error, "format 5"));
    data[63]--;
    data[68]++; /* application_id */
    expect_untouched(*state, data, bytes, STORE_FOREIGN);
    data[68]--;
    char *here = help_path(*state, "baton.db");
    help_write(here, data, bytes);
    assert_int_equal(try_open(*state), STORE_OK);
    free(here);
    free(data);
    free(path);
    help_remove(made);
}

static void
test_log_without_its_file_is_refused(void **state)
{
    char *wal = help_path(*state, "baton.db-wal");
    help_write(wal, (const uint8_t *)"log", 3);
    assert_int_equal(try_open(*state), STORE_CORRUPT);
    free(wal);
}

/* The copy that `cp baton.db` of a running store makes lacks what only the log has. */
static void
test_file_without_its_log_is_refused(void **state)
{
    char *other = help_dir();
    char *from = help_path(*state, "baton.db");
    char *from_wal = help_path(*state, "baton.db-wal");
    char *to = help_path(other, "baton.db");
    char *to_wal = help_path(other, "baton.db-wal");
    char error_start[512];
    struct store *store;
    struct found found;
    assert_int_equal(help_load(*state, &store, &found, error_start, sizeof(error_start)), STORE_OK);
    store_set_wal_bound(store, 1); /* written back after every commit */
    assert_int_equal(store_start(store, 1, error_start, sizeof(error_start)), STORE_OK);
    struct store_batch batch = help_batch(1, 1, 30000);
    assert_true(help_wait(store, store_submit(store, &batch)));
    store_read_archive(store, STORE_TASKS, 1, 1); /* answered after that */
    struct store_answer answer = help_answer(store);
    store_answer_fini(&answer);
    help_copy(from, to);
    assert_int_equal(try_open(other), STORE_CORRUPT);
    assert_non_null(strstr(error, "-wal is missing"));
    help_copy(from_wal, to_wal);
    assert_int_equal(try_open(other), STORE_OK);
    store_close(store);
    help_remove(other);
    free(from);
    free(from_wal);
    free(to);
    free(to_wal);
}

static void
test_creation_that_was_cut_short_is_made_anew(void **state)
{
    char *left = help_path(*state, "baton.db.new");
    help_write(left, (const uint8_t *)"half", 4);
    assert_int_equal(try_open(*state), STORE_OK);
    assert_int_not_equal(access(left, F_OK), 0);
    free(left);
}

static void
test_a_file_is_no_directory(void **state)
{
    char *file = help_path(*state, "file");
    help_write(file, (const uint8_t *)"x", 1);
    assert_int_equal(try_open(file), STORE_DENIED);
    char *below = help_path(*state, "none/sub");
    assert_int_equal(try_open(below), STORE_DENIED);
    free(below);
    free(file);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_second_open_is_refused_with_the_pid, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lock_of_a_dead_process_is_void, setup, teardown),
        cmocka_unit_test_setup_teardown(test_foreign_and_newer_are_untouched, setup, teardown),
        cmocka_unit_test_setup_teardown(test_log_without_its_file_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_file_without_its_log_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_creation_that_was_cut_short_is_made_anew, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_file_is_no_directory, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
