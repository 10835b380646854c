/* Facts as rows: what a run of facts changes in the tables, folded together, so that a task that
 * comes and goes within the run is one row that is copied, and no update. Pure, and without a
 * memory between runs: facts name tasks by key, and so do the tables. */
#ifndef BATON_EXPORT_ROWS_H
#define BATON_EXPORT_ROWS_H

#include "common/arena.h"
#include "common/buf.h"

#include "fact.pb-c.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct task_row;
struct attempt_row;

/* Rows in the format of COPY; the columns are those of sql/001_tables.sql and sql/session.sql. */
struct rows {
    struct buf worker, task, attempt;                             /* new */
    struct buf task_in, attempt_in, measure_in, card_in, gone_in; /* to be merged */
    struct buf worker_load, task_load, attempt_load;              /* whole, over what is there */

    /* Inside. */
    struct arena arena; /* facts as they were unpacked */
    struct task_row **tasks;
    struct attempt_row **attempts;
    const Baton__Card **cards; /* NULL: put again later in the run */
    size_t n_tasks, room_tasks, n_attempts, room_attempts, n_cards, room_cards;
    uint32_t *index; /* of tasks by key: their place + 1 */
    size_t index_room;
    struct buf json;
};

void rows_init(struct rows *rows);
void rows_clear(struct rows *rows);
void rows_fini(struct rows *rows);

/* Facts numbered from `seq` on, those up to `after` skipped. False: they can't be read. */
bool rows_add_facts(struct rows *rows, uint64_t seq, uint32_t n, uint64_t after,
                    const uint8_t *facts, size_t bytes);
/* Makes the rows of all that was added. */
void rows_finish(struct rows *rows);

/* Whole rows: what a chunk of a snapshot holds, or a record of the archive. Attempts behind `seq`,
 * and tasks, are left to the facts. False: they can't be read. */
bool rows_add_chunk(struct rows *rows, uint64_t seq, const uint8_t *data, size_t bytes);
bool rows_add_record(struct rows *rows, uint64_t seq, const uint8_t *data, size_t bytes);
/* … of the archive of cards. */
bool rows_add_card(struct rows *rows, const uint8_t *data, size_t bytes);

#endif
