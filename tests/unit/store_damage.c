/* Flipped bytes: either the store says so, or what it gives back is right. The damaged file is left
 * as it is. */
#include "common/alloc.h"
#include "common/rng.h"
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
#include <unistd.h>

enum { SAMPLES = 1000, KEYS = 20 };

/* A store as a process left it: its bytes, and what must be found in it. */
struct image {
    uint8_t *db;
    size_t db_bytes;
    uint8_t *wal; /* NULL: ended well */
    size_t wal_bytes;
    struct found found;
    uint64_t durable_before; /* last fact of the last but two commits */
};

static char error[512];

static void
put_image(const struct image *image, const char *dir)
{
    char *db = help_path(dir, "baton.db");
    char *wal = help_path(dir, "baton.db-wal");
    help_write(db, image->db, image->db_bytes);
    unlink(wal);
    if (image->wal) {
        help_write(wal, image->wal, image->wal_bytes);
    }
    free(db);
    free(wal);
}

static void
fill_store(struct store *store, struct image *image)
{
    uint64_t seq = 1;
    uint64_t ticket = 0;
    for (uint64_t i = 0; i < 40; i++) {
        image->durable_before = seq > 3 ? seq - 4 : 0;
        struct store_batch batch = help_batch(seq, 3, i % 4 == 0 ? 5000 : 20);
        seq += 3;
        if (i < KEYS) {
            help_add_put(&batch, i + 1, 40 + 300 * (i % 5));
        }
        batch.snapshot_begin = i == 10;
        if (i == 10 || i == 11) {
            help_add_chunk(&batch, i - 10, 6000);
        }
        batch.snapshot_end = i == 11;
        batch.snapshot_seq = 20;
        ticket = store_submit(store, &batch);
        assert_true(help_wait(store, ticket));
    }
}

/* `ended`: all is in the file; else most is in the log. */
static struct image
make_image(bool ended)
{
    struct image image = {0};
    char *dir = help_dir();
    struct store *store;
    assert_int_equal(help_load(dir, &store, &image.found, error, sizeof(error)), STORE_OK);
    store_set_wal_bound(store, 1 << 20); /* all stays in the log */
    assert_int_equal(store_start(store, 1, error, sizeof(error)), STORE_OK);
    fill_store(store, &image);
    if (ended) {
        store_close(store);
    }
    char *db = help_path(dir, "baton.db");
    char *wal = help_path(dir, "baton.db-wal");
    image.db = help_read(db, &image.db_bytes);
    image.wal = help_read(wal, &image.wal_bytes);
    while (image.wal && image.wal[image.wal_bytes - 1] == 0) {
        image.wal_bytes--; /* room that the log has not used yet */
    }
    assert_true((image.wal == NULL) == ended);
    if (!ended) {
        store_close(store);
    }
    help_remove(dir);
    dir = help_dir();
    put_image(&image, dir);
    assert_int_equal(help_load(dir, &store, &image.found, error, sizeof(error)), STORE_OK);
    assert_int_equal(image.found.last, 120);
    assert_int_equal(image.found.chunks, 2);
    store_close(store);
    help_remove(dir);
    free(db);
    free(wal);
    return image;
}

static void
free_image(struct image *image)
{
    free(image->db);
    free(image->wal);
}

static void
expect_archive(struct store *store)
{
    for (uint64_t key = 1; key <= KEYS; key++) {
        store_read_archive(store, STORE_TASKS, key, key);
        struct store_answer answer = help_answer(store);
        if (answer.status == STORE_OK) {
            assert_int_equal(answer.n_records, 1);
            assert_true(help_record_is_right(key, answer.records[0].data, answer.records[0].bytes));
        }
        store_answer_fini(&answer);
    }
}

static bool
is_same(const uint8_t *data, size_t bytes, const char *dir, const char *name)
{
    char *path = help_path(dir, name);
    size_t now_bytes = 0;
    uint8_t *now = help_read(path, &now_bytes);
    bool same = now && now_bytes == bytes && memcmp(now, data, bytes) == 0;
    free(now);
    free(path);
    return same;
}

/* Opens what is in `dir`. True: refused. `lost`: the newest two commits may be missing
 * (docs/store.md says when), as after a crash. */
