/* Readers of what known agents write on standard output: evidence of how the work ended where there
 * is no result file. Pure. */
#ifndef BATON_WORKER_ADAPTER_H
#define BATON_WORKER_ADAPTER_H

#include "worker/finding.h"

#include <stdbool.h>
#include <stddef.h>

enum adapter {
    ADAPTER_NONE,
    ADAPTER_CLAUDE_JSON,
    ADAPTER_CODEX_JSONL,
    ADAPTER_OPENHANDS_JSONL,
    ADAPTER_LAST_JSON_LINE,
    ADAPTERS
};

/* False: there is none of that name. */
bool adapter_of(const char *name, enum adapter *ret_adapter);
const char *adapter_name(enum adapter adapter);

/* `text` is the end of the output; its first line may be cut. */
struct finding adapter_read(enum adapter adapter, const char *text, size_t bytes);

/* ---- limits of the provider ---- */

struct adapter_limits; /* patterns that mean: the provider takes no more for now */

/* The usual patterns (not with ADAPTER_NONE: a script that fails with "429" in its output may mean
 * anything) and the operator's own extended regular expressions. NULL: patterns[*ret_wrong] is not
 * one. */
struct adapter_limits *adapter_limits_new(enum adapter adapter, const char *const *patterns,
                                          size_t n, size_t *ret_wrong);
void adapter_limits_free(struct adapter_limits *limits);

/* True when the text speaks of a limit; then *ret_retry_after_ms is what it says of when to try
 * again, or 0. */
bool adapter_limits_match(const struct adapter_limits *limits, const char *text,
                          int64_t *ret_retry_after_ms);

#endif
