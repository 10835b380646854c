/* The plan as a graph: what refers to what, cycles, depth. Nothing here recurses, since depth comes
 * from input. */
#include "common/alloc.h"
#include "common/buf.h"
#include "common/gate_name.h"
#include "common/limits.h"
#include "ctl/plan/index.h"
#include "ctl/plan/inner.h"

#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

/* Edges as numbers: those of task i are targets[first[i]] to targets[first[i + 1]]. Tasks that the
 * plan does not have come behind the drafts. */
struct graph {
    struct plan *plan;
    uint32_t n;        /* drafts */
    uint32_t *first;   /* n + 1 */
    uint32_t *targets; /* edges */
    uint32_t *left;    /* per draft: targets within the plan that are not behind it yet */
};

/* An edge of a draft for sorting: twins have the same target, condition and group. */
struct twin {
    uint32_t target;
    uint32_t condition;
    uint32_t any;
    uint32_t at; /* among the draft's edges */
};

static int
compare_twins(const void *a, const void *b)
{
    const struct twin *x = a, *y = b;
    const uint32_t keys[][2] = {
        {x->target, y->target}, {x->condition, y->condition}, {x->any, y->any}, {x->at, y->at}};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (keys[i][0] != keys[i][1]) {
            return keys[i][0] < keys[i][1] ? -1 : 1;
        }
    }
    return 0;
}

/* Drops edges that say the same thing again, and refuses those that contradict. `targets` has one
 * for each edge of the draft. */
static void
drop_twins(struct plan *plan, struct draft *draft, uint32_t *targets)
{
    size_t n = draft->n_after, kept = 0;
    struct twin *twins = xcalloc(n, sizeof *twins);
    bool *dropped = xcalloc(n, sizeof *dropped);
    for (size_t i = 0; i < n; i++) {
        const struct baton_edge *edge = &draft->after[i];
        twins[i] = (struct twin){targets[i], (uint32_t)edge->condition, edge->any, (uint32_t)i};
    }
    qsort(twins, n, sizeof *twins, compare_twins);
    for (size_t i = 1; i < n; i++) {
        struct twin a = twins[i - 1], b = twins[i];
        if (a.target != b.target || a.condition != b.condition || a.any != b.any) {
            continue;
        }
        dropped[b.at] = true;
        if (draft->after[a.at].policy != draft->after[b.at].policy) {
            plan_fail(plan, (struct place){draft->at.file, draft->after_lines[b.at]},
                      "%s depends on %s twice, with another else: each time; remove one of them",
                      quote(plan, draft->spec->id), quote(plan, draft->after[b.at].id));
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (!dropped[i]) {
            draft->after[kept] = draft->after[i];
            draft->after_lines[kept] = draft->after_lines[i];
            targets[kept++] = targets[i];
        }
    }
    draft->n_after = kept;
    free(twins);
    free(dropped);
}

static void
note_forward(struct plan *plan, const struct draft *draft, const struct baton_edge *edge,
             unsigned line)
{
    struct plan_facts *facts = &plan->facts;
    if (plan->options.strict) {
        plan_fail(plan, (struct place){draft->at.file, line},
                  "%s depends on %s, which is not in the plan; add it, or leave --strict out",
                  quote(plan, draft->spec->id), quote(plan, edge->id));
    }
    if (facts->n_forward++ < PLAN_FORWARD_NAMED_MAX) {
        if (!facts->forward) {
            facts->forward = arena_calloc(&plan->arena, PLAN_FORWARD_NAMED_MAX,
                                          sizeof *facts->forward);
        }
        const char **names = (const char **)(uintptr_t)facts->forward;
        names[facts->n_forward_named++] = arena_printf(
            &plan->arena, "%s%s%s <- %s, %s:%u", edge->project ? edge->project : "",
            edge->project ? "//" : "", edge->id, draft->spec->id, draft->at.file, line);
    }
}

/* Resolves the edges of one draft and writes their targets. `seen` has for each target the draft
 * that referred to it last. */
static void
link_draft(struct graph *graph, uint32_t i, uint32_t *targets, uint32_t *seen)
{
    struct plan *plan = graph->plan;
    struct draft *draft = &plan->drafts[i];
    size_t n = MIN(draft->n_after, (size_t)EDGES_MAX), kept = 0;
    bool twins = false;
    for (size_t j = 0; j < n; j++) {
        struct baton_edge edge = draft->after[j];
        if (edge.project && strcmp(edge.project, draft->spec->project) == 0) {
            edge.project = NULL;
        }
        const char *project = edge.project ? edge.project : draft->spec->project;
        uint32_t target = (uint32_t)index_add(plan->index, project, edge.id);
        unsigned line = draft->after_lines[j];
        if (target == i) {
            plan_fail(plan, (struct place){draft->at.file, line},
                      "%s depends on itself; remove that dependency", quote(plan, edge.id));
            continue;
        }
        if (target >= graph->n && seen[target] != i && !gate_name_kind(edge.id, NULL)) {
            note_forward(plan, draft, &edge, line);
        }
        twins = twins || seen[target] == i;
        seen[target] = i;
        draft->after[kept] = edge;
        draft->after_lines[kept] = line;
        targets[kept++] = target;
    }
    draft->n_after = kept;
    if (twins) {
        drop_twins(plan, draft, targets);
    }
}

static void
graph_link(struct graph *graph)
{
    struct plan *plan = graph->plan;
    size_t n_edges = 0;
    for (size_t i = 0; i < plan->n_drafts; i++) {
        n_edges += MIN(plan->drafts[i].n_after, (size_t)EDGES_MAX);
    }
    /* Every edge may name one more task. */
    size_t n_nodes = plan->n_drafts + n_edges;
    graph->n = (uint32_t)plan->n_drafts;
    graph->first = xcalloc(plan->n_drafts + 1, sizeof *graph->first);
    graph->left = xcalloc(plan->n_drafts + 1, sizeof *graph->left);
    graph->targets = xcalloc(n_edges + 1, sizeof *graph->targets);
    uint32_t *seen = xcalloc(n_nodes + 1, sizeof *seen);
    memset(seen, 0xff, n_nodes * sizeof *seen);
    size_t used = 0;
    for (uint32_t i = 0; i < graph->n; i++) {
        graph->first[i] = (uint32_t)used;
        link_draft(graph, i, graph->targets + used, seen);
        used += plan->drafts[i].n_after;
    }
    graph->first[graph->n] = (uint32_t)used;
    plan->facts.n_edges = used;
    free(seen);
}

/* Who depends on each task: those of task t are (*ret_users)[begin[t]] to [begin[t + 1]]; returns
 * begin. Counts graph->left on the way. */
static uint32_t *
graph_turn(struct graph *graph, uint32_t **ret_users)
{
    uint32_t n = graph->n;
    uint32_t *begin = xcalloc((size_t)n + 1, sizeof *begin);
    uint32_t *users = xcalloc((size_t)graph->first[n] + 1, sizeof *users);
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t e = graph->first[i]; e < graph->first[i + 1]; e++) {
            if (graph->targets[e] < n) {
                graph->left[i]++;
                begin[graph->targets[e] + 1]++;
            }
        }
    }
    for (uint32_t i = 0; i < n; i++) {
        begin[i + 1] += begin[i];
    }
    uint32_t *next = xmemdup(begin, ((size_t)n + 1) * sizeof *begin);
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t e = graph->first[i]; e < graph->first[i + 1]; e++) {
            if (graph->targets[e] < n) {
                users[next[graph->targets[e]]++] = i;
            }
        }
    }
    free(next);
    *ret_users = users;
    return begin;
}

