/* Schedules: recurring work. A rule says when (common/recur.h), in which zone, and what is to
 * become of occurrences that meet or were missed; its body is the task that each occurrence is, or
 * there is none and an occurrence is only told.
 *
 * The core knows no zones. When a schedule's clock comes due, whoever calls the core looks up, in
 * the zone, which occurrences have come since the schedule was last looked at and when the next one
 * does, and gives these times in (core_schedule_pass). What follows from them is decided here and
 * is a fact: a recovered core asks nobody. */
#include "broker/core/board/schedule.h"

#include "common/recur.h"

#include <string.h>

static bool
item_is_same(const Baton__Item *a, const Baton__Item *b)
{
    return strcmp(a->tag, b->tag) == 0 && strcmp(a->name, b->name) == 0 &&
           strcmp(a->text, b->text) == 0 && strcmp(a->unit, b->unit) == 0 && a->at == b->at &&
           a->value >= b->value && a->value <= b->value;
}

static bool
says_the_same(const Baton__Card *given, const Baton__Card *card)
{
    size_t n = 0;
    for (size_t i = 0; i < card->n_items; i++) {
        if (schedule_gives(card->items[i]->tag) &&
            (n >= given->n_items || !item_is_same(given->items[n++], card->items[i]))) {
            return false;
        }
    }
    return n == given->n_items && strcmp(given->title, card->title) == 0 &&
           strcmp(given->text, card->text) == 0 && given->body.len == card->body.len &&
           (!card->body.len || memcmp(given->body.data, card->body.data, card->body.len) == 0);
}

static Baton__Code
schedule_set(struct posting *p)
{
    if (strlen(p->next.name) > SCHEDULE_NAME_BYTES_MAX) {
        return refuse(p->request, BATON__CODE__CODE_TOO_LARGE, "card.name",
                      "the name of a schedule has at most %d bytes", (int)SCHEDULE_NAME_BYTES_MAX);
    }
    Baton__Code code = schedule_check_items(p);
    code = code ? code : schedule_check_body(p);
    if (code != BATON__CODE__CODE_OK || (p->card && says_the_same(p->given, p->card->message))) {
        return code;
    }
    struct rewriting r;
    rewrite_begin(&r, p->core, p->request, p->given, 0);
    for (size_t i = 0; i < r.next.n_items; i++) {
        r.next.items[i]->by = (char *)(uintptr_t) "";
        r.next.items[i]->number = 0;
    }
    for (size_t i = 0; p->card && i < p->card->message->n_items; i++) {
        const Baton__Item *item = p->card->message->items[i];
        if (!schedule_gives(item->tag) && strcmp(item->tag, "next") != 0) {
            *rewrite_put(&r, item->tag, item->name) = *item;
        }
    }
    rewrite_anew(&r);
    p->next.state = CARD(IN_FORCE);
    p->next.title = p->given->title;
    p->next.text = p->given->text;
    p->next.body = p->given->body;
    p->next.items = r.next.items;
    p->next.n_items = r.next.n_items;
    p->next.rings_at = r.next.rings_at;
    return BATON__CODE__CODE_OK;
}

static Baton__Code
schedule_remove(struct posting *p)
{
    (void)p;
    return BATON__CODE__CODE_OK;
}

static Baton__Code
schedule_pause(struct posting *p)
{
    int64_t until = p->given->due_at;
    if (until && until <= p->request->now) {
        return refuse(p->request, BATON__CODE__CODE_INVALID, "card.due_at", "that time has passed");
    }
    const Baton__Item *is = schedule_item(&p->next, "paused");
    if (is && strcmp(is->text, p->given->text) == 0 && p->next.rings_at == until) {
        return BATON__CODE__CODE_OK;
    }
    struct rewriting r;
    rewrite_begin(&r, p->core, p->request, &p->next, 0);
    Baton__Item *paused = rewrite_set(&r, "paused");
    paused->by = (char *)(uintptr_t)p->request->actor;
    paused->at = p->request->now;
    paused->text = p->given->text;
    rewrite_drop(&r, "next");
    r.next.rings_at = until;
    p->next = r.next;
    return BATON__CODE__CODE_OK;
}

