/* What is counted of tasks: their measures, budgets and metrics. */
#ifndef BATON_BROKER_CORE_COUNTED_H
#define BATON_BROKER_CORE_COUNTED_H

#include "broker/core/model.h"

/* ---- measure.c: what tasks report of themselves ---- */

/* NULL, or what is wrong with them. */
const char *measures_fault(Baton__Measure *const *measures, size_t n);
/* Another attempt begins. */
void measures_begin(struct task *task);
/* The latest attempt says these. */
void measures_take(struct core *core, struct task *task, Baton__Measure *const *said, size_t n,
                   struct core_out *out, int64_t at);
const struct measure *measures_find(const struct task *task, const char *name); /* NULL */
/* Borrows the texts. */
void measure_message(const struct measure *measure, Baton__TaskMeasure *ret);
Baton__TaskMeasure **measures_messages(const struct task_ext *ext, struct arena *arena,
                                       size_t *ret_n);
bool measures_restore(struct task_ext *ext, Baton__TaskMeasure *const *messages, size_t n);
void measures_free(struct task_ext *ext);

/* ---- board/budget*.c: what tasks may use ---- */

/* The task was leased; it reports; time has passed; its lease ends (and has its run still). */
void budgets_lease(struct core *core, struct task *task, struct core_out *out, int64_t at);
void budgets_measure(struct core *core, struct task *task, const char *name, double was, double is,
                     struct core_out *out, int64_t at);
void budgets_time(struct core *core, struct task *task, struct core_out *out, int64_t at);
void budgets_end(struct core *core, struct task *task, unsigned outcome, struct core_out *out,
                 int64_t at);
/* A budget keeps the ready task back. */
bool budgets_keep(const struct core *core, const struct task *task);
/* Time that runs comes to a level, or something that runs must be stopped: when, and what follows.
 * O(budgets). */
int64_t budgets_next_at(const struct core *core);
void budgets_count(struct core *core, struct core_request *request);
void budgets_tick(struct core *core, struct core_request *request);
Baton__BudgetView **budgets_of_task(const struct core *core, struct arena *arena,
                                    const struct task *task, size_t max, size_t *ret_n);
struct budget_cause {
    const char *text, *who, *name;
    int64_t until;
};
struct budget_cause *budgets_why(const struct core *core, struct arena *arena,
                                 const struct task *task, size_t *ret_n);
void budgets_record(const struct core *core, struct arena *arena,
                    Baton__SnapshotChunk__Header *header);
bool budgets_restore(struct core *core, const Baton__SnapshotChunk__Header *header);
void budgets_link(struct core *core);
bool budgets_are_right(struct core *core);
/* Borrows the name. */
void budget_hold_message(const struct budget_hold *hold, Baton__BudgetHold *ret);
bool budget_holds_restore(struct core *core, struct run *run, Baton__BudgetHold *const *records,
                          size_t n);
void budgets_fini(struct core *core);

/* ---- metrics.c: what is counted of roles, by the hour ---- */

void metrics_sum(struct core *core, const struct task *task, const struct measure *measure,
                 double was, bool was_said, int64_t at);
void metrics_task_ended(struct core *core, const struct task *task, int64_t at);
/* A card was answered or resolved (or something else was done with it). */
void metrics_card(struct core *core, const Baton__Card *card, unsigned verb, int64_t at);
void metrics_record(const struct core *core, struct arena *arena,
                    Baton__SnapshotChunk__Header *header);
bool metrics_restore(struct core *core, const Baton__SnapshotChunk__Header *header);
void metrics_project_fini(struct project *project);
void metrics_fini(struct core *core);

#endif
