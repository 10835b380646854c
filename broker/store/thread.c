/* The storage thread: takes what waits, commits it as one, answers, and keeps house when it is
 * quiet. */
#include "broker/store/private.h"

#include "common/alloc.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { IDLE_US = 1000000, FRAME_BYTES = STORE_PAGE_BYTES + WAL_FRAME_HEADER_BYTES };

/* What the thread does this time. */
struct round {
    struct entry *entries;
    struct question *questions;
    bool quiet; /* nobody asked for anything for a while */
    bool stop;
};

bool
thread_begin(pthread_t *ret, void *(*run)(void *), void *context)
{
    /* Signals are for the caller's thread. */
    sigset_t all, old;
    sigfillset(&all);
    CHECK(pthread_sigmask(SIG_BLOCK, &all, &old) == 0);
    int err = pthread_create(ret, NULL, run, context);
    CHECK(pthread_sigmask(SIG_SETMASK, &old, NULL) == 0);
    errno = err;
    return err == 0;
}

enum store_status
thread_refused(const struct store *store, char *error, size_t error_room)
{
    snprintf(error, error_room, "store %s: cannot start its thread: %s; raise the limits",
             store->path, strerror(errno));
    return STORE_IO;
}

void
thread_wake_unlock(struct store *store)
{
    bool asleep = store->asleep;
    store->asleep = false;
    pthread_mutex_unlock(&store->mutex);
    if (asleep) {
        pthread_cond_signal(&store->wake); /* who wakes finds the mutex free */
    }
}

static bool
is_failed(struct store *store)
{
    pthread_mutex_lock(&store->mutex);
    bool failed = store->status != STORE_OK;
    pthread_mutex_unlock(&store->mutex);
    return failed;
}

void
thread_fail(struct store *store, int rc, const char *what)
{
    char error[sizeof(store->error)];
    enum store_status status = status_explain(store, rc, what, error, sizeof(error));
    pthread_mutex_lock(&store->mutex);
    struct entry *dropped = store->entries;
    store->entries = NULL;
    store->entries_tail = &store->entries;
    if (store->status == STORE_OK) {
        memcpy(store->error, error, sizeof(error));
        store->status = status == STORE_OK ? STORE_IO : status;
    }
    pthread_mutex_unlock(&store->mutex);
    while (dropped) {
        struct entry *next = dropped->next;
        entry_free(dropped);
        dropped = next;
    }
    event_signal(store);
}

static bool
housekeeping_is_due(const struct store *store)
{
    return store->trim_is_due ||
           (uint64_t)store->wal_frames * FRAME_BYTES >= store->wal_bound_bytes;
}

/* Sleeps until there is something to do; true when that was not asked for by anybody. With the
 * mutex held. */
static bool
sleep_a_while(struct store *store, int64_t us)
{
    struct timespec until;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &until) == 0);
    int64_t ns = until.tv_nsec + us % 1000000 * 1000;
    until.tv_sec += us / 1000000 + ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    int rc = 0;
    store->asleep = true;
    while (store->asleep && rc != ETIMEDOUT) {
        rc = pthread_cond_timedwait(&store->wake, &store->mutex, &until);
    }
    bool quiet = store->asleep;
    store->asleep = false;
    return quiet;
}

/* Takes entries up to the bound, at least one. Returns the ticket up to which all is taken. */
static uint64_t
take_entries(struct store *store, struct round *round)
{
    uint64_t ticket = store->durable;
    size_t bytes = 0;
    struct entry **tail = &round->entries;
    while (store->entries && bytes < GROUP_BYTES_MAX) {
        struct entry *entry = store->entries;
        store->entries = entry->next;
        entry->next = NULL;
        *tail = entry;
        tail = &entry->next;
        bytes += entry->bytes;
        ticket = entry->ticket;
    }
    if (!store->entries) {
        store->entries_tail = &store->entries;
    }
    return ticket;
}

static void
take_questions(struct store *store, struct round *round, uint64_t ticket)
{
    struct question **tail = &round->questions;
    while (store->questions && store->questions->ticket <= ticket) {
        *tail = store->questions;
        tail = &store->questions->next;
        store->questions = store->questions->next;
        *tail = NULL;
    }
    if (!store->questions) {
        store->questions_tail = &store->questions;
    }
}

