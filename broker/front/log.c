#include "broker/front/log.h"

#include "common/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LINE_ROOM = 2048, RATES_MAX = 64 };

static struct {
    enum log_level level;
    bool has_prefix;
    struct rate {
        const char *event; /* a literal: compared by address first, then by content */
        int64_t since_ms;
        unsigned n;
        unsigned suppressed;
    } rates[RATES_MAX];
    size_t n_rates;
} state = {.level = LOG_LEVEL_INFO};

/* The journal says in JOURNAL_STREAM which descriptor it gave us; it counts only if that is still
 * our standard error. */
static bool
stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat st;
    if (!stream || fstat(STDERR_FILENO, &st) != 0) {
        return false;
    }
    char own[64];
    snprintf(own, sizeof own, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    return strcmp(stream, own) == 0;
}

void
log_begin(enum log_level level)
{
    state.level = level;
    state.has_prefix = stderr_is_journal();
}

bool
log_level_parse(const char *name, enum log_level *ret_level)
{
    static const char *const names[] = {"error", "warning", "notice", "info", "debug"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(name, names[i]) == 0) {
            *ret_level = (enum log_level)(LOG_LEVEL_ERROR + i);
            return true;
        }
    }
    return false;
}

static int64_t
monotonic_ms(void)
{
    struct timespec t;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* NULL: no room for another event's rate; it is not limited then. */
static struct rate *
rate_of(const char *event)
{
    for (size_t i = 0; i < state.n_rates; i++) {
        if (state.rates[i].event == event || strcmp(state.rates[i].event, event) == 0) {
            return &state.rates[i];
        }
    }
    if (state.n_rates == RATES_MAX) {
        return NULL;
    }
    struct rate *rate = &state.rates[state.n_rates++];
    rate->event = event;
    return rate;
}

/* Counts the event; false: too many of them. */
static bool
may_pass(const char *event, unsigned *ret_suppressed)
{
    struct rate *rate = rate_of(event);
    *ret_suppressed = 0;
    if (!rate) {
        return true;
    }
    int64_t now = monotonic_ms();
    if (now - rate->since_ms >= LOG_WINDOW_MS) {
        rate->since_ms = now;
        rate->n = 0;
    }
    if (rate->n >= LOG_BURST) {
        rate->suppressed++;
        return false;
    }
    rate->n++;
    *ret_suppressed = rate->suppressed;
    rate->suppressed = 0;
    return true;
}

void
log_event(enum log_level level, const char *event, const char *fmt, ...)
{
    unsigned suppressed;
    if (level > state.level || (level > LOG_LEVEL_ERROR && !may_pass(event, &suppressed))) {
        return;
    }
    if (level <= LOG_LEVEL_ERROR) {
        suppressed = 0;
    }
    char line[LINE_ROOM];
    size_t n = 0;
    if (state.has_prefix) {
        n += (size_t)snprintf(line, sizeof line, "<%d>", (int)level);
    }
    n += (size_t)snprintf(line + n, sizeof line - n, "%s ", event);
    va_list args;
    va_start(args, fmt);
    int more = vsnprintf(line + n, sizeof line - n, fmt, args);
    va_end(args);
    n = more < 0 ? n : MIN(n + (size_t)more, sizeof line - 32);
    if (suppressed > 0) {
        n += (size_t)snprintf(line + n, sizeof line - n, " suppressed=%u", suppressed);
    }
    line[n++] = '\n';
    /* One write a line, so that lines of several processes don't mix. A lost line is no reason to
     * stop. */
    while (write(STDERR_FILENO, line, n) < 0 && errno == EINTR) {
    }
}

const char *
log_text(char out[LOG_TEXT_ROOM], const char *text)
{
    out[0] = '"';
    size_t n = text_escape(out + 1, LOG_TEXT_ROOM - 2, text, false);
    out[n + 1] = '"';
    out[n + 2] = 0;
    return out;
}
