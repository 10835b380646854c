/* Operating the broker: pausing, resources, status, workers, backup. */
#include "client/handle.h"
#include "client/spec.h"
#include "common/words.h"

baton_status
baton_pause(baton *b, const struct baton_pause *pause, struct baton_pause_done *ret_done)
{
    Baton__Pause m = BATON__PAUSE__INIT;
    m.scope = (Baton__Pause__Scope)pause->scope;
    m.name = pb_text(pause->name);
    m.resume = pause->resume;
    m.reason = pb_text(pause->reason);
    m.until = pause->until;
    m.refuse = pause->refuse;
    m.force = pause->force;
    Baton__ToBroker message = BATON__TO_BROKER__INIT;
    message.op_case = BATON__TO_BROKER__OP_PAUSE;
    message.pause = &m;
    struct ask ask = {.message = &message, .changing = true, .answer = BATON__FROM_BROKER__OP_DONE};
    struct answer answer;
    baton_status status = request(b, &ask, &answer);
    if (status) {
        return status;
    }
    if (ret_done) {
        *ret_done = (struct baton_pause_done){.changed = answer.message->done->changed,
                                              .unknown = answer.message->done->unknown};
    }
    record_free(answer.record);
    return BATON_OK;
}

static bool
resource_list_fill(struct record *record, const Baton__ResourceList *m, baton_resource_list *list)
{
    struct baton_resource_view *views = record_array(record, m->n_resources, sizeof *views);
    for (size_t i = 0; views && i < m->n_resources; i++) {
        const Baton__ResourceView *r = m->resources[i];
        views[i] = (struct baton_resource_view){
            .name = r->name,
            .capacity = r->capacity,
            .used = r->used,
            .holders = refs_from_messages(record, r->holders, r->n_holders),
            .n_holders = r->n_holders,
            .n_waiting = r->n_waiting,
            .paused = r->paused,
            .reservations = r->reservations,
            .n_reservations = r->n_reservations,
        };
    }
    *list = (baton_resource_list){.resources = views, .n_resources = m->n_resources};
    return !record->failed;
}

baton_status
baton_resources(baton *b, const struct baton_resource *set, size_t n_set,
                baton_resource_list **ret_list)
{
    struct record *scratch = scratch_new(b, 1024);
    if (!scratch) {
        return BATON_NO_MEMORY;
    }
    Baton__Resources resources = BATON__RESOURCES__INIT;
    resources.set = resources_to_messages(scratch, set, n_set);
    resources.n_set = n_set;
    if (scratch->failed) {
        return no_memory(b, scratch);
    }
    Baton__ToBroker message = BATON__TO_BROKER__INIT;
    message.op_case = BATON__TO_BROKER__OP_RESOURCES;
    message.resources = &resources;
    struct ask ask = {
        .message = &message,
        .changing = n_set > 0,
        .answer = BATON__FROM_BROKER__OP_RESOURCES,
        .public_bytes = sizeof(baton_resource_list),
    };
    struct answer answer;
    baton_status status = request(b, &ask, &answer);
    record_free(scratch);
    if (status) {
        return status;
    }
    baton_resource_list *list = record_public(answer.record);
    if (!resource_list_fill(answer.record, answer.message->resources, list)) {
        return no_memory(b, answer.record);
    }
    *ret_list = list;
    return BATON_OK;
}

void
baton_resource_list_free(baton_resource_list *list)
{
    record_free(record_of(list));
}

static struct baton_role_status *
roles_fill(struct record *record, const Baton__StatusReply *m)
{
    struct baton_role_status *roles = record_array(record, m->n_roles, sizeof *roles);
    for (size_t i = 0; roles && i < m->n_roles; i++) {
        const Baton__RoleStatus *r = m->roles[i];
        roles[i] = (struct baton_role_status){
            .role = r->role,
            .waiting = r->waiting,
            .ready = r->ready,
            .running = r->running,
            .done = r->done,
            .failed = r->failed,
            .cancelled = r->cancelled,
            .workers = r->workers,
            .slots = r->slots,
            .credit = r->credit,
            .oldest_ready_at = r->oldest_ready_at,
            .paused = r->paused,
            .current = r->current,
            .task = r->task ? r->task->id : "",
            .task_project = r->task ? r->task->project : "",
            .progress = r->progress,
            .text = r->text,
            .updated_at = r->updated_at,
            .next_update_at = r->next_update_at,
            .stale = r->stale,
            .blockers = (const char *const *)r->blockers,
            .n_blockers = r->n_blockers,
        };
    }
    return roles;
}

