/* Gates: dependencies on signals and decisions. A gate is open while a card that bears its name is
 * in force; tasks may wait for one that nobody has made yet, and fall back when it is withdrawn.
 * The cards know nothing of tasks: here is who waits. Derived, so nothing of it is in snapshots. */
#include "broker/core/state.h"

#include "common/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IN_PARKED UINT32_MAX /* in place of an edge: the task is parked for it */

static struct gate *
gate_find(const struct core *core, unsigned kind, const char *project, const char *name)
{
    struct name_key key;
    name_key_init(&key, kind, project, name);
    struct gate *gate;
    HASH_FIND(by_key, core->gates, key.text, key.bytes, gate);
    name_key_fini(&key);
    return gate;
}

static struct gate *
gate_make(struct core *core, unsigned kind, const char *project, const char *name)
{
    struct gate *gate = gate_find(core, kind, project, name);
    if (!gate) {
        size_t bytes;
        gate = xcalloc(1, sizeof *gate);
        gate->key = name_key(kind, project, name, &bytes);
        HASH_ADD_KEYPTR(by_key, core->gates, gate->key, bytes, gate);
    }
    return gate;
}

static void
gate_forget_if_unused(struct core *core, struct gate *gate)
{
    if (gate->n_waiters == 0 && gate->n_open == 0) {
        HASH_DELETE(by_key, core->gates, gate);
        free(gate->waiters);
        free(gate->key);
        free(gate);
    }
}

void
gate_names(const struct gate *gate, unsigned *ret_kind, const char **ret_project,
           const char **ret_name)
{
    *ret_kind = (unsigned char)gate->key[0];
    *ret_project = gate->key + 1;
    *ret_name = gate->key + 2 + strlen(gate->key + 1);
}

static uint32_t
waiter_add(struct gate *gate, uint32_t slot, uint32_t in_pos)
{
    if (gate->n_waiters == gate->room_waiters) {
        gate->room_waiters = gate->room_waiters ? gate->room_waiters * 2 : 4;
        gate->waiters = xreallocarray(gate->waiters, gate->room_waiters, sizeof *gate->waiters);
    }
    gate->waiters[gate->n_waiters] = (struct edge_out){.succ = slot, .in_pos = in_pos};
    return gate->n_waiters++;
}

/* The last one takes the place of the one that leaves. */
static void
waiter_remove(struct core *core, struct gate *gate, uint32_t pos)
{
    uint32_t last = --gate->n_waiters;
    if (pos != last) {
        struct edge_out moved = gate->waiters[last];
        gate->waiters[pos] = moved;
        const struct task *other = task_at(core, moved.succ);
        if (moved.in_pos == IN_PARKED) {
            other->ext->park_pos = pos;
        } else {
            other->ext->gates[other->edges->ins[moved.in_pos].out_pos].pos = pos;
        }
    }
    gate_forget_if_unused(core, gate);
}

unsigned
gate_join(struct core *core, struct task *task, uint32_t in_pos, unsigned kind, const char *project,
          const char *name)
{
    struct gate *gate = gate_make(core, kind, project, name);
    struct task_ext *ext = task_ext(core, task);
    ext->gates = xreallocarray(ext->gates, ext->n_gates + 1, sizeof *ext->gates);
    struct edge_in *edge = &task_edges(core, task)->ins[in_pos];
    edge->is_gate = true;
    edge->out_pos = ext->n_gates;
    uint32_t pos = waiter_add(gate, task->slot, in_pos);
    ext->gates[ext->n_gates++] = (struct gate_in){.gate = gate, .pos = pos, .in_pos = in_pos};
    return gate->told ? EDGE_MET : EDGE_PENDING;
}

void
gates_leave(struct core *core, struct task *task)
{
    struct task_ext *ext = task->ext;
    for (uint32_t i = 0; ext && i < ext->n_gates; i++) {
        waiter_remove(core, ext->gates[i].gate, ext->gates[i].pos);
    }
    if (ext && ext->gates) {
        free(ext->gates);
        ext->gates = NULL;
        ext->n_gates = 0;
    }
}

void
gate_count(struct core *core, unsigned kind, const char *project, const char *name, int by)
{
    struct gate *gate = gate_make(core, kind, project, name);
    gate->n_open += (uint32_t)by;
}

/* ---- telling ---- */

struct waiter {
    uint64_t key;
    struct edge_out edge;
};

