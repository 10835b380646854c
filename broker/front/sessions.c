#include "broker/front/sessions.h"

#include "common/alloc.h"

#include <stdlib.h>
#include <string.h>

enum { BUCKETS_MIN = 64 };

struct list {
    struct session *oldest, *newest;
    size_t n;
};

struct sessions {
    int64_t patience_ms; /* silence until a session is lost */
    size_t n_max;
    struct session **buckets;
    size_t n_buckets; /* a power of two */
    struct list live;
    struct list parted;
    struct session *hungry_first, *hungry_last;
    struct session **by_worker; /* index: worker */
    size_t by_worker_room;
    struct session_totals totals[ROLES_N];
};

struct sessions *
sessions_new(int64_t heartbeat_ms, size_t n_max)
{
    struct sessions *sessions = xcalloc(1, sizeof *sessions);
    sessions->patience_ms = heartbeat_ms * HEARTBEATS_MISSED_MAX;
    sessions->n_max = n_max;
    sessions->n_buckets = BUCKETS_MIN;
    sessions->buckets = xcalloc(sessions->n_buckets, sizeof(struct session *));
    return sessions;
}

/* ---- lists ---- */

static void
list_append(struct list *list, struct session *session)
{
    session->older = list->newest;
    session->newer = NULL;
    *(list->newest ? &list->newest->newer : &list->oldest) = session;
    list->newest = session;
    list->n++;
}

static void
list_remove(struct list *list, struct session *session)
{
    *(session->older ? &session->older->newer : &list->oldest) = session->newer;
    *(session->newer ? &session->newer->older : &list->newest) = session->older;
    session->older = session->newer = NULL;
    list->n--;
}

static void
hungry_remove(struct sessions *sessions, struct session *session)
{
    if (!session->is_hungry) {
        return;
    }
    struct session *prev = session->hungry_prev;
    struct session *next = session->hungry_next;
    *(prev ? &prev->hungry_next : &sessions->hungry_first) = next;
    *(next ? &next->hungry_prev : &sessions->hungry_last) = prev;
    session->hungry_prev = session->hungry_next = NULL;
    session->is_hungry = false;
}

static void
hungry_append(struct sessions *sessions, struct session *session)
{
    struct session *last = sessions->hungry_last;
    session->hungry_prev = last;
    session->hungry_next = NULL;
    *(last ? &last->hungry_next : &sessions->hungry_first) = session;
    sessions->hungry_last = session;
    session->is_hungry = true;
}

/* ---- by connection ---- */

static struct session **
bucket(const struct sessions *sessions, uint64_t peer)
{
    uint64_t hash = peer * UINT64_C(0x9e3779b97f4a7c15);
    return &sessions->buckets[(hash >> 32) & (sessions->n_buckets - 1)];
}

static void
grow_buckets(struct sessions *sessions)
{
    struct session **old = sessions->buckets;
    size_t n_old = sessions->n_buckets;
    sessions->n_buckets *= 2;
    sessions->buckets = xcalloc(sessions->n_buckets, sizeof(struct session *));
    for (size_t i = 0; i < n_old; i++) {
        while (old[i]) {
            struct session *session = old[i];
            old[i] = session->next;
            struct session **to = bucket(sessions, session->peer);
            session->next = *to;
            *to = session;
        }
    }
    free(old);
}

struct session *
sessions_find(const struct sessions *sessions, uint64_t peer)
{
    struct session *session = *bucket(sessions, peer);
    while (session && session->peer != peer) {
        session = session->next;
    }
    return session;
}

struct session *
sessions_of_worker(const struct sessions *sessions, uint32_t worker)
{
    return worker < sessions->by_worker_room ? sessions->by_worker[worker] : NULL;
}

static void
set_worker(struct sessions *sessions, uint32_t worker, struct session *session)
{
    if (worker >= sessions->by_worker_room) {
        size_t room = MAX((size_t)worker + 1, sessions->by_worker_room * 2);
        sessions->by_worker = xreallocarray(sessions->by_worker, room, sizeof(struct session *));
        memset(sessions->by_worker + sessions->by_worker_room, 0,
               (room - sessions->by_worker_room) * sizeof(struct session *));
        sessions->by_worker_room = room;
    }
    sessions->by_worker[worker] = session;
}

/* ---- totals ---- */

static void
count(struct sessions *sessions, const struct session *session, bool in)
{
    for (int role = 0; role < ROLES_N; role++) {
        if (session->roles & 1u << role) {
            struct session_totals *totals = &sessions->totals[role];
            totals->workers += in ? 1 : -1u;
            totals->slots += in ? session->slots : -session->slots;
            totals->credit += in ? session->credit : -session->credit;
        }
    }
}

/* ---- opening and closing ---- */

/* Out of everything that makes it a live session. */
static void
retire(struct sessions *sessions, struct session *session)
{
    if (session->is_parted) {
        list_remove(&sessions->parted, session);
        return;
    }
    count(sessions, session, false);
    set_worker(sessions, session->worker, NULL);
    hungry_remove(sessions, session);
    session->credit = 0;
    list_remove(&sessions->live, session);
}

static void
session_free(struct session *session)
{
    for (size_t i = 0; i < session->n_projects; i++) {
        free(session->projects[i]);
    }
    free(session->projects);
    free(session->software);
    free(session);
}

void
sessions_close(struct sessions *sessions, struct session *session)
{
    retire(sessions, session);
    struct session **at = bucket(sessions, session->peer);
    while (*at != session) {
        at = &(*at)->next;
    }
    *at = session->next;
    session_free(session);
}

