/* Tasks, results and assignments as the broker tells them. */
#include "client/view.h"
#include "client/card.h"
#include "client/measure.h"

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

static bool
upstream_from_messages(struct record *record, const Baton__Assignment *m, baton_assignment *a)
{
    struct baton_upstream *upstream = record_array(record, m->n_upstream, sizeof *upstream);
    for (size_t i = 0; upstream && i < m->n_upstream; i++) {
        const Baton__Upstream *u = m->upstream[i];
        upstream[i] = (struct baton_upstream){
            .project = u->project,
            .id = u->id,
            .state = (baton_state)u->state,
            .summary = u->summary,
            .document = u->document.data,
            .document_bytes = u->document.len,
        };
    }
    a->upstream = upstream;
    a->n_upstream = m->n_upstream;
    return upstream != NULL;
}

/* Handoffs come first. */
static bool
cards_from_messages(struct record *record, const Baton__Assignment *m, baton_assignment *a)
{
    struct baton_card *cards = record_array(record, m->n_cards, sizeof *cards);
    size_t n_handoffs = 0;
    for (size_t i = 0; cards && i < m->n_cards; i++) {
        n_handoffs += m->cards[i]->kind == BATON__CARD_KIND__CARD_HANDOFF;
        if (!card_from_message(record, m->cards[i], &cards[i])) {
            return false;
        }
    }
    a->handoffs = cards;
    a->n_handoffs = n_handoffs;
    a->decisions = cards ? cards + n_handoffs : NULL;
    a->n_decisions = m->n_cards - n_handoffs;
    return cards != NULL;
}

static bool
assignment_fill(struct record *record, const Baton__Assignment *m, const Baton__Spec *spec,
                baton_assignment *a)
{
    *a = (baton_assignment){
        .token = m->token,
        .key = m->key,
        .project = m->project,
        .id = m->id,
        .role = m->role,
        .attempt = m->attempt,
        .lease_ms = m->lease_ms,
        .note = m->note ? m->note->text : "",
        .previous = m->note ? m->note->document.data : NULL,
        .previous_bytes = m->note ? m->note->document.len : 0,
        .budgets = budgets_from_messages(record, m->budgets, m->n_budgets),
        .n_budgets = m->n_budgets,
    };
    baton_spec *made = spec_from_message(record, spec);
    if (!made) {
        return false;
    }
    made->id = m->id;
    made->project = m->project;
    made->role = m->role;
    a->spec = made;
    return upstream_from_messages(record, m, a) && cards_from_messages(record, m, a);
}

enum made
assignment_from_message(struct record *record, struct record *scratch, const Baton__Assignment *m,
                        baton_assignment *ret_assignment)
{
    const Baton__Spec *spec = record_unpack_apart(record, scratch, &baton__spec__descriptor,
                                                  m->spec.len, m->spec.data);
    bool filled = spec && assignment_fill(record, m, spec, ret_assignment);
    return record->failed ? NOT_MADE_NO_MEMORY : filled ? MADE : NOT_MADE_UNREADABLE;
}

enum made
assignment_unpack(struct record *scratch, size_t bytes, const uint8_t *data,
                  baton_assignment **ret_assignment)
{
    /* Most of it is the struct of the spec; the strings are about as long as their bytes. */
    struct record *record = record_new(sizeof(baton_assignment),
                                       sizeof(baton_spec) + 2 * bytes + 128);
    if (!record) {
        return NOT_MADE_NO_MEMORY;
    }
    enum made made = NOT_MADE_UNREADABLE;
    const Baton__Assignment *m = record_unpack_apart(record, scratch,
                                                     &baton__assignment__descriptor, bytes, data);
    if (m) {
        made = assignment_from_message(record, scratch, m, record_public(record));
    } else if (record->failed) {
        made = NOT_MADE_NO_MEMORY;
    }
    if (made == MADE) {
        *ret_assignment = record_public(record);
    } else {
        record_free(record);
    }
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
