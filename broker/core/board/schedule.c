/* Schedules: recurring work. A rule says when (common/recur.h), in which zone, and what is to
 * become of occurrences that meet or were missed; its body is the task that each occurrence is, or
 * there is none and an occurrence is only told.
 *
 * The core knows no zones. When a schedule's clock comes due, whoever calls the core looks up, in
 * the zone, which occurrences have come since the schedule was last looked at and when the next one
 * does, and gives these times in (core_schedule_pass). What follows from them is decided here and
 * is a fact: a recovered core asks nobody. */
#include "broker/core/board/board.h"

#include "common/recur.h"
#include "common/rng.h"
#include "common/text.h"
#include "common/units.h"
#include "common/unpack.h"
#include "common/words.h"

#include <string.h>

/* Items that a request gives; the others are the schedule's own:
 *   told at        occurrences up to here have been dealt with
 *   next at        the next occurrence
 *   last name at   the latest one that was run, and what is its task
 *   open name      a task of an occurrence that may not have ended
 *   ran, skipped   how many
 *   trouble text at  why the latest one could not be added
 *   paused by at text, asked by at */
static const char *const given_tags[] = {"when",  "zone", "overlap", "missed", "jitter",
                                         "start", "end",  "within",  "report"};
static const char *const overlaps[] = {"skip", "queue", "cancel-old", "allow", NULL};
static const char *const misses[] = {"run-once", "skip", "all", NULL};

static bool
is_given_tag(const char *tag)
{
    for (size_t i = 0; i < ARRAY_LEN(given_tags); i++) {
        if (strcmp(tag, given_tags[i]) == 0) {
            return true;
        }
    }
    return false;
}

static const Baton__Item *
find_item(const Baton__Card *card, const char *tag)
{
    for (size_t i = 0; i < card->n_items; i++) {
        if (strcmp(card->items[i]->tag, tag) == 0) {
            return card->items[i];
        }
    }
    return NULL;
}

static bool
is_word(const Baton__Card *card, const char *tag, const char *word)
{
    const Baton__Item *item = find_item(card, tag);
    return item && strcmp(item->name, word) == 0;
}

/* ---- is it one? ---- */

static bool
is_one_of(const char *word, const char *const *words)
{
    while (*words && strcmp(word, *words) != 0) {
        words++;
    }
    return *words != NULL;
}

static bool
is_time(const Baton__Item *item)
{
    return item->at > 0;
}

static bool
is_duration(const Baton__Item *item)
{
    return item->value >= 1 && item->value <= (double)DURATION_MS_MAX &&
           strcmp(item->unit, "ms") == 0;
}

/* NULL: it is fine. */
static const char *
item_wrong(const Baton__Item *item)
{
    struct recur rule;
    const char *tag = item->tag;
    if (strcmp(tag, "when") == 0) {
        return recur_parse(item->text, &rule);
    }
    if (strcmp(tag, "overlap") == 0) {
        return is_one_of(item->name, overlaps) ? NULL
                                               : "overlap is skip, queue, cancel-old or allow";
    }
    if (strcmp(tag, "missed") == 0) {
        bool has_n = strcmp(item->name, "all") == 0;
        bool ok = has_n ? item->value >= 1 && item->value <= SCHEDULE_MISSED_MAX : item->value == 0;
        return ok && is_one_of(item->name, misses)
                   ? NULL
                   : "missed is run-once, skip, or all with a number of at most 100";
    }
    if (strcmp(tag, "jitter") == 0 || strcmp(tag, "within") == 0) {
        return is_duration(item) ? NULL : "jitter and within are a value above 0 in ms";
    }
    if (strcmp(tag, "start") == 0 || strcmp(tag, "end") == 0) {
        return is_time(item) ? NULL : "start and end are a time";
    }
    if (strcmp(tag, "report") == 0) {
        return report_number(item->name) >= 0
                   ? NULL
                   : "there is no such report: daily, weekly, success, milestones or final";
    }
    if (strcmp(tag, "zone") == 0) {
        return name_is_valid(item->name, NAME_BYTES_MAX) ? NULL : "its name is missing or is none";
    }
    return "a schedule has when, zone, overlap, missed, jitter, start, end, within and report";
}

