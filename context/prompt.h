/* What an agent is told on its standard input and in BATON_PROMPT_FILE: the task, how it will be
 * checked, what the tasks before it left, and how to report. Bounded by PROMPT_BYTES_MAX. */
#ifndef BATON_CONTEXT_PROMPT_H
#define BATON_CONTEXT_PROMPT_H

#include "context/attempt.h"

/* New memory, NUL-terminated; the length is in *ret_bytes. */
char *prompt_make(const struct attempt *attempt, size_t *ret_bytes);

#endif
