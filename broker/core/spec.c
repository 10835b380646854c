/* A task's description: is it what we take, and how do two of them differ. Comparison and copying
 * walk the message's descriptor, so that a field added to proto/task.proto is compared without a
 * line here. */
#include "broker/core/state.h"

#include "common/gate_name.h"
#include "common/pack.h"
#include "common/path_name.h"
#include "common/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Baton__Code
refuse(struct core_request *request, Baton__Code code, const char *field, const char *fmt, ...)
{
    char text[2048];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    char clean[4096];
    text_escape(clean, sizeof clean, text, false);
    baton__error__init(&request->error);
    request->error.code = code;
    request->error.message = arena_strdup(request->arena, clean);
    request->error.field = arena_strdup(request->arena, field);
    return code;
}

/* ---- checking ---- */

struct checker {
    struct core_request *request;
    const char *prefix;
    size_t element; /* of the field that is looked at, from 1; 0: the field is none of many */
    Baton__Code code;
};

static void
bad(struct checker *c, Baton__Code code, const char *field, const char *what)
{
    if (c->code == BATON__CODE__CODE_OK) {
        char place[256], element[32] = "";
        if (c->element) {
            snprintf(element, sizeof element, "[%zu]", c->element - 1);
        }
        snprintf(place, sizeof place, "%s%s%s%s", c->prefix, c->prefix[0] ? "." : "", field,
                 element);
        c->code = refuse(c->request, code, place, "%s: %s", place, what);
    }
}

static void
check_name(struct checker *c, const char *field, const char *s, size_t max, bool required)
{
    if ((!s[0] && !required) || name_is_valid(s, max)) {
        return;
    }
    if (strlen(s) > max) {
        bad(c, BATON__CODE__CODE_TOO_LARGE, field, "too long: names have at most 128 bytes");
    } else {
        bad(c, BATON__CODE__CODE_INVALID, field,
            "not a name: use letters, digits and . _ : @ / + ~ -, not beginning with - or ., "
            "without "
            "'..' or '//'");
    }
}

static void
check_prose(struct checker *c, const char *field, const char *s, size_t max)
{
    if (!s[0]) {
        return;
    }
    if (strnlen(s, max + 1) > max) {
        bad(c, BATON__CODE__CODE_TOO_LARGE, field, "too long (docs/protocol.md, Limits)");
    } else if (!prose_is_valid(s, max)) {
        bad(c, BATON__CODE__CODE_INVALID, field,
            "has control characters or is not UTF-8: remove them");
    }
}

static void
check_time(struct checker *c, const char *field, int64_t at)
{
    if (at < 0 || at > TIME_MS_MAX) {
        bad(c, BATON__CODE__CODE_INVALID, field,
            "not a time between 1970 and 9999, in milliseconds");
    }
}

static void
check_duration(struct checker *c, const char *field, int64_t ms)
{
    if (ms < 0 || ms > DURATION_MS_MAX) {
        bad(c, BATON__CODE__CODE_INVALID, field,
            "not a duration between 0 and ten years, in milliseconds");
    }
}

static void
check_words(struct checker *c, const char *field, char *const *words, size_t n)
{
    if (n == 0) {
        return;
    }
    if (n > ARGS_MAX) {
        bad(c, BATON__CODE__CODE_TOO_LARGE, field, "more than 256 words");
        return;
    }
    for (size_t i = 0; i < n; i++) {
        size_t bytes = strnlen(words[i], ARG_BYTES_MAX + 1);
        if (bytes > ARG_BYTES_MAX) {
            bad(c, BATON__CODE__CODE_TOO_LARGE, field, "a word is longer than 64 KiB");
        } else if (!utf8_is_valid(words[i], bytes)) {
            bad(c, BATON__CODE__CODE_INVALID, field, "not UTF-8");
        }
    }
}

