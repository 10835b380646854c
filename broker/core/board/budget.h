/* A budget as evolve keeps it, private to the files budget*.c: budget.c the state and whom it keeps
 * back, budget_rule.c what a rule may say, budget_use.c what tasks use, budget_clock.c what time
 * does, budget_view.c what is shown, budget_record.c snapshots. */
#ifndef BATON_BROKER_CORE_BOARD_BUDGET_H
#define BATON_BROKER_CORE_BOARD_BUDGET_H

#include "broker/core/board/board.h"

enum { BUDGET_WARN_PERCENT = 80 };

#define BUDGET_AMOUNT_MAX INT64_C(4000000000000000000)
#define BUDGET_MS INT64_C(1000000) /* a millisecond, as an amount */
#define DAY_MS INT64_C(86400000)

struct budget_limit {
    char name[MEASURE_NAME_BYTES_MAX + 1]; /* "time", "tasks", or a measure */
    char unit[CARD_TAG_BYTES_MAX + 1];
    int64_t limit;
    int64_t reserve; /* for each running task, as given; -1: not given */
    int64_t used;
    int64_t reserved;   /* sum of what the holds have left */
    uint64_t n_ended;   /* attempts that ended under it … */
    int64_t ended;      /* … and what they used, for the estimate */
    uint32_t told;      /* percent */
    uint32_t n_timed;   /* time: what runs under it … */
    int64_t counted_to; /* … and the sum of the times up to which theirs is in `used` */
};

struct budget {
    uint64_t number; /* of its card */
    char *name, *owner;
    uint32_t project;
    bool everywhere;      /* in every project */
    int role;             /* -1: every */
    char *task;           /* NULL: no single one */
    uint32_t was_project; /* before the card changed, until tasks have moved … */
    char *was_task;       /* … and the task then */
    bool hard, daily;
    int64_t rings_at; /* the day ends */
    uint32_t rung;
    bool fresh;  /* of a snapshot: the card has not come yet */
    bool counts; /* its card is there */
    bool spent;  /* counted where it keeps tasks back */
    bool stop_due;
    struct budget_limit *limits;
    uint32_t n_limits;
};

/* Millionths of a value, at most BUDGET_AMOUNT_MAX; their sum; and back. */
int64_t budget_amount(double value);
int64_t budget_plus(int64_t a, int64_t b);
double budget_value(int64_t micro);

struct budget *budget_find(const struct core *core, uint64_t number); /* NULL */
struct budget *budget_make(struct core *core, uint64_t number);
void budget_drop(struct core *core, uint64_t number);
struct budget_limit *budget_limit_find(const struct budget *b, const char *name); /* NULL */
bool budget_covers(const struct budget *b, const struct task *task);
bool budget_is_used_up(const struct budget *b);
/* One that runs under its limit of time more (1) or less (-1). */
void budget_weigh_time(const struct budget *b, const struct task *task, struct budget_limit *l,
                       const struct budget_hold *hold, int by);
/* Its numbers changed: tells, and puts tasks where they belong now. */
void budget_update(struct core *core, struct budget *b, struct core_out *out, int64_t at);

/* ---- budget_rule.c ---- */

card_verb_fn budget_set, budget_remove;
void budget_ring(struct core *core, struct core_request *request, const struct card *card);

/* ---- budget_clock.c ---- */

/* Something runs under its limit of time. */
bool budget_is_timed(const struct budget *b);
void budget_emit_timed(struct core *core, struct core_request *request, const struct budget *b);
/* How much of it was used when it is told first. */
int64_t budget_warn_at(const struct budget_limit *l);

/* ---- budget_use.c ---- */

/* What the running task uses of the limit; NULL: nothing. */
struct budget_hold *budget_hold_find(const struct task *task, const struct budget *b,
                                     const struct budget_limit *l);
/* The task's time is counted up to `at`; budget_update is to follow. False: it does not count. */
bool budget_count_time(struct task *task, struct budget *b, int64_t at);

/* One more, zeroed; good until the next. */
struct budget_hold *budget_hold_add(struct run *run);

#endif
