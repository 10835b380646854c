/* A worker's session with the broker: greeting, heartbeats, credit, reports, and what arrives. One
 * step never blocks; worker.c waits between steps and hands out what they bring. */
#ifndef BATON_CLIENT_SESSION_H
#define BATON_CLIENT_SESSION_H

#include "baton.h"
#include "client/fault.h"
#include "client/lease.h"
#include "client/link.h"
#include "client/record.h"
#include "common/buf.h"
#include "common/fields.h"

#include <wire.pb-c.h>

/* Numbers of fields in proto/wire.proto. */
enum { FROM_BROKER_ASSIGN = 30, FROM_BROKER_REPORTED = 31, ASSIGNMENT_TOKEN = 1 };

/* An Assign or a Reported: these are large, so they are read where they came, part by part, and not
 * unpacked as a whole. */
struct parts {
    const uint8_t *data; /* the packed op; NULL: none */
    size_t bytes;        /* its length */
    size_t at;           /* how much of it is handed out */
    uint32_t op;         /* its number */
    uint64_t id;         /* of the message */
};

enum session_state {
    SESSION_DOWN,     /* no connection yet, or it is not yet time to greet */
    SESSION_GREETING, /* Hello is sent */
    SESSION_UP,       /* Welcome has come */
};

struct baton_worker {
    struct link link;
    struct fault fault;
    struct record *kept; /* memory of the hello below; owned */
    Baton__Hello hello;  /* without what is held */
    char *actor;         /* owned */
    bool interruptible;

    enum session_state state;
    uint64_t id;          /* of the latest request */
    uint64_t hello_id;    /* of the Hello in flight */
    uint64_t epoch;       /* of the broker, from Welcome */
    int64_t heartbeat_ms; /* from Welcome */
    int64_t greet_at;     /* DOWN: not before this; GREETING: greet anew then */
    int64_t backoff_ms;   /* before greeting; 0: at once */
    int64_t up_at;        /* when the session came up */
    int64_t heard_at;     /* when anything last came */
    int64_t said_at;      /* when anything was last sent */
    int64_t stepped_at;   /* when step was last called */
    int64_t scan_at;      /* when a lease may want to be renewed, or a result sent again */

    struct leases leases;
    size_t n_unreported; /* results that are not acknowledged */
    struct buf body;     /* lines of the report being built */
    struct buf packed;   /* where results are packed */

    uint32_t credit_wanted; /* by the caller, counted down as tasks are handed out */
    uint32_t credit_told;   /* as the broker knows it, counted down as tasks arrive */
    int64_t credit_said_at; /* when it was last said */
    uint64_t arrived;       /* tasks, in this session */
    uint32_t n_fresh;       /* tasks that arrived and are not handed out */

    zmq_msg_t frame;                  /* the latest; in it … */
    struct parts parts;               /* … the list that is being handed out */
    struct record *in;                /* memory of the message that is being handed out; owned */
    const Baton__FromBroker *message; /* in it; NULL: none */
    size_t at;                        /* place in its list */
    bool tell_down;                   /* the caller is to hear that the session is gone */
};

enum session_step {
    STEP_MORE,    /* look at what there is to hand out, and step again */
    STEP_IDLE,    /* wait for the link or session_wake_at */
    STEP_REFUSED, /* the broker does not take us; status and sentence are in the fault */
    STEP_NO_MEMORY,
};

/* One turn: sends what is due, then takes one message. */
enum session_step session_step(struct baton_worker *w, int64_t now, baton_status *ret_refused);
/* The next part to hand out, packed; the same one until it is done with. False: none is left. */
bool session_part(struct baton_worker *w, struct field *ret_part);
void session_part_done(struct baton_worker *w, const struct field *part);
/* When step must be called again even if nothing comes. */
int64_t session_wake_at(struct baton_worker *w);
/* Says goodbye; the leases go back to the queue. */
void session_bye(struct baton_worker *w);
/* The lease of this token from `now` on; NULL: no memory. */
struct lease *session_hold(struct baton_worker *w, uint64_t token, int64_t lease_ms, int64_t now);
/* Its result, which it has now, is said, and again until it is acknowledged. */
void session_report(struct baton_worker *w, struct lease *lease);

#endif
