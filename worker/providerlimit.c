/* Limits of the provider: patterns in what an agent said when it did not prove its work done. */
#include "common/alloc.h"
#include "worker/adapter.h"
#include "worker/limits.h"

#include <ctype.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

static const char usual[] = "rate.?limit|usage.?limit|too many requests|overloaded|quota exceeded|"
                            "(^|[^0-9])(429|529)([^0-9]|$)";

/* "retry after 30", "try again in 5 minutes", "retry-after: 120 s" */
static const char when[] = "(retry.?after|again in)[^0-9]{0,4}([0-9]{1,7})[ ]?(ms|s|m|h|d)?";

struct adapter_limits {
    regex_t patterns[WORKER_PATTERNS_MAX + 1];
    size_t n;
    regex_t when;
};

static bool
add(struct adapter_limits *limits, const char *pattern)
{
    if (limits->n == ARRAY_LEN(limits->patterns) ||
        regcomp(&limits->patterns[limits->n], pattern, REG_EXTENDED | REG_ICASE | REG_NOSUB)) {
        return false;
    }
    limits->n++;
    return true;
}

struct adapter_limits *
adapter_limits_new(enum adapter adapter, const char *const *patterns, size_t n, size_t *ret_wrong)
{
    struct adapter_limits *limits = xcalloc(1, sizeof *limits);
    CHECK(regcomp(&limits->when, when, REG_EXTENDED | REG_ICASE) == 0);
    if (adapter != ADAPTER_NONE) {
        CHECK(add(limits, usual));
    }
    for (size_t i = 0; i < n; i++) {
        if (!add(limits, patterns[i])) {
            *ret_wrong = i;
            adapter_limits_free(limits);
            return NULL;
        }
    }
    return limits;
}

void
adapter_limits_free(struct adapter_limits *limits)
{
    if (!limits) {
        return;
    }
    for (size_t i = 0; i < limits->n; i++) {
        regfree(&limits->patterns[i]);
    }
    regfree(&limits->when);
    free(limits);
}

static int64_t
retry_after(const struct adapter_limits *limits, const char *text)
{
    regmatch_t parts[4];
    if (regexec(&limits->when, text, ARRAY_LEN(parts), parts, 0)) {
        return 0;
    }
    int64_t value = strtoll(text + parts[2].rm_so, NULL, 10);
    int64_t unit = 1000, ms;
    if (parts[3].rm_so >= 0) {
        const char *word = text + parts[3].rm_so;
        bool milli = parts[3].rm_eo - parts[3].rm_so == 2;
        int c = tolower((unsigned char)*word);
        unit = milli ? 1 : c == 'm' ? 60000 : c == 'h' ? 3600000 : c == 'd' ? 86400000 : 1000;
    }
    return __builtin_mul_overflow(value, unit, &ms) ? DURATION_MS_MAX : MIN(ms, DURATION_MS_MAX);
}

bool
adapter_limits_match(const struct adapter_limits *limits, const char *text,
                     int64_t *ret_retry_after_ms)
{
    for (size_t i = 0; i < limits->n; i++) {
        if (regexec(&limits->patterns[i], text, 0, NULL, 0) == 0) {
            *ret_retry_after_ms = retry_after(limits, text);
            return true;
        }
    }
    return false;
}
