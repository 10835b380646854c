/* Frames: the preamble and one packed message. */
#include "client/frame.h"

#include "common/limits.h"
#include "common/pack.h"
#include "common/text.h"

#include <stdlib.h>
#include <string.h>

enum { COPIED_BYTES_MAX = 512 }; /* into ZeroMQ's memory; handing ours over costs more below */

const uint8_t frame_preamble[PREAMBLE_BYTES] = {'B', 'T', 'N', PROTOCOL_VERSION};

const char *
text_wrong(const ProtobufCMessage *message)
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
                const char *inner = values[k] ? text_wrong(values[k]) : NULL;
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

static void
data_free(void *data, void *hint)
{
    (void)hint;
    free(data);
}

bool
frame_of(struct buf *buf, zmq_msg_t *ret_frame)
{
    if (buf->bytes > COPIED_BYTES_MAX) {
        if (zmq_msg_init_data(ret_frame, buf->data, buf->bytes, data_free, NULL) == 0) {
            *buf = (struct buf){.is_soft = true}; /* ZeroMQ's now */
            return true;
        }
        return false;
    }
    if (zmq_msg_init_size(ret_frame, buf->bytes) < 0) {
        return false;
    }
    memcpy(zmq_msg_data(ret_frame), buf->data, buf->bytes);
    return true;
}

static baton_status
pack_into(struct buf *buf, const Baton__ToBroker *message, const struct frame_op *op,
          struct fault *fault)
{
    const char *wrong = text_wrong(&message->base);
    buf_has_room(buf, PACK_ROOM + (op ? op->room : 0));
    buf_add(buf, frame_preamble, PREAMBLE_BYTES);
    pack(buf, &message->base);
    if (op) {
        op->pack(buf, op->what, &wrong);
    }
    if (wrong) {
        return fault_set(fault, BATON_INVALID, "%s is not UTF-8: a text is, always", wrong);
    }
    if (buf->failed) {
        return fault_set(fault, BATON_NO_MEMORY, "no memory for a request of %zu bytes and more",
                         buf->bytes);
    }
    if (buf->bytes > MESSAGE_BYTES_MAX) {
        return fault_set(fault, BATON_TOO_LARGE,
                         "the request has %zu bytes and a message may have %d: send it in parts",
                         buf->bytes, MESSAGE_BYTES_MAX);
    }
    return BATON_OK;
}

baton_status
frame_pack(const Baton__ToBroker *message, const struct frame_op *op, zmq_msg_t *ret_frame,
           struct fault *fault)
{
    struct buf buf = {.is_soft = true};
    baton_status status = pack_into(&buf, message, op, fault);
    if (!status && !frame_of(&buf, ret_frame)) {
        status = fault_set(fault, BATON_NO_MEMORY, "no memory for a request of %zu bytes",
                           buf.bytes);
    }
    buf_fini(&buf);
    return status;
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
    const Baton__FromBroker *message = record_unpack(record, &baton__from_broker__descriptor,
                                                     bytes - PREAMBLE_BYTES, data + PREAMBLE_BYTES);
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
