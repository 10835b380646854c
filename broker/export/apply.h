/* Transactions that write rows and move the position with them. */
#ifndef BATON_EXPORT_APPLY_H
#define BATON_EXPORT_APPLY_H

#include "broker/export/link.h"
#include "broker/export/rows.h"

#include <stdint.h>

struct position {
    uint64_t seq;
    bool is_loading;
};

/* Prepares the connection for the rest, and reads where the rows stand. Fails if they are those of
 * another store. */
bool apply_begin(struct link *link, const char *store_id, struct position *ret_position) MUST_CHECK;

/* The rows of facts from behind `from` up to `to`, and `more` statements ("" for none), or nothing:
 * fails if somebody else has moved the position. */
bool apply_rows(struct link *link, const struct rows *rows, uint64_t from, uint64_t to,
                const char *more) MUST_CHECK;

/* Rows are being made of a snapshot from now on; rows of a life that a restored backup ended
 * (numbers above lost_after and below lost_before) go. */
bool apply_begin_load(struct link *link, uint64_t lost_after, uint64_t lost_before) MUST_CHECK;
bool apply_load(struct link *link, const struct rows *rows) MUST_CHECK;
bool apply_end_load(struct link *link, uint64_t seq) MUST_CHECK;

/* Deletes some of what ended before `cut_ms`. *cursor: where to go on, 0 when it is through. */
bool apply_purge(struct link *link, int64_t cut_ms, uint64_t *cursor, uint64_t *ret_n) MUST_CHECK;

#endif
