/* Sections of reports: what ended, what is in the way, what was missed, where time goes. */
#include "ctl/report/report.h"

#include "common/units.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { WORTH_SAYING_MS = 60 * 1000 }; /* tasks that waited less together need no worker more */

static const char *
minute(const struct report_data *data, int64_t at, char out[40])
{
    return at ? time_format_minute(at, data->zone, out, 40) : strcpy(out, "-");
}

static const char *
length(int64_t ms, char out[40])
{
    return duration_format(ms > 0 ? ms : 0, out, 40);
}

static const char *
plural(size_t n, const char *one, const char *many)
{
    return n == 1 ? one : many;
}

static int64_t
run_ms(const struct report_task *task)
{
    return task->started_at && task->ended_at > task->started_at ? task->ended_at - task->started_at
                                                                 : 0;
}

static bool
has_failed(const struct report_task *task)
{
    return baton_state_is_terminal(task->state) && task->state != BATON_DONE &&
           task->state != BATON_CANCELLED;
}

/* ---- what ended ---- */

void
part_done(json_t *doc, const struct report_data *data)
{
    json_t *section = doc_section(doc, "Done");
    size_t n_done = 0, n_failed = 0, n_cancelled = 0, n_late = 0;
    char a[40], b[40];
    doc_columns(section, "Task|Role|State|Ended|Run time|Attempts|Title");
    for (size_t i = 0; i < data->n_tasks; i++) {
        const struct report_task *task = &data->tasks[i];
        if (!baton_state_is_terminal(task->state) || !report_in_window(data, task->ended_at)) {
            continue;
        }
        n_done += task->state == BATON_DONE;
        n_failed += has_failed(task);
        n_cancelled += task->state == BATON_CANCELLED;
        n_late += task->state == BATON_DONE && task->deadline && task->ended_at > task->deadline;
        if (doc_row(section)) {
            doc_cell(section, "%s", task->id);
            doc_cell(section, "%s", task->milestone ? "milestone" : task->role);
            doc_cell(section, "%s", baton_state_name(task->state));
            doc_cell(section, "%s", minute(data, task->ended_at, a));
            doc_cell(section, "%s", run_ms(task) ? length(run_ms(task), b) : "-");
            doc_cell(section, task->attempt ? "%u" : "-", task->attempt);
            doc_cell(section, "%s", task->title);
        }
    }
    doc_line(section, "%zu %s done, %zu of them late", n_done, plural(n_done, "task", "tasks"),
             n_late);
    doc_line(section, "%zu failed, %zu cancelled", n_failed, n_cancelled);
}

/* ---- blockers ---- */

void
part_blockers(json_t *doc, const struct report_data *data)
{
    json_t *section = doc_section(doc, "Blockers");
    size_t n_open = 0, n_overdue = 0, n_resolved = 0;
    char a[40], b[40];
    doc_columns(section, "Blocker|Severity|On|Owner|Raised|State|Lasted|Title");
    for (size_t i = 0; i < data->n_cards; i++) {
        const struct report_card *card = &data->cards[i];
        bool open = card->state < BATON_CARD_RESOLVED;
        if (card->kind != BATON_CARD_BLOCKER ||
            (!open && !report_in_window(data, card->ended_at))) {
            continue;
        }
        n_open += open;
        n_overdue += open && card->rung;
        n_resolved += card->state == BATON_CARD_RESOLVED;
        int64_t lasted = (open ? data->until : card->ended_at) - card->created_at;
        if (doc_row(section)) {
            doc_cell(section, "#%" PRIu64, card->number);
            doc_cell(section, card->severity ? "P%u" : "-", card->severity - 1);
            doc_cell(section, "%s",
                     card->task[0]   ? card->task
                     : card->role[0] ? card->role
                                     : card->project);
            doc_cell(section, "%s", card->owner[0] ? card->owner : "-");
            doc_cell(section, "%s", minute(data, card->created_at, a));
            doc_cell(section, "%s%s", baton_card_state_name(card->state),
                     card->rung ? ", overdue" : "");
            doc_cell(section, "%s", length(lasted, b));
            doc_cell(section, "%s", card->title);
        }
    }
    doc_line(section, "%zu open, %zu of them overdue; %zu resolved", n_open, n_overdue, n_resolved);
}

/* ---- targets ---- */

void
part_targets(json_t *doc, const struct report_data *data)
{
    json_t *section = doc_section(doc, "Targets");
    size_t n_missed = 0;
    char a[64], b[64];
    doc_columns(section, "Target|Role|Wanted|Is|Verdict");
    for (size_t i = 0; i < data->targets.n; i++) {
        const struct target *t = &data->targets.list[i];
        n_missed += t->verdict == TARGET_MISSED;
        if (doc_row(section)) {
            doc_cell(section, "%s", t->name);
            doc_cell(section, "%s", t->role[0] ? t->role : "all");
            doc_cell(section, "%s %s", t->bound, metric_format(t->wanted, t->unit, a, sizeof a));
            doc_cell(section, "%s",
                     t->verdict == TARGET_UNKNOWN ? "-"
                                                  : metric_format(t->value, t->unit, b, sizeof b));
            doc_cell(section, "%s", verdict_word(t->verdict));
        }
    }
    doc_line(section, "%zu of %zu missed", n_missed, data->targets.n);
    if (!data->metrics->since) {
        doc_line(section, data->since ? "Measured since the beginning: this report's window goes "
                                        "back more than 31 days"
                                      : "Measured since the beginning");
    }
}

