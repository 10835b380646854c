/* What has ended and left the memory: by key, and in order of keys. Cards have a row each; tasks
 * stand in runs (run.c), and had a row each in stores of format 3 and older, which are read and cut
 * as ever. On the storage thread. */
#include "broker/store/private.h"

#include "common/alloc.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- written ---- */

static int
card_write(struct store *store, const uint8_t *records, const struct store_put *put)
{
    sqlite3_stmt *write = store->statements[put->bytes ? SQL_CARD_PUT : SQL_CARD_DELETE];
    int rc = sqlite3_bind_int64(write, 1, (int64_t)put->key);
    if (put->bytes) {
        const uint8_t *record = records + put->at;
        uint64_t crc = crc_keyed('c', put->key, record, put->bytes);
        rc = rc ? rc : sqlite3_bind_int64(write, 2, (int64_t)crc);
        rc = rc ? rc : sqlite3_bind_blob64(write, 3, record, put->bytes, SQLITE_STATIC);
    }
    return rc ? rc : schema_run(write);
}

static int
compare_records(const void *a, const void *b)
{
    const struct record *x = a, *y = b;
    return (x->key > y->key) - (x->key < y->key);
}

static int
compare_cuts(const void *a, const void *b)
{
    const struct cut *x = a, *y = b;
    return (x->key > y->key) - (x->key < y->key);
}

/* What is not in a run may have a row of its own. */
static int
rows_cut(struct store *store, struct cut *cuts, size_t n)
{
    sqlite3_stmt *drop = store->statements[SQL_ARCHIVE_DELETE];
    int rc = SQLITE_OK;
    for (size_t i = 0; !rc && i < n; i++) {
        if (!cuts[i].is_done) {
            rc = sqlite3_bind_int64(drop, 1, (int64_t)cuts[i].key);
            rc = rc ? rc : schema_run(drop);
            cuts[i].is_done = !rc && sqlite3_changes(store->db) > 0;
        }
    }
    return rc;
}

static int
tasks_write(struct store *store, struct record *records, size_t n, struct cut *cuts, size_t n_cuts)
{
    qsort(records, n, sizeof *records, compare_records);
    qsort(cuts, n_cuts, sizeof *cuts, compare_cuts);
    int rc = runs_put(store, records, n);
    rc = rc ? rc : runs_cut(store, cuts, n_cuts);
    rc = rc ? rc : rows_cut(store, cuts, n_cuts);
    uint64_t archived = store->archived;
    store->archived += n;
    for (size_t i = 0; i < n_cuts; i++) {
        store->archived -= cuts[i].is_done;
    }
    return rc || archived == store->archived ? rc : meta_set(store, META_ARCHIVED, store->archived);
}

int
archive_write(struct store *store, const struct entry *entries)
{
    size_t n_puts = 0, n = 0, n_cuts = 0;
    for (const struct entry *entry = entries; entry; entry = entry->next) {
        n_puts += entry->batch.n_puts;
    }
    if (n_puts == 0) {
        return SQLITE_OK;
    }
    struct record *records = xreallocarray(NULL, n_puts, sizeof *records);
    struct cut *cuts = xreallocarray(NULL, n_puts, sizeof *cuts);
    int rc = SQLITE_OK;
    for (const struct entry *entry = entries; entry; entry = entry->next) {
        const struct store_batch *batch = &entry->batch;
        for (size_t i = 0; !rc && i < batch->n_puts; i++) {
            const struct store_put *put = &batch->puts[i];
            if (put->archive == STORE_CARDS) {
                rc = card_write(store, batch->records, put);
            } else if (put->bytes) {
                records[n++] = (struct record){
                    .key = put->key, .data = batch->records + put->at, .bytes = put->bytes};
            } else {
                cuts[n_cuts++] = (struct cut){.key = put->key};
            }
        }
    }
    rc = rc ? rc : tasks_write(store, records, n, cuts, n_cuts);
    free(records);
    free(cuts);
    return rc;
}

/* ---- read ---- */

struct source
source_open(const struct store *store, enum statement scan, uint64_t from, uint64_t to)
{
    struct source source = {.rows = store->statements[scan], .scan = scan};
    source.rc = sqlite3_bind_int64(source.rows, 1, (int64_t)from);
    source.rc = source.rc ? source.rc : sqlite3_bind_int64(source.rows, 2, (int64_t)to);
    source.rc = source.rc ? source.rc : sqlite3_step(source.rows);
    return source;
}

bool
source_run(const struct source *source, struct run *ret)
{
    sqlite3_stmt *row = source->rows;
    uint64_t first = (uint64_t)sqlite3_column_int64(row, 0);
    *ret = (struct run){.is_run = source->scan == SQL_RUN_SCAN,
                        .first = first,
                        .last = (uint64_t)sqlite3_column_int64(row, 1),
                        .key = first,
                        .data = sqlite3_column_blob(row, 3),
                        .bytes = (size_t)sqlite3_column_bytes(row, 3)};
    uint64_t crc = ret->is_run ? crc_run(first, ret->last, ret->data, ret->bytes)
                               : crc_keyed(source->scan == SQL_CARD_SCAN ? 'c' : 'a', first,
                                           ret->data, ret->bytes);
    return crc == (uint64_t)sqlite3_column_int64(row, 2);
}

