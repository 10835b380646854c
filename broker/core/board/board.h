/* The board: cards by number, by name and by task, and their clocks. Private to broker/core.
 *
 * A card is what people and agents coordinate with (proto/card.proto). Its message is the whole
 * state of it: what else stands here is derived. A change of a card is one fact, CardPut, which
 * holds the card as it is after it; evolve takes away what the old one meant for tasks and adds
 * what the new one means (weigh), then puts the tasks where they belong (shift).
 *
 * One file a kind decides what may be done with it; the table in kinds.c names them all. */
#ifndef BATON_BROKER_CORE_BOARD_BOARD_H
#define BATON_BROKER_CORE_BOARD_BOARD_H

#include "broker/core/state.h"

enum { CARD_KINDS_N = 26, CARD_VERBS_N = 83 };

/* Short names of the enums. */
#define KIND(name) BATON__CARD_KIND__CARD_##name
#define CARD(name) BATON__CARD_STATE__CARD_##name
#define VERB(name) BATON__CARD_VERB__CARD_##name

struct card {
    Baton__Card *message;          /* owned; of protobuf-c's default allocator */
    uint32_t slot;                 /* in core->board.slots */
    uint32_t next, prev;           /* all, by number */
    uint32_t clock_pos;            /* in the heap of clocks, or of ended ones; 0: in none */
    uint32_t open_next, open_prev; /* of its kind, not ended, by number */
    bool is_listed;                /* it stands there */
    struct card_group *group;      /* NULL: it is in none */
    uint32_t group_next, group_prev;
    bool aside;        /* as of tasks: what the snapshot says of it is packed */
    uint32_t concerns; /* decision in force: the roles on whose lists it is, as bits */
    char *identity;    /* kind, project and name; NULL: it has no name (any more). Owned */
    UT_hash_handle by_identity;
};

/* Cards that are found by what they concern; a card is in one of these at most. */
enum group_of {
    OF_NOTHING,
    OF_TASK,            /* all about one task, whether the task is in memory or not */
    OF_ROLE,            /* handoffs of no task that nobody in the role has answered */
    OF_BLOCKED_ROLE,    /* open blockers on a role, of any project */
    OF_BLOCKED_PROJECT, /* … on a whole project */
    OF_LEASE,           /* reservations in force that end with a lease: its token */
};

struct card_group {
    char *key; /* which of these, project (of some), NUL, name; owned */
    uint32_t first, last;
    UT_hash_handle by_key;
};

/* A verb at work on a card. The verb's function checks, and changes `next`; it emits nothing. */
struct posting {
    struct core *core;
    struct core_request *request;
    const Baton__Post *post;
    const Baton__Card *given; /* what the request says of the card; checked for size and form */
    const struct card *card;  /* as it stands; NULL: a new one */
    struct task *task;        /* that it is about; NULL: none, or not in memory */
    struct task *under;       /* whose lease the poster holds; NULL: no agent */
    bool counted;             /* room for it was looked for */
    uint64_t displaced;       /* decision: the one whose name it takes over; 0: none */
    Baton__Card next;         /* as it will be; shallow: texts are the request's or the card's */
    /* After the fact: what else follows, as facts of their own; NULL: nothing. */
    void (*then)(struct posting *posting, struct card *card);
};

typedef Baton__Code card_verb_fn(struct posting *posting);

/* Fields of a Card by their numbers, as bits: what a request may give. */
#define GIVES(number) (1u << (number))
enum {
    GIVES_TITLE = 1 << 6,
    GIVES_TEXT = 1 << 7,
    GIVES_TASK = 1 << 8,
    GIVES_ROLE = 1 << 9,
    GIVES_TO_ROLE = 1 << 10,
    GIVES_OWNER = 1 << 11,
    GIVES_SEVERITY = 1 << 12,
    GIVES_DUE_AT = 1 << 16,
    GIVES_ITEMS = 1 << 20,
    GIVES_BODY = 1 << 21,
    GIVES_OUTCOME = 1 << 22,
};

