/* Bounds of the document that an agent gets with its task: one for each section, and for all. */
#ifndef BATON_CONTEXT_LIMITS_H
#define BATON_CONTEXT_LIMITS_H

#include "common/limits.h"

enum {
    PROMPT_SECTION_BYTES_MAX = 64 * 1024, /* of one section beside the task's own prompt */
    PROMPT_SECTIONS = 6,                  /* upstream, handoffs, decisions, locks, budgets, room */
    PROMPT_BYTES_MAX = TEXT_BYTES_MAX + PROMPT_SECTIONS * PROMPT_SECTION_BYTES_MAX + 64 * 1024,
    /* The same in the task file, before JSON escapes it: the task, the results and the cards that
     * came with it, locks and budgets. */
    CONTEXT_BYTES_MAX = SPEC_BYTES_MAX + 2 * UPSTREAM_BYTES_MAX + 2 * PROMPT_SECTION_BYTES_MAX,
};

#endif
