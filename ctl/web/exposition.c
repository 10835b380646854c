#include "ctl/web/exposition.h"

#include "common/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const types[] = {"gauge", "counter", "histogram", "info"};

/* What the older form calls a family: as its samples. */
static const char *
suffix_of(const struct exposition *e)
{
    return e->type == EXPOSE_COUNTER ? "_total" : e->type == EXPOSE_INFO ? "_info" : "";
}

void
expose_family(struct exposition *e, enum exposition_type type, const char *name, const char *unit,
              const char *help)
{
    e->type = type;
    e->name = name;
    const char *suffix = e->openmetrics ? "" : suffix_of(e);
    bool is_plain_info = type == EXPOSE_INFO && !e->openmetrics;
    buf_printf(e->out, "# TYPE %s%s %s\n", name, suffix,
               types[is_plain_info ? EXPOSE_GAUGE : type]);
    if (e->openmetrics && *unit) {
        buf_printf(e->out, "# UNIT %s %s\n", name, unit);
    }
    buf_printf(e->out, "# HELP %s%s %s\n", name, suffix, help);
}

static void
add_value(struct buf *out, const char *value)
{
    for (; *value; value++) {
        if (*value == '\n') {
            buf_add_text(out, "\\n");
        } else if (*value == '\\' || *value == '"') {
            buf_printf(out, "\\%c", *value);
        } else {
            buf_add(out, value, 1);
        }
    }
}

static void
add_labels(struct exposition *e, exposition_labels labels)
{
    if (!labels || !labels[0]) {
        return;
    }
    for (size_t i = 0; labels[i]; i += 2) {
        buf_printf(e->out, "%s%s=\"", i ? "," : "{", labels[i]);
        add_value(e->out, labels[i + 1]);
        buf_add_text(e->out, "\"");
    }
    buf_add_text(e->out, "}");
}

static void
add_name(struct exposition *e, const char *suffix, exposition_labels labels)
{
    buf_printf(e->out, "%s%s", e->name, suffix);
    add_labels(e, labels);
    buf_add_text(e->out, " ");
}

void
expose_number(struct exposition *e, exposition_labels labels, uint64_t value)
{
    add_name(e, suffix_of(e), labels);
    buf_printf(e->out, "%" PRIu64 "\n", value);
}

void
expose_real(struct exposition *e, exposition_labels labels, double value)
{
    add_name(e, suffix_of(e), labels);
    buf_printf(e->out, "%.12g\n", value);
}

void
expose_histogram(struct exposition *e, exposition_labels labels, const int64_t *bounds_us,
                 const uint64_t *counts, size_t n, int64_t sum_us)
{
    const char *with_le[2 * EXPOSE_LABELS_MAX + 3] = {NULL};
    size_t used = 0;
    for (; labels && labels[used]; used++) {
        CHECK(used < 2 * (size_t)EXPOSE_LABELS_MAX);
        with_le[used] = labels[used];
    }
    char le[32];
    with_le[used] = "le";
    with_le[used + 1] = le;
    uint64_t sum = 0;
    for (size_t i = 0; i <= n; i++) {
        /* The same text in both forms, or a change of form would make other series. */
        if (i == n) {
            strcpy(le, "+Inf");
        } else if (bounds_us[i] % 1000000 == 0) {
            snprintf(le, sizeof le, "%" PRId64 ".0", bounds_us[i] / 1000000);
        } else {
            snprintf(le, sizeof le, "%g", (double)bounds_us[i] / 1e6);
        }
        sum += counts[i];
        add_name(e, "_bucket", with_le);
        buf_printf(e->out, "%" PRIu64 "\n", sum);
    }
    add_name(e, "_sum", labels);
    buf_printf(e->out, "%.9g\n", (double)sum_us / 1e6);
    add_name(e, "_count", labels);
    buf_printf(e->out, "%" PRIu64 "\n", sum);
}

void
expose_end(struct exposition *e)
{
    if (e->openmetrics) {
        buf_add_text(e->out, "# EOF\n");
    }
}

/* ---- Accept ---- */

/* The weight of one range, `bytes` long: 1 unless it says q=. */
static double
weight_of(const char *range, size_t bytes)
{
    const char *end = range + bytes;
    for (const char *p = range; p + 2 < end; p++) {
        if ((*p == ';' || *p == ' ') && (p[1] == 'q' || p[1] == 'Q') && p[2] == '=') {
            double q = strtod(p + 3, NULL);
            return q >= 0 && q <= 1 ? q : 0;
        }
    }
    return 1;
}

static bool
range_is(const char *range, size_t bytes, const char *type)
{
    size_t n = strlen(type);
    return bytes >= n && strncasecmp(range, type, n) == 0 &&
           (bytes == n || range[n] == ';' || range[n] == ' ');
}

bool
exposition_wants_openmetrics(const char *accept)
{
    double openmetrics = 0, text = 0;
    for (const char *p = accept ? accept : ""; *p;) {
        p += strspn(p, " \t,");
        size_t bytes = strcspn(p, ",");
        if (range_is(p, bytes, "application/openmetrics-text")) {
            openmetrics = MAX(openmetrics, weight_of(p, bytes));
        } else if (range_is(p, bytes, "text/plain")) {
            text = MAX(text, weight_of(p, bytes));
        }
        p += bytes;
    }
    return openmetrics > 0 && openmetrics >= text;
}
