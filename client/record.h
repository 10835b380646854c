/* The memory of one record that the library hands out: header, the public struct and everything it
 * points to, in one or a few blocks, freed together through the pointer to the public struct. Also
 * where messages are unpacked. Running out of memory sets `failed` and gives NULL: in a library it
 * is a status, never the end of the program. */
#ifndef BATON_CLIENT_RECORD_H
#define BATON_CLIENT_RECORD_H

#include "common/arena.h"
#include "common/buf.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct record {
    alignas(max_align_t) struct arena arena; /* soft; begins behind the public struct */
    size_t public_bytes;                     /* of the struct behind this header, rounded up */
    size_t first_bytes;                      /* of all memory behind this header */
    bool failed;                             /* an allocation was refused since the last reset */
    bool malformed;                          /* a message could not be read (client/layout.h) */
};

/* A record whose public struct (zeroed) has `public_bytes`, with room for `room` bytes more before
 * a second block is needed. NULL: no memory. */
struct record *record_new(size_t public_bytes, size_t room);
void record_free(struct record *record);
/* Everything but the public struct is gone. Keeps the first block only. */
void record_reset(struct record *record);

void *record_public(struct record *record);
/* The record around a public struct; NULL for NULL. */
struct record *record_of(const void *public_struct);

/* Aligned for anything, not zeroed. NULL: no memory (and `failed` is set). */
void *record_alloc(struct record *record, size_t bytes);
/* n elements of `bytes` each, zeroed; never NULL for n = 0 unless memory has failed. */
void *record_array(struct record *record, size_t n, size_t bytes);

/* The message in some bytes of the broker, which are free afterwards. NULL: it can't be read, or no
 * memory (and `failed` is set). */
void *record_unpack(struct record *record, const ProtobufCMessageDescriptor *type, size_t bytes,
                    const uint8_t *data);
/* A copy of what is in a soft buf. NULL: that has failed, or no memory (and `failed` is set). */
uint8_t *record_keep(struct record *record, const struct buf *buf);

#endif
