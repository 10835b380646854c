#include "broker/front/work_wire.h"

#include "common/pack.h"

#include <string.h>

enum {
    TAG_ELEMENT = FIELD_TAG(1, FIELD_SIZED), /* of Assign and of Reported */
    ASSIGNMENT_FIELDS = 8,                   /* that are packed here */
    LINE_FIELDS = 5,
    /* Bytes that lengths will have, most often: elsewise what they are of is moved. */
    OP_LENGTH = 3,
    ASSIGNMENT_LENGTH = 2,
    LINE_LENGTH = 1,
};

/* Leaves room for a length; returns its place. */
static size_t
length_begin(struct buf *frame, uint8_t *p, size_t n)
{
    size_t begin = (size_t)(p - frame->data);
    frame->bytes = begin + n;
    return begin;
}

/* Writes the length of all that came since. */
static void
length_end(struct buf *frame, size_t begin, size_t n)
{
    size_t bytes = frame->bytes - begin - n;
    size_t needed = varint_bytes(bytes);
    if (needed != n) {
        buf_reserve(frame, VARINT_BYTES_MAX);
        memmove(frame->data + begin + needed, frame->data + begin + n, bytes);
        frame->bytes = begin + needed + bytes;
    }
    varint_put(frame->data + begin, bytes);
}

/* ---- Assign ---- */

/* What comes with few tasks. */
static bool
has_more(const Baton__Assignment *a)
{
    return a->n_upstream || a->n_cards || a->n_budgets || a->note || a->base.n_unknown_fields;
}

size_t
work_assignment_bytes(const Baton__Assignment *a)
{
    return has_more(a) ? baton__assignment__get_packed_size(a)
                       : ASSIGNMENT_FIELDS * PACK_HEAD_BYTES_MAX + strlen(a->project) +
                             strlen(a->id) + strlen(a->role) + a->spec.len;
}

static void
pack_assignment(struct buf *frame, const Baton__Assignment *a)
{
    size_t project = strlen(a->project), id = strlen(a->id), role = strlen(a->role);
    uint8_t *p = buf_reserve(frame, 1 + ASSIGNMENT_LENGTH +
                                        ASSIGNMENT_FIELDS * PACK_HEAD_BYTES_MAX + project + id +
                                        role + a->spec.len);
    *p++ = TAG_ELEMENT;
    size_t begin = length_begin(frame, p, ASSIGNMENT_LENGTH);
    p += ASSIGNMENT_LENGTH;
    p = pack_number(p, 1, a->token);
    p = pack_number(p, 2, a->key);
    p = pack_text(p, 3, a->project, project);
    p = pack_text(p, 4, a->id, id);
    p = pack_text(p, 5, a->role, role);
    p = pack_number(p, 6, a->attempt);
    p = pack_number(p, 7, (uint64_t)a->lease_ms);
    p = pack_text(p, 8, (const char *)a->spec.data, a->spec.len);
    frame->bytes = (size_t)(p - frame->data);
    length_end(frame, begin, ASSIGNMENT_LENGTH);
}

/* It may be large: room that it grows into by copying costs more than a look at the lengths. */
static void
reserve(struct buf *frame, const Baton__Assign *assign)
{
    enum { BESIDE_SPEC = 96 };
    size_t bytes = assign->n_tasks * BESIDE_SPEC;
    for (size_t i = 0; i < assign->n_tasks; i++) {
        bytes += assign->tasks[i]->spec.len;
    }
    buf_reserve(frame, bytes);
}

static bool
pack_assign(struct buf *frame, const Baton__Assign *assign)
{
    reserve(frame, assign);
    for (size_t i = 0; i < assign->n_tasks; i++) {
        if (has_more(assign->tasks[i])) {
            return false;
        }
        pack_assignment(frame, assign->tasks[i]);
    }
    return !assign->base.n_unknown_fields;
}

/* ---- Reported ---- */

static void
pack_line(struct buf *frame, const Baton__LineReply *line)
{
    size_t message = line->message[0] ? strlen(line->message) : 0;
    uint8_t *p = buf_reserve(frame, 1 + LINE_LENGTH + LINE_FIELDS * PACK_HEAD_BYTES_MAX + message);
    *p++ = TAG_ELEMENT;
    size_t begin = length_begin(frame, p, LINE_LENGTH);
    p += LINE_LENGTH;
    p = pack_number(p, 1, line->token);
    p = pack_number(p, 2, line->code);
    p = pack_number(p, 3, line->state);
    p = pack_number(p, 4, line->stop);
    p = pack_text(p, 5, line->message, message);
    frame->bytes = (size_t)(p - frame->data);
    length_end(frame, begin, LINE_LENGTH);
}

static bool
pack_reported(struct buf *frame, const Baton__Reported *reported)
{
    enum { USUAL = 16 };
    buf_reserve(frame, reported->n_lines * USUAL);
    for (size_t i = 0; i < reported->n_lines; i++) {
        pack_line(frame, reported->lines[i]);
        if (reported->lines[i]->base.n_unknown_fields) {
            return false;
        }
    }
    return !reported->base.n_unknown_fields;
}

bool
work_pack(struct buf *frame, const Baton__FromBroker *message)
{
    bool is_assign = message->op_case == BATON__FROM_BROKER__OP_ASSIGN;
    if ((!is_assign && message->op_case != BATON__FROM_BROKER__OP_REPORTED) || message->error ||
        message->base.n_unknown_fields) {
        return false;
    }
    size_t before = frame->bytes;
    uint8_t *p = buf_reserve(frame, PACK_HEAD_BYTES_MAX);
    p = varint_put(p, FIELD_TAG(message->op_case, FIELD_SIZED));
    size_t begin = length_begin(frame, p, OP_LENGTH);
    if (is_assign ? !pack_assign(frame, message->assign)
                  : !pack_reported(frame, message->reported)) {
        frame->bytes = before;
        return false;
    }
    length_end(frame, begin, OP_LENGTH);
    return true;
}