void
sessions_free(struct sessions *sessions)
{
    if (!sessions) {
        return;
    }
    while (sessions->live.oldest) {
        sessions_close(sessions, sessions->live.oldest);
    }
    while (sessions->parted.oldest) {
        sessions_close(sessions, sessions->parted.oldest);
    }
    free(sessions->by_worker);
    free(sessions->buckets);
    free(sessions);
}

void
sessions_part(struct sessions *sessions, struct session *session, int64_t now)
{
    CHECK(!session->is_parted);
    retire(sessions, session);
    session->is_parted = true;
    session->alive_at = now;
    list_append(&sessions->parted, session);
    if (sessions->parted.n > sessions->n_max) {
        sessions_close(sessions, sessions->parted.oldest);
    }
}

struct session *
sessions_open(struct sessions *sessions, int64_t now, const struct session_hello *hello)
{
    struct session *same = sessions_find(sessions, hello->peer);
    if (same) {
        sessions_close(sessions, same);
    }
    struct session *before = sessions_of_worker(sessions, hello->worker);
    if (before) {
        sessions_part(sessions, before, now);
    }
    if (sessions->live.n >= sessions->n_max) {
        return NULL;
    }
    if (sessions->live.n + sessions->parted.n >= sessions->n_buckets) {
        grow_buckets(sessions);
    }

    struct session *session = xcalloc(1, sizeof *session);
    *session = (struct session){
        .peer = hello->peer,
        .worker = hello->worker,
        .roles = hello->roles,
        .slots = hello->slots,
        .since = now,
        .heard_at = now,
        .alive_at = now,
        .software = xstrdup(hello->software),
        .projects = xcalloc(hello->n_projects, sizeof(char *)),
        .n_projects = hello->n_projects,
    };
    for (size_t i = 0; i < hello->n_projects; i++) {
        session->projects[i] = xstrdup(hello->projects[i]);
    }
    struct session **at = bucket(sessions, session->peer);
    session->next = *at;
    *at = session;
    list_append(&sessions->live, session);
    set_worker(sessions, session->worker, session);
    count(sessions, session, true);
    return session;
}

/* ---- time ---- */

void
sessions_heard(struct sessions *sessions, struct session *session, int64_t now)
{
    session->heard_at = now;
    if (session->is_parted) {
        return;
    }
    session->alive_at = now;
    list_remove(&sessions->live, session);
    list_append(&sessions->live, session);
}

uint32_t
sessions_expire(struct sessions *sessions, int64_t now)
{
    struct session *parted = sessions->parted.oldest;
    while (parted && now - parted->alive_at >= PARTED_KEPT_MS) {
        sessions_close(sessions, parted);
        parted = sessions->parted.oldest;
    }
    struct session *session = sessions->live.oldest;
    if (!session || now - session->alive_at < sessions->patience_ms) {
        return 0;
    }
    sessions_part(sessions, session, now);
    return session->worker;
}

void
sessions_set_heartbeat(struct sessions *sessions, int64_t heartbeat_ms, int64_t now)
{
    int64_t patience_ms = heartbeat_ms * HEARTBEATS_MISSED_MAX;
    if (patience_ms == sessions->patience_ms) {
        return;
    }
    sessions->patience_ms = patience_ms;
    while (sessions->live.oldest) {
        sessions_part(sessions, sessions->live.oldest, now);
    }
}

int64_t
sessions_next_at(const struct sessions *sessions)
{
    int64_t next = INT64_MAX;
    if (sessions->live.oldest) {
        next = sessions->live.oldest->alive_at + sessions->patience_ms;
    }
    if (sessions->parted.oldest) {
        next = MIN(next, sessions->parted.oldest->alive_at + PARTED_KEPT_MS);
    }
    return next;
}

void
sessions_forgive(struct sessions *sessions, int64_t ms, int64_t now)
{
    for (struct session *session = sessions->live.oldest; session; session = session->newer) {
        session->alive_at = MIN(session->alive_at + ms, now);
    }
}

/* ---- credit ---- */

/* After a change of what is assigned or of how much may be. */
static void
update_credit(struct sessions *sessions, struct session *session)
{
    CHECK(!session->is_parted);
    count(sessions, session, false);
    uint64_t used = MIN(session->assigned, session->assigned_max);
    session->credit = (uint32_t)(session->assigned_max - used);
    count(sessions, session, true);
    if (session->credit == 0) {
        hungry_remove(sessions, session);
    } else if (!session->is_hungry) {
        hungry_append(sessions, session);
    }
}

void
sessions_set_credit(struct sessions *sessions, struct session *session, uint32_t slots,
                    uint64_t arrived)
{
    session->assigned_max = MIN(arrived, session->assigned) + slots;
    update_credit(sessions, session);
}

void
sessions_served(struct sessions *sessions, struct session *session, uint32_t n)
{
    hungry_remove(sessions, session);
    session->assigned += n;
    update_credit(sessions, session);
}

void
sessions_unserved(struct sessions *sessions, struct session *session, uint32_t n)
{
    session->assigned -= MIN(session->assigned, (uint64_t)n);
    update_credit(sessions, session);
}

struct session *
sessions_hungry(const struct sessions *sessions)
{
    return sessions->hungry_first;
}

const struct session_totals *
sessions_totals(const struct sessions *sessions)
{
    return sessions->totals;
}

size_t
sessions_n(const struct sessions *sessions)
{
    return sessions->live.n;
}

struct session *
sessions_first(const struct sessions *sessions)
{
    return sessions->live.oldest;
}

struct session *
sessions_first_parted(const struct sessions *sessions)
{
    return sessions->parted.oldest;
}

struct session *
sessions_last_parted(const struct sessions *sessions)
{
    return sessions->parted.newest;
}
