/* The naive reference model: a second implementation of docs/semantics.md and of nothing else.
 *
 * As simple as it can be: everything is found by looking at everything, and what follows is
 * computed again from the start after each change. What the page leaves to the broker (ids, keys,
 * tokens, jitter) is taken from the core and checked against its bounds (check.c). Flat, so that a
 * crash can put an earlier copy back. */
#ifndef BATON_SIM_MODEL_H
#define BATON_SIM_MODEL_H

#include "broker/core/core.h"
#include "common/limits.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    M_TASKS_MAX = 2048,
    M_NAMES_MAX = 4096,
    M_IDS_USER = 1900, /* names from here on are not counted in n_ids */
    M_PROJECTS = 3,
    M_ROLES = 6,
    M_RESOURCES = 11,
    M_WORKERS = 4,
    M_ACTORS_FREE = 3, /* that submit */
    M_SCHEDULES = 3,   /* names in each project; actors too */
    M_ACTORS = M_ACTORS_FREE + M_SCHEDULES,
    M_LABEL_SCHEDULE = 1000, /* labels from here on say of which schedule */
    M_FAIR = 3,
    M_EDGES_MAX = 12,
    M_CLAIMS_MAX = 3,
    M_TAKEN_MAX = 3,
    M_LEASES_MAX = 8192,
    M_LINGERS_MAX = 256,
    M_CHANGED_MAX = 4096,
    M_SUBMIT_MAX = 48,
    M_CLIENTS = 3,
    M_ANSWERS_MAX = 48,
    M_CARDS_MAX = 400,
    M_ASKS_HANDOFF = 1,
    M_ASKS_APPROVAL = 2,
    M_ASKS_LIMIT = 4,
    M_ASKS_REVIEW = 8,
    M_SIGNALS = 3,
    M_GATES = M_SIGNALS + 1,              /* and a decision */
    M_GATE_FIRST = M_NAMES_MAX - M_GATES, /* names from here on are gates, never tasks */
    M_MEASURES = 3,
    M_BUDGETS = 6,
    M_LIMITS = 3, /* tokens, time, tasks */
};

/* States and reasons under short names. */
enum {
    WAITING = BATON__TASK_STATE__STATE_WAITING,
    READY = BATON__TASK_STATE__STATE_READY,
    LEASED = BATON__TASK_STATE__STATE_LEASED,
    RUNNING = BATON__TASK_STATE__STATE_RUNNING,
    PARKED = BATON__TASK_STATE__STATE_PARKED,
    REVIEW = BATON__TASK_STATE__STATE_REVIEW,
    CANCELLING = BATON__TASK_STATE__STATE_CANCELLING,
    DONE = BATON__TASK_STATE__STATE_DONE,
    FAILED = BATON__TASK_STATE__STATE_FAILED,
    CANCELLED = BATON__TASK_STATE__STATE_CANCELLED,
    ABORTED = BATON__TASK_STATE__STATE_ABORTED,
    EXPIRED = BATON__TASK_STATE__STATE_EXPIRED,
    STATES_N,
};

/* A set of codes that an answer may have. */
typedef uint32_t codes;
#define CODE(name) (1u << BATON__CODE__CODE_##name)

/* A set of reasons that a task may show. */
typedef uint64_t reasons;
/* Numbers from 64 on share a bit with one that nobody has. */
static inline reasons
why_bit(int reason)
{
    return UINT64_C(1) << (reason & 63);
}
#define WHY(name) why_bit(BATON__REASON__REASON_##name)
#define WHY_READY                                                                                  \
    (WHY(QUEUED) | WHY(NO_WORKER) | WHY(NO_CREDIT) | WHY(LOCK) | WHY(ROLE_PAUSED) |                \
     WHY(PROJECT_PAUSED) | WHY(BROKER_PAUSED) | WHY(LOCK_PAUSED) | WHY(SUBMITTER_PAUSED) |         \
     WHY(BLOCKER) | WHY(BUDGET))

struct m_edge {
    int16_t id;
    int8_t project;
    int8_t condition;
    int8_t policy;
    uint8_t any;
};

struct m_claim {
    int8_t resource;
    bool shared;
    int32_t amount;
};

