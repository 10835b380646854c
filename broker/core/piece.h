/* A chunk of a snapshot, or a batch of facts, unpacked (core_piece_read_…). */
#ifndef BATON_BROKER_CORE_PIECE_H
#define BATON_BROKER_CORE_PIECE_H

#include "broker/core/core.h"

struct core_piece {
    struct arena arena;          /* of all that follows */
    Baton__SnapshotChunk *chunk; /* NULL: it holds facts */
    Baton__Fact **facts;
    uint32_t n_facts;
    Baton__Spec **specs; /* of the chunk's tasks; of those facts that add one (NULL: the others) */
};

void piece_init(struct core_piece *piece);
void piece_fini(struct core_piece *piece);

#endif
