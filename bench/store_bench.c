/* What a commit costs, beside what the disk asks for at least: fdatasync of as many bytes in the
 * same directory.
 *
 *   store_bench [DIR [SECONDS [WAL_BOUND_KIB]]]
 *
 * One batch at a time, waiting for each: the latency that a lone request sees. Then as many as the
 * thread takes, a bounded number under way: the throughput. The floor is measured before and after
 * each, since disks have moods. */
#include "broker/store/store.h"
#include "common/alloc.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SAMPLES_MAX = 1000 * 1000, FACT_BYTES = 100, UNDER_WAY = 64, FRAME_BYTES = 4120 };

static double samples[SAMPLES_MAX];

static double
now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int
compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Prints and returns the median in microseconds. */
static double
report(const char *what, size_t n, double seconds, double floor)
{
    qsort(samples, n, sizeof(samples[0]), compare);
    double p50 = samples[n / 2] * 1e6;
    printf("%-34s %8.0f/s  p50 %7.0f us  p99 %7.0f us  max %7.0f us", what, (double)n / seconds,
           p50, samples[n * 99 / 100] * 1e6, samples[n - 1] * 1e6);
    if (floor > 0) {
        printf("  %.2f x floor", p50 / floor);
    }
    printf("\n");
    return p50;
}

/* The same bytes, written over and over into a file that has its size, and synced. */
static double
measure_floor(const char *dir, size_t bytes, double seconds)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/floor", dir);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    size_t room = 8 << 20;
    uint8_t *data = xcalloc(1, room);
    CHECK(pwrite(fd, data, room, 0) == (ssize_t)room && fsync(fd) == 0);
    size_t n = 0;
    size_t at = 0;
    double began = now_s();
    while (now_s() - began < seconds && n < SAMPLES_MAX) {
        double t = now_s();
        CHECK(pwrite(fd, data, bytes, (off_t)at) == (ssize_t)bytes && fdatasync(fd) == 0);
        samples[n++] = now_s() - t;
        at = at + 2 * bytes > room ? 0 : at + bytes;
    }
    double took = now_s() - began;
    char what[64];
    snprintf(what, sizeof(what), "floor: fdatasync of %zu bytes", bytes);
    double p50 = report(what, n, took, 0);
    close(fd);
    unlink(path);
    free(data);
    return p50;
}

static uint64_t
submit(struct store *store, uint64_t *seq, uint32_t n_facts)
{
    size_t bytes = (size_t)n_facts * FACT_BYTES;
    struct store_batch batch = {.seq = *seq, .n_facts = n_facts, .facts_bytes = bytes};
    batch.facts = xmalloc(bytes);
    memset(batch.facts, (int)(*seq & 0xff), bytes);
    *seq += n_facts;
    return store_submit(store, &batch);
}

static void
wait_for(struct store *store, uint64_t ticket)
{
    struct pollfd fd = {.fd = store_fd(store), .events = POLLIN};
    while (store_durable(store) < ticket) {
        CHECK(!store_error(store, NULL));
        poll(&fd, 1, 1000);
        store_acknowledge(store);
    }
}

static void
measure_lone(struct store *store, uint64_t *seq, uint32_t n_facts, double seconds, double floor)
{
    size_t n = 0;
    double began = now_s();
    while (now_s() - began < seconds && n < SAMPLES_MAX) {
        double t = now_s();
        wait_for(store, submit(store, seq, n_facts));
        samples[n++] = now_s() - t;
    }
    double took = now_s() - began;
    char what[64];
    snprintf(what, sizeof(what), "one at a time, %u facts", n_facts);
    report(what, n, took, floor);
}

static void
measure_many(struct store *store, uint64_t *seq, uint32_t n_facts, double seconds)
{
    struct store_stats before, after;
    store_get_stats(store, &before);
    uint64_t batches = 0;
    uint64_t ticket = 0;
    double began = now_s();
    while (now_s() - began < seconds) {
        ticket = submit(store, seq, n_facts);
        batches++;
        if (store_pending(store) >= UNDER_WAY) {
            wait_for(store, ticket - UNDER_WAY / 2);
        }
    }
    wait_for(store, ticket);
    double took = now_s() - began;
    store_get_stats(store, &after);
    printf("%d under way, %4u facts            %8.0f batches/s  %8.0f commits/s  %9.0f facts/s  "
           "%6.1f MB/s\n",
           UNDER_WAY, n_facts, (double)batches / took,
           (double)(after.commits - before.commits) / took, (double)batches * n_facts / took,
           (double)batches * n_facts * FACT_BYTES / took / 1e6);
}

