/* Load on a Baton broker, through libbaton as any client's: what baton-bench is made of. */
#ifndef BATON_BENCH_LOAD_H
#define BATON_BENCH_LOAD_H

#include "bench/meter.h"

#include <baton.h>
#include <pthread.h>

/* ---- producers: threads, each with a connection of its own ---- */

struct producers {
    const struct options *options;
    atomic_uint next; /* part of the work that nobody has taken yet */
    uint32_t n_parts;
    atomic_llong began_ns; /* when the last of them was connected and all began */
    pthread_barrier_t start;
    pthread_t *threads;
};

/* Connects; nothing is sent before producers_go. */
void producers_init(struct producers *producers, const struct options *options);
void producers_go(struct producers *producers);
/* Waits until all is acknowledged; returns the time of that. */
int64_t producers_join(struct producers *producers);

baton *client_open(const struct options *options);

/* A task of the benchmark: number, role by number, payload; memory is of the `parts`. */
struct parts {
    baton_spec **specs;
    char (*ids)[NAME_ROOM];
    char (*payloads)[PAYLOAD_BYTES];
    uint32_t room;
};
void parts_init(struct parts *parts, uint32_t room);
void parts_set(struct parts *parts, uint32_t at, uint32_t number);
void parts_submit(struct parts *parts, uint32_t n, baton *client);
void parts_fini(struct parts *parts);

/* ---- the crew: threads that drive workers' sessions ---- */

struct crew;

struct crew_work {
    const struct options *options;
    struct ran *ran;
    uint32_t want; /* tasks that are to run; more than that are left alone */
    /* Called when a task comes, before it is reported; may be NULL. */
    void (*come)(void *context, const baton_assignment *assignment, int64_t at_ns);
    void *context;
};

/* Connects options->workers sessions, and waits until all have been welcomed. */
struct crew *crew_new(const struct crew_work *work);
void crew_go(struct crew *crew); /* they take work from now on */
/* Waits until `want` tasks are done, acknowledged as durable; returns the time of that. */
int64_t crew_join(struct crew *crew);
int64_t crew_first_ns(const struct crew *crew); /* when the first task came */
void crew_free(struct crew *crew);

/* ---- verbs ---- */

void run_throughput(const struct options *options); /* enqueue, consume, both */
void run_latency(const struct options *options);
void run_chain(const struct options *options);
void run_layers(const struct options *options);
void run_graph(const struct options *options);
void run_lengths(const struct options *options);
void run_one(const struct options *options);

#endif