static void
check_enum(struct checker *c, const char *field, int value, int max)
{
    if (value < 0 || value > max) {
        bad(c, BATON__CODE__CODE_INVALID, field, "no such value");
    }
}

/* A signal or decision is in force or not yet: it does not end, start or fail. */
static void
check_gate(struct checker *c, const char *field, const Baton__Edge *edge)
{
    const char *name;
    if (!gate_name_kind(edge->id, &name)) {
        return;
    }
    if (!name[0]) {
        bad(c, BATON__CODE__CODE_INVALID, field, "the signal or decision has no name");
    } else if (edge->condition != BATON__CONDITION__CONDITION_SUCCESS ||
               edge->policy != BATON__POLICY__POLICY_HOLD) {
        bad(c, BATON__CODE__CODE_INVALID, field,
            "a signal or decision does not end or fail: leave the condition and the policy out");
    }
}

static void
check_edges(struct checker *c, const Baton__Spec *spec)
{
    if (spec->n_after > EDGES_MAX) {
        bad(c, BATON__CODE__CODE_TOO_LARGE, "after",
            "more than 16,384 dependencies: put a milestone between");
        return;
    }
    for (size_t i = 0; i < spec->n_after; i++) {
        const Baton__Edge *edge = spec->after[i];
        c->element = i + 1;
        check_name(c, "after", edge->id, ID_BYTES_MAX, true);
        check_name(c, "after", edge->project, NAME_BYTES_MAX, false);
        check_enum(c, "after", (int)edge->condition, BATON__CONDITION__CONDITION_STARTED);
        check_enum(c, "after", (int)edge->policy, BATON__POLICY__POLICY_IGNORE);
        check_gate(c, "after", edge);
        bool same = !edge->project[0] || strcmp(edge->project, spec->project) == 0;
        if (c->code == BATON__CODE__CODE_OK && same && spec->id[0] &&
            strcmp(edge->id, spec->id) == 0) {
            bad(c, BATON__CODE__CODE_CYCLE, "after",
                "the task depends on itself: remove that dependency");
            char **path = arena_alloc(c->request->arena, 2 * sizeof *path);
            path[0] = path[1] = arena_strdup(c->request->arena, spec->id);
            c->request->error.n_path = 2;
            c->request->error.path = path;
        }
    }
    c->element = 0;
}

int
spec_compare_edges(const void *a, const void *b)
{
    const Baton__Edge *x = *(Baton__Edge *const *)a;
    const Baton__Edge *y = *(Baton__Edge *const *)b;
    int by = strcmp(x->project, y->project);
    by = by ? by : strcmp(x->id, y->id);
    by = by ? by : (int)x->condition - (int)y->condition;
    return by ? by : (x->any > y->any) - (x->any < y->any);
}

/* Two edges to one task with one condition say the same thing twice. */
static void
check_twice(struct checker *c, const Baton__Spec *spec)
{
    if (spec->n_after < 2 || c->code != BATON__CODE__CODE_OK) {
        return;
    }
    Baton__Edge **sorted = arena_memdup(c->request->arena, spec->after,
                                        spec->n_after * sizeof(Baton__Edge *));
    qsort(sorted, spec->n_after, sizeof *sorted, spec_compare_edges);
    for (size_t i = 1; i < spec->n_after; i++) {
        if (spec_compare_edges(&sorted[i - 1], &sorted[i]) == 0) {
            char what[256];
            snprintf(what, sizeof what, "%s is there twice: once is enough", sorted[i]->id);
            bad(c, BATON__CODE__CODE_INVALID, "after", what);
            return;
        }
    }
}