/* In order of keys, which is nearly the order in which they come. */
static void
list_add(struct archive_list *list, const struct record *record)
{
    if (list->n == list->room) {
        list->room = list->room ? 2 * list->room : 1;
        list->records = xreallocarray(list->records, list->room, sizeof *list->records);
    }
    size_t at = list->n++;
    for (; at > 0 && list->records[at - 1].key > record->key; at--) {
        list->records[at] = list->records[at - 1];
    }
    list->records[at] = (struct store_record){
        .key = record->key, .data = xmemdup(record->data, record->bytes), .bytes = record->bytes};
    list->bytes += record->bytes;
}

/* How many of the first ones have keys below this one, and are asked for. Full: no more are. */
static size_t
list_n_below(const struct archive_list *list, uint64_t key, const struct archive_query *query,
             bool *ret_is_full)
{
    size_t n = 0, bytes = 0;
    while (n < list->n && n < query->limit && bytes < query->bytes_max &&
           list->records[n].key < key) {
        bytes += list->records[n++].bytes;
    }
    *ret_is_full = n == query->limit || bytes >= query->bytes_max;
    return n;
}

static void
list_cut(struct archive_list *list, size_t n)
{
    for (size_t i = n; i < list->n; i++) {
        free(list->records[i].data);
    }
    list->n = n;
}

void
archive_list_fini(struct archive_list *list)
{
    list_cut(list, 0);
    free(list->records);
    *list = (struct archive_list){0};
}

static int
take_run(const struct source *source, const struct archive_query *query, struct archive_list *list)
{
    struct run run;
    struct record record;
    bool is_whole = source_run(source, &run);
    while (is_whole && run_next(&run, &record)) {
        if (record.key >= query->from && record.key <= query->to) {
            list_add(list, &record);
        }
    }
    if (!is_whole || run.is_bad) {
        list->bad_first = run.first;
        list->bad_last = run.last;
        return SQLITE_CORRUPT;
    }
    return SQLITE_OK;
}

/* The one that stands at the lower row; NULL: both are at their end. */
static struct source *
source_lower(struct source *a, struct source *b)
{
    if (a->rc != SQLITE_ROW || b->rc != SQLITE_ROW) {
        return a->rc == SQLITE_ROW ? a : b->rc == SQLITE_ROW ? b : NULL;
    }
    return sqlite3_column_int64(a->rows, 0) < sqlite3_column_int64(b->rows, 0) ? a : b;
}

/* Rows come in order of their first keys, so all records with keys below that of the row that is
 * next have been seen by then. */
int
archive_scan(const struct store *store, const struct archive_query *query,
             struct archive_list *list)
{
    *list = (struct archive_list){0};
    if (query->from > query->to || query->limit == 0) {
        return SQLITE_OK;
    }
    bool is_cards = query->archive == STORE_CARDS;
    struct source rows = source_open(store, is_cards ? SQL_CARD_SCAN : SQL_ARCHIVE_SCAN,
                                     query->from, query->to);
    struct source runs = {.rc = SQLITE_DONE};
    if (!is_cards) {
        runs = source_open(store, SQL_RUN_SCAN, query->from, query->to);
    }
    int rc = SQLITE_OK;
    bool is_full = false;
    size_t n = 0;
    for (struct source *s; !rc && (s = source_lower(&rows, &runs));) {
        if (list->n >= query->limit || list->bytes >= query->bytes_max) {
            uint64_t first = (uint64_t)sqlite3_column_int64(s->rows, 0);
            n = list_n_below(list, first, query, &is_full);
        }
        if (is_full) {
            break;
        }
        rc = take_run(s, query, list);
        s->rc = rc ? s->rc : sqlite3_step(s->rows);
    }
    n = is_full ? n : list_n_below(list, UINT64_MAX, query, &is_full);
    list->has_more = n < list->n || rows.rc == SQLITE_ROW || runs.rc == SQLITE_ROW;
    list_cut(list, n);
    sqlite3_reset(rows.rows);
    sqlite3_reset(runs.rows);
    rc = rc || rows.rc == SQLITE_ROW || rows.rc == SQLITE_DONE ? rc : rows.rc;
    return rc || runs.rc == SQLITE_ROW || runs.rc == SQLITE_DONE ? rc : runs.rc;
}

void
archive_answer(const struct store *store, const struct question *question,
               struct store_answer *answer)
{
    bool one = question->kind == STORE_ANSWER_RECORD;
    struct archive_query query = {.archive = question->archive,
                                  .from = one ? question->key : question->key + 1,
                                  .to = one ? question->key : INT64_MAX,
                                  .limit = one ? 1 : question->limit,
                                  .bytes_max = SCAN_BYTES_MAX};
    struct archive_list list = {0};
    int rc = question->key > INT64_MAX ? SQLITE_OK : archive_scan(store, &query, &list);
    if (!rc) {
        answer->records = list.records;
        answer->n_records = list.n;
        answer->has_more = list.has_more;
        return;
    }
    if (list.bad_last && list.bad_first != list.bad_last) {
        answer->status = status_corrupt(store->path, answer->error, sizeof(answer->error),
                                        "archived records %" PRIu64 " to %" PRIu64
                                        " do not match their checksum",
                                        list.bad_first, list.bad_last);
    } else if (list.bad_last) {
        answer->status = status_corrupt(store->path, answer->error, sizeof(answer->error),
                                        "archived record %" PRIu64 " does not match its checksum",
                                        list.bad_first);
    } else {
        answer->status = status_explain(store, rc, "read the archive", answer->error,
                                        sizeof(answer->error));
    }
    archive_list_fini(&list);
}
