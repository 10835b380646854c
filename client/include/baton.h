/* libbaton: the client library of Baton.
 *
 * Everything that is not the broker speaks to the broker through this header: the command line, the
 * worker, and programs of others. It hides the protocol (docs/protocol.md), reconnects by itself,
 * and sends again what was not answered: a call that changes something either happened once or did
 * not, however often the connection or the broker broke in between.
 *
 * Threads: a handle belongs to one thread at a time. Handles share nothing.
 * Text is UTF-8. Times are milliseconds since 1970-01-01T00:00:00Z, durations are milliseconds; 0
 * means "not given". Strings of records are never NULL ("" for none). Ownership: what a function
 * hands out through `ret_…` is the caller's and is freed with the function named there; what is
 * given in is copied, except where "borrows" is said. Records are made only by the library, so that
 * they may grow at their end.
 */
#ifndef BATON_H
#define BATON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BATON_API __attribute__((visibility("default")))
#define BATON_MUST_CHECK __attribute__((warn_unused_result))

/* "1.2.3" of the library at run time. */
BATON_API const char *baton_version(void);

/* ---- status -----------------------------------------------------------------------------------
 */

/* What became of a call. Those up to BATON_CLOSED are the broker's answers and have the numbers of
 * `Code` in proto/wire.proto; those from 100 on are the library's own. */
typedef enum baton_status {
    BATON_OK = 0,
    BATON_MALFORMED = 1,
    BATON_VERSION = 2,
    BATON_HELLO_FIRST = 3,
    BATON_INVALID = 4,
    BATON_TOO_LARGE = 5,
    BATON_NOT_FOUND = 6,
    BATON_CONFLICT = 7,
    BATON_CYCLE = 8,
    BATON_UNKNOWN_ROLE = 9,
    BATON_FORWARD_REF = 10,
    BATON_ILLEGAL_TRANSITION = 11,
    BATON_STALE_TOKEN = 12,
    BATON_FULL = 13,
    BATON_PAUSED = 14,
    BATON_DENIED = 15,
    BATON_BUSY = 16,
    BATON_TOO_FAR_BEHIND = 17,
    BATON_INTERNAL = 18,
    BATON_NUMBER_USED = 19,
    BATON_UNSATISFIABLE = 20,
    BATON_LIMIT = 21,
    BATON_CLOSED = 22,

    BATON_NO_BROKER =
        100, /* no answer in time; a change may have happened: the same call again is safe */
    BATON_TIMEOUT = 101, /* the caller's own time limit passed while waiting */
    BATON_NO_MEMORY = 102,
    BATON_BAD_ARGUMENT = 103, /* the call is wrong: endpoint, NULL, a limit */
    BATON_INTERRUPTED = 104,  /* a signal came while waiting (baton_options.interruptible) */
} baton_status;

/* Stable name in lower case: "stale_token". Never NULL. */
BATON_API const char *baton_status_name(baton_status status);

/* ---- words ------------------------------------------------------------------------------------
 */

/* Numbers of these enums are those of proto/task.proto. */
typedef enum baton_priority {
    BATON_PRIORITY_NONE = 0,
    BATON_CRITICAL = 1,
    BATON_HIGH = 2,
    BATON_MEDIUM = 3,
    BATON_LOW = 4,
} baton_priority;

typedef enum baton_state {
    BATON_STATE_NONE = 0,
    BATON_WAITING = 1,
    BATON_READY = 2,
    BATON_LEASED = 3,
    BATON_RUNNING = 4,
    BATON_PARKED = 5,
    BATON_CANCELLING = 6,
    BATON_REVIEW = 7,
    BATON_DONE = 8,
    BATON_FAILED = 9,
    BATON_CANCELLED = 10,
    BATON_ABORTED = 11,
    BATON_EXPIRED = 12,
} baton_state;

typedef enum baton_condition {
    BATON_ON_SUCCESS = 0,
    BATON_ON_FINISHED = 1,
    BATON_ON_FAILED = 2,
    BATON_ON_STARTED = 3,
} baton_condition;

typedef enum baton_policy {
    BATON_HOLD = 0,
    BATON_ABORT = 1,
    BATON_IGNORE = 2,
} baton_policy;

typedef enum baton_on_deadline {
    BATON_DEADLINE_SOFT = 0,
    BATON_DEADLINE_EXPIRE = 1,
    BATON_DEADLINE_CANCEL = 2,
    BATON_DEADLINE_ESCALATE = 3,
} baton_on_deadline;

/* How a task stands to its deadline, as far as the feed has told. */
typedef enum baton_alert {
    BATON_ALERT_NONE = 0,
    BATON_ALERT_AT_RISK = 1,   /* not started at its latest start */
    BATON_ALERT_LATE = 2,      /* its deadline has passed */
    BATON_ALERT_ESCALATED = 3, /* … and it counts as critical for that */
} baton_alert;

typedef enum baton_on_conflict {
    BATON_CONFLICT_REJECT = 0,
    BATON_CONFLICT_EXISTING = 1,
    BATON_CONFLICT_REPLACE = 2,
    BATON_CONFLICT_RAISE = 3,
    BATON_CONFLICT_ATTACH = 4,
} baton_on_conflict;

typedef enum baton_outcome {
    BATON_OUTCOME_NONE = 0,
    BATON_OUTCOME_DONE = 1,
    BATON_OUTCOME_FAILED = 2,
    BATON_OUTCOME_FATAL = 3,
    BATON_OUTCOME_RATE_LIMITED = 4,
    BATON_OUTCOME_RELEASED = 5,
    BATON_OUTCOME_CANCELLED = 6,
    BATON_OUTCOME_TIMED_OUT = 7,
    BATON_OUTCOME_LOST = 8,
    BATON_OUTCOME_PARKED = 9, /* waits for something: wait_for */
} baton_outcome;

/* Lower-case names ("critical", "waiting", "deps", …); "" for a number without a name. */
BATON_API const char *baton_priority_name(baton_priority priority);
BATON_API const char *baton_state_name(baton_state state);
BATON_API const char *baton_reason_name(int reason);
BATON_API const char *baton_condition_name(baton_condition condition);
BATON_API const char *baton_policy_name(baton_policy policy);
BATON_API const char *baton_on_deadline_name(baton_on_deadline value);
BATON_API const char *baton_on_conflict_name(baton_on_conflict value);
BATON_API const char *baton_outcome_name(baton_outcome outcome);
BATON_API const char *baton_event_kind_name(int kind);
BATON_API const char *baton_alert_name(baton_alert alert);

