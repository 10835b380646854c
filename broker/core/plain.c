/* Tasks that only wait in a queue, of which there may be millions: their records and the facts that
 * added them say little, and little of that is looked at. So a restart does not unpack them, but
 * looks at their fields; where they are, byte by byte, what the task before had, not even at those.
 * What is not known here, or not as it should be, is left to who unpacks. */
#include "broker/core/piece.h"
#include "broker/core/state.h"

#include "common/fields.h"

#include <string.h>

enum {
    KEY = FIELD_TAG(1, FIELD_VARINT),
    SPEC = FIELD_TAG(2, FIELD_SIZED),
    STATE = FIELD_TAG(3, FIELD_VARINT),
    REASON = FIELD_TAG(4, FIELD_VARINT),
    CREATED_AT = FIELD_TAG(10, FIELD_VARINT),
    ANCHOR = FIELD_TAG(11, FIELD_VARINT),
    READY_AT = FIELD_TAG(12, FIELD_VARINT),
    ACTOR = FIELD_TAG(31, FIELD_SIZED),
};
enum {
    ID = FIELD_TAG(1, FIELD_SIZED),
    PROJECT = FIELD_TAG(2, FIELD_SIZED),
    ROLE = FIELD_TAG(3, FIELD_SIZED),
    TITLE = FIELD_TAG(4, FIELD_SIZED),
    PRIORITY = FIELD_TAG(5, FIELD_VARINT),
    COMMAND = FIELD_TAG(20, FIELD_SIZED),
    PROMPT = FIELD_TAG(21, FIELD_SIZED),
    PAYLOAD = FIELD_TAG(22, FIELD_SIZED),
    ENV = FIELD_TAG(23, FIELD_SIZED),
    WORKDIR = FIELD_TAG(24, FIELD_SIZED),
    CHECK_ARGV = FIELD_TAG(25, FIELD_SIZED),
};
enum {
    AT = FIELD_TAG(1, FIELD_VARINT),
    BY = FIELD_TAG(2, FIELD_SIZED),
    ADDED = FIELD_TAG(BATON__FACT__WHAT_ADDED, FIELD_SIZED),
    ADDED_SPEC = FIELD_TAG(1, FIELD_SIZED),
    ADDED_PARENT = FIELD_TAG(2, FIELD_VARINT),
    ADDED_DEPTH = FIELD_TAG(3, FIELD_VARINT),
};
enum { TAG_AND_LENGTH_MAX = 5 }; /* what every reader takes */

static unsigned
tag_of(const struct field *field)
{
    return FIELD_TAG(field->number, field->wire_type);
}

static char *
text_of(struct core_piece *piece, const uint8_t *data, size_t bytes)
{
    char *text = arena_alloc(&piece->arena, bytes + 1);
    memcpy(text, data, bytes);
    text[bytes] = 0;
    return text;
}

/* The same as before, if it says the same. */
static const char *
text_again(struct core_piece *piece, const struct field *field, const char *before)
{
    bool same = before && strnlen(before, field->bytes + 1) == field->bytes &&
                memcmp(before, field->data, field->bytes) == 0;
    return same ? before : text_of(piece, field->data, field->bytes);
}

static bool
read_role(struct core_piece *piece, const struct field *field, struct piece_task *task)
{
    const char *role = text_again(piece, field, piece->said.role);
    if (role != piece->said.role) {
        piece->said.role = role;
        piece->said.role_number = role_number(role);
    }
    task->role = (uint8_t)piece->said.role_number;
    return piece->said.role_number >= 0;
}

static bool
begins_with(const uint8_t *data, size_t bytes, const struct piece_stretch *stretch)
{
    return stretch->bytes && bytes >= stretch->bytes &&
           memcmp(data, stretch->data, stretch->bytes) == 0;
}

/* Where the task belongs stands behind its id. */
static bool
read_place(struct core_piece *piece, struct piece_task *task, size_t *pos)
{
    struct piece_said *said = &piece->said;
    size_t begin = *pos;
    if (begins_with(task->spec + begin, task->spec_bytes - begin, &said->place)) {
        task->project = said->task.project;
        task->role = said->task.role;
        task->priority = said->task.priority;
        *pos += said->place.bytes;
        return true;
    }
    struct field field;
    for (size_t at = begin; field_next(task->spec, task->spec_bytes, &at, &field); *pos = at) {
        unsigned tag = tag_of(&field);
        if (field.whole_bytes - field.bytes > TAG_AND_LENGTH_MAX ||
            (tag == ROLE && !read_role(piece, &field, task))) {
            return false;
        }
        if (tag == PROJECT) {
            task->project = said->project = text_again(piece, &field, said->project);
        } else if (tag == PRIORITY) {
            task->priority = (uint8_t)field.value;
        } else if (tag != ROLE) {
            break;
        }
    }
    said->place = (struct piece_stretch){task->spec + begin, *pos - begin};
    said->task.project = task->project;
    said->task.role = task->role;
    said->task.priority = task->priority;
    return true;
}

static bool
read_description(struct core_piece *piece, struct piece_task *task)
{
    struct field field;
    size_t pos = 0;
    if (!field_next(task->spec, task->spec_bytes, &pos, &field) || tag_of(&field) != ID ||
        field.whole_bytes - field.bytes > TAG_AND_LENGTH_MAX) {
        return false;
    }
    task->id = text_of(piece, field.data, field.bytes);
    task->project = "";
    piece->said.title = (struct piece_stretch){0};
    bool ok = read_place(piece, task, &pos);
    while (ok && field_next(task->spec, task->spec_bytes, &pos, &field)) {
        ok = field.whole_bytes - field.bytes <= TAG_AND_LENGTH_MAX;
        switch (tag_of(&field)) {
        case TITLE:
            piece->said.title = (struct piece_stretch){field.data, field.bytes};
            break;
        case PRIORITY: /* behind a title */
            task->priority = (uint8_t)field.value;
            break;
        case COMMAND:
        case PROMPT:
        case PAYLOAD:
        case ENV:
        case WORKDIR:
        case CHECK_ARGV:
            break; /* for who takes the task */
        default:
            return false;
        }
    }
    return ok && pos == task->spec_bytes;
}

