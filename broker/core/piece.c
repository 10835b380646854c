/* What a chunk of a snapshot or a batch of facts says, unpacked and looked at: all that needs no
 * core, and so can be done by another thread ahead of the one that has it. The store has verified
 * the bytes, but they may come from a backup of anybody's. */
#include "broker/core/piece.h"

#include "broker/core/state.h"
#include "common/alloc.h"
#include "common/unpack.h"

#include <stdlib.h>
#include <string.h>

void
piece_init(struct core_piece *piece)
{
    *piece = (struct core_piece){0};
    arena_init(&piece->arena);
}

void
piece_fini(struct core_piece *piece)
{
    arena_fini(&piece->arena);
}

struct core_piece *
core_piece_new(void)
{
    struct core_piece *piece = xmalloc(sizeof *piece);
    piece_init(piece);
    return piece;
}

void
core_piece_free(struct core_piece *piece)
{
    if (piece) {
        piece_fini(piece);
        free(piece);
    }
}

static void
piece_clear(struct core_piece *piece)
{
    arena_reset(&piece->arena);
    piece->chunk = NULL;
    piece->facts = NULL;
    piece->specs = NULL;
    piece->n_facts = 0;
}

static bool
is_duration(int64_t ms)
{
    return ms >= 0 && ms <= DURATION_MS_MAX;
}

/* Those that are calculated with, or are keys. */
static bool
numbers_are_sane(const Baton__TaskRecord *r, const Baton__Spec *spec)
{
    if (r->n_measures > MEASURES_KEPT) {
        return false;
    }
    for (size_t i = 0; i < r->n_attempts; i++) {
        if (r->attempts[i]->token == 0) {
            return false;
        }
    }
    for (size_t i = 0; i < r->n_taken; i++) {
        if (!r->worker || !r->taken[i]->name[0]) {
            return false;
        }
    }
    return is_duration(r->lease_ms) && is_duration(r->cancel_grace_ms) &&
           is_duration(spec->stall_ms) && is_duration(spec->max_runtime_ms);
}

static bool
task_is_sane(const Baton__TaskRecord *r, const Baton__Spec *spec)
{
    return r->key && spec->id[0] && spec->project[0] && strlen(spec->id) <= ID_BYTES_MAX &&
           strlen(spec->project) <= NAME_BYTES_MAX && (unsigned)r->state >= WAITING &&
           (unsigned)r->state < STATES_N && (!spec->role[0] || role_number(spec->role) >= 0) &&
           numbers_are_sane(r, spec);
}

static Baton__Spec *
spec_read(struct core_piece *piece, const ProtobufCBinaryData *packed)
{
    return unpack_own(&piece->arena, &baton__spec__descriptor, packed->len, packed->data);
}

bool
core_piece_read_chunk(struct core_piece *piece, const uint8_t *data, size_t bytes)
{
    piece_clear(piece);
    piece->chunk = unpack_own(&piece->arena, &baton__snapshot_chunk__descriptor, bytes, data);
    if (!piece->chunk) {
        return false;
    }
    size_t n = piece->chunk->n_tasks;
    piece->specs = arena_alloc(&piece->arena, n * sizeof *piece->specs);
    bool ok = true;
    for (size_t i = 0; i < n && ok; i++) {
        const Baton__TaskRecord *r = piece->chunk->tasks[i];
        piece->specs[i] = spec_read(piece, &r->spec);
        ok = piece->specs[i] && task_is_sane(r, piece->specs[i]);
    }
    return ok;
}

bool
core_piece_read_facts(struct core_piece *piece, uint32_t n, const uint8_t *facts, size_t bytes)
{
    piece_clear(piece);
    if (n > bytes) {
        return false; /* each has a length */
    }
    piece->facts = arena_alloc(&piece->arena, n * sizeof *piece->facts);
    piece->specs = arena_calloc(&piece->arena, n, sizeof *piece->specs);
    size_t pos = 0;
    bool ok = true;
    for (uint32_t i = 0; i < n && ok; i++) {
        uint64_t length;
        ok = varint_read(facts, bytes, &pos, &length) && length <= bytes - pos;
        if (!ok) {
            break;
        }
        Baton__Fact *fact = unpack_own(&piece->arena, &baton__fact__descriptor, length,
                                       facts + pos);
        ok = fact && fact->at >= 0 && fact->at <= TIME_MS_MAX;
        if (ok && fact->what_case == BATON__FACT__WHAT_ADDED) {
            piece->specs[i] = spec_read(piece, &fact->added->spec);
            ok = piece->specs[i] != NULL;
        }
        piece->facts[i] = fact;
        pos += length;
    }
    piece->n_facts = n;
    return ok && pos == bytes;
}
