/* One DEALER socket to the broker: see link.h. */
#include "client/link.h"

#include "common/check.h"
#include "common/limits.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

enum {
    RECONNECT_MS = 50,      /* a local connect costs nothing, and restarts are short */
    RECONNECT_MS_MAX = 100, /* both get up to 50 ms of jitter on top from ZeroMQ */
    HANDSHAKE_MS = 3000,
    QUEUE_FRAMES = 10 * 1000,
    FDS_MAX = 4,
};

int64_t
clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void
random_fill(void *p, size_t bytes)
{
    uint8_t *at = p;
    while (bytes > 0) {
        ssize_t n = getrandom(at, bytes, 0);
        CHECK(n > 0 || errno == EINTR);
        if (n > 0) {
            at += n;
            bytes -= (size_t)n;
        }
    }
}

bool
link_init(struct link *link, const char *endpoint)
{
    *link = (struct link){
        .fd = epoll_create1(EPOLL_CLOEXEC),
        .socket_fd = -1,
        .endpoint = strdup(endpoint),
        .context = zmq_ctx_new(),
    };
    random_fill(&link->rng, sizeof link->rng);
    if (link->fd < 0 || !link->endpoint || !link->context || !link_open(link)) {
        link_fini(link, 0);
        return false;
    }
    return true;
}

static void
socket_close(void *socket, int linger_ms)
{
    if (socket) {
        zmq_setsockopt(socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
        zmq_close(socket);
    }
}

void
link_fini(struct link *link, int linger_ms)
{
    socket_close(link->socket, linger_ms);
    if (link->context) {
        while (zmq_ctx_term(link->context) < 0 && errno == EINTR) {
        }
    }
    if (link->context && link->fd >= 0) {
        close(link->fd);
    }
    free(link->endpoint);
    *link = (struct link){.fd = -1};
}

void *
link_connect(struct link *link, int type, const char *endpoint, int *ret_fd)
{
    void *socket = zmq_socket(link->context, type);
    if (!socket) {
        return NULL;
    }
    const struct {
        int option;
        int value;
    } options[] = {
        {ZMQ_LINGER, 0},
        {ZMQ_IMMEDIATE, 1},
        {ZMQ_SNDHWM, QUEUE_FRAMES},
        {ZMQ_RCVHWM, QUEUE_FRAMES},
        {ZMQ_RECONNECT_IVL, RECONNECT_MS},
        {ZMQ_RECONNECT_IVL_MAX, RECONNECT_MS_MAX},
        {ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS},
    };
    int failed = 0;
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        failed |= zmq_setsockopt(socket, options[i].option, &options[i].value, sizeof(int));
    }
    int64_t bytes_max = MESSAGE_BYTES_MAX;
    failed |= zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &bytes_max, sizeof bytes_max);
    if (type == ZMQ_SUB) {
        failed |= zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "events", strlen("events"));
    }
    size_t fd_bytes = sizeof *ret_fd;
    if (failed || zmq_connect(socket, endpoint) < 0 ||
        zmq_getsockopt(socket, ZMQ_FD, ret_fd, &fd_bytes) < 0) {
        socket_close(socket, 0);
        return NULL;
    }
    return socket;
}

bool
link_open(struct link *link)
{
    if (link->socket) {
        epoll_ctl(link->fd, EPOLL_CTL_DEL, link->socket_fd, NULL);
        socket_close(link->socket, 0);
    }
    link->socket = link_connect(link, ZMQ_DEALER, link->endpoint, &link->socket_fd);
    struct epoll_event event = {.events = EPOLLIN};
    if (link->socket && epoll_ctl(link->fd, EPOLL_CTL_ADD, link->socket_fd, &event) < 0) {
        socket_close(link->socket, 0);
        link->socket = NULL;
    }
    return link->socket != NULL;
}

int
socket_events(void *socket)
{
    int events = 0;
    size_t bytes = sizeof events;
    while (socket && zmq_getsockopt(socket, ZMQ_EVENTS, &events, &bytes) < 0) {
        if (errno != EINTR) {
            return 0;
        }
    }
    return events;
}

int
link_events(struct link *link)
{
    return socket_events(link->socket);
}

bool
link_send(struct link *link, zmq_msg_t *frame)
{
    int sent = -1;
    if (link->socket) {
        do {
            sent = zmq_msg_send(frame, link->socket, ZMQ_DONTWAIT);
        } while (sent < 0 && errno == EINTR);
    }
    return sent >= 0;
}

bool
link_receive(struct link *link, zmq_msg_t *frame)
{
    bool in_dropped = false;
    while (link->socket) {
        if (zmq_msg_recv(frame, link->socket, ZMQ_DONTWAIT) < 0) {
            if (errno == EINTR) {
                continue;
            }
            return false;
        }
        bool more = zmq_msg_more(frame);
        if (!more && !in_dropped) {
            return true;
        }
        in_dropped = more;
    }
    return false;
}

enum link_wait
fds_wait(const int *fds, int n_fds, int64_t until)
{
    struct pollfd polled[FDS_MAX];
    CHECK(n_fds <= FDS_MAX);
    for (int i = 0; i < n_fds; i++) {
        polled[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
    }
    int64_t ms = -1;
    if (until != INT64_MAX) {
        ms = MIN(MAX(until - clock_ms(), 0), INT_MAX);
    }
    int n = poll(polled, (nfds_t)n_fds, (int)ms);
    if (n < 0) {
        return LINK_INTERRUPTED;
    }
    return n > 0 ? LINK_WOKEN : LINK_TIMEOUT;
}

int64_t
link_jitter(struct link *link, int64_t ms)
{
    return ms + (int64_t)rng_below(&link->rng, (uint64_t)ms / 2 + 1);
}