static bool
survey(const struct image *image, const char *dir, bool lost)
{
    struct store *store;
    struct found found;
    enum store_status status = help_load(dir, &store, &found, error, sizeof(error));
    assert_false(found.wrong);
    if (status != STORE_OK) {
        assert_null(store);
        assert_true(status == STORE_CORRUPT || status == STORE_FOREIGN || status == STORE_NEWER);
        assert_true(is_same(image->db, image->db_bytes, dir, "baton.db"));
        assert_true(!image->wal || is_same(image->wal, image->wal_bytes, dir, "baton.db-wal"));
        return true;
    }
    assert_int_equal(found.chunks, image->found.chunks);
    assert_int_equal(found.chunk_bytes, image->found.chunk_bytes);
    assert_int_equal(found.first, image->found.first);
    assert_true(found.last == image->found.last || (lost && found.last >= image->durable_before));
    /* And it can be gone on with. */
    assert_int_equal(store_start(store, store_epoch(store) + 1, error, sizeof(error)), STORE_OK);
    expect_archive(store);
    struct store_batch batch = help_batch(found.last + 1, 10, 30000);
    if (!help_wait(store, store_submit(store, &batch))) {
        print_message("not refused, then failed: %s\n", store_error(store, NULL));
    }
    store_close(store);
    return false;
}

/* Flips one bit at a time in `data`, which is the image's file or its log. */
static size_t
flip_all(struct image *image, uint8_t *data, size_t bytes, bool lost)
{
    struct rng rng = {.state = bytes};
    size_t refused = 0;
    char *dir = help_dir();
    for (size_t i = 0; i < SAMPLES; i++) {
        /* Headers more densely than the rest. */
        size_t at = i < 200 && i < bytes ? i : rng_below(&rng, bytes);
        uint8_t flip = (uint8_t)(1u << rng_below(&rng, 8));
        data[at] ^= flip;
        put_image(image, dir);
        refused += survey(image, dir, lost);
        data[at] ^= flip;
    }
    help_remove(dir);
    return refused;
}

static void
test_flips_in_the_file(void **state)
{
    (void)state;
    struct image image = make_image(true);
    size_t refused = flip_all(&image, image.db, image.db_bytes, false);
    print_message("%zu of %d flips in the file were refused\n", refused, SAMPLES);
    assert_true(refused > SAMPLES / 3);
    free_image(&image);
}

static void
test_flips_in_the_log(void **state)
{
    (void)state;
    struct image image = make_image(false);
    size_t refused = flip_all(&image, image.wal, image.wal_bytes, true);
    print_message("%zu of %d flips in the log were refused\n", refused, SAMPLES);
    assert_true(refused > SAMPLES / 3);
    free_image(&image);
}

static void
test_cut_files(void **state)
{
    (void)state;
    struct image image = make_image(true);
    size_t whole = image.db_bytes;
    char *dir = help_dir();
    for (size_t i = 0; i < 50; i++) {
        image.db_bytes = whole * i / 50;
        put_image(&image, dir);
        assert_true(survey(&image, dir, false));
    }
    help_remove(dir);
    free_image(&image);
}

static void
test_zeroed_pages(void **state)
{
    (void)state;
    struct image image = make_image(true);
    char *dir = help_dir();
    size_t refused = 0;
    for (size_t at = 0; at < image.db_bytes; at += 4096) {
        uint8_t *page = xmemdup(image.db + at, 4096);
        memset(image.db + at, 0, 4096);
        put_image(&image, dir);
        refused += survey(&image, dir, false);
        memcpy(image.db + at, page, 4096);
        free(page);
    }
    print_message("%zu of %zu zeroed pages were refused\n", refused, image.db_bytes / 4096);
    assert_true(refused > image.db_bytes / 4096 / 2);
    help_remove(dir);
    free_image(&image);
}

