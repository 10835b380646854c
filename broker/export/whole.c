/* Rows of whole tasks, as snapshots and the archive keep them. */
#include "broker/export/copy.h"
#include "broker/export/record.h"
#include "broker/export/rows.h"
#include "common/unpack.h"
#include "common/words.h"

static void
put_attempt(struct rows *rows, const Baton__TaskRecord *record, const Baton__AttemptRecord *attempt)
{
    struct buf *out = &rows->attempt_load;
    const Baton__Result *result = attempt->token == record->token ? record->result : NULL;
    copy_number(out, (int64_t)record->key);
    copy_number(out, (int64_t)attempt->token);
    copy_number_or_null(out, (int64_t)attempt->worker);
    copy_null(out); /* leased_at, waited_ms: a record does not know them */
    copy_null(out);
    copy_time(out, attempt->started_at);
    copy_time(out, attempt->ended_at);
    copy_text_or_null(out, outcome_name((int)attempt->outcome));
    copy_null(out);
    copy_null(out);
    if (attempt->ended_at) {
        copy_number(out, attempt->exit_status);
    } else {
        copy_null(out);
    }
    copy_text_or_null(out, attempt->summary);
    copy_number_or_null(out, result ? result->runtime_ms : 0);
    copy_number_or_null(out, result ? (int64_t)result->output_bytes : 0);
    copy_end(out);
}

/* The one that runs now has no record of its own yet. */
static void
put_running(struct rows *rows, const Baton__TaskRecord *record)
{
    Baton__AttemptRecord attempt = BATON__ATTEMPT_RECORD__INIT;
    attempt.token = record->token;
    attempt.worker = record->worker;
    attempt.started_at = record->state == BATON__TASK_STATE__STATE_LEASED ? 0 : record->started_at;
    put_attempt(rows, record, &attempt);
}

static bool
put_record(struct rows *rows, uint64_t seq, const Baton__TaskRecord *record)
{
    if (record->key > seq || record->state == BATON__TASK_STATE__STATE_UNSPECIFIED) {
        return true;
    }
    const Baton__Spec *spec = unpack_own(&rows->arena, &baton__spec__descriptor, record->spec.len,
                                         record->spec.data);
    if (!spec) {
        return false;
    }
    struct buf *out = &rows->task_load;
    record_put_spec_head(out, record->key, spec);
    record_put_spec(out, &rows->json, spec);
    copy_number_or_null(out, (int64_t)record->parent);
    copy_text(out, record->actor);
    copy_number_or_null(out, spec->estimate_ms);
    copy_time(out, spec->deadline);
    copy_time(out, record->created_at);
    record_put_state(out, record->state, record->reason, record->reason_text, record->ended_at);
    copy_null(out);
    copy_null(out);
    copy_number(out, 0);
    copy_end(out);
    for (size_t i = 0; i < record->n_measures && record->token && record->token <= seq; i++) {
        const Baton__TaskMeasure *measure = record->measures[i];
        if (measure->said) {
            record_put_measure(&rows->measure_in, record->key, record->token, measure->name,
                               measure->value, measure->unit,
                               record->ended_at ? record->ended_at : record->created_at);
        }
    }
    bool ended = false;
    for (size_t i = 0; i < record->n_attempts; i++) {
        if (record->attempts[i]->token <= seq) {
            put_attempt(rows, record, record->attempts[i]);
        }
        ended = ended || record->attempts[i]->token == record->token;
    }
    bool runs = record->state == BATON__TASK_STATE__STATE_LEASED ||
                record->state == BATON__TASK_STATE__STATE_RUNNING ||
                record->state == BATON__TASK_STATE__STATE_CANCELLING;
    if (runs && !ended && record->token && record->token <= seq) {
        put_running(rows, record);
    }
    return true;
}

bool
rows_add_record(struct rows *rows, uint64_t seq, const uint8_t *data, size_t bytes)
{
    const Baton__TaskRecord *record = unpack_own(&rows->arena, &baton__task_record__descriptor,
                                                 bytes, data);
    return record && put_record(rows, seq, record);
}

/* When it left the board is not known: not before its end. */
bool
rows_add_card(struct rows *rows, const uint8_t *data, size_t bytes)
{
    const Baton__Card *card = unpack_own(&rows->arena, &baton__card__descriptor, bytes, data);
    if (!card) {
        return false;
    }
    record_put_card(&rows->card_in, &rows->json, card, card->changed_at);
    return true;
}

bool
rows_add_chunk(struct rows *rows, uint64_t seq, const uint8_t *data, size_t bytes)
{
    const Baton__SnapshotChunk *chunk = unpack_own(&rows->arena, &baton__snapshot_chunk__descriptor,
                                                   bytes, data);
    if (!chunk) {
        return false;
    }
    for (size_t i = 0; chunk->header && i < chunk->header->n_workers; i++) {
        copy_number(&rows->worker_load, (int64_t)chunk->header->workers[i]->number);
        copy_text(&rows->worker_load, chunk->header->workers[i]->name);
        copy_end(&rows->worker_load);
    }
    for (size_t i = 0; i < chunk->n_cards; i++) {
        record_put_card(&rows->card_in, &rows->json, chunk->cards[i], 0);
    }
    for (size_t i = 0; i < chunk->n_tasks; i++) {
        if (!put_record(rows, seq, chunk->tasks[i])) {
            return false;
        }
    }
    return true;
}