struct card_kind {
    const char *name; /* "blocker" */
    uint32_t gives;   /* GIVES_…: fields that RAISE, SET and AMEND may give */
    bool named;       /* has a name, unique in its project and kind */
    bool is_rule;     /* a submission may carry it */
    bool slugged;     /* … which is made a slug: "Database Ready" is "database-ready" */
    bool proposed;    /* what is open is a proposal, beside the card of the same name in force */
    card_verb_fn *verbs[CARD_VERBS_N];
    /* Its clock has rung: emits what follows (board_ring), and must move or stop the clock. */
    void (*ring)(struct core *core, struct core_request *request, const struct card *card);
    /* Adds (by = 1) or takes away (-1) what the card means for others: counters only. Also at
     * recovery, when all tasks are there. NULL: nothing. */
    void (*weigh)(struct core *core, const Baton__Card *card, int by);
    /* After weigh, live only: puts tasks where they belong now. NULL: nothing. */
    void (*shift)(struct core *core, const Baton__Card *card, struct core_out *out, int64_t at);
};

extern const struct card_kind *const card_kinds[CARD_KINDS_N]; /* NULL: no such kind (yet) */

static inline bool
card_has_ended(const Baton__Card *card)
{
    return card->state >= CARD(RESOLVED);
}

/* ---- board.c: the store of cards ---- */

struct card *board_at(const struct core *core, uint32_t slot);
struct card *board_find(const struct core *core, uint64_t number); /* NULL */
/* By name, what has not ended; `project` as in Card. NULL: none. */
struct card *board_find_named(const struct core *core, unsigned kind, const char *project,
                              const char *name);
/* … the one that is only proposed. */
struct card *board_find_proposal(const struct core *core, unsigned kind, const char *project,
                                 const char *name);
/* The cards of a group, oldest first: the first, and the next one behind it. NULL: none. `project`
 * "" where those of all projects are one group. */
struct card *board_first_of(const struct core *core, enum group_of of, const char *project,
                            const char *name);
struct card *board_next_of(const struct core *core, const struct card *card);
/* The cards of a kind that have not ended, by number; the same. */
struct card *board_first_open(const struct core *core, unsigned kind);
struct card *board_next_open(const struct core *core, const struct card *card);
/* Puts a card in without effect on others: restore. Takes the message. */
struct card *board_add(struct core *core, Baton__Card *message);
/* They stand by number, and all weigh in: after a snapshot was loaded and the tasks are linked. */
void board_link(struct core *core);
void board_fini(struct core *core);
/* When board_tick has something to do; NEVER: nothing. */
int64_t board_next_at(const struct core *core);
/* The card whose clock is due first; NULL: none. */
struct card *board_ringing(const struct core *core, int64_t now);
/* The oldest that has ended, when more of those are kept than should be; NULL: not so many. */
struct card *board_surplus(const struct core *core);

void evolve_card_put(struct core *core, const Baton__Fact *fact, uint64_t seq,
                     struct core_out *out);
void evolve_card_gone(struct core *core, const Baton__Fact *fact, struct core_out *out);

/* ---- post.c ---- */

/* Emits the card's new state, from decide; returns the fact's number (a new card's own). */
uint64_t board_emit(struct core *core, struct core_request *request, const Baton__Card *next,
                    unsigned verb);
/* A copy to change and to emit: shallow. */
Baton__Card board_copy(const struct card *card);
/* Rings all clocks that are due, a bounded number. */
void board_tick(struct core *core, struct core_request *request);
/* The item with this tag and name; NULL: none. */
Baton__Item *card_item(const Baton__Card *card, const char *tag, const char *name);
/* How many of its items have this tag. */
size_t card_items_tagged(const Baton__Card *card, const char *tag);
/* Appends an item to `next`, in the arena; the card it was copied from stays as it is. */
Baton__Item *card_item_add(struct core_request *request, Baton__Card *next, const char *tag,
                           const char *name);
