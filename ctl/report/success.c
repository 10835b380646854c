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

/* The target of the board, if there is one of that name for all roles; else the strategy's. */
static double
wanted_of(const struct report_data *data, const char *name, double strategy)
{
    for (size_t i = 0; i < data->targets.n; i++) {
        const struct target *t = &data->targets.list[i];
        if (strcmp(t->name, name) == 0 && !t->role[0]) {
            return t->wanted;
        }
    }
    return strategy;
}

static void
rate_row(json_t *section, const struct report_data *data, const char *what, size_t metric,
         double strategy)
{
    struct baton_metrics sum = metrics_add(data->metrics, NULL, NULL);
    double value, wanted = wanted_of(data, metric_names[metric], strategy);
    char bound[80], is[64];
    char number[64];
    snprintf(bound, sizeof bound, "above %s", metric_format(wanted, "%", number, sizeof number));
    if (metrics_value(&sum, metric, &value)) {
        row(section, what, bound, metric_format(value, "%", is, sizeof is),
            value >= wanted ? "met" : "missed");
    } else {
        row(section, what, bound, "not reported", "-");
    }
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

/* The latest that anybody reported under one of the names. */
static bool
latest(const struct report_data *data, const char *const names[3], double *ret_value,
       const char **ret_unit)
{
    int64_t at = 0;
    for (size_t i = 0; i < data->metrics->n_sums; i++) {
        const struct baton_measure_sum *sum = &data->metrics->sums[i];
        bool is = strcmp(sum->name, names[0]) == 0 || strcmp(sum->name, names[1]) == 0;
        if (is && sum->last_at >= at) {
            at = sum->last_at;
            *ret_value = sum->last;
            *ret_unit = sum->unit;
        }
    }
    return at != 0;
}

static void
system_rows(json_t *doc, const struct report_data *data)
{
    static const struct {
        const char *what;
        const char *names[2];
        double wanted;
        const char *unit;
        bool below;
    } measures[] = {
        {"API response time", {"api_response_time", "api_response_time_ms"}, 200, "ms", true},
        {"WebSocket latency", {"websocket_latency", "websocket_latency_ms"}, 50, "ms", true},
        {"Uptime", {"uptime", "uptime_percent"}, 99.9, "%", false},
        {"Data loss incidents", {"data_loss_incidents", "data_loss"}, 0, "", true},
    };
    json_t *section = doc_section(doc, "System Performance");
    doc_line(section, "The latest that agents reported as measures of these names");
    doc_columns(section, "What|Wanted|Is|Verdict");
    for (size_t i = 0; i < ARRAY_LEN(measures); i++) {
        const char *const names[3] = {measures[i].names[0], measures[i].names[1], NULL};
        double value, wanted = wanted_of(data, names[0], measures[i].wanted);
        const char *unit;
        char bound[80], is[64], number[64];
        snprintf(bound, sizeof bound, "%s %s", measures[i].below ? "at most" : "at least",
                 metric_format(wanted, measures[i].unit, number, sizeof number));
        if (latest(data, names, &value, &unit)) {
            bool met = measures[i].below ? value <= wanted : value >= wanted;
            row(section, measures[i].what, bound,
                metric_format(value, unit[0] ? unit : measures[i].unit, is, sizeof is),
                met ? "met" : "missed");
        } else {
            row(section, measures[i].what, bound, "not reported", "-");
        }
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
