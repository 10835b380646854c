#include "broker/front/space.h"

#include "common/check.h"

#include <sys/statvfs.h>

/* A disk that is really gone shows itself at the next commit: then the old figure stays. */
static void
look(struct space *space, int64_t now)
{
    struct statvfs fs;
    space->looked_at = now;
    space->written = 0;
    if (statvfs(space->directory, &fs) == 0) {
        space->free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    }
}

void
space_init(struct space *space, const char *directory, uint64_t reserve_bytes)
{
    *space = (struct space){.directory = directory, .total_bytes = UINT64_MAX};
    struct statvfs fs;
    if (statvfs(directory, &fs) == 0) {
        space->total_bytes = (uint64_t)fs.f_blocks * fs.f_frsize;
    }
    space->reserve_bytes = reserve_bytes ? reserve_bytes
                                         : MIN(space->total_bytes / 4, (uint64_t)SPACE_RESERVE_MAX);
    space->free_bytes = UINT64_MAX;
    look(space, 0);
}

void
space_wrote(struct space *space, size_t bytes)
{
    space->written += bytes;
}

bool
space_is_low(struct space *space, int64_t now, size_t pending_bytes)
{
    if (now - space->looked_at >= SPACE_LOOK_MS || space->written >= SPACE_LOOK_BYTES) {
        look(space, now);
    }
    uint64_t needed = space->reserve_bytes + (space->is_low ? space->reserve_bytes / 4 : 0) +
                      (uint64_t)(space->written + pending_bytes) * SPACE_FACTOR;
    if (space->free_bytes < needed) {
        space->is_low = true;
        space->low_until = now + SPACE_HOLD_MS;
    } else if (now >= space->low_until) {
        space->is_low = false;
    }
    return space->is_low;
}
