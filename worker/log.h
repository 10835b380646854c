/* What the worker says on standard error: one line an event, `event key=value …`. */
#ifndef BATON_WORKER_LOG_H
#define BATON_WORKER_LOG_H

#include "common/check.h"

#include <syslog.h> /* LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO, LOG_DEBUG */

/* Finds out whether journald reads us (then each line begins with "<N>"), and sets the lowest
 * urgency that is said: LOG_INFO unless `verbose`. */
void log_open(int verbose);

/* The line ends by itself. Text from outside goes through log_quote. */
void log_event(int level, const char *event, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* `s` in quotes without anything that could break the line; long text is cut. NULL is "". */
struct quoted {
    char s[320];
};
struct quoted log_quote(const char *s);

#endif
