/* Inside the store: what its files share. Nobody else includes this.
 *
 * Before store_start all of it is the caller's thread's. After it: what stands under `mutex` is
 * shared, `next_seq` and `snapshot_begun` stay with the caller, and everything else belongs to the
 * storage thread. */
#ifndef BATON_BROKER_STORE_PRIVATE_H
#define BATON_BROKER_STORE_PRIVATE_H

#include "broker/store/store.h"
#include "broker/store/tail.h"
#include "common/buf.h"

#include <pthread.h>
#include <sched.h>
#include <sqlite3.h>
#include <sys/types.h>

enum {
    STORE_FORMAT = 4,               /* user_version; docs/store.md has what each brought */
    STORE_FORMAT_FOLLOWED = 2,      /* the first one with META_FOLLOWED */
    STORE_FORMAT_CARDS = 3,         /* the first one with archive_card */
    STORE_FORMAT_RUNS = 4,          /* the first one with archive_run */
    STORE_APPLICATION = 0x4261746f, /* application_id: "Bato" */
    STORE_PAGE_BYTES = 4096,        /* 2, 8 KiB: no faster, measured; a small commit is one page */
    STORE_CACHE_KIB = 4096,         /* the journal is written, hardly read … */
    STORE_CACHE_LOAD_KIB =
        256,                /* … but for once, from end to end: so it stays in the processor's */
    STORE_AHEAD_PIECES = 8, /* chunks and rows that were read and are not taken yet … */
    STORE_AHEAD_BYTES = 4 << 20, /* … and their bytes, but for one alone */
    STORE_ID_BYTES = 32,         /* hex digits */
    GROUP_BYTES_MAX = 32 << 20,  /* what one transaction takes of the queue, and a batch more */
    QUIET_US = 2000,             /* no batch for so long: time for housekeeping */
    TRIM_BUSY_BYTES = 128 << 10, /* cut along with a commit, at least */
    TRIM_QUIET_BYTES = 1 << 20,  /* cut in a transaction of its own */
    SPARES_MAX = 4,              /* about as many batches are under way when it is busy … */
    SPARE_BYTES_MAX = 1 << 20,   /* … and hardly larger */
    TRIM_ROWS_MAX = 512,         /* and no more rows than that */
    BACKUP_BUSY_PAGES = 64,      /* copied between two commits */
    BACKUP_QUIET_PAGES = 256,    /* copied at a time while nobody waits */
    SCAN_BYTES_MAX = 16 << 20,   /* one answer to a scan */
    RUN_BYTES_MAX = 32 << 10,    /* records of a run, unless it has only one */
    WAL_BOUND_BYTES = 1 << 20,   /* a checkpoint is due; four times that: at once */
    WAL_FRAME_HEADER_BYTES = 24,
    WAL_KEPT_BYTES = 32 << 20,         /* a longer one is cut when it starts over */
    WAL_LEFT_BYTES = 8 << 20,          /* a longer one is copied before the store starts */
    QUICK_CHECK_BYTES_MAX = 256 << 20, /* a larger store has only its small tables checked */
    TAIL_RING_BYTES = 8 << 20,         /* of the newest batches, for the follower */
    TAIL_PAGE_BYTES = 2 << 20,         /* out of the ring */
    TAIL_READ_BYTES = 256 << 10,       /* out of the database, between two commits */
};

/* All keys of a run lie between two multiples of it: part of the format. */
#define RUN_SPAN 4096

/* A damaged store can be read with `sqlite3`, and these are what is counted in them. */
#define META_STORE_ID "store_id"
#define META_EPOCH "epoch"
#define META_RUNNING "running"
#define META_COPY "copy"
#define META_SNAPSHOT_GEN "snapshot_gen"
#define META_SNAPSHOT_SEQ "snapshot_seq"
#define META_SNAPSHOT_CHUNKS "snapshot_chunks"
#define META_SNAPSHOT_BYTES "snapshot_bytes"
#define META_ARCHIVED "archived"
#define META_FOLLOWED "followed"

