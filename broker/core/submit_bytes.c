/* Submitting tasks: the bytes of a submission as it came. A description that came packed as it will
 * be kept, but for what may stay unsaid, is taken from there and not packed again. */
#include "broker/core/submission.h"

#include "common/fields.h"
#include "common/pack.h"

#include <string.h>

/* Fields of Submit (proto/wire.proto) and of Spec (proto/task.proto). */
enum {
    SUBMIT_TASKS = 1,
    SPEC_ID = 1,
    SPEC_PROJECT = 2,
    SPEC_ROLE = 3,
    SPEC_TITLE = 4,
    SPEC_PRIORITY = 5,
};

/* The tasks come first. When they are as many as were unpacked, each is the one at its place. */
void
submission_find_bytes(const struct submission *s)
{
    const struct core_request *request = s->request;
    struct field field;
    size_t n = 0;
    for (size_t at = 0; field_next(request->packed, request->packed_bytes, &at, &field) &&
                        field.number == SUBMIT_TASKS && n < s->n;
         n++) {
        s->plans[n].packed = (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t)field.data,
                                                   .len = field.bytes};
    }
    while (n < s->n && n > 0) {
        s->plans[--n].packed = (ProtobufCBinaryData){0};
    }
}

/* Behind the text of this field, if it is what stands at `at`. */
static inline size_t
behind(ProtobufCBinaryData packed, size_t at, unsigned field)
{
    if (at >= packed.len || packed.data[at] != FIELD_TAG(field, FIELD_SIZED)) {
        return at;
    }
    const uint8_t *end = packed.data + packed.len;
    struct varint length = varint_get(packed.data + at + 1, end, VARINT_BYTES_MAX);
    bool is_there = length.behind && length.value <= (size_t)(end - length.behind);
    return is_there ? (size_t)(length.behind - packed.data) + length.value : at;
}

/* What may stay unsaid is said: the project behind the id, the priority behind the title. Checking
 * may have changed nothing else, or packing is needed. */
static bool
complete(const struct submission *s, size_t i)
{
    const Baton__Spec *spec = s->submit->tasks[i];
    ProtobufCBinaryData *packed = &s->plans[i].packed;
    if (packed->len == 0 || spec->n_after || spec->n_claims || spec->n_labels) {
        return false;
    }
    size_t id_end = behind(*packed, 0, SPEC_ID);
    size_t project_end = behind(*packed, id_end, SPEC_PROJECT);
    size_t title_end = behind(*packed, behind(*packed, project_end, SPEC_ROLE), SPEC_TITLE);
    bool says_project = project_end > id_end;
    bool says_priority = title_end < packed->len &&
                         packed->data[title_end] == FIELD_TAG(SPEC_PRIORITY, FIELD_VARINT);
    size_t project_bytes = says_project ? 0 : strlen(spec->project);
    const char *from = (const char *)packed->data;
    uint8_t *data = arena_alloc(s->request->arena,
                                packed->len + project_bytes + 2 * PACK_HEAD_BYTES_MAX);
    uint8_t *p = pack_copy(data, from, id_end);
    p = pack_text(p, SPEC_PROJECT, spec->project, project_bytes);
    p = pack_copy(p, from + id_end, title_end - id_end);
    p = pack_number(p, SPEC_PRIORITY, says_priority ? 0 : (uint64_t)spec->priority);
    p = pack_copy(p, from + title_end, packed->len - title_end);
    *packed = (ProtobufCBinaryData){.data = data, .len = (size_t)(p - data)};
    return true;
}

void
submission_pack(const struct submission *s, size_t i)
{
    if (!complete(s, i)) {
        s->plans[i].packed = spec_pack(s->core, s->submit->tasks[i], s->request->arena);
    }
}
