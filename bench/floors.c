/* The machine's own speed: what no durable broker on it can beat. */
#include "bench/floors.h"

#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

void
floor_fdatasync(const struct options *options)
{
    char path[400], block[512];
    struct samples samples = {0};
    memset(block, 'x', sizeof block);
    snprintf(path, sizeof path, "%s/floor", options->dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    need(fd >= 0, path, "can't be made");
    bool appends = strcmp(options->verb, "fdatasync") == 0;
    for (uint32_t i = 0; !appends && i < options->n; i++) {
        need(write(fd, block, sizeof block) == sizeof block, path, "can't be written");
    }
    need(fsync(fd) == 0 && lseek(fd, 0, SEEK_SET) == 0, path, "can't be synced");
    for (uint32_t i = 0; i < options->n; i++) {
        usleep(options->gap_us); /* a disk that is asked now and then, by a machine that sleeps */
        int64_t began = now_ns();
        need(write(fd, block, sizeof block) == sizeof block && fdatasync(fd) == 0, path,
             "can't be synced");
        samples_add(&samples, (double)(now_ns() - began) / 1e3);
    }
    close(fd);
    unlink(path);
    print_begin();
    print_samples(&samples);
    print_end();
    samples_fini(&samples);
}

struct router {
    void *socket;
    char target[256];
    int target_bytes;
};

/* Passes what comes from anybody on to the one that said "here". */
static void *
route(void *context)
{
    struct router *router = context;
    char id[256], body[256];
    for (;;) {
        int n = zmq_recv(router->socket, id, sizeof id, 0);
        int m = zmq_recv(router->socket, body, sizeof body, 0);
        if (n < 0 || m < 0) {
            break; /* the context ends */
        }
        if (m == 4 && memcmp(body, "here", 4) == 0) {
            memcpy(router->target, id, (size_t)n);
            router->target_bytes = n;
        }
        zmq_send(router->socket, router->target, (size_t)router->target_bytes, ZMQ_SNDMORE);
        zmq_send(router->socket, body, (size_t)m, 0);
    }
    zmq_close(router->socket);
    return NULL;
}

static void *
dealer(void *context, const char *endpoint)
{
    void *socket = zmq_socket(context, ZMQ_DEALER);
    int linger = 0;
    need(socket && zmq_connect(socket, endpoint) == 0, endpoint, "can't be connected to");
    zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
    return socket;
}

void
floor_route(const struct options *options)
{
    char endpoint[400], body[PAYLOAD_BYTES] = "x", got[256];
    snprintf(endpoint, sizeof endpoint, "ipc://%s/route.sock", options->dir);
    /* Contexts of their own, as three programs would have. */
    void *contexts[3] = {zmq_ctx_new(), zmq_ctx_new(), zmq_ctx_new()};
    struct router router = {.socket = zmq_socket(contexts[0], ZMQ_ROUTER)};
    need(router.socket && zmq_bind(router.socket, endpoint) == 0, endpoint, "can't be bound");
    pthread_t thread;
    need(pthread_create(&thread, NULL, route, &router) == 0, "thread", "can't be made");
    void *client = dealer(contexts[1], endpoint);
    void *worker = dealer(contexts[2], endpoint);
    need(zmq_send(worker, "here", 4, 0) == 4 && zmq_recv(worker, got, sizeof got, 0) == 4, endpoint,
         "does not answer");
    struct samples samples = {0};
    for (uint32_t i = 0; i < options->n; i++) {
        usleep(options->gap_us); /* low load: everybody sleeps */
        int64_t began = now_ns();
        need(zmq_send(client, body, sizeof body, 0) >= 0 &&
                 zmq_recv(worker, got, sizeof got, 0) >= 0,
             endpoint, "does not answer");
        samples_add(&samples, (double)(now_ns() - began) / 1e3);
    }
    zmq_close(client);
    zmq_close(worker);
    zmq_ctx_shutdown(contexts[0]);
    pthread_join(thread, NULL);
    for (int i = 0; i < 3; i++) {
        zmq_ctx_term(contexts[i]);
    }
    unlink(endpoint + strlen("ipc://"));
    print_begin();
    print_samples(&samples);
    print_end();
    samples_fini(&samples);
}

void
floor_sqlite(const struct options *options)
{
    char path[400], row[200];
    memset(row, 'x', sizeof row);
    snprintf(path, sizeof path, "%s/floor.db", options->dir);
    sqlite3 *db;
    sqlite3_stmt *insert;
    need(sqlite3_open(path, &db) == SQLITE_OK, path, "can't be opened");
    need(sqlite3_exec(db,
                      "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                      "CREATE TABLE t (k INTEGER PRIMARY KEY, v BLOB)",
                      NULL, NULL, NULL) == SQLITE_OK &&
             sqlite3_prepare_v2(db, "INSERT INTO t (v) VALUES (?)", -1, &insert, NULL) == SQLITE_OK,
         path, sqlite3_errmsg(db));
    int64_t began = now_ns();
    for (uint32_t i = 0; i < options->n; i += options->batch) {
        sqlite3_exec(db, "BEGIN", NULL, NULL, NULL);
        for (uint32_t j = 0; j < options->batch; j++) {
            sqlite3_bind_blob(insert, 1, row, sizeof row, SQLITE_STATIC);
            need(sqlite3_step(insert) == SQLITE_DONE, path, sqlite3_errmsg(db));
            sqlite3_reset(insert);
        }
        need(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK, path, sqlite3_errmsg(db));
    }
    int64_t took = now_ns() - began;
    sqlite3_finalize(insert);
    sqlite3_close(db);
    unlink(path);
    print_begin();
    print_field("rate", (double)options->n * 1e9 / (double)took);
    print_end();
}
