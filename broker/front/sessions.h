/* Which workers are connected, their credit, and when they were last heard of. Pure: a connection
 * is an opaque number, time comes in. Nothing here is persistent; a worker announces itself again
 * after a restart. Clients that are no workers have no session.
 *
 * A session that was lost or replaced stays known for a while as *parted*, so that its connection's
 * next message is answered by "say Hello" and not by something half right. */
#ifndef BATON_FRONT_SESSIONS_H
#define BATON_FRONT_SESSIONS_H

#include "common/check.h"
#include "common/words.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HEARTBEATS_MISSED_MAX = 4,       /* then a session is lost */
    PARTED_KEPT_MS = 10 * 60 * 1000, /* a parted session is remembered this long */
    SESSION_BLOCKED_MS = 1000,       /* a peer that takes no messages gets no work this long */
};

struct session {
    uint64_t peer;
    bool is_parted;
    uint32_t worker; /* core_worker */
    uint32_t roles;  /* bit r for role r */
    uint32_t slots;
    uint32_t credit;       /* tasks that the worker takes more than it has */
    uint64_t assigned;     /* tasks since the Hello, those under way with them */
    uint64_t assigned_max; /* as the worker said last: credit is what is left of it */
    bool draining;         /* as the worker was told */
    int64_t since;         /* of the Hello */
    int64_t heard_at;      /* its newest message */
    int64_t alive_at;      /* the same, forgiven what we did not read in time */
    int64_t blocked_until; /* no work before */
    char *software;        /* as it named itself */
    char **projects;       /* takes only from these; none: all */
    size_t n_projects;

    struct session *older, *newer;             /* by alive_at; parted ones by when they parted */
    struct session *hungry_prev, *hungry_next; /* those with credit, least recently served first */
    bool is_hungry;
    struct session *next; /* same bucket */
};

/* Of the workers that serve one role. */
struct session_totals {
    uint32_t workers;
    uint32_t slots;
    uint32_t credit;
};

struct sessions;

struct sessions *sessions_new(int64_t heartbeat_ms, size_t n_max);
/* Another heartbeat, which workers hear with their Welcome: all sessions are parted, and are asked
 * to greet again. The same one changes nothing. */
void sessions_set_heartbeat(struct sessions *sessions, int64_t heartbeat_ms, int64_t now);
void sessions_free(struct sessions *sessions);

/* NULL when the peer never said Hello or was forgotten. */
struct session *sessions_find(const struct sessions *sessions, uint64_t peer);
/* The session of a worker; NULL when it has none. */
struct session *sessions_of_worker(const struct sessions *sessions, uint32_t worker);

struct session_hello {
    uint64_t peer;
    uint32_t worker;
    uint32_t roles;
    uint32_t slots;
    const char *software;        /* copied */
    const char *const *projects; /* copied */
    size_t n_projects;
};

/* A Hello: a new session, or the same connection anew. The worker's earlier session on another
 * connection is parted. NULL: there are too many sessions. */
struct session *sessions_open(struct sessions *sessions, int64_t now,
                              const struct session_hello *hello);
void sessions_close(struct sessions *sessions, struct session *session);
/* The worker's session ends, but its connection is remembered. */
void sessions_part(struct sessions *sessions, struct session *session, int64_t now);

void sessions_heard(struct sessions *sessions, struct session *session, int64_t now);
/* Parts one session that was not heard of in time and returns its worker; 0: none is left. */
uint32_t sessions_expire(struct sessions *sessions, int64_t now);
/* When sessions_expire has something to do; INT64_MAX: never. */
int64_t sessions_next_at(const struct sessions *sessions);
/* The broker did not listen for `ms`: nobody's silence counts for that long. O(n). */
void sessions_forgive(struct sessions *sessions, int64_t ms, int64_t now);

/* It takes `slots` tasks more than the `arrived` that it has seen since its Hello: what is under
 * way to it fills some of them. */
void sessions_set_credit(struct sessions *sessions, struct session *session, uint32_t slots,
                         uint64_t arrived);
/* It got n tasks, which use up its credit: it is the last in the order now. */
void sessions_served(struct sessions *sessions, struct session *session, uint32_t n);
/* So many of them were never sent: they use up nothing. */
void sessions_unserved(struct sessions *sessions, struct session *session, uint32_t n);
/* Sessions with credit, least recently served first (hungry_next leads on). */
struct session *sessions_hungry(const struct sessions *sessions);

/* ROLES_N of them. */
const struct session_totals *sessions_totals(const struct sessions *sessions);
size_t sessions_n(const struct sessions *sessions); /* not parted */
/* All but the parted ones, longest unheard first (`newer` leads on). */
struct session *sessions_first(const struct sessions *sessions);
/* The parted ones, longest gone first (`newer` leads on, `older` back). */
struct session *sessions_first_parted(const struct sessions *sessions);
struct session *sessions_last_parted(const struct sessions *sessions);

#endif
