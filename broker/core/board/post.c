/* Post: what is done with cards. What all kinds share is checked and filled in here; the kind's own
 * file decides the rest. */
#include "broker/core/board/board.h"

#include "common/gate_name.h"
#include "common/text.h"
#include "common/unpack.h"

#include <string.h>

enum { TICK_CARDS = 1000 };

/* ---- the form of what is given ---- */

static bool
unit_is_fine(const char *unit)
{
    return !unit[0] || prose_is_valid(unit, CARD_TAG_BYTES_MAX);
}

static Baton__Code
check_items(struct core_request *request, const Baton__Card *card)
{
    if (card->n_items > CARD_ITEMS_MAX) {
        return refuse(request, BATON__CODE__CODE_TOO_LARGE, "card.items",
                      "a card has at most %d items", (int)CARD_ITEMS_MAX);
    }
    for (size_t i = 0; i < card->n_items; i++) {
        const Baton__Item *item = card->items[i];
        const char *field = arena_printf(request->arena, "card.items[%zu]", i);
        if (!name_is_valid(item->tag, CARD_TAG_BYTES_MAX)) {
            return refuse(request, BATON__CODE__CODE_INVALID, field,
                          "%s: its tag is missing or not a name", field);
        }
        if ((item->name[0] && !prose_is_valid(item->name, TITLE_BYTES_MAX)) ||
            (item->text[0] && !prose_is_valid(item->text, CARD_TEXT_BYTES_MAX)) ||
            (item->by[0] && !prose_is_valid(item->by, NAME_BYTES_MAX)) ||
            !unit_is_fine(item->unit) || item->at < 0 || item->at > TIME_MS_MAX ||
            !(item->value >= -1e300 && item->value <= 1e300)) {
            return refuse(request, BATON__CODE__CODE_INVALID, field,
                          "%s: a text is too long or has control characters, or a number is out "
                          "of range",
                          field);
        }
    }
    return BATON__CODE__CODE_OK;
}

struct text_field {
    const char *field;
    const char *text;
    size_t bytes_max;
    bool is_name;
};

static Baton__Code
check_texts(struct core_request *request, const Baton__Card *card)
{
    const struct text_field fields[] = {
        {"card.project", card->project, NAME_BYTES_MAX, true},
        {"card.name", card->name, NAME_BYTES_MAX, false},
        {"card.task", card->task, ID_BYTES_MAX, true},
        {"card.title", card->title, TITLE_BYTES_MAX, false},
        {"card.text", card->text, CARD_TEXT_BYTES_MAX, false},
        {"card.owner", card->owner, NAME_BYTES_MAX, false},
        {"card.outcome", card->outcome, CARD_TEXT_BYTES_MAX, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        const struct text_field *f = &fields[i];
        if (!f->text[0]) {
            continue;
        }
        if (strlen(f->text) > f->bytes_max) {
            return refuse(request, BATON__CODE__CODE_TOO_LARGE, f->field,
                          "%s: at most %zu bytes are taken", f->field, f->bytes_max);
        }
        if (f->is_name ? !name_is_valid(f->text, f->bytes_max)
                       : !prose_is_valid(f->text, f->bytes_max)) {
            return refuse(request, BATON__CODE__CODE_INVALID, f->field,
                          "%s: not UTF-8, or with characters that don't belong there", f->field);
        }
    }
    return BATON__CODE__CODE_OK;
}

static Baton__Code
check_form(struct core_request *request, const Baton__Card *card)
{
    Baton__Code code = check_texts(request, card);
    if (code != BATON__CODE__CODE_OK) {
        return code;
    }
    const char *const roles[] = {card->role, card->to_role};
    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        if (roles[i][0] && role_number(roles[i]) < 0) {
            return refuse(request, BATON__CODE__CODE_UNKNOWN_ROLE, i ? "card.to_role" : "card.role",
                          "'%s' is no role: infra, backend, frontend, realtime, integration, "
                          "testing",
                          roles[i]);
        }
    }
    if (card->severity > 4) {
        return refuse(request, BATON__CODE__CODE_INVALID, "card.severity",
                      "the severity is 1 to 4, for P0 to P3");
    }
    if (card->due_at < 0 || card->due_at > TIME_MS_MAX) {
        return refuse(request, BATON__CODE__CODE_INVALID, "card.due_at",
                      "the time is out of range");
    }
    if (baton__card__get_packed_size(card) > CARD_BYTES_MAX) {
        return refuse(request, BATON__CODE__CODE_TOO_LARGE, "card", "a card has at most 256 KiB");
    }
    return check_items(request, card);
}

