/* Sockets and buffers of a connection to a peer: see wire.h. */
#include "bench/peers/wire.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_BYTES = 128 * 1024, WAIT_US = 20000 };

void
wire_open(struct wire *wire, const struct options *options)
{
    *wire = (struct wire){.fd = dial_until(options->endpoint)};
    /* One system call to wait and read: they are what is dear here. */
    struct timeval wait = {.tv_usec = WAIT_US};
    setsockopt(wire->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
}

void
wire_close(struct wire *wire)
{
    close(wire->fd);
    free(wire->in);
    free(wire->out);
}

void
wire_put(struct wire *wire, const void *bytes, size_t n)
{
    if (wire->out_bytes + n > wire->out_room) {
        wire->out_room = 2 * (wire->out_bytes + n);
        wire->out = realloc(wire->out, wire->out_room);
        need(wire->out != NULL, "memory", "there is none left");
    }
    memcpy(wire->out + wire->out_bytes, bytes, n);
    wire->out_bytes += n;
}

void
wire_format(struct wire *wire, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    need(n >= 0 && (size_t)n < sizeof text, "request", "is too long");
    wire_put(wire, text, (size_t)n);
}

void
wire_flush(struct wire *wire)
{
    for (size_t sent = 0; sent < wire->out_bytes;) {
        ssize_t n = send(wire->fd, wire->out + sent, wire->out_bytes - sent, MSG_NOSIGNAL);
        need(n > 0 || errno == EINTR, "send", strerror(errno));
        sent += n > 0 ? (size_t)n : 0;
    }
    wire->out_bytes = 0;
}

bool
wire_fill(struct wire *wire)
{
    if (wire->in_begin > 0) {
        memmove(wire->in, wire->in + wire->in_begin, wire->in_end - wire->in_begin);
        wire->in_end -= wire->in_begin;
        wire->in_begin = 0;
    }
    if (wire->in_room - wire->in_end < READ_BYTES) {
        wire->in_room = wire->in_end + 2 * READ_BYTES;
        wire->in = realloc(wire->in, wire->in_room);
        need(wire->in != NULL, "memory", "there is none left");
    }
    ssize_t n = recv(wire->fd, wire->in + wire->in_end, wire->in_room - wire->in_end, 0);
    if (n < 0 && errno == EAGAIN) {
        return false;
    }
    need(n > 0, "receive", n == 0 ? "the server closed the connection" : strerror(errno));
    wire->in_end += (size_t)n;
    return true;
}

const char *
wire_line(struct wire *wire, size_t *ret_bytes)
{
    const char *begin = wire->in + wire->in_begin;
    size_t have = wire->in_end - wire->in_begin;
    const char *end = have ? memchr(begin, '\n', have) : NULL;
    if (!end) {
        return NULL;
    }
    *ret_bytes = (size_t)(end - begin) - 1; /* a CR stands before it */
    return begin;
}
