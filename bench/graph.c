/* Graphs: a chain, layers with a barrier between them, and graphs of others with simulated run
 * times. All of a graph is added while the workers wait. */
#include "bench/load.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- chain and layers ---- */

static void
print_run(const struct options *options, int64_t began, int64_t added, int64_t first, int64_t last)
{
    print_begin();
    print_field("tasks", options->n);
    print_field("add_s", (double)(added - began) / 1e9);
    print_field("run_s", (double)(last - first) / 1e9);
    print_field("seconds", (double)(last - began) / 1e9);
    print_end();
}

void
run_chain(const struct options *options)
{
    uint32_t n = options->n;
    struct ran ran;
    ran_init(&ran, n);
    struct crew_work work = {.options = options, .ran = &ran, .want = n};
    struct crew *crew = crew_new(&work);
    baton *client = client_open(options);
    struct parts parts;
    parts_init(&parts, n);
    struct baton_edge *edges = alloc(n, sizeof *edges);
    for (uint32_t i = 0; i < n; i++) {
        parts_set(&parts, i, i);
        if (i > 0) {
            edges[i].id = parts.ids[i - 1];
            parts.specs[i]->after = &edges[i];
            parts.specs[i]->n_after = 1;
        }
    }
    crew_go(crew);
    int64_t began = now_ns();
    parts_submit(&parts, n, client);
    int64_t added = now_ns();
    int64_t last = crew_join(crew);
    need(ran_count(&ran) == n, "tasks", "not every task ran");
    print_run(options, began, added, crew_first_ns(crew), last);
    parts_fini(&parts);
    free(edges);
    baton_close(&client);
    crew_free(crew);
    ran_fini(&ran);
}

struct order { /* that no task of a layer comes before all of the one before it have */
    uint32_t layer_tasks;
    atomic_uint *come;
};

static void
layer_come(void *context, const baton_assignment *assignment, int64_t at_ns)
{
    struct order *order = context;
    (void)at_ns;
    const baton_spec *spec = assignment->spec;
    uint64_t layer = payload_number(spec->payload, spec->payload_bytes) / order->layer_tasks;
    atomic_fetch_add(&order->come[layer], 1);
    need(layer == 0 || atomic_load(&order->come[layer - 1]) == order->layer_tasks, "layers",
         "a task came before its barrier was through");
}

/* A layer's tasks, then the barrier that waits for all of them: a milestone, which no worker runs.
 */
static void
layer_describe(uint32_t layer, uint32_t n, struct parts *parts, struct baton_edge *edges,
               struct baton_edge *after)
{
    uint32_t at = layer * (n + 1);
    for (uint32_t i = 0; i < n; i++) {
        parts_set(parts, at + i, layer * n + i);
        parts->specs[at + i]->after = after;
        parts->specs[at + i]->n_after = layer > 0;
        edges[i].id = parts->ids[at + i];
    }
    baton_spec *barrier = parts->specs[at + n];
    snprintf(parts->ids[at + n], sizeof parts->ids[at + n], "barrier%u", layer);
    barrier->milestone = true;
    barrier->payload_bytes = 0;
    barrier->after = edges;
    barrier->n_after = n;
}

/* One submission, as of a plan. */
static void
layers_submit(const struct options *options, baton *client)
{
    uint32_t n = options->n / options->layers;
    struct parts parts;
    parts_init(&parts, options->layers * (n + 1));
    struct baton_edge *edges = alloc(options->n, sizeof *edges);
    struct baton_edge *after = alloc(options->layers, sizeof *after);
    for (uint32_t layer = 0; layer < options->layers; layer++) {
        after[layer].id = layer > 0 ? parts.ids[layer * (n + 1) - 1] : NULL;
        layer_describe(layer, n, &parts, edges + (size_t)layer * n, &after[layer]);
    }
    parts_submit(&parts, parts.room, client);
    parts_fini(&parts);
    free(edges);
    free(after);
}

void
run_layers(const struct options *options)
{
    uint32_t n = options->n / options->layers;
    struct ran ran;
    ran_init(&ran, options->n);
    struct order order = {n, alloc(options->layers, sizeof *order.come)};
    struct crew_work work = {
        .options = options, .ran = &ran, .want = options->n, .come = layer_come, .context = &order};
    struct crew *crew = crew_new(&work);
    baton *client = client_open(options);
    crew_go(crew);
    int64_t began = now_ns();
    layers_submit(options, client);
    int64_t added = now_ns();
    int64_t last = crew_join(crew);
    need(ran_count(&ran) == options->n, "tasks", "not every task ran");
    print_run(options, began, added, crew_first_ns(crew), last > added ? last : added);
    free(order.come);
    baton_close(&client);
    crew_free(crew);
    ran_fini(&ran);
}

/* ---- graphs of others ---- */

