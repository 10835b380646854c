/* The state of the core, private to broker/core. What each part is, and which function keeps it.
 *
 * Tasks live in a slab and are named by 32-bit slots (0: none); pointers stay valid while a task
 * lives. A task is on exactly one of: a ready queue or a resource's waiting line (ready), its
 * worker's list (leased to cancelling), the list of ended tasks that nothing needs (terminal), or
 * none (waiting). task_move in evolve.c is the only writer of task->state. */
#ifndef BATON_BROKER_CORE_STATE_H
#define BATON_BROKER_CORE_STATE_H

#include "broker/core/core.h"
#include "broker/core/heap.h"
#include "broker/core/index.h"
#include "broker/core/tally.h"
#include "common/alloc.h"
#include "common/buf.h"
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
};

/* Tasks of one role, project and need that wait for one resource. The first one is let into the
 * ready queue (as scout) when its need fits. */
struct line {
    struct line *next; /* of the resource */
    uint32_t resource;
    uint32_t amount;
    uint32_t project;
    bool shared;
    uint8_t role;
    struct heap heap;
    uint32_t scout; /* slot; 0: none is out */
};

struct resource {
    uint32_t number;
    char *name;
    uint32_t capacity;
    uint32_t used;     /* sum of amounts; WHOLE when taken whole */
    uint32_t n_shared; /* shared holders */
    uint32_t n_claims; /* of tasks in memory; the resource is forgotten with the last, unless set */
    bool set;          /* capacity was given */
    bool paused;
    struct line *lines;
    /* Of a path: paths.c. */
    struct resource *above;   /* the directory that it lies in; NULL: the whole tree, or no path */
    uint32_t n_children;      /* known paths that lie in it */
    uint32_t whole_below;     /* who holds something below it, not shared */
    uint32_t shared_below;    /* … shared */
    uint32_t paused_below;    /* paths below it that are paused */
    uint32_t n_waiting;       /* tasks in the lines of it and of all below it */
    struct resource *waiting; /* those children at which, or below which, tasks wait */
    struct resource *next_waiting, *prev_waiting;
    bool is_path;
    UT_hash_handle by_name;
};

/* Ready tasks of one role in one project. */
struct ready_queue {
    struct heap heap;
    uint32_t project;
    uint8_t role;
    uint32_t pos;     /* in the role's heap of queues, from 1; 0: not in it (empty or paused) */
    uint32_t n_spent; /* budgets of this role in this project */
};

struct counts {
    uint32_t by_state[STATES_N];
    uint64_t gone_done, gone_failed, gone_cancelled; /* in the archive */
};

/* Who closed a project. */
struct closing {
    char *actor;
    char *text;
    int64_t since;
};

struct project {
    uint32_t number;
    char *name;
    bool paused;
    uint32_t n_blockers;     /* open ones on the whole project */
    uint32_t n_spent;        /* budgets of the whole project */
    struct closing *closing; /* NULL: it is open */
    uint32_t n_tasks;
    uint32_t n_live; /* of them; closed without any is complete */
    struct ready_queue queues[ROLES_N];
    struct counts counts[ROLE_SLOTS];
    struct series *metrics[ROLE_SLOTS]; /* NULL: nothing was counted yet */
    UT_hash_handle by_name;
};

struct role {
    struct ready_queue **queues; /* heap of non-empty, unpaused ones, by their first tasks */
    uint32_t n_queues, room_queues;
    bool paused;
    uint32_t n_blockers;             /* open ones on the role */
    uint32_t n_spent;                /* budgets of the role, or of all, in every project */
    uint32_t workers, slots, credit; /* core_set_capacity */
};

struct worker {
    uint64_t
        number; /* sequence number of its WorkerNamed; persistent name of the worker in facts */
    uint32_t idx;
    char *name;
    bool draining;
    uint32_t first; /* of its leases */
    uint32_t n_leases;
    UT_hash_handle by_name;
};

struct pause {
    uint32_t scope;
    char *name;
    char *text;
    char *actor;
    int64_t since;
    int64_t until;
    bool refuse;
    struct pause *next;
};

/* Claims of an attempt that ended uncleanly. */
struct linger {
    uint64_t token;
    int64_t until;
    struct claim *claims;
    uint32_t n_claims;
    struct linger *next;
};

struct fairness {
    char *key;
    int64_t virtual_time;
    UT_hash_handle by_key;
};

struct tombstone {
    uint64_t hash_hi, hash_lo;
    uint64_t key;
    uint8_t state;
};

struct client;
struct answer {
    struct client *client;
    uint64_t number;
    uint64_t digest;
    uint8_t *reply;
    uint32_t bytes;
    int64_t at;
    struct answer *older, *newer;             /* all, by time */
    struct answer *client_prev, *client_next; /* of the client, by number */
};
struct client {
    char *name;
    uint64_t highest; /* number ever used */
    struct answer *first, *last;
    UT_hash_handle by_name;
};

