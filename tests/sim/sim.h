/* The simulated world around the core: time, workers, a store that can lose what is not durable, a
 * reference model, and steps that are each made from (seed, number of the step) and the world as it
 * stands, so that leaving steps out keeps the others meaningful. */
#ifndef BATON_SIM_SIM_H
#define BATON_SIM_SIM_H

#include "model.h"

#include "common/rng.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    NAMES_USER = M_IDS_USER, /* names below are "n<number>" … */
    NAMES_MADE = 2000,       /* … then "t<number>", as the broker makes them; then what it made */
    MARKS_MAX = 3,
    STEPS_KINDS_MAX = 32,
};

extern const char *const sim_projects[M_PROJECTS];
extern const char *const sim_workers[M_WORKERS];
extern const char *const sim_actors[M_ACTORS];

/* How often things happen, in parts of 1,000; drawn for each seed, many of them zero. */
enum { BOARD_KINDS = 10 }; /* of steps on the board */

struct rates {
    int kind[STEPS_KINDS_MAX]; /* weights */
    int edges, claims, deadline, hard, fairness, unique, held, not_before, limits, garbage;
    int gates, approval, parks;
    int budgets;
    int board; /* most steps on the board are of this kind; BOARD_KINDS: of any */
    int milestone, policy, groups, numbered, failure, late_tick, estimates, forward;
    int projects, roles, workers, resources; /* how many of each are in use */
    int live_max;
    int64_t tick_ms; /* a usual step of time */
};

struct batch {
    uint64_t seq;
    uint32_t n;
    uint8_t *facts;
    size_t bytes;
    uint8_t *chunk; /* of a snapshot */
    size_t chunk_bytes;
    bool snapshot_begin, snapshot_end;
    uint64_t snapshot_seq;
};

/* What is in the store from here on is not durable yet. */
struct mark {
    struct model *copy;
    size_t n_batches;
};

struct world {
    uint64_t seed;
    uint32_t step;
    struct rng rng;
    struct rates rates;
    struct core_config config;
    struct core *core;
    struct core_out out;
    struct core_request request;
    struct arena arena;
    struct model *m;
    bool late;       /* time has moved without a tick */
    bool ticked;     /* in this step */
    bool skipped;    /* something was not compared for that reason */
    bool snapshot;   /* one is being taken */
    bool chunk_next; /* its first chunk comes next */
    struct batch pending;
    struct batch *batches;
    size_t n_batches, room_batches;
    struct mark marks[MARKS_MAX];
    int n_marks;
    char *names[M_NAMES_MAX];
    int n_names;
    struct buf event;     /* packed, the one at hand */
    struct core_out kept; /* events of an earlier step, to be read again */
    uint64_t *event_hash; /* by number */
    size_t room_events;
    struct m_entry *log; /* m->n_log of them */
    size_t room_log;
    uint64_t hash; /* of everything that came out */
    bool trace;
    const char *doing;
    jmp_buf *failed;
    const char *kind; /* of failure: the form of the message */
    char message[4096];
    uint64_t n_steps_of[STEPS_KINDS_MAX], n_accepted_of[STEPS_KINDS_MAX];
    uint64_t n_facts, n_events, n_crashes, n_lost_batches;
};

/* ---- world.c ---- */
struct world *world_new(uint64_t seed, bool trace);
void world_free(struct world *w);
/* Another world in the same memory, without rates. */
void world_reset(struct world *w, const struct core_config *config);
/* The request for the next verb. */
struct core_request *world_request(struct world *w, const char *actor);
uint32_t world_worker(struct world *w, int worker);
/* Puts what came out into the store; the step is over. */
void world_commit(struct world *w);
void world_mark(struct world *w);
void world_sync(struct world *w);
void world_crash(struct world *w);
void world_snapshot(struct world *w, uint32_t max_tasks);
void world_advance(struct world *w, int64_t ms);
/* Ticks until nothing is due. */
void world_tick(struct world *w);
int world_project(const char *name);
int world_name(struct world *w, const char *id); /* of an id, new ones included; -1: no room */
int world_slot(struct world *w, const char *project, const char *id);

static inline uint64_t
pick(struct world *w, uint64_t n)
{
    return rng_below(&w->rng, n);
}

/* True in `rate` of 1,000 cases. */
static inline bool
chance(struct world *w, int rate)
{
    return (int)rng_below(&w->rng, 1000) < rate;
}

