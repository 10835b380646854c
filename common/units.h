/* Durations and times as people write them, and back. */
#ifndef BATON_COMMON_UNITS_H
#define BATON_COMMON_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "90s", "2h30m", "1d", "250ms", "1w", "1.5h", "4 hours", "15 minutes"; a bare number is seconds.
 * False: not one, or out of 0..DURATION_MS_MAX. */
bool duration_parse(const char *s, int64_t *ret_ms);

/* "1h 30m", "250ms", "3d 4h": two units at most. Returns out. */
const char *duration_format(int64_t ms, char *out, size_t room);

/* Bytes: "4096", "64K", "32M", "1GiB"; or any number. False: not one, or too large. */
bool size_parse(const char *s, uint64_t *ret_bytes);

/* RFC 3339 ("2025-08-12T18:00:00Z", with offset, with a space for the T, seconds optional), a plain
 * date ("2025-08-12": the last second of that day in `zone`, an IANA name; NULL or "": UTC), or
 * "+2h" / "in 2h" from `now`. A time without an offset is in `zone`. False: not one, not in
 * 1970..9999, or the zone is not known. Not thread-safe with a zone that is not UTC: it sets TZ for
 * a moment, for that is how libc is told a zone. */
bool time_parse(const char *s, const char *zone, int64_t now, int64_t *ret_ms);

/* Of a text that time_parse takes: does what it means depend on the zone? */
bool time_needs_zone(const char *s);

/* Is it an IANA zone that this machine knows (or NULL, "", "UTC")? Reads a file. */
bool zone_is_known(const char *zone);

/* RFC 3339 in UTC with milliseconds only if there are any: "2025-08-12T18:00:00Z". Returns out. */
const char *time_format(int64_t ms, char *out, size_t room);

/* "2025-08-12 18:00" in the zone (NULL, "" or one that is not known: UTC). Returns out. As
 * time_parse: not thread-safe with a zone. */
const char *time_format_minute(int64_t ms, const char *zone, char *out, size_t room);

/* Days from 1970-01-01 to a day of the Gregorian calendar, and back. Not before 1970. */
int64_t calendar_days(int year, int month, int day);
void calendar_date(int64_t days, int *ret_year, int *ret_month, int *ret_day);

#endif
