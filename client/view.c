/* Tasks, results and assignments as the broker tells them. */
#include "client/view.h"
#include "client/card.h"
#include "client/layout.h"
#include "client/measure.h"
#include "common/pack.h"

/* ---- results: packed with numbers as in proto/task.proto ---- */

static const struct layout measure_layout = {
    .type = &baton__measure__descriptor,
    .fields =
        (const struct layout_field[]){
            {1, LAYOUT_TEXT, offsetof(struct baton_measure, name), NULL},
            {2, LAYOUT_DOUBLE, offsetof(struct baton_measure, value), NULL},
            {3, LAYOUT_TEXT, offsetof(struct baton_measure, unit), NULL},
            {LAYOUT_END, 0, 0, NULL},
        },
    .bytes = sizeof(struct baton_measure),
};

const struct layout result_layout = {
    .type = &baton__result__descriptor,
    .fields =
        (const struct layout_field[]){
            {1, LAYOUT_ENUM, offsetof(struct baton_result, outcome), NULL},
            {2, LAYOUT_TEXT, offsetof(struct baton_result, summary), NULL},
            {3, LAYOUT_BYTES, offsetof(struct baton_result, document), NULL},
            {4, LAYOUT_ZIGZAG, offsetof(struct baton_result, exit_status), NULL},
            {5, LAYOUT_TEXT, offsetof(struct baton_result, output_tail), NULL},
            {6, LAYOUT_LONG, offsetof(struct baton_result, output_bytes), NULL},
            {7, LAYOUT_LONG, offsetof(struct baton_result, retry_after_ms), NULL},
            {8, LAYOUT_LONG, offsetof(struct baton_result, runtime_ms), NULL},
            {60, LAYOUT_TEXT, offsetof(struct baton_result, wait_for), NULL},
            {90, LAYOUT_STRUCTS, offsetof(struct baton_result, measures), &measure_layout},
            {LAYOUT_END, 0, 0, NULL},
        },
    .bytes = sizeof(struct baton_result),
};

Baton__Result *
result_to_message(struct record *record, const struct baton_result *result)
{
    const char *wrong = NULL; /* looked for in the whole request */
    struct buf buf = {.is_soft = true};
    layout_pack(&buf, &result_layout, result, &wrong);
    record->failed |= buf.failed;
    Baton__Result *m = buf.failed
                           ? NULL
                           : record_unpack(record, &baton__result__descriptor, buf.bytes, buf.data);
    buf_fini(&buf);
    return m;
}

struct baton_result
result_from_message(struct record *record, const Baton__Result *m)
{
    static const Baton__Result none = BATON__RESULT__INIT;
    m = m ? m : &none;
    struct baton_measure *measures = record_array(record, m->n_measures, sizeof *measures);
    for (size_t i = 0; measures && i < m->n_measures; i++) {
        measures[i] = (struct baton_measure){
            .name = m->measures[i]->name,
            .value = m->measures[i]->value,
            .unit = m->measures[i]->unit,
        };
    }
    return (struct baton_result){
        .outcome = (baton_outcome)m->outcome,
        .summary = m->summary,
        .document = m->document.data,
        .document_bytes = m->document.len,
        .exit_status = m->exit_status,
        .output_tail = m->output_tail,
        .output_bytes = m->output_bytes,
        .retry_after_ms = m->retry_after_ms,
        .runtime_ms = m->runtime_ms,
        .measures = measures,
        .n_measures = measures ? m->n_measures : 0,
        .wait_for = m->wait_for,
    };
}

static const struct baton_task_measure *
measures_from_messages(struct record *record, Baton__TaskMeasure *const *m, size_t n)
{
    struct baton_task_measure *measures = record_array(record, n, sizeof *measures);
    for (size_t i = 0; measures && i < n; i++) {
        measures[i] = (struct baton_task_measure){
            .name = m[i]->name,
            .unit = m[i]->unit,
            .value = m[i]->value,
            .said = m[i]->said,
            .before = m[i]->before,
        };
    }
    return measures;
}

