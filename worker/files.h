/* Files and directories of the worker's state: made for the owner alone, replaced whole, opened
 * without following what an agent may have put in the way. */
#ifndef BATON_WORKER_FILES_H
#define BATON_WORKER_FILES_H

#include "common/buf.h"

#include <stdbool.h>
#include <stddef.h>

/* Makes `path` and what is missing above it, mode 0700. False: errno. */
MUST_CHECK bool files_make_directories(const char *path);

/* Writes the file `name` in the directory `dir` (a descriptor): a temporary one first, synced, then
 * renamed, then the directory synced with `durable`. False: errno, and nothing is changed. */
MUST_CHECK bool files_replace(int dir, const char *name, const void *p, size_t bytes, bool durable);

/* Reads a regular file of at most `bytes_max` bytes, never following a link and never waiting (a
 * FIFO). */
enum files_read { FILES_READ, FILES_MISSING, FILES_NOT_REGULAR, FILES_TOO_LARGE, FILES_FAILED };
enum files_read files_read(int dir, const char *name, size_t bytes_max, struct buf *ret_content);

/* The path of an open descriptor, in new memory; NULL when the kernel does not say. */
char *files_path_of(int fd);

/* Opens `path` below `dir` ("", NULL: `dir` itself) as a directory to change into; nothing in it
 * may lead out of `dir`. -1: errno (EXDEV: it would lead out). */
int files_open_below(int dir, const char *path);

#endif
