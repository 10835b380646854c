/* The world around the core: time, workers, and a store that may lose what is not durable yet. */
#include "sim.h"

#include "common/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const sim_projects[M_PROJECTS] = {"default", "alpha", "beta/x"};
const char *const sim_resources[M_RESOURCES] = {
    "db",     "path:src/api", "port:8080", "path:src", "gpu",          "path:src/api/users.c",
    "deploy", "path:docs",    "repo/main", "path:**",  "path:src/apis"};
const char *const sim_workers[M_WORKERS] = {"w0", "w1", "w2@host", "w3"};
const char *const sim_actors[M_ACTORS] = {"ann@desk",    "eve (at night)", "-bot",
                                          "schedule:s0", "schedule:s1",    "schedule:s2"};

/* ---- names ---- */

static void
make_names(struct world *w)
{
    char text[64];
    for (int i = 0; i < NAMES_MADE; i++) {
        bool odd = i < NAMES_USER && i % 16 == 7;
        snprintf(text, sizeof text, "%c%d%s", i >= NAMES_USER ? 't' : 'n',
                 i >= NAMES_USER ? i - NAMES_USER : i, odd ? "/\xc3\xa9:x" : "");
        w->names[i] = xstrdup(text);
    }
    for (int g = 0; g < M_GATES; g++) {
        snprintf(text, sizeof text, "%s:gate-%d", g < M_SIGNALS ? "signal" : "decision", g);
        w->names[M_GATE_FIRST + g] = xstrdup(text);
    }
    w->n_names = NAMES_MADE;
}

int
world_name(struct world *w, const char *id)
{
    char *end;
    long number = id[0] == 'n' || id[0] == 't' ? strtol(id + 1, &end, 10) : -1;
    if (id[0] == 't') {
        number += NAMES_USER;
    }
    if (number >= 0 && number < NAMES_MADE && strcmp(w->names[number], id) == 0) {
        return (int)number;
    }
    for (int i = NAMES_MADE; i < w->n_names; i++) {
        if (strcmp(w->names[i], id) == 0) {
            return i;
        }
    }
    if (w->n_names == M_GATE_FIRST) {
        return -1;
    }
    w->names[w->n_names] = xstrdup(id);
    return w->n_names++;
}

int
world_project(const char *name)
{
    for (int i = 0; i < M_PROJECTS; i++) {
        if (strcmp(sim_projects[i], name) == 0) {
            return i;
        }
    }
    return -1;
}

int
world_slot(struct world *w, const char *project, const char *id)
{
    int p = world_project(project);
    int name = world_name(w, id);
    if (p < 0 || name < 0) {
        sim_fail(w, "the core names a task that nobody added: %s in %s", id, project);
    }
    return model_find(w->m, p, name);
}

/* ---- life ---- */

static void
make_config(struct world *w)
{
    struct core_config *c = &w->config;
    *c = (struct core_config){.lease_ms = 300000,
                              .start_ms = 30000,
                              .suspect_ms = 60000,
                              .restart_grace_ms = 90000,
                              .cancel_grace_ms = 60000,
                              .stall_ms = 1200000,
                              .linger_ms = 120000,
                              .backoff_ms = 30000,
                              .backoff_cap_ms = 1800000,
                              .max_attempts = 3,
                              .crash_limit = 3,
                              .hot_ended_max = 100000,
                              .hot_ended_ms = INT64_C(7) * 86400000,
                              .hot_cards_max = 20000,
                              .answers_ms = INT64_C(7) * 86400000,
                              .answers_max = 262144,
                              .tasks_max = 1000000,
                              .hash_seed = w->seed * 77 + 1};
    if (pick(w, 2)) {
        c->hot_ended_max = 1 + (uint32_t)pick(w, 60);
    }
    if (pick(w, 2)) {
        c->hot_cards_max = 1 + (uint32_t)pick(w, 60);
    }
    if (pick(w, 4) == 0) {
        c->hot_ended_ms = 1000 + (int64_t)pick(w, 3600000);
    }
    if (pick(w, 8) == 0) { /* two timers of one task fall together, or nearly */
        c->stall_ms = c->lease_ms - 2 + (int64_t)pick(w, 4);
    }
    if (pick(w, 3) == 0) {
        c->lease_ms = 1000 + (int64_t)pick(w, 600000);
        c->suspect_ms = 1000 + (int64_t)pick(w, 120000);
        c->max_attempts = 1 + (uint32_t)pick(w, 5);
        c->crash_limit = 1 + (uint32_t)pick(w, 4);
        c->linger_ms = 1000 + (int64_t)pick(w, 300000);
    }
}

