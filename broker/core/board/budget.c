/* Budgets: how much of something (tokens, money, time, tasks) a task, a role, a project may use,
 * ever or in a day. What is used comes with measures and leases; what running tasks are expected to
 * use is reserved when they are leased, so that many at once can't overshoot by their number. At
 * 80 % it is said, once; when use and reserve together reach the limit nothing more is given out; a
 * hard budget whose limit was used up stops what runs.
 *
 * The card says the limits; what was used stands in struct budget, which evolve keeps. Amounts are
 * whole millionths, so that sums don't depend on their order. */
#include "broker/core/board/budget.h"

#include "common/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MICRO 1000000.0

/* ---- amounts ---- */

int64_t
budget_amount(double value)
{
    double micro = value * MICRO;
    /* What a card of a strange snapshot has may be no number at all. */
    return !(micro < (double)BUDGET_AMOUNT_MAX)    ? BUDGET_AMOUNT_MAX
           : !(micro > -(double)BUDGET_AMOUNT_MAX) ? -BUDGET_AMOUNT_MAX
                                                   : (int64_t)(micro + (micro < 0 ? -0.5 : 0.5));
}

int64_t
budget_plus(int64_t a, int64_t b)
{
    /* Both are within BUDGET_AMOUNT_MAX, so the sum is a number. */
    return MAX(MIN(a + b, BUDGET_AMOUNT_MAX), -BUDGET_AMOUNT_MAX);
}

double
budget_value(int64_t micro)
{
    return (double)micro / MICRO;
}

/* ---- the state ---- */

struct budget *
budget_find(const struct core *core, uint64_t number)
{
    for (uint32_t i = 0; i < core->n_budgets; i++) {
        if (core->budgets[i]->number == number) {
            return core->budgets[i];
        }
    }
    return NULL;
}

struct budget *
budget_make(struct core *core, uint64_t number)
{
    struct budget *b = xcalloc(1, sizeof *b);
    b->number = number;
    b->fresh = true;
    core->budgets = xreallocarray(core->budgets, core->n_budgets + 1, sizeof *core->budgets);
    core->budgets[core->n_budgets++] = b;
    return b;
}

static void
budget_free(struct budget *b)
{
    free(b->name);
    free(b->owner);
    free(b->task);
    free(b->was_task);
    free(b->limits);
    free(b);
}

void
budget_drop(struct core *core, uint64_t number)
{
    for (uint32_t i = 0; i < core->n_budgets; i++) {
        if (core->budgets[i]->number == number) {
            budget_free(core->budgets[i]);
            core->n_budgets--;
            memmove(core->budgets + i, core->budgets + i + 1,
                    (core->n_budgets - i) * sizeof *core->budgets);
            return;
        }
    }
}

struct budget_limit *
budget_limit_find(const struct budget *b, const char *name)
{
    for (uint32_t i = 0; i < b->n_limits; i++) {
        if (strcmp(b->limits[i].name, name) == 0) {
            return &b->limits[i];
        }
    }
    return NULL;
}

bool
budget_covers(const struct budget *b, const struct task *task)
{
    return b->counts && (b->everywhere || b->project == task->project) &&
           (b->role < 0 || b->role == task->role) && (!b->task || strcmp(b->task, task->id) == 0);
}

/* A number of tasks is not something that goes on being used: the last ones may run. */
bool
budget_is_used_up(const struct budget *b)
{
    for (uint32_t i = 0; i < b->n_limits; i++) {
        if (b->limits[i].used >= b->limits[i].limit && strcmp(b->limits[i].name, "tasks") != 0) {
            return true;
        }
    }
    return false;
}

static bool
is_spent(const struct budget *b)
{
    for (uint32_t i = 0; i < b->n_limits; i++) {
        if (budget_plus(b->limits[i].used, b->limits[i].reserved) >= b->limits[i].limit) {
            return true;
        }
    }
    return false;
}

/* ---- what it keeps back ---- */

