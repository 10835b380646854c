/* Dependencies: edges, the counters of what is unmet, and how a task's end reaches its dependents.
 *
 * Each edge is kept from both ends and its state is a function of the other task's state
 * (edge_eval). A task without groups has its counters kept incrementally; one with groups is
 * recounted, since a group is met or broken as a whole. */
#include "broker/core/state.h"

#include "common/alloc.h"
#include "common/gate_name.h"

#include <stdlib.h>
#include <string.h>

unsigned
edge_eval(unsigned pred_state, bool pred_started, unsigned condition)
{
    bool terminal = state_is_terminal(pred_state);
    switch (condition) {
    case BATON__CONDITION__CONDITION_SUCCESS:
        return pred_state == DONE ? EDGE_MET : terminal ? EDGE_BROKEN : EDGE_PENDING;
    case BATON__CONDITION__CONDITION_FINISHED:
        return terminal ? EDGE_MET : EDGE_PENDING;
    case BATON__CONDITION__CONDITION_FAILED:
        return pred_state == FAILED || pred_state == EXPIRED ? EDGE_MET
               : terminal                                    ? EDGE_BROKEN
                                                             : EDGE_PENDING;
    case BATON__CONDITION__CONDITION_STARTED:
        return pred_started || pred_state == DONE ? EDGE_MET
               : terminal                         ? EDGE_BROKEN
                                                  : EDGE_PENDING;
    default:
        CHECK(false);
    }
}

/* Adds (by = 1) or takes away (by = -1) what one edge without a group counts for. */
static void
count_edge(struct core *core, struct task *task, const struct edge_in *edge, int by)
{
    struct edges *edges = task_edges(core, task);
    if (edge->state == EDGE_PENDING) {
        edges->n_pending += (uint32_t)by;
        if (edge->pred && task_at(core, edge->pred)->state == UNKNOWN) {
            edges->n_forward += (uint32_t)by;
        }
        if (edge->is_gate) {
            task->ext->n_closed += (uint32_t)by;
        }
    } else if (edge->state == EDGE_BROKEN) {
        if (edge->policy == BATON__POLICY__POLICY_HOLD) {
            edges->n_broken += (uint32_t)by;
        } else if (edge->policy == BATON__POLICY__POLICY_ABORT) {
            edges->n_abort += (uint32_t)by;
        }
    }
}

/* A group as a whole, at its first edge; other edges of it are skipped. */
static void
count_group(struct core *core, struct task *task, uint32_t first)
{
    struct edges *edges = task_edges(core, task);
    uint32_t any = edges->ins[first].any;
    bool met = false, pending = false, forward = false, ignored = false, aborts = false;
    bool closed = true; /* only gates can meet it */
    for (uint32_t i = first; i < edges->n_ins; i++) {
        const struct edge_in *edge = &edges->ins[i];
        if (edge->any != any) {
            continue;
        }
        met |= edge->state == EDGE_MET;
        if (edge->state == EDGE_PENDING) {
            pending = true;
            closed &= edge->is_gate;
            forward |= edge->pred && task_at(core, edge->pred)->state == UNKNOWN;
        } else if (edge->state == EDGE_BROKEN) {
            ignored |= edge->policy == BATON__POLICY__POLICY_IGNORE;
            aborts |= edge->policy == BATON__POLICY__POLICY_ABORT;
        }
    }
    if (met) {
        return;
    }
    if (pending) {
        edges->n_pending++;
        edges->n_forward += forward;
        if (closed) {
            task->ext->n_closed++;
        }
    } else if (!ignored && aborts) {
        edges->n_abort++;
    } else if (!ignored) {
        edges->n_broken++;
    }
}

void
edges_recount(struct core *core, struct task *task)
{
    if (task->edges == &edges_none) {
        return;
    }
    struct edges *edges = task_edges(core, task);
    edges->n_pending = edges->n_broken = edges->n_abort = edges->n_forward = 0;
    if (task->ext) {
        task->ext->n_closed = 0;
    }
    for (uint32_t i = 0; i < edges->n_ins; i++) {
        if (edges->ins[i].any == 0) {
            count_edge(core, task, &edges->ins[i], 1);
            continue;
        }
        bool first = true;
        for (uint32_t j = 0; j < i && first; j++) {
            first = edges->ins[j].any != edges->ins[i].any;
        }
        if (first) {
            count_group(core, task, i);
        }
    }
}

