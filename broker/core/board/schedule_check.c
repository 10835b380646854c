/* Is it a schedule? Its items, and the task that its body is. */
#include "broker/core/board/schedule.h"

#include "common/recur.h"
#include "common/text.h"
#include "common/words.h"

#include <string.h>

static const char *const given_tags[] = {"when",  "zone", "overlap", "missed", "jitter",
                                         "start", "end",  "within",  "report"};
static const char *const overlaps[] = {"skip", "queue", "cancel-old", "allow", NULL};
static const char *const misses[] = {"run-once", "skip", "all", NULL};

bool
schedule_gives(const char *tag)
{
    for (size_t i = 0; i < ARRAY_LEN(given_tags); i++) {
        if (strcmp(tag, given_tags[i]) == 0) {
            return true;
        }
    }
    return false;
}

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

Baton__Code
schedule_check_items(struct posting *p)
{
    const Baton__Card *given = p->given;
    for (size_t i = 0; i < given->n_items; i++) {
        const char *wrong = item_wrong(given->items[i]);
        if (wrong) {
            return post_bad_item(p, i, wrong);
        }
        if (schedule_item(given, given->items[i]->tag) != given->items[i]) {
            return post_bad_item(p, i, "this is there twice");
        }
    }
    if (!schedule_item(given, "when")) {
        return refuse(p->request, BATON__CODE__CODE_INVALID, "card.items",
                      "when? a schedule has an item \"when\"");
    }
    const Baton__Item *start = schedule_item(given, "start"), *end = schedule_item(given, "end");
    if (start && end && end->at <= start->at) {
        return refuse(p->request, BATON__CODE__CODE_INVALID, "card.items",
                      "the schedule ends before it starts");
    }
    if (!given->body.len && schedule_item(given, "within")) {
        return refuse(p->request, BATON__CODE__CODE_INVALID, "card.items",
                      "within is the time that each task has: this schedule has no task");
    }
    return BATON__CODE__CODE_OK;
}

Baton__Code
schedule_check_body(struct posting *p)
{
    if (!p->given->body.len) {
        return BATON__CODE__CODE_OK;
    }
    struct core_request *request = p->request;
    Baton__Spec *spec = schedule_spec(p->given, request->arena);
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