struct actor {
    char *name;
    uint32_t number;
    uint32_t n_tasks; /* added by it and in memory; forgotten with the last */
    bool paused;
    struct heap held; /* its ready tasks while it is paused: these stand nowhere else */
    UT_hash_handle by_name;
};

struct snapshot_run {
    bool running;
    bool side; /* changes with each snapshot: at its end every task is on this one */
    uint64_t seq;
    uint32_t cursor;     /* next task to write; 0: none left */
    uint64_t key_max;    /* tasks above came later */
    uint32_t tombstones; /* to write: [tombstone_next, tombstones) */
    uint32_t tombstone_next;
    struct buf
        aside; /* TaskRecords, packed as chunk fields, of tasks that changed before their turn */
    struct buf head; /* the first chunk, made at the beginning */
};

struct card;
struct card_group;

/* Of cards, rising. */
struct numbers {
    uint64_t *list;
    uint32_t n, room;
};

/* The board's cards (board/board.h). */
struct board {
    struct card **slots; /* from 1; NULL: free */
    uint32_t n_slots, room_slots;
    uint32_t *free;
    uint32_t n_free;
    uint32_t n;                  /* cards */
    uint32_t n_unanswered;       /* handoffs */
    uint32_t n_roles;            /* rules of roles */
    uint32_t n_stale;            /* roles that did not speak when they had said */
    uint32_t first, last;        /* by number */
    struct numbers in_force;     /* decisions */
    struct numbers reservations; /* in force */
    struct index64 by_number;
    struct card *by_identity;
    struct card_group *groups;
    struct heap clocks;
    struct heap schedules; /* their clocks: core_schedule_pass */
    struct heap ended;     /* cards, by number */
};

struct core {
    struct core_config config;
    uint64_t seq;
    uint64_t event;
    uint64_t epoch;
    int64_t now;               /* of the newest fact */
    int64_t queue_now;         /* of the newest pick: what "past its time" is measured by */
    struct arena scratch;      /* of evolve */
    struct buf packing;        /* of pack_new */
    const Baton__Spec *adding; /* what the Added at hand describes; NULL: replayed, unpack it */

    struct task **chunks;
    uint32_t n_chunks;
    struct slab slab; /* of tasks' ids and specs, runs */
    uint32_t n_slots; /* ever used, plus the unused 0 */
    uint32_t free_slot;
    uint32_t n_tasks; /* without placeholders */
    uint32_t n_placeholders;
    uint32_t first, last; /* by key */
    struct slotset by_id;
    struct index64 by_key;
    struct index64 by_token;
    struct heap timers;
    uint32_t ended_first,
        ended_last; /* terminal, without live dependents, by time of becoming so */
    uint32_t n_ended;
    size_t bytes; /* of specs, ids, edges */

    struct project **projects; /* by number, from 1 */
    uint32_t n_projects;
    struct project *projects_by_name;
    struct resource **resources; /* by number, from 1; NULL: forgotten */
    uint32_t n_resources;
    uint32_t *free_resources; /* numbers that may be used again */
    uint32_t n_free_resources, room_free_resources;
    struct resource *resources_by_name;
    struct worker **workers; /* by idx, from 1 */
    uint32_t n_workers;
    struct worker *workers_by_name;
    struct index64 workers_by_number;
    struct actor **actors; /* by number, from 1 */
    uint32_t n_actors;
    uint32_t *free_actors; /* numbers that may be used again */
    uint32_t n_free_actors, room_free_actors;
    struct actor *actors_by_name;
    struct role roles[ROLES_N];
    bool broker_paused, broker_refuses;
    struct pause *pauses;
    struct linger *lingers;
    struct fairness *fairness;
    struct task_ext *unique;

    struct tombstone *tombstones; /* by time of archiving */
    uint32_t n_tombstones, room_tombstones;
    struct slotset tombstones_by_hash; /* slot = position + 1 */

    struct client *clients;
    struct answer *oldest, *newest;
    uint32_t n_answers;

    uint32_t *settle; /* tasks to look at after the fact: milestones that are through, aborts */
    uint32_t n_settle, room_settle;
    bool settles_later; /* the request settles once, after its last fact */
    uint32_t *marks;    /* scratch of graph walks, by slot */
    uint32_t n_marks;
    uint32_t mark;
    uint32_t *stack; /* scratch */
    uint32_t n_stack, room_stack;
    struct order_change { /* scratch of order.c */
        uint32_t slot;
        int64_t effective, order_at; /* before the change */
    } * changes;
    uint32_t n_changes, room_changes;

    struct board board;
    struct gate *gates;
    struct tallies tally; /* not persistent */

    struct measure_sum *sums; /* metrics.c */
    uint32_t n_sums;
    bool sums_full;          /* more names were reported */
    uint32_t n_buckets;      /* of the series of all projects */
    struct budget **budgets; /* board/budget.c */
    uint32_t n_budgets;