static struct baton_pause_view *
pauses_fill(struct record *record, const Baton__StatusReply *m)
{
    struct baton_pause_view *pauses = record_array(record, m->n_pauses, sizeof *pauses);
    for (size_t i = 0; pauses && i < m->n_pauses; i++) {
        const Baton__PauseView *p = m->pauses[i];
        pauses[i] = (struct baton_pause_view){
            .scope = (enum baton_scope)p->scope,
            .name = p->name,
            .reason = p->reason,
            .actor = p->actor,
            .since = p->since,
            .until = p->until,
            .refuse = p->refuse,
        };
    }
    return pauses;
}

static struct baton_project_status
project_from_message(const Baton__ProjectStatus *p)
{
    return (struct baton_project_status){
        .project = p->project,
        .open = p->open,
        .done = p->done,
        .failed = p->failed,
        .paused = p->paused,
        .closed = p->closed,
        .complete = p->complete,
        .closed_by = p->closed_by,
        .closed_at = p->closed_at,
        .closed_reason = p->closed_reason,
    };
}

static struct baton_project_status *
projects_fill(struct record *record, const Baton__StatusReply *m)
{
    struct baton_project_status *projects = record_array(record, m->n_projects, sizeof *projects);
    for (size_t i = 0; projects && i < m->n_projects; i++) {
        projects[i] = project_from_message(m->projects[i]);
    }
    return projects;
}

static struct baton_counter *
counters_fill(struct record *record, const Baton__StatusReply *m)
{
    struct baton_counter *counters = record_array(record, m->n_counters, sizeof *counters);
    for (size_t i = 0; counters && i < m->n_counters; i++) {
        counters[i] = (struct baton_counter){.name = m->counters[i]->name,
                                             .value = m->counters[i]->value};
    }
    return counters;
}

static void
times_fill(struct record *record, const Baton__Tallies *m, baton_broker_status *status)
{
    struct baton_times *times = record_array(record, m->n_times, sizeof *times);
    size_t n = 0;
    for (size_t i = 0; times && i < m->n_times; i++) {
        const Baton__Tallies__Times *t = m->times[i];
        if (t->n_counts == t->n_bounds_us + 1) {
            times[n++] = (struct baton_times){
                .name = t->name,
                .role = t->role,
                .bounds_us = t->bounds_us,
                .counts = t->counts,
                .n_bounds = t->n_bounds_us,
                .sum_us = t->sum_us,
            };
        }
    }
    status->times = times;
    status->n_times = n;
}

static void
tallies_fill(struct record *record, const Baton__Tallies *m, baton_broker_status *status)
{
    struct baton_count *counts = record_array(record, m->n_counts, sizeof *counts);
    for (size_t i = 0; counts && i < m->n_counts; i++) {
        const Baton__Tallies__Count *c = m->counts[i];
        counts[i] = (struct baton_count){
            .name = c->name, .role = c->role, .of = c->of, .value = c->value};
    }
    struct baton_card_count *cards = record_array(record, m->n_cards, sizeof *cards);
    for (size_t i = 0; cards && i < m->n_cards; i++) {
        const Baton__Tallies__Cards *c = m->cards[i];
        cards[i] = (struct baton_card_count){
            .kind = card_kind_name((int)c->kind),
            .state = card_state_name((int)c->state),
            .n = c->n,
            .n_overdue = c->n_overdue,
            .oldest_at = c->oldest_at,
        };
    }
    status->counts = counts;
    status->n_counts = m->n_counts;
    status->cards = cards;
    status->n_cards = m->n_cards;
    times_fill(record, m, status);
}

static struct baton_exporter_status *
exporter_fill(struct record *record, const Baton__ExporterStatus *m)
{
    struct baton_exporter_status *exporter = m ? record_array(record, 1, sizeof *exporter) : NULL;
    if (exporter) {
        *exporter = (struct baton_exporter_status){
            .state = m->state,
            .position = m->position,
            .lag_facts = m->lag_facts,
            .lag_ms = m->lag_ms,
            .error = m->error,
            .error_at = m->error_at,
            .facts = m->facts,
            .batches = m->batches,
            .loads = m->loads,
            .failures = m->failures,
            .purged = m->purged,
            .cut = m->cut,
        };
    }
    return exporter;
}

