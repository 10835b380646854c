/* The board: posting and reading cards. */
#include "client/card.h"
#include "client/handle.h"
#include "client/spec.h"
#include "common/check.h"
#include "common/limits.h"

static Baton__Item **
items_to_messages(struct record *record, const struct baton_item *items, size_t n)
{
    Baton__Item *messages = record_array(record, n, sizeof *messages);
    Baton__Item **pointers = record_array(record, n, sizeof *pointers);
    for (size_t i = 0; messages && pointers && i < n; i++) {
        messages[i] = (Baton__Item)BATON__ITEM__INIT;
        messages[i].tag = pb_text(items[i].tag);
        messages[i].name = pb_text(items[i].name);
        messages[i].text = pb_text(items[i].text);
        messages[i].by = pb_text(items[i].by);
        messages[i].at = items[i].at;
        messages[i].value = items[i].value;
        messages[i].unit = pb_text(items[i].unit);
        messages[i].number = items[i].number;
        pointers[i] = &messages[i];
    }
    return pointers;
}

Baton__Card *
card_to_message(struct record *record, const struct baton_card *card)
{
    Baton__Card *m = record_alloc(record, sizeof *m);
    if (!m) {
        return NULL;
    }
    *m = (Baton__Card)BATON__CARD__INIT;
    m->number = card->number;
    m->kind = (Baton__CardKind)card->kind;
    m->project = pb_text(card->project);
    m->name = pb_text(card->name);
    m->title = pb_text(card->title);
    m->text = pb_text(card->text);
    m->task = pb_text(card->task);
    m->role = pb_text(card->role);
    m->to_role = pb_text(card->to_role);
    m->owner = pb_text(card->owner);
    m->severity = card->severity;
    m->due_at = card->due_at;
    m->items = items_to_messages(record, card->items, card->n_items);
    m->n_items = card->n_items;
    m->body.data = (uint8_t *)(uintptr_t)card->body;
    m->body.len = card->body_bytes;
    if (card->spec && !spec_pack_in(record, card->spec, &m->body)) {
        return NULL;
    }
    m->outcome = pb_text(card->outcome);
    return m;
}

bool
card_from_message(struct record *record, const Baton__Card *m, struct baton_card *ret_card)
{
    static const Baton__Card none = BATON__CARD__INIT;
    m = m ? m : &none;
    struct baton_item *items = record_array(record, m->n_items, sizeof *items);
    for (size_t i = 0; items && i < m->n_items; i++) {
        const Baton__Item *item = m->items[i];
        items[i] = (struct baton_item){
            .tag = item->tag,
            .name = item->name,
            .text = item->text,
            .by = item->by,
            .at = item->at,
            .value = item->value,
            .unit = item->unit,
            .number = item->number,
        };
    }
    *ret_card = (struct baton_card){
        .number = m->number,
        .kind = (baton_card_kind)m->kind,
        .project = m->project,
        .name = m->name,
        .state = (baton_card_state)m->state,
        .title = m->title,
        .text = m->text,
        .task = m->task,
        .role = m->role,
        .to_role = m->to_role,
        .owner = m->owner,
        .severity = m->severity,
        .by = m->by,
        .created_at = m->created_at,
        .changed_at = m->changed_at,
        .due_at = m->due_at,
        .rings_at = m->rings_at,
        .ended_at = m->ended_at,
        .rung = m->rung,
        .token = m->token,
        .items = items,
        .n_items = m->n_items,
        .body = m->body.data,
        .body_bytes = m->body.len,
        .outcome = m->outcome,
        .ended_by = m->ended_by,
    };
    if (m->kind == BATON__CARD_KIND__CARD_SCHEDULE && m->body.len) {
        ret_card->spec = spec_read(record, m->body);
        record->malformed = false; /* a schedule whose task can't be read has none */
    }
    return !record->failed;
}

static void
times_from_message(const Baton__TimeList *list, struct baton_timetable *ret)
{
    *ret = (struct baton_timetable){.at = list->at, .n = list->n_at, .zone = list->zone};
}

baton_status
baton_post(baton *b, const struct baton_post *post, baton_posted **ret_posted)
{
    struct record *scratch = scratch_new(b, 4096);
    Baton__Card *card = scratch ? card_to_message(scratch, &post->card) : NULL;
    if (!card || scratch->failed) {
        return no_memory(b, scratch);
    }
    Baton__Post m = BATON__POST__INIT;
    m.verb = (Baton__CardVerb)post->verb;
    m.card = card;
    m.token = post->token;
    m.force = post->force;
    m.dry_run = post->dry_run;
    Baton__ToBroker message = BATON__TO_BROKER__INIT;
    message.op_case = BATON__TO_BROKER__OP_POST;
    message.post = &m;
    struct ask ask = {
        .message = &message,
        .changing = !post->dry_run,
        .answer = BATON__FROM_BROKER__OP_POSTED,
        .public_bytes = sizeof(baton_posted),
    };
    struct answer answer;
    baton_status status = request(b, &ask, &answer);
    record_free(scratch);
    if (status) {
        return status;
    }
    const Baton__Posted *reply = answer.message->posted;
    baton_posted *posted = record_public(answer.record);
    posted->changed = reply->changed;
    posted->event = reply->event;
    posted->replayed = answer.message->replayed;
    if (reply->times) {
        times_from_message(reply->times, &posted->times);
    }
    if (!card_from_message(answer.record, reply->card, &posted->card)) {
        return no_memory(b, answer.record);
    }
    *ret_posted = posted;
    return BATON_OK;
}

