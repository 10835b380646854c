/* From what is asked to facts, and from facts to the state. */
#ifndef BATON_BROKER_CORE_CHANGE_H
#define BATON_BROKER_CORE_CHANGE_H

#include "broker/core/model.h"

/* ---- evolve.c: the only writer of the state ---- */

/* Legal next states of each state, as bits. */
extern const uint16_t task_transitions[STATES_N];

/* Gives the fact its sequence number, applies it, appends it to the journal of the request. Then
 * settles what follows by itself. Returns the sequence number. */
uint64_t emit(struct core *core, struct core_request *request, Baton__Fact *fact);
void evolve(struct core *core, const Baton__Fact *fact, uint64_t seq, struct core_out *out);
/* Puts a waiting or ready task where its conditions say. */
void task_place(struct core *core, struct task *task, struct core_out *out, int64_t now);
/* It waits for this time; 0: for none. */
void task_wait_for(struct core *core, struct task *task, int64_t at);
void task_index_spec(struct core *core, struct task *task, const Baton__Spec *spec);
void worker_list_add(struct core *core, struct task *task);
void settle_add(struct core *core, struct task *task);
void settle(struct core *core, struct core_request *request);
void ended_list_update(struct core *core, struct task *task);
void all_list_add(struct core *core, struct task *task);
void pause_apply(struct core *core, uint32_t scope, const char *name, bool paused, bool refuse);

/* ---- leaving.c ---- */

/* Of the task that goes to the archive. */
struct identity leaving_take(struct core *core, const struct task *task);
/* After that: which one to look at meanwhile; NULL: none. Then leaving_look, when the task has
 * gone. */
const struct task *leaving_next(struct core *core, const struct task *task);
void leaving_look(struct core *core, const struct task *next);

/* ---- event.c ---- */

struct event_more {
    unsigned from;
    const char *actor;
    const char *text;
    const char *title;
};
void event_task(struct core *core, struct core_out *out, int64_t at, unsigned kind,
                const struct task *task, const struct event_more *more);
/* A card was made or changed by `verb` (0: its clock rang). */
void event_card(struct core *core, struct core_out *out, int64_t at, const Baton__Card *card,
                const char *actor, unsigned verb);
/* So much of the budget is used. */
void event_budget(struct core *core, struct core_out *out, int64_t at, const Baton__Card *card,
                  const char *text);
void event_plain(struct core *core, struct core_out *out, int64_t at, unsigned kind,
                 const char *name, const char *actor, const char *text);

/* As event_plain; `project` stands in its field. */
void event_project(struct core *core, struct core_out *out, int64_t at, unsigned kind,
                   const struct project *project, const char *actor, const char *text);
/* The project is complete now. */
void event_completed(struct core *core, struct core_out *out, int64_t at,
                     const struct project *project);

/* A record of the archive: what was packed into out->records from `at` on. */
void put_add(struct core_out *out, bool is_card, uint64_t key, size_t at);

/* ---- record.c ---- */

/* Appends the task's Baton__TaskRecord; the archive's says the worker's name too. */
void task_record_pack(const struct core *core, const struct task *task, bool archived,
                      struct buf *buf);

/* ---- attempts.c: what attempts left behind ---- */

/* The packed result of the latest that ended; NULL: there is none. */
const uint8_t *attempts_result(const struct task *task, size_t *ret_bytes);
/* Records of those that ended, the latest last: the task's own, or in the arena. */
Baton__AttemptRecord **attempts_list(const struct core *core, const struct task *task,
                                     struct arena *arena, size_t *ret_n);
const Baton__AttemptRecord *attempts_find(const struct core *core, const struct task *task,
                                          uint64_t token, struct arena *arena); /* NULL */
/* The one of a task that is brief. */
Baton__AttemptRecord attempts_brief(const struct core *core, const struct task *task);
/* A snapshot's record of a task that is brief: what it says of attempts need not be kept. */
bool attempts_are_brief(const Baton__TaskRecord *r);

/* ---- answers.c ---- */

void answers_evolve(struct core *core, const Baton__Answered *answered, int64_t at);
void answers_forget(struct core *core, const Baton__Forgotten *forgotten);
void answers_fini(struct core *core);

/* ---- snapshot.c ---- */

/* The task is about to change: keeps its record if the snapshot being written has not come to it.
 */
void snapshot_keep(struct core *core, struct task *task);
/* … the card. */
void snapshot_keep_card(struct core *core, struct card *card);
/* Borrows the resource's name. */
void claim_message(const struct core *core, const struct claim *claim, Baton__Claim *ret);
void core_link(struct core *core);

#endif
