/* Measures. */
#include "worker/measures.h"

#include "common/check.h"

#include <string.h>

static bool
has(const struct measures *measures, const char *name)
{
    for (size_t i = 0; i < measures->n; i++) {
        if (strcmp(measures->list[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

void
measures_add(struct measures *measures, const char *name, double value, const char *unit)
{
    if (measures->n < MEASURES_MAX && !has(measures, name) &&
        measure_make(name, value, unit, &measures->list[measures->n])) {
        measures->n++;
    }
}

void
measures_merge(struct measures *measures, const struct measures *more)
{
    for (size_t i = 0; i < more->n; i++) {
        measures_add(measures, more->list[i].name, more->list[i].value, more->list[i].unit);
    }
}

/* A number, "83.5%", or an object with such a value and a unit. */
static bool
read_value(json_t *value, double *ret_value, char unit[CARD_TAG_BYTES_MAX + 1])
{
    const char *text = json_string_value(json_object_get(value, "unit"));
    unit[0] = 0;
    value = json_is_object(value) ? json_object_get(value, "value") : value;
    if (json_is_string(value) && !measure_parse_value(json_string_value(value), ret_value, unit)) {
        return false;
    }
    if (text) {
        unit[0] = 0;
        strncat(unit, text, CARD_TAG_BYTES_MAX);
    }
    if (json_is_string(value)) {
        return !text || strlen(text) <= CARD_TAG_BYTES_MAX;
    }
    *ret_value = json_number_value(value);
    return json_is_number(value) && (!text || strlen(text) <= CARD_TAG_BYTES_MAX);
}

static const char *
read_one(const char *name, json_t *value, struct measures *ret)
{
    char unit[CARD_TAG_BYTES_MAX + 1];
    double number = 0;
    if (ret->n == MEASURES_MAX) {
        return "measures: at most 16";
    }
    if (!name || has(ret, name)) {
        return "measures: a name is missing or stands there twice";
    }
    if (!read_value(value, &number, unit) ||
        !measure_make(name, number, unit, &ret->list[ret->n])) {
        return "measures: each has a name, a number, and perhaps a unit, like {\"tokens\": 1200, "
               "\"coverage\": {\"value\": 83.5, \"unit\": \"%\"}}";
    }
    ret->n++;
    return NULL;
}

const char *
measures_read(json_t *value, struct measures *ret)
{
    const char *fault = NULL;
    const char *name;
    json_t *member;
    size_t i;
    *ret = (struct measures){0};
    if (json_is_object(value)) {
        json_object_foreach(value, name, member)
        {
            fault = fault ? fault : read_one(name, member, ret);
        }
    } else if (json_is_array(value)) {
        json_array_foreach(value, i, member)
        {
            name = json_string_value(json_object_get(member, "name"));
            fault = fault ? fault : read_one(name, member, ret);
        }
    } else {
        fault = "measures: a map of names to numbers, or a list";
    }
    return fault;
}

json_t *
measures_json(const struct baton_measure *measures, size_t n)
{
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++) {
        json_t *object = json_object();
        json_object_set_new(object, "name", json_string(measures[i].name));
        json_object_set_new(object, "value", json_real(measures[i].value));
        json_object_set_new(object, "unit", json_string(measures[i].unit));
        CHECK(json_array_append_new(array, object) == 0);
    }
    return array;
}

size_t
measures_view(const struct measures *measures, struct baton_measure view[MEASURES_MAX])
{
    for (size_t i = 0; i < measures->n; i++) {
        view[i] = (struct baton_measure){.name = measures->list[i].name,
                                         .value = measures->list[i].value,
                                         .unit = measures->list[i].unit};
    }
    return measures->n;
}
