/* Tasks that could run: queues, what they claim, and when they must be looked at. */
#ifndef BATON_BROKER_CORE_READY_H
#define BATON_BROKER_CORE_READY_H

#include "broker/core/model.h"

/* ---- queue.c: ready tasks, resources ---- */

void queue_enter(struct core *core, struct task *task);
void queue_leave(struct core *core, struct task *task);
/* The task's order changed. */
void queue_fix(struct core *core, struct task *task);
/* The first task that may run now; NULL: none. Those that can't because of a resource step aside.
 */
struct task *queue_pick(struct core *core, uint32_t roles, const uint32_t *projects,
                        size_t n_projects, int64_t now);
void queue_pause_project(struct core *core, struct project *project, bool paused);
/* Its ready tasks step out of all queues and lines, or come back. Costs a look at each task that is
 * older than its last. */
void queue_pause_actor(struct core *core, struct actor *actor, bool paused);
/* True while whoever added the task is paused. */
bool queue_is_held_back(const struct core *core, const struct task *task);
/* The first resource that the task can't have now; NULL: none. `ret_reserved`: it is kept for an
 * earlier task. */
struct resource *queue_obstacle(const struct core *core, const struct task *task,
                                bool *ret_reserved);
/* May the running task have this now, although it did not declare it? */
bool claim_is_free(const struct core *core, const char *name, uint32_t amount, bool shared,
                   const struct task *task);
/* The same, whoever waits for it and whether it is paused or not. */
bool claim_is_unheld(const struct core *core, const char *name, uint32_t amount, bool shared);
/* One holder more (1) or less (-1), and nobody is woken. */
void claims_count(struct core *core, const struct claim *claims, uint32_t n_claims, int delta);
void resource_take(struct core *core, const struct claim *claims, uint32_t n_claims);
void resource_give_back(struct core *core, const struct claim *claims, uint32_t n_claims);
/* More of it may be free, or it is no longer paused. */
void resource_wake(struct core *core, struct resource *resource);
/* An operator paused or resumed it. */
void resource_set_paused(struct core *core, struct resource *resource, bool paused);
/* Nobody gets it now because of a pause: its own, or for a path, one of a path that it meets. */
bool resource_is_paused(const struct resource *resource);
/* Who is paused changed: what was reserved for them, or kept from them, may be had. */
void resource_wake_all(struct core *core);
void resource_free(struct resource *resource);
void resource_forget_if_unused(struct core *core, struct resource *resource);
void resource_unclaim(struct core *core, const struct claim *claims, uint32_t n_claims);

/* ---- paths.c: resources that are paths ---- */

/* Nobody holds it, something above it or something below it. O(depth). */
bool path_is_unheld(const struct resource *path, bool shared);
/* One holder more (+1) or less (-1). O(depth). */
void path_count_holder(struct resource *path, bool shared, int delta);
void path_count_pause(struct resource *path, int delta);
/* One task more (+1) or less (-1) stands in its lines. O(depth). */
void path_count_waiting(struct resource *path, int delta);
/* The next of the paths below `top` at which tasks may wait, in no order; NULL: that was all.
 * Visits only those at or below which tasks wait. */
struct resource *path_next_waiting(const struct resource *top, const struct resource *at);

/* ---- lock.c: claims of a task, declared and taken ---- */

/* Who has what is in the way of this, in words. In the arena. */
const char *claim_holders_text(const struct core *core, struct core_request *request,
                               const Baton__Claim *wanted);
/* Could the two not be held at a time? Names in their one form. */
bool claims_meet(const char *a, bool a_shared, const char *b, bool b_shared);

/* Appends one, not yet held; good until the next. */
struct claim *claim_add(struct core *core, struct task *task, const Baton__Claim *from);
/* The lease is over: what was taken while it ran, and has been given back, is no claim any more. */
void claims_drop_taken(struct core *core, struct task *task);

/* ---- timers.c: when core_tick must look at a task ---- */

void timer_update(struct core *core, struct task *task);
/* The task that is due first; NULL: none has a time. */
struct task *timer_first(struct core *core);
void timer_remove(struct core *core, struct task *task);
/* What is to be told next of how the task stands to its deadline (Alert), and when. 0: nothing. */
unsigned alert_next(const struct task *task, int64_t *ret_at);
/* How it stands to its deadline, as far as that was told. */
unsigned alert_now(const struct task *task);
/* The deadline ends the task when it passes: what waits for a worker, and what has one. */
bool deadline_expires(const struct task *task);
bool deadline_cancels(const struct task *task);
/* When it must have started for its effective deadline; NEVER: there is none. */
int64_t latest_start(const struct task *task);

#endif
