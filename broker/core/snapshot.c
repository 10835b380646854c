/* Snapshots, and the way back: the whole state at one moment, in chunks, while the core goes on.
 *
 * A snapshot walks over the tasks in the order of their keys. A task that changes before the walk
 * has come to it is packed first (snapshot_keep, called by evolve before every change), so all
 * records are of one moment: the state after fact `seq`. */
#include "broker/core/state.h"

#include "common/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* ---- writing ---- */

static char *
text(const char *s)
{
    return (char *)(uintptr_t)(s ? s : "");
}

static void
record_ext(const struct task_ext *ext, struct arena *arena, Baton__TaskRecord *record)
{
    record->reason_text = text(ext->reason_text);
    record->progress = ext->progress;
    record->progress_text = text(ext->progress_text);
    record->progress_at = ext->progress_at;
    record->next_update_at = ext->next_update_at;
    if (ext->result) {
        record->result = baton__result__unpack(&arena->pb, ext->result_bytes, ext->result);
        CHECK(record->result);
    }
    record->attempts = ext->attempts;
    record->n_attempts = ext->n_attempts;
    record->orphans = ext->orphans;
    record->n_orphans = ext->n_orphans;
    record->aborted_by = ext->aborted_by;
    record->parent = ext->parent;
    record->root = ext->root;
    record->depth = ext->depth;
    record->n_children = ext->n_children;
    record->n_descendants = ext->n_descendants;
    record->cancel_grace_ms = ext->cancel_grace_ms;
}

void
record_make(const struct core *core, const struct task *task, struct arena *arena,
            Baton__TaskRecord *ret)
{
    baton__task_record__init(ret);
    ret->key = task->key;
    ret->spec.data = (uint8_t *)(uintptr_t)task_spec(task);
    ret->spec.len = task->spec_bytes;
    ret->state = (Baton__TaskState)task->state;
    ret->reason = (Baton__Reason)task->reason;
    ret->attempt = task->attempt;
    ret->failures = task->failures;
    ret->losses = task->losses;
    ret->worker = task->worker ? core->workers[task->worker]->number : 0;
    ret->token = task->token;
    ret->created_at = task->created_at;
    ret->anchor = task->anchor;
    ret->ready_at = task->ready_at;
    ret->started_at = task->started_at;
    ret->ended_at = task->ended_at;
    ret->next_at = task->timed ? task->next_at : 0;
    ret->backoff = task->backoff;
    ret->held = task->held;
    ret->actor = text(actor_name(core, task->actor));
    if (task->run) {
        ret->lease_ms = task->run->lease_ms;
        ret->sessionless = task->run->sessionless;
        ret->stalled = task->run->stalled;
    }
    if (task->ext) {
        record_ext(task->ext, arena, ret);
    }
}

/* Appends one field of a SnapshotChunk: a message with a length. */
static void
chunk_add(struct buf *chunk, unsigned field, const ProtobufCMessage *message)
{
    size_t bytes = protobuf_c_message_get_packed_size(message);
    buf_add_varint(chunk, field << 3 | 2);
    buf_add_varint(chunk, bytes);
    protobuf_c_message_pack(message, buf_reserve(chunk, bytes));
    chunk->bytes += bytes;
}

enum { FIELD_HEADER = 1, FIELD_TASK = 2, FIELD_TOMBSTONE = 3, FIELD_ANSWER = 4 };

static void
chunk_add_task(const struct core *core, struct buf *chunk, const struct task *task)
{
    struct arena arena;
    arena_init(&arena);
    Baton__TaskRecord record;
    record_make(core, task, &arena, &record);
    chunk_add(chunk, FIELD_TASK, &record.base);
    arena_fini(&arena);
}

void
snapshot_keep(struct core *core, struct task *task)
{
    struct snapshot_run *run = &core->snapshot;
    if (!run->running || task->set_aside || task->key > run->key_max || task->state == UNKNOWN) {
        return;
    }
    task->set_aside = true;
    chunk_add_task(core, &run->aside, task);
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
            baton__claim__init(claim);
            claim->name = core->resources[linger->claims[i].resource]->name;
            claim->amount = linger->claims[i].amount;
            claim->shared = linger->claims[i].shared;
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
    chunk_add(chunk, FIELD_HEADER, &header.base);
    for (const struct answer *answer = core->oldest; answer; answer = answer->newer) {
        Baton__SnapshotChunk__Answer record;
        baton__snapshot_chunk__answer__init(&record);
        record.client = answer->client->name;
        record.number = answer->number;
        record.digest = answer->digest;
        record.reply.data = answer->reply;
        record.reply.len = answer->bytes;
        record.at = answer->at;
        chunk_add(chunk, FIELD_ANSWER, &record.base);
    }
    arena_fini(&arena);
}

