#include "broker/front/schedules.h"

#include "broker/front/zone.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/text.h"
#include "common/units.h"

#include <string.h>

enum {
    SCHEDULES_A_TURN = 100,
    TIMES_ANSWERED = 10, /* if nobody says how many */
    TIMES_TRIED = 5,     /* of a schedule that would be set */
};

#define DAY_MS INT64_C(86400000)

/* A schedule with its zone open. */
struct timetable {
    struct core_schedule of;
    struct zone *zone;
};

/* tzdata may have lost the zone since: then it is UTC, and said so. */
static void
open_zone(struct timetable *table)
{
    table->zone = zone_open(table->of.zone);
    if (!table->zone) {
        log_event(LOG_LEVEL_ERROR, "schedule.zone", "number=%llu zone=%s instead=UTC",
                  (unsigned long long)table->of.number, table->of.zone);
        table->zone = zone_open("UTC");
        CHECK(table->zone);
    }
}

static int64_t
next_time(const struct timetable *table, int64_t after)
{
    const struct core_schedule *s = &table->of;
    int64_t at = zone_next(table->zone, &s->rule, s->anchor, MAX(after, s->start - 1));
    return at <= s->end ? at : INT64_MAX;
}

/* The latest of those in (after, until], rising; at most `room`, which is above 0. */
static size_t
latest_times(const struct timetable *table, int64_t after, int64_t until, int64_t *times,
             size_t room)
{
    size_t n = 0;
    /* Looked for from ever longer ago, so that a minute's rule does not cost a year's minutes. */
    for (int64_t ago = DAY_MS;; ago *= 2) {
        int64_t from = MAX(after, until - ago);
        n = 0;
        for (int64_t at = next_time(table, from); at <= until; at = next_time(table, at)) {
            times[n++ % room] = at;
        }
        if (n >= room || from == after) {
            break;
        }
    }
    if (n > room) { /* the ring as a row */
        int64_t row[SCHEDULE_MISSED_MAX];
        CHECK(room <= ARRAY_LEN(row));
        for (size_t i = 0; i < room; i++) {
            row[i] = times[(n + i) % room];
        }
        memcpy(times, row, room * sizeof *times);
        n = room;
    }
    return n;
}

void
schedules_run(struct front *front)
{
    struct timetable table;
    const char *reason;
    for (int i = 0; i < SCHEDULES_A_TURN && front_is_accepting(front, &reason) &&
                    core_schedule_due(front->core, front->now, &table.of);
         i++) {
        int64_t at[SCHEDULE_MISSED_MAX];
        struct core_times times = {.at = at};
        open_zone(&table);
        times.n = latest_times(&table, table.of.told, front->now, at, table.of.keep);
        times.next = next_time(&table, front->now);
        zone_close(table.zone);
        struct core_request request = front_request(front, "");
        core_schedule_pass(front->core, &request, table.of.number, &times);
    }
}

int64_t
schedules_next_at(const struct front *front)
{
    const char *reason;
    /* While no work is taken they wait: it is as if the broker had not been there. */
    return core_is_accepting(front->core, &reason) && !front->space.is_low
               ? core_schedule_next_at(front->core)
               : INT64_MAX;
}

/* ---- requests ---- */

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

static Baton__Item *
new_item(struct front *front, const char *tag)
{
    Baton__Item *item = arena_alloc(&front->arena, sizeof *item);
    baton__item__init(item);
    item->tag = arena_strdup(&front->arena, tag);
    return item;
}

static bool
complete_zone(struct front *front, Baton__Card *card, const char **ret_field,
              const char **ret_wrong)
{
    const Baton__Item *zone = find_item(card, "zone");
    if (zone) {
        struct zone *known = name_is_valid(zone->name, NAME_BYTES_MAX) ? zone_open(zone->name)
                                                                       : NULL;
        *ret_field = "items";
        *ret_wrong = "zone: this machine knows no such time zone; write one such as Europe/Berlin, "
                     "and install tzdata if it is missing";
        zone_close(known);
        return known != NULL;
    }
    Baton__Item **items = arena_alloc(&front->arena, (card->n_items + 1) * sizeof *items);
    if (card->n_items) {
        memcpy(items, card->items, card->n_items * sizeof *items);
    }
    items[card->n_items] = new_item(front, "zone");
    items[card->n_items++]->name = arena_strdup(&front->arena, front->options->zone);
    card->items = items;
    return true;
}