/* The number for a name, -1 when there is none. */
BATON_API int baton_priority_of(const char *name);
BATON_API int baton_state_of(const char *name);
BATON_API int baton_condition_of(const char *name);
BATON_API int baton_policy_of(const char *name);
BATON_API int baton_on_deadline_of(const char *name);
BATON_API int baton_on_conflict_of(const char *name);
BATON_API int baton_outcome_of(const char *name);

/* True for done, failed, cancelled, aborted, expired. */
BATON_API bool baton_state_is_terminal(baton_state state);

/* The six roles, ended by NULL. */
BATON_API const char *const *baton_roles(void);

/* The role that a name means, or NULL: "Frontend", "Frontend Agent", "Real-time Agent", "realtime",
 * "DevOps" … are all known (docs/plan.md has the list). */
BATON_API const char *baton_role_of(const char *name);

/* ---- connection -------------------------------------------------------------------------------
 */

typedef struct baton baton; /* a connection to a broker */

struct baton_options {
    int64_t timeout_ms; /* for an answer; 0: 10,000. After it: BATON_NO_BROKER */
    const char *actor;  /* who asks, for the journal; NULL: "USER@HOST" */
    /* Makes the first changing call of this connection the request (client, 1), the next (client,
     * 2), …: a program that died and is started again with the same name repeats itself safely.
     * NULL: a random one. */
    const char *client;
    bool interruptible; /* waiting calls return BATON_INTERRUPTED when a signal handler ran */
};

/* The endpoint meant by `endpoint`: itself if not NULL or empty, else $BATON_ENDPOINT, else
 * ipc://$XDG_RUNTIME_DIR/baton/broker.sock if that exists, or that directory does and /run/baton
 * does not, else ipc:///run/baton/broker.sock.
 * Returns a static or borrowed string that stays valid until the next call. */
BATON_API const char *baton_endpoint(const char *endpoint);

/* Connects (lazily: a broker that is away is found out by the first call). `options` may be NULL.
 * Free with baton_close. BATON_BAD_ARGUMENT: the endpoint is not one (TCP waits for keys). */
BATON_API BATON_MUST_CHECK baton_status baton_open(const char *endpoint,
                                                   const struct baton_options *options,
                                                   baton **ret_baton);
BATON_API void baton_close(baton **baton);

/* Of the last call that failed: a sentence (what happened, what to do), the field of the request
 * that is wrong ("tasks[3].deadline" or ""), the cycle as "a -> b -> a" or "", and when to try
 * again. They stay valid until the next call. With NULL: why the last baton_open, baton_feed_open
 * or baton_worker_open of this thread failed (so do baton_feed_error and baton_worker_error). */
BATON_API const char *baton_error(const baton *baton);
BATON_API const char *baton_error_field(const baton *baton);
BATON_API const char *baton_error_cycle(const baton *baton);
BATON_API int64_t baton_error_retry_after_ms(const baton *baton);

struct baton_pong {
    int64_t now;
    uint64_t epoch;
    bool accepting;
};
BATON_API BATON_MUST_CHECK baton_status baton_ping(baton *baton, struct baton_pong *ret_pong);

/* The broker's zone for plain dates (IANA name), from its Welcome. Borrowed from the handle. */
BATON_API BATON_MUST_CHECK baton_status baton_zone(baton *baton, const char **ret_zone);

/* ---- tasks: what is submitted -----------------------------------------------------------------
 */

struct baton_ref {
    const char *project; /* "" or NULL: "default" */
    const char *id;
};

struct baton_edge {
    const char *id;
    const char *project; /* "": the same */
    baton_condition condition;
    baton_policy policy;
    uint32_t any; /* above 0: alternatives with the same number */
};

struct baton_claim {
    const char *name;
    uint32_t amount; /* 0: all of it */
    bool shared;
};

struct baton_label {
    const char *name;
    const char *value;
};

struct baton_resource {
    const char *name;
    uint32_t capacity;
};

/* A task to submit. Made by baton_spec_new (zeroed) and filled by the caller; it borrows all
 * strings and arrays, which must live until it has been submitted. Fields: proto/task.proto,
 * message Spec. */
typedef struct baton_spec {
    const char *id;
    const char *project;
    const char *role;
    const char *title;
    baton_priority priority;
    int64_t deadline;
    baton_on_deadline on_deadline;
    int64_t not_before;
    int64_t estimate_ms;
    const struct baton_edge *after;
    size_t n_after;
    const struct baton_claim *claims;
    size_t n_claims;
    bool held;
    bool milestone;
    const char *const *command;
    size_t n_command;
    const char *prompt;
    const void *payload;
    size_t payload_bytes;
    const char *const *env;
    size_t n_env;
    const char *workdir;
    const char *const *check;
    size_t n_check;
    const struct baton_label *labels;
    size_t n_labels;
    uint32_t max_attempts;
    uint32_t crash_limit;
    int64_t backoff_ms;
    int64_t backoff_cap_ms;
    int64_t max_runtime_ms;
    int64_t idle_ms;
    int64_t lease_ms;
    int64_t stall_ms;
    const char *unique_key;
    baton_on_conflict on_conflict;
    int64_t unique_window_ms;
    const char *fairness_key;
    uint32_t fairness_weight;
    const char *traceparent;
    bool approval;     /* done only when somebody has approved it */
    int64_t review_ms; /* how long that may take; 0: what its role says, else a day */
    bool no_preempt;   /* makes way for no incident while it runs */
} baton_spec;

/* NULL when there is no memory. */
BATON_API baton_spec *baton_spec_new(void);
BATON_API void baton_spec_free(baton_spec *spec);

/* ---- the board: cards ---------------------------------------------------------------------------
 * Handoffs, signals, blockers, decisions, incidents, rules: docs/coordination.md says which fields
 * and verbs each kind has. Numbers of the enums are those of proto/card.proto. */