static void
chunk_add_tombstone(struct buf *chunk, const struct tombstone *tombstone)
{
    Baton__SnapshotChunk__Tombstone record;
    baton__snapshot_chunk__tombstone__init(&record);
    record.hash_hi = tombstone->hash_hi;
    record.hash_lo = tombstone->hash_lo;
    record.key = tombstone->key;
    record.state = (Baton__TaskState)tombstone->state;
    chunk_add(chunk, FIELD_TOMBSTONE, &record.base);
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
    run->tombstones = core->n_tombstones;
    run->tombstone_next = 0;
    buf_clear(&run->aside);
    buf_clear(&run->head);
    for (uint32_t slot = core->first; slot; slot = task_at(core, slot)->next) {
        task_at(core, slot)->set_aside = false;
    }
    chunk_add_header(core, &run->head);
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
    buf_add(chunk, run->head.data, run->head.bytes);
    buf_clear(&run->head);
    buf_add(chunk, run->aside.data, run->aside.bytes);
    buf_clear(&run->aside);
    uint32_t n = 0;
    for (; run->tombstone_next < run->tombstones && n < max_tasks * 4; n++) {
        chunk_add_tombstone(chunk, &core->tombstones[run->tombstone_next++]);
    }
    for (; run->cursor && n < max_tasks; n++) {
        struct task *task = task_at(core, run->cursor);
        if (task->key > run->key_max) {
            run->cursor = 0;
            break;
        }
        if (!task->set_aside) {
            task->set_aside = true;
            chunk_add_task(core, chunk, task);
        }
        run->cursor = task->next;
    }
    run->running = run->cursor != 0 || run->tombstone_next < run->tombstones;
    return run->running;
}

/* ---- reading ---- */

static char *
copy_text(const char *s)
{
    return s[0] ? xstrdup(s) : NULL;
}

static bool
ext_needed(const Baton__TaskRecord *r)
{
    return r->reason_text[0] || r->progress || r->progress_text[0] || r->progress_at ||
           r->next_update_at || r->result || r->n_attempts || r->n_orphans || r->aborted_by ||
           r->parent || r->n_children || r->n_descendants || r->cancel_grace_ms || r->depth;
}

static void
ext_restore(struct core *core, struct task *task, const Baton__TaskRecord *r)
{
    struct task_ext *ext = task_ext(core, task);
    ext->reason_text = copy_text(r->reason_text);
    ext->progress = r->progress;
    ext->progress_text = copy_text(r->progress_text);
    ext->progress_at = r->progress_at;
    ext->next_update_at = r->next_update_at;
    ext->aborted_by = r->aborted_by;
    ext->parent = r->parent;
    ext->root = r->root;
    ext->depth = r->depth;
    ext->n_children = r->n_children;
    ext->n_descendants = r->n_descendants;
    ext->cancel_grace_ms = r->cancel_grace_ms;
    if (r->result) {
        ext->result_bytes = (uint32_t)baton__result__get_packed_size(r->result);
        ext->result = xmalloc(ext->result_bytes);
        baton__result__pack(r->result, ext->result);
    }
    struct buf wire = {0};
    ext->attempts = xcalloc(r->n_attempts, sizeof *ext->attempts);
    for (size_t i = 0; i < r->n_attempts; i++) {
        buf_clear(&wire);
        size_t bytes = baton__attempt_record__get_packed_size(r->attempts[i]);
        baton__attempt_record__pack(r->attempts[i], buf_reserve(&wire, bytes));
        ext->attempts[ext->n_attempts++] = baton__attempt_record__unpack(NULL, bytes, wire.data);
        index64_put(&core->by_token, r->attempts[i]->token, task->slot);
    }
    ext->orphans = xcalloc(r->n_orphans, sizeof *ext->orphans);
    for (size_t i = 0; i < r->n_orphans; i++) {
        buf_clear(&wire);
        size_t bytes = baton__orphan_record__get_packed_size(r->orphans[i]);
        baton__orphan_record__pack(r->orphans[i], buf_reserve(&wire, bytes));
        ext->orphans[ext->n_orphans++] = baton__orphan_record__unpack(NULL, bytes, wire.data);
    }
    buf_fini(&wire);
}

