/* What packing and unpacking ask of a message's type again and again, laid out for that: derived
 * once from protobuf-c's descriptor, kept for good. From any thread. */
#ifndef BATON_COMMON_SHAPE_H
#define BATON_COMMON_SHAPE_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

enum { SHAPE_NUMBERS = 256 }; /* our fields' numbers are below */

struct shape_field {
    uint32_t offset; /* of the value in the message; of a repeated one, of the array's pointer */
    uint32_t quantifier; /* repeated: of their number; of a oneof: of its case */
    uint8_t tag[2];      /* as it is written before a value */
    uint8_t tag_bytes;
    uint8_t type;      /* ProtobufCType */
    uint8_t wire_type; /* of one value that is not packed */
    uint8_t bytes;     /* of one value in memory */
    uint16_t number;
    bool is_repeated;
    bool is_packed; /* repeated, and written packed */
    bool is_oneof;
    uint64_t least; /* that is written, or length; … */
    uint64_t span;  /* … and how far beyond that. Of negative ones only int64 are known here */
    const char *name;
    const struct shape *sub; /* MESSAGE */
};

enum shape_kind {
    SHAPE_NUMBER, /* written as the masked word has it … */
    SHAPE_SIGNED, /* … or with the sign of its 32 bits */
    SHAPE_TEXT,
    SHAPE_ONEOF,
    SHAPE_OTHER,
};

/* One look at a message that is to be packed. */
struct shape_step {
    uint32_t word; /* of these eight bytes of the message … */
    uint8_t first; /* (of a oneof: this field, in the order of numbers, … */
    uint8_t last;  /* … to this one) */
    uint8_t kind;  /* shape_kind; SHAPE_ONEOF: the word is its case */
    uint8_t shift; /* where in the word the value begins, in bits */
    uint64_t mask; /* … these bits are 0 when nothing is said */
};

struct shape {
    const ProtobufCMessageDescriptor *type;
    struct shape_field *fields; /* by number */
    struct shape_step *steps;
    uint32_t n_steps;
    uint8_t by_number[SHAPE_NUMBERS]; /* place in fields, from 1; 0: there is none */
};

const struct shape *shape_of(const ProtobufCMessageDescriptor *type);

#endif