typedef enum baton_card_kind {
    BATON_CARD_NONE = 0,
    BATON_CARD_HANDOFF = 1,
    BATON_CARD_SIGNAL = 2,
    BATON_CARD_BLOCKER = 3,
    BATON_CARD_DECISION = 4,
    BATON_CARD_INCIDENT = 5,
    BATON_CARD_STATUS = 6,
    BATON_CARD_RESERVATION = 7,
    BATON_CARD_AREA = 20,
    BATON_CARD_LEVEL = 21,
    BATON_CARD_TARGET = 22,
    BATON_CARD_ROLE = 23,
    BATON_CARD_SCHEDULE = 24,
    BATON_CARD_BUDGET = 25,
} baton_card_kind;

typedef enum baton_card_state {
    BATON_CARD_STATE_NONE = 0,
    BATON_CARD_OPEN = 1,
    BATON_CARD_TAKEN = 2,
    BATON_CARD_SUBMITTED = 3,
    BATON_CARD_IN_FORCE = 4,
    BATON_CARD_STALE = 5,
    BATON_CARD_RESOLVED = 10, /* from here on: ended */
    BATON_CARD_ACCEPTED = 11,
    BATON_CARD_REJECTED = 12,
    BATON_CARD_WITHDRAWN = 13,
    BATON_CARD_SUPERSEDED = 14,
    BATON_CARD_EXPIRED = 15,
} baton_card_state;

typedef enum baton_card_verb {
    BATON_CARD_VERB_NONE = 0,
    BATON_CARD_RAISE = 1,
    BATON_CARD_SET = 2,
    BATON_CARD_TAKE = 3,
    BATON_CARD_RESOLVE = 4,
    BATON_CARD_ACCEPT = 5,
    BATON_CARD_REJECT = 6,
    BATON_CARD_REVIEW = 7,
    BATON_CARD_DECIDE = 8,
    BATON_CARD_ACKNOWLEDGE = 9,
    BATON_CARD_WITHDRAW = 10,
    BATON_CARD_REMOVE = 11,
    BATON_CARD_AMEND = 12,
    BATON_CARD_PAUSE = 80,
    BATON_CARD_RESUME = 81,
    BATON_CARD_RUN = 82,
} baton_card_verb;

/* "" for a number without a name; -1 for a name without a number. */
BATON_API const char *baton_card_kind_name(baton_card_kind kind);
BATON_API const char *baton_card_state_name(baton_card_state state);
BATON_API const char *baton_card_verb_name(baton_card_verb verb);
BATON_API int baton_card_kind_of(const char *name);
BATON_API int baton_card_state_of(const char *name);

/* A line of a card: an artifact, a step, a review, a summoned role. */
struct baton_item {
    const char *tag;
    const char *name;
    const char *text;
    const char *by;
    int64_t at;
    double value;
    const char *unit;
    uint64_t number;
};

/* Fields: proto/card.proto. In requests NULL stands for "". */
struct baton_card {
    uint64_t number;
    baton_card_kind kind;
    const char *project;
    const char *name;
    baton_card_state state;
    const char *title;
    const char *text;
    const char *task;
    const char *role;
    const char *to_role;
    const char *owner;
    uint32_t severity; /* 1 to 4: P0 to P3 */
    const char *by;
    int64_t created_at;
    int64_t changed_at;
    int64_t due_at;
    int64_t rings_at;
    int64_t ended_at;
    uint32_t rung;
    uint64_t token;
    const struct baton_item *items;
    size_t n_items;
    const void *body;
    size_t body_bytes;
    const baton_spec *spec; /* SCHEDULE: the task that each occurrence is; packed, it is the body */
    const char *outcome;
    const char *ended_by;
};

/* ---- submitting
 * ----------------------------------------------------------------------------------
 */

struct baton_submit_options {
    bool dry_run;
    bool strict;
    bool update;
    uint64_t parent_token; /* an agent adds tasks while it runs this one */
    const struct baton_resource *resources;
    size_t n_resources;
    const char *const *close; /* projects that are closed with this */
    size_t n_close;
    const struct baton_card *cards; /* rules that are set with this */
    size_t n_cards;
};

enum baton_difference_kind {
    BATON_CREATED = 0,
    BATON_UPDATED = 1,
    BATON_UNCHANGED = 2,
    BATON_EXISTING = 3,
};

struct baton_difference {
    enum baton_difference_kind kind;
    struct baton_ref task;
    const char *const *fields; /* that differ */
    size_t n_fields;
    size_t index; /* in the submission */
};

struct baton_card_difference {
    enum baton_difference_kind kind; /* created, updated, unchanged */
    baton_card_kind card_kind;
    const char *project;
    const char *name;
};

typedef struct baton_submitted {
    uint32_t created;
    uint32_t updated;
    uint32_t unchanged;
    const struct baton_difference *differences; /* dry run: all; else updated ones and made ids */
    size_t n_differences;
    const struct baton_ref *forward_refs; /* the first 1,000 */
    size_t n_forward_refs_named;
    uint32_t n_forward_refs;
    uint64_t event;
    const struct baton_card_difference *cards; /* of the cards given, in their order */
    size_t n_cards;
} baton_submitted;

/* Adds tasks, whole or not at all. `options` may be NULL. A submission that does not fit in one
 * message (16 MiB) is refused with BATON_TOO_LARGE. Free the answer with baton_submitted_free. */
BATON_API BATON_MUST_CHECK baton_status baton_submit(baton *baton, baton_spec *const *specs,
                                                     size_t n_specs,
                                                     const struct baton_submit_options *options,
                                                     baton_submitted **ret_submitted);
BATON_API void baton_submitted_free(baton_submitted *submitted);

/* ---- tasks: what the broker tells --------------------------------------------------------------
 */

/* A number that an agent reports of its work; a value is that of the whole attempt so far. */
struct baton_measure {
    const char *name;
    double value;
    const char *unit;
};

/* What the attempts of a task reported under one name. */
struct baton_task_measure {
    const char *name;
    const char *unit;
    double value;  /* of the latest attempt */
    bool said;     /* by the latest attempt; else value is nothing */
    double before; /* of all attempts before it together */
};

struct baton_result {
    baton_outcome outcome;
    const char *summary;
    const void *document; /* JSON text, not NUL-terminated */
    size_t document_bytes;
    int exit_status; /* -N: killed by signal N */
    const char *output_tail;
    uint64_t output_bytes;
    int64_t retry_after_ms;
    int64_t runtime_ms;
    const struct baton_measure *measures; /* at most 16 */
    size_t n_measures;
    /* PARKED: "blocker:N", "signal:NAME", "decision:NAME", "approval", "children"; "blocker" raises
     * one with the summary as its title. */
    const char *wait_for;
    /* Of the task, given with this end: role, to_role, text and items; NULL: none. Only to report.
     */
    const struct baton_card *handoff;
};

