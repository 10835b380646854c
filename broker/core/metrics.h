/* What the files metrics*.c share: metrics.c what is counted and by which hour, metrics_sum.c the
 * sums of what tasks report under names of their own (measure.c), metrics_view.c who asks for them,
 * metrics_record.c how they get into a snapshot and out. */
#ifndef BATON_BROKER_CORE_METRICS_H
#define BATON_BROKER_CORE_METRICS_H

#include "broker/core/board/board.h"

enum { HOUR_MS = 3600 * 1000 };

/* As Metrics. */
struct tally {
    uint64_t ended, done, on_time;
    uint64_t accepted, rejected;
    uint64_t resolved, overdue;
    int64_t resolved_ms, resolved_ms_max;
    double coverage, lines, coverage_plain;
    uint64_t n_plain;
};

struct bucket {
    int64_t hour;
    struct tally tally;
};

/* Of one role in one project. */
struct series {
    struct tally ever;
    struct bucket *buckets; /* by hour */
    uint32_t n, room;
};

struct measure_sum {
    char *key; /* project and role as numbers, then the name */
    uint32_t project;
    const char *project_name; /* borrowed: projects stay */
    int role;                 /* ROLE_NONE: none */
    char *name, *unit;
    uint64_t n;
    double sum, last;
    int64_t last_at;
    UT_hash_handle by_key;
};

/* ---- metrics.c ---- */

/* Made when it is not there. */
struct series *series_of(struct core *core, uint32_t project, int role);
/* The tally of the hour; NULL: there is no room for one more. Time never falls. */
struct tally *series_hour(struct core *core, struct series *series, int64_t at);
void tally_add(struct tally *to, const struct tally *more);
/* Whose it is: its own role, else that of its task. */
int metrics_role_of_card(const struct core *core, const Baton__Card *card);

/* ---- metrics_sum.c ---- */

/* Made when it is not there. NULL: there are as many as there may be. */
struct measure_sum *sum_make(struct core *core, uint32_t project, int role, const char *name);
/* By project, role and name: the order of a hash says nothing. In the arena. */
struct measure_sum **sums_sorted(const struct core *core, struct arena *arena);

/* ---- metrics_view.c: as messages, which borrow the core's texts ---- */

Baton__MeasureSum *sum_message(const struct measure_sum *sum, struct arena *arena);
Baton__Metrics *tally_message(const struct tally *tally, struct arena *arena);
char *metrics_role_text(int role);

#endif