/* ---- the slowest and the most retried ---- */

static int
by_run_time(const void *a, const void *b)
{
    const struct report_task *x = *(struct report_task *const *)a;
    const struct report_task *y = *(struct report_task *const *)b;
    int64_t p = run_ms(x), q = run_ms(y);
    return p != q ? (p < q) - (p > q) : x < y ? -1 : 1;
}

static int
by_attempts(const void *a, const void *b)
{
    const struct report_task *x = *(struct report_task *const *)a;
    const struct report_task *y = *(struct report_task *const *)b;
    return x->attempt != y->attempt ? (x->attempt < y->attempt) - (x->attempt > y->attempt)
           : x < y                  ? -1
                                    : 1;
}

static int
by_held(const void *a, const void *b)
{
    const struct report_task *x = *(struct report_task *const *)a;
    const struct report_task *y = *(struct report_task *const *)b;
    return x->n_held != y->n_held ? (x->n_held < y->n_held) - (x->n_held > y->n_held)
           : x < y                ? -1
                                  : 1;
}

/* Sorted pointers to those that ended in the window, or are at work. The caller frees. */
static struct report_task **
sorted(const struct report_data *data, int (*compare)(const void *, const void *), size_t *ret_n)
{
    struct report_task **list = calloc(data->n_tasks + 1, sizeof(struct report_task *));
    CHECK(list);
    *ret_n = 0;
    for (size_t i = 0; i < data->n_tasks; i++) {
        struct report_task *task = &data->tasks[i];
        if (!baton_state_is_terminal(task->state) || report_in_window(data, task->ended_at)) {
            list[(*ret_n)++] = task;
        }
    }
    qsort(list, *ret_n, sizeof(struct report_task *), compare);
    return list;
}

void
part_slowest(json_t *doc, const struct report_data *data)
{
    json_t *section = doc_section(doc, "Slowest and most retried");
    size_t n;
    char a[40];
    struct report_task **list = sorted(data, by_run_time, &n);
    doc_columns(section, "What|Task|Role|How much");
    for (size_t i = 0; i < n && i < REPORT_TOP && run_ms(list[i]); i++) {
        if (doc_row(section)) {
            doc_cell(section, "run time");
            doc_cell(section, "%s", list[i]->id);
            doc_cell(section, "%s", list[i]->role);
            doc_cell(section, "%s", length(run_ms(list[i]), a));
        }
    }
    qsort(list, n, sizeof(struct report_task *), by_attempts);
    for (size_t i = 0; i < n && i < REPORT_TOP && list[i]->attempt > 1; i++) {
        if (doc_row(section)) {
            doc_cell(section, "attempts");
            doc_cell(section, "%s", list[i]->id);
            doc_cell(section, "%s", list[i]->role);
            doc_cell(section, "%u", list[i]->attempt);
        }
    }
    free(list);
}

/* ---- waits ---- */

struct wait {
    uint64_t n, n_ready;
    int64_t sum, max, run, oldest; /* oldest: ready since */
};

/* From ready to the start, of those that started at their first attempt in the window; and of those
 * that are ready now. */
static struct wait
wait_of(const struct report_data *data, const char *role)
{
    struct wait w = {0};
    for (size_t i = 0; i < data->n_tasks; i++) {
        const struct report_task *task = &data->tasks[i];
        if (strcmp(task->role, role) != 0) {
            continue;
        }
        if (task->attempt == 1 && task->ready_at && task->started_at >= task->ready_at &&
            report_in_window(data, task->started_at)) {
            w.n++;
            w.sum += task->started_at - task->ready_at;
            w.max = MAX(w.max, task->started_at - task->ready_at);
            w.run += run_ms(task);
        }
        if (task->state == BATON_READY) {
            w.n_ready++;
            w.oldest = w.oldest ? MIN(w.oldest, task->ready_at) : task->ready_at;
        }
    }
    return w;
}

void
part_waits(json_t *doc, const struct report_data *data)
{
    json_t *section = doc_section(doc, "Waits");
    char a[40], b[40], c[40];
    doc_line(section, "From ready to started, of tasks that started in this time");
    doc_columns(section, "Role|Started|Mean wait|Longest|Ready now|Oldest since");
    for (const char *const *role = baton_roles(); *role; role++) {
        struct wait w = wait_of(data, *role);
        if ((w.n || w.n_ready) && doc_row(section)) {
            doc_cell(section, "%s", *role);
            doc_cell(section, "%" PRIu64, w.n);
            doc_cell(section, "%s", w.n ? length(w.sum / (int64_t)w.n, a) : "-");
            doc_cell(section, "%s", w.n ? length(w.max, b) : "-");
            doc_cell(section, "%" PRIu64, w.n_ready);
            doc_cell(section, "%s", minute(data, w.oldest, c));
        }
    }
}

