/* Metrics: what is counted of a role's work in a project. By the hour for a month, and all of it
 * together for ever; so a window costs a look at its hours, and archived tasks stay counted.
 * Counted by evolve from the facts that are there anyway: nothing is journaled for it. */
#include "broker/core/metrics.h"

#include "common/alloc.h"

#include <stdlib.h>
#include <string.h>

/* ---- the hours ---- */

struct series *
series_of(struct core *core, uint32_t project, int role)
{
    struct series **at = &core->projects[project]->metrics[role];
    *at = *at ? *at : xcalloc(1, sizeof **at);
    return *at;
}

static void
drop_first(struct core *core, struct series *series, uint32_t n)
{
    if (n) {
        series->n -= n;
        core->n_buckets -= n;
        memmove(series->buckets, series->buckets + n, series->n * sizeof *series->buckets);
    }
}

static void
drop_old(struct core *core, struct series *series, int64_t hour)
{
    uint32_t old = 0;
    while (old < series->n && series->buckets[old].hour < hour - METRIC_HOURS_MAX) {
        old++;
    }
    drop_first(core, series, old);
}

/* There is no room for another hour: those of whoever has been idle for a month go. */
static void
drop_all_old(struct core *core, int64_t hour)
{
    for (uint32_t p = 1; p < core->n_projects; p++) {
        for (int r = 0; r < ROLE_SLOTS; r++) {
            if (core->projects[p]->metrics[r]) {
                drop_old(core, core->projects[p]->metrics[r], hour);
            }
        }
    }
}

struct tally *
series_hour(struct core *core, struct series *series, int64_t at)
{
    int64_t hour = at / HOUR_MS;
    if (series->n && series->buckets[series->n - 1].hour == hour) {
        return &series->buckets[series->n - 1].tally;
    }
    drop_old(core, series, hour);
    if (core->n_buckets >= METRIC_BUCKETS_MAX) {
        drop_all_old(core, hour);
    }
    if (core->n_buckets >= METRIC_BUCKETS_MAX) {
        drop_first(core, series, series->n ? 1 : 0); /* its own window gets shorter */
    }
    if (core->n_buckets >= METRIC_BUCKETS_MAX) {
        return NULL;
    }
    if (series->n == series->room) {
        series->room = series->room ? series->room * 2 : 4;
        series->buckets = xreallocarray(series->buckets, series->room, sizeof *series->buckets);
    }
    core->n_buckets++;
    struct bucket *bucket = &series->buckets[series->n++];
    *bucket = (struct bucket){.hour = hour};
    return &bucket->tally;
}

void
tally_add(struct tally *to, const struct tally *more)
{
    to->ended += more->ended;
    to->done += more->done;
    to->on_time += more->on_time;
    to->accepted += more->accepted;
    to->rejected += more->rejected;
    to->resolved += more->resolved;
    to->overdue += more->overdue;
    to->resolved_ms += more->resolved_ms;
    to->resolved_ms_max = MAX(to->resolved_ms_max, more->resolved_ms_max);
    to->coverage += more->coverage;
    to->lines += more->lines;
    to->coverage_plain += more->coverage_plain;
    to->n_plain += more->n_plain;
}

static void
count(struct core *core, uint32_t project, int role, int64_t at, const struct tally *more)
{
    struct series *series = series_of(core, project, role);
    tally_add(&series->ever, more);
    struct tally *hour = series_hour(core, series, at);
    if (hour) {
        tally_add(hour, more);
    }
}

/* ---- what is counted ---- */

static void
take_coverage(const struct task *task, struct tally *tally)
{
    const struct measure *covered = measures_find(task, "lines_covered");
    const struct measure *total = measures_find(task, "lines_total");
    const struct measure *percent = measures_find(task, "test_coverage");
    const struct measure *lines = measures_find(task, "lines");
    percent = percent ? percent : measures_find(task, "coverage");
    if (covered && total && total->value > 0 && covered->value >= 0 &&
        covered->value <= total->value) {
        tally->coverage = covered->value * 100;
        tally->lines = total->value;
    } else if (percent && percent->value >= 0 && percent->value <= 100) {
        bool weighs = lines && lines->value > 0;
        tally->coverage = weighs ? percent->value * lines->value : 0;
        tally->lines = weighs ? lines->value : 0;
        tally->coverage_plain = weighs ? 0 : percent->value;
        tally->n_plain = !weighs;
    }
}

static void
count_end(struct tally *tally, bool done, bool in_time)
{
    tally->ended++;
    tally->done += done;
    tally->on_time += done && in_time;
}

void
metrics_task_ended(struct core *core, const struct task *task, int64_t at)
{
    if (task->role >= ROLES_N) {
        return;
    }
    bool done = task->state == DONE;
    if (done && task->ext && task->ext->measures) {
        struct tally tally = {0};
        take_coverage(task, &tally);
        count(core, task->project, task->role, at, &tally);
    }
    struct series *series = series_of(core, task->project, task->role);
    struct tally *hour = series_hour(core, series, at);
    bool in_time = !task->course->deadline || at <= task->course->deadline;
    count_end(&series->ever, done, in_time);
    if (hour) {
        count_end(hour, done, in_time);
    }
}

int
metrics_role_of_card(const struct core *core, const Baton__Card *card)
{
    int role = card->role[0] ? role_number(card->role) : -1;
    if (role < 0 && card->task[0]) {
        const struct task *task = task_find(core, project_find(core, card->project), card->task);
        role = task && task->state != UNKNOWN ? task->role : -1;
    }
    return role < 0 ? ROLE_NONE : role;
}

void
metrics_card(struct core *core, const Baton__Card *card, unsigned verb, int64_t at)
{
    struct tally tally = {0};
    if (card->kind == KIND(HANDOFF) && (verb == VERB(ACCEPT) || verb == VERB(REJECT))) {
        tally.accepted = verb == VERB(ACCEPT);
        tally.rejected = verb == VERB(REJECT);
    } else if (card->kind == KIND(BLOCKER) && verb == VERB(RESOLVE)) {
        tally.resolved = 1;
        tally.overdue = card->rung > 0;
        tally.resolved_ms = tally.resolved_ms_max = at - card->created_at;
    } else {
        return;
    }
    uint32_t project = project_make(core, card->project);
    count(core, project, metrics_role_of_card(core, card), at, &tally);
}

void
metrics_project_fini(struct project *project)
{
    for (int r = 0; r < ROLE_SLOTS; r++) {
        if (project->metrics[r]) {
            free(project->metrics[r]->buckets);
            free(project->metrics[r]);
        }
    }
}
