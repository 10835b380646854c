/* Results on disk from before they are reported until the broker has them durably. */
#ifndef BATON_WORKER_SPOOL_H
#define BATON_WORKER_SPOOL_H

#include "client/include/baton.h"
#include "common/check.h"
#include "worker/measures.h"
#include "worker/state.h"

#include <stdbool.h>
#include <stdint.h>

/* Durable when it returns true; false: errno. Replaces. */
MUST_CHECK bool spool_save(int dir, uint64_t token, const char *project, const char *id,
                           const struct baton_result *result);

/* A result read back; owns all that it points to. */
struct spooled {
    struct baton_result result;
    char *project;
    char *id;
    char *summary;
    char *document;
    char *wait_for;
    char *output_tail;
    struct measures measures;
    struct baton_measure view[MEASURES_MAX]; /* of them; `result` points here */
};

/* False: there is none, or the file is damaged (then it is moved to orphans). */
MUST_CHECK bool spool_load(const struct state *state, uint64_t token, struct spooled *ret_spooled);
void spooled_fini(struct spooled *spooled);

/* The broker has it. */
void spool_forget(const struct state *state, uint64_t token);
/* It will never count: keeps it for people. */
void spool_orphan(const struct state *state, uint64_t token);

#endif
