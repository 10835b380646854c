/* Submitting tasks, and the operators' verbs on them. */
#include "client/card.h"
#include "client/handle.h"
#include "client/spec.h"
#include "common/pack.h"

/* What is submitted: the tasks are packed as they are, the rest is a message. */
struct submission {
    baton_spec *const *specs;
    size_t n_specs;
    Baton__Submit *rest; /* without tasks */
};

enum {
    SPEC_BYTES_USUAL = 192,
    SUBMIT_TAG = FIELD_TAG(12, FIELD_SIZED), /* Submit in ToBroker */
    TASKS_TAG = FIELD_TAG(1, FIELD_SIZED),   /* its first field, before the rest */
};

/* A length is written where one byte was left for it, or what is behind it moves. */
static void
submission_pack(struct buf *buf, const void *what, const char **ret_wrong)
{
    const struct submission *submission = what;
    if (!buf_has_room(buf, 2)) {
        return;
    }
    buf->data[buf->bytes++] = SUBMIT_TAG;
    size_t begin = buf->bytes++;
    for (size_t i = 0; i < submission->n_specs && buf_has_room(buf, 2); i++) {
        buf->data[buf->bytes++] = TASKS_TAG;
        size_t spec_begin = buf->bytes++;
        layout_pack(buf, &spec_layout, submission->specs[i], ret_wrong);
        pack_length(buf, spec_begin);
    }
    pack(buf, &submission->rest->base);
    *ret_wrong = *ret_wrong ? *ret_wrong : text_wrong(&submission->rest->base);
    pack_length(buf, begin);
}

static bool
rest_build(struct record *scratch, const struct baton_submit_options *options,
           Baton__Submit *submit)
{
    submit->dry_run = options->dry_run;
    submit->strict = options->strict;
    submit->update = options->update;
    submit->parent_token = options->parent_token;
    submit->n_resources = options->n_resources;
    submit->resources = resources_to_messages(scratch, options->resources, options->n_resources);
    submit->close = pb_texts(options->close);
    submit->n_close = options->n_close;
    submit->cards = record_array(scratch, options->n_cards, sizeof(Baton__Card *));
    submit->n_cards = options->n_cards;
    for (size_t i = 0; submit->cards && i < options->n_cards; i++) {
        submit->cards[i] = card_to_message(scratch, &options->cards[i]);
    }
    return !scratch->failed;
}

static bool
submitted_fill(struct record *record, const Baton__Submitted *m, baton_submitted *submitted)
{
    struct baton_difference *differences = record_array(record, m->n_differences,
                                                        sizeof *differences);
    struct baton_ref *forward_refs = refs_from_messages(record, m->forward_refs, m->n_forward_refs);
    struct baton_card_difference *cards = record_array(record, m->n_cards, sizeof *cards);
    if (!differences || !forward_refs || !cards) {
        return false;
    }
    for (size_t i = 0; i < m->n_cards; i++) {
        cards[i] = (struct baton_card_difference){
            .kind = (enum baton_difference_kind)m->cards[i]->kind,
            .card_kind = (baton_card_kind)m->cards[i]->card_kind,
            .project = m->cards[i]->project,
            .name = m->cards[i]->name,
        };
    }
    for (size_t i = 0; i < m->n_differences; i++) {
        const Baton__Difference *d = m->differences[i];
        differences[i] = (struct baton_difference){
            .kind = (enum baton_difference_kind)d->kind,
            .task = ref_from_message(d->task),
            .fields = (const char *const *)d->fields,
            .n_fields = d->n_fields,
            .index = d->index,
        };
    }
    *submitted = (baton_submitted){
        .created = m->created,
        .updated = m->updated,
        .unchanged = m->unchanged,
        .differences = differences,
        .n_differences = m->n_differences,
        .forward_refs = forward_refs,
        .n_forward_refs_named = m->n_forward_refs,
        .n_forward_refs = m->forward_refs_total,
        .event = m->event,
        .cards = cards,
        .n_cards = m->n_cards,
    };
    return true;
}

