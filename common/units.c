/* Durations and times as people write them: parsing and printing, the calendar, and the zones of
 * the machine. Not thread-safe where units.h says so. */
#include "common/units.h"

#include "common/alloc.h"
#include "common/check.h"
#include "common/limits.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)
#define WEEK_MS (7 * DAY_MS)

enum { DURATION_BYTES_MAX = 64, TIME_BYTES_MAX = 64, ZONE_BYTES_MAX = 64 };

#define ZONE_FOLDER "/usr/share/zoneinfo/"

static const struct {
    const char *name;
    int64_t ms;
} units[] = {
    {"ms", 1},         {"msec", 1},        {"millisecond", 1},    {"milliseconds", 1},
    {"s", SECOND_MS},  {"sec", SECOND_MS}, {"second", SECOND_MS}, {"seconds", SECOND_MS},
    {"m", MINUTE_MS},  {"min", MINUTE_MS}, {"minute", MINUTE_MS}, {"minutes", MINUTE_MS},
    {"h", HOUR_MS},    {"hour", HOUR_MS},  {"hours", HOUR_MS},    {"hr", HOUR_MS},
    {"d", DAY_MS},     {"day", DAY_MS},    {"days", DAY_MS},      {"w", WEEK_MS},
    {"week", WEEK_MS}, {"weeks", WEEK_MS}, {"secs", SECOND_MS},   {"mins", MINUTE_MS},
    {"hrs", HOUR_MS},
};

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool
is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static const char *
skip_spaces(const char *s)
{
    while (*s == ' ' || *s == '\t') {
        s++;
    }
    return s;
}

/* Reads the word at *s and moves behind it. 0: no such unit. */
static int64_t
unit_read(const char **s)
{
    const char *p = *s;
    while (is_letter(*p)) {
        p++;
    }
    size_t bytes = (size_t)(p - *s);
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (strlen(units[i].name) == bytes && strncasecmp(units[i].name, *s, bytes) == 0) {
            *s = p;
            return units[i].ms;
        }
    }
    return 0;
}

/* A number as thousandths, so that "1.5h" stays exact; at most 15 digits before the point and 3
 * after it. */
static bool
thousandths_read(const char **s, int64_t *ret)
{
    const char *p = *s;
    int64_t value = 0;
    int n = 0;
    for (; is_digit(*p); p++, n++) {
        if (n == 15) {
            return false;
        }
        value = value * 10 + (*p - '0');
    }
    if (n == 0) {
        return false;
    }
    value *= 1000;
    if (*p == '.') {
        p++;
        int64_t place = 100;
        if (!is_digit(*p)) {
            return false;
        }
        for (; is_digit(*p); p++, place /= 10) {
            if (place == 0) {
                return false;
            }
            value += (*p - '0') * place;
        }
    }
    *s = p;
    *ret = value;
    return true;
}

bool
duration_parse(const char *s, int64_t *ret_ms)
{
    if (strnlen(s, DURATION_BYTES_MAX + 1) > DURATION_BYTES_MAX) {
        return false;
    }
    int64_t total = 0;
    int n = 0;
    for (s = skip_spaces(s); *s; s = skip_spaces(s), n++) {
        int64_t number, part, unit;
        if (!thousandths_read(&s, &number)) {
            return false;
        }
        s = skip_spaces(s);
        if (!*s && n == 0) {
            unit = SECOND_MS; /* a bare number */
        } else {
            unit = unit_read(&s);
        }
        if (unit == 0 || __builtin_mul_overflow(number, unit, &part) ||
            __builtin_add_overflow(total, part / 1000, &total) || total > DURATION_MS_MAX) {
            return false;
        }
    }
    if (n == 0) {
        return false;
    }
    *ret_ms = total;
    return true;
}