enum statement {
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_META_SET,
    SQL_JOURNAL_PUT,
    SQL_JOURNAL_OLDEST,
    SQL_JOURNAL_CUT,
    SQL_JOURNAL_BYTES,
    SQL_JUMP_PUT,
    SQL_CHUNK_PUT,
    SQL_CHUNK_OLDEST,
    SQL_CHUNK_CUT,
    SQL_ARCHIVE_DELETE, /* of stores of older formats; nothing is added */
    SQL_ARCHIVE_SCAN,   /* scans have the same columns and take the same keys */
    SQL_CARD_PUT,
    SQL_CARD_DELETE,
    SQL_CARD_SCAN,
    SQL_RUN_PUT,
    SQL_RUN_DELETE,
    SQL_RUN_SCAN,
    SQL_TAIL_FACTS,
    SQL_TAIL_JUMP,
    SQL_TAIL_CHUNKS,
    N_STATEMENTS
};

struct wal_found {
    bool is_there;     /* else empty, or zeros only: nothing was ever committed to it */
    uint64_t n_frames; /* up to the last commit */
};

/* A batch on its way to the disk. */
struct entry {
    struct store_batch batch; /* owns what hangs on it */
    uint64_t ticket;
    size_t bytes;
    struct entry *next;
};

/* Something asked for. */
struct question {
    enum store_answer_kind kind;
    uint64_t cookie;
    enum store_archive archive;
    uint64_t key;    /* RECORD: it; SCAN: keys above it */
    uint32_t limit;  /* SCAN */
    char *path;      /* BACKUP; owned */
    uint64_t ticket; /* answered when this is durable */
    struct question *next;
};

struct answer_node {
    struct store_answer answer;
    struct answer_node *next;
};

struct backup; /* backup.c */

/* What the follower asks of the storage thread. */
struct tail_question {
    enum tail_kind { TAIL_IS_QUIET, TAIL_FACTS, TAIL_CHUNKS, TAIL_RECORDS, TAIL_CARDS } kind;
    uint64_t a, b;
};

struct tail_node {
    struct tail_row row; /* owned */
    struct tail_node *next;
};

/* The follower and what is kept for it (tail.c); under the mutex but for what says otherwise. */
struct tail {
    bool is_on;
    int fd;
    uint64_t bytes_max;
    uint64_t position;     /* needs only facts above it */
    uint64_t newest;       /* durable */
    uint64_t behind_bytes; /* of the rows above the position, about */
    bool is_cut;           /* rows above it may be cut */
    bool is_waiting;       /* wants to hear of new rows */
    bool recount;          /* behind_bytes is not known */
    uint64_t trimmed_at;   /* the storage thread's: the position when cutting was last made due */
    struct tail_node *ring, **ring_tail;
    size_t ring_bytes;
    struct tail_question question; /* of the storage thread */
    struct tail_question answered; /* `page` and `status` are the answer to it */
    enum tail_status status;
    struct tail_page page;
};

struct store {
    char *dir;
    char *path;
    int lock_fd;
    sqlite3 *db;
    sqlite3_stmt *statements[N_STATEMENTS];
    char id[STORE_ID_BYTES + 1];
    int format; /* as found */
    uint64_t epoch;
    bool restored; /* a copy, opened for the first time */
    bool loaded;
    bool started;
    struct wal_found wal_found;
    pthread_t thread;
    cpu_set_t cpus; /* of the thread when it began: those that it makes get them; none: not known */
    int event_fd;
    ino_t inode; /* of the file that was opened; 0: not looked at yet */

    /* The snapshot in force. */
    uint64_t snapshot_gen; /* 0: none */
    uint64_t snapshot_seq;
    uint64_t snapshot_chunks;
    uint64_t snapshot_bytes;
    /* The one being written. */
    uint64_t gen_newest; /* that was ever used */
    bool gen_is_open;
    uint64_t gen_chunks;
    uint64_t gen_bytes;

