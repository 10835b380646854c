/* Our unpacking against protobuf-c's: both take the same bytes and refuse the same, what they make
 * of them packs to the same bytes, and nothing is read or written out of bounds. What it does not
 * call strange packs to the very bytes of the input.
 *
 * Three things are ours on purpose, and such inputs are only run: a message that comes twice goes
 * on with the same (its zeros override too), numbers of more than 64 bits or of no field, and what
 * is no number is no truth value either. Input: one byte for the type, then the message. */
#include "tests/fuzz/fuzz.h"

#include "common/alloc.h"
#include "common/arena.h"
#include "common/pack.h"
#include "common/unpack.h"

#include "fact.pb-c.h"
#include "wire.pb-c.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const ProtobufCMessageDescriptor *const types[] = {
    &baton__to_broker__descriptor,      &baton__from_broker__descriptor,
    &baton__fact__descriptor,           &baton__spec__descriptor,
    &baton__snapshot_chunk__descriptor, &baton__event_batch__descriptor,
};

/* Reads one; *ret_wide: it has more than 64 bits. */
static bool
read_number(struct input *input, uint64_t *ret, bool *ret_wide)
{
    *ret = 0;
    for (unsigned i = 0; i < 10 && input->bytes > 0; i++) {
        uint8_t b = input_byte(input);
        *ret_wide |= i == 9 && (b & 0x7f) > 1;
        *ret |= (uint64_t)(b & 0x7f) << (7 * i);
        if (b < 0x80) {
            return true;
        }
    }
    return false;
}

static bool
skip(struct input *input, uint64_t bytes)
{
    if (bytes > input->bytes) {
        return false;
    }
    input->data += bytes;
    input->bytes -= (size_t)bytes;
    return true;
}

/* One of the things that are ours; also when it can't be read further. */
static bool
is_ours(const ProtobufCMessageDescriptor *type, struct input input)
{
    uint8_t *seen = xcalloc(type->n_fields + 1, 1);
    bool ours = false;
    while (!ours && input.bytes > 0) {
        uint64_t tag, value;
        if (!read_number(&input, &tag, &ours)) {
            break;
        }
        const ProtobufCFieldDescriptor *field = tag >> 3 > UINT32_MAX
                                                    ? NULL
                                                    : protobuf_c_message_descriptor_get_field(
                                                          type, (unsigned)(tag >> 3));
        ours |= tag >> 3 == 0 || tag >> 3 > INT32_MAX;
        ours |= field && field->type == PROTOBUF_C_TYPE_BOOL && (tag & 7) != 0;
        bool sized = (tag & 7) == 2;
        if ((tag & 7) == 0 || sized) {
            if (!read_number(&input, &value, &ours)) {
                break;
            }
        } else {
            value = (tag & 7) == 1 ? 8 : 4;
        }
        struct input inner = {input.data, (size_t)value};
        if ((tag & 7) != 0 && !skip(&input, value)) {
            break;
        }
        if (sized && field && field->type == PROTOBUF_C_TYPE_MESSAGE) {
            uint8_t *times = &seen[field - type->fields];
            ours |= field->label != PROTOBUF_C_LABEL_REPEATED && *times;
            *times = 1;
            ours |= is_ours(field->descriptor, inner);
        } else if (sized && field && field->type != PROTOBUF_C_TYPE_STRING &&
                   field->type != PROTOBUF_C_TYPE_BYTES) {
            while (inner.bytes > 0 && read_number(&inner, &value, &ours)) {
            }
        }
    }
    free(seen);
    return ours;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct input input = {data, bytes};
    const ProtobufCMessageDescriptor *type = types[input_byte(&input) % ARRAY_LEN(types)];
    struct arena arena;
    arena_init(&arena);
    struct unpack bounded = {.arena = &arena, .left = 100 * 1000, .checks_texts = true};
    size_t room = bounded.left;
    const ProtobufCMessage *looked_at = unpack(&bounded, type, input.bytes, input.data);
    CHECK(room - bounded.left <= room);
    if (looked_at && !bounded.nul_field && !bounded.is_strange) {
        struct buf again = {0};
        pack(&again, looked_at);
        CHECK(again.bytes == input.bytes);
        CHECK(again.bytes == 0 || memcmp(again.data, input.data, again.bytes) == 0);
        buf_fini(&again);
    }
    const ProtobufCMessage *ours = unpack_own(&arena, type, input.bytes, input.data);
    ProtobufCMessage *theirs = protobuf_c_message_unpack(type, NULL, input.bytes, input.data);
    if (!is_ours(type, input)) {
        CHECK((ours != NULL) == (theirs != NULL));
        struct buf a = {0}, b = {0};
        if (ours) {
            pack(&a, ours);
            pack(&b, theirs);
            CHECK(a.bytes == b.bytes && (a.bytes == 0 || memcmp(a.data, b.data, a.bytes) == 0));
        }
        buf_fini(&a);
        buf_fini(&b);
    }
    if (theirs) {
        protobuf_c_message_free_unpacked(theirs, NULL);
    }
    arena_fini(&arena);
    return 0;
}
