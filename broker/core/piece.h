/* A chunk of a snapshot, or a batch of facts, unpacked (core_piece_read_…). */
#ifndef BATON_BROKER_CORE_PIECE_H
#define BATON_BROKER_CORE_PIECE_H

#include "broker/core/state.h"

/* A task as the snapshot has it: what every one has, and, of those that have more, the whole. */
struct piece_task {
    const char *id, *project, *actor;
    const uint8_t *spec; /* packed */
    size_t spec_bytes;
    uint64_t key;
    int64_t created_at, anchor, ready_at;
    uint8_t state, reason;
    uint8_t role, priority; /* when there is no `description` */
    uint64_t hash;          /* task_hash */
    /* Both or none. */
    const Baton__TaskRecord *record;
    const Baton__Spec *description;
};

/* Bytes of what is being read. */
struct piece_stretch {
    const uint8_t *data;
    size_t bytes;
};

struct core_piece {
    uint64_t hash_seed;
    struct buf bytes;            /* what was to be read, if it was put here */
    struct arena arena;          /* of all that follows */
    Baton__SnapshotChunk *chunk; /* without its tasks; NULL: it holds facts */
    struct piece_task *tasks;    /* but for these themselves */
    size_t n_tasks, room_tasks;
    Baton__Fact **facts;
    struct adding *added; /* what the fact adds, but for what only who takes the task looks at; no
                             `spec`: it adds none */
    uint32_t n_facts;
    struct piece_said { /* by the task before: mostly said again */
        const char *project, *actor, *role;
        int role_number;
        struct piece_stretch place, rest; /* and what these said: */
        struct piece_task task;
        struct piece_stretch title;
    } said;
};

void piece_init(struct core_piece *piece, uint64_t hash_seed);
void piece_fini(struct core_piece *piece);

/* Reads a packed record, or a packed fact that adds a task, if it and its description say no more
 * than most do; else nothing is said of it. The bytes stay where they are. */
bool piece_read_plain(struct core_piece *piece, const uint8_t *record, size_t bytes,
                      struct piece_task *ret);
bool piece_read_plain_added(struct core_piece *piece, const uint8_t *fact, size_t bytes,
                            Baton__Fact **ret_fact, Baton__Spec **ret_spec);

#endif