struct world *
world_new(uint64_t seed, bool trace)
{
    struct world *w = xcalloc(1, sizeof *w);
    w->seed = seed;
    w->trace = trace;
    w->rng.state = seed * UINT64_C(0x9e3779b97f4a7c15) + 12345;
    w->rates = (struct rates){0};
    w->m = xcalloc(1, sizeof *w->m);
    arena_init(&w->arena);
    make_names(w);
    generate_rates(w);
    make_config(w);
    model_init(w->m, &w->config);
    w->m->now = INT64_C(1760000000000) + (int64_t)pick(w, 1000000);
    w->core = core_new(&w->config);
    return w;
}

static void batch_fini(struct batch *batch);
static void drop_marks(struct world *w, int from);

void
world_reset(struct world *w, const struct core_config *config)
{
    core_free(w->core);
    core_out_clear(&w->out);
    core_out_clear(&w->kept);
    for (size_t i = 0; i < w->n_batches; i++) {
        batch_fini(&w->batches[i]);
    }
    w->n_batches = 0;
    drop_marks(w, 0);
    arena_reset(&w->arena);
    w->config = *config;
    model_init(w->m, &w->config);
    w->m->now = INT64_C(1760000000000);
    w->late = w->ticked = w->skipped = false;
    w->n_facts = w->n_events = 0;
    w->core = core_new(&w->config);
}

static void
batch_fini(struct batch *batch)
{
    free(batch->facts);
    free(batch->chunk);
}

static void
drop_marks(struct world *w, int from)
{
    while (w->n_marks > from) {
        free(w->marks[--w->n_marks].copy);
    }
}

void
world_free(struct world *w)
{
    core_free(w->core);
    core_out_fini(&w->out);
    arena_fini(&w->arena);
    for (size_t i = 0; i < w->n_batches; i++) {
        batch_fini(&w->batches[i]);
    }
    batch_fini(&w->pending);
    drop_marks(w, 0);
    for (int i = 0; i < w->n_names; i++) {
        free(w->names[i]);
    }
    for (int i = M_GATE_FIRST; i < M_NAMES_MAX; i++) {
        free(w->names[i]);
    }
    free(w->batches);
    buf_fini(&w->event);
    core_out_fini(&w->kept);
    free(w->event_hash);
    free(w->log);
    free(w->m);
    free(w);
}

struct core_request *
world_request(struct world *w, const char *actor)
{
    w->request = (struct core_request){.now = w->m->now,
                                       .seed = rng_next(&w->rng),
                                       .actor = actor,
                                       .arena = &w->arena,
                                       .out = &w->out};
    baton__error__init(&w->request.error);
    return &w->request;
}

uint32_t
world_worker(struct world *w, int worker)
{
    uint32_t number = core_worker(w->core, world_request(w, "front"), sim_workers[worker]);
    if (number == 0) {
        sim_fail(w, "worker %s was not taken", sim_workers[worker]);
    }
    return number;
}

/* ---- time ---- */

void
world_advance(struct world *w, int64_t ms)
{
    w->m->now += ms;
    w->late |= ms > 0;
}

