/* When recurring work comes due, as people write it: read into one form, and its next local time.
 *
 *   0 9 * * 1-5              cron: minute hour day month weekday
 *   every 4 hours            from an anchor on
 *   hourly, daily 9:00, weekdays 9 AM, weekly Monday 10:00, monthly 1 9:00
 *   9 AM, Monday 10 AM       the same without the first word
 *
 * Pure: knows no zones. Times here are local: milliseconds since 1970-01-01T00:00 of the wall
 * clock, whatever its offset. */
#ifndef BATON_COMMON_RECUR_H
#define BATON_COMMON_RECUR_H

#include <stdbool.h>
#include <stdint.h>

struct recur {
    int64_t every_ms;  /* 0: the calendar below */
    uint64_t minutes;  /* bit m */
    uint32_t hours;    /* bit h */
    uint32_t days;     /* of the month; bits 1 to 31 */
    uint32_t months;   /* bits 1 to 12 */
    uint32_t weekdays; /* bit 0 for Sunday */
    bool any_day;      /* … of the month: only the weekday counts; neither any: one suffices */
    bool any_weekday;
    bool any_hour; /* it goes by elapsed time: an hour that comes twice counts twice */
};

enum { RECUR_TEXT_MAX = 256 };

/* NULL: *ret is it; else what is wrong, a sentence that names the part. */
const char *recur_parse(const char *text, struct recur *ret);

/* The first local time of the calendar at or after `local`, whole minutes; INT64_MAX: none within
 * 40 years. Not for `every`. */
int64_t recur_next_local(const struct recur *recur, int64_t local);

#endif