baton_status
baton_submit(baton *b, baton_spec *const *specs, size_t n_specs,
             const struct baton_submit_options *options, baton_submitted **ret_submitted)
{
    if (n_specs > SUBMIT_TASKS_MAX) {
        return fault_set(&b->fault, BATON_TOO_LARGE,
                         "%zu tasks are too many for one submission (%d): submit them in parts",
                         n_specs, SUBMIT_TASKS_MAX);
    }
    struct record *scratch = scratch_new(b, 256);
    if (!scratch) {
        return BATON_NO_MEMORY;
    }
    Baton__Submit rest = BATON__SUBMIT__INIT;
    if (options && !rest_build(scratch, options, &rest)) {
        return no_memory(b, scratch);
    }
    struct submission submission = {specs, n_specs, &rest};
    struct frame_op op = {submission_pack, &submission, n_specs * SPEC_BYTES_USUAL};
    Baton__ToBroker message = BATON__TO_BROKER__INIT;
    struct ask ask = {
        .message = &message,
        .op = &op,
        .changing = true,
        .answer = BATON__FROM_BROKER__OP_SUBMITTED,
        .public_bytes = sizeof(baton_submitted),
    };
    struct answer answer;
    baton_status status = request(b, &ask, &answer);
    record_free(scratch);
    if (status) {
        return status;
    }
    baton_submitted *submitted = record_public(answer.record);
    if (!submitted_fill(answer.record, answer.message->submitted, submitted)) {
        return no_memory(b, answer.record);
    }
    *ret_submitted = submitted;
    return BATON_OK;
}

void
baton_submitted_free(baton_submitted *submitted)
{
    record_free(record_of(submitted));
}

static bool
change_build(struct record *scratch, const struct baton_change *change, Baton__Change *m)
{
    m->verb = (Baton__Change__Verb)change->verb;
    m->tasks = refs_to_messages(scratch, change->tasks, change->n_tasks);
    m->n_tasks = change->n_tasks;
    m->subtree = change->subtree;
    m->reason = pb_text(change->reason);
    m->dry_run = change->dry_run;
    m->force = change->force;
    m->grace_ms = change->grace_ms;
    m->spec = change->spec ? spec_to_message(scratch, change->spec) : NULL;
    m->fields = pb_texts(change->fields);
    m->n_fields = change->n_fields;
    m->filter = change->filter ? filter_to_message(scratch, change->filter) : NULL;
    m->all = change->all;
    if (change->confirm) {
        m->confirm = (char *)(uintptr_t)change->confirm;
    }
    return !scratch->failed;
}

baton_status
baton_change(baton *b, const struct baton_change *change, baton_changed **ret_changed)
{
    struct record *scratch = scratch_new(b, 4096);
    if (!scratch) {
        return BATON_NO_MEMORY;
    }
    Baton__Change m = BATON__CHANGE__INIT;
    if (!change_build(scratch, change, &m)) {
        return no_memory(b, scratch);
    }
    Baton__ToBroker message = BATON__TO_BROKER__INIT;
    message.op_case = BATON__TO_BROKER__OP_CHANGE;
    message.change = &m;
    struct ask ask = {
        .message = &message,
        .changing = true,
        .answer = BATON__FROM_BROKER__OP_CHANGED,
        .public_bytes = sizeof(baton_changed),
    };
    struct answer answer;
    baton_status status = request(b, &ask, &answer);
    record_free(scratch);
    if (status) {
        return status;
    }
    const Baton__Changed *c = answer.message->changed;
    baton_changed *changed = record_public(answer.record);
    *changed = (baton_changed){
        .tasks = refs_from_messages(answer.record, c->tasks, c->n_tasks),
        .n_named = c->n_tasks,
        .n_changed = c->n_changed,
        .n_unchanged = c->n_unchanged,
        .event = c->event,
        .confirm = c->confirm,
    };
    if (!changed->tasks) {
        return no_memory(b, answer.record);
    }
    *ret_changed = changed;
    return BATON_OK;
}

void
baton_changed_free(baton_changed *changed)
{
    record_free(record_of(changed));
}
