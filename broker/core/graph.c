/* Walks over the graph of tasks: does a submission close a cycle, and what is downstream of a task.
 * No recursion. */
#include "broker/core/state.h"

#include "common/alloc.h"

#include <stdlib.h>
#include <string.h>

/* A cycle through new edges passes through a task of the submission. So one depth-first search from
 * those suffices, over the submission's own edges and, where a task of it is known already (a
 * placeholder, or one that is changed), the edges that stand. Nodes: i < n is task i of the
 * submission, n + slot one that is not in it. */
struct walk {
    struct core *core;
    const struct new_task *tasks;
    uint32_t n;
    struct link {      /* new edges by the node they start from */
        uint32_t to;   /* task of the submission */
        uint32_t next; /* link + 1 */
    } * links;
    uint32_t n_links;
    uint32_t *heads;            /* of the submission's tasks: link + 1 */
    struct index64 known_heads; /* slot to link + 1, of known tasks that new ones depend on */
    struct index64 by_slot;     /* slot to i + 1: known tasks that are in the submission */
    struct slotset by_id;       /* i + 1 */
    uint8_t *colors;            /* of the submission's tasks */
    uint32_t grey, black;       /* marks of the others */
    struct frame {
        uint32_t node;
        uint32_t link; /* next to follow, + 1 */
        uint32_t out;  /* next to follow */
    } * frames;
    uint32_t n_frames, room_frames;
};

enum { WHITE, GREY, BLACK };

struct name_probe {
    const struct walk *walk;
    const char *project;
    const char *id;
};

static bool
name_equal(const void *context, uint32_t slot)
{
    const struct name_probe *probe = context;
    const Baton__Spec *spec = probe->walk->tasks[slot - 1].spec;
    return strcmp(spec->id, probe->id) == 0 && strcmp(spec->project, probe->project) == 0;
}

static void
link_add(struct walk *walk, uint32_t *head, uint32_t to)
{
    walk->links[walk->n_links] = (struct link){.to = to, .next = *head};
    *head = ++walk->n_links;
}

static void
walk_link(struct walk *walk, uint32_t i)
{
    const Baton__Spec *spec = walk->tasks[i].spec;
    for (size_t e = 0; e < spec->n_after; e++) {
        const Baton__Edge *edge = spec->after[e];
        const char *project = edge->project[0] ? edge->project : spec->project;
        struct name_probe probe = {.walk = walk, .project = project, .id = edge->id};
        uint32_t other = slotset_find(&walk->by_id, identity_of(walk->core, project, edge->id).lo,
                                      name_equal, &probe);
        if (other) {
            link_add(walk, &walk->heads[other - 1], i);
            continue;
        }
        const struct task *known = task_find(walk->core, project_find(walk->core, project),
                                             edge->id);
        if (known) {
            uint32_t head = index64_get(&walk->known_heads, known->slot);
            link_add(walk, &head, i);
            index64_put(&walk->known_heads, known->slot, head);
        }
    }
}

static void
walk_init(struct walk *walk, struct core *core, const struct new_task *tasks, size_t n)
{
    *walk = (struct walk){.core = core, .tasks = tasks, .n = (uint32_t)n};
    size_t n_edges = 0;
    for (size_t i = 0; i < n; i++) {
        n_edges += tasks[i].spec->n_after;
        slotset_add(&walk->by_id, (uint32_t)i + 1,
                    identity_of(core, tasks[i].spec->project, tasks[i].spec->id).lo);
        if (tasks[i].slot) {
            index64_put(&walk->by_slot, tasks[i].slot, (uint32_t)i + 1);
        }
    }
    walk->links = xcalloc(n_edges, sizeof *walk->links);
    walk->heads = xcalloc(n, sizeof *walk->heads);
    walk->colors = xcalloc(n, 1);
    walk->grey = mark_new(core);
    walk->black = mark_new(core);
    for (uint32_t i = 0; i < n; i++) {
        walk_link(walk, i);
    }
}

static void
walk_fini(struct walk *walk)
{
    free(walk->links);
    free(walk->heads);
    free(walk->colors);
    free(walk->frames);
    index64_fini(&walk->known_heads);
    index64_fini(&walk->by_slot);
    slotset_fini(&walk->by_id);
}

static unsigned
color_of(const struct walk *walk, uint32_t node)
{
    if (node < walk->n) {
        return walk->colors[node];
    }
    uint32_t mark = walk->core->marks[node - walk->n];
    return mark == walk->grey ? GREY : mark == walk->black ? BLACK : WHITE;
}

static void
color(struct walk *walk, uint32_t node, unsigned to)
{
    if (node < walk->n) {
        walk->colors[node] = (uint8_t)to;
    } else {
        walk->core->marks[node - walk->n] = to == GREY ? walk->grey : walk->black;
    }
}