static bool
is_time(const Baton__Item *item)
{
    return !item || (item->at >= 0 && item->at <= TIME_MS_MAX);
}

/* "from" and "to" become the times between them. */
static bool
complete_run(struct front *front, Baton__Card *card, const char **ret_field, const char **ret_wrong)
{
    const Baton__Item *from = find_item(card, "from"), *to = find_item(card, "to");
    struct timetable table;
    if (!from || !core_schedule_find(front->core, card, &table.of)) {
        return true; /* the core says what is wrong with it, if anything is */
    }
    *ret_field = "items";
    if (!is_time(from) || !is_time(to)) {
        *ret_wrong = "from and to are times from 1970 to the year 9999";
        return false;
    }
    Baton__Item **items = arena_alloc(&front->arena, SCHEDULE_OPEN_MAX * sizeof *items);
    size_t n = 0;
    int64_t until = MIN(to ? to->at : front->now, front->now);
    open_zone(&table);
    int64_t at = next_time(&table, from->at - 1);
    for (; at <= until && n < SCHEDULE_OPEN_MAX; at = next_time(&table, at)) {
        items[n] = new_item(front, "at");
        items[n++]->at = at;
    }
    zone_close(table.zone);
    card->items = items;
    card->n_items = n;
    *ret_wrong = n ? "there are more than 200 occurrences in that time: run a part of it"
                   : "there is no occurrence in that time, up to now";
    return n && at > until;
}

bool
schedules_complete(struct front *front, Baton__CardVerb verb, Baton__Card *card,
                   const char **ret_field, const char **ret_wrong)
{
    if (verb == BATON__CARD_VERB__CARD_SET && card->kind == BATON__CARD_KIND__CARD_SCHEDULE) {
        return complete_zone(front, card, ret_field, ret_wrong);
    }
    return verb != BATON__CARD_VERB__CARD_RUN || complete_run(front, card, ret_field, ret_wrong);
}

/* The first n times after `from`; opens and closes the table's zone. */
static Baton__TimeList *
list_times(struct front *front, struct timetable *table, int64_t from, uint32_t n)
{
    Baton__TimeList *list = arena_alloc(&front->arena, sizeof *list);
    baton__time_list__init(list);
    list->at = arena_alloc(&front->arena, n * sizeof *list->at);
    list->zone = arena_strdup(&front->arena, table->of.zone);
    open_zone(table);
    int64_t at = next_time(table, from);
    for (; list->n_at < n && at != INT64_MAX; at = next_time(table, at)) {
        list->at[list->n_at++] = at;
    }
    zone_close(table->zone);
    return list;
}

void
schedules_try(struct front *front, const Baton__Post *post, Baton__Posted *posted)
{
    struct timetable table;
    if (post->dry_run && post->verb == BATON__CARD_VERB__CARD_SET &&
        posted->card->kind == BATON__CARD_KIND__CARD_SCHEDULE) {
        core_schedule_read(posted->card, &table.of);
        posted->times = list_times(front, &table, front->now, TIMES_TRIED);
    }
}

enum answered
handle_times(struct call *call, Baton__FromBroker *reply)
{
    struct front *front = call->front;
    const Baton__Times *ask = call->message->times;
    Baton__Card which = BATON__CARD__INIT;
    struct timetable table;
    which.project = ask->project;
    which.name = ask->name;
    if (ask->from < 0 || ask->from > TIME_MS_MAX || ask->n > SCHEDULE_TIMES_MAX) {
        return reply_refuse(call, reply, BATON__CODE__CODE_INVALID, "n",
                            "at most %d times, from a time on", (int)SCHEDULE_TIMES_MAX);
    }
    if (!core_schedule_find(front->core, &which, &table.of)) {
        return reply_refuse(call, reply, BATON__CODE__CODE_NOT_FOUND, "name",
                            "there is no such schedule");
    }
    reply->op_case = BATON__FROM_BROKER__OP_TIMES;
    reply->times = list_times(front, &table, ask->from ? ask->from : front->now,
                              ask->n ? ask->n : TIMES_ANSWERED);
    return ANSWER_NOW;
}
