/* The worker's side of a session: what the caller says, and the events that it gets. */
#include "client/endpoint.h"
#include "client/frame.h"
#include "client/handle.h"
#include "client/layout.h"
#include "client/lines.h"
#include "client/session.h"
#include "client/view.h"

#include <stdlib.h>
#include <string.h>

enum { IN_ROOM_BYTES = 256 * 1024, CLOSE_MS = 500 };

static char **
texts_keep(struct record *record, const char *const *texts, size_t n)
{
    char **kept = record_array(record, n, sizeof *kept);
    for (size_t i = 0; kept && i < n; i++) {
        size_t bytes = strlen(texts[i]) + 1;
        kept[i] = record_alloc(record, bytes);
        if (!kept[i]) {
            return NULL;
        }
        memcpy(kept[i], texts[i], bytes);
    }
    return kept;
}

static bool
hello_keep(struct baton_worker *w, const struct baton_worker_options *options)
{
    char **name = texts_keep(w->kept, &options->name, 1);
    w->hello = (Baton__Hello)BATON__HELLO__INIT;
    w->hello.version_min = PROTOCOL_VERSION;
    w->hello.version_max = PROTOCOL_VERSION;
    w->hello.software = pb_text("libbaton " BATON_SOFTWARE_VERSION);
    w->hello.worker = name ? name[0] : NULL;
    w->hello.roles = texts_keep(w->kept, options->roles, options->n_roles);
    w->hello.n_roles = options->n_roles;
    w->hello.projects = texts_keep(w->kept, options->projects, options->n_projects);
    w->hello.n_projects = options->n_projects;
    w->hello.slots = options->slots;
    return !w->kept->failed;
}

static bool
worker_init(struct baton_worker *w, const char *endpoint,
            const struct baton_worker_options *options)
{
    const struct baton_options *connection = options->connection;
    const char *actor = connection ? connection->actor : NULL;
    w->interruptible = connection && connection->interruptible;
    w->actor = actor ? strdup(actor) : actor_default();
    w->kept = record_new(0, 1024);
    w->in = record_new(0, IN_ROOM_BYTES);
    w->body.is_soft = w->packed.is_soft = true;
    zmq_msg_init(&w->frame);
    w->scan_at = INT64_MAX;
    if (!w->actor || !w->kept || !w->in || !hello_keep(w, options)) {
        return false;
    }
    for (size_t i = 0; i < options->n_held; i++) {
        if (leases_find(&w->leases, options->held[i].token)) {
            continue;
        }
        struct lease *lease = session_hold(w, options->held[i].token, 0, clock_ms());
        if (!lease) {
            return false;
        }
        lease->started = options->held[i].started;
    }
    return link_init(&w->link, endpoint);
}

static void
worker_free(struct baton_worker *w, int linger_ms)
{
    link_fini(&w->link, linger_ms);
    fault_clear(&w->fault);
    leases_fini(&w->leases);
    buf_fini(&w->body);
    buf_fini(&w->packed);
    zmq_msg_close(&w->frame);
    record_free(w->kept);
    record_free(w->in);
    free(w->actor);
    free(w);
}

static baton_status
options_check(const struct baton_worker_options *options, struct fault *fault)
{
    if (!options || !options->name || !*options->name) {
        return fault_set(fault, BATON_BAD_ARGUMENT, "a worker needs a name, its own for ever");
    }
    if (options->n_roles == 0) {
        return fault_set(fault, BATON_BAD_ARGUMENT, "a worker needs at least one role");
    }
    if (options->slots == 0 || options->slots > SLOTS_MAX) {
        return fault_set(fault, BATON_BAD_ARGUMENT, "a worker has 1 to %d slots", SLOTS_MAX);
    }
    if (options->n_held > REPORT_LINES_MAX) {
        return fault_set(fault, BATON_BAD_ARGUMENT, "a worker holds at most %d leases",
                         REPORT_LINES_MAX);
    }
    return BATON_OK;
}

