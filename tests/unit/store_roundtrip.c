/* What goes in comes out, after a clean end: facts, snapshots, the archive, the store's own
 * numbers. */
#include "common/alloc.h"
#include "tests/unit/store_help.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

static uint64_t
submit(struct store *store, struct store_batch batch)
{
    uint64_t ticket = store_submit(store, &batch);
    assert_null(batch.facts);
    return ticket;
}

static void
test_new_store_is_empty_and_private(void **state)
{
    struct found found;
    struct store *store = help_start(*state, &found);
    assert_int_equal(found.rows, 0);
    assert_int_equal(store_epoch(store), 1);
    assert_int_equal(store_next_seq(store), 1);
    assert_false(store_is_restored(store));
    assert_int_equal(strlen(store_id(store)), 32);
    assert_true(help_wait(store, submit(store, help_batch(1, 1, 0))));
    static const char *const names[] = {"baton.db", "baton.db-wal", "lock"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct stat st;
        char *path = help_path(*state, names[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        free(path);
    }
    char *shm = help_path(*state, "baton.db-shm");
    assert_int_not_equal(access(shm, F_OK), 0);
    free(shm);
    store_close(store);
    char *wal = help_path(*state, "baton.db-wal");
    assert_int_not_equal(access(wal, F_OK), 0);
    free(wal);
}

static void
test_directory_is_made_private(void **state)
{
    char *dir = help_path(*state, "sub");
    struct found found;
    store_close(help_start(dir, &found));
    struct stat st;
    assert_int_equal(stat(dir, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    help_remove(dir);
}

static void
test_facts_come_back(void **state)
{
    struct found found;
    struct store *store = help_start(*state, &found);
    char id[64];
    snprintf(id, sizeof(id), "%s", store_id(store));
    uint64_t seq = 1;
    for (uint32_t i = 0; i < 500; i++) {
        uint32_t n = 1 + i % 7;
        submit(store, help_batch(seq, n, i % 5 == 0 ? 3 * i : 0));
        seq += n;
    }
    assert_int_equal(store_pending(store) + store_durable(store), 500);
    store_close(store); /* waits for all */

    store = help_start(*state, &found);
    assert_int_equal(found.first, 1);
    assert_int_equal(found.last, seq - 1);
    assert_int_equal(found.rows, 500);
    assert_int_equal(store_epoch(store), 2);
    assert_int_equal(store_next_seq(store), seq);
    assert_string_equal(store_id(store), id);
    struct store_stats stats;
    store_get_stats(store, &stats);
    assert_true(stats.journal_bytes >= (seq - 1) * FACT_BYTES);
    store_close(store);
}

static void
test_large_batches(void **state)
{
    struct found found;
    struct store *store = help_start(*state, &found);
    submit(store, help_batch(1, 1000 * 1000, 777)); /* 16 MB */
    submit(store, help_batch(1000 * 1000 + 1, 1, 40 << 20));
    struct store_batch last = help_batch(1000 * 1000 + 2, 2, 0);
    assert_true(store_pending_bytes(store) > 0);
    assert_true(help_wait(store, store_submit(store, &last)));
    assert_int_equal(store_pending_bytes(store), 0);
    store_close(store);
    store_close(help_start(*state, &found));
    assert_int_equal(found.last, 1000 * 1000 + 3);
    assert_int_equal(found.rows, 3);
}

/* The memory of what is durable comes back, a few pieces of it, and none that is large. */
static void
test_memory_comes_back(void **state)
{
    struct found found;
    struct store *store = help_start(*state, &found);
    struct buf spare = store_spare(store);
    assert_null(spare.data);
    uint64_t ticket = 0;
    for (uint64_t seq = 1; seq <= 9; seq++) {
        struct store_batch batch = help_batch(seq, 1, seq == 1 ? 2 << 20 : 0);
        batch.facts_room = seq == 2 ? 0 : batch.facts_bytes; /* the second keeps its own */
        ticket = submit(store, batch);
    }
    assert_true(help_wait(store, ticket));
    size_t n = 0;
    for (;;) {
        spare = store_spare(store);
        if (!spare.data) {
            break;
        }
        assert_int_equal(spare.bytes, 0);
        assert_int_equal(spare.room, FACT_BYTES);
        memset(spare.data, 1, spare.room);
        buf_fini(&spare);
        n++;
    }
    assert_int_equal(n, 4);
    store_close(store);
}

static void
test_snapshot_cuts_what_it_covers(void **state)
{
    struct found found;
    struct store *store = help_start(*state, &found);
    for (uint64_t seq = 1; seq <= 3000; seq += 3) {
        submit(store, help_batch(seq, 3, 500));
    }
    struct store_batch begin = {.snapshot_begin = true};
    help_add_chunk(&begin, 0, 100000);
    struct store_batch end = help_batch(3001, 3, 0);
    help_add_chunk(&end, 1, 50);
    end.snapshot_end = true;
    end.snapshot_seq = 2998; /* in the midst of the row of 2998 to 3000 */
    submit(store, begin);
    assert_true(help_wait(store, submit(store, end)));
    struct store_stats stats;
    store_get_stats(store, &stats);
    assert_int_equal(stats.snapshot_bytes, 100050);
    assert_true(stats.journal_bytes < 2000);
    store_close(store);

    store_close(help_start(*state, &found));
    assert_int_equal(found.chunks, 2);
    assert_int_equal(found.chunk_bytes, 100050);
    assert_int_equal(found.first, 2998);
    assert_int_equal(found.last, 3003);
    assert_int_equal(found.rows, 2);
}

/* Snapshot after snapshot in one store: the file must not grow with their number. */
static void
test_space_is_used_again(void **state)
{
    struct found found;
    struct store *store = help_start(*state, &found);
    uint64_t seq = 1;
    for (int round = 0; round < 60; round++) {
        struct store_batch begin = {.snapshot_begin = true};
        submit(store, begin);
        uint64_t ticket = 0;
        for (uint64_t i = 0; i < 10; i++, seq++) {
            struct store_batch batch = help_batch(seq, 1, 10000);
            help_add_chunk(&batch, i, 30000);
            batch.snapshot_end = i == 9 && round % 3 != 1; /* some are begun again */
            batch.snapshot_seq = seq;
            ticket = submit(store, batch);
        }
        assert_true(help_wait(store, ticket));
    }
    store_close(store);
    struct stat st;
    char *path = help_path(*state, "baton.db");
    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_size < 4 << 20); /* 24 MB went in */
    free(path);
    store = help_start(*state, &found);
    assert_int_equal(found.chunks, 10);
    assert_int_equal(found.rows, 0);
    assert_int_equal(store_next_seq(store), seq);
    store_close(store);
}

static void
expect_record(struct store *store, uint64_t key, size_t n, size_t bytes)
{
    store_read_archive(store, STORE_TASKS, key, key + 1000);
    struct store_answer answer = help_answer(store);
    assert_int_equal(answer.kind, STORE_ANSWER_RECORD);
    assert_int_equal(answer.status, STORE_OK);
    assert_int_equal(answer.cookie, key + 1000);
    assert_int_equal(answer.n_records, n);
    if (n) {
        assert_int_equal(answer.records[0].key, key);
        assert_int_equal(answer.records[0].bytes, bytes);
        assert_true(help_record_is_right(key, answer.records[0].data, bytes));
    }
    store_answer_fini(&answer);
}

static uint64_t
archived(struct store *store)
{
    struct store_stats stats;
    store_get_stats(store, &stats);
    return stats.archived;
}

static void
test_archive(void **state)
{
    struct found found;
    struct store *store = help_start(*state, &found);
    for (uint64_t key = 1; key <= 100; key++) {
        struct store_batch batch = {0};
        help_add_put(&batch, key * 10, key * 100);
        submit(store, batch);
    }
    struct store_batch change = {0};
    help_add_put(&change, 510, 0);
    help_add_put(&change, 511, 0); /* was not there */
    help_add_put(&change, INT64_MAX, 1);
    submit(store, change);
    expect_record(store, 500, 1, 5000);
    expect_record(store, 510, 0, 0);
    expect_record(store, 520, 1, 5200);
    expect_record(store, INT64_MAX, 1, 1);
    assert_int_equal(archived(store), 100);

    store_scan_archive(store, STORE_TASKS, 490, 3, 9);
    struct store_answer answer = help_answer(store);
    assert_int_equal(answer.kind, STORE_ANSWER_SCAN);
    assert_int_equal(answer.n_records, 3);
    assert_int_equal(answer.records[0].key, 500);
    assert_int_equal(answer.records[1].key, 520);
    assert_int_equal(answer.records[2].key, 530);
    store_answer_fini(&answer);
    store_scan_archive(store, STORE_TASKS, INT64_MAX, 3, 9);
    answer = help_answer(store);
    assert_int_equal(answer.n_records, 0);
    store_answer_fini(&answer);
    store_close(store);

    store = help_start(*state, &found);
    assert_int_equal(archived(store), 100);
    expect_record(store, 500, 1, 5000);
    expect_record(store, 510, 0, 0);
    store_close(store);
}

/* Cards have keys of their own, and are not counted as tasks. */
static void
test_two_archives(void **state)
{
    struct found found;
    struct store *store = help_start(*state, &found);
    struct store_batch batch = {0};
    for (uint64_t key = 5; key <= 7; key++) {
        help_add_put(&batch, key, key * 10);
        batch.puts[batch.n_puts - 1].archive = STORE_CARDS;
    }
    help_add_put(&batch, 6, 600);
    submit(store, batch);
    batch = (struct store_batch){0};
    help_add_put(&batch, 7, 0);
    batch.puts[0].archive = STORE_CARDS;
    submit(store, batch);
    for (int life = 0; life < 2; life++) {
        expect_record(store, 6, 1, 600);
        expect_record(store, 5, 0, 0);
        assert_int_equal(archived(store), 1);
        store_scan_archive(store, STORE_CARDS, 0, 9, 1);
        struct store_answer answer = help_answer(store);
        assert_int_equal(answer.n_records, 2);
        assert_int_equal(answer.records[1].key, 6);
        assert_int_equal(answer.records[1].bytes, 60);
        store_answer_fini(&answer);
        store_close(store);
        store = life ? NULL : help_start(*state, &found);
    }
}

static void
test_reads_follow_the_batches_before_them(void **state)
{
    struct found found;
    struct store *store = help_start(*state, &found);
    for (uint64_t key = 1; key <= 200; key++) {
        struct store_batch batch = {0};
        help_add_put(&batch, key, 50);
        submit(store, batch);
        store_read_archive(store, STORE_TASKS, key, key);
    }
    for (uint64_t key = 1; key <= 200; key++) {
        struct store_answer answer = help_answer(store);
        assert_int_equal(answer.cookie, key);
        assert_int_equal(answer.n_records, 1);
        store_answer_fini(&answer);
    }
    store_close(store);
}

static void
test_low_follows_the_reserve(void **state)
{
    struct found found;
    struct store *store = help_start(*state, &found);
    struct store_stats stats;
    store_set_reserve(store, 1);
    store_get_stats(store, &stats);
    assert_true(stats.free_bytes > 1);
    assert_false(stats.low);
    store_set_reserve(store, UINT64_MAX);
    store_get_stats(store, &stats);
    assert_true(stats.low);
    store_close(store);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_new_store_is_empty_and_private, setup, teardown),
        cmocka_unit_test_setup_teardown(test_directory_is_made_private, setup, teardown),
        cmocka_unit_test_setup_teardown(test_facts_come_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_memory_comes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_large_batches, setup, teardown),
        cmocka_unit_test_setup_teardown(test_snapshot_cuts_what_it_covers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_space_is_used_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_archive, setup, teardown),
        cmocka_unit_test_setup_teardown(test_two_archives, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reads_follow_the_batches_before_them, setup, teardown),
        cmocka_unit_test_setup_teardown(test_low_follows_the_reserve, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