bool
size_parse(const char *s, uint64_t *ret_bytes)
{
    char *end;
    errno = 0;
    unsigned long long n = strtoull(s, &end, 10);
    if (!isdigit((unsigned char)s[0]) || errno != 0) {
        return false;
    }
    static const char prefixes[] = "KMGT";
    const char *unit = *end ? strchr(prefixes, toupper((unsigned char)*end)) : NULL;
    uint64_t factor = 1;
    if (unit) {
        factor <<= 10 * (unit - prefixes + 1);
        end++;
        if (strcmp(end, "iB") == 0) {
            end += 2;
        }
    }
    uint64_t bytes;
    if (*end || __builtin_mul_overflow((uint64_t)n, factor, &bytes)) {
        return false;
    }
    *ret_bytes = bytes;
    return true;
}

const char *
duration_format(int64_t ms, char *out, size_t room)
{
    static const struct {
        int64_t ms;
        const char *name;
    } steps[] = {{WEEK_MS, "w"},   {DAY_MS, "d"},    {HOUR_MS, "h"},
                 {MINUTE_MS, "m"}, {SECOND_MS, "s"}, {1, "ms"}};
    const char *sign = ms < 0 ? "-" : "";
    uint64_t left = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
    size_t i = 0;
    while (i + 1 < ARRAY_LEN(steps) && left < (uint64_t)steps[i].ms) {
        i++;
    }
    if (left == 0) {
        snprintf(out, room, "0s");
        return out;
    }
    uint64_t first = left / (uint64_t)steps[i].ms;
    uint64_t rest = left % (uint64_t)steps[i].ms;
    uint64_t second = i + 1 < ARRAY_LEN(steps) ? rest / (uint64_t)steps[i + 1].ms : 0;
    if (second) {
        snprintf(out, room, "%s%llu%s %llu%s", sign, (unsigned long long)first, steps[i].name,
                 (unsigned long long)second, steps[i + 1].name);
    } else {
        snprintf(out, room, "%s%llu%s", sign, (unsigned long long)first, steps[i].name);
    }
    return out;
}

/* ---- the calendar ---- */

struct civil {
    int year, month, day, hour, minute, second;
};

/* Counted in years that begin in March, so that the leap day is a year's last. */
int64_t
calendar_days(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = y / 400;
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

void
calendar_date(int64_t days, int *ret_year, int *ret_month, int *ret_day)
{
    int64_t z = days + 719468;
    int64_t era = z / 146097;
    int64_t of_era = z - era * 146097;
    int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * y + y / 4 - y / 100);
    int64_t m = (5 * of_year + 2) / 153;
    *ret_year = (int)(y + era * 400 + (m >= 10));
    *ret_month = (int)(m < 10 ? m + 3 : m - 9);
    *ret_day = (int)(of_year - (153 * m + 2) / 5 + 1);
}

static void
civil_of(int64_t ms, struct civil *ret)
{
    int64_t left = ms % DAY_MS / SECOND_MS;
    *ret = (struct civil){
        .hour = (int)(left / 3600),
        .minute = (int)(left / 60 % 60),
        .second = (int)(left % 60),
    };
    calendar_date(ms / DAY_MS, &ret->year, &ret->month, &ret->day);
}

static bool
civil_is_valid(const struct civil *c)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (c->year < 1970 || c->year > 9999 || c->month < 1 || c->month > 12 || c->day < 1) {
        return false;
    }
    bool leap = (c->year % 4 == 0 && c->year % 100 != 0) || c->year % 400 == 0;
    return c->day <= days[c->month - 1] + (c->month == 2 && leap) && c->hour <= 23 &&
           c->minute <= 59 && c->second <= 59;
}

static int64_t
civil_utc_ms(const struct civil *c)
{
    return calendar_days(c->year, c->month, c->day) * DAY_MS + c->hour * HOUR_MS +
           c->minute * MINUTE_MS + c->second * SECOND_MS;
}

static bool
zone_is_utc(const char *zone)
{
    return !zone || !*zone || strcmp(zone, "UTC") == 0 || strcmp(zone, "Etc/UTC") == 0 ||
           strcmp(zone, "Z") == 0;
}

