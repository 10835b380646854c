/* How milestones stand: what they wait for, the longest way that is left, and what holds them up.
 * No broker, no output. */
#ifndef BATON_CTL_MILESTONES_H
#define BATON_CTL_MILESTONES_H

#include "ctl/graph.h"

/* Beside the graph's node of the same number. */
struct milestone_task {
    int64_t estimate_ms;
    int64_t started_at;
    int64_t not_before;
    int64_t deadline;
    int64_t ends_at; /* the earliest end by what is known; INT64_MAX: never as things stand */
    char *phase;     /* owned; the label of its phase or milestone, "" for none */
    int reason;
    uint32_t held_by; /* what it waits for longest; itself: nothing that has not ended */
    bool is_milestone;
};

struct milestones {
    struct graph graph;
    struct milestone_task *tasks; /* by number of the node; owned */
    size_t room;
    uint32_t *order; /* of edges, by who waits; owned */
    uint32_t *begin; /* of a node's edges in it; owned */
    int64_t now;
};

enum milestone_standing {
    MILESTONE_DONE,
    MILESTONE_ENDED,    /* otherwise: cancelled, aborted, expired */
    MILESTONE_BLOCKED,  /* what it waits for has failed */
    MILESTONE_LATE,     /* its deadline has passed */
    MILESTONE_AT_RISK,  /* the longest way that is left passes it */
    MILESTONE_ON_TRACK, /* … does not */
    MILESTONE_OPEN,     /* it has no deadline */
};
const char *milestone_standing_name(enum milestone_standing standing);

struct milestone {
    enum milestone_standing standing;
    uint32_t done, total; /* of its own tasks: not those behind another milestone */
    uint32_t held_by;     /* node; itself: nothing */
};

void milestones_add(struct milestones *all, const baton_task *task);
/* After the last one. */
void milestones_finish(struct milestones *all, int64_t now);
/* A point at which a phase comes together before its milestone: not told by itself. */
bool milestones_is_barrier(const struct milestones *all, uint32_t node);
struct milestone milestones_look(const struct milestones *all, uint32_t node);
void milestones_fini(struct milestones *all);

#endif
