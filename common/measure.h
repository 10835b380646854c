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

#endif
