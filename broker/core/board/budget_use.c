/* What tasks use of budgets: what is reserved when one is leased, counted when it reports, given
 * back when it ends. */
#include "broker/core/board/budget.h"

#include "common/alloc.h"

#include <stdlib.h>
#include <string.h>

enum { UNKNOWN_SHARE = 10 };

/* What a running task is expected to use. */
static int64_t
estimate(const struct budget_limit *l, const struct task *task)
{
    if (strcmp(l->name, "tasks") == 0) {
        return 0; /* counted when it begins */
    }
    if (l->reserve >= 0) {
        return l->reserve;
    }
    if (strcmp(l->name, "time") == 0 && task->course->estimate_ms) {
        return budget_amount((double)task->course->estimate_ms);
    }
    return l->n_ended ? l->ended / (int64_t)l->n_ended : l->limit / UNKNOWN_SHARE;
}

struct budget_hold *
budget_hold_find(const struct task *task, const struct budget *b, const struct budget_limit *l)
{
    const struct run *run = task->course->run;
    for (uint32_t i = 0; run && i < run->n_holds; i++) {
        if (run->holds[i].number == b->number && strcmp(run->holds[i].name, l->name) == 0) {
            return &run->holds[i];
        }
    }
    return NULL;
}

struct budget_hold *
budget_hold_add(struct run *run)
{
    run->holds = xreallocarray(run->holds, run->n_holds + 1, sizeof *run->holds);
    run->holds[run->n_holds] = (struct budget_hold){0};
    return &run->holds[run->n_holds++];
}

void
budgets_lease(struct core *core, struct task *task, struct core_out *out, int64_t at)
{
    for (uint32_t i = 0; i < core->n_budgets; i++) {
        struct budget *b = core->budgets[i];
        if (!budget_covers(b, task)) {
            continue;
        }
        for (uint32_t k = 0; k < b->n_limits && task->course->run->n_holds < BUDGET_HOLDS_MAX;
             k++) {
            struct budget_limit *l = &b->limits[k];
            struct budget_hold *hold = budget_hold_add(task->course->run);
            hold->number = b->number;
            memcpy(hold->name, l->name, sizeof hold->name);
            hold->since = at;
            hold->left = estimate(l, task);
            l->reserved = budget_plus(l->reserved, hold->left);
            budget_weigh_time(b, task, l, hold, 1);
            if (strcmp(l->name, "tasks") == 0 && task->course->attempt == 1) {
                l->used = budget_plus(l->used, budget_amount(1));
            }
        }
        budget_update(core, b, out, at);
    }
}

/* The task used so much more (or less: it had said too much). */
static void
use(const struct task *task, const struct budget *b, struct budget_limit *l, int64_t more)
{
    struct budget_hold *hold = budget_hold_find(task, b, l);
    l->used = MAX(budget_plus(l->used, more), 0);
    if (hold) {
        int64_t less = MIN(MAX(more, 0), hold->left);
        hold->left -= less;
        hold->counted = budget_plus(hold->counted, more);
        l->reserved -= less;
    }
}

void
budgets_measure(struct core *core, struct task *task, const char *name, double was, double is,
                struct core_out *out, int64_t at)
{
    for (uint32_t i = 0; i < core->n_budgets; i++) {
        struct budget *b = core->budgets[i];
        struct budget_limit *l = budget_covers(b, task) ? budget_limit_find(b, name) : NULL;
        if (l && strcmp(name, "time") != 0 && strcmp(name, "tasks") != 0) {
            use(task, b, l, budget_amount(is) - budget_amount(was));
            budget_update(core, b, out, at);
        }
    }
}

bool
budget_count_time(struct task *task, struct budget *b, int64_t at)
{
    struct budget_limit *l = budget_covers(b, task) ? budget_limit_find(b, "time") : NULL;
    const struct budget_hold *hold = l ? budget_hold_find(task, b, l) : NULL;
    if (hold) {
        int64_t more = budget_amount((double)(at - hold->since)) - hold->counted;
        l->counted_to += more / BUDGET_MS;
        use(task, b, l, more);
    }
    return hold != NULL;
}

void
budgets_time(struct core *core, struct task *task, struct core_out *out, int64_t at)
{
    for (uint32_t i = 0; task->course->run->n_holds && i < core->n_budgets; i++) {
        if (budget_count_time(task, core->budgets[i], at)) {
            budget_update(core, core->budgets[i], out, at);
        }
    }
}

void
budgets_end(struct core *core, struct task *task, unsigned outcome, struct core_out *out,
            int64_t at)
{
    bool worked = task->state != LEASED || outcome == BATON__OUTCOME__OUTCOME_DONE ||
                  outcome == BATON__OUTCOME__OUTCOME_FAILED ||
                  outcome == BATON__OUTCOME__OUTCOME_FATAL ||
                  outcome == BATON__OUTCOME__OUTCOME_TIMED_OUT;
    struct run *run = task->course->run;
    budgets_time(core, task, out, at);
    for (uint32_t i = 0; i < run->n_holds; i++) {
        struct budget_hold *hold = &run->holds[i];
        struct budget *b = budget_find(core, hold->number);
        struct budget_limit *l = b ? budget_limit_find(b, hold->name) : NULL;
        if (!l) {
            continue;
        }
        l->reserved -= hold->left;
        hold->left = 0;
        budget_weigh_time(b, task, l, hold, -1);
        if (worked) {
            l->n_ended++;
            l->ended = budget_plus(l->ended, MAX(hold->counted, 0));
        }
        budget_update(core, b, out, at);
    }
    free(run->holds);
    run->holds = NULL;
    run->n_holds = 0;
}

bool
budgets_keep(const struct core *core, const struct task *task)
{
    const struct project *project = core->projects[task->project];
    return core->roles[task->role].n_spent || project->n_spent ||
           project->queues[task->role].n_spent;
}
