/* peer-bench: the same load as baton-bench on a queue of others, with their own protocols. Each
 * producer and each worker is a thread with a connection; requests are pipelined. */
#include "bench/peers/wire.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct load {
    const struct options *options;
    const struct protocol *protocol;
    struct ran ran;
    atomic_uint ended;     /* tasks whose end was acknowledged, or sent where nobody acknowledges */
    atomic_uint next;      /* producer */
    atomic_llong began_ns; /* when the first thread did */
    atomic_llong last_ns;  /* when the last of them was */
    atomic_bool stop;
    pthread_barrier_t start;
    int64_t *stored_ns; /* latency: when each task was about to be added */
    double *us;         /* … and how long it took to come */
};

static void
load_ended(struct load *load, unsigned n)
{
    unsigned before = atomic_fetch_add(&load->ended, n);
    if (before < load->options->n && before + n >= load->options->n) {
        atomic_store(&load->last_ns, now_ns());
        atomic_store(&load->stop, true);
    }
}

/* All begin at once; the first to run says when. */
static void
load_begin(struct load *load)
{
    long long none = 0;
    pthread_barrier_wait(&load->start);
    atomic_compare_exchange_strong(&load->began_ns, &none, now_ns());
}

/* ---- producers ---- */

static struct reply
next_reply(struct load *load, struct wire *wire)
{
    struct reply reply;
    for (;;) {
        load->protocol->read(wire, &reply);
        if (reply.kind == REPLY_OTHER) {
            continue;
        }
        if (reply.kind != REPLY_NONE) {
            return reply;
        }
        wire_flush(wire);
        if (!wire_fill(wire) && atomic_load(&load->stop)) {
            return reply;
        }
    }
}

static void *
produce(void *context)
{
    struct load *load = context;
    const struct options *options = load->options;
    struct wire wire;
    wire_open(&wire, options);
    load->protocol->hello(&wire, options, false);
    wire_flush(&wire);
    load_begin(load);
    uint32_t n = options->n / options->producers;
    uint32_t first = options->first + n * atomic_fetch_add(&load->next, 1);
    for (uint32_t sent = 0, stored = 0; stored < n;) {
        /* Refilled when half of the window is free, so that many go into one write. */
        if (sent - stored <= options->window / 2) {
            for (; sent < n && sent - stored < options->window; sent++) {
                load->protocol->store(&wire, first + sent);
            }
            wire_flush(&wire);
        }
        stored += next_reply(load, &wire).kind == REPLY_STORED;
    }
    wire_close(&wire);
    return NULL;
}

static void *
produce_slowly(void *context)
{
    struct load *load = context;
    const struct options *options = load->options;
    struct wire wire;
    wire_open(&wire, options);
    load->protocol->hello(&wire, options, false);
    wire_flush(&wire);
    load_begin(load);
    int64_t next = now_ns() + 100000000;
    for (uint32_t i = 0; i < options->n; i++) {
        int64_t now = now_ns();
        if (now < next) {
            usleep((useconds_t)((next - now) / 1000));
        }
        load->stored_ns[i] = now_ns();
        next = load->stored_ns[i] + (int64_t)options->gap_us * 1000;
        load->protocol->store(&wire, i);
        wire_flush(&wire);
        while (next_reply(load, &wire).kind != REPLY_STORED) {
        }
    }
    wire_close(&wire);
    return NULL;
}

/* ---- workers ---- */

/* What became of one round of requests. */
struct round {
    unsigned tasks_due, ends_due;
    unsigned came;
};

static void
worker_reply(struct load *load, struct wire *wire, const struct reply *reply, struct round *round)
{
    switch (reply->kind) {
    case REPLY_TASK:
        if (load->us) {
            load->us[reply->number] = (double)(now_ns() - load->stored_ns[reply->number]) / 1e3;
        }
        ran_once(&load->ran, reply->number);
        load->protocol->end(wire, reply);
        round->came++;
        round->tasks_due--;
        break;
    case REPLY_EMPTY:
        round->tasks_due -= reply->count;
        break;
    case REPLY_WOKEN:
        /* One may come unasked for, and then also as the answer to a wait. */
        round->tasks_due -= round->tasks_due > 0 && !round->ends_due && !round->came;
        break;
    case REPLY_ENDED:
        round->ends_due--;
        load_ended(load, 1);
        break;
    case REPLY_NONE:
    case REPLY_STORED:
    case REPLY_OTHER:
        break;
    }
}

