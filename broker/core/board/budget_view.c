/* What is shown of budgets. Changes nothing. */
#include "broker/core/board/budget.h"

#include <string.h>

static void
view_fill(const struct core *core, struct arena *arena, const struct budget *b,
          Baton__BudgetView *view)
{
    baton__budget_view__init(view);
    view->number = b->number;
    view->name = b->name;
    view->project = core->projects[b->project]->name;
    view->role = (char *)(uintptr_t)(b->role < 0 ? "" : role_names[b->role]);
    view->task = (char *)(uintptr_t)(b->task ? b->task : "");
    view->owner = (char *)(uintptr_t)(b->owner ? b->owner : "");
    view->everywhere = b->everywhere;
    view->hard = b->hard;
    view->day_ends_at = b->daily ? b->rings_at : 0;
    view->spent = b->spent;
    view->limits = arena_alloc(arena, (b->n_limits + 1) * sizeof *view->limits);
    for (uint32_t i = 0; i < b->n_limits; i++) {
        const struct budget_limit *l = &b->limits[i];
        Baton__BudgetLimit *limit = arena_alloc(arena, sizeof *limit);
        baton__budget_limit__init(limit);
        limit->name = (char *)(uintptr_t)l->name;
        limit->unit = (char *)(uintptr_t)l->unit;
        limit->limit = budget_value(l->limit);
        limit->used = budget_value(l->used);
        limit->reserved = budget_value(l->reserved);
        view->limits[view->n_limits++] = limit;
    }
}

Baton__BudgetView **
budgets_of_task(const struct core *core, struct arena *arena, const struct task *task, size_t max,
                size_t *ret_n)
{
    Baton__BudgetView **views = arena_alloc(arena, (core->n_budgets + 1) * sizeof *views);
    *ret_n = 0;
    for (uint32_t i = 0; i < core->n_budgets && *ret_n < max; i++) {
        if (budget_covers(core->budgets[i], task)) {
            views[*ret_n] = arena_alloc(arena, sizeof **views);
            view_fill(core, arena, core->budgets[i], views[(*ret_n)++]);
        }
    }
    return views;
}

Baton__Code
core_budgets(const struct core *core, struct core_request *request,
             const Baton__BudgetsRequest *ask, Baton__BudgetList *ret)
{
    const struct task *task = NULL;
    baton__budget_list__init(ret);
    ret->event = core->event;
    if (ask->task) {
        struct task *found;
        uint64_t archived_key;
        Baton__Code code = view_find(core, request, ask->task, &found, &archived_key);
        if (code != BATON__CODE__CODE_OK) {
            return code;
        }
        task = found;
    }
    ret->budgets = arena_alloc(request->arena, (core->n_budgets + 1) * sizeof *ret->budgets);
    for (uint32_t i = 0; i < core->n_budgets; i++) {
        const struct budget *b = core->budgets[i];
        const char *project = core->projects[b->project]->name;
        bool is_asked = !ask->project[0] || b->everywhere || strcmp(ask->project, project) == 0;
        if (is_asked && (!ask->name[0] || strcmp(ask->name, b->name) == 0) &&
            (!task || budget_covers(b, task))) {
            Baton__BudgetView *view = arena_alloc(request->arena, sizeof *view);
            view_fill(core, request->arena, b, view);
            ret->budgets[ret->n_budgets++] = view;
        }
    }
    return BATON__CODE__CODE_OK;
}

struct budget_cause *
budgets_why(const struct core *core, struct arena *arena, const struct task *task, size_t *ret_n)
{
    size_t n = 0;
    struct budget_cause *causes = arena_alloc(arena, (core->n_budgets + 1) * sizeof *causes);
    for (uint32_t i = 0; i < core->n_budgets; i++) {
        const struct budget *b = core->budgets[i];
        if (!b->spent || !budget_covers(b, task)) {
            continue;
        }
        const char *text = arena_printf(arena, "the budget %s is spent", b->name);
        for (uint32_t k = 0; k < b->n_limits; k++) {
            const struct budget_limit *l = &b->limits[k];
            if (budget_plus(l->used, l->reserved) >= l->limit) {
                text = arena_printf(arena, "%s: %g of %g %s%s%s used, %g reserved by what runs",
                                    text, budget_value(l->used), budget_value(l->limit), l->name,
                                    l->unit[0] ? " " : "", l->unit, budget_value(l->reserved));
            }
        }
        causes[n++] = (struct budget_cause){
            .text = text,
            .who = arena_printf(arena, "%s, by baton budget set %s",
                                b->owner ? b->owner : "whoever may raise it", b->name),
            .name = b->name,
            .until = b->daily ? b->rings_at : 0,
        };
    }
    *ret_n = n;
    return causes;
}
