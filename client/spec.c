/* Specs, references, resources and filters, to messages and back. */
#include "client/spec.h"

#include "client/frame.h"

#include <stdlib.h>

/* An array of n messages and of pointers to them, as protobuf-c wants repeated fields. */
static void *
messages_new(struct record *record, size_t n, size_t bytes, void ***ret_pointers)
{
    uint8_t *messages = record_array(record, n, bytes);
    void **pointers = record_array(record, n, sizeof *pointers);
    if (!messages || !pointers) {
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        pointers[i] = messages + i * bytes;
    }
    *ret_pointers = pointers;
    return messages;
}

static bool
lists_to_message(struct record *record, const baton_spec *spec, Baton__Spec *message)
{
    Baton__Edge *after;
    Baton__Claim *claims;
    Baton__Spec__LabelsEntry *labels;
    if (!(after = messages_new(record, spec->n_after, sizeof *after, (void ***)&message->after)) ||
        !(claims = messages_new(record, spec->n_claims, sizeof *claims,
                                (void ***)&message->claims)) ||
        !(labels = messages_new(record, spec->n_labels, sizeof *labels,
                                (void ***)&message->labels))) {
        return false;
    }
    for (size_t i = 0; i < spec->n_after; i++) {
        const struct baton_edge *edge = &spec->after[i];
        after[i] = (Baton__Edge)BATON__EDGE__INIT;
        after[i].id = pb_text(edge->id);
        after[i].project = pb_text(edge->project);
        after[i].condition = (Baton__Condition)edge->condition;
        after[i].policy = (Baton__Policy)edge->policy;
        after[i].any = edge->any;
    }
    for (size_t i = 0; i < spec->n_claims; i++) {
        claims[i] = (Baton__Claim)BATON__CLAIM__INIT;
        claims[i].name = pb_text(spec->claims[i].name);
        claims[i].amount = spec->claims[i].amount;
        claims[i].shared = spec->claims[i].shared;
    }
    for (size_t i = 0; i < spec->n_labels; i++) {
        labels[i] = (Baton__Spec__LabelsEntry)BATON__SPEC__LABELS_ENTRY__INIT;
        labels[i].key = pb_text(spec->labels[i].name);
        labels[i].value = pb_text(spec->labels[i].value);
    }
    message->n_after = spec->n_after;
    message->n_claims = spec->n_claims;
    message->n_labels = spec->n_labels;
    return true;
}

Baton__Spec *
spec_to_message(struct record *record, const baton_spec *spec)
{
    Baton__Spec *m = record_alloc(record, sizeof *m);
    if (!m) {
        return NULL;
    }
    *m = (Baton__Spec)BATON__SPEC__INIT;
    m->id = pb_text(spec->id);
    m->project = pb_text(spec->project);
    m->role = pb_text(spec->role);
    m->title = pb_text(spec->title);
    m->priority = (Baton__Priority)spec->priority;
    m->deadline = spec->deadline;
    m->on_deadline = (Baton__OnDeadline)spec->on_deadline;
    m->not_before = spec->not_before;
    m->estimate_ms = spec->estimate_ms;
    m->held = spec->held;
    m->milestone = spec->milestone;
    m->command = pb_texts(spec->command);
    m->n_command = spec->n_command;
    m->prompt = pb_text(spec->prompt);
    m->payload.data = (uint8_t *)(uintptr_t)spec->payload;
    m->payload.len = spec->payload_bytes;
    m->env = pb_texts(spec->env);
    m->n_env = spec->n_env;
    m->workdir = pb_text(spec->workdir);
    m->check = pb_texts(spec->check);
    m->n_check = spec->n_check;
    m->max_attempts = spec->max_attempts;
    m->crash_limit = spec->crash_limit;
    m->backoff_ms = spec->backoff_ms;
    m->backoff_cap_ms = spec->backoff_cap_ms;
    m->max_runtime_ms = spec->max_runtime_ms;
    m->idle_ms = spec->idle_ms;
    m->lease_ms = spec->lease_ms;
    m->stall_ms = spec->stall_ms;
    m->review_ms = spec->review_ms;
    m->unique_key = pb_text(spec->unique_key);
    m->on_conflict = (Baton__OnConflict)spec->on_conflict;
    m->unique_window_ms = spec->unique_window_ms;
    m->fairness_key = pb_text(spec->fairness_key);
    m->fairness_weight = spec->fairness_weight;
    m->traceparent = pb_text(spec->traceparent);
    m->approval = spec->approval;
    m->no_preempt = spec->no_preempt;
    return lists_to_message(record, spec, m) ? m : NULL;
}

Baton__Ref *
ref_to_message(struct record *record, const struct baton_ref *ref)
{
    Baton__Ref *message = record_alloc(record, sizeof *message);
    if (message) {
        *message = (Baton__Ref)BATON__REF__INIT;
        message->project = pb_text(ref->project);
        message->id = pb_text(ref->id);
    }
    return message;
}

Baton__Ref **
refs_to_messages(struct record *record, const struct baton_ref *refs, size_t n)
{
    void **pointers = NULL;
    Baton__Ref *messages = messages_new(record, n, sizeof *messages, &pointers);
    for (size_t i = 0; messages && i < n; i++) {
        messages[i] = (Baton__Ref)BATON__REF__INIT;
        messages[i].project = pb_text(refs[i].project);
        messages[i].id = pb_text(refs[i].id);
    }
    return (Baton__Ref **)pointers;
}

Baton__Resource **
resources_to_messages(struct record *record, const struct baton_resource *resources, size_t n)
{
    void **pointers = NULL;
    Baton__Resource *messages = messages_new(record, n, sizeof *messages, &pointers);
    for (size_t i = 0; messages && i < n; i++) {
        messages[i] = (Baton__Resource)BATON__RESOURCE__INIT;
        messages[i].name = pb_text(resources[i].name);
        messages[i].capacity = resources[i].capacity;
    }
    return (Baton__Resource **)pointers;
}

