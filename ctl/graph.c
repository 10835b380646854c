/* The dependency graph of listed tasks, for drawing. */
#include "ctl/graph.h"

#include "common/alloc.h"

#include <stdlib.h>
#include <string.h>

/* The node of a name, made when it is new. */
static uint32_t
node_of(struct graph *graph, const char *project, const char *id)
{
    size_t n = names_add(&graph->names, project, id);
    if (n < graph->n_nodes) {
        return (uint32_t)n;
    }
    if (graph->n_nodes == graph->room_nodes) {
        graph->room_nodes = graph->room_nodes ? graph->room_nodes * 2 : 128;
        graph->nodes = xreallocarray(graph->nodes, graph->room_nodes, sizeof *graph->nodes);
    }
    graph->nodes[graph->n_nodes++] = (struct graph_node){
        .name = graph->names.texts[n],
        .title = xstrdup(""),
        .role = "",
        .shown = true,
    };
    return (uint32_t)n;
}

static void
add_edge(struct graph *graph, struct graph_edge edge)
{
    if (graph->n_edges == graph->room_edges) {
        graph->room_edges = graph->room_edges ? graph->room_edges * 2 : 256;
        graph->edges = xreallocarray(graph->edges, graph->room_edges, sizeof *graph->edges);
    }
    graph->edges[graph->n_edges++] = edge;
}

void
graph_add(struct graph *graph, const baton_task *task)
{
    const baton_spec *spec = task->spec;
    uint32_t to = node_of(graph, spec->project, spec->id);
    struct graph_node *node = &graph->nodes[to];
    const char *role = spec->role[0] ? baton_role_of(spec->role) : NULL;
    free(node->title);
    node->title = xstrdup(spec->title);
    node->role = role ? role : "";
    node->state = task->state;
    for (size_t i = 0; i < spec->n_after; i++) {
        const struct baton_edge *edge = &spec->after[i];
        const char *project = edge->project && edge->project[0] ? edge->project : spec->project;
        uint32_t from = node_of(graph, project, edge->id);
        add_edge(graph, (struct graph_edge){from, to, edge->condition, edge->any > 0});
    }
}

/* Edges sorted by one end: the numbers of the edges of node n are order[begin[n]] up to
 * order[begin[n + 1]]. */
struct adjacency {
    uint32_t *begin;
    uint32_t *order;
};

static uint32_t
end_of(const struct graph_edge *edge, bool outgoing)
{
    return outgoing ? edge->from : edge->to;
}

static struct adjacency
adjacency_of(const struct graph *graph, bool outgoing)
{
    struct adjacency adjacency = {
        .begin = xcalloc(graph->n_nodes + 2, sizeof(uint32_t)),
        .order = xcalloc(graph->n_edges, sizeof(uint32_t)),
    };
    uint32_t *begin = adjacency.begin;
    for (size_t i = 0; i < graph->n_edges; i++) {
        begin[end_of(&graph->edges[i], outgoing) + 2]++;
    }
    for (size_t n = 2; n < graph->n_nodes + 2; n++) {
        begin[n] += begin[n - 1];
    }
    for (size_t i = 0; i < graph->n_edges; i++) {
        adjacency.order[begin[end_of(&graph->edges[i], outgoing) + 1]++] = (uint32_t)i;
    }
    return adjacency;
}

static void
adjacency_fini(struct adjacency *adjacency)
{
    free(adjacency->begin);
    free(adjacency->order);
}

void
graph_finish(struct graph *graph)
{
    struct adjacency out = adjacency_of(graph, true);
    uint32_t *unmet = xcalloc(graph->n_nodes, sizeof *unmet);
    uint32_t *queue = xcalloc(graph->n_nodes, sizeof *queue);
    size_t tail = 0;
    for (size_t i = 0; i < graph->n_edges; i++) {
        unmet[graph->edges[i].to]++;
    }
    for (size_t n = 0; n < graph->n_nodes; n++) {
        graph->nodes[n].level = 0;
        if (unmet[n] == 0) {
            queue[tail++] = (uint32_t)n;
        }
    }
    for (size_t head = 0; head < tail; head++) {
        uint32_t n = queue[head];
        for (uint32_t i = out.begin[n]; i < out.begin[n + 1]; i++) {
            uint32_t to = graph->edges[out.order[i]].to;
            graph->nodes[to].level = MAX(graph->nodes[to].level, graph->nodes[n].level + 1);
            if (--unmet[to] == 0) {
                queue[tail++] = to;
            }
        }
    }
    graph->n_levels = 0;
    for (size_t n = 0; n < graph->n_nodes; n++) {
        if (unmet[n] > 0) {
            graph->nodes[n].level = 0;
        }
        graph->n_levels = MAX(graph->n_levels, graph->nodes[n].level + 1);
    }
    free(unmet);
    free(queue);
    adjacency_fini(&out);
}

/* Marks what is reached one way; a breadth-first walk with a queue, since depth comes from input.
 */
static void
reach(struct graph *graph, size_t start, bool forward, uint64_t depth_max)
{
    struct adjacency adjacency = adjacency_of(graph, forward);
    uint64_t *depth = xcalloc(graph->n_nodes, sizeof *depth);
    bool *seen = xcalloc(graph->n_nodes, sizeof *seen);
    uint32_t *queue = xcalloc(graph->n_nodes, sizeof *queue);
    size_t tail = 0;
    queue[tail++] = (uint32_t)start;
    seen[start] = true;
    for (size_t head = 0; head < tail; head++) {
        uint32_t n = queue[head];
        graph->nodes[n].shown = true;
        for (uint32_t i = adjacency.begin[n]; depth[n] < depth_max && i < adjacency.begin[n + 1];
             i++) {
            const struct graph_edge *edge = &graph->edges[adjacency.order[i]];
            uint32_t next = forward ? edge->to : edge->from;
            if (!seen[next]) {
                seen[next] = true;
                depth[next] = depth[n] + 1;
                queue[tail++] = next;
            }
        }
    }
    free(depth);
    free(seen);
    free(queue);
    adjacency_fini(&adjacency);
}

void
graph_select(struct graph *graph, size_t start, enum graph_direction direction, uint64_t depth)
{
    for (size_t n = 0; n < graph->n_nodes; n++) {
        graph->nodes[n].shown = false;
    }
    if (direction != GRAPH_BEFORE) {
        reach(graph, start, true, depth);
    }
    if (direction != GRAPH_AFTER) {
        reach(graph, start, false, depth);
    }
}

size_t
graph_n_shown(const struct graph *graph)
{
    size_t shown = 0;
    for (size_t n = 0; n < graph->n_nodes; n++) {
        shown += graph->nodes[n].shown;
    }
    return shown;
}

const char *
graph_name(const struct graph_node *node, const char *at_hand)
{
    const char *id = strstr(node->name, "//") + 2;
    size_t bytes = (size_t)(id - 2 - node->name);
    return strlen(at_hand) == bytes && memcmp(at_hand, node->name, bytes) == 0 ? id : node->name;
}

void
graph_fini(struct graph *graph)
{
    for (size_t n = 0; n < graph->n_nodes; n++) {
        free(graph->nodes[n].title);
    }
    free(graph->nodes);
    free(graph->edges);
    names_fini(&graph->names);
    *graph = (struct graph){0};
}
