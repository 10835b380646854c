#include "broker/front/front.h"

#include "broker/front/wire.h"
#include "common/alloc.h"
#include "common/limits.h"

#include <stdlib.h>
#include <string.h>

const char *const counter_names[COUNTERS_N] = {
#define X(name, text) text,
    COUNTERS(X)
#undef X
};

struct core_request
front_request(struct front *front, const char *actor)
{
    return (struct core_request){
        .now = front->now,
        .seed = rng_next(&front->rng),
        .actor = actor,
        .business_end = calendar_business_end(&front->calendar, front->now),
        .arena = &front->arena,
        .out = &front->out,
        .error = BATON__ERROR__INIT,
    };
}

bool
front_is_accepting(struct front *front, const char **ret_reason)
{
    if (space_is_low(&front->space, front->now, store_pending_bytes(front->store))) {
        *ret_reason = arena_printf(&front->arena,
                                   "the disk of the store is nearly full (%llu MiB free); what was "
                                   "accepted is finished, new tasks are taken when there is room",
                                   (unsigned long long)(front->space.free_bytes >> 20));
        return false;
    }
    return core_is_accepting(front->core, ret_reason);
}

/* ---- out ---- */

/* The bytes of an answer; one that is too large for a message becomes an error. */
static uint8_t *
pack(uint64_t id, const Baton__FromBroker *message, size_t *ret_bytes)
{
    uint8_t *data = wire_pack(id, message, ret_bytes);
    if (*ret_bytes <= MESSAGE_BYTES_MAX) {
        return data;
    }
    free(data);
    Baton__Error error = BATON__ERROR__INIT;
    error.code = BATON__CODE__CODE_TOO_LARGE;
    error.message = (char *)(uintptr_t) "the answer is larger than a message may be; ask for less "
                                        "at a time (limit)";
    Baton__FromBroker instead = BATON__FROM_BROKER__INIT;
    instead.error = &error;
    return wire_pack(id, &instead, ret_bytes);
}

void
front_send(struct front *front, uint64_t peer, uint64_t id, const Baton__FromBroker *message)
{
    struct outbox_entry entry = {.peer = peer};
    entry.data = pack(id, message, &entry.bytes);
    outbox_add(&front->outbox, &entry);
}

void
front_send_assign(struct front *front, uint64_t peer, uint64_t id, uint32_t worker,
                  const Baton__Assign *assign)
{
    Baton__FromBroker message = BATON__FROM_BROKER__INIT;
    message.op_case = BATON__FROM_BROKER__OP_ASSIGN;
    message.assign = (Baton__Assign *)(uintptr_t)assign;
    struct outbox_entry entry = {.peer = peer, .worker = worker, .n_tokens = assign->n_tasks};
    entry.data = pack(id, &message, &entry.bytes);
    entry.tokens = xreallocarray(NULL, MAX(assign->n_tasks, (size_t)1), sizeof *entry.tokens);
    for (size_t i = 0; i < assign->n_tasks; i++) {
        entry.tokens[i] = assign->tasks[i]->token;
    }
    front_count(front, COUNT_TASKS_ASSIGNED, assign->n_tasks);
    outbox_add(&front->outbox, &entry);
}

/* Leases whose assignment never left go back at once, uncounted. */
static void
give_back(struct front *front, const struct outbox_entry *entry)
{
    for (size_t i = 0; i < entry->n_tokens; i++) {
        struct core_request request = front_request(front, "");
        Baton__Result result = BATON__RESULT__INIT;
        static char why[] =
            "it could not be sent to the worker"; /* for whoever looks at the task */
        result.outcome = BATON__OUTCOME__OUTCOME_RELEASED;
        result.summary = why;
        Baton__Line line = BATON__LINE__INIT;
        line.token = entry->tokens[i];
        line.what_case = BATON__LINE__WHAT_RESULT;
        line.result = &result;
        Baton__LineReply reply = BATON__LINE_REPLY__INIT;
        core_report_line(front->core, &request, entry->worker, &line, &reply);
    }
    front_count(front, COUNT_TASKS_GIVEN_BACK, entry->n_tokens);
    front->assign_wanted = true;
}

static enum router_sent
send_entry(struct front *front, struct outbox_entry *entry)
{
    enum router_sent sent = router_send(front->router, entry->peer, &entry->data, entry->bytes);
    front_count(front,
                sent == ROUTER_SENT   ? COUNT_MESSAGES_SENT
                : sent == ROUTER_GONE ? COUNT_ANSWERS_UNROUTABLE
                                      : COUNT_ANSWERS_NOT_TAKEN,
                1);
    return sent;
}

void
front_release_entry(void *context, struct outbox_entry *entry)
{
    struct front *front = context;
    struct session *session = entry->worker ? sessions_find(front->sessions, entry->peer) : NULL;
    bool is_current = session && !session->is_parted && session->worker == entry->worker;
    if (entry->worker && entry->n_tokens > 0 && !is_current) {
        /* The session was replaced while the leases became durable. */
        give_back(front, entry);
        return;
    }
    enum router_sent sent = send_entry(front, entry);
    if (sent == ROUTER_SENT || entry->n_tokens == 0) {
        return;
    }
    give_back(front, entry);
    if (session) {
        sessions_unserved(front->sessions, session, (uint32_t)entry->n_tokens);
    }
    if (session && sent == ROUTER_GONE) {
        struct core_request request = front_request(front, "");
        sessions_part(front->sessions, session, front->now);
        core_worker_lost(front->core, &request, entry->worker);
        front_count(front, COUNT_SESSIONS_LOST, 1);
    } else if (session) {
        session->blocked_until = front->now + SESSION_BLOCKED_MS;
        front->assign_at = MIN(front->assign_at, session->blocked_until);
    }
}

void
front_send_now(struct front *front, uint64_t peer, uint64_t id, const Baton__FromBroker *message)
{
    struct outbox_entry entry = {.peer = peer};
    entry.data = pack(id, message, &entry.bytes);
    (void)send_entry(front, &entry);
    free(entry.data);
}