baton_status
baton_worker_open(const char *endpoint, const struct baton_worker_options *options,
                  baton_worker **ret_worker)
{
    struct fault *fault = fault_of_thread();
    fault_clear(fault);
    endpoint = baton_endpoint(endpoint);
    baton_status status = endpoint_check(endpoint, fault);
    if (!status) {
        status = options_check(options, fault);
    }
    if (status) {
        return status;
    }
    struct baton_worker *w = calloc(1, sizeof *w);
    if (!w || !worker_init(w, endpoint, options)) {
        if (w) {
            worker_free(w, 0);
        }
        return fault_set(fault, BATON_NO_MEMORY,
                         "no memory, threads or descriptors left for a worker's session");
    }
    *ret_worker = w;
    return BATON_OK;
}

/* ---- events: each function hands out one, or says that there is none ---- */

static bool
lost_event(struct baton_worker *w, uint64_t token, struct baton_worker_event *event)
{
    struct lease *lease = leases_find(&w->leases, token);
    if (!lease || lease->line) {
        return false; /* with a result under way, its acknowledgement is the last word */
    }
    leases_end(&w->leases, lease);
    *event = (struct baton_worker_event){.kind = BATON_WORK_LOST, .token = token, .reason = ""};
    return true;
}

static bool
stop_event(struct baton_worker *w, uint64_t token, const char *reason, int64_t grace_ms,
           struct baton_worker_event *event)
{
    struct lease *lease = leases_find(&w->leases, token);
    if (!lease || lease->line) {
        return false;
    }
    lease->stop_told = true;
    *event = (struct baton_worker_event){
        .kind = BATON_WORK_STOP, .token = token, .reason = reason, .grace_ms = grace_ms};
    return true;
}

/* The answer to a result, or to something said before it? Both carry only the token. */
static bool
is_about_result(struct lease *lease, uint64_t report_id)
{
    if (!lease->result_id || report_id < lease->result_id) {
        return false;
    }
    if (report_id == lease->result_id && lease->before_result > 0) {
        lease->before_result--;
        return false;
    }
    return true;
}

/* A LineReply, with numbers as in proto/wire.proto. */
struct reply {
    uint64_t token;
    int code;
    int state;
    bool stop;
    const char *message;
};

static const struct layout reply_layout = {
    .fields =
        (const struct layout_field[]){
            {1, LAYOUT_LONG, offsetof(struct reply, token), NULL},
            {2, LAYOUT_ENUM, offsetof(struct reply, code), NULL},
            {3, LAYOUT_ENUM, offsetof(struct reply, state), NULL},
            {4, LAYOUT_FLAG, offsetof(struct reply, stop), NULL},
            {5, LAYOUT_TEXT, offsetof(struct reply, message), NULL},
            {LAYOUT_END, 0, 0, NULL},
        },
    .empty = &(const struct reply){.message = ""},
    .bytes = sizeof(struct reply),
};

static bool
reply_event(struct baton_worker *w, uint64_t report_id, const struct reply *reply,
            struct baton_worker_event *event)
{
    struct lease *lease = leases_find(&w->leases, reply->token);
    if (!lease) {
        return false;
    }
    int code = reply->code;
    if (lease->line) {
        bool later = code == BATON_BUSY || code == BATON_FULL || code == BATON_PAUSED ||
                     code == BATON_INTERNAL;
        if (!is_about_result(lease, report_id) || later) {
            return false;
        }
        leases_end(&w->leases, lease);
        w->n_unreported--;
        *event = (struct baton_worker_event){
            .kind = BATON_WORK_REPORTED,
            .token = reply->token,
            .status = code <= BATON_CLOSED ? (baton_status)code : BATON_INTERNAL,
            .state = (baton_state)reply->state,
            .reason = reply->message,
        };
        return true;
    }
    if (code == BATON_STALE_TOKEN || code == BATON_NOT_FOUND) {
        return lost_event(w, reply->token, event);
    }
    return reply->stop && !lease->stop_told &&
           stop_event(w, reply->token, reply->message, 0, event);
}

/* A task that can't be read would come back for ever: it is failed, visibly. */
static void
refuse_assignment(struct baton_worker *w, struct lease *lease)
{
    struct baton_result result = {
        .outcome = BATON_OUTCOME_FATAL,
        .summary = "the worker's library can't read this task: update it",
    };
    if (lease_set_result(lease, &result, &w->packed, &w->fault) == BATON_OK) {
        leases_queue(&w->leases, lease);
        w->n_unreported++;
    }
}