static void
out_add(struct core *core, struct task *pred, struct task *succ, uint32_t in_pos)
{
    struct edges *edges = task_edges(core, pred);
    if (edges->n_outs == edges->room_outs) {
        uint32_t room = edges->room_outs ? edges->room_outs * 2 : 2;
        edges->outs = xreallocarray(edges->outs, room, sizeof *edges->outs);
        core->bytes += (room - edges->room_outs) * sizeof *edges->outs;
        edges->room_outs = room;
    }
    succ->edges->ins[in_pos].out_pos = edges->n_outs;
    edges->outs[edges->n_outs++] = (struct edge_out){.succ = succ->slot, .in_pos = in_pos};
    if (task_is_live(succ)) {
        pred->n_live_outs++;
        queue_fix(core, pred);
        if (state_is_terminal(pred->state)) {
            ended_list_update(core, pred);
        }
    }
}

static void
placeholder_drop_if_unused(struct core *core, struct task *task)
{
    if (task->state == UNKNOWN && task->edges->n_outs == 0) {
        core->n_placeholders--;
        slotset_remove(&core->names, name_of_slot(task->slot),
                       task_hash(core, task->project, task->id));
        task_free(core, task);
    }
}

static void
out_remove(struct core *core, struct task *succ, uint32_t in_pos)
{
    struct edge_in *edge = &succ->edges->ins[in_pos];
    if (!edge->pred) {
        return;
    }
    struct task *pred = task_at(core, edge->pred);
    uint32_t last = --task_edges(core, pred)->n_outs;
    if (edge->out_pos != last) {
        struct edge_out moved = pred->edges->outs[last];
        pred->edges->outs[edge->out_pos] = moved;
        task_at(core, moved.succ)->edges->ins[moved.in_pos].out_pos = edge->out_pos;
    }
    if (task_is_live(succ)) {
        CHECK(pred->n_live_outs > 0);
        pred->n_live_outs--;
        queue_fix(core, pred);
        if (state_is_terminal(pred->state)) {
            ended_list_update(core, pred);
        } else if (task_is_live(pred)) {
            order_spread(core, pred);
        }
    }
    edge->pred = 0;
    placeholder_drop_if_unused(core, pred);
}

void
edges_drop(struct core *core, struct task *task)
{
    if (!task->edges->ins) {
        return;
    }
    gates_leave(core, task);
    notice_look(core, task);
    struct edges *edges = task_edges(core, task);
    for (uint32_t i = 0; i < edges->n_ins; i++) {
        out_remove(core, task, i);
    }
    core->bytes -= edges->n_ins * sizeof *edges->ins;
    free(edges->ins);
    edges->ins = NULL;
    edges->n_ins = 0;
    task->has_any = false;
    edges_recount(core, task);
}

static void
edge_connect(struct core *core, struct task *task, uint32_t pos, const Baton__Edge *from)
{
    struct edge_in *edge = &task->edges->ins[pos];
    *edge = (struct edge_in){
        .any = from->any, .condition = (uint8_t)from->condition, .policy = (uint8_t)from->policy};
    const char *project = from->project[0] ? from->project : task_project(core, task);
    const char *name;
    int kind = gate_name_kind(from->id, &name);
    if (kind) {
        edge->state = (uint8_t)gate_join(core, task, pos, (unsigned)kind, project, name);
        return;
    }
    uint32_t number = project_make(core, project);
    uint64_t hash = task_hash(core, number, from->id);
    struct task *pred = task_find_hashed(core, hash, number, from->id);
    const struct tombstone *tombstone = pred ? NULL : tombstone_find(core, project, from->id);
    if (tombstone) {
        /* It had no live dependents, and if it ever started does not matter to anybody who asks
         * now. */
        edge->state = (uint8_t)edge_eval(tombstone->state, tombstone->state == DONE,
                                         from->condition);
        return;
    }
    if (!pred) {
        pred = task_new(core, number, hash);
        task_set_spec(core, pred, from->id, NULL, 0);
        core->n_placeholders++;
    }
    edge->pred = pred->slot;
    edge->state = (uint8_t)edge_eval(pred->state, pred->course->started_at != 0, from->condition);
    out_add(core, pred, task, pos);
}

void
edges_build(struct core *core, struct task *task, const Baton__Spec *spec)
{
    edges_drop(core, task);
    if (spec->n_after == 0) {
        return;
    }
    struct edges *edges = task_edges(core, task);
    edges->n_ins = (uint32_t)spec->n_after;
    edges->ins = xcalloc(edges->n_ins, sizeof *edges->ins);
    core->bytes += edges->n_ins * sizeof *edges->ins;
    for (uint32_t i = 0; i < edges->n_ins; i++) {
        edge_connect(core, task, i, spec->after[i]);
        task->has_any |= edges->ins[i].any != 0;
        if (edges->ins[i].pred) {
            queue_fix(core, task_at(core, edges->ins[i].pred));
        }
    }
    edges_recount(core, task);
    notice_look(core, task);
}