/* ---- generate.c, message.c ---- */
void generate_rates(struct world *w);
void generate_spec(struct world *w, struct m_spec *spec);
void generate_edges(struct world *w, struct m_spec *spec, int n);
void generate_claims(struct world *w, struct m_spec *spec);
/* A value for each of the fields. */
void generate_fields(struct world *w, struct m_spec *spec, uint32_t fields);
int generate_id(struct world *w, int project);
void generate_submit(struct world *w, struct m_submit *submit);
void generate_change(struct world *w, struct m_change *change);
Baton__Spec *message_spec(struct world *w, const struct m_spec *spec);
Baton__Submit *message_submit(struct world *w, const struct m_submit *submit);
Baton__Change *message_change(struct world *w, const struct m_change *change);
Baton__Ref *message_ref(struct world *w, int project, int id);
/* Makes one field of the submission one that must be refused; returns the codes for it. */
codes message_spoil(struct world *w, Baton__Submit *submit);

/* ---- steps.c, work.c: what a step does ---- */
extern const char *const step_names[STEPS_KINDS_MAX];
enum step_kind {
    STEP_SUBMIT,
    STEP_RESUBMIT,
    STEP_CHILDREN,
    STEP_GARBAGE,
    STEP_CHANGE,
    STEP_PAUSE,
    STEP_RESOURCES,
    STEP_REPEAT,
    STEP_DISPATCH,
    STEP_TAKE,
    STEP_REPORT,
    STEP_ODD_REPORT,
    STEP_LOST,
    STEP_BACK,
    STEP_BYE,
    STEP_TIME,
    STEP_SNAPSHOT,
    STEP_MARK,
    STEP_SYNC,
    STEP_CRASH,
    STEP_QUESTION,
    STEP_FINISH,
    STEP_BOARD,
    STEP_PROJECT,
    STEP_LOCK,
    STEP_KINDS,
};
void step_run(struct world *w, uint32_t step);
void step_dispatch(struct world *w, bool take);
void step_report(struct world *w, bool odd);
void step_lost(struct world *w);
void step_back(struct world *w);
void step_bye(struct world *w);
void step_question(struct world *w);
/* The same, with what was decided elsewhere. */
void submit_it(struct world *w, const struct m_submit *submit, enum step_kind kind);
void change_it(struct world *w, const struct m_change *change);
void dispatch_it(struct world *w, int worker);
void report_it(struct world *w, const struct m_report *said, bool odd);
void lose_it(struct world *w, int worker);

/* ---- exhaust.c ---- */
/* Every history of that many steps in a small world; prints how many. False: one failed, told. */
bool exhaust(uint32_t depth, bool trace);

/* ---- lock.c ---- */
void step_lock(struct world *w);

/* ---- board.c ---- */
void step_board(struct world *w);
void board_take_event(struct world *w, const Baton__Event *e);
/* After a tick: no clock is due any more. When the next one rings. */
int64_t board_check_due(struct world *w);
void board_check(struct world *w);
void board_take_put(struct world *w, const struct core_put *put, const uint8_t *data);
/* Room for one more card in the model. False: there is none. */
bool board_make_room(struct model *m);
Baton__Code board_post(struct world *w, Baton__Post *message, Baton__Posted *ret, codes expected);

/* ---- board_signal.c ---- */
void step_signal(struct world *w);
/* The name of signal g as somebody writes it. */
char *signal_text(struct world *w, int g);
/* A handoff raises it, unless it is in force. */
void signal_owe(struct world *w, int project, int g);
void signal_take_event(struct world *w, const Baton__Event *e);
/* After a step: nothing is owed. */
void signal_check(struct world *w);

/* A task that holds a lease now, and its token; -1: none was found. */
int board_pick_holder(struct world *w, uint64_t *ret_token);

/* ---- board_status.c ---- */
void step_status(struct world *w);
void status_take_event(struct world *w, const Baton__Event *e, struct m_card *card);
/* Events of task t are words of its role. */
void status_hears(struct world *w, int t, const Baton__Event *e);

/* ---- board_incident.c ---- */
void step_incident(struct world *w);
/* A task that nobody submitted: may the broker have added it? It is added. */
bool incident_take_task(struct world *w, const Baton__Event *e);
void incident_take_event(struct world *w, const Baton__Event *e, struct m_card *card);
/* The events moved task t. */
void incident_task_moves(struct world *w, int t, const Baton__Event *e);
/* After a step: nothing is owed. */
void incident_check(struct world *w);