static bool
read_rest(struct core_piece *piece, const uint8_t *rest, size_t bytes, struct piece_task *task)
{
    struct field field;
    size_t pos = 0;
    while (field_next(rest, bytes, &pos, &field)) {
        switch (tag_of(&field)) {
        case STATE:
            if (field.value != WAITING && field.value != READY) {
                return false;
            }
            task->state = (uint8_t)field.value;
            break;
        case REASON:
            task->reason = (uint8_t)field.value;
            break;
        case CREATED_AT:
            task->created_at = (int64_t)field.value;
            break;
        case ANCHOR:
            task->anchor = (int64_t)field.value;
            break;
        case READY_AT:
            task->ready_at = (int64_t)field.value;
            break;
        case ACTOR:
            task->actor = piece->said.actor = text_again(piece, &field, piece->said.actor);
            break;
        default:
            return false;
        }
    }
    return pos == bytes && task->state;
}

/* What stands behind the description: all that the task has beside its key. */
static bool
read_behind(struct core_piece *piece, const uint8_t *rest, size_t bytes, struct piece_task *task)
{
    struct piece_said *said = &piece->said;
    if (bytes != said->rest.bytes || !begins_with(rest, bytes, &said->rest)) {
        said->rest = (struct piece_stretch){0};
        said->task.reason = 0;
        said->task.created_at = said->task.anchor = said->task.ready_at = 0;
        said->task.state = 0;
        said->task.actor = "";
        if (!read_rest(piece, rest, bytes, &said->task)) {
            return false;
        }
        said->rest = (struct piece_stretch){rest, bytes};
    }
    task->state = said->task.state;
    task->reason = said->task.reason;
    task->created_at = said->task.created_at;
    task->anchor = said->task.anchor;
    task->ready_at = said->task.ready_at;
    task->actor = said->task.actor;
    return true;
}

bool
piece_read_plain(struct core_piece *piece, const uint8_t *record, size_t bytes,
                 struct piece_task *ret)
{
    struct field key, spec;
    size_t pos = 0;
    if (!field_next(record, bytes, &pos, &key) || tag_of(&key) != KEY ||
        !field_next(record, bytes, &pos, &spec) || tag_of(&spec) != SPEC) {
        return false;
    }
    *ret = (struct piece_task){
        .key = key.value, .spec = spec.data, .spec_bytes = spec.bytes, .role = ROLE_NONE};
    return read_behind(piece, record + pos, bytes - pos, ret) && read_description(piece, ret);
}

static bool
read_added(const struct field *all, Baton__Added *ret)
{
    struct field field;
    size_t pos = 0;
    while (field_next(all->data, all->bytes, &pos, &field)) {
        switch (tag_of(&field)) {
        case ADDED_SPEC:
            ret->spec = (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t)field.data,
                                              .len = field.bytes};
            break;
        case ADDED_PARENT:
            ret->parent = field.value;
            break;
        case ADDED_DEPTH:
            ret->depth = (uint32_t)field.value;
            break;
        default:
            return false;
        }
    }
    return pos == all->bytes && ret->spec.data;
}

/* When and by whom, and, as the last, what is added. */
static bool
read_fact(struct core_piece *piece, const uint8_t *data, size_t bytes, Baton__Fact *ret,
          Baton__Added *ret_added)
{
    struct field field;
    for (size_t pos = 0; field_next(data, bytes, &pos, &field);) {
        switch (tag_of(&field)) {
        case AT:
            ret->at = (int64_t)field.value;
            break;
        case BY:
            piece->said.actor = text_again(piece, &field, piece->said.actor);
            ret->actor = (char *)(uintptr_t)piece->said.actor;
            break;
        case ADDED:
            return pos == bytes && read_added(&field, ret_added);
        default:
            return false;
        }
    }
    return false;
}

bool
piece_read_plain_added(struct core_piece *piece, const uint8_t *data, size_t bytes,
                       Baton__Fact **ret_fact, Baton__Spec **ret_spec)
{
    static const struct plain {
        Baton__Fact fact;
        Baton__Added added;
        Baton__Spec spec;
    } nothing = {BATON__FACT__INIT, BATON__ADDED__INIT, BATON__SPEC__INIT};
    Baton__Fact fact = nothing.fact;
    Baton__Added added = nothing.added;
    struct piece_task task = {.role = ROLE_NONE};
    if (!read_fact(piece, data, bytes, &fact, &added)) {
        return false;
    }
    task.spec = added.spec.data;
    task.spec_bytes = added.spec.len;
    if (!read_description(piece, &task)) {
        return false;
    }
    struct plain *ret = arena_memdup(&piece->arena, &nothing, sizeof nothing);
    ret->added = added;
    ret->fact = fact;
    ret->fact.what_case = BATON__FACT__WHAT_ADDED;
    ret->fact.added = &ret->added;
    ret->spec.id = (char *)(uintptr_t)task.id;
    ret->spec.project = (char *)(uintptr_t)task.project;
    ret->spec.role = (char *)(uintptr_t)(task.role == ROLE_NONE ? "" : role_names[task.role]);
    ret->spec.priority = (Baton__Priority)task.priority;
    ret->spec.title = text_of(piece, piece->said.title.data, piece->said.title.bytes);
    *ret_fact = &ret->fact;
    *ret_spec = &ret->spec;
    return true;
}
