/* Steps on schedules: docs/coordination.md, "Schedules". The simulation stands where the front
 * stands: it says when occurrences come; the core and the model say what becomes of them. */
#include "sim.h"

#include "common/limits.h"
#include "common/units.h"

#include <string.h>

#define ACTOR "agent@desk"

enum { SKIP, QUEUE, CANCEL_OLD, ALLOW, N_OVERLAPS };

static const char *const overlap_names[N_OVERLAPS] = {"skip", "queue", "cancel-old", "allow"};
static const char *const schedule_names[M_SCHEDULES] = {"s0", "s1", "s2"};

static struct m_schedule *
pick_schedule(struct world *w)
{
    return &w->m->schedules[pick(w, (uint64_t)w->rates.projects)][pick(w, M_SCHEDULES)];
}

static int
project_of(const struct world *w, const struct m_schedule *s)
{
    return (int)((s - &w->m->schedules[0][0]) / M_SCHEDULES);
}

static int
name_of(const struct world *w, const struct m_schedule *s)
{
    return (int)((s - &w->m->schedules[0][0]) % M_SCHEDULES);
}

/* ---- what it is to be ---- */

static Baton__Item *
add_item(struct world *w, Baton__Card *card, const char *tag, const char *name)
{
    Baton__Item *item = arena_alloc(&w->arena, sizeof *item);
    if (!card->items) {
        card->items = arena_alloc(&w->arena, 64 * sizeof *card->items);
    }
    baton__item__init(item);
    item->tag = arena_strdup(&w->arena, tag);
    item->name = arena_strdup(&w->arena, name);
    card->items[card->n_items++] = item;
    return item;
}

static void
add_ms(struct world *w, Baton__Card *card, const char *tag, int64_t ms)
{
    Baton__Item *item = add_item(w, card, tag, "");
    item->value = (double)ms;
    item->unit = arena_strdup(&w->arena, "ms");
}

static void
message_schedule(struct world *w, const struct m_schedule *s, Baton__Card *card)
{
    add_item(w, card, "when", "")->text = arena_strdup(&w->arena, "hourly");
    add_item(w, card, "overlap", overlap_names[s->overlap]);
    Baton__Item *missed = add_item(w, card, "missed",
                                   s->skips_missed ? "skip"
                                   : s->keep > 1   ? "all"
                                                   : "run-once");
    missed->value = s->keep > 1 ? s->keep : 0;
    if (s->jitter) {
        add_ms(w, card, "jitter", s->jitter);
    }
    if (s->within) {
        add_ms(w, card, "within", s->within);
    }
    if (s->has_task) {
        struct m_spec body = s->body;
        body.id = -1;
        Baton__Spec *spec = message_spec(w, &body);
        spec->project = arena_strdup(&w->arena, ""); /* and not said in one of two ways */
        card->body.len = baton__spec__get_packed_size(spec);
        card->body.data = arena_alloc(&w->arena, card->body.len + 1);
        baton__spec__pack(spec, card->body.data);
    }
}

static void
draw_rule(struct world *w, int project, struct m_schedule *s)
{
    s->overlap = (int8_t)pick(w, N_OVERLAPS);
    s->keep = pick(w, 3) ? 1 : (uint8_t)(2 + pick(w, 4));
    s->skips_missed = s->keep == 1 && pick(w, 3) == 0;
    s->jitter = pick(w, 3) ? 0 : 1 + (int64_t)pick(w, 100000);
    s->has_task = pick(w, 5) != 0;
    s->within = s->has_task && pick(w, 4) == 0 ? 1 + (int64_t)pick(w, 1000000) : 0;
    memset(&s->body, 0, sizeof s->body);
    if (s->has_task) {
        generate_spec(w, &s->body);
        s->body.project = (int8_t)project;
        s->body.role = (int8_t)pick(w, (uint64_t)w->rates.roles);
        s->body.n_edges = 0;
        memset(s->body.edges, 0, sizeof s->body.edges);
        s->body.unique = s->body.on_conflict = 0;
        s->body.window = s->body.deadline = s->body.not_before = 0;
        s->body.on_deadline = 0;
        s->body.label = 0;
    }
}

