/* The archive of tasks against a plain table in memory: records that come in any order, large ones
 * among them, are deleted in parts, read by key and in order; beside rows that a program of format
 * 3 left. */
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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

enum { KEYS = 30000, OLD_KEYS = 3000, TURNS = 250, LARGE = 40000 };

struct world {
    struct rng rng;
    struct store *store;
    uint32_t bytes[KEYS + 1]; /* of the key's record; 0: not in the archive */
    bool was[KEYS + 1];       /* in it once */
    uint64_t n;
    uint64_t seq;
};

static void
change(const char *dir, const char *sql)
{
    char *path = help_path(dir, "baton.db");
    sqlite3 *db;
    char *message = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK) {
        fail_msg("%s: %s", sql, message);
    }
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    free(path);
}

static int64_t
count(const char *dir, const char *sql)
{
    char *path = help_path(dir, "baton.db");
    sqlite3 *db;
    sqlite3_stmt *row;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &row, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(row), SQLITE_ROW);
    int64_t n = sqlite3_column_int64(row, 0);
    sqlite3_finalize(row);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    free(path);
    return n;
}

static void
commit(struct world *w, struct store_batch *batch)
{
    assert_true(help_wait(w->store, store_submit(w->store, batch)));
}

static void
put(struct world *w, struct store_batch *batch, uint64_t key, size_t bytes)
{
    if (key >= 1 && key <= KEYS && !w->was[key]) {
        w->was[key] = true;
        w->bytes[key] = (uint32_t)bytes;
        w->n++;
        help_add_put(batch, key, bytes);
    }
}

static void
cut(struct world *w, struct store_batch *batch, uint64_t key)
{
    if (key >= 1 && key <= KEYS) {
        w->n -= w->bytes[key] > 0;
        w->bytes[key] = 0;
        help_add_put(batch, key, 0);
    }
}

/* As format 3 had them: the records of the first keys, a row each. */
static void
make_old(struct world *w, const char *dir)
{
    struct found found;
    w->store = help_start(dir, &found);
    struct store_batch batch = {0};
    for (uint64_t key = 1; key <= OLD_KEYS; key++) {
        if (rng_below(&w->rng, 3) > 0) {
            put(w, &batch, key, 1 + rng_below(&w->rng, 300));
        }
    }
    batch.seq = w->seq++;
    batch.n_facts = 1;
    uint8_t *records = xmemdup(batch.records, batch.records_bytes);
    struct store_put *puts = xmemdup(batch.puts, batch.n_puts * sizeof *puts);
    size_t n = batch.n_puts;
    struct store_batch facts = help_batch(batch.seq, 1, 0);
    batch.facts = facts.facts;
    batch.facts_bytes = facts.facts_bytes;
    commit(w, &batch);
    store_close(w->store);
    change(dir, "DROP TABLE archive_run; PRAGMA user_version=3");
    char *path = help_path(dir, "baton.db");
    sqlite3 *db;
    sqlite3_stmt *insert;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "INSERT INTO archive VALUES(?,?,?)", -1, &insert, NULL),
                     SQLITE_OK);
    for (size_t i = 0; i < n; i++) {
        XXH3_state_t state;
        const uint8_t *record = records + puts[i].at;
        XXH3_64bits_reset(&state);
        XXH3_64bits_update(&state, "a", 1);
        XXH3_64bits_update(&state, &puts[i].key, 8);
        XXH3_64bits_update(&state, record, puts[i].bytes);
        sqlite3_bind_int64(insert, 1, (int64_t)puts[i].key);
        sqlite3_bind_int64(insert, 2, (int64_t)XXH3_64bits_digest(&state));
        sqlite3_bind_blob(insert, 3, record, (int)puts[i].bytes, SQLITE_STATIC);
        assert_int_equal(sqlite3_step(insert), SQLITE_DONE);
        sqlite3_reset(insert);
    }
    sqlite3_finalize(insert);
    assert_int_equal(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    free(path);
    free(records);
    free(puts);
}

static void
check_key(struct world *w, uint64_t key)
{
    store_read_archive(w->store, STORE_TASKS, key, key);
    struct store_answer answer = help_answer(w->store);
    assert_int_equal(answer.status, STORE_OK);
    assert_int_equal(answer.n_records, w->bytes[key] > 0);
    if (answer.n_records) {
        assert_int_equal(answer.records[0].key, key);
        assert_int_equal(answer.records[0].bytes, w->bytes[key]);
        assert_true(help_record_is_right(key, answer.records[0].data, w->bytes[key]));
    }
    store_answer_fini(&answer);
}

/* Returns the last key that came, or KEYS when no more can. */
static uint64_t
check_page(struct world *w, uint64_t after, uint32_t limit)
{
    store_scan_archive(w->store, STORE_TASKS, after, limit, after);
    struct store_answer answer = help_answer(w->store);
    assert_int_equal(answer.status, STORE_OK);
    for (size_t i = 0; i < answer.n_records; i++) {
        const struct store_record *record = &answer.records[i];
        for (after++; after <= KEYS && !w->bytes[after]; after++) {
        }
        assert_int_equal(record->key, after);
        assert_int_equal(record->bytes, w->bytes[after]);
        assert_true(help_record_is_right(after, record->data, record->bytes));
    }
    uint64_t next = after + 1;
    while (next <= KEYS && !w->bytes[next]) {
        next++;
    }
    assert_int_equal(answer.has_more, next <= KEYS);
    assert_true(!answer.has_more || answer.n_records > 0);
    store_answer_fini(&answer);
    return next <= KEYS ? after : KEYS;
}

