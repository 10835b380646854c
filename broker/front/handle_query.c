/* Get and Why: from the core, or from the archive when the task has left the memory. */
#include "broker/front/store_ops.h"

static enum answered
ask_archive(struct call *call, const Baton__Ref *ref, uint64_t key, enum store_op_kind kind,
            Baton__FromBroker *reply)
{
    struct store_op *op = store_op_begin(call, kind, reply);
    if (!op) {
        return ANSWER_NOW;
    }
    op->get = (struct get_op){.ref = BATON__REF__INIT};
    op->get.ref.id = arena_strdup(&op->arena, ref->id);
    op->get.ref.project = arena_strdup(&op->arena, ref->project[0] ? ref->project : "default");
    op->get.state = core_archived_state(call->front->core, ref, &op->get.key);
    op->n_awaiting = 1;
    store_read_archive(call->front->store, STORE_TASKS, key, op->cookie);
    return ANSWER_LATER;
}

static enum answered
refuse_without_task(struct call *call, Baton__FromBroker *reply)
{
    return reply_refuse(call, reply, BATON__CODE__CODE_INVALID, "task",
                        "which task? its id is missing");
}

enum answered
handle_get(struct call *call, Baton__FromBroker *reply)
{
    struct front *front = call->front;
    const Baton__Ref *ref = call->message->get->task;
    if (!ref) {
        return refuse_without_task(call, reply);
    }
    struct core_request request = front_request(front, call->actor);
    Baton__TaskView *view = arena_alloc(&front->arena, sizeof *view);
    *view = (Baton__TaskView)BATON__TASK_VIEW__INIT;
    uint64_t archived_key = 0;
    if (core_get(front->core, &request, ref, view, &archived_key) == BATON__CODE__CODE_OK) {
        reply->op_case = BATON__FROM_BROKER__OP_TASK;
        reply->task = view;
        return ANSWER_NOW;
    }
    return archived_key ? ask_archive(call, ref, archived_key, STORE_OP_GET, reply)
                        : reply_refuse_as(call, reply, &request);
}

enum answered
handle_why(struct call *call, Baton__FromBroker *reply)
{
    struct front *front = call->front;
    const Baton__Ref *ref = call->message->why->task;
    if (!ref) {
        return refuse_without_task(call, reply);
    }
    struct core_request request = front_request(front, call->actor);
    Baton__Explained *explained = arena_alloc(&front->arena, sizeof *explained);
    *explained = (Baton__Explained)BATON__EXPLAINED__INIT;
    uint64_t archived_key = 0;
    if (core_why(front->core, &request, ref, explained, &archived_key) == BATON__CODE__CODE_OK) {
        reply->op_case = BATON__FROM_BROKER__OP_EXPLAINED;
        reply->explained = explained;
        return ANSWER_NOW;
    }
    return archived_key ? ask_archive(call, ref, archived_key, STORE_OP_WHY, reply)
                        : reply_refuse_as(call, reply, &request);
}

/* Its record was kept for long enough: what its tombstone knows. */
static void
view_purged(const struct store_op *op, Baton__Spec *spec, Baton__TaskView *ret)
{
    spec->id = op->get.ref.id;
    spec->project = op->get.ref.project;
    ret->spec = spec;
    ret->key = op->get.key;
    ret->state = (Baton__TaskState)op->get.state;
    ret->archived = true;
    ret->purged = true;
}

void
get_continue(struct front *front, struct store_op *op, const struct store_answer *answer)
{
    if (answer->status != STORE_OK) {
        store_op_refuse(front, op, BATON__CODE__CODE_INTERNAL, answer->error);
        return;
    }
    Baton__TaskView view = BATON__TASK_VIEW__INIT;
    Baton__Spec spec = BATON__SPEC__INIT;
    if (answer->n_records == 0) {
        view_purged(op, &spec, &view);
    } else if (!core_view_record(front->core, &op->arena, answer->records[0].data,
                                 answer->records[0].bytes, &view)) {
        store_op_refuse(front, op, BATON__CODE__CODE_INTERNAL,
                        "the task's record in the archive can't be read");
        return;
    }
    Baton__FromBroker reply = BATON__FROM_BROKER__INIT;
    Baton__Explained explained = BATON__EXPLAINED__INIT;
    if (op->kind == STORE_OP_GET) {
        reply.op_case = BATON__FROM_BROKER__OP_TASK;
        reply.task = &view;
    } else {
        explained.task = &view;
        reply.op_case = BATON__FROM_BROKER__OP_EXPLAINED;
        reply.explained = &explained;
    }
    store_op_answer(front, op, &reply);
}
