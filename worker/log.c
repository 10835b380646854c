/* The log: formatting and one write a line, so that lines of many processes do not mix. */
#include "worker/log.h"

#include "common/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int under_journald;
static int level_max = LOG_INFO;

/* journald sets JOURNAL_STREAM to device:inode of the stream that it reads; ours may have been
 * redirected since. */
static int
stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat st;
    uintmax_t device;
    uintmax_t inode;
    if (!stream || fstat(STDERR_FILENO, &st) || sscanf(stream, "%ju:%ju", &device, &inode) != 2) {
        return 0;
    }
    return device == st.st_dev && inode == st.st_ino;
}

void
log_open(int verbose)
{
    under_journald = stderr_is_journal();
    level_max = verbose ? LOG_DEBUG : LOG_INFO;
}

static size_t
put_prefix(char *line, size_t room, int level)
{
    if (under_journald) {
        return (size_t)snprintf(line, room, "<%d>", level);
    }
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t n = strftime(line, room, "%Y-%m-%dT%H:%M:%S", &utc);
    const char *word = level <= LOG_ERR ? " error" : level == LOG_WARNING ? " warning" : "";
    return n + (size_t)snprintf(line + n, room - n, ".%03ldZ%s ", now.tv_nsec / 1000000, word);
}

void
log_event(int level, const char *event, const char *fmt, ...)
{
    if (level > level_max) {
        return;
    }
    char line[2048];
    size_t n = put_prefix(line, sizeof line, level);
    n += (size_t)snprintf(line + n, sizeof line - n, "%s%s", event, *fmt ? " " : "");
    va_list args;
    va_start(args, fmt);
    int m = vsnprintf(line + n, sizeof line - n, fmt, args);
    va_end(args);
    n = MIN(n + (size_t)MAX(m, 0), sizeof line - 2);
    line[n++] = '\n';
    /* Nothing can be done about a log that nobody reads any more. */
    if (write(STDERR_FILENO, line, n) < 0) {
        return;
    }
}

struct quoted
log_quote(const char *s)
{
    struct quoted quoted;
    quoted.s[0] = '"';
    size_t n = 1;
    char plain[256];
    text_escape(plain, sizeof plain, s ? s : "", false);
    for (const char *p = plain; *p && n < sizeof quoted.s - 3; p++) {
        if (*p == '"') {
            quoted.s[n++] = '\\';
        }
        quoted.s[n++] = *p;
    }
    quoted.s[n++] = '"';
    quoted.s[n] = 0;
    return quoted;
}
