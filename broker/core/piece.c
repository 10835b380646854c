/* What a chunk of a snapshot or a batch of facts says, unpacked and looked at: all that needs no
 * core, and so can be done by another thread ahead of the one that has it. The store has verified
 * the bytes, but they may come from a backup of anybody's. */
#include "broker/core/piece.h"

#include "broker/core/state.h"
#include "common/alloc.h"
#include "common/fields.h"
#include "common/unpack.h"

#include <stdlib.h>
#include <string.h>

enum { BYTES_KEPT = 4 << 20 };

void
piece_init(struct core_piece *piece, uint64_t hash_seed)
{
    *piece = (struct core_piece){.hash_seed = hash_seed};
    arena_init(&piece->arena);
}

void
piece_fini(struct core_piece *piece)
{
    arena_fini(&piece->arena);
    buf_fini(&piece->bytes);
    free(piece->tasks);
}

struct core_piece *
core_piece_new(const struct core *core)
{
    struct core_piece *piece = xmalloc(sizeof *piece);
    piece_init(piece, core->config.hash_seed);
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

uint8_t *
core_piece_bytes(struct core_piece *piece, size_t bytes)
{
    if (piece->bytes.room > BYTES_KEPT) {
        buf_fini(&piece->bytes); /* most are smaller */
    }
    return buf_reserve(&piece->bytes, MAX(bytes, 1));
}

static void
piece_clear(struct core_piece *piece)
{
    arena_reset(&piece->arena);
    piece->chunk = NULL;
    piece->n_tasks = 0;
    piece->facts = NULL;
    piece->added = NULL;
    piece->n_facts = 0;
    piece->said = (struct piece_said){0};
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
task_is_sane(const struct piece_task *task)
{
    return task->key && task->id[0] && task->project[0] && strlen(task->id) <= ID_BYTES_MAX &&
           strlen(task->project) <= NAME_BYTES_MAX;
}

static Baton__Spec *
spec_read(struct core_piece *piece, const ProtobufCBinaryData *packed)
{
    return unpack_own(&piece->arena, &baton__spec__descriptor, packed->len, packed->data);
}

static bool
task_unpack_whole(struct core_piece *piece, const struct field *field, struct piece_task *ret)
{
    const Baton__TaskRecord *r = unpack_own(&piece->arena, &baton__task_record__descriptor,
                                            field->bytes, field->data);
    const Baton__Spec *spec = r ? spec_read(piece, &r->spec) : NULL;
    if (!spec || (unsigned)r->state < WAITING || (unsigned)r->state >= STATES_N ||
        (spec->role[0] && role_number(spec->role) < 0) || !numbers_are_sane(r, spec)) {
        return false;
    }
    *ret = (struct piece_task){.id = spec->id,
                               .project = spec->project,
                               .actor = r->actor,
                               .spec = r->spec.data,
                               .spec_bytes = r->spec.len,
                               .key = r->key,
                               .created_at = r->created_at,
                               .anchor = r->anchor,
                               .ready_at = r->ready_at,
                               .state = (uint8_t)r->state,
                               .reason = (uint8_t)r->reason,
                               .record = r,
                               .description = spec};
    return true;
}

static bool
is_task(const struct field *field)
{
    return field->number == 2 && field->data; /* SnapshotChunk.tasks */
}

static uint64_t
hash_made(const struct core_piece *piece, const char *project, const char *id)
{
    return identity_made(piece->hash_seed, project, id).lo;
}

static struct piece_task *
task_add(struct core_piece *piece)
{
    if (piece->n_tasks == piece->room_tasks) {
        piece->room_tasks = piece->room_tasks ? 2 * piece->room_tasks : 256;
        piece->tasks = xreallocarray(piece->tasks, piece->room_tasks, sizeof *piece->tasks);
    }
    return &piece->tasks[piece->n_tasks++];
}

/* The tasks are read one by one, and what else there is unpacked as a chunk without them. */
bool
core_piece_read_chunk(struct core_piece *piece, const uint8_t *data, size_t bytes)
{
    piece_clear(piece);
    uint8_t *others = NULL;
    size_t n_others = 0, pos = 0;
    for (struct field field; field_next(data, bytes, &pos, &field);) {
        if (!is_task(&field)) {
            others = others ? others : arena_alloc(&piece->arena, bytes);
            memcpy(others + n_others, field.whole, field.whole_bytes);
            n_others += field.whole_bytes;
            continue;
        }
        struct piece_task *task = task_add(piece);
        if ((!piece_read_plain(piece, field.data, field.bytes, task) &&
             !task_unpack_whole(piece, &field, task)) ||
            !task_is_sane(task)) {
            return false;
        }
        task->hash = hash_made(piece, task->project, task->id);
    }
    piece->chunk = unpack_own(&piece->arena, &baton__snapshot_chunk__descriptor, n_others, others);
    return piece->chunk && pos == bytes;
}

static bool
fact_unpack_whole(struct core_piece *piece, const uint8_t *data, size_t bytes,
                  Baton__Fact **ret_fact, Baton__Spec **ret_spec)
{
    Baton__Fact *fact = unpack_own(&piece->arena, &baton__fact__descriptor, bytes, data);
    if (!fact) {
        return false;
    }
    *ret_fact = fact;
    *ret_spec = fact->what_case == BATON__FACT__WHAT_ADDED ? spec_read(piece, &fact->added->spec)
                                                           : NULL;
    return *ret_spec || fact->what_case != BATON__FACT__WHAT_ADDED;
}

bool
core_piece_read_facts(struct core_piece *piece, uint32_t n, const uint8_t *facts, size_t bytes)
{
    piece_clear(piece);
    if (n > bytes) {
        return false; /* each has a length */
    }
    piece->facts = arena_alloc(&piece->arena, n * sizeof *piece->facts);
    piece->added = arena_alloc(&piece->arena, n * sizeof *piece->added);
    size_t pos = 0;
    bool ok = true;
    for (uint32_t i = 0; i < n && ok; i++) {
        uint64_t length;
        ok = varint_read(facts, bytes, &pos, &length) && length <= bytes - pos;
        if (!ok) {
            break;
        }
        Baton__Fact *fact;
        Baton__Spec *spec = NULL;
        ok = (piece_read_plain_added(piece, facts + pos, length, &fact, &spec) ||
              fact_unpack_whole(piece, facts + pos, length, &fact, &spec)) &&
             fact->at >= 0 && fact->at <= TIME_MS_MAX;
        if (ok) {
            piece->facts[i] = fact;
            piece->added[i] = (struct adding){
                .spec = spec,
                .hash = spec && spec->project[0] ? hash_made(piece, spec->project, spec->id) : 0};
        }
        pos += length;
    }
    piece->n_facts = n;
    return ok && pos == bytes;
}
