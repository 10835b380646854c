/* Metrics: what is counted of a role's work in a project. By the hour for a month, and all of it
 * together for ever; so a window costs a look at its hours, and archived tasks stay counted.
 * Counted by evolve from the facts that are there anyway: nothing is journaled for it. Also the
 * sums of what tasks report under names of their own (measure.c). */
#include "broker/core/board/board.h"

#include "common/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HOUR_MS = 3600 * 1000 };

/* As Metrics. */
struct tally {
    uint64_t ended, done, on_time;
    uint64_t accepted, rejected;
    uint64_t resolved, overdue;
    int64_t resolved_ms, resolved_ms_max;
    double coverage, lines, coverage_plain;
    uint64_t n_plain;
};

struct bucket {
    int64_t hour;
    struct tally tally;
};

/* Of one role in one project. */
struct series {
    struct tally ever;
    struct bucket *buckets; /* by hour */
    uint32_t n, room;
};

struct measure_sum {
    char *key; /* project and role as numbers, then the name */
    uint32_t project;
    const char *project_name; /* borrowed: projects stay */
    int role;                 /* ROLE_NONE: none */
    char *name, *unit;
    uint64_t n;
    double sum, last;
    int64_t last_at;
    UT_hash_handle by_key;
};

/* ---- the hours ---- */

static struct series *
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

/* The tally of the hour; NULL: there is no room for one more. Time never falls. */
static struct tally *
hour_of(struct core *core, struct series *series, int64_t at)
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

static void
add(struct tally *to, const struct tally *more)
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
    add(&series->ever, more);
    struct tally *hour = hour_of(core, series, at);
    if (hour) {
        add(hour, more);
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
    struct tally *hour = hour_of(core, series, at);
    bool in_time = !task->course->deadline || at <= task->course->deadline;
    count_end(&series->ever, done, in_time);
    if (hour) {
        count_end(hour, done, in_time);
    }
}

/* Whose it is: its own role, else that of its task. */
static int
role_of_card(const struct core *core, const Baton__Card *card)
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
    count(core, project, role_of_card(core, card), at, &tally);
}

/* ---- sums of measures ---- */

static char *
sum_key(uint32_t project, int role, const char *name, size_t *ret_bytes)
{
    char head[32];
    int n = snprintf(head, sizeof head, "%u %d ", project, role);
    char *key = xmalloc((size_t)n + strlen(name) + 1);
    memcpy(key, head, (size_t)n);
    memcpy(key + n, name, strlen(name) + 1);
    *ret_bytes = (size_t)n + strlen(name);
    return key;
}

/* NULL: there are as many as there may be. */
static struct measure_sum *
sum_make(struct core *core, uint32_t project, int role, const char *name)
{
    size_t bytes;
    char *key = sum_key(project, role, name, &bytes);
    struct measure_sum *sum;
    HASH_FIND(by_key, core->sums, key, bytes, sum);
    if (!sum && core->n_sums < MEASURE_SUMS_MAX) {
        sum = xcalloc(1, sizeof *sum);
        *sum = (struct measure_sum){.key = key,
                                    .project = project,
                                    .project_name = core->projects[project]->name,
                                    .role = role,
                                    .name = xstrdup(name),
                                    .unit = xstrdup("")};
        HASH_ADD_KEYPTR(by_key, core->sums, sum->key, bytes, sum);
        core->n_sums++;
        return sum;
    }
    free(key);
    core->sums_full |= !sum;
    return sum;
}

void
metrics_sum(struct core *core, const struct task *task, const struct measure *measure, double was,
            bool was_said, int64_t at)
{
    struct measure_sum *sum = sum_make(core, task->project, task->role, measure->name);
    if (!sum) {
        return;
    }
    set_text(&sum->unit, measure->unit[0] ? measure->unit : NULL);
    sum->n += !was_said;
    sum->sum += measure->value - was;
    sum->last = measure->value;
    sum->last_at = at;
}

static int
compare_sums(const void *a, const void *b)
{
    const struct measure_sum *x = *(struct measure_sum *const *)a;
    const struct measure_sum *y = *(struct measure_sum *const *)b;
    int by = strcmp(x->project_name, y->project_name);
    by = by ? by : x->role - y->role;
    return by ? by : strcmp(x->name, y->name);
}

