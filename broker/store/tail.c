/* The follower of the journal: tail.h on its thread, and what the storage thread does for it. */
#include "broker/store/private.h"

#include "common/alloc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Rows are cut behind a follower that catches up, but not with every step of it. */
enum { CUT_EVERY_FACTS = 20 * 1000 };

static void
tell(const struct store *store)
{
    ssize_t written = write(store->tail.fd, &(uint64_t){1}, sizeof(uint64_t));
    (void)written; /* it can only fail when it is readable already */
}

void
tail_page_fini(struct tail_page *page)
{
    for (size_t i = 0; i < page->n; i++) {
        free(page->rows[i].data);
    }
    free(page->rows);
    *page = (struct tail_page){0};
}

static void
page_add(struct tail_page *page, struct tail_row row)
{
    if (!(page->n & (page->n - 1))) {
        size_t room = page->n ? 2 * page->n : 1;
        page->rows = xreallocarray(page->rows, room, sizeof(*page->rows));
    }
    page->rows[page->n++] = row;
    page->bytes += row.bytes;
}

void
tail_begin(struct store *store, uint64_t bytes_max)
{
    CHECK(!store->started && !store->tail.is_on);
    struct tail *tail = &store->tail;
    tail->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    CHECK(tail->fd >= 0);
    tail->is_on = true;
    tail->bytes_max = bytes_max;
    tail->newest = store->seq_written;
    tail->recount = true;
    tail->ring_tail = &tail->ring;
}

void
tail_set_bytes_max(struct store *store, uint64_t bytes_max)
{
    pthread_mutex_lock(&store->mutex);
    store->tail.bytes_max = bytes_max;
    pthread_mutex_unlock(&store->mutex);
}

/* ---- the ring; with the mutex held ---- */

static struct tail_row
ring_pop(struct tail *tail)
{
    struct tail_node *node = tail->ring;
    struct tail_row row = node->row;
    tail->ring = node->next;
    if (!tail->ring) {
        tail->ring_tail = &tail->ring;
    }
    tail->ring_bytes -= row.bytes;
    free(node);
    return row;
}

void
tail_keep(struct store *store, struct entry *entries)
{
    struct tail *tail = &store->tail;
    for (struct entry *entry = entries; tail->is_on && entry; entry = entry->next) {
        struct store_batch *batch = &entry->batch;
        if (batch->n_facts == 0) {
            continue;
        }
        struct tail_node *node = xcalloc(1, sizeof(*node));
        node->row = (struct tail_row){.seq = batch->seq,
                                      .n = batch->n_facts,
                                      .data = batch->facts,
                                      .bytes = batch->facts_bytes};
        batch->facts = NULL;
        *tail->ring_tail = node;
        tail->ring_tail = &node->next;
        tail->ring_bytes += node->row.bytes;
        tail->behind_bytes += node->row.bytes;
        tail->newest = node->row.seq + node->row.n - 1;
        while (tail->ring_bytes > TAIL_RING_BYTES) {
            free(ring_pop(tail).data);
        }
    }
    if (tail->is_waiting) {
        tail->is_waiting = false;
        tell(store);
    }
}

/* True when the ring has what comes behind `after`. */
static bool
ring_take(struct tail *tail, uint64_t after, struct tail_page *page)
{
    while (tail->ring && tail->ring->row.seq + tail->ring->row.n - 1 <= after) {
        free(ring_pop(tail).data);
    }
    if (!tail->ring || tail->ring->row.seq > after + 1) {
        return false;
    }
    while (tail->ring && page->bytes < TAIL_PAGE_BYTES) {
        page_add(page, ring_pop(tail));
    }
    return true;
}

/* ---- the follower's side ---- */

int
tail_fd(const struct store *store)
{
    return store->tail.fd;
}

uint64_t
tail_newest(struct store *store)
{
    pthread_mutex_lock(&store->mutex);
    uint64_t newest = store->tail.newest;
    pthread_mutex_unlock(&store->mutex);
    return newest;
}

uint64_t
tail_position(struct store *store)
{
    pthread_mutex_lock(&store->mutex);
    uint64_t position = store->tail.position;
    pthread_mutex_unlock(&store->mutex);
    return position;
}

bool
tail_is_cut(struct store *store)
{
    pthread_mutex_lock(&store->mutex);
    bool is_cut = store->tail.is_cut;
    pthread_mutex_unlock(&store->mutex);
    return is_cut;
}

