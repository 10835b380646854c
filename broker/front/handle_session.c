/* Hello, Ping, Bye, Credit: the life of a connection. */
#include "broker/front/dispatch.h"

#include "broker/front/assign.h"
#include "broker/front/wire.h"
#include "common/limits.h"
#include "common/text.h"

#include <string.h>

enum answered
handle_ping(struct call *call, Baton__FromBroker *reply)
{
    struct front *front = call->front;
    const char *reason;
    Baton__Pong *pong = arena_alloc(&front->arena, sizeof *pong);
    *pong = (Baton__Pong)BATON__PONG__INIT;
    pong->now = front->now;
    pong->epoch = core_epoch(front->core);
    pong->accepting = front_is_accepting(front, &reason);
    reply->op_case = BATON__FROM_BROKER__OP_PONG;
    reply->pong = pong;
    return ANSWER_NOW;
}

static void
set_done(struct front *front, Baton__FromBroker *reply, bool changed)
{
    Baton__Done *done = arena_alloc(&front->arena, sizeof *done);
    *done = (Baton__Done)BATON__DONE__INIT;
    done->event = core_event(front->core);
    done->changed = changed;
    reply->op_case = BATON__FROM_BROKER__OP_DONE;
    reply->done = done;
}

/* ---- hello ---- */

/* The worker's part of a Hello. False: it is refused. */
static bool
read_worker(struct call *call, const Baton__Hello *hello, Baton__FromBroker *reply,
            uint32_t *ret_roles)
{
    if (hello->slots == 0 || hello->slots > SLOTS_MAX) {
        reply_refuse(call, reply, BATON__CODE__CODE_INVALID, "hello.slots", "slots are 1 to %d",
                     (int)SLOTS_MAX);
        return false;
    }
    if (hello->n_roles == 0) {
        reply_refuse(call, reply, BATON__CODE__CODE_INVALID, "hello.roles",
                     "a worker names the roles that it works for");
        return false;
    }
    if (hello->n_held > REPORT_LINES_MAX) {
        reply_refuse(call, reply, BATON__CODE__CODE_TOO_LARGE, "hello.held",
                     "at most %d leases are announced at once", (int)REPORT_LINES_MAX);
        return false;
    }
    if (!assign_check_projects(call, hello->projects, hello->n_projects, "hello.projects", reply)) {
        return false;
    }
    return assign_read_roles(call, hello->roles, hello->n_roles, "hello.roles", reply, ret_roles);
}

/* Opens the worker's session. False: refused. */
static bool
open_session(struct call *call, const Baton__Hello *hello, Baton__FromBroker *reply,
             Baton__Welcome *welcome)
{
    struct front *front = call->front;
    uint32_t roles = 0;
    if (!read_worker(call, hello, reply, &roles)) {
        return false;
    }
    struct core_request request = front_request(front, call->actor);
    uint32_t worker = core_worker(front->core, &request, hello->worker);
    if (worker == 0) {
        reply_refuse_as(call, reply, &request);
        return false;
    }
    if (call->session && call->session->worker != worker) {
        /* One connection, another worker: the first one has left it. */
        core_worker_lost(front->core, &request, call->session->worker);
    }
    struct session *session = sessions_open(
        front->sessions, front->now,
        &(struct session_hello){.peer = call->peer,
                                .worker = worker,
                                .roles = roles,
                                .slots = hello->slots,
                                .software = hello->software,
                                .projects = (const char *const *)hello->projects,
                                .n_projects = hello->n_projects});
    if (!session) {
        reply_refuse(call, reply, BATON__CODE__CODE_FULL, "",
                     "there are %d workers connected, and no more are let in", (int)SESSIONS_MAX);
        return false;
    }
    core_worker_back(front->core, &request, worker, (const Baton__Held *const *)hello->held,
                     hello->n_held, &welcome->lost, &welcome->n_lost);
    front_count(front, COUNT_SESSIONS_OPENED, 1);
    front->assign_wanted = true;
    front->drain_check_at = front->now; /* told again after each Hello */
    log_event_about(LOG_LEVEL_INFO, "worker.connected",
                    &(struct log_about){.worker = hello->worker}, "slots=%u held=%zu lost=%zu",
                    hello->slots, hello->n_held, welcome->n_lost);
    return true;
}

enum answered
handle_hello(struct call *call, Baton__FromBroker *reply)
{
    struct front *front = call->front;
    const Baton__Hello *hello = call->message->hello;
    if (hello->version_min > WIRE_VERSION || hello->version_max < WIRE_VERSION ||
        hello->version_min > hello->version_max) {
        return reply_refuse(call, reply, BATON__CODE__CODE_VERSION, "",
                            "this broker speaks version 1");
    }
    if (strlen(hello->software) > NAME_BYTES_MAX) {
        return reply_refuse(call, reply, BATON__CODE__CODE_INVALID, "hello.software",
                            "the software's name has at most %d bytes", (int)NAME_BYTES_MAX);
    }
    Baton__Welcome *welcome = arena_alloc(&front->arena, sizeof *welcome);
    *welcome = (Baton__Welcome)BATON__WELCOME__INIT;
    if (hello->worker[0] && !open_session(call, hello, reply, welcome)) {
        return ANSWER_NOW;
    }
    welcome->version = WIRE_VERSION;
    welcome->broker = arena_strdup(&front->arena, SOFTWARE);
    welcome->store_id = arena_strdup(&front->arena, store_id(front->store));
    welcome->epoch = core_epoch(front->core);
    welcome->heartbeat_ms = front->options->heartbeat_ms;
    welcome->now = front->now;
    welcome->feed = front->feed_endpoint;
    welcome->event = core_event(front->core);
    welcome->max_message_bytes = MESSAGE_BYTES_MAX;
    welcome->zone = arena_strdup(&front->arena, front->options->zone);
    reply->op_case = BATON__FROM_BROKER__OP_WELCOME;
    reply->welcome = welcome;
    return ANSWER_NOW;
}

/* ---- credit and goodbye ---- */

enum answered
handle_credit(struct call *call, Baton__FromBroker *reply)
{
    struct front *front = call->front;
    if (!call->session) {
        reply_refuse(call, reply, BATON__CODE__CODE_HELLO_FIRST, "",
                     "this connection has no session: say Hello with what you hold");
        /* Told even when no answer was asked for: the worker would wait for ever. */
        front_send_now(front, call->peer, call->message->id, reply);
        return ANSWER_SENT;
    }
    const Baton__Credit *credit = call->message->credit;
    if (credit->slots > SLOTS_MAX) {
        return reply_refuse(call, reply, BATON__CODE__CODE_INVALID, "credit.slots",
                            "credit is at most %d", (int)SLOTS_MAX);
    }
    sessions_set_credit(front->sessions, call->session, credit->slots, credit->arrived);
    front->assign_wanted = true;
    set_done(front, reply, false);
    return ANSWER_NOW;
}

enum answered
handle_bye(struct call *call, Baton__FromBroker *reply)
{
    struct front *front = call->front;
    bool has_session = call->session != NULL;
    if (has_session) {
        uint32_t worker = call->session->worker;
        struct log_about about = {.worker = core_worker_name(front->core, worker)};
        log_event_about(LOG_LEVEL_INFO, "worker.left", &about, "%s", "");
        struct core_request request = front_request(front, call->actor);
        core_worker_bye(front->core, &request, worker);
        sessions_close(front->sessions, call->session);
        call->session = NULL;
        front->assign_wanted = true;
    }
    set_done(front, reply, has_session);
    return ANSWER_NOW;
}
