/* The post-mortem of an incident, from its card and the blockers of its time: what happened when,
 * who was called and answered, what it cost, what follows. The items of the card are its log, in
 * order (docs/coordination.md, "Incidents"). */
#include "ctl/report/postmortem.h"

#include "common/alloc.h"
#include "common/units.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- what happened when ---- */

static void happened(struct postmortem *pm, int64_t at, const char *fmt, ...) PRINTF_LIKE(3, 4);

static void
happened(struct postmortem *pm, int64_t at, const char *fmt, ...)
{
    char *text;
    va_list args;
    va_start(args, fmt);
    CHECK(vasprintf(&text, fmt, args) >= 0);
    va_end(args);
    pm->moments = xreallocarray(pm->moments, pm->n_moments + 1, sizeof *pm->moments);
    pm->moments[pm->n_moments] = (struct moment){.at = at, .order = pm->n_moments, .what = text};
    pm->n_moments++;
}

static int
by_time(const void *a, const void *b)
{
    const struct moment *x = a, *y = b;
    return x->at != y->at ? (x->at > y->at) - (x->at < y->at)
                          : (x->order > y->order) - (x->order < y->order);
}

/* Its severity when it was opened: before the first change that is written down. */
static unsigned
first_severity(const struct report_card *card)
{
    for (size_t i = 0; i < card->n_items; i++) {
        const struct report_item *item = &card->items[i];
        if (strcmp(item->tag, "bump") == 0) {
            return (unsigned)(item->name[1] - '0') + 1;
        }
        if (strcmp(item->tag, "amended") == 0) {
            return (unsigned)(item->text[1] - '0');
        }
    }
    return card->severity ? card->severity - 1 : 0;
}

static bool
let_the_clock_ring(const struct report_card *card, const char *role)
{
    for (size_t i = 0; i < card->n_items; i++) {
        const struct report_item *item = &card->items[i];
        if (strcmp(item->tag, "missed") == 0 && strcmp(item->name, role) == 0 && !item->unit[0]) {
            return true;
        }
    }
    return false;
}

static void
take_summoned(struct postmortem *pm, const struct report_item *item, int64_t called_at)
{
    const struct report_card *card = pm->card;
    bool answered = item->unit[0];
    int64_t until = answered ? item->at : pm->end;
    struct postmortem_role role = {.item = item, .called_at = called_at};
    bool rang = let_the_clock_ring(card, item->name);
    role.late = rang || (card->due_at && until > card->due_at);
    if (role.late && !rang) { /* behind the last rung nothing rings */
        happened(pm, card->due_at, "%s has not answered in time", item->name);
    }
    pm->late |= role.late;
    pm->n_waiting += !answered;
    pm->roles = xreallocarray(pm->roles, pm->n_roles + 1, sizeof *pm->roles);
    pm->roles[pm->n_roles++] = role;
    happened(pm, called_at, "%s is called: %s", item->name, item->text);
    if (answered) {
        happened(pm, item->at, "%s has answered%s: %s%s%s", item->name,
                 role.late ? ", too late" : "", item->unit, item->by[0] ? " by " : "", item->by);
    }
}

static void
take_item(struct postmortem *pm, const struct report_item *item, int64_t *log_at)
{
    const char *tag = item->tag;
    if (strcmp(tag, "summoned") == 0) {
        take_summoned(pm, item, *log_at);
        return;
    }
    *log_at = item->at ? item->at : *log_at;
    if (strcmp(tag, "missed") == 0) {
        happened(pm, item->at,
                 item->unit[0] ? "no worker serves %s: escalated at once"
                               : "%s has not answered in time: escalated",
                 item->name);
    } else if (strcmp(tag, "bump") == 0) {
        happened(pm, item->at, "raised to %s", item->name);
    } else if (strcmp(tag, "amended") == 0) {
        happened(pm, item->at, "%s instead of %s, says %s", item->name, item->text, item->by);
    } else if (strcmp(tag, "escalated") == 0) {
        bool contact = strcmp(item->name, "contact") == 0;
        happened(pm, item->at, "escalated to %s", contact ? item->text : item->name);
    } else if (strcmp(tag, "preempted") == 0) {
        bool own = strcmp(item->text, pm->card->project) == 0;
        happened(pm, item->at, "%s%s%s makes way", own ? "" : item->text, own ? "" : "/",
                 item->name);
    }
}