void
baton_posted_free(baton_posted *posted)
{
    record_free(record_of(posted));
}

/* ---- reading ---- */

static Baton__Cards *
query_make(struct record *record, const struct baton_card_filter *filter)
{
    Baton__Cards *m = record_alloc(record, sizeof *m);
    if (!m) {
        return NULL;
    }
    *m = (Baton__Cards)BATON__CARDS__INIT;
    m->kinds = record_array(record, filter->n_kinds, sizeof *m->kinds);
    m->states = record_array(record, filter->n_states, sizeof *m->states);
    for (size_t i = 0; m->kinds && i < filter->n_kinds; i++) {
        m->kinds[i] = (Baton__CardKind)filter->kinds[i];
    }
    for (size_t i = 0; m->states && i < filter->n_states; i++) {
        m->states[i] = (Baton__CardState)filter->states[i];
    }
    m->n_kinds = filter->n_kinds;
    m->n_states = filter->n_states;
    m->projects = pb_texts(filter->projects);
    m->n_projects = filter->n_projects;
    m->roles = pb_texts(filter->roles);
    m->n_roles = filter->n_roles;
    m->task = filter->task ? ref_to_message(record, filter->task) : NULL;
    m->name = pb_text(filter->name);
    m->number = filter->number;
    m->open = filter->open;
    m->since = filter->since;
    m->until = filter->until;
    m->archived = filter->archived;
    return record->failed ? NULL : m;
}

/* False: the caller has enough, or (ret_no_memory) there is none. */
static bool
page_hand_out(struct record *record, const Baton__CardList *page, size_t *left, baton_card_fn *each,
              void *context, bool *ret_no_memory)
{
    for (size_t i = 0; i<page->n_cards && * left> 0; i++, (*left)--) {
        struct baton_card card;
        if (!card_from_message(record, page->cards[i], &card)) {
            *ret_no_memory = true;
            return false;
        }
        if (!each(&card, context)) {
            return false;
        }
    }
    return *left > 0;
}

baton_status
baton_cards(baton *b, const struct baton_card_filter *filter, baton_card_fn *each, void *context,
            uint64_t *ret_event)
{
    static const struct baton_card_filter all;
    filter = filter ? filter : &all;
    struct record *scratch = scratch_new(b, 1024);
    Baton__Cards *query = scratch ? query_make(scratch, filter) : NULL;
    if (!query) {
        return no_memory(b, scratch);
    }
    size_t left = filter->limit ? filter->limit : SIZE_MAX;
    bool first = true, more = true, out_of_memory = false;
    baton_status status = BATON_OK;
    while (more && !status) {
        Baton__ToBroker message = BATON__TO_BROKER__INIT;
        message.op_case = BATON__TO_BROKER__OP_CARDS;
        message.cards = query;
        struct ask ask = {.message = &message, .answer = BATON__FROM_BROKER__OP_CARDS};
        struct answer answer;
        status = request(b, &ask, &answer);
        if (status) {
            break;
        }
        const Baton__CardList *page = answer.message->cards;
        if (first && ret_event) {
            *ret_event = page->event;
        }
        first = false;
        more = page_hand_out(answer.record, page, &left, each, context, &out_of_memory) &&
               page->next > query->after;
        query->after = page->next;
        record_free(answer.record);
        status = out_of_memory ? no_memory(b, NULL) : BATON_OK;
    }
    record_free(scratch);
    return status;
}

baton_status
baton_schedule_times(baton *b, const char *project, const char *name, int64_t from, size_t n,
                     struct baton_timetable **ret_times)
{
    Baton__Times m = BATON__TIMES__INIT;
    m.project = pb_text(project);
    m.name = pb_text(name);
    m.from = from;
    m.n = (uint32_t)MIN(n, (size_t)SCHEDULE_TIMES_MAX);
    Baton__ToBroker message = BATON__TO_BROKER__INIT;
    message.op_case = BATON__TO_BROKER__OP_TIMES;
    message.times = &m;
    struct ask ask = {
        .message = &message,
        .answer = BATON__FROM_BROKER__OP_TIMES,
        .public_bytes = sizeof(struct baton_timetable),
    };
    struct answer answer;
    baton_status status = request(b, &ask, &answer);
    if (status) {
        return status;
    }
    *ret_times = record_public(answer.record);
    times_from_message(answer.message->times, *ret_times);
    return BATON_OK;
}

void
baton_timetable_free(struct baton_timetable *times)
{
    record_free(record_of(times));
}
