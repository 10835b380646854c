/* Measures as people and agents write them: "coverage=83.5%", "tokens=1200", "cost=0.12 USD". */
#ifndef BATON_COMMON_MEASURE_H
#define BATON_COMMON_MEASURE_H

#include "common/limits.h"

#include <stdbool.h>
#include <stddef.h>

struct measure_text {
    char name[MEASURE_NAME_BYTES_MAX + 1];
    char unit[CARD_TAG_BYTES_MAX + 1];
    double value;
};

/* "83.5%", "1200", "0.12 USD": a number, then perhaps a unit. */
bool measure_parse_value(const char *text, double *ret_value, char unit[CARD_TAG_BYTES_MAX + 1]);
/* A name, '=' and such a value. */
bool measure_parse(const char *text, struct measure_text *ret);
/* False: not a name, not a unit, or out of range. */
bool measure_make(const char *name, double value, const char *unit, struct measure_text *ret);

/* The metrics that Baton counts, then the measures that its reports read from agents, each with its
 * unit. */
enum { METRICS_N = 4, METRICS_KNOWN_N = 8 };
struct metric_known {
    const char *name;
    const char *alias; /* the name with its unit; NULL: none */
    const char *unit;
};
extern const struct metric_known metrics_known[METRICS_KNOWN_N];
/* The unit of the known metric of this name or alias; NULL: it is not one. */
const char *metric_unit(const char *name);

/* The value in another unit: "s" as "ms". A unit that nobody named is the other one. False: the one
 * says nothing of the other. */
bool unit_convert(double value, const char *from, const char *to, double *ret_value);
/* NULL: a target of this metric may have this unit; else what is wrong. */
const char *metric_unit_wrong(const char *name, const char *unit);

#endif
