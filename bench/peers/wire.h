/* A connection to a peer, and what a peer's protocol must tell of itself. Replies come in the order
 * of the requests, so requests are written many at a time and the replies are counted. */
#ifndef BATON_BENCH_PEERS_WIRE_H
#define BATON_BENCH_PEERS_WIRE_H

#include "bench/meter.h"

struct wire {
    int fd;
    char *in; /* begin … end is not read yet */
    size_t in_begin, in_end, in_room;
    char *out;
    size_t out_bytes, out_room;
    unsigned asked; /* for a protocol whose one request brings many tasks: how many are to come */
    bool in_list;   /* Redis: the elements of an array are coming */
    char inbox[64]; /* NATS */
};

void wire_open(struct wire *wire, const struct options *options);
void wire_close(struct wire *wire);
void wire_put(struct wire *wire, const void *bytes, size_t n);
void wire_format(struct wire *wire, const char *format, ...) __attribute__((format(printf, 2, 3)));
void wire_flush(struct wire *wire);
/* Waits for more bytes; false: none for a short while. */
bool wire_fill(struct wire *wire);
/* The next whole line, without its end (CR LF), or NULL; it is not consumed. */
const char *wire_line(struct wire *wire, size_t *ret_bytes);

enum reply_kind {
    REPLY_NONE,   /* not whole yet */
    REPLY_STORED, /* a task is in the queue */
    REPLY_TASK,   /* one came */
    REPLY_EMPTY,  /* `count` of those asked for do not come */
    REPLY_WOKEN,  /* there may be some now */
    REPLY_ENDED,  /* a task's end is acknowledged */
    REPLY_OTHER,
};

struct reply {
    enum reply_kind kind;
    unsigned count;
    uint64_t number;  /* of the task */
    const char *name; /* by which it is ended; lasts until the next fill */
    size_t name_bytes;
};

struct protocol {
    const char *name;
    bool ends_are_acknowledged;
    bool wait_brings_task; /* else it only wakes */
    void (*hello)(struct wire *wire, const struct options *options, bool consumes);
    void (*store)(struct wire *wire, uint64_t number);
    void (*ask)(struct wire *wire, unsigned n);
    void (*wait)(struct wire *wire);
    void (*end)(struct wire *wire, const struct reply *task);
    void (*read)(struct wire *wire, struct reply *ret_reply);
};

extern const struct protocol beanstalkd, gearmand, redis, nats;

#endif
