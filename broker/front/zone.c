/* Local times and the moments they stand for. A zone is a row of segments, each with one offset;
 * within a segment local time runs evenly, so the calendar (common/recur.h) is asked segment by
 * segment. */
#include "broker/front/zone.h"

#include "common/alloc.h"
#include "common/check.h"
#include "common/limits.h"
#include "common/units.h"

#include <glib.h>
#include <stdlib.h>

#define MINUTE_MS INT64_C(60000)

enum {
    SEGMENTS_LOOKED_AT = 200,
    OVERLAP_S = 26 * 3600, /* no clock was ever put back by more */
};

struct zone {
    GTimeZone *of;
};

struct zone *
zone_open(const char *name)
{
    if (!zone_is_known(name)) {
        return NULL;
    }
    GTimeZone *of = g_time_zone_new_identifier(name && *name ? name : "UTC");
    if (!of) {
        return NULL;
    }
    struct zone *zone = xmalloc(sizeof *zone);
    zone->of = of;
    return zone;
}

void
zone_close(struct zone *zone)
{
    if (zone) {
        g_time_zone_unref(zone->of);
        free(zone);
    }
}

static int
segment_of(const struct zone *zone, int64_t seconds)
{
    return g_time_zone_find_interval(zone->of, G_TIME_TYPE_UNIVERSAL, seconds);
}

static int64_t
offset_ms(const struct zone *zone, int segment)
{
    return (int64_t)g_time_zone_get_offset(zone->of, segment) * 1000;
}

/* The second at which a segment behind `segment` begins, in (from, to]; that of `to` is one. */
static int64_t
segment_end(const struct zone *zone, int segment, int64_t from, int64_t to)
{
    while (to - from > 1) {
        int64_t middle = from + (to - from) / 2;
        if (segment_of(zone, middle) == segment) {
            from = middle;
        } else {
            to = middle;
        }
    }
    return to;
}

/* The beginning of the segment at `at`, if it lies at most OVERLAP_S before; else 0. */
static int64_t
recent_begin(const struct zone *zone, int segment, int64_t at)
{
    int64_t before = at - OVERLAP_S;
    int earlier = before > 0 ? segment_of(zone, before) : segment;
    while (earlier != segment) {
        before = segment_end(zone, earlier, before, at);
        earlier = segment_of(zone, before);
        if (earlier == segment) {
            return before;
        }
    }
    return 0;
}

static int64_t
calendar_next(const struct zone *zone, const struct recur *rule, int64_t after)
{
    int64_t at = (MAX(after, 0) / MINUTE_MS + 1) * MINUTE_MS;
    for (int i = 0; i < SEGMENTS_LOOKED_AT && at <= TIME_MS_MAX; i++) {
        int segment = segment_of(zone, at / 1000);
        int64_t offset = offset_ms(zone, segment), local = at + offset;
        int64_t begin = recent_begin(zone, segment, at / 1000) * 1000;
        if (begin && !rule->any_hour) {
            int64_t told = begin + offset_ms(zone, segment - 1); /* local times up to here */
            if (begin == at && told < local && recur_next_local(rule, told) < local) {
                return at; /* the clocks went past it */
            }
            local = MAX(local, told);
        }
        int64_t next = recur_next_local(rule, local);
        if (next == INT64_MAX || next - offset > TIME_MS_MAX) {
            return INT64_MAX;
        }
        next -= offset;
        if (segment_of(zone, next / 1000) == segment) {
            return next;
        }
        at = segment_end(zone, segment, at / 1000, next / 1000) * 1000;
    }
    return INT64_MAX;
}

int64_t
zone_next(const struct zone *zone, const struct recur *rule, int64_t anchor, int64_t after)
{
    if (!rule->every_ms) {
        return calendar_next(zone, rule, after);
    }
    int64_t next = after < anchor
                       ? anchor
                       : anchor + ((after - anchor) / rule->every_ms + 1) * rule->every_ms;
    return next > TIME_MS_MAX ? INT64_MAX : next;
}