struct baton_attempt {
    uint32_t number;
    uint64_t token;
    const char *worker;
    int64_t started_at;
    int64_t ended_at;
    baton_outcome outcome;
    const char *summary;
    int exit_status;
};

struct baton_orphan {
    uint64_t token;
    int64_t at;
    const char *worker;
    struct baton_result result;
};

/* Fields: proto/wire.proto, message TaskView. */
typedef struct baton_task {
    uint64_t key;
    const baton_spec *spec;
    baton_state state;
    int reason; /* baton_reason_name */
    uint32_t attempt;
    uint32_t losses;
    const char *worker;
    uint64_t token;
    int64_t created_at;
    int64_t ready_at;
    int64_t started_at;
    int64_t ended_at;
    int64_t next_at;
    const char *reason_text;
    uint32_t progress;
    const char *progress_text;
    int64_t progress_at;
    bool has_result;
    struct baton_result result;
    const struct baton_attempt *attempts;
    size_t n_attempts;
    const struct baton_ref *dependents;
    size_t n_dependents_named;
    uint32_t n_dependents;
    struct baton_ref aborted_by; /* id "": none */
    struct baton_ref parent;
    bool archived;
    bool purged; /* … and its record was: id, key and state are all that is left */
    const char *actor;
    const struct baton_orphan *orphans;
    size_t n_orphans;
    int64_t order_at;
    uint32_t n_unmet;
    baton_alert alert;
    int64_t latest_start; /* for its effective deadline; 0: there is none */
    const struct baton_task_measure *measures;
    size_t n_measures;
    const char *waits_for; /* parked: what for, as in baton_result; "": it is not */
    const char *note;      /* for its next attempt: how the wait ended, why it was sent back */
    uint32_t rework;       /* times that it was sent back */
    int64_t review_due;    /* it waits for approval, due then; 0: it does not */
} baton_task;

BATON_API BATON_MUST_CHECK baton_status baton_get(baton *baton, struct baton_ref ref,
                                                  baton_task **ret_task);
BATON_API void baton_task_free(baton_task *task);

struct baton_filter {
    const char *const *projects;
    size_t n_projects;
    const char *const *roles;
    size_t n_roles;
    const baton_state *states;
    size_t n_states;
    const char *id_prefix;
    const struct baton_ref *ids;
    size_t n_ids;
    const struct baton_label *labels;
    size_t n_labels;
    bool specs;    /* with prompt, payload and env too */
    bool archived; /* and those that left the memory */
    size_t limit;  /* 0: all */
};

/* Calls `each` for every task that passes the filter (NULL: all), in the order of their keys, until
 * it returns false. The task is borrowed for the call. `ret_event` may be NULL: the number of the
 * newest event that the first page knew of, to continue from with a feed. */
typedef bool baton_task_fn(const baton_task *task, void *context);
BATON_API BATON_MUST_CHECK baton_status baton_list(baton *baton, const struct baton_filter *filter,
                                                   baton_task_fn *each, void *context,
                                                   uint64_t *ret_event);

struct baton_cause {
    int reason;
    const char *text;
    struct baton_ref task; /* id "": none */
    const char *name;
    int64_t at;
    const char *who;
};

/* Fields: proto/wire.proto, messages Explained and Order. */
typedef struct baton_explained {
    baton_task *task; /* freed with this */
    const struct baton_cause *causes;
    size_t n_causes;
    uint32_t ahead;
    struct {
        int64_t order_at;
        int64_t anchor;
        int64_t patience_ms;
        int64_t own_deadline;
        int64_t effective_deadline;
        struct baton_ref effective_from;
        struct baton_ref inherited_from;
        int64_t floor_at;
        int64_t base_at;
        uint32_t dependents;
        const char *fairness_key;
    } order;
} baton_explained;

BATON_API BATON_MUST_CHECK baton_status baton_why(baton *baton, struct baton_ref ref,
                                                  baton_explained **ret_explained);
BATON_API void baton_explained_free(baton_explained *explained);

/* ---- operators' verbs ---------------------------------------------------------------------------
 */

enum baton_verb {
    BATON_CANCEL = 1,
    BATON_RETRY = 2,
    BATON_HOLD_TASK = 3,
    BATON_RELEASE_TASK = 4,
    BATON_REOPEN = 5,
    BATON_SET = 6,
    BATON_APPROVE = 60, /* in review: done; parked: goes on */
    BATON_REFUSE = 61,  /* in review: to be done again; needs a reason */
};

struct baton_change {
    enum baton_verb verb;
    const struct baton_ref *tasks;
    size_t n_tasks;
    bool subtree;
    const char *reason;
    bool dry_run;
    bool force;
    int64_t grace_ms;
    const baton_spec *spec;    /* BATON_SET */
    const char *const *fields; /* BATON_SET: the fields of spec to take */
    size_t n_fields;
    const struct baton_filter *filter; /* instead of tasks; needs all */
    bool all;
    const char *confirm; /* of a dry run; BATON_CONFLICT when it would reach something else now */
};

typedef struct baton_changed {
    const struct baton_ref *tasks;
    size_t n_named;
    uint32_t n_changed;
    uint32_t n_unchanged;
    uint64_t event;
    const char *confirm; /* of a dry run: stands for the tasks named and their states */
} baton_changed;

BATON_API BATON_MUST_CHECK baton_status baton_change(baton *baton,
                                                     const struct baton_change *change,
                                                     baton_changed **ret_changed);
BATON_API void baton_changed_free(baton_changed *changed);

enum baton_scope {
    BATON_SCOPE_BROKER = 0,
    BATON_SCOPE_ROLE = 1,
    BATON_SCOPE_PROJECT = 2,
    BATON_SCOPE_LOCK = 3,
    BATON_SCOPE_WORKER = 4,
    BATON_SCOPE_SUBMITTER = 5, /* what this actor added */
};

struct baton_pause {
    enum baton_scope scope;
    const char *name;
    bool resume;
    const char *reason;
    int64_t until;
    bool refuse; /* BATON_SCOPE_BROKER: take no new work either (drain) */
    bool force;  /* BATON_SCOPE_WORKER: also one that has never been there (else BATON_NOT_FOUND) */
};
struct baton_pause_done {
    bool changed; /* false: it was so already */
    bool unknown; /* nothing of that name is known so far; the pause waits for it */
};