void
tail_seek(struct store *store, uint64_t position)
{
    pthread_mutex_lock(&store->mutex);
    if (store->tail.position != position) {
        store->tail.position = position;
        store->tail.recount = true;
    }
    pthread_mutex_unlock(&store->mutex);
}

void
tail_release(struct store *store, uint64_t position, size_t bytes)
{
    pthread_mutex_lock(&store->mutex);
    store->tail.position = position;
    store->tail.behind_bytes -= MIN(store->tail.behind_bytes, bytes);
    pthread_mutex_unlock(&store->mutex);
}

static bool
is_same(const struct tail_question *a, const struct tail_question *b)
{
    return a->kind == b->kind && a->a == b->a && a->b == b->b;
}

/* Its answer, if it is there; else the storage thread is asked. With the mutex held. */
static enum tail_status
ask(struct store *store, struct tail_question question, struct tail_page *ret_page)
{
    struct tail *tail = &store->tail;
    if (store->status != STORE_OK) {
        return TAIL_FAILED;
    }
    if (is_same(&tail->answered, &question)) {
        *ret_page = tail->page;
        tail->page = (struct tail_page){0};
        tail->answered.kind = TAIL_IS_QUIET;
        return tail->status;
    }
    tail->question = question;
    return TAIL_LATER;
}

static enum tail_status
unlock(struct store *store, enum tail_status status)
{
    if (status == TAIL_LATER) {
        thread_wake_unlock(store);
    } else {
        pthread_mutex_unlock(&store->mutex);
    }
    return status;
}

enum tail_status
tail_facts(struct store *store, uint64_t after, struct tail_page *ret_page)
{
    *ret_page = (struct tail_page){0};
    struct tail *tail = &store->tail;
    enum tail_status status = TAIL_PAGE;
    pthread_mutex_lock(&store->mutex);
    if (!ring_take(tail, after, ret_page)) {
        if (after == tail->newest) {
            tail->is_waiting = true;
            status = store->status == STORE_OK ? TAIL_NOTHING : TAIL_FAILED;
        } else {
            status = ask(store, (struct tail_question){.kind = TAIL_FACTS, .a = after}, ret_page);
        }
    }
    return unlock(store, status);
}

static enum tail_status
ask_locked(struct store *store, struct tail_question question, struct tail_page *ret_page)
{
    *ret_page = (struct tail_page){0};
    pthread_mutex_lock(&store->mutex);
    enum tail_status status = ask(store, question, ret_page);
    return unlock(store, status);
}

enum tail_status
tail_chunks(struct store *store, uint64_t generation, uint64_t from, struct tail_page *ret_page)
{
    return ask_locked(
        store, (struct tail_question){.kind = TAIL_CHUNKS, .a = generation, .b = from}, ret_page);
}

enum tail_status
tail_records(struct store *store, enum store_archive archive, uint64_t after,
             struct tail_page *ret_page)
{
    struct tail_question question = {.kind = archive == STORE_CARDS ? TAIL_CARDS : TAIL_RECORDS,
                                     .a = after};
    return ask_locked(store, question, ret_page);
}

/* ---- the storage thread's side ---- */

bool
tail_is_asking(const struct store *store)
{
    return store->tail.question.kind != TAIL_IS_QUIET;
}

uint64_t
tail_cut_max(struct store *store)
{
    pthread_mutex_lock(&store->mutex);
    bool all = !store->tail.is_on || store->tail.is_cut;
    uint64_t max = all ? UINT64_MAX >> 2 : store->tail.position;
    pthread_mutex_unlock(&store->mutex);
    return max;
}

/* The row is not the one behind `after`. What may be between is what a restore left out. */
static int
judge_gap(struct store *store, uint64_t after, uint64_t seq, struct tail_page *page,
          enum tail_status *ret_status)
{
    *ret_status = TAIL_GONE;
    sqlite3_stmt *jump = store->statements[SQL_TAIL_JUMP];
    int rc = sqlite3_bind_int64(jump, 1, (int64_t)after);
    rc = rc ? rc : sqlite3_step(jump);
    if (rc == SQLITE_ROW) {
        uint64_t to = (uint64_t)sqlite3_column_int64(jump, 0);
        uint64_t from = (uint64_t)sqlite3_column_int64(jump, 1);
        if (from == after && to == seq) {
            *ret_status = TAIL_PAGE;
        } else if (from < after) {
            page->lost_after = from;
            page->lost_before = to;
        }
        rc = SQLITE_OK;
    } else if (rc == SQLITE_DONE) {
        /* A restored copy that has written nothing yet. */
        if (after > store->seq_written) {
            page->lost_after = store->seq_written;
            page->lost_before = INT64_MAX;
        }
        rc = SQLITE_OK;
    }
    sqlite3_reset(jump);
    return rc;
}

