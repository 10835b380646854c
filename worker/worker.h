/* The worker: its options, its session with the broker, its slots. One thread. */
#ifndef BATON_WORKER_WORKER_H
#define BATON_WORKER_WORKER_H

#include "client/include/baton.h"
#include "worker/adapter.h"
#include "worker/brake.h"
#include "worker/options.h"
#include "worker/state.h"
#include "worker/strays.h"

#include <stdbool.h>
#include <stdint.h>

struct slot;

enum worker_phase {
    WORKER_TAKES,  /* takes tasks */
    WORKER_DRAINS, /* takes nothing new, finishes */
    WORKER_HALTS,  /* ends what runs */
};

struct worker {
    struct options *options; /* borrowed; changed by a reload only */
    struct state state;
    baton_worker *session;
    baton *asks; /* for worker_lease_is_over; NULL until it is used */
    struct adapter_limits *limits;
    struct slot *slots; /* options->slots of them */
    char *endpoint;     /* absolute, for the agents */
    int workdir;        /* --workdir, or -1 */
    int64_t now;        /* monotonic milliseconds, once a turn */
    struct strays strays;
    struct brake rate;      /* the provider takes no more */
    struct brake starts;    /* agents cannot be started */
    unsigned failed_starts; /* in a row */
    enum worker_phase phase;
    int64_t phase_at;   /* when it began */
    bool broker_drains; /* the broker wants us to take nothing new */
    bool connected;
    uint32_t credit;      /* as said last, less what came since */
    size_t n_undelivered; /* results in the spool */
    bool touched;         /* the session was used since it was last read dry */
    int status;           /* to exit with, once ended */
    bool ended;
    uint64_t told;   /* to the service manager, as a number */
    int64_t told_at; /* while stopping */
    int64_t idle_at; /* while stopping: since when nothing runs */
};

/* Makes state, slots and session; what the last life left is swept, announced and reported. -1, or
 * the exit status to end with. */
int worker_open(struct worker *worker, struct options *options);
void worker_close(struct worker *worker);
/* What of the options is compiled: how output tells that the provider takes no more. False: a
 * pattern is wrong, which was logged, and nothing is changed. */
bool worker_renew_limits(struct worker *worker) MUST_CHECK;

/* ---- for the slots ---- */

/* Spools and reports; the result is borrowed. */
void worker_report(struct worker *worker, uint64_t token, const char *project, const char *id,
                   const struct baton_result *result);
void worker_confirm_start(struct worker *worker, uint64_t token);
/* True when the broker says that the lease is over: the agent ended its task itself, with `baton
 * complete`. Asks on a connection of its own and waits for the answer, ASK_MS at most. */
bool worker_lease_is_over(struct worker *worker, uint64_t token);
void worker_tell_progress(struct worker *worker, uint64_t token, uint32_t percent,
                          const char *text);

int64_t worker_clock(void);

#endif