static void
check_claims(struct checker *c, const Baton__Spec *spec)
{
    if (spec->n_claims > CLAIMS_MAX) {
        bad(c, BATON__CODE__CODE_TOO_LARGE, "claims", "more than 64 resources");
        return;
    }
    for (size_t i = 0; i < spec->n_claims; i++) {
        const Baton__Claim *claim = spec->claims[i];
        c->element = i + 1;
        char name[RESOURCE_NAME_ROOM];
        const char *wrong = resource_name_read(claim->name, name);
        if (wrong) {
            bool is_long = strlen(claim->name) > NAME_BYTES_MAX;
            bad(c, is_long ? BATON__CODE__CODE_TOO_LARGE : BATON__CODE__CODE_INVALID, "claims",
                wrong);
            break;
        }
        if (claim->amount > CAPACITY_MAX) {
            bad(c, BATON__CODE__CODE_INVALID, "claims", "an amount is at most 1,000,000");
        }
        if (claim->shared && claim->amount > 1) {
            bad(c, BATON__CODE__CODE_INVALID, "claims", "shared or an amount, not both");
        }
        for (size_t j = 0; j < i; j++) {
            if (strcmp(spec->claims[j]->name, claim->name) == 0) {
                bad(c, BATON__CODE__CODE_INVALID, "claims", "this resource is claimed twice");
            } else if (path_names_meet(spec->claims[j]->name, claim->name)) {
                bad(c, BATON__CODE__CODE_INVALID, "claims",
                    "this path and another that is claimed lie in each other: claim the upper one");
            }
        }
        if (path_name_is(claim->name) && claim->amount > 1) {
            bad(c, BATON__CODE__CODE_UNSATISFIABLE, "claims",
                "a path has no amounts: it is held whole, or shared");
        }
    }
    c->element = 0;
}

static int
compare_labels(const void *a, const void *b)
{
    return strcmp((*(Baton__Spec__LabelsEntry *const *)a)->key,
                  (*(Baton__Spec__LabelsEntry *const *)b)->key);
}

static void
check_labels(struct checker *c, Baton__Spec *spec)
{
    if (spec->n_labels > LABELS_MAX) {
        bad(c, BATON__CODE__CODE_TOO_LARGE, "labels", "more than 64 labels");
        return;
    }
    for (size_t i = 0; i < spec->n_labels; i++) {
        check_name(c, "labels", spec->labels[i]->key, NAME_BYTES_MAX, true);
        check_prose(c, "labels", spec->labels[i]->value, KEY_BYTES_MAX);
    }
    if (spec->n_labels > 1) {
        qsort(spec->labels, spec->n_labels, sizeof *spec->labels, compare_labels);
    }
    for (size_t i = 1; i < spec->n_labels; i++) {
        if (compare_labels(&spec->labels[i - 1], &spec->labels[i]) == 0) {
            bad(c, BATON__CODE__CODE_INVALID, "labels", "the same label twice");
        }
    }
}

static void
check_env(struct checker *c, const Baton__Spec *spec)
{
    check_words(c, "env", spec->env, spec->n_env);
    for (size_t i = 0; i < spec->n_env && c->code == BATON__CODE__CODE_OK; i++) {
        const char *s = spec->env[i];
        if (!strchr(s, '=') || s[0] == '=' || (s[0] >= '0' && s[0] <= '9')) {
            bad(c, BATON__CODE__CODE_INVALID, "env", "not NAME=value");
        } else if (strncmp(s, "BATON_", 6) == 0) {
            bad(c, BATON__CODE__CODE_INVALID, "env",
                "names that begin with BATON_ are the worker's own");
        }
    }
}

static void
check_role(struct checker *c, const Baton__Spec *spec)
{
    if (spec->milestone && spec->role[0]) {
        bad(c, BATON__CODE__CODE_INVALID, "role",
            "a milestone has no work and so no role: remove one of the two");
    } else if (!spec->milestone && role_number(spec->role) < 0) {
        char what[256];
        snprintf(
            what, sizeof what,
            "%s%.60s%s: the roles are infra, backend, frontend, realtime, integration, testing",
            spec->role[0] ? "'" : "is missing", spec->role, spec->role[0] ? "' is no role" : "");
        bad(c, BATON__CODE__CODE_UNKNOWN_ROLE, "role", what);
    }
}

