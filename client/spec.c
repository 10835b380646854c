/* Specs, references, resources and filters, to messages and back. */
#include "client/spec.h"

#include "client/frame.h"
#include "common/pack.h"
#include "common/text.h"

#include <stdlib.h>
#include <string.h>

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

/* ---- a spec as bytes, what protobuf-c would make of it, in one pass and without a message. Most
 * of what a large submission costs is here. ---- */

/* Where it goes. */
struct out {
    struct buf *buf; /* soft */
    const ProtobufCMessageDescriptor *type;
    const char *wrong; /* the first text that is not UTF-8, by its field's name; NULL: none */
};

/* One that is said although it may be empty: an element of a list. */
static void
add_element(struct out *out, unsigned field, const char *text)
{
    text = text ? text : "";
    size_t bytes = strlen(text);
    if (!out->wrong && !utf8_is_valid(text, bytes)) {
        out->wrong = protobuf_c_message_descriptor_get_field(out->type, field)->name;
    }
    if (buf_has_room(out->buf, PACK_HEAD_BYTES_MAX + bytes)) {
        uint8_t *p = out->buf->data + out->buf->bytes;
        p = varint_put(varint_put(p, field << 3 | 2), bytes);
        out->buf->bytes = (size_t)(pack_copy(p, text, bytes) - out->buf->data);
    }
}

static void
add_text(struct out *out, unsigned field, const char *text)
{
    if (text && text[0]) {
        add_element(out, field, text);
    }
}

static void
add_texts(struct out *out, unsigned field, const char *const *texts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        add_element(out, field, texts[i]);
    }
}

static void
add_number(struct out *out, unsigned field, uint64_t value)
{
    if (value && buf_has_room(out->buf, PACK_HEAD_BYTES_MAX)) {
        uint8_t *p = pack_number(out->buf->data + out->buf->bytes, field, value);
        out->buf->bytes = (size_t)(p - out->buf->data);
    }
}

/* As int32 goes over the wire. */
static void
add_enum(struct out *out, unsigned field, int value)
{
    add_number(out, field, (uint64_t)(int64_t)value);
}

static void
add_bytes(struct out *out, unsigned field, const void *data, size_t bytes)
{
    if (bytes > 0 && buf_has_room(out->buf, PACK_HEAD_BYTES_MAX + bytes)) {
        uint8_t *p = pack_text(out->buf->data + out->buf->bytes, field, data, bytes);
        out->buf->bytes = (size_t)(p - out->buf->data);
    }
}

/* A message in it begins and ends. */
static size_t
message_begin(struct out *out, unsigned field, const ProtobufCMessageDescriptor *type)
{
    out->type = type;
    buf_add_varint(out->buf, field << 3 | 2);
    if (!buf_has_room(out->buf, 1)) {
        return out->buf->bytes;
    }
    return out->buf->bytes++;
}

static void
message_end(struct out *out, size_t begin, const ProtobufCMessageDescriptor *outer)
{
    out->type = outer;
    if (!out->buf->failed) {
        pack_length(out->buf, begin);
    }
}

static void
add_needs(struct out *out, const baton_spec *spec)
{
    for (size_t i = 0; i < spec->n_after; i++) {
        const struct baton_edge *edge = &spec->after[i];
        size_t begin = message_begin(out, 10, &baton__edge__descriptor);
        add_text(out, 1, edge->id);
        add_text(out, 2, edge->project);
        add_enum(out, 3, (int)edge->condition);
        add_enum(out, 4, (int)edge->policy);
        add_number(out, 5, edge->any);
        message_end(out, begin, &baton__spec__descriptor);
    }
    for (size_t i = 0; i < spec->n_claims; i++) {
        size_t begin = message_begin(out, 11, &baton__claim__descriptor);
        add_text(out, 1, spec->claims[i].name);
        add_number(out, 2, spec->claims[i].amount);
        add_number(out, 3, spec->claims[i].shared);
        message_end(out, begin, &baton__spec__descriptor);
    }
}

static void
add_work(struct out *out, const baton_spec *spec)
{
    add_texts(out, 20, spec->command, spec->n_command);
    add_text(out, 21, spec->prompt);
    add_bytes(out, 22, spec->payload, spec->payload_bytes);
    add_texts(out, 23, spec->env, spec->n_env);
    add_text(out, 24, spec->workdir);
    add_texts(out, 25, spec->check, spec->n_check);
    for (size_t i = 0; i < spec->n_labels; i++) {
        size_t begin = message_begin(out, 26, &baton__spec__labels_entry__descriptor);
        add_text(out, 1, spec->labels[i].name);
        add_text(out, 2, spec->labels[i].value);
        message_end(out, begin, &baton__spec__descriptor);
    }
}

void
spec_pack(struct buf *buf, const baton_spec *spec, const char **ret_wrong)
{
    struct out out = {buf, &baton__spec__descriptor, *ret_wrong};
    add_text(&out, 1, spec->id);
    add_text(&out, 2, spec->project);
    add_text(&out, 3, spec->role);
    add_text(&out, 4, spec->title);
    add_enum(&out, 5, (int)spec->priority);
    add_number(&out, 6, (uint64_t)spec->deadline);
    add_enum(&out, 7, (int)spec->on_deadline);
    add_number(&out, 8, (uint64_t)spec->not_before);
    add_number(&out, 9, (uint64_t)spec->estimate_ms);
    add_needs(&out, spec);
    add_number(&out, 12, spec->held);
    add_number(&out, 13, spec->milestone);
    add_work(&out, spec);
    add_number(&out, 30, spec->max_attempts);
    add_number(&out, 31, spec->crash_limit);
    add_number(&out, 32, (uint64_t)spec->backoff_ms);
    add_number(&out, 33, (uint64_t)spec->backoff_cap_ms);
    add_number(&out, 34, (uint64_t)spec->max_runtime_ms);
    add_number(&out, 35, (uint64_t)spec->idle_ms);
    add_number(&out, 36, (uint64_t)spec->lease_ms);
    add_number(&out, 37, (uint64_t)spec->stall_ms);
    add_text(&out, 40, spec->unique_key);
    add_enum(&out, 41, (int)spec->on_conflict);
    add_number(&out, 42, (uint64_t)spec->unique_window_ms);
    add_text(&out, 43, spec->fairness_key);
    add_number(&out, 44, spec->fairness_weight);
    add_text(&out, 45, spec->traceparent);
    add_number(&out, 60, spec->approval);
    add_number(&out, 140, spec->no_preempt);
    add_number(&out, 150, (uint64_t)spec->review_ms);
    *ret_wrong = out.wrong;
}

bool
spec_pack_in(struct record *record, const baton_spec *spec, ProtobufCBinaryData *ret_packed)
{
    const char *wrong = NULL; /* the broker says so */
    struct buf buf = {.is_soft = true};
    buf_has_room(&buf, PACK_ROOM);
    spec_pack(&buf, spec, &wrong);
    uint8_t *packed = buf.failed ? NULL : record_alloc(record, buf.bytes);
    record->failed |= buf.failed;
    if (packed) {
        memcpy(packed, buf.data, buf.bytes);
        *ret_packed = (ProtobufCBinaryData){.data = packed, .len = buf.bytes};
    }
    buf_fini(&buf);
    return packed != NULL;
}

Baton__Spec *
spec_to_message(struct record *record, const baton_spec *spec)
{
    ProtobufCBinaryData packed;
    return spec_pack_in(record, spec, &packed)
               ? record_unpack(record, &baton__spec__descriptor, packed.len, packed.data)
               : NULL;
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