/* `ret_done` may be NULL. */
BATON_API BATON_MUST_CHECK baton_status baton_pause(baton *baton, const struct baton_pause *pause,
                                                    struct baton_pause_done *ret_done);

struct baton_resource_view {
    const char *name;
    uint32_t capacity;
    uint32_t used;
    const struct baton_ref *holders;
    size_t n_holders;
    uint32_t n_waiting;
    bool paused;
    const uint64_t *reservations; /* numbers of the cards that reserve it */
    size_t n_reservations;
};
typedef struct baton_resource_list {
    const struct baton_resource_view *resources;
    size_t n_resources;
} baton_resource_list;

/* Sets capacities (n_set may be 0) and lists all resources in use or known. */
BATON_API BATON_MUST_CHECK baton_status baton_resources(baton *baton,
                                                        const struct baton_resource *set,
                                                        size_t n_set,
                                                        baton_resource_list **ret_list);
BATON_API void baton_resource_list_free(baton_resource_list *list);

struct baton_role_status {
    const char *role;
    uint32_t waiting;
    uint32_t ready;
    uint32_t running;
    uint64_t done;
    uint64_t failed;
    uint64_t cancelled;
    uint32_t workers;
    uint32_t slots;
    uint32_t credit;
    int64_t oldest_ready_at;
    bool paused;
    /* What it does: its latest word, of its task in progress or its own. */
    const char *current; /* "": nothing is known */
    const char *task;    /* in progress; "": none */
    const char *task_project;
    uint32_t progress; /* percent */
    const char *text;
    int64_t updated_at;
    int64_t next_update_at;
    bool stale; /* it did not speak when it had said, or its task has stalled */
    const char *const *blockers;
    size_t n_blockers;
};
struct baton_project_status {
    const char *project;
    uint64_t open;
    uint64_t done;
    uint64_t failed; /* failed, expired, aborted, cancelled */
    bool paused;
    bool closed;   /* takes no new tasks */
    bool complete; /* closed, and every task has ended */
    const char *closed_by;
    int64_t closed_at;
    const char *closed_reason;
};
struct baton_pause_view {
    enum baton_scope scope;
    const char *name;
    const char *reason;
    const char *actor;
    int64_t since;
    int64_t until;
    bool refuse;
};
struct baton_counter {
    const char *name;
    uint64_t value;
};
struct baton_count {
    const char *name; /* leases, retries, attempts; cards that ended: their kind */
    const char *role; /* "": of no role */
    const char *of;   /* attempts: the outcome; cards: the state */
    uint64_t value;
};
struct baton_times {
    const char *name; /* waits, runs, commits */
    const char *role;
    const int64_t *bounds_us; /* n_bounds of them, rising */
    const uint64_t *counts;   /* n_bounds + 1: up to each bound and above the one before; longer */
    size_t n_bounds;
    int64_t sum_us;
};
struct baton_card_count {
    const char *kind;
    const char *state;
    uint32_t n;
    uint32_t n_overdue;
    int64_t oldest_at;
};

/* Fields: proto/wire.proto, message ExporterStatus. */
struct baton_exporter_status {
    const char *state;
    uint64_t position;
    uint64_t lag_facts;
    int64_t lag_ms;
    const char *error;
    int64_t error_at;
    uint64_t facts;
    uint64_t batches;
    uint64_t loads;
    uint64_t failures;
    uint64_t purged;
    bool cut;
};

/* Fields: proto/wire.proto, message StatusReply. */
typedef struct baton_broker_status {
    const char *version;
    uint64_t epoch;
    int64_t started_at;
    int64_t now;
    uint64_t n_tasks;
    uint64_t n_archived;
    const struct baton_role_status *roles;
    size_t n_roles;
    const struct baton_pause_view *pauses;
    size_t n_pauses;
    const struct baton_project_status *projects;
    size_t n_projects;
    uint64_t event;
    uint64_t journal_seq;
    uint64_t durable_seq;
    uint64_t journal_bytes;
    int64_t last_commit_us;
    uint64_t commits;
    uint64_t memory_bytes;
    bool accepting;
    const char *not_accepting_because;
    uint32_t n_workers;
    uint32_t n_sessions;
    const char *store_path;
    const char *endpoint;
    const char *feed;
    const struct baton_counter *counters;
    size_t n_counters;
    const struct baton_count *counts; /* since started_at, as the two below */
    size_t n_counts;
    const struct baton_times *times;
    size_t n_times;
    const struct baton_card_count *cards; /* that have not ended */
    size_t n_cards;
    int64_t recovery_us;
    uint64_t snapshot_bytes;
    uint64_t free_bytes;
    uint64_t feed_event;
    const struct baton_exporter_status *exporter; /* NULL: it is off */
} baton_broker_status;

BATON_API BATON_MUST_CHECK baton_status baton_get_status(baton *baton,
                                                         baton_broker_status **ret_status);
/* The same; the roles say what they do in this project. */
BATON_API BATON_MUST_CHECK baton_status baton_get_status_of(baton *baton, const char *project,
                                                            baton_broker_status **ret_status);
BATON_API void baton_broker_status_free(baton_broker_status *status);

/* A project is a plan: open, or closed to new tasks. */
enum baton_project_verb {
    BATON_PROJECT_SHOW = 0,
    BATON_PROJECT_CLOSE = 1,
    BATON_PROJECT_OPEN = 2,
};
typedef struct baton_project_reply {
    struct baton_project_status status;
    bool changed;   /* false: it was so already */
    uint64_t event; /* number of the newest event that this knows of */
} baton_project_reply;

/* `name` NULL: "default"; `reason` may be NULL. BATON_NOT_FOUND: it has never had a task. */
BATON_API BATON_MUST_CHECK baton_status baton_project(baton *baton, enum baton_project_verb verb,
                                                      const char *name, const char *reason,
                                                      baton_project_reply **ret_reply);
BATON_API void baton_project_reply_free(baton_project_reply *reply);

