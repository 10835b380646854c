/* A load reads ahead of the one who takes: in order, within its bound, and whoever of the two finds
 * what makes no sense, the sentence names that piece and nothing behind it is taken. The b-trees
 * are checked at the same time, and what is found there comes before all else. */
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
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_CHUNKS = 30, N_ROWS = 40, N_PIECES = N_CHUNKS + N_ROWS, BIG = 5 << 20 };

/* Pieces count from 0, chunks first. Rooms are made and read into without a context. */
static struct {
    int refuse_read, refuse_take; /* -1: none */
    int n_read, n_taken, n_whole;
    bool is_overwritten; /* said here, since an assertion is of the test's own thread */
    _Atomic int n_rooms, n_full, n_full_max;
} load;

struct room {
    int piece;
    bool is_full;
    struct buf bytes;
};

static void *
room_new(void *context)
{
    (void)context;
    load.n_rooms++;
    return xcalloc(1, sizeof(struct room));
}

static uint8_t *
room_bytes(void *room, size_t bytes)
{
    return buf_reserve(&((struct room *)room)->bytes, bytes);
}

static void
room_free(void *room)
{
    load.n_rooms--;
    buf_fini(&((struct room *)room)->bytes);
    free(room);
}

static bool
read_piece(struct room *room)
{
    if (load.n_read == load.refuse_read) {
        return false;
    }
    load.is_overwritten |= room->is_full;
    room->is_full = true;
    room->piece = load.n_read++;
    int n = ++load.n_full;
    load.n_full_max = n > load.n_full_max ? n : load.n_full_max;
    return true;
}

static bool
read_chunk(void *room, const uint8_t *data, size_t bytes)
{
    return data && bytes > 0 && read_piece(room);
}

static bool
read_facts(void *room, uint32_t n, const uint8_t *facts, size_t bytes)
{
    return n > 0 && read_chunk(room, facts, bytes);
}

static bool
take_piece(struct room *room)
{
    assert_true(room->is_full);
    assert_int_equal(room->piece, load.n_taken);
    room->is_full = false;
    load.n_full--;
    return load.n_taken++ != load.refuse_take;
}

static bool
take_chunk(void *context, void *room)
{
    (void)context;
    return take_piece(room);
}

static bool
take_batch(void *context, uint64_t seq, uint32_t n, void *room)
{
    (void)context;
    assert_int_equal(seq, load.n_taken - N_CHUNKS + 2);
    assert_int_equal(n, 1);
    return take_piece(room);
}

static void
take_whole(void *context)
{
    (void)context;
    assert_int_equal(load.n_taken, N_PIECES);
    load.n_whole++;
}

static int
setup(void **state)
{
    *state = help_dir();
    struct found found;
    struct store *store = help_start(*state, &found);
    struct store_batch batch = help_batch(1, 1, 0);
    batch.snapshot_begin = batch.snapshot_end = true;
    batch.snapshot_seq = 1;
    for (uint64_t i = 0; i < N_CHUNKS; i++) {
        help_add_chunk(&batch, i, i == 3 ? BIG : 1000);
    }
    uint64_t ticket = store_submit(store, &batch);
    for (uint64_t seq = 2; seq < 2 + N_ROWS; seq++) {
        struct store_batch row = help_batch(seq, 1, 0);
        ticket = store_submit(store, &row);
    }
    assert_true(help_wait(store, ticket));
    store_close(store);
    return 0;
}

static int
teardown(void **state)
{
    help_remove(*state);
    return 0;
}

static enum store_status
load_refusing(const char *dir, int read, int take, char *error, size_t error_room)
{
    load.refuse_read = read;
    load.refuse_take = take;
    load.n_read = load.n_taken = load.n_whole = 0;
    load.n_full = load.n_full_max = 0;
    struct store_loader loader = {.room_new = room_new,
                                  .room_free = room_free,
                                  .room_bytes = room_bytes,
                                  .read_chunk = read_chunk,
                                  .read_facts = read_facts,
                                  .chunk = take_chunk,
                                  .batch = take_batch,
                                  .whole = take_whole};
    struct store *store;
    assert_int_equal(store_open(dir, &store, error, error_room), STORE_OK);
    enum store_status status = store_load(store, &loader, error, error_room);
    store_close(store);
    assert_int_equal(load.n_rooms, 0);
    return status;
}

