#include "broker/front/calendar.h"

#include <time.h>

enum { SUNDAY = 0, SATURDAY = 6, CLOSES = 17 };

/* Midnight, or another hour, so many days after; libc finds out about months and summer time. */
static int64_t
local_ms(const struct tm *today, int days, int hour)
{
    struct tm tm = {.tm_year = today->tm_year,
                    .tm_mon = today->tm_mon,
                    .tm_mday = today->tm_mday + days,
                    .tm_hour = hour,
                    .tm_isdst = -1};
    return (int64_t)mktime(&tm) * 1000;
}

int64_t
calendar_business_end(struct calendar *calendar, int64_t now)
{
    if (now >= calendar->from && now < calendar->till) {
        return calendar->end;
    }
    time_t seconds = (time_t)(now / 1000);
    struct tm today;
    if (!localtime_r(&seconds, &today)) {
        return 0;
    }
    int days = 1;
    int weekday = (today.tm_wday + 1) % 7;
    while (weekday == SUNDAY || weekday == SATURDAY) {
        days++;
        weekday = (weekday + 1) % 7;
    }
    *calendar = (struct calendar){.end = local_ms(&today, days, CLOSES),
                                  .from = local_ms(&today, 0, 0),
                                  .till = local_ms(&today, 1, 0)};
    return calendar->end;
}
