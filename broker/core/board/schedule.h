/* What the files schedule*.c share: schedule.c what is done with one, schedule_check.c what is one,
 * schedule_items.c the items that it keeps for itself, schedule_occur.c what its occurrences do.
 *
 * Items that a request gives: when zone overlap missed jitter start end within report. The others
 * are the schedule's own:
 *   told at        occurrences up to here have been dealt with
 *   next at        the next occurrence
 *   last name at   the latest one that was run, and what is its task
 *   open name      a task of an occurrence that may not have ended
 *   ran, skipped   how many
 *   trouble text at  why the latest one could not be added
 *   paused by at text, asked by at */
#ifndef BATON_BROKER_CORE_BOARD_SCHEDULE_H
#define BATON_BROKER_CORE_BOARD_SCHEDULE_H

#include "broker/core/board/board.h"

/* ---- schedule_check.c ---- */

/* Are items of this tag given by a request? */
bool schedule_gives(const char *tag);
Baton__Code schedule_check_items(struct posting *p);
Baton__Code schedule_check_body(struct posting *p);

/* ---- schedule_items.c ---- */

/* The first item of this tag; NULL: there is none. */
const Baton__Item *schedule_item(const Baton__Card *card, const char *tag);
/* Its body as a task, in the arena; NULL: it is none. */
Baton__Spec *schedule_spec(const Baton__Card *card, struct arena *arena);

/* A card being rewritten: its items are a copy with room. */
struct rewriting {
    struct core *core;
    struct core_request *request;
    Baton__Card next;
    size_t room;
};
/* With room for `more` items beside those that a schedule may add by itself. */
void rewrite_begin(struct rewriting *r, struct core *core, struct core_request *request,
                   const Baton__Card *from, size_t more);
Baton__Item *rewrite_put(struct rewriting *r, const char *tag, const char *name);
void rewrite_drop(struct rewriting *r, const char *tag);
/* The first of this tag; made when there is none. */
Baton__Item *rewrite_set(struct rewriting *r, const char *tag);
/* From now on: the clock rings at once, so that the next time is looked up. */
void rewrite_anew(struct rewriting *r);

/* ---- schedule_occur.c ---- */

/* Tasks that have ended are open no more. Returns how many are left. */
size_t schedule_drop_ended(struct rewriting *r);
/* What was asked for by hand: an occurrence now, or one for each time of the request. */
void schedule_run_times(struct posting *p, struct card *card);

#endif
