/* Status and Workers: the core's view, and what only the edges know. */
#include "broker/front/dispatch.h"

#include "broker/front/exporting.h"
#include "common/limits.h"
#include "common/words.h"

#include <string.h>

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

static void
add_tallies(struct front *front, struct core_request *request, const struct store_stats *stats,
            Baton__StatusReply *status)
{
    Baton__Tallies *tallies = arena_alloc(&front->arena, sizeof *tallies);
    core_tally(front->core, request, tallies);
    Baton__Tallies__Times *commits = arena_alloc(&front->arena, sizeof *commits);
    *commits = (Baton__Tallies__Times)BATON__TALLIES__TIMES__INIT;
    commits->name = arena_strdup(&front->arena, "commits");
    commits->sum_us = stats->commit_us;
    commits->n_bounds_us = STORE_COMMIT_BOUNDS;
    commits->bounds_us = arena_alloc(&front->arena, sizeof store_commit_bounds_us);
    memcpy(commits->bounds_us, store_commit_bounds_us, sizeof store_commit_bounds_us);
    commits->n_counts = STORE_COMMIT_BOUNDS + 1;
    commits->counts = arena_alloc(&front->arena, sizeof stats->commit_counts);
    memcpy(commits->counts, stats->commit_counts, sizeof stats->commit_counts);
    tallies->times[tallies->n_times++] = commits;
    status->tallies = tallies;
}

enum answered
handle_status(struct call *call, Baton__FromBroker *reply)
{
    struct front *front = call->front;
    struct core_request request = front_request(front, call->actor);
    Baton__StatusReply *status = arena_alloc(&front->arena, sizeof *status);
    *status = (Baton__StatusReply)BATON__STATUS_REPLY__INIT;
    core_status(front->core, &request, status);
    core_status_words(front->core, &request, call->message->status->project, status);

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
    status->snapshot_bytes = stats.snapshot_bytes;
    status->free_bytes = front->space.free_bytes;
    status->recovery_us = front->recovery_us;
    status->feed_event = window_newest_published(&front->window, &front->feed.cursor);
    add_tallies(front, &request, &stats, status);
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
    status->exporter = exporting_view(front);
    reply->op_case = BATON__FROM_BROKER__OP_STATUS;
    reply->status = status;
    return ANSWER_NOW;
}

/* ---- workers ---- */

/* What is known of a worker without its session. */
static Baton__WorkerView *
view_of_worker(struct front *front, struct core_request *request, uint32_t worker)
{
    Baton__WorkerView *view = arena_alloc(&front->arena, sizeof *view);
    *view = (Baton__WorkerView)BATON__WORKER_VIEW__INIT;
    view->name = arena_strdup(&front->arena, core_worker_name(front->core, worker));
    view->draining = core_worker_is_draining(front->core, worker);
    core_worker_tasks(front->core, request, worker, &view->tasks, &view->n_tasks);
    return view;
}

static Baton__WorkerView *
view_of(struct front *front, struct core_request *request, const struct session *session)
{
    struct arena *arena = &front->arena;
    Baton__WorkerView *view = view_of_worker(front, request, session->worker);
    view->roles = arena_calloc(arena, ROLES_N, sizeof(char *));
    for (int role = 0; role < ROLES_N; role++) {
        if (session->roles & 1u << role) {
            view->roles[view->n_roles++] = arena_strdup(arena, role_names[role]);
        }
    }
    view->slots = session->slots;
    view->credit = session->credit;
    view->connected = !session->is_parted;
    view->since = session->since;
    view->heard_at = session->heard_at;
    view->software = arena_strdup(arena, session->software);
    return view;
}

struct missing {
    uint32_t worker;
    const struct session *session; /* its newest, parted; NULL: none since the broker started */
};

/* Workers that hold leases of a session and are not connected: they were lost, or have not come
 * back after a restart of the broker. O(names of workers + parted sessions). */
static size_t
find_missing(struct front *front, struct missing **ret_missing)
{
    const struct session **newest = arena_calloc(&front->arena, WORKERS_MAX + 1,
                                                 sizeof(const struct session *));
    for (const struct session *s = sessions_first_parted(front->sessions); s; s = s->newer) {
        CHECK(s->worker <= WORKERS_MAX);
        newest[s->worker] = s;
    }
    size_t n = 0, room = 0;
    struct missing *missing = NULL;
    for (uint32_t w = 0; (w = core_worker_next_expected(front->core, w)) != 0;) {
        if (sessions_of_worker(front->sessions, w)) {
            continue;
        }
        if (n == room) {
            room = room ? 2 * room : 16;
            struct missing *more = arena_calloc(&front->arena, room, sizeof *more);
            if (n > 0) {
                memcpy(more, missing, n * sizeof *more);
            }
            missing = more;
        }
        missing[n++] = (struct missing){w, w <= WORKERS_MAX ? newest[w] : NULL};
    }
    *ret_missing = missing;
    return n;
}

enum answered
handle_workers(struct call *call, Baton__FromBroker *reply)
{
    struct front *front = call->front;
    struct core_request request = front_request(front, call->actor);
    struct missing *missing;
    size_t n_missing = find_missing(front, &missing);
    Baton__WorkerList *list = arena_alloc(&front->arena, sizeof *list);
    *list = (Baton__WorkerList)BATON__WORKER_LIST__INIT;
    list->workers = arena_calloc(&front->arena, sessions_n(front->sessions) + n_missing + 1,
                                 sizeof(Baton__WorkerView *));
    for (const struct session *s = sessions_first(front->sessions); s; s = s->newer) {
        list->workers[list->n_workers++] = view_of(front, &request, s);
    }
    for (size_t i = 0; i < n_missing; i++) {
        list->workers[list->n_workers++] = missing[i].session
                                               ? view_of(front, &request, missing[i].session)
                                               : view_of_worker(front, &request, missing[i].worker);
    }
    reply->op_case = BATON__FROM_BROKER__OP_WORKERS;
    reply->workers = list;
    return ANSWER_NOW;
}
