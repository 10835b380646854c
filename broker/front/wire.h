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
    WIRE_UNPACKED_FACTOR = 16,              /* memory for a message: this many times its size … */
    WIRE_UNPACKED_BASE = 128 * 1024 * 1024, /* … and this: 200,000 small tasks */
};

/* 'B' 'T' 'N' and the version. */
extern const uint8_t wire_preamble[WIRE_PREAMBLE_BYTES];

enum wire_status {
    WIRE_OK,
    WIRE_STRANGE,   /* not of this protocol */
    WIRE_VERSION_X, /* another version byte */
    WIRE_MALFORMED,
    WIRE_NUL,       /* a text has a NUL in it, where protobuf-c would cut it */
    WIRE_TOO_LARGE, /* it would take absurdly much memory */
};

/* A frame that was unpacked. */
struct wire_frame {
    Baton__ToBroker *message;
    const char *nul_field; /* NUL: its name */
    bool is_strange;       /* packing the message may give other bytes */
};
/* Unpacks a frame into the arena. Text that is not UTF-8 makes it malformed. */
enum wire_status wire_unpack(const uint8_t *data, size_t bytes, struct arena *arena,
                             struct wire_frame *ret);

/* The id of a frame of ours that could not be unpacked. */
uint64_t wire_id(const uint8_t *data, size_t bytes);

/* The operation of a frame that was unpacked and has this one, as it stands there. */
const uint8_t *wire_operation(const uint8_t *data, size_t bytes, uint32_t op_case,
                              size_t *ret_bytes);

/* XXH3 of the operation of a frame that was unpacked: id, acked, actor and client don't count. */
uint64_t wire_digest(const uint8_t *data, size_t bytes);

/* A whole frame, malloced, of an answer packed without its id. */
uint8_t *wire_frame(uint64_t id, bool replayed, const uint8_t *body, size_t body_bytes,
                    size_t *ret_bytes);
/* The same of a message; its id and `replayed` are not looked at. */
uint8_t *wire_pack(uint64_t id, const Baton__FromBroker *message, size_t *ret_bytes);

#endif
