/* Gc: records of the archives (tasks, then cards) that have been kept long enough are deleted; when
 * somebody asks, and once a day. The archive is looked through a page at a time, each asked for
 * when the one before has been dealt with, and what a page has to give is deleted with the batch of
 * the turn: so a commit waits for no more than one page. Tombstones stay with the core. */
#include "broker/front/gc.h"

#include "common/alloc.h"
#include "common/limits.h"

#include <stdlib.h>

enum {
    GC_RECORDS = 200,             /* of one page */
    GC_FIRST_MS = 10 * 60 * 1000, /* after the start */
    GC_EVERY_MS = 24 * 60 * 60 * 1000,
    FIRST_TERMINAL = BATON__TASK_STATE__STATE_DONE,
};

static int64_t
keep_ms(const struct front *front, Baton__TaskState state)
{
    const struct options *options = front->options;
    bool failed = state == BATON__TASK_STATE__STATE_FAILED ||
                  state == BATON__TASK_STATE__STATE_EXPIRED;
    return failed ? options->keep_failed_ms : options->keep_ended_ms;
}

static void
scan_on(struct front *front, struct store_op *op)
{
    op->n_awaiting = 1;
    store_scan_archive(front->store, op->gc.archive, op->gc.scanned, GC_RECORDS, op->cookie);
}

static void
purge(struct front *front, enum store_archive archive, uint64_t key)
{
    if (front->n_purges == front->room_purges) {
        front->room_purges = front->room_purges ? front->room_purges * 2 : GC_RECORDS;
        front->purges = xreallocarray(front->purges, front->room_purges, sizeof *front->purges);
    }
    front->purges[front->n_purges++] = (struct purge){archive, key};
}

/* A card is kept as long as a done task. */
static void
look_at_card(struct front *front, struct store_op *op, const struct store_record *record)
{
    struct gc_op *gc = &op->gc;
    const Baton__Card *card = core_card_record(&front->arena, record->data, record->bytes);
    if (!card || front->now - card->changed_at < front->options->keep_ended_ms) {
        gc->kept++;
        gc->kept_bytes += record->bytes;
        return;
    }
    gc->n_cards++;
    gc->cards_bytes += record->bytes;
    if (!gc->dry_run) {
        purge(front, STORE_CARDS, record->key);
    }
}

static void
look_at(struct front *front, struct store_op *op, const struct store_record *record)
{
    struct gc_op *gc = &op->gc;
    Baton__TaskView view = BATON__TASK_VIEW__INIT;
    bool known = core_view_record(front->core, &front->arena, record->data, record->bytes, &view) &&
                 (unsigned)view.state - FIRST_TERMINAL < GC_STATES;
    if (!known || front->now - view.ended_at < keep_ms(front, view.state)) {
        gc->kept++; /* what can't be read is not ours to throw away */
        gc->kept_bytes += record->bytes;
        return;
    }
    gc->n[(unsigned)view.state - FIRST_TERMINAL]++;
    gc->bytes[(unsigned)view.state - FIRST_TERMINAL] += record->bytes;
    if (!gc->dry_run) {
        purge(front, STORE_TASKS, record->key);
    }
}

static void
finish(struct front *front, struct store_op *op)
{
    const struct gc_op *gc = &op->gc;
    Baton__Collected collected = BATON__COLLECTED__INIT;
    Baton__CollectedState states[GC_STATES];
    Baton__CollectedState *purged[GC_STATES];
    uint64_t n = 0;
    for (int i = 0; i < GC_STATES; i++) {
        if (gc->n[i] > 0) {
            states[i] = (Baton__CollectedState)BATON__COLLECTED_STATE__INIT;
            states[i].state = (Baton__TaskState)(FIRST_TERMINAL + i);
            states[i].n = gc->n[i];
            states[i].bytes = gc->bytes[i];
            purged[collected.n_purged++] = &states[i];
            n += gc->n[i];
        }
    }
    collected.purged = purged;
    collected.kept = gc->kept;
    collected.kept_bytes = gc->kept_bytes;
    collected.to_archive = gc->to_archive;
    collected.cards = gc->n_cards;
    collected.cards_bytes = gc->cards_bytes;
    n += gc->n_cards;
    if (n > 0 && !gc->dry_run) {
        log_event(LOG_LEVEL_NOTICE, "archive.purged", "records=%llu kept=%llu",
                  (unsigned long long)n, (unsigned long long)gc->kept);
    }
    Baton__FromBroker reply = BATON__FROM_BROKER__INIT;
    reply.op_case = BATON__FROM_BROKER__OP_COLLECTED;
    reply.collected = &collected;
    store_op_answer(front, op, &reply);
}

void
gc_continue(struct front *front, struct store_op *op, const struct store_answer *answer)
{
    if (answer->status != STORE_OK) {
        log_event(LOG_LEVEL_WARNING, "archive.unread", "error=%s", log_quote(answer->error).s);
        store_op_refuse(front, op, BATON__CODE__CODE_INTERNAL, answer->error);
        return;
    }
    for (size_t i = 0; i < answer->n_records; i++) {
        (op->gc.archive == STORE_CARDS ? look_at_card : look_at)(front, op, &answer->records[i]);
        op->gc.scanned = answer->records[i].key;
    }
    if (answer->has_more) {
        scan_on(front, op);
    } else if (op->gc.archive == STORE_TASKS) {
        op->gc.archive = STORE_CARDS;
        op->gc.scanned = 0;
        scan_on(front, op);
    } else {
        finish(front, op);
    }
}

static bool
is_under_way(const struct front *front)
{
    const struct store_op *op = front->store_ops;
    while (op && op->kind != STORE_OP_GC) {
        op = op->next;
    }
    return op != NULL;
}

static void
begin(struct front *front, struct store_op *op, bool dry_run)
{
    op->gc.dry_run = dry_run;
    op->gc.to_archive = core_n_to_archive(front->core, front->now);
    scan_on(front, op);
}

enum answered
handle_gc(struct call *call, Baton__FromBroker *reply)
{
    struct front *front = call->front;
    if (is_under_way(front)) {
        return reply_refuse(call, reply, BATON__CODE__CODE_BUSY, "",
                            "the archive is being looked through already; ask again a little "
                            "later");
    }
    struct store_op *op = store_op_begin(call, STORE_OP_GC, reply);
    if (!op) {
        return ANSWER_NOW;
    }
    begin(front, op, call->message->gc->dry_run);
    return ANSWER_LATER;
}

void
gc_run(struct front *front)
{
    if (front->gc_at == 0) {
        front->gc_at = front->now + GC_FIRST_MS;
    }
    if (front->now < front->gc_at || is_under_way(front)) {
        return;
    }
    front->gc_at = front->now + GC_EVERY_MS;
    begin(front, store_op_begin_own(front, STORE_OP_GC), false);
}
