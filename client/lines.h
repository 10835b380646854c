/* What a worker session says of its leases: packs results and progress, and builds the lines of a
 * Report straight into a buffer, since there are many and they are small. */
#ifndef BATON_CLIENT_LINES_H
#define BATON_CLIENT_LINES_H

#include "baton.h"
#include "client/fault.h"
#include "client/lease.h"
#include "common/buf.h"
#include "common/fields.h"

#include <zmq.h>

enum {
    LINES_A_LEASE_MAX = 2,         /* of one lease in one Report */
    REPORT_BYTES_WANTED = 4 << 20, /* a Report is closed when it is larger */
};

/* Sets the lease's result, made in `room`, which is soft and which the caller keeps for the next.
 * BATON_INVALID, BATON_TOO_LARGE with a sentence in `fault`; BATON_NO_MEMORY. */
MUST_CHECK baton_status lease_set_result(struct lease *lease, const struct baton_result *result,
                                         struct buf *room, struct fault *fault);
/* Sets the progress to be said; a text that is not taken is left out. False: no memory. */
MUST_CHECK bool lease_set_progress(struct lease *lease, uint32_t percent, const char *text,
                                   int64_t next_update_at);
/* Project and id of the lease's task, as they stand in its assignment. False: no memory. */
MUST_CHECK bool lease_set_name(struct lease *lease, const struct field *project,
                               const struct field *id);

/* Appends the lines that the lease has to say in Report `id` to `body` and takes them as said at
 * `now`. Returns how many; -1: no memory, nothing was said. */
MUST_CHECK int lease_say(struct lease *lease, uint64_t id, int64_t now, struct buf *body);

/* The frame of a Report of the lines in `body`. False: no memory. */
MUST_CHECK bool report_frame(uint64_t id, const struct buf *body, zmq_msg_t *ret_frame);

#endif