/* Rows that are whole in SQLite's eyes and wrong in ours. */
static void
test_rows_that_do_not_fit(void **state)
{
    (void)state;
    static const struct {
        const char *sql;
        const char *expected;
    } cases[] = {
        {"DELETE FROM journal WHERE seq=61", "facts 61 to 63 are missing"},
        {"DELETE FROM journal WHERE seq<=21", "facts 21 to 21 are missing"},
        {"DELETE FROM journal WHERE seq=19", "facts 21 to 21 are missing"},
        {"UPDATE journal SET epoch=0 WHERE seq=61", "journal row 61 does not match"},
        {"UPDATE journal SET n=4 WHERE seq=61", "journal row 61 does not match"},
        {"UPDATE journal SET n=0 WHERE seq=61", "journal row 61 does not match"},
        {"UPDATE journal SET n=-1 WHERE seq=61", "journal row 61 does not match"},
        {"UPDATE journal SET seq=62 WHERE seq=61", "journal row 62 does not match"},
        {"UPDATE journal SET crc=crc+1 WHERE seq=118", "journal row 118 does not match"},
        {"UPDATE journal SET facts=zeroblob(0) WHERE seq=61", "journal row 61 does not match"},
        {"DELETE FROM journal WHERE seq=61; INSERT INTO jump VALUES(64,60,0)",
         "facts 61 to 63 are missing"},
        {"DELETE FROM snapshot WHERE id&1=0", "chunk 0 of snapshot 1 is missing"},
        {"DELETE FROM snapshot WHERE id&1=1", "snapshot 1 has 1 chunks instead of 2"},
        {"UPDATE snapshot SET data=zeroblob(5)", "chunk 0 of snapshot 1 does not match"},
        {"UPDATE snapshot SET crc=0 WHERE id&1=1", "chunk 1 of snapshot 1 does not match"},
        {"UPDATE meta SET value='7' WHERE name='epoch'", "meta row 'epoch' is wrong"},
        {"DELETE FROM meta WHERE name='snapshot_gen'", "meta row 'snapshot_gen' is missing"},
        {"UPDATE meta SET name='x' WHERE name='archived'", "meta row 'archived' is missing"},
        {"DELETE FROM meta WHERE name='followed'", "meta row 'followed' is missing"},
        {"UPDATE meta SET value='9' WHERE name='followed'; DROP TABLE archive_run; DROP TABLE "
         "archive_card; PRAGMA user_version=1",
         "meta row 'followed' is wrong"},
        {"CREATE TABLE more(x)", "its tables are not those"},
        {"CREATE TRIGGER t AFTER INSERT ON journal BEGIN DELETE FROM archive; END",
         "its tables are not those"},
        {"DROP TABLE archive_card", "its tables are not those of format 4"},
        {"DROP TABLE archive_run", "its tables are not those of format 4"},
        {"ALTER TABLE archive_run RENAME TO archive_runs", "its tables are not those"},
        {"DROP TABLE archive_card; CREATE TABLE archive_card(key INTEGER PRIMARY KEY, crc, record)",
         "its tables are not those"},
        {"DROP TABLE jump", "its tables are not those"},
    };
    struct image image = make_image(true);
    char *dir = help_dir();
    char *path = help_path(dir, "baton.db");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        put_image(&image, dir);
        sqlite3 *db;
        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, cases[i].sql, NULL, NULL, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_close(db), SQLITE_OK);
        struct store *store;
        struct found found;
        assert_int_equal(help_load(dir, &store, &found, error, sizeof(error)), STORE_CORRUPT);
        if (!strstr(error, cases[i].expected) || !strstr(error, path) ||
            !strstr(error, "restore a backup")) {
            fail_msg("%s: %s", cases[i].sql, error);
        }
    }
    free(path);
    help_remove(dir);
    free_image(&image);
}

/* Records of the archive are checked when they are read; the store goes on. */
static void
test_archived_records_that_rotted(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "UPDATE archive_run SET records=zeroblob(9) WHERE first=5",
        "UPDATE archive_run SET crc=crc+1 WHERE first=5",
        "UPDATE archive_run SET last=6 WHERE first=5",
        "INSERT INTO archive SELECT first,crc,records FROM archive_run WHERE first=5; "
        "DELETE FROM archive_run WHERE first=5",
    };
    struct image image = make_image(true);
    char *dir = help_dir();
    char *path = help_path(dir, "baton.db");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        put_image(&image, dir);
        sqlite3 *db;
        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, cases[i], NULL, NULL, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_close(db), SQLITE_OK);
        struct found found;
        struct store *store = help_start(dir, &found);
        store_read_archive(store, STORE_TASKS, 5, 5);
        store_scan_archive(store, STORE_TASKS, 2, 9, 2);
        for (int k = 0; k < 2; k++) {
            struct store_answer answer = help_answer(store);
            assert_int_equal(answer.status, STORE_CORRUPT);
            assert_int_equal(answer.n_records, 0);
            if (!strstr(answer.error, "archived record") || !strstr(answer.error, "not match")) {
                fail_msg("%s: %s", cases[i], answer.error);
            }
        }
        store_read_archive(store, STORE_TASKS, 4, 4);
        struct store_answer answer = help_answer(store);
        assert_int_equal(answer.status, STORE_OK);
        assert_int_equal(answer.n_records, 1);
        store_answer_fini(&answer);
        assert_null(store_error(store, NULL));
        store_close(store);
    }
    free(path);
    help_remove(dir);
    free_image(&image);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flips_in_the_file),
        cmocka_unit_test(test_flips_in_the_log),
        cmocka_unit_test(test_cut_files),
        cmocka_unit_test(test_zeroed_pages),
        cmocka_unit_test(test_rows_that_do_not_fit),
        cmocka_unit_test(test_archived_records_that_rotted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