static bool
status_fill(struct record *record, const Baton__StatusReply *m, baton_broker_status *status)
{
    *status = (baton_broker_status){
        .version = m->version,
        .epoch = m->epoch,
        .started_at = m->started_at,
        .now = m->now,
        .n_tasks = m->n_tasks,
        .n_archived = m->n_archived,
        .roles = roles_fill(record, m),
        .n_roles = m->n_roles,
        .pauses = pauses_fill(record, m),
        .n_pauses = m->n_pauses,
        .projects = projects_fill(record, m),
        .n_projects = m->n_projects,
        .event = m->event,
        .journal_seq = m->journal_seq,
        .durable_seq = m->durable_seq,
        .journal_bytes = m->journal_bytes,
        .last_commit_us = m->last_commit_us,
        .commits = m->commits,
        .memory_bytes = m->memory_bytes,
        .accepting = m->accepting,
        .not_accepting_because = m->not_accepting_because,
        .n_workers = m->n_workers,
        .n_sessions = m->n_sessions,
        .store_path = m->store_path,
        .endpoint = m->endpoint,
        .feed = m->feed,
        .counters = counters_fill(record, m),
        .n_counters = m->n_counters,
        .recovery_us = m->recovery_us,
        .snapshot_bytes = m->snapshot_bytes,
        .free_bytes = m->free_bytes,
        .feed_event = m->feed_event,
        .exporter = exporter_fill(record, m->exporter),
    };
    if (m->tallies) {
        tallies_fill(record, m->tallies, status);
    }
    return !record->failed;
}

baton_status
baton_get_status(baton *b, baton_broker_status **ret_status)
{
    return baton_get_status_of(b, NULL, ret_status);
}

baton_status
baton_get_status_of(baton *b, const char *project, baton_broker_status **ret_status)
{
    Baton__StatusRequest which = BATON__STATUS_REQUEST__INIT;
    which.project = pb_text(project);
    Baton__ToBroker message = BATON__TO_BROKER__INIT;
    message.op_case = BATON__TO_BROKER__OP_STATUS;
    message.status = &which;
    struct ask ask = {
        .message = &message,
        .answer = BATON__FROM_BROKER__OP_STATUS,
        .public_bytes = sizeof(baton_broker_status),
    };
    struct answer answer;
    baton_status status = request(b, &ask, &answer);
    if (status) {
        return status;
    }
    baton_broker_status *reply = record_public(answer.record);
    if (!status_fill(answer.record, answer.message->status, reply)) {
        return no_memory(b, answer.record);
    }
    *ret_status = reply;
    return BATON_OK;
}

void
baton_broker_status_free(baton_broker_status *status)
{
    record_free(record_of(status));
}

baton_status
baton_project(baton *b, enum baton_project_verb verb, const char *name, const char *reason,
              baton_project_reply **ret_reply)
{
    Baton__Project m = BATON__PROJECT__INIT;
    m.verb = (Baton__Project__Verb)verb;
    m.name = pb_text(name);
    m.reason = pb_text(reason);
    Baton__ToBroker message = BATON__TO_BROKER__INIT;
    message.op_case = BATON__TO_BROKER__OP_PROJECT;
    message.project = &m;
    struct ask ask = {
        .message = &message,
        .changing = verb != BATON_PROJECT_SHOW,
        .answer = BATON__FROM_BROKER__OP_PROJECT,
        .public_bytes = sizeof(baton_project_reply),
    };
    struct answer answer;
    baton_status status = request(b, &ask, &answer);
    if (status) {
        return status;
    }
    static const Baton__ProjectStatus none = BATON__PROJECT_STATUS__INIT;
    const Baton__ProjectReply *said = answer.message->project;
    baton_project_reply *reply = record_public(answer.record);
    *reply = (baton_project_reply){
        .status = project_from_message(said->project ? said->project : &none),
        .changed = said->changed,
        .event = said->event,
    };
    *ret_reply = reply;
    return BATON_OK;
}

void
baton_project_reply_free(baton_project_reply *reply)
{
    record_free(record_of(reply));
}

