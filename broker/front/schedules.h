/* Schedules at the edge: which times a rule means in its zone. The core decides what becomes of
 * them (broker/core/board/schedule.c). */
#ifndef BATON_FRONT_SCHEDULES_H
#define BATON_FRONT_SCHEDULES_H

#include "broker/front/dispatch.h"

/* Gives the core the times of schedules that are due, a bounded number. */
void schedules_run(struct front *front);
/* When that is to be called; INT64_MAX: never. */
int64_t schedules_next_at(const struct front *front);

/* Makes a card of a request what the core takes: a schedule has a zone, which this machine knows;
 * the times from which to which it is to run become those times. Changes `card`, in the turn's
 * arena. False: *ret_wrong says why, *ret_field where. */
bool schedules_complete(struct front *front, Baton__CardVerb verb, Baton__Card *card,
                        const char **ret_field, const char **ret_wrong);

/* Adds to the answer of a dry run that would set a schedule when it would come next. */
void schedules_try(struct front *front, const Baton__Post *post, Baton__Posted *posted);

#endif
