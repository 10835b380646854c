/* The configuration of batond: its table of keys, and reading it again while the broker runs. */
#ifndef BATON_FRONT_OPTIONS_H
#define BATON_FRONT_OPTIONS_H

#include "broker/core/core.h"
#include "common/config.h"
#include "common/log.h"

#include <stdint.h>

/* Exit statuses, those of sysexits.h. */
enum {
    EXIT_USAGE = 64,
    EXIT_DATA = 65,     /* the store is damaged */
    EXIT_SOFTWARE = 70, /* a bug: the recovered state breaks an invariant */
    EXIT_IO = 74,       /* a write or sync failed */
    EXIT_BUSY = 75,     /* another broker has the store or the endpoint */
    EXIT_CONFIG = 78,
};

struct options {
    struct config *config;   /* owned: where the values are from; the texts live in it */
    const char *data;        /* directory of the store */
    const char *listen;      /* ipc://PATH */
    const char *path;        /* PATH of it */
    const char *zone;        /* IANA name */
    enum log_level level;    /* what is logged */
    int64_t heartbeat_ms;    /* of sessions */
    uint64_t snapshot_bytes; /* journal longer than this: a new snapshot */
    uint64_t reserve_bytes;  /* less free on the disk: no new tasks; 0: the default */
    int64_t keep_ended_ms;   /* records of done, cancelled, aborted tasks */
    int64_t keep_failed_ms;  /* of failed and expired ones */
    bool is_exporting;       /* rows are written to PostgreSQL */
    int64_t export_keep_ms;  /* rows of what ended, this long */
    int64_t export_sample_ms;
    uint64_t export_journal_bytes; /* facts kept for an exporter that is behind */
    struct core_config core;       /* zeroed fields: the core's defaults */
    bool foreground;               /* it always is */
};

/* Fills in *ret from the files, the environment and the command line. -1: go on; else exit with
 * that status (help was printed, or what is wrong was). */
int options_read(int argc, char **argv, struct options *ret);
void options_fini(struct options *options);

/* Reads all of it again, and takes over what may change while the broker runs. False: something is
 * wrong, which was logged, and nothing has changed. */
bool options_reload(struct options *options);

#endif
