/* Enqueue, consume, both at once; latency at low load; what a task costs as the queue grows. */
#include "bench/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void
run_throughput(const struct options *options)
{
    bool produces = strcmp(options->verb, "consume") != 0;
    bool consumes = strcmp(options->verb, "enqueue") != 0;
    struct ran ran;
    ran_init(&ran, options->first + options->n);
    struct crew_work work = {.options = options, .ran = &ran, .want = options->n};
    struct crew *crew = consumes ? crew_new(&work) : NULL;
    struct producers producers;
    int64_t began = 0, ended = 0;
    uint64_t pid = options->pid;
    if (produces) {
        producers_init(&producers, options);
    }
    int64_t cpu = pid ? process_cpu_ns(options->pid) : 0;
    began = now_ns();
    if (consumes) {
        crew_go(crew);
    }
    if (produces) {
        producers_go(&producers);
        ended = producers_join(&producers);
        began = atomic_load(&producers.began_ns);
    }
    if (consumes) {
        ended = crew_join(crew);
        need(ran_count(&ran) == options->n, "tasks", "not every task ran");
    }
    print_begin();
    print_field("seconds", (double)(ended - began) / 1e9);
    print_field("rate", (double)options->n * 1e9 / (double)(ended - began));
    if (pid) {
        print_field("cpu_us", (double)(process_cpu_ns(options->pid) - cpu) / 1e3 / options->n);
    }
    print_end();
    if (crew) {
        crew_free(crew);
    }
    ran_fini(&ran);
}

/* ---- latency ---- */

struct starts {
    int64_t *added_ns; /* by number */
    double *us;
};

static void
started(void *context, const baton_assignment *assignment, int64_t at_ns)
{
    struct starts *starts = context;
    uint64_t number = payload_number(assignment->spec->payload, assignment->spec->payload_bytes);
    starts->us[number] = (double)(at_ns - starts->added_ns[number]) / 1e3;
}

void
run_latency(const struct options *options)
{
    uint32_t n = options->n;
    struct options one = *options;
    one.workers = one.threads = 1;
    one.slots = 10;
    struct ran ran;
    ran_init(&ran, n);
    struct starts starts = {alloc(n, sizeof(int64_t)), alloc(n, sizeof(double))};
    struct crew_work work = {
        .options = &one, .ran = &ran, .want = n, .come = started, .context = &starts};
    struct crew *crew = crew_new(&work);
    baton *client = client_open(options);
    struct parts parts;
    parts_init(&parts, 1);
    crew_go(crew);
    int64_t next = now_ns() + 100000000;
    for (uint32_t i = 0; i < n; i++) {
        int64_t now = now_ns();
        if (now < next) {
            usleep((useconds_t)((next - now) / 1000));
        }
        parts_set(&parts, 0, i);
        starts.added_ns[i] = now_ns();
        next = starts.added_ns[i] + (int64_t)options->gap_us * 1000;
        parts_submit(&parts, 1, client);
    }
    crew_join(crew);
    struct samples samples = {0};
    for (uint32_t i = 0; i < n; i++) {
        samples_add(&samples, starts.us[i]);
    }
    print_begin();
    print_samples(&samples);
    print_end();
    samples_fini(&samples);
    parts_fini(&parts);
    baton_close(&client);
    crew_free(crew);
    ran_fini(&ran);
    free(starts.added_ns);
    free(starts.us);
}

/* ---- one: the first task after a restart ---- */

void
run_one(const struct options *options)
{
    struct options one = *options;
    one.workers = one.threads = 1;
    one.slots = 1;
    /* As the peers' are waited for. The path is there all the time, and libbaton tries again after
     * 50 to 150 ms, so that a measure of it would say when it tried. */
    close(dial_until(options->endpoint + strlen("ipc://")));
    struct ran ran;
    ran_init(&ran, options->n);
    struct crew_work work = {.options = &one, .ran = &ran, .want = 1};
    struct crew *crew = crew_new(&work);
    crew_go(crew);
    int64_t at = crew_join(crew);
    print_begin();
    print_field("at_s", (double)at / 1e9);
    print_end();
    crew_free(crew);
    ran_fini(&ran);
}

/* ---- lengths: the cost of a task when so many others are queued, all of them ready ---- */

