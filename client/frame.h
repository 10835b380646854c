/* Frames: the preamble and one packed message. */
#ifndef BATON_CLIENT_FRAME_H
#define BATON_CLIENT_FRAME_H

#include "client/fault.h"
#include "client/record.h"
#include "common/buf.h"

#include <wire.pb-c.h>
#include <zmq.h>

enum { PREAMBLE_BYTES = 4, PROTOCOL_VERSION = 1 };

/* 'B' 'T' 'N' and the version. */
extern const uint8_t frame_preamble[PREAMBLE_BYTES];

/* The first field of a message whose text is not UTF-8, or NULL: the broker would take the whole of
 * it for malformed. As deep as the messages of wire.proto are nested. */
const char *text_wrong(const ProtobufCMessage *message);

/* An op that is not made a message first: for the one that is large. */
struct frame_op {
    /* Appends it with its tag; tells the name of a text that is not UTF-8. The buf is soft. */
    void (*pack)(struct buf *buf, const void *what, const char **ret_wrong);
    const void *what;
    size_t room; /* about what it takes */
};

/* A frame of `message`, behind which comes `op` if that is not NULL. BATON_INVALID (text that is
 * not UTF-8), BATON_TOO_LARGE and BATON_NO_MEMORY with a sentence in `fault`. The caller closes
 * `ret_frame`. */
baton_status frame_pack(const Baton__ToBroker *message, const struct frame_op *op,
                        zmq_msg_t *ret_frame, struct fault *fault);
/* The content of a soft buf as a frame; its memory may go over to it. False: no memory. */
MUST_CHECK bool frame_of(struct buf *buf, zmq_msg_t *ret_frame);

/* BATON_OK if the preamble is ours; BATON_VERSION, BATON_MALFORMED with a sentence in `fault`. */
baton_status frame_check(const void *data, size_t bytes, struct fault *fault);

/* The message in a frame, in the memory of `record`. Statuses as frame_check, and BATON_NO_MEMORY.
 */
baton_status frame_unpack(zmq_msg_t *frame, struct record *record, struct fault *fault,
                          const Baton__FromBroker **ret_message);

/* protobuf-c's structs have `char *` where they only read. NULL stays NULL, which packs as "". */
static inline char *
pb_text(const char *s)
{
    return (char *)(uintptr_t)s;
}
static inline char **
pb_texts(const char *const *texts)
{
    return (char **)(uintptr_t)texts;
}
#endif
