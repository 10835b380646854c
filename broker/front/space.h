/* The room on the store's disk, looked at often enough that it does not fill up between two looks.
 * One thread. */
#ifndef BATON_FRONT_SPACE_H
#define BATON_FRONT_SPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SPACE_LOOK_MS = 1000,                 /* looked at least this often … */
    SPACE_HOLD_MS = 5000,                 /* low for this long at least, not to flutter */
    SPACE_LOOK_BYTES = 1024 * 1024,       /* … and when this much was written since */
    SPACE_RESERVE_MAX = 64 * 1024 * 1024, /* if nothing else is asked for */
    SPACE_FACTOR = 3, /* a byte handed to the store is in its log, its table, and rounded up */
};

struct space {
    const char *directory; /* borrowed */
    uint64_t reserve_bytes;
    uint64_t total_bytes; /* of the disk */
    uint64_t free_bytes;
    int64_t looked_at;
    size_t written; /* since then */
    bool is_low;
    int64_t low_until; /* at least */
};

/* `reserve_bytes` 0: SPACE_RESERVE_MAX, or a quarter of the disk if that is less. */
void space_init(struct space *space, const char *directory, uint64_t reserve_bytes);
void space_wrote(struct space *space, size_t bytes);
/* True while there is so little room that nothing new should be taken. `pending_bytes` are handed
 * to the store and not written yet. Once low, a quarter more must be free before it is not, and it
 * stays so for SPACE_HOLD_MS. */
bool space_is_low(struct space *space, int64_t now, size_t pending_bytes);

#endif