    bool linked; /* edges stand (false while a snapshot is being loaded) */
    struct snapshot_run snapshot;
};

_Static_assert(sizeof(struct task) * CHUNK_TASKS % HUGE_BYTES == 0, "a chunk of tasks has a rest");

/* ---- state.c: tasks, names, lookups ---- */

static inline struct task *
task_at(const struct core *core, uint32_t slot)
{
    return &core->chunks[slot >> CHUNK_BITS][slot & (CHUNK_TASKS - 1)];
}
/* Cards that have not ended. */
static inline uint32_t
board_n_open(const struct core *core)
{
    return core->board.n - core->board.ended.n;
}
static inline bool
state_is_terminal(unsigned state)
{
    return state >= DONE;
}
static inline bool
task_is_live(const struct task *task)
{
    return task->state != UNKNOWN && !state_is_terminal(task->state);
}
/* Neither queued nor held by a worker: somebody or something has to answer first. */
static inline bool
task_is_aside(const struct task *task)
{
    return task->state == PARKED || task->state == REVIEW;
}
static inline bool
task_has_lease(const struct task *task)
{
    return task->state == LEASED || task->state == RUNNING || task->state == CANCELLING;
}
/* Nothing of it is offered: by an operator's pause, while a blocker is open, or a budget spent. */
static inline bool
role_is_stopped(const struct role *role)
{
    return role->paused || role->n_blockers || role->n_spent;
}
static inline bool
project_is_stopped(const struct project *project)
{
    return project->paused || project->n_blockers || project->n_spent;
}
/* … of this role in this project. */
static inline bool
queue_is_stopped(const struct project *project, unsigned role)
{
    return project_is_stopped(project) || project->queues[role].n_spent;
}
static inline bool
task_is_over_budget(const struct task *task)
{
    return task->ext && task->ext->n_spent;
}
/* It is told to stop, but not for good: an actor may still cancel it. */
static inline bool
cancelling_is_by_the_way(const struct task *task)
{
    return task->reason == BATON__REASON__REASON_TIMEOUT ||
           task->reason == BATON__REASON__REASON_PREEMPTED;
}
static inline bool
task_is_blocked(const struct task *task)
{
    return task->ext && task->ext->n_blockers;
}
/* The description without what the task says beside it: id, project, role. spec_bytes of it. */
static inline const uint8_t *
task_spec(const struct task *task)
{
    return (const uint8_t *)task->id + strlen(task->id) + 1;
}
struct task *task_find(const struct core *core, uint32_t project, const char *id); /* NULL */
struct task *task_by_key(const struct core *core, uint64_t key);                   /* NULL */
struct task *task_by_token(const struct core *core, uint64_t token);               /* NULL */
struct task *task_new(struct core *core, uint32_t project, const char *id);
void task_free(struct core *core, struct task *task);
/* Sets the id's block: the id is copied, and the packed spec but for what task_spec leaves out. */
void task_set_spec(struct core *core, struct task *task, const char *id, const uint8_t *spec,
                   size_t bytes);
/* Parts, to write to; made when absent. */
struct course *task_course(struct core *core, struct task *task);
struct edges *task_edges(struct core *core, struct task *task);
struct task_ext *task_ext(struct core *core, struct task *task);
/* For tasks without such parts: nothing ever happened, nothing is due, no edges. */
extern const struct course course_none;
extern const struct edges edges_none;
struct run *run_new(struct core *core);              /* zeroed */
void run_free(struct core *core, struct task *task); /* the task's, if it has one */
/* The whole description: as a message, and packed as it was when it was set. */
Baton__Spec *task_unpack(const struct core *core, const struct task *task, struct arena *arena);
ProtobufCBinaryData task_spec_whole(const struct core *core, const struct task *task,
                                    struct arena *arena);
const char *task_project(const struct core *core, const struct task *task);
void set_text(char **text, const char *to); /* "" and NULL: none */

uint32_t project_find(const struct core *core, const char *name); /* 0: none; "": default */
uint32_t project_make(struct core *core, const char *name);
/* True when a task of it has ever been added; others are only names in dependencies. */
bool project_has_tasks(const struct project *project);
static inline bool
project_is_complete(const struct project *project)
{
    return project->closing && project->n_live == 0;
}
/* NULL text and actor: "". */
void project_close(struct project *project, const char *actor, const char *text, int64_t since);
void project_open(struct project *project);
struct resource *resource_find(const struct core *core, const char *name);
struct resource *resource_make(struct core *core, const char *name);
/* One task more (or less) is the actor's. 0: nobody. */
uint32_t actor_take(struct core *core, const char *name);
void actor_drop(struct core *core, uint32_t number);
struct actor *actor_find(const struct core *core, const char *name); /* NULL */
const char *actor_name(const struct core *core, uint32_t number);
struct worker *worker_find(const struct core *core, const char *name);
struct worker *worker_add(struct core *core, uint64_t number, const char *name);
const struct tombstone *tombstone_find(const struct core *core, const char *project,
                                       const char *id);
