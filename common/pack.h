/* Packing messages, byte for byte as protobuf-c does, in one pass: no counting of the bytes first,
 * for the message and again for each one in it, as protobuf-c's own functions need. */
#ifndef BATON_COMMON_PACK_H
#define BATON_COMMON_PACK_H

#include "common/buf.h"

#include <protobuf-c/protobuf-c.h>

enum {
    PACK_ROOM = 512
}; /* most of our messages fit: reserved before, it saves growing by copying */

/* Appends the packed message. Its fields are of the types that our messages have; another is a bug.
 */
void pack(struct buf *buf, const ProtobufCMessage *message);
/* Appends its length, as a varint, and the packed message. */
void pack_sized(struct buf *buf, const ProtobufCMessage *message);
/* The packed message in memory of its own and of just its size, malloced; never NULL. */
uint8_t *pack_new(const ProtobufCMessage *message, size_t *ret_bytes);

#endif
