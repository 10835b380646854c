/* What the verbs check, and what several of them and time emit. */
#ifndef BATON_BROKER_CORE_VERBS_H
#define BATON_BROKER_CORE_VERBS_H

#include "broker/core/model.h"

/* ---- spec.c: is a task's description what we take? ---- */

/* Checks every field and fills in defaults (project, priority, order of labels). `prefix` names the
 * place for the error: "tasks[3]". */
Baton__Code spec_check(struct core_request *request, Baton__Spec *spec, const char *prefix);
/* The fields in which a and b differ: bit i for field i of the message's descriptor. Identity,
 * trace context and what only matters while submitting do not count. */
uint64_t spec_diff(const Baton__Spec *a, const Baton__Spec *b, struct arena *arena);
const char *spec_field_name(unsigned field);
/* Puts in what may stay unsaid, and leaves out what need not be said: equal content, equal specs.
 */
void spec_normalise(Baton__Spec *spec);
/* Copies the fields with these bits; shallow. */
void spec_copy(Baton__Spec *to, const Baton__Spec *from, uint64_t fields);
/* Fields that may change while a task runs. */
uint64_t spec_soft_fields(void);
/* The bit of a field that `set` may change; 0: none of that name. */
uint64_t spec_settable(const char *name);
/* The spec packed into the arena. */
ProtobufCBinaryData spec_pack(struct core *core, const Baton__Spec *spec, struct arena *arena);
/* … may be too large as a whole, although each part of it is not. */
Baton__Code spec_check_packed(struct core_request *request, ProtobufCBinaryData packed,
                              const char *prefix);
/* Two Edge * of one task: by task, condition and group. */
int spec_compare_edges(const void *a, const void *b);
/* Its unique key is another live task's by now. */
bool unique_is_taken(const struct core *core, struct core_request *request,
                     const struct task *task);
Baton__Code refuse(struct core_request *request, Baton__Code code, const char *field,
                   const char *fmt, ...) PRINTF_LIKE(4, 5);

/* ---- attach.c ---- */

/* Ids of the submission that other tasks stand for (on_conflict attach) are these tasks' in its
 * dependencies, which are changed in place. *ret_changed: of which tasks, one for each, in the
 * arena; left alone when there are none. */
Baton__Code attach_rewrite(struct core *core, struct core_request *request,
                           const Baton__Submit *submit, bool **ret_changed);

/* ---- submit_plan.c ---- */

/* The task whose unique key this is, live or not; NULL: nobody's. */
struct task *unique_holder_of(const struct core *core, uint32_t project, const char *unique_key);
/* Who has the spec's unique key now; NULL: it is free. */
struct task *unique_holder(const struct core *core, struct core_request *request,
                           const Baton__Spec *spec);

/* ---- resource.c ---- */

Baton__Code resources_check(struct core *core, struct core_request *request,
                            Baton__Resource *const *resources, size_t n);
void resources_emit(struct core *core, struct core_request *request,
                    Baton__Resource *const *resources, size_t n);

/* ---- project.c ---- */

void emit_project_set(struct core *core, struct core_request *request, const char *project,
                      bool closed, const char *text);

/* ---- ending.c, report.c, change.c, pause.c: what several verbs and time emit ---- */

/* What follows from the end of an attempt. */
struct ending {
    Baton__TaskState to;
    unsigned reason;
    int64_t next_at;
    bool counted;
    bool lost;
    bool undo_loss;
    bool unclean;
    const char *text;
};

/* From the task's state and limits, and the result. */
struct ending ending_of(const struct core *core, const struct core_request *request,
                        const struct task *task, const Baton__Result *result);
void emit_attempt_ended(struct core *core, struct core_request *request, const struct task *task,
                        const Baton__Result *result, const struct ending *ending);

/* A new blocker, with the usual target; its number (board/blocker.c). */
uint64_t blocker_emit(struct core *core, struct core_request *request, Baton__Card *card);
/* Gives the handoff that came with the result of this lease; NULL or what is wrong with it. */
const char *handoff_of_result(struct core *core, struct core_request *request, struct task *task,
                              uint64_t token, const Baton__Card *handoff);
/* The task is done: the unanswered handoffs of what it depends on are accepted (board/handoff.c).
 */
void handoffs_accept(struct core *core, struct core_request *request, const struct task *task);
/* The latest handoff of each task that it depends on, unless rejected, and the decisions in force
 * in its area; as many as fit. Copies into the arena (board/deliver.c). */
void cards_deliver(const struct core *core, struct core_request *request, const struct task *task,
                   Baton__Assignment *assignment);
/* The task's lease is over, and with it what was reserved under it (board/reservation.c); after an
 * unclean end only when that may be sure. */
void reservations_end(struct core *core, struct core_request *request, const struct task *task,
                      bool unclean);
/* The lease ends by itself: OUTCOME_LOST, or RELEASED. */
void lease_end(struct core *core, struct core_request *request, struct task *task, unsigned outcome,
               const char *summary);
/* The lease runs again from now, for extend_ms or its own length. */
void lease_renew(struct core *core, const struct core_request *request, struct task *task,
                 int64_t extend_ms);
/* A task of the role spoke while its status was stale (board/status.c). */
void status_heard(struct core *core, struct core_request *request, const struct task *task);
/* The task of a summoned role has begun: the role has answered (board/incident.c). */
void incident_started(struct core *core, struct core_request *request, const struct task *task);
void emit_started(struct core *core, struct core_request *request, const struct task *task);
/* The grace of a cancelled task is over and its worker said nothing. */
void cancel_end(struct core *core, struct core_request *request, struct task *task);
void emit_cancelling(struct core *core, struct core_request *request, struct task *task,
                     unsigned reason, const char *text, int64_t grace_ms);
void stop_add(struct core_out *out, const struct task *task, int64_t grace_ms, const char *reason);
void emit_resumed(struct core *core, struct core_request *request, uint32_t scope,
                  const char *name);

#endif