/* A Spec, small and comparable: zeroed before use. Texts are numbers. */
struct m_spec {
    int16_t id; /* -1: the broker makes one */
    int8_t project;
    int8_t role; /* -1: milestone */
    int8_t priority;
    int8_t on_deadline;
    int8_t on_conflict;
    int8_t unique;   /* 0: none */
    int8_t fairness; /* 0: none */
    uint8_t n_edges;
    uint8_t n_claims;
    bool held;
    bool approval;
    bool no_preempt;
    uint32_t title, prompt, label, weight;
    uint32_t max_attempts, crash_limit;
    int64_t deadline, not_before, estimate;
    int64_t backoff, backoff_cap, max_runtime, idle, lease, stall, review, window;
    struct m_edge edges[M_EDGES_MAX];
    struct m_claim claims[M_CLAIMS_MAX];
};

/* What a running task uses of a limit. */
struct m_hold {
    bool on;
    int64_t left, counted, since;
};

struct m_budget {
    uint64_t number; /* 0: there is none */
    int8_t project, role;
    int16_t task;
    bool everywhere, hard, daily;
    int told[M_LIMITS];
    int64_t limit[M_LIMITS]; /* 0: none */
    int64_t reserve[M_LIMITS], used[M_LIMITS], n_ended[M_LIMITS], ended[M_LIMITS];
    int64_t aside[M_LIMITS]; /* reserved for tasks that are looked at as if they were leased */
};

struct m_task {
    struct m_spec spec;
    int16_t id;
    int8_t project;
    bool archived;
    uint8_t n_yields;          /* times it made way for an incident */
    int64_t begun_at, said_at; /* of its latest attempt, as events told; 0: not yet */
    bool response;             /* to an incident: added by the broker */
    bool held;
    bool ever_started;
    bool wait_backoff;    /* until next_lo, at latest next_hi */
    bool wait_not_before; /* spec.not_before has not been seen to pass */
    bool was_ready;       /* the anchor is fixed */
    bool anchor_due;      /* is first ready; the anchor follows in the order of the events */
    bool late_ok;         /* waits because its latest lease ended by time alone */
    bool suspect, stalled, sessionless;
    bool maybe_suspect; /* the broker was restarted: nobody has a session */
    bool vague;         /* the page leaves its state open: taken from the core */
    int8_t worker;
    int8_t actor;
    uint32_t attempt, failures, losses;
    uint8_t n_taken; /* while its latest lease lasted, beside its claims */
    struct m_claim taken[M_TAKEN_MAX];
    int16_t parent; /* slot, or -1 */
    int16_t root;
    uint16_t depth, n_children, n_below;
    reasons why; /* that its state may have, unless it holds a lease */
    int64_t created_at, anchor, ended_at;
    int64_t next_lo, next_hi;   /* back-off */
    int64_t end_lo, end_hi;     /* of the lease */
    int64_t start_lo, start_hi; /* latest start */
    int64_t grace_lo, grace_hi; /* of cancelling */
    int64_t deadline_hi;        /* when a hard deadline must have acted; normally the deadline */
    int64_t started_at, progress_at, next_update_at;
    int64_t stall_from_hi; /* the silence counts from progress_at, at latest from here */
    int64_t lease_ms, grace_ms;
    int64_t risk_told, late_told;  /* deadlines; 0: none */
    int64_t review_at, review_due; /* of an approval that it waits for */
    int review_told;               /* how many of these */
    bool escalated;
    bool owed_risk; /* milestone: it is to be told at risk in this step */
    int cause;      /* of cancelling */
    uint8_t waits;  /* enum m_wait; parked */
    int16_t waits_gate;
    uint64_t waits_number; /* of the blocker; 0: it is raised in this step */
    uint32_t rework;
    int64_t after_since;        /* its dependencies were changed */
    uint64_t handed;            /* latest token under which it gave a handoff */
    bool owed_blocker;          /* its result raises one */
    bool owed_handoff;          /* … gives one */
    double measure[M_MEASURES]; /* of its latest attempt */
    bool said[M_MEASURES];
    struct m_hold hold[M_BUDGETS][M_LIMITS];
};

/* What was counted. */
struct m_entry {
    int64_t at, ms;
    double coverage, lines;
    enum { M_ENDED, M_ACCEPTED, M_REJECTED, M_RESOLVED } what;
    int8_t project, role;
    bool done, on_time, overdue, plain;
};
struct m_sum {
    uint64_t n;
    double sum, last;
};

