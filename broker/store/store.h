/* The durable store: a journal of facts, snapshots behind it, and an archive of what has ended, in
 * one SQLite database (WAL, synchronous=FULL, locking_mode=EXCLUSIVE, one connection, no mmap).
 *
 * Before store_start everything happens on the caller's thread, but for store_load, in which
 * another one reads. After it the connection belongs to the storage thread; the caller hands
 * batches over and goes on. All batches that wait when the thread comes round are committed in one
 * transaction with one fsync: one commit for many. store_fd becomes readable when something became
 * durable, a read has its answer, or the store failed.
 *
 * A failed write or fsync is never tried again: the store is failed from then on (store_error says
 * why), no later batch is ever durable, and the broker must stop and recover from disk.
 *
 * On disk (schema.sql):
 *   meta(name, value, crc)              store id, epoch, snapshot in force
 *   journal(seq, n, epoch, crc, facts)  one row a batch; seq of its first fact, rising without gaps
 *   jump(seq, after, crc)               the only gaps: at the first batch after a restore
 *   snapshot(id, crc, data)             the chunks of one moment; written beside the one in force
 *   archive_run(first, last, crc, records)  ended tasks that left the memory, many a row
 *   archive(key, crc, record)           … a row each: in stores that older programs began
 *   archive_card(key, crc, record)      ended cards, a row each
 * docs/store.md has it to the byte.
 *
 * Restoring a backup is putting the copy as baton.db into an empty directory. The copy knows that
 * it is one. When it is opened, store_epoch and store_next_seq are above all that the original, or
 * another restore of the same copy, has reached or can reach (both are made of the wall clock), so
 * that every token given out by another life is stale.
 */
#ifndef BATON_BROKER_STORE_STORE_H
#define BATON_BROKER_STORE_STORE_H

#include "common/buf.h"
#include "common/check.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum store_status {
    STORE_OK,
    STORE_LOCKED,  /* another broker has it */
    STORE_NEWER,   /* written by a newer version; untouched */
    STORE_FOREIGN, /* not a Baton store */
    STORE_DENIED,  /* the path can't be made, entered or written; the disk is not to blame */
    STORE_CORRUPT, /* a checksum, a gap, or SQLite says so */
    STORE_IO,      /* open, read, write or sync failed */
    STORE_FULL,    /* no room on the disk */
};

struct store;

#define STORE_THREAD_NAME "disk" /* as tools show it */

/* Opens or creates DIR/baton.db (and DIR itself, mode 0700). On failure *ret_store is NULL and
 * `error` has a sentence that says what to do. The b-trees are store_load's to check. */
enum store_status store_open(const char *dir, struct store **ret_store, char *error,
                             size_t error_room) MUST_CHECK;
/* Waits for the thread to finish what was submitted, unless the store has failed. NULL is fine. */
void store_close(struct store *store);

const char *store_id(const struct store *store); /* 32 hex digits, for ever; borrowed */
/* Of the last start; of a restored copy: one that no other life reached. Start with a higher one.
 */
uint64_t store_epoch(const struct store *store);
bool store_is_restored(const struct store *store); /* a copy that was not started yet */
const char *store_path(const struct store *store);

/* ---- recovery, before store_start ---- */

/* What was read is handed over in rooms, which the loader makes and the store uses again and again.
 * `read_…` makes a chunk or a row of the bytes that were put where `room_bytes` said, on a thread
 * of the store's, ahead of the caller's, which then takes them in order: so these may use nothing
 * else that the loader has. False: what is there makes no sense; the load ends with STORE_CORRUPT.
 */
struct store_loader {
    void *(*room_new)(void *context);
    void (*room_free)(void *room);
    uint8_t *(*room_bytes)(void *room, size_t bytes); /* what the room held is gone */
    bool (*read_chunk)(void *room, const uint8_t *data, size_t bytes);
    bool (*read_facts)(void *room, uint32_t n, const uint8_t *facts, size_t bytes);
    /* The chunks of the snapshot in force, in order. */
    bool (*chunk)(void *context, void *room);
    /* Every journal row behind the snapshot, in order: `n` facts, the first is `seq`. The snapshot
     * may cover the first facts of the first row: the whole row comes, and the core skips what is
     * <= its own seq. The first fact ever is 1. `seq` jumps ahead where a restored copy was first
     * started. */
    bool (*batch)(void *context, uint64_t seq, uint32_t n, void *room);
    /* All was taken. What the loader has to look at then, it does while the store still looks at
     * its tables, and the load may yet be refused. May be NULL. */
    void (*whole)(void *context);
    void *context;
};

/* Verifies every checksum, that sequence numbers have no gap, and SQLite's b-trees. Once, before
 * store_start; also with nothing to load. */
enum store_status store_load(struct store *store, const struct store_loader *loader, char *error,
                             size_t error_room) MUST_CHECK;

/* After store_load: what the next batch's seq must be. Of a restored copy this lies far ahead of
 * what was loaded, and the core should skip to it; its first batch may begin anywhere above what
 * was loaded. */
uint64_t store_next_seq(const struct store *store);

/* Writes the new epoch (above store_epoch) durably and starts the thread. */
enum store_status store_start(struct store *store, uint64_t epoch, char *error,
                              size_t error_room) MUST_CHECK;

