/* The worker's own bounds, beside those of the protocol (common/limits.h). */
#ifndef BATON_WORKER_LIMITS_H
#define BATON_WORKER_LIMITS_H

#include "common/limits.h"

#include <stdint.h>

enum {
    WORKER_SLOTS_MAX = 1000,
    SLOT_FILES_MAX = 10, /* open at once for one attempt: pipes, directories, its log */
    WORKER_FILES = 96, /* … and for the rest: libraries, the session, what is read and written */
    WORKER_PATTERNS_MAX = 32, /* --rate-limit-pattern */
    WORKER_NAMES_MAX = 256,   /* --env, --project */
    ROLES_MAX = 6,            /* of one worker: all that there are */

    ENVIRON_BYTES_MAX = 1024 * 1024, /* all variables of an agent together */

    RESULT_FILE_BYTES_MAX = DOCUMENT_BYTES_MAX,
    RESULT_DEPTH_MAX = 64,
    SPOOL_FILE_BYTES_MAX = 4 * 1024 * 1024, /* a result with everything escaped */
    SPOOL_FILES_MAX = 10 * 1000,

    OUTPUT_KEPT_DEFAULT = 1024 * 1024, /* of each stream, at each end */
    OUTPUT_KEPT_MIN = 16 * 1024,
    OUTPUT_KEPT_MAX = 64 * 1024 * 1024,
    OUTPUT_TAIL_BYTES = 4 * 1024, /* sent with the result */

    /* An agent that floods is read at this pace and then waits in its own write: 40 MB/s. */
    FLOOD_TICK_MS = 100,
    FLOOD_BYTES_PER_TICK = 4 * 1024 * 1024,
    READ_BYTES = 64 * 1024,

    PROGRESS_LINE_BYTES_MAX = 1024,
    PROGRESS_EVERY_MS = 1000, /* to the broker, for a task */

    GRACE_DEFAULT_MS = 10 * 1000,
    GRACE_LOST_MS = 2 * 1000, /* a lost lease: somebody else may be at it already */
    KILL_AGAIN_MS = 5 * 1000, /* then the supervisor itself is killed */
    CHECK_RUNTIME_MS = 10 * 60 * 1000,
    LINGER_MS = 5 * 1000, /* for the last reports, at the end */

    BRAKE_RATE_FIRST_MS = 5 * 60 * 1000,
    BRAKE_START_FIRST_MS = 30 * 1000,
    BRAKE_MAX_MS = 60 * 60 * 1000,
    BRAKE_FAILED_STARTS = 3,
    RETRY_TEMPFAIL_MS = 60 * 1000, /* exit status 75 */

    SWEEP_MS = 5 * 1000,
    SWEEP_STEP_MS = 10,
    ASK_MS = 2 * 1000, /* for an answer that the loop waits for */

    ORPHANS_KEPT_MAX = 1000,
    RUNS_KEPT_MAX = 100, /* directories of ended attempts */
};

#endif
