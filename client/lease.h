/* The leases that a worker session holds, by token: what has been said of each to the broker, what
 * is still to be said, and which ended not long ago, so that an assignment that comes twice is
 * handed out once. */
#ifndef BATON_CLIENT_LEASE_H
#define BATON_CLIENT_LEASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LEASE_LINE_INLINE_BYTES = 24, /* a do-nothing task's result needs no memory of its own … */
    LEASE_NAME_INLINE_BYTES = 40, /* … and a name of usual length none either */
    LEASES_ENDED_KEPT = 1024,
};

struct lease {
    uint64_t token;
    struct lease *next; /* in the queue of those with something to say, or the free list */
    char *name;    /* project, NUL, id, NUL; owned, or `name_room`; NULL: unknown (announced by the
                      caller) */
    uint8_t *line; /* packed Result; owned, or `room`; NULL: the attempt has not ended */
    uint8_t *handoff; /* packed Card that goes with the result; owned; NULL: none */
    size_t handoff_bytes;
    uint8_t *progress; /* packed Progress, the latest that is not said; owned; NULL: none */
    size_t line_bytes; /* of `line` */
    size_t progress_bytes;
    size_t name_bytes;      /* with both NULs */
    int64_t lease_ms;       /* its length; 0: it had ended when its result was reported */
    int64_t beat_at;        /* when it is to be renewed, as long as it has no result */
    int64_t said_at;        /* when the result was last sent */
    uint64_t result_id;     /* of the first Report of this session with the result; 0: none yet */
    unsigned before_result; /* other lines about it in that very Report */
    bool fresh;             /* assigned, not yet handed out */
    bool started;           /* the caller said so */
    bool stop_told;         /* the caller knows that it is to stop */
    bool ended;             /* out of the table, still in the queue */
    bool queued;            /* in the queue of those with something to say */
    bool say_started;       /* what is to be said … */
    bool say_beat;
    bool say_result;
    uint8_t room[LEASE_LINE_INLINE_BYTES];
    char name_room[LEASE_NAME_INLINE_BYTES];
};

struct lease_slot {
    uint64_t token;
    struct lease *lease; /* owned; NULL: an empty slot; &lease_gone: it has ended, and its token is
                            kept to be known again */
};

struct leases {
    struct lease_slot *slots; /* open addressing, at most half full; owned */
    size_t n_slots;           /* a power of two, or 0 */
    size_t n;                 /* slots in use */
    size_t n_held;            /* of them not ended */
    struct lease *free;       /* to be used again */
    struct lease *first;      /* queue of those with something to say */
    struct lease *last;
    uint64_t ended[LEASES_ENDED_KEPT]; /* tokens, a ring */
    size_t n_ended;                    /* ever */
};

void leases_fini(struct leases *leases);
/* NULL: not held. */
struct lease *leases_find(const struct leases *leases, uint64_t token);
/* Is it held, or has it ended not long ago? */
bool leases_knows(const struct leases *leases, uint64_t token);
/* A new lease, which must not be held yet. NULL: no memory. */
struct lease *leases_add(struct leases *leases, uint64_t token);
/* It is not held any more, and gone. */
void leases_end(struct leases *leases, struct lease *lease);
/* Puts it in the queue of those with something to say, once. */
void leases_queue(struct leases *leases, struct lease *lease);
/* The next out of that queue; NULL: empty. */
struct lease *leases_unqueue(struct leases *leases);
/* The next held lease at or behind place *at of the table, *at then being behind it; NULL: no more.
 * Nothing may be added meanwhile. */
struct lease *leases_each(const struct leases *leases, size_t *at);

#endif
