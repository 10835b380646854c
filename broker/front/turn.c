#include "broker/front/turn.h"

#include "common/alloc.h"

#include <stdlib.h>
#include <string.h>

/* The next turn writes about as much as this one: room that is there need not grow by copying. */
enum { ROOM_KEPT = 1024 * 1024 };

/* Workers are told to stop; those that are away learn it from the answers to their beats. */
static void
queue_stops(struct front *front)
{
    for (size_t i = 0; i < front->out.n_stops; i++) {
        const struct core_stop *stop = &front->out.stops[i];
        struct session *session = sessions_of_worker(front->sessions, stop->worker);
        if (!session) {
            continue;
        }
        Baton__Stop body = BATON__STOP__INIT;
        body.token = stop->token;
        body.grace_ms = stop->grace_ms;
        body.reason = (char *)(uintptr_t)stop->reason;
        Baton__FromBroker message = BATON__FROM_BROKER__INIT;
        message.op_case = BATON__FROM_BROKER__OP_STOP;
        message.stop = &body;
        front_send(front, session->peer, 0, &message);
    }
}

/* What was packed in the turn, and other room. */
static struct buf
take_bytes(struct front *front, struct buf *buf)
{
    struct buf taken = *buf;
    *buf = store_spare(front->store);
    buf_reserve(buf, MIN(taken.bytes, (size_t)ROOM_KEPT));
    return taken;
}

static void
take_puts(struct front *front, struct store_batch *batch)
{
    struct core_out *out = &front->out;
    if (out->n_puts + front->n_purges == 0) {
        return;
    }
    batch->puts = xreallocarray(NULL, out->n_puts + front->n_purges, sizeof *batch->puts);
    batch->n_puts = out->n_puts;
    for (size_t i = 0; i < out->n_puts; i++) {
        batch->puts[i] = (struct store_put){.archive = out->puts[i].is_card ? STORE_CARDS
                                                                            : STORE_TASKS,
                                            .key = out->puts[i].key,
                                            .at = out->puts[i].at,
                                            .bytes = out->puts[i].bytes};
    }
    struct buf records = take_bytes(front, &out->records);
    batch->records = records.data;
    batch->records_bytes = records.bytes;
    batch->records_room = records.room;
    for (size_t i = 0; i < front->n_purges; i++) {
        batch->puts[batch->n_puts++] = (struct store_put){.archive = front->purges[i].archive,
                                                          .key = front->purges[i].key};
    }
    front->n_purges = 0;
}

static void
take_facts(struct front *front, struct store_batch *batch)
{
    struct core_out *out = &front->out;
    if (out->n_facts == 0) {
        return;
    }
    batch->seq = out->first_seq;
    batch->n_facts = out->n_facts;
    struct buf facts = take_bytes(front, &out->facts);
    batch->facts = facts.data;
    batch->facts_bytes = facts.bytes;
    batch->facts_room = facts.room;
    front->seq_handed = out->first_seq + out->n_facts - 1;
}

/* A snapshot must not be what makes the disk low. When it is low already, half the reserve may be
 * used to cut the journal and so make room. */
static uint64_t
room_for_snapshot(const struct space *space)
{
    uint64_t spare = space->is_low ? space->reserve_bytes / 2
                                   : space->reserve_bytes + space->reserve_bytes / 4;
    return space->free_bytes > spare ? space->free_bytes - spare : 0;
}

static void
submit(struct front *front)
{
    struct store_batch batch = {0};
    take_facts(front, &batch);
    take_puts(front, &batch);
    snapshot_step(&front->snapshot, front->core, front->store, room_for_snapshot(&front->space),
                  &batch);
    bool is_snapshot_end = batch.snapshot_end;
    if (batch.n_facts == 0 && batch.n_puts == 0 && batch.n_chunks == 0 && !batch.snapshot_begin &&
        !batch.snapshot_end) {
        return;
    }
    size_t bytes = batch.facts_bytes;
    for (size_t i = 0; i < batch.n_chunks; i++) {
        bytes += batch.chunks[i].bytes;
    }
    space_wrote(&front->space, bytes);
    front->ticket = store_submit(front->store, &batch);
    if (is_snapshot_end) {
        snapshot_ended(&front->snapshot, front->ticket);
        log_event(LOG_LEVEL_INFO, "snapshot.written", "tasks=%llu",
                  (unsigned long long)core_n_tasks(front->core));
    }
}

void
turn_release(struct front *front)
{
    uint64_t durable = store_durable(front->store);
    outbox_release(&front->outbox, durable, front_release_entry, front);
    feed_publish(&front->feed, durable);
}

void
turn_end(struct front *front)
{
    queue_stops(front);
    submit(front);
    if (front->out.n_events > 0) {
        size_t bytes = front->out.events.bytes;
        window_add(&front->window, front->out.first_event, front->out.n_events, &front->out.events,
                   front->ticket);
        buf_reserve(&front->out.events, MIN(bytes, (size_t)ROOM_KEPT));
    }
    outbox_seal(&front->outbox, front->ticket);
    core_out_clear(&front->out);
    turn_release(front);
}