static bool
run_restore(struct core *core, struct task *task, const Baton__TaskRecord *r,
            const Baton__Spec *spec)
{
    if (!task->worker) {
        return false;
    }
    struct run *run = xcalloc(1, sizeof *run);
    run->lease_ms = r->lease_ms;
    run->sessionless = r->sessionless;
    run->stalled = r->stalled;
    run->max_runtime_ms = spec->max_runtime_ms;
    run->stall_ms = spec->stall_ms ? spec->stall_ms : core->config.stall_ms;
    run->lease_until = core->now + r->lease_ms;
    run->start_until = run->sessionless ? NEVER : core->now + core->config.start_ms;
    run->stall_at = core->now + run->stall_ms;
    run->cancel_until = core->now + r->cancel_grace_ms + CANCEL_SLACK_MS;
    task->run = run;
    return true;
}

static bool
task_restore(struct core *core, const Baton__TaskRecord *r)
{
    Baton__Spec *spec = baton__spec__unpack(&core->scratch.pb, r->spec.len, r->spec.data);
    if (!spec || !r->key || r->key > core->seq || !spec->id[0] || !spec->project[0] ||
        strlen(spec->id) > ID_BYTES_MAX || strlen(spec->project) > NAME_BYTES_MAX ||
        (unsigned)r->state < WAITING || (unsigned)r->state >= STATES_N ||
        task_by_key(core, r->key) || task_find(core, project_find(core, spec->project), spec->id)) {
        return false;
    }
    struct task *task = task_new(core, project_make(core, spec->project), spec->id);
    task_set_spec(core, task, spec->id, r->spec.data, r->spec.len);
    task->key = r->key;
    task->state = (uint8_t)r->state;
    task->reason = (uint8_t)r->reason;
    task->attempt = r->attempt;
    task->failures = (uint16_t)r->failures;
    task->losses = (uint16_t)r->losses;
    task->worker = r->worker ? index64_get(&core->workers_by_number, r->worker) : 0;
    task->token = r->token;
    task->created_at = r->created_at;
    task->anchor = r->anchor;
    task->ready_at = r->ready_at;
    task->started_at = r->started_at;
    task->ended_at = r->ended_at;
    task->timed = r->next_at != 0;
    task->next_at = r->next_at;
    task->backoff = r->backoff;
    task->held = r->held;
    task->actor = actor_take(core, r->actor);
    index64_put(&core->by_key, task->key, task->slot);
    if (task->token) {
        index64_put(&core->by_token, task->token, task->slot);
    }
    task_index_spec(core, task, spec);
    if (ext_needed(r)) {
        ext_restore(core, task, r);
    }
    core->n_tasks++;
    core->projects[task->project]->counts[task->role].by_state[task->state]++;
    return !task_has_lease(task) || run_restore(core, task, r, spec);
}

