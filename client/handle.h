/* The connection behind `struct baton`, and the one way to ask through it. Private to the library.
 */
#ifndef BATON_CLIENT_HANDLE_H
#define BATON_CLIENT_HANDLE_H

#include "baton.h"
#include "client/fault.h"
#include "client/frame.h"
#include "client/link.h"
#include "client/record.h"
#include "common/limits.h"

#include <wire.pb-c.h>

enum { ANSWER_MS_DEFAULT = 10 * 1000 };

struct baton {
    struct link link;
    struct fault fault;                /* of the last call */
    int64_t timeout_ms;                /* for an answer */
    char *actor;                       /* owned */
    char client[CLIENT_BYTES_MAX + 1]; /* makes (client, number) of changing calls */
    bool repeatable; /* the client was named by the caller: nothing is ever acknowledged, so that
                        its next life gets the same answers */
    bool interruptible;
    uint64_t id;     /* of the latest request */
    uint64_t number; /* of the latest changing call */
    uint64_t acked;  /* all numbers up to here are answered or given up */
    /* The latest changing call, if it had no answer: the same call again is the same request. */
    zmq_msg_t unanswered;
    bool has_unanswered;
    uint64_t unanswered_id;
    char *zone; /* owned; from the latest Welcome */
};

/* What a call asks, and how. */
struct ask {
    Baton__ToBroker *message;         /* with its op; the rest is filled in */
    const struct frame_op *op;        /* instead of the op in it; NULL: there it is */
    bool changing;                    /* gets (client, number) */
    Baton__FromBroker__OpCase answer; /* the only op that answers it */
    size_t public_bytes;              /* of the record made around the answer; 0: none */
    int64_t timeout_ms;               /* 0: the handle's and silence_ms */
    int64_t silence_ms; /* how long the broker may rightly be silent, beyond the usual; 0: not */
};

struct answer {
    const Baton__FromBroker *message; /* in the memory of … */
    struct record *record;            /* … the caller's, who frees it or hands it out */
};

/* Sends, sends again, and waits for the answer. All statuses but BATON_OK leave nothing to free and
 * a sentence in the handle's fault. */
MUST_CHECK baton_status request(struct baton *b, const struct ask *ask, struct answer *ret_answer);

/* For a call whose arguments are wrong. */
baton_status bad_argument(struct baton *b, const char *sentence);
/* For a record that could not be made: frees it. */
baton_status no_memory(struct baton *b, struct record *record);

/* Scratch memory for building a request; NULL when there is no memory (said in the fault). */
struct record *scratch_new(struct baton *b, size_t room);

/* "USER@HOST" of this process; owned by the caller; NULL: no memory. */
char *actor_default(void);

#endif
