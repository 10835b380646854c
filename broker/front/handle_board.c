/* Post: something is done with a card. */
#include "broker/front/schedules.h"

enum answered
handle_post(struct call *call, Baton__FromBroker *reply)
{
    struct core_request request = front_request(call->front, call->actor);
    Baton__Posted *posted = arena_alloc(&call->front->arena, sizeof *posted);
    const Baton__Post *post = call->message->post;
    const char *field, *wrong;
    if (post->card && !schedules_complete(call->front, post->verb, post->card, &field, &wrong)) {
        return reply_refuse(call, reply, BATON__CODE__CODE_INVALID,
                            arena_printf(&call->front->arena, "card.%s", field), "%s", wrong);
    }
    if (core_post(call->front->core, &request, call->message->post, posted) !=
        BATON__CODE__CODE_OK) {
        return reply_refuse_as(call, reply, &request);
    }
    schedules_try(call->front, post, posted);
    reply->op_case = BATON__FROM_BROKER__OP_POSTED;
    reply->posted = posted;
    return call->message->post->dry_run ? ANSWER_NOW_FORGET : ANSWER_NOW;
}