/* Which of the fields that a request may give are given; GIVES_… */
static uint32_t
fields_given(const Baton__Card *card)
{
    uint32_t given = 0;
    given |= card->title[0] ? GIVES_TITLE : 0;
    given |= card->text[0] ? GIVES_TEXT : 0;
    given |= card->task[0] ? GIVES_TASK : 0;
    given |= card->role[0] ? GIVES_ROLE : 0;
    given |= card->to_role[0] ? GIVES_TO_ROLE : 0;
    given |= card->owner[0] ? GIVES_OWNER : 0;
    given |= card->severity ? GIVES_SEVERITY : 0;
    given |= card->due_at ? GIVES_DUE_AT : 0;
    given |= card->n_items ? GIVES_ITEMS : 0;
    given |= card->body.len ? GIVES_BODY : 0;
    given |= card->outcome[0] ? GIVES_OUTCOME : 0;
    return given;
}

static Baton__Code
check_fields(struct core_request *request, const struct card_kind *kind, const Baton__Card *card)
{
    static const struct {
        uint32_t bit;
        const char *field;
    } names[] = {
        {GIVES_TITLE, "title"},       {GIVES_TEXT, "text"},       {GIVES_TASK, "task"},
        {GIVES_ROLE, "role"},         {GIVES_TO_ROLE, "to_role"}, {GIVES_OWNER, "owner"},
        {GIVES_SEVERITY, "severity"}, {GIVES_DUE_AT, "due_at"},   {GIVES_ITEMS, "items"},
        {GIVES_BODY, "body"},         {GIVES_OUTCOME, "outcome"},
    };
    uint32_t strange = fields_given(card) & ~kind->gives;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strange & names[i].bit) {
            return refuse(request, BATON__CODE__CODE_INVALID,
                          arena_printf(request->arena, "card.%s", names[i].field), "a %s has no %s",
                          kind->name, names[i].field);
        }
    }
    return BATON__CODE__CODE_OK;
}

/* ---- who and which ---- */

Baton__Code
post_illegal(struct posting *p, const char *what)
{
    return refuse(p->request, BATON__CODE__CODE_ILLEGAL_TRANSITION, "verb", "%s #%llu is %s: %s",
                  card_kinds[p->next.kind]->name, (unsigned long long)p->next.number,
                  card_state_name((int)p->next.state), what);
}

Baton__Code
post_bad_item(struct posting *p, size_t i, const char *what)
{
    const char *field = arena_printf(p->request->arena, "card.items[%zu]", i);
    const char *tag = p->given->items[i]->tag;
    return refuse(p->request, BATON__CODE__CODE_INVALID, field, "%s: %s", tag[0] ? tag : field,
                  what);
}

static const char *
slug_of(struct arena *arena, const char *name)
{
    char *slug = arena_strdup(arena, name);
    slug_make(slug);
    return slug;
}

static Baton__Code
find_under(struct posting *p)
{
    if (!p->post->token) {
        return BATON__CODE__CODE_OK;
    }
    struct task *task = task_by_token(p->core, p->post->token);
    if (!task || task->course->token != p->post->token || !task_has_lease(task)) {
        return refuse(p->request, BATON__CODE__CODE_STALE_TOKEN, "token",
                      "token %llu is no lease (any more): the task was given to somebody else or "
                      "has ended; stop working on it",
                      (unsigned long long)p->post->token);
    }
    p->under = task;
    return BATON__CODE__CODE_OK;
}

