/* Producers: what is added to the queue. */
#include "bench/load.h"

#include <stdlib.h>

baton *
client_open(const struct options *options)
{
    struct baton_options connection = {.timeout_ms = 120000};
    baton *client;
    need(baton_open(options->endpoint, &connection, &client) == BATON_OK, "open",
         options->endpoint);
    struct baton_pong pong;
    need(baton_ping(client, &pong) == BATON_OK, "ping", baton_error(client));
    return client;
}

void
parts_init(struct parts *parts, uint32_t room)
{
    *parts = (struct parts){
        .specs = alloc(room, sizeof *parts->specs),
        .ids = alloc(room, sizeof *parts->ids),
        .payloads = alloc(room, sizeof *parts->payloads),
        .room = room,
    };
    for (uint32_t i = 0; i < room; i++) {
        parts->specs[i] = baton_spec_new();
        need(parts->specs[i] != NULL, "memory", "there is none left");
        parts->specs[i]->id = parts->ids[i];
        parts->specs[i]->payload = parts->payloads[i];
        parts->specs[i]->payload_bytes = PAYLOAD_BYTES;
    }
}

void
parts_set(struct parts *parts, uint32_t at, uint32_t number)
{
    name_fill(parts->ids[at], number);
    payload_fill(parts->payloads[at], number);
    /* One role: a queue, as the peers have one. */
    parts->specs[at]->role = "backend";
}

void
parts_submit(struct parts *parts, uint32_t n, baton *client)
{
    baton_submitted *submitted;
    need(baton_submit(client, parts->specs, n, NULL, &submitted) == BATON_OK, "submit",
         baton_error(client));
    need(submitted->created == n, "submit", "not all tasks are new");
    baton_submitted_free(submitted);
}

void
parts_fini(struct parts *parts)
{
    for (uint32_t i = 0; i < parts->room; i++) {
        baton_spec_free(parts->specs[i]);
    }
    free(parts->specs);
    free(parts->ids);
    free(parts->payloads);
}

static void *
produce(void *context)
{
    struct producers *producers = context;
    const struct options *options = producers->options;
    baton *client = client_open(options);
    struct parts parts;
    parts_init(&parts, options->batch);
    long long none = 0;
    pthread_barrier_wait(&producers->start);
    atomic_compare_exchange_strong(&producers->began_ns, &none, now_ns());
    for (uint32_t part; (part = atomic_fetch_add(&producers->next, 1)) < producers->n_parts;) {
        uint32_t first = part * options->batch;
        uint32_t left = options->n - first;
        uint32_t n = left < options->batch ? left : options->batch;
        for (uint32_t i = 0; i < n; i++) {
            parts_set(&parts, i, options->first + first + i);
        }
        parts_submit(&parts, n, client);
    }
    parts_fini(&parts);
    baton_close(&client);
    return NULL;
}

void
producers_init(struct producers *producers, const struct options *options)
{
    uint32_t n = options->producers;
    *producers = (struct producers){
        .options = options,
        .n_parts = (options->n + options->batch - 1) / options->batch,
        .threads = alloc(n, sizeof(pthread_t)),
    };
    pthread_barrier_init(&producers->start, NULL, n + 1);
    for (uint32_t i = 0; i < n; i++) {
        need(pthread_create(&producers->threads[i], NULL, produce, producers) == 0, "thread",
             "can't be made");
    }
}

void
producers_go(struct producers *producers)
{
    pthread_barrier_wait(&producers->start);
}

int64_t
producers_join(struct producers *producers)
{
    for (uint32_t i = 0; i < producers->options->producers; i++) {
        pthread_join(producers->threads[i], NULL);
    }
    pthread_barrier_destroy(&producers->start);
    free(producers->threads);
    return now_ns();
}