static bool
history_from_message(struct record *record, const Baton__TaskView *m, baton_task *task)
{
    struct baton_attempt *attempts = record_array(record, m->n_attempts, sizeof *attempts);
    struct baton_orphan *orphans = record_array(record, m->n_orphans, sizeof *orphans);
    if (!attempts || !orphans) {
        return false;
    }
    for (size_t i = 0; i < m->n_attempts; i++) {
        const Baton__Attempt *attempt = m->attempts[i];
        attempts[i] = (struct baton_attempt){
            .number = attempt->number,
            .token = attempt->token,
            .worker = attempt->worker,
            .started_at = attempt->started_at,
            .ended_at = attempt->ended_at,
            .outcome = (baton_outcome)attempt->outcome,
            .summary = attempt->summary,
            .exit_status = attempt->exit_status,
        };
    }
    for (size_t i = 0; i < m->n_orphans; i++) {
        orphans[i] = (struct baton_orphan){
            .token = m->orphans[i]->token,
            .at = m->orphans[i]->at,
            .worker = m->orphans[i]->worker,
            .result = result_from_message(record, m->orphans[i]->result),
        };
    }
    task->attempts = attempts;
    task->n_attempts = m->n_attempts;
    task->orphans = orphans;
    task->n_orphans = m->n_orphans;
    return true;
}

bool
task_from_message(struct record *record, const Baton__TaskView *m, baton_task *ret_task)
{
    static const Baton__TaskView none = BATON__TASK_VIEW__INIT;
    m = m ? m : &none;
    baton_task task = {
        .key = m->key,
        .spec = spec_from_message(record, m->spec),
        .state = (baton_state)m->state,
        .reason = (int)m->reason,
        .attempt = m->attempt,
        .losses = m->losses,
        .worker = m->worker,
        .token = m->token,
        .created_at = m->created_at,
        .ready_at = m->ready_at,
        .started_at = m->started_at,
        .ended_at = m->ended_at,
        .next_at = m->next_at,
        .reason_text = m->reason_text,
        .progress = m->progress,
        .progress_text = m->progress_text,
        .progress_at = m->progress_at,
        .has_result = m->result != NULL,
        .result = result_from_message(record, m->result),
        .dependents = refs_from_messages(record, m->dependents, m->n_dependents),
        .n_dependents_named = m->n_dependents,
        .n_dependents = m->dependents_total,
        .aborted_by = ref_from_message(m->aborted_by),
        .parent = ref_from_message(m->parent),
        .archived = m->archived,
        .purged = m->purged,
        .actor = m->actor,
        .order_at = m->order_at,
        .n_unmet = m->n_unmet,
        .alert = (baton_alert)m->alert,
        .latest_start = m->latest_start,
        .measures = measures_from_messages(record, m->measures, m->n_measures),
        .n_measures = m->n_measures,
        .waits_for = m->waits_for,
        .note = m->note,
        .rework = m->rework,
        .review_due = m->review_due,
    };
    if (!task.spec || !task.dependents || record->failed ||
        !history_from_message(record, m, &task)) {
        return false;
    }
    *ret_task = task;
    return true;
}

/* ---- assignments: read from their bytes, with numbers as in proto/wire.proto ---- */

static const struct layout upstream_layout = {
    .fields =
        (const struct layout_field[]){
            {1, LAYOUT_TEXT, offsetof(struct baton_upstream, project), NULL},
            {2, LAYOUT_TEXT, offsetof(struct baton_upstream, id), NULL},
            {3, LAYOUT_ENUM, offsetof(struct baton_upstream, state), NULL},
            {4, LAYOUT_TEXT, offsetof(struct baton_upstream, summary), NULL},
            {5, LAYOUT_BYTES, offsetof(struct baton_upstream, document), NULL},
            {LAYOUT_END, 0, 0, NULL},
        },
    .empty = &(const struct baton_upstream){.project = "", .id = "", .summary = ""},
    .bytes = sizeof(struct baton_upstream),
};

