/* Frames: the preamble and one packed message. */
#include "client/frame.h"

#include "common/limits.h"
#include "common/text.h"

#include <stdlib.h>
#include <string.h>

const uint8_t frame_preamble[PREAMBLE_BYTES] = {'B', 'T', 'N', PROTOCOL_VERSION};

/* The first field whose text is not UTF-8, or NULL: the broker would take the whole message for
 * malformed. As deep as the messages of wire.proto are nested. */
static const char *
wrong_text(const ProtobufCMessage *message)
{
    const uint8_t *base = (const uint8_t *)message;
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        const void *quantifier = base + field->quantifier_offset;
        const void *const *values = (const void *const *)(const void *)(base + field->offset);
        size_t n = 1;
        if (field->type != PROTOBUF_C_TYPE_STRING && field->type != PROTOBUF_C_TYPE_MESSAGE) {
            continue;
        }
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            n = *(const size_t *)quantifier;
            values = n ? (const void *const *)*values : NULL;
        } else if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) &&
                   *(const uint32_t *)quantifier != field->id) {
            continue;
        }
        for (size_t k = 0; k < n; k++) {
            if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
                const char *inner = values[k] ? wrong_text(values[k]) : NULL;
                if (inner) {
                    return inner;
                }
            } else if (values[k] && !utf8_is_valid(values[k], strlen(values[k]))) {
                return field->name;
            }
        }
    }
    return NULL;
}

baton_status
frame_pack(const Baton__ToBroker *message, zmq_msg_t *ret_frame, struct fault *fault)
{
    const char *wrong = wrong_text(&message->base);
    if (wrong) {
        return fault_set(fault, BATON_INVALID, "%s is not UTF-8: a text is, always", wrong);
    }
    size_t bytes = PREAMBLE_BYTES + baton__to_broker__get_packed_size(message);
    if (bytes > MESSAGE_BYTES_MAX) {
        return fault_set(fault, BATON_TOO_LARGE,
                         "the request has %zu bytes and a message may have %d: send it in parts",
                         bytes, MESSAGE_BYTES_MAX);
    }
    if (zmq_msg_init_size(ret_frame, bytes) < 0) {
        return fault_set(fault, BATON_NO_MEMORY, "no memory for a request of %zu bytes", bytes);
    }
    uint8_t *data = zmq_msg_data(ret_frame);
    memcpy(data, frame_preamble, PREAMBLE_BYTES);
    baton__to_broker__pack(message, data + PREAMBLE_BYTES);
    return BATON_OK;
}

baton_status
frame_check(const void *data, size_t bytes, struct fault *fault)
{
    if (bytes < PREAMBLE_BYTES || memcmp(data, frame_preamble, PREAMBLE_BYTES - 1) != 0) {
        return fault_set(fault, BATON_MALFORMED,
                         "what listens at the endpoint is not a Baton broker: check the endpoint");
    }
    unsigned version = ((const uint8_t *)data)[PREAMBLE_BYTES - 1];
    if (version != PROTOCOL_VERSION) {
        return fault_set(fault, BATON_VERSION,
                         "the broker speaks version %u of the protocol and this library version "
                         "%d: update the older one",
                         version, PROTOCOL_VERSION);
    }
    return BATON_OK;
}

baton_status
frame_unpack(zmq_msg_t *frame, struct record *record, struct fault *fault,
             const Baton__FromBroker **ret_message)
{
    const uint8_t *data = zmq_msg_data(frame);
    size_t bytes = zmq_msg_size(frame);
    baton_status status = frame_check(data, bytes, fault);
    if (status) {
        return status;
    }
    const Baton__FromBroker *message = baton__from_broker__unpack(
        &record->pb, bytes - PREAMBLE_BYTES, data + PREAMBLE_BYTES);
    if (message) {
        *ret_message = message;
        return BATON_OK;
    }
    if (record->failed) {
        return fault_set(fault, BATON_NO_MEMORY, "no memory for an answer of %zu bytes", bytes);
    }
    return fault_set(fault, BATON_MALFORMED,
                     "an answer of the broker can't be read: are broker and library of versions "
                     "that fit together?");
}

bool
buf_ensure(struct buf *buf, size_t more)
{
    size_t need;
    if (__builtin_add_overflow(buf->bytes, more, &need)) {
        return false;
    }
    if (need > buf->room) {
        size_t room = MAX(need, buf->room + buf->room / 2 + 256);
        uint8_t *data = realloc(buf->data, room);
        if (!data) {
            return false;
        }
        buf->data = data;
        buf->room = room;
    }
    return true;
}
