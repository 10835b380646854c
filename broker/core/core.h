/* The core of the broker: the tasks and what becomes of them, as a pure state machine.
 *
 * Pure: no I/O, no clock, no randomness, no threads. Time, seeds and names come in with each
 * request. Every verb first decides (which facts follow, or why it is refused; nothing is changed)
 * and then evolves (applies the facts; evolve.c is the only writer of the state, here and at
 * recovery alike). So the same requests give the same facts, byte for byte, and a state recovered
 * from facts is the state before the crash, by construction.
 *
 * Not persistent, and said so where they stand: when leases run out (renewals are not journaled),
 * which workers are connected, how much credit a role has. After a restart every lease has a fresh
 * grace.
 *
 * What a request leaves behind for the edges is appended to its `struct core_out`: facts for the
 * journal, events for the feed, messages for workers, records for the archive. Nothing of it may
 * leave the process before its facts are durable. */
#ifndef BATON_BROKER_CORE_CORE_H
#define BATON_BROKER_CORE_CORE_H

#include "common/arena.h"
#include "common/buf.h"
#include "common/check.h"
#include "common/recur.h"
#include "common/words.h"

#include "fact.pb-c.h"
#include "task.pb-c.h"
#include "wire.pb-c.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct core;

enum { FACT_HEAD_BYTES_MAX = 96 }; /* longer names of actors are copied without */

/* Defaults and limits that an operator may set. Zeroed fields get the value in brackets. */
struct core_config {
    int64_t lease_ms;         /* of a worker's lease [5 min] */
    int64_t start_ms;         /* from lease to start [30 s] */
    int64_t suspect_ms;       /* after a session is lost [60 s] */
    int64_t restart_grace_ms; /* of leases after a restart [90 s] */
    int64_t cancel_grace_ms;  /* for a cancelled agent to end [60 s] */
    int64_t stall_ms;         /* without progress [20 min] */
    int64_t linger_ms;        /* of resources after an unclean end [120 s] */
    int64_t backoff_ms;       /* first [30 s] */
    int64_t backoff_cap_ms;   /* longest [30 min] */
    uint32_t max_attempts;    /* [3] */
    uint32_t crash_limit;     /* [3] */
    uint32_t hot_ended_max;   /* ended tasks kept in memory [100,000] */
    int64_t hot_ended_ms;     /* and for how long [7 d] */
    uint32_t hot_cards_max;   /* ended cards kept in memory [CARDS_ENDED_KEPT] */
    int64_t answers_ms;       /* answers to numbered requests [7 d] */
    uint32_t answers_max;     /* and how many [262,144] */
    uint32_t tasks_max;       /* [TASKS_MAX] */
    uint64_t hash_seed;       /* of the store, for ever */
};

struct core *core_new(const struct core_config *config); /* copies */
void core_free(struct core *core);
/* What follows from now on; the seed of hashes stays. Times that run already run on. */
void core_configure(struct core *core, const struct core_config *config); /* copies */

/* What follows from requests, in order. Zeroed is empty; core_out_clear keeps the memory. */
struct core_out {
    struct buf facts;   /* varint length and packed Fact, again and again */
    uint64_t first_seq; /* of the first fact; valid when n_facts > 0 */
    uint32_t n_facts;
    struct buf events; /* records of the core's own: core_event_next */
    uint64_t first_event;
    uint32_t n_events;
    struct core_stop { /* tell the worker to end a task */
        uint64_t token;
        uint32_t worker; /* core_worker_name */
        int64_t grace_ms;
        char reason[256];
    } * stops;
    size_t n_stops, room_stops;
    struct buf records; /* for the archive, one behind the other */
    struct core_put {
        bool is_card;
        uint64_t key; /* of the task; number of the card */
        size_t at;    /* where in `records` its record begins … */
        size_t bytes; /* … and how long it is */
    } * puts;
    size_t n_puts, room_puts;
};
void core_out_clear(struct core_out *out);
void core_out_fini(struct core_out *out);