/* Something that must be refused. */
static codes
spoil(struct world *w, Baton__Card *card)
{
    switch (pick(w, 7)) {
    case 0:
        card->items[0]->text = arena_strdup(&w->arena, "61 9 * * *");
        break;
    case 1:
        card->items[1]->name = arena_strdup(&w->arena, "pile-up");
        break;
    case 2:
        card->items[2]->value = 5000;
        break;
    case 3:
        add_item(w, card, "told", "")->at = 5;
        break;
    case 4:
        add_item(w, card, "when", "")->text = arena_strdup(&w->arena, "hourly");
        break;
    case 5:
        card->body.data = (uint8_t *)arena_strdup(&w->arena, "\377\377\377");
        card->body.len = 3;
        break;
    default:
        card->role = arena_strdup(&w->arena, "infra");
        break;
    }
    return CODE(INVALID);
}

static void
name_it(struct world *w, const struct m_schedule *s, Baton__Card *card)
{
    card->kind = BATON__CARD_KIND__CARD_SCHEDULE;
    card->project = arena_strdup(&w->arena, sim_projects[project_of(w, s)]);
    card->name = arena_strdup(&w->arena, schedule_names[name_of(w, s)]);
}

static bool
same_rule(const struct m_schedule *a, const struct m_schedule *b)
{
    return a->overlap == b->overlap && a->keep == b->keep && a->skips_missed == b->skips_missed &&
           a->jitter == b->jitter && a->within == b->within && a->has_task == b->has_task &&
           memcmp(&a->body, &b->body, sizeof a->body) == 0;
}

static void
begin_anew(struct world *w, struct m_schedule *s)
{
    s->told = w->m->now;
    s->next = 0;
    s->rings_at = s->paused ? 0 : w->m->now;
}

static void
set_it(struct world *w, struct m_schedule *s)
{
    Baton__Card card = BATON__CARD__INIT;
    Baton__Post message = BATON__POST__INIT;
    Baton__Posted ret;
    struct m_schedule wanted = *s;
    if (!s->number || pick(w, 4)) {
        draw_rule(w, project_of(w, s), &wanted);
    }
    if (!s->number && !board_make_room(w->m)) {
        return;
    }
    message.verb = BATON__CARD_VERB__CARD_SET;
    message.card = &card;
    message.dry_run = pick(w, 12) == 0;
    name_it(w, s, &card);
    message_schedule(w, &wanted, &card);
    codes expected = pick(w, 8) ? CODE(OK) : spoil(w, &card);
    if (board_post(w, &message, &ret, expected) != BATON__CODE__CODE_OK) {
        return;
    }
    /* A path is written in one of several ways. */
    if (!wanted.body.n_claims && ret.changed != (!s->number || !same_rule(s, &wanted))) {
        sim_fail(w, "a schedule was %sset anew", ret.changed ? "" : "not ");
    }
    if (message.dry_run || !ret.changed) {
        return;
    }
    if (!s->number) {
        wanted.number = ret.card->number;
        w->m->cards[w->m->n_cards++] = (struct m_card){.number = wanted.number,
                                                       .kind = BATON__CARD_KIND__CARD_SCHEDULE,
                                                       .state = BATON__CARD_STATE__CARD_IN_FORCE,
                                                       .project = (int8_t)project_of(w, s),
                                                       .role = -1,
                                                       .to_role = -1,
                                                       .task = -1};
    }
    begin_anew(w, &wanted);
    *s = wanted;
}

/* ---- occurrences ---- */

static void
drop_ended(struct world *w, struct m_schedule *s)
{
    int n = 0;
    for (int i = 0; i < s->n_open; i++) {
        if (model_is_live(w->m, s->open[i])) {
            s->open[n++] = s->open[i];
        }
    }
    s->n_open = n;
}

static void
cancel_open(struct world *w, struct m_schedule *s)
{
    struct m_change change;
    memset(&change, 0, sizeof change);
    change.verb = BATON__CHANGE__VERB__CANCEL;
    change.reason = true;
    for (int i = 0; i < s->n_open; i++) {
        change.project[change.n] = w->m->task[s->open[i]].project;
        change.id[change.n++] = w->m->task[s->open[i]].id;
    }
    codes expected = model_change_codes(w->m, &change);
    if (expected != CODE(OK)) {
        sim_fail(w, "what a schedule cancels can't be cancelled");
    }
    (void)model_change(w->m, &change);
}

