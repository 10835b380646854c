#include "common/log.h"

#include "common/journald.h"
#include "common/text.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { RATES_MAX = 128 };

static struct {
    pthread_mutex_t lock;
    const char *program;
    const char *journal; /* path of journald's socket; NULL: standard error is not its stream */
    int journal_fd;
    int level;
    int level_set; /* SIGUSR2 goes back to it */
    unsigned lost; /* journald did not take them */
    struct log_about own;
    struct rate {
        const char *event; /* a literal: compared by address first, then by content */
        int64_t since_ms;
        unsigned n;
        unsigned suppressed;
    } rates[RATES_MAX];
    size_t n_rates;
    struct buf entry;
} state = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .program = "baton",
    .journal_fd = -1,
    .level = LOG_LEVEL_INFO,
};

static const char *const level_names[] = {"error", "warning", "notice", "info", "debug"};

/* The journal says in JOURNAL_STREAM which descriptor it gave us, as device:inode; it counts only
 * if that is still our standard error. */
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
log_open(const char *program, enum log_level level)
{
    state.program = program;
    log_set_level(level);
    if (state.journal_fd < 0 && stderr_is_journal()) {
        const char *path = getenv("BATON_JOURNAL_SOCKET");
        state.journal = path && *path ? path : JOURNALD_SOCKET;
        state.journal_fd = journald_open();
    }
}

void
log_identify(const struct log_about *about)
{
    state.own = *about;
}

void
log_set_level(enum log_level level)
{
    state.level_set = (int)level;
    __atomic_store_n(&state.level, (int)level, __ATOMIC_RELAXED);
}

enum log_level
log_level(void)
{
    return (enum log_level)__atomic_load_n(&state.level, __ATOMIC_RELAXED);
}

void
log_add_signals(sigset_t *set)
{
    sigaddset(set, SIGUSR1);
    sigaddset(set, SIGUSR2);
}

bool
log_take_signal(int signal)
{
    if (signal != SIGUSR1 && signal != SIGUSR2) {
        return false;
    }
    int level = signal == SIGUSR1 ? MIN(LOG_LEVEL_DEBUG, (int)log_level() + 1) : state.level_set;
    __atomic_store_n(&state.level, level, __ATOMIC_RELAXED);
    log_event(LOG_LEVEL_NOTICE, "log.level", "level=%s", log_level_name((enum log_level)level));
    return true;
}

bool
log_level_parse(const char *name, enum log_level *ret_level)
{
    for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *ret_level = (enum log_level)(LOG_LEVEL_ERROR + i);
            return true;
        }
    }
    return false;
}

const char *
log_level_name(enum log_level level)
{
    return level_names[level - LOG_LEVEL_ERROR];
}

/* ---- how many ---- */

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

/* ---- the text ---- */

struct text {
    char s[LOG_LINE_BYTES_MAX];
    size_t n;
};

static void PRINTF_LIKE(2, 0) add_args(struct text *text, const char *fmt, va_list args)
{
    int more = vsnprintf(text->s + text->n, sizeof text->s - text->n, fmt, args);
    text->n = MIN(text->n + (size_t)MAX(more, 0), sizeof text->s - 1);
}

static void PRINTF_LIKE(2, 3) add(struct text *text, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    add_args(text, fmt, args);
    va_end(args);
}

static const struct field {
    const char *key;   /* in the line */
    const char *field; /* in the journal */
    size_t offset;     /* of a text in struct log_about */
} fields[] = {
    {"task", "BATON_TASK", offsetof(struct log_about, task)},
    {"project", "BATON_PROJECT", offsetof(struct log_about, project)},
    {"role", "BATON_ROLE", offsetof(struct log_about, role)},
    {"worker", "BATON_WORKER", offsetof(struct log_about, worker)},
};

static const char *
value_of(const struct log_about *about, const struct field *field)
{
    const char *value = *(const char *const *)(const void *)((const char *)about + field->offset);
    return value ? value : "";
}

static void
add_about(struct text *text, const struct log_about *about)
{
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        const char *value = value_of(about, &fields[i]);
        if (*value) {
            /* Names of tasks and the like hold no space and no quote. */
            add(text, " %s=%s", fields[i].key, value);
        }
    }
    if (about->attempt > 0) {
        add(text, " attempt=%u", about->attempt);
    }
    if (about->token > 0) {
        add(text, " token=%" PRIu64, about->token);
    }
}

