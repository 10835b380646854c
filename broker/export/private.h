/* The exporter's inside: what its thread's files share. */
#ifndef BATON_EXPORT_PRIVATE_H
#define BATON_EXPORT_PRIVATE_H

#include "broker/export/apply.h"
#include "broker/export/export.h"
#include "broker/export/link.h"
#include "broker/export/rows.h"
#include "broker/store/tail.h"

#include <pthread.h>

struct exporter {
    struct store *store;
    pthread_t thread;
    bool has_thread; /* else it could not be made */
    int stop_fd;

    /* The thread's own. */
    struct link link;
    struct rows rows;
    uint64_t position; /* rows up to it are committed */
    uint64_t added_to; /* … and are in the batch; the position: it is empty */
    size_t added_bytes;
    int64_t purge_at_ms;
    uint64_t purge_cursor;

    pthread_mutex_t mutex; /* of the rest */
    struct export_config config;
    bool is_changed; /* the connection is to be made anew */
    struct export_status status;
    int64_t current_at_ms; /* monotonic: when it had everything */
    struct export_sample *samples;
    size_t n_samples; /* waiting */
};

void exporter_set_state(struct exporter *e, const char *state);
/* Until one of the descriptors tells (tail_fd; false: only the stop), or the time is up. False: the
 * exporter is stopped. */
bool exporter_wait(struct exporter *e, bool for_store, int64_t ms);

/* load.c: makes rows of the snapshot in force and of the archive; then the position is the
 * snapshot's. False: the connection is lost, the exporter is stopped, or the store failed. */
bool exporter_load(struct exporter *e, uint64_t lost_after, uint64_t lost_before) MUST_CHECK;

#endif
