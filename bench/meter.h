/* What every load generator here needs: the clock, percentiles, the check that each task ran once,
 * options, and the one line of JSON that scripts/bench reads. */
#ifndef BATON_BENCH_METER_H
#define BATON_BENCH_METER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PAYLOAD_BYTES = 100, NAME_ROOM = 32 };

/* Ends the program with a sentence when `ok` does not hold: a benchmark that went wrong has no
 * figures. */
void need(bool ok, const char *what, const char *why);

/* CLOCK_MONOTONIC, the same in all processes. */
int64_t now_ns(void);

/* A connection to the path of a socket, or to a port; tries each millisecond until somebody
 * listens. */
int dial_until(const char *endpoint);

void *alloc(size_t n, size_t bytes); /* zeroed; never NULL */

struct options {
    const char *endpoint; /* ipc://PATH; of a peer: the path of a socket, or a port */
    const char *verb;
    const char *protocol; /* of a peer */
    const char *storage;  /* NATS JetStream: memory or file */
    const char *file;     /* a graph */
    const char *dir;      /* for the floors */
    const char *list;     /* numbers with commas between them */
    double span_s;        /* simulated length of a graph's critical path */
    uint32_t pid;         /* of the server */
    uint32_t n;           /* tasks of this run */
    uint32_t first;       /* number of the first one */
    uint32_t batch;       /* tasks a message, where the protocol has batches */
    uint32_t producers;
    uint32_t window; /* requests in flight of a producer */
    uint32_t workers;
    uint32_t slots;   /* tasks in flight of a worker */
    uint32_t threads; /* that drive the workers */
    uint32_t warm;    /* tasks before the lengths are measured, if more than n */
    uint32_t gap_us;  /* between two tasks of the latency */
    uint32_t layers;
};

/* PROGRAM VERB --name VALUE…; exits with a sentence on anything else. Sets defaults. */
struct options options_read(int argc, char **argv);

/* Microseconds in an array, for percentiles. */
struct samples {
    double *us;
    size_t n, room;
};
void samples_add(struct samples *samples, double us);
double samples_percentile(struct samples *samples, double p); /* sorts */
void samples_fini(struct samples *samples);

/* Which tasks have run; each may once. */
struct ran {
    atomic_uchar *once;
    uint32_t n;
};
void ran_init(struct ran *ran, uint32_t n);
void ran_once(struct ran *ran, uint64_t number); /* ends the program when it is the second time */
uint32_t ran_count(const struct ran *ran);       /* how many have; O(n) */
void ran_fini(struct ran *ran);

/* The payload of a task: its number, then filler. */
void payload_fill(char payload[PAYLOAD_BYTES], uint64_t number);
uint64_t payload_number(const void *payload, size_t bytes);
/* Its name: "t" and its number. Returns the length without the NUL. */
size_t name_fill(char name[NAME_ROOM], uint64_t number);

/* One line of JSON on stdout: {"a": 1, "b": 2.5}. */
void print_begin(void);
void print_field(const char *name, double value);
void print_samples(struct samples *samples); /* p50, p99, max in us, and how many */
void print_end(void);

/* CPU time that a process has used, in ns; its resident memory in bytes. */
int64_t process_cpu_ns(uint32_t pid);
uint64_t process_rss_bytes(uint32_t pid);

#endif