void tombstone_add(struct core *core, uint64_t hi, uint64_t lo, uint64_t key, unsigned state);
void identity_hash(const struct core *core, const char *project, const char *id, uint64_t *ret_hi,
                   uint64_t *ret_lo);
struct pause *pause_find(const struct core *core, uint32_t scope, const char *name);
/* A fresh mark for a graph walk: nothing bears it yet. */
uint32_t mark_new(struct core *core);
void stack_push(struct core *core, uint32_t slot);
Baton__Ref *ref_make(struct arena *arena, const struct core *core, const struct task *task);

/* ---- edges.c: dependencies ---- */

/* An edge to a gate has another state: the task's counters follow. */
void edge_set(struct core *core, struct task *task, uint32_t in_pos, unsigned state);
/* The state of an edge, from the task depended on. */
unsigned edge_eval(unsigned pred_state, bool pred_started, unsigned condition);
/* (Re)builds the edges of a task from its spec; unknown ids get placeholders. */
void edges_build(struct core *core, struct task *task, const Baton__Spec *spec);
void edges_drop(struct core *core, struct task *task);
/* The task's state or start changed (was_unknown: it was a placeholder): its dependents' edges
 * follow. */
void edges_update_outs(struct core *core, struct task *task, bool was_unknown, struct core_out *out,
                       int64_t now);
/* n_live_outs of what the task depends on, after it became terminal (-1) or live again (+1). */
void edges_count_live(struct core *core, struct task *task, int delta);
void edges_recount(struct core *core, struct task *task);
/* True when the task's dependencies let it go. */
bool edges_are_clear(const struct task *task);
/* The task because of which policy abort strikes; NULL when it left the memory. */
struct task *edges_culprit(const struct core *core, const struct task *task);

/* ---- gates.c: dependencies on signals and decisions ---- */

/* The edge at in_pos of the task is one to this gate; returns its state now (EDGE_…). */
unsigned gate_join(struct core *core, struct task *task, uint32_t in_pos, unsigned kind,
                   const char *project, const char *name);
/* The task has no edges to gates any more. */
void gates_leave(struct core *core, struct task *task);
/* The parked task waits for it, as for what its edges name. */
void gate_park(struct core *core, struct task *task, unsigned kind, const char *project,
               const char *name);
void gate_unpark(struct core *core, struct task *task);
/* Something that only parked tasks wait for has happened: they go on. */
void gate_release(struct core *core, unsigned kind, const char *project, const char *name,
                  const char *note, struct core_out *out, int64_t at);
/* Is it open? */
bool gate_is_open(const struct core *core, unsigned kind, const char *project, const char *name);
/* A card came into force (by = 1) or no longer is (-1): counts. */
void gate_count(struct core *core, unsigned kind, const char *project, const char *name, int by);
/* Then its waiters hear of it, each once, in the order of their keys. */
void gate_tell(struct core *core, unsigned kind, const char *project, const char *name,
               struct core_out *out, int64_t at);
/* After a snapshot was loaded: all gates, and nothing is moved. */
void gates_link(struct core *core);
void gates_fini(struct core *core);
/* What the edge waits for. */
void gate_names(const struct gate *gate, unsigned *ret_kind, const char **ret_project,
                const char **ret_name);

/* ---- park.c: tasks that wait for an answer ---- */

/* What is wrong with what a result says to wait for; NULL: nothing. *ret: in its one form. */
const char *park_fault(const struct core *core, struct core_request *request,
                       const struct task *task, const char *wait_for, const char **ret);
/* What the task would wait for is there already, or can't come any more. */
bool park_is_over(const struct core *core, const struct task *task, const char *waits_for);
/* The reason that a task shows while it waits for that. */
unsigned park_reason(const char *waits_for);
/* It waits from now on; also at recovery, for those that do. */
void park_enter(struct core *core, struct task *task, const char *waits_for);
/* It does not any more, since it goes on or ends. */
void park_leave(struct core *core, struct task *task);
/* It goes on: to where its conditions say. */
void unpark(struct core *core, struct task *task, const char *note, const char *actor,
            struct core_out *out, int64_t at);
/* A dependency of the parked task changed: is the wait for rework over? */
void park_look(struct core *core, struct task *task, struct core_out *out, int64_t at);
/* The task is live now (by = 1) or no longer (-1): whoever added it may wait for that. */
void park_count_child(struct core *core, const struct task *task, int by, struct core_out *out,
                      int64_t at);
/* One line for people: what it waits for. */
const char *park_words(struct arena *arena, const char *waits_for);

/* ---- notice.c: blockers that the broker raises by itself ---- */