static bool
header_restore(struct core *core, const Baton__SnapshotChunk__Header *header)
{
    core->seq = header->seq;
    core->event = header->event;
    core->epoch = header->epoch;
    core->now = header->at;
    for (size_t i = 0; i < header->n_workers; i++) {
        worker_add(core, header->workers[i]->number, header->workers[i]->name);
    }
    struct pause **at = &core->pauses;
    for (size_t i = 0; i < header->n_pauses; i++) {
        const Baton__SnapshotChunk__PauseRecord *r = header->pauses[i];
        if (r->scope > BATON__PAUSE__SCOPE__WORKER ||
            (r->scope == BATON__PAUSE__SCOPE__ROLE && role_number(r->name) < 0)) {
            return false;
        }
        struct pause *pause = xcalloc(1, sizeof *pause);
        *pause = (struct pause){.scope = r->scope,
                                .name = xstrdup(r->name),
                                .text = xstrdup(r->text),
                                .actor = xstrdup(r->actor),
                                .since = r->since,
                                .until = r->until,
                                .refuse = r->refuse};
        *at = pause;
        at = &pause->next;
        pause_apply(core, r->scope, r->name, true, r->refuse);
    }
    for (size_t i = 0; i < header->n_resources; i++) {
        struct resource *resource = resource_make(core, header->resources[i]->name);
        resource->capacity = header->resources[i]->capacity;
        resource->set = true;
    }
    for (size_t i = 0; i < header->n_fairness; i++) {
        struct fairness *fairness = xcalloc(1, sizeof *fairness);
        fairness->key = xstrdup(header->fairness[i]->key);
        fairness->virtual_time = header->fairness[i]->virtual_time;
        HASH_ADD_KEYPTR(by_key, core->fairness, fairness->key, strlen(fairness->key), fairness);
    }
    for (size_t i = 0; i < header->n_counts; i++) {
        const Baton__SnapshotChunk__CountRecord *r = header->counts[i];
        int role = r->role[0] ? role_number(r->role) : ROLE_NONE;
        if (role < 0) {
            return false;
        }
        uint32_t project = project_make(core, r->project); /* may move core->projects */
        struct counts *counts = &core->projects[project]->counts[role];
        counts->gone_done = r->done;
        counts->gone_failed = r->failed;
        counts->gone_cancelled = r->cancelled;
    }
    struct linger **linger_at = &core->lingers;
    for (size_t i = 0; i < header->n_lingers; i++) {
        const Baton__SnapshotChunk__LingerRecord *r = header->lingers[i];
        struct linger *linger = xcalloc(1, sizeof *linger);
        linger->token = r->token;
        linger->until = r->until;
        linger->n_claims = (uint32_t)r->n_claims;
        linger->claims = xcalloc(r->n_claims, sizeof *linger->claims);
        for (uint32_t k = 0; k < linger->n_claims; k++) {
            struct resource *resource = resource_make(core, r->claims[k]->name);
            resource->n_claims++;
            linger->claims[k] = (struct claim){.resource = resource->number,
                                               .amount = r->claims[k]->amount,
                                               .shared = r->claims[k]->shared};
        }
        resource_take(core, linger->claims, linger->n_claims);
        *linger_at = linger;
        linger_at = &linger->next;
    }
    return true;
}

bool
core_restore_chunk(struct core *core, const uint8_t *data, size_t bytes)
{
    struct arena arena;
    arena_init(&arena);
    Baton__SnapshotChunk *chunk = baton__snapshot_chunk__unpack(&arena.pb, bytes, data);
    bool ok = chunk && (chunk->header != NULL) == (core->linked && core->seq == 0);
    if (ok && chunk->header) {
        core->linked = false;
        ok = header_restore(core, chunk->header);
        for (size_t i = 0; ok && i < chunk->n_answers; i++) {
            Baton__Answered answered = BATON__ANSWERED__INIT;
            answered.client = chunk->answers[i]->client;
            answered.number = chunk->answers[i]->number;
            answered.digest = chunk->answers[i]->digest;
            answered.reply = chunk->answers[i]->reply;
            answers_evolve(core, &answered, chunk->answers[i]->at);
        }
    }
    for (size_t i = 0; ok && i < chunk->n_tombstones; i++) {
        const Baton__SnapshotChunk__Tombstone *t = chunk->tombstones[i];
        ok = state_is_terminal((unsigned)t->state) && (unsigned)t->state < STATES_N;
        tombstone_add(core, t->hash_hi, t->hash_lo, t->key, t->state);
    }
    for (size_t i = 0; ok && i < chunk->n_tasks; i++) {
        ok = task_restore(core, chunk->tasks[i]);
        arena_reset(&core->scratch);
    }
    arena_fini(&arena);
    return ok;
}

static int
compare_keys(const void *a, const void *b)
{
    const struct task *x = *(struct task *const *)a;
    const struct task *y = *(struct task *const *)b;
    return (x->key > y->key) - (x->key < y->key);
}

static int
compare_ended(const void *a, const void *b)
{
    const struct task *x = *(struct task *const *)a;
    const struct task *y = *(struct task *const *)b;
    return x->ended_at != y->ended_at ? (x->ended_at > y->ended_at) - (x->ended_at < y->ended_at)
                                      : compare_keys(a, b);
}

/* Tasks stand in the chunks in any order (those set aside come early), and edges need both ends: so
 * lists, edges, counters, order and queues are made when all are there. */
