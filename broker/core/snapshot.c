/* Snapshots, and the way back: the whole state at one moment, in chunks, while the core goes on.
 *
 * A snapshot walks over the cards and the tasks in the order of their numbers. What changes before
 * the walk has come to it is packed first (snapshot_keep…, called by evolve before every change),
 * so all records are of one moment: the state after fact `seq`. */
#include "broker/core/board/board.h"

#include "common/alloc.h"
#include "common/pack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static char *
text(const char *s)
{
    return (char *)(uintptr_t)(s ? s : "");
}

void
claim_message(const struct core *core, const struct claim *claim, Baton__Claim *ret)
{
    baton__claim__init(ret);
    ret->name = core->resources[claim->resource]->name;
    ret->amount = claim->amount;
    ret->shared = claim->shared;
}

enum { FIELD_HEADER = 1, FIELD_TASK = 2, FIELD_TOMBSTONE = 3, FIELD_ANSWER = 4, FIELD_CARD = 5 };

/* Behind its tag, as pack_field would. */
static void
chunk_add_task(const struct core *core, struct buf *chunk, const struct task *task)
{
    buf_add_varint(chunk, FIELD_TAG(FIELD_TASK, FIELD_SIZED));
    buf_reserve(chunk, 1);
    size_t begin = chunk->bytes++;
    task_record_pack(core, task, false, chunk);
    pack_length(chunk, begin);
}

void
snapshot_keep(struct core *core, struct task *task)
{
    struct snapshot_run *run = &core->snapshot;
    if (!run->running || task->aside == run->side || task->key > run->key_max ||
        task->state == UNKNOWN) {
        return;
    }
    task->aside = run->side;
    chunk_add_task(core, &run->aside, task);
}

/* Unless it is packed already. */
static void
chunk_add_card(const struct snapshot_run *run, struct buf *chunk, struct card *card)
{
    if (card->aside != run->side) {
        card->aside = run->side;
        pack_field(chunk, FIELD_CARD, &card->message->base);
    }
}

void
snapshot_keep_card(struct core *core, struct card *card)
{
    if (core->snapshot.running) {
        chunk_add_card(&core->snapshot, &core->snapshot.aside, card);
    }
}

static void
header_names(const struct core *core, struct arena *arena, Baton__SnapshotChunk__Header *header)
{
    uint32_t n = core->n_workers ? core->n_workers - 1 : 0;
    header->workers = arena_alloc(arena, n * sizeof *header->workers);
    for (uint32_t i = 1; i <= n; i++) {
        Baton__SnapshotChunk__WorkerName *name = arena_alloc(arena, sizeof *name);
        baton__snapshot_chunk__worker_name__init(name);
        name->number = core->workers[i]->number;
        name->name = core->workers[i]->name;
        header->workers[header->n_workers++] = name;
    }
    size_t n_pauses = 0;
    for (const struct pause *pause = core->pauses; pause; pause = pause->next) {
        n_pauses++;
    }
    header->pauses = arena_alloc(arena, n_pauses * sizeof *header->pauses);
    for (const struct pause *pause = core->pauses; pause; pause = pause->next) {
        Baton__SnapshotChunk__PauseRecord *record = arena_alloc(arena, sizeof *record);
        baton__snapshot_chunk__pause_record__init(record);
        record->scope = pause->scope;
        record->name = pause->name;
        record->text = pause->text;
        record->actor = pause->actor;
        record->since = pause->since;
        record->until = pause->until;
        record->refuse = pause->refuse;
        header->pauses[header->n_pauses++] = record;
    }
}

static int
compare_resources(const void *a, const void *b)
{
    return strcmp((*(Baton__SnapshotChunk__ResourceRecord *const *)a)->name,
                  (*(Baton__SnapshotChunk__ResourceRecord *const *)b)->name);
}

static int
compare_fairness(const void *a, const void *b)
{
    return strcmp((*(Baton__SnapshotChunk__FairnessRecord *const *)a)->key,
                  (*(Baton__SnapshotChunk__FairnessRecord *const *)b)->key);
}

/* Sorted by name: the numbers of resources and the order of a hash are not part of the state. */
static void
header_resources(const struct core *core, struct arena *arena, Baton__SnapshotChunk__Header *header)
{
    header->resources = arena_alloc(arena, core->n_resources * sizeof *header->resources);
    for (uint32_t i = 1; i < core->n_resources; i++) {
        if (core->resources[i] && core->resources[i]->set) {
            Baton__SnapshotChunk__ResourceRecord *record = arena_alloc(arena, sizeof *record);
            baton__snapshot_chunk__resource_record__init(record);
            record->name = core->resources[i]->name;
            record->capacity = core->resources[i]->capacity;
            header->resources[header->n_resources++] = record;
        }
    }
    if (header->n_resources) {
        qsort(header->resources, header->n_resources, sizeof *header->resources, compare_resources);
    }
    header->fairness = arena_alloc(arena, HASH_CNT(by_key, core->fairness) * sizeof(void *));
    for (const struct fairness *f = core->fairness; f; f = f->by_key.next) {
        Baton__SnapshotChunk__FairnessRecord *record = arena_alloc(arena, sizeof *record);
        baton__snapshot_chunk__fairness_record__init(record);
        record->key = f->key;
        record->virtual_time = f->virtual_time;
        header->fairness[header->n_fairness++] = record;
    }
    if (header->n_fairness) {
        qsort(header->fairness, header->n_fairness, sizeof *header->fairness, compare_fairness);
    }
}

