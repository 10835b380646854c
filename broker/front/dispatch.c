#include "broker/front/dispatch.h"

#include "broker/front/store_ops.h"
#include "broker/front/wire.h"
#include "common/alloc.h"
#include "common/limits.h"
#include "common/pack.h"
#include "common/text.h"
#include "common/unpack.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct operation {
    handler *handle;
    bool is_numbered;  /* changes something: the answer is remembered under its number */
    bool is_stateless; /* the answer says nothing that has to be durable */
} operations[] = {
    [BATON__TO_BROKER__OP_HELLO] = {handle_hello, false, false},
    [BATON__TO_BROKER__OP_PING] = {handle_ping, false, true},
    [BATON__TO_BROKER__OP_SUBMIT] = {handle_submit, true, false},
    [BATON__TO_BROKER__OP_GET] = {handle_get, false, false},
    [BATON__TO_BROKER__OP_LIST] = {handle_list, false, false},
    [BATON__TO_BROKER__OP_WHY] = {handle_why, false, false},
    [BATON__TO_BROKER__OP_CHANGE] = {handle_change, true, false},
    [BATON__TO_BROKER__OP_PAUSE] = {handle_pause, true, false},
    [BATON__TO_BROKER__OP_STATUS] = {handle_status, false, false},
    [BATON__TO_BROKER__OP_WORKERS] = {handle_workers, false, false},
    [BATON__TO_BROKER__OP_EVENTS] = {handle_events, false, false},
    [BATON__TO_BROKER__OP_GC] = {handle_gc, false, false},
    [BATON__TO_BROKER__OP_BACKUP] = {handle_backup, true, false},
    [BATON__TO_BROKER__OP_RESOURCES] = {handle_resources, true, false},
    [BATON__TO_BROKER__OP_POST] = {handle_post, true, false},
    [BATON__TO_BROKER__OP_CARDS] = {handle_cards, false, false},
    [BATON__TO_BROKER__OP_PROJECT] = {handle_project, true, false},
    [BATON__TO_BROKER__OP_TAKE] = {handle_take, true, false},
    [BATON__TO_BROKER__OP_CREDIT] = {handle_credit, false, false},
    [BATON__TO_BROKER__OP_REPORT] = {handle_report, false, false},
    [BATON__TO_BROKER__OP_LOCK] = {handle_lock, true, false},
    [BATON__TO_BROKER__OP_TIMES] = {handle_times, false, false},
    [BATON__TO_BROKER__OP_BYE] = {handle_bye, false, false},
    [BATON__TO_BROKER__OP_METRICS] = {handle_metrics, false, false},
    [BATON__TO_BROKER__OP_BUDGETS] = {handle_budgets, false, false},
    [BATON__TO_BROKER__OP_CONTEXT] = {handle_context, false, false},
    [BATON__TO_BROKER__OP_CHECK_TOKEN] = {handle_check_token, false, false},
};

/* ---- refusing ---- */

static enum answered
refuse_in(struct arena *arena, Baton__FromBroker *reply, Baton__Code code, const char *field,
          const char *message)
{
    Baton__Error *error = arena_alloc(arena, sizeof *error);
    *error = (Baton__Error)BATON__ERROR__INIT;
    error->code = code;
    error->message = arena_strdup(arena, message);
    error->field = arena_strdup(arena, field);
    if (code == BATON__CODE__CODE_BUSY || code == BATON__CODE__CODE_FULL) {
        error->retry_after_ms = RETRY_AFTER_MS;
    }
    reply->error = error;
    return ANSWER_NOW;
}

