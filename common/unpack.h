/* Unpacking messages into an arena: the structs of protobuf-c, made in one pass over the bytes,
 * with a bound on their memory and a look at their texts. Fields that are not known are kept, and
 * packed again. What protobuf-c refuses is refused. */
#ifndef BATON_COMMON_UNPACK_H
#define BATON_COMMON_UNPACK_H

#include "common/arena.h"

#include <stdbool.h>
#include <stdint.h>

struct unpack {
    struct arena *arena;
    size_t left;           /* bytes of memory that the message may take */
    bool checks_texts;     /* they are UTF-8, or the message is refused */
    const char *nul_field; /* set: the first field whose text has a NUL in it, where it ends */
    bool is_exhausted;     /* set: refused for its memory */
    bool is_strange;       /* set: packing the message may give other bytes */
};

/* NULL: refused. As deep as the type is nested. */
void *unpack(struct unpack *unpack, const ProtobufCMessageDescriptor *type, size_t bytes,
             const uint8_t *data);
/* Bytes of our own: no bound, and nothing is asked of texts. NULL: damaged. */
void *unpack_own(struct arena *arena, const ProtobufCMessageDescriptor *type, size_t bytes,
                 const uint8_t *data);

#endif
