/* The command line of batond. */
#ifndef BATON_FRONT_OPTIONS_H
#define BATON_FRONT_OPTIONS_H

#include "broker/core/core.h"
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
    const char *data;        /* directory of the store */
    const char *listen;      /* ipc://PATH */
    const char *path;        /* PATH of it */
    const char *zone;        /* IANA name */
    enum log_level level;    /* what is logged */
    int64_t heartbeat_ms;    /* of sessions */
    uint64_t snapshot_bytes; /* journal longer than this: a new snapshot; 0: the default */
    uint64_t reserve_bytes;  /* less free on the disk: no new tasks; 0: the default */
    int64_t keep_ended_ms;   /* records of done, cancelled, aborted tasks; 0: KEEP_ENDED_MS */
    int64_t keep_failed_ms;  /* of failed and expired ones; 0: KEEP_FAILED_MS */
    struct core_config core; /* zeroed fields: the core's defaults */
};

/* Fills in *ret from the command line and the environment. -1: go on; else exit with that status
 * (help was printed, or what is wrong was). The strings live as long as the process. */
int options_parse(int argc, char **argv, struct options *ret);

#endif
