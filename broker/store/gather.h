/* A layer between SQLite and the disk that gathers writes; why no promise is lost stands in
 * gather.c. */
#ifndef BATON_BROKER_STORE_GATHER_H
#define BATON_BROKER_STORE_GATHER_H

#include "broker/store/behind.h"

enum {
    /* What is written, or read ahead, by one call. SQLite's own layer takes less than 128 KiB. */
    GATHER_BYTES = 64 << 10,
};

/* The name by which SQLite knows it. It lies over what was the default when this was first asked.
 */
const char *gather_vfs(void);

/* From now on another thread carries out what is written to this file of its (behind.h), but a sync
 * of little when nothing waits; NULL: from now on none does. SQLite's code. */
int gather_set_behind(sqlite3_file *file, struct behind *behind) MUST_CHECK;

#endif
