/* Metrics, Budgets, CheckToken and Context: questions about numbers, leases, and what comes with
 * them. */
#include "broker/front/dispatch.h"

enum answered
handle_metrics(struct call *call, Baton__FromBroker *reply)
{
    struct core_request request = front_request(call->front, call->actor);
    Baton__MetricsReply *metrics = arena_alloc(&call->front->arena, sizeof *metrics);
    if (core_metrics(call->front->core, &request, call->message->metrics, metrics) !=
        BATON__CODE__CODE_OK) {
        return reply_refuse_as(call, reply, &request);
    }
    reply->op_case = BATON__FROM_BROKER__OP_METRICS;
    reply->metrics = metrics;
    return ANSWER_NOW;
}

enum answered
handle_check_token(struct call *call, Baton__FromBroker *reply)
{
    struct core_request request = front_request(call->front, call->actor);
    Baton__TokenView *view = arena_alloc(&call->front->arena, sizeof *view);
    core_check_token(call->front->core, &request, call->message->check_token->token, view);
    reply->op_case = BATON__FROM_BROKER__OP_TOKEN;
    reply->token = view;
    return ANSWER_NOW;
}

enum answered
handle_budgets(struct call *call, Baton__FromBroker *reply)
{
    struct core_request request = front_request(call->front, call->actor);
    Baton__BudgetList *list = arena_alloc(&call->front->arena, sizeof *list);
    if (core_budgets(call->front->core, &request, call->message->budgets, list) !=
        BATON__CODE__CODE_OK) {
        return reply_refuse_as(call, reply, &request);
    }
    reply->op_case = BATON__FROM_BROKER__OP_BUDGETS;
    reply->budgets = list;
    return ANSWER_NOW;
}

enum answered
handle_context(struct call *call, Baton__FromBroker *reply)
{
    struct core_request request = front_request(call->front, call->actor);
    Baton__Assignment *assignment = arena_alloc(&call->front->arena, sizeof *assignment);
    if (core_context(call->front->core, &request, call->message->context->task, assignment) !=
        BATON__CODE__CODE_OK) {
        return reply_refuse_as(call, reply, &request);
    }
    reply->op_case = BATON__FROM_BROKER__OP_CONTEXT;
    reply->context = assignment;
    return ANSWER_NOW;
}
