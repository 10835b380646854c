#include "ctl/milestones.h"

#include "common/alloc.h"
#include "common/gate_name.h"

#include <stdlib.h>
#include <string.h>

#define NEVER INT64_MAX

const char *
milestone_standing_name(enum milestone_standing standing)
{
    static const char *const names[] = {"done",    "ended",    "blocked", "late",
                                        "at_risk", "on_track", "open"};
    return names[standing];
}

static bool
has_ended(baton_state state)
{
    return state >= BATON_DONE;
}

/* ---- reading ---- */

/* The label by which a plan says where a task belongs. */
static const char *
phase_of(const baton_spec *spec)
{
    for (size_t i = 0; i < spec->n_labels; i++) {
        const struct baton_label *label = &spec->labels[i];
        if (strcmp(label->name, "phase") == 0 || strcmp(label->name, "milestone") == 0) {
            return label->value;
        }
    }
    return "";
}

static void
make_room(struct milestones *all)
{
    if (all->graph.n_nodes > all->room) {
        size_t room = MAX(all->graph.n_nodes, all->room * 2);
        all->tasks = xreallocarray(all->tasks, room, sizeof *all->tasks);
        memset(all->tasks + all->room, 0, (room - all->room) * sizeof *all->tasks);
        all->room = room;
    }
}

void
milestones_add(struct milestones *all, const baton_task *task)
{
    const baton_spec *spec = task->spec;
    graph_add(&all->graph, task);
    make_room(all);
    struct milestone_task *of = &all->tasks[names_find(&all->graph.names, spec->project, spec->id)];
    free(of->phase);
    *of = (struct milestone_task){
        .estimate_ms = spec->estimate_ms,
        .started_at = task->state == BATON_RUNNING ? task->started_at : 0,
        .not_before = spec->not_before,
        .deadline = spec->deadline,
        .phase = xstrdup(phase_of(spec)),
        .reason = task->reason,
        .is_milestone = spec->milestone,
    };
}

/* ---- the longest way that is left ---- */

/* A counting sort of the edges by who waits. */
static void
sort_edges(struct milestones *all)
{
    const struct graph *graph = &all->graph;
    all->begin = xcalloc(graph->n_nodes + 2, sizeof *all->begin);
    all->order = xcalloc(graph->n_edges + 1, sizeof *all->order);
    for (size_t i = 0; i < graph->n_edges; i++) {
        all->begin[graph->edges[i].to + 2]++;
    }
    for (size_t n = 2; n < graph->n_nodes + 2; n++) {
        all->begin[n] += all->begin[n - 1];
    }
    for (size_t i = 0; i < graph->n_edges; i++) {
        all->order[all->begin[graph->edges[i].to + 1]++] = (uint32_t)i;
    }
}

/* When what the edge waits for may be there. */
static int64_t
edge_at(const struct milestones *all, const struct graph_edge *edge)
{
    baton_state state = all->graph.nodes[edge->from].state;
    bool is_met = state == BATON_DONE || edge->condition == BATON_ON_FINISHED;
    if (has_ended(state)) {
        return is_met || edge->condition == BATON_ON_FAILED ? all->now : NEVER;
    }
    return all->tasks[edge->from].ends_at;
}

static bool
is_gate(const struct milestones *all, uint32_t node)
{
    return gate_name_kind(strstr(all->graph.nodes[node].name, "//") + 2, NULL) != 0;
}

static void
look_at(struct milestones *all, uint32_t node)
{
    struct milestone_task *task = &all->tasks[node];
    int64_t begins = MAX(all->now, task->not_before);
    uint32_t gate = node;
    task->held_by = node;
    if (has_ended(all->graph.nodes[node].state)) {
        task->ends_at = all->now;
        return;
    }
    for (uint32_t i = all->begin[node]; i < all->begin[node + 1]; i++) {
        const struct graph_edge *edge = &all->graph.edges[all->order[i]];
        int64_t at = edge_at(all, edge);
        if (is_gate(all, edge->from)) {
            gate = edge->from;
            continue;
        }
        bool is_open = !has_ended(all->graph.nodes[edge->from].state) || at == NEVER;
        if (is_open && (at > begins || task->held_by == node)) {
            /* What waits for something itself is held up by that. */
            task->held_by = has_ended(all->graph.nodes[edge->from].state)
                                ? edge->from
                                : all->tasks[edge->from].held_by;
        }
        begins = MAX(begins, at);
    }
    /* Whether a signal is in force is not known here: it is named if nothing else can be. */
    if (task->held_by == node && all->graph.nodes[node].state == BATON_WAITING) {
        task->held_by = gate;
    }
    int64_t left = task->started_at ? MAX(task->estimate_ms - (all->now - task->started_at), 0)
                                    : task->estimate_ms;
    task->ends_at = begins == NEVER ? NEVER : begins + left;
}

