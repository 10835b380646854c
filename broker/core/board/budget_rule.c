/* What a rule of a budget may say, and when its day ends. */
#include "broker/core/board/budget.h"

#include "common/text.h"

#include <string.h>

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
                    : post_bad_item(p, i, "a budget has limit, reserve, hard, day and everywhere");
    }
    if (!name_is_valid(item->name, MEASURE_NAME_BYTES_MAX)) {
        return post_bad_item(p, i, "of what? the name of a measure, \"time\" or \"tasks\"");
    }
    if (!(item->value <= BUDGET_MAX) || !(is_limit ? item->value > 0 : item->value >= 0)) {
        return post_bad_item(p, i, "the amount is above 0 and at most 1e12");
    }
    for (size_t k = 0; k < i; k++) {
        if (strcmp(p->next.items[k]->tag, item->tag) == 0 &&
            strcmp(p->next.items[k]->name, item->name) == 0) {
            return post_bad_item(p, i, "this one is there twice");
        }
    }
    if (is_reserve && !card_item(&p->next, "limit", item->name)) {
        return post_bad_item(p, i, "a reserve of something that has no limit");
    }
    return BATON__CODE__CODE_OK;
}

Baton__Code
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

Baton__Code
budget_remove(struct posting *p)
{
    return !p->under ? BATON__CODE__CODE_OK
                     : refuse(p->request, BATON__CODE__CODE_DENIED, "token",
                              "an agent does not say how much may be used");
}

/* A day has ended: what was used begins anew. */
void
budget_ring(struct core *core, struct core_request *request, const struct card *card)
{
    const struct budget *b = budget_find(core, card->message->number);
    if (budget_is_timed(b)) {
        budget_emit_timed(core, request, b); /* what ran until now is of the day that ends */
    }
    Baton__Card next = board_copy(card);
    next.rung++;
    next.rings_at = (request->now / DAY_MS + 1) * DAY_MS;
    board_emit(core, request, &next, VERB(VERB_UNSPECIFIED));
}