static Baton__Code
check_items(struct posting *p)
{
    const Baton__Card *given = p->given;
    for (size_t i = 0; i < given->n_items; i++) {
        const char *wrong = item_wrong(given->items[i]);
        if (wrong) {
            return post_bad_item(p, i, wrong);
        }
        if (find_item(given, given->items[i]->tag) != given->items[i]) {
            return post_bad_item(p, i, "this is there twice");
        }
    }
    if (!find_item(given, "when")) {
        return refuse(p->request, BATON__CODE__CODE_INVALID, "card.items",
                      "when? a schedule has an item \"when\"");
    }
    const Baton__Item *start = find_item(given, "start"), *end = find_item(given, "end");
    if (start && end && end->at <= start->at) {
        return refuse(p->request, BATON__CODE__CODE_INVALID, "card.items",
                      "the schedule ends before it starts");
    }
    if (!given->body.len && find_item(given, "within")) {
        return refuse(p->request, BATON__CODE__CODE_INVALID, "card.items",
                      "within is the time that each task has: this schedule has no task");
    }
    return BATON__CODE__CODE_OK;
}

/* The body as a task; NULL: it is none. */
static Baton__Spec *
spec_of(const Baton__Card *card, struct arena *arena)
{
    return unpack_own(arena, &baton__spec__descriptor, card->body.len, card->body.data);
}

static Baton__Code
check_body(struct posting *p)
{
    if (!p->given->body.len) {
        return BATON__CODE__CODE_OK;
    }
    struct core_request *request = p->request;
    Baton__Spec *spec = spec_of(p->given, request->arena);
    if (!spec) {
        return refuse(request, BATON__CODE__CODE_INVALID, "card.body",
                      "the task can't be read: it is a packed Spec");
    }
    if (spec->id[0] || spec->deadline || spec->not_before ||
        (spec->project[0] && strcmp(spec->project, p->next.project) != 0)) {
        return refuse(request, BATON__CODE__CODE_INVALID, "card.body",
                      "the task has an id, a project, a start or a deadline of its own: those are "
                      "the schedule's (\"within\" gives each occurrence a deadline)");
    }
    if (spec->milestone) {
        return refuse(request, BATON__CODE__CODE_INVALID, "card.body.milestone",
                      "a milestone does not recur");
    }
    for (size_t i = 0; i < spec->n_labels; i++) {
        if (strcmp(spec->labels[i]->key, "schedule") == 0) {
            return refuse(request, BATON__CODE__CODE_INVALID, "card.body.labels",
                          "the label \"schedule\" is the schedule's name");
        }
    }
    if (spec->n_labels >= LABELS_MAX) {
        return refuse(request, BATON__CODE__CODE_TOO_LARGE, "card.body.labels",
                      "with \"schedule\" it has more than %d labels", (int)LABELS_MAX);
    }
    spec->id = arena_printf(request->arena, "%s@", p->next.name);
    spec->project = p->next.project;
    return spec_check(request, spec, "card.body");
}

/* ---- items of the schedule's own ---- */

/* A card being rewritten: its items are a copy with room. */
struct rewriting {
    struct core *core;
    struct core_request *request;
    Baton__Card next;
    size_t room;
};

static void
rewrite_begin(struct rewriting *r, struct core *core, struct core_request *request,
              const Baton__Card *from)
{
    *r = (struct rewriting){.core = core, .request = request, .next = *from};
    r->room = from->n_items + SCHEDULE_OPEN_MAX + 16;
    r->next.items = arena_alloc(request->arena, r->room * sizeof *r->next.items);
    for (size_t i = 0; i < from->n_items; i++) {
        r->next.items[i] = arena_memdup(request->arena, from->items[i], sizeof(Baton__Item));
    }
}

static Baton__Item *
put_item(struct rewriting *r, const char *tag, const char *name)
{
    Baton__Item *item = arena_alloc(r->request->arena, sizeof *item);
    CHECK(r->next.n_items < r->room);
    baton__item__init(item);
    item->tag = (char *)(uintptr_t)tag;
    item->name = (char *)(uintptr_t)name;
    r->next.items[r->next.n_items++] = item;
    return item;
}

static void
drop_items(struct rewriting *r, const char *tag)
{
    size_t n = 0;
    for (size_t i = 0; i < r->next.n_items; i++) {
        if (strcmp(r->next.items[i]->tag, tag) != 0) {
            r->next.items[n++] = r->next.items[i];
        }
    }
    r->next.n_items = n;
}

static Baton__Item *
set_item(struct rewriting *r, const char *tag)
{
    for (size_t i = 0; i < r->next.n_items; i++) {
        if (strcmp(r->next.items[i]->tag, tag) == 0) {
            return r->next.items[i];
        }
    }
    return put_item(r, tag, "");
}