/* Takes away, again and again, the tasks that wait for nothing that is left; what stays is on a
 * cycle or behind one. Returns how many stay; finds the depth of the others. */
static uint32_t
graph_peel(struct graph *graph)
{
    uint32_t n = graph->n;
    uint32_t *users, *begin = graph_turn(graph, &users);
    uint32_t *queue = xcalloc((size_t)n + 1, sizeof *queue);
    uint32_t *depth = xcalloc((size_t)n + 1, sizeof *depth);
    uint32_t head = 0, tail = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (graph->left[i] == 0) {
            queue[tail++] = i;
        }
    }
    while (head < tail) {
        uint32_t i = queue[head++];
        graph->plan->facts.depth = MAX(graph->plan->facts.depth, (size_t)depth[i] + 1);
        for (uint32_t u = begin[i]; u < begin[i + 1]; u++) {
            uint32_t user = users[u];
            depth[user] = MAX(depth[user], depth[i] + 1);
            if (--graph->left[user] == 0) {
                queue[tail++] = user;
            }
        }
    }
    free(begin);
    free(users);
    free(queue);
    free(depth);
    return n - tail;
}

/* ---- cycles: Tarjan's strongly connected components, with a stack of our own ---- */

struct components {
    struct graph *graph;
    uint32_t *number;  /* of visit, from 1; 0: not visited */
    uint32_t *low;     /* smallest number reached */
    uint32_t *of;      /* component's first task; NONE: not known yet */
    uint32_t *open;    /* visited, of no component yet */
    uint32_t *path;    /* being visited */
    uint32_t *at_edge; /* per task on the path: the next edge to look at */
    uint32_t n_open, n_path, n_visited;
};