static Baton__Code
schedule_resume(struct posting *p)
{
    if (!schedule_item(&p->next, "paused")) {
        return BATON__CODE__CODE_OK;
    }
    struct rewriting r;
    rewrite_begin(&r, p->core, p->request, &p->next, 0);
    rewrite_drop(&r, "paused");
    rewrite_anew(&r);
    p->next = r.next;
    return BATON__CODE__CODE_OK;
}

static Baton__Code
schedule_run(struct posting *p)
{
    struct rewriting r;
    rewrite_begin(&r, p->core, p->request, &p->next, 0);
    int64_t last = 0;
    for (size_t i = 0; i < p->given->n_items; i++) {
        const Baton__Item *item = p->given->items[i];
        if (strcmp(item->tag, "at") != 0 || item->at <= last || item->at > p->request->now) {
            return post_bad_item(
                p, i, "a run has items \"at\", each with a later time, and none to come");
        }
        last = item->at;
    }
    size_t n = schedule_drop_ended(&r) + MAX(p->given->n_items, 1);
    if (n > SCHEDULE_OPEN_MAX) {
        return refuse(p->request, BATON__CODE__CODE_FULL, "card",
                      "of this schedule %zu occurrences would be open: at most %d; run fewer", n,
                      (int)SCHEDULE_OPEN_MAX);
    }
    Baton__Item *asked = rewrite_set(&r, "asked");
    asked->by = (char *)(uintptr_t)p->request->actor;
    asked->at = p->request->now;
    asked->value++; /* so that it differs from the time before */
    p->next = r.next;
    p->then = schedule_run_times;
    return BATON__CODE__CODE_OK;
}

/* ---- time ---- */

void
core_schedule_read(const Baton__Card *card, struct core_schedule *ret)
{
    const Baton__Item *zone = schedule_item(card, "zone"), *start = schedule_item(card, "start");
    const Baton__Item *end = schedule_item(card, "end"), *told = schedule_item(card, "told");
    const Baton__Item *missed = schedule_item(card, "missed");
    *ret = (struct core_schedule){
        .number = card->number,
        .zone = zone ? zone->name : "",
        .anchor = start ? start->at : 0,
        .start = start ? start->at : 0,
        .end = end ? end->at : NEVER,
        .told = told ? told->at : 0,
        .keep = missed && missed->value > 1 ? (uint32_t)missed->value : 1,
    };
    CHECK(!recur_parse(schedule_item(card, "when")->text, &ret->rule));
    if (!start) {
        ret->anchor = card->created_at + ret->rule.every_ms;
    }
}

int64_t
core_schedule_next_at(const struct core *core)
{
    const struct heap *heap = &core->board.schedules;
    return heap->n ? board_at(core, heap_top(heap))->message->rings_at : NEVER;
}

bool
core_schedule_due(const struct core *core, int64_t now, struct core_schedule *ret)
{
    if (core_schedule_next_at(core) > now) {
        return false;
    }
    core_schedule_read(board_at(core, heap_top(&core->board.schedules))->message, ret);
    return true;
}

bool
core_schedule_find(const struct core *core, const Baton__Card *which, struct core_schedule *ret)
{
    const struct card *card = which->number
                                  ? board_find(core, which->number)
                                  : board_find_named(core, KIND(SCHEDULE),
                                                     which->project[0] ? which->project : "default",
                                                     which->name);
    if (!card || card->message->kind != KIND(SCHEDULE)) {
        return false;
    }
    core_schedule_read(card->message, ret);
    return true;
}

const struct card_kind card_schedule = {
    .name = "schedule",
    .gives = GIVES_TITLE | GIVES_TEXT | GIVES_ITEMS | GIVES_BODY,
    .named = true,
    .is_rule = true,
    .verbs =
        {
            [VERB(SET)] = schedule_set,
            [VERB(REMOVE)] = schedule_remove,
            [VERB(PAUSE)] = schedule_pause,
            [VERB(RESUME)] = schedule_resume,
            [VERB(RUN)] = schedule_run,
        },
};