static bool
journal_row_is_whole(sqlite3_stmt *row)
{
    uint64_t seq = (uint64_t)sqlite3_column_int64(row, 0);
    const uint8_t *facts = sqlite3_column_blob(row, 4);
    size_t bytes = (size_t)sqlite3_column_bytes(row, 4);
    return crc_journal(seq, (uint32_t)sqlite3_column_int64(row, 1),
                       (uint64_t)sqlite3_column_int64(row, 2), facts,
                       bytes) == (uint64_t)sqlite3_column_int64(row, 3);
}

static int
read_facts(struct store *store, uint64_t after, struct tail_page *page,
           enum tail_status *ret_status)
{
    sqlite3_stmt *rows = store->statements[SQL_TAIL_FACTS];
    int rc = sqlite3_bind_int64(rows, 1, (int64_t)after + 1);
    while (!rc && page->bytes < TAIL_READ_BYTES && (rc = sqlite3_step(rows)) == SQLITE_ROW) {
        rc = SQLITE_OK;
        struct tail_row row = {.seq = (uint64_t)sqlite3_column_int64(rows, 0),
                               .n = (uint32_t)sqlite3_column_int64(rows, 1),
                               .bytes = (size_t)sqlite3_column_bytes(rows, 4)};
        if (row.seq + row.n - 1 <= after) {
            continue;
        }
        if (row.seq > after + 1) {
            rc = judge_gap(store, after, row.seq, page, ret_status);
            if (rc || *ret_status != TAIL_PAGE) {
                break;
            }
        }
        if (!journal_row_is_whole(rows)) {
            rc = SQLITE_CORRUPT;
            break;
        }
        row.data = xmemdup(sqlite3_column_blob(rows, 4), row.bytes);
        page_add(page, row);
        after = row.seq + row.n - 1;
    }
    sqlite3_reset(rows);
    rc = rc == SQLITE_DONE ? SQLITE_OK : rc;
    if (!rc && page->n == 0 && *ret_status == TAIL_PAGE) {
        rc = judge_gap(store, after, 0, page, ret_status);
    }
    return rc;
}