struct baton_worker_view {
    const char *name;
    const char *const *roles;
    size_t n_roles;
    uint32_t slots;
    uint32_t credit;
    bool connected; /* false: it is away and holds tasks; before it is back after a restart of the
                       broker, only name, draining and tasks are known, and the rest is 0 */
    bool draining;
    int64_t since;
    int64_t heard_at;
    const struct baton_ref *tasks;
    size_t n_tasks;
    const char *software;
};
typedef struct baton_worker_list {
    const struct baton_worker_view *workers;
    size_t n_workers;
} baton_worker_list;

BATON_API BATON_MUST_CHECK baton_status baton_list_workers(baton *baton,
                                                           baton_worker_list **ret_list);
BATON_API void baton_worker_list_free(baton_worker_list *list);

/* A copy of the store, written by the broker to an absolute path on its own machine that must not
 * exist. */
struct baton_backup_done {
    uint64_t bytes;
    uint64_t seq;
};
BATON_API BATON_MUST_CHECK baton_status baton_backup(baton *baton, const char *path,
                                                     int64_t timeout_ms,
                                                     struct baton_backup_done *ret_done);

/* ---- the board ----------------------------------------------------------------------------------
 */

struct baton_post {
    baton_card_verb verb;
    struct baton_card card; /* RAISE, SET: the card; else what names it, and what the verb needs */
    uint64_t token;         /* an agent's lease; 0: none */
    bool force;
    bool dry_run;
};

/* When something comes; at[i] rise. */
struct baton_timetable {
    const int64_t *at;
    size_t n;
    const char *zone; /* whose times they are; IANA name */
};

typedef struct baton_posted {
    struct baton_card card; /* as it is now */
    bool changed;
    bool replayed; /* of options.client: it was done before, and this is what was answered then */
    uint64_t event;
    struct baton_timetable times; /* a dry run that sets a schedule: when it would come next, 5 */
} baton_posted;

/* Does something with a card. Free the answer with baton_posted_free. */
BATON_API BATON_MUST_CHECK baton_status baton_post(baton *baton, const struct baton_post *post,
                                                   baton_posted **ret_posted);
BATON_API void baton_posted_free(baton_posted *posted);

struct baton_card_filter {
    const baton_card_kind *kinds; /* n_kinds 0: all; as with the others */
    size_t n_kinds;
    const baton_card_state *states;
    size_t n_states;
    const char *const *projects;
    size_t n_projects;
    const char *const *roles; /* its role, to_role or owner */
    size_t n_roles;
    const struct baton_ref *task; /* NULL: any */
    const char *name;
    uint64_t number;
    bool open;
    int64_t since;
    int64_t until;
    size_t limit;  /* 0: all */
    bool archived; /* those of the archive too; one by its number is found there without it */
};

/* False: no more, please. */
typedef bool baton_card_fn(const struct baton_card *card, void *context);

/* Calls `each` for every card that matches, oldest first, a page at a time. The card is borrowed
 * for the call. `filter` and `ret_event` may be NULL. */
BATON_API BATON_MUST_CHECK baton_status baton_cards(baton *baton,
                                                    const struct baton_card_filter *filter,
                                                    baton_card_fn *each, void *context,
                                                    uint64_t *ret_event);

/* When a schedule comes due: the first n times after `from` (0: now), fewer if it ends before.
 * `project` NULL: "default". n 0: 10; at most 1,000. Free the answer with baton_timetable_free. */
BATON_API BATON_MUST_CHECK baton_status baton_schedule_times(baton *baton, const char *project,
                                                             const char *name, int64_t from,
                                                             size_t n,
                                                             struct baton_timetable **ret_times);
BATON_API void baton_timetable_free(struct baton_timetable *times);

/* Deletes the records of the archive that were kept long enough, or only counts them; what is told
 * of such a task from then on is its outcome. */
struct baton_gc_done {
    struct baton_gc_state {
        baton_state state;
        uint64_t n;
        uint64_t bytes;
    } purged[5]; /* of each terminal state of which there were some */
    size_t n_purged;
    uint64_t kept; /* records that stay */
    uint64_t kept_bytes;
    uint64_t to_archive; /* ended tasks that leave the memory for the archive by themselves now */
    uint64_t cards;      /* cards that went */
    uint64_t cards_bytes;
};
BATON_API BATON_MUST_CHECK baton_status baton_gc(baton *baton, bool dry_run, int64_t timeout_ms,
                                                 struct baton_gc_done *ret_done);

/* ---- metrics and leases -------------------------------------------------------------------------
 */

/* What was counted of a role's work in a project: docs/semantics.md, "Metrics". */
struct baton_metrics {
    const char *project;
    const char *role; /* "": of no role, or of the whole project */
    uint64_t ended;
    uint64_t done;
    uint64_t on_time;
    uint64_t accepted; /* handoffs */
    uint64_t rejected;
    uint64_t unanswered;
    uint64_t resolved; /* blockers */
    int64_t resolved_ms;
    int64_t resolved_ms_max;
    uint64_t overdue;
    double coverage;
    double lines;
    double coverage_plain;
    uint64_t n_plain;
};
struct baton_measure_sum {
    const char *project;
    const char *role;
    const char *name;
    const char *unit;
    uint64_t n; /* attempts that reported it */
    double sum;
    double last;
    int64_t last_at;
};
struct baton_metrics_query {
    const char *const *projects; /* n_projects 0: all */
    size_t n_projects;
    const char *const *roles;
    size_t n_roles;
    int64_t window_ms; /* whole hours, at most 31 days; 0: ever */
};
typedef struct baton_metrics_reply {
    int64_t now;
    int64_t since; /* 0: ever */
    const struct baton_metrics *rows;
    size_t n_rows;
    const struct baton_measure_sum *sums; /* ever */
    size_t n_sums;
    uint64_t event;
    bool sums_full;
    bool partial;
} baton_metrics_reply;

/* `query` may be NULL: everything, ever. Free the answer with baton_metrics_reply_free. */
BATON_API BATON_MUST_CHECK baton_status baton_get_metrics(baton *baton,
                                                          const struct baton_metrics_query *query,
                                                          baton_metrics_reply **ret_reply);
BATON_API void baton_metrics_reply_free(baton_metrics_reply *reply);

