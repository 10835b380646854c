/* Submit, Change, Pause, Resources, Project: what changes the queue. */
#include "broker/front/schedules.h"
#include "broker/front/wire.h"

#include <string.h>

static void *
new_answer(struct call *call, const ProtobufCMessageDescriptor *type)
{
    void *message = arena_alloc(&call->front->arena, type->sizeof_message);
    protobuf_c_message_init(type, message);
    return message;
}

/* True when the submission would add or change tasks. It is tried without effect: only then is it
 * known whether the disk's last room is asked for. */
static bool
would_change(struct call *call, const Baton__Submit *submit)
{
    Baton__Submit trial = *submit;
    trial.dry_run = true;
    struct core_request request = front_request(call->front, call->actor);
    Baton__Submitted submitted = BATON__SUBMITTED__INIT;
    return core_submit(call->front->core, &request, &trial, &submitted) == BATON__CODE__CODE_OK &&
           (submitted.created > 0 || submitted.updated > 0);
}

enum answered
handle_submit(struct call *call, Baton__FromBroker *reply)
{
    struct front *front = call->front;
    const Baton__Submit *submit = call->message->submit;
    const char *reason, *field, *wrong;
    for (size_t i = 0; i < submit->n_cards; i++) {
        if (!schedules_complete(front, BATON__CARD_VERB__CARD_SET, submit->cards[i], &field,
                                &wrong)) {
            field = arena_printf(&front->arena, "cards[%zu].%s", i, field);
            return reply_refuse(call, reply, BATON__CODE__CODE_INVALID, field, "%s", wrong);
        }
    }
    if (!submit->dry_run && !front_is_accepting(front, &reason) &&
        core_is_accepting(front->core, &reason) && would_change(call, submit)) {
        (void)front_is_accepting(front, &reason);
        return reply_refuse(call, reply, BATON__CODE__CODE_FULL, "", "%s", reason);
    }
    struct core_request request = front_request(front, call->actor);
    request.packed = wire_operation(call->packed, call->packed_bytes, BATON__TO_BROKER__OP_SUBMIT,
                                    &request.packed_bytes);
    Baton__Submitted *submitted = new_answer(call, &baton__submitted__descriptor);
    if (core_submit(front->core, &request, submit, submitted) != BATON__CODE__CODE_OK) {
        return reply_refuse_as(call, reply, &request);
    }
    reply->op_case = BATON__FROM_BROKER__OP_SUBMITTED;
    reply->submitted = submitted;
    return submit->dry_run ? ANSWER_NOW_FORGET : ANSWER_NOW;
}

enum answered
handle_change(struct call *call, Baton__FromBroker *reply)
{
    struct core_request request = front_request(call->front, call->actor);
    Baton__Changed *changed = new_answer(call, &baton__changed__descriptor);
    if (core_change(call->front->core, &request, call->message->change, changed) !=
        BATON__CODE__CODE_OK) {
        return reply_refuse_as(call, reply, &request);
    }
    reply->op_case = BATON__FROM_BROKER__OP_CHANGED;
    reply->changed = changed;
    return call->message->change->dry_run ? ANSWER_NOW_FORGET : ANSWER_NOW;
}

enum answered
handle_pause(struct call *call, Baton__FromBroker *reply)
{
    struct core_request request = front_request(call->front, call->actor);
    Baton__Done *done = new_answer(call, &baton__done__descriptor);
    if (core_pause(call->front->core, &request, call->message->pause, done) !=
        BATON__CODE__CODE_OK) {
        return reply_refuse_as(call, reply, &request);
    }
    /* Workers that are drained by this are told in the same turn. */
    call->front->drain_check_at = call->front->now;
    reply->op_case = BATON__FROM_BROKER__OP_DONE;
    reply->done = done;
    return ANSWER_NOW;
}

enum answered
handle_resources(struct call *call, Baton__FromBroker *reply)
{
    struct core_request request = front_request(call->front, call->actor);
    Baton__ResourceList *list = new_answer(call, &baton__resource_list__descriptor);
    if (core_resources(call->front->core, &request, call->message->resources, list) !=
        BATON__CODE__CODE_OK) {
        return reply_refuse_as(call, reply, &request);
    }
    reply->op_case = BATON__FROM_BROKER__OP_RESOURCES;
    reply->resources = list;
    return call->message->resources->n_set == 0 ? ANSWER_NOW_FORGET : ANSWER_NOW;
}

enum answered
handle_project(struct call *call, Baton__FromBroker *reply)
{
    struct core_request request = front_request(call->front, call->actor);
    Baton__ProjectReply *project = new_answer(call, &baton__project_reply__descriptor);
    const Baton__Project *ask = call->message->project;
    if (core_project(call->front->core, &request, ask, project) != BATON__CODE__CODE_OK) {
        return reply_refuse_as(call, reply, &request);
    }
    reply->op_case = BATON__FROM_BROKER__OP_PROJECT;
    reply->project = project;
    return ask->verb == BATON__PROJECT__VERB__SHOW ? ANSWER_NOW_FORGET : ANSWER_NOW;
}
