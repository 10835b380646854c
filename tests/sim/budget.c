/* Budgets, a second time: what is reserved is added up from the running tasks whenever somebody
 * asks. Amounts are millionths, as the page says. */
#include "sim.h"

#include <stdio.h>
#include <string.h>

enum { DAY_MS = 86400000, TOKENS = 0, TIME = 1, TASKS = 2 };

static const char *const names[M_LIMITS] = {"tokens", "time", "tasks"};

static bool
covers(const struct model *m, const struct m_budget *b, int t)
{
    const struct m_task *task = &m->task[t];
    return b->number && (b->everywhere || b->project == task->project) &&
           (b->role < 0 || b->role == task->spec.role) && (b->task < 0 || b->task == t);
}

static int64_t
reserved(const struct model *m, const struct m_budget *b, int limit)
{
    int64_t sum = b->aside[limit];
    for (int t = 0; t < m->n_tasks; t++) {
        sum += model_holds_lease(m, t) ? m->task[t].hold[b - m->budget][limit].left : 0;
    }
    return sum;
}

static bool
is_spent(const struct model *m, const struct m_budget *b)
{
    for (int i = 0; i < M_LIMITS; i++) {
        if (b->limit[i] && b->used[i] + reserved(m, b, i) >= b->limit[i]) {
            return true;
        }
    }
    return false;
}

bool
budget_keeps(const struct model *m, int t, bool own)
{
    for (int i = 0; i < M_BUDGETS; i++) {
        const struct m_budget *b = &m->budget[i];
        if (covers(m, b, t) && (b->task >= 0) == own && is_spent(m, b)) {
            return true;
        }
    }
    return false;
}

bool
budget_stops(const struct model *m, int t)
{
    for (int i = 0; i < M_BUDGETS; i++) {
        const struct m_budget *b = &m->budget[i];
        bool over = (b->limit[TOKENS] && b->used[TOKENS] >= b->limit[TOKENS]) ||
                    (b->limit[TIME] && b->used[TIME] >= b->limit[TIME]);
        if (covers(m, b, t) && b->hard && over) {
            return true;
        }
    }
    return false;
}

/* Levels that are to be told. */
static void
owe(struct model *m, struct m_budget *b)
{
    for (int i = 0; i < M_LIMITS; i++) {
        int level = !b->limit[i]                         ? 0
                    : b->used[i] >= b->limit[i]          ? 100
                    : b->used[i] >= b->limit[i] * 8 / 10 ? 80
                                                         : 0;
        if (level > b->told[i]) {
            b->told[i] = level;
            m->owed_budgets++;
        }
    }
}

static int64_t
estimate(const struct model *m, const struct m_budget *b, int t, int limit)
{
    if (limit == TASKS) {
        return 0;
    }
    if (b->reserve[limit] >= 0) {
        return b->reserve[limit];
    }
    if (limit == TIME && m->task[t].spec.estimate) {
        return m->task[t].spec.estimate * 1000000;
    }
    return b->n_ended[limit] ? b->ended[limit] / b->n_ended[limit] : b->limit[limit] / 10;
}

/* `aside`: only to see what follows; the task itself is left alone. */
void
budget_lease(struct model *m, int t, bool aside)
{
    for (int i = 0; i < M_BUDGETS; i++) {
        struct m_budget *b = &m->budget[i];
        for (int k = 0; k < M_LIMITS && covers(m, b, t); k++) {
            struct m_hold *hold = &m->task[t].hold[i][k];
            if (!b->limit[k]) {
                continue;
            }
            int64_t left = estimate(m, b, t, k);
            if (aside) {
                b->aside[k] += left;
                b->used[k] += k == TASKS && m->task[t].attempt == 0 ? 1000000 : 0;
                continue;
            }
            *hold = (struct m_hold){.on = true, .left = left, .since = m->now};
            b->used[k] += k == TASKS && m->task[t].attempt == 1 ? 1000000 : 0;
        }
        if (!aside) {
            owe(m, b);
        }
    }
    m->order_valid = false;
}

static void
use(struct model *m, int t, int i, int k, int64_t more)
{
    struct m_budget *b = &m->budget[i];
    struct m_hold *hold = &m->task[t].hold[i][k];
    if (!covers(m, b, t) || !b->limit[k]) {
        return;
    }
    b->used[k] = MAX(b->used[k] + more, 0);
    if (hold->on) {
        hold->left -= MIN(MAX(more, 0), hold->left);
        hold->counted += more;
    }
    owe(m, b);
    m->order_valid = false;
}