/* A budget, and what of it is used: docs/coordination.md, "Budgets". */
struct baton_budget_limit {
    const char *name;
    const char *unit;
    double limit;
    double used;
    double reserved;
};
struct baton_budget {
    uint64_t number; /* of its card */
    const char *name;
    const char *project;
    const char *role;
    const char *task;
    const char *owner;
    bool everywhere;
    bool hard;
    int64_t day_ends_at; /* 0: it is not of a day */
    bool spent;
    const struct baton_budget_limit *limits;
    size_t n_limits;
};
typedef struct baton_budget_list {
    const struct baton_budget *budgets;
    size_t n_budgets;
    uint64_t event;
} baton_budget_list;

/* Those that `task` uses (NULL: all), of the project and of the name (NULL: of all). Free the
 * answer with baton_budget_list_free. */
BATON_API BATON_MUST_CHECK baton_status baton_budgets(baton *baton, const struct baton_ref *task,
                                                      const char *project, const char *name,
                                                      baton_budget_list **ret_list);
BATON_API void baton_budget_list_free(baton_budget_list *list);

/* A lease that is in force. */
typedef struct baton_token_view {
    bool live; /* the rest is given only then */
    struct baton_ref task;
    const char *role;
    baton_state state;
    const char *worker;
    int64_t lease_until;
} baton_token_view;

/* Is it the token of a task's live lease? Renews nothing. Free the answer with
 * baton_token_view_free. */
BATON_API BATON_MUST_CHECK baton_status baton_check_token(baton *baton, uint64_t token,
                                                          baton_token_view **ret_view);
BATON_API void baton_token_view_free(baton_token_view *view);

/* ---- locks of a running task --------------------------------------------------------------------
 */

enum baton_lock_verb {
    BATON_LOCK_TRY = 0,     /* now, or not */
    BATON_LOCK_WAIT = 1,    /* for at most wait_ms */
    BATON_LOCK_RELEASE = 2, /* what TRY or WAIT gave */
    BATON_LOCK_CHECK = 3,   /* is it free of others? Takes nothing; needs no token */
};

struct baton_lock {
    enum baton_lock_verb verb;
    uint64_t token;
    struct baton_claim claim;
    int64_t wait_ms; /* at most 45,000 */
};

typedef struct baton_lock_reply {
    bool granted;
    bool lingering; /* not granted: a worker that was lost may still use it */
    const struct baton_ref *holders;
    size_t n_holders;             /* at most 100 */
    const uint64_t *reservations; /* numbers of the cards that reserve it, but the asker's own */
    size_t n_reservations;
} baton_lock_reply;

/* Asks for a resource that the task did not declare, under its lease, with which it ends. Not
 * granted is BATON_OK too. BATON_CONFLICT: to wait for it could last for ever. Free the answer with
 * baton_lock_reply_free. */
BATON_API BATON_MUST_CHECK baton_status baton_lock(baton *baton, const struct baton_lock *lock,
                                                   baton_lock_reply **ret_reply);
BATON_API void baton_lock_reply_free(baton_lock_reply *reply);

/* ---- events -------------------------------------------------------------------------------------
 */

enum baton_event_kind {
    BATON_EVENT_TASK = 0,
    BATON_EVENT_PROGRESS = 1,
    BATON_EVENT_UPDATED = 2,
    BATON_EVENT_PAUSED = 3,
    BATON_EVENT_RESUMED = 4,
    BATON_EVENT_EPOCH = 5,
    BATON_EVENT_ORPHAN = 6,
    BATON_EVENT_RESOURCE = 7,
    BATON_EVENT_HELD = 8,
    BATON_EVENT_STALLED = 9,
    BATON_EVENT_CLOSED = 10,    /* a project takes no new tasks */
    BATON_EVENT_OPENED = 11,    /* … does again */
    BATON_EVENT_COMPLETED = 12, /* a closed project has no task left that has not ended */
    BATON_EVENT_AT_RISK = 20,
    BATON_EVENT_LATE = 21,
    BATON_EVENT_ESCALATED = 22,
    BATON_EVENT_REVIEW_DUE = 150,     /* an approval that a task waits for is due soon … */
    BATON_EVENT_REVIEW_OVERDUE = 151, /* … and has not come in time */
    BATON_EVENT_BUDGET = 90,          /* `text` says how much of the budget `card` is used */
    BATON_EVENT_CARD = 15, /* a card was made or changed; `text` is the verb, "" for its clock */
};

struct baton_event {
    uint64_t number;
    int64_t at;
    enum baton_event_kind kind;
    const char *project;
    const char *id;
    const char *role;
    baton_state from;
    baton_state to;
    int reason;
    uint64_t token;
    uint32_t attempt;
    const char *worker;
    const char *actor;
    const char *text;
    uint32_t progress;
    const char *title;
    const struct baton_card *card; /* CARD: as it is now; else NULL */
};

/* The stream of events, without gaps and in order: the PUB socket, and what was missed asked for
 * again. */
typedef struct baton_feed baton_feed;

/* Begins behind event number `after`; UINT64_MAX: with the next one. The feed keeps its own
 * connection. Free with baton_feed_close. */
BATON_API BATON_MUST_CHECK baton_status baton_feed_open(const char *endpoint,
                                                        const struct baton_options *options,
                                                        uint64_t after, baton_feed **ret_feed);
BATON_API void baton_feed_close(baton_feed **feed);

/* The next event, borrowed until the next call; waits up to timeout_ms (0: not, -1: for ever), then
 * BATON_TIMEOUT. BATON_TOO_FAR_BEHIND: events are lost; read the state with baton_list, then go on:
 * the feed continues with the newest. Survives restarts of the broker (BATON_NO_BROKER is never
 * returned). */
BATON_API BATON_MUST_CHECK baton_status baton_feed_next(baton_feed *feed, int64_t timeout_ms,
                                                        const struct baton_event **ret_event);
BATON_API const char *baton_feed_error(const baton_feed *feed);

/* ---- work: one task at a time, for agents and scripts
 * ---------------------------------------------- */

struct baton_upstream {
    const char *project;
    const char *id;
    baton_state state;
    const char *summary;
    const void *document;
    size_t document_bytes;
};

/* A task with its lease. */
typedef struct baton_assignment {
    uint64_t token;
    uint64_t key;
    const char *project;
    const char *id;
    const char *role;
    uint32_t attempt;
    int64_t lease_ms;
    const baton_spec *spec;
    const struct baton_upstream *upstream;
    size_t n_upstream;
    const struct baton_card *handoffs; /* of the tasks that it depended on */
    size_t n_handoffs;
    const struct baton_card *decisions; /* in force where the task is at work, newest first */
    size_t n_decisions;
    const char *note;     /* how its wait ended, or why it was sent back; "": nothing */
    const void *previous; /* with a note: the document of its last attempt */
    size_t previous_bytes;
    const struct baton_budget *budgets; /* that it uses, at most 16 */
    size_t n_budgets;
} baton_assignment;
BATON_API void baton_assignment_free(baton_assignment *assignment);