/* ---- blockers ---- */

/* One that stood in the way of who answered: on the tasks of the incident, on a role that was
 * called, or on its whole project, while it was open. */
static bool
concerns(const struct postmortem *pm, const struct report_card *blocker)
{
    const struct report_card *card = pm->card;
    if (blocker->kind != BATON_CARD_BLOCKER || strcmp(blocker->project, card->project) != 0 ||
        blocker->created_at > pm->end ||
        (blocker->ended_at && blocker->ended_at < card->created_at)) {
        return false;
    }
    bool is = blocker->task[0] ? strcmp(blocker->task, card->task) == 0 : !blocker->role[0];
    for (size_t i = 0; i < pm->n_roles; i++) {
        const struct report_item *item = pm->roles[i].item;
        is |= blocker->task[0] ? strcmp(blocker->task, item->text) == 0
                               : strcmp(blocker->role, item->name) == 0;
    }
    return is;
}

static void
take_blocker(struct postmortem *pm, const struct report_card *blocker)
{
    const char *on = blocker->task[0]   ? blocker->task
                     : blocker->role[0] ? blocker->role
                                        : blocker->project;
    happened(pm, blocker->created_at, "blocker #%" PRIu64 " on %s: %s", blocker->number, on,
             blocker->title);
    if (blocker->ended_at && blocker->ended_at <= pm->end) {
        happened(pm, blocker->ended_at, "blocker #%" PRIu64 " is %s%s%s", blocker->number,
                 baton_card_state_name(blocker->state), blocker->outcome[0] ? ": " : "",
                 blocker->outcome);
    }
}

/* ---- all of it ---- */

void
postmortem_make(const struct report_data *data, const struct report_card *card,
                struct postmortem *ret)
{
    struct postmortem *pm = ret;
    int64_t log_at = card->created_at;
    *pm = (struct postmortem){
        .card = card, .end = card->ended_at ? card->ended_at : MAX(data->until, card->created_at)};
    happened(pm, card->created_at, "opened as P%u%s%s", first_severity(card),
             card->by[0] ? " by " : "", card->by);
    for (size_t i = 0; i < card->n_items; i++) {
        take_item(pm, &card->items[i], &log_at);
    }
    for (size_t i = 0; i < data->n_cards; i++) {
        if (concerns(pm, &data->cards[i])) {
            take_blocker(pm, &data->cards[i]);
        }
    }
    if (card->ended_at) {
        happened(pm, card->ended_at, "resolved%s%s: %s", card->ended_by[0] ? " by " : "",
                 card->ended_by, card->outcome);
    }
    qsort(pm->moments, pm->n_moments, sizeof *pm->moments, by_time);
}

void
postmortem_fini(struct postmortem *pm)
{
    for (size_t i = 0; i < pm->n_moments; i++) {
        free(pm->moments[i].what);
    }
    free(pm->moments);
    free(pm->roles);
    *pm = (struct postmortem){0};
}

const char *
postmortem_answer(const struct postmortem *pm)
{
    return pm->late             ? "too late"
           : !pm->n_waiting     ? "in time"
           : pm->card->ended_at ? "not needed"
                                : "awaited";
}

const char *
postmortem_role_text(const struct postmortem_role *role, char *out, size_t room)
{
    const struct report_item *item = role->item;
    char after[40];
    if (item->unit[0]) {
        snprintf(out, room, "%s after %s%s", item->unit,
                 duration_format(MAX(item->at - role->called_at, 0), after, sizeof after),
                 role->late ? ", too late" : "");
    } else {
        snprintf(out, room, "no answer%s", role->late ? " in time" : "");
    }
    return out;
}

