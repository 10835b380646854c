/* What a report is made of, read through libbaton a page at a time. */
#include "ctl/report/report.h"

#include "common/alloc.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define HOUR_MS INT64_C(3600000)

static void
index_key(const char *project, const char *id, char *key, size_t room)
{
    snprintf(key, room, "%s %s", project[0] ? project : CTL_DEFAULT_PROJECT, id);
}

static bool
take_task(const baton_task *task, void *context)
{
    struct report_data *data = context;
    const baton_spec *spec = task->spec;
    if (data->n_tasks == REPORT_TASKS_MAX) {
        data->cut = true;
        return false;
    }
    if (data->n_tasks == data->room_tasks) {
        data->room_tasks = data->room_tasks ? data->room_tasks * 2 : 256;
        data->tasks = xreallocarray(data->tasks, data->room_tasks, sizeof *data->tasks);
    }
    struct report_task *to = &data->tasks[data->n_tasks];
    *to = (struct report_task){
        .project = xstrdup(spec->project[0] ? spec->project : CTL_DEFAULT_PROJECT),
        .id = xstrdup(spec->id),
        .role = xstrdup(spec->role),
        .title = xstrdup(spec->title),
        .state = task->state,
        .alert = task->alert,
        .milestone = spec->milestone,
        .attempt = task->attempt,
        .created_at = task->created_at,
        .ready_at = task->ready_at,
        .started_at = task->started_at,
        .ended_at = task->ended_at,
        .deadline = spec->deadline,
        .after = xcalloc(spec->n_after + 1, sizeof *to->after),
    };
    for (size_t i = 0; i < spec->n_after; i++) {
        const struct baton_edge *edge = &spec->after[i];
        bool own = !edge->project || !edge->project[0];
        to->after[to->n_after++] = (struct report_edge){
            .project = xstrdup(own ? to->project : edge->project), .id = xstrdup(edge->id)};
    }
    char key[ID_BYTES_MAX + NAME_BYTES_MAX + 2];
    index_key(to->project, to->id, key, sizeof key);
    json_object_set_new(data->index, key, json_integer((json_int_t)data->n_tasks++));
    return true;
}

static void
take_items(struct report_card *to, const struct baton_card *card)
{
    to->items = xcalloc(card->n_items + 1, sizeof *to->items);
    to->n_items = card->n_items;
    for (size_t i = 0; i < card->n_items; i++) {
        const struct baton_item *item = &card->items[i];
        to->items[i] = (struct report_item){
            .tag = xstrdup(item->tag),
            .name = xstrdup(item->name),
            .text = xstrdup(item->text),
            .by = xstrdup(item->by),
            .unit = xstrdup(item->unit),
            .at = item->at,
            .value = item->value,
        };
    }
}

static bool
take_card(const struct baton_card *card, void *context)
{
    struct report_data *data = context;
    if (card->ended_at && card->ended_at < data->since) {
        return true; /* of an earlier report; the archive may be full of those */
    }
    if (data->n_cards == REPORT_CARDS_MAX) {
        data->cut = true;
        return false;
    }
    if (data->n_cards == data->room_cards) {
        data->room_cards = data->room_cards ? data->room_cards * 2 : 64;
        data->cards = xreallocarray(data->cards, data->room_cards, sizeof *data->cards);
    }
    struct report_card *to = &data->cards[data->n_cards++];
    *to = (struct report_card){
        .kind = card->kind,
        .state = card->state,
        .number = card->number,
        .project = xstrdup(card->project),
        .name = xstrdup(card->name),
        .title = xstrdup(card->title),
        .text = xstrdup(card->text),
        .task = xstrdup(card->task),
        .role = xstrdup(card->role),
        .owner = xstrdup(card->owner),
        .by = xstrdup(card->by),
        .outcome = xstrdup(card->outcome),
        .ended_by = xstrdup(card->ended_by),
        .severity = card->severity,
        .rung = card->rung,
        .created_at = card->created_at,
        .changed_at = card->changed_at,
        .due_at = card->due_at,
        .ended_at = card->ended_at,
    };
    if (card->kind == BATON_CARD_INCIDENT) {
        take_items(to, card);
    }
    return true;
}

struct report_task *
report_find(const struct report_data *data, const char *project, const char *id)
{
    char key[ID_BYTES_MAX + NAME_BYTES_MAX + 2];
    index_key(project, id, key, sizeof key);
    json_t *place = json_object_get(data->index, key);
    return place ? &data->tasks[json_integer_value(place)] : NULL;
}

/* Who waits for whom, now. */
static void
count_held(struct report_data *data)
{
    for (size_t i = 0; i < data->n_tasks; i++) {
        const struct report_task *task = &data->tasks[i];
        for (size_t k = 0; task->state == BATON_WAITING && k < task->n_after; k++) {
            struct report_task *on = report_find(data, task->after[k].project, task->after[k].id);
            if (on && !baton_state_is_terminal(on->state)) {
                on->n_held++;
            }
        }
    }
}

bool
report_in_window(const struct report_data *data, int64_t at)
{
    return at >= data->since && at < data->until;
}

