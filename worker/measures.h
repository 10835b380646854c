/* Numbers that an agent leaves with its result, or that an adapter finds in its output. */
#ifndef BATON_WORKER_MEASURES_H
#define BATON_WORKER_MEASURES_H

#include "client/include/baton.h"
#include "common/measure.h"

#include <jansson.h>

struct measures {
    struct measure_text list[MEASURES_MAX];
    size_t n;
};

/* Adds it unless there is one of that name, no room, or it is not one. */
void measures_add(struct measures *measures, const char *name, double value, const char *unit);
/* Those of `more` that are not there yet. */
void measures_merge(struct measures *measures, const struct measures *more);
/* A list of {"name", "value", "unit"}, or a map of names to a number, "83.5%" or {"value", "unit"}.
 * NULL, or what is wrong. */
const char *measures_read(json_t *value, struct measures *ret);
json_t *measures_json(const struct baton_measure *measures, size_t n);
/* Points into `measures`. Returns how many. */
size_t measures_view(const struct measures *measures, struct baton_measure view[MEASURES_MAX]);

#endif