static const struct layout assignment_layout = {
    .fields =
        (const struct layout_field[]){
            {1, LAYOUT_LONG, offsetof(baton_assignment, token), NULL},
            {2, LAYOUT_LONG, offsetof(baton_assignment, key), NULL},
            {3, LAYOUT_TEXT, offsetof(baton_assignment, project), NULL},
            {4, LAYOUT_TEXT, offsetof(baton_assignment, id), NULL},
            {5, LAYOUT_TEXT, offsetof(baton_assignment, role), NULL},
            {6, LAYOUT_WORD, offsetof(baton_assignment, attempt), NULL},
            {7, LAYOUT_LONG, offsetof(baton_assignment, lease_ms), NULL},
            {8, LAYOUT_STRUCT, offsetof(baton_assignment, spec), &spec_layout},
            {9, LAYOUT_STRUCTS, offsetof(baton_assignment, upstream), &upstream_layout},
            /* These few have are taken from a message, by rest_fill. */
            {10, LAYOUT_COUNT, offsetof(baton_assignment, n_decisions), NULL},
            {60, LAYOUT_COUNT, offsetof(baton_assignment, previous_bytes), NULL},
            {90, LAYOUT_COUNT, offsetof(baton_assignment, n_budgets), NULL},
            {LAYOUT_END, 0, 0, NULL},
        },
    .empty =
        &(const baton_assignment){
            .project = "",
            .id = "",
            .role = "",
            .note = "",
        },
    .bytes = sizeof(baton_assignment),
};

/* Handoffs come first. */
static void
cards_from_messages(struct record *record, const Baton__Assignment *m, baton_assignment *a)
{
    struct baton_card *cards = record_array(record, m->n_cards, sizeof *cards);
    size_t n_handoffs = 0;
    for (size_t i = 0; cards && i < m->n_cards; i++) {
        n_handoffs += m->cards[i]->kind == BATON__CARD_KIND__CARD_HANDOFF;
        if (!card_from_message(record, m->cards[i], &cards[i])) {
            return;
        }
    }
    a->handoffs = cards;
    a->n_handoffs = n_handoffs;
    a->decisions = cards ? cards + n_handoffs : NULL;
    a->n_decisions = m->n_cards - n_handoffs;
}

static void
rest_fill(struct record *record, size_t bytes, const uint8_t *data, baton_assignment *a)
{
    const Baton__Assignment *m = record_unpack(record, &baton__assignment__descriptor, bytes, data);
    if (!m) {
        record->malformed = true;
        return;
    }
    a->note = m->note ? m->note->text : "";
    a->previous = m->note ? m->note->document.data : NULL;
    a->previous_bytes = m->note ? m->note->document.len : 0;
    a->budgets = budgets_from_messages(record, m->budgets, m->n_budgets);
    a->n_budgets = m->n_budgets;
    cards_from_messages(record, m, a);
}

static void
assignment_fill(struct record *record, size_t bytes, const uint8_t *data, baton_assignment *a)
{
    layout_read(record, &assignment_layout, bytes, data, a);
    baton_spec *spec = (baton_spec *)(uintptr_t)a->spec; /* of this record */
    if (!spec) {
        spec = spec_read(record, (ProtobufCBinaryData){0});
    }
    if (record->failed || record->malformed) {
        return;
    }
    if (a->n_decisions || a->previous_bytes || a->n_budgets) {
        rest_fill(record, bytes, data, a);
    }
    spec->id = a->id;
    spec->project = a->project;
    spec->role = a->role;
    a->spec = spec;
}

enum made
assignment_read(size_t bytes, const uint8_t *data, baton_assignment **ret_assignment)
{
    /* Most of it is the struct of the spec; the strings are about as long as their bytes. */
    struct record *record = record_new(sizeof(baton_assignment),
                                       sizeof(baton_spec) + bytes + bytes / 2 + 128);
    if (!record) {
        return NOT_MADE_NO_MEMORY;
    }
    assignment_fill(record, bytes, data, record_public(record));
    if (record->failed || record->malformed) {
        enum made made = record->failed ? NOT_MADE_NO_MEMORY : NOT_MADE_UNREADABLE;
        record_free(record);
        return made;
    }
    *ret_assignment = record_public(record);
    return MADE;
}

enum made
assignment_from_message(const Baton__Assignment *message, baton_assignment **ret_assignment)
{
    struct buf buf = {.is_soft = true};
    pack(&buf, &message->base);
    enum made made = buf.failed ? NOT_MADE_NO_MEMORY
                                : assignment_read(buf.bytes, buf.data, ret_assignment);
    buf_fini(&buf);
    return made;
}

void
baton_assignment_free(baton_assignment *assignment)
{
    record_free(record_of(assignment));
}

void
baton_task_free(baton_task *task)
{
    record_free(record_of(task));
}