/* Appends one of a run of events to `packed`: its length, as a varint, and the packed Event. It
 * begins at *pos, which is moved behind it, and is number `number`. Good as long as the core is
 * there; so most events are never packed, since nobody reads them. `packed` NULL: passed over. */
void core_event_next(const struct core *core, const uint8_t *events, size_t *pos, uint64_t number,
                     struct buf *packed);

/* One request: what comes in with it, and where its results go. The rest is zeroed. */
struct core_request {
    int64_t now;           /* broker time in ms; never falls */
    uint64_t seed;         /* randomness for this request */
    const char *actor;     /* who; "" for the broker itself */
    int64_t business_end;  /* of the next business day, in the broker's zone; 0: not known */
    struct arena *arena;   /* holds the answer; the caller resets it */
    const uint8_t *packed; /* the verb's message as it came, if packing gives these bytes … */
    size_t packed_bytes;   /* … else 0. Only core_submit looks, to pack less */
    struct core_out *out;
    Baton__Error error;    /* set (texts in the arena) when a verb returns other than OK */
    struct fact_head {     /* the core's own: what its facts begin with, packed */
        const char *actor; /* whose it is; NULL: nobody's yet */
        int64_t at;
        size_t bytes;
        uint8_t data[FACT_HEAD_BYTES_MAX];
    } head;
};

/* ---- verbs: each returns BATON__CODE__CODE_OK or the code also in request->error; refused means
 * unchanged ---- */

Baton__Code core_submit(struct core *core, struct core_request *request,
                        const Baton__Submit *submit, Baton__Submitted *ret) MUST_CHECK;
Baton__Code core_change(struct core *core, struct core_request *request,
                        const Baton__Change *change, Baton__Changed *ret) MUST_CHECK;
Baton__Code core_pause(struct core *core, struct core_request *request, const Baton__Pause *pause,
                       Baton__Done *ret) MUST_CHECK;
/* Shows a project, closes it to new tasks, or opens it again. */
Baton__Code core_project(struct core *core, struct core_request *request, const Baton__Project *ask,
                         Baton__ProjectReply *ret) MUST_CHECK;
/* Sets capacities, and answers with all resources. */
Baton__Code core_resources(struct core *core, struct core_request *request,
                           const Baton__Resources *resources, Baton__ResourceList *ret) MUST_CHECK;

/* Does something with a card of the board (docs/coordination.md). */
Baton__Code core_post(struct core *core, struct core_request *request, const Baton__Post *post,
                      Baton__Posted *ret) MUST_CHECK;
/* A page of cards. They are the board's own: good until the next verb. */
void core_cards(const struct core *core, struct core_request *request, const Baton__Cards *query,
                Baton__CardList *ret);

/* A record of the archive of cards. NULL: it can't be read. In the arena. */
Baton__Card *core_card_record(struct arena *arena, const uint8_t *record, size_t bytes);
/* Would core_cards show the card? */
bool core_card_matches(const Baton__Cards *query, const Baton__Card *card);

/* ---- schedules: recurring work (board/schedule.c). The core knows no zones: its caller looks up
 * the times ---- */

struct core_schedule {
    uint64_t number; /* of the card */
    struct recur rule;
    const char *zone;   /* IANA; good until the next verb */
    int64_t anchor;     /* what `every` counts from */
    int64_t start, end; /* no occurrence before or after; INT64_MAX: no end */
    int64_t told;       /* occurrences up to here have been dealt with */
    uint32_t keep;      /* so many of those that were missed are wanted, the latest */
};
/* The schedule whose clock is due first. False: none is. */
bool core_schedule_due(const struct core *core, int64_t now, struct core_schedule *ret);
/* When that will be; INT64_MAX: never. */
int64_t core_schedule_next_at(const struct core *core);
/* What the card of a schedule says, also of one that is not set yet. */
void core_schedule_read(const Baton__Card *card, struct core_schedule *ret);
/* By number, or by project and name. False: there is none. */
bool core_schedule_find(const struct core *core, const Baton__Card *which,
                        struct core_schedule *ret);

