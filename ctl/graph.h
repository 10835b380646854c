/* The dependency graph of listed tasks, for drawing. No broker, no output. */
#ifndef BATON_CTL_GRAPH_H
#define BATON_CTL_GRAPH_H

#include "client/include/baton.h"
#include "ctl/names.h"
#include "ctl/verbs.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct graph_node {
    const char *name;  /* "PROJECT//ID"; borrowed from graph.names */
    char *title;       /* owned; "" for none */
    const char *role;  /* one of baton_roles, or "" */
    baton_state state; /* NONE: named by a dependency only, not known */
    bool shown;        /* graph_select; true at first */
    uint32_t level;    /* tasks before it on the longest path */
};

struct graph_edge {
    uint32_t from; /* is waited for */
    uint32_t to;   /* waits */
    baton_condition condition;
    bool any; /* one of alternatives */
};

/* Zeroed memory is an empty one. */
struct graph {
    struct names names;
    struct graph_node *nodes; /* by number of the name; owned */
    size_t n_nodes;
    size_t room_nodes;
    struct graph_edge *edges; /* owned */
    size_t n_edges;
    size_t room_edges;
    uint32_t n_levels; /* after graph_finish */
};

/* Adds a task with its dependencies; copies what it keeps. */
void graph_add(struct graph *graph, const baton_task *task);

/* Sets the levels. O(nodes + edges). Should there be a cycle, its tasks are all on level 0. */
void graph_finish(struct graph *graph);

enum graph_direction { GRAPH_AFTER, GRAPH_BEFORE, GRAPH_BOTH };

/* Shows only what is reached from node `start` along the edges in at most `depth` steps. */
void graph_select(struct graph *graph, size_t start, enum graph_direction direction,
                  uint64_t depth);

/* Nodes that are shown. */
size_t graph_n_shown(const struct graph *graph);

/* The node's name as people write it in project `at_hand`; borrowed. */
const char *graph_name(const struct graph_node *node, const char *at_hand);

void graph_fini(struct graph *graph);

/* ---- drawing (graph_text.c, graph_export.c); to ctl->out ---- */

/* A line a level with counts by state and the first names; with `full` a line a task. */
void graph_print_text(const struct graph *graph, struct ctl *ctl, bool full);

/* Graphviz. Whole, or the first `limit` nodes (0: all). */
void graph_print_dot(const struct graph *graph, struct ctl *ctl, size_t limit);

/* Mermaid flowchart. */
void graph_print_mermaid(const struct graph *graph, struct ctl *ctl, size_t limit);

#endif