/* ---- running ---- */

/* Each has keys of its own. */
enum store_archive { STORE_TASKS, STORE_CARDS };

struct store_put {
    enum store_archive archive;
    uint64_t key; /* at most INT64_MAX; of a task: its record comes once */
    size_t at;    /* where in the batch's `records` its record begins … */
    size_t bytes; /* … and how long it is; 0: the key's record is deleted */
};

struct store_chunk {
    uint8_t *data; /* malloced; the store takes it */
    size_t bytes;
};

/* What one turn writes, atomically. Zeroed parts are absent. */
struct store_batch {
    uint64_t seq; /* of the first fact */
    uint32_t n_facts;
    uint8_t *facts; /* malloced; the store takes it */
    size_t facts_bytes;
    size_t facts_room; /* allocated: it becomes a spare; 0: it does not */
    uint8_t *records;  /* malloced; the store takes it */
    size_t records_bytes;
    size_t records_room;    /* as facts_room */
    struct store_put *puts; /* malloced array; the store takes it */
    size_t n_puts;
    struct store_chunk *chunks; /* malloced array; more of the snapshot being written */
    size_t n_chunks;
    bool snapshot_begin; /* drop what there is of an unfinished one, then take the chunks */
    bool snapshot_end;   /* after the chunks: this snapshot is in force from now on … */
    uint64_t
        snapshot_seq; /* … with snapshot_end: journal rows whose facts are all <= this are cut */
};

/* Hands a batch over (the contents are taken); returns its ticket, rising by one from 1. Never
 * blocks on the disk. */
uint64_t store_submit(struct store *store, struct store_batch *batch);

/* What a batch had whose bytes are durable now, empty, for one to come; the caller's. Without room
 * when there is none. */
struct buf store_spare(struct store *store);

/* The newest ticket that is durable. */
uint64_t store_durable(struct store *store);
/* Tickets handed over and not yet durable: what back-pressure goes by. */
uint64_t store_pending(struct store *store);
size_t store_pending_bytes(struct store *store);

int store_fd(const struct store *store);     /* poll for reading */
void store_acknowledge(struct store *store); /* makes the descriptor silent again */

/* NULL while all is well; else a sentence. `ret_status` may be NULL. */
const char *store_error(struct store *store, enum store_status *ret_status);

/* Reads are answered in order of asking, after all batches submitted before them are durable; what
 * was submitted a little later may show. `cookie` comes back. */
void store_read_archive(struct store *store, enum store_archive archive, uint64_t key,
                        uint64_t cookie);
/* Up to `limit` records with keys above `after`, in order of keys; fewer when they are large (an
 * answer ends with the record that passes 16 MiB): whether that was all is said by `has_more`. */
void store_scan_archive(struct store *store, enum store_archive archive, uint64_t after,
                        uint32_t limit, uint64_t cookie);
/* A consistent copy, complete in itself, checked and synced, at a path that must not exist (nor
 * PATH.part). Commits go on meanwhile; reads do not wait for it. One at a time, in order of asking.
 * Closing the store ends one under way. */
void store_backup(struct store *store, const char *path, uint64_t cookie);

enum store_answer_kind { STORE_ANSWER_RECORD, STORE_ANSWER_SCAN, STORE_ANSWER_BACKUP };

struct store_answer {
    enum store_answer_kind kind;
    uint64_t cookie;
    enum store_status status;
    struct store_record {
        uint64_t key;
        uint8_t *data; /* malloced, the caller's */
        size_t bytes;
    } * records;      /* malloced, the caller's; store_answer_fini frees all */
    size_t n_records; /* RECORD: 0 (not there) or 1 */
    bool has_more;    /* SCAN: there are records behind these */
    uint64_t bytes;   /* BACKUP: size of the copy */
    char error[256];
};

/* The next answer that is there; false when there is none. Free with store_answer_fini. */
bool store_next_answer(struct store *store, struct store_answer *ret_answer);
void store_answer_fini(struct store_answer *answer);

/* Bounds of how long a commit took, with its sync. */
enum { STORE_COMMIT_BOUNDS = 12 };
extern const int64_t store_commit_bounds_us[STORE_COMMIT_BOUNDS];

struct store_stats {
    uint64_t commits;
    int64_t last_commit_us;
    int64_t commit_us;                               /* of all commits */
    uint64_t commit_counts[STORE_COMMIT_BOUNDS + 1]; /* up to each bound; the last: longer */
    uint64_t journal_bytes;                          /* of the rows behind the snapshot in force */
    uint64_t snapshot_bytes;                         /* of the snapshot in force */
    uint64_t archived;                               /* records of tasks */
    uint64_t free_bytes; /* on the disk, as of the last look (at most a second old) */
    bool low;            /* less free than the reserve: take no new work, finish the old */
};
void store_get_stats(struct store *store, struct store_stats *ret_stats);

/* The free space below which `low` is set [64 MiB]. */
void store_set_reserve(struct store *store, uint64_t bytes);
/* Before store_start: the log's size from which it is written back when it is quiet; at four times
 * that, at once [1 MiB]. */
void store_set_wal_bound(struct store *store, uint64_t bytes);

#endif