/* BATON_OK: an event. BATON_TIMEOUT: none here. */
static baton_status
assigned_event(struct baton_worker *w, const struct field *task, struct baton_worker_event *event)
{
    baton_assignment *assignment = NULL;
    enum made made = assignment_read(task->bytes, task->data, &assignment);
    if (made == NOT_MADE_NO_MEMORY) { /* the next call tries again */
        return fault_set(&w->fault, BATON_NO_MEMORY, "no memory for an assignment");
    }
    session_part_done(w, task);
    uint64_t token = made == MADE ? assignment->token
                                  : field_varint(task->data, task->bytes, ASSIGNMENT_TOKEN);
    struct lease *lease = leases_find(&w->leases, token);
    if (!lease || !lease->fresh) {
        baton_assignment_free(assignment);
        return BATON_TIMEOUT;
    }
    lease->fresh = false;
    w->n_fresh--;
    w->credit_wanted -= w->credit_wanted > 0;
    if (made == NOT_MADE_UNREADABLE) {
        refuse_assignment(w, lease);
        return BATON_TIMEOUT;
    }
    *event = (struct baton_worker_event){
        .kind = BATON_WORK_ASSIGNED, .assignment = assignment, .token = token, .reason = ""};
    return BATON_OK;
}

/* As assigned_event. */
static baton_status
replied_event(struct baton_worker *w, const struct field *line, struct baton_worker_event *event)
{
    struct reply reply;
    record_reset(w->in);
    layout_read(w->in, &reply_layout, line->bytes, line->data, &reply);
    if (w->in->failed) { /* the next call tries again */
        return fault_set(&w->fault, BATON_NO_MEMORY, "no memory for the answer to a report");
    }
    session_part_done(w, line);
    bool is_event = !w->in->malformed && reply_event(w, w->parts.id, &reply, event);
    return is_event ? BATON_OK : BATON_TIMEOUT;
}

static bool
welcome_event(struct baton_worker *w, const Baton__Welcome *m, size_t at,
              struct baton_worker_event *event)
{
    if (at > 0) {
        return lost_event(w, m->lost[at - 1], event);
    }
    *event = (struct baton_worker_event){.kind = BATON_WORK_UP, .epoch = m->epoch, .reason = ""};
    return true;
}

static size_t
n_parts(const Baton__FromBroker *m)
{
    switch ((int)m->op_case) {
    case BATON__FROM_BROKER__OP_WELCOME:
        return 1 + m->welcome->n_lost;
    case BATON__FROM_BROKER__OP_STOP:
    case BATON__FROM_BROKER__OP_DRAIN:
        return 1;
    default:
        return 0;
    }
}

/* What a part of the message is to the caller. False: nothing. */
static bool
part_event(struct baton_worker *w, const Baton__FromBroker *m, size_t at,
           struct baton_worker_event *event)
{
    bool is_event = false;
    switch ((int)m->op_case) {
    case BATON__FROM_BROKER__OP_WELCOME:
        is_event = welcome_event(w, m->welcome, at, event);
        break;
    case BATON__FROM_BROKER__OP_STOP:
        is_event = stop_event(w, m->stop->token, m->stop->reason, m->stop->grace_ms, event);
        break;
    case BATON__FROM_BROKER__OP_DRAIN:
        *event = (struct baton_worker_event){
            .kind = m->drain->resume ? BATON_WORK_RESUME : BATON_WORK_DRAIN,
            .reason = m->drain->reason,
        };
        is_event = true;
        break;
    default:
        break;
    }
    return is_event;
}

static baton_status
next_event(struct baton_worker *w, struct baton_worker_event *event)
{
    struct field part;
    while (session_part(w, &part)) {
        baton_status status = w->parts.op == FROM_BROKER_ASSIGN ? assigned_event(w, &part, event)
                                                                : replied_event(w, &part, event);
        if (status != BATON_TIMEOUT) {
            return status;
        }
    }
    if (w->tell_down && !w->message) {
        w->tell_down = false;
        *event = (struct baton_worker_event){.kind = BATON_WORK_DOWN, .reason = ""};
        return BATON_OK;
    }
    while (w->message) {
        size_t at = w->at++;
        if (at >= n_parts(w->message)) {
            w->message = NULL;
            break;
        }
        if (part_event(w, w->message, at, event)) {
            return BATON_OK;
        }
    }
    return BATON_TIMEOUT;
}

