/* baton-bench: the figures of one broker on this machine, each beside its goal where it has one. A
 * figure is for comparing within one run: the disk and the neighbours change from hour to hour. */
#include "bench/bench.h"

#include <getopt.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

extern char **environ;

struct scale {
    uint32_t open_tasks; /* for the restart */
    uint32_t many;       /* for memory and the cost at length */
    int latency;         /* samples */
    const char *graph;
    const char *tmp;
};

static void
row(const char *what, double value, const char *unit, const char *goal, int met)
{
    printf("%-58s %12.1f %-8s %-28s %s\n", what, value, unit, goal,
           goal[0] ? met ? "met" : "MISSED" : "");
    fflush(stdout);
}

static baton *
open_client(const struct broker *broker)
{
    struct baton_options options = {.timeout_ms = 120000};
    baton *client;
    need(baton_open(broker->endpoint, &options, &client) == BATON_OK, "open", broker->endpoint);
    return client;
}

/* ---- the graph ---- */

static int64_t
run_apply(const struct broker *broker, const char *graph)
{
    const char *bin = getenv("BATON_BIN");
    char path[512];
    snprintf(path, sizeof path, "%s/baton", bin ? bin : "build/release/bin");
    char endpoint[300];
    snprintf(endpoint, sizeof endpoint, "%s", broker->endpoint);
    const char *const argv[] = {path,     "--quiet", "--endpoint", endpoint, "apply",
                                "--role", "spread",  graph,        NULL};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, 2, 1);
    int64_t began = now_us();
    pid_t pid;
    int status = 1;
    need(posix_spawn(&pid, path, &actions, NULL, (char *const *)(uintptr_t)argv, environ) == 0,
         path, "can't be started");
    waitpid(pid, &status, 0);
    posix_spawn_file_actions_destroy(&actions);
    need(status == 0, "apply", graph);
    return now_us() - began;
}

static void
bench_graph(const struct scale *scale)
{
    struct broker broker;
    broker_init(&broker, scale->tmp);
    broker_start(&broker);
    int64_t applied = run_apply(&broker, scale->graph);
    baton *client = open_client(&broker);
    baton_broker_status *status;
    need(baton_get_status(client, &status) == BATON_OK, "status", baton_error(client));
    uint32_t n = (uint32_t)status->n_tasks;
    baton_broker_status_free(status);
    baton_close(&client);
    int64_t ran = run_tasks(&broker, n, 500);
    printf("graph of %u tasks: %s\n", n, scale->graph);
    row("  apply", (double)applied / 1000, "ms", "< 2000", applied < 2000000);
    row("  run, durable, 6 do-nothing workers", (double)ran / 1000, "ms", "< 10000",
        ran < 10000000);
    row("  run, tasks a second", (double)n * 1e6 / (double)ran, "/s", "", 1);
    broker_fini(&broker);
}

/* ---- latency ---- */

static void
bench_latency(const struct scale *scale)
{
    struct broker broker;
    broker_init(&broker, scale->tmp);
    broker_start(&broker);
    const char *role = "infra";
    struct baton_worker_options options = {
        .name = "bench", .roles = &role, .n_roles = 1, .slots = 1};
    baton_worker *worker;
    need(baton_worker_open(broker.endpoint, &options, &worker) == BATON_OK, "worker", "open");
    baton *client = open_client(&broker);
    struct samples sync = {0}, echo = {0}, start = {0};
    static const struct baton_result done = {.outcome = BATON_OUTCOME_DONE};
    for (int i = 0; i < scale->latency; i++) {
        /* Alternating, since the disk changes its mind within seconds. */
        floor_fdatasync(broker.dir, 1, &sync);
        char prefix[24];
        snprintf(prefix, sizeof prefix, "L%d-", i);
        struct baton_worker_event event = {0};
        baton_worker_credit(worker, 1);
        while (baton_worker_next(worker, 0, &event) == BATON_OK) {
            continue;
        }
        int64_t began = now_us();
        add_tasks(client, prefix, role, 1, 1);
        do {
            need(baton_worker_next(worker, 5000, &event) == BATON_OK, "worker", "nothing comes");
        } while (event.kind != BATON_WORK_ASSIGNED);
        samples_add(&start, (double)(now_us() - began));
        baton_worker_started(worker, event.assignment->token);
        need(baton_worker_report(worker, event.assignment->token, &done) == BATON_OK, "report", "");
        baton_assignment_free(event.assignment);
        do {
            need(baton_worker_next(worker, 5000, &event) == BATON_OK, "worker",
                 "no acknowledgement");
        } while (event.kind != BATON_WORK_REPORTED);
    }
    floor_zmq(broker.dir, scale->latency, &echo);
    double floor = samples_percentile(&sync, 0.5) + samples_percentile(&echo, 0.5);
    double p50 = samples_percentile(&start, 0.5);
    printf("latency at low load, %d samples\n", scale->latency);
    row("  floor: fdatasync, p50", samples_percentile(&sync, 0.5), "us", "", 1);
    row("  floor: ZeroMQ ipc round trip, p50", samples_percentile(&echo, 0.5), "us", "", 1);
    row("  enqueue to start, p50", p50, "us", "", 1);
    row("  enqueue to start, p99", samples_percentile(&start, 0.99), "us", "", 1);
    row("  enqueue to start, p50 / (fdatasync + round trip)", p50 / floor, "x", "< 3",
        p50 < 3 * floor);
    samples_fini(&sync);
    samples_fini(&echo);
    samples_fini(&start);
    baton_worker_close(&worker, 1000, false);
    baton_close(&client);
    broker_fini(&broker);
}

