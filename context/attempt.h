/* What one attempt is told: names and paths that its arguments, environment and prompt are made of.
 * All borrowed. */
#ifndef BATON_CONTEXT_ATTEMPT_H
#define BATON_CONTEXT_ATTEMPT_H

#include "client/include/baton.h"

struct attempt {
    const baton_assignment *task;
    const char *worker;      /* name of this worker */
    const char *endpoint;    /* of the broker, absolute */
    const char *directory;   /* of the attempt */
    const char *workdir;     /* where the command runs */
    const char *prompt_file; /* in the directory */
    const char *task_file;
    const char *result_file;
    const char *const *check; /* argv; may be NULL */
    size_t n_check;
};

#endif
