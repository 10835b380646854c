/* Questions whose answer comes from the store: tasks in the archive, and backups. */
#ifndef BATON_FRONT_STORE_OPS_H
#define BATON_FRONT_STORE_OPS_H

#include "broker/front/dispatch.h"

enum store_op_kind {
    STORE_OP_GET,
    STORE_OP_WHY,
    STORE_OP_LIST,
    STORE_OP_CARDS,
    STORE_OP_BACKUP,
    STORE_OP_GC
};

enum { GC_STATES = 5 }; /* the terminal ones, from done on */

struct store_op {
    enum store_op_kind kind;
    uint64_t cookie;
    struct asker asker;
    struct arena arena;  /* of this operation */
    unsigned n_awaiting; /* answers of the store that are still to come */
    char *path;          /* BACKUP; in the arena */
    uint64_t seq;        /* BACKUP: facts up to here are in it */
    struct gc_op {
        bool dry_run;
        enum store_archive archive;
        uint64_t scanned; /* keys of it up to here were looked at */
        uint64_t n_cards, cards_bytes;
        uint64_t n[GC_STATES], bytes[GC_STATES];
        uint64_t kept, kept_bytes, to_archive;
    } gc;
    struct get_op {
        Baton__Ref ref; /* texts in the arena */
        uint64_t key;
        int state; /* that the tombstone knows */
    } get;
    struct list_op {
        Baton__List *list;       /* the question; in the arena */
        Baton__Listed *memory;   /* what the core knew */
        Baton__TaskView **found; /* in the archive, in order of keys; in the arena */
        size_t n_found, room;
        uint64_t *named; /* keys of those asked for by name that are in the archive, rising */
        size_t n_named;
        uint64_t bound;   /* keys above it are for another page */
        uint64_t scanned; /* keys up to here were looked at */
        unsigned n_pages;
        bool is_exhausted; /* the archive has no more */
    } list;
    struct cards_op {
        Baton__Cards *query;    /* the question; in the arena */
        Baton__CardList memory; /* what the core knew; its cards are copied into the arena */
        Baton__Card **found;    /* in the archive, by number; in the arena */
        size_t n_found, room;
        uint64_t bound;   /* as of lists */
        uint64_t scanned; /* … */
        unsigned n_pages;
        bool is_exhausted;
    } cards;
    struct store_op *prev, *next;
};

/* NULL, and `reply` is a refusal: there are too many. */
struct store_op *store_op_begin(struct call *call, enum store_op_kind kind,
                                Baton__FromBroker *reply);
/* One that nobody asked for. */
struct store_op *store_op_begin_own(struct front *front, enum store_op_kind kind);
/* Who asked, of the one with this number that is under way; NULL: there is none. O(n). */
struct asker *store_op_find_asker(struct front *front, const char *client, uint64_t number);
void store_op_end(struct front *front, struct store_op *op);
/* Sends the answer and ends the operation. */
void store_op_answer(struct front *front, struct store_op *op, const Baton__FromBroker *reply);
void store_op_refuse(struct front *front, struct store_op *op, Baton__Code code,
                     const char *message);

/* Hands on every answer that the store has. */
void store_ops_run(struct front *front);
void store_ops_fini(struct front *front);

/* What each kind does with its answer: answers in the end. */
void get_continue(struct front *front, struct store_op *op, const struct store_answer *answer);
void list_continue(struct front *front, struct store_op *op, const struct store_answer *answer);
void cards_continue(struct front *front, struct store_op *op, const struct store_answer *answer);
void gc_continue(struct front *front, struct store_op *op, const struct store_answer *answer);
void backup_continue(struct front *front, struct store_op *op, const struct store_answer *answer);

#endif