struct core_times {
    const int64_t *at; /* the latest `keep` in (told, now], rising */
    size_t n;
    int64_t next; /* the first after now; INT64_MAX: never */
};
/* Does what the schedule says about these occurrences, and sets its clock. It must be due. */
void core_schedule_pass(struct core *core, struct core_request *request, uint64_t number,
                        const struct core_times *times);

/* ---- work ---- */

/* The number of a worker's name; makes a fact when it is new. 0 and an error when the name is not
 * valid. */
uint32_t core_worker(struct core *core, struct core_request *request, const char *name);
const char *core_worker_name(const struct core *core, uint32_t worker);

struct core_dispatch {
    uint32_t worker; /* core_worker */
    uint32_t roles;  /* bit r for role r */
    uint32_t max;
    int64_t lease_ms;            /* 0: the task's or the default */
    bool sessionless;            /* the lease is not bound to the worker's session */
    const char *const *projects; /* n_projects 0: all */
    size_t n_projects;
    const Baton__Ref *task; /* only this one; NULL: any */
};
/* Leases the first `max` ready tasks that may run now, across the roles in their order. Answers in
 * the request's arena; none is no error. With `task`: an error says why that one can't be had. */
Baton__Code core_dispatch(struct core *core, struct core_request *request,
                          const struct core_dispatch *dispatch, Baton__Assign *ret) MUST_CHECK;

/* True when a dispatch for one of the roles might lease something now (cheap; may err towards
 * true). */
bool core_has_ready(const struct core *core, uint32_t roles);

/* One line of a Report. `worker` 0: without a session (anybody who knows the token). */
void core_report_line(struct core *core, struct core_request *request, uint32_t worker,
                      const Baton__Line *line, Baton__LineReply *ret);

/* The worker's session is gone: its leases end suspect_ms from now unless it comes back. */
void core_worker_lost(struct core *core, struct core_request *request, uint32_t worker);
/* The worker (re)connects and announces what it holds: those leases are renewed in full, its others
 * are given back or lost. Fills in the tokens that it announced in vain (in the arena). */
void core_worker_back(struct core *core, struct core_request *request, uint32_t worker,
                      const Baton__Held *const *held, size_t n_held, uint64_t **ret_lost,
                      size_t *ret_n_lost);
/* The worker said goodbye: what it holds is given back at once, uncounted. */
void core_worker_bye(struct core *core, struct core_request *request, uint32_t worker);
/* True while an operator drains the worker. */
bool core_worker_is_draining(const struct core *core, uint32_t worker);
/* Leases that the worker holds now. */
uint32_t core_worker_n_leases(const struct core *core, uint32_t worker);
/* The first worker after this one (0: of all) that holds a lease bound to its session; 0: none is
 * left. */
uint32_t core_worker_next_expected(const struct core *core, uint32_t worker);

/* For `why` and `status`, not persistent: workers connected, slots and free credit of a role. */
void core_set_capacity(struct core *core, int role, uint32_t workers, uint32_t slots,
                       uint32_t credit);

/* ---- locks of a running task ---- */

/* Somebody who waits for a lock already. */
struct core_lock_wait {
    uint64_t token;
    const char *name; /* in its one form */
    bool shared;
};
/* TRY (and WAIT, for one more look), RELEASE, CHECK. Not granted is no error. `waits` are the
 * requests that came earlier, in their order: what meets one of another task is not granted. */
Baton__Code core_lock(struct core *core, struct core_request *request, const Baton__Lock *lock,
                      const struct core_lock_wait *waits, size_t n_waits,
                      Baton__LockReply *ret) MUST_CHECK;

/* May the task wait for it behind those, in the order of names and without a cycle? */
Baton__Code core_lock_may_wait(struct core *core, struct core_request *request,
                               const Baton__Lock *lock, const struct core_lock_wait *waits,
                               size_t n_waits) MUST_CHECK;

