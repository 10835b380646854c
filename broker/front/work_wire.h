/* The messages in which each task has a part, its lease, what is said of it and what that is
 * answered, packed and unpacked by hand: byte for byte as protobuf-c does, to the same structs as
 * the unpacker's. */
#ifndef BATON_FRONT_WORK_WIRE_H
#define BATON_FRONT_WORK_WIRE_H

#include "common/buf.h"
#include "common/unpack.h"

#include "wire.pb-c.h"

#include <stdbool.h>

/* The operation of a FromBroker, with its tag and length. False: nothing is added, since it is
 * another operation, or has what is rare: pack does it. */
bool work_pack(struct buf *frame, const Baton__FromBroker *message);

/* About so many bytes will it be: never less, and less than a hundred more. */
size_t work_assignment_bytes(const Baton__Assignment *assignment);

/* A message that is a Report. NULL: it is another one, or not quite as clients write it: unpack
 * does it, and judges it. */
Baton__ToBroker *work_unpack(struct unpack *unpack, size_t bytes, const uint8_t *data);

#endif