/* The card that the request names; NULL in p->card: none. */
static void
find_card(struct posting *p, const char *project, const char *name)
{
    const Baton__Card *given = p->given;
    if (given->number) {
        p->card = board_find(p->core, given->number);
        if (p->card && given->kind && p->card->message->kind != given->kind) {
            p->card = NULL;
        }
    } else if (name[0]) {
        const struct card_kind *kind = (unsigned)given->kind < CARD_KINDS_N
                                           ? card_kinds[given->kind]
                                           : NULL;
        bool proposed = kind && kind->proposed;
        if (proposed) {
            p->card = board_find_proposal(p->core, given->kind, project, name);
        }
        if (!p->card && !(proposed && p->post->verb == VERB(RAISE))) {
            p->card = board_find_named(p->core, given->kind, project, name);
        }
    }
}

static Baton__Code
check_named(struct posting *p, const struct card_kind *kind, const char *name)
{
    if (!kind->named && name[0]) {
        return refuse(p->request, BATON__CODE__CODE_INVALID, "card.name",
                      "a %s has no name: it is known by its number", kind->name);
    }
    if (kind->named && !name_is_valid(name, NAME_BYTES_MAX)) {
        return refuse(p->request, BATON__CODE__CODE_INVALID, "card.name",
                      "the name is missing or is not one");
    }
    return BATON__CODE__CODE_OK;
}

/* A card that does not exist yet: what was given, and who gives it. */
static void
begin_new(struct posting *p, const char *project, const char *name)
{
    p->next = *p->given;
    p->next.number = 0;
    p->next.state = CARD(OPEN);
    p->next.project = (char *)(uintptr_t)project;
    p->next.name = (char *)(uintptr_t)name;
    p->next.by = (char *)(uintptr_t)(p->request->actor ? p->request->actor : "");
    p->next.created_at = p->request->now;
    p->next.ended_at = p->next.rings_at = 0;
    p->next.rung = 0;
    p->next.token = p->post->token;
    p->next.ended_by = (char *)(uintptr_t) "";
    if (p->under && !p->next.task[0] && (card_kinds[p->next.kind]->gives & GIVES_TASK)) {
        p->next.task = p->under->id;
    }
}

static Baton__Code
find_task(struct posting *p)
{
    if (!p->next.task[0]) {
        return BATON__CODE__CODE_OK;
    }
    p->task = task_find(p->core, project_find(p->core, p->next.project), p->next.task);
    if (!p->card && (!p->task || p->task->state == UNKNOWN) &&
        !tombstone_find(p->core, p->next.project, p->next.task)) {
        return refuse(p->request, BATON__CODE__CODE_NOT_FOUND, "card.task",
                      "there is no task '%s' in project '%s'", p->next.task, p->next.project);
    }
    return BATON__CODE__CODE_OK;
}

static bool
is_making(unsigned verb)
{
    return verb == VERB(RAISE) || verb == VERB(SET);
}

Baton__Code
board_check_room(const struct core *core, struct core_request *request, size_t n_cards,
                 size_t n_budgets)
{
    if (board_n_open(core) + n_cards > CARDS_MAX) {
        return refuse(request, BATON__CODE__CODE_FULL, "card",
                      "the board holds at most %d open cards: end some first", (int)CARDS_MAX);
    }
    if (n_budgets && core->n_budgets + n_budgets > BUDGETS_MAX) {
        return refuse(request, BATON__CODE__CODE_FULL, "card",
                      "there are at most %d budgets: remove some first", (int)BUDGETS_MAX);
    }
    return BATON__CODE__CODE_OK;
}

/* For the new one. What cards mean for a project is kept with it, and projects stay. */
static Baton__Code
check_room(const struct posting *p, unsigned kind, const char *project)
{
    if (p->counted) {
        return BATON__CODE__CODE_OK;
    }
    if (!project_find(p->core, project) && p->core->n_projects >= PROJECTS_MAX) {
        return refuse(p->request, BATON__CODE__CODE_FULL, "card.project",
                      "there are %d projects: no card can name another one", (int)PROJECTS_MAX);
    }
    return board_check_room(p->core, p->request, 1, kind == KIND(BUDGET));
}