static bool
worker_list_fill(struct record *record, const Baton__WorkerList *m, baton_worker_list *list)
{
    struct baton_worker_view *views = record_array(record, m->n_workers, sizeof *views);
    for (size_t i = 0; views && i < m->n_workers; i++) {
        const Baton__WorkerView *w = m->workers[i];
        views[i] = (struct baton_worker_view){
            .name = w->name,
            .roles = (const char *const *)w->roles,
            .n_roles = w->n_roles,
            .slots = w->slots,
            .credit = w->credit,
            .connected = w->connected,
            .draining = w->draining,
            .since = w->since,
            .heard_at = w->heard_at,
            .tasks = refs_from_messages(record, w->tasks, w->n_tasks),
            .n_tasks = w->n_tasks,
            .software = w->software,
        };
    }
    *list = (baton_worker_list){.workers = views, .n_workers = m->n_workers};
    return !record->failed;
}

baton_status
baton_list_workers(baton *b, baton_worker_list **ret_list)
{
    Baton__Workers nothing = BATON__WORKERS__INIT;
    Baton__ToBroker message = BATON__TO_BROKER__INIT;
    message.op_case = BATON__TO_BROKER__OP_WORKERS;
    message.workers = &nothing;
    struct ask ask = {
        .message = &message,
        .answer = BATON__FROM_BROKER__OP_WORKERS,
        .public_bytes = sizeof(baton_worker_list),
    };
    struct answer answer;
    baton_status status = request(b, &ask, &answer);
    if (status) {
        return status;
    }
    baton_worker_list *list = record_public(answer.record);
    if (!worker_list_fill(answer.record, answer.message->workers, list)) {
        return no_memory(b, answer.record);
    }
    *ret_list = list;
    return BATON_OK;
}

void
baton_worker_list_free(baton_worker_list *list)
{
    record_free(record_of(list));
}

baton_status
baton_backup(baton *b, const char *path, int64_t timeout_ms, struct baton_backup_done *ret_done)
{
    if (!path || *path != '/') {
        return bad_argument(b, "the path of a backup is absolute, on the broker's machine");
    }
    Baton__Backup backup = BATON__BACKUP__INIT;
    backup.path = pb_text(path);
    Baton__ToBroker message = BATON__TO_BROKER__INIT;
    message.op_case = BATON__TO_BROKER__OP_BACKUP;
    message.backup = &backup;
    struct ask ask = {
        .message = &message,
        .changing = true,
        .answer = BATON__FROM_BROKER__OP_BACKUP,
        .timeout_ms = timeout_ms > 0 ? timeout_ms : b->timeout_ms,
        /* Asked again only after a lost connection: the copy takes the time that it takes. */
        .silence_ms = timeout_ms > 0 ? timeout_ms : b->timeout_ms,
    };
    struct answer answer;
    baton_status status = request(b, &ask, &answer);
    if (status) {
        return status;
    }
    *ret_done = (struct baton_backup_done){.bytes = answer.message->backup->bytes,
                                           .seq = answer.message->backup->seq};
    record_free(answer.record);
    return BATON_OK;
}

baton_status
baton_gc(baton *b, bool dry_run, int64_t timeout_ms, struct baton_gc_done *ret_done)
{
    Baton__Gc gc = BATON__GC__INIT;
    gc.dry_run = dry_run;
    Baton__ToBroker message = BATON__TO_BROKER__INIT;
    message.op_case = BATON__TO_BROKER__OP_GC;
    message.gc = &gc;
    struct ask ask = {
        .message = &message,
        .answer = BATON__FROM_BROKER__OP_COLLECTED,
        .timeout_ms = timeout_ms > 0 ? timeout_ms : b->timeout_ms,
        /* As with a backup: the archive takes the time that it takes. */
        .silence_ms = timeout_ms > 0 ? timeout_ms : b->timeout_ms,
    };
    struct answer answer;
    baton_status status = request(b, &ask, &answer);
    if (status) {
        return status;
    }
    const Baton__Collected *m = answer.message->collected;
    *ret_done = (struct baton_gc_done){.cards = m->cards,
                                       .cards_bytes = m->cards_bytes,
                                       .kept = m->kept,
                                       .kept_bytes = m->kept_bytes,
                                       .to_archive = m->to_archive};
    size_t room = sizeof ret_done->purged / sizeof ret_done->purged[0];
    for (size_t i = 0; i < m->n_purged && ret_done->n_purged < room; i++) {
        ret_done->purged[ret_done->n_purged++] = (struct baton_gc_state){
            .state = (baton_state)m->purged[i]->state,
            .n = m->purged[i]->n,
            .bytes = m->purged[i]->bytes,
        };
    }
    record_free(answer.record);
    return BATON_OK;
}
