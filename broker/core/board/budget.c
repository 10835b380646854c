/* Budgets: how much of something (tokens, money, time, tasks) a task, a role, a project may use,
 * ever or in a day. What is used comes with measures and leases; what running tasks are expected to
 * use is reserved when they are leased, so that many at once can't overshoot by their number. At
 * 80 % it is said, once; when use and reserve together reach the limit nothing more is given out; a
 * hard budget whose limit was used up stops what runs.
 *
 * The card says the limits; what was used stands in struct budget, which evolve keeps. Amounts are
 * whole millionths, so that sums don't depend on their order. */
#include "broker/core/board/board.h"

#include "common/alloc.h"
#include "common/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STOPS_A_TICK = 1000, WARN_PERCENT = 80, UNKNOWN_SHARE = 10 };

#define MICRO 1000000.0
#define AMOUNT_MAX INT64_C(4000000000000000000)
#define DAY_MS INT64_C(86400000)

struct budget_limit {
    char name[MEASURE_NAME_BYTES_MAX + 1]; /* "time", "tasks", or a measure */
    char unit[CARD_TAG_BYTES_MAX + 1];
    int64_t limit;
    int64_t reserve; /* for each running task, as given; -1: not given */
    int64_t used;
    int64_t reserved; /* sum of what the holds have left */
    uint64_t n_ended; /* attempts that ended under it … */
    int64_t ended;    /* … and what they used, for the estimate */
    uint32_t told;    /* percent */
};

struct budget {
    uint64_t number; /* of its card */
    char *name, *owner;
    uint32_t project;
    bool everywhere;      /* in every project */
    int role;             /* -1: every */
    char *task;           /* NULL: no single one */
    uint32_t was_project; /* before the card changed, until tasks have moved … */
    char *was_task;       /* … and the task then */
    bool hard, daily;
    int64_t rings_at; /* the day ends */
    uint32_t rung;
    bool fresh;  /* of a snapshot: the card has not come yet */
    bool counts; /* its card is there */
    bool spent;  /* counted where it keeps tasks back */
    bool stop_due;
    struct budget_limit *limits;
    uint32_t n_limits;
};

static int64_t
amount(double value)
{
    double micro = value * MICRO;
    /* What a card of a strange snapshot has may be no number at all. */
    return !(micro < (double)AMOUNT_MAX)    ? AMOUNT_MAX
           : !(micro > -(double)AMOUNT_MAX) ? -AMOUNT_MAX
                                            : (int64_t)(micro + (micro < 0 ? -0.5 : 0.5));
}

static int64_t
plus(int64_t a, int64_t b)
{
    /* Both are within AMOUNT_MAX, so the sum is a number. */
    return MAX(MIN(a + b, AMOUNT_MAX), -AMOUNT_MAX);
}

static double
value_of(int64_t micro)
{
    return (double)micro / MICRO;
}

/* ---- the rule ---- */

static Baton__Code
bad_item(struct posting *p, size_t i, const char *what)
{
    const char *field = arena_printf(p->request->arena, "card.items[%zu]", i);
    return refuse(p->request, BATON__CODE__CODE_INVALID, field, "%s: %s", field, what);
}

static Baton__Code
check_item(struct posting *p, size_t i, size_t *n_limits)
{
    const Baton__Item *item = p->next.items[i];
    bool is_limit = strcmp(item->tag, "limit") == 0;
    bool is_reserve = strcmp(item->tag, "reserve") == 0;
    *n_limits += is_limit;
    if (!is_limit && !is_reserve) {
        bool flag = strcmp(item->tag, "hard") == 0 || strcmp(item->tag, "day") == 0 ||
                    strcmp(item->tag, "everywhere") == 0;
        return flag ? BATON__CODE__CODE_OK
                    : bad_item(p, i, "a budget has limit, reserve, hard, day and everywhere");
    }
    if (!name_is_valid(item->name, MEASURE_NAME_BYTES_MAX)) {
        return bad_item(p, i, "of what? the name of a measure, \"time\" or \"tasks\"");
    }
    if (!(item->value <= BUDGET_MAX) || !(is_limit ? item->value > 0 : item->value >= 0)) {
        return bad_item(p, i, "the amount is above 0 and at most 1e12");
    }
    for (size_t k = 0; k < i; k++) {
        if (strcmp(p->next.items[k]->tag, item->tag) == 0 &&
            strcmp(p->next.items[k]->name, item->name) == 0) {
            return bad_item(p, i, "this one is there twice");
        }
    }
    if (is_reserve && !card_item(&p->next, "limit", item->name)) {
        return bad_item(p, i, "a reserve of something that has no limit");
    }
    return BATON__CODE__CODE_OK;
}

