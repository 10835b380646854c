/* The machine's own speed: what no durable broker on it can beat. */
#include "bench/bench.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

void
floor_fdatasync(const char *dir, int n, struct samples *samples)
{
    char path[400], block[512];
    memset(block, 'x', sizeof block);
    snprintf(path, sizeof path, "%s/floor", dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    need(fd >= 0, path, "can't be made");
    for (int i = 0; i < n; i++) {
        int64_t began = now_us();
        need(write(fd, block, sizeof block) == sizeof block && fdatasync(fd) == 0, path,
             "can't be synced");
        samples_add(samples, (double)(now_us() - began));
    }
    close(fd);
    unlink(path);
}

static void *
echo(void *socket)
{
    char id[256], body[256];
    for (;;) {
        int n = zmq_recv(socket, id, sizeof id, 0);
        int m = zmq_recv(socket, body, sizeof body, 0);
        if (n < 0 || m < 0) {
            break; /* the context ends */
        }
        zmq_send(socket, id, (size_t)n, ZMQ_SNDMORE);
        zmq_send(socket, body, (size_t)m, 0);
    }
    zmq_close(socket);
    return NULL;
}

void
floor_zmq(const char *dir, int n, struct samples *samples)
{
    char endpoint[400], body[100] = "x", reply[256];
    snprintf(endpoint, sizeof endpoint, "ipc://%s/echo.sock", dir);
    void *context = zmq_ctx_new();
    void *router = zmq_socket(context, ZMQ_ROUTER);
    void *dealer = zmq_socket(context, ZMQ_DEALER);
    need(zmq_bind(router, endpoint) == 0 && zmq_connect(dealer, endpoint) == 0, endpoint,
         "can't be used");
    pthread_t thread;
    need(pthread_create(&thread, NULL, echo, router) == 0, "thread", "can't be made");
    for (int i = 0; i < n; i++) {
        int64_t began = now_us();
        need(zmq_send(dealer, body, sizeof body, 0) >= 0 &&
                 zmq_recv(dealer, reply, sizeof reply, 0) >= 0,
             endpoint, "does not answer");
        samples_add(samples, (double)(now_us() - began));
    }
    int linger = 0;
    zmq_setsockopt(dealer, ZMQ_LINGER, &linger, sizeof linger);
    zmq_close(dealer);
    zmq_ctx_shutdown(context);
    pthread_join(thread, NULL);
    zmq_ctx_term(context);
}
