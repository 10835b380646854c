/* Recovery from bytes that are not what we wrote: it says so (false), and never crashes.
 *
 * How far down this goes is a decision. A fact that is well formed and contradicts the state (a
 * start of a task that is not there) makes evolve abort, on purpose: only a bug of ours can write
 * one, and a checksum over each row of the journal and each chunk of a snapshot stands between the
 * disk and evolve (broker/store, tests/unit/store_damage). So facts are not invented here. What is
 * tried is what lies above evolve: the framing of batches (cut, doubled, out of order, miscounted),
 * and the parsing of chunks, which builds from foreign numbers before anything can be compared;
 * linking what was parsed is core_link's, on the same promise as evolve. */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/world.h"

#include "common/alloc.h"

#include <stdlib.h>
#include <string.h>

enum { BATCHES_MAX = 32, EDITS_MAX = 64, CHUNKS_MAX = 8 };

/* Where fact `n` (from 0) begins in the journal; the end for n == n_facts. */
static size_t
fact_at(const struct world *world, uint32_t n)
{
    size_t pos = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t length;
        CHECK(varint_read(world->journal.data, world->journal.bytes, &pos, &length));
        pos += length;
    }
    return pos;
}

/* Batches of the real journal, each with its own first fact, count and cut. Refused or taken: what
 * is taken is a beginning of the journal. */
static void
try_batches(struct world *world, struct input input)
{
    struct core *core = world_new_core();
    bool ok = true;
    for (int i = 0; i < BATCHES_MAX && ok && input.bytes > 0; i++) {
        uint32_t first = input_byte(&input) % (world->n_facts + 1);
        uint32_t n = input_byte(&input) % (world->n_facts + 1 - first);
        size_t from = fact_at(world, first);
        size_t bytes = fact_at(world, first + n) - from;
        int said_n = (int)n + (int8_t)input_byte(&input) / 16;
        int seq = (int)first + 1 + (int8_t)input_byte(&input) / 16;
        size_t cut = input_byte(&input) / 32;
        cut = MIN(bytes, cut);
        uint8_t *exact = xmalloc(bytes - cut + 1);
        memcpy(exact, world->journal.data + from, bytes - cut);
        /* Facts under other numbers than their own are other facts, and a gap is the store's to
         * vouch for. */
        int known = (int)core_seq(core);
        bool is_invented = seq > known + 1 || (seq != (int)first + 1 && seq + said_n > known + 1);
        if (said_n >= 0 && seq > 0 && !is_invented) {
            ok = core_replay(core, (uint64_t)seq, (uint32_t)said_n, exact, bytes - cut, NULL);
            CHECK(!ok || (said_n == (int)n && cut == 0));
        }
        CHECK(core_seq(core) <= world->n_facts);
        free(exact);
    }
    if (ok && core_seq(core) == world->n_facts) {
        CHECK(core_digest(core) == core_digest(world->core));
    }
    core_free(core);
}

/* The real snapshot with some bytes changed, and a cut. */
static void
try_spoiled_chunks(struct world *world, struct input input)
{
    world_snapshot(world);
    struct core *core = world_new_core();
    size_t pos = 0;
    bool ok = true;
    while (ok && pos < world->snapshot.bytes) {
        uint64_t length;
        CHECK(varint_read(world->snapshot.data, world->snapshot.bytes, &pos, &length));
        uint8_t *chunk = xmemdup(world->snapshot.data + pos, length);
        unsigned n_edits = input_byte(&input) % EDITS_MAX;
        for (unsigned i = 0; i < n_edits && input.bytes > 0; i++) {
            size_t at = input_short(&input);
            chunk[at % length] = input_byte(&input);
        }
        size_t cut = input_byte(&input);
        cut = MIN(cut, length);
        ok = core_restore_chunk(core, chunk, length - cut);
        free(chunk);
        pos += length;
    }
    core_free(core);
}

static void
try_chunks(struct input input)
{
    struct core *core = world_new_core();
    bool ok = true;
    for (int i = 0; i < CHUNKS_MAX && ok && input.bytes > 0; i++) {
        struct input piece = input_piece(&input);
        ok = core_restore_chunk(core, piece.data, piece.bytes);
    }
    core_free(core);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct input input = {data, bytes};
    unsigned how = input_byte(&input) % 3;
    if (how == 2) {
        try_chunks(input);
        return 0;
    }
    struct world world;
    world_init(&world);
    if (how == 0) {
        try_batches(&world, input);
    } else {
        try_spoiled_chunks(&world, input);
    }
    world_fini(&world);
    return 0;
}