/* ---- restart, memory, cost at length ---- */

static void
bench_restart(const struct scale *scale)
{
    struct broker broker;
    broker_init(&broker, scale->tmp);
    broker_start(&broker);
    baton *client = open_client(&broker);
    add_tasks(client, "r", "backend", scale->open_tasks, 1000);
    baton_close(&client);
    broker_kill(&broker);
    int64_t took = broker_start(&broker);
    printf("restart after kill -9 with %u open tasks\n", scale->open_tasks);
    row("  to serving", (double)took / 1000, "ms", scale->open_tasks == 100000 ? "< 1000" : "",
        took < 1000000);
    broker_fini(&broker);
}

/* CPU time of the broker for a task's whole life, with this many others queued. */
static double
cost_at(const struct broker *broker, baton *client, const char *prefix, uint32_t n)
{
    int64_t cpu = broker_cpu_us(broker);
    for (uint32_t done = 0; done < n; done += 2000) {
        char part[24];
        snprintf(part, sizeof part, "%.8s%u-", prefix, done);
        add_tasks(client, part, "infra", 2000, 1000);
        run_tasks(broker, 2000, 500);
    }
    return (double)(broker_cpu_us(broker) - cpu) / n;
}

static void
bench_length(const struct scale *scale)
{
    struct broker broker;
    broker_init(&broker, scale->tmp);
    broker_start(&broker);
    baton *client = open_client(&broker);
    cost_at(&broker, client, "warm", 20000);
    uint64_t empty = broker_rss_bytes(&broker);
    add_tasks(client, "q", "testing", 1000, 1000);
    /* Those in the way are held by a pause of their role: queued, and never taken. */
    need(baton_pause(client, &(struct baton_pause){.scope = BATON_SCOPE_ROLE, .name = "testing"},
                     NULL) == BATON_OK,
         "pause", baton_error(client));
    double few = cost_at(&broker, client, "few", 40000);
    int64_t began = now_us();
    add_tasks(client, "m", "testing", scale->many, 1000);
    double rate = (double)scale->many * 1e6 / (double)(now_us() - began);
    uint64_t full = broker_rss_bytes(&broker);
    double bytes = (double)(full - empty) / scale->many;
    double many = cost_at(&broker, client, "many", 40000);
    printf("%u tasks queued, 100-byte payload\n", scale->many);
    row("  enqueue, durable, one producer", rate, "/s", "", 1);
    row("  resident memory a queued task", bytes, "bytes", "< 600", bytes < 600);
    row("  broker CPU a task with 1,000 queued", few, "us", "", 1);
    row("  the same with all of them queued", many, "us", "", 1);
    row("  ratio", many / few, "x", "< 1.5", many < 1.5 * few);
    baton_close(&client);
    broker_fini(&broker);
}

static const char usage[] =
    "usage: baton-bench [--quick] [--graph FILE] [--tmp DIR] [graph|latency|restart|length]…\n"
    "Measures the broker in $BATON_BIN (build/release/bin). --quick: a tenth of the sizes.\n";

int
main(int argc, char **argv)
{
    struct scale scale = {
        .open_tasks = 100000, .many = 1000000, .latency = 2000, .tmp = "/var/tmp"};
    static const struct option options[] = {{"quick", no_argument, NULL, 'q'},
                                            {"graph", required_argument, NULL, 'g'},
                                            {"tmp", required_argument, NULL, 't'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    int c;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case 'q':
            scale = (struct scale){.open_tasks = 10000,
                                   .many = 100000,
                                   .latency = 200,
                                   .graph = scale.graph,
                                   .tmp = scale.tmp};
            break;
        case 'g':
            scale.graph = optarg;
            break;
        case 't':
            scale.tmp = optarg;
            break;
        case 'h':
            fputs(usage, stdout);
            return 0;
        default:
            fputs(usage, stderr);
            return 64;
        }
    }
    static const struct {
        const char *name;
        void (*run)(const struct scale *scale);
    } parts[] = {{"graph", bench_graph},
                 {"latency", bench_latency},
                 {"restart", bench_restart},
                 {"length", bench_length}};
    printf("baton-bench, libbaton %s\n", baton_version());
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        int wanted = optind == argc && (parts[i].run != bench_graph || scale.graph);
        for (int a = optind; a < argc; a++) {
            wanted |= strcmp(argv[a], parts[i].name) == 0;
        }
        if (wanted) {
            need(parts[i].run != bench_graph || scale.graph != NULL, "graph", "needs --graph FILE");
            parts[i].run(&scale);
        }
    }
    return 0;
}