void
budget_tokens(struct model *m, int t, double was, double is)
{
    for (int i = 0; i < M_BUDGETS; i++) {
        use(m, t, i, TOKENS, ((int64_t)is - (int64_t)was) * 1000000);
    }
}

void
budget_time(struct model *m, int t)
{
    for (int i = 0; i < M_BUDGETS; i++) {
        const struct m_hold *hold = &m->task[t].hold[i][TIME];
        if (hold->on) {
            use(m, t, i, TIME, (m->now - hold->since) * 1000000 - hold->counted);
        }
    }
}

/* When the budget's time comes to its next level, as far as is known now. */
static int64_t
time_at(const struct model *m, const struct m_budget *b)
{
    int64_t limit = b->limit[TIME], used = b->used[TIME], n = 0;
    int64_t level = used < limit * 8 / 10 ? limit * 8 / 10 : limit;
    for (int t = 0; t < m->n_tasks; t++) {
        const struct m_hold *hold = &m->task[t].hold[b - m->budget][TIME];
        if (hold->on && covers(m, b, t)) {
            used += (m->now - hold->since) * 1000000 - hold->counted;
            n++;
        }
    }
    if (n == 0 || !limit || b->used[TIME] >= limit) {
        return INT64_MAX;
    }
    return used >= level ? m->now : m->now + (level - used + n * 1000000 - 1) / (n * 1000000);
}

/* The time of all that runs under it is counted. */
static void
count_time(struct model *m, struct m_budget *b)
{
    for (int t = 0; t < m->n_tasks; t++) {
        struct m_hold *hold = &m->task[t].hold[b - m->budget][TIME];
        if (hold->on && covers(m, b, t) && b->limit[TIME]) {
            int64_t more = (m->now - hold->since) * 1000000 - hold->counted;
            b->used[TIME] += more;
            hold->left -= MIN(more, hold->left);
            hold->counted += more;
        }
    }
    owe(m, b);
    m->order_valid = false;
    model_settle(m);
}

/* After a tick: no budget's time has come to a level that was not counted. When the next one does.
 */
int64_t
budget_check_due(struct world *w)
{
    int64_t next = INT64_MAX;
    for (int i = 0; i < M_BUDGETS; i++) {
        int64_t at = w->m->budget[i].number ? time_at(w->m, &w->m->budget[i]) : INT64_MAX;
        if (at <= w->m->now) {
            sim_fail(w, "the time of budget %d has come to a level, and nobody counted it", i);
        }
        next = MIN(next, at);
    }
    return next;
}

void
budget_end(struct model *m, int t, int outcome)
{
    bool worked = m->state[t] != LEASED || outcome == BATON__OUTCOME__OUTCOME_DONE ||
                  outcome == BATON__OUTCOME__OUTCOME_FAILED ||
                  outcome == BATON__OUTCOME__OUTCOME_FATAL ||
                  outcome == BATON__OUTCOME__OUTCOME_TIMED_OUT;
    budget_time(m, t);
    for (int i = 0; i < M_BUDGETS; i++) {
        struct m_budget *b = &m->budget[i];
        for (int k = 0; k < M_LIMITS; k++) {
            struct m_hold *hold = &m->task[t].hold[i][k];
            if (hold->on && b->number && b->limit[k] && worked) {
                b->n_ended[k]++;
                b->ended[k] += MAX(hold->counted, 0);
            }
            *hold = (struct m_hold){0};
        }
    }
    m->order_valid = false;
}

/* ---- steps ---- */

static void
add_item(struct world *w, Baton__Card *card, const char *tag, const char *name, double value)
{
    Baton__Item *item = arena_alloc(&w->arena, sizeof *item);
    baton__item__init(item);
    item->tag = arena_strdup(&w->arena, tag);
    item->name = arena_strdup(&w->arena, name);
    item->value = value;
    card->items[card->n_items++] = item;
}