enum m_wait { W_NONE, W_BLOCKER, W_GATE, W_APPROVAL, W_CHILDREN, W_REWORK };

enum m_end { END_LIVE, END_REPORTED, END_TIME, END_WORKER, END_BYE, END_GRACE };

/* Every lease ever given, by rising token. */
struct m_lease {
    uint64_t token;
    int16_t task;
    int8_t worker;
    uint8_t outcome; /* accepted; 0: none */
    uint8_t end;     /* enum m_end */
    bool sessionless;
    bool unclean;    /* it ended, and its worker may still be at work */
    uint32_t losses; /* of the task when it was given */
};

struct m_linger {
    uint64_t token;
    int64_t until;
    bool sure; /* the page is clear that it holds */
    uint8_t n_claims;
    struct m_claim claims[M_CLAIMS_MAX + M_TAKEN_MAX];
};

struct m_pause {
    bool on;
    bool refuse;
    int64_t until; /* 0: stays */
};

struct m_answer {
    uint64_t number, digest, hash;
    int64_t at;
    uint32_t bytes, order;
};

struct m_client {
    uint64_t number; /* highest used */
    uint64_t acked;
    int64_t at; /* of its latest */
    int n_answers;
    struct m_answer answers[M_ANSWERS_MAX];
};

/* Of the board; ended ones are forgotten when there is no room. */
struct m_card {
    uint64_t number;
    uint8_t kind, state;
    int8_t project, role; /* role -1: none */
    int16_t task;         /* slot, or -1 */
    int64_t rings_at;     /* 0: it does not ring any more */
    int8_t to_role;       /* handoff: -1: none */
    bool owed;            /* handoff: it must be accepted in this step */
    bool owed_old;        /* handoff, decision: … superseded */
    uint64_t token;       /* handoff */
    bool notice, forward; /* blocker: raised by the broker itself; because of an unknown task */
    int8_t name;          /* signal, decision, area */
    /* Decision, area. */
    int8_t area;               /* -1: none */
    int8_t owner, proposer;    /* roles; proposer -1: none */
    uint8_t reviewers, spoken; /* roles, as bits */
    uint8_t rung;
    uint64_t supersedes; /* 0: none by its number */
    int64_t due_at;
    int64_t created_at; /* handoff, incident */
    /* Incident; roles as bits. */
    uint8_t severity;
    int16_t response[M_ROLES]; /* slots of the tasks; -1: not summoned */
    uint8_t answered;
    uint8_t calling;      /* their tasks must come in this step */
    uint8_t owed_answers; /* they have begun: it must be written down in this step */
    uint8_t told;         /* as its latest event had it */
    uint8_t missed;       /* written down as such */
    uint16_t preempted;   /* so many tasks are named that made way */
    bool frozen;          /* the resource that its level freezes */
    bool called_off;      /* resolved in this step: what has not begun is cancelled */
    /* Reservation. */
    uint64_t under; /* token */
    bool ended_by_lease;
    uint8_t n_claims;
    struct m_claim claims[M_CLAIMS_MAX];
};

struct m_schedule {
    uint64_t number; /* 0: there is none */
    int8_t overlap;
    uint8_t keep;
    bool skips_missed, has_task, paused, trouble;
    int64_t told, next, rings_at, jitter, within;
    uint32_t ran, skipped;
    int n_open;
    int16_t open[SCHEDULE_OPEN_MAX];
    struct m_spec body;
};

