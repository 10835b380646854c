/* Rules of recurring work: cron's five fields, calendar words, intervals. */
#include "common/recur.h"

#include "common/check.h"
#include "common/limits.h"
#include "common/text.h"
#include "common/units.h"

#include <string.h>

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)

enum { WORDS_MAX = 8, WORD_MAX = 64, DAYS_LOOKED_AT = 40 * 366 };

static const char *const weekday_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL};
static const char *const month_names[] = {"",    "jan", "feb", "mar", "apr", "may", "jun",
                                          "jul", "aug", "sep", "oct", "nov", "dec", NULL};
static const char *const weekday_words[] = {"sunday",   "monday", "tuesday",  "wednesday",
                                            "thursday", "friday", "saturday", NULL};

/* ---- words ---- */

struct words {
    char word[WORDS_MAX][WORD_MAX];
    int n;
};

/* In lower case, parted by spaces. False: too many, or too long. */
static bool
split(const char *text, struct words *ret)
{
    ret->n = 0;
    while (*text) {
        text += strspn(text, " \t");
        size_t bytes = strcspn(text, " \t");
        if (bytes == 0) {
            break;
        }
        if (ret->n == WORDS_MAX || bytes >= WORD_MAX) {
            return false;
        }
        for (size_t i = 0; i < bytes; i++) {
            char c = text[i];
            ret->word[ret->n][i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
        }
        ret->word[ret->n++][bytes] = 0;
        text += bytes;
    }
    return true;
}

static int
word_index(const char *word, const char *const *names)
{
    for (int i = 0; names[i]; i++) {
        if (names[i][0] && strcmp(word, names[i]) == 0) {
            return i;
        }
    }
    return -1;
}

/* "monday", "mon". */
static int
weekday_of(const char *word)
{
    int day = word_index(word, weekday_words);
    return day >= 0 ? day : word_index(word, weekday_names);
}

/* Digits at *p, at most three, which moves behind them; -1: none. */
static int
number_read(const char **p)
{
    int value = 0, n = 0;
    for (; **p >= '0' && **p <= '9' && n < 3; (*p)++, n++) {
        value = value * 10 + (**p - '0');
    }
    return n ? value : -1;
}

/* ---- cron ---- */

/* One value: a number or a name; -1: none. */
static int
value_read(const char **p, const char *const *names)
{
    if (names && strlen(*p) >= 3) {
        char name[4] = {(*p)[0], (*p)[1], (*p)[2], 0};
        int value = word_index(name, names);
        if (value >= 0) {
            *p += 3;
            return value;
        }
    }
    return number_read(p);
}

/* "1,5-9,*" with steps, each within [low, high]. */
static bool
field_read(const char *p, int low, int high, const char *const *names, uint64_t *ret, bool *ret_any)
{
    *ret = 0;
    *ret_any = strcmp(p, "*") == 0;
    for (;;) {
        int first, last, step = 1;
        bool is_single = false;
        if (*p == '*') {
            p++;
            first = low;
            last = high;
        } else {
            first = last = value_read(&p, names);
            is_single = *p != '-';
            if (*p == '-') {
                p++;
                last = value_read(&p, names);
            }
        }
        if (*p == '/') {
            p++;
            step = number_read(&p);
            last = is_single ? high : last;
        }
        if (first < low || last > high || last < first || step < 1) {
            return false;
        }
        for (int value = first; value <= last; value += step) {
            *ret |= UINT64_C(1) << value;
        }
        if (*p != ',') {
            return *p == 0;
        }
        p++;
    }
}

static const char *
cron_read(const struct words *words, struct recur *ret)
{
    uint64_t minutes, hours, days, months, weekdays;
    bool any;
    if (!field_read(words->word[0], 0, 59, NULL, &minutes, &any)) {
        return "the first field of a cron rule is the minute, 0 to 59: 5, 0-30, 0,30, */15";
    }
    if (!field_read(words->word[1], 0, 23, NULL, &hours, &ret->any_hour)) {
        return "the second field of a cron rule is the hour, 0 to 23";
    }
    if (!field_read(words->word[2], 1, 31, NULL, &days, &ret->any_day)) {
        return "the third field of a cron rule is the day of the month, 1 to 31";
    }
    if (!field_read(words->word[3], 1, 12, month_names, &months, &any)) {
        return "the fourth field of a cron rule is the month, 1 to 12 or jan to dec";
    }
    if (!field_read(words->word[4], 0, 7, weekday_names, &weekdays, &ret->any_weekday)) {
        return "the fifth field of a cron rule is the weekday, 0 to 7 (0 and 7 are Sunday) or sun "
               "to sat";
    }
    ret->minutes = minutes;
    ret->hours = (uint32_t)hours;
    ret->days = (uint32_t)days;
    ret->months = (uint32_t)months;
    ret->weekdays = (uint32_t)((weekdays | weekdays >> 7) & 0x7f);
    return recur_next_local(ret, 0) == INT64_MAX ? "such a day never comes" : NULL;
}

/* ---- calendar words ---- */

static const char clock_wrong[] = "a time of day is 9:00, 17:30, 9 AM or 9:30pm";

/* "9:00", "9am", "9" "am" from word *i on, which moves behind it. */
static bool
clock_read(const struct words *words, int *i, struct recur *ret)
{
    if (*i >= words->n) {
        return false;
    }
    const char *p = words->word[(*i)++];
    int hour = number_read(&p), minute = 0;
    bool has_minute = *p == ':';
    if (has_minute) {
        p++;
        const char *begin = p;
        minute = number_read(&p);
        if (p - begin != 2) {
            return false;
        }
    }
    if (!*p && *i < words->n &&
        (strcmp(words->word[*i], "am") == 0 || strcmp(words->word[*i], "pm") == 0)) {
        p = words->word[(*i)++];
    }
    bool is_am = strcmp(p, "am") == 0, is_pm = strcmp(p, "pm") == 0;
    if (is_am || is_pm) {
        if (hour < 1 || hour > 12) {
            return false;
        }
        hour = hour % 12 + (is_pm ? 12 : 0);
    } else if (*p || !has_minute) {
        return false;
    }
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59) {
        return false;
    }
    ret->hours = 1u << hour;
    ret->minutes = UINT64_C(1) << minute;
    return true;
}