/* From now on: the clock rings at once, so that the next time is looked up. */
static void
begin_anew(struct rewriting *r)
{
    drop_items(r, "next");
    set_item(r, "told")->at = r->request->now;
    r->next.rings_at = find_item(&r->next, "paused") ? 0 : MAX(r->request->now, 1);
}

/* ---- the verbs ---- */

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
        if (is_given_tag(card->items[i]->tag) &&
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
    Baton__Code code = check_items(p);
    code = code ? code : check_body(p);
    if (code != BATON__CODE__CODE_OK || (p->card && says_the_same(p->given, p->card->message))) {
        return code;
    }
    struct rewriting r;
    rewrite_begin(&r, p->core, p->request, p->given);
    for (size_t i = 0; i < r.next.n_items; i++) {
        r.next.items[i]->by = (char *)(uintptr_t) "";
        r.next.items[i]->number = 0;
    }
    for (size_t i = 0; p->card && i < p->card->message->n_items; i++) {
        const Baton__Item *item = p->card->message->items[i];
        if (!is_given_tag(item->tag) && strcmp(item->tag, "next") != 0) {
            *put_item(&r, item->tag, item->name) = *item;
        }
    }
    begin_anew(&r);
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
    const Baton__Item *is = find_item(&p->next, "paused");
    if (is && strcmp(is->text, p->given->text) == 0 && p->next.rings_at == until) {
        return BATON__CODE__CODE_OK;
    }
    struct rewriting r;
    rewrite_begin(&r, p->core, p->request, &p->next);
    Baton__Item *paused = set_item(&r, "paused");
    paused->by = (char *)(uintptr_t)p->request->actor;
    paused->at = p->request->now;
    paused->text = p->given->text;
    drop_items(&r, "next");
    r.next.rings_at = until;
    p->next = r.next;
    return BATON__CODE__CODE_OK;
}

static Baton__Code
schedule_resume(struct posting *p)
{
    if (!find_item(&p->next, "paused")) {
        return BATON__CODE__CODE_OK;
    }
    struct rewriting r;
    rewrite_begin(&r, p->core, p->request, &p->next);
    drop_items(&r, "paused");
    begin_anew(&r);
    p->next = r.next;
    return BATON__CODE__CODE_OK;
}

/* ---- occurrences ---- */

/* Tasks that have ended are open no more. Returns how many are left. */
static size_t
drop_ended(struct rewriting *r)
{
    size_t n = 0, n_open = 0;
    uint32_t project = project_find(r->core, r->next.project);
    for (size_t i = 0; i < r->next.n_items; i++) {
        Baton__Item *item = r->next.items[i];
        if (strcmp(item->tag, "open") == 0) {
            const struct task *task = project ? task_find(r->core, project, item->name) : NULL;
            if (!task || !task_is_live(task)) {
                continue;
            }
            n_open++;
        }
        r->next.items[n++] = item;
    }
    r->next.n_items = n;
    return n_open;
}

/* Said on the card until an occurrence goes well. */
static void
trouble(struct rewriting *r, const char *what)
{
    Baton__Item *item = set_item(r, "trouble");
    item->text = (char *)(uintptr_t)what;
    item->at = r->request->now;
}

/* The next occurrence is to have the place of those that are open. */
static void
cancel_open(struct rewriting *r, struct core_request *request, size_t n_open)
{
    Baton__Change change = BATON__CHANGE__INIT;
    Baton__Changed changed = BATON__CHANGED__INIT;
    Baton__Ref *refs = arena_alloc(request->arena, (n_open + 1) * sizeof *refs);
    change.tasks = arena_alloc(request->arena, (n_open + 1) * sizeof *change.tasks);
    for (size_t i = 0; i < r->next.n_items; i++) {
        if (strcmp(r->next.items[i]->tag, "open") == 0) {
            Baton__Ref *ref = &refs[change.n_tasks];
            baton__ref__init(ref);
            ref->project = r->next.project;
            ref->id = r->next.items[i]->name;
            change.tasks[change.n_tasks++] = ref;
        }
    }
    change.verb = BATON__CHANGE__VERB__CANCEL;
    change.reason = (char *)(uintptr_t) "the schedule's next occurrence takes its place";
    if (core_change(r->core, request, &change, &changed) != BATON__CODE__CODE_OK) {
        trouble(r, request->error.message);
    }
}

