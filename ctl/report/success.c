/* The strategy's "Success Metrics", section by section: what was asked for, what is, what nobody
 * has reported. */
#include "ctl/report/report.h"

#include "common/units.h"

#include <string.h>

#define HOUR_MS INT64_C(3600000)

static void
row(json_t *section, const char *what, const char *wanted, const char *is, const char *verdict)
{
    if (doc_row(section)) {
        doc_cell(section, "%s", what);
        doc_cell(section, "%s", wanted);
        doc_cell(section, "%s", is);
        doc_cell(section, "%s", verdict);
    }
}

/* What is wanted of a metric: the target of the board, if there is one of its name for all roles;
 * else the strategy's. `words` are those of the strategy: "above", "at least", "at most". */
static struct target
wanted_of(const struct report_data *data, size_t metric, const char *words, double strategy)
{
    const struct metric_known *known = &metrics_known[metric];
    for (size_t i = 0; i < data->targets.n; i++) {
        const struct target *t = &data->targets.list[i];
        bool is = strcmp(t->name, known->name) == 0 ||
                  (known->alias && strcmp(t->name, known->alias) == 0);
        if (is && !t->role[0]) {
            return *t;
        }
    }
    return (struct target){.bound = (char *)(uintptr_t)words,
                           .unit = (char *)(uintptr_t)known->unit,
                           .wanted = strategy};
}

/* `is` NULL: nobody reported it; its unit may be another one. */
static void
metric_row(json_t *section, const char *what, const struct target *wanted, const double *is,
           const char *unit)
{
    char bound[96], number[64], value[64];
    double same;
    snprintf(bound, sizeof bound, "%s %s", wanted->bound,
             metric_format(wanted->wanted, wanted->unit, number, sizeof number));
    if (!is) {
        row(section, what, bound, "not reported", "-");
    } else if (!unit_convert(*is, unit, wanted->unit, &same)) {
        row(section, what, bound, metric_format(*is, unit, value, sizeof value), "not comparable");
    } else {
        row(section, what, bound, metric_format(same, wanted->unit, value, sizeof value),
            target_is_met(wanted, same) ? "met" : "missed");
    }
}

static void
rate_row(json_t *section, const struct report_data *data, const char *what, size_t metric,
         double strategy)
{
    struct baton_metrics sum = metrics_add(data->metrics, NULL, NULL);
    struct target wanted = wanted_of(data, metric, "above", strategy);
    double value;
    bool known = metrics_value(&sum, metric, &value);
    metric_row(section, what, &wanted, known ? &value : NULL, metrics_known[metric].unit);
}

static void
agents(json_t *doc, const struct report_data *data)
{
    json_t *section = doc_section(doc, "Agent Performance");
    size_t n_long = 0, n_critical = 0;
    char is[64];
    for (size_t i = 0; i < data->n_cards; i++) {
        const struct report_card *card = &data->cards[i];
        if (card->kind != BATON_CARD_BLOCKER || card->severity != 1) {
            continue;
        }
        bool open = card->state < BATON_CARD_RESOLVED;
        int64_t lasted = (open ? data->until : card->ended_at) - card->created_at;
        bool counts = open || report_in_window(data, card->ended_at);
        n_critical += counts;
        n_long += counts && card->state != BATON_CARD_WITHDRAWN && lasted > 4 * HOUR_MS;
    }
    doc_columns(section, "What|Wanted|Is|Verdict");
    rate_row(section, data, "Task completion rate", 0, 90);
    rate_row(section, data, "Handoff success rate", 1, 95);
    snprintf(is, sizeof is, n_critical ? "%zu of %zu" : "0", n_long, n_critical);
    row(section, "Critical (P0) blockers lasting more than 4 hours", "0", is,
        n_long ? "missed" : "met");
    rate_row(section, data, "Test coverage", 3, 80);
}

/* The latest that anybody reported under one of its names. */
static const struct baton_measure_sum *
latest(const struct report_data *data, const struct metric_known *known)
{
    const struct baton_measure_sum *newest = NULL;
    for (size_t i = 0; i < data->metrics->n_sums; i++) {
        const struct baton_measure_sum *sum = &data->metrics->sums[i];
        bool is = strcmp(sum->name, known->name) == 0 ||
                  (known->alias && strcmp(sum->name, known->alias) == 0);
        if (is && sum->last_at && (!newest || sum->last_at >= newest->last_at)) {
            newest = sum;
        }
    }
    return newest;
}

static void
system_rows(json_t *doc, const struct report_data *data)
{
    static const struct {
        const char *what;
        const char *words;
        double wanted;
    } measures[] = {
        {"API response time", "at most", 200},
        {"WebSocket latency", "at most", 50},
        {"Uptime", "at least", 99.9},
        {"Data loss incidents", "at most", 0},
    };
    json_t *section = doc_section(doc, "System Performance");
    doc_line(section, "The latest that agents reported as measures of these names");
    doc_columns(section, "What|Wanted|Is|Verdict");
    for (size_t i = 0; i < ARRAY_LEN(measures); i++) {
        size_t metric = METRICS_N + i;
        const struct baton_measure_sum *sum = latest(data, &metrics_known[metric]);
        struct target wanted = wanted_of(data, metric, measures[i].words, measures[i].wanted);
        metric_row(section, measures[i].what, &wanted, sum ? &sum->last : NULL,
                   sum ? sum->unit : "");
    }
}

void
part_success(json_t *doc, const struct report_data *data)
{
    agents(doc, data);
    system_rows(doc, data);
    part_milestones(doc, data);
    json_t *sections = json_object_get(doc, "sections");
    json_t *delivery = json_array_get(sections, json_array_size(sections) - 1);
    json_object_set_new(delivery, "title", json_string("Project Delivery"));
}
