#include "common/measure.h"

#include "common/text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

bool
measure_parse_value(const char *text, double *ret_value, char unit[CARD_TAG_BYTES_MAX + 1])
{
    char *end;
    /* strtod takes more: blanks before it, "inf", "nan", "0x10". */
    const char *p = text + (*text == '-');
    if (!(isdigit((unsigned char)*p) || (*p == '.' && isdigit((unsigned char)p[1]))) ||
        (*p == '0' && (p[1] == 'x' || p[1] == 'X'))) {
        return false;
    }
    double value = strtod(text, &end);
    end += strspn(end, " ");
    if (!(value >= -MEASURE_MAX && value <= MEASURE_MAX) || strlen(end) > CARD_TAG_BYTES_MAX ||
        (*end && !prose_is_valid(end, CARD_TAG_BYTES_MAX))) {
        return false;
    }
    strcpy(unit, end);
    *ret_value = value;
    return true;
}

bool
measure_make(const char *name, double value, const char *unit, struct measure_text *ret)
{
    if (!name_is_valid(name, MEASURE_NAME_BYTES_MAX) || strlen(unit) > CARD_TAG_BYTES_MAX ||
        (*unit && !prose_is_valid(unit, CARD_TAG_BYTES_MAX)) ||
        !(value >= -MEASURE_MAX && value <= MEASURE_MAX)) {
        return false;
    }
    strcpy(ret->name, name);
    strcpy(ret->unit, unit);
    ret->value = value;
    return true;
}

bool
measure_parse(const char *text, struct measure_text *ret)
{
    const char *equals = strchr(text, '=');
    char name[MEASURE_NAME_BYTES_MAX + 1];
    char unit[CARD_TAG_BYTES_MAX + 1];
    double value;
    if (!equals || (size_t)(equals - text) > MEASURE_NAME_BYTES_MAX ||
        !measure_parse_value(equals + 1, &value, unit)) {
        return false;
    }
    memcpy(name, text, (size_t)(equals - text));
    name[equals - text] = 0;
    return measure_make(name, value, unit, ret);
}

/* ---- what is known of them ---- */

const struct metric_known metrics_known[METRICS_KNOWN_N] = {
    {"task_completion_rate", NULL, "%"},
    {"handoff_quality", NULL, "%"},
    {"blocker_resolution_time", NULL, "ms"},
    {"test_coverage", NULL, "%"},
    {"api_response_time", "api_response_time_ms", "ms"},
    {"websocket_latency", "websocket_latency_ms", "ms"},
    {"uptime", "uptime_percent", "%"},
    {"data_loss_incidents", "data_loss", ""},
};

const char *
metric_unit(const char *name)
{
    for (size_t i = 0; i < METRICS_KNOWN_N; i++) {
        const struct metric_known *known = &metrics_known[i];
        if (strcmp(known->name, name) == 0 || (known->alias && strcmp(known->alias, name) == 0)) {
            return known->unit;
        }
    }
    return NULL;
}

/* 0: it is no unit of time. */
static double
unit_ms(const char *unit)
{
    static const struct {
        const char *unit;
        double ms;
    } units[] = {{"us", 0.001}, {"ms", 1}, {"s", 1000}, {"min", 60e3}, {"m", 60e3}, {"h", 3600e3}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(units[i].unit, unit) == 0) {
            return units[i].ms;
        }
    }
    return 0;
}

bool
unit_convert(double value, const char *from, const char *to, double *ret_value)
{
    double a = unit_ms(from), b = unit_ms(to);
    bool same = !*from || !*to || strcmp(from, to) == 0;
    if (!same && (a <= 0 || b <= 0)) {
        return false;
    }
    *ret_value = same ? value : value * a / b;
    return true;
}

const char *
metric_unit_wrong(const char *name, const char *unit)
{
    const char *is = metric_unit(name);
    if (!is || strcmp(is, unit) == 0) {
        return NULL;
    }
    if (strcmp(is, "%") == 0) {
        return *unit ? "this metric is a percentage: write a target such as 90%" : NULL;
    }
    if (strcmp(is, "ms") == 0) {
        /* "< 4" of a time that people count in hours would be 4 ms. */
        return *unit || strcmp(name, "blocker_resolution_time") == 0
                   ? "this metric is a time: write a target such as \"< 200ms\" or \"< 4 hours\""
                   : NULL;
    }
    return "this metric is a count: write a target without a unit";
}