enum { LENGTH_TIMES = 4 };

/* What is left to do of filling (a snapshot, mostly) is no cost of what comes after. */
static void
wait_until_idle(const struct options *options)
{
    enum { LOOK_US = 100 * 1000, LOOKS_MAX = 300, IDLE_NS = 2 * 1000 * 1000 };
    int64_t before = process_cpu_ns(options->pid);
    for (int i = 0; i < LOOKS_MAX; i++) {
        usleep(LOOK_US);
        int64_t now = process_cpu_ns(options->pid);
        if (now - before < IDLE_NS) {
            return;
        }
        before = now;
    }
    need(false, "the broker", "does not come to rest in 30 s");
}

struct cost { /* of a task */
    double cpu_us, wall_us;
};

/* Adds options->n and takes as many at the same time, of those that wait longest. */
static struct cost
length_measure(const struct options *options, struct ran *ran, uint32_t first)
{
    struct options some = *options;
    some.first = first;
    struct crew_work work = {.options = &some, .ran = ran, .want = options->n};
    uint32_t before = ran_count(ran);
    struct crew *crew = crew_new(&work);
    struct producers producers;
    producers_init(&producers, &some);
    int64_t cpu = process_cpu_ns(options->pid);
    crew_go(crew);
    producers_go(&producers);
    int64_t ended = producers_join(&producers);
    int64_t began = atomic_load(&producers.began_ns);
    int64_t worked = crew_join(crew);
    ended = worked > ended ? worked : ended;
    int64_t used = process_cpu_ns(options->pid) - cpu;
    need(ran_count(ran) - before == options->n, "tasks", "not every task ran once");
    crew_free(crew);
    return (struct cost){.cpu_us = (double)used / 1e3 / options->n,
                         .wall_us = (double)(ended - began) / 1e3 / options->n};
}

/* Several times, one after the other. The first time is told apart: memory that lay still while the
 * queue was filled is cold then, and in a virtual machine it may have to be mapped again. */
static void
length_print(const struct options *options, struct ran *ran, uint32_t length, uint32_t first)
{
    struct cost rested = length_measure(options, ran, first), sum = {0};
    for (uint32_t i = 1; i <= LENGTH_TIMES; i++) {
        struct cost cost = length_measure(options, ran, first + i * options->n);
        sum.cpu_us += cost.cpu_us / LENGTH_TIMES;
        sum.wall_us += cost.wall_us / LENGTH_TIMES;
    }
    print_begin();
    print_field("length", length);
    print_field("cpu_us", sum.cpu_us);
    print_field("wall_us", sum.wall_us);
    print_field("rested_us", rested.cpu_us);
    print_field("rss_bytes", (double)process_rss_bytes(options->pid));
    print_end();
}

void
run_lengths(const struct options *options)
{
    uint32_t lengths[16], n_lengths = 0, most = 0;
    for (const char *p = options->list; *p && n_lengths < 16; p += *p == ',') {
        char *end;
        lengths[n_lengths] = (uint32_t)strtoul(p, &end, 10);
        need(end != p, "--list", "is not numbers with commas between them");
        most = lengths[n_lengths] > most ? lengths[n_lengths] : most;
        n_lengths++;
        p = end;
    }
    struct ran ran;
    struct options warm = *options;
    warm.n = options->warm > options->n ? options->warm : options->n;
    uint32_t n_each = options->n * (1 + LENGTH_TIMES);
    ran_init(&ran, most + warm.n + n_each * n_lengths);
    /* Once for nothing: memory is had, caches are warm, and as many tasks have ended as the broker
     * keeps, so that from now on each one that ends sends another to the archive. */
    length_measure(&warm, &ran, 0);
    uint32_t next = warm.n, queued = 0;
    for (uint32_t i = 0; i < n_lengths; i++) {
        struct options fill = *options;
        fill.n = lengths[i] - queued;
        fill.first = next;
        struct producers producers;
        producers_init(&producers, &fill);
        producers_go(&producers);
        producers_join(&producers);
        wait_until_idle(options);
        queued = lengths[i];
        next += fill.n;
        length_print(options, &ran, queued, next);
        next += n_each;
    }
    ran_fini(&ran);
}