/* Raises or ends the blocker on a task because of which others wait in vain; emits facts. */
void notice_settle(struct core *core, struct core_request *request, struct task *task);
/* The task has waited for one that nobody knows for a day: says so, once. */
void notice_forward(struct core *core, struct core_request *request, struct task *task);
/* When that is due; NEVER: it is not, or it was said. */
int64_t notice_forward_at(const struct task *task);
/* What the task waits for in vain is to be looked at: it begins to wait, or no longer does. */
void notice_look(struct core *core, const struct task *task);

/* ---- review.c: who says that it is done ---- */

/* Does the task or its role ask for approval; has its role asked for a handoff that is missing? */
bool approval_is_asked(const struct core *core, const struct task *task);
bool handoff_is_missing(const struct core *core, const struct task *task, uint64_t token);
/* Approved (to DONE), or sent back: to be done again, or failed when that was too often. Of a
 * parked one: it goes on. */
void emit_approved(struct core *core, struct core_request *request, struct task *task,
                   const char *text);
void emit_sent_back(struct core *core, struct core_request *request, struct task *task,
                    const char *text);
/* A running receiver has rejected the handoff of `from`: its own task waits until that is done
 * again. */
void emit_returned(struct core *core, struct core_request *request, struct task *receiver,
                   const struct task *from, const char *text);

/* ---- order.c ---- */

int64_t patience_ms(unsigned priority);
/* order_at as a time, without its tier. */
int64_t order_time(int64_t order_at);
bool order_before(const void *core, uint32_t a, uint32_t b);
/* Recomputes the task's place from its dependents, O(their number); what it depends on follows. */
void order_spread(struct core *core, struct task *task);
/* The task is live now, or no longer: what it depends on follows. */
void order_enter(struct core *core, struct task *task);
void order_leave(struct core *core, struct task *task);
/* All live tasks anew, after a snapshot was loaded. */
void order_all(struct core *core);
/* At the first time ready. */
void order_anchor(struct core *core, struct task *task, int64_t now);
void order_terms(const struct core *core, const struct task *task, int64_t *ret_floor,
                 int64_t *ret_base, struct task **ret_effective_from,
                 struct task **ret_inherited_from);

/* The dependents, near and far, whose deadlines reach the task as its effective one; each once, in
 * the arena. Costs their edges. */
uint32_t *order_pressing(struct core *core, const struct task *task, struct arena *arena,
                         size_t *ret_n);

/* ---- queue.c: ready tasks, resources ---- */

void queue_enter(struct core *core, struct task *task);
void queue_leave(struct core *core, struct task *task);
/* The task's order changed. */
void queue_fix(struct core *core, struct task *task);
/* The first task that may run now; NULL: none. Those that can't because of a resource step aside.
 */
struct task *queue_pick(struct core *core, uint32_t roles, const uint32_t *projects,
                        size_t n_projects, int64_t now);
void queue_pause_project(struct core *core, struct project *project, bool paused);
/* Its ready tasks step out of all queues and lines, or come back. Costs a look at each task that is
 * older than its last. */
void queue_pause_actor(struct core *core, struct actor *actor, bool paused);
/* True while whoever added the task is paused. */
bool queue_is_held_back(const struct core *core, const struct task *task);
/* The first resource that the task can't have now; NULL: none. `ret_reserved`: it is kept for an
 * earlier task. */
struct resource *queue_obstacle(const struct core *core, const struct task *task,
                                bool *ret_reserved);
/* May the running task have this now, although it did not declare it? */
bool claim_is_free(const struct core *core, const char *name, uint32_t amount, bool shared,
                   const struct task *task);
/* The same, whoever waits for it and whether it is paused or not. */
bool claim_is_unheld(const struct core *core, const char *name, uint32_t amount, bool shared);
/* One holder more (1) or less (-1), and nobody is woken. */
void claims_count(struct core *core, const struct claim *claims, uint32_t n_claims, int delta);
void resource_take(struct core *core, const struct claim *claims, uint32_t n_claims);
void resource_give_back(struct core *core, const struct claim *claims, uint32_t n_claims);
/* More of it may be free, or it is no longer paused. */
void resource_wake(struct core *core, struct resource *resource);
/* An operator paused or resumed it. */
void resource_set_paused(struct core *core, struct resource *resource, bool paused);
/* Nobody gets it now because of a pause: its own, or for a path, one of a path that it meets. */
bool resource_is_paused(const struct resource *resource);
/* Who is paused changed: what was reserved for them, or kept from them, may be had. */
void resource_wake_all(struct core *core);
void resource_free(struct resource *resource);
void resource_forget_if_unused(struct core *core, struct resource *resource);
void resource_unclaim(struct core *core, const struct claim *claims, uint32_t n_claims);

/* ---- paths.c: resources that are paths ---- */

