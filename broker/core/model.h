/* What tasks stand in and wait for, and the whole: struct core. */
#ifndef BATON_BROKER_CORE_MODEL_H
#define BATON_BROKER_CORE_MODEL_H

#include "broker/core/task.h"

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
    uint32_t n_frozen; /* open incidents that freeze it: as if it were paused */
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
enum { TOMBSTONES_CHUNK = HUGE_BYTES / sizeof(struct tombstone) };

/* Tasks in memory and those in the archive are found by name in one index: a name is new when one
 * place says so, and a task that goes leaves its place to its tombstone. */
enum { NAME_GONE = 1 };
static inline uint32_t
name_of_slot(uint32_t slot)
{
    return slot << 1;
}
static inline uint32_t
name_of_tombstone(uint32_t number)
{
    return number << 1 | NAME_GONE;
}

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
    uint32_t card;    /* next card to write, its slot; 0: none left */
    struct buf aside; /* packed already: the header, and as chunk fields the tasks and cards that
                         changed before their turn */
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
    uint32_t n;            /* cards */
    uint32_t n_unanswered; /* handoffs */
    uint32_t n_for_roles;  /* groups of those that are of no task */
    uint32_t n_of_leases;  /* groups of reservations that end with one */
    uint32_t n_roles;      /* rules of roles */
    uint32_t n_stale;      /* roles that did not speak when they had said */
    uint32_t first, last;  /* by number … */
    bool unsorted;         /* … unless they were restored in another order: board_link */
    struct decision_list *decisions; /* in force (board/concern.c) */
    uint32_t n_in_force;             /* decisions */
    uint32_t n_of_areas;             /* … that are of an area */
    uint32_t n_of_role[ROLES_N];     /* … that concern the role, in any project */
    struct numbers reservations;     /* in force */
    struct card_list {
        uint32_t first, last;
    } open[TALLY_KINDS]; /* those of each kind that have not ended, by number */
    struct index64 by_number;
    struct card *by_identity;
    struct card_group *groups;
    struct heap clocks;
    struct heap schedules; /* their clocks: core_schedule_pass */
    struct heap ended;     /* cards, by number */
};

/* identity_of */
struct identity {
    uint64_t hi, lo;
};

/* What whoever makes an Added knows of it already. */
struct adding {
    const Baton__Spec *spec; /* what it describes: need not be unpacked */
    uint64_t hash;           /* task_hash; 0: not known */
};

/* Those that go to the archive next (leaving.c). */
enum { LEAVING_AHEAD = 4 };
struct leaving_run {
    struct leaving {
        uint64_t key;
        uint32_t slot;
        struct identity identity;
    } ring[LEAVING_AHEAD];
    uint32_t first, n;
};

struct core {
    struct core_config config;
    uint64_t seq;
    uint64_t event;
    uint64_t epoch;
    int64_t now;                 /* of the newest fact */
    int64_t queue_now;           /* of the newest pick: what "past its time" is measured by */
    struct arena scratch;        /* of evolve */
    struct buf packing;          /* of pack_new */
    const struct adding *adding; /* of the Added at hand; NULL: nothing */

    struct task **chunks;
    uint32_t n_chunks;
    struct slab slab; /* of tasks' ids and specs, runs */
    uint32_t n_slots; /* ever used, plus the unused 0 */
    uint32_t free_slot;
    uint32_t n_tasks; /* without placeholders */
    uint32_t n_placeholders;
    uint32_t first, last; /* by key */
    struct slotset names; /* name_of_slot, name_of_tombstone */
    struct index64 by_key;
    struct index64 by_token;
    uint32_t latest_slot; /* whose fact is at hand; 0: not known */
    struct heap timers;
    uint32_t ended_first,
        ended_last; /* terminal, without live dependents, by time of becoming so */
    uint32_t n_ended;
    size_t bytes; /* of specs, ids, edges */

    struct project **projects; /* by number, from 1 */
    uint32_t n_projects;
    struct project *projects_by_name;
    struct project *latest_project; /* asked for; the next question is often for the same */
    struct resource **resources;    /* by number, from 1; NULL: forgotten */
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
    struct actor *latest_actor; /* as latest_project */
    struct role roles[ROLES_N];
    bool broker_paused, broker_refuses;
    struct pause *pauses;
    struct linger *lingers;
    struct fairness *fairness;
    struct task_ext *unique;

    struct tombstone **tombstones; /* by time of archiving, in chunks: tombstone_at */
    uint32_t n_tombstones, room_tombstones;
    struct leaving_run leaving;

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
    struct budget **budgets; /* board/budget.h */
    uint32_t n_budgets;

    bool linked;   /* edges stand (false while a snapshot is being loaded) */
    bool unsorted; /* … and its tasks do not come by key: core_link */
    bool related;  /* … and some of them may have to do with others */
    struct snapshot_run snapshot;
};

_Static_assert(sizeof(struct task) * CHUNK_TASKS % HUGE_BYTES == 0, "a chunk of tasks has a rest");

#endif
