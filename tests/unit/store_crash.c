/* Power failures: from a record of all writes and syncs, states that the disk may be in are made,
 * and each must recover to what was reported durable, or a little more, and nothing else. Then the
 * same for the recovery itself.
 *
 *   store_crash [IMAGES [SEED]] */
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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHUNKS = 3 };

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static uint64_t n_images = 100; /* each is some twenty times slower */
#else
static uint64_t n_images = 800;
#endif
static uint64_t seed = 1;
static char error[512];

static void
copy_store(const char *from, const char *to)
{
    static const char *const names[] = {"baton.db", "baton.db-wal"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char *source = help_path(from, names[i]);
        char *target = help_path(to, names[i]);
        unlink(target);
        help_copy(source, target);
        free(source);
        free(target);
    }
}

/* Facts, records, snapshots that end and some that do not, checkpoints, every now and then a large
 * batch. */
static uint64_t
work(struct store *store, struct rng *rng, int turns)
{
    uint64_t seq = store_next_seq(store);
    uint64_t chunk = CHUNKS;
    for (int i = 0; i < turns; i++) {
        uint64_t ticket = 0;
        for (uint64_t n = 1 + rng_below(rng, 3); n; n--) {
            uint32_t n_facts = 1 + (uint32_t)rng_below(rng, 5);
            size_t pad = rng_below(rng, 8) ? rng_below(rng, 200) : rng_below(rng, 40000);
            struct store_batch batch = help_batch(seq, n_facts, pad);
            seq += n_facts;
            for (uint32_t k = n_facts; k > 0 && rng_below(rng, 2); k--) {
                help_add_put(&batch, seq - k, 1 + rng_below(rng, 500));
            }
            if (!rng_below(rng, 4)) {
                help_add_put(&batch, 1 + rng_below(rng, seq), 0);
            }
            if (!rng_below(rng, 6)) {
                batch.snapshot_begin = true;
                chunk = 0;
            }
            if (chunk < CHUNKS) {
                help_add_chunk(&batch, chunk++, 3000 + rng_below(rng, 5000));
                batch.snapshot_end = chunk == CHUNKS;
                batch.snapshot_seq = seq - 1 - rng_below(rng, 4) % seq;
            }
            ticket = store_submit(store, &batch);
        }
        assert_true(help_wait(store, ticket));
        vfs_record_mark(seq - 1);
    }
    return seq - 1;
}

/* It is in order, whole, and as much as the store says. */
static void
expect_archive(struct store *store)
{
    struct store_stats stats;
    store_get_stats(store, &stats);
    store_scan_archive(store, STORE_TASKS, 0, UINT32_MAX, 1);
    struct store_answer answer = help_answer(store);
    assert_int_equal(answer.status, STORE_OK);
    assert_int_equal(answer.n_records, stats.archived);
    for (size_t i = 0; i < answer.n_records; i++) {
        const struct store_record *record = &answer.records[i];
        assert_true(i == 0 || record->key > answer.records[i - 1].key);
        assert_true(help_record_is_right(record->key, record->data, record->bytes));
    }
    store_answer_fini(&answer);
}

/* The image recovers, goes on, and is then found as it was left. */
static void
expect_recovery(const char *dir, uint64_t durable, uint64_t submitted)
{
    struct store *store;
    struct found found;
    enum store_status status = help_load(dir, &store, &found, error, sizeof(error));
    if (status != STORE_OK) {
        print_error("%s\n", error);
    }
    assert_int_equal(status, STORE_OK);
    assert_false(found.wrong);
    assert_true(found.chunks == 0 || found.chunks == CHUNKS);
    uint64_t next = store_next_seq(store);
    assert_true(next > durable && next <= submitted + 1);
    assert_int_equal(store_start(store, store_epoch(store) + 1, error, sizeof(error)), STORE_OK);
    struct store_batch batch = help_batch(next, 2, 9000);
    assert_true(help_wait(store, store_submit(store, &batch)));
    expect_archive(store);
    store_close(store);
    store_close(help_start(dir, &found));
    assert_int_equal(found.last, next + 1);
}

/* The recovery of the image `base` is recorded and cut in its turn. */
static void
cut_recovery(const char *base, const char *dir, uint64_t durable, uint64_t submitted,
             struct rng *rng)
{
    struct found found;
    copy_store(base, dir);
    vfs_record_begin();
    struct store *store = help_start(dir, &found);
    uint64_t next = store_next_seq(store);
    struct store_batch batch = help_batch(next, 1, 0);
    assert_true(help_wait(store, store_submit(store, &batch)));
    store_close(store);
    vfs_record_end();
    assert_true(next > durable && next <= submitted + 1);
    for (int i = 0; i < 6; i++) {
        (void)vfs_crash_image(base, dir, rng_below(rng, vfs_record_length() + 1), rng);
        expect_recovery(dir, next - 1, next);
    }
}

static void
test_every_state_recovers(void **state)
{
    (void)state;
    struct rng rng = {.state = seed};
    struct found found;
    uint64_t made = 0;
    while (made < n_images) {
        char *live = help_dir();
        char *base = help_dir();
        char *dir = help_dir();
        char *second = help_dir();
        store_close(help_start(live, &found));
        copy_store(live, base);
        struct store *store;
        assert_int_equal(help_load(live, &store, &found, error, sizeof(error)), STORE_OK);
        store_set_wal_bound(store, 20000 + rng_below(&rng, 200000));
        vfs_record_begin();
        assert_int_equal(store_start(store, 2, error, sizeof(error)), STORE_OK);
        uint64_t submitted = work(store, &rng, 60);
        store_close(store);
        vfs_record_end();
        struct image {
            uint64_t durable;
            char *dir;
        } kept[4] = {0};
        size_t n_kept = 0;
        for (int i = 0; i < 60 && made < n_images; i++, made++) {
            size_t at = rng_below(&rng, vfs_record_length() + 1);
            uint64_t durable = vfs_crash_image(base, dir, at, &rng);
            if (n_kept < ARRAY_LEN(kept)) {
                kept[n_kept].durable = durable;
                kept[n_kept].dir = help_dir();
                copy_store(dir, kept[n_kept++].dir);
            }
            expect_recovery(dir, durable, submitted);
        }
        vfs_record_free();
        for (size_t i = 0; i < n_kept; i++) {
            cut_recovery(kept[i].dir, second, kept[i].durable, submitted, &rng);
            vfs_record_free();
            help_remove(kept[i].dir);
        }
        help_remove(live);
        help_remove(base);
        help_remove(dir);
        help_remove(second);
    }
    print_message("%llu images, seed %llu\n", (unsigned long long)made, (unsigned long long)seed);
}

int
main(int argc, char **argv)
{
    n_images = argc > 1 ? strtoull(argv[1], NULL, 10) : n_images;
    seed = argc > 2 ? strtoull(argv[2], NULL, 10) : seed;
    if (access("/dev/shm", W_OK) == 0) {
        setenv("TMPDIR", "/dev/shm", 0); /* syncs cost nothing there, and are not what is tested */
    }
    vfs_install();
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_state_recovers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