void
milestones_finish(struct milestones *all, int64_t now)
{
    struct graph *graph = &all->graph;
    uint32_t *by_level = xcalloc(graph->n_nodes + 1, sizeof *by_level);
    make_room(all);
    all->now = now;
    graph_finish(graph);
    sort_edges(all);
    uint32_t *begin = xcalloc(graph->n_levels + 2, sizeof *begin);
    for (size_t n = 0; n < graph->n_nodes; n++) {
        begin[graph->nodes[n].level + 1]++;
    }
    for (uint32_t l = 1; l < graph->n_levels + 2; l++) {
        begin[l] += begin[l - 1];
    }
    for (size_t n = 0; n < graph->n_nodes; n++) {
        by_level[begin[graph->nodes[n].level]++] = (uint32_t)n;
    }
    for (size_t i = 0; i < graph->n_nodes; i++) {
        look_at(all, by_level[i]);
    }
    free(begin);
    free(by_level);
}

/* ---- one of them ---- */

static const char *
id_of(const struct milestones *all, uint32_t node)
{
    return strstr(all->graph.nodes[node].name, "//") + 2;
}

bool
milestones_is_barrier(const struct milestones *all, uint32_t node)
{
    const struct milestone_task *task = &all->tasks[node];
    return task->is_milestone && task->phase && task->phase[0] &&
           strcmp(task->phase, id_of(all, node)) != 0;
}

/* Its tasks are what it waits for, but not what another milestone stands before; if these are only
 * milestones, it is made of them. */
static void
count(const struct milestones *all, uint32_t node, struct milestone *ret)
{
    const struct graph *graph = &all->graph;
    bool *seen = xcalloc(graph->n_nodes, sizeof *seen);
    uint32_t *queue = xcalloc(graph->n_nodes, sizeof *queue);
    uint32_t tail = 0, n_milestones = 0, n_milestones_done = 0;
    queue[tail++] = node;
    seen[node] = true;
    for (uint32_t head = 0; head < tail; head++) {
        uint32_t at = queue[head];
        for (uint32_t i = all->begin[at]; i < all->begin[at + 1]; i++) {
            uint32_t from = graph->edges[all->order[i]].from;
            bool is_done = graph->nodes[from].state == BATON_DONE;
            bool is_other = all->tasks[from].is_milestone &&
                            !(milestones_is_barrier(all, from) &&
                              strcmp(all->tasks[from].phase, id_of(all, node)) == 0);
            if (seen[from] || is_gate(all, from)) {
                continue;
            }
            seen[from] = true;
            n_milestones += is_other;
            n_milestones_done += is_other && is_done;
            if (!is_other) {
                ret->total += !all->tasks[from].is_milestone;
                ret->done += !all->tasks[from].is_milestone && is_done;
                queue[tail++] = from;
            }
        }
    }
    if (ret->total == 0) {
        ret->total = n_milestones;
        ret->done = n_milestones_done;
    }
    free(seen);
    free(queue);
}

struct milestone
milestones_look(const struct milestones *all, uint32_t node)
{
    const struct milestone_task *task = &all->tasks[node];
    baton_state state = all->graph.nodes[node].state;
    struct milestone ret = {.held_by = task->held_by};
    count(all, node, &ret);
    ret.standing = state == BATON_DONE              ? MILESTONE_DONE
                   : has_ended(state)               ? MILESTONE_ENDED
                   : task->ends_at == NEVER         ? MILESTONE_BLOCKED
                   : !task->deadline                ? MILESTONE_OPEN
                   : task->deadline <= all->now     ? MILESTONE_LATE
                   : task->ends_at > task->deadline ? MILESTONE_AT_RISK
                                                    : MILESTONE_ON_TRACK;
    return ret;
}

void
milestones_fini(struct milestones *all)
{
    for (size_t n = 0; n < all->room; n++) {
        free(all->tasks[n].phase);
    }
    free(all->tasks);
    free(all->order);
    free(all->begin);
    graph_fini(&all->graph);
    *all = (struct milestones){0};
}
