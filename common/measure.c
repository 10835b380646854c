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