/* By project, role and name: the order of a hash says nothing. */
static struct measure_sum **
sums_sorted(const struct core *core, struct arena *arena)
{
    struct measure_sum **sums = arena_alloc(arena, (core->n_sums + 1) * sizeof *sums);
    size_t n = 0;
    for (struct measure_sum *sum = core->sums; sum; sum = sum->by_key.next) {
        sums[n++] = sum;
    }
    qsort(sums, n, sizeof *sums, compare_sums);
    return sums;
}

static Baton__MeasureSum *
sum_message(const struct measure_sum *sum, struct arena *arena)
{
    Baton__MeasureSum *message = arena_alloc(arena, sizeof *message);
    baton__measure_sum__init(message);
    message->name = sum->name;
    message->unit = (char *)(uintptr_t)(sum->unit ? sum->unit : "");
    message->n = sum->n;
    message->sum = sum->sum;
    message->last = sum->last;
    message->last_at = sum->last_at;
    return message;
}

/* ---- messages ---- */

static Baton__Metrics *
tally_message(const struct tally *tally, struct arena *arena)
{
    Baton__Metrics *m = arena_alloc(arena, sizeof *m);
    baton__metrics__init(m);
    m->ended = tally->ended;
    m->done = tally->done;
    m->on_time = tally->on_time;
    m->accepted = tally->accepted;
    m->rejected = tally->rejected;
    m->resolved = tally->resolved;
    m->resolved_ms = tally->resolved_ms;
    m->resolved_ms_max = tally->resolved_ms_max;
    m->overdue = tally->overdue;
    m->coverage = tally->coverage;
    m->lines = tally->lines;
    m->coverage_plain = tally->coverage_plain;
    m->n_plain = tally->n_plain;
    return m;
}

static struct tally
tally_from(const Baton__Metrics *m)
{
    return (struct tally){.ended = m->ended,
                          .done = m->done,
                          .on_time = m->on_time,
                          .accepted = m->accepted,
                          .rejected = m->rejected,
                          .resolved = m->resolved,
                          .resolved_ms = m->resolved_ms,
                          .resolved_ms_max = m->resolved_ms_max,
                          .overdue = m->overdue,
                          .coverage = m->coverage,
                          .lines = m->lines,
                          .coverage_plain = m->coverage_plain,
                          .n_plain = m->n_plain};
}

static char *
role_text(int role)
{
    return (char *)(uintptr_t)(role < ROLES_N ? role_names[role] : "");
}

/* ---- questions ---- */

struct asking {
    const struct core *core;
    struct core_request *request;
    const Baton__MetricsRequest *ask;
    Baton__MetricsReply *ret;
    int64_t first_hour;   /* INT64_MIN: ever */
    uint32_t *unanswered; /* by project and role */
    size_t bytes;
};

static bool
is_asked(const struct asking *a, const char *project, int role)
{
    bool ok = a->ask->n_projects == 0;
    for (size_t i = 0; i < a->ask->n_projects && !ok; i++) {
        ok = strcmp(a->ask->projects[i][0] ? a->ask->projects[i] : "default", project) == 0;
    }
    bool role_ok = a->ask->n_roles == 0;
    for (size_t i = 0; i < a->ask->n_roles && !role_ok; i++) {
        role_ok = strcmp(a->ask->roles[i], role_text(role)) == 0;
    }
    return ok && role_ok;
}

/* Handoffs left unanswered for too long. Of the window: they became so in it. */
static void
count_unanswered(struct asking *a, int64_t now)
{
    const struct core *core = a->core;
    uint32_t slot = core->board.n_unanswered ? core->board.first : 0;
    a->unanswered = arena_calloc(a->request->arena, core->n_projects * ROLE_SLOTS + 1,
                                 sizeof *a->unanswered);
    for (; slot; slot = board_at(core, slot)->next) {
        const Baton__Card *card = board_at(core, slot)->message;
        int64_t late_at = card->created_at + HANDOFF_ANSWER_MS;
        uint32_t project = project_find(core, card->project);
        if (card->kind == KIND(HANDOFF) && card->state == CARD(SUBMITTED) && late_at <= now &&
            (a->first_hour == INT64_MIN || late_at / HOUR_MS >= a->first_hour) && project) {
            a->unanswered[project * ROLE_SLOTS + (uint32_t)role_of_card(core, card)]++;
        }
    }
}