static void
test_all_is_taken_in_order(void **state)
{
    char error[512] = "";
    assert_int_equal(load_refusing(*state, -1, -1, error, sizeof(error)), STORE_OK);
    assert_int_equal(load.n_read, N_PIECES);
    assert_int_equal(load.n_taken, N_PIECES);
    assert_int_equal(load.n_full, 0);
    assert_int_equal(load.n_whole, 1);
    assert_true(load.n_full_max <= 8);
    assert_false(load.is_overwritten);
}

/* Each by the one who reads and by the one who takes. */
static void
test_refusal_names_its_piece(void **state)
{
    static const int pieces[] = {0, 3, 4, N_CHUNKS - 1, N_CHUNKS, N_CHUNKS + 20, N_PIECES - 1};
    for (size_t i = 0; i < 2 * ARRAY_LEN(pieces); i++) {
        int piece = pieces[i / 2];
        bool is_read = i % 2;
        char error[512] = "", wanted[100];
        if (piece < N_CHUNKS) {
            snprintf(wanted, sizeof(wanted), "chunk %d of snapshot 1 makes no sense", piece);
        } else {
            snprintf(wanted, sizeof(wanted), "the facts of journal row %d make no sense",
                     piece - N_CHUNKS + 2);
        }
        enum store_status status = load_refusing(*state, is_read ? piece : -1, is_read ? -1 : piece,
                                                 error, sizeof(error));
        assert_int_equal(status, STORE_CORRUPT);
        assert_non_null(strstr(error, wanted));
        assert_int_equal(load.n_taken, is_read ? piece : piece + 1);
        assert_true(load.n_read <= piece + 1 + 8);
        assert_int_equal(load.n_whole, 0);
    }
}

/* What the reader finds behind it says nothing any more. */
static void
test_earlier_refusal_counts(void **state)
{
    char error[512] = "";
    assert_int_equal(load_refusing(*state, 5, 2, error, sizeof(error)), STORE_CORRUPT);
    assert_non_null(strstr(error, "chunk 2 of snapshot 1 makes no sense"));
    assert_int_equal(load.n_taken, 3);
}

enum { FREE_PAGES_END = 39 }; /* in the header: how many pages are free, its last byte */

/* Adds to a byte of the file's header. */
static void
header_add(const char *dir, size_t at, int n)
{
    char *path = help_path(dir, "baton.db");
    size_t bytes;
    uint8_t *data = help_read(path, &bytes);
    data[at] = (uint8_t)(data[at] + n);
    help_write(path, data, bytes);
    free(data);
    free(path);
}

/* All can be read, and still SQLite would write over what it takes for free. It does not matter who
 * else refuses what. */
static void
test_b_trees_count_first(void **state)
{
    static const int refusals[][2] = {{-1, -1}, {0, -1}, {-1, 0}, {N_PIECES - 1, -1}};
    header_add(*state, FREE_PAGES_END, 1);
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        char error[512] = "";
        assert_int_equal(
            load_refusing(*state, refusals[i][0], refusals[i][1], error, sizeof(error)),
            STORE_CORRUPT);
        assert_non_null(strstr(error, "reelist"));
        assert_non_null(strstr(error, "restore a backup"));
        assert_int_equal(load.n_whole, i == 0);
    }
    header_add(*state, FREE_PAGES_END, -1);
    char error[512] = "";
    assert_int_equal(load_refusing(*state, -1, -1, error, sizeof(error)), STORE_OK);
}

/* … and so when opening finds a row that is wrong. */
static void
test_b_trees_count_before_meta(void **state)
{
    char *path = help_path(*state, "baton.db");
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db, "UPDATE meta SET value='7' WHERE name='epoch'", NULL, NULL, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    free(path);
    for (int is_damaged = 0; is_damaged < 2; is_damaged++) {
        header_add(*state, FREE_PAGES_END, is_damaged);
        char error[512] = "";
        struct store *store;
        assert_int_equal(store_open(*state, &store, error, sizeof(error)), STORE_CORRUPT);
        assert_null(store);
        assert_non_null(strstr(error, is_damaged ? "reelist" : "meta row 'epoch' is wrong"));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_is_taken_in_order),
        cmocka_unit_test(test_refusal_names_its_piece),
        cmocka_unit_test(test_earlier_refusal_counts),
        cmocka_unit_test(test_b_trees_count_first),
        cmocka_unit_test(test_b_trees_count_before_meta), /* the last one: it leaves damage */
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
