/* The store's reading side for one follower of the journal that has a thread of its own (the
 * exporter). It keeps a position, the newest fact that it needs no more, and asks for what comes
 * behind it.
 *
 * Near the head, what was committed is handed on in memory: a ring of the newest batches, whose
 * memory changes hands without a copy. Who is further behind is answered by the storage thread out
 * of the database, a bounded page between two commits. Rows behind the position are kept though a
 * snapshot covers them, until there are too many (or the disk is low); then they are cut, and the
 * follower is told to begin again with the snapshot and the archive.
 *
 * All functions but tail_begin are for the follower's thread, and none waits: what is not there is
 * told by the descriptor. */
#ifndef BATON_BROKER_STORE_TAIL_H
#define BATON_BROKER_STORE_TAIL_H

#include "broker/store/store.h"

enum tail_status {
    TAIL_PAGE,    /* it is in the page */
    TAIL_NOTHING, /* there is no more (of the journal: not yet; the descriptor tells) */
    TAIL_LATER,   /* the storage thread was asked: when the descriptor tells, ask the same again */
    TAIL_GONE,    /* was cut, or is of another life: begin with the snapshot */
    TAIL_FAILED,  /* the store did */
};

struct tail_row {
    uint64_t seq;  /* of its first fact; a chunk's number; a record's key */
    uint32_t n;    /* facts */
    uint8_t *data; /* facts, a chunk, a record; malloced */
    size_t bytes;
};

/* Zeroed is empty. */
struct tail_page {
    struct tail_row *rows; /* malloced */
    size_t n;
    size_t bytes;
    uint64_t generation; /* chunks: of which snapshot; 0: there is none */
    uint64_t seq;        /* chunks: the newest fact that it holds */
    uint64_t n_chunks;   /* chunks: of the whole snapshot */
    /* TAIL_GONE: facts above lost_after and below lost_before were of a life that a restored backup
     * ended; 0: there are none. */
    uint64_t lost_after, lost_before;
};
void tail_page_fini(struct tail_page *page);

/* Before store_start: there is a follower. Rows that it still needs are kept, up to `bytes_max` of
 * facts. */
void tail_begin(struct store *store, uint64_t bytes_max);

/* The same later. Any thread's. */
void tail_set_bytes_max(struct store *store, uint64_t bytes_max);

int tail_fd(const struct store *store); /* poll for reading, read to silence it */
/* Of the newest durable fact; a follower that was never behind has it as its position. */
uint64_t tail_newest(struct store *store);
/* The newest fact that is needed no more, as far as the store knows. */
uint64_t tail_position(struct store *store);
/* The follower goes on behind `position`, wherever it was before. */
void tail_seek(struct store *store, uint64_t position);
/* It has come to `position`, through rows of so many bytes, and needs them no more. */
void tail_release(struct store *store, uint64_t position, size_t bytes);
/* Rows were cut that the follower still needed. */
bool tail_is_cut(struct store *store);

/* Rows behind `after`, about TAIL_PAGE_BYTES of them; the first may begin before it. */
enum tail_status tail_facts(struct store *store, uint64_t after, struct tail_page *ret_page);
/* Chunks from number `from` on, of the snapshot in force; `generation` 0: whichever it is (and from
 * now on the rows behind it are kept), else GONE when another is in force now. */
enum tail_status tail_chunks(struct store *store, uint64_t generation, uint64_t from,
                             struct tail_page *ret_page);
/* Records of an archive with keys above `after`. */
enum tail_status tail_records(struct store *store, enum store_archive archive, uint64_t after,
                              struct tail_page *ret_page);

#endif
