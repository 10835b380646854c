/* batond around the core: everything that one turn of the loop needs in one place. Private to
 * broker/front; one thread owns all of it.
 *
 * A turn (loop.c): messages come in (router.c), are unpacked and dispatched (dispatch.c) to a
 * handler (handle_*.c), which asks the core and fills in an answer. What the core leaves behind
 * (facts, events, stops, records) goes out at the end of the turn: facts to the store under a
 * ticket, everything else behind that ticket (turn.c). */
#ifndef BATON_FRONT_FRONT_H
#define BATON_FRONT_FRONT_H

#include "broker/core/core.h"
#include "broker/front/calendar.h"
#include "broker/front/clock.h"
#include "broker/front/counters.h"
#include "broker/front/feed.h"
#include "broker/front/locks.h"
#include "broker/front/options.h"
#include "broker/front/outbox.h"
#include "broker/front/router.h"
#include "broker/front/sessions.h"
#include "broker/front/snapshot.h"
#include "broker/front/space.h"
#include "broker/front/takes.h"
#include "broker/front/window.h"
#include "broker/store/store.h"
#include "common/arena.h"
#include "common/rng.h"

#include <stdbool.h>
#include <stdint.h>

#define SOFTWARE "batond " BATON_SOFTWARE_VERSION

enum {
    PENDING_BYTES_MAX = 64 * 1024 * 1024, /* handed to the store and not durable, or waiting to be
                                             sent: no more is read meanwhile */
    STORE_OPS_MAX = 1000,                 /* reads and backups under way */
    RETRY_AFTER_MS = 1000,                /* with CODE_BUSY */
};

struct store_op; /* store_ops.h */
struct exporter; /* export/export.h */

struct front {
    struct options *options; /* changed by a reload only */
    struct core *core;
    struct store *store;
    struct router *router;
    struct feed feed;
    struct window window;
    struct outbox outbox;
    struct sessions *sessions;
    struct takes takes;
    struct lock_waits lock_waits;
    struct store_op *store_ops; /* under way, any order */
    size_t n_store_ops;
    uint64_t last_cookie;
    struct snapshot snapshot;
    struct space space;        /* on the disk */
    struct exporter *exporter; /* NULL: it is off */
    int64_t sample_at;         /* give it a sample of the queue at this time */
    int64_t export_look_at;    /* see how it does at this time */
    bool is_export_failing;    /* and that was logged */
    struct clock clock;
    struct rng rng;
    struct arena arena;  /* of the message at hand, or of what else the turn does */
    struct core_out out; /* of the turn */
    struct counters counters;

    int64_t now; /* broker time of the turn in ms */
    struct calendar calendar;
    int64_t started_at;  /* of this life */
    int64_t recovery_us; /* from opening the store to listening */
    uint64_t ticket;     /* of the newest batch handed to the store */
    uint64_t seq_handed; /* newest fact handed to the store */
    bool is_stopping;    /* no new leases */
    int64_t gc_at;       /* look through the archive at this time; 0: not decided */
    struct purge {
        enum store_archive archive;
        uint64_t key;
    } * purges; /* records to delete with the batch of this turn */
    size_t n_purges, room_purges;

    bool assign_wanted;     /* something changed since work was last handed out */
    int64_t assign_at;      /* hand out work at this time at the latest */
    uint64_t assign_seq;    /* core_seq when work was last handed out */
    int64_t drain_check_at; /* compare who is drained with what they were told */
    bool is_low_logged;     /* the disk is low, and that was logged */
    bool is_full_logged;    /* the same of connections */
    int64_t refused_at;     /* when one was last refused */
    char feed_endpoint[128];
};

/* The beginning of every request to the core. */
struct core_request front_request(struct front *front, const char *actor);

static inline void
front_count(struct front *front, enum counter counter, uint64_t n)
{
    front->counters.n[counter] += n;
}

/* False, and why, while no new tasks are taken. The text is in the turn's arena or static. */
bool front_is_accepting(struct front *front, const char **ret_reason);

/* ---- out: what is sent waits until what it says is durable ---- */

/* Packs `message` for the peer; leaves with the turn. `id` 0: unasked. */
void front_send(struct front *front, uint64_t peer, uint64_t id, const Baton__FromBroker *message);
/* The same at once: for what says nothing about the state. */
void front_send_now(struct front *front, uint64_t peer, uint64_t id,
                    const Baton__FromBroker *message);
/* An assignment; if it can't be sent its leases are given back. `worker` 0: of a Take. */
void front_send_assign(struct front *front, uint64_t peer, uint64_t id, uint32_t worker,
                       const Baton__Assign *assign);
/* The outbox's way out (context: the front). */
void front_release_entry(void *context, struct outbox_entry *entry);

#endif
