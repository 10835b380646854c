/* The way back: chunks of a snapshot, then the facts behind it, give the state again. Tasks may
 * stand in the chunks in any order, so what needs two of them (edges, order, queues) is made when
 * all are there (core_link). What can be said of a record alone, piece.c has looked at. */
#include "broker/core/board/board.h"
#include "broker/core/piece.h"

#include "common/alloc.h"
#include "common/pack.h"
#include "common/unpack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *
copy_text(const char *s)
{
    return s[0] ? xstrdup(s) : NULL;
}

static bool
ext_needed(const Baton__TaskRecord *r, bool brief)
{
    return (!brief && (r->result || r->n_attempts)) || r->reason_text[0] || r->progress ||
           r->progress_text[0] || r->progress_at || r->next_update_at || r->n_orphans ||
           r->aborted_by || r->parent || r->n_children || r->n_descendants || r->cancel_grace_ms ||
           r->depth || r->risk_told || r->late_told || r->yields || r->n_taken || r->n_measures ||
           r->waits_for[0] || r->note[0] || r->rework || r->after_since || r->review_due ||
           r->state == BATON__TASK_STATE__STATE_REVIEW;
}

static void
ext_restore(struct core *core, struct task *task, const Baton__TaskRecord *r)
{
    struct task_ext *ext = task_ext(core, task);
    ext->reason_text = copy_text(r->reason_text);
    ext->progress = r->progress;
    ext->risk_told = r->risk_told;
    ext->late_told = r->late_told;
    ext->review_at = r->review_at;
    ext->review_due = r->review_due;
    ext->review_told = r->review_told;
    ext->escalated = r->escalated;
    ext->n_yields = r->yields;
    ext->progress_text = copy_text(r->progress_text);
    ext->progress_at = r->progress_at;
    ext->next_update_at = r->next_update_at;
    ext->aborted_by = r->aborted_by;
    ext->waits_for = copy_text(r->waits_for);
    ext->note = copy_text(r->note);
    ext->rework = (uint16_t)r->rework;
    ext->after_since = r->after_since;
    ext->parent = r->parent;
    ext->root = r->root;
    ext->depth = r->depth;
    ext->n_children = r->n_children;
    ext->n_descendants = r->n_descendants;
    ext->cancel_grace_ms = r->cancel_grace_ms;
    if (r->result && !task->brief) {
        size_t bytes;
        ext->result = pack_new(&core->packing, &r->result->base, &bytes);
        ext->result_bytes = (uint32_t)bytes;
    }
    (void)measures_restore(ext, r->measures, r->n_measures);
    struct buf wire = {0};
    for (size_t i = 0; i < r->n_taken; i++) {
        claim_add(core, task, r->taken[i])->taken = true;
    }
    size_t n_attempts = task->brief ? 0 : r->n_attempts;
    ext->attempts = xcalloc(n_attempts, sizeof *ext->attempts);
    for (size_t i = 0; i < n_attempts; i++) {
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
    if (!task->course->worker) {
        return false;
    }
    struct run *run = run_new(core);
    run->lease_ms = r->lease_ms;
    run->sessionless = r->sessionless;
    run->stalled = r->stalled;
    run->max_runtime_ms = spec->max_runtime_ms;
    run->stall_ms = spec->stall_ms ? spec->stall_ms : core->config.stall_ms;
    run->lease_until = core->now + r->lease_ms;
    run->start_until = run->sessionless ? NEVER : core->now + core->config.start_ms;
    run->stall_at = core->now + run->stall_ms;
    run->cancel_until = core->now + r->cancel_grace_ms + CANCEL_SLACK_MS;
    task_course(core, task)->run = run;
    return budget_holds_restore(core, run, r->holds, r->n_holds);
}

static void
course_restore(struct core *core, struct task *task, const Baton__TaskRecord *r)
{
    if (!r->attempt && !r->failures && !r->losses && !r->worker && !r->token && !r->started_at &&
        !r->ended_at) {
        return;
    }
    struct course *course = task_course(core, task);
    course->attempt = r->attempt;
    course->failures = (uint16_t)r->failures;
    course->losses = (uint16_t)r->losses;
    course->worker = r->worker ? index64_get(&core->workers_by_number, r->worker) : 0;
    course->token = r->token;
    course->started_at = r->started_at;
    course->ended_at = r->ended_at;
    if (course->token) {
        index64_put(&core->by_token, course->token, task->slot);
    }
}

enum { TOGETHER = 16 }; /* tasks whose places are fetched before the first of them is looked for */

/* What few tasks have. */
static bool
whole_restore(struct core *core, struct task *task, const Baton__TaskRecord *r,
              const Baton__Spec *spec)
{
    core->related = true;
    course_restore(core, task, r);
    task_wait_for(core, task, r->next_at);
    task->backoff = r->backoff;
    task->held = r->held;
    task->has_after = spec->n_after > 0;
    task_index_spec(core, task, spec);
    task->brief = attempts_are_brief(r);
    if (ext_needed(r, task->brief)) {
        ext_restore(core, task, r);
    }
    return (task->state == PARKED) == (r->waits_for[0] != 0) &&
           (!task_has_lease(task) || run_restore(core, task, r, spec));
}

static bool
task_restore(struct core *core, const struct piece_task *from, uint32_t project)
{
    if (from->key > core->seq || task_find_hashed(core, from->hash, project, from->id)) {
        return false;
    }
    struct task *task = task_new(core, project, from->hash);
    task_set_spec(core, task, from->id, from->spec, from->spec_bytes);
    task->key = from->key;
    task->state = from->state;
    task->reason = from->reason;
    task->created_at = from->created_at;
    task->anchor = from->anchor;
    task->ready_at = from->ready_at;
    task->actor = actor_take(core, from->actor);
    task->role = from->role;
    task->priority = from->priority;
    if (index64_put(&core->by_key, task->key, task->slot) ||
        (from->record && !whole_restore(core, task, from->record, from->description))) {
        return false;
    }
    core->unsorted |= core->last && task_at(core, core->last)->key > task->key;
    all_list_add(core, task);
    core->n_tasks++;
    core->projects[task->project]->counts[task->role].by_state[task->state]++;
    core->projects[task->project]->n_live += task_is_live(task);
    return true;
}

/* The places of some are fetched before the first of them is made: the index of names is as large
 * as a cache is not, and a look-up in it takes as long as making a task. */
static bool
tasks_restore(struct core *core, const struct core_piece *piece)
{
    uint32_t projects[TOGETHER];
    bool ok = true;
    for (size_t i = 0; ok && i < piece->n_tasks; i += TOGETHER) {
        const struct piece_task *tasks = piece->tasks + i;
        size_t some = MIN(piece->n_tasks - i, (size_t)TOGETHER);
        for (size_t k = 0; k < some; k++) {
            bool again = k > 0 && tasks[k].project == tasks[k - 1].project;
            projects[k] = again ? projects[k - 1] : project_make(core, tasks[k].project);
            slotset_fetch(&core->names, tasks[k].hash);
        }
        for (size_t k = 0; ok && k < some; k++) {
            ok = task_restore(core, &tasks[k], projects[k]);
        }
    }
    return ok;
}

static bool
workers_restore(struct core *core, const Baton__SnapshotChunk__Header *header)
{
    for (size_t i = 0; i < header->n_workers; i++) {
        if (header->workers[i]->number == 0) {
            return false;
        }
        worker_add(core, header->workers[i]->number, header->workers[i]->name);
    }
    return true;
}

static bool
pauses_restore(struct core *core, const Baton__SnapshotChunk__Header *header)
{
    struct pause **at = &core->pauses;
    for (size_t i = 0; i < header->n_pauses; i++) {
        const Baton__SnapshotChunk__PauseRecord *r = header->pauses[i];
        if (r->scope > BATON__PAUSE__SCOPE__SUBMITTER ||
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
    return true;
}

static void
fairness_restore(struct core *core, const Baton__SnapshotChunk__Header *header)
{
    for (size_t i = 0; i < header->n_fairness; i++) {
        struct fairness *fairness = xcalloc(1, sizeof *fairness);
        fairness->key = xstrdup(header->fairness[i]->key);
        fairness->virtual_time = header->fairness[i]->virtual_time;
        HASH_ADD_KEYPTR(by_key, core->fairness, fairness->key, strlen(fairness->key), fairness);
    }
}

/* What the archive has of each project, and which are closed. */
static bool
projects_restore(struct core *core, const Baton__SnapshotChunk__Header *header)
{
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
    for (size_t i = 0; i < header->n_closed; i++) {
        const Baton__SnapshotChunk__ClosedRecord *r = header->closed[i];
        uint32_t project = project_make(core, r->project); /* may move core->projects */
        project_close(core->projects[project], r->actor, r->text, r->since);
    }
    return true;
}

static void
lingers_restore(struct core *core, const Baton__SnapshotChunk__Header *header)
{
    struct linger **at = &core->lingers;
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
        *at = linger;
        at = &linger->next;
    }
}

static bool
header_restore(struct core *core, const Baton__SnapshotChunk__Header *header)
{
    core->seq = header->seq;
    core->event = header->event;
    core->epoch = header->epoch;
    core->now = header->at;
    if (header->at < 0 || header->at > TIME_MS_MAX || !workers_restore(core, header) ||
        !pauses_restore(core, header)) {
        return false;
    }
    for (size_t i = 0; i < header->n_resources; i++) {
        struct resource *resource = resource_make(core, header->resources[i]->name);
        resource->capacity = header->resources[i]->capacity;
        resource->set = true;
    }
    fairness_restore(core, header);
    if (!projects_restore(core, header) || !metrics_restore(core, header) ||
        !budgets_restore(core, header)) {
        return false;
    }
    lingers_restore(core, header);
    return true;
}

static bool
card_restore(struct core *core, const Baton__Card *r)
{
    if ((unsigned)r->kind >= CARD_KINDS_N || !card_kinds[r->kind] || !r->number ||
        r->number > core->seq || !r->project[0] || board_find(core, r->number) ||
        (r->role[0] && role_number(r->role) < 0) ||
        (r->kind == KIND(RESERVATION) && r->n_items > RESERVATION_CLAIMS_MAX)) {
        return false;
    }
    size_t bytes = baton__card__get_packed_size(r);
    uint8_t *packed = arena_alloc(&core->scratch, bytes + 1);
    baton__card__pack(r, packed);
    Baton__Card *message = baton__card__unpack(NULL, bytes, packed);
    if (message) {
        board_add(core, message);
    }
    return message != NULL;
}

bool
core_restore_piece(struct core *core, const struct core_piece *piece)
{
    const Baton__SnapshotChunk *chunk = piece->chunk;
    bool ok = (chunk->header != NULL) == (core->linked && core->seq == 0);
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
    for (size_t i = 0; ok && i < chunk->n_cards; i++) {
        ok = card_restore(core, chunk->cards[i]);
        arena_reset(&core->scratch);
    }
    for (size_t i = 0; ok && i < chunk->n_tombstones; i++) {
        const Baton__SnapshotChunk__Tombstone *t = chunk->tombstones[i];
        ok = state_is_terminal((unsigned)t->state) && (unsigned)t->state < STATES_N;
        tombstone_add(core, (struct identity){t->hash_hi, t->hash_lo}, t->key, t->state, 0);
    }
    return ok && tasks_restore(core, piece);
}

bool
core_restore_chunk(struct core *core, const uint8_t *data, size_t bytes)
{
    struct core_piece piece;
    piece_init(&piece, core->config.hash_seed);
    bool ok = core_piece_read_chunk(&piece, data, bytes) && core_restore_piece(core, &piece);
    piece_fini(&piece);
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
    return x->course->ended_at != y->course->ended_at
               ? (x->course->ended_at > y->course->ended_at) -
                     (x->course->ended_at < y->course->ended_at)
               : compare_keys(a, b);
}

/* Most often they stand so already. */
static void
sort_if_needed(struct task **tasks, uint32_t n, int (*compare)(const void *, const void *))
{
    for (uint32_t i = 1; i < n; i++) {
        if (compare(&tasks[i - 1], &tasks[i]) > 0) {
            qsort(tasks, n, sizeof(struct task *), compare);
            return;
        }
    }
}

/* Those that were set aside stand in an early chunk, and so in the list. */
static void
list_sort(struct core *core, struct task **room)
{
    uint32_t n = 0;
    for (uint32_t slot = core->first; slot; slot = room[n++]->next) {
        room[n] = task_at(core, slot);
    }
    qsort(room, n, sizeof(struct task *), compare_keys);
    core->first = core->last = 0;
    for (uint32_t i = 0; i < n; i++) {
        all_list_add(core, room[i]);
    }
    core->unsorted = false;
}

/* What is between the task and others. */
static void
relations_link(struct core *core, struct task *task)
{
    if (task->has_after) {
        task->has_after = false;
        edges_build(core, task, task_unpack(core, task, &core->scratch));
        arena_reset(&core->scratch);
    }
    if (task->state == PARKED) {
        char *waits_for = xstrdup(task->ext->waits_for);
        park_enter(core, task, waits_for);
        free(waits_for);
    }
    if (task_is_live(task)) {
        park_count_child(core, task, 1, NULL, 0);
    }
    if (task->course->run) {
        worker_list_add(core, task); /* budgets count what runs */
    }
}

/* Where it stands, once its order is known. */
static void
place_link(struct core *core, struct task *task, struct task **ended, uint32_t *n_ended)
{
    if (task->state == READY) {
        queue_enter(core, task);
    } else if (state_is_terminal(task->state)) {
        ended[(*n_ended)++] = task;
    }
    if (task->course->run && task->ext) {
        resource_take(core, task->ext->claims, task->ext->n_claims);
    }
    timer_update(core, task);
}

/* Edges need both ends, and those may stand in any chunks: so edges, counters, order and queues are
 * made when all are there. */
void
core_link(struct core *core)
{
    if (core->linked) {
        return;
    }
    core->linked = true;
    struct task **linked = xcalloc(core->n_tasks, sizeof(struct task *));
    struct task **ended = xcalloc(core->n_tasks, sizeof(struct task *));
    uint32_t n_linked = 0, n_ended = 0;
    if (core->unsorted) {
        list_sort(core, linked);
    }
    for (uint32_t slot = core->related ? core->first : 0; slot; slot = task_at(core, slot)->next) {
        relations_link(core, task_at(core, slot));
    }
    board_link(core);
    for (uint32_t slot = core->first; slot; slot = task_at(core, slot)->next) {
        struct task *task = task_at(core, slot);
        if (task->edges != &edges_none) {
            linked[n_linked++] = task;
            continue;
        }
        if (task_is_live(task)) {
            order_alone(core, task);
        }
        place_link(core, task, ended, &n_ended);
    }
    order_all(core, linked, n_linked);
    for (uint32_t i = 0; i < n_linked; i++) {
        place_link(core, linked[i], ended, &n_ended);
    }
    sort_if_needed(ended, n_ended, compare_ended);
    for (uint32_t i = 0; i < n_ended; i++) {
        ended_list_update(core, ended[i]);
    }
    free(linked);
    free(ended);
}

/* As tasks_restore does. */
static void
added_fetch(const struct core *core, const struct core_piece *piece, uint32_t first)
{
    for (uint32_t i = first; i < MIN(piece->n_facts, first + TOGETHER); i++) {
        if (piece->added[i].spec) {
            slotset_fetch(&core->names, piece->added[i].hash);
        }
    }
}

bool
core_replay_piece(struct core *core, uint64_t seq, const struct core_piece *piece,
                  struct core_out *out)
{
    core_link(core);
    bool ok = true;
    for (uint32_t i = 0; i < piece->n_facts && ok; i++) {
        const Baton__Fact *fact = piece->facts[i];
        if (i % TOGETHER == 0) {
            added_fetch(core, piece, i);
        }
        if (seq + i <= core->seq) {
            continue;
        }
        ok = fact->what_case != BATON__FACT__WHAT__NOT_SET;
        if (ok && i == 0) {
            core->seq = seq - 1; /* a gap that the store vouches for: core_skip_to */
        }
        if (ok) {
            core->adding = piece->added[i].spec ? &piece->added[i] : NULL;
            evolve(core, fact, seq + i, out);
            core->adding = NULL;
        }
    }
    while (core->n_settle > 0) {
        /* What follows from these facts is in the journal too. */
        task_at(core, core->settle[--core->n_settle])->settling = false;
    }
    return ok;
}

bool
core_replay(struct core *core, uint64_t seq, uint32_t n, const uint8_t *facts, size_t bytes,
            struct core_out *out)
{
    struct core_piece piece;
    piece_init(&piece, core->config.hash_seed);
    bool ok = core_piece_read_facts(&piece, n, facts, bytes) &&
              core_replay_piece(core, seq, &piece, out);
    piece_fini(&piece);
    return ok;
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
    began.software = (char *)(uintptr_t)software;
    Baton__Fact fact = BATON__FACT__INIT;
    fact.what_case = BATON__FACT__WHAT_EPOCH_BEGAN;
    fact.epoch_began = &began;
    emit(core, request, &fact);
}