static codes
draw_budget(struct world *w, Baton__Card *card, struct m_budget *b)
{
    static const uint64_t most[] = {400000, 20000000, 12};
    struct model *m = w->m;
    codes expected = CODE(OK);
    card->items = arena_calloc(&w->arena, 16, sizeof *card->items);
    uint64_t scope = pick(w, 6);
    if (scope == 0 && m->n_tasks) {
        int t = (int)pick(w, (uint64_t)m->n_tasks);
        if (m->task[t].project == b->project) {
            b->task = (int16_t)t;
            card->task = w->names[m->task[t].id];
            expected = m->task[t].archived ? CODE(NOT_FOUND) : CODE(OK);
        }
    } else if (scope < 4) {
        b->role = (int8_t)pick(w, (uint64_t)w->rates.roles);
        card->role = arena_strdup(&w->arena, role_names[b->role]);
    }
    for (int i = 0; i < M_LIMITS; i++) {
        b->reserve[i] = -1;
        if (pick(w, 2) || (i == TASKS && card->n_items == 0)) {
            uint64_t n = 1 + pick(w, most[i]);
            b->limit[i] = (int64_t)n * 1000000;
            add_item(w, card, "limit", names[i], (double)n);
            if (pick(w, 3) == 0) {
                n = pick(w, n);
                b->reserve[i] = (int64_t)n * 1000000;
                add_item(w, card, "reserve", names[i], (double)n);
            }
        }
    }
    if (pick(w, 3) == 0) {
        b->hard = true;
        add_item(w, card, "hard", "", 0);
    }
    if (pick(w, 3) == 0) {
        b->daily = true;
        add_item(w, card, "day", "", 0);
    }
    if (b->task < 0 && pick(w, 4) == 0) {
        b->everywhere = true;
        add_item(w, card, "everywhere", "", 0);
    }
    if (pick(w, 12) == 0) {
        expected = CODE(INVALID);
        switch (pick(w, 4)) {
        case 0:
            card->n_items = 0;
            break;
        case 1:
            add_item(w, card, "limit", "more", pick(w, 2) ? 0 : 1e13);
            break;
        case 2:
            add_item(w, card, "limit", "../x", 5);
            break;
        default:
            add_item(w, card, "reserve", "nothing", 5);
            break;
        }
    }
    return expected;
}

static struct m_card *
card_of(struct model *m, const struct m_budget *b)
{
    return b->number ? model_card(m, b->number) : NULL;
}

static void
set(struct world *w, int i)
{
    struct model *m = w->m;
    struct m_budget *old = &m->budget[i];
    struct m_budget b = {.project = (int8_t)(i % w->rates.projects), .role = -1, .task = -1};
    Baton__Card card = BATON__CARD__INIT;
    Baton__Post message = BATON__POST__INIT;
    Baton__Posted ret;
    if (!board_make_room(m)) {
        return;
    }
    message.verb = BATON__CARD_VERB__CARD_SET;
    message.card = &card;
    card.kind = BATON__CARD_KIND__CARD_BUDGET;
    card.project = arena_strdup(&w->arena, sim_projects[b.project]);
    card.name = arena_printf(&w->arena, "b%d", i);
    codes expected = draw_budget(w, &card, &b);
    if (board_post(w, &message, &ret, expected) != BATON__CODE__CODE_OK || !ret.changed) {
        return;
    }
    struct m_card *known = card_of(m, old);
    b.number = ret.card->number;
    for (int k = 0; k < M_LIMITS; k++) {
        if (known && b.limit[k] && old->limit[k]) {
            b.used[k] = old->used[k];
            b.n_ended[k] = old->n_ended[k];
            b.ended[k] = old->ended[k];
            int level = b.used[k] >= b.limit[k] ? 100 : b.used[k] >= b.limit[k] * 8 / 10 ? 80 : 0;
            b.told[k] = MIN(old->told[k], level);
        }
        for (int t = 0; t < m->n_tasks && !known; t++) {
            m->task[t].hold[i][k] = (struct m_hold){0};
        }
    }
    if (!known) {
        m->cards[m->n_cards++] = (struct m_card){.number = b.number,
                                                 .kind = BATON__CARD_KIND__CARD_BUDGET,
                                                 .state = BATON__CARD_STATE__CARD_IN_FORCE,
                                                 .project = b.project,
                                                 .role = -1,
                                                 .task = -1,
                                                 .to_role = -1,
                                                 .name = (int8_t)i};
        known = &m->cards[m->n_cards - 1];
    }
    bool rings = known->rings_at != 0;
    known->rings_at = !b.daily ? 0 : rings ? known->rings_at : (m->now / DAY_MS + 1) * DAY_MS;
    *old = b;
    owe(m, old);
    m->order_valid = false;
    model_settle(m);
}

