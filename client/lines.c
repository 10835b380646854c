/* What a worker session says of its leases: see lines.h. The numbers of the fields are those of
 * Line and ToBroker in proto/wire.proto; a test unpacks what is built here. */
#include "client/lines.h"

#include "client/card.h"
#include "client/frame.h"
#include "client/view.h"
#include "common/limits.h"
#include "common/pack.h"
#include "common/text.h"

#include <stdlib.h>
#include <string.h>

enum {
    LINE_TOKEN = FIELD_TAG(1, FIELD_VARINT),
    LINE_STARTED = FIELD_TAG(2, FIELD_VARINT),
    LINE_BEAT = FIELD_TAG(3, FIELD_VARINT),
    LINE_PROGRESS = FIELD_TAG(4, FIELD_SIZED),
    LINE_RESULT = FIELD_TAG(5, FIELD_SIZED),
    LINE_PROJECT = FIELD_TAG(11, FIELD_SIZED),
    LINE_ID = FIELD_TAG(12, FIELD_SIZED),
    LINE_HANDOFF = FIELD_TAG(60, FIELD_SIZED),
    REPORT_LINES = FIELD_TAG(1, FIELD_SIZED),
    TO_BROKER_ID = FIELD_TAG(1, FIELD_VARINT),
    TO_BROKER_REPORT = FIELD_TAG(32, FIELD_SIZED),
    HEAD_BYTES_MAX = 64, /* tags, lengths and token of a line */
};

static baton_status
result_check(const struct baton_result *result, struct fault *fault)
{
    const char *summary = result->summary ? result->summary : "";
    const char *tail = result->output_tail ? result->output_tail : "";
    const struct {
        const char *field;
        size_t bytes, bytes_max;
    } sizes[] = {
        {"summary", strlen(summary), TITLE_BYTES_MAX},
        {"document", result->document_bytes, DOCUMENT_BYTES_MAX},
        {"output_tail", strlen(tail), OUTPUT_TAIL_BYTES_MAX},
    };
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        if (sizes[i].bytes > sizes[i].bytes_max) {
            return fault_set(fault, BATON_TOO_LARGE,
                             "the %s of a result has %zu bytes and may have %zu: cut it",
                             sizes[i].field, sizes[i].bytes, sizes[i].bytes_max);
        }
    }
    if (result->outcome <= BATON_OUTCOME_NONE || result->outcome == BATON_OUTCOME_LOST ||
        result->outcome > BATON_OUTCOME_PARKED) {
        return fault_set(fault, BATON_INVALID, "%d is not an outcome that a worker can report",
                         (int)result->outcome);
    }
    return BATON_OK;
}

static baton_status
set_handoff(struct lease *lease, const struct baton_card *card, struct fault *fault)
{
    struct record *scratch = record_new(0, 1024);
    Baton__Card *message = scratch ? card_to_message(scratch, card) : NULL;
    struct buf buf = {.is_soft = true};
    if (message && buf_has_room(&buf, PACK_ROOM)) { /* also if there is nothing in it */
        pack(&buf, &message->base);
    }
    const char *wrong = message ? text_wrong(&message->base) : NULL;
    bool no_memory = !message || scratch->failed || buf.failed;
    record_free(scratch);
    if (no_memory || wrong) {
        buf_fini(&buf);
        return wrong ? fault_set(fault, BATON_INVALID,
                                 "%s of a handoff is not UTF-8: replace what is not", wrong)
                     : fault_set(fault, BATON_NO_MEMORY, "no memory for a handoff");
    }
    free(lease->handoff);
    lease->handoff = buf.data; /* moved */
    lease->handoff_bytes = buf.bytes;
    return BATON_OK;
}

baton_status
lease_set_result(struct lease *lease, const struct baton_result *result, struct buf *room,
                 struct fault *fault)
{
    baton_status status = result_check(result, fault);
    if (status) {
        return status;
    }
    if (result->n_measures > MEASURES_MAX) {
        return fault_set(fault, BATON_TOO_LARGE, "a result has at most %d measures: leave some out",
                         (int)MEASURES_MAX);
    }
    const char *wrong = NULL;
    buf_clear(room);
    layout_pack(room, &result_layout, result, &wrong);
    if (wrong) {
        return fault_set(fault, BATON_INVALID, "%s of a result is not UTF-8: replace what is not",
                         wrong);
    }
    status = result->handoff ? set_handoff(lease, result->handoff, fault) : BATON_OK;
    if (status) {
        return status;
    }
    uint8_t *line = room->failed                        ? NULL
                    : room->bytes <= sizeof lease->room ? lease->room
                                                        : malloc(room->bytes);
    if (!line) {
        return fault_set(fault, BATON_NO_MEMORY, "no memory for a result");
    }
    memcpy(line, room->data, room->bytes);
    lease->line = line;
    lease->line_bytes = room->bytes;
    lease->say_result = true;
    return BATON_OK;
}

bool
lease_set_progress(struct lease *lease, uint32_t percent, const char *text, int64_t next_update_at)
{
    size_t text_bytes = text ? strlen(text) : 0;
    bool takes_text = text_bytes <= TITLE_BYTES_MAX && utf8_is_valid(text ? text : "", text_bytes);
    Baton__Progress m = BATON__PROGRESS__INIT;
    m.percent = MIN(percent, 100);
    m.text = takes_text ? pb_text(text) : NULL;
    m.next_update_at = next_update_at;
    size_t bytes = baton__progress__get_packed_size(&m);
    uint8_t *progress = malloc(bytes + 1);
    if (!progress) {
        return false;
    }
    baton__progress__pack(&m, progress);
    free(lease->progress);
    lease->progress = progress;
    lease->progress_bytes = bytes;
    return true;
}