static const char *
words_read(const struct words *words, struct recur *ret)
{
    *ret = (struct recur){.minutes = 1,
                          .hours = 0xffffff,
                          .days = 0xfffffffe,
                          .months = 0x1ffe,
                          .weekdays = 0x7f,
                          .any_day = true,
                          .any_weekday = true};
    const char *first = words->word[0];
    int i = 1;
    if (strcmp(first, "hourly") == 0) {
        ret->any_hour = true;
        return words->n == 1 ? NULL : "hourly stands alone: at the full hour";
    }
    if (strcmp(first, "weekly") == 0 || weekday_of(first) >= 0) {
        i -= weekday_of(first) >= 0;
        int day = i < words->n ? weekday_of(words->word[i++]) : -1;
        if (day < 0) {
            return "on which day? weekly Monday 10:00";
        }
        ret->weekdays = 1u << day;
        ret->any_weekday = false;
    } else if (strcmp(first, "weekdays") == 0) {
        ret->weekdays = 0x3e;
        ret->any_weekday = false;
    } else if (strcmp(first, "monthly") == 0) {
        const char *p = i < words->n ? words->word[i++] : "";
        int day = number_read(&p);
        if (day < 1 || day > 31 || *p) {
            return "on which day? monthly 1 9:00";
        }
        ret->days = 1u << day;
        ret->any_day = false;
    } else if (strcmp(first, "daily") != 0) {
        i = 0;
    }
    i += i < words->n && strcmp(words->word[i], "at") == 0;
    return clock_read(words, &i, ret) && i == words->n ? NULL : clock_wrong;
}

const char *
recur_parse(const char *text, struct recur *ret)
{
    struct words words;
    struct recur recur = {0};
    if (strnlen(text, RECUR_TEXT_MAX + 1) > RECUR_TEXT_MAX || !split(text, &words)) {
        return "that is too long for a rule";
    }
    if (words.n == 0) {
        return "when? a cron rule (0 9 * * 1-5), every 4h, daily 9:00, weekly Monday 10:00";
    }
    const char *wrong = NULL;
    if (strcmp(words.word[0], "every") == 0) {
        const char *duration = text + strspn(text, " \t") + strlen(words.word[0]);
        if (!duration_parse(duration, &recur.every_ms) || recur.every_ms < 1000) {
            return "an interval is a duration of at least a second: every 15m, every 4 hours";
        }
    } else if (words.n == 5 && strspn(words.word[0], "0123456789*,-/") == strlen(words.word[0])) {
        wrong = cron_read(&words, &recur);
    } else {
        wrong = words_read(&words, &recur);
    }
    if (!wrong) {
        *ret = recur;
    }
    return wrong;
}

/* ---- the next time ---- */

static bool
day_is_in(const struct recur *r, int64_t days)
{
    int year, month, day;
    calendar_date(days, &year, &month, &day);
    if (!(r->months & 1u << month)) {
        return false;
    }
    bool in_month = r->days & 1u << day;
    bool in_week = r->weekdays & 1u << (days + 4) % 7; /* 1970-01-01 was a Thursday */
    return r->any_day ? in_week : r->any_weekday ? in_month : in_month || in_week;
}

int64_t
recur_next_local(const struct recur *r, int64_t local)
{
    local = (MAX(local, 0) + MINUTE_MS - 1) / MINUTE_MS * MINUTE_MS;
    int64_t day = local / DAY_MS;
    int minute_of_day = (int)(local % DAY_MS / MINUTE_MS);
    for (int n = 0; n < DAYS_LOOKED_AT; n++, day++, minute_of_day = 0) {
        if (!day_is_in(r, day)) {
            continue;
        }
        for (int hour = minute_of_day / 60; hour < 24; hour++) {
            int begin = hour == minute_of_day / 60 ? minute_of_day % 60 : 0;
            uint64_t left = r->minutes >> begin;
            if ((r->hours & 1u << hour) && left) {
                return day * DAY_MS + hour * HOUR_MS + (begin + __builtin_ctzll(left)) * MINUTE_MS;
            }
        }
    }
    return INT64_MAX;
}