void
spec_normalise(Baton__Spec *spec)
{
    static char default_project[] = "default";
    if (!spec->project[0]) {
        spec->project = default_project;
    }
    if (spec->priority == BATON__PRIORITY__PRIORITY_UNSPECIFIED) {
        spec->priority = BATON__PRIORITY__PRIORITY_MEDIUM;
    }
    for (size_t i = 0; i < spec->n_after; i++) {
        gate_name_settle(spec->after[i]->id);
        if (strcmp(spec->after[i]->project, spec->project) == 0) {
            spec->after[i]->project = (char *)(uintptr_t)protobuf_c_empty_string;
        }
    }
    for (size_t i = 0; i < spec->n_claims; i++) {
        Baton__Claim *claim = spec->claims[i];
        char name[RESOURCE_NAME_ROOM];
        if (path_name_is(claim->name) && !resource_name_read(claim->name, name)) {
            memcpy(claim->name, name, strlen(name) + 1); /* never longer */
            claim->amount = claim->amount == 1 ? 0 : claim->amount;
        }
    }
}

Baton__Code
spec_check(struct core_request *request, Baton__Spec *spec, const char *prefix)
{
    struct checker c = {.request = request, .prefix = prefix, .code = BATON__CODE__CODE_OK};
    spec_normalise(spec);
    check_name(&c, "id", spec->id, ID_BYTES_MAX, false);
    if (gate_name_kind(spec->id, NULL)) {
        bad(&c, BATON__CODE__CODE_INVALID, "id",
            "ids that begin with signal:, decision: or deliverable: are not tasks': use another "
            "one");
    }
    check_name(&c, "project", spec->project, NAME_BYTES_MAX, true);
    check_role(&c, spec);
    check_prose(&c, "title", spec->title, TITLE_BYTES_MAX);
    check_enum(&c, "priority", (int)spec->priority, BATON__PRIORITY__PRIORITY_LOW);
    check_enum(&c, "on_deadline", (int)spec->on_deadline, BATON__ON_DEADLINE__ON_DEADLINE_ESCALATE);
    check_enum(&c, "on_conflict", (int)spec->on_conflict, BATON__ON_CONFLICT__ON_CONFLICT_ATTACH);
    check_time(&c, "deadline", spec->deadline);
    check_time(&c, "not_before", spec->not_before);
    check_duration(&c, "estimate_ms", spec->estimate_ms);
    check_edges(&c, spec);
    check_twice(&c, spec);
    check_claims(&c, spec);
    check_words(&c, "command", spec->command, spec->n_command);
    check_words(&c, "check", spec->check, spec->n_check);
    check_env(&c, spec);
    check_labels(&c, spec);
    check_prose(&c, "prompt", spec->prompt, TEXT_BYTES_MAX);
    if (spec->payload.len > PAYLOAD_BYTES_MAX) {
        bad(&c, BATON__CODE__CODE_TOO_LARGE, "payload",
            "more than 256 KiB: pass a file's name instead");
    }
    check_name(&c, "workdir", spec->workdir, ARG_BYTES_MAX, false);
    check_duration(&c, "backoff_ms", spec->backoff_ms);
    check_duration(&c, "backoff_cap_ms", spec->backoff_cap_ms);
    check_duration(&c, "max_runtime_ms", spec->max_runtime_ms);
    check_duration(&c, "idle_ms", spec->idle_ms);
    check_duration(&c, "lease_ms", spec->lease_ms);
    check_duration(&c, "stall_ms", spec->stall_ms);
    check_duration(&c, "review_ms", spec->review_ms);
    check_duration(&c, "unique_window_ms", spec->unique_window_ms);
    check_prose(&c, "unique_key", spec->unique_key, KEY_BYTES_MAX);
    check_name(&c, "fairness_key", spec->fairness_key, NAME_BYTES_MAX, false);
    check_prose(&c, "traceparent", spec->traceparent, KEY_BYTES_MAX);
    if (spec->max_attempts > ATTEMPTS_MAX || spec->crash_limit > ATTEMPTS_MAX) {
        bad(&c, BATON__CODE__CODE_INVALID, "max_attempts", "attempts are at most 1,000");
    }
    if (spec->fairness_weight > PRIORITY_WEIGHT_MAX) {
        bad(&c, BATON__CODE__CODE_INVALID, "fairness_weight", "a weight is at most 1,000");
    }
    return c.code;
}