struct node {
    char *id;
    double run_s;
    struct baton_edge *parents;
    uint32_t *parent_numbers;
    uint32_t n_parents;
    double until_s; /* its end on the critical path that leads to it */
    int64_t due_ns; /* while it runs */
    uint64_t token;
    uint32_t worker;
    bool came, done;
};

struct graph {
    struct node *nodes;
    uint32_t n, room;
    uint32_t *running; /* heap by due_ns */
    uint32_t n_running;
};

static uint32_t
graph_find(const struct graph *graph, const char *id)
{
    for (uint32_t i = graph->n; i-- > 0;) {
        if (strcmp(graph->nodes[i].id, id) == 0) {
            return i;
        }
    }
    need(false, id, "is a parent that does not stand before its child");
    return 0;
}

/* A line a task, parents before children: ID, seconds, parents with commas; tabs between. */
static void
graph_add(struct graph *graph, char *line)
{
    if (graph->n == graph->room) {
        graph->room = graph->room ? graph->room * 2 : 256;
        graph->nodes = realloc(graph->nodes, graph->room * sizeof *graph->nodes);
        need(graph->nodes != NULL, "memory", "there is none left");
    }
    struct node node = {0};
    line[strcspn(line, "\n")] = 0;
    const char *id = strsep(&line, "\t");
    const char *seconds = strsep(&line, "\t");
    need(id && seconds && line, "graph", "a line has not three fields");
    node.id = strdup(id);
    node.run_s = strtod(seconds, NULL);
    size_t most = 1;
    for (const char *p = line; *p; p++) {
        most += *p == ',';
    }
    node.parents = alloc(most, sizeof *node.parents);
    node.parent_numbers = alloc(most, sizeof *node.parent_numbers);
    for (char *parent; *line && (parent = strsep(&line, ","));) {
        uint32_t number = graph_find(graph, parent);
        node.parent_numbers[node.n_parents] = number;
        node.parents[node.n_parents++].id = graph->nodes[number].id;
        double until = graph->nodes[number].until_s;
        node.until_s = until > node.until_s ? until : node.until_s;
        if (!line) {
            break;
        }
    }
    node.until_s += node.run_s;
    graph->nodes[graph->n++] = node;
}

static void
graph_read(struct graph *graph, const struct options *options)
{
    need(options->file != NULL, "--file", "is needed: the graph");
    FILE *f = fopen(options->file, "re");
    need(f != NULL, options->file, "can't be read");
    char *line = NULL;
    size_t room = 0;
    while (getline(&line, &room, f) > 0) {
        graph_add(graph, line);
    }
    free(line);
    fclose(f);
    double length = 0;
    for (uint32_t i = 0; i < graph->n; i++) {
        length = graph->nodes[i].until_s > length ? graph->nodes[i].until_s : length;
    }
    need(length > 0, options->file, "has no length");
    for (uint32_t i = 0; i < graph->n; i++) {
        graph->nodes[i].run_s *= options->span_s / length;
    }
    graph->running = alloc(graph->n, sizeof *graph->running);
}

static bool
is_sooner(const struct graph *graph, uint32_t a, uint32_t b)
{
    return graph->nodes[graph->running[a]].due_ns < graph->nodes[graph->running[b]].due_ns;
}

static void
running_swap(struct graph *graph, uint32_t a, uint32_t b)
{
    uint32_t kept = graph->running[a];
    graph->running[a] = graph->running[b];
    graph->running[b] = kept;
}

static void
running_push(struct graph *graph, uint32_t number)
{
    uint32_t at = graph->n_running++;
    graph->running[at] = number;
    while (at > 0 && is_sooner(graph, at, (at - 1) / 2)) {
        running_swap(graph, at, (at - 1) / 2);
        at = (at - 1) / 2;
    }
}

static struct node *
running_pop(struct graph *graph)
{
    uint32_t first = graph->running[0];
    graph->running[0] = graph->running[--graph->n_running];
    for (uint32_t at = 0;;) {
        uint32_t child = 2 * at + 1;
        if (child + 1 < graph->n_running && is_sooner(graph, child + 1, child)) {
            child++;
        }
        if (child >= graph->n_running || !is_sooner(graph, child, at)) {
            break;
        }
        running_swap(graph, at, child);
        at = child;
    }
    return &graph->nodes[first];
}

static void
graph_start(struct graph *graph, const baton_assignment *assignment, uint32_t worker)
{
    const baton_spec *spec = assignment->spec;
    uint64_t number = payload_number(spec->payload, spec->payload_bytes);
    need(number < graph->n, "graph", "a task came that is not in it");
    struct node *node = &graph->nodes[number];
    need(!node->came, node->id, "came twice");
    for (uint32_t i = 0; i < node->n_parents; i++) {
        need(graph->nodes[node->parent_numbers[i]].done, node->id, "came before its parents");
    }
    node->came = true;
    node->due_ns = now_ns() + (int64_t)(node->run_s * 1e9);
    node->token = assignment->token;
    node->worker = worker;
    running_push(graph, (uint32_t)number);
}