static void
header_lingers(const struct core *core, struct arena *arena, Baton__SnapshotChunk__Header *header)
{
    size_t n = 0;
    for (const struct linger *linger = core->lingers; linger; linger = linger->next) {
        n++;
    }
    header->lingers = arena_alloc(arena, n * sizeof *header->lingers);
    for (const struct linger *linger = core->lingers; linger; linger = linger->next) {
        Baton__SnapshotChunk__LingerRecord *record = arena_alloc(arena, sizeof *record);
        baton__snapshot_chunk__linger_record__init(record);
        record->token = linger->token;
        record->until = linger->until;
        record->claims = arena_alloc(arena, linger->n_claims * sizeof *record->claims);
        for (uint32_t i = 0; i < linger->n_claims; i++) {
            Baton__Claim *claim = arena_alloc(arena, sizeof *claim);
            claim_message(core, &linger->claims[i], claim);
            record->claims[record->n_claims++] = claim;
        }
        header->lingers[header->n_lingers++] = record;
    }
}

static int
compare_counts(const void *a, const void *b)
{
    const Baton__SnapshotChunk__CountRecord *x = *(Baton__SnapshotChunk__CountRecord *const *)a;
    const Baton__SnapshotChunk__CountRecord *y = *(Baton__SnapshotChunk__CountRecord *const *)b;
    int by = strcmp(x->project, y->project);
    return by ? by : strcmp(x->role, y->role);
}

static void
header_counts(const struct core *core, struct arena *arena, Baton__SnapshotChunk__Header *header)
{
    header->counts = arena_alloc(arena, core->n_projects * ROLE_SLOTS * sizeof *header->counts);
    for (uint32_t p = 1; p < core->n_projects; p++) {
        for (int r = 0; r < ROLE_SLOTS; r++) {
            const struct counts *counts = &core->projects[p]->counts[r];
            if (!counts->gone_done && !counts->gone_failed && !counts->gone_cancelled) {
                continue;
            }
            Baton__SnapshotChunk__CountRecord *record = arena_alloc(arena, sizeof *record);
            baton__snapshot_chunk__count_record__init(record);
            record->project = core->projects[p]->name;
            record->role = text(r < ROLES_N ? role_names[r] : "");
            record->done = counts->gone_done;
            record->failed = counts->gone_failed;
            record->cancelled = counts->gone_cancelled;
            header->counts[header->n_counts++] = record;
        }
    }
    if (header->n_counts) {
        qsort(header->counts, header->n_counts, sizeof *header->counts, compare_counts);
    }
}

static int
compare_closed(const void *a, const void *b)
{
    return strcmp((*(Baton__SnapshotChunk__ClosedRecord *const *)a)->project,
                  (*(Baton__SnapshotChunk__ClosedRecord *const *)b)->project);
}

static void
header_closed(const struct core *core, struct arena *arena, Baton__SnapshotChunk__Header *header)
{
    header->closed = arena_alloc(arena, core->n_projects * sizeof *header->closed);
    for (uint32_t p = 1; p < core->n_projects; p++) {
        const struct closing *closing = core->projects[p]->closing;
        if (closing) {
            Baton__SnapshotChunk__ClosedRecord *record = arena_alloc(arena, sizeof *record);
            baton__snapshot_chunk__closed_record__init(record);
            record->project = core->projects[p]->name;
            record->text = closing->text;
            record->actor = closing->actor;
            record->since = closing->since;
            header->closed[header->n_closed++] = record;
        }
    }
    if (header->n_closed) {
        qsort(header->closed, header->n_closed, sizeof *header->closed, compare_closed);
    }
}

static void
chunk_add_header(const struct core *core, struct buf *chunk)
{
    struct arena arena;
    arena_init(&arena);
    Baton__SnapshotChunk__Header header;
    baton__snapshot_chunk__header__init(&header);
    header.seq = core->seq;
    header.event = core->event;
    header.epoch = core->epoch;
    header.at = core->now;
    header_names(core, &arena, &header);
    header_resources(core, &arena, &header);
    header_lingers(core, &arena, &header);
    header_counts(core, &arena, &header);
    header_closed(core, &arena, &header);
    metrics_record(core, &arena, &header);
    budgets_record(core, &arena, &header);
    pack_field(chunk, FIELD_HEADER, &header.base);
    for (const struct answer *answer = core->oldest; answer; answer = answer->newer) {
        Baton__SnapshotChunk__Answer record;
        baton__snapshot_chunk__answer__init(&record);
        record.client = answer->client->name;
        record.number = answer->number;
        record.digest = answer->digest;
        record.reply.data = answer->reply;
        record.reply.len = answer->bytes;
        record.at = answer->at;
        pack_field(chunk, FIELD_ANSWER, &record.base);
    }
    arena_fini(&arena);
}