enum answered
reply_refuse(const struct call *call, Baton__FromBroker *reply, Baton__Code code, const char *field,
             const char *fmt, ...)
{
    char message[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    return refuse_in(&call->front->arena, reply, code, field, message);
}

enum answered
reply_refuse_as(const struct call *call, Baton__FromBroker *reply,
                const struct core_request *request)
{
    reply->error = arena_memdup(&call->front->arena, &request->error, sizeof request->error);
    return ANSWER_NOW;
}

/* To a message that could not even be read, or has no session: at once, under no number. */
static void
tell(struct front *front, uint64_t peer, uint64_t id, Baton__Code code, const char *field,
     const char *message)
{
    Baton__FromBroker reply = BATON__FROM_BROKER__INIT;
    (void)refuse_in(&front->arena, &reply, code, field, message);
    front_count(front, COUNT_REQUESTS_REFUSED, 1);
    bool is_told_unasked = code == BATON__CODE__CODE_VERSION ||
                           code == BATON__CODE__CODE_MALFORMED ||
                           code == BATON__CODE__CODE_HELLO_FIRST;
    if (id || is_told_unasked) {
        front_send_now(front, peer, id, &reply);
    }
}

/* ---- requests that come again ---- */

/* Whether a refusal would be another one a moment later: then it is not kept. */
static bool
is_transient(Baton__Code code)
{
    return code == BATON__CODE__CODE_BUSY || code == BATON__CODE__CODE_FULL ||
           code == BATON__CODE__CODE_PAUSED || code == BATON__CODE__CODE_HELLO_FIRST ||
           code == BATON__CODE__CODE_INTERNAL;
}

/* A lease is remembered without what its task says: the core has that anyway, and on a disk that is
 * nearly full there is no room to write the payloads of accepted work a second time. */
static Baton__Assign *
bare_assign(struct front *front, const Baton__Assign *assign)
{
    Baton__Assign *bare = arena_alloc(&front->arena, sizeof *bare);
    baton__assign__init(bare);
    bare->tasks = arena_alloc(&front->arena, (assign->n_tasks + 1) * sizeof *bare->tasks);
    for (; bare->n_tasks < assign->n_tasks; bare->n_tasks++) {
        const Baton__Assignment *from = assign->tasks[bare->n_tasks];
        Baton__Assignment *to = arena_alloc(&front->arena, sizeof *to);
        baton__assignment__init(to);
        to->token = from->token;
        to->key = from->key;
        to->project = from->project;
        to->id = from->id;
        to->role = from->role;
        to->attempt = from->attempt;
        to->lease_ms = from->lease_ms;
        bare->tasks[bare->n_tasks] = to;
    }
    return bare;
}

/* The other way: what the task says now. Of one that is archived nothing is left to say; then the
 * lease is long over. */
static void
fill_assign(struct front *front, Baton__Assign *assign)
{
    struct core_request request = front_request(front, "");
    for (size_t i = 0; i < assign->n_tasks; i++) {
        Baton__Assignment *task = assign->tasks[i];
        Baton__Assignment now;
        Baton__Ref ref = {.base = PROTOBUF_C_MESSAGE_INIT(&baton__ref__descriptor),
                          .project = task->project,
                          .id = task->id};
        if (core_context(front->core, &request, &ref, &now) != BATON__CODE__CODE_OK ||
            now.key != task->key) {
            continue;
        }
        now.token = task->token;
        now.attempt = task->attempt;
        now.lease_ms = task->lease_ms;
        *task = now;
    }
}

static void
remember(struct front *front, const char *client, uint64_t number, uint64_t acked, uint64_t digest,
         const Baton__FromBroker *reply)
{
    if (reply->error && is_transient(reply->error->code)) {
        return;
    }
    Baton__FromBroker kept = *reply;
    if (kept.op_case == BATON__FROM_BROKER__OP_ASSIGN) {
        kept.assign = bare_assign(front, reply->assign);
    }
    struct buf packed = {0};
    pack(&packed, &kept.base);
    struct core_request request = front_request(front, "");
    core_remember(front->core, &request, client, number, acked, digest, packed.data, packed.bytes);
    buf_fini(&packed);
}

/* True when this very request is still being worked on: its answer goes to where it came from
 * last. */
static bool
redirect(struct call *call)
{
    const Baton__ToBroker *message = call->message;
    struct take *take = takes_find(&call->front->takes, message->client, message->number);
    struct lock_wait *wait = locks_find(&call->front->lock_waits, message->client, message->number);
    struct asker *asker = take ? &take->asker
                          : wait
                              ? &wait->asker
                              : store_op_find_asker(call->front, message->client, message->number);
    if (!asker || asker->digest != call->digest) {
        return false;
    }
    asker->peer = call->peer;
    asker->id = message->id;
    return true;
}

/* Sends the answer that was kept. */
static void
send_again(struct call *call, const uint8_t *packed, size_t bytes)
{
    struct front *front = call->front;
    struct buf filled = {0};
    Baton__FromBroker *kept = unpack_own(&front->arena, &baton__from_broker__descriptor, bytes,
                                         packed);
    if (kept && kept->op_case == BATON__FROM_BROKER__OP_ASSIGN) {
        fill_assign(front, kept->assign);
        pack(&filled, &kept->base);
        packed = filled.data;
        bytes = filled.bytes;
    }
    struct outbox_entry entry = {.peer = call->peer};
    entry.data = wire_frame(call->message->id, true, packed, bytes, &entry.bytes);
    outbox_add(&front->outbox, &entry);
    buf_fini(&filled);
}

/* True when the request was answered without doing anything: it is an old one. */
static bool
replay(struct call *call, Baton__FromBroker *reply, bool *ret_refused)
{
    const Baton__ToBroker *message = call->message;
    struct front *front = call->front;
    const uint8_t *packed;
    size_t bytes;
    *ret_refused = false;
    switch (
        core_recall(front->core, message->client, message->number, call->digest, &packed, &bytes)) {
    case CORE_NEW:
        return false;
    case CORE_REPLAYED:
        front_count(front, COUNT_REQUESTS_REPLAYED, 1);
        if (message->id) {
            send_again(call, packed, bytes);
        }
        return true;
    case CORE_USED:
        (void)reply_refuse(
            call, reply, BATON__CODE__CODE_NUMBER_USED, "number",
            "number %llu of this client was used for another request, or its answer is "
            "forgotten; look at what became of it, and use a new number",
            (unsigned long long)message->number);
        *ret_refused = true;
        return true;
    }
    return false;
}

struct asker
asker_of(const struct call *call)
{
    return (struct asker){
        .peer = call->peer,
        .id = call->message->id,
        .client = xstrdup(call->is_numbered ? call->message->client : ""),
        .number = call->is_numbered ? call->message->number : 0,
        .acked = call->message->acked,
        .digest = call->digest,
        .actor = xstrdup(call->actor),
    };
}

void
answer_asker(struct front *front, const struct asker *asker, const Baton__FromBroker *reply,
             bool keep)
{
    if (keep && asker->client[0]) {
        remember(front, asker->client, asker->number, asker->acked, asker->digest, reply);
    }
    if (asker->id == 0) {
        return;
    }
    if (reply->op_case == BATON__FROM_BROKER__OP_ASSIGN) {
        front_send_assign(front, asker->peer, asker->id, 0, reply->assign);
    } else {
        front_send(front, asker->peer, asker->id, reply);
    }
}

/* ---- one message ---- */

static bool
check_envelope(struct call *call, Baton__FromBroker *reply)
{
    const Baton__ToBroker *message = call->message;
    if (message->actor[0] && !prose_is_valid(message->actor, NAME_BYTES_MAX)) {
        (void)reply_refuse(call, reply, BATON__CODE__CODE_INVALID, "actor",
                           "the actor is at most %d bytes of text without control characters",
                           (int)NAME_BYTES_MAX);
        return false;
    }
    if (strlen(message->client) > CLIENT_BYTES_MAX) {
        (void)reply_refuse(call, reply, BATON__CODE__CODE_INVALID, "client",
                           "the client's name has at most %d bytes", (int)CLIENT_BYTES_MAX);
        return false;
    }
    return true;
}

/* The operation's row; NULL: this broker does not know it. */
static const struct operation *
operation_of(const Baton__ToBroker *message)
{
    size_t op = (size_t)message->op_case;
    return op < ARRAY_LEN(operations) && operations[op].handle ? &operations[op] : NULL;
}

static enum answered
carry_out(struct call *call, const struct operation *operation, Baton__FromBroker *reply)
{
    call->is_numbered = operation->is_numbered && call->message->client[0] && call->message->number;
    if (call->is_numbered) {
        bool refused;
        if (redirect(call)) {
            return ANSWER_LATER;
        }
        if (replay(call, reply, &refused)) {
            call->is_numbered = false;
            return refused ? ANSWER_NOW : ANSWER_SENT;
        }
    }
    return operation->handle(call, reply);
}

static void
dispatch(struct call *call)
{
    struct front *front = call->front;
    const Baton__ToBroker *message = call->message;
    Baton__FromBroker reply = BATON__FROM_BROKER__INIT;
    const struct operation *operation = operation_of(message);
    enum answered answered = ANSWER_NOW;
    if (!operation) {
        (void)reply_refuse(call, &reply, BATON__CODE__CODE_INVALID, "op",
                           "this broker (" SOFTWARE
                           ") does not know the operation, or there is none");
    } else if (check_envelope(call, &reply)) {
        answered = carry_out(call, operation, &reply);
    }
    if (answered == ANSWER_LATER || answered == ANSWER_SENT) {
        return;
    }
    if (reply.error) {
        front_count(front, COUNT_REQUESTS_REFUSED, 1);
    }
    /* A refused post says what the board was like: asked again, it is decided afresh. */
    bool keep = !reply.error || message->op_case != BATON__TO_BROKER__OP_POST;
    if (call->is_numbered && answered == ANSWER_NOW && keep) {
        remember(front, message->client, message->number, message->acked, call->digest, &reply);
    }
    if (message->id == 0) {
        return;
    }
    if (operation && operation->is_stateless && !reply.error) {
        front_send_now(front, call->peer, message->id, &reply);
    } else if (reply.op_case == BATON__FROM_BROKER__OP_ASSIGN) {
        front_send_assign(front, call->peer, message->id, 0, reply.assign);
    } else {
        front_send(front, call->peer, message->id, &reply);
    }
}

static const char *
actor_of(const Baton__ToBroker *message, const struct front *front, const struct session *session)
{
    if (message->actor[0]) {
        return message->actor;
    }
    return session ? core_worker_name(front->core, session->worker) : "unknown";
}

/* A parted session is told so once; after that its connection has none. False: it was told. */
static bool
check_session(struct front *front, struct session **session, const Baton__ToBroker *message)
{
    if (!*session || !(*session)->is_parted) {
        return true;
    }
    uint64_t peer = (*session)->peer;
    sessions_close(front->sessions, *session);
    *session = NULL;
    if (message->op_case == BATON__TO_BROKER__OP_HELLO) {
        return true;
    }
    tell(front, peer, message->id, BATON__CODE__CODE_HELLO_FIRST, "",
         "the session of this connection was lost or replaced: say Hello with what you hold");
    return false;
}

void
dispatch_frame(struct front *front, uint64_t peer, const uint8_t *data, size_t bytes)
{
    struct wire_frame frame = {0};
    switch (wire_unpack(data, bytes, &front->arena, &frame)) {
    case WIRE_STRANGE:
        front_count(front, COUNT_MESSAGES_DROPPED, 1);
        return;
    case WIRE_VERSION_X:
        tell(front, peer, 0, BATON__CODE__CODE_VERSION, "", "this broker speaks version 1");
        return;
    case WIRE_MALFORMED:
        front_count(front, COUNT_MESSAGES_MALFORMED, 1);
        tell(front, peer, 0, BATON__CODE__CODE_MALFORMED, "",
             "the message is not a ToBroker of proto/wire.proto, or has text that is not UTF-8");
        return;
    case WIRE_TOO_LARGE:
        front_count(front, COUNT_MESSAGES_MALFORMED, 1);
        tell(front, peer, wire_id(data, bytes), BATON__CODE__CODE_TOO_LARGE, "",
             "the message holds too much at once (docs/protocol.md, 12); send it in parts");
        return;
    case WIRE_NUL:
        tell(front, peer, frame.message->id, BATON__CODE__CODE_INVALID, frame.nul_field,
             "a text has a NUL character in it");
        return;
    case WIRE_OK:
        break;
    }
    const Baton__ToBroker *message = frame.message;
    struct session *session = sessions_find(front->sessions, peer);
    if (!check_session(front, &session, message)) {
        return;
    }
    if (session) {
        sessions_heard(front->sessions, session, front->now);
    }
    struct call call = {
        .front = front,
        .peer = peer,
        .session = session,
        .message = message,
        .packed = frame.is_strange ? NULL : data,
        .packed_bytes = frame.is_strange ? 0 : bytes,
        .actor = actor_of(message, front, session),
    };
    if (message->client[0]) {
        call.digest = wire_digest(data, bytes);
    }
    dispatch(&call);
}
