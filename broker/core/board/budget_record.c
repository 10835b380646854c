/* Budgets, and what runs of them, in snapshots. */
#include "broker/core/board/budget.h"

#include "common/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int
compare_numbers(const void *a, const void *b)
{
    const struct budget *x = *(struct budget *const *)a, *y = *(struct budget *const *)b;
    return (x->number > y->number) - (x->number < y->number);
}

void
budgets_record(const struct core *core, struct arena *arena, Baton__SnapshotChunk__Header *header)
{
    struct budget **sorted = arena_alloc(arena, (core->n_budgets + 1) * sizeof(struct budget *));
    header->budgets = arena_alloc(arena, (core->n_budgets + 1) * sizeof *header->budgets);
    for (uint32_t i = 0; i < core->n_budgets; i++) {
        sorted[i] = core->budgets[i];
    }
    qsort(sorted, core->n_budgets, sizeof(struct budget *), compare_numbers);
    for (uint32_t i = 0; i < core->n_budgets; i++) {
        const struct budget *b = sorted[i];
        Baton__SnapshotChunk__BudgetRecord *record = arena_alloc(arena, sizeof *record);
        baton__snapshot_chunk__budget_record__init(record);
        record->number = b->number;
        record->limits = arena_alloc(arena, (b->n_limits + 1) * sizeof *record->limits);
        for (uint32_t k = 0; k < b->n_limits; k++) {
            Baton__SnapshotChunk__BudgetUse *u = arena_alloc(arena, sizeof *u);
            baton__snapshot_chunk__budget_use__init(u);
            u->name = b->limits[k].name;
            u->used = b->limits[k].used;
            u->n_ended = b->limits[k].n_ended;
            u->ended = b->limits[k].ended;
            u->told = b->limits[k].told;
            record->limits[record->n_limits++] = u;
        }
        header->budgets[header->n_budgets++] = record;
    }
}

static bool
is_amount(int64_t n)
{
    return n >= 0 && n <= BUDGET_AMOUNT_MAX;
}

bool
budgets_restore(struct core *core, const Baton__SnapshotChunk__Header *header)
{
    for (size_t i = 0; i < header->n_budgets; i++) {
        const Baton__SnapshotChunk__BudgetRecord *r = header->budgets[i];
        if (!r->number || budget_find(core, r->number) || core->n_budgets >= BUDGETS_MAX ||
            r->n_limits > BUDGET_LIMITS_MAX) {
            return false;
        }
        struct budget *b = budget_make(core, r->number);
        b->limits = xcalloc(r->n_limits + 1, sizeof *b->limits);
        for (size_t k = 0; k < r->n_limits; k++) {
            const Baton__SnapshotChunk__BudgetUse *u = r->limits[k];
            if (strlen(u->name) > MEASURE_NAME_BYTES_MAX || !is_amount(u->used) ||
                !is_amount(u->ended)) {
                return false;
            }
            struct budget_limit *l = &b->limits[b->n_limits++];
            snprintf(l->name, sizeof l->name, "%s", u->name);
            l->used = u->used;
            l->n_ended = u->n_ended;
            l->ended = u->ended;
            l->told = u->told;
        }
    }
    return true;
}

void
budget_hold_message(const struct budget_hold *hold, Baton__BudgetHold *ret)
{
    baton__budget_hold__init(ret);
    ret->number = hold->number;
    ret->name = (char *)(uintptr_t)hold->name; /* packing does not write through it */
    ret->left = hold->left;
    ret->counted = hold->counted;
    ret->since = hold->since;
}

bool
budget_holds_restore(struct core *core, struct run *run, Baton__BudgetHold *const *records,
                     size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const Baton__BudgetHold *r = records[i];
        if (n > BUDGET_HOLDS_MAX || strlen(r->name) > MEASURE_NAME_BYTES_MAX ||
            !is_amount(r->left) || r->counted > BUDGET_AMOUNT_MAX ||
            r->counted < -BUDGET_AMOUNT_MAX || r->since < 0 || r->since > TIME_MS_MAX) {
            return false;
        }
        struct budget_hold *hold = budget_hold_add(run);
        hold->number = r->number;
        snprintf(hold->name, sizeof hold->name, "%s", r->name);
        hold->left = r->left;
        hold->counted = r->counted;
        hold->since = r->since;
        struct budget *b = budget_find(core, r->number);
        struct budget_limit *l = b ? budget_limit_find(b, r->name) : NULL;
        if (l) {
            l->reserved = budget_plus(l->reserved, r->left);
        }
    }
    return true;
}
