/* Public structs as packed messages, and back, without a message of protobuf-c in between: by a
 * table that says for each field of the message where it is in the struct. What is packed is what
 * protobuf-c would pack. For what there are many of: tasks and the answers to reports. */
#ifndef BATON_CLIENT_LAYOUT_H
#define BATON_CLIENT_LAYOUT_H

#include "client/record.h"
#include "common/buf.h"

enum layout_kind {
    LAYOUT_LONG,    /* 64 bits */
    LAYOUT_WORD,    /* uint32_t */
    LAYOUT_ENUM,    /* 32 bits with a sign */
    LAYOUT_ZIGZAG,  /* int32_t, as sint32 */
    LAYOUT_FLAG,    /* bool */
    LAYOUT_DOUBLE,  /* double. Is only packed */
    LAYOUT_TEXT,    /* const char *; NULL is "" */
    LAYOUT_BYTES,   /* const void *, and size_t behind it */
    LAYOUT_TEXTS,   /* const char *const *, and size_t behind it */
    LAYOUT_STRUCTS, /* const struct … *, and size_t behind it; of `inner` */
    LAYOUT_STRUCT,  /* const struct … *: one of `inner`, in a field of bytes. Is only read */
    LAYOUT_COUNT,   /* size_t: how often the field is there. Is only read */
};

enum { LAYOUT_END = UINT16_MAX }; /* number of the last entry */

struct layout_field {
    uint16_t number; /* rising */
    uint8_t kind;
    uint16_t offset; /* in the struct */
    const struct layout *inner;
};

struct layout {
    const ProtobufCMessageDescriptor *type;
    const struct layout_field *fields; /* the last one is LAYOUT_END */
    const void *empty;                 /* a struct whose texts are "" */
    size_t bytes;                      /* of a struct */
};

/* Appends the packed message of a struct. `ret_wrong` gets the name of the first text that is not
 * UTF-8, unless it has one. As deep as the layouts are nested. */
void layout_pack(struct buf *buf, const struct layout *layout, const void *from,
                 const char **ret_wrong);
/* Fills a struct from a packed message, with texts and lists in the memory of `record`, of which
 * `failed` and `malformed` tell what went wrong; until they were asked nothing of it may be used.
 * Fields that the layout does not know are skipped. As deep as the layouts are nested. */
void layout_read(struct record *record, const struct layout *layout, size_t bytes,
                 const uint8_t *data, void *to);

#endif