/* Nobody holds it, something above it or something below it. O(depth). */
bool path_is_unheld(const struct resource *path, bool shared);
/* One holder more (+1) or less (-1). O(depth). */
void path_count_holder(struct resource *path, bool shared, int delta);
void path_count_pause(struct resource *path, int delta);
/* One task more (+1) or less (-1) stands in its lines. O(depth). */
void path_count_waiting(struct resource *path, int delta);
/* The next of the paths below `top` at which tasks may wait, in no order; NULL: that was all.
 * Visits only those at or below which tasks wait. */
struct resource *path_next_waiting(const struct resource *top, const struct resource *at);

/* ---- lock.c: claims of a task, declared and taken ---- */

/* Who has what is in the way of this, in words. In the arena. */
const char *claim_holders_text(const struct core *core, struct core_request *request,
                               const Baton__Claim *wanted);
/* Could the two not be held at a time? Names in their one form. */
bool claims_meet(const char *a, bool a_shared, const char *b, bool b_shared);

/* Appends one, not yet held; good until the next. */
struct claim *claim_add(struct core *core, struct task *task, const Baton__Claim *from);
/* The lease is over: what was taken while it ran, and has been given back, is no claim any more. */
void claims_drop_taken(struct core *core, struct task *task);

/* ---- timers.c: when core_tick must look at a task ---- */

void timer_update(struct core *core, struct task *task);
/* The task that is due first; NULL: none has a time. */
struct task *timer_first(struct core *core);
void timer_remove(struct core *core, struct task *task);
/* What is to be told next of how the task stands to its deadline (Alert), and when. 0: nothing. */
unsigned alert_next(const struct task *task, int64_t *ret_at);
/* How it stands to its deadline, as far as that was told. */
unsigned alert_now(const struct task *task);
/* The deadline ends the task when it passes: what waits for a worker, and what has one. */
bool deadline_expires(const struct task *task);
bool deadline_cancels(const struct task *task);
/* When it must have started for its effective deadline; NEVER: there is none. */
int64_t latest_start(const struct task *task);

/* ---- evolve.c: the only writer of the state ---- */

/* Legal next states of each state, as bits. */
extern const uint16_t task_transitions[STATES_N];

/* Gives the fact its sequence number, applies it, appends it to the journal of the request. Then
 * settles what follows by itself. Returns the sequence number. */
uint64_t emit(struct core *core, struct core_request *request, Baton__Fact *fact);
void evolve(struct core *core, const Baton__Fact *fact, uint64_t seq, struct core_out *out);
/* Puts a waiting or ready task where its conditions say. */
void task_place(struct core *core, struct task *task, struct core_out *out, int64_t now);
/* It waits for this time; 0: for none. */
void task_wait_for(struct core *core, struct task *task, int64_t at);
void task_index_spec(struct core *core, struct task *task, const Baton__Spec *spec);
void worker_list_add(struct core *core, struct task *task);
void settle_add(struct core *core, struct task *task);
void settle(struct core *core, struct core_request *request);
void ended_list_update(struct core *core, struct task *task);
void all_list_add(struct core *core, struct task *task);
void pause_apply(struct core *core, uint32_t scope, const char *name, bool paused, bool refuse);

/* ---- event.c ---- */

struct event_more {
    unsigned from;
    const char *actor;
    const char *text;
    const char *title;
};
void event_task(struct core *core, struct core_out *out, int64_t at, unsigned kind,
                const struct task *task, const struct event_more *more);
/* A card was made or changed by `verb` (0: its clock rang). */
void event_card(struct core *core, struct core_out *out, int64_t at, const Baton__Card *card,
                const char *actor, unsigned verb);
/* So much of the budget is used. */
void event_budget(struct core *core, struct core_out *out, int64_t at, const Baton__Card *card,
                  const char *text);
void event_plain(struct core *core, struct core_out *out, int64_t at, unsigned kind,
                 const char *name, const char *actor, const char *text);

/* As event_plain; `project` stands in its field. */
void event_project(struct core *core, struct core_out *out, int64_t at, unsigned kind,
                   const struct project *project, const char *actor, const char *text);
/* The project is complete now. */
void event_completed(struct core *core, struct core_out *out, int64_t at,
                     const struct project *project);

/* ---- answers.c ---- */

void answers_evolve(struct core *core, const Baton__Answered *answered, int64_t at);
void answers_forget(struct core *core, const Baton__Forgotten *forgotten);
void answers_fini(struct core *core);

/* ---- spec.c: is a task's description what we take? ---- */

/* Checks every field and fills in defaults (project, priority, order of labels). `prefix` names the
 * place for the error: "tasks[3]". */
Baton__Code spec_check(struct core_request *request, Baton__Spec *spec, const char *prefix);
/* The fields in which a and b differ: bit i for field i of the message's descriptor. Identity,
 * trace context and what only matters while submitting do not count. */
uint64_t spec_diff(const Baton__Spec *a, const Baton__Spec *b, struct arena *arena);
const char *spec_field_name(unsigned field);
/* Puts in what may stay unsaid, and leaves out what need not be said: equal content, equal specs.
 */