void
core_link(struct core *core)
{
    if (core->linked) {
        return;
    }
    core->linked = true;
    struct task **all = xcalloc(core->n_tasks, sizeof(struct task *));
    uint32_t n = 0;
    for (uint32_t slot = 1; slot < core->n_slots; slot++) {
        if (task_at(core, slot)->key) {
            all[n++] = task_at(core, slot);
        }
    }
    qsort(all, n, sizeof(struct task *), compare_keys);
    for (uint32_t i = 0; i < n; i++) {
        all_list_add(core, all[i]);
        Baton__Spec *spec = task_unpack(all[i], &core->scratch);
        edges_build(core, all[i], spec);
        arena_reset(&core->scratch);
    }
    order_all(core);
    for (uint32_t i = 0; i < n; i++) {
        struct task *task = all[i];
        if (task->state == READY) {
            queue_enter(core, task);
        }
        if (task->run) {
            worker_list_add(core, task);
            if (task->ext) {
                resource_take(core, task->ext->claims, task->ext->n_claims);
            }
        }
        timer_update(core, task);
    }
    if (n) {
        qsort(all, n, sizeof(struct task *), compare_ended);
    }
    for (uint32_t i = 0; i < n; i++) {
        ended_list_update(core, all[i]);
    }
    free(all);
}

bool
core_replay(struct core *core, uint64_t seq, uint32_t n, const uint8_t *facts, size_t bytes,
            struct core_out *out)
{
    core_link(core);
    struct arena arena;
    arena_init(&arena);
    size_t pos = 0;
    bool ok = true;
    for (uint32_t i = 0; i < n && ok; i++) {
        uint64_t length;
        ok = varint_read(facts, bytes, &pos, &length) && length <= bytes - pos;
        if (!ok) {
            break;
        }
        if (seq + i > core->seq) {
            Baton__Fact *fact = baton__fact__unpack(&arena.pb, length, facts + pos);
            ok = fact && fact->what_case != BATON__FACT__WHAT__NOT_SET;
            if (ok && i == 0) {
                core->seq = seq - 1; /* a gap that the store vouches for: core_skip_to */
            }
            if (ok) {
                evolve(core, fact, seq + i, out);
            }
            arena_reset(&arena);
        }
        pos += length;
    }
    while (core->n_settle > 0) {
        /* What follows from these facts is in the journal too. */
        task_at(core, core->settle[--core->n_settle])->settling = false;
    }
    arena_fini(&arena);
    return ok && pos == bytes;
}

void
core_skip_to(struct core *core, uint64_t seq)
{
    core_link(core);
    CHECK(seq > core->seq);
    core->seq = seq - 1;
}

void
core_release_all(struct core *core, struct core_request *request, const char *why)
{
    for (uint32_t w = 1; w < core->n_workers; w++) {
        while (core->workers[w]->first) {
            lease_end(core, request, task_at(core, core->workers[w]->first),
                      BATON__OUTCOME__OUTCOME_RELEASED, why);
        }
    }
}

void
core_begin_epoch(struct core *core, struct core_request *request, uint64_t epoch,
                 const char *software)
{
    core_link(core);
    CHECK(epoch > core->epoch);
    Baton__EpochBegan began = BATON__EPOCH_BEGAN__INIT;
    began.epoch = epoch;
    began.software = text(software);
    Baton__Fact fact = BATON__FACT__INIT;
    fact.what_case = BATON__FACT__WHAT_EPOCH_BEGAN;
    fact.epoch_began = &began;
    emit(core, request, &fact);
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
    for (uint32_t i = 0; i < core->n_tombstones; i++) {
        buf_clear(&chunk);
        chunk_add_tombstone(&chunk, &core->tombstones[i]);
        XXH3_64bits_update(state, chunk.data, chunk.bytes);
    }
    for (uint32_t slot = core->first; slot; slot = task_at(core, slot)->next) {
        const struct task *task = task_at(core, slot);
        buf_clear(&chunk);
        chunk_add_task(core, &chunk, task);
        /* Derived, yet part of what the task will do next: a difference here is a difference of
         * behaviour. */
        buf_printf(&chunk, "%lld %lld %u %u %u %u %u",
                   (long long)(task_is_live(task) ? task->effective : 0),
                   (long long)(task_is_live(task) ? task->order_at : 0), task->n_pending,
                   task->n_broken, task->n_abort, task->n_forward, task->n_live_outs);
        XXH3_64bits_update(state, chunk.data, chunk.bytes);
    }
    uint64_t digest = XXH3_64bits_digest(state);
    XXH3_freeState(state);
    buf_fini(&chunk);
    return digest;
}
