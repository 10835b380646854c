/* Dependencies, and how urgency flows along them. */
#ifndef BATON_BROKER_CORE_GRAPH_H
#define BATON_BROKER_CORE_GRAPH_H

#include "broker/core/model.h"

/* ---- edges.c: dependencies ---- */

/* An edge to a gate has another state: the task's counters follow. */
void edge_set(struct core *core, struct task *task, uint32_t in_pos, unsigned state);
/* The state of an edge, from the task depended on. */
unsigned edge_eval(unsigned pred_state, bool pred_started, unsigned condition);
/* (Re)builds the edges of a task from its spec; unknown ids get placeholders. */
void edges_build(struct core *core, struct task *task, const Baton__Spec *spec);
void edges_drop(struct core *core, struct task *task);
/* The task's state or start changed (was_unknown: it was a placeholder): its dependents' edges
 * follow. */
void edges_update_outs(struct core *core, struct task *task, bool was_unknown, struct core_out *out,
                       int64_t now);
/* n_live_outs of what the task depends on, after it became terminal (-1) or live again (+1). */
void edges_count_live(struct core *core, struct task *task, int delta);
void edges_recount(struct core *core, struct task *task);
/* True when the task's dependencies let it go. */
bool edges_are_clear(const struct task *task);
/* The task because of which policy abort strikes; NULL when it left the memory. */
struct task *edges_culprit(const struct core *core, const struct task *task);

/* ---- gates.c: dependencies on signals and decisions ---- */

/* The edge at in_pos of the task is one to this gate; returns its state now (EDGE_…). */
unsigned gate_join(struct core *core, struct task *task, uint32_t in_pos, unsigned kind,
                   const char *project, const char *name);
/* The task has no edges to gates any more. */
void gates_leave(struct core *core, struct task *task);
/* The parked task waits for it, as for what its edges name. */
void gate_park(struct core *core, struct task *task, unsigned kind, const char *project,
               const char *name);
void gate_unpark(struct core *core, struct task *task);
/* Something that only parked tasks wait for has happened: they go on. */
void gate_release(struct core *core, unsigned kind, const char *project, const char *name,
                  const char *note, struct core_out *out, int64_t at);
/* Is it open? */
bool gate_is_open(const struct core *core, unsigned kind, const char *project, const char *name);
/* A card came into force (by = 1) or no longer is (-1): counts. */
void gate_count(struct core *core, unsigned kind, const char *project, const char *name, int by);
/* Then its waiters hear of it, each once, in the order of their keys. */
void gate_tell(struct core *core, unsigned kind, const char *project, const char *name,
               struct core_out *out, int64_t at);
/* After a snapshot was loaded: all gates, and nothing is moved. */
void gates_link(struct core *core);
void gates_fini(struct core *core);
/* What the edge waits for. */
void gate_names(const struct gate *gate, unsigned *ret_kind, const char **ret_project,
                const char **ret_name);

/* ---- graph.c ---- */

/* Would these new edges close a cycle? Adds the cycle to the error. */
struct new_task {
    const Baton__Spec *spec;
    uint32_t slot; /* of the task or placeholder that bears the id already; 0: none */
};
Baton__Code graph_check(struct core *core, struct core_request *request,
                        const struct new_task *tasks, size_t n_tasks);
/* All that is reachable downstream, the roots too, in core->stack; each once. */
void graph_downstream(struct core *core, const uint32_t *roots, size_t n_roots);

/* ---- order.c ---- */

int64_t patience_ms(unsigned priority);
/* order_at as a time, without its tier. */
int64_t order_time(int64_t order_at);
bool order_before(const void *core, uint32_t a, uint32_t b);
/* Recomputes the task's place from its dependents, O(their number); what it depends on follows. */
void order_spread(struct core *core, struct task *task);
/* The task is live now, or no longer: what it depends on follows. */
void order_enter(struct core *core, struct task *task);
void order_leave(struct core *core, struct task *task);
/* After a snapshot was loaded: a task without edges; all those with edges, of which some live. */
void order_alone(struct core *core, struct task *task);
void order_all(struct core *core, struct task *const *tasks, uint32_t n);
/* At the first time ready. */
void order_anchor(struct core *core, struct task *task, int64_t now);
void order_terms(const struct core *core, const struct task *task, int64_t *ret_floor,
                 int64_t *ret_base, struct task **ret_effective_from,
                 struct task **ret_inherited_from);

/* The dependents, near and far, whose deadlines reach the task as its effective one; each once, in
 * the arena. Costs their edges. */
uint32_t *order_pressing(struct core *core, const struct task *task, struct arena *arena,
                         size_t *ret_n);

#endif