struct model {
    struct core_config config;
    int64_t now;
    uint64_t seq, event, epoch, token;
    int n_tasks, n_leases, n_lingers, n_ids;
    uint32_t n_answers; /* ever */
    uint8_t state[M_TASKS_MAX];
    uint8_t seen[M_TASKS_MAX]; /* state that the events gave */
    uint64_t key[M_TASKS_MAX];
    uint64_t latest[M_TASKS_MAX]; /* token */
    int16_t slot[M_PROJECTS][M_NAMES_MAX];
    struct m_pause broker, role[M_ROLES], project[M_PROJECTS], lock[M_RESOURCES], worker[M_WORKERS],
        submitter[M_ACTORS];
    bool closed[M_PROJECTS];
    /* As the events told it. */
    bool seen_closed[M_PROJECTS], seen_complete[M_PROJECTS], owed_complete[M_PROJECTS];
    uint32_t capacity[M_RESOURCES];
    int64_t virtual_time[M_FAIR + 1];
    bool connected[M_WORKERS];
    struct m_linger lingers[M_LINGERS_MAX];
    struct m_client clients[M_CLIENTS];
    struct m_lease leases[M_LEASES_MAX];
    uint8_t owed_signals[M_PROJECTS]; /* bit g: a handoff raises signal g */
    struct m_schedule schedules[M_PROJECTS][M_SCHEDULES];
    uint32_t workers[M_ROLES], credit[M_ROLES];
    uint8_t asked[M_PROJECTS][M_ROLES]; /* M_ASKS_…: by the rule of the role */
    int64_t review_ms[M_PROJECTS][M_ROLES];
    uint8_t rework_limit[M_PROJECTS][M_ROLES];
    int n_cards;
    struct m_card cards[M_CARDS_MAX];
    struct m_budget budget[M_BUDGETS];
    int n_preempted;  /* tasks that made way, and that no card names yet */
    int owed_budgets; /* levels to be told in this step */
    int n_log;        /* world.log */
    struct m_sum sum[M_PROJECTS][M_ROLES][M_MEASURES];
    /* Tasks changed since model_begin. */
    int n_changed;
    int16_t changed[M_CHANGED_MAX];
    /* The order, as of `order_valid`; see model_order. */
    bool order_valid;
    int n_order;
    int16_t order[M_TASKS_MAX]; /* ready tasks, first comes first */
    uint8_t tier[M_TASKS_MAX];  /* 0: P0 needs it, 1: P1, 2: all else */
    int64_t order_at[M_TASKS_MAX];
    int64_t effective[M_TASKS_MAX];
    uint16_t n_dependents[M_TASKS_MAX];
    struct m_task task[M_TASKS_MAX]; /* last: only n_tasks of them are copied */
};

void model_init(struct model *m, const struct core_config *config);
void model_copy(struct model *to, const struct model *from);
/* A new step: nothing has changed yet. */
void model_begin(struct model *m);

/* ---- looking ---- */
int model_find(const struct model *m, int project, int id);
bool model_is_live(const struct model *m, int t);
bool model_holds_lease(const struct model *m, int t);
int model_n_live(const struct model *m);
struct m_lease *model_lease(struct model *m, uint64_t token);
uint32_t model_max_attempts(const struct model *m, int t);
/* The reasons that hold for a waiting task, as a set; `first` is the one to show. */
reasons model_waiting_reasons(const struct model *m, int t, int *first);
/* The reasons that the task may show now. */
reasons model_reasons(const struct model *m, int t);
/* The order of everything that is live; kept until something changes. */
void model_order(struct model *m);
/* Why a ready task can't be leased now, as a set of reasons; 0: it can. `reserved` is a set of
 * resources that earlier ones have; `with_vague` counts lingering claims that may be gone.
 * *ret_waits_for: the resources that have no room for it. */
reasons model_obstacles(const struct model *m, int t, uint32_t reserved, bool with_vague,
                        uint32_t *ret_waits_for);
extern const char *const sim_resources[M_RESOURCES];
enum { M_FROZEN = 1 }; /* of them, by a P0 with a level */
/* True when the resources are the same, or paths of which one lies in the other. */
bool model_meet(int a, int b);
bool model_is_path(int resource);
/* Units of the resource in use; 1 at least when it is held whole or shared. */
uint32_t model_used(const struct model *m, int resource, bool with_vague);

/* ---- what is due ---- */
enum m_timer {
    T_WAIT_BACKOFF,
    T_WAIT_TIME,
    T_LEASE,
    T_START,
    T_RUNTIME,
    T_DEADLINE,
    T_GRACE,
    T_STALL,
    T_RISK,    /* its latest start has passed */
    T_FORWARD, /* what it waits for is unknown for a day */
    T_LATE,    /* its deadline has */
    T_REVIEW,  /* its approval is due soon, or overdue */
    T_BUDGET,  /* a hard one is used up */
};
struct m_due {
    enum m_timer timer;
    int64_t lo, hi; /* may act from lo on, must have acted by a tick at hi */
};
int model_timers(const struct model *m, int t, struct m_due due[8]);
/* What a task shows of how it stands to its deadline. */
int model_alert(struct model *m, int t);
/* When what it waits to be told of that is due; model_order first. */
int model_alerts(const struct model *m, int t, struct m_due due[2]);
bool model_is_escalated(const struct model *m, int t);

