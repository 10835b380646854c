#include "broker/front/locks.h"

#include "broker/front/dispatch.h"
#include "common/alloc.h"
#include "common/limits.h"
#include "common/path_name.h"

#include <stdlib.h>
#include <string.h>

struct lock_wait *
locks_find(const struct lock_waits *waits, const char *client, uint64_t number)
{
    struct lock_wait *wait = waits->first;
    while (wait && !(wait->asker.number == number && strcmp(wait->asker.client, client) == 0)) {
        wait = wait->next;
    }
    return wait;
}

static void
wait_free(struct lock_wait *wait)
{
    asker_fini(&wait->asker);
    free(wait->name);
    free(wait);
}

void
locks_fini(struct lock_waits *waits)
{
    while (waits->first) {
        struct lock_wait *wait = waits->first;
        waits->first = wait->next;
        wait_free(wait);
    }
    *waits = (struct lock_waits){0};
}

int64_t
locks_next_at(const struct lock_waits *waits)
{
    int64_t at = INT64_MAX;
    for (const struct lock_wait *wait = waits->first; wait; wait = wait->next) {
        at = MIN(at, wait->until);
    }
    return at;
}

/* The requests that wait, up to `end`, in their order. Of the turn. */
static struct core_lock_wait *
waits_before(struct front *front, const struct lock_wait *end, size_t *ret_n)
{
    const struct lock_waits *waits = &front->lock_waits;
    struct core_lock_wait *list = arena_calloc(&front->arena, waits->n + 1, sizeof *list);
    *ret_n = 0;
    for (const struct lock_wait *wait = waits->first; wait != end; wait = wait->next) {
        list[(*ret_n)++] = (struct core_lock_wait){wait->token, wait->name, wait->shared};
    }
    return list;
}

/* `earlier`: those before it. True: it was answered. */
static bool
serve(struct front *front, struct lock_wait *wait, const struct core_lock_wait *earlier,
      size_t n_earlier, bool last_time)
{
    Baton__Claim claim = BATON__CLAIM__INIT;
    claim.name = wait->name;
    claim.shared = wait->shared;
    claim.amount = wait->amount;
    Baton__Lock lock = BATON__LOCK__INIT;
    lock.token = wait->token;
    lock.claim = &claim;
    struct core_request request = front_request(front, wait->asker.actor);
    Baton__LockReply answer = BATON__LOCK_REPLY__INIT;
    Baton__FromBroker reply = BATON__FROM_BROKER__INIT;
    if (core_lock(front->core, &request, &lock, earlier, n_earlier, &answer) !=
        BATON__CODE__CODE_OK) {
        reply.error = &request.error;
    } else if (answer.granted || last_time) {
        reply.op_case = BATON__FROM_BROKER__OP_LOCK;
        reply.lock = &answer;
    } else {
        return false;
    }
    answer_asker(front, &wait->asker, &reply, answer.granted);
    return true;
}

static void
serve_all(struct front *front, bool last_time)
{
    struct lock_waits *waits = &front->lock_waits;
    struct lock_wait **at = &waits->first;
    struct core_lock_wait *earlier = arena_calloc(&front->arena, waits->n + 1, sizeof *earlier);
    size_t n_earlier = 0;
    waits->last = NULL;
    while (*at) {
        struct lock_wait *wait = *at;
        if (serve(front, wait, earlier, n_earlier, last_time || wait->until <= front->now)) {
            *at = wait->next;
            waits->n--;
            wait_free(wait);
        } else {
            earlier[n_earlier++] = (struct core_lock_wait){wait->token, wait->name, wait->shared};
            waits->last = wait;
            at = &wait->next;
        }
    }
    waits->seq = core_seq(front->core);
}

void
locks_run(struct front *front)
{
    const struct lock_waits *waits = &front->lock_waits;
    if (waits->n > 0 &&
        (waits->seq != core_seq(front->core) || locks_next_at(waits) <= front->now)) {
        serve_all(front, false);
    }
}

void
locks_dismiss(struct front *front)
{
    serve_all(front, true);
}

/* ---- the request ---- */

static enum answered
park(struct call *call, Baton__FromBroker *reply, const Baton__Lock *lock)
{
    struct front *front = call->front;
    struct lock_waits *waits = &front->lock_waits;
    size_t n;
    const struct core_lock_wait *others = waits_before(front, NULL, &n);
    struct core_request request = front_request(front, call->actor);
    if (core_lock_may_wait(front->core, &request, lock, others, n) != BATON__CODE__CODE_OK) {
        return reply_refuse_as(call, reply, &request);
    }
    if (n >= LOCK_WAITS_MAX) {
        return reply_refuse(call, reply, BATON__CODE__CODE_BUSY, "",
                            "%d others wait for locks already; ask again a little later",
                            (int)LOCK_WAITS_MAX);
    }
    char name[RESOURCE_NAME_ROOM];
    CHECK(!resource_name_read(lock->claim->name, name));
    struct lock_wait *wait = xcalloc(1, sizeof *wait);
    *wait = (struct lock_wait){.asker = asker_of(call),
                               .token = lock->token,
                               .name = xstrdup(name),
                               .shared = lock->claim->shared,
                               .amount = lock->claim->amount,
                               .until = front->now + MIN(lock->wait_ms, (int64_t)TAKE_WAIT_MS_MAX)};
    *(waits->last ? &waits->last->next : &waits->first) = wait;
    waits->last = wait;
    waits->n++;
    return ANSWER_LATER;
}

enum answered
handle_lock(struct call *call, Baton__FromBroker *reply)
{
    struct front *front = call->front;
    const Baton__Lock *lock = call->message->lock;
    struct core_request request = front_request(front, call->actor);
    Baton__LockReply *answer = arena_alloc(&front->arena, sizeof *answer);
    bool waits = lock->verb == BATON__LOCK__VERB__WAIT && lock->wait_ms > 0;
    if (waits && call->message->id == 0) {
        return reply_refuse(call, reply, BATON__CODE__CODE_INVALID, "id", "a wait wants an answer");
    }
    size_t n;
    const struct core_lock_wait *earlier = waits_before(front, NULL, &n);
    if (core_lock(front->core, &request, lock, earlier, n, answer) != BATON__CODE__CODE_OK) {
        return reply_refuse_as(call, reply, &request);
    }
    if (!answer->granted && waits && !front->is_stopping) {
        return park(call, reply, lock);
    }
    reply->op_case = BATON__FROM_BROKER__OP_LOCK;
    reply->lock = answer;
    return answer->granted && lock->verb != BATON__LOCK__VERB__CHECK ? ANSWER_NOW
                                                                     : ANSWER_NOW_FORGET;
}
