/* Tasks that only wait in a queue, of which there may be millions: their records say little, and
 * little of that is looked at. So a restart does not unpack them, but looks at their fields. What
 * is not known here, or not as it should be, is left to who unpacks. */
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
enum { TAG_AND_LENGTH_MAX = 5 }; /* what every reader takes */

static unsigned
tag_of(const struct field *field)
{
    return FIELD_TAG(field->number, field->wire_type);
}

static const char *
text_of(struct core_piece *piece, const struct field *field)
{
    char *text = arena_alloc(&piece->arena, field->bytes + 1);
    memcpy(text, field->data, field->bytes);
    text[field->bytes] = 0;
    return text;
}

/* The same as before, if it says the same. */
static const char *
text_again(struct core_piece *piece, const struct field *field, const char *before)
{
    bool same = before && strnlen(before, field->bytes + 1) == field->bytes &&
                memcmp(before, field->data, field->bytes) == 0;
    return same ? before : text_of(piece, field);
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
read_description(struct core_piece *piece, struct piece_task *task)
{
    task->id = task->project = "";
    struct field field;
    size_t pos = 0;
    while (field_next(task->spec, task->spec_bytes, &pos, &field)) {
        if (field.whole_bytes - field.bytes > TAG_AND_LENGTH_MAX) {
            return false;
        }
        switch (tag_of(&field)) {
        case ID:
            task->id = text_of(piece, &field);
            break;
        case PROJECT:
            task->project = piece->said.project = text_again(piece, &field, piece->said.project);
            break;
        case ROLE:
            if (!read_role(piece, &field, task)) {
                return false;
            }
            break;
        case PRIORITY:
            task->priority = (uint8_t)field.value;
            break;
        case TITLE:
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
    return pos == task->spec_bytes;
}

static bool
read_record(struct core_piece *piece, const uint8_t *record, size_t bytes, struct piece_task *task)
{
    struct field field;
    size_t pos = 0;
    while (field_next(record, bytes, &pos, &field)) {
        switch (tag_of(&field)) {
        case KEY:
            task->key = field.value;
            break;
        case SPEC:
            task->spec = field.data;
            task->spec_bytes = field.bytes;
            break;
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
    return pos == bytes && task->spec && task->state;
}

bool
piece_read_plain(struct core_piece *piece, const uint8_t *record, size_t bytes,
                 struct piece_task *ret)
{
    *ret = (struct piece_task){.role = ROLE_NONE, .actor = ""};
    return read_record(piece, record, bytes, ret) && read_description(piece, ret);
}