/* False: the core has no such task. */
static bool
is_there(struct world *w, int project, const char *id)
{
    Baton__Ref ref = BATON__REF__INIT;
    Baton__TaskView view;
    uint64_t archived = 0;
    ref.project = arena_strdup(&w->arena, sim_projects[project]);
    ref.id = arena_strdup(&w->arena, id);
    return core_get(w->core, world_request(w, ACTOR), &ref, &view, &archived) ==
               BATON__CODE__CODE_OK ||
           archived;
}

static const char *
id_of(struct world *w, const struct m_schedule *s, int64_t at)
{
    char time[64];
    return arena_printf(&w->arena, "%s@%s", schedule_names[name_of(w, s)],
                        time_format(at, time, sizeof time));
}

static void
occur_as_task(struct world *w, struct m_schedule *s, int64_t at)
{
    static struct m_submit submit;
    struct m_plan plan;
    const char *id = id_of(w, s, at);
    memset(&submit, 0, sizeof submit);
    submit.n = 1;
    submit.actor = (int8_t)(M_ACTORS_FREE + name_of(w, s));
    struct m_spec *spec = &submit.spec[0];
    *spec = s->body;
    spec->id = (int16_t)world_name(w, id);
    spec->label = (uint32_t)(M_LABEL_SCHEDULE + name_of(w, s));
    spec->deadline = s->within ? at + s->within : 0;
    int first = s->overlap == CANCEL_OLD ? 0 : MAX(s->n_open - 1, 0);
    for (int i = s->n_open - 1; i >= first && s->overlap != ALLOW; i--) {
        spec->edges[spec->n_edges++] = (struct m_edge){
            .id = w->m->task[s->open[i]].id,
            .project = s->body.project,
            .condition = BATON__CONDITION__CONDITION_FINISHED};
    }
    codes expected = model_submit_codes(w->m, &submit, &plan);
    bool added = expected == CODE(OK) ||
                 ((expected & CODE(OK)) && is_there(w, s->body.project, id));
    s->trouble |= !added;
    if (added && plan.fate[0] == FATE_CREATE) {
        int16_t ids[1] = {spec->id};
        model_submit(w->m, &submit, &plan, ids);
        s->open[s->n_open++] = (int16_t)model_find(w->m, s->body.project, spec->id);
        s->ran++;
    }
}

static void
occur(struct world *w, struct m_schedule *s, int64_t at, bool by_hand)
{
    s->trouble = false;
    if (!s->has_task) {
        s->ran++;
        return;
    }
    drop_ended(w, s);
    if ((s->n_open && s->overlap == SKIP && !by_hand) || s->n_open >= SCHEDULE_OPEN_MAX) {
        s->skipped++;
        return;
    }
    if (s->n_open && s->overlap == CANCEL_OLD) {
        cancel_open(w, s);
        drop_ended(w, s);
    }
    occur_as_task(w, s, at);
}

/* ---- the card is as the model has it ---- */

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

static double
value_of(const Baton__Card *card, const char *tag)
{
    const Baton__Item *item = find_item(card, tag);
    return item ? item->value : 0;
}

static void
compare(struct world *w, const struct m_schedule *s)
{
    Baton__Cards query = BATON__CARDS__INIT;
    Baton__CardList list;
    int n_open = 0;
    query.number = s->number;
    core_cards(w->core, world_request(w, ACTOR), &query, &list);
    if (list.n_cards != 1) {
        sim_fail(w, "schedule %llu is not there", (unsigned long long)s->number);
    }
    const Baton__Card *card = list.cards[0];
    const Baton__Item *next = find_item(card, "next"), *told = find_item(card, "told");
    for (size_t i = 0; i < card->n_items; i++) {
        if (strcmp(card->items[i]->tag, "open") == 0) {
            if (n_open >= s->n_open ||
                strcmp(w->names[w->m->task[s->open[n_open]].id], card->items[i]->name) != 0) {
                sim_fail(w, "schedule %llu has open: %s", (unsigned long long)s->number,
                         card->items[i]->name);
            }
            n_open++;
        }
    }
    if (n_open != s->n_open || (uint32_t)value_of(card, "ran") != s->ran ||
        (uint32_t)value_of(card, "skipped") != s->skipped || !told || told->at != s->told ||
        (next ? next->at : 0) != s->next || card->rings_at != s->rings_at ||
        (find_item(card, "paused") != NULL) != s->paused ||
        (find_item(card, "trouble") != NULL) != s->trouble) {
        sim_fail(w, "schedule %llu: %d open, %u ran, %u skipped is not what its card says",
                 (unsigned long long)s->number, s->n_open, s->ran, s->skipped);
    }
}

