/* Handing out work: to Takes that wait, then to sessions with credit, evenly, least recently served
 * first. */
#ifndef BATON_FRONT_ASSIGN_H
#define BATON_FRONT_ASSIGN_H

#include "broker/front/dispatch.h"

enum {
    ASSIGN_TURN_MAX = 10 * 1000,            /* tasks handed out in one turn */
    ASSIGN_TURN_BYTES = 32 * 1024 * 1024,   /* of them, about */
    ASSIGN_STEP = 256,                      /* tasks asked of the core at once */
    ASSIGN_MESSAGE_BYTES = 4 * 1024 * 1024, /* an assignment ends when it is above it */
    ASSIGN_AGAIN_MS = 1000,                 /* look again at least this often while some wait */
    TAKE_STEP = 6,                          /* tasks of a Take asked of the core at once */
    TAKE_MESSAGE_BYTES = 4 * 1024 * 1024,   /* a Take gets no more tasks above it */
    TAKE_LEASE_MS = 30 * 60 * 1000,         /* of a Take that does not say */
};

/* Hands out what can be handed out now, and answers Takes whose time is up. */
void assign_run(struct front *front);
/* Answers every waiting Take with nothing. */
void assign_dismiss(struct front *front);
/* When assign_run has something to do by time alone; INT64_MAX: never. */
int64_t assign_next_at(const struct front *front);

/* Leases up to take->max tasks. */
Baton__Code assign_take(struct front *front, struct core_request *request, const struct take *take,
                        const Baton__Ref *task, Baton__Assign *ret);

/* Bits of the named roles. False: `reply` refuses. */
bool assign_read_roles(const struct call *call, char *const *names, size_t n, const char *field,
                       Baton__FromBroker *reply, uint32_t *ret_roles);
bool assign_check_projects(const struct call *call, char *const *names, size_t n, const char *field,
                           Baton__FromBroker *reply);

#endif