void
edges_count_live(struct core *core, struct task *task, int delta)
{
    for (uint32_t i = 0; i < task->edges->n_ins; i++) {
        if (!task->edges->ins[i].pred) {
            continue;
        }
        struct task *pred = task_at(core, task->edges->ins[i].pred);
        CHECK(delta > 0 || pred->n_live_outs > 0);
        pred->n_live_outs += (uint32_t)delta;
        queue_fix(core, pred);
        if (state_is_terminal(pred->state)) {
            ended_list_update(core, pred);
        }
    }
}

bool
edges_are_clear(const struct task *task)
{
    return task->edges->n_pending == 0 && task->edges->n_broken == 0 && task->edges->n_abort == 0;
}

struct task *
edges_culprit(const struct core *core, const struct task *task)
{
    for (uint32_t i = 0; i < task->edges->n_ins; i++) {
        const struct edge_in *edge = &task->edges->ins[i];
        if (edge->state == EDGE_BROKEN && edge->policy == BATON__POLICY__POLICY_ABORT &&
            edge->pred) {
            return task_at(core, edge->pred);
        }
    }
    return NULL;
}

struct sorted_out {
    uint64_t key;
    struct edge_out out;
};

static int
compare_outs(const void *a, const void *b)
{
    const struct sorted_out *x = a;
    const struct sorted_out *y = b;
    return x->key != y->key ? (x->key > y->key) - (x->key < y->key)
                            : (x->out.in_pos > y->out.in_pos) - (x->out.in_pos < y->out.in_pos);
}

/* Dependents are reached in the order of their keys, since what they do may depend on who comes
 * first (virtual times, numbers of events), and the order in which edges were made is not part of
 * the state. Most often they stand so already. */
static void
outs_sort(const struct core *core, struct task *task)
{
    bool sorted = true;
    for (uint32_t i = 1; i < task->edges->n_outs && sorted; i++) {
        sorted = task_at(core, task->edges->outs[i - 1].succ)->key <
                 task_at(core, task->edges->outs[i].succ)->key;
    }
    if (sorted) {
        return;
    }
    struct sorted_out *all = xcalloc(task->edges->n_outs, sizeof *all);
    for (uint32_t i = 0; i < task->edges->n_outs; i++) {
        all[i] = (struct sorted_out){.key = task_at(core, task->edges->outs[i].succ)->key,
                                     .out = task->edges->outs[i]};
    }
    qsort(all, task->edges->n_outs, sizeof *all, compare_outs);
    for (uint32_t i = 0; i < task->edges->n_outs; i++) {
        task->edges->outs[i] = all[i].out;
        task_at(core, all[i].out.succ)->edges->ins[all[i].out.in_pos].out_pos = i;
    }
    free(all);
}

void
edge_set(struct core *core, struct task *task, uint32_t in_pos, unsigned state)
{
    struct edge_in *edge = &task_edges(core, task)->ins[in_pos];
    if (task->has_any) {
        edge->state = (uint8_t)state;
        edges_recount(core, task);
    } else {
        count_edge(core, task, edge, -1);
        edge->state = (uint8_t)state;
        count_edge(core, task, edge, 1);
    }
}

void
edges_update_outs(struct core *core, struct task *task, bool was_unknown, struct core_out *out,
                  int64_t now)
{
    outs_sort(core, task);
    for (uint32_t i = 0; i < task->edges->n_outs; i++) {
        struct task *succ = task_at(core, task->edges->outs[i].succ);
        struct edge_in *edge = &succ->edges->ins[task->edges->outs[i].in_pos];
        unsigned state = edge_eval(task->state, task->course->started_at != 0, edge->condition);
        if (state == edge->state && !was_unknown) {
            continue;
        }
        if (state == EDGE_BROKEN || edge->state == EDGE_BROKEN) {
            settle_add(core, task);
        }
        if (succ->has_any) {
            notice_look(core, succ);
            edge->state = (uint8_t)state;
            edges_recount(core, succ);
            notice_look(core, succ);
        } else {
            if (was_unknown && edge->state == EDGE_PENDING) {
                task_edges(core, succ)
                    ->n_forward--; /* count_edge sees a task that is known by now */
            }
            count_edge(core, succ, edge, -1);
            edge->state = (uint8_t)state;
            count_edge(core, succ, edge, 1);
        }
        if (succ->state == WAITING || succ->state == READY) {
            task_place(core, succ, out, now);
        } else if (succ->state == PARKED) {
            park_look(core, succ, out, now);
        }
    }
}