static void
check(struct world *w)
{
    struct store_stats stats;
    store_get_stats(w->store, &stats);
    assert_int_equal(stats.archived, w->n);
    for (int i = 0; i < 20; i++) {
        check_key(w, 1 + rng_below(&w->rng, KEYS));
        check_page(w, rng_below(&w->rng, KEYS), 1 + (uint32_t)rng_below(&w->rng, 300));
    }
}

static void
check_all(struct world *w)
{
    for (uint64_t after = 0; after < KEYS;) {
        after = check_page(w, after, 1 + (uint32_t)rng_below(&w->rng, 500));
    }
    check(w);
}

/* What a turn brings: some that lie near each other, in no order, and strays. */
static void
bring(struct world *w, struct store_batch *batch, uint64_t near)
{
    uint64_t n = rng_below(&w->rng, 300);
    for (uint64_t i = 0; i < n; i++) {
        uint64_t key = near + rng_below(&w->rng, 1500);
        put(w, batch, key, 1 + rng_below(&w->rng, rng_below(&w->rng, 100) ? 400 : LARGE));
    }
    put(w, batch, 1 + rng_below(&w->rng, KEYS), 50);
}

static void
purge(struct world *w, struct store_batch *batch)
{
    uint64_t key = 1 + rng_below(&w->rng, KEYS);
    uint64_t end = key + rng_below(&w->rng, 600);
    uint64_t keeps = 1 + rng_below(&w->rng, 20);
    for (; key < end; key++) {
        if (rng_below(&w->rng, keeps) || keeps == 1) {
            cut(w, batch, key);
        }
    }
}

static void
test_any_order_is_found(void **state)
{
    (void)state;
    struct found found;
    struct world *w = xcalloc(1, sizeof *w);
    char *dir = help_dir();
    w->rng.state = 7;
    w->seq = 1;
    make_old(w, dir);
    w->store = help_start(dir, &found);
    check_all(w);
    for (int turn = 0; turn < TURNS; turn++) {
        struct store_batch batch = {0};
        bring(w, &batch, (uint64_t)turn * (KEYS / TURNS));
        if (turn % 5 == 0) {
            purge(w, &batch);
        }
        if (turn % 3) {
            commit(w, &batch);
        } else {
            store_submit(w->store, &batch); /* with the next, perhaps */
            store_read_archive(w->store, STORE_TASKS, 1, 1);
            struct store_answer answer = help_answer(w->store);
            store_answer_fini(&answer);
        }
        check(w);
        if (turn % 60 == 59) {
            store_close(w->store);
            w->store = help_start(dir, &found);
        }
    }
    check_all(w);
    struct store_batch all = {0};
    for (uint64_t key = KEYS; key >= 1; key--) {
        cut(w, &all, key);
    }
    commit(w, &all);
    check_all(w);
    store_close(w->store);
    assert_int_equal(count(dir, "SELECT (SELECT count(*) FROM archive_run)+count(*) FROM archive"),
                     0);
    help_remove(dir);
    free(w);
}

/* A row for many, none larger than it should be, none over the border of a span. */
static void
test_rows_are_few(void **state)
{
    (void)state;
    struct found found;
    struct world *w = xcalloc(1, sizeof *w);
    char *dir = help_dir();
    w->store = help_start(dir, &found);
    struct store_batch batch = {0};
    for (uint64_t key = 6000; key >= 1000; key--) {
        put(w, &batch, key, 100);
    }
    put(w, &batch, 9000, 2 * LARGE);
    put(w, &batch, 9001, 1);
    commit(w, &batch);
    check_all(w);
    store_close(w->store);
    assert_in_range(count(dir, "SELECT count(*) FROM archive_run"), 16, 20);
    assert_int_equal(count(dir, "SELECT count(*) FROM archive_run WHERE last>first AND "
                                "(length(records)>40000 OR first/4096<>last/4096)"),
                     0);
    assert_int_equal(count(dir, "SELECT count(*) FROM archive_run WHERE length(records)>80000"), 1);
    help_remove(dir);
    free(w);
}

/* An answer has a bound in bytes: one that comes to it is short, and says that it is not the last.
 */
static void
test_large_records_end_a_page_early(void **state)
{
    (void)state;
    enum { N = 40, BYTES = 1 << 20, OF_A_PAGE = 16 };
    struct found found;
    struct world *w = xcalloc(1, sizeof *w);
    char *dir = help_dir();
    w->store = help_start(dir, &found);
    struct store_batch batch = {0};
    for (uint64_t key = 1; key <= N; key++) {
        put(w, &batch, key, BYTES);
    }
    commit(w, &batch);
    assert_int_equal(check_page(w, 0, N), OF_A_PAGE);
    assert_int_equal(check_page(w, OF_A_PAGE, N), 2 * OF_A_PAGE);
    assert_int_equal(check_page(w, N - OF_A_PAGE, N), KEYS);
    assert_int_equal(check_page(w, N - OF_A_PAGE, OF_A_PAGE), KEYS);
    store_close(w->store);
    help_remove(dir);
    free(w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_order_is_found),
        cmocka_unit_test(test_rows_are_few),
        cmocka_unit_test(test_large_records_end_a_page_early),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
