/* The occurrences of a schedule: those that its clock brings, and those asked for by hand. */
#include "broker/core/board/schedule.h"

#include "common/rng.h"
#include "common/units.h"

#include <string.h>

static bool
is_word(const Baton__Card *card, const char *tag, const char *word)
{
    const Baton__Item *item = schedule_item(card, tag);
    return item && strcmp(item->name, word) == 0;
}

size_t
schedule_drop_ended(struct rewriting *r)
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
    Baton__Item *item = rewrite_set(r, "trouble");
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
    Baton__Spec *spec = schedule_spec(&r->next, arena);
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
    const Baton__Item *within = schedule_item(&r->next, "within");
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
    rewrite_drop(r, "trouble");
    if (r->next.body.len) {
        size_t n_open = schedule_drop_ended(r);
        const Baton__Item *overlap = schedule_item(&r->next, "overlap");
        const char *policy = overlap ? overlap->name : "skip";
        bool skips = strcmp(policy, "skip") == 0, allows = strcmp(policy, "allow") == 0;
        if ((n_open && skips && !by_hand) || n_open >= SCHEDULE_OPEN_MAX) {
            rewrite_set(r, "skipped")->value++;
            return;
        }
        bool cancels = n_open && strcmp(policy, "cancel-old") == 0;
        if (cancels) {
            cancel_open(r, &request, n_open);
            n_open = schedule_drop_ended(r);
        }
        Baton__Spec *spec = make_spec(r, arena, id, at);
        if (n_open && !allows) {
            wait_for_open(r, arena, cancels, spec);
        }
        if (!submit_occurrence(r, &request, spec)) {
            return;
        }
        rewrite_put(r, "open", id);
    }
    Baton__Item *last = rewrite_set(r, "last");
    last->name = (char *)(uintptr_t)id;
    last->at = at;
    rewrite_set(r, "ran")->value++;
}

void
schedule_run_times(struct posting *p, struct card *card)
{
    struct rewriting r;
    rewrite_begin(&r, p->core, p->request, card->message, p->given->n_items);
    if (!p->given->n_items) {
        occur(&r, p->request->now / 1000 * 1000, true);
    }
    for (size_t i = 0; i < p->given->n_items; i++) {
        occur(&r, p->given->items[i]->at, true);
    }
    board_emit(p->core, p->request, &r.next, VERB(VERB_UNSPECIFIED));
}

/* The end of a pause: what it kept from coming is not made up for. */
static void
end_pause(struct rewriting *r)
{
    rewrite_drop(r, "paused");
    rewrite_anew(r);
}

void
core_schedule_pass(struct core *core, struct core_request *request, uint64_t number,
                   const struct core_times *times)
{
    const struct card *card = board_find(core, number);
    CHECK(card && card->message->kind == KIND(SCHEDULE) && card->message->rings_at &&
          card->message->rings_at <= request->now);
    struct rewriting r;
    rewrite_begin(&r, core, request, card->message, 0);
    const Baton__Item *planned = schedule_item(card->message, "next");
    int64_t told = schedule_item(card->message, "told")->at;
    int64_t delay = planned ? card->message->rings_at - planned->at : 0;
    if (schedule_item(card->message, "paused")) {
        end_pause(&r);
        board_emit(core, request, &r.next, VERB(VERB_UNSPECIFIED));
        return;
    }
    for (size_t i = 0; i < times->n; i++) {
        CHECK(times->at[i] > (i ? times->at[i - 1] : told) && times->at[i] <= request->now);
        if (request->now - times->at[i] - delay > SCHEDULE_LATE_MS &&
            is_word(&r.next, "missed", "skip")) {
            rewrite_set(&r, "skipped")->value++;
        } else {
            occur(&r, times->at[i], false);
        }
    }
    rewrite_set(&r, "told")->at = request->now;
    rewrite_drop(&r, "next");
    r.next.rings_at = 0;
    if (times->next != NEVER) {
        CHECK(times->next > request->now);
        const Baton__Item *jitter = schedule_item(&r.next, "jitter");
        struct rng rng = {.state = request->seed ^ number};
        rewrite_put(&r, "next", "")->at = times->next;
        r.next.rings_at = times->next +
                          (jitter ? (int64_t)rng_below(&rng, (uint64_t)jitter->value + 1) : 0);
    }
    board_emit(core, request, &r.next, VERB(VERB_UNSPECIFIED));
}
