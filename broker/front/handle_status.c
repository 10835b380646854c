/* Status and Workers: the core's view, and what only the edges know. */
#include "broker/front/dispatch.h"

#include "common/limits.h"
#include "common/words.h"

static void
add_counters(struct front *front, Baton__StatusReply *status)
{
    front->counters.n[COUNT_EVENTS_PUBLISHED] = front->feed.n_published;
    front->counters.n[COUNT_SNAPSHOTS] = front->snapshot.n_done;
    status->n_counters = COUNTERS_N;
    status->counters = arena_calloc(&front->arena, COUNTERS_N, sizeof(Baton__Counter *));
    for (size_t i = 0; i < COUNTERS_N; i++) {
        Baton__Counter *counter = arena_alloc(&front->arena, sizeof *counter);
        *counter = (Baton__Counter)BATON__COUNTER__INIT;
        counter->name = arena_strdup(&front->arena, counter_names[i]);
        counter->value = front->counters.n[i];
        status->counters[i] = counter;
    }
}

enum answered
handle_status(struct call *call, Baton__FromBroker *reply)
{
    struct front *front = call->front;
    struct core_request request = front_request(front, call->actor);
    Baton__StatusReply *status = arena_alloc(&front->arena, sizeof *status);
    *status = (Baton__StatusReply)BATON__STATUS_REPLY__INIT;
    core_status(front->core, &request, status);

    struct store_stats stats;
    store_get_stats(front->store, &stats);
    status->version = arena_strdup(&front->arena, BATON_SOFTWARE_VERSION);
    status->epoch = core_epoch(front->core);
    status->started_at = front->started_at;
    status->now = front->now;
    status->event = core_event(front->core);
    status->journal_seq = core_seq(front->core);
    /* The answer leaves when everything up to here is durable. */
    status->durable_seq = core_seq(front->core);
    status->journal_bytes = stats.journal_bytes;
    status->last_commit_us = stats.last_commit_us;
    status->commits = stats.commits;
    status->memory_bytes = core_memory(front->core);
    const char *reason = "";
    status->accepting = front_is_accepting(front, &reason);
    if (!status->accepting) {
        status->not_accepting_because = arena_strdup(&front->arena, reason);
    }
    status->n_workers = (uint32_t)sessions_n(front->sessions);
    status->n_sessions = (uint32_t)(sessions_n(front->sessions) + front->takes.n +
                                    front->lock_waits.n);
    status->store_path = arena_strdup(&front->arena, store_path(front->store));
    status->endpoint = arena_strdup(&front->arena, front->options->listen);
    status->feed = front->feed_endpoint;
    add_counters(front, status);
    reply->op_case = BATON__FROM_BROKER__OP_STATUS;
    reply->status = status;
    return ANSWER_NOW;
}

/* ---- workers ---- */

static Baton__WorkerView *
view_of(struct front *front, struct core_request *request, const struct session *session)
{
    struct arena *arena = &front->arena;
    Baton__WorkerView *view = arena_alloc(arena, sizeof *view);
    *view = (Baton__WorkerView)BATON__WORKER_VIEW__INIT;
    view->name = arena_strdup(arena, core_worker_name(front->core, session->worker));
    view->roles = arena_calloc(arena, ROLES_N, sizeof(char *));
    for (int role = 0; role < ROLES_N; role++) {
        if (session->roles & 1u << role) {
            view->roles[view->n_roles++] = arena_strdup(arena, role_names[role]);
        }
    }
    view->slots = session->slots;
    view->credit = session->credit;
    view->connected = !session->is_parted;
    view->draining = core_worker_is_draining(front->core, session->worker);
    view->since = session->since;
    view->heard_at = session->heard_at;
    view->software = arena_strdup(arena, session->software);
    core_worker_tasks(front->core, request, session->worker, &view->tasks, &view->n_tasks);
    return view;
}

/* The newest parted session of each worker that still holds something and has not come back. */
static size_t
find_missing(struct front *front, const struct session ***ret_missing)
{
    size_t n = 0;
    for (const struct session *s = sessions_first_parted(front->sessions); s; s = s->newer) {
        n++;
    }
    const struct session **missing = arena_calloc(&front->arena, n + 1,
                                                  sizeof(const struct session *));
    uint8_t *seen = arena_calloc(&front->arena, WORKERS_MAX / 8 + 1, 1);
    size_t n_missing = 0;
    for (const struct session *s = sessions_last_parted(front->sessions); s; s = s->older) {
        uint32_t worker = s->worker;
        bool is_new = worker <= WORKERS_MAX && !(seen[worker / 8] & 1u << worker % 8);
        if (!is_new || sessions_of_worker(front->sessions, worker) ||
            core_worker_n_leases(front->core, worker) == 0) {
            continue;
        }
        seen[worker / 8] = (uint8_t)(seen[worker / 8] | 1u << worker % 8);
        missing[n_missing++] = s;
    }
    *ret_missing = missing;
    return n_missing;
}

enum answered
handle_workers(struct call *call, Baton__FromBroker *reply)
{
    struct front *front = call->front;
    struct core_request request = front_request(front, call->actor);
    const struct session **missing;
    size_t n_missing = find_missing(front, &missing);
    Baton__WorkerList *list = arena_alloc(&front->arena, sizeof *list);
    *list = (Baton__WorkerList)BATON__WORKER_LIST__INIT;
    list->workers = arena_calloc(&front->arena, sessions_n(front->sessions) + n_missing + 1,
                                 sizeof(Baton__WorkerView *));
    for (const struct session *s = sessions_first(front->sessions); s; s = s->newer) {
        list->workers[list->n_workers++] = view_of(front, &request, s);
    }
    for (size_t i = 0; i < n_missing; i++) {
        list->workers[list->n_workers++] = view_of(front, &request, missing[i]);
    }
    reply->op_case = BATON__FROM_BROKER__OP_WORKERS;
    reply->workers = list;
    return ANSWER_NOW;
}
