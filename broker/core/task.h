/* A task and its parts.
 *
 * Tasks live in a slab and are named by 32-bit slots (0: none); pointers stay valid while a task
 * lives. A task is on exactly one of: a ready queue or a resource's waiting line (ready), its
 * worker's list (leased to cancelling), the list of ended tasks that nothing needs (terminal), or
 * none (waiting). task_move in move.c is the only writer of task->state. */
#ifndef BATON_BROKER_CORE_TASK_H
#define BATON_BROKER_CORE_TASK_H

#include "broker/core/core.h"
#include "broker/core/heap.h"
#include "broker/core/index.h"
#include "broker/core/tally.h"
#include "common/alloc.h"
#include "common/buf.h"
#include "common/huge.h"
#include "common/limits.h"
#include "common/rng.h"
#include "common/slab.h"

#include <xxhash.h>

/* Of all tables of names here. */
#define HASH_FUNCTION(key, bytes, hash) ((hash) = (unsigned)XXH3_64bits(key, bytes))
#include <uthash.h>

enum {
    ROLE_NONE = ROLES_N, /* milestones */
    ROLE_SLOTS = ROLES_N + 1,
    EDGE_PENDING = 0,
    EDGE_MET = 1,
    EDGE_BROKEN = 2,
    WHOLE = 1 << 30,              /* of a resource: more than any capacity */
    RUNTIME_SLACK_MS = 30 * 1000, /* the worker ends a task at its longest run time first */
    CANCEL_SLACK_MS = 10 * 1000,  /* for the answer of the worker after the grace */
    CHUNK_BITS = 17,              /* of struct task: seven huge pages, to the byte */
    CHUNK_TASKS = 1 << CHUNK_BITS,
};

#define NEVER INT64_MAX

/* State numbers, short. */
enum {
    UNKNOWN = BATON__TASK_STATE__STATE_UNSPECIFIED, /* a placeholder for a forward reference */
    WAITING = BATON__TASK_STATE__STATE_WAITING,
    READY = BATON__TASK_STATE__STATE_READY,
    LEASED = BATON__TASK_STATE__STATE_LEASED,
    RUNNING = BATON__TASK_STATE__STATE_RUNNING,
    PARKED = BATON__TASK_STATE__STATE_PARKED,
    CANCELLING = BATON__TASK_STATE__STATE_CANCELLING,
    REVIEW = BATON__TASK_STATE__STATE_REVIEW,
    DONE = BATON__TASK_STATE__STATE_DONE,
    FAILED = BATON__TASK_STATE__STATE_FAILED,
    CANCELLED = BATON__TASK_STATE__STATE_CANCELLED,
    ABORTED = BATON__TASK_STATE__STATE_ABORTED,
    EXPIRED = BATON__TASK_STATE__STATE_EXPIRED,
    STATES_N = 13,
};

struct edge_in {
    uint32_t pred; /* slot of the task depended on; 0: it is in the archive, the state is fixed */
    uint32_t out_pos; /* of the same edge in pred's outs */
    uint32_t any;
    uint8_t condition;
    uint8_t policy;
    uint8_t state; /* EDGE_… */
    bool is_gate;  /* pred is 0, out_pos the place in the task's gates */
};

struct edge_out {
    uint32_t succ;
    uint32_t in_pos; /* of the same edge in succ's ins */
};

/* A claim with its resource resolved. */
struct claim {
    uint32_t resource;
    uint32_t amount; /* 0: all */
    bool shared;
    bool taken; /* while it ran: not declared, and gone with the lease. Behind the declared ones */
};

/* A signal or decision that tasks depend on, by its name (gates.c). */
struct gate {
    char *key;       /* kind, project, NUL, name; owned */
    uint32_t n_open; /* cards in force that bear the name */
    bool told;       /* … as its waiters have it */
    struct edge_out *waiters;
    uint32_t n_waiters, room_waiters;
    UT_hash_handle by_key;
};

/* An edge to a gate, from the side of the task. */
struct gate_in {
    struct gate *gate;
    uint32_t pos;    /* in its waiters */
    uint32_t in_pos; /* in the task's ins */
};

struct line;

/* What only few tasks have, or only after they ran. */
struct task_ext {
    struct gate_in *gates;
    uint32_t n_gates;
    uint32_t n_closed;        /* of n_pending: edges and groups that only gates can meet */
    char *waits_for;          /* parked: what for (park.c); NULL: it is not */
    struct gate *park;        /* … the gate at which it stands; NULL: none */
    uint32_t park_pos;        /* … in its waiters */
    char *note;               /* for its next attempt; NULL: none */
    int64_t review_at;        /* its approval is asked for again … */
    int64_t review_due;       /* … and is overdue */
    uint32_t review_told;     /* how many of these were told */
    uint16_t rework;          /* times that it was sent back since it was last revived */
    uint32_t n_live_children; /* derived */
    int64_t after_since;      /* its dependencies were changed; 0: never */
    int64_t forward_again;    /* not persistent: not told before, since the board was full */
    uint64_t notice;          /* derived: number of the broker's own blocker on it; 0: none */
    struct claim *claims;
    uint32_t n_claims;
    char *fairness_key; /* NULL: none */
    uint32_t fairness_weight;
    char *unique_key;    /* NULL: none */
    char *reason_text;   /* NULL: none */
    char *progress_text; /* NULL: none */
    int64_t progress_at;
    int64_t next_update_at;
    uint32_t progress;
    int64_t risk_told; /* effective deadline for which it was told to be at risk; 0: none */
    int64_t late_told; /* own deadline for which it was told to be late; 0: none */
    bool escalated;    /* … or escalated */
    uint8_t *result;   /* packed Result of the latest attempt that ended; NULL: none */
    uint32_t result_bytes;
    struct measures *measures;       /* that its attempts reported; NULL: none */
    Baton__AttemptRecord **attempts; /* malloced by protobuf-c's default allocator */
    uint32_t n_attempts;
    Baton__OrphanRecord **orphans;
    uint32_t n_orphans;
    uint32_t n_blockers; /* open ones on it; the task is not offered */
    uint32_t n_spent;    /* budgets of its own; the same */
    uint64_t aborted_by;
    uint64_t parent;
    uint64_t root;
    uint32_t depth;
    uint32_t n_children;
    uint32_t n_descendants;
    int64_t cancel_grace_ms;
    uint32_t n_yields;        /* times it made way for an incident */
    uint64_t incident;        /* open, to which it is the answer of its role; 0: none */
    int64_t patience_ms;      /* … */
    uint8_t severity;         /* … 1 to 4 */
    struct line *line;        /* the waiting line it is in; NULL: the ready queue */
    struct line *scout_line;  /* on whose behalf it stands in the ready queue; NULL: its own */
    uint32_t unique_slot;     /* back to the task */
    UT_hash_handle by_unique; /* key: project number and unique_key, in core->unique */
    char *unique_full;
};

