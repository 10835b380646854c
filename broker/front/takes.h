/* Takes that wait for work. First come, first served. Pure. */
#ifndef BATON_FRONT_TAKES_H
#define BATON_FRONT_TAKES_H

#include "common/check.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TAKES_MAX = 10 * 1000 /* waiting at a time */ };

/* Who asked, and under which number: for an answer that comes later. */
struct asker {
    uint64_t peer;
    uint64_t id;  /* 0: wants no answer */
    char *client; /* owned; "" not numbered */
    uint64_t number;
    uint64_t acked;
    uint64_t digest; /* of the request */
    char *actor;     /* owned */
};

void asker_fini(struct asker *asker);

struct take {
    struct asker asker;
    uint32_t worker; /* core_worker of the name that the lease is written to */
    uint32_t roles;
    uint32_t max;
    int64_t lease_ms;
    int64_t until; /* then it is answered with nothing */
    char **projects;
    size_t n_projects;
    struct take *prev, *next;
};

struct takes {
    struct take *first, *last;
    size_t n;
    uint32_t n_of_role[32]; /* waiting for role r */
    int64_t next_at;        /* none is answered before; may be too early. Valid when n > 0 */
};

void takes_fini(struct takes *takes);
/* Takes the take (malloced, with what it owns); false when there are too many, then it is still the
 * caller's. */
bool takes_add(struct takes *takes, struct take *take) MUST_CHECK;
/* Unlinks and frees. */
void takes_remove(struct takes *takes, struct take *take);
void take_free(struct take *take);
/* The one with this number that waits already, or NULL. O(n). */
struct take *takes_find(const struct takes *takes, const char *client, uint64_t number);
/* When takes_expired may have one; INT64_MAX: none waits. */
int64_t takes_next_at(const struct takes *takes);
/* One whose time is up, or NULL. O(n) when there may be one, else O(1). */
struct take *takes_expired(struct takes *takes, int64_t now);

#endif