/* ---- time ---- */

static struct m_schedule *
first_due(struct world *w)
{
    struct m_schedule *first = NULL;
    for (int i = 0; i < M_PROJECTS * M_SCHEDULES; i++) {
        struct m_schedule *s = &w->m->schedules[i / M_SCHEDULES][i % M_SCHEDULES];
        bool is_due = s->number && s->rings_at && s->rings_at <= w->m->now;
        if (is_due && (!first || s->rings_at < first->rings_at ||
                       (s->rings_at == first->rings_at && s->number < first->number))) {
            first = s;
        }
    }
    return first;
}

/* Times in (after, until], rising; at most n. */
static int
draw_times(struct world *w, int64_t after, int64_t until, int n, int64_t *times)
{
    int found = 0;
    for (int i = 0; i < n && after < until; i++) {
        int64_t late = (int64_t)pick(w, 3) ? until - (int64_t)pick(w, 120000) : after + 1;
        after = MAX(after + 1, MIN(late, until));
        times[found++] = after;
    }
    return found;
}

static void
pass_one(struct world *w, struct m_schedule *s)
{
    int64_t at[8];
    struct core_times times = {.at = at, .next = INT64_MAX};
    times.n = (size_t)draw_times(w, s->told, w->m->now, (int)pick(w, s->keep + 1u), at);
    if (pick(w, 20)) {
        times.next = w->m->now + 1 + (int64_t)pick(w, (uint64_t)w->rates.tick_ms * 10);
    }
    trace_line(w, "schedule %llu: %zu times, next in %lld ms", (unsigned long long)s->number,
               times.n, (long long)(times.next == INT64_MAX ? -1 : times.next - w->m->now));
    core_schedule_pass(w->core, world_request(w, ""), s->number, &times);
    int64_t delay = s->next ? s->rings_at - s->next : 0;
    if (s->paused) {
        s->paused = false;
        begin_anew(w, s);
        return;
    }
    for (size_t i = 0; i < times.n; i++) {
        if (s->skips_missed && w->m->now - at[i] - delay > SCHEDULE_LATE_MS) {
            s->skipped++;
        } else {
            occur(w, s, at[i], false);
        }
    }
    s->told = w->m->now;
    s->next = s->rings_at = 0;
    if (times.next == INT64_MAX) {
        return;
    }
    struct core_schedule seen;
    Baton__Card which = BATON__CARD__INIT;
    which.number = s->number;
    Baton__Cards query = BATON__CARDS__INIT;
    Baton__CardList list;
    query.number = s->number;
    core_cards(w->core, world_request(w, ACTOR), &query, &list);
    s->next = times.next;
    s->rings_at = list.n_cards ? list.cards[0]->rings_at : 0;
    if (s->rings_at < s->next || s->rings_at > s->next + s->jitter ||
        !core_schedule_find(w->core, &which, &seen) || seen.told != s->told ||
        seen.keep != s->keep) {
        sim_fail(w, "schedule %llu rings at %lld, next is %lld", (unsigned long long)s->number,
                 (long long)s->rings_at, (long long)s->next);
    }
}

static void
pass_due(struct world *w)
{
    for (int i = 0; i < 4; i++) {
        struct core_schedule due;
        struct m_schedule *s = first_due(w);
        if (core_schedule_due(w->core, w->m->now, &due) != (s != NULL) ||
            (s && due.number != s->number)) {
            sim_fail(w, "another schedule is due than should be");
        }
        if (!s || s->n_open > M_EDGES_MAX - 6 || w->n_names > M_GATE_FIRST - 100 ||
            w->m->n_tasks > M_TASKS_MAX - 50) {
            return;
        }
        pass_one(w, s);
        compare(w, s);
    }
}