/* By hand, as pack would have it: there is one for each task that ever ended. */
static void
chunk_add_tombstone(struct buf *chunk, const struct tombstone *tombstone)
{
    enum { TOMBSTONE_FIELDS = 4 };
    uint8_t *p = buf_reserve(chunk, (1 + TOMBSTONE_FIELDS) * PACK_HEAD_BYTES_MAX);
    uint8_t *begin = p = varint_put(p, FIELD_TAG(FIELD_TOMBSTONE, FIELD_SIZED)) + 1;
    p = pack_fixed64(p, 1, tombstone->hash_hi);
    p = pack_fixed64(p, 2, tombstone->hash_lo);
    p = pack_number(p, 3, tombstone->key);
    p = pack_number(p, 4, tombstone->state);
    begin[-1] = (uint8_t)(p - begin);
    chunk->bytes = (size_t)(p - chunk->data);
}

void
core_snapshot_begin(struct core *core)
{
    struct snapshot_run *run = &core->snapshot;
    CHECK(!run->running);
    run->running = true;
    run->seq = core->seq;
    run->key_max = core->seq;
    run->cursor = core->first;
    run->card = core->board.first;
    run->tombstones = core->n_tombstones;
    run->tombstone_next = 0;
    run->side = !run->side; /* now no task is on it */
    buf_clear(&run->aside);
    chunk_add_header(core, &run->aside);
}

bool
core_snapshot_is_running(const struct core *core)
{
    return core->snapshot.running;
}

uint64_t
core_snapshot_seq(const struct core *core)
{
    return core->snapshot.seq;
}

bool
core_snapshot_step(struct core *core, uint32_t max_tasks, struct buf *chunk)
{
    struct snapshot_run *run = &core->snapshot;
    CHECK(run->running);
    buf_clear(chunk);
    struct buf packed = run->aside;
    run->aside = *chunk;
    *chunk = packed;
    uint32_t n = 0;
    for (; run->tombstone_next < run->tombstones && n < max_tasks * 4; n++) {
        chunk_add_tombstone(chunk, tombstone_at(core, run->tombstone_next++));
    }
    for (; run->card && n < max_tasks; n++) {
        struct card *card = board_at(core, run->card);
        chunk_add_card(run, chunk, card);
        run->card = card->next;
    }
    for (; run->cursor && n < max_tasks; n++) {
        struct task *task = task_at(core, run->cursor);
        if (task->key > run->key_max) {
            run->cursor = 0;
            break;
        }
        if (task->aside != run->side) {
            task->aside = run->side;
            chunk_add_task(core, chunk, task);
        }
        run->cursor = task->next;
    }
    run->running = run->cursor != 0 || run->card != 0 || run->tombstone_next < run->tombstones;
    return run->running;
}

uint64_t
core_digest(struct core *core)
{
    core_link(core);
    struct buf chunk = {0};
    chunk_add_header(core, &chunk);
    XXH3_state_t *state = XXH3_createState();
    CHECK(state && XXH3_64bits_reset(state) == XXH_OK);
    XXH3_64bits_update(state, chunk.data, chunk.bytes);
    for (uint32_t slot = core->board.first; slot; slot = board_at(core, slot)->next) {
        buf_clear(&chunk);
        pack_field(&chunk, FIELD_CARD, &board_at(core, slot)->message->base);
        XXH3_64bits_update(state, chunk.data, chunk.bytes);
    }
    for (uint32_t i = 0; i < core->n_tombstones; i++) {
        buf_clear(&chunk);
        chunk_add_tombstone(&chunk, tombstone_at(core, i));
        XXH3_64bits_update(state, chunk.data, chunk.bytes);
    }
    for (uint32_t slot = core->first; slot; slot = task_at(core, slot)->next) {
        const struct task *task = task_at(core, slot);
        buf_clear(&chunk);
        chunk_add_task(core, &chunk, task);
        /* Derived, yet part of what the task will do next: a difference here is a difference of
         * behaviour. */
        buf_printf(&chunk, "%lld %lld %u %u %u %u %u",
                   (long long)(task_is_live(task) ? task->course->effective : 0),
                   (long long)(task_is_live(task) ? task->order_at : 0), task->edges->n_pending,
                   task->edges->n_broken, task->edges->n_abort, task->edges->n_forward,
                   task->n_live_outs);
        XXH3_64bits_update(state, chunk.data, chunk.bytes);
    }
    uint64_t digest = XXH3_64bits_digest(state);
    XXH3_freeState(state);
    buf_fini(&chunk);
    return digest;
}
