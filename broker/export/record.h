/* Columns of rows that are made in more than one place: of a spec, a state, a card. Pure. */
#ifndef BATON_EXPORT_RECORD_H
#define BATON_EXPORT_RECORD_H

#include "common/buf.h"

#include "card.pb-c.h"
#include "task.pb-c.h"

#include <stdint.h>

/* key, project, id, role */
void record_put_spec_head(struct buf *row, uint64_t key, const Baton__Spec *spec);
/* title, priority, labels; `json` is scratch */
void record_put_spec(struct buf *row, struct buf *json, const Baton__Spec *spec);
/* state, reason, reason_text, ended_at. A state that is not terminal is "open": whether it is ready
 * or not follows from other tasks, and no fact says so. */
void record_put_state(struct buf *row, Baton__TaskState state, Baton__Reason reason,
                      const char *text, int64_t ended_at);
/* A whole row. `token` 0: the attempt that was there before. */
void record_put_measure(struct buf *row, uint64_t task, uint64_t token, const char *name,
                        double value, const char *unit, int64_t at);
/* A whole row. */
/* `removed_at` 0: it is on the board. */
void record_put_card(struct buf *row, struct buf *json, const Baton__Card *card,
                     int64_t removed_at);

#endif