/* Fills in p->next: a copy of the card, or what a new one begins as. */
static Baton__Code
begin(struct posting *p)
{
    const Baton__Card *given = p->given;
    const char *project = given->project[0] ? given->project
                          : p->under        ? task_project(p->core, p->under)
                                            : "default";
    const struct card_kind *kind = (unsigned)given->kind < CARD_KINDS_N ? card_kinds[given->kind]
                                                                        : NULL;
    const char *name = kind && kind->slugged ? slug_of(p->request->arena, given->name)
                                             : given->name;
    find_card(p, project, name);
    if (!p->card && !is_making(p->post->verb)) {
        return refuse(p->request, BATON__CODE__CODE_NOT_FOUND, "card",
                      "there is no such card on the board");
    }
    kind = p->card ? card_kinds[p->card->message->kind] : kind;
    if (!kind) {
        return refuse(p->request, BATON__CODE__CODE_INVALID, "card.kind", "no such kind of card");
    }
    if (p->card) {
        Baton__Code strange = is_making(p->post->verb) ? check_fields(p->request, kind, given)
                                                       : BATON__CODE__CODE_OK;
        p->next = board_copy(p->card);
        return strange == BATON__CODE__CODE_OK ? find_task(p) : strange;
    }
    Baton__Code code = check_named(p, kind, name);
    if (code == BATON__CODE__CODE_OK) {
        code = check_fields(p->request, kind, given);
    }
    code = code == BATON__CODE__CODE_OK ? check_room(p, given->kind, project) : code;
    if (code == BATON__CODE__CODE_OK) {
        begin_new(p, project, name);
        code = find_task(p);
    }
    return code;
}

/* ---- the verb ---- */

Baton__Card
board_copy(const struct card *card)
{
    return *card->message;
}

uint64_t
board_emit(struct core *core, struct core_request *request, const Baton__Card *next, unsigned verb)
{
    Baton__Card card = *next;
    card.changed_at = MAX(request->now, core->now);
    Baton__CardPut put = BATON__CARD_PUT__INIT;
    put.card = &card;
    put.verb = (Baton__CardVerb)verb;
    Baton__Fact fact = BATON__FACT__INIT;
    fact.what_case = BATON__FACT__WHAT_CARD_PUT;
    fact.card_put = &put;
    return emit(core, request, &fact);
}

static void
forget(struct core *core, struct core_request *request, const struct card *card)
{
    Baton__CardGone gone = BATON__CARD_GONE__INIT;
    gone.number = card->message->number;
    Baton__Fact fact = BATON__FACT__INIT;
    fact.what_case = BATON__FACT__WHAT_CARD_GONE;
    fact.card_gone = &gone;
    emit(core, request, &fact);
}

static bool
is_same(struct posting *p)
{
    if (!p->card) {
        return false;
    }
    size_t a = baton__card__get_packed_size(&p->next);
    size_t b = baton__card__get_packed_size(p->card->message);
    if (a != b) {
        return false;
    }
    uint8_t *x = arena_alloc(p->request->arena, a + 1), *y = arena_alloc(p->request->arena, a + 1);
    baton__card__pack(&p->next, x);
    baton__card__pack(p->card->message, y);
    return memcmp(x, y, a) == 0;
}

static Baton__Card *
answer_card(struct core_request *request, const Baton__Card *card)
{
    size_t bytes = baton__card__get_packed_size(card);
    uint8_t *packed = arena_alloc(request->arena, bytes + 1);
    baton__card__pack(card, packed);
    Baton__Card *copy = unpack_own(request->arena, &baton__card__descriptor, bytes, packed);
    CHECK(copy);
    return copy;
}

static Baton__Code
carry_out(struct posting *p, Baton__Posted *ret)
{
    if (p->post->verb == VERB(REMOVE) && p->card) {
        ret->card = answer_card(p->request, p->card->message);
        forget(p->core, p->request, p->card);
        return BATON__CODE__CODE_OK;
    }
    uint64_t seq = board_emit(p->core, p->request, &p->next, p->post->verb);
    uint64_t number = p->next.number ? p->next.number : seq;
    struct card *card = board_find(p->core, number);
    p->card = card;
    p->next = board_copy(card); /* what it pointed to may be gone */
    if (p->then) {
        p->then(p, card);
    }
    ret->card = answer_card(p->request, board_find(p->core, number)->message);
    return BATON__CODE__CODE_OK;
}