    uint64_t archived;
    struct buf packing; /* of the run being written */
    uint64_t journal_bytes;
    uint64_t seq_written; /* of the newest fact in the journal, or the snapshot's */
    bool trim_is_due;
    int wal_frames; /* to be copied into the database … */
    int wal_left;   /* … beside those that were found, which can wait for these */
    uint64_t wal_bound_bytes;
    int64_t looked_at_us;  /* for free space */
    struct backup *backup; /* under way */

    /* The caller's. */
    uint64_t next_seq;
    uint64_t seq_loaded; /* of the newest fact that was loaded */
    bool snapshot_begun;
    bool may_jump; /* the first batch after a restore may leave numbers out */

    pthread_mutex_t mutex;
    pthread_cond_t wake; /* on CLOCK_MONOTONIC */
    bool asleep;         /* the thread waits on it */
    bool stopping;
    struct entry *entries, **entries_tail;
    struct question *questions, **questions_tail;
    struct question *backups, **backups_tail;
    struct answer_node *answers, **answers_tail;
    uint64_t submitted; /* tickets */
    uint64_t durable;
    size_t pending_bytes;
    uint64_t reserve_bytes;
    struct tail tail;
    struct buf spares[SPARES_MAX]; /* owned */
    size_t n_spares;
    struct store_stats stats;
    enum store_status status; /* not STORE_OK: failed for ever */
    char error[512];          /* does not change once status did */
};

/* ---- crc.c ---- */
uint64_t crc_journal(uint64_t seq, uint32_t n, uint64_t epoch, const uint8_t *facts, size_t bytes);
uint64_t crc_keyed(char table, uint64_t key, const uint8_t *data, size_t bytes);
uint64_t crc_run(uint64_t first, uint64_t last, const uint8_t *data, size_t bytes);
uint64_t crc_meta(const char *name, const char *value);

/* ---- status.c ---- */
/* What an SQLite result means to us; SQLITE_OK, _ROW and _DONE are STORE_OK. */
enum store_status status_of(sqlite3 *db, int rc);
/* "PATH: WHAT: why": into `error`. Returns the status. */
enum store_status status_explain(const struct store *store, int rc, const char *what, char *error,
                                 size_t error_room);
/* "store PATH is damaged: …; what to do": into `error`. Returns STORE_CORRUPT. */
enum store_status status_corrupt(const char *path, char *error, size_t error_room, const char *fmt,
                                 ...) PRINTF_LIKE(4, 5);
/* Another program's, newer than this one. Returns STORE_NEWER. */
enum store_status status_newer(const char *path, uint32_t format, char *error, size_t error_room);
int64_t clock_us(void);

/* ---- files.c ---- */
/* Of a failed open, mkdir and the like: is the disk to blame, or who named the path? */
enum store_status files_status_of(int err);

/* Makes the directory if there is none. */
enum store_status files_make_dir(const char *dir, char *error, size_t error_room) MUST_CHECK;
/* Takes DIR/lock. Without `create` a missing one is STORE_OK with *ret_fd -1. */
enum store_status files_lock(const char *dir, bool create, int *ret_fd, char *error,
                             size_t error_room) MUST_CHECK;
bool files_sync_dir(const char *dir) MUST_CHECK;
bool files_sync_dir_of(const char *path) MUST_CHECK;
/* A new, empty, private file; -1 with errno if it is there already. */
int files_create(const char *path) MUST_CHECK;
char *files_path(const char *dir, const char *name); /* malloced */

/* ---- header.c ---- */
/* Reads the first page without SQLite, so that what is not ours is not touched. *ret_is_there:
 * false without a file. */
enum store_status header_check(const char *path, bool *ret_is_there, char *error,
                               size_t error_room) MUST_CHECK;

/* ---- wal.c ---- */
/* Looks through PATH-wal as SQLite will, and tells damage from the torn end that a crash may leave.
 */
enum store_status wal_check(const char *path, struct wal_found *ret, char *error,
                            size_t error_room) MUST_CHECK;

