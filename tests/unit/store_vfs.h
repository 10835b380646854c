/* A layer between SQLite and the disk that lets a call fail, or writes down what the store did to
 * its two files so that the states which a power failure may leave can be made from it. */
#ifndef BATON_TESTS_UNIT_STORE_VFS_H
#define BATON_TESTS_UNIT_STORE_VFS_H

#include "common/rng.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void vfs_install(void); /* becomes the default of this process */

/* From now on the n-th write, sync or truncation fails (1: the next), once; 0: none does. `code` is
 * SQLite's. */
void vfs_fail_at(uint64_t n, int code);
uint64_t vfs_calls(void);       /* writes, syncs and truncations since then */
uint64_t vfs_calls_after(void); /* of them after the one that failed */

/* From now on everything is written down. */
void vfs_record_begin(void);
void vfs_record_end(void);
void vfs_record_free(void);
size_t vfs_record_length(void);
/* Writes down that facts up to `seq` were reported durable. */
void vfs_record_mark(uint64_t seq);

/* The files of `from` as a power failure just before record `at` may have left them, into `to`:
 * what was synced, and of the rest each write whole, not at all, or some of its sectors. Returns
 * the newest mark before it. */
uint64_t vfs_crash_image(const char *from, const char *to, size_t at, struct rng *rng);

#endif