static baton_status
read_metrics(struct ctl *ctl, struct report_data *data, struct baton_metrics_query *query)
{
    /* Counted by the hour, up to now, for a month; a window that is not of that is told as ever. */
    int64_t ms = (ctl_now() - data->since + HOUR_MS - 1) / HOUR_MS * HOUR_MS;
    query->window_ms = data->since && ms > 0 && ms <= 744 * HOUR_MS ? ms : 0;
    return baton_get_metrics(ctl->baton, query, &data->metrics);
}

bool
report_read(struct ctl *ctl, struct report_data *data)
{
    static const baton_card_kind kinds[] = {BATON_CARD_BLOCKER, BATON_CARD_DECISION,
                                            BATON_CARD_INCIDENT};
    size_t n_projects = ctl->project_given ? 1 : 0;
    struct baton_filter filter = {
        .projects = &ctl->project, .n_projects = n_projects, .archived = true};
    struct baton_card_filter cards = {.kinds = kinds,
                                      .n_kinds = 3,
                                      .projects = &ctl->project,
                                      .n_projects = n_projects,
                                      .archived = true};
    struct baton_metrics_query query = {.projects = &ctl->project, .n_projects = n_projects};
    data->index = json_object();
    baton_status status = baton_list(ctl->baton, &filter, take_task, data, NULL);
    status = status ? status : baton_cards(ctl->baton, &cards, take_card, data, NULL);
    status = status ? status : read_metrics(ctl, data, &query);
    if (status != BATON_OK) {
        ctl->status = ctl_fail_status(ctl, status);
        return false;
    }
    count_held(data);
    return targets_read(ctl, data->metrics, &ctl->project, n_projects, &data->targets);
}

static void
items_free(struct report_card *card)
{
    for (size_t i = 0; i < card->n_items; i++) {
        struct report_item *item = &card->items[i];
        char *const texts[] = {item->tag, item->name, item->text, item->by, item->unit};
        for (size_t k = 0; k < ARRAY_LEN(texts); k++) {
            free(texts[k]);
        }
    }
    free(card->items);
}

/* The tasks that follow from it. */
static baton_status
read_follow_ups(struct ctl *ctl, struct report_data *data, const struct report_card *card)
{
    struct baton_ref *ids = xcalloc(card->n_items + 1, sizeof *ids);
    size_t n = 0;
    for (size_t i = 0; i < card->n_items; i++) {
        if (strcmp(card->items[i].tag, "follow_up") == 0) {
            ids[n++] = (struct baton_ref){.project = card->project, .id = card->items[i].name};
        }
    }
    struct baton_filter filter = {.ids = ids, .n_ids = n, .archived = true};
    baton_status status = n ? baton_list(ctl->baton, &filter, take_task, data, NULL) : BATON_OK;
    free(ids);
    return status;
}

bool
report_read_incident(struct ctl *ctl, struct report_data *data, uint64_t number)
{
    static const baton_card_kind incident = BATON_CARD_INCIDENT, blocker = BATON_CARD_BLOCKER;
    struct baton_card_filter one = {.kinds = &incident, .n_kinds = 1, .number = number};
    data->index = json_object();
    data->until = ctl_now();
    baton_status status = baton_cards(ctl->baton, &one, take_card, data, NULL);
    if (status == BATON_OK && data->n_cards == 0) {
        ctl->status = ctl_fail(ctl, CTL_NO, "not_found", NULL, "there is no incident #%" PRIu64,
                               number);
        return false;
    }
    if (status == BATON_OK) {
        const char *project = data->cards[0].project;
        struct baton_card_filter blockers = {
            .kinds = &blocker, .n_kinds = 1, .projects = &project, .n_projects = 1};
        status = baton_cards(ctl->baton, &blockers, take_card, data, NULL);
    }
    status = status ? status : read_follow_ups(ctl, data, &data->cards[0]);
    if (status != BATON_OK) {
        ctl->status = ctl_fail_status(ctl, status);
    }
    return status == BATON_OK;
}

void
report_fini(struct report_data *data)
{
    for (size_t i = 0; i < data->n_tasks; i++) {
        struct report_task *task = &data->tasks[i];
        for (size_t k = 0; k < task->n_after; k++) {
            free(task->after[k].project);
            free(task->after[k].id);
        }
        free(task->after);
        free(task->project);
        free(task->id);
        free(task->role);
        free(task->title);
    }
    for (size_t i = 0; i < data->n_cards; i++) {
        struct report_card *card = &data->cards[i];
        char *const texts[] = {card->project, card->name,    card->title, card->text,
                               card->task,    card->role,    card->owner, card->by,
                               card->outcome, card->ended_by};
        for (size_t k = 0; k < ARRAY_LEN(texts); k++) {
            free(texts[k]);
        }
        items_free(card);
    }
    free(data->tasks);
    free(data->cards);
    baton_metrics_reply_free(data->metrics);
    targets_fini(&data->targets);
    json_decref(data->index);
    *data = (struct report_data){0};
}