static void *
room_new(void *context)
{
    (void)context;
    return xcalloc(1, sizeof(struct buf));
}

static void
room_free(void *room)
{
    buf_fini(room);
    free(room);
}

static uint8_t *
room_bytes(void *room, size_t bytes)
{
    return buf_reserve(room, bytes);
}

static bool
read_chunk(void *room, const uint8_t *data, size_t bytes)
{
    (void)room;
    return data && bytes > 0;
}

static bool
read_facts(void *room, uint32_t n, const uint8_t *facts, size_t bytes)
{
    return read_chunk(room, facts, bytes) && n > 0;
}

static bool
take_chunk(void *context, void *room)
{
    (void)room;
    return context != NULL;
}

static bool
take_batch(void *context, uint64_t seq, uint32_t n, void *room)
{
    (void)room;
    *(uint64_t *)context += n;
    return seq > 0;
}

/* Opens, loads, starts; prints how long it took. */
static struct store *
start(const char *dir, uint64_t wal_bound, char *error, size_t room)
{
    uint64_t facts = 0;
    struct store *store;
    struct store_loader loader = {.room_new = room_new,
                                  .room_free = room_free,
                                  .room_bytes = room_bytes,
                                  .read_chunk = read_chunk,
                                  .read_facts = read_facts,
                                  .chunk = take_chunk,
                                  .batch = take_batch,
                                  .context = &facts};
    double t0 = now_s();
    if (store_open(dir, &store, error, room) != STORE_OK) {
        return NULL;
    }
    double t1 = now_s();
    if (store_load(store, &loader, error, room) != STORE_OK) {
        return NULL;
    }
    double t2 = now_s();
    if (wal_bound) {
        store_set_wal_bound(store, wal_bound);
    }
    if (store_start(store, store_epoch(store) + 1, error, room) != STORE_OK) {
        return NULL;
    }
    printf("opened in %.1f ms, loaded %llu facts in %.1f ms, started in %.1f ms\n", (t1 - t0) * 1e3,
           (unsigned long long)facts, (t2 - t1) * 1e3, (now_s() - t2) * 1e3);
    return store;
}

int
main(int argc, char **argv)
{
    char dir[4096];
    snprintf(dir, sizeof(dir), "%s/store-bench-XXXXXX", argc > 1 ? argv[1] : ".");
    double seconds = argc > 2 ? atof(argv[2]) : 2;
    uint64_t wal_bound = argc > 3 ? strtoull(argv[3], NULL, 10) << 10 : 0;
    char error[512];
    CHECK(mkdtemp(dir));
    struct store *store = start(dir, wal_bound, error, sizeof(error));
    static const uint32_t sizes[] = {1, 10, 1000};
    uint64_t seq = 1;
    for (size_t i = 0; store && i < ARRAY_LEN(sizes); i++) {
        size_t facts_bytes = (size_t)sizes[i] * FACT_BYTES;
        size_t frames = facts_bytes / 4096 + 1;
        double floor = measure_floor(dir, frames * FRAME_BYTES, seconds / 2);
        measure_lone(store, &seq, sizes[i], seconds, floor);
        measure_floor(dir, frames * FRAME_BYTES, seconds / 2);
        measure_many(store, &seq, sizes[i], seconds);
    }
    store_close(store);
    if (store && (store = start(dir, wal_bound, error, sizeof(error)))) {
        store_close(store);
    } else {
        fprintf(stderr, "%s\n", error);
    }
    char command[4200];
    snprintf(command, sizeof(command), "%s/baton.db", dir);
    unlink(command);
    snprintf(command, sizeof(command), "%s/lock", dir);
    unlink(command);
    return rmdir(dir) != 0;
}