/* ---- where it goes ---- */

/* `what` is the readable text without control characters. */
static void
write_line(enum log_level level, const char *what)
{
    struct text line = {.n = 0};
    if (state.journal) {
        add(&line, "<%d>", (int)level);
    } else {
        struct timespec now;
        struct tm utc;
        clock_gettime(CLOCK_REALTIME, &now);
        gmtime_r(&now.tv_sec, &utc);
        line.n = strftime(line.s, sizeof line.s, "%Y-%m-%dT%H:%M:%S", &utc);
        const char *word = level <= LOG_LEVEL_WARNING ? log_level_name(level) : "";
        add(&line, ".%03ldZ %s%s", now.tv_nsec / 1000000, word, *word ? " " : "");
    }
    add(&line, "%s", what);
    line.n = MIN(line.n, sizeof line.s - 2);
    line.s[line.n++] = '\n';
    /* One write a line, so that lines of several processes don't mix. A lost line is no reason to
     * stop. */
    while (write(STDERR_FILENO, line.s, line.n) < 0 && errno == EINTR) {
    }
}

static void
add_number(struct buf *entry, const char *name, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, value);
    journald_add(entry, name, text);
}

static enum journald_sent
send_entry(enum log_level level, const char *event, const struct log_about *about, const char *what)
{
    struct buf *entry = &state.entry;
    buf_clear(entry);
    journald_add(entry, "MESSAGE", what);
    add_number(entry, "PRIORITY", (uint64_t)level);
    journald_add(entry, "SYSLOG_IDENTIFIER", state.program);
    journald_add(entry, "BATON_EVENT", event);
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        const char *value = value_of(about, &fields[i]);
        value = *value ? value : value_of(&state.own, &fields[i]);
        if (*value) {
            journald_add(entry, fields[i].field, value);
        }
    }
    if (about->attempt > 0) {
        add_number(entry, "BATON_ATTEMPT", about->attempt);
    }
    if (about->token > 0) {
        add_number(entry, "BATON_TOKEN", about->token);
    }
    return journald_send(state.journal_fd, state.journal, entry);
}

static void
emit(enum log_level level, const char *event, const struct log_about *about, const char *what)
{
    enum journald_sent sent = state.journal_fd >= 0 ? send_entry(level, event, about, what)
                                                    : JOURNALD_GONE;
    if (sent == JOURNALD_GONE) {
        write_line(level, what);
    } else if (sent == JOURNALD_FULL) {
        state.lost++;
    } else {
        state.lost = 0;
    }
}

static void PRINTF_LIKE(4, 0) log_args(enum log_level level, const char *event,
                                       const struct log_about *about, const char *fmt, va_list args)
{
    unsigned suppressed;
    if (level > log_level()) {
        return;
    }
    pthread_mutex_lock(&state.lock);
    if (may_pass(event, &suppressed)) {
        struct text text = {.n = 0};
        char plain[LOG_LINE_BYTES_MAX];
        add(&text, "%s", event);
        add_about(&text, about);
        add(&text, "%s", *fmt ? " " : "");
        add_args(&text, fmt, args);
        text.n = MIN(text.n, sizeof text.s - 64);
        text.s[text.n] = 0;
        if (suppressed > 0) {
            add(&text, " suppressed=%u", suppressed);
        }
        if (state.lost > 0) {
            add(&text, " lost=%u", state.lost);
        }
        /* Whatever a value was, it begins no new line. */
        text_escape(plain, sizeof plain, text.s, false);
        emit(level, event, about, plain);
    }
    pthread_mutex_unlock(&state.lock);
}

void
log_event(enum log_level level, const char *event, const char *fmt, ...)
{
    static const struct log_about nothing = {0};
    va_list args;
    va_start(args, fmt);
    log_args(level, event, &nothing, fmt, args);
    va_end(args);
}

void
log_event_about(enum log_level level, const char *event, const struct log_about *about,
                const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    log_args(level, event, about, fmt, args);
    va_end(args);
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
