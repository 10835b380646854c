/* The business calendar: Monday to Friday, 9:00 to 17:00 in the zone of the broker's machine (TZ).
 * The core knows no zone: it is told with each request when the next business day ends. */
#ifndef BATON_FRONT_CALENDAR_H
#define BATON_FRONT_CALENDAR_H

#include <stdint.h>

struct calendar {
    int64_t end;        /* of the next business day */
    int64_t from, till; /* it is so from, and until before; a local day */
};

/* When the business day after today ends, in ms; zeroed is a calendar that knows nothing yet. */
int64_t calendar_business_end(struct calendar *calendar, int64_t now);

#endif
