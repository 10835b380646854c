/* Messages with any content, for tests of what packs them. */
#ifndef BATON_TESTS_UNIT_FILLING_H
#define BATON_TESTS_UNIT_FILLING_H

#include "common/arena.h"
#include "common/rng.h"

#include <stdbool.h>

struct filling {
    struct arena arena; /* holds what is made */
    struct rng rng;
    bool known_values; /* enums have values of their own, as what was checked */
    int depth;         /* in the message that is being made */
};

ProtobufCMessage *filling_make(struct filling *f, const ProtobufCMessageDescriptor *type);

#endif
