/* The write-ahead log, read without SQLite before it reads it.
 *
 * SQLite takes the log as ended at the first frame whose checksum does not hold. That is right for
 * the torn end that a crash leaves, and silent loss when a synced frame rotted. The two can be told
 * apart: each commit is synced before the next one is written, so behind the break there can be
 * frames of one transaction at most. A commit frame of this log that has another frame of this log
 * behind it proves that what stands before it was durable. This holds because a log is never gone
 * on with: the first commit after an open starts it over, with new salts.
 * (https://www.sqlite.org/fileformat2.html, "The Write-Ahead Log".) */
#include "broker/store/private.h"

#include "common/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WAL_HEADER = 32, FRAME_HEADER = 24, FRAME = FRAME_HEADER + STORE_PAGE_BYTES };

struct wal {
    FILE *file;
    bool big_endian; /* words of the checksum */
    uint8_t salts[8];
    uint32_t sum[2]; /* running */
};

static uint32_t
get_big(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void
wal_sum(struct wal *wal, const uint8_t *data, size_t bytes)
{
    uint32_t a = wal->sum[0];
    uint32_t b = wal->sum[1];
    for (size_t i = 0; i < bytes; i += 8) {
        uint32_t x, y;
        memcpy(&x, data + i, 4);
        memcpy(&y, data + i + 4, 4);
        if (wal->big_endian) {
            x = __builtin_bswap32(x);
            y = __builtin_bswap32(y);
        }
        a += x + b;
        b += y + a;
    }
    wal->sum[0] = a;
    wal->sum[1] = b;
}

static bool
is_zero(const uint8_t *data, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (data[i]) {
            return false;
        }
    }
    return true;
}

static bool
header_is_valid(struct wal *wal, const uint8_t *h)
{
    uint32_t magic = get_big(h);
    if ((magic & ~1u) != 0x377f0682 || get_big(h + 4) != 3007000 ||
        get_big(h + 8) != STORE_PAGE_BYTES) {
        return false;
    }
    /* The machine's order is taken as little endian; a log from elsewhere says so in its magic. */
    wal->big_endian = magic & 1;
    wal->sum[0] = wal->sum[1] = 0;
    wal_sum(wal, h, 24);
    memcpy(wal->salts, h + 16, 8);
    return get_big(h + 24) == wal->sum[0] && get_big(h + 28) == wal->sum[1];
}

static bool
frame_is_valid(struct wal *wal, const uint8_t *frame)
{
    if (memcmp(frame + 8, wal->salts, 8) != 0 || get_big(frame) == 0) {
        return false;
    }
    wal_sum(wal, frame, 8);
    wal_sum(wal, frame + FRAME_HEADER, STORE_PAGE_BYTES);
    return get_big(frame + 16) == wal->sum[0] && get_big(frame + 20) == wal->sum[1];
}

/* The number of the first frame that is damaged though it was durable; 0: there is none. */
static uint64_t
find_damage(struct wal *wal)
{
    uint8_t *frame = xmalloc(FRAME);
    uint64_t number = 0;
    uint64_t broken = 0;
    bool commit_behind = false; /* a commit at or behind the break */
    uint64_t damage = 0;
    while (!damage && fread(frame, FRAME, 1, wal->file) == 1) {
        number++;
        if (!broken && frame_is_valid(wal, frame)) {
            continue;
        }
        broken = broken ? broken : number;
        if (memcmp(frame + 8, wal->salts, 8) != 0) {
            continue;
        }
        if (commit_behind) {
            damage = broken;
        }
        commit_behind = commit_behind || get_big(frame + 4) != 0;
    }
    free(frame);
    return damage;
}

static enum store_status
wal_judge(struct wal *wal, const char *path, enum wal_state *ret_state, char *error,
          size_t error_room)
{
    uint8_t header[WAL_HEADER];
    if (fread(header, sizeof(header), 1, wal->file) != 1 || is_zero(header, sizeof(header))) {
        /* A header is synced before the first frame is written. */
        *ret_state = WAL_NONE;
        return ferror(wal->file) ? STORE_IO : STORE_OK;
    }
    if (!header_is_valid(wal, header)) {
        return status_corrupt(path, error, error_room, "the header of %s-wal is wrong", path);
    }
    uint64_t damage = find_damage(wal);
    if (damage) {
        return status_corrupt(path, error, error_room,
                              "frame %llu of %s-wal is wrong and later ones are not",
                              (unsigned long long)damage, path);
    }
    *ret_state = WAL_THERE;
    return ferror(wal->file) ? STORE_IO : STORE_OK;
}

enum store_status
wal_check(const char *path, enum wal_state *ret_state, char *error, size_t error_room)
{
    size_t room = strlen(path) + sizeof("-wal");
    char *wal_path = xmalloc(room);
    snprintf(wal_path, room, "%s-wal", path);
    struct wal wal = {.file = fopen(wal_path, "rbe")};
    enum store_status status = STORE_OK;
    if (wal.file) {
        status = wal_judge(&wal, path, ret_state, error, error_room);
        fclose(wal.file);
    } else {
        *ret_state = WAL_NONE;
        status = errno == ENOENT ? STORE_OK : STORE_IO;
    }
    if (status == STORE_IO) {
        snprintf(error, error_room, "store %s: cannot read: %s; check its owner and rights",
                 wal_path, strerror(errno));
    }
    free(wal_path);
    return status;
}