bool
lease_set_name(struct lease *lease, const struct field *project, const struct field *id)
{
    size_t bytes = project->bytes + id->bytes + 2;
    char *name = bytes <= sizeof lease->name_room ? lease->name_room : malloc(bytes);
    if (!name) {
        return false;
    }
    uint8_t *p = pack_copy((uint8_t *)name, (const char *)project->data, project->bytes);
    *p++ = 0;
    p = pack_copy(p, (const char *)id->data, id->bytes);
    *p = 0;
    lease->name = name;
    lease->name_bytes = bytes;
    return true;
}

static uint8_t *
put_bytes(uint8_t *at, unsigned tag, const void *p, size_t bytes)
{
    at = varint_put(varint_put(at, tag), bytes);
    memcpy(at, p, bytes);
    return at + bytes;
}

/* A line without content but `tag` true. Room was made by the caller. */
static void
say_flag(struct buf *body, uint64_t token, unsigned tag)
{
    uint8_t *at = body->data + body->bytes;
    at = varint_put(varint_put(at, REPORT_LINES), 1 + varint_bytes(token) + 2);
    at = varint_put(varint_put(at, LINE_TOKEN), token);
    at = varint_put(varint_put(at, tag), 1);
    body->bytes = (size_t)(at - body->data);
}

/* A line with a packed message under `tag`; `name` (project, NUL, id, NUL) may be NULL, and so may
 * the lease with the handoff that goes with it. */
static void
say_message(struct buf *body, uint64_t token, unsigned tag, const uint8_t *p, size_t bytes,
            const char *name, const struct lease *handoff)
{
    size_t line = 1 + varint_bytes(token) + 1 + varint_bytes(bytes) + bytes;
    const char *id = name ? name + strlen(name) + 1 : NULL;
    if (name) {
        line += 1 + varint_bytes(strlen(name)) + strlen(name);
        line += 1 + varint_bytes(strlen(id)) + strlen(id);
    }
    if (handoff) {
        line += varint_bytes(LINE_HANDOFF) + varint_bytes(handoff->handoff_bytes) +
                handoff->handoff_bytes;
    }
    uint8_t *at = body->data + body->bytes;
    at = varint_put(varint_put(at, REPORT_LINES), line);
    at = varint_put(varint_put(at, LINE_TOKEN), token);
    at = put_bytes(at, tag, p, bytes);
    if (handoff) {
        at = put_bytes(at, LINE_HANDOFF, handoff->handoff, handoff->handoff_bytes);
    }
    if (name) {
        at = put_bytes(at, LINE_PROJECT, name, strlen(name));
        at = put_bytes(at, LINE_ID, id, strlen(id));
    }
    body->bytes = (size_t)(at - body->data);
}

int
lease_say(struct lease *lease, uint64_t id, int64_t now, struct buf *body)
{
    size_t room = 2 * HEAD_BYTES_MAX + lease->name_bytes + lease->handoff_bytes +
                  MAX(lease->say_result ? lease->line_bytes : 0,
                      lease->progress ? lease->progress_bytes : 0);
    if (!buf_has_room(body, room)) {
        return -1;
    }
    int n = 0;
    if (lease->say_started) {
        say_flag(body, lease->token, LINE_STARTED);
        n++;
    }
    if (lease->say_result) {
        bool again = lease->said_at != 0;
        if (!lease->result_id) {
            lease->result_id = id;
            lease->before_result = (unsigned)n;
        }
        /* By the second time the task may be in the archive, where it is found by its name. */
        say_message(body, lease->token, LINE_RESULT, lease->line, lease->line_bytes,
                    again ? lease->name : NULL, lease->handoff ? lease : NULL);
        lease->said_at = now;
        n++;
    } else if (lease->progress) {
        say_message(body, lease->token, LINE_PROGRESS, lease->progress, lease->progress_bytes, NULL,
                    NULL);
        n++;
    } else if (lease->say_beat && !lease->line) {
        say_flag(body, lease->token, LINE_BEAT);
        n++;
    }
    free(lease->progress);
    lease->progress = NULL;
    lease->say_started = lease->say_beat = lease->say_result = false;
    return n;
}

bool
report_frame(uint64_t id, const struct buf *body, zmq_msg_t *ret_frame)
{
    uint8_t head[HEAD_BYTES_MAX];
    memcpy(head, frame_preamble, PREAMBLE_BYTES);
    uint8_t *at = varint_put(varint_put(head + PREAMBLE_BYTES, TO_BROKER_ID), id);
    at = varint_put(varint_put(at, TO_BROKER_REPORT), body->bytes);
    size_t head_bytes = (size_t)(at - head);
    if (zmq_msg_init_size(ret_frame, head_bytes + body->bytes) < 0) {
        return false;
    }
    uint8_t *data = zmq_msg_data(ret_frame);
    memcpy(data, head, head_bytes);
    memcpy(data + head_bytes, body->data, body->bytes);
    return true;
}
