/* A submission while it is looked at: what submit.c and the files beside it share. */
#ifndef BATON_BROKER_CORE_SUBMISSION_H
#define BATON_BROKER_CORE_SUBMISSION_H

#include "broker/core/state.h"

enum plan_kind { PLAN_ADD, PLAN_UPDATE, PLAN_UNCHANGED, PLAN_EXISTING };

/* What is to become of one task of the submission. */
struct plan {
    enum plan_kind kind;
    struct task *task;     /* the one that exists */
    struct task *replaced; /* by unique_key: cancelled first */
    bool raise;            /* EXISTING: its priority rises */
    bool made_id;
    uint32_t project; /* its number; 0: not known yet */
    struct identity identity;
    uint64_t diff;
    ProtobufCBinaryData packed;
};

struct submission {
    struct core *core;
    struct core_request *request;
    const Baton__Submit *submit;
    Baton__Submitted *ret;
    struct plan *plans;
    struct task *parent;
    size_t n;
    struct slotset names; /* slot = place in the submission + 1 */
};

/* ---- submit.c ---- */

/* "tasks[3]"; in the arena. */
const char *submission_place(const struct submission *s, size_t i);
/* Refuses because of this field of that task. */
Baton__Code submission_refuse(const struct submission *s, size_t i, Baton__Code code,
                              const char *field, const char *what);

/* ---- submit_bytes.c ---- */

/* If the request knows its bytes, each plan's `packed` becomes those of its task as they came. */
void submission_find_bytes(const struct submission *s);
/* `packed` becomes the description as it will be kept, once it has been checked. */
void submission_pack(const struct submission *s, size_t i);

/* ---- submit_ids.c ---- */

/* Ids for those that have none, each its own: neither in the store nor in the submission. */
void submission_make_ids(const struct submission *s);
/* The hash of each name and the number of its project, for all that follows. */
void submission_hash_names(const struct submission *s);
/* After that: no id is there twice; fills in `names`. */
Baton__Code submission_check_twice(struct submission *s);
/* … and no unique key of what is to be added. */
Baton__Code submission_check_unique(const struct submission *s);
/* After submission_check_twice: does a task of the submission bear the id? */
bool submission_has(const struct submission *s, const char *project, const char *id);

/* ---- submit_plan.c ---- */

/* What is to become of this task, given what is there already. */
Baton__Code submission_plan(struct submission *s, size_t i);

/* ---- submit_check.c: after all are planned, but for the first ---- */

Baton__Code submission_check_fits(const struct submission *s, size_t i);
Baton__Code submission_check_graph(const struct submission *s);
/* The dependencies that nobody knows yet, each once, go into the answer. */
Baton__Code submission_list_forward(struct submission *s);
/* An agent adds within bounds; fills in `parent`. */
Baton__Code submission_check_parent(struct submission *s);
/* A closed project takes nothing new from outside. */
Baton__Code submission_check_open(const struct submission *s);
Baton__Code submission_check_closings(const struct submission *s);
/* There is room for the projects that it would make. */
Baton__Code submission_check_projects(const struct submission *s);

#endif