static void
gate(struct core *core, const struct budget *b, int by)
{
    if (b->task) {
        struct task *task = task_find(core, b->project, b->task);
        if (task && task->state != UNKNOWN) {
            task_ext(core, task)->n_spent += (uint32_t)by;
        }
    } else if (b->everywhere) {
        for (int r = 0; r < ROLES_N; r++) {
            core->roles[r].n_spent += b->role < 0 || b->role == r ? (uint32_t)by : 0;
        }
    } else if (b->role >= 0) {
        core->projects[b->project]->queues[b->role].n_spent += (uint32_t)by;
    } else {
        core->projects[b->project]->n_spent += (uint32_t)by;
    }
}

/* Puts tasks where they belong now. */
static void
move_tasks(struct core *core, uint32_t number, const char *id, struct core_out *out, int64_t at)
{
    struct task *task = id ? task_find(core, number, id) : NULL;
    if (task && (task->state == WAITING || task->state == READY)) {
        task_place(core, task, out, at);
    }
    if (!id) {
        struct project *project = core->projects[number];
        queue_pause_project(core, project, project->paused);
        resource_wake_all(core);
    }
}

/* After its numbers changed. True: it keeps tasks back now and did not, or the other way round. */
static bool
regate(struct core *core, struct budget *b)
{
    bool spent = b->counts && is_spent(b);
    b->stop_due |= b->counts && b->hard && budget_is_used_up(b);
    if (spent == b->spent) {
        return false;
    }
    gate(core, b, spent ? 1 : -1);
    b->spent = spent;
    return true;
}

static uint32_t
level_of(const struct budget_limit *l)
{
    return l->used >= l->limit ? 100 : l->used >= budget_warn_at(l) ? BUDGET_WARN_PERCENT : 0;
}

static void
tell(struct core *core, struct budget *b, struct core_out *out, int64_t at)
{
    const struct card *card = board_find(core, b->number);
    for (uint32_t i = 0; card && i < b->n_limits; i++) {
        struct budget_limit *l = &b->limits[i];
        uint32_t level = level_of(l);
        if (level > l->told) {
            l->told = level;
            event_budget(core, out, at, card->message,
                         arena_printf(&core->scratch, "%s: %g of %g %s%s%s used%s", b->name,
                                      budget_value(l->used), budget_value(l->limit), l->name,
                                      l->unit[0] ? " " : "", l->unit,
                                      level == 100 ? ": nothing more is given out" : ""));
        }
    }
}

void
budget_update(struct core *core, struct budget *b, struct core_out *out, int64_t at)
{
    tell(core, b, out, at);
    if (regate(core, b)) {
        move_tasks(core, b->project, b->task, out, at);
    }
}

/* ---- the card comes, changes, goes ---- */

static void
take_limits(struct budget *b, const Baton__Card *card)
{
    struct budget_limit *limits = xcalloc(card->n_items + 1, sizeof *limits);
    uint32_t n = 0;
    for (size_t i = 0; i < card->n_items && n < BUDGET_LIMITS_MAX; i++) {
        const Baton__Item *item = card->items[i];
        if (strcmp(item->tag, "limit") != 0) {
            continue;
        }
        struct budget_limit *l = &limits[n++];
        const struct budget_limit *old = budget_limit_find(b, item->name);
        const Baton__Item *reserve = card_item(card, "reserve", item->name);
        *l = old ? *old : (struct budget_limit){0};
        snprintf(l->name, sizeof l->name, "%s", item->name);
        snprintf(l->unit, sizeof l->unit, "%s", item->unit);
        l->limit = budget_amount(item->value);
        l->reserve = reserve ? budget_amount(reserve->value) : -1;
        l->told = MIN(l->told, level_of(l)); /* a higher limit is told of again */
    }
    free(b->limits);
    b->limits = limits;
    b->n_limits = n;
}

void
budget_weigh_time(const struct budget *b, const struct task *task, struct budget_limit *l,
                  const struct budget_hold *hold, int by)
{
    if (strcmp(l->name, "time") == 0 && budget_covers(b, task)) {
        l->n_timed += (uint32_t)by;
        l->counted_to += by * (hold->since + hold->counted / BUDGET_MS);
    }
}

