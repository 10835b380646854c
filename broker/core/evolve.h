/* Between the files of evolve: one function a fact, and what they share. Private to them; everybody
 * else calls evolve and emit of state.h. */
#ifndef BATON_BROKER_CORE_EVOLVE_H
#define BATON_BROKER_CORE_EVOLVE_H

#include "broker/core/state.h"

/* ---- fact_pack.c ---- */

/* Appends its length and the packed fact. `head` is zeroed, or of facts of the same request. */
void fact_pack(struct buf *facts, const Baton__Fact *fact, struct fact_head *head);

/* ---- lists.c ---- */

void all_list_remove(struct core *core, struct task *task);
void worker_list_remove(struct core *core, struct task *task);

/* ---- move.c ---- */

struct counts *counts_of(const struct core *core, const struct task *task);
/* The only writer of task->state. Puts into `more` where it came from. */
void task_move(struct core *core, struct task *task, unsigned to, unsigned reason,
               struct core_out *out, int64_t at, struct event_more *more);
/* Where a task without a lease belongs, from its conditions: waiting or ready, and why. */
unsigned place_of(const struct task *task, unsigned *ret_reason);
/* task_place, with more to say in the event. */
void place_with(struct core *core, struct task *task, struct core_out *out, int64_t at,
                struct event_more *more);
/* Milestones that are through and tasks whose policy strikes are looked at after the fact. */
void settle_if_due(struct core *core, struct task *task);

/* ---- evolve_spec.c ---- */

/* The task's unique key leads to it from now on. */
void unique_index(struct core *core, struct task *task, const Baton__Spec *spec);

void evolve_added(struct core *core, const Baton__Fact *fact, uint64_t seq, struct core_out *out);
void evolve_respecified(struct core *core, const Baton__Fact *fact, struct core_out *out);

/* ---- attempts.c ---- */

/* The latest attempt ends so. */
void attempts_end(struct core *core, struct task *task, const Baton__AttemptEnded *ended,
                  int64_t at);
/* The task goes on although it was done: the end of its attempt is kept beside it now. */
void attempts_unfold(struct core *core, struct task *task);

/* ---- evolve_lease.c ---- */

void evolve_leased(struct core *core, const Baton__Fact *fact, uint64_t seq, struct core_out *out);
void evolve_started(struct core *core, const Baton__Fact *fact, struct core_out *out);
void evolve_progressed(struct core *core, const Baton__Fact *fact, struct core_out *out);
void evolve_stalled(struct core *core, const Baton__Fact *fact, struct core_out *out);
void evolve_attempt_ended(struct core *core, const Baton__Fact *fact, struct core_out *out);
void evolve_cancelling(struct core *core, const Baton__Fact *fact, struct core_out *out);
/* The claims of that attempt are free again; nothing when there are none. */
void linger_end(struct core *core, uint64_t token);

/* ---- lock.c ---- */

void evolve_locked(struct core *core, const Baton__Fact *fact, struct core_out *out);
void evolve_lock_released(struct core *core, const Baton__Fact *fact, struct core_out *out);

/* ---- evolve_task.c ---- */

void evolve_ended(struct core *core, const Baton__Fact *fact, struct core_out *out);
void evolve_due(struct core *core, const Baton__Fact *fact, struct core_out *out);
void evolve_budget_timed(struct core *core, const Baton__Fact *fact, struct core_out *out);
void evolve_alerted(struct core *core, const Baton__Fact *fact, struct core_out *out);
void evolve_hold_set(struct core *core, const Baton__Fact *fact, struct core_out *out);
void evolve_revived(struct core *core, const Baton__Fact *fact, struct core_out *out);
void evolve_judged(struct core *core, const Baton__Fact *fact, struct core_out *out);
void evolve_orphaned(struct core *core, const Baton__Fact *fact, struct core_out *out);
void evolve_archived(struct core *core, const Baton__Fact *fact, struct core_out *out);
/* A start that is scheduled and has not come makes the task wait for it. */
void wait_until_start(struct core *core, struct task *task, int64_t at);

/* ---- evolve_broker.c ---- */

void evolve_epoch(struct core *core, const Baton__Fact *fact, struct core_out *out);
void evolve_project_set(struct core *core, const Baton__Fact *fact, struct core_out *out);
void evolve_paused(struct core *core, const Baton__Fact *fact, struct core_out *out);
void evolve_resumed(struct core *core, const Baton__Fact *fact, struct core_out *out);
void evolve_resource_set(struct core *core, const Baton__Fact *fact, struct core_out *out);

#endif