/* One measure of a task; as TaskMeasure. */
struct measure {
    char *name, *unit;
    double value, before;
    bool said;
};
struct measures {
    uint32_t n;
    struct measure list[MEASURES_KEPT];
};

/* While a task is leased. Times here are not persistent: they begin anew with each epoch. */
struct run {
    int64_t lease_ms; /* persistent: length of the lease */
    int64_t lease_until;
    int64_t start_until;  /* leased, not started */
    int64_t cancel_until; /* cancelling */
    int64_t stall_at;
    int64_t max_runtime_ms;
    int64_t stall_ms;
    uint32_t next, prev; /* in the worker's list */
    bool sessionless;    /* persistent */
    bool suspect;
    bool stalled;              /* persistent */
    bool stop_pending;         /* cancelling: the worker is told again when it comes back */
    struct budget_hold *holds; /* persistent; owned. What it uses of budgets */
    uint32_t n_holds;
};

/* As BudgetHold. */
struct budget_hold {
    uint64_t number;
    char name[MEASURE_NAME_BYTES_MAX + 1];
    int64_t left, counted, since;
};

struct ready_queue;

/* What a task has that was leased, or has ended, or has a time of its own: a deadline (or one that
 * it inherited), an estimate, a start to wait for. All others share course_none. */
struct course {
    /* Persistent. */
    uint64_t token;     /* of the latest lease; 0: there was none */
    int64_t started_at; /* of the latest attempt that started */
    int64_t ended_at;
    int64_t next_at; /* timed: when it comes due */
    uint32_t attempt;
    uint32_t worker; /* of the latest lease */
    uint16_t failures;
    uint16_t losses;
    /* Derived. */
    uint32_t timer_pos;
    int64_t deadline;
    int64_t estimate_ms;
    int64_t effective; /* order.c */
    int64_t timer_at;  /* when core_tick must look at it */
    int64_t timer_key; /* … and by which time it stands in the heap: never later than that */
    struct run *run;   /* NULL: no lease */
    uint32_t ended_next, ended_prev;
};

/* What a task has that depends on others, or on which others depend. All others share
 * edges_none. */
struct edges {
    struct edge_in *ins;
    struct edge_out *outs;
    uint32_t n_ins;
    uint32_t n_outs, room_outs;
    uint32_t n_pending; /* unmet edges and groups that can still be met */
    uint32_t n_broken;  /* … that can't, with policy hold */
    uint32_t n_abort;   /* … that can't, with policy abort */
    uint32_t n_forward; /* pending edges to placeholders */
};

/* Small, since there may be millions that only wait in a queue. The parts that most have not are
 * read here (what they point to is always there) and written through task_course, task_edges and
 * task_ext. */
struct task {
    /* Persistent. */
    uint64_t key;
    int64_t created_at;
    int64_t anchor;
    int64_t ready_at; /* first time ready; 0: never */
    /* Derived. */
    int64_t order_at; /* order.c */
    char *id;         /* owns one block: the id, NUL, then the packed spec (task_spec) */
    const struct course *course;
    const struct edges *edges;
    struct task_ext *ext; /* NULL: none */
    uint32_t spec_bytes;
    uint32_t project;
    uint32_t actor; /* who added it */
    uint32_t slot;
    uint32_t heap_pos;    /* in its ready queue or its waiting line */
    uint32_t n_live_outs; /* edges to tasks that are not terminal */
    uint32_t next, prev;  /* all tasks by key */
    uint8_t state;
    uint8_t reason;
    uint8_t role;
    uint8_t priority;
    uint8_t on_deadline;
    bool held : 1;
    bool timed : 1;   /* waits for next_at */
    bool backoff : 1; /* … because of a retry */
    bool milestone : 1;
    bool has_limits : 1; /* the spec has limits of its own */
    bool has_any : 1;    /* some edge is in a group */
    bool settling : 1;   /* on core->settle */
    bool urgent : 1;     /* answers an open incident (ext) */
    bool aside : 1;      /* == snapshot.side: what the snapshot says of it is packed */
    bool has_after : 1;  /* restored, and not linked yet: its spec has dependencies */
    bool approval : 1;   /* the spec asks for it */
    bool brief : 1;      /* done at once: there is no record of its attempt (attempts.c) */
};

#endif
