/* What went wrong, in words: see fault.h. */
#include "client/fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_BYTES_KEPT = 8 * 1024, CYCLE_BYTES_KEPT = 1024 * 1024 };

/* Kept inline, since it must work when there is no memory, and never needs to be freed. */
static _Thread_local struct {
    struct fault fault;
    char text[512];
} opening;

static void
fault_free(char **text)
{
    if (*text != opening.text) {
        free(*text);
    }
    *text = NULL;
}

void
fault_clear(struct fault *fault)
{
    fault_free(&fault->text);
    fault_free(&fault->field);
    fault_free(&fault->cycle);
    fault->retry_after_ms = 0;
}

baton_status
fault_set(struct fault *fault, baton_status status, const char *fmt, ...)
{
    fault_clear(fault);
    va_list args;
    va_start(args, fmt);
    if (fault == &opening.fault) {
        vsnprintf(opening.text, sizeof opening.text, fmt, args);
        fault->text = opening.text;
    } else if (vasprintf(&fault->text, fmt, args) < 0) {
        fault->text = NULL;
    }
    va_end(args);
    return status;
}

/* "a -> b -> a"; a path that is longer than what is kept ends in "...". */
static char *
cycle_text(char *const *path, size_t n_path)
{
    size_t bytes = 1;
    size_t n = 0;
    while (n < n_path && bytes + strlen(path[n]) + 8 < CYCLE_BYTES_KEPT) {
        bytes += strlen(path[n++]) + 4;
    }
    char *text = malloc(bytes + 8);
    if (!text) {
        return NULL;
    }
    char *at = text;
    for (size_t i = 0; i < n; i++) {
        at = stpcpy(at, i ? " -> " : "");
        at = stpcpy(at, path[i]);
    }
    strcpy(at, n < n_path ? " ..." : "");
    return text;
}

baton_status
fault_take(struct fault *fault, const Baton__Error *error)
{
    fault_clear(fault);
    fault->text = strndup(error->message, TEXT_BYTES_KEPT);
    fault->field = strndup(error->field, TEXT_BYTES_KEPT);
    fault->cycle = error->n_path ? cycle_text(error->path, error->n_path) : NULL;
    fault->retry_after_ms = error->retry_after_ms > 0 ? error->retry_after_ms : 0;
    bool known = error->code > BATON__CODE__CODE_OK && (int)error->code <= BATON_CLOSED;
    return known ? (baton_status)error->code : BATON_INTERNAL;
}

const char *
fault_text(const struct fault *fault)
{
    return fault->text ? fault->text : "";
}

struct fault *
fault_of_thread(void)
{
    return &opening.fault;
}