/* What it waits for: the last that is open, or with `all` each. */
static void
wait_for_open(const struct rewriting *r, struct arena *arena, bool all, Baton__Spec *spec)
{
    size_t n = spec->n_after;
    Baton__Edge **after = arena_alloc(arena, (n + r->next.n_items + 1) * sizeof *after);
    if (n) {
        memcpy(after, spec->after, n * sizeof *after);
    }
    for (size_t i = r->next.n_items; i-- > 0;) {
        if (strcmp(r->next.items[i]->tag, "open") != 0) {
            continue;
        }
        Baton__Edge *edge = arena_alloc(arena, sizeof *edge);
        baton__edge__init(edge);
        edge->id = r->next.items[i]->name;
        edge->condition = BATON__CONDITION__CONDITION_FINISHED;
        after[n++] = edge;
        if (!all) {
            break;
        }
    }
    spec->after = after;
    spec->n_after = n;
}

static Baton__Spec *
make_spec(const struct rewriting *r, struct arena *arena, const char *id, int64_t at)
{
    Baton__Spec *spec = spec_of(&r->next, arena);
    CHECK(spec);
    spec->id = (char *)(uintptr_t)id;
    spec->project = r->next.project;
    if (!spec->title[0]) {
        spec->title = r->next.title;
    }
    Baton__Spec__LabelsEntry *label = arena_alloc(arena, sizeof *label);
    baton__spec__labels_entry__init(label);
    label->key = (char *)(uintptr_t) "schedule";
    label->value = r->next.name;
    Baton__Spec__LabelsEntry **labels = arena_alloc(arena, (spec->n_labels + 1) * sizeof *labels);
    if (spec->n_labels) {
        memcpy(labels, spec->labels, spec->n_labels * sizeof *labels);
    }
    labels[spec->n_labels++] = label;
    spec->labels = labels;
    const Baton__Item *within = find_item(&r->next, "within");
    if (within) {
        spec->deadline = at + (int64_t)within->value;
    }
    return spec;
}

static bool
submit_occurrence(struct rewriting *r, struct core_request *request, Baton__Spec *spec)
{
    Baton__Submit submit = BATON__SUBMIT__INIT;
    Baton__Submitted submitted;
    submit.tasks = &spec;
    submit.n_tasks = 1;
    if (core_submit(r->core, request, &submit, &submitted) != BATON__CODE__CODE_OK) {
        trouble(r, arena_printf(request->arena, "%s: %s", spec->id, request->error.message));
        return false;
    }
    return submitted.created > 0;
}

/* One occurrence. `by_hand`: it is wanted, whatever runs. */
static void
occur(struct rewriting *r, int64_t at, bool by_hand)
{
    struct arena *arena = r->request->arena;
    char time[64];
    const char *id = arena_printf(arena, "%s@%s", r->next.name, time_format(at, time, sizeof time));
    struct core_request request = *r->request;
    request.actor = arena_printf(arena, "schedule:%s", r->next.name);
    drop_items(r, "trouble");
    if (r->next.body.len) {
        size_t n_open = drop_ended(r);
        const Baton__Item *overlap = find_item(&r->next, "overlap");
        const char *policy = overlap ? overlap->name : "skip";
        bool skips = strcmp(policy, "skip") == 0, allows = strcmp(policy, "allow") == 0;
        if ((n_open && skips && !by_hand) || n_open >= SCHEDULE_OPEN_MAX) {
            set_item(r, "skipped")->value++;
            return;
        }
        bool cancels = n_open && strcmp(policy, "cancel-old") == 0;
        if (cancels) {
            cancel_open(r, &request, n_open);
            n_open = drop_ended(r);
        }
        Baton__Spec *spec = make_spec(r, arena, id, at);
        if (n_open && !allows) {
            wait_for_open(r, arena, cancels, spec);
        }
        if (!submit_occurrence(r, &request, spec)) {
            return;
        }
        put_item(r, "open", id);
    }
    Baton__Item *last = set_item(r, "last");
    last->name = (char *)(uintptr_t)id;
    last->at = at;
    set_item(r, "ran")->value++;
}

/* ---- by hand ---- */

