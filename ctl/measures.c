/* Measures on the command line. */
#include "ctl/measures.h"

#include <string.h>

/* The text behind the last one is one too. */
static void
add(struct measures_said *m)
{
    const struct measure_text *text = &m->said[m->n];
    m->list[m->n++] = (struct baton_measure){
        .name = text->name, .value = text->value, .unit = text->unit};
}

bool
measures_take_text(struct measures_said *m, struct ctl *ctl, const char *text)
{
    if (m->n == MEASURES_MAX) {
        ctl->status = ctl_usage(ctl, "--measure: at most %d of them", (int)MEASURES_MAX);
        return false;
    }
    if (!measure_parse(text, &m->said[m->n])) {
        ctl->status = ctl_usage(ctl,
                                "--measure %s: NAME=NUMBER, perhaps with a unit, like "
                                "coverage=83.5%% or tokens=1200",
                                text);
        return false;
    }
    add(m);
    return true;
}

static bool
take_value(struct measures_said *m, const char *name, json_t *value)
{
    char unit[CARD_TAG_BYTES_MAX + 1] = "";
    const char *text = json_string_value(json_object_get(value, "unit"));
    bool ok = m->n < MEASURES_MAX && name && (!text || strlen(text) <= CARD_TAG_BYTES_MAX);
    value = json_is_object(value) ? json_object_get(value, "value") : value;
    double number = json_number_value(value);
    ok = ok &&
         (json_is_number(value) ||
          (json_is_string(value) && measure_parse_value(json_string_value(value), &number, unit)));
    if (ok && text) {
        strcpy(unit, text);
    }
    if (!ok || !measure_make(name, number, unit, &m->said[m->n])) {
        return false;
    }
    add(m);
    return true;
}

bool
measures_take_json(struct measures_said *m, struct ctl *ctl, json_t *result)
{
    json_t *measures = json_object_get(result, "measures");
    bool ok = !measures || json_is_null(measures) || json_is_object(measures) ||
              json_is_array(measures);
    const char *name;
    json_t *value;
    size_t i;
    if (json_is_object(measures)) {
        json_object_foreach(measures, name, value)
        {
            ok = ok && take_value(m, name, value);
        }
    }
    json_array_foreach(measures, i, value)
    {
        ok = ok && take_value(m, json_string_value(json_object_get(value, "name")), value);
    }
    if (!ok) {
        ctl_fail(ctl, CTL_DATA, "invalid",
                 "a map of at most 16 names to numbers, or a list of {\"name\", \"value\", "
                 "\"unit\"}",
                 "measures: what the result file has there are none");
    }
    return ok;
}

json_t *
measures_json(const struct baton_task_measure *measures, size_t n)
{
    json_t *object = json_object();
    for (size_t i = 0; i < n; i++) {
        const struct baton_task_measure *m = &measures[i];
        json_t *entry = json_object();
        json_object_set_new(entry, "value", m->said ? json_real(m->value) : json_null());
        json_object_set_new(entry, "unit", ctl_json_text(m->unit));
        json_object_set_new(entry, "total", json_real(m->before + (m->said ? m->value : 0)));
        json_object_set_new(object, m->name, entry);
    }
    return object;
}