static void
visit(struct components *c, uint32_t i)
{
    c->number[i] = c->low[i] = ++c->n_visited;
    c->at_edge[i] = c->graph->first[i];
    c->open[c->n_open++] = i;
    c->path[c->n_path++] = i;
}

/* "a -> b -> a": each waits for the next. Goes along edges within the component until it comes back
 * to a task that it has passed. */
static void
report_cycle(struct components *c, uint32_t member, uint32_t size)
{
    struct graph *graph = c->graph;
    struct plan *plan = graph->plan;
    uint32_t *passed = c->path + c->n_path; /* room for all, and no visit runs meanwhile */
    uint32_t n = 0, i = member;
    /* The members were the last ones open. Their `low` has no use any more: from here it is the
     * place in `passed` + 1. */
    for (uint32_t j = 0; j < size; j++) {
        c->low[c->open[c->n_open + j]] = 0;
    }
    while (c->low[i] == 0) {
        passed[n++] = i;
        c->low[i] = n;
        uint32_t e = graph->first[i];
        while (graph->targets[e] >= graph->n || c->of[graph->targets[e]] != member) {
            e++;
        }
        i = graph->targets[e];
    }
    struct buf text = {0};
    uint32_t from = c->low[i] - 1;
    for (uint32_t k = from; k < n && k - from < PLAN_CYCLE_NAMED_MAX; k++) {
        buf_printf(&text, "%s -> ", plan->drafts[passed[k]].spec->id);
    }
    if (n - from > PLAN_CYCLE_NAMED_MAX) {
        buf_printf(&text, "(%u more) -> ", n - from - PLAN_CYCLE_NAMED_MAX);
    }
    buf_add_text(&text, plan->drafts[i].spec->id);
    plan_fail(plan, plan->drafts[i].at,
              "a cycle, in which each waits for the next: %s; remove one "
              "of these dependencies",
              buf_text(&text));
    buf_fini(&text);
}

/* All edges of i are seen. */
static void
leave(struct components *c, uint32_t i)
{
    c->n_path--;
    if (c->n_path) {
        uint32_t parent = c->path[c->n_path - 1];
        c->low[parent] = MIN(c->low[parent], c->low[i]);
    }
    if (c->low[i] != c->number[i]) {
        return;
    }
    uint32_t size = 0, member;
    do {
        member = c->open[--c->n_open];
        c->of[member] = i;
        size++;
    } while (member != i);
    if (size > 1) {
        report_cycle(c, i, size);
    }
}

static void
search_from(struct components *c, uint32_t root)
{
    struct graph *graph = c->graph;
    visit(c, root);
    while (c->n_path) {
        uint32_t i = c->path[c->n_path - 1];
        if (c->at_edge[i] == graph->first[i + 1]) {
            leave(c, i);
            continue;
        }
        uint32_t target = graph->targets[c->at_edge[i]++];
        if (target >= graph->n || graph->left[target] == 0) {
            continue; /* elsewhere, or on no cycle */
        }
        if (c->number[target] == 0) {
            visit(c, target);
        } else if (c->of[target] == NONE) {
            c->low[i] = MIN(c->low[i], c->number[target]);
        }
    }
}

static void
graph_report_cycles(struct graph *graph)
{
    size_t n = (size_t)graph->n + 1;
    struct components c = {.graph = graph,
                           .number = xcalloc(n, sizeof(uint32_t)),
                           .low = xcalloc(n, sizeof(uint32_t)),
                           .of = xcalloc(n, sizeof(uint32_t)),
                           .open = xcalloc(n, sizeof(uint32_t)),
                           .path = xcalloc(2 * n, sizeof(uint32_t)),
                           .at_edge = xcalloc(n, sizeof(uint32_t))};
    memset(c.of, 0xff, n * sizeof(uint32_t));
    for (uint32_t i = 0; i < graph->n; i++) {
        if (graph->left[i] && c.number[i] == 0) {
            search_from(&c, i);
        }
    }
    free(c.number);
    free(c.low);
    free(c.of);
    free(c.open);
    free(c.path);
    free(c.at_edge);
}

void
graph_check(struct plan *plan)
{
    struct graph graph = {.plan = plan};
    graph_link(&graph);
    if (graph_peel(&graph) > 0) {
        graph_report_cycles(&graph);
    }
    free(graph.first);
    free(graph.targets);
    free(graph.left);
}