/* ---- as JSON ---- */

static json_t *
role_json(const struct postmortem *pm, const struct postmortem_role *role)
{
    const struct report_item *item = role->item;
    bool answered = item->unit[0];
    int64_t opened_at = pm->card->created_at;
    json_t *object = json_object();
    json_object_set_new(object, "role", ctl_json_text(item->name));
    json_object_set_new(object, "task", ctl_json_text(item->text));
    json_object_set_new(object, "called_after_ms", json_integer(role->called_at - opened_at));
    json_object_set_new(object, "answer", answered ? json_string(item->unit) : json_null());
    json_object_set_new(object, "by", item->by[0] ? ctl_json_text(item->by) : json_null());
    json_object_set_new(object, "answered_after_ms",
                        answered ? json_integer(item->at - opened_at) : json_null());
    json_object_set_new(object, "late", json_boolean(role->late));
    return object;
}

static json_t *
names_json(const struct report_card *card, const char *tag)
{
    json_t *array = json_array();
    for (size_t i = 0; i < card->n_items; i++) {
        const struct report_item *item = &card->items[i];
        if (strcmp(item->tag, tag) == 0) {
            bool contact = strcmp(item->name, "contact") == 0;
            json_array_append_new(array, ctl_json_text(contact ? item->text : item->name));
        }
    }
    return array;
}

static json_t *
moments_json(const struct postmortem *pm)
{
    json_t *array = json_array();
    for (size_t i = 0; i < pm->n_moments; i++) {
        json_t *object = json_object();
        json_object_set_new(object, "at", ctl_json_time(pm->moments[i].at));
        json_object_set_new(object, "after_ms",
                            json_integer(pm->moments[i].at - pm->card->created_at));
        json_object_set_new(object, "what", ctl_json_text(pm->moments[i].what));
        json_array_append_new(array, object);
    }
    return array;
}

json_t *
postmortem_json(const struct postmortem *pm)
{
    const struct report_card *card = pm->card;
    char severity[16];
    json_t *object = json_object();
    json_t *roles = json_array();
    for (size_t i = 0; i < pm->n_roles; i++) {
        json_array_append_new(roles, role_json(pm, &pm->roles[i]));
    }
    snprintf(severity, sizeof severity, "P%u", card->severity ? card->severity - 1 : 0);
    json_object_set_new(object, "number", json_integer((json_int_t)card->number));
    json_object_set_new(object, "title", ctl_json_text(card->title));
    json_object_set_new(object, "severity", json_string(severity));
    json_object_set_new(object, "bumped_to", names_json(card, "bump"));
    json_object_set_new(object, "state", ctl_json_text(baton_card_state_name(card->state)));
    json_object_set_new(object, "opened_by", ctl_json_text(card->by));
    json_object_set_new(object, "opened_at", ctl_json_time(card->created_at));
    json_object_set_new(object, "resolved_at",
                        card->ended_at ? ctl_json_time(card->ended_at) : json_null());
    json_object_set_new(object, "lasted_ms", json_integer(pm->end - card->created_at));
    json_object_set_new(object, "rungs_missed", json_integer(card->rung));
    json_object_set_new(object, "escalated_to", names_json(card, "escalated"));
    json_object_set_new(object, "answer", json_string(postmortem_answer(pm)));
    json_object_set_new(object, "roles", roles);
    json_object_set_new(object, "preempted", names_json(card, "preempted"));
    json_object_set_new(object, "timeline", moments_json(pm));
    json_object_set_new(object, "cause",
                        card->outcome[0] ? ctl_json_text(card->outcome) : json_null());
    json_object_set_new(object, "follow_ups", names_json(card, "follow_up"));
    return object;
}

/* ---- as a section of a report ---- */

