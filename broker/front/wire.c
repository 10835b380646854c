#include "broker/front/wire.h"
#include "broker/front/work_wire.h"

#include "common/alloc.h"
#include "common/check.h"
#include "common/fields.h"
#include "common/pack.h"
#include "common/unpack.h"

#include <string.h>
#include <xxhash.h>

enum {
    OP_NUMBER_MIN = 10,                        /* fields of ToBroker from here on are operations */
    TAG_ID = FIELD_TAG(1, FIELD_VARINT),       /* of FromBroker and of ToBroker */
    TAG_REPLAYED = FIELD_TAG(3, FIELD_VARINT), /* of FromBroker */
    HEAD_BYTES_MAX = WIRE_PREAMBLE_BYTES + 1 + 10 + 2,
};

const uint8_t wire_preamble[WIRE_PREAMBLE_BYTES] = {'B', 'T', 'N', WIRE_VERSION};

/* ---- in ---- */

enum wire_status
wire_unpack(const uint8_t *data, size_t bytes, struct arena *arena, struct wire_frame *ret)
{
    if (bytes < WIRE_PREAMBLE_BYTES || memcmp(data, wire_preamble, 3) != 0) {
        return WIRE_STRANGE;
    }
    if (data[3] != WIRE_VERSION) {
        return WIRE_VERSION_X;
    }
    const uint8_t *body = data + WIRE_PREAMBLE_BYTES;
    size_t body_bytes = bytes - WIRE_PREAMBLE_BYTES;
    struct unpack frame = {.arena = arena,
                           .left = WIRE_UNPACKED_BASE + body_bytes * WIRE_UNPACKED_FACTOR,
                           .checks_texts = true};
    Baton__ToBroker *message = work_unpack(&frame, body_bytes, body);
    if (!message) {
        message = unpack(&frame, &baton__to_broker__descriptor, body_bytes, body);
    }
    if (!message) {
        return frame.is_exhausted ? WIRE_TOO_LARGE : WIRE_MALFORMED;
    }
    *ret = (struct wire_frame){
        .message = message, .nul_field = frame.nul_field, .is_strange = frame.is_strange};
    return frame.nul_field ? WIRE_NUL : WIRE_OK;
}

uint64_t
wire_id(const uint8_t *data, size_t bytes)
{
    return field_varint(data + WIRE_PREAMBLE_BYTES, bytes - WIRE_PREAMBLE_BYTES, TAG_ID >> 3);
}

uint64_t
wire_digest(const uint8_t *data, size_t bytes)
{
    uint64_t digest = 0;
    struct field field;
    size_t pos = WIRE_PREAMBLE_BYTES;
    while (pos < bytes && field_next(data, bytes, &pos, &field)) {
        if (field.number >= OP_NUMBER_MIN && field.data) {
            digest = XXH3_64bits_withSeed(field.data, field.bytes, digest + field.number);
        }
    }
    return digest;
}

const uint8_t *
wire_operation(const uint8_t *data, size_t bytes, uint32_t op_case, size_t *ret_bytes)
{
    const uint8_t *operation = NULL;
    struct field field;
    size_t pos = WIRE_PREAMBLE_BYTES;
    *ret_bytes = 0;
    while (pos < bytes && field_next(data, bytes, &pos, &field)) {
        if (field.number == op_case && field.data) {
            operation = field.data; /* the last one, if it is there again */
            *ret_bytes = field.bytes;
        }
    }
    return operation;
}

/* ---- out ---- */

static size_t
put_head(uint8_t *p, uint64_t id, bool replayed)
{
    memcpy(p, wire_preamble, WIRE_PREAMBLE_BYTES);
    size_t n = WIRE_PREAMBLE_BYTES;
    if (id) {
        p[n++] = TAG_ID;
        n = (size_t)(varint_put(p + n, id) - p);
    }
    if (replayed) {
        p[n++] = TAG_REPLAYED;
        p[n++] = 1;
    }
    return n;
}

uint8_t *
wire_frame(uint64_t id, bool replayed, const uint8_t *body, size_t body_bytes, size_t *ret_bytes)
{
    uint8_t *data = xmalloc(HEAD_BYTES_MAX + body_bytes);
    size_t n = put_head(data, id, replayed);
    if (body_bytes > 0) {
        memcpy(data + n, body, body_bytes);
    }
    *ret_bytes = n + body_bytes;
    return data;
}

uint8_t *
wire_pack(uint64_t id, const Baton__FromBroker *message, size_t *ret_bytes)
{
    Baton__FromBroker bare = *message;
    bare.id = 0;
    bare.replayed = false;
    struct buf frame = {0};
    frame.bytes = put_head(buf_reserve(&frame, HEAD_BYTES_MAX), id, false);
    if (!work_pack(&frame, &bare)) {
        pack(&frame, &bare.base);
    }
    *ret_bytes = frame.bytes;
    return frame.data;
}