bool
zone_is_known(const char *zone)
{
    if (zone_is_utc(zone)) {
        return true;
    }
    if (strnlen(zone, ZONE_BYTES_MAX + 1) > ZONE_BYTES_MAX || !is_letter(zone[0]) ||
        strstr(zone, "..")) {
        return false;
    }
    for (const char *p = zone; *p; p++) {
        if (!is_letter(*p) && !is_digit(*p) && !strchr("_+-/", *p)) {
            return false;
        }
    }
    char path[sizeof ZONE_FOLDER + ZONE_BYTES_MAX];
    snprintf(path, sizeof path, ZONE_FOLDER "%s", zone);
    FILE *file = fopen(path, "re");
    if (!file) {
        return false;
    }
    char magic[4] = "";
    bool known = fread(magic, 1, sizeof magic, file) == sizeof magic &&
                 memcmp(magic, "TZif", sizeof magic) == 0;
    fclose(file);
    return known;
}

/* libc converts for one zone a process: TZ is set, used and put back. Hence: one thread. Returns
 * what zone_leave needs, NULL: TZ was not set. */
static char *
zone_enter(const char *zone)
{
    const char *old = getenv("TZ");
    char *kept = old ? xstrdup(old) : NULL;
    setenv("TZ", zone, 1);
    tzset();
    return kept;
}

static void
zone_leave(char *kept)
{
    if (kept) {
        setenv("TZ", kept, 1);
    } else {
        unsetenv("TZ");
    }
    tzset();
    free(kept);
}

static bool
civil_zone_ms(const struct civil *c, const char *zone, int64_t *ret_ms)
{
    if (!zone_is_known(zone)) {
        return false;
    }
    struct tm tm = {.tm_year = c->year - 1900,
                    .tm_mon = c->month - 1,
                    .tm_mday = c->day,
                    .tm_hour = c->hour,
                    .tm_min = c->minute,
                    .tm_sec = c->second,
                    .tm_isdst = -1};
    char *kept = zone_enter(zone);
    time_t seconds = mktime(&tm);
    zone_leave(kept);
    if (seconds < 0) {
        return false;
    }
    *ret_ms = (int64_t)seconds * SECOND_MS;
    return true;
}

/* Exactly `n` digits at *s, which moves behind them. */
static bool
digits_read(const char **s, int n, int *ret)
{
    int value = 0;
    for (int i = 0; i < n; i++) {
        if (!is_digit((*s)[i])) {
            return false;
        }
        value = value * 10 + ((*s)[i] - '0');
    }
    *s += n;
    *ret = value;
    return true;
}

/* "Z", "+02:00", "-0530", "+02"; nothing: *ret_given is false. */
static bool
offset_read(const char **s, bool *ret_given, int64_t *ret_ms)
{
    *s = skip_spaces(*s);
    *ret_given = **s != 0;
    *ret_ms = 0;
    if (**s == 'Z' || **s == 'z') {
        (*s)++;
        return true;
    }
    if (strncasecmp(*s, "UTC", 4) == 0) {
        *s += 3;
        return true;
    }
    if (**s != '+' && **s != '-') {
        return **s == 0;
    }
    int sign = *(*s)++ == '-' ? -1 : 1;
    int hours, minutes = 0;
    if (!digits_read(s, 2, &hours)) {
        return false;
    }
    if (**s == ':') {
        (*s)++;
        if (!digits_read(s, 2, &minutes)) {
            return false;
        }
    } else if (**s && !digits_read(s, 2, &minutes)) {
        return false;
    }
    *ret_ms = sign * (hours * HOUR_MS + minutes * MINUTE_MS);
    return hours <= 23 && minutes <= 59;
}

/* The part behind the date: "T18:00[:30[.123]]" and an offset. */
static bool
clock_read(const char **s, struct civil *c, int *ret_millis, bool *ret_offset, int64_t *ret_ms)
{
    if (**s != 'T' && **s != 't' && **s != ' ') {
        return false;
    }
    ++*s;
    if (!digits_read(s, 2, &c->hour) || *(*s)++ != ':' || !digits_read(s, 2, &c->minute)) {
        return false;
    }
    *ret_millis = 0;
    if (**s == ':') {
        ++*s;
        if (!digits_read(s, 2, &c->second)) {
            return false;
        }
        if (**s == '.') {
            ++*s;
            int place = 100;
            if (!is_digit(**s)) {
                return false;
            }
            for (; is_digit(**s); ++*s, place /= 10) {
                *ret_millis += (**s - '0') * place;
            }
        }
    }
    return offset_read(s, ret_offset, ret_ms);
}

