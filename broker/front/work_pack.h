/* The two messages in which each task has a part, its lease and what its reports are answered,
 * packed by hand: byte for byte as protobuf-c does. */
#ifndef BATON_FRONT_WORK_PACK_H
#define BATON_FRONT_WORK_PACK_H

#include "common/buf.h"

#include "wire.pb-c.h"

#include <stdbool.h>

/* The operation of a FromBroker, with its tag and length. False: nothing is added, since it is
 * another operation, or has what is rare: pack does it. */
bool work_pack(struct buf *frame, const Baton__FromBroker *message);

/* About so many bytes will it be: never less, and less than a hundred more. */
size_t work_assignment_bytes(const Baton__Assignment *assignment);

#endif
