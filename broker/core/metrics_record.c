/* Metrics in a snapshot's header, and out of it. */
#include "broker/core/metrics.h"

#include <stdlib.h>
#include <string.h>

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
    record->role = metrics_role_text(role);
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
        record->role = metrics_role_text(sums[i]->role);
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
    struct tally *tally = series_hour(core, series, r->hour * HOUR_MS);
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