baton_status
baton_worker_next(baton_worker *w, int64_t timeout_ms, struct baton_worker_event *ret_event)
{
    int64_t now = 0, until = timeout_ms < 0 ? INT64_MAX : 0;
    for (;;) {
        baton_status status = next_event(w, ret_event);
        if (status != BATON_TIMEOUT) {
            return status;
        }
        now = clock_ms();
        if (until == 0) {
            until = now + timeout_ms;
        }
        baton_status refused = BATON_OK;
        switch (session_step(w, now, &refused)) {
        case STEP_MORE:
            continue;
        case STEP_REFUSED:
            return refused;
        case STEP_NO_MEMORY:
            return BATON_NO_MEMORY;
        case STEP_IDLE:
            break;
        }
        if (now >= until) {
            return BATON_TIMEOUT;
        }
        int64_t wake_at = session_wake_at(w);
        if (fds_wait(&w->link.fd, 1, MIN(until, wake_at)) == LINK_INTERRUPTED && w->interruptible) {
            return fault_set(&w->fault, BATON_INTERRUPTED,
                             "interrupted by a signal while waiting for work");
        }
    }
}

int
baton_worker_fd(const baton_worker *w)
{
    return w->link.fd;
}

int64_t
baton_worker_timeout_ms(const baton_worker *worker)
{
    struct baton_worker *w = (struct baton_worker *)(uintptr_t)worker;
    return w->message || w->parts.data || w->tell_down ? 0
                                                       : MAX(session_wake_at(w) - clock_ms(), 0);
}

/* ---- what the caller says: kept until the next step sends it ---- */

void
baton_worker_credit(baton_worker *w, uint32_t slots)
{
    w->credit_wanted = MIN(slots, SLOTS_MAX);
}

void
baton_worker_started(baton_worker *w, uint64_t token)
{
    struct lease *lease = leases_find(&w->leases, token);
    if (lease && !lease->started) {
        lease->started = lease->say_started = true;
        leases_queue(&w->leases, lease);
    }
}

void
baton_worker_progress(baton_worker *w, uint64_t token, uint32_t percent, const char *text,
                      int64_t next_update_at)
{
    struct lease *lease = leases_find(&w->leases, token);
    if (lease && !lease->line && lease_set_progress(lease, percent, text, next_update_at)) {
        leases_queue(&w->leases, lease);
    }
}

baton_status
baton_worker_report(baton_worker *w, uint64_t token, const struct baton_result *result)
{
    struct lease *lease = leases_find(&w->leases, token);
    if (lease && lease->line) {
        return fault_set(&w->fault, BATON_CONFLICT,
                         "the end of the attempt with token %llu is reported already",
                         (unsigned long long)token);
    }
    bool is_new = !lease;
    if (!lease) {
        /* From an earlier life of this process, or ended by now: the broker will say. Its length is
         * not known, nor needed: what has ended is not renewed. */
        lease = leases_add(&w->leases, token);
    }
    if (!lease) {
        return fault_set(&w->fault, BATON_NO_MEMORY, "no memory for a result");
    }
    baton_status status = lease_set_result(lease, result, &w->packed, &w->fault);
    if (!status) {
        session_report(w, lease);
    } else if (is_new) {
        leases_end(&w->leases, lease); /* as if nothing had been said */
    }
    return status;
}

const char *
baton_worker_error(const baton_worker *w)
{
    return fault_text(w ? &w->fault : fault_of_thread());
}

void
baton_worker_close(baton_worker **worker, int64_t linger_ms, bool keep)
{
    struct baton_worker *w = worker ? *worker : NULL;
    if (!w) {
        return;
    }
    int64_t until = clock_ms() + MAX(linger_ms, 0);
    baton_worker_credit(w, 0);
    baton_status status = BATON_OK;
    while (w->n_unreported > 0 && (status == BATON_OK || status == BATON_INTERRUPTED)) {
        struct baton_worker_event event = {.kind = BATON_WORK_DOWN};
        status = baton_worker_next(w, MAX(until - clock_ms(), 0), &event);
        if (status == BATON_OK && event.kind == BATON_WORK_ASSIGNED) {
            baton_assignment_free(event.assignment); /* not started: it goes back */
        }
    }
    if (!keep) {
        session_bye(w);
    }
    worker_free(w, CLOSE_MS);
    *worker = NULL;
}