Baton__Code
spec_check_packed(struct core_request *request, ProtobufCBinaryData packed, const char *prefix)
{
    struct checker c = {.request = request, .prefix = prefix, .code = BATON__CODE__CODE_OK};
    if (packed.len > SPEC_BYTES_MAX) {
        bad(&c, BATON__CODE__CODE_TOO_LARGE, "", "the task as a whole is larger than 1 MiB");
    }
    return c.code;
}

/* ---- comparing ---- */

static bool
element_equal(const ProtobufCFieldDescriptor *field, const void *a, const void *b,
              struct arena *arena)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        return strcmp(*(char *const *)a, *(char *const *)b) == 0;
    case PROTOBUF_C_TYPE_BYTES: {
        const ProtobufCBinaryData *x = a;
        const ProtobufCBinaryData *y = b;
        return x->len == y->len && (x->len == 0 || memcmp(x->data, y->data, x->len) == 0);
    }
    case PROTOBUF_C_TYPE_MESSAGE: {
        const ProtobufCMessage *x = *(ProtobufCMessage *const *)a;
        const ProtobufCMessage *y = *(ProtobufCMessage *const *)b;
        size_t n = protobuf_c_message_get_packed_size(x);
        if (n != protobuf_c_message_get_packed_size(y)) {
            return false;
        }
        uint8_t *p = arena_alloc(arena, 2 * n);
        protobuf_c_message_pack(x, p);
        protobuf_c_message_pack(y, p + n);
        return memcmp(p, p + n, n) == 0;
    }
    case PROTOBUF_C_TYPE_INT64:
        return *(const int64_t *)a == *(const int64_t *)b;
    case PROTOBUF_C_TYPE_BOOL:
    case PROTOBUF_C_TYPE_ENUM:
    case PROTOBUF_C_TYPE_UINT32:
        return *(const uint32_t *)a == *(const uint32_t *)b;
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE:
    default:
        CHECK(!"no field of Spec has this type");
    }
}

static size_t
element_bytes(const ProtobufCFieldDescriptor *field)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_INT64:
        return sizeof(int64_t);
    case PROTOBUF_C_TYPE_ENUM:
    case PROTOBUF_C_TYPE_UINT32:
        return sizeof(uint32_t);
    case PROTOBUF_C_TYPE_BOOL:
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE:
    default:
        CHECK(!"no field of Spec has this type");
    }
}

static const void *
at(const Baton__Spec *spec, unsigned offset)
{
    return (const char *)spec + offset;
}

static bool
field_equal(const ProtobufCFieldDescriptor *field, const Baton__Spec *a, const Baton__Spec *b,
            struct arena *arena)
{
    if (field->type == PROTOBUF_C_TYPE_BOOL && field->label != PROTOBUF_C_LABEL_REPEATED) {
        return *(const protobuf_c_boolean *)at(a, field->offset) ==
               *(const protobuf_c_boolean *)at(b, field->offset);
    }
    if (field->label != PROTOBUF_C_LABEL_REPEATED) {
        return element_equal(field, at(a, field->offset), at(b, field->offset), arena);
    }
    size_t n = *(const size_t *)at(a, field->quantifier_offset);
    if (n != *(const size_t *)at(b, field->quantifier_offset)) {
        return false;
    }
    const char *x = *(const char *const *)at(a, field->offset);
    const char *y = *(const char *const *)at(b, field->offset);
    for (size_t i = 0; i < n; i++) {
        size_t where = i * element_bytes(field);
        if (!element_equal(field, x + where, y + where, arena)) {
            return false;
        }
    }
    return true;
}