/* Rows of (id, crc, data) with a checksum of `table`. */
static int
read_keyed(sqlite3_stmt *rows, char table, struct tail_page *page)
{
    int rc = SQLITE_OK;
    while (!rc && page->bytes < TAIL_READ_BYTES && (rc = sqlite3_step(rows)) == SQLITE_ROW) {
        uint64_t id = (uint64_t)sqlite3_column_int64(rows, 0);
        const uint8_t *data = sqlite3_column_blob(rows, 2);
        size_t bytes = (size_t)sqlite3_column_bytes(rows, 2);
        bool whole = crc_keyed(table, id, data, bytes) == (uint64_t)sqlite3_column_int64(rows, 1);
        rc = whole ? SQLITE_OK : SQLITE_CORRUPT;
        if (whole) {
            page_add(page,
                     (struct tail_row){.seq = id, .data = xmemdup(data, bytes), .bytes = bytes});
        }
    }
    sqlite3_reset(rows);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int
read_chunks(struct store *store, const struct tail_question *question, struct tail_page *page,
            enum tail_status *ret_status)
{
    uint64_t generation = store->snapshot_gen;
    if (question->a && question->a != generation) {
        *ret_status = TAIL_GONE;
        return SQLITE_OK;
    }
    page->generation = generation;
    page->seq = store->snapshot_seq;
    page->n_chunks = store->snapshot_chunks;
    if (!question->a) {
        pthread_mutex_lock(&store->mutex);
        store->tail.position = store->snapshot_seq;
        store->tail.behind_bytes = store->journal_bytes;
        store->tail.recount = false;
        store->tail.is_cut = false;
        pthread_mutex_unlock(&store->mutex);
    }
    sqlite3_stmt *rows = store->statements[SQL_TAIL_CHUNKS];
    int rc = sqlite3_bind_int64(rows, 1, (int64_t)(generation << 32 | question->b));
    rc = rc ? rc : sqlite3_bind_int64(rows, 2, (int64_t)((generation + 1) << 32));
    rc = rc || generation == 0 ? rc : read_keyed(rows, 's', page);
    for (size_t i = 0; i < page->n; i++) {
        page->rows[i].seq &= UINT32_MAX;
    }
    return rc;
}

static int
read_records(struct store *store, enum store_archive archive, uint64_t after,
             struct tail_page *page, enum tail_status *ret_status)
{
    struct archive_query query = {.archive = archive,
                                  .from = after + 1,
                                  .to = INT64_MAX,
                                  .limit = SIZE_MAX,
                                  .bytes_max = TAIL_READ_BYTES};
    struct archive_list list;
    int rc = archive_scan(store, &query, &list);
    for (size_t i = 0; !rc && i < list.n; i++) {
        struct store_record *record = &list.records[i];
        page_add(page, (struct tail_row){
                           .seq = record->key, .data = record->data, .bytes = record->bytes});
        record->data = NULL;
    }
    archive_list_fini(&list);
    *ret_status = page->n ? TAIL_PAGE : TAIL_NOTHING;
    return rc;
}

static void
answer(struct store *store, const struct tail_question *question)
{
    struct tail_page page = {0};
    enum tail_status status = TAIL_PAGE;
    int rc = SQLITE_OK;
    switch (question->kind) {
    case TAIL_FACTS:
        rc = read_facts(store, question->a, &page, &status);
        break;
    case TAIL_CHUNKS:
        rc = read_chunks(store, question, &page, &status);
        break;
    case TAIL_RECORDS:
        rc = read_records(store, STORE_TASKS, question->a, &page, &status);
        break;
    case TAIL_CARDS:
        rc = read_records(store, STORE_CARDS, question->a, &page, &status);
        break;
    case TAIL_IS_QUIET:
        break;
    }
    if (rc) {
        /* The queue itself does without these rows: damage here is told, and stops nothing. */
        tail_page_fini(&page);
        status = TAIL_FAILED;
    }
    pthread_mutex_lock(&store->mutex);
    tail_page_fini(&store->tail.page);
    store->tail.page = page;
    store->tail.status = status;
    store->tail.answered = *question;
    if (is_same(&store->tail.question, question)) {
        store->tail.question.kind = TAIL_IS_QUIET;
    }
    pthread_mutex_unlock(&store->mutex);
    tell(store);
}

/* Counts the bytes behind the follower when it was set to another position. */
static void
recount(struct store *store, uint64_t position)
{
    sqlite3_stmt *sum = store->statements[SQL_JOURNAL_BYTES];
    uint64_t bytes = 0;
    if (sqlite3_bind_int64(sum, 1, (int64_t)position) == SQLITE_OK &&
        sqlite3_step(sum) == SQLITE_ROW) {
        bytes = (uint64_t)sqlite3_column_int64(sum, 0);
    }
    sqlite3_reset(sum);
    pthread_mutex_lock(&store->mutex);
    store->tail.behind_bytes = bytes;
    store->tail.recount = false;
    pthread_mutex_unlock(&store->mutex);
}

void
tail_step(struct store *store)
{
    struct tail *tail = &store->tail;
    if (!tail->is_on) {
        return;
    }
    pthread_mutex_lock(&store->mutex);
    struct tail_question question = tail->question;
    uint64_t position = tail->position;
    bool counts = tail->recount;
    bool too_much = tail->behind_bytes > tail->bytes_max || store->stats.low;
    bool behind = position < store->snapshot_seq;
    tail->is_cut = behind && (tail->is_cut || (too_much && !counts));
    bool cuts = tail->is_cut;
    bool failed = store->status != STORE_OK;
    pthread_mutex_unlock(&store->mutex);
    if (failed) {
        tell(store);
        return;
    }
    if (counts) {
        recount(store, position);
    }
    uint64_t cut_max = cuts ? store->snapshot_seq : MIN(position, store->snapshot_seq);
    bool steps = cut_max == store->snapshot_seq || cut_max > tail->trimmed_at + CUT_EVERY_FACTS;
    if (cut_max > tail->trimmed_at && steps) {
        tail->trimmed_at = cut_max;
        store->trim_is_due = true;
    }
    if (question.kind != TAIL_IS_QUIET) {
        answer(store, &question);
    }
}

void
tail_fini(struct store *store)
{
    struct tail *tail = &store->tail;
    while (tail->is_on && tail->ring) {
        free(ring_pop(tail).data);
    }
    tail_page_fini(&tail->page);
    if (tail->is_on) {
        close(tail->fd);
    }
}