void
world_tick(struct world *w)
{
    for (int i = 0; i < 10000; i++) {
        uint64_t before = core_seq(w->core);
        int64_t at = core_next_at(w->core);
        core_tick(w->core, world_request(w, ""));
        if (at > w->m->now && core_seq(w->core) != before) {
            sim_fail(w, "core_next_at said %+lld ms from now, yet the tick found something due",
                     (long long)(at - w->m->now));
        }
        if (core_next_at(w->core) > w->m->now) {
            return;
        }
    }
    sim_fail(w, "ticks do not come to an end: core_next_at stays %lld ms in the past",
             (long long)(w->m->now - core_next_at(w->core)));
}

/* ---- the store ---- */

void
world_commit(struct world *w)
{
    struct batch *batch = &w->pending;
    batch->seq = w->out.first_seq;
    batch->n = w->out.n_facts;
    batch->bytes = w->out.facts.bytes;
    batch->facts = xmemdup(w->out.facts.data ? w->out.facts.data : (const uint8_t *)"",
                           batch->bytes);
    if (batch->n == 0 && !batch->chunk && !batch->snapshot_begin && !batch->snapshot_end) {
        batch_fini(batch);
    } else {
        if (w->n_batches == w->room_batches) {
            w->room_batches = w->room_batches ? w->room_batches * 2 : 256;
            w->batches = xreallocarray(w->batches, w->room_batches, sizeof w->batches[0]);
        }
        w->batches[w->n_batches++] = *batch;
    }
    w->pending = (struct batch){0};
    core_out_clear(&w->out);
}

void
world_mark(struct world *w)
{
    if (w->n_marks == MARKS_MAX) {
        return;
    }
    struct mark *mark = &w->marks[w->n_marks++];
    mark->n_batches = w->n_batches;
    mark->copy = xmalloc(sizeof *mark->copy);
    model_copy(mark->copy, w->m);
}

void
world_sync(struct world *w)
{
    drop_marks(w, 0);
}

void
world_snapshot(struct world *w, uint32_t max_tasks)
{
    if (!w->snapshot) {
        core_snapshot_begin(w->core);
        w->snapshot = true;
        w->pending.snapshot_begin = true;
        return;
    }
    struct buf chunk = {0};
    bool more = core_snapshot_step(w->core, max_tasks, &chunk);
    check_chunk(w, &chunk);
    w->pending.chunk = xmemdup(chunk.data ? chunk.data : (const uint8_t *)"", chunk.bytes);
    w->pending.chunk_bytes = chunk.bytes;
    buf_fini(&chunk);
    if (!more) {
        w->snapshot = false;
        w->pending.snapshot_end = true;
        w->pending.snapshot_seq = core_snapshot_seq(w->core);
    }
}

/* ---- crash and recovery ---- */

static bool
replay_batch(struct core *core, const struct batch *batch, struct core_out *out)
{
    return batch->n == 0 ||
           core_replay(core, batch->seq, batch->n, batch->facts, batch->bytes, out);
}

/* The last snapshot whose end is among the kept: index of its begin, or SIZE_MAX. */
static size_t
last_snapshot(const struct world *w, size_t kept, size_t *ret_end)
{
    size_t begin = SIZE_MAX;
    size_t found = SIZE_MAX;
    for (size_t i = 0; i < kept; i++) {
        if (w->batches[i].snapshot_begin) {
            begin = i;
        }
        if (w->batches[i].snapshot_end && begin != SIZE_MAX) {
            found = begin;
            *ret_end = i;
            begin = SIZE_MAX;
        }
    }
    return found;
}