/* A copy of the items, so that they can be changed in place. */
void card_items_own(struct core_request *request, Baton__Card *next);
Baton__Code post_illegal(struct posting *posting, const char *what);
/* The given item is wrong. */
Baton__Code post_bad_item(struct posting *posting, size_t i, const char *what);

/* Would the request be done? Fills in *p: what the card would be, and *ret_changed: another one
 * than it is. Changes nothing. `counted`: whoever calls has looked for room. */
Baton__Code posting_decide(struct posting *p, struct core *core, struct core_request *request,
                           const Baton__Post *post, bool counted, bool *ret_changed);
/* Is there room for so many cards more, of them budgets? */
Baton__Code board_check_room(const struct core *core, struct core_request *request, size_t n_cards,
                             size_t n_budgets);

/* One card more is on the list (by = 1), or one less (-1). */
void numbers_weigh(struct numbers *numbers, uint64_t number, int by);

/* ---- carried.c: cards of a submission ---- */

/* May all be set? Fills in ret->cards. */
Baton__Code carried_check(struct core *core, struct core_request *request,
                          const Baton__Submit *submit, Baton__Submitted *ret);
/* Sets them; they were checked. */
void carried_emit(struct core *core, struct core_request *request, const Baton__Submit *submit);

/* ---- signal.c ---- */

/* Raises the signal of this name, unless it is in force; `from` says whose it is (project, task,
 * role) and why. */
void signal_emit(struct core *core, struct core_request *request, const Baton__Card *from,
                 const char *name);

/* ---- rule.c ---- */

/* What was given replaces what the rule said. */
void rule_replace(struct posting *posting);
Baton__Code rule_remove(struct posting *posting);

/* ---- reservation.c ---- */

enum { RESERVATION_CLAIMS_MAX = CLAIMS_MAX };

/* What the card holds, if it is a reservation in force; its resources are known. How many. */
uint32_t reservation_claims(const struct core *core, const Baton__Card *card,
                            struct claim claims[RESERVATION_CLAIMS_MAX]);
/* The next reservation in force, *at and those behind it (0: of all), that is in the way of what
 * is wanted; *at is behind it then. */
const Baton__Card *reservation_next(const struct core *core, uint32_t *at,
                                    const Baton__Claim *wanted);

/* ---- concern.c: whom decisions concern ---- */

/* Those of a project that concern a role, or are of an area, rising. Borrowed; NULL: none. */
const struct numbers *decisions_of_role(const struct core *core, const char *project,
                                        const char *role);
const struct numbers *decisions_of_area(const struct core *core, const char *project,
                                        const char *area);
/* A decision comes into force (by = 1) or no longer is (-1). */
void decision_list_weigh(struct core *core, const Baton__Card *decision, int by);
/* So is an area's rule: its decisions concern others. O(their number). */
void area_weigh(struct core *core, const Baton__Card *area, int by);
void decision_lists_fini(struct core *core);

/* ---- the kinds ---- */

/* The rule for its severity in its project; NULL: what is built in (incident_level.c). */
const Baton__Card *incident_level(const struct core *core, const Baton__Card *incident);
/* Work of the roles that it calls makes way, where its level says so (yield.c). */
void incident_yield(struct core *core, struct core_request *request, uint64_t number);
/* The latest handoff of a task, unless it was rejected; NULL: none that counts. */
const Baton__Card *handoff_latest(const struct core *core, const char *project, const char *id);
/* The name of the area that a decision or an incident is of; "": none. */
const char *decision_area(const Baton__Card *card);
/* … and its rule; NULL: none. */
const Baton__Card *decision_area_rule(const struct core *core, const Baton__Card *card);

extern const struct card_kind card_budget;
extern const struct card_kind card_handoff, card_signal, card_decision, card_incident, card_status;
extern const struct card_kind card_blocker, card_area, card_level, card_target;
extern const struct card_kind card_schedule, card_reservation, card_role;

#endif