/* ---- the other verbs ---- */

static void
run_by_hand(struct world *w, struct m_schedule *s, Baton__Post *message, codes expected)
{
    Baton__Posted ret;
    int64_t at[4];
    int n = (int)pick(w, 4);
    if (s->n_open > M_EDGES_MAX - 5 || w->n_names > M_GATE_FIRST - 100 ||
        w->m->n_tasks > M_TASKS_MAX - 50) {
        return;
    }
    n = draw_times(w, w->m->now - 1000000, w->m->now, n, at);
    for (int i = 0; i < n; i++) {
        add_item(w, message->card, "at", "")->at = at[i];
    }
    if (n > 1 && pick(w, 6) == 0) {
        message->card->items[1]->at = message->card->items[0]->at;
        expected = expected == CODE(OK) ? CODE(INVALID) : expected;
    }
    if (board_post(w, message, &ret, expected) != BATON__CODE__CODE_OK) {
        return;
    }
    drop_ended(w, s);
    if (n == 0) {
        occur(w, s, w->m->now / 1000 * 1000, true);
    }
    for (int i = 0; i < n; i++) {
        occur(w, s, at[i], true);
    }
    compare(w, s);
}

static void
pause_or_resume(struct world *w, struct m_schedule *s, Baton__Post *message, codes expected)
{
    Baton__Posted ret;
    bool pauses = message->verb == BATON__CARD_VERB__CARD_PAUSE;
    if (pauses && pick(w, 2)) {
        bool has_passed = pick(w, 8) == 0;
        message->card->due_at = has_passed ? w->m->now : w->m->now + 1 + (int64_t)pick(w, 1000000);
        expected = has_passed && expected == CODE(OK) ? CODE(INVALID) : expected;
    }
    int64_t until = message->card->due_at;
    if (board_post(w, message, &ret, expected) != BATON__CODE__CODE_OK) {
        return;
    }
    if (pauses) {
        s->rings_at = until;
        s->next = s->paused && !ret.changed ? s->next : 0;
        s->paused = true;
    } else if (s->paused) {
        s->paused = false;
        begin_anew(w, s);
    }
    compare(w, s);
}

static void
remove_it(struct world *w, struct m_schedule *s, Baton__Post *message, codes expected)
{
    Baton__Posted ret;
    struct model *m = w->m;
    if (board_post(w, message, &ret, expected) != BATON__CODE__CODE_OK) {
        return;
    }
    for (int i = 0; i < m->n_cards; i++) {
        if (m->cards[i].number == s->number) {
            m->cards[i] = m->cards[--m->n_cards];
        }
    }
    memset(s, 0, sizeof *s);
}

void
step_schedule(struct world *w)
{
    static const Baton__CardVerb verbs[] = {
        BATON__CARD_VERB__CARD_PAUSE, BATON__CARD_VERB__CARD_RESUME, BATON__CARD_VERB__CARD_RUN,
        BATON__CARD_VERB__CARD_RUN, BATON__CARD_VERB__CARD_REMOVE};
    struct m_schedule *s = pick_schedule(w);
    uint64_t kind = pick(w, 10);
    if (kind < 5) {
        if (!w->late) {
            pass_due(w);
        }
        return;
    }
    if (kind < 7) {
        set_it(w, s);
        return;
    }
    Baton__Card card = BATON__CARD__INIT;
    Baton__Post message = BATON__POST__INIT;
    message.verb = verbs[pick(w, ARRAY_LEN(verbs))];
    message.card = &card;
    name_it(w, s, &card);
    codes expected = s->number ? CODE(OK) : CODE(NOT_FOUND);
    if (message.verb == BATON__CARD_VERB__CARD_RUN) {
        if (!w->late) {
            run_by_hand(w, s, &message, expected);
        }
    } else if (message.verb == BATON__CARD_VERB__CARD_REMOVE) {
        remove_it(w, s, &message, expected);
    } else {
        pause_or_resume(w, s, &message, expected);
    }
}