static Baton__Code
budget_set(struct posting *p)
{
    const Baton__Card *given = p->given;
    Baton__Card *next = &p->next;
    size_t n_limits = 0;
    if (p->under) {
        return refuse(p->request, BATON__CODE__CODE_DENIED, "token",
                      "an agent does not say how much may be used");
    }
    next->state = CARD(IN_FORCE);
    next->title = given->title;
    next->text = given->text;
    next->task = given->task;
    next->role = given->role;
    next->owner = given->owner;
    next->items = given->items;
    next->n_items = given->n_items;
    if (next->task[0] && next->role[0]) {
        return refuse(p->request, BATON__CODE__CODE_INVALID, "card.role",
                      "a budget is of a task or of a role, not of both");
    }
    for (size_t i = 0; i < next->n_items; i++) {
        Baton__Code code = check_item(p, i, &n_limits);
        if (code != BATON__CODE__CODE_OK) {
            return code;
        }
    }
    if (n_limits == 0 || n_limits > BUDGET_LIMITS_MAX) {
        return refuse(p->request, BATON__CODE__CODE_INVALID, "card.items",
                      "a budget has 1 to %d limits", (int)BUDGET_LIMITS_MAX);
    }
    if (next->task[0] && card_item(next, "everywhere", "")) {
        return refuse(p->request, BATON__CODE__CODE_INVALID, "card.items",
                      "the budget of a task is not everywhere");
    }
    p->task = task_find(p->core, project_find(p->core, next->project), next->task);
    if (next->task[0] && (!p->task || p->task->state == UNKNOWN)) {
        return refuse(p->request, BATON__CODE__CODE_NOT_FOUND, "card.task",
                      "there is no task '%s' in project '%s', or it is in the archive", next->task,
                      next->project);
    }
    bool daily = card_item(next, "day", "") != NULL;
    if (!daily) {
        next->rings_at = 0;
    } else if (!next->rings_at) {
        next->rings_at = (p->request->now / DAY_MS + 1) * DAY_MS;
    }
    return BATON__CODE__CODE_OK;
}

static Baton__Code
budget_remove(struct posting *p)
{
    return !p->under ? BATON__CODE__CODE_OK
                     : refuse(p->request, BATON__CODE__CODE_DENIED, "token",
                              "an agent does not say how much may be used");
}

/* A day has ended: what was used begins anew. */
static void
budget_ring(struct core *core, struct core_request *request, const struct card *card)
{
    Baton__Card next = board_copy(card);
    next.rung++;
    next.rings_at = (request->now / DAY_MS + 1) * DAY_MS;
    board_emit(core, request, &next, VERB(VERB_UNSPECIFIED));
}

/* ---- the state ---- */

static struct budget *
budget_find(const struct core *core, uint64_t number)
{
    for (uint32_t i = 0; i < core->n_budgets; i++) {
        if (core->budgets[i]->number == number) {
            return core->budgets[i];
        }
    }
    return NULL;
}

static struct budget *
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

static void
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

static struct budget_limit *
limit_find(const struct budget *b, const char *name)
{
    for (uint32_t i = 0; i < b->n_limits; i++) {
        if (strcmp(b->limits[i].name, name) == 0) {
            return &b->limits[i];
        }
    }
    return NULL;
}

static bool
covers(const struct budget *b, const struct task *task)
{
    return b->counts && (b->everywhere || b->project == task->project) &&
           (b->role < 0 || b->role == task->role) && (!b->task || strcmp(b->task, task->id) == 0);
}

/* A number of tasks is not something that goes on being used: the last ones may run. */
static bool
is_used_up(const struct budget *b)
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
        if (plus(b->limits[i].used, b->limits[i].reserved) >= b->limits[i].limit) {
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
    b->stop_due |= b->counts && b->hard && is_used_up(b);
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
    int64_t warn = l->limit / 100 * WARN_PERCENT + l->limit % 100 * WARN_PERCENT / 100;
    return l->used >= l->limit ? 100 : l->used >= warn ? WARN_PERCENT : 0;
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
                                      value_of(l->used), value_of(l->limit), l->name,
                                      l->unit[0] ? " " : "", l->unit,
                                      level == 100 ? ": nothing more is given out" : ""));
        }
    }
}