Baton__Code
posting_decide(struct posting *p, struct core *core, struct core_request *request,
               const Baton__Post *post, bool counted, bool *ret_changed)
{
    static const Baton__Card nothing = BATON__CARD__INIT;
    *p = (struct posting){.core = core, .request = request, .post = post, .counted = counted};
    p->given = post->card ? post->card : &nothing;
    /* First of all: who has no lease any more stops, whatever else is wrong. */
    Baton__Code code = find_under(p);
    if (code == BATON__CODE__CODE_OK) {
        code = (unsigned)post->verb == 0 || (unsigned)post->verb >= CARD_VERBS_N
                   ? refuse(request, BATON__CODE__CODE_INVALID, "verb", "no such verb")
                   : check_form(request, p->given);
    }
    if (code == BATON__CODE__CODE_OK) {
        code = begin(p);
    }
    if (code != BATON__CODE__CODE_OK) {
        return code;
    }
    const struct card_kind *kind = card_kinds[p->next.kind];
    card_verb_fn *verb = kind->verbs[post->verb];
    if (!verb) {
        return refuse(request, BATON__CODE__CODE_INVALID, "verb", "a %s can't be %s", kind->name,
                      card_verb_name((int)post->verb));
    }
    code = verb(p);
    if (code == BATON__CODE__CODE_OK && (p->next.n_items > CARD_ITEMS_MAX ||
                                         baton__card__get_packed_size(&p->next) > CARD_BYTES_MAX)) {
        code = refuse(request, BATON__CODE__CODE_TOO_LARGE, "card",
                      "with this the card would be larger than 256 KiB, or have more than %d items",
                      (int)CARD_ITEMS_MAX);
    }
    *ret_changed = code == BATON__CODE__CODE_OK && (post->verb == VERB(REMOVE) || !is_same(p));
    return code;
}

Baton__Code
core_post(struct core *core, struct core_request *request, const Baton__Post *post,
          Baton__Posted *ret)
{
    baton__posted__init(ret);
    struct posting p;
    bool changed;
    Baton__Code code = posting_decide(&p, core, request, post, false, &changed);
    if (code != BATON__CODE__CODE_OK) {
        return code;
    }
    ret->changed = changed;
    if (post->dry_run || !ret->changed) {
        ret->card = answer_card(request, &p.next);
    } else {
        code = carry_out(&p, ret);
    }
    ret->event = core->event;
    return code;
}

/* ---- clocks, retention ---- */

void
board_tick(struct core *core, struct core_request *request)
{
    struct card *card;
    for (int i = 0; i < TICK_CARDS && (card = board_ringing(core, request->now)); i++) {
        uint64_t number = card->message->number;
        int64_t was = card->message->rings_at;
        card_kinds[card->message->kind]->ring(core, request, card);
        card = board_find(core, number);
        CHECK(!card || card_has_ended(card->message) || card->message->rings_at != was);
    }
    for (int i = 0; i < TICK_CARDS && (card = board_surplus(core)); i++) {
        forget(core, request, card);
    }
}

/* ---- items ---- */

Baton__Item *
card_item(const Baton__Card *card, const char *tag, const char *name)
{
    for (size_t i = 0; i < card->n_items; i++) {
        if (strcmp(card->items[i]->tag, tag) == 0 && strcmp(card->items[i]->name, name) == 0) {
            return card->items[i];
        }
    }
    return NULL;
}

size_t
card_items_tagged(const Baton__Card *card, const char *tag)
{
    size_t n = 0;
    for (size_t i = 0; i < card->n_items; i++) {
        n += strcmp(card->items[i]->tag, tag) == 0;
    }
    return n;
}

void
card_items_own(struct core_request *request, Baton__Card *next)
{
    Baton__Item **items = arena_alloc(request->arena, (next->n_items + 1) * sizeof(Baton__Item *));
    for (size_t i = 0; i < next->n_items; i++) {
        items[i] = arena_memdup(request->arena, next->items[i], sizeof(Baton__Item));
    }
    next->items = items;
}

Baton__Item *
card_item_add(struct core_request *request, Baton__Card *next, const char *tag, const char *name)
{
    card_items_own(request, next);
    Baton__Item *item = arena_alloc(request->arena, sizeof *item);
    baton__item__init(item);
    item->tag = (char *)(uintptr_t)tag;
    item->name = (char *)(uintptr_t)name;
    next->items[next->n_items++] = item;
    return item;
}