static void
add_row(struct asking *a, uint32_t project, int role)
{
    const struct series *series = a->core->projects[project]->metrics[role];
    struct arena *arena = a->request->arena;
    struct tally tally = {0};
    if (series && a->first_hour == INT64_MIN) {
        tally = series->ever;
    }
    for (uint32_t i = 0; series && a->first_hour != INT64_MIN && i < series->n; i++) {
        if (series->buckets[i].hour >= a->first_hour) {
            add(&tally, &series->buckets[i].tally);
        }
    }
    Baton__Metrics *m = tally_message(&tally, arena);
    m->unanswered = a->unanswered[project * ROLE_SLOTS + (uint32_t)role];
    if (baton__metrics__get_packed_size(m) == 0) {
        return;
    }
    Baton__RoleMetrics *row = arena_alloc(arena, sizeof *row);
    baton__role_metrics__init(row);
    row->project = a->core->projects[project]->name;
    row->role = role_text(role);
    row->metrics = m;
    a->bytes += baton__role_metrics__get_packed_size(row);
    a->ret->rows[a->ret->n_rows++] = row;
}

static void
add_sums(struct asking *a)
{
    struct arena *arena = a->request->arena;
    struct measure_sum **sums = sums_sorted(a->core, arena);
    a->ret->sums = arena_alloc(arena, (a->core->n_sums + 1) * sizeof *a->ret->sums);
    for (uint32_t i = 0; i < a->core->n_sums && a->bytes < METRICS_ANSWER_BYTES; i++) {
        const char *project = a->core->projects[sums[i]->project]->name;
        if (!is_asked(a, project, sums[i]->role)) {
            continue;
        }
        Baton__RoleSum *row = arena_alloc(arena, sizeof *row);
        baton__role_sum__init(row);
        row->project = (char *)(uintptr_t)project;
        row->role = role_text(sums[i]->role);
        row->sum = sum_message(sums[i], arena);
        a->bytes += baton__role_sum__get_packed_size(row);
        a->ret->sums[a->ret->n_sums++] = row;
    }
}

Baton__Code
core_metrics(const struct core *core, struct core_request *request,
             const Baton__MetricsRequest *ask, Baton__MetricsReply *ret)
{
    baton__metrics_reply__init(ret);
    for (size_t i = 0; i < ask->n_roles; i++) {
        if (role_number(ask->roles[i]) < 0) {
            return refuse(request, BATON__CODE__CODE_UNKNOWN_ROLE, "roles", "'%s' is no role",
                          ask->roles[i]);
        }
    }
    if (ask->window_ms < 0 || ask->window_ms > (int64_t)METRIC_HOURS_MAX * HOUR_MS ||
        ask->window_ms % HOUR_MS != 0) {
        return refuse(request, BATON__CODE__CODE_INVALID, "window_ms",
                      "a window is of whole hours, at most 31 days; 0 stands for ever");
    }
    int64_t now = MAX(request->now, core->now);
    struct asking a = {.core = core, .request = request, .ask = ask, .ret = ret};
    a.first_hour = ask->window_ms ? (now - ask->window_ms) / HOUR_MS : INT64_MIN;
    ret->now = now;
    ret->since = ask->window_ms ? a.first_hour * HOUR_MS : 0;
    ret->event = core->event;
    ret->sums_full = core->sums_full;
    count_unanswered(&a, now);
    ret->rows = arena_alloc(request->arena,
                            (core->n_projects * ROLE_SLOTS + 1) * sizeof *ret->rows);
    for (uint32_t p = 1; p < core->n_projects && a.bytes < METRICS_ANSWER_BYTES; p++) {
        for (int r = 0; r < ROLE_SLOTS; r++) {
            if (is_asked(&a, core->projects[p]->name, r)) {
                add_row(&a, p, r);
            }
        }
    }
    add_sums(&a);
    ret->partial = a.bytes >= METRICS_ANSWER_BYTES;
    return BATON__CODE__CODE_OK;
}

void
core_check_token(const struct core *core, struct core_request *request, uint64_t token,
                 Baton__TokenView *ret)
{
    baton__token_view__init(ret);
    const struct task *task = token ? task_by_token(core, token) : NULL;
    /* Who was told to stop has nothing to publish any more. */
    const struct course *course = task ? task->course : NULL;
    if (!task || course->token != token || !course->run || task->state == CANCELLING ||
        course->run->lease_until <= request->now) {
        return;
    }
    ret->live = true;
    ret->task = ref_make(request->arena, core, task);
    ret->role = role_text(task->role);
    ret->state = (Baton__TaskState)task->state;
    ret->worker = (char *)(uintptr_t)core_worker_name(core, course->worker);
    ret->lease_until = course->run->lease_until;
}

/* ---- snapshots ---- */

static int
compare_names(const void *a, const void *b)
{
    return strcmp((*(struct project *const *)a)->name, (*(struct project *const *)b)->name);
}

