/* Who asks for metrics, and the answer. */
#include "broker/core/metrics.h"

#include <string.h>

Baton__Metrics *
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

char *
metrics_role_text(int role)
{
    return (char *)(uintptr_t)(role < ROLES_N ? role_names[role] : "");
}

Baton__MeasureSum *
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
        role_ok = strcmp(a->ask->roles[i], metrics_role_text(role)) == 0;
    }
    return ok && role_ok;
}

/* Handoffs left unanswered for too long. Of the window: they became so in it. */
static void
count_unanswered(struct asking *a, int64_t now)
{
    const struct core *core = a->core;
    const struct card *at = board_first_open(core, KIND(HANDOFF));
    a->unanswered = arena_calloc(a->request->arena, core->n_projects * ROLE_SLOTS + 1,
                                 sizeof *a->unanswered);
    for (; at; at = board_next_open(core, at)) {
        const Baton__Card *card = at->message;
        int64_t late_at = card->created_at + HANDOFF_ANSWER_MS;
        uint32_t project = project_find(core, card->project);
        if (card->state == CARD(SUBMITTED) && late_at <= now &&
            (a->first_hour == INT64_MIN || late_at / HOUR_MS >= a->first_hour) && project) {
            a->unanswered[project * ROLE_SLOTS + (uint32_t)metrics_role_of_card(core, card)]++;
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
            tally_add(&tally, &series->buckets[i].tally);
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
    row->role = metrics_role_text(role);
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
        row->role = metrics_role_text(sums[i]->role);
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