static bool
relative_parse(const char *s, int64_t now, int64_t *ret_ms)
{
    if (*s == '+') {
        s++;
    } else if (strncasecmp(s, "in ", 3) == 0) {
        s += 3;
    } else {
        return false;
    }
    int64_t duration;
    if (!duration_parse(s, &duration) || now < 0 || now > TIME_MS_MAX - duration) {
        return false;
    }
    *ret_ms = now + duration;
    return true;
}

bool
time_parse(const char *s, const char *zone, int64_t now, int64_t *ret_ms)
{
    if (strnlen(s, TIME_BYTES_MAX + 1) > TIME_BYTES_MAX) {
        return false;
    }
    s = skip_spaces(s);
    if (relative_parse(s, now, ret_ms)) {
        return true;
    }
    struct civil c = {0};
    if (!digits_read(&s, 4, &c.year) || *s++ != '-' || !digits_read(&s, 2, &c.month) ||
        *s++ != '-' || !digits_read(&s, 2, &c.day)) {
        return false;
    }
    bool has_offset = false;
    int64_t offset = 0, ms;
    int millis = 0;
    if (!*skip_spaces(s)) {
        /* A day ends with its last second: "by the 12th" includes the 12th. */
        c.hour = 23;
        c.minute = c.second = 59;
        s = skip_spaces(s);
    } else if (!clock_read(&s, &c, &millis, &has_offset, &offset)) {
        return false;
    }
    if (*s || !civil_is_valid(&c)) {
        return false;
    }
    if (has_offset || zone_is_utc(zone)) {
        ms = civil_utc_ms(&c) - offset;
    } else if (!civil_zone_ms(&c, zone, &ms)) {
        return false;
    }
    ms += millis;
    if (ms < 0 || ms > TIME_MS_MAX) {
        return false;
    }
    *ret_ms = ms;
    return true;
}

bool
time_needs_zone(const char *s)
{
    s = skip_spaces(s);
    /* A date is ten characters; behind it only an offset has a sign or a letter Z. */
    return is_digit(*s) && strlen(s) >= 10 && !strpbrk(s + 10, "Zz+-");
}

const char *
time_format_minute(int64_t ms, const char *zone, char *out, size_t room)
{
    ms = MAX(0, MIN(ms, TIME_MS_MAX));
    struct civil c;
    civil_of(ms, &c);
    if (!zone_is_utc(zone) && zone_is_known(zone)) {
        char *kept = zone_enter(zone);
        time_t seconds = (time_t)(ms / SECOND_MS);
        struct tm tm;
        localtime_r(&seconds, &tm);
        zone_leave(kept);
        c = (struct civil){.year = tm.tm_year + 1900,
                           .month = tm.tm_mon + 1,
                           .day = tm.tm_mday,
                           .hour = tm.tm_hour,
                           .minute = tm.tm_min};
    }
    snprintf(out, room, "%04d-%02d-%02d %02d:%02d", c.year, c.month, c.day, c.hour, c.minute);
    return out;
}

const char *
time_format(int64_t ms, char *out, size_t room)
{
    ms = MAX(0, MIN(ms, TIME_MS_MAX));
    struct civil c;
    civil_of(ms, &c);
    int millis = (int)(ms % SECOND_MS);
    if (millis) {
        snprintf(out, room, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", c.year, c.month, c.day, c.hour,
                 c.minute, c.second, millis);
    } else {
        snprintf(out, room, "%04d-%02d-%02dT%02d:%02d:%02dZ", c.year, c.month, c.day, c.hour,
                 c.minute, c.second);
    }
    return out;
}
