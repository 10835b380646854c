/* Measures on the command line: what agents report of their work. */
#ifndef BATON_CTL_MEASURES_H
#define BATON_CTL_MEASURES_H

#include "common/measure.h"
#include "ctl/verbs.h"

/* Measures that are about to be said. */
struct measures_said {
    struct measure_text said[MEASURES_MAX];
    struct baton_measure list[MEASURES_MAX]; /* points into `said` */
    size_t n;
};

/* NAME=NUMBER[UNIT]. False: reported. */
bool measures_take_text(struct measures_said *m, struct ctl *ctl, const char *text);
/* The member `measures` of a result file, as the worker reads it; none is fine. False: reported. */
bool measures_take_json(struct measures_said *m, struct ctl *ctl, json_t *result);

/* {"tokens": {"value": …, "unit": …, "total": …}}. */
json_t *measures_json(const struct baton_task_measure *measures, size_t n);

#endif