static void
follow_up_lines(json_t *section, const struct report_data *data, const struct report_card *card)
{
    size_t n = 0;
    for (size_t i = 0; i < card->n_items; i++) {
        const struct report_item *item = &card->items[i];
        if (strcmp(item->tag, "follow_up") != 0) {
            continue;
        }
        const struct report_task *task = report_find(data, card->project, item->name);
        doc_line(section, "Follow-up: %s%s%s%s%s", item->name, task ? ", " : "",
                 task ? baton_state_name(task->state) : "", task && task->title[0] ? ": " : "",
                 task ? task->title : "");
        n++;
    }
    if (!n) {
        doc_line(section, "Follow-up: none");
    }
}

void
postmortem_section(json_t *doc, const struct report_data *data, const struct postmortem *pm)
{
    const struct report_card *card = pm->card;
    char title[64], a[40], text[128];
    snprintf(title, sizeof title, "Post-mortem of incident #%" PRIu64, card->number);
    json_t *section = doc_section(doc, title);
    doc_line(section, "P%u: %s", card->severity ? card->severity - 1 : 0, card->title);
    if (card->text[0]) {
        doc_line(section, "%s", card->text);
    }
    doc_line(section, "Lasted %s", duration_format(pm->end - card->created_at, a, sizeof a));
    for (size_t i = 0; i < pm->n_roles; i++) {
        doc_line(section, "%s: %s", pm->roles[i].item->name,
                 postmortem_role_text(&pm->roles[i], text, sizeof text));
    }
    doc_line(section, "Cause: %s", card->outcome);
    follow_up_lines(section, data, card);
    doc_columns(section, "When|After|What");
    for (size_t i = 0; i < pm->n_moments; i++) {
        const struct moment *moment = &pm->moments[i];
        int64_t after = MAX(moment->at - card->created_at, 0);
        if (doc_row(section)) {
            doc_cell(section, "%s", time_format_minute(moment->at, data->zone, a, sizeof a));
            doc_cell(section, "%s", duration_format(after, text, sizeof text));
            doc_cell(section, "%s", moment->what);
        }
    }
}

/* ---- the incidents of a report ---- */

static void
incident_row(json_t *section, const struct report_data *data, const struct postmortem *pm)
{
    const struct report_card *card = pm->card;
    char a[40], b[40];
    if (doc_row(section)) {
        doc_cell(section, "#%" PRIu64, card->number);
        doc_cell(section, card->severity ? "P%u" : "-", card->severity - 1);
        doc_cell(section, "%s", time_format_minute(card->created_at, data->zone, a, sizeof a));
        doc_cell(section, "%s",
                 card->ended_at ? time_format_minute(card->ended_at, data->zone, b, sizeof b)
                                : "-");
        doc_cell(section, "%s", postmortem_answer(pm));
        doc_cell(section, "%s", card->outcome[0] ? card->outcome : "-");
        doc_cell(section, "%s", card->title);
    }
}

void
part_incidents(json_t *doc, const struct report_data *data)
{
    json_t *section = doc_section(doc, "Incidents");
    size_t n_open = 0, n_resolved = 0, n_late = 0, n_told = 0;
    doc_columns(section, "Incident|Severity|Opened|Resolved|Answer|Cause|Title");
    for (size_t i = data->n_cards; i-- > 0;) { /* the latest first */
        const struct report_card *card = &data->cards[i];
        bool open = card->state < BATON_CARD_RESOLVED;
        struct postmortem pm;
        if (card->kind != BATON_CARD_INCIDENT ||
            (!open && !report_in_window(data, card->ended_at))) {
            continue;
        }
        postmortem_make(data, card, &pm);
        n_open += open;
        n_resolved += !open;
        n_late += pm.late;
        incident_row(section, data, &pm);
        if (!open && n_told < REPORT_INCIDENTS) {
            postmortem_section(doc, data, &pm);
            n_told++;
        }
        postmortem_fini(&pm);
    }
    if (n_open + n_resolved == 0) {
        doc_line(section, "None");
        return;
    }
    doc_line(section, "%zu open, %zu resolved; answered too late: %zu", n_open, n_resolved, n_late);
    if (n_told < n_resolved) {
        doc_line(section, "The post-mortems of the others: baton incident postmortem N");
    }
}