Baton__List *
filter_to_message(struct record *record, const struct baton_filter *filter)
{
    Baton__List *m = record_alloc(record, sizeof *m);
    Baton__List__LabelsEntry *labels;
    if (!m) {
        return NULL;
    }
    *m = (Baton__List)BATON__LIST__INIT;
    m->projects = pb_texts(filter->projects);
    m->n_projects = filter->n_projects;
    m->roles = pb_texts(filter->roles);
    m->n_roles = filter->n_roles;
    m->id_prefix = pb_text(filter->id_prefix);
    m->specs = filter->specs;
    m->archived = filter->archived;
    m->n_ids = filter->n_ids;
    m->n_states = filter->n_states;
    m->n_labels = filter->n_labels;
    if (!(m->ids = refs_to_messages(record, filter->ids, filter->n_ids)) ||
        !(m->states = record_array(record, filter->n_states, sizeof *m->states)) ||
        !(labels = messages_new(record, filter->n_labels, sizeof *labels, (void ***)&m->labels))) {
        return NULL;
    }
    for (size_t i = 0; i < filter->n_states; i++) {
        m->states[i] = (Baton__TaskState)filter->states[i];
    }
    for (size_t i = 0; i < filter->n_labels; i++) {
        labels[i] = (Baton__List__LabelsEntry)BATON__LIST__LABELS_ENTRY__INIT;
        labels[i].key = pb_text(filter->labels[i].name);
        labels[i].value = pb_text(filter->labels[i].value);
    }
    return m;
}

static bool
lists_from_message(struct record *record, const Baton__Spec *message, baton_spec *spec)
{
    struct baton_edge *after = record_array(record, message->n_after, sizeof *after);
    struct baton_claim *claims = record_array(record, message->n_claims, sizeof *claims);
    struct baton_label *labels = record_array(record, message->n_labels, sizeof *labels);
    if (!after || !claims || !labels) {
        return false;
    }
    for (size_t i = 0; i < message->n_after; i++) {
        const Baton__Edge *edge = message->after[i];
        after[i] = (struct baton_edge){
            .id = edge->id,
            .project = edge->project,
            .condition = (baton_condition)edge->condition,
            .policy = (baton_policy)edge->policy,
            .any = edge->any,
        };
    }
    for (size_t i = 0; i < message->n_claims; i++) {
        const Baton__Claim *claim = message->claims[i];
        claims[i] = (struct baton_claim){
            .name = claim->name, .amount = claim->amount, .shared = claim->shared};
    }
    for (size_t i = 0; i < message->n_labels; i++) {
        labels[i] = (struct baton_label){.name = message->labels[i]->key,
                                         .value = message->labels[i]->value};
    }
    spec->after = after;
    spec->n_after = message->n_after;
    spec->claims = claims;
    spec->n_claims = message->n_claims;
    spec->labels = labels;
    spec->n_labels = message->n_labels;
    return true;
}

baton_spec *
spec_from_message(struct record *record, const Baton__Spec *m)
{
    static const Baton__Spec none = BATON__SPEC__INIT;
    m = m ? m : &none;
    baton_spec *spec = record_alloc(record, sizeof *spec);
    if (!spec) {
        return NULL;
    }
    *spec = (baton_spec){
        .id = m->id,
        .project = m->project,
        .role = m->role,
        .title = m->title,
        .priority = (baton_priority)m->priority,
        .deadline = m->deadline,
        .on_deadline = (baton_on_deadline)m->on_deadline,
        .not_before = m->not_before,
        .estimate_ms = m->estimate_ms,
        .held = m->held,
        .milestone = m->milestone,
        .command = (const char *const *)m->command,
        .n_command = m->n_command,
        .prompt = m->prompt,
        .payload = m->payload.data,
        .payload_bytes = m->payload.len,
        .env = (const char *const *)m->env,
        .n_env = m->n_env,
        .workdir = m->workdir,
        .check = (const char *const *)m->check,
        .n_check = m->n_check,
        .max_attempts = m->max_attempts,
        .crash_limit = m->crash_limit,
        .backoff_ms = m->backoff_ms,
        .backoff_cap_ms = m->backoff_cap_ms,
        .max_runtime_ms = m->max_runtime_ms,
        .idle_ms = m->idle_ms,
        .lease_ms = m->lease_ms,
        .stall_ms = m->stall_ms,
        .review_ms = m->review_ms,
        .unique_key = m->unique_key,
        .on_conflict = (baton_on_conflict)m->on_conflict,
        .unique_window_ms = m->unique_window_ms,
        .fairness_key = m->fairness_key,
        .fairness_weight = m->fairness_weight,
        .traceparent = m->traceparent,
        .approval = m->approval,
        .no_preempt = m->no_preempt,
    };
    return lists_from_message(record, m, spec) ? spec : NULL;
}

struct baton_ref
ref_from_message(const Baton__Ref *message)
{
    return message ? (struct baton_ref){.project = message->project, .id = message->id}
                   : (struct baton_ref){.project = "", .id = ""};
}

struct baton_ref *
refs_from_messages(struct record *record, Baton__Ref *const *messages, size_t n)
{
    struct baton_ref *refs = record_array(record, n, sizeof *refs);
    for (size_t i = 0; refs && i < n; i++) {
        refs[i] = ref_from_message(messages[i]);
    }
    return refs;
}

baton_spec *
baton_spec_new(void)
{
    return calloc(1, sizeof(baton_spec));
}

void
baton_spec_free(baton_spec *spec)
{
    free(spec);
}
