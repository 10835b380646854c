/* The benchmark of one broker on one machine: what scripts/bench runs. Everything goes through
 * libbaton, as a client's would. */
#ifndef BATON_BENCH_BENCH_H
#define BATON_BENCH_BENCH_H

#include <baton.h>

#include <stdint.h>
#include <sys/types.h>

/* Ends the program with a sentence when `ok` does not hold: a benchmark that went wrong has no
 * figures. */
void need(int ok, const char *what, const char *why);

int64_t now_us(void);

/* Microseconds in an array, for percentiles. */
struct samples {
    double *us;
    size_t n, room;
};
void samples_add(struct samples *samples, double us);
double samples_percentile(struct samples *samples, double p); /* sorts */
void samples_fini(struct samples *samples);

/* A batond of this benchmark's own, in a temporary directory. */
struct broker {
    char dir[256];
    char endpoint[300];
    pid_t pid;
};
void broker_init(struct broker *broker, const char *tmp);
/* Starts it and waits until it answers; returns how long that took, in us. */
int64_t broker_start(struct broker *broker);
void broker_kill(struct broker *broker); /* SIGKILL */
void broker_fini(struct broker *broker); /* and removes its files */
uint64_t broker_rss_bytes(const struct broker *broker);
int64_t broker_cpu_us(const struct broker *broker);

/* The machine's own: us of an fdatasync of a 512-byte append in `dir`, and of a ZeroMQ ipc round
 * trip, one at a time. */
void floor_fdatasync(const char *dir, int n, struct samples *samples);
void floor_zmq(const char *dir, int n, struct samples *samples);

/* Adds tasks PREFIX0 … of one role, 100 bytes of payload each, `batch` a message. */
void add_tasks(baton *client, const char *prefix, const char *role, uint32_t n, uint32_t batch);

/* Do-nothing workers in this process: one session a role, each with this many slots. Takes and
 * completes tasks until `n` are done; every task must come once. Returns the time it took, in us.
 */
int64_t run_tasks(const struct broker *broker, uint32_t n, uint32_t slots);

#endif