static bool
in_list(const char *const *names, const char *name)
{
    for (; *names; names++) {
        if (strcmp(*names, name) == 0) {
            return true;
        }
    }
    return false;
}

static const char *const identity_fields[] = {"id",          "project",          "traceparent",
                                              "on_conflict", "unique_window_ms", NULL};
static const char *const soft_fields[] = {
    "priority",     "deadline",    "on_deadline", "estimate_ms",    "title",          "labels",
    "max_attempts", "crash_limit", "backoff_ms",  "backoff_cap_ms", "max_runtime_ms", "idle_ms",
    "lease_ms",     "stall_ms",    "approval",    "review_ms",      "no_preempt",     NULL};
static const char *const settable_fields[] = {
    "priority",       "deadline",     "on_deadline", "not_before", "estimate_ms",
    "title",          "max_attempts", "crash_limit", "backoff_ms", "backoff_cap_ms",
    "max_runtime_ms", "idle_ms",      "lease_ms",    "stall_ms",   "role",
    "prompt",         "command",      "labels",      "after",      "claims",
    "check",          "env",          "workdir",     "payload",    "approval",
    "review_ms",      "no_preempt",   NULL};

uint64_t
spec_diff(const Baton__Spec *a, const Baton__Spec *b, struct arena *arena)
{
    const ProtobufCMessageDescriptor *descriptor = &baton__spec__descriptor;
    CHECK(descriptor->n_fields <= 64);
    uint64_t diff = 0;
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        if (!in_list(identity_fields, field->name) && !field_equal(field, a, b, arena)) {
            diff |= UINT64_C(1) << i;
        }
    }
    return diff;
}

const char *
spec_field_name(unsigned field)
{
    return baton__spec__descriptor.fields[field].name;
}

void
spec_copy(Baton__Spec *to, const Baton__Spec *from, uint64_t fields)
{
    for (unsigned i = 0; i < baton__spec__descriptor.n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &baton__spec__descriptor.fields[i];
        if (!(fields & UINT64_C(1) << i)) {
            continue;
        }
        char *target = (char *)to + field->offset;
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            memcpy(target, at(from, field->offset), sizeof(void *));
            *(size_t *)((char *)to + field->quantifier_offset) = *(const size_t *)at(
                from, field->quantifier_offset);
        } else {
            size_t bytes = field->type == PROTOBUF_C_TYPE_BOOL ? sizeof(protobuf_c_boolean)
                                                               : element_bytes(field);
            memcpy(target, at(from, field->offset), bytes);
        }
    }
}

static uint64_t
bits_of(const char *const *names)
{
    uint64_t bits = 0;
    for (unsigned i = 0; i < baton__spec__descriptor.n_fields; i++) {
        if (in_list(names, baton__spec__descriptor.fields[i].name)) {
            bits |= UINT64_C(1) << i;
        }
    }
    return bits;
}

uint64_t
spec_soft_fields(void)
{
    return bits_of(soft_fields);
}

uint64_t
spec_settable(const char *name)
{
    if (!in_list(settable_fields, name)) {
        return 0;
    }
    const char *const one[] = {name, NULL};
    return bits_of(one);
}

ProtobufCBinaryData
spec_pack(struct core *core, const Baton__Spec *spec, struct arena *arena)
{
    struct buf *packed = &core->packing;
    buf_clear(packed);
    pack(packed, &spec->base);
    return (ProtobufCBinaryData){.len = packed->bytes,
                                 .data = arena_memdup(arena, packed->data, packed->bytes)};
}
