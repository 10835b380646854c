#include "broker/front/store_ops.h"

#include "common/alloc.h"

#include <stdlib.h>
#include <string.h>

static struct store_op *
op_add(struct front *front, enum store_op_kind kind, struct asker asker)
{
    struct store_op *op = xcalloc(1, sizeof *op);
    op->kind = kind;
    op->cookie = ++front->last_cookie;
    op->asker = asker;
    arena_init(&op->arena);
    op->next = front->store_ops;
    if (op->next) {
        op->next->prev = op;
    }
    front->store_ops = op;
    front->n_store_ops++;
    return op;
}

struct store_op *
store_op_begin_own(struct front *front, enum store_op_kind kind)
{
    return op_add(front, kind, (struct asker){.client = xstrdup(""), .actor = xstrdup("")});
}

struct store_op *
store_op_begin(struct call *call, enum store_op_kind kind, Baton__FromBroker *reply)
{
    struct front *front = call->front;
    if (front->n_store_ops >= STORE_OPS_MAX) {
        reply_refuse(call, reply, BATON__CODE__CODE_BUSY, "",
                     "%d questions wait for the store; ask again a little later",
                     (int)STORE_OPS_MAX);
        return NULL;
    }
    return op_add(front, kind, asker_of(call));
}

struct asker *
store_op_find_asker(struct front *front, const char *client, uint64_t number)
{
    struct store_op *op = front->store_ops;
    while (op && !(op->asker.number == number && strcmp(op->asker.client, client) == 0)) {
        op = op->next;
    }
    return op ? &op->asker : NULL;
}

void
store_op_end(struct front *front, struct store_op *op)
{
    *(op->prev ? &op->prev->next : &front->store_ops) = op->next;
    if (op->next) {
        op->next->prev = op->prev;
    }
    front->n_store_ops--;
    asker_fini(&op->asker);
    arena_fini(&op->arena);
    free(op);
}

void
store_op_answer(struct front *front, struct store_op *op, const Baton__FromBroker *reply)
{
    answer_asker(front, &op->asker, reply, true);
    store_op_end(front, op);
}

void
store_op_refuse(struct front *front, struct store_op *op, Baton__Code code, const char *message)
{
    Baton__Error error = BATON__ERROR__INIT;
    error.code = code;
    error.message = (char *)(uintptr_t)message;
    Baton__FromBroker reply = BATON__FROM_BROKER__INIT;
    reply.error = &error;
    front_count(front, COUNT_REQUESTS_REFUSED, 1);
    store_op_answer(front, op, &reply);
}

static struct store_op *
find(struct front *front, uint64_t cookie)
{
    struct store_op *op = front->store_ops;
    while (op && op->cookie != cookie) {
        op = op->next;
    }
    return op;
}

void
store_ops_run(struct front *front)
{
    struct store_answer answer;
    while (store_next_answer(front->store, &answer)) {
        struct store_op *op = find(front, answer.cookie);
        if (op) {
            switch (op->kind) {
            case STORE_OP_GET:
            case STORE_OP_WHY:
                get_continue(front, op, &answer);
                break;
            case STORE_OP_LIST:
                list_continue(front, op, &answer);
                break;
            case STORE_OP_CARDS:
                cards_continue(front, op, &answer);
                break;
            case STORE_OP_GC:
                gc_continue(front, op, &answer);
                break;
            case STORE_OP_BACKUP:
                backup_continue(front, op, &answer);
                break;
            }
        }
        store_answer_fini(&answer);
    }
}

void
store_ops_fini(struct front *front)
{
    while (front->store_ops) {
        store_op_end(front, front->store_ops);
    }
}
