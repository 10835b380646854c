/* What time does to budgets. Those of time are used while nobody says a word: when what runs under
 * one brings it to a level that is told of, a fact counts that time, in the millisecond. And what
 * runs under a hard budget that is used up is stopped. */
#include "broker/core/board/budget.h"
#include "broker/core/evolve.h"

#include <string.h>

enum { STOPS_A_TICK = 1000 };

int64_t
budget_warn_at(const struct budget_limit *l)
{
    return l->limit / 100 * BUDGET_WARN_PERCENT + l->limit % 100 * BUDGET_WARN_PERCENT / 100;
}

bool
budget_is_timed(const struct budget *b)
{
    const struct budget_limit *l = budget_limit_find(b, "time");
    return l && l->n_timed;
}

static int64_t
divide_up(int64_t a, int64_t by)
{
    return a / by + (a % by > 0);
}

/* When its time comes to the next level if all that runs goes on; NEVER: it does not. */
static int64_t
timed_at(const struct budget *b)
{
    const struct budget_limit *l = budget_limit_find(b, "time");
    if (!b->counts || !l || !l->n_timed || l->used >= l->limit) {
        return NEVER;
    }
    int64_t level = l->used < budget_warn_at(l) ? budget_warn_at(l) : l->limit;
    return divide_up(divide_up(level - l->used, BUDGET_MS) + l->counted_to, l->n_timed);
}

int64_t
budgets_next_at(const struct core *core)
{
    int64_t at = NEVER;
    for (uint32_t i = 0; i < core->n_budgets; i++) {
        const struct budget *b = core->budgets[i];
        at = MIN(at, b->stop_due ? 0 : timed_at(b));
    }
    return at;
}

void
budget_emit_timed(struct core *core, struct core_request *request, const struct budget *b)
{
    Baton__BudgetTimed timed = BATON__BUDGET_TIMED__INIT;
    timed.number = b->number;
    Baton__Fact fact = BATON__FACT__INIT;
    fact.what_case = BATON__FACT__WHAT_BUDGET_TIMED;
    fact.budget_timed = &timed;
    emit(core, request, &fact);
}

void
evolve_budget_timed(struct core *core, const Baton__Fact *fact, struct core_out *out)
{
    struct budget *b = budget_find(core, fact->budget_timed->number);
    CHECK(b);
    for (uint32_t w = 1; w < core->n_workers; w++) {
        for (uint32_t slot = core->workers[w]->first; slot;) {
            struct task *task = task_at(core, slot);
            if (task->course->run->n_holds && budget_covers(b, task)) {
                snapshot_keep(core, task);
                (void)budget_count_time(task, b, fact->at);
            }
            slot = task->course->run->next;
        }
    }
    budget_update(core, b, out, fact->at);
}

void
budgets_count(struct core *core, struct core_request *request)
{
    for (uint32_t i = 0; i < core->n_budgets; i++) {
        if (timed_at(core->budgets[i]) <= request->now) {
            budget_emit_timed(core, request, core->budgets[i]);
        }
    }
}

/* ---- hard ones ---- */

static bool
stop_some(struct core *core, struct core_request *request, const struct budget *b)
{
    int left = STOPS_A_TICK;
    const char *text = arena_printf(request->arena, "the budget %s is used up", b->name);
    for (uint32_t w = 1; w < core->n_workers; w++) {
        for (uint32_t slot = core->workers[w]->first, next; slot && left; slot = next) {
            struct task *task = task_at(core, slot);
            next = task->course->run->next;
            if ((task->state == LEASED || task->state == RUNNING) && budget_covers(b, task)) {
                emit_cancelling(core, request, task, BATON__REASON__REASON_BUDGET, text, 0);
                left--;
            }
        }
    }
    return left > 0;
}

void
budgets_tick(struct core *core, struct core_request *request)
{
    for (uint32_t i = 0; i < core->n_budgets; i++) {
        struct budget *b = core->budgets[i];
        bool over = b->stop_due && b->counts && b->hard && budget_is_used_up(b);
        if (b->stop_due && (!over || stop_some(core, request, b))) {
            b->stop_due = false;
        }
    }
}