static void
run_times(struct posting *p, struct card *card)
{
    struct rewriting r;
    rewrite_begin(&r, p->core, p->request, card->message);
    r.room += p->given->n_items;
    r.next.items = arena_alloc(p->request->arena, r.room * sizeof *r.next.items);
    for (size_t i = 0; i < r.next.n_items; i++) {
        r.next.items[i] = arena_memdup(p->request->arena, card->message->items[i],
                                       sizeof(Baton__Item));
    }
    if (!p->given->n_items) {
        occur(&r, p->request->now / 1000 * 1000, true);
    }
    for (size_t i = 0; i < p->given->n_items; i++) {
        occur(&r, p->given->items[i]->at, true);
    }
    board_emit(p->core, p->request, &r.next, VERB(VERB_UNSPECIFIED));
}

static Baton__Code
schedule_run(struct posting *p)
{
    struct rewriting r;
    rewrite_begin(&r, p->core, p->request, &p->next);
    int64_t last = 0;
    for (size_t i = 0; i < p->given->n_items; i++) {
        const Baton__Item *item = p->given->items[i];
        if (strcmp(item->tag, "at") != 0 || item->at <= last || item->at > p->request->now) {
            return post_bad_item(
                p, i, "a run has items \"at\", each with a later time, and none to come");
        }
        last = item->at;
    }
    size_t n = drop_ended(&r) + MAX(p->given->n_items, 1);
    if (n > SCHEDULE_OPEN_MAX) {
        return refuse(p->request, BATON__CODE__CODE_FULL, "card",
                      "of this schedule %zu occurrences would be open: at most %d; run fewer", n,
                      (int)SCHEDULE_OPEN_MAX);
    }
    Baton__Item *asked = set_item(&r, "asked");
    asked->by = (char *)(uintptr_t)p->request->actor;
    asked->at = p->request->now;
    asked->value++; /* so that it differs from the time before */
    p->next = r.next;
    p->then = run_times;
    return BATON__CODE__CODE_OK;
}

/* ---- time ---- */

void
core_schedule_read(const Baton__Card *card, struct core_schedule *ret)
{
    const Baton__Item *zone = find_item(card, "zone"), *start = find_item(card, "start");
    const Baton__Item *end = find_item(card, "end"), *told = find_item(card, "told");
    const Baton__Item *missed = find_item(card, "missed");
    *ret = (struct core_schedule){
        .number = card->number,
        .zone = zone ? zone->name : "",
        .anchor = start ? start->at : 0,
        .start = start ? start->at : 0,
        .end = end ? end->at : NEVER,
        .told = told ? told->at : 0,
        .keep = missed && missed->value > 1 ? (uint32_t)missed->value : 1,
    };
    CHECK(!recur_parse(find_item(card, "when")->text, &ret->rule));
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

/* The end of a pause: what it kept from coming is not made up for. */
static void
end_pause(struct rewriting *r)
{
    drop_items(r, "paused");
    begin_anew(r);
}

void
core_schedule_pass(struct core *core, struct core_request *request, uint64_t number,
                   const struct core_times *times)
{
    const struct card *card = board_find(core, number);
    CHECK(card && card->message->kind == KIND(SCHEDULE) && card->message->rings_at &&
          card->message->rings_at <= request->now);
    struct rewriting r;
    rewrite_begin(&r, core, request, card->message);
    const Baton__Item *planned = find_item(card->message, "next");
    int64_t told = find_item(card->message, "told")->at;
    int64_t delay = planned ? card->message->rings_at - planned->at : 0;
    if (find_item(card->message, "paused")) {
        end_pause(&r);
        board_emit(core, request, &r.next, VERB(VERB_UNSPECIFIED));
        return;
    }
    for (size_t i = 0; i < times->n; i++) {
        CHECK(times->at[i] > (i ? times->at[i - 1] : told) && times->at[i] <= request->now);
        if (request->now - times->at[i] - delay > SCHEDULE_LATE_MS &&
            is_word(&r.next, "missed", "skip")) {
            set_item(&r, "skipped")->value++;
        } else {
            occur(&r, times->at[i], false);
        }
    }
    set_item(&r, "told")->at = request->now;
    drop_items(&r, "next");
    r.next.rings_at = 0;
    if (times->next != NEVER) {
        CHECK(times->next > request->now);
        const Baton__Item *jitter = find_item(&r.next, "jitter");
        struct rng rng = {.state = request->seed ^ number};
        put_item(&r, "next", "")->at = times->next;
        r.next.rings_at = times->next +
                          (jitter ? (int64_t)rng_below(&rng, (uint64_t)jitter->value + 1) : 0);
    }
    board_emit(core, request, &r.next, VERB(VERB_UNSPECIFIED));
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
