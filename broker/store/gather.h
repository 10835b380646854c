/* A layer between SQLite and the disk that gathers writes; why no promise is lost stands in
 * gather.c. */
#ifndef BATON_BROKER_STORE_GATHER_H
#define BATON_BROKER_STORE_GATHER_H

enum {
    /* What is written, or read ahead, by one call. SQLite's own layer takes less than 128 KiB. */
    GATHER_BYTES = 64 << 10,
};

/* The name by which SQLite knows it. It lies over what was the default when this was first asked.
 */
const char *gather_vfs(void);

#endif