/* ---- schema.c ---- */
/* Makes a new store beside PATH and renames it. */
enum store_status schema_create(const char *dir, const char *path, char *error,
                                size_t error_room) MUST_CHECK;
/* Settings of the connection. */
int schema_configure(sqlite3 *db) MUST_CHECK;
/* How much of the database SQLite keeps in memory. */
int schema_cache(sqlite3 *db, int kib) MUST_CHECK;
/* Same tables, same roots. */
enum store_status schema_verify(struct store *store, char *error, size_t error_room) MUST_CHECK;
/* Are the b-trees in order? All of them, unless that would take long; the rows' checksums are
 * checked when they are read. */
enum store_status schema_check(struct store *store, char *error, size_t error_room) MUST_CHECK;
/* Adds what an older format has not, and makes it ours; inside a transaction. */
int schema_upgrade(struct store *store) MUST_CHECK;
/* The statements, but for those of tables that are not there before schema_upgrade; again after it.
 */
int schema_prepare(struct store *store) MUST_CHECK;
void schema_finalize(struct store *store);
/* Runs a prepared statement that returns no rows, and resets it. SQLITE_OK or an error. */
int schema_run(sqlite3_stmt *statement) MUST_CHECK;
int schema_begin(struct store *store) MUST_CHECK;
int schema_commit(struct store *store) MUST_CHECK;

/* ---- meta.c ---- */
enum store_status meta_load(struct store *store, char *error, size_t error_room) MUST_CHECK;
int meta_set(struct store *store, const char *name, uint64_t value) MUST_CHECK;
/* The same through a statement of another connection. */
int meta_put(sqlite3_stmt *statement, const char *name, const char *value) MUST_CHECK;
extern const char META_SET_SQL[];

/* ---- commit.c ---- */
/* Writes the entries in one transaction, and cuts some of what is not needed any more. An error has
 * rolled it back. */
int commit_entries(struct store *store, struct entry *entries) MUST_CHECK;
void entry_free(struct entry *entry);
void batch_fini(struct store_batch *batch);
size_t batch_bytes(const struct store_batch *batch);

/* ---- trim.c ---- */
/* Inside a transaction: deletes up to `bytes` of journal rows and chunks that the snapshot in force
 * made needless. */
int trim_step(struct store *store, size_t bytes) MUST_CHECK;

/* ---- archive.c ---- */

/* A record of the archive; its bytes are somebody else's. */
struct record {
    uint64_t key;
    const uint8_t *data;
    size_t bytes;
};
/* A row of records: of many, or of one. */
struct run {
    bool is_run;
    bool is_bad; /* it is not what a run should be */
    uint64_t first, last;
    uint64_t key; /* of the record that was read last */
    const uint8_t *data;
    size_t bytes, pos;
};
/* Rows of one table with records between two keys, in order of their first keys. */
struct source {
    sqlite3_stmt *rows; /* whoever opened it resets this */
    enum statement scan;
    int rc; /* SQLITE_ROW: stands on one */
};
struct archive_query {
    enum store_archive archive;
    uint64_t from, to;
    size_t limit;
    size_t bytes_max; /* the record that passes it is the last */
};
struct archive_list {
    struct store_record *records; /* owned, as what hangs on them */
    size_t n, room, bytes;
    bool has_more;                /* behind these, up to the end of what was asked for */
    uint64_t bad_first, bad_last; /* SQLITE_CORRUPT: the row that is damaged; 0: SQLite says so */
};
/* Writes what the entries have for the archives; inside a transaction. */
int archive_write(struct store *store, const struct entry *entries) MUST_CHECK;
/* Records in order of keys. Free the list with archive_list_fini, whatever is returned. */
int archive_scan(const struct store *store, const struct archive_query *query,
                 struct archive_list *list) MUST_CHECK;
void archive_list_fini(struct archive_list *list);
void archive_answer(const struct store *store, const struct question *question,
                    struct store_answer *answer);
/* Opens a scan at its first row. */
struct source source_open(const struct store *store, enum statement scan, uint64_t from,
                          uint64_t to);
