/* Tasks that wait for an answer, and what the broker says of those that wait in vain. */
#ifndef BATON_BROKER_CORE_ASIDE_H
#define BATON_BROKER_CORE_ASIDE_H

#include "broker/core/model.h"

/* ---- park.c: tasks that wait for an answer ---- */

/* What is wrong with what a result says to wait for; NULL: nothing. *ret: in its one form. */
const char *park_fault(const struct core *core, struct core_request *request,
                       const struct task *task, const char *wait_for, const char **ret);
/* What the task would wait for is there already, or can't come any more. */
bool park_is_over(const struct core *core, const struct task *task, const char *waits_for);
/* The reason that a task shows while it waits for that. */
unsigned park_reason(const char *waits_for);
/* It waits from now on; also at recovery, for those that do. */
void park_enter(struct core *core, struct task *task, const char *waits_for);
/* It does not any more, since it goes on or ends. */
void park_leave(struct core *core, struct task *task);
/* It goes on: to where its conditions say. */
void unpark(struct core *core, struct task *task, const char *note, const char *actor,
            struct core_out *out, int64_t at);
/* A dependency of the parked task changed: is the wait for rework over? */
void park_look(struct core *core, struct task *task, struct core_out *out, int64_t at);
/* The task is live now (by = 1) or no longer (-1): whoever added it may wait for that. */
void park_count_child(struct core *core, const struct task *task, int by, struct core_out *out,
                      int64_t at);
/* One line for people: what it waits for. */
const char *park_words(struct arena *arena, const char *waits_for);

/* ---- notice.c: blockers that the broker raises by itself ---- */

/* Raises or ends the blocker on a task because of which others wait in vain; emits facts. */
void notice_settle(struct core *core, struct core_request *request, struct task *task);
/* The task has waited for one that nobody knows for a day: says so, once. */
void notice_forward(struct core *core, struct core_request *request, struct task *task);
/* When that is due; NEVER: it is not, or it was said. */
int64_t notice_forward_at(const struct task *task);
/* What the task waits for in vain is to be looked at: it begins to wait, or no longer does. */
void notice_look(struct core *core, const struct task *task);

/* ---- review.c: who says that it is done ---- */

/* Does the task or its role ask for approval; has its role asked for a handoff that is missing? */
bool approval_is_asked(const struct core *core, const struct task *task);
bool handoff_is_missing(const struct core *core, const struct task *task, uint64_t token);
/* The task waits for approval from now on: sets when it is asked for again, and due. */
void review_begin(struct core *core, struct task *task, int64_t at);
/* What of that is to be told next (Alert), and when. 0, NEVER: nothing. */
unsigned review_next(const struct task *task, int64_t *ret_at);
/* Approved (to DONE), or sent back: to be done again, or failed when that was too often. Of a
 * parked one: it goes on. */
void emit_approved(struct core *core, struct core_request *request, struct task *task,
                   const char *text);
void emit_sent_back(struct core *core, struct core_request *request, struct task *task,
                    const char *text);
/* A running receiver has rejected the handoff of `from`: its own task waits until that is done
 * again. */
void emit_returned(struct core *core, struct core_request *request, struct task *receiver,
                   const struct task *from, const char *text);

#endif