static void
remove_it(struct world *w, int i)
{
    struct model *m = w->m;
    struct m_budget *b = &m->budget[i];
    Baton__Card card = BATON__CARD__INIT;
    Baton__Post message = BATON__POST__INIT;
    Baton__Posted ret;
    message.verb = BATON__CARD_VERB__CARD_REMOVE;
    message.card = &card;
    card.kind = BATON__CARD_KIND__CARD_BUDGET;
    card.project = arena_strdup(&w->arena, sim_projects[i % w->rates.projects]);
    card.name = arena_printf(&w->arena, "b%d", i);
    if (board_post(w, &message, &ret, b->number ? CODE(OK) : CODE(NOT_FOUND)) !=
        BATON__CODE__CODE_OK) {
        return;
    }
    struct m_card *gone = card_of(m, b);
    *gone = m->cards[m->n_cards - 1];
    m->n_cards--;
    *b = (struct m_budget){0};
    m->order_valid = false;
    model_settle(m);
}

void
step_budget(struct world *w)
{
    int i = (int)pick(w, M_BUDGETS);
    if (pick(w, 4) == 0) {
        remove_it(w, i);
    } else {
        set(w, i);
    }
}

/* ---- what comes out ---- */

void
budget_take_event(struct world *w, const Baton__Event *e, struct m_card *card)
{
    struct model *m = w->m;
    struct m_budget *b = card ? &m->budget[card->name] : NULL; /* NULL: it is being set, or gone */
    if (e->kind == BATON__EVENT__KIND__BUDGET) {
        if (m->owed_budgets <= 0 && b && time_at(m, b) <= m->now) {
            count_time(m, b);
        }
        m->owed_budgets--;
        return;
    }
    if (e->text[0] || !b) {
        return;
    }
    if (!card->rings_at || card->rings_at > m->now) {
        sim_fail(w, "the day of budget %d ends too early", card->name);
    }
    card->rings_at = (m->now / DAY_MS + 1) * DAY_MS;
    count_time(m, b); /* of the day that ends */
    memset(b->used, 0, sizeof b->used);
    memset(b->told, 0, sizeof b->told);
    m->order_valid = false;
    model_settle(m);
}

/* After a step. */
void
budget_check_told(struct world *w)
{
    if (w->m->owed_budgets) {
        sim_fail(w, "%d times too few it was told that a budget is used", w->m->owed_budgets);
    }
}

void
budget_check(struct world *w)
{
    const struct model *m = w->m;
    Baton__BudgetsRequest ask = BATON__BUDGETS_REQUEST__INIT;
    Baton__BudgetList list;
    size_t n = 0;
    check_code(w, CODE(OK), core_budgets(w->core, world_request(w, ""), &ask, &list));
    check_refused(w);
    for (int i = 0; i < M_BUDGETS; i++) {
        n += m->budget[i].number != 0;
    }
    if (n != list.n_budgets) {
        sim_fail(w, "%zu budgets instead of %zu", list.n_budgets, n);
    }
    for (size_t i = 0; i < list.n_budgets; i++) {
        const Baton__BudgetView *view = list.budgets[i];
        const struct m_budget *b = &m->budget[view->name[1] - '0'];
        if (view->number != b->number || view->spent != is_spent(m, b)) {
            sim_fail(w, "budget %s is %sspent", view->name, view->spent ? "" : "not ");
        }
        for (size_t k = 0; k < view->n_limits; k++) {
            const Baton__BudgetLimit *l = view->limits[k];
            int of = strcmp(l->name, "tokens") == 0 ? TOKENS
                     : strcmp(l->name, "time") == 0 ? TIME
                                                    : TASKS;
            if (l->used != (double)b->used[of] / 1e6 ||
                l->reserved != (double)reserved(m, b, of) / 1e6) {
                sim_fail(w, "budget %s: %g %s used, %g reserved instead of %g, %g", view->name,
                         l->used, l->name, l->reserved, (double)b->used[of] / 1e6,
                         (double)reserved(m, b, of) / 1e6);
            }
        }
    }
}
