/* Specs, references, resources and filters, to messages and back. The numbers of a spec's fields
 * are those of proto/task.proto; a test compares with protobuf-c. */
#include "client/spec.h"

#include "client/frame.h"
#include "client/layout.h"
#include "common/pack.h"

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

#define AT(member, field, of_kind)                                                                 \
    {                                                                                              \
        field, of_kind, offsetof(baton_spec, member), NULL                                         \
    }
#define LIST(member, field, of_kind, layout)                                                       \
    {                                                                                              \
        field, of_kind, offsetof(baton_spec, member), layout                                       \
    }
#define END                                                                                        \
    {                                                                                              \
        LAYOUT_END, 0, 0, NULL                                                                     \
    }

static const struct layout edge_layout = {
    .type = &baton__edge__descriptor,
    .fields =
        (const struct layout_field[]){
            {1, LAYOUT_TEXT, offsetof(struct baton_edge, id), NULL},
            {2, LAYOUT_TEXT, offsetof(struct baton_edge, project), NULL},
            {3, LAYOUT_ENUM, offsetof(struct baton_edge, condition), NULL},
            {4, LAYOUT_ENUM, offsetof(struct baton_edge, policy), NULL},
            {5, LAYOUT_WORD, offsetof(struct baton_edge, any), NULL},
            END,
        },
    .empty = &(const struct baton_edge){.id = "", .project = ""},
    .bytes = sizeof(struct baton_edge),
};

static const struct layout claim_layout = {
    .type = &baton__claim__descriptor,
    .fields =
        (const struct layout_field[]){
            {1, LAYOUT_TEXT, offsetof(struct baton_claim, name), NULL},
            {2, LAYOUT_WORD, offsetof(struct baton_claim, amount), NULL},
            {3, LAYOUT_FLAG, offsetof(struct baton_claim, shared), NULL},
            END,
        },
    .empty = &(const struct baton_claim){.name = ""},
    .bytes = sizeof(struct baton_claim),
};

static const struct layout label_layout = {
    .type = &baton__spec__labels_entry__descriptor,
    .fields =
        (const struct layout_field[]){
            {1, LAYOUT_TEXT, offsetof(struct baton_label, name), NULL},
            {2, LAYOUT_TEXT, offsetof(struct baton_label, value), NULL},
            END,
        },
    .empty = &(const struct baton_label){.name = "", .value = ""},
    .bytes = sizeof(struct baton_label),
};

const struct layout spec_layout = {
    .type = &baton__spec__descriptor,
    .fields =
        (const struct layout_field[]){
            AT(id, 1, LAYOUT_TEXT),
            AT(project, 2, LAYOUT_TEXT),
            AT(role, 3, LAYOUT_TEXT),
            AT(title, 4, LAYOUT_TEXT),
            AT(priority, 5, LAYOUT_ENUM),
            AT(deadline, 6, LAYOUT_LONG),
            AT(on_deadline, 7, LAYOUT_ENUM),
            AT(not_before, 8, LAYOUT_LONG),
            AT(estimate_ms, 9, LAYOUT_LONG),
            LIST(after, 10, LAYOUT_STRUCTS, &edge_layout),
            LIST(claims, 11, LAYOUT_STRUCTS, &claim_layout),
            AT(held, 12, LAYOUT_FLAG),
            AT(milestone, 13, LAYOUT_FLAG),
            AT(command, 20, LAYOUT_TEXTS),
            AT(prompt, 21, LAYOUT_TEXT),
            AT(payload, 22, LAYOUT_BYTES),
            AT(env, 23, LAYOUT_TEXTS),
            AT(workdir, 24, LAYOUT_TEXT),
            AT(check, 25, LAYOUT_TEXTS),
            LIST(labels, 26, LAYOUT_STRUCTS, &label_layout),
            AT(max_attempts, 30, LAYOUT_WORD),
            AT(crash_limit, 31, LAYOUT_WORD),
            AT(backoff_ms, 32, LAYOUT_LONG),
            AT(backoff_cap_ms, 33, LAYOUT_LONG),
            AT(max_runtime_ms, 34, LAYOUT_LONG),
            AT(idle_ms, 35, LAYOUT_LONG),
            AT(lease_ms, 36, LAYOUT_LONG),
            AT(stall_ms, 37, LAYOUT_LONG),
            AT(unique_key, 40, LAYOUT_TEXT),
            AT(on_conflict, 41, LAYOUT_ENUM),
            AT(unique_window_ms, 42, LAYOUT_LONG),
            AT(fairness_key, 43, LAYOUT_TEXT),
            AT(fairness_weight, 44, LAYOUT_WORD),
            AT(traceparent, 45, LAYOUT_TEXT),
            AT(approval, 60, LAYOUT_FLAG),
            AT(no_preempt, 140, LAYOUT_FLAG),
            AT(review_ms, 150, LAYOUT_LONG),
            END,
        },
    .empty =
        &(const baton_spec){
            .id = "",
            .project = "",
            .role = "",
            .title = "",
            .prompt = "",
            .workdir = "",
            .unique_key = "",
            .fairness_key = "",
            .traceparent = "",
        },
    .bytes = sizeof(baton_spec),
};

bool
spec_pack_in(struct record *record, const baton_spec *spec, ProtobufCBinaryData *ret_packed)
{
    const char *wrong = NULL; /* the broker says so */
    struct buf buf = {.is_soft = true};
    buf_has_room(&buf, PACK_ROOM);
    layout_pack(&buf, &spec_layout, spec, &wrong);
    uint8_t *packed = record_keep(record, &buf);
    *ret_packed = (ProtobufCBinaryData){.data = packed, .len = buf.bytes};
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

baton_spec *
spec_read(struct record *record, ProtobufCBinaryData packed)
{
    baton_spec *spec = record_alloc(record, sizeof *spec);
    if (spec) {
        layout_read(record, &spec_layout, packed.len, packed.data, spec);
    }
    return record->failed || record->malformed ? NULL : spec;
}

/* By way of its bytes, so that there is one way only. */
baton_spec *
spec_from_message(struct record *record, const Baton__Spec *message)
{
    static const Baton__Spec none = BATON__SPEC__INIT;
    struct buf buf = {.is_soft = true};
    buf_has_room(&buf, PACK_ROOM);
    pack(&buf, message ? &message->base : &none.base);
    record->failed |= buf.failed;
    baton_spec *spec = record->failed
                           ? NULL
                           : spec_read(record, (ProtobufCBinaryData){buf.bytes, buf.data});
    buf_fini(&buf);
    return spec;
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
