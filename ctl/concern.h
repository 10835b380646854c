/* Which cards of the board concern a task, for whoever watches it. */
#ifndef BATON_CTL_CONCERN_H
#define BATON_CTL_CONCERN_H

#include <baton.h>

#include <stdbool.h>

/* A card that does not name the task and still is about it, as the task is now: a blocker of its
 * role or of its project, or that it is parked for; a handoff of a task that it depends on, or to
 * its role; a signal or a decision that it waits for; a decision in its area; the incident that it
 * answers. */
bool card_concerns_task(const struct baton_card *card, const baton_task *task);

#endif
