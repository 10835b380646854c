/* What the files incident*.c share: incident.c what is done with one, incident_level.c what its
 * level of severity says, incident_call.c whom it calls and what if nobody answers. */
#ifndef BATON_BROKER_CORE_BOARD_INCIDENT_H
#define BATON_BROKER_CORE_BOARD_INCIDENT_H

#include "broker/core/board/board.h"

#define MINUTE INT64_C(60000)

enum { P0 = 1, P1, P2, P3 };

/* ---- incident_level.c ---- */

/* When somebody should have answered, from now on. */
int64_t incident_due_at(const struct core *core, const struct core_request *request,
                        const Baton__Card *incident);
/* Roles to summon, as bits; *ret_unknown: an owner is asked for, and nobody knows who that is. */
uint32_t incident_roles(const struct core *core, const Baton__Card *incident, bool *ret_unknown);

/* ---- incident_call.c ---- */

/* The roles of its level are called; those that nobody works for at once one rung higher. */
void incident_call(struct posting *p, struct card *card);
void incident_ring(struct core *core, struct core_request *request, const struct card *card);
bool incident_is_unanswered(const Baton__Item *item);
bool incident_is_answered(const Baton__Card *card);

#endif