/* From what runs: a limit that went and came again, or was restored. */
static void
recount(struct core *core, struct budget *b)
{
    for (uint32_t k = 0; k < b->n_limits; k++) {
        b->limits[k].reserved = 0;
        b->limits[k].n_timed = 0;
        b->limits[k].counted_to = 0;
    }
    for (uint32_t w = 1; w < core->n_workers; w++) {
        for (uint32_t slot = core->workers[w]->first; slot;) {
            const struct task *task = task_at(core, slot);
            const struct run *run = task->course->run;
            for (uint32_t i = 0; i < run->n_holds; i++) {
                const struct budget_hold *hold = &run->holds[i];
                struct budget_limit *l = hold->number == b->number
                                             ? budget_limit_find(b, hold->name)
                                             : NULL;
                if (l) {
                    l->reserved = budget_plus(l->reserved, hold->left);
                    budget_weigh_time(b, task, l, hold, 1);
                }
            }
            slot = run->next;
        }
    }
}

/* What is reserved is what the running tasks have left of their reserves, and whoever is spent
 * keeps tasks back. Changes nothing. */
bool
budgets_are_right(struct core *core)
{
    bool ok = true;
    for (uint32_t i = 0; i < core->n_budgets; i++) {
        struct budget *b = core->budgets[i];
        struct budget_limit was[BUDGET_LIMITS_MAX];
        for (uint32_t k = 0; k < b->n_limits; k++) {
            was[k] = b->limits[k];
        }
        recount(core, b);
        for (uint32_t k = 0; k < b->n_limits; k++) {
            ok &= was[k].reserved == b->limits[k].reserved && was[k].reserved >= 0 &&
                  was[k].n_timed == b->limits[k].n_timed &&
                  was[k].counted_to == b->limits[k].counted_to;
        }
        ok &= b->spent == (b->counts && is_spent(b));
    }
    return ok;
}

static void
begin_day(struct budget *b)
{
    for (uint32_t i = 0; i < b->n_limits; i++) {
        b->limits[i].used = 0;
        b->limits[i].told = 0;
    }
}

static void
budget_weigh(struct core *core, const Baton__Card *card, int by)
{
    struct budget *b = budget_find(core, card->number);
    if (by < 0) {
        b->was_project = b->project;
        set_text(&b->was_task, b->task);
        b->counts = false;
        regate(core, b);
        return;
    }
    bool is_known = b != NULL, is_new = !b || b->fresh;
    b = b ? b : budget_make(core, card->number);
    b->fresh = false;
    set_text(&b->name, card->name);
    set_text(&b->owner, card->owner);
    set_text(&b->task, card->task);
    b->project = project_make(core, card->project);
    b->role = card->role[0] ? role_number(card->role) : -1;
    b->everywhere = card_item(card, "everywhere", "") != NULL;
    b->hard = card_item(card, "hard", "") != NULL;
    b->daily = card_item(card, "day", "") != NULL;
    b->rings_at = card->rings_at;
    take_limits(b, card);
    if (!is_new && b->rung != card->rung) {
        begin_day(b);
    }
    b->rung = card->rung;
    b->counts = true;
    if (is_known) {
        recount(core, b);
    }
    regate(core, b);
}

static void
budget_shift(struct core *core, const Baton__Card *card, struct core_out *out, int64_t at)
{
    struct budget *b = budget_find(core, card->number);
    if (b->was_project) {
        move_tasks(core, b->was_project, b->was_task, out, at);
        b->was_project = 0;
    }
    if (board_find(core, card->number)) {
        tell(core, b, out, at);
        move_tasks(core, b->project, b->task, out, at);
    } else {
        budget_drop(core, card->number);
    }
}

const struct card_kind card_budget = {
    .name = "budget",
    .gives = GIVES_TITLE | GIVES_TEXT | GIVES_TASK | GIVES_ROLE | GIVES_OWNER | GIVES_ITEMS,
    .named = true,
    .is_rule = true,
    .verbs = {[VERB(SET)] = budget_set, [VERB(REMOVE)] = budget_remove},
    .ring = budget_ring,
    .weigh = budget_weigh,
    .shift = budget_shift,
};

/* All cards have weighed in: what has none was in a damaged snapshot. */
void
budgets_link(struct core *core)
{
    for (uint32_t i = core->n_budgets; i-- > 0;) {
        if (core->budgets[i]->fresh) {
            budget_drop(core, core->budgets[i]->number);
        }
    }
}

void
budgets_fini(struct core *core)
{
    for (uint32_t i = 0; i < core->n_budgets; i++) {
        budget_free(core->budgets[i]);
    }
    free(core->budgets);
}