/* Task t is told to be at risk: milestones whose deadline it is are so, too (owed_risk). */
void model_press(struct model *m, int t);
void model_fire(struct model *m, int t, enum m_timer timer);
/* True when the timer may lead to that state. */
bool model_leads_to(const struct model *m, int t, enum m_timer timer, int to, int reason);

/* ---- changing ---- */
void model_touch(struct model *m, int t);
void model_set(struct model *m, int t, int state, reasons why);
/* Everything that follows: states of waiting and ready tasks, aborts, milestones. */
void model_settle(struct model *m);
/* An event said that the task is ready: the first time fixes its anchor. */
void model_first_ready(struct model *m, int t);

/* Could the claim be held beside what is held now? `with_vague`: lingering claims that may be gone
 * count. */
/* The same, paused or not. */
bool model_is_unheld(const struct model *m, const struct m_claim *claim, bool with_vague);
bool model_has_room(const struct model *m, const struct m_claim *claim, bool with_vague);

/* A task that the broker adds for an incident; its slot. */
int model_add_response(struct model *m, int project, int id, int role);
/* ---- budgets (budget.c) ---- */
/* One of the task's own, or of its role or project, is spent. */
bool budget_keeps(const struct model *m, int t, bool own);
/* A hard one is used up. */
bool budget_stops(const struct model *m, int t);
void budget_lease(struct model *m, int t, bool aside);
void budget_tokens(struct model *m, int t, double was, double is);
void budget_time(struct model *m, int t);
void budget_end(struct model *m, int t, int outcome);

/* ---- the board ---- */
struct m_card *model_card(struct model *m, uint64_t number); /* NULL */
bool model_card_is_open(const struct m_card *card);
/* The signal in force; NULL: none. */
struct m_card *model_signal(struct model *m, int project, int g);
/* What an edge to the gate waits for is there. */
bool model_gate_is_open(const struct model *m, int project, int id);
/* The broker's own open blocker on the task; NULL: none. */
struct m_card *model_notice(struct model *m, int t);
/* Somebody waits for it in vain, with policy hold. */
bool model_holds_up(const struct model *m, int t);
/* It waits for a task that nobody knows. */
bool model_waits_forward(const struct model *m, int t);
/* An open blocker is on the task; on its project or role. */
bool model_is_blocked(const struct model *m, int t);
bool model_is_blocked_around(const struct model *m, int project, int role);
/* What the card is about may be somewhere else now. */
void model_card_changed(struct model *m, const struct m_card *card);

struct m_submit {
    bool dry_run, strict, update;
    int8_t actor;
    bool attach_clash; /* two edges became one, with different policies */
    uint32_t close;    /* bit p: project p is closed with it */
    uint64_t parent_token;
    int n;
    struct m_spec spec[M_SUBMIT_MAX];
    int n_resources;
    int8_t resource[4];
    uint32_t capacity[4];
};
enum m_fate { FATE_CREATE, FATE_UPDATE, FATE_SAME, FATE_EXISTING, FATE_RAISE, FATE_REPLACE };
struct m_plan {
    enum m_fate fate[M_SUBMIT_MAX];
    int16_t other[M_SUBMIT_MAX]; /* existing task */
    bool forward;                /* some dependency is not known */
    bool forward_before;         /* … of an unchanged one */
    bool vague;                  /* counts are not the page's */
};
/* True when a task of the project was ever added. */
bool model_has_project(const struct model *m, int project);
/* What depends on a task that is to be attached depends on the one that stands for it. */
void model_attach(const struct model *m, struct m_submit *submit);
codes model_submit_codes(struct model *m, const struct m_submit *submit, struct m_plan *plan);
/* `ids[i]` is the id of a created task. */
void model_submit(struct model *m, const struct m_submit *submit, const struct m_plan *plan,
                  const int16_t *ids);