static void
enter(struct walk *walk, uint32_t node)
{
    if (walk->n_frames == walk->room_frames) {
        walk->room_frames = walk->room_frames ? walk->room_frames * 2 : 256;
        walk->frames = xreallocarray(walk->frames, walk->room_frames, sizeof *walk->frames);
    }
    uint32_t link = node < walk->n ? walk->heads[node]
                                   : index64_get(&walk->known_heads, node - walk->n);
    walk->frames[walk->n_frames++] = (struct frame){.node = node, .link = link};
    color(walk, node, GREY);
}

/* The next node after the frame's, or UINT32_MAX. */
static uint32_t
follow(struct walk *walk, struct frame *frame)
{
    if (frame->link) {
        const struct link *link = &walk->links[frame->link - 1];
        frame->link = link->next;
        return link->to;
    }
    uint32_t slot = frame->node < walk->n ? walk->tasks[frame->node].slot : frame->node - walk->n;
    if (!slot) {
        return UINT32_MAX;
    }
    const struct task *task = task_at(walk->core, slot);
    while (frame->out < task->edges->n_outs) {
        uint32_t succ = task->edges->outs[frame->out++].succ;
        /* The edges of a task that is in the submission are replaced by the submission's. */
        if (!index64_get(&walk->by_slot, succ)) {
            return walk->n + succ;
        }
    }
    return UINT32_MAX;
}

static const char *
node_name(const struct walk *walk, uint32_t node)
{
    return node < walk->n ? walk->tasks[node].spec->id : task_at(walk->core, node - walk->n)->id;
}

/* "a waits for b waits for …": against the direction of the walk, and shortened in the middle when
 * it is long. */
static Baton__Code
refuse_cycle(const struct walk *walk, struct core_request *request, uint32_t node)
{
    uint32_t first = walk->n_frames;
    while (walk->frames[first - 1].node != node) {
        first--;
    }
    first--;
    uint32_t n = walk->n_frames - first;
    char **path = arena_alloc(request->arena, (n + 1) * sizeof *path);
    for (uint32_t i = 0; i < n; i++) {
        path[i] = arena_strdup(request->arena,
                               node_name(walk, walk->frames[walk->n_frames - 1 - i].node));
    }
    path[n] = path[0];
    struct buf text = {0};
    for (uint32_t i = 0; i <= n && i < 40; i++) {
        buf_printf(&text, "%s%s", i ? " -> " : "", path[i]);
    }
    if (n >= 40) {
        buf_printf(&text, " -> … (%u tasks)", n);
    }
    Baton__Code code = refuse(request, BATON__CODE__CODE_CYCLE, "tasks",
                              "these tasks wait for each other: %s; remove one of the dependencies",
                              buf_text(&text));
    buf_fini(&text);
    request->error.n_path = n + 1;
    request->error.path = path;
    return code;
}

Baton__Code
graph_check(struct core *core, struct core_request *request, const struct new_task *tasks,
            size_t n_tasks)
{
    size_t n_edges = 0;
    for (size_t i = 0; i < n_tasks; i++) {
        n_edges += tasks[i].spec->n_after;
    }
    if (n_edges == 0) {
        return BATON__CODE__CODE_OK; /* a cycle needs a new edge */
    }
    struct walk walk;
    walk_init(&walk, core, tasks, n_tasks);
    Baton__Code code = BATON__CODE__CODE_OK;
    for (uint32_t root = 0; root < n_tasks && code == BATON__CODE__CODE_OK; root++) {
        if (color_of(&walk, root) != WHITE) {
            continue;
        }
        enter(&walk, root);
        while (walk.n_frames > 0) {
            struct frame *frame = &walk.frames[walk.n_frames - 1];
            uint32_t next = follow(&walk, frame);
            if (next == UINT32_MAX) {
                color(&walk, frame->node, BLACK);
                walk.n_frames--;
            } else if (color_of(&walk, next) == GREY) {
                code = refuse_cycle(&walk, request, next);
                break;
            } else if (color_of(&walk, next) == WHITE) {
                enter(&walk, next);
            }
        }
    }
    walk_fini(&walk);
    return code;
}

void
graph_downstream(struct core *core, const uint32_t *roots, size_t n_roots)
{
    uint32_t mark = mark_new(core);
    core->n_stack = 0;
    for (size_t i = 0; i < n_roots; i++) {
        if (core->marks[roots[i]] != mark) {
            core->marks[roots[i]] = mark;
            stack_push(core, roots[i]);
        }
    }
    for (uint32_t i = 0; i < core->n_stack; i++) {
        const struct task *task = task_at(core, core->stack[i]);
        for (uint32_t o = 0; o < task->edges->n_outs; o++) {
            const struct task *succ = task_at(core, task->edges->outs[o].succ);
            unsigned condition = succ->edges->ins[task->edges->outs[o].in_pos].condition;
            bool carries = condition == BATON__CONDITION__CONDITION_SUCCESS ||
                           condition == BATON__CONDITION__CONDITION_STARTED;
            if (carries && core->marks[succ->slot] != mark) {
                core->marks[succ->slot] = mark;
                stack_push(core, succ->slot);
            }
        }
    }
}
