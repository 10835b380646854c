/* Metrics as text, in the form of OpenMetrics 1.0 or of Prometheus 0.0.4. Families in order, each
 * with its samples behind it. */
#ifndef BATON_CTL_WEB_EXPOSITION_H
#define BATON_CTL_WEB_EXPOSITION_H

#include "common/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum exposition_type { EXPOSE_GAUGE, EXPOSE_COUNTER, EXPOSE_HISTOGRAM, EXPOSE_INFO };

struct exposition {
    struct buf *out; /* borrowed */
    bool openmetrics;
    enum exposition_type type; /* of the family at hand */
    const char *name;
};

/* Names and values by turns, ended by NULL; values may be any text. */
typedef const char *const *exposition_labels;

/* Begins a family. `name` without _total and _info, with its unit at the end; `unit` "": none. */
void expose_family(struct exposition *e, enum exposition_type type, const char *name,
                   const char *unit, const char *help);
/* A sample of it; `labels` NULL: none. */
void expose_number(struct exposition *e, exposition_labels labels, uint64_t value);
void expose_real(struct exposition *e, exposition_labels labels, double value);
/* n bounds, n + 1 counts (not summed up); at most EXPOSE_LABELS_MAX labels. */
enum { EXPOSE_LABELS_MAX = 4 };
void expose_histogram(struct exposition *e, exposition_labels labels, const int64_t *bounds_us,
                      const uint64_t *counts, size_t n, int64_t sum_us);
/* After the last family. */
void expose_end(struct exposition *e);

/* Which form an Accept header (NULL: none) likes better. */
bool exposition_wants_openmetrics(const char *accept);

#endif
