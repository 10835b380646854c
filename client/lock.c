/* Locks that a running task asks for. */
#include "client/handle.h"
#include "client/spec.h"

baton_status
baton_lock(baton *b, const struct baton_lock *lock, baton_lock_reply **ret_reply)
{
    Baton__Claim claim = BATON__CLAIM__INIT;
    claim.name = pb_text(lock->claim.name);
    claim.amount = lock->claim.amount;
    claim.shared = lock->claim.shared;
    Baton__Lock m = BATON__LOCK__INIT;
    m.token = lock->token;
    m.verb = (Baton__Lock__Verb)lock->verb;
    m.claim = &claim;
    m.wait_ms = lock->wait_ms;
    Baton__ToBroker message = BATON__TO_BROKER__INIT;
    message.op_case = BATON__TO_BROKER__OP_LOCK;
    message.lock = &m;
    struct ask ask = {
        .message = &message,
        .changing = lock->verb != BATON_LOCK_CHECK,
        .answer = BATON__FROM_BROKER__OP_LOCK,
        .public_bytes = sizeof(baton_lock_reply),
        .timeout_ms = lock->wait_ms > 0 ? b->timeout_ms + lock->wait_ms : 0,
        .silence_ms = lock->wait_ms,
    };
    struct answer answer;
    baton_status status = request(b, &ask, &answer);
    if (status) {
        return status;
    }
    const Baton__LockReply *reply = answer.message->lock;
    baton_lock_reply *public = record_public(answer.record);
    public->granted = reply->granted;
    public->lingering = reply->lingering;
    public->holders = refs_from_messages(answer.record, reply->holders, reply->n_holders);
    public->n_holders = reply->n_holders;
    public->reservations = reply->reservations;
    public->n_reservations = reply->n_reservations;
    if (answer.record->failed) {
        return no_memory(b, answer.record);
    }
    *ret_reply = public;
    return BATON_OK;
}

void
baton_lock_reply_free(baton_lock_reply *reply)
{
    record_free(record_of(reply));
}
