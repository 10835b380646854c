/* The mirror's directory: files are written whole or not at all, never outside of it, and what
 * people changed by hand is kept.
 *
 * Beside each file stands what was written last (in .baton/last/), so that a hand's change is told
 * from our own: it is moved to NAME.conflict-TIME.md before the file is written anew. */
#ifndef BATON_CTL_MIRROR_FOLDER_H
#define BATON_CTL_MIRROR_FOLDER_H

#include "common/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FOLDER_FILE_BYTES_MAX = 16 * 1024 * 1024,
    FOLDER_PATH_BYTES_MAX = 512,
};

struct folder {
    int fd;           /* of DIR; -1: not open */
    int lock_fd;      /* one mirror at a time */
    char error[1024]; /* of the call that failed last */
};

enum folder_written {
    FOLDER_SAME,     /* it said just this already */
    FOLDER_WRITTEN,  /* it says this now, durably */
    FOLDER_CONFLICT, /* … and a hand's change was moved to ret_conflict */
    FOLDER_FAILED,   /* folder->error */
};

/* Makes DIR and its folders where they are missing, and takes its lock. Symbolic links are not
 * followed inside of DIR. False: folder->error. Close with folder_close in both cases. */
bool folder_open(struct folder *folder, const char *dir);
void folder_close(struct folder *folder);

/* Writes DIR/`sub`/`name`: to a temporary name, synced, renamed. Both are plain names. `at`: for
 * the name of a conflict copy. */
enum folder_written folder_write(struct folder *folder, const char *sub, const char *name,
                                 const struct buf *text, int64_t at,
                                 char ret_conflict[FOLDER_PATH_BYTES_MAX]);

/* Reads DIR/`sub`/`name`. False: it is not there or not a plain file of at most `bytes_max`;
 * folder->error says which. */
bool folder_read(struct folder *folder, const char *sub, const char *name, size_t bytes_max,
                 struct buf *ret_text);

/* The plain files of DIR/`sub`, sorted by name; free each and the array. False: folder->error. */
bool folder_list(struct folder *folder, const char *sub, char ***ret_names, size_t *ret_n);

/* Moves DIR/inbox/`name` to DIR/inbox/`to`/`name`, never over another file. False: error. */
bool folder_move_inbox(struct folder *folder, const char *name, const char *to, int64_t at);

#endif
