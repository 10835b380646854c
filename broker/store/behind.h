/* What is written and synced behind the back of SQLite's thread; why no promise is lost stands in
 * behind.c. One thread asks, another one of its own carries out. */
#ifndef BATON_BROKER_STORE_BEHIND_H
#define BATON_BROKER_STORE_BEHIND_H

#include "common/check.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BEHIND_THREAD_NAME "disk-write" /* as tools show it */

enum {
    BEHIND_BYTES_MAX = 8 << 20,   /* what waits, as memory: then who asks waits for half of it */
    BEHIND_OPS_MAX = 1024,        /* and how many */
    BEHIND_COPY_BYTES = 16 << 10, /* so much at most is copied; else its memory changes hands */
};

struct behind;

/* `failed` is called once, on the thread, with SQLite's code and errno, before anything behind what
 * failed is given up. NULL, and errno: there is no thread. */
struct behind *behind_begin(void (*failed)(void *context, int rc, int err),
                            void *context) MUST_CHECK;
/* Waits for all that was asked for. NULL is fine. */
void behind_end(struct behind *behind);

/* Nothing waits and nothing is under way, so the caller may use the files itself. */
bool behind_is_idle(struct behind *behind);
/* Until that is so. SQLITE_OK, or why something failed, with errno. */
int behind_wait(struct behind *behind);
/* Until fewer than so many tells wait. */
void behind_wait_tells(struct behind *behind, unsigned n);
/* 0, or SQLite's code of what failed, with its errno: nothing is carried out any more. */
int behind_failure(struct behind *behind);
bool behind_is_waited_for(struct behind *behind);

/* Each is carried out after all that was asked for before it, or given up when one of those failed.
 * A file is not closed, nor used by the caller, while something of it waits. */

/* Writes `bytes` from window + from. Returns the window to go on with: the same, or another one,
 * with anything in it, of GATHER_BYTES as it. */
uint8_t *behind_write(struct behind *behind, sqlite3_file *file, uint8_t *window, size_t from,
                      size_t bytes, sqlite3_int64 at) MUST_CHECK;
void behind_truncate(struct behind *behind, sqlite3_file *file, sqlite3_int64 bytes);
void behind_sync(struct behind *behind, sqlite3_file *file, int flags);
/* Calls tell(told, true) when all before it is done, tell(told, false) when it was given up. */
void behind_tell(struct behind *behind, void (*tell)(void *told, bool is_done), void *told);

/* What waits of these bytes. All of them: they are in `data`, if there is one. */
enum behind_found { BEHIND_NOTHING, BEHIND_ALL, BEHIND_SOME };
enum behind_found behind_find(struct behind *behind, const sqlite3_file *file, void *data,
                              size_t bytes, sqlite3_int64 at);

#endif
