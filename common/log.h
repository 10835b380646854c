/* What the daemons have to say: an event's name, what it is about, and key=value pairs. To journald
 * with fields when standard error is a stream of its, else one readable line. Whole events are
 * counted, not lost: at most LOG_BURST of a name in LOG_WINDOW_MS, and the next one that passes
 * tells how many were left out. Any thread. Only the daemons call it, never library-like code. */
#ifndef BATON_COMMON_LOG_H
#define BATON_COMMON_LOG_H

#include "common/check.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

enum log_level {
    LOG_LEVEL_ERROR = 3, /* someone must look */
    LOG_LEVEL_WARNING = 4,
    LOG_LEVEL_NOTICE = 5, /* the daemon's own life */
    LOG_LEVEL_INFO = 6,
    LOG_LEVEL_DEBUG = 7,
};

enum { LOG_BURST = 20, LOG_WINDOW_MS = 10 * 1000, LOG_LINE_BYTES_MAX = 2048 };

/* What an event is about: fields of their own in the journal, and the first pairs of the line.
 * NULL, "" and 0 are left out. */
struct log_about {
    const char *task;
    const char *project;
    const char *role;
    const char *worker;
    uint32_t attempt;
    uint64_t token;
};

/* Once, before the first event, by the only thread: who speaks ("batond"), and from which level up.
 * Looks whether standard error is the journal's (JOURNAL_STREAM); its socket is
 * BATON_JOURNAL_SOCKET, else the usual one. */
void log_open(const char *program, enum log_level level);

/* Fields that every later entry in the journal has where the event says nothing itself: a worker's
 * own name and role. Borrows. */
void log_identify(const struct log_about *about);

/* From now on. */
void log_set_level(enum log_level level);
enum log_level log_level(void);
/* People change it by signals too: SIGUSR1 says more, a level each time; SIGUSR2 goes back to what
 * was set. These go into the set of signals that a daemon reads; one that was read is taken here,
 * or false: it is another. */
void log_add_signals(sigset_t *set);
bool log_take_signal(int signal);
/* "error", "warning", "notice", "info", "debug"; false: another word. */
bool log_level_parse(const char *name, enum log_level *ret_level);
const char *log_level_name(enum log_level level);

/* `event` is a literal: a name that stays, in the table of docs/operate.md. `fmt` gives the
 * key=value pairs; texts from outside go through log_quote. */
void log_event(enum log_level level, const char *event, const char *fmt, ...) PRINTF_LIKE(3, 4);
void log_event_about(enum log_level level, const char *event, const struct log_about *about,
                     const char *fmt, ...) PRINTF_LIKE(4, 5);

/* `s` in quotes, with nothing in it that could end the value, the line, or steer a terminal; long
 * text is cut. NULL is "". */
struct quoted {
    char s[320];
};
struct quoted log_quote(const char *s);

#endif
