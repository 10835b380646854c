/* A backup while the store is written to: whole, in one file, and stale tokens when it is restored.
 */
#include "common/alloc.h"
#include "tests/unit/store_help.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BATCHES = 300 };

struct fixture {
    char *dir;
    char *copies;
    char *copy;
    struct store *store;
    uint64_t seq;
};

static int
setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    struct found found;
    f->dir = help_dir();
    f->copies = help_dir();
    f->copy = help_path(f->copies, "baton.db");
    f->store = help_start(f->dir, &found);
    f->seq = 1;
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;
    store_close(f->store);
    help_remove(f->dir);
    help_remove(f->copies);
    free(f->copy);
    free(f);
    return 0;
}

static uint64_t
submit(struct fixture *f, size_t pad)
{
    struct store_batch batch = help_batch(f->seq, 2, pad);
    help_add_put(&batch, f->seq, 100);
    f->seq += 2;
    return store_submit(f->store, &batch);
}

/* Goes on writing until the answer is there. */
static struct store_answer
backup_under_load(struct fixture *f)
{
    struct store_answer answer;
    store_backup(f->store, f->copy, 77);
    while (!store_next_answer(f->store, &answer)) {
        assert_true(help_wait(f->store, submit(f, 500)));
    }
    return answer;
}

static void
test_backup_opens_as_a_store(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < BATCHES; i++) {
        submit(f, 10000);
    }
    uint64_t before = f->seq - 1;
    struct store_answer answer = backup_under_load(f);
    assert_string_equal(answer.error, "");
    assert_int_equal(answer.status, STORE_OK);
    assert_int_equal(answer.cookie, 77);
    struct stat st;
    assert_int_equal(stat(f->copy, &st), 0);
    assert_int_equal(st.st_size, answer.bytes);
    assert_int_equal(st.st_mode & 0777, 0600);
    char *names[] = {help_path(f->copies, "baton.db.part"), help_path(f->copies, "baton.db-wal"),
                     help_path(f->copies, "baton.db.part-wal")};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_int_not_equal(access(names[i], F_OK), 0);
        free(names[i]);
    }

    struct found found;
    struct store *restored = help_start(f->copies, &found);
    assert_int_equal(found.first, 1);
    assert_true(found.last >= before && found.last < f->seq);
    assert_string_equal(store_id(restored), store_id(f->store));
    store_read_archive(restored, STORE_TASKS, found.last - 1, 1);
    answer = help_answer(restored);
    assert_int_equal(answer.n_records, 1);
    store_answer_fini(&answer);
    store_close(restored);
}

static void
test_restored_life_is_above_every_other(void **state)
{
    struct fixture *f = *state;
    submit(f, 0);
    store_backup(f->store, f->copy, 1);
    struct store_answer answer = help_answer(f->store);
    assert_int_equal(answer.status, STORE_OK);

    struct found found;
    struct store *store;
    char error[512];
    assert_int_equal(help_load(f->copies, &store, &found, error, sizeof(error)), STORE_OK);
    assert_true(store_is_restored(store));
    uint64_t epoch = store_epoch(store);
    uint64_t seq = store_next_seq(store);
    assert_true(epoch > 1000000);
    assert_true(seq > (UINT64_C(1) << 40));
    store_close(store); /* not started: still a copy */

    store = help_start(f->copies, &found);
    assert_true(store_epoch(store) > epoch);
    seq = store_next_seq(store);
    struct store_batch batch = help_batch(seq, 4, 0);
    assert_true(help_wait(store, store_submit(store, &batch)));
    epoch = store_epoch(store);
    store_close(store);

    assert_int_equal(help_load(f->copies, &store, &found, error, sizeof(error)), STORE_OK);
    assert_false(store_is_restored(store));
    assert_int_equal(store_epoch(store), epoch);
    assert_int_equal(found.first, 1);
    assert_int_equal(found.rows, 2);
    assert_int_equal(found.last, seq + 3);
    assert_int_equal(store_next_seq(store), seq + 4);
    store_close(store);
}

/* A core that does not skip is let be. */
static void
test_restored_store_can_go_on_without_a_jump(void **state)
{
    struct fixture *f = *state;
    submit(f, 0);
    store_backup(f->store, f->copy, 1);
    struct store_answer answer = help_answer(f->store);
    assert_int_equal(answer.status, STORE_OK);
    struct found found;
    struct store *store = help_start(f->copies, &found);
    struct store_batch batch = help_batch(3, 4, 0);
    assert_true(help_wait(store, store_submit(store, &batch)));
    store_close(store);
    store_close(help_start(f->copies, &found));
    assert_int_equal(found.last, 6);
}

static void
test_backup_replaces_nothing(void **state)
{
    struct fixture *f = *state;
    help_write(f->copy, (const uint8_t *)"mine", 4);
    store_backup(f->store, f->copy, 5);
    store_backup(f->store, "/nowhere/at/all", 6);
    struct store_answer answer = help_answer(f->store);
    assert_int_equal(answer.status, STORE_DENIED);
    assert_non_null(strstr(answer.error, "exists"));
    answer = help_answer(f->store);
    assert_int_equal(answer.cookie, 6);
    assert_int_equal(answer.status, STORE_DENIED);
    size_t bytes;
    uint8_t *data = help_read(f->copy, &bytes);
    assert_int_equal(bytes, 4);
    free(data);
    assert_true(help_wait(f->store, submit(f, 0))); /* the store is well */
}

static void
test_close_ends_a_backup(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 50; i++) {
        submit(f, 100000);
    }
    store_backup(f->store, f->copy, 5);
    store_close(f->store);
    struct found found;
    f->store = help_start(f->dir, &found);
    assert_int_equal(found.last, f->seq - 1);
    char *part = help_path(f->copies, "baton.db.part");
    assert_int_not_equal(access(part, F_OK), 0);
    free(part);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_backup_opens_as_a_store, setup, teardown),
        cmocka_unit_test_setup_teardown(test_restored_life_is_above_every_other, setup, teardown),
        cmocka_unit_test_setup_teardown(test_restored_store_can_go_on_without_a_jump, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_backup_replaces_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_close_ends_a_backup, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