/* ---- time ---- */

/* Does what is due at request->now, a bounded amount: starts that come due, leases that ran out,
 * deadlines, stalls, pauses that end, tasks to archive. Call it after the messages of a turn, so
 * that a renewal already received counts. */
void core_tick(struct core *core, struct core_request *request);
/* When core_tick has something to do next; INT64_MAX: never. May be in the past. */
int64_t core_next_at(struct core *core);

/* ---- questions: change nothing; answers in the arena ---- */

/* NOT_FOUND with *ret_archived_key set: the task is in the archive under that key. */
Baton__Code core_get(const struct core *core, struct core_request *request, const Baton__Ref *ref,
                     Baton__TaskView *ret, uint64_t *ret_archived_key) MUST_CHECK;
/* A page. Looks at a bounded number of tasks, so a page may be short or empty and still have a
 * `next`. */
Baton__Code core_list(const struct core *core, struct core_request *request,
                      const Baton__List *list, Baton__Listed *ret) MUST_CHECK;
Baton__Code core_why(const struct core *core, struct core_request *request, const Baton__Ref *ref,
                     Baton__Explained *ret, uint64_t *ret_archived_key) MUST_CHECK;
/* Tasks, roles, projects, pauses; the edges add what is theirs. */
void core_status(const struct core *core, struct core_request *request, Baton__StatusReply *ret);
/* What happened since the epoch began, and the cards that have not ended. O(cards). There is room
 * for TALLY_TIMES_MORE more times of the edges. */
enum { TALLY_TIMES_MORE = 1 };
void core_tally(const struct core *core, struct core_request *request, Baton__Tallies *ret);
/* … and what each of the roles in `ret` does and says, in one project ("": in all). */
void core_status_words(const struct core *core, struct core_request *request, const char *project,
                       Baton__StatusReply *ret);
/* The refs of the tasks a worker holds. */
void core_worker_tasks(const struct core *core, struct core_request *request, uint32_t worker,
                       Baton__Ref ***ret_refs, size_t *ret_n);
/* A record of the archive as a view. False: it can't be read. */
bool core_view_record(const struct core *core, struct arena *arena, const uint8_t *record,
                      size_t bytes, Baton__TaskView *ret);
/* False, and why, while an operator has the broker refuse new work. */
bool core_is_accepting(const struct core *core, const char **ret_reason);
uint64_t core_seq(const struct core *core);   /* of the newest fact */
uint64_t core_event(const struct core *core); /* number of the newest event */
uint64_t core_epoch(const struct core *core);
int64_t core_now(const struct core *core);   /* time of the newest fact */
size_t core_memory(const struct core *core); /* bytes, about */
uint64_t core_n_tasks(const struct core *core);
uint64_t core_n_archived(const struct core *core);
/* Ended tasks that core_tick will move to the archive now. O(their number). */
uint64_t core_n_to_archive(const struct core *core, int64_t now);
/* The outcome that the tombstone of a task knows, and its key; 0: there is none. */
int core_archived_state(const struct core *core, const Baton__Ref *ref, uint64_t *ret_key);

/* What was counted of roles and summed of measures. */
Baton__Code core_metrics(const struct core *core, struct core_request *request,
                         const Baton__MetricsRequest *ask, Baton__MetricsReply *ret) MUST_CHECK;
/* What whoever took the task would get with it; no token. */
Baton__Code core_context(const struct core *core, struct core_request *request,
                         const Baton__Ref *ref, Baton__Assignment *ret) MUST_CHECK;
/* The budgets, and what of them is used. */
Baton__Code core_budgets(const struct core *core, struct core_request *request,
                         const Baton__BudgetsRequest *ask, Baton__BudgetList *ret) MUST_CHECK;
/* Is it the token of a lease that is in force at request->now? */
void core_check_token(const struct core *core, struct core_request *request, uint64_t token,
                      Baton__TokenView *ret);

/* ---- requests that may come again ---- */