/* By the snapshot in force, if any, and the rows behind it: those that overlap too. */
static struct core *
recover(struct world *w, size_t kept, bool from_snapshot, struct core_out *out)
{
    struct core *core = core_new(&w->config);
    size_t end = 0;
    size_t begin = from_snapshot ? last_snapshot(w, kept, &end) : SIZE_MAX;
    uint64_t after = 0;
    for (size_t i = begin; begin != SIZE_MAX && i <= end; i++) {
        const struct batch *batch = &w->batches[i];
        if (batch->chunk && !core_restore_chunk(core, batch->chunk, batch->chunk_bytes)) {
            sim_fail(w, "a chunk of its own snapshot can't be restored");
        }
        after = batch->snapshot_end ? batch->snapshot_seq : after;
    }
    for (size_t i = 0; i < kept; i++) {
        const struct batch *batch = &w->batches[i];
        if (batch->n && batch->seq + batch->n - 1 > after && !replay_batch(core, batch, out)) {
            sim_fail(w, "facts %llu to %llu can't be replayed", (unsigned long long)batch->seq,
                     (unsigned long long)(batch->seq + batch->n - 1));
        }
    }
    return core;
}

static void
compare_recoveries(struct world *w, struct core *core, size_t kept, bool nothing_lost,
                   uint64_t live_digest)
{
    char error[512] = "";
    uint64_t digest = core_digest(core);
    if (nothing_lost && digest != live_digest) {
        sim_fail(w,
                 "nothing was lost, but the recovered core differs from the one before the crash");
    }
    if (w->n_facts < 4000 || pick(w, 4) == 0) {
        struct core_out out = {0};
        struct core *other = recover(w, kept, false, &out);
        if (!core_recovered(other, error, sizeof error)) {
            sim_fail(w, "after a replay from empty: %s", error);
        }
        if (core_digest(other) != digest) {
            sim_fail(w, "snapshot and replay differ from a replay from empty");
        }
        check_replayed_events(w, other, &out);
        core_out_fini(&out);
        core_free(other);
    }
    if (core_seq(core) != w->m->seq || core_event(core) != w->m->event) {
        sim_fail(w, "recovered to fact %llu and event %llu instead of %llu and %llu",
                 (unsigned long long)core_seq(core), (unsigned long long)core_event(core),
                 (unsigned long long)w->m->seq, (unsigned long long)w->m->event);
    }
}

static void
begin_life(struct world *w)
{
    uint64_t epoch = w->m->epoch + 1;
    core_begin_epoch(w->core, world_request(w, ""), epoch, "sim");
    if (core_epoch(w->core) != epoch) {
        sim_fail(w, "epoch %llu instead of %llu", (unsigned long long)core_epoch(w->core),
                 (unsigned long long)epoch);
    }
    w->m->epoch = epoch;
    model_restarted(w->m);
}

void
world_crash(struct world *w)
{
    size_t kept = w->n_batches;
    int64_t now = w->m->now;
    uint64_t live_digest = 0;
    bool nothing_lost = w->n_marks == 0 || pick(w, 4) == 0;
    w->n_crashes++;
    if (nothing_lost) {
        live_digest = core_digest(w->core);
    } else {
        int keep = (int)pick(w, (uint64_t)w->n_marks);
        kept = w->marks[keep].n_batches;
        w->n_lost_batches += w->n_batches - kept;
        model_copy(w->m, w->marks[keep].copy);
        w->m->now = now;
        model_begin(w->m);
        w->late = w->skipped = true;
    }
    trace_line(w, "the last %zu of %zu batches are lost", w->n_batches - kept, w->n_batches);
    check_kept_events(w);
    if (!core_is_indexed(w->core)) {
        sim_fail(w, "before the crash: a task is not found by its key or its name");
    }
    core_free(w->core);
    w->core = NULL;
    struct core *core = recover(w, kept, true, NULL);
    w->core = core;
    char error[512] = "";
    if (!core_recovered(core, error, sizeof error)) {
        sim_fail(w, "after the crash: %s", error);
    }
    if (!core_is_indexed(core)) {
        sim_fail(w, "after the crash: a task is not found by its key or its name");
    }
    compare_recoveries(w, core, kept, nothing_lost, live_digest);
    while (w->n_batches > kept) {
        batch_fini(&w->batches[--w->n_batches]);
    }
    drop_marks(w, 0);
    w->snapshot = false;
    begin_life(w);
}