void spec_normalise(Baton__Spec *spec);
/* Copies the fields with these bits; shallow. */
void spec_copy(Baton__Spec *to, const Baton__Spec *from, uint64_t fields);
/* Fields that may change while a task runs. */
uint64_t spec_soft_fields(void);
/* The bit of a field that `set` may change; 0: none of that name. */
uint64_t spec_settable(const char *name);
/* The spec packed into the arena. */
ProtobufCBinaryData spec_pack(const Baton__Spec *spec, struct arena *arena);
/* The same of one that was checked, unless it is too large as a whole. */
Baton__Code spec_pack_checked(struct core_request *request, const Baton__Spec *spec,
                              const char *prefix, ProtobufCBinaryData *ret);
/* Two Edge * of one task: by task, condition and group. */
int spec_compare_edges(const void *a, const void *b);
/* Its unique key is another live task's by now. */
bool unique_is_taken(const struct core *core, struct core_request *request,
                     const struct task *task);
Baton__Code refuse(struct core_request *request, Baton__Code code, const char *field,
                   const char *fmt, ...) PRINTF_LIKE(4, 5);

/* ---- attach.c ---- */

/* Ids of the submission that other tasks stand for (on_conflict attach) are these tasks' in its
 * dependencies, which are changed in place. *ret_changed: of which tasks, one for each, in the
 * arena; left alone when there are none. */
Baton__Code attach_rewrite(struct core *core, struct core_request *request,
                           const Baton__Submit *submit, bool **ret_changed);

/* ---- submit_plan.c ---- */

/* The task whose unique key this is, live or not; NULL: nobody's. */
struct task *unique_holder_of(const struct core *core, uint32_t project, const char *unique_key);
/* Who has the spec's unique key now; NULL: it is free. */
struct task *unique_holder(const struct core *core, struct core_request *request,
                           const Baton__Spec *spec);

/* ---- resource.c ---- */

Baton__Code resources_check(struct core *core, struct core_request *request,
                            Baton__Resource *const *resources, size_t n);
void resources_emit(struct core *core, struct core_request *request,
                    Baton__Resource *const *resources, size_t n);

/* ---- project.c ---- */

void emit_project_set(struct core *core, struct core_request *request, const char *project,
                      bool closed, const char *text);

/* ---- graph.c ---- */

/* Would these new edges close a cycle? Adds the cycle to the error. */
struct new_task {
    const Baton__Spec *spec;
    uint32_t slot; /* of the task or placeholder that bears the id already; 0: none */
};
Baton__Code graph_check(struct core *core, struct core_request *request,
                        const struct new_task *tasks, size_t n_tasks);
/* All that is reachable downstream, the roots too, in core->stack; each once. */
void graph_downstream(struct core *core, const uint32_t *roots, size_t n_roots);

/* ---- snapshot.c ---- */

/* The task is about to change: keeps its record if the snapshot being written has not come to it.
 */
void snapshot_keep(struct core *core, struct task *task);
void record_make(const struct core *core, const struct task *task, struct arena *arena,
                 Baton__TaskRecord *ret);
void core_link(struct core *core);

/* ---- ending.c, report.c, change.c, pause.c: what several verbs and time emit ---- */

/* What follows from the end of an attempt. */
struct ending {
    Baton__TaskState to;
    unsigned reason;
    int64_t next_at;
    bool counted;
    bool lost;
    bool undo_loss;
    bool unclean;
    const char *text;
};

/* From the task's state and limits, and the result. */
struct ending ending_of(const struct core *core, const struct core_request *request,
                        const struct task *task, const Baton__Result *result);
void emit_attempt_ended(struct core *core, struct core_request *request, const struct task *task,
                        const Baton__Result *result, const struct ending *ending);

/* The lease ends by itself: OUTCOME_LOST, or RELEASED. */
/* The task is done: the unanswered handoffs of what it depends on are accepted (board/handoff.c).
 */
/* A new blocker, with the usual target; its number (board/blocker.c). */
uint64_t blocker_emit(struct core *core, struct core_request *request, Baton__Card *card);
/* Gives the handoff that came with the result of this lease; NULL or what is wrong with it. */
const char *handoff_of_result(struct core *core, struct core_request *request, struct task *task,
                              uint64_t token, const Baton__Card *handoff);
void handoffs_accept(struct core *core, struct core_request *request, const struct task *task);
/* The latest handoff of each task that it depends on, unless rejected, and the decisions in force
 * in its area; as many as fit. Copies into the arena (board/deliver.c). */
void cards_deliver(const struct core *core, struct core_request *request, const struct task *task,
                   Baton__Assignment *assignment);
/* The task's lease is over, and with it what was reserved under it (board/reservation.c); after an
 * unclean end only when that may be sure. */