enum core_repeat {
    CORE_NEW,      /* not seen: do it, then core_remember */
    CORE_REPLAYED, /* seen: *ret_reply is the packed answer (borrowed) */
    CORE_USED,     /* the number is forgotten or was used for another request */
};
enum core_repeat core_recall(const struct core *core, const char *client, uint64_t number,
                             uint64_t digest, const uint8_t **ret_reply, size_t *ret_bytes);
/* The answer to a numbered request, also of a refused one. Drops what the client has acknowledged.
 */
void core_remember(struct core *core, struct core_request *request, const char *client,
                   uint64_t number, uint64_t acked, uint64_t digest, const uint8_t *reply,
                   size_t bytes);

/* ---- recovery ---- */

/* A chunk of a snapshot or a batch of facts, unpacked, for this core. Reading one needs nothing of
 * it: another thread may read what comes next while this one takes the last. What a piece held
 * before is gone with the next reading. False: damaged, and nothing of it may be taken. */
struct core_piece;
struct core_piece *core_piece_new(const struct core *core);
void core_piece_free(struct core_piece *piece);
/* Where what is to be read may be put; it stays there as long. */
uint8_t *core_piece_bytes(struct core_piece *piece, size_t bytes);
/* The bytes that are read stay where they are until the piece is of no use any more. */
bool core_piece_read_chunk(struct core_piece *piece, const uint8_t *data, size_t bytes) MUST_CHECK;
bool core_piece_read_facts(struct core_piece *piece, uint32_t n, const uint8_t *facts,
                           size_t bytes) MUST_CHECK;

/* The chunks of a snapshot in order, then batches of facts in order (facts up to core_seq are
 * skipped: a row may overlap the snapshot), then core_recovered once. False: damaged; the core is
 * of no use any more. Events of replayed facts go to `out` when it is given (the feed's window
 * after a restart). */
bool core_restore_piece(struct core *core, const struct core_piece *piece) MUST_CHECK;
bool core_replay_piece(struct core *core, uint64_t seq, const struct core_piece *piece,
                       struct core_out *out) MUST_CHECK;
/* The same with the reading. */
bool core_restore_chunk(struct core *core, const uint8_t *data, size_t bytes) MUST_CHECK;
bool core_replay(struct core *core, uint64_t seq, uint32_t n, const uint8_t *facts, size_t bytes,
                 struct core_out *out) MUST_CHECK;
/* Recounts every counter and checks every invariant; `error` gets a sentence when one does not
 * hold. */
bool core_recovered(struct core *core, char *error, size_t error_room) MUST_CHECK;
/* For tests: is each task found by its key and by its name? A recovery need not ask: a task is put
 * where none was found, and the indexes hold as many as there are tasks. */
bool core_is_indexed(const struct core *core);
/* A new life: raises the epoch; every lease has a fresh grace from now. */
void core_begin_epoch(struct core *core, struct core_request *request, uint64_t epoch,
                      const char *software);

/* A copy of the store begins a life of its own: the next fact has this number, above all that the
 * original may have reached, so that no token is given out twice; and every lease in the copy is
 * given back, since whoever held it belongs to the original. */
void core_skip_to(struct core *core, uint64_t seq);
void core_release_all(struct core *core, struct core_request *request, const char *why);

/* A snapshot of the state as it is now, handed out in chunks while the core goes on: what changes
 * before it was written is kept aside first. One at a time. */
void core_snapshot_begin(struct core *core);
bool core_snapshot_is_running(const struct core *core);
/* Fills `chunk` (what was in it is gone, its memory the core's) with about max_tasks cards and
 * tasks; false when that was the last one. */
bool core_snapshot_step(struct core *core, uint32_t max_tasks, struct buf *chunk);
/* The state is that after this fact. */
uint64_t core_snapshot_seq(const struct core *core);

/* A digest of the whole persistent state: equal states, equal digests. Costs a whole walk. */
uint64_t core_digest(struct core *core);

#endif