/* ---- suggestions ---- */

static void
suggest_roles(json_t *section, const struct report_data *data)
{
    const char *worst = NULL;
    int64_t worst_ms = WORTH_SAYING_MS;
    char a[40];
    for (const char *const *role = baton_roles(); *role; role++) {
        struct wait w = wait_of(data, *role);
        int64_t ms = w.sum;
        if (w.oldest) {
            ms += MAX(data->until - w.oldest, 0);
        }
        if (ms > worst_ms && (w.n_ready || w.sum > w.run)) {
            worst = *role;
            worst_ms = ms;
        }
    }
    if (worst) {
        doc_line(section, "%s is short: its tasks waited %s together; start more workers of it",
                 worst, length(worst_ms, a));
    }
}

void
part_suggestions(json_t *doc, const struct report_data *data)
{
    json_t *section = doc_section(doc, "Suggestions");
    size_t n;
    suggest_roles(section, data);
    struct report_task **list = sorted(data, by_held, &n);
    for (size_t i = 0; i < n && i < 3 && list[i]->n_held; i++) {
        doc_line(section, "%s holds up %zu %s and is %s: look at it first", list[i]->id,
                 list[i]->n_held, plural(list[i]->n_held, "task", "tasks"),
                 baton_state_name(list[i]->state));
    }
    qsort(list, n, sizeof(struct report_task *), by_attempts);
    for (size_t i = 0; i < n && i < 3 && list[i]->attempt > 2; i++) {
        doc_line(section, "%s needed %u attempts: is it described well, is it too large?",
                 list[i]->id, list[i]->attempt);
    }
    free(list);
    for (size_t i = 0; i < data->n_cards; i++) {
        const struct report_card *card = &data->cards[i];
        if (card->kind == BATON_CARD_BLOCKER && card->rung && card->state < BATON_CARD_RESOLVED) {
            doc_line(section,
                     "Blocker #%" PRIu64 " is overdue: %s should act, or it needs another "
                     "owner",
                     card->number, card->owner[0] ? card->owner : "somebody");
        }
    }
    for (size_t i = 0; i < data->targets.n; i++) {
        const struct target *t = &data->targets.list[i];
        if (t->verdict == TARGET_MISSED) {
            doc_line(section, "%s is missed: see Targets", t->name);
        }
    }
    if (json_array_size(json_object_get(section, "lines")) == 0) {
        doc_line(section,
                 "None: nothing waits long, nothing is retried often, no target is missed");
    }
}

/* ---- milestones ---- */

void
part_milestones(json_t *doc, const struct report_data *data)
{
    json_t *section = doc_section(doc, "Milestones");
    char a[40];
    doc_columns(section, "Milestone|Project|State|Done|Deadline|Title");
    for (size_t i = 0; i < data->n_tasks; i++) {
        const struct report_task *m = &data->tasks[i];
        size_t n_done = 0;
        if (!m->milestone) {
            continue;
        }
        for (size_t k = 0; k < m->n_after; k++) {
            const struct report_task *on = report_find(data, m->after[k].project, m->after[k].id);
            n_done += on && on->state == BATON_DONE;
        }
        if (doc_row(section)) {
            int64_t end = baton_state_is_terminal(m->state) ? m->ended_at : data->until;
            bool late = m->deadline && m->deadline < end;
            doc_cell(section, "%s", m->id);
            doc_cell(section, "%s", m->project);
            doc_cell(section, "%s%s", baton_state_name(m->state),
                     late                              ? ", late"
                     : m->alert == BATON_ALERT_AT_RISK ? ", at risk"
                                                       : "");
            doc_cell(section, "%zu of %zu", n_done, m->n_after);
            doc_cell(section, "%s", minute(data, m->deadline, a));
            doc_cell(section, "%s", m->title);
        }
    }
    if (json_array_size(json_object_get(section, "rows")) == 0) {
        doc_line(section, "There are no milestones");
    }
}

/* ---- decisions ---- */

void
part_decisions(json_t *doc, const struct report_data *data)
{
    json_t *section = doc_section(doc, "Decisions");
    char a[40];
    doc_columns(section, "Decision|Name|By|Since|Decided|Question");
    for (size_t i = 0; i < data->n_cards; i++) {
        const struct report_card *card = &data->cards[i];
        if (card->kind == BATON_CARD_DECISION && card->state == BATON_CARD_IN_FORCE &&
            doc_row(section)) {
            doc_cell(section, "#%" PRIu64, card->number);
            doc_cell(section, "%s", card->name);
            doc_cell(section, "%s", card->owner);
            doc_cell(section, "%s", minute(data, card->changed_at, a));
            doc_cell(section, "%s", card->outcome);
            doc_cell(section, "%s", card->title);
        }
    }
    if (json_array_size(json_object_get(section, "rows")) == 0) {
        doc_line(section, "None is in force");
    }
}
