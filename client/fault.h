/* What went wrong in the last call of a handle, in words: kept by connections, feeds and worker
 * sessions. Texts may come from the broker, so they are bounded here. Without memory for a text a
 * fixed sentence stands in for it. */
#ifndef BATON_CLIENT_FAULT_H
#define BATON_CLIENT_FAULT_H

#include "baton.h"
#include "common/check.h"

#include <stdint.h>
#include <wire.pb-c.h>

struct fault {
    char *text;             /* a sentence; owned; NULL: none */
    char *field;            /* of the request; owned; NULL: none */
    char *cycle;            /* "a -> b -> a"; owned; NULL: none */
    int64_t retry_after_ms; /* 0: not given */
};

void fault_clear(struct fault *fault);
/* Replaces all by one sentence and returns `status`, to end a function with. */
baton_status fault_set(struct fault *fault, baton_status status, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/* Takes over the broker's error and returns its status; unknown codes are BATON_INTERNAL. */
baton_status fault_take(struct fault *fault, const Baton__Error *error);
/* Never NULL. */
const char *fault_text(const struct fault *fault);

/* Why the last …_open of this thread failed: there is no handle then that could tell. */
struct fault *fault_of_thread(void);

#endif