/* The row on which it stands. False: it does not match its checksum. */
bool source_run(const struct source *source, struct run *ret);

/* ---- run.c ---- */

/* The next record; false at the end, or when the run is_bad. */
bool run_next(struct run *run, struct record *ret);
/* Writes these, in order of their keys, which are not in the archive yet. */
int runs_put(struct store *store, const struct record *records, size_t n) MUST_CHECK;
/* To be deleted. */
struct cut {
    uint64_t key;
    bool is_done;
};
/* Deletes those of these, in order of keys, that are in runs. */
int runs_cut(struct store *store, struct cut *cuts, size_t n) MUST_CHECK;

/* ---- answer.c ---- */
void answer_push(struct store *store, struct store_answer *answer); /* takes what hangs on it */
void question_push(struct store *store, struct question *question); /* takes it */
void question_free(struct question *question);
void event_signal(const struct store *store);

/* ---- ahead.c ---- */
struct ahead {
    const struct store_loader *loader;
    pthread_t thread;
    pthread_mutex_t mutex; /* of all below but the pieces: one between n_taken and n_read is the
                              taker's, the others are the reader's */
    pthread_cond_t moved;
    struct ahead_piece {
        void *room; /* the loader's */
        size_t bytes;
        uint64_t number;  /* of the chunk; of the row's first fact */
        uint32_t n_facts; /* 0: a chunk */
    } pieces[STORE_AHEAD_PIECES];
    uint64_t n_read, n_taken;
    size_t bytes;    /* of those between */
    bool is_begun;   /* there is a thread */
    bool is_over;    /* nothing more comes */
    bool is_refused; /* nothing more is taken */
};
/* False, and errno: there is no thread. ahead_end in either case. */
bool ahead_begin(struct ahead *ahead, const struct store_loader *loader, void *(*read)(void *),
                 void *context) MUST_CHECK;
void ahead_end(struct ahead *ahead); /* waits for the reader */
/* The reader's. Where the next piece goes, when there is room for it; NULL: none is taken any more.
 */
struct ahead_piece *ahead_room(struct ahead *ahead, size_t bytes);
void ahead_put(struct ahead *ahead);     /* that one is whole */
void ahead_is_over(struct ahead *ahead); /* … or there are no more */
/* The taker's. NULL: that was the last one. */
struct ahead_piece *ahead_next(struct ahead *ahead);
void ahead_taken(struct ahead *ahead);

/* ---- thread.c ---- */
/* One on which no signals arrive. False, and errno: there is none. */
bool thread_begin(pthread_t *ret, void *(*run)(void *), void *context) MUST_CHECK;
enum store_status thread_refused(const struct store *store, char *error, size_t error_room);
void *thread_main(void *store);
void thread_wake_unlock(struct store *store); /* with the mutex held: lets go of it */
void thread_fail(struct store *store, int rc, const char *what);

/* ---- backup.c ---- */
/* Copies some pages of the backup under way, or begins the next one. */
void backup_step(struct store *store, int pages);
/* Is there something that backup_step would do now? */
bool backup_is_busy(struct store *store);
/* Ends it, done or not, and answers. */
void backup_fini(struct store *store);

/* ---- spare.c ---- */
/* Takes the memory of committed entries. With the mutex held. */
void spare_keep(struct store *store, struct entry *entries);
void spare_fini(struct store *store);

/* ---- tail.c ---- */
/* Keeps the facts of committed entries for the follower. With the mutex held. */
void tail_keep(struct store *store, struct entry *entries);
/* Answers the follower, if it asked; decides what may be cut. Between two commits. */
void tail_step(struct store *store);
bool tail_is_asking(const struct store *store); /* with the mutex held */
/* The newest fact that may be cut when a snapshot covers it. */
uint64_t tail_cut_max(struct store *store);
void tail_fini(struct store *store);

/* ---- space.c ---- */
/* Looks at the free space, at most once a second. */
void space_look(struct store *store, int64_t now_us);

#endif
