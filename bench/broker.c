/* Starting, killing and measuring the broker under test. */
#include "bench/bench.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

void
need(int ok, const char *what, const char *why)
{
    if (!ok) {
        fprintf(stderr, "bench: %s: %s\n", what, why);
        exit(1);
    }
}

int64_t
now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void
samples_add(struct samples *samples, double us)
{
    if (samples->n == samples->room) {
        samples->room = samples->room ? samples->room * 2 : 1024;
        samples->us = realloc(samples->us, samples->room * sizeof *samples->us);
        need(samples->us != NULL, "samples", "no memory");
    }
    samples->us[samples->n++] = us;
}

static int
compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

double
samples_percentile(struct samples *samples, double p)
{
    need(samples->n > 0, "samples", "none");
    qsort(samples->us, samples->n, sizeof *samples->us, compare);
    size_t i = (size_t)(p * (double)(samples->n - 1));
    return samples->us[i];
}

void
samples_fini(struct samples *samples)
{
    free(samples->us);
    *samples = (struct samples){0};
}

void
broker_init(struct broker *broker, const char *tmp)
{
    *broker = (struct broker){0};
    snprintf(broker->dir, sizeof broker->dir, "%s/baton-bench.XXXXXX", tmp);
    need(mkdtemp(broker->dir) != NULL, broker->dir, "can't be made");
    snprintf(broker->endpoint, sizeof broker->endpoint, "ipc://%s/broker.sock", broker->dir);
}

int64_t
broker_start(struct broker *broker)
{
    char data[300], log[300];
    snprintf(data, sizeof data, "%s/data", broker->dir);
    snprintf(log, sizeof log, "%s/log", broker->dir);
    const char *bin = getenv("BATON_BIN");
    char path[512];
    snprintf(path, sizeof path, "%s/batond", bin ? bin : "build/release/bin");
    const char *const argv[] = {path, "--data", data, "--listen", broker->endpoint, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 2, log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    int64_t began = now_us();
    int rc = posix_spawn(&broker->pid, path, &actions, NULL, (char *const *)(uintptr_t)argv,
                         environ);
    posix_spawn_file_actions_destroy(&actions);
    need(rc == 0, path, strerror(rc));
    struct baton_options options = {.timeout_ms = 120000};
    baton *client;
    need(baton_open(broker->endpoint, &options, &client) == BATON_OK, "open", broker->endpoint);
    struct baton_pong pong;
    need(baton_ping(client, &pong) == BATON_OK, "the broker does not answer", baton_error(client));
    int64_t took = now_us() - began;
    baton_close(&client);
    return took;
}

void
broker_kill(struct broker *broker)
{
    if (broker->pid) {
        kill(broker->pid, SIGKILL);
        waitpid(broker->pid, NULL, 0);
        broker->pid = 0;
    }
}

void
broker_fini(struct broker *broker)
{
    broker_kill(broker);
    const char *const argv[] = {"rm", "-rf", broker->dir, NULL};
    pid_t pid;
    if (posix_spawnp(&pid, "rm", NULL, NULL, (char *const *)(uintptr_t)argv, environ) == 0) {
        waitpid(pid, NULL, 0);
    }
}

uint64_t
broker_rss_bytes(const struct broker *broker)
{
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%d/status", (int)broker->pid);
    FILE *f = fopen(path, "re");
    need(f != NULL, path, "can't be read");
    unsigned long kib = 0;
    while (fgets(line, sizeof line, f)) {
        if (strncmp(line, "VmRSS:", 6) == 0) {
            kib = strtoul(line + 6, NULL, 10);
        }
    }
    fclose(f);
    return (uint64_t)kib * 1024;
}

int64_t
broker_cpu_us(const struct broker *broker)
{
    char path[64], text[1024] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", (int)broker->pid);
    FILE *f = fopen(path, "re");
    need(f != NULL && fgets(text, sizeof text, f) != NULL, path, "can't be read");
    fclose(f);
    /* Fields 14 and 15, counted behind the name in parentheses. */
    const char *p = strrchr(text, ')');
    unsigned long user = 0, system = 0;
    need(p && sscanf(p + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                     &system) == 2,
         path, "not understood");
    return (int64_t)(user + system) * 1000000 / sysconf(_SC_CLK_TCK);
}