static void
add_record(struct arena *arena, Baton__SnapshotChunk__Header *header, const char *project, int role,
           const struct bucket *bucket, const struct tally *tally)
{
    Baton__SnapshotChunk__MetricsRecord *record = arena_alloc(arena, sizeof *record);
    baton__snapshot_chunk__metrics_record__init(record);
    record->project = (char *)(uintptr_t)project;
    record->role = role_text(role);
    record->hour = bucket ? bucket->hour : 0;
    record->ever = !bucket;
    record->metrics = tally_message(tally, arena);
    header->metrics[header->n_metrics++] = record;
}

void
metrics_record(const struct core *core, struct arena *arena, Baton__SnapshotChunk__Header *header)
{
    uint32_t n = core->n_projects ? core->n_projects - 1 : 0;
    size_t room = core->n_buckets + (size_t)n * ROLE_SLOTS + 1;
    struct project **projects = arena_alloc(arena, (n + 1) * sizeof *projects);
    header->metrics = arena_alloc(arena, room * sizeof *header->metrics);
    if (n > 0) {
        memcpy(projects, core->projects + 1, n * sizeof *projects);
        qsort(projects, n, sizeof *projects, compare_names);
    }
    for (uint32_t p = 0; p < n; p++) {
        for (int r = 0; r < ROLE_SLOTS; r++) {
            const struct series *series = projects[p]->metrics[r];
            if (!series) {
                continue;
            }
            add_record(arena, header, projects[p]->name, r, NULL, &series->ever);
            for (uint32_t i = 0; i < series->n; i++) {
                add_record(arena, header, projects[p]->name, r, &series->buckets[i],
                           &series->buckets[i].tally);
            }
        }
    }
    struct measure_sum **sums = sums_sorted(core, arena);
    header->sums_full = core->sums_full;
    header->sums = arena_alloc(arena, (core->n_sums + 1) * sizeof *header->sums);
    for (uint32_t i = 0; i < core->n_sums; i++) {
        Baton__SnapshotChunk__SumRecord *record = arena_alloc(arena, sizeof *record);
        baton__snapshot_chunk__sum_record__init(record);
        record->project = core->projects[sums[i]->project]->name;
        record->role = role_text(sums[i]->role);
        record->sum = sum_message(sums[i], arena);
        header->sums[header->n_sums++] = record;
    }
}

static bool
role_from(const char *text, int *ret_role)
{
    *ret_role = text[0] ? role_number(text) : ROLE_NONE;
    return *ret_role >= 0;
}

static bool
series_restore(struct core *core, const Baton__SnapshotChunk__MetricsRecord *r)
{
    int role;
    if (!role_from(r->role, &role) || !r->metrics || r->hour < 0 ||
        r->hour > TIME_MS_MAX / HOUR_MS) {
        return false;
    }
    uint32_t project = project_make(core, r->project);
    struct series *series = series_of(core, project, role);
    if (r->ever) {
        series->ever = tally_from(r->metrics);
        return true;
    }
    if (series->n && series->buckets[series->n - 1].hour >= r->hour) {
        return false;
    }
    struct tally *tally = hour_of(core, series, r->hour * HOUR_MS);
    if (tally) {
        *tally = tally_from(r->metrics);
    }
    return tally != NULL;
}

bool
metrics_restore(struct core *core, const Baton__SnapshotChunk__Header *header)
{
    for (size_t i = 0; i < header->n_metrics; i++) {
        if (!series_restore(core, header->metrics[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < header->n_sums; i++) {
        const Baton__SnapshotChunk__SumRecord *r = header->sums[i];
        int role;
        if (!r->sum || !role_from(r->role, &role)) {
            return false;
        }
        uint32_t project = project_make(core, r->project);
        struct measure_sum *sum = sum_make(core, project, role, r->sum->name);
        if (!sum) {
            return false;
        }
        set_text(&sum->unit, r->sum->unit[0] ? r->sum->unit : NULL);
        sum->n = r->sum->n;
        sum->sum = r->sum->sum;
        sum->last = r->sum->last;
        sum->last_at = r->sum->last_at;
    }
    core->sums_full = header->sums_full;
    return true;
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

void
metrics_fini(struct core *core)
{
    for (struct measure_sum *sum = core->sums, *next; sum; sum = next) {
        next = sum->by_key.next;
        HASH_DELETE(by_key, core->sums, sum);
        free(sum->key);
        free(sum->name);
        free(sum->unit);
        free(sum);
    }
}