void reservations_end(struct core *core, struct core_request *request, const struct task *task,
                      bool unclean);
void lease_end(struct core *core, struct core_request *request, struct task *task, unsigned outcome,
               const char *summary);
/* The lease runs again from now, for extend_ms or its own length. */
void lease_renew(struct core *core, const struct core_request *request, struct task *task,
                 int64_t extend_ms);
/* A task of the role spoke while its status was stale (board/status.c). */
void status_heard(struct core *core, struct core_request *request, const struct task *task);
/* The task of a summoned role has begun: the role has answered (board/incident.c). */
void incident_started(struct core *core, struct core_request *request, const struct task *task);
void emit_started(struct core *core, struct core_request *request, const struct task *task);
/* The grace of a cancelled task is over and its worker said nothing. */
void cancel_end(struct core *core, struct core_request *request, struct task *task);
void emit_cancelling(struct core *core, struct core_request *request, struct task *task,
                     unsigned reason, const char *text, int64_t grace_ms);
void stop_add(struct core_out *out, const struct task *task, int64_t grace_ms, const char *reason);
void emit_resumed(struct core *core, struct core_request *request, uint32_t scope,
                  const char *name);

/* ---- measure.c: what tasks report of themselves ---- */

/* NULL, or what is wrong with them. */
const char *measures_fault(Baton__Measure *const *measures, size_t n);
/* Another attempt begins. */
void measures_begin(struct task *task);
/* The latest attempt says these. */
void measures_take(struct core *core, struct task *task, Baton__Measure *const *said, size_t n,
                   struct core_out *out, int64_t at);
const struct measure *measures_find(const struct task *task, const char *name); /* NULL */
Baton__TaskMeasure **measures_messages(const struct task_ext *ext, struct arena *arena,
                                       size_t *ret_n);
bool measures_restore(struct task_ext *ext, Baton__TaskMeasure *const *messages, size_t n);
void measures_free(struct task_ext *ext);

/* ---- board/budget.c: what tasks may use ---- */

/* The task was leased; it reports; time has passed; its lease ends (and has its run still). */
void budgets_lease(struct core *core, struct task *task, struct core_out *out, int64_t at);
void budgets_measure(struct core *core, struct task *task, const char *name, double was, double is,
                     struct core_out *out, int64_t at);
void budgets_time(struct core *core, struct task *task, struct core_out *out, int64_t at);
void budgets_end(struct core *core, struct task *task, unsigned outcome, struct core_out *out,
                 int64_t at);
/* A budget keeps the ready task back. */
bool budgets_keep(const struct core *core, const struct task *task);
/* Something that runs must be stopped: the tick does it. */
bool budgets_are_due(const struct core *core);
void budgets_tick(struct core *core, struct core_request *request);
Baton__BudgetView **budgets_of_task(const struct core *core, struct arena *arena,
                                    const struct task *task, size_t max, size_t *ret_n);
struct budget_cause {
    const char *text, *who, *name;
    int64_t until;
};
struct budget_cause *budgets_why(const struct core *core, struct arena *arena,
                                 const struct task *task, size_t *ret_n);
void budgets_record(const struct core *core, struct arena *arena,
                    Baton__SnapshotChunk__Header *header);
bool budgets_restore(struct core *core, const Baton__SnapshotChunk__Header *header);
void budgets_link(struct core *core);
bool budgets_are_right(struct core *core);
Baton__BudgetHold **budget_holds_record(const struct run *run, struct arena *arena, size_t *ret_n);
bool budget_holds_restore(struct core *core, struct run *run, Baton__BudgetHold *const *records,
                          size_t n);
void budgets_fini(struct core *core);

/* ---- metrics.c: what is counted of roles, by the hour ---- */

void metrics_sum(struct core *core, const struct task *task, const struct measure *measure,
                 double was, bool was_said, int64_t at);
void metrics_task_ended(struct core *core, const struct task *task, int64_t at);
/* A card was answered or resolved (or something else was done with it). */
void metrics_card(struct core *core, const Baton__Card *card, unsigned verb, int64_t at);
void metrics_record(const struct core *core, struct arena *arena,
                    Baton__SnapshotChunk__Header *header);
bool metrics_restore(struct core *core, const Baton__SnapshotChunk__Header *header);
void metrics_project_fini(struct project *project);
void metrics_fini(struct core *core);

/* ---- view.c ---- */

Baton__Code view_find(const struct core *core, struct core_request *request, const Baton__Ref *ref,
                      struct task **ret, uint64_t *ret_archived_key);
bool view_matches(const struct core *core, const struct task *task, const Baton__List *list);

void view_make(const struct core *core, struct core_request *request, const struct task *task,
               bool whole, bool dependents, Baton__TaskView *ret);
Baton__ProjectStatus *view_project(struct core_request *request, const struct project *project);
unsigned view_reason(const struct core *core, const struct task *task, int64_t now);

#endif
