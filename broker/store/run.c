/* Runs: what many tasks left behind in one row, since a row costs more than the bytes in it. A run
 * has records in order of their keys, all of one span of keys; so whoever looks for a key need only
 * look at the runs that begin in its span. What comes with one commit makes as few runs as it can.
 * On the storage thread. */
#include "broker/store/private.h"

#include "common/alloc.h"

#include <stdlib.h>
#include <string.h>

bool
run_next(struct run *run, struct record *ret)
{
    if (run->pos == run->bytes) {
        return false;
    }
    if (!run->is_run) {
        run->pos = run->bytes;
        *ret = (struct record){.key = run->first, .data = run->data, .bytes = run->bytes};
        return true;
    }
    uint64_t step, bytes;
    if (!varint_read(run->data, run->bytes, &run->pos, &step) ||
        !varint_read(run->data, run->bytes, &run->pos, &bytes) || bytes > run->bytes - run->pos ||
        step > run->last - run->key) {
        run->is_bad = true;
        return false;
    }
    run->key += step;
    *ret = (struct record){.key = run->key, .data = run->data + run->pos, .bytes = bytes};
    run->pos += bytes;
    return true;
}

/* From the records' first to the last, which are in order and of one span. */
static int
run_put(struct store *store, const struct record *records, size_t n)
{
    struct buf *buf = &store->packing;
    uint64_t first = records[0].key;
    uint64_t last = first;
    buf_clear(buf);
    for (size_t i = 0; i < n; i++) {
        CHECK(i == 0 || records[i].key > last); /* a key comes once */
        uint8_t *p = buf_reserve(buf, 2 * VARINT_BYTES_MAX + records[i].bytes);
        p = varint_put(varint_put(p, records[i].key - last), records[i].bytes);
        memcpy(p, records[i].data, records[i].bytes);
        buf->bytes = (size_t)(p - buf->data) + records[i].bytes;
        last = records[i].key;
    }
    sqlite3_stmt *put = store->statements[SQL_RUN_PUT];
    uint64_t crc = crc_run(first, last, buf->data, buf->bytes);
    int rc = sqlite3_bind_int64(put, 1, (int64_t)first);
    rc = rc ? rc : sqlite3_bind_int64(put, 2, (int64_t)last);
    rc = rc ? rc : sqlite3_bind_int64(put, 3, (int64_t)crc);
    rc = rc ? rc : sqlite3_bind_blob64(put, 4, buf->data, buf->bytes, SQLITE_STATIC);
    return rc ? rc : schema_run(put);
}

int
runs_put(struct store *store, const struct record *records, size_t n)
{
    int rc = SQLITE_OK;
    for (size_t begin = 0, end; !rc && begin < n; begin = end) {
        size_t bytes = records[begin].bytes;
        for (end = begin + 1; end < n; end++) {
            bytes += records[end].bytes;
            if (records[end].key / RUN_SPAN != records[begin].key / RUN_SPAN ||
                bytes > RUN_BYTES_MAX) {
                break;
            }
        }
        rc = run_put(store, records + begin, end - begin);
    }
    return rc;
}

/* The run without what is to be cut of it: `cut` and those behind it. */
static int
run_replace(struct store *store, struct run *run, struct cut *cut, const struct cut *end)
{
    struct record record, *kept = NULL;
    size_t n = 0;
    while (run_next(run, &record)) {
        while (cut < end && cut->key < record.key) {
            cut++;
        }
        if (cut < end && cut->key == record.key) {
            cut->is_done = true;
            continue;
        }
        if (!(n & (n - 1))) {
            kept = xreallocarray(kept, n ? 2 * n : 1, sizeof *kept);
        }
        kept[n++] = record;
    }
    sqlite3_stmt *drop = store->statements[SQL_RUN_DELETE];
    int rc = sqlite3_bind_int64(drop, 1, (int64_t)run->first);
    rc = rc ? rc : schema_run(drop);
    rc = rc || n == 0 ? rc : run_put(store, kept, n);
    free(kept);
    return rc;
}

static bool
run_has(struct run run, uint64_t key)
{
    struct record record = {0};
    while (run_next(&run, &record) && record.key < key) {
    }
    return !run.is_bad && record.key == key;
}

/* The first of these, and of those behind it what is in the same run. */
static int
cut_one(struct store *store, struct cut *cut, const struct cut *end)
{
    struct source source = source_open(store, SQL_RUN_SCAN, cut->key, cut->key);
    struct run run;
    while (source.rc == SQLITE_ROW) {
        /* What is damaged stays for whoever looks into it. */
        if (source_run(&source, &run) && run_has(run, cut->key)) {
            uint8_t *copy = xmemdup(run.data, run.bytes);
            run.data = copy;
            sqlite3_reset(source.rows);
            int rc = run_replace(store, &run, cut, end);
            free(copy);
            return rc;
        }
        source.rc = sqlite3_step(source.rows);
    }
    sqlite3_reset(source.rows);
    return source.rc == SQLITE_DONE ? SQLITE_OK : source.rc;
}

int
runs_cut(struct store *store, struct cut *cuts, size_t n)
{
    int rc = SQLITE_OK;
    for (size_t i = 0; !rc && i < n; i++) {
        rc = cuts[i].is_done ? SQLITE_OK : cut_one(store, &cuts[i], cuts + n);
    }
    return rc;
}
