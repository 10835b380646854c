/* The first hundred bytes of the file, read without SQLite: what is not ours, or newer than this
 * program, must not be written to, not even by a recovery.
 * (https://www.sqlite.org/fileformat2.html, "The Database Header".) */
#include "broker/store/private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { HEADER_BYTES = 100 };

static uint32_t
get_u32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Fields that we never change; another value would make SQLite read the file in another way. */
static bool
settings_are_ours(const uint8_t *h)
{
    return (h[16] << 8 | h[17]) == STORE_PAGE_BYTES && h[18] == 2 && h[19] == 2 && h[20] == 0 &&
           h[21] == 64 && h[22] == 32 && h[23] == 32 && get_u32(h + 44) == 4 &&
           get_u32(h + 52) == 0 && get_u32(h + 56) == 1 && get_u32(h + 64) == 0;
}

static enum store_status
header_judge(const char *path, const uint8_t *h, ssize_t bytes, char *error, size_t error_room)
{
    if (bytes < HEADER_BYTES || memcmp(h, "SQLite format 3", 16) != 0 ||
        get_u32(h + 68) != STORE_APPLICATION || get_u32(h + 60) == 0) {
        snprintf(error, error_room,
                 "%s is not a Baton store; it was not touched: name another directory", path);
        return STORE_FOREIGN;
    }
    if (get_u32(h + 60) > STORE_FORMAT) {
        return status_newer(path, get_u32(h + 60), error, error_room);
    }
    if (!settings_are_ours(h)) {
        return status_corrupt(path, error, error_room, "the file's header is wrong");
    }
    return STORE_OK;
}

enum store_status
header_check(const char *path, bool *ret_is_there, char *error, size_t error_room)
{
    /* Closing this would drop the locks that SQLite has on the same file in this process: never
     * after its open. */
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        *ret_is_there = false;
        return STORE_OK;
    }
    uint8_t header[HEADER_BYTES];
    ssize_t bytes = fd < 0 ? -1 : pread(fd, header, sizeof(header), 0);
    int err = errno;
    if (fd >= 0) {
        close(fd);
    }
    if (bytes < 0) {
        snprintf(error, error_room, "store %s: cannot read: %s; check its owner and rights", path,
                 strerror(err));
        return STORE_IO;
    }
    *ret_is_there = true;
    return header_judge(path, header, bytes, error, error_room);
}
