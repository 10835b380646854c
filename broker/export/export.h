/* Rows in PostgreSQL of what the journal says (docs/store.md, "The exporter"). A thread of its own
 * follows the journal (store/tail.h) and writes; nobody ever waits for it. Called by the loop's
 * thread; none of this blocks but export_stop, for STOP_MS at most. */
#ifndef BATON_EXPORT_EXPORT_H
#define BATON_EXPORT_EXPORT_H

#include "broker/export/limits.h"
#include "broker/store/store.h"

#include <stdbool.h>
#include <stdint.h>

struct exporter;

struct export_config {
    int64_t keep_ms; /* rows of what ended, and samples, this long */
};

/* After tail_begin and store_start. Copies. */
struct exporter *export_start(const struct export_config *config, struct store *store);
/* Connects anew, by what now says where, and goes on by this. Copies. */
void export_change(struct exporter *exporter, const struct export_config *config);
/* Ends it in the middle of whatever it does: the position stays with the rows. NULL is fine.
 * Before store_close. False: its thread is where it can't be told, such as in the look-up of a
 * host's name. It may yet use the store: nothing is freed, and the process is to end as it is. */
bool export_stop(struct exporter *exporter) MUST_CHECK;

/* The queue of one role at a moment; names that live as long as the process. */
struct export_sample {
    int64_t at;
    const char *role;
    uint64_t waiting, ready, running, done, failed, cancelled;
    uint64_t workers, slots, credit;
    int64_t oldest_ready_ms; /* -1: there is none */
};
void export_add_sample(struct exporter *exporter, const struct export_sample *sample);

struct export_status {
    const char *state; /* connecting, loading, exporting, idle, failing */
    uint64_t position;
    uint64_t lag_facts;
    int64_t lag_ms;
    char error[ERROR_ROOM]; /* empty: it works */
    int64_t error_at;       /* wall clock; of the last error that ever was */
    uint64_t facts, batches, loads, failures, purged;
    bool is_cut;
};
void export_get_status(struct exporter *exporter, struct export_status *ret_status);

#endif