/* What whoever took the task would get with it: without a token, and nothing is taken. Free with
 * baton_assignment_free. */
BATON_API BATON_MUST_CHECK baton_status baton_context(baton *baton, struct baton_ref task,
                                                      baton_assignment **ret_assignment);

struct baton_take {
    const char *const *roles;
    size_t n_roles;
    const char *const *projects; /* none: all */
    size_t n_projects;
    int64_t wait_ms;    /* for work; the library asks again as often as needed; -1: for ever */
    const char *worker; /* the name the lease is written to; NULL: the actor */
    int64_t lease_ms;
    struct baton_ref task; /* id NULL: any */
};

/* BATON_TIMEOUT: nothing to take. The lease is renewed by baton_progress and baton_beat. */
BATON_API BATON_MUST_CHECK baton_status baton_take(baton *baton, const struct baton_take *take,
                                                   baton_assignment **ret_assignment);

struct baton_line_reply {
    baton_state state; /* of the task now */
    bool stop; /* it is to be cancelled: end the work, then complete with OUTCOME_CANCELLED */
};

/* `extend_ms` 0: the lease's own length. `ret_reply` may be NULL. BATON_STALE_TOKEN: the task is no
 * longer this caller's. */
BATON_API BATON_MUST_CHECK baton_status baton_started(baton *baton, uint64_t token,
                                                      struct baton_line_reply *ret_reply);
BATON_API BATON_MUST_CHECK baton_status baton_beat(baton *baton, uint64_t token, int64_t extend_ms,
                                                   struct baton_line_reply *ret_reply);
BATON_API BATON_MUST_CHECK baton_status baton_progress(baton *baton, uint64_t token,
                                                       uint32_t percent, const char *text,
                                                       int64_t next_update_at,
                                                       struct baton_line_reply *ret_reply);
/* The same, with numbers of the attempt so far. */
BATON_API BATON_MUST_CHECK baton_status baton_progress_measured(
    baton *baton, uint64_t token, uint32_t percent, const char *text, int64_t next_update_at,
    const struct baton_measure *measures, size_t n_measures, struct baton_line_reply *ret_reply);
/* Ends the attempt. Safe to repeat: the same token and outcome get the same answer. */
BATON_API BATON_MUST_CHECK baton_status baton_complete(baton *baton, uint64_t token,
                                                       const struct baton_result *result,
                                                       struct baton_line_reply *ret_reply);

/* ---- work: a worker's session
 * ------------------------------------------------------------------------ */

/* Many tasks at once, pushed by the broker as far as there is credit. One thread; the caller's loop
 * polls baton_worker_fd and calls baton_worker_next until it returns BATON_TIMEOUT. The session
 * heartbeats, reconnects, announces the leases it holds, and sends reports again until they are
 * acknowledged; leases are renewed by itself as long as baton_worker_next is called. */
typedef struct baton_worker baton_worker;

struct baton_worker_options {
    const char *name; /* the worker's own, for ever */
    const char *const *roles;
    size_t n_roles;
    const char *const *projects;
    size_t n_projects;
    uint32_t slots;
    const struct baton_options *connection; /* may be NULL */
    /* Leases still held from an earlier life of this process (see baton_worker_report): announced
     * at once. */
    const struct baton_held {
        uint64_t token;
        bool started;
    } * held;
    size_t n_held;
};

enum baton_worker_event_kind {
    BATON_WORK_ASSIGNED, /* assignment: the caller's, free with baton_assignment_free */
    BATON_WORK_STOP,     /* token, reason, grace_ms: end this task, then report CANCELLED */
    BATON_WORK_LOST,     /* token: no longer ours; end it, its result changes nothing */
    BATON_WORK_REPORTED, /* token, status, state: the broker has the report of the end, durably */
    BATON_WORK_DRAIN,    /* reason: take nothing new */
    BATON_WORK_RESUME,   /* the drain has ended */
    BATON_WORK_UP,       /* connected: epoch */
    BATON_WORK_DOWN,     /* not connected */
};

struct baton_worker_event {
    enum baton_worker_event_kind kind;
    baton_assignment *assignment;
    uint64_t token;
    const char *reason; /* borrowed until the next call */
    int64_t grace_ms;
    baton_status status;
    baton_state state;
    uint64_t epoch;
};

BATON_API BATON_MUST_CHECK baton_status baton_worker_open(
    const char *endpoint, const struct baton_worker_options *options, baton_worker **ret_worker);
/* Says Bye (what is not reported goes back to the queue) and waits up to linger_ms for reports to
 * be acknowledged. With `keep` the leases stay: this process will be started again and announce
 * them. */
BATON_API void baton_worker_close(baton_worker **worker, int64_t linger_ms, bool keep);

/* Readable when baton_worker_next may have something. It is edge-triggered: call next until
 * BATON_TIMEOUT. Stays the same while the session lives. */
BATON_API int baton_worker_fd(const baton_worker *worker);
/* Milliseconds until next must be called again even if the descriptor stays silent; -1: never. */
BATON_API int64_t baton_worker_timeout_ms(const baton_worker *worker);
BATON_API BATON_MUST_CHECK baton_status baton_worker_next(baton_worker *worker, int64_t timeout_ms,
                                                          struct baton_worker_event *ret_event);

/* How many tasks more may come. Starts at 0. */
BATON_API void baton_worker_credit(baton_worker *worker, uint32_t slots);
BATON_API void baton_worker_started(baton_worker *worker, uint64_t token);
BATON_API void baton_worker_progress(baton_worker *worker, uint64_t token, uint32_t percent,
                                     const char *text, int64_t next_update_at);
/* Copies. Sent until acknowledged (BATON_WORK_REPORTED); the lease is renewed until then. */
BATON_API BATON_MUST_CHECK baton_status baton_worker_report(baton_worker *worker, uint64_t token,
                                                            const struct baton_result *result);
BATON_API const char *baton_worker_error(const baton_worker *worker);

#ifdef __cplusplus
}
#endif

#endif