static int
compare_waiters(const void *a, const void *b)
{
    const struct waiter *x = a;
    const struct waiter *y = b;
    return x->key != y->key ? (x->key > y->key) - (x->key < y->key)
                            : (x->edge.in_pos > y->edge.in_pos) - (x->edge.in_pos < y->edge.in_pos);
}

/* In the order of their keys: the order in which they came to wait is not part of the state. */
static struct waiter *
waiters_sorted(const struct core *core, const struct gate *gate)
{
    struct waiter *all = xcalloc(gate->n_waiters + 1, sizeof *all);
    for (uint32_t i = 0; i < gate->n_waiters; i++) {
        all[i].key = task_at(core, gate->waiters[i].succ)->key;
        all[i].edge = gate->waiters[i];
    }
    if (gate->n_waiters > 1) {
        qsort(all, gate->n_waiters, sizeof *all, compare_waiters);
    }
    return all;
}

static void
tell_parked(struct core *core, const struct gate *gate, struct task *task, struct core_out *out,
            int64_t at)
{
    unsigned kind;
    const char *project, *name;
    char note[NOTE_BYTES_MAX];
    gate_names(gate, &kind, &project, &name);
    snprintf(note, sizeof note, "the %s %s is in force", card_kind_name((int)kind), name);
    unpark(core, task, note, NULL, out, at);
}

static void
tell_all(struct core *core, struct gate *gate, bool place, struct core_out *out, int64_t at)
{
    uint32_t n = gate->n_waiters;
    bool told = gate->told;
    struct waiter *all = waiters_sorted(core, gate);
    for (uint32_t i = 0; i < n; i++) {
        struct task *task = task_at(core, all[i].edge.succ);
        if (all[i].edge.in_pos == IN_PARKED) {
            if (told && place) {
                tell_parked(core, gate, task, out, at);
            }
            continue;
        }
        edge_set(core, task, all[i].edge.in_pos, told ? EDGE_MET : EDGE_PENDING);
        if (place && (task->state == WAITING || task->state == READY)) {
            task_place(core, task, out, at);
        } else if (place && task->state == PARKED) {
            park_look(core, task, out, at);
        }
    }
    free(all);
}

void
gate_tell(struct core *core, unsigned kind, const char *project, const char *name,
          struct core_out *out, int64_t at)
{
    struct gate *gate = gate_find(core, kind, project, name);
    if (!gate) {
        return;
    }
    if (gate->told != (gate->n_open != 0)) {
        gate->told = gate->n_open != 0;
        tell_all(core, gate, true, out, at);
    }
    gate_forget_if_unused(core, gate);
}

void
gate_park(struct core *core, struct task *task, unsigned kind, const char *project,
          const char *name)
{
    struct task_ext *ext = task_ext(core, task);
    ext->park = gate_make(core, kind, project, name);
    ext->park_pos = waiter_add(ext->park, task->slot, IN_PARKED);
}

void
gate_unpark(struct core *core, struct task *task)
{
    if (task->ext->park) {
        waiter_remove(core, task->ext->park, task->ext->park_pos);
        task->ext->park = NULL;
    }
}

void
gate_release(struct core *core, unsigned kind, const char *project, const char *name,
             const char *note, struct core_out *out, int64_t at)
{
    const struct gate *gate = gate_find(core, kind, project, name);
    if (!gate) {
        return;
    }
    uint32_t n = gate->n_waiters;
    struct waiter *all = waiters_sorted(core, gate);
    for (uint32_t i = 0; i < n; i++) { /* the gate goes with the last of them */
        unpark(core, task_at(core, all[i].edge.succ), note, NULL, out, at);
    }
    free(all);
}

bool
gate_is_open(const struct core *core, unsigned kind, const char *project, const char *name)
{
    const struct gate *gate = gate_find(core, kind, project, name);
    return gate && gate->n_open;
}

void
gates_link(struct core *core)
{
    struct gate *gate, *tmp;
    HASH_ITER (by_key, core->gates, gate, tmp) {
        if (gate->n_open) {
            gate->told = true;
            tell_all(core, gate, false, NULL, 0);
        }
    }
}

void
gates_fini(struct core *core)
{
    struct gate *gate, *tmp;
    HASH_ITER (by_key, core->gates, gate, tmp) {
        HASH_DELETE(by_key, core->gates, gate);
        free(gate->waiters);
        free(gate->key);
        free(gate);
    }
}