static uint32_t /* tasks whose end is acknowledged */
graph_hear(struct graph *graph, baton_worker **workers, uint32_t i, uint32_t slots)
{
    uint32_t n_done = 0;
    struct baton_worker_event e;
    baton_worker_credit(workers[i], slots);
    while (baton_worker_next(workers[i], 0, &e) == BATON_OK) {
        need(e.kind != BATON_WORK_LOST && e.kind != BATON_WORK_DOWN, "worker", "a lease was lost");
        if (e.kind == BATON_WORK_ASSIGNED) {
            baton_worker_started(workers[i], e.token);
            graph_start(graph, e.assignment, i);
            baton_assignment_free(e.assignment);
        } else if (e.kind == BATON_WORK_REPORTED) {
            need(e.status == BATON_OK, "report", baton_status_name(e.status));
            n_done++;
        }
    }
    return n_done;
}

static void
graph_finish(struct graph *graph, baton_worker **workers)
{
    static const struct baton_result done = {.outcome = BATON_OUTCOME_DONE};
    while (graph->n_running && graph->nodes[graph->running[0]].due_ns <= now_ns()) {
        struct node *node = running_pop(graph);
        node->done = true;
        need(baton_worker_report(workers[node->worker], node->token, &done) == BATON_OK, "report",
             baton_worker_error(workers[node->worker]));
    }
}

/* Until all have ended; returns when. */
static int64_t
graph_work(struct graph *graph, baton_worker **workers, struct pollfd *fds,
           const struct options *options)
{
    for (uint32_t n_done = 0;;) {
        graph_finish(graph, workers);
        for (uint32_t i = 0; i < options->workers; i++) {
            n_done += graph_hear(graph, workers, i, options->slots);
        }
        if (n_done == graph->n) {
            return now_ns();
        }
        int64_t wait = 100000000;
        if (graph->n_running) {
            wait = graph->nodes[graph->running[0]].due_ns - now_ns();
        }
        if (wait > 0) {
            struct timespec t = {.tv_sec = wait / 1000000000, .tv_nsec = wait % 1000000000};
            ppoll(fds, options->workers, &t, NULL);
        }
    }
}

static void
graph_submit(const struct graph *graph, const struct options *options)
{
    struct parts parts;
    parts_init(&parts, graph->n);
    for (uint32_t i = 0; i < graph->n; i++) {
        parts_set(&parts, i, i);
        parts.specs[i]->id = graph->nodes[i].id;
        parts.specs[i]->after = graph->nodes[i].parents;
        parts.specs[i]->n_after = graph->nodes[i].n_parents;
        parts.specs[i]->estimate_ms = (int64_t)(graph->nodes[i].run_s * 1e3) + 1;
    }
    baton *client = client_open(options);
    parts_submit(&parts, graph->n, client);
    baton_close(&client);
    parts_fini(&parts);
}

static void
graph_free(struct graph *graph)
{
    for (uint32_t i = 0; i < graph->n; i++) {
        free(graph->nodes[i].id);
        free(graph->nodes[i].parents);
        free(graph->nodes[i].parent_numbers);
    }
    free(graph->nodes);
    free(graph->running);
}

void
run_graph(const struct options *options)
{
    static const char *const role = "backend";
    struct graph graph = {0};
    graph_read(&graph, options);
    baton_worker **workers = alloc(options->workers, sizeof(baton_worker *));
    struct pollfd *fds = alloc(options->workers, sizeof *fds);
    for (uint32_t i = 0; i < options->workers; i++) {
        char name[32];
        snprintf(name, sizeof name, "w%u", i);
        struct baton_worker_options wanted = {
            .name = name, .roles = &role, .n_roles = 1, .slots = options->slots};
        need(baton_worker_open(options->endpoint, &wanted, &workers[i]) == BATON_OK, "worker",
             name);
        fds[i] = (struct pollfd){.fd = baton_worker_fd(workers[i]), .events = POLLIN};
        struct baton_worker_event e;
        need(baton_worker_next(workers[i], 10000, &e) == BATON_OK && e.kind == BATON_WORK_UP,
             "worker", "is not welcome");
        baton_worker_credit(workers[i], options->slots);
        need(baton_worker_next(workers[i], 0, &e) == BATON_TIMEOUT, "worker", "a task too early");
    }
    int64_t began = now_ns();
    graph_submit(&graph, options);
    int64_t ended = graph_work(&graph, workers, fds, options);
    print_begin();
    print_field("tasks", graph.n);
    print_field("critical_s", options->span_s);
    print_field("makespan_s", (double)(ended - began) / 1e9);
    print_end();
    for (uint32_t i = 0; i < options->workers; i++) {
        baton_worker_close(&workers[i], 0, false);
    }
    free(workers);
    free(fds);
    graph_free(&graph);
}