static void
round_take(struct store *store, struct round *round)
{
    *round = (struct round){0};
    bool copying = backup_is_busy(store);
    int64_t patience_us = housekeeping_is_due(store) ? QUIET_US : IDLE_US;
    pthread_mutex_lock(&store->mutex);
    bool failed = store->status != STORE_OK;
    if (!store->entries && !store->questions && !store->stopping && !copying &&
        !tail_is_asking(store)) {
        round->quiet = sleep_a_while(store, failed ? IDLE_US : patience_us);
    }
    uint64_t ticket = take_entries(store, round);
    take_questions(store, round, failed ? UINT64_MAX : ticket);
    round->stop = store->stopping && !store->entries && !round->entries && !round->questions;
    pthread_mutex_unlock(&store->mutex);
}

const int64_t store_commit_bounds_us[STORE_COMMIT_BOUNDS] = {
    250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 1000000, 5000000,
};

static size_t
bound_of(int64_t us)
{
    size_t i = 0;
    while (i < STORE_COMMIT_BOUNDS && us > store_commit_bounds_us[i]) {
        i++;
    }
    return i;
}

static void
publish(struct store *store, struct entry *entries, int64_t us)
{
    pthread_mutex_lock(&store->mutex);
    for (const struct entry *entry = entries; entry; entry = entry->next) {
        store->durable = entry->ticket;
        store->pending_bytes -= entry->bytes;
    }
    store->stats.commits++;
    store->stats.last_commit_us = us;
    store->stats.commit_us += us;
    store->stats.commit_counts[bound_of(us)]++;
    store->stats.journal_bytes = store->journal_bytes;
    store->stats.snapshot_bytes = store->snapshot_bytes;
    store->stats.archived = store->archived;
    tail_keep(store, entries);
    spare_keep(store, entries);
    pthread_mutex_unlock(&store->mutex);
    event_signal(store);
}

static void
round_commit(struct store *store, struct entry *entries)
{
    if (entries && !is_failed(store)) {
        int64_t began_us = clock_us();
        int rc = commit_entries(store, entries);
        if (rc) {
            thread_fail(store, rc, "write");
        } else {
            publish(store, entries, clock_us() - began_us);
        }
    }
    while (entries) {
        struct entry *next = entries->next;
        entry_free(entries);
        entries = next;
    }
}

static void
round_answer(struct store *store, struct question *questions)
{
    while (questions) {
        struct question *question = questions;
        questions = question->next;
        struct store_answer answer = {.kind = question->kind, .cookie = question->cookie};
        const char *failure = store_error(store, &answer.status);
        if (failure) {
            snprintf(answer.error, sizeof(answer.error), "%s", failure);
        } else {
            archive_answer(store, question, &answer);
        }
        answer_push(store, &answer);
        question_free(question);
    }
}

static int
trim_alone(struct store *store)
{
    int rc = schema_begin(store);
    rc = rc ? rc : trim_step(store, TRIM_QUIET_BYTES);
    return rc ? rc : schema_commit(store);
}

/* A checkpoint copies the log into the database; the next commit then starts the log over. Rather
 * when nobody waits. */
static void
keep_house(struct store *store, bool quiet)
{
    uint64_t wal_bytes = (uint64_t)store->wal_frames * FRAME_BYTES;
    int rc = SQLITE_OK;
    if (quiet && store->trim_is_due) {
        rc = trim_alone(store);
    } else if (wal_bytes >= (quiet ? store->wal_bound_bytes : 4 * store->wal_bound_bytes)) {
        rc = sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
        store->wal_frames = store->wal_left = 0;
    }
    if (rc) {
        thread_fail(store, rc, "tidy up");
    }
    space_look(store, clock_us());
}

void *
thread_main(void *arg)
{
    struct store *store = arg;
    CHECK(pthread_setname_np(pthread_self(), STORE_THREAD_NAME) == 0);
    (void)sched_getaffinity(0, sizeof store->cpus, &store->cpus);
    for (;;) {
        struct round round;
        round_take(store, &round);
        if (round.stop) {
            break;
        }
        bool busy = round.entries;
        round_commit(store, round.entries);
        round_answer(store, round.questions);
        tail_step(store);
        if (!is_failed(store)) {
            keep_house(store, round.quiet);
        }
        backup_step(store, busy ? BACKUP_BUSY_PAGES : BACKUP_QUIET_PAGES);
    }
    backup_fini(store);
    return NULL;
}