struct m_change {
    int verb;
    int n;
    int8_t project[M_EDGES_MAX]; /* a schedule cancels what its next occurrence would wait for */
    int16_t id[M_EDGES_MAX];
    bool subtree, dry_run, force, reason;
    int64_t grace;
    struct m_spec spec;
    uint32_t fields; /* enum m_field bits */
    bool filter;     /* by project, role, state instead of names; -1, -1, 0: any */
    int f_project, f_role, f_state;
};
enum m_field {
    F_PRIORITY = 1 << 0,
    F_DEADLINE = 1 << 1,
    F_ON_DEADLINE = 1 << 2,
    F_NOT_BEFORE = 1 << 3,
    F_ESTIMATE = 1 << 4,
    F_TITLE = 1 << 5,
    F_MAX_ATTEMPTS = 1 << 6,
    F_CRASH_LIMIT = 1 << 7,
    F_BACKOFF = 1 << 8,
    F_BACKOFF_CAP = 1 << 9,
    F_MAX_RUNTIME = 1 << 10,
    F_IDLE = 1 << 11,
    F_LEASE = 1 << 12,
    F_STALL = 1 << 13,
    F_ROLE = 1 << 14,
    F_PROMPT = 1 << 15,
    F_LABELS = 1 << 16,
    F_AFTER = 1 << 17,
    F_CLAIMS = 1 << 18,
    F_HELD = 1 << 19,
    F_UNIQUE = 1 << 20,
    F_FAIRNESS = 1 << 21,
    F_APPROVAL = 1 << 22,
    F_REVIEW = 1 << 23,
    F_NO_PREEMPT = 1 << 24,
    F_WHILE_RUNNING = (1 << 14) - 1 - (1 << 3) + (1 << 16) + F_APPROVAL + F_REVIEW + F_NO_PREEMPT,
};
codes model_change_codes(struct model *m, const struct m_change *change);
/* Returns how many tasks changed; -1: the page does not say. */
int model_change(struct model *m, const struct m_change *change);
/* Fields in which b differs from a. */
uint32_t model_differences(const struct m_spec *a, const struct m_spec *b);
void model_take_fields(struct m_spec *to, const struct m_spec *from, uint32_t fields);
void model_respecify(struct model *m, int t, const struct m_spec *spec);
/* True when a broken dependency would end the task as aborted. */
bool model_aborts(const struct model *m, int t);
/* True when the edges of `t` as given would close a cycle. */
bool model_would_cycle(const struct model *m, const struct m_spec *specs, int n);
void model_cancel(struct model *m, int t, int cause, int64_t grace);
/* Neither queued nor held. */
bool model_is_aside(const struct model *m, int t);
/* What the parked task waits for is there, or can't come. */
bool model_wait_is_over(const struct model *m, int t);
/* Its work is done: is it done, in review, or a failure? */
void model_done(struct model *m, int t);
void model_sent_back(struct model *m, int t);
bool model_is_replaced(const struct model *m, int t);
/* A receiver rejected what it needs: its lease ends, and it waits for that. */
void model_returned(struct model *m, int t);

struct m_report {
    uint64_t token;
    int worker; /* -1: without a session */
    enum { R_STARTED, R_BEAT, R_PROGRESS, R_RESULT } what;
    int outcome;
    int64_t retry_after, extend, next_update_at;
    bool accepted; /* what the core said: used where the page leaves it open */
    bool measured[M_MEASURES];
    double measure[M_MEASURES];
    uint8_t waits; /* with PARKED: enum m_wait; a blocker without number is raised */
    int16_t waits_gate;
    uint64_t waits_number;
    bool handoff;
};
codes model_report(struct model *m, const struct m_report *report);
void model_lost(struct model *m, int worker);
void model_back(struct model *m, int worker, const uint64_t *held, const bool *started, int n,
                uint64_t *ret_lost, int *ret_n_lost);
void model_bye(struct model *m, int worker);
void model_leased(struct model *m, int t, uint64_t token, int worker, int64_t lease_ms,
                  bool sessionless);
void model_restarted(struct model *m);
/* The lease is over; what becomes of the task follows from model_settle. */
void model_lose_lease(struct model *m, int t, enum m_end how);
void model_finish_cancelling(struct model *m, int t, int outcome, enum m_end how);

#endif
