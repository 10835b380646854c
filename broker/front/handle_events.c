/* EventsAfter: what a follower of the feed missed. */
#include "broker/front/dispatch.h"

#include "common/limits.h"
#include "common/unpack.h"

enum answered
handle_events(struct call *call, Baton__FromBroker *reply)
{
    struct front *front = call->front;
    const Baton__EventsAfter *ask = call->message->events;
    uint32_t limit = ask->limit ? MIN(ask->limit, (uint32_t)PAGE_MAX) : EVENTS_PAGE;
    struct buf packed = {0};
    int n = window_page(&front->window, ask->number, limit, &packed);
    Baton__EventBatch *batch = NULL;
    if (n >= 0) {
        batch = unpack_own(&front->arena, &baton__event_batch__descriptor, packed.bytes,
                           packed.data);
        CHECK(batch);
    } else {
        reply_refuse(
            call, reply, BATON__CODE__CODE_TOO_FAR_BEHIND, "events.number",
            "events behind number %llu are not kept here; read the state with List and go on "
            "from there",
            (unsigned long long)ask->number);
        batch = arena_alloc(&front->arena, sizeof *batch);
        *batch = (Baton__EventBatch)BATON__EVENT_BATCH__INIT;
        batch->newest = front->window.newest;
    }
    buf_fini(&packed);
    reply->op_case = BATON__FROM_BROKER__OP_EVENTS;
    reply->events = batch;
    return ANSWER_NOW;
}
