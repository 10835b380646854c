/* Requests of running tasks that wait for a lock. First come, first served; volatile: whoever waits
 * asks again after a restart. */
#ifndef BATON_FRONT_LOCKS_H
#define BATON_FRONT_LOCKS_H

#include "broker/core/core.h"
#include "broker/front/takes.h"

enum { LOCK_WAITS_MAX = 1000 /* at a time */ };

struct front;

struct lock_wait {
    struct asker asker;
    uint64_t token;
    char *name; /* in its one form; owned */
    bool shared;
    uint32_t amount;
    int64_t until; /* then it is answered with no */
    struct lock_wait *next;
};

struct lock_waits {
    struct lock_wait *first, *last;
    size_t n;
    uint64_t seq; /* core_seq when they were last tried */
};

/* The one with this number that waits already, or NULL. */
struct lock_wait *locks_find(const struct lock_waits *waits, const char *client, uint64_t number);
/* Tries all that wait, when something has changed, and answers those that have what they want, have
 * waited long enough, or lost their lease. Before work is handed out. */
void locks_run(struct front *front);
/* When locks_run has something to do; INT64_MAX: never. */
int64_t locks_next_at(const struct lock_waits *waits);
/* All are answered with no: the broker stops. */
void locks_dismiss(struct front *front);
void locks_fini(struct lock_waits *waits);

#endif
