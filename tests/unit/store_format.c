/* A store that an older program made becomes ours when it is started, not before, and then older
 * programs see in its header that they can't read it. */
#include "common/alloc.h"
#include "tests/unit/store_help.h"

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

enum { FORMAT_AT = 63 }; /* the last byte of user_version in the header */

static char error[512];
static char *path;

static void
change(const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static int
format_in_the_file(void)
{
    size_t bytes;
    uint8_t *data = help_read(path, &bytes);
    int format = data[FORMAT_AT];
    free(data);
    return format;
}

/* As the first programs left it. */
static int
setup(void **state)
{
    struct found found;
    char *dir = help_dir();
    path = help_path(dir, "baton.db");
    struct store *store = help_start(dir, &found);
    struct store_batch batch = help_batch(1, 5, 100);
    assert_true(help_wait(store, store_submit(store, &batch)));
    store_close(store);
    change(
        "DROP TABLE archive_run; DROP TABLE archive_card; DELETE FROM meta WHERE name='followed';"
        "PRAGMA user_version=1");
    *state = dir;
    return 0;
}

static int
teardown(void **state)
{
    help_remove(*state);
    free(path);
    return 0;
}

static void
test_reading_changes_nothing(void **state)
{
    size_t bytes, bytes_after;
    uint8_t *before = help_read(path, &bytes);
    struct store *store;
    struct found found;
    assert_int_equal(help_load(*state, &store, &found, error, sizeof(error)), STORE_OK);
    assert_int_equal(found.last, 5);
    store_close(store);
    uint8_t *after = help_read(path, &bytes_after);
    assert_int_equal(bytes, bytes_after);
    assert_memory_equal(before, after, bytes);
    free(before);
    free(after);
}

/* In the file itself, whatever becomes of the log, before anything else is written. */
static void
test_start_makes_it_ours(void **state)
{
    assert_int_equal(format_in_the_file(), 1);
    struct found found;
    struct store *store = help_start(*state, &found);
    assert_int_equal(found.last, 5);
    assert_int_equal(format_in_the_file(), 4);
    struct store_batch batch = help_batch(6, 1, 0);
    assert_true(help_wait(store, store_submit(store, &batch)));
    store_close(store);
    store = help_start(*state, &found);
    assert_int_equal(found.last, 6);
    store_close(store);
    /* From now on the row has to be there. */
    change("DELETE FROM meta WHERE name='followed'");
    assert_int_equal(help_load(*state, &store, &found, error, sizeof(error)), STORE_CORRUPT);
    assert_non_null(strstr(error, "'followed' is missing"));
}

/* A backup of an older program is such a store too. */
static void
test_older_backup_is_restored(void **state)
{
    struct found found;
    char *copies = help_dir();
    char *copy = help_path(copies, "baton.db");
    struct store *store = help_start(*state, &found);
    store_backup(store, copy, 1);
    struct store_answer answer = help_answer(store);
    assert_int_equal(answer.status, STORE_OK);
    store_answer_fini(&answer);
    store_close(store);
    char *original = path;
    path = copy;
    change(
        "DROP TABLE archive_run; DROP TABLE archive_card; DELETE FROM meta WHERE name='followed';"
        "PRAGMA user_version=1");
    store = help_start(copies, &found);
    assert_int_equal(found.last, 5);
    assert_int_equal(format_in_the_file(), 4);
    store_close(store);
    path = original;
    free(copy);
    help_remove(copies);
}

/* A store of format 2, whose archive of tasks has grown to where a new one's root would be: it is
 * read as it is, and can archive cards once it is started. */
static void
test_cards_come_with_the_start(void **state)
{
    struct found found;
    struct store *store = help_start(*state, &found);
    struct store_batch batch = help_batch(6, 1, 0);
    for (uint64_t key = 1; key <= 40; key++) {
        help_add_put(&batch, key, 5000);
    }
    assert_true(help_wait(store, store_submit(store, &batch)));
    store_close(store);
    change("DROP TABLE archive_run; DROP TABLE archive_card; PRAGMA user_version=2");
    assert_int_equal(help_load(*state, &store, &found, error, sizeof(error)), STORE_OK);
    store_close(store);
    assert_int_equal(format_in_the_file(), 2);
    for (uint64_t seq = 7; seq < 9; seq++) {
        store = help_start(*state, &found);
        assert_int_equal(found.last, seq - 1);
        assert_int_equal(format_in_the_file(), 4);
        batch = help_batch(seq, 1, 0);
        help_add_put(&batch, seq, 300);
        batch.puts[0].archive = STORE_CARDS;
        assert_true(help_wait(store, store_submit(store, &batch)));
        store_scan_archive(store, STORE_CARDS, 0, 9, 1);
        struct store_answer answer = help_answer(store);
        assert_int_equal(answer.status, STORE_OK);
        assert_int_equal(answer.n_records, seq - 6);
        store_answer_fini(&answer);
        store_close(store);
    }
    /* An older program's tables in a store that says it is newer, and the other way round. */
    change("PRAGMA user_version=2");
    assert_int_equal(help_load(*state, &store, &found, error, sizeof(error)), STORE_CORRUPT);
    change("DROP TABLE archive_card; PRAGMA user_version=4");
    assert_int_equal(help_load(*state, &store, &found, error, sizeof(error)), STORE_CORRUPT);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reading_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_start_makes_it_ours, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cards_come_with_the_start, setup, teardown),
        cmocka_unit_test_setup_teardown(test_older_backup_is_restored, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
