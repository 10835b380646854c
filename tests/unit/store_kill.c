/* kill -9 at random moments of a process that submits: every ticket it reported is there, and what
 * else is there is the next of what it submitted.
 *
 *   store_kill [ROUNDS [SEED]] */
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
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t n_rounds = 25;
static uint64_t seed = 1;

/* The child: submits without end, and writes the newest durable fact to the pipe. */
static _Noreturn void
submit_for_ever(const char *dir, int out)
{
    struct found found;
    struct store *store = help_start(dir, &found);
    uint64_t seq = store_next_seq(store);
    uint64_t ticket = 0;
    uint64_t last_seq[64] = {0}; /* by ticket */
    for (uint64_t turn = 0;; turn++) {
        struct store_batch batch = help_batch(seq, 1 + (uint32_t)(turn % 5),
                                              turn % 11 ? 60 : 30000);
        batch.snapshot_begin = turn % 20 == 0;
        help_add_chunk(&batch, turn % 20, 2000);
        batch.snapshot_end = turn % 20 == 19;
        batch.snapshot_seq = seq - 1;
        seq += batch.n_facts;
        ticket = store_submit(store, &batch);
        last_seq[ticket % ARRAY_LEN(last_seq)] = seq - 1;
        if (store_pending(store) > 8) {
            CHECK(help_wait(store, ticket - 4));
        }
        uint64_t durable = store_durable(store);
        if (durable) {
            uint64_t line = last_seq[durable % ARRAY_LEN(last_seq)];
            CHECK(write(out, &line, sizeof(line)) == sizeof(line));
        }
    }
}

/* Reads what the child says until it has said `n` lines, kills it, and reads the rest. Returns the
 * newest line. */
static uint64_t
run_and_kill(const char *dir, uint64_t n)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    pid_t child = fork();
    if (child == 0) {
        close(fds[0]);
        submit_for_ever(dir, fds[1]);
    }
    close(fds[1]);
    uint64_t durable = 0;
    uint64_t line;
    for (uint64_t i = 0; read(fds[0], &line, sizeof(line)) == sizeof(line); i++) {
        durable = line;
        if (i == n) {
            kill(child, SIGKILL);
        }
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    close(fds[0]);
    return durable;
}

static void
test_what_was_reported_is_there(void **state)
{
    (void)state;
    struct rng rng = {.state = seed};
    char *dir = help_dir();
    uint64_t before = 0;
    for (uint64_t round = 0; round < n_rounds; round++) {
        uint64_t durable = run_and_kill(dir, rng_below(&rng, 300));
        struct store *store;
        struct found found;
        char error[512] = "";
        enum store_status status = help_load(dir, &store, &found, error, sizeof(error));
        assert_string_equal(error, "");
        assert_int_equal(status, STORE_OK);
        assert_false(found.wrong);
        assert_true(found.chunks == 0 || found.chunks == 20);
        uint64_t last = store_next_seq(store) - 1;
        assert_true(durable >= before);
        assert_true(last >= durable);
        before = last;
        store_close(store);
    }
    print_message("%llu kills, %llu facts\n", (unsigned long long)n_rounds,
                  (unsigned long long)before);
    help_remove(dir);
}

enum { LIVES = 20, LIFE_BYTES = 1 << 20, LOG_BYTES_MAX = 10 << 20 };

/* The child: lives for one batch, too short for a checkpoint. */
static _Noreturn void
live_shortly(const char *dir)
{
    char error[512];
    struct found found;
    struct store *store;
    CHECK(help_load(dir, &store, &found, error, sizeof(error)) == STORE_OK && !found.wrong);
    store_set_wal_bound(store, 2 * LIFE_BYTES);
    CHECK(store_start(store, store_epoch(store) + 1, error, sizeof(error)) == STORE_OK);
    struct store_batch batch = help_batch(store_next_seq(store), 1, LIFE_BYTES);
    CHECK(help_wait(store, store_submit(store, &batch)));
    _exit(0);
}

/* What a start leaves in the log is bounded, and nothing of it is lost. */
static void
test_log_does_not_grow_from_crash_to_crash(void **state)
{
    (void)state;
    char *dir = help_dir();
    char *log = help_path(dir, "baton.db-wal");
    size_t bytes_max = 0;
    for (int life = 0; life < LIVES; life++) {
        pid_t child = fork();
        if (child == 0) {
            live_shortly(dir);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        struct stat st;
        assert_int_equal(stat(log, &st), 0);
        bytes_max = MAX(bytes_max, (size_t)st.st_size);
    }
    assert_true(bytes_max > LOG_BYTES_MAX / 2);
    assert_true(bytes_max < LOG_BYTES_MAX);
    char error[512];
    struct found found;
    struct store *store;
    assert_int_equal(help_load(dir, &store, &found, error, sizeof(error)), STORE_OK);
    assert_false(found.wrong);
    assert_int_equal(found.last, LIVES);
    store_close(store);
    free(log);
    help_remove(dir);
}

int
main(int argc, char **argv)
{
    n_rounds = argc > 1 ? strtoull(argv[1], NULL, 10) : n_rounds;
    seed = argc > 2 ? strtoull(argv[2], NULL, 10) : seed;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_reported_is_there),
        cmocka_unit_test(test_log_does_not_grow_from_crash_to_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
