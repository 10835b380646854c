/* The graph as lines of text. */
#include "common/alloc.h"
#include "common/text.h"
#include "ctl/graph.h"
#include "ctl/table.h"

#include <stdlib.h>
#include <string.h>

enum { NAMES_SHOWN_MAX = 12 }; /* of a level */

/* Numbers of the shown nodes by level, then in the order in which they came. */
static uint32_t *
by_level(const struct graph *graph, uint32_t **ret_begin)
{
    uint32_t *begin = xcalloc((size_t)graph->n_levels + 2, sizeof *begin);
    uint32_t *order = xcalloc(graph->n_nodes, sizeof *order);
    for (size_t n = 0; n < graph->n_nodes; n++) {
        if (graph->nodes[n].shown) {
            begin[graph->nodes[n].level + 2]++;
        }
    }
    for (size_t l = 2; l < (size_t)graph->n_levels + 2; l++) {
        begin[l] += begin[l - 1];
    }
    for (size_t n = 0; n < graph->n_nodes; n++) {
        if (graph->nodes[n].shown) {
            order[begin[graph->nodes[n].level + 1]++] = (uint32_t)n;
        }
    }
    *ret_begin = begin;
    return order;
}

static const char *
state_word(const struct graph_node *node)
{
    return node->state == BATON_STATE_NONE ? "unknown" : baton_state_name(node->state);
}

/* "3 tasks: done 2, running 1". */
static void
count_states(const struct graph *graph, const uint32_t *order, uint32_t n, char *out, size_t room)
{
    size_t counts[BATON_EXPIRED + 1] = {0};
    for (uint32_t i = 0; i < n; i++) {
        counts[graph->nodes[order[i]].state]++;
    }
    size_t used = 0;
    out[0] = 0;
    for (int state = BATON_STATE_NONE; state <= BATON_EXPIRED && used < room; state++) {
        if (counts[state]) {
            const char *word = state ? baton_state_name((baton_state)state) : "unknown";
            used += (size_t)snprintf(out + used, room - used, "%s%s %zu", used ? ", " : "", word,
                                     counts[state]);
        }
    }
}

static void
add_names(const struct graph *graph, struct table *table, const struct ctl *ctl,
          const uint32_t *order, uint32_t n)
{
    char names[TABLE_CELL_BYTES_MAX];
    size_t used = 0;
    names[0] = 0;
    for (uint32_t i = 0; i < n && used < sizeof names / 2; i++) {
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? " " : "",
                                 graph_name(&graph->nodes[order[i]], ctl->project));
    }
    table_add(table, names);
}

static void
print_levels(const struct graph *graph, struct ctl *ctl, const uint32_t *order,
             const uint32_t *begin)
{
    static const struct table_column columns[] = {
        {.title = "LEVEL", .right = true},
        {.title = "TASKS", .right = true},
        {.title = "STATES"},
        {.title = "FIRST", .shrink = true},
    };
    struct table table;
    table_init(&table, columns, ARRAY_LEN(columns));
    for (uint32_t level = 0; level < graph->n_levels; level++) {
        uint32_t n = begin[level + 1] - begin[level];
        char states[256];
        if (n == 0) {
            continue;
        }
        count_states(graph, order + begin[level], n, states, sizeof states);
        table_add_number(&table, level);
        table_add_number(&table, n);
        table_add(&table, states);
        add_names(graph, &table, ctl, order + begin[level], MIN(n, NAMES_SHOWN_MAX));
    }
    table_print(&table, ctl);
    table_fini(&table);
}

/* Names of what each node waits for, joined; the caller frees all of them and the array. */
static char **
join_after(const struct graph *graph, const struct ctl *ctl)
{
    enum { JOINED_BYTES_MAX = 1024 };
    char **after = xcalloc(graph->n_nodes, sizeof *after);
    for (size_t i = 0; i < graph->n_edges; i++) {
        const struct graph_edge *edge = &graph->edges[i];
        const char *name = graph_name(&graph->nodes[edge->from], ctl->project);
        char *old = after[edge->to];
        size_t bytes = old ? strlen(old) : 0;
        if (bytes > JOINED_BYTES_MAX) {
            continue; /* the table cuts it anyway */
        }
        char *joined = xmalloc(bytes + strlen(name) + 48);
        sprintf(joined, "%s%s%s%s%s", old ? old : "", old ? " " : "", name,
                edge->condition ? ":" : "",
                edge->condition ? baton_condition_name(edge->condition) : "");
        free(old);
        after[edge->to] = joined;
    }
    return after;
}

static void
print_tasks(const struct graph *graph, struct ctl *ctl, const uint32_t *order, size_t n_shown)
{
    static const struct table_column columns[] = {
        {.title = "LEVEL", .right = true},
        {.title = "ID", .shrink = true},
        {.title = "STATE"},
        {.title = "ROLE"},
        {.title = "AFTER", .shrink = true},
        {.title = "TITLE", .shrink = true},
    };
    char **after = join_after(graph, ctl);
    struct table table;
    table_init(&table, columns, ARRAY_LEN(columns));
    for (size_t i = 0; i < n_shown; i++) {
        const struct graph_node *node = &graph->nodes[order[i]];
        table_add_number(&table, node->level);
        table_add(&table, graph_name(node, ctl->project));
        table_add(&table, state_word(node));
        table_add(&table, node->role[0] ? node->role : "-");
        table_add(&table, after[order[i]] ? after[order[i]] : "-");
        table_add(&table, node->title);
    }
    table_print(&table, ctl);
    table_fini(&table);
    for (size_t n = 0; n < graph->n_nodes; n++) {
        free(after[n]);
    }
    free(after);
}

void
graph_print_text(const struct graph *graph, struct ctl *ctl, bool full)
{
    uint32_t *begin;
    uint32_t *order = by_level(graph, &begin);
    size_t n_shown = graph_n_shown(graph);
    if (full) {
        print_tasks(graph, ctl, order, n_shown);
    } else {
        print_levels(graph, ctl, order, begin);
    }
    ctl_remark(ctl, "%zu tasks, %zu dependencies, %u levels", n_shown, graph->n_edges,
               graph->n_levels);
    free(order);
    free(begin);
}