static void
update(struct core *core, struct budget *b, struct core_out *out, int64_t at)
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
        const struct budget_limit *old = limit_find(b, item->name);
        const Baton__Item *reserve = card_item(card, "reserve", item->name);
        *l = old ? *old : (struct budget_limit){0};
        snprintf(l->name, sizeof l->name, "%s", item->name);
        snprintf(l->unit, sizeof l->unit, "%s", item->unit);
        l->limit = amount(item->value);
        l->reserve = reserve ? amount(reserve->value) : -1;
        l->told = MIN(l->told, level_of(l)); /* a higher limit is told of again */
    }
    free(b->limits);
    b->limits = limits;
    b->n_limits = n;
}

/* A limit that went and came again has reserves of tasks that run since. */
static void
recount_reserved(struct core *core, struct budget *b)
{
    for (uint32_t k = 0; k < b->n_limits; k++) {
        b->limits[k].reserved = 0;
    }
    for (uint32_t w = 1; w < core->n_workers; w++) {
        for (uint32_t slot = core->workers[w]->first; slot;) {
            const struct run *run = task_at(core, slot)->course->run;
            for (uint32_t i = 0; i < run->n_holds; i++) {
                struct budget_limit *l = run->holds[i].number == b->number
                                             ? limit_find(b, run->holds[i].name)
                                             : NULL;
                if (l) {
                    l->reserved = plus(l->reserved, run->holds[i].left);
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
        int64_t was[BUDGET_LIMITS_MAX];
        for (uint32_t k = 0; k < b->n_limits; k++) {
            was[k] = b->limits[k].reserved;
        }
        recount_reserved(core, b);
        for (uint32_t k = 0; k < b->n_limits; k++) {
            ok &= was[k] == b->limits[k].reserved && was[k] >= 0;
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
    bool is_new = !b || b->fresh;
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
    if (!is_new) {
        recount_reserved(core, b);
    }
    b->rung = card->rung;
    b->counts = true;
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

/* ---- what tasks use ---- */

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
        return amount((double)task->course->estimate_ms);
    }
    return l->n_ended ? l->ended / (int64_t)l->n_ended : l->limit / UNKNOWN_SHARE;
}

static struct budget_hold *
hold_find(const struct task *task, const struct budget *b, const struct budget_limit *l)
{
    const struct run *run = task->course->run;
    for (uint32_t i = 0; run && i < run->n_holds; i++) {
        if (run->holds[i].number == b->number && strcmp(run->holds[i].name, l->name) == 0) {
            return &run->holds[i];
        }
    }
    return NULL;
}

static struct budget_hold *
hold_add(struct run *run)
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
        if (!covers(b, task)) {
            continue;
        }
        for (uint32_t k = 0; k < b->n_limits && task->course->run->n_holds < BUDGET_HOLDS_MAX;
             k++) {
            struct budget_limit *l = &b->limits[k];
            struct budget_hold *hold = hold_add(task->course->run);
            hold->number = b->number;
            memcpy(hold->name, l->name, sizeof hold->name);
            hold->since = at;
            hold->left = estimate(l, task);
            l->reserved = plus(l->reserved, hold->left);
            if (strcmp(l->name, "tasks") == 0 && task->course->attempt == 1) {
                l->used = plus(l->used, amount(1));
            }
        }
        update(core, b, out, at);
    }
}

/* The task used so much more (or less: it had said too much). */
static void
use(struct core *core, struct task *task, struct budget *b, struct budget_limit *l, int64_t more,
    struct core_out *out, int64_t at)
{
    struct budget_hold *hold = hold_find(task, b, l);
    l->used = MAX(plus(l->used, more), 0);
    if (hold) {
        int64_t less = MIN(MAX(more, 0), hold->left);
        hold->left -= less;
        hold->counted = plus(hold->counted, more);
        l->reserved -= less;
    }
    update(core, b, out, at);
}

void
budgets_measure(struct core *core, struct task *task, const char *name, double was, double is,
                struct core_out *out, int64_t at)
{
    for (uint32_t i = 0; i < core->n_budgets; i++) {
        struct budget *b = core->budgets[i];
        struct budget_limit *l = covers(b, task) ? limit_find(b, name) : NULL;
        if (l && strcmp(name, "time") != 0 && strcmp(name, "tasks") != 0) {
            use(core, task, b, l, amount(is) - amount(was), out, at);
        }
    }
}

void
budgets_time(struct core *core, struct task *task, struct core_out *out, int64_t at)
{
    for (uint32_t i = 0; task->course->run->n_holds && i < core->n_budgets; i++) {
        struct budget *b = core->budgets[i];
        struct budget_limit *l = covers(b, task) ? limit_find(b, "time") : NULL;
        const struct budget_hold *hold = l ? hold_find(task, b, l) : NULL;
        if (hold) {
            use(core, task, b, l, amount((double)(at - hold->since)) - hold->counted, out, at);
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
        struct budget_limit *l = b ? limit_find(b, hold->name) : NULL;
        if (!l) {
            continue;
        }
        l->reserved -= hold->left;
        hold->left = 0;
        if (worked) {
            l->n_ended++;
            l->ended = plus(l->ended, MAX(hold->counted, 0));
        }
        update(core, b, out, at);
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

/* ---- hard ones ---- */

bool
budgets_are_due(const struct core *core)
{
    for (uint32_t i = 0; i < core->n_budgets; i++) {
        if (core->budgets[i]->stop_due) {
            return true;
        }
    }
    return false;
}

static bool
stop_some(struct core *core, struct core_request *request, const struct budget *b)
{
    int left = STOPS_A_TICK;
    const char *text = arena_printf(request->arena, "the budget %s is used up", b->name);
    for (uint32_t w = 1; w < core->n_workers; w++) {
        for (uint32_t slot = core->workers[w]->first, next; slot && left; slot = next) {
            struct task *task = task_at(core, slot);
            next = task->course->run->next;
            if ((task->state == LEASED || task->state == RUNNING) && covers(b, task)) {
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
        bool over = b->stop_due && b->counts && b->hard && is_used_up(b);
        if (b->stop_due && (!over || stop_some(core, request, b))) {
            b->stop_due = false;
        }
    }
}

/* ---- questions ---- */

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
        limit->limit = value_of(l->limit);
        limit->used = value_of(l->used);
        limit->reserved = value_of(l->reserved);
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
        if (covers(core->budgets[i], task)) {
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
            (!task || covers(b, task))) {
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
        if (!b->spent || !covers(b, task)) {
            continue;
        }
        const char *text = arena_printf(arena, "the budget %s is spent", b->name);
        for (uint32_t k = 0; k < b->n_limits; k++) {
            const struct budget_limit *l = &b->limits[k];
            if (plus(l->used, l->reserved) >= l->limit) {
                text = arena_printf(arena, "%s: %g of %g %s%s%s used, %g reserved by what runs",
                                    text, value_of(l->used), value_of(l->limit), l->name,
                                    l->unit[0] ? " " : "", l->unit, value_of(l->reserved));
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

/* ---- snapshots ---- */

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
    return n >= 0 && n <= AMOUNT_MAX;
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

Baton__BudgetHold **
budget_holds_record(const struct run *run, struct arena *arena, size_t *ret_n)
{
    Baton__BudgetHold **holds = arena_alloc(arena, (run->n_holds + 1) * sizeof *holds);
    for (uint32_t i = 0; i < run->n_holds; i++) {
        holds[i] = arena_alloc(arena, sizeof **holds);
        baton__budget_hold__init(holds[i]);
        holds[i]->number = run->holds[i].number;
        holds[i]->name = run->holds[i].name;
        holds[i]->left = run->holds[i].left;
        holds[i]->counted = run->holds[i].counted;
        holds[i]->since = run->holds[i].since;
    }
    *ret_n = run->n_holds;
    return holds;
}

bool
budget_holds_restore(struct core *core, struct run *run, Baton__BudgetHold *const *records,
                     size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const Baton__BudgetHold *r = records[i];
        if (n > BUDGET_HOLDS_MAX || strlen(r->name) > MEASURE_NAME_BYTES_MAX ||
            !is_amount(r->left) || r->counted > AMOUNT_MAX || r->counted < -AMOUNT_MAX ||
            r->since < 0 || r->since > TIME_MS_MAX) {
            return false;
        }
        struct budget_hold *hold = hold_add(run);
        hold->number = r->number;
        snprintf(hold->name, sizeof hold->name, "%s", r->name);
        hold->left = r->left;
        hold->counted = r->counted;
        hold->since = r->since;
        struct budget *b = budget_find(core, r->number);
        struct budget_limit *l = b ? limit_find(b, r->name) : NULL;
        if (l) {
            l->reserved = plus(l->reserved, r->left);
        }
    }
    return true;
}

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