/* ---- board_decision.c ---- */
void step_decision(struct world *w);
void decision_take_event(struct world *w, const Baton__Event *e, struct m_card *card);
/* Those in force that concern the task's role come with it, and no others. */
void decision_check_given(struct world *w, int t, const Baton__Assignment *a);
/* ---- budget.c ---- */
void step_budget(struct world *w);
void budget_take_event(struct world *w, const Baton__Event *e, struct m_card *card);
void budget_check_told(struct world *w);
int64_t budget_check_due(struct world *w);
void budget_check(struct world *w);

/* ---- measure.c ---- */
Baton__Measure **measure_draw(struct world *w, struct m_report *report, size_t *ret_n);
bool measure_spoil(struct world *w, Baton__Measure **list, size_t n);
void measure_take(struct model *m, int t, const struct m_report *report);
void measure_task_ended(struct world *w, const Baton__Event *e, int t);
void measure_card(struct world *w, const Baton__Event *e);
void measure_check(struct world *w);
void measure_check_token(struct world *w);

/* ---- board_reservation.c ---- */
void step_reservation(struct world *w);
void reservation_take_event(struct world *w, const Baton__Event *e, struct m_card *card);
void reservation_check(struct world *w);

/* ---- board_schedule.c ---- */
void step_schedule(struct world *w);

void notice_check(struct world *w);

/* ---- board_role.c ---- */
void step_role(struct world *w);

/* ---- board_handoff.c ---- */
void step_handoff(struct world *w);
/* One that comes with a result. */
Baton__Card *handoff_message(struct world *w);
/* Task t is done: what it depends on is accepted. */
void handoff_done(struct world *w, int t);
/* One that came with a result. */
void handoff_adopt(struct world *w, const Baton__Event *e);
void handoff_take_event(struct world *w, const Baton__Event *e, struct m_card *card);
/* After a step: nothing is owed. */
void handoff_check(struct world *w);
/* The latest of each task that it depends on comes with the task, unless it was rejected. */
void handoff_check_given(struct world *w, int t, const Baton__Assignment *a);
void handoff_check_given_to_role(struct world *w, int t, const Baton__Assignment *a);

/* ---- check.c ---- */
/* Takes in the events that came out and compares all tasks that changed. */
void check_step(struct world *w);
void check_all(struct world *w);
/* One event, by what it says. */
void check_event(struct world *w, const Baton__Event *e);
void check_code(struct world *w, codes expected, Baton__Code code);
/* A refused request left nothing behind. */
void check_refused(struct world *w);
void check_why(struct world *w, int t);
void check_task(struct world *w, int t);
bool check_in_flux(const struct world *w, int t);

/* ---- check_bytes.c ---- */
/* The events and the facts of the step, and a record for the archive. */
void check_events(struct world *w);
void check_facts(struct world *w);
void check_put(struct world *w, const struct core_put *put, const uint8_t *data);
/* A chunk of a snapshot: is each record packed as it should be? */
void check_chunk(struct world *w, const struct buf *chunk);
/* Those that were kept, before their core goes. */
void check_kept_events(struct world *w);
void check_replayed_events(struct world *w, const struct core *core, const struct core_out *out);

/* ---- trace.c ---- */
void trace_line(struct world *w, const char *fmt, ...) PRINTF_LIKE(2, 3);
void trace_message(struct world *w, const char *what, const ProtobufCMessage *message);
void trace_hash(struct world *w, const void *data, size_t bytes);
void trace_hash_message(struct world *w, const ProtobufCMessage *message);
_Noreturn void sim_fail(struct world *w, const char *fmt, ...) PRINTF_LIKE(2, 3);
const char *trace_codes(codes set, char *out, size_t room);
const char *trace_reasons(reasons set, char *out, size_t room);

/* ---- shrink.c ---- */
struct run {
    uint64_t seed;
    uint32_t n_steps;
    const uint8_t *leave_out; /* by step; NULL: none */
    bool trace;
    bool quiet;
};
struct outcome {
    bool failed;
    uint32_t step; /* that failed */
    uint32_t n_done;
    uint64_t hash;
    const char *kind;
    char message[4096];
};
/* Lives through one world, in this process. */
void run_world(const struct run *run, struct outcome *ret, uint64_t *n_kinds, uint64_t *n_accepted);
/* As run_world, in a child of its own: survives aborts. */
void run_guarded(const struct run *run, struct outcome *ret);
/* Leaves out steps while the run still fails; prints what is left. */
void shrink(uint64_t seed, uint32_t n_steps);

#endif
