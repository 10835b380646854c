/* Lines on standard error: an event's name, then key=value. With the <N> prefix of syslog when
 * standard error is the journal. One event name is written at most LOG_BURST times in
 * LOG_WINDOW_MS; what was left out is counted on the next line. One thread. */
#ifndef BATON_FRONT_LOG_H
#define BATON_FRONT_LOG_H

#include "common/check.h"

#include <stdbool.h>
#include <stddef.h>

enum log_level {
    LOG_LEVEL_ERROR = 3, /* someone must look */
    LOG_LEVEL_WARNING = 4,
    LOG_LEVEL_NOTICE = 5, /* the daemon's own life */
    LOG_LEVEL_INFO = 6,
    LOG_LEVEL_DEBUG = 7,
};

enum { LOG_BURST = 20, LOG_WINDOW_MS = 10 * 1000, LOG_TEXT_ROOM = 200 };

void log_begin(enum log_level level);
/* "error", "warning", "notice", "info", "debug"; false: another word. */
bool log_level_parse(const char *name, enum log_level *ret_level);

/* `fmt` gives the key=value pairs; texts from outside go through log_text. */
void log_event(enum log_level level, const char *event, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* A value in quotes with everything odd escaped. Returns out. */
const char *log_text(char out[LOG_TEXT_ROOM], const char *text);

#endif
