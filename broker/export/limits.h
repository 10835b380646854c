/* Every bound of the exporter. */
#ifndef BATON_EXPORT_LIMITS_H
#define BATON_EXPORT_LIMITS_H

enum {
    CONNECT_MS = 10 * 1000,        /* for a connection to come about */
    ANSWER_MS = 60 * 1000,         /* for one statement */
    BACKOFF_FIRST_MS = 500,        /* after a failure; then twice as long … */
    BACKOFF_MAX_MS = 60 * 1000,    /* … up to this */
    GATHER_MS = 100,               /* batches that are not full come no faster */
    BATCH_BYTES = 2 * 1024 * 1024, /* of facts: written at once, about */
    GATHER_BYTES = 128 * 1024,     /* of facts: a full one */
    IDLE_MS = 1000,                /* a look at the clock, at least */
    SAMPLES_MAX = 6 * 1024,        /* rows waiting; the oldest go */
    CONNINFO_BYTES_MAX = 8 * 1024,
    COPY_BYTES = 64 * 1024, /* handed to libpq at once */
    ERROR_ROOM = 256,
    STOP_MS = 2000,         /* for the thread to notice */
    PURGE_ROWS = 10 * 1000, /* looked at in one transaction */
    PURGE_EVERY_MS = 10 * 60 * 1000,
};

#endif
