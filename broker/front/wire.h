/* Messages as bytes: the preamble, packing, and unpacking what is not trusted. Pure. */
#ifndef BATON_FRONT_WIRE_H
#define BATON_FRONT_WIRE_H

#include "common/arena.h"

#include "wire.pb-c.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    WIRE_VERSION = 1,
    WIRE_PREAMBLE_BYTES = 4,
    WIRE_UNPACKED_FACTOR = 16,             /* memory for a message: this many times its size … */
    WIRE_UNPACKED_BASE = 16 * 1024 * 1024, /* … and this */
};

/* 'B' 'T' 'N' and the version. */
extern const uint8_t wire_preamble[WIRE_PREAMBLE_BYTES];

enum wire_status {
    WIRE_OK,
    WIRE_STRANGE,   /* not of this protocol */
    WIRE_VERSION_X, /* another version byte */
    WIRE_MALFORMED,
};

/* Unpacks a frame into the arena. Text that is not UTF-8 (or has a NUL in it) makes it malformed,
 * and so does a message that would take absurdly much memory. */
enum wire_status wire_unpack(const uint8_t *data, size_t bytes, struct arena *arena,
                             Baton__ToBroker **ret_message);

/* XXH3 of the operation of a frame that was unpacked: id, acked, actor and client don't count. */
uint64_t wire_digest(const uint8_t *data, size_t bytes);

/* A whole frame, malloced, of an answer packed without its id. */
uint8_t *wire_frame(uint64_t id, bool replayed, const uint8_t *body, size_t body_bytes,
                    size_t *ret_bytes);
/* The same of a message; its id and `replayed` are not looked at. */
uint8_t *wire_pack(uint64_t id, const Baton__FromBroker *message, size_t *ret_bytes);

#endif