static void *
work(void *context)
{
    struct load *load = context;
    const struct protocol *protocol = load->protocol;
    uint32_t window = load->options->slots;
    struct wire wire;
    wire_open(&wire, load->options);
    protocol->hello(&wire, load->options, true);
    wire_flush(&wire);
    load_begin(load);
    uint32_t wanted = window;
    bool waits = false;
    unsigned ends = 0; /* to be acknowledged */
    unsigned said = 0; /* not to be */
    while (!atomic_load_explicit(&load->stop, memory_order_relaxed)) {
        struct round round = {.tasks_due = waits ? 1 : wanted, .ends_due = ends};
        if (waits) {
            protocol->wait(&wire);
        } else {
            protocol->ask(&wire, wanted);
        }
        wire_flush(&wire);
        if (said) {
            load_ended(load, said);
            said = 0;
        }
        while (round.tasks_due || round.ends_due) {
            struct reply reply = next_reply(load, &wire);
            if (reply.kind == REPLY_NONE) {
                wire_flush(&wire);
                wire_close(&wire);
                return NULL;
            }
            bool woken = reply.kind == REPLY_WOKEN;
            if (woken && waits) {
                round.tasks_due = 0;
            } else if (!woken) {
                worker_reply(load, &wire, &reply, &round);
            }
        }
        if (protocol->ends_are_acknowledged) {
            ends = round.came;
        } else {
            said = round.came; /* goes with the next requests */
        }
        /* As many as are there: more than came last time, and with patience when none came. */
        wanted = 2 * round.came < window ? 2 * round.came + 1 : window;
        wanted = wanted > window ? window : wanted;
        waits = protocol->wait_brings_task ? round.came == 0 || window == 1
                                           : round.came == 0 && !waits;
    }
    wire_flush(&wire);
    wire_close(&wire);
    return NULL;
}

/* ---- verbs ---- */

static int64_t
load_run(struct load *load, uint32_t n_producers, uint32_t n_workers, void *(*producer)(void *))
{
    pthread_t threads[64];
    need(n_producers + n_workers <= 64, "threads", "are too many");
    pthread_barrier_init(&load->start, NULL, n_producers + n_workers + 1);
    for (uint32_t i = 0; i < n_producers + n_workers; i++) {
        need(pthread_create(&threads[i], NULL, i < n_producers ? producer : work, load) == 0,
             "thread", "can't be made");
    }
    load_begin(load);
    for (uint32_t i = 0; i < n_producers; i++) {
        pthread_join(threads[i], NULL);
    }
    if (n_workers == 0) {
        return now_ns() - atomic_load(&load->began_ns);
    }
    while (!atomic_load(&load->stop)) {
        usleep(500);
    }
    for (uint32_t i = n_producers; i < n_producers + n_workers; i++) {
        pthread_join(threads[i], NULL);
    }
    return atomic_load(&load->last_ns) - atomic_load(&load->began_ns);
}

static void
run_throughput(struct load *load)
{
    const struct options *options = load->options;
    uint32_t n_producers = strcmp(options->verb, "consume") == 0 ? 0 : options->producers;
    uint32_t n_workers = strcmp(options->verb, "enqueue") == 0 ? 0 : options->workers;
    need(options->n % options->producers == 0, "--n", "must be a multiple of --producers");
    int64_t took = load_run(load, n_producers, n_workers, produce);
    need(!n_workers || ran_count(&load->ran) == options->n, "tasks", "not every task ran");
    print_begin();
    print_field("seconds", (double)took / 1e9);
    print_field("rate", (double)options->n * 1e9 / (double)took);
    print_end();
}

static void
run_latency(struct load *load)
{
    uint32_t n = load->options->n;
    load->stored_ns = alloc(n, sizeof *load->stored_ns);
    load->us = alloc(n, sizeof *load->us);
    load_run(load, 1, 1, produce_slowly);
    struct samples samples = {0};
    for (uint32_t i = 0; i < n; i++) {
        samples_add(&samples, load->us[i]);
    }
    print_begin();
    print_samples(&samples);
    print_end();
    samples_fini(&samples);
}

/* The first task, of --n that are there. */
static void
run_one(struct load *load)
{
    struct options one = *load->options;
    one.n = 1;
    load->options = &one;
    load_run(load, 0, 1, NULL);
    print_begin();
    print_field("at_s", (double)atomic_load(&load->last_ns) / 1e9);
    print_end();
}

int
main(int argc, char **argv)
{
    struct options options = options_read(argc, argv);
    const struct protocol *protocols[] = {&beanstalkd, &gearmand, &redis, &nats};
    struct load load = {.options = &options};
    for (size_t i = 0; i < sizeof protocols / sizeof protocols[0]; i++) {
        if (strcmp(options.protocol, protocols[i]->name) == 0) {
            load.protocol = protocols[i];
        }
    }
    need(load.protocol != NULL, "--protocol", "is none of beanstalkd, gearmand, redis, nats");
    ran_init(&load.ran, options.first + options.n);
    bool is_latency = strcmp(options.verb, "latency") == 0;
    bool is_one = strcmp(options.verb, "one") == 0;
    if (is_latency || is_one) {
        options.slots = 1;
    }
    if (is_latency) {
        run_latency(&load);
    } else if (is_one) {
        run_one(&load);
    } else {
        run_throughput(&load);
    }
    return 0;
}
