#include "broker/front/work_wire.h"

#include "common/fields.h"
#include "common/limits.h"

enum {
    TAG_ID = FIELD_TAG(1, FIELD_VARINT),
    TAG_REPORT = FIELD_TAG(BATON__TO_BROKER__OP_REPORT, FIELD_SIZED),
    TAG_LINE = FIELD_TAG(1, FIELD_SIZED),
    TAG_TOKEN = FIELD_TAG(1, FIELD_VARINT),
    TAG_STARTED = FIELD_TAG(BATON__LINE__WHAT_STARTED, FIELD_VARINT),
    TAG_BEAT = FIELD_TAG(BATON__LINE__WHAT_BEAT, FIELD_VARINT),
    TAG_RESULT = FIELD_TAG(BATON__LINE__WHAT_RESULT, FIELD_SIZED),
    TAG_OUTCOME = FIELD_TAG(1, FIELD_VARINT),
};

/* Reads a varint; NULL: it is cut or too long. */
static inline const uint8_t *
get_varint(const uint8_t *p, const uint8_t *end, uint64_t *ret)
{
    struct varint varint = varint_get(p, end, VARINT_BYTES_MAX);
    *ret = varint.value;
    return varint.behind;
}

/* One length, and what has it. NULL: it is cut. */
static inline const uint8_t *
get_piece(const uint8_t *p, const uint8_t *end, const uint8_t **ret_end)
{
    uint64_t bytes;
    p = get_varint(p, end, &bytes);
    if (!p || bytes > (size_t)(end - p)) {
        return NULL;
    }
    *ret_end = p + bytes;
    return p;
}

/* How many lines there are, if there is nothing else; -1: there is. */
static int
count_lines(const uint8_t *p, const uint8_t *end)
{
    int n = 0;
    while (p < end) {
        if (*p++ != TAG_LINE || !get_piece(p, end, &p) || ++n > REPORT_LINES_MAX) {
            return -1;
        }
    }
    return n;
}

/* A line of which there are most: a token, and that it was started or is alive or has ended, and
 * nothing else. */
static bool
read_line(struct unpack *frame, const uint8_t *p, const uint8_t *end, Baton__Line *ret)
{
    if (p == end || *p++ != TAG_TOKEN || !(p = get_varint(p, end, &ret->token))) {
        return false;
    }
    if (end - p == 2 && (p[0] == TAG_STARTED || p[0] == TAG_BEAT) && p[1] == 1) {
        ret->what_case = p[0] == TAG_STARTED ? BATON__LINE__WHAT_STARTED : BATON__LINE__WHAT_BEAT;
        ret->started = true; /* or `beat`, which is in the same place */
        return true;
    }
    if (end - p == 4 && p[0] == TAG_RESULT && p[1] == 2 && p[2] == TAG_OUTCOME && p[3] < 0x80 &&
        frame->left >= sizeof *ret->result) {
        frame->left -= sizeof *ret->result;
        ret->what_case = BATON__LINE__WHAT_RESULT;
        ret->result = arena_alloc(frame->arena, sizeof *ret->result);
        *ret->result = (Baton__Result)BATON__RESULT__INIT;
        ret->result->outcome = (Baton__Outcome)p[3];
        return true;
    }
    return false;
}

static Baton__Report *
read_report(struct unpack *frame, const uint8_t *p, const uint8_t *end)
{
    int n = count_lines(p, end);
    size_t bytes = sizeof(Baton__Report) +
                   (size_t)MAX(n, 0) * (sizeof(Baton__Line) + sizeof(Baton__Line *));
    if (n < 0 || bytes > frame->left) {
        return NULL;
    }
    frame->left -= bytes;
    Baton__Report *report = arena_alloc(frame->arena, sizeof *report);
    *report = (Baton__Report)BATON__REPORT__INIT;
    report->n_lines = (size_t)n;
    report->lines = arena_alloc(frame->arena, (size_t)n * sizeof(Baton__Line *));
    Baton__Line *lines = arena_alloc(frame->arena, (size_t)n * sizeof *lines);
    for (int i = 0; i < n; i++) {
        const uint8_t *line_end = p;
        p = get_piece(p + 1, end, &line_end);
        if (!p) {
            return NULL;
        }
        lines[i] = (Baton__Line)BATON__LINE__INIT;
        report->lines[i] = read_line(frame, p, line_end, &lines[i])
                               ? &lines[i]
                               : unpack(frame, &baton__line__descriptor, (size_t)(line_end - p), p);
        if (!report->lines[i]) {
            return NULL;
        }
        p = line_end;
    }
    return report;
}

Baton__ToBroker *
work_unpack(struct unpack *frame, size_t bytes, const uint8_t *data)
{
    struct unpack own = *frame;
    const uint8_t *p = data, *end = data + bytes, *report_end;
    uint64_t id = 0, tag;
    if (p < end && *p == TAG_ID) {
        p = get_varint(p + 1, end, &id);
    }
    p = p ? get_varint(p, end, &tag) : NULL;
    p = p && tag == TAG_REPORT ? get_piece(p, end, &report_end) : NULL;
    if (!p || report_end != end || own.left < sizeof(Baton__ToBroker)) {
        return NULL;
    }
    own.left -= sizeof(Baton__ToBroker);
    Baton__Report *report = read_report(&own, p, end);
    if (!report) {
        return NULL;
    }
    Baton__ToBroker *message = arena_alloc(own.arena, sizeof *message);
    *message = (Baton__ToBroker)BATON__TO_BROKER__INIT;
    message->id = id;
    message->op_case = BATON__TO_BROKER__OP_REPORT;
    message->report = report;
    *frame = own;
    return message;
}
