/* The graph for other programs: Graphviz and Mermaid. Nodes are called n0, n1, …; names and titles
 * stand only in quoted labels, with what could end a label or mean markup escaped. */
#include "ctl/graph.h"

#include "common/alloc.h"
#include "common/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TITLE_COLUMNS_MAX = 60 };

static const char *
color_of(baton_state state)
{
    switch (state) {
    case BATON_DONE:
        return "#c8e6c9";
    case BATON_RUNNING:
    case BATON_LEASED:
        return "#bbdefb";
    case BATON_READY:
        return "#b2ebf2";
    case BATON_FAILED:
    case BATON_ABORTED:
    case BATON_EXPIRED:
        return "#ffcdd2";
    case BATON_CANCELLED:
    case BATON_CANCELLING:
        return "#e1bee7";
    case BATON_PARKED:
    case BATON_REVIEW:
        return "#fff9c4";
    case BATON_STATE_NONE:
    case BATON_WAITING:
        return "#ffffff";
    }
    return "#ffffff";
}

/* Text for a label: safe characters only, cut, then each of `special` replaced by `escape_of`. */
static void
print_label(struct ctl *ctl, const char *text, bool mermaid)
{
    char safe[TITLE_BYTES_MAX * 2];
    text_escape(safe, sizeof safe, text, false);
    int columns = 0;
    for (const char *p = safe; *p; p++) {
        bool begins = ((uint8_t)*p & 0xc0) != 0x80;
        if (begins && ++columns > TITLE_COLUMNS_MAX) {
            fputs("…", ctl->out);
            return;
        }
        if (mermaid && strchr("\"#<>&;`[]{}()|\\", *p)) {
            fprintf(ctl->out, "#%d;", *p);
        } else if (!mermaid && (*p == '"' || *p == '\\')) {
            fprintf(ctl->out, "\\%c", *p);
        } else {
            fputc(*p, ctl->out);
        }
    }
}

/* Which nodes are drawn: those shown, up to the limit. The caller frees it. */
static bool *
drawn_nodes(const struct graph *graph, size_t limit, size_t *ret_left_out)
{
    bool *drawn = xcalloc(graph->n_nodes, sizeof *drawn);
    size_t n_drawn = 0;
    *ret_left_out = 0;
    for (size_t n = 0; n < graph->n_nodes; n++) {
        if (!graph->nodes[n].shown) {
            continue;
        }
        drawn[n] = limit == 0 || n_drawn < limit;
        n_drawn += drawn[n];
        *ret_left_out += !drawn[n];
    }
    return drawn;
}

static void
remark_left_out(struct ctl *ctl, size_t left_out)
{
    if (left_out) {
        ctl_remark(ctl, "%zu tasks are left out; --limit 0 draws all, --from ID --depth N a part",
                   left_out);
    }
}

void
graph_print_dot(const struct graph *graph, struct ctl *ctl, size_t limit)
{
    size_t left_out;
    bool *drawn = drawn_nodes(graph, limit, &left_out);
    ctl_print(ctl, "digraph baton {\n  rankdir=LR;\n  node [shape=box, style=\"rounded,filled\", "
                   "fillcolor=\"#ffffff\"];\n");
    for (size_t n = 0; n < graph->n_nodes; n++) {
        const struct graph_node *node = &graph->nodes[n];
        if (!drawn[n]) {
            continue;
        }
        ctl_print(ctl, "  n%zu [label=\"", n);
        print_label(ctl, graph_name(node, ctl->project), false);
        if (node->title[0]) {
            ctl_print(ctl, "\\n");
            print_label(ctl, node->title, false);
        }
        ctl_print(ctl, "\", fillcolor=\"%s\"%s];\n", color_of(node->state),
                  node->state == BATON_STATE_NONE ? ", style=\"rounded,dashed\"" : "");
    }
    for (size_t i = 0; i < graph->n_edges; i++) {
        const struct graph_edge *edge = &graph->edges[i];
        if (!drawn[edge->from] || !drawn[edge->to]) {
            continue;
        }
        ctl_print(ctl, "  n%u -> n%u", edge->from, edge->to);
        if (edge->condition) {
            ctl_print(ctl, " [label=\"%s\"]", baton_condition_name(edge->condition));
        } else if (edge->any) {
            ctl_print(ctl, " [style=dashed]");
        }
        ctl_print(ctl, ";\n");
    }
    ctl_print(ctl, "}\n");
    free(drawn);
    remark_left_out(ctl, left_out);
}

static void
print_mermaid_classes(struct ctl *ctl)
{
    for (int state = BATON_WAITING; state <= BATON_EXPIRED; state++) {
        ctl_print(ctl, "  classDef %s fill:%s,stroke:#555555,color:#000000\n",
                  baton_state_name((baton_state)state), color_of((baton_state)state));
    }
    ctl_print(ctl, "  classDef unknown fill:#ffffff,stroke-dasharray:4 4,color:#000000\n");
}

void
graph_print_mermaid(const struct graph *graph, struct ctl *ctl, size_t limit)
{
    size_t left_out;
    bool *drawn = drawn_nodes(graph, limit, &left_out);
    ctl_print(ctl, "flowchart LR\n");
    for (size_t n = 0; n < graph->n_nodes; n++) {
        const struct graph_node *node = &graph->nodes[n];
        if (!drawn[n]) {
            continue;
        }
        ctl_print(ctl, "  n%zu[\"", n);
        print_label(ctl, graph_name(node, ctl->project), true);
        if (node->title[0]) {
            ctl_print(ctl, "<br/>");
            print_label(ctl, node->title, true);
        }
        ctl_print(ctl, "\"]:::%s\n",
                  node->state == BATON_STATE_NONE ? "unknown" : baton_state_name(node->state));
    }
    for (size_t i = 0; i < graph->n_edges; i++) {
        const struct graph_edge *edge = &graph->edges[i];
        if (!drawn[edge->from] || !drawn[edge->to]) {
            continue;
        }
        ctl_print(ctl, "  n%u %s", edge->from, edge->any ? "-.->" : "-->");
        if (edge->condition) {
            ctl_print(ctl, "|%s|", baton_condition_name(edge->condition));
        }
        ctl_print(ctl, " n%u\n", edge->to);
    }
    print_mermaid_classes(ctl);
    free(drawn);
    remark_left_out(ctl, left_out);
}
