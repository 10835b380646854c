/* The write-ahead log, read without SQLite before it reads it.
 *
 * SQLite takes the log as ended at the first frame whose checksum does not hold. That is right for
 * the torn end that a crash leaves, and silent loss when a synced frame rotted. The two can be told
 * apart: each commit is synced before the next one is written, and a frame's checksum goes on from
 * its predecessor's. So a commit frame behind the break that is whole, with a frame behind it that
 * goes on from it, proves that what stands before it was durable.
 *
 * Both must be proved by their checksums. Salts and commit marks are not enough: a torn frame
 * header mixes old bytes with new ones, and a log that was torn in its first transaction is begun
 * again with the same salts, so that a few frames of the former life stand behind those of this
 * one. (https://www.sqlite.org/fileformat2.html, "The Write-Ahead Log".) */
#include "broker/store/private.h"

#include "common/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    WAL_HEADER = 32,
    FRAME_HEADER = WAL_FRAME_HEADER_BYTES,
    FRAME = FRAME_HEADER + STORE_PAGE_BYTES
};

struct sum {
    uint32_t a, b;
};

struct wal {
    FILE *file;
    bool big_endian; /* words of the checksum */
    uint8_t salts[8];
};

static uint32_t
get_big(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static struct sum
sum_add(const struct wal *wal, struct sum sum, const uint8_t *data, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += 8) {
        uint32_t x, y;
        memcpy(&x, data + i, 4);
        memcpy(&y, data + i + 4, 4);
        if (wal->big_endian) {
            x = __builtin_bswap32(x);
            y = __builtin_bswap32(y);
        }
        sum.a += x + sum.b;
        sum.b += y + sum.a;
    }
    return sum;
}

static bool
sum_is_same(struct sum a, struct sum b)
{
    return a.a == b.a && a.b == b.b;
}

static struct sum
sum_stored(const uint8_t *p)
{
    return (struct sum){get_big(p), get_big(p + 4)};
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
    /* Of the checksum's words; ours is a little-endian machine. */
    wal->big_endian = magic & 1;
    memcpy(wal->salts, h + 16, sizeof(wal->salts));
    return sum_is_same(sum_add(wal, (struct sum){0, 0}, h, 24), sum_stored(h + 24));
}

/* The running checksum behind this frame, from the one before it. */
static struct sum
sum_frame(const struct wal *wal, struct sum sum, const uint8_t *frame)
{
    sum = sum_add(wal, sum, frame, 8);
    return sum_add(wal, sum, frame + FRAME_HEADER, STORE_PAGE_BYTES);
}

static bool
has_salts(const struct wal *wal, const uint8_t *frame)
{
    return memcmp(frame + 8, wal->salts, sizeof(wal->salts)) == 0;
}

/* The number of the first frame that is damaged though it was durable; 0: there is none. Also the
 * number of the last frame that SQLite will take. */
static uint64_t
find_damage(struct wal *wal, struct sum header_sum, uint64_t *ret_last)
{
    uint8_t *frame = xmalloc(FRAME);
    uint64_t number = 0;
    uint64_t broken = 0;
    uint64_t damage = 0;
    bool commit_before = false; /* the predecessor is a whole commit frame at or behind the break */
    /* What this frame may go on from: the predecessor's checksum as stored, or, if that is what
     * rotted, as its content says. */
    struct sum stored = header_sum;
    struct sum computed = header_sum;
    while (!damage && fread(frame, FRAME, 1, wal->file) == 1) {
        number++;
        struct sum here = sum_stored(frame + 16);
        struct sum from_stored = sum_frame(wal, stored, frame);
        bool whole = sum_is_same(from_stored, here);
        if (broken && !whole) {
            whole = sum_is_same(sum_frame(wal, computed, frame), here);
        }
        if (!broken && (!whole || !has_salts(wal, frame) || get_big(frame) == 0)) {
            broken = number;
        }
        bool commits = get_big(frame + 4) != 0;
        *ret_last = !broken && commits ? number : *ret_last;
        if (commit_before && whole && has_salts(wal, frame)) {
            damage = broken;
        }
        commit_before = broken && whole && commits;
        stored = here;
        computed = from_stored;
    }
    free(frame);
    return damage;
}

static enum store_status
wal_judge(struct wal *wal, const char *path, struct wal_found *ret, char *error, size_t error_room)
{
    uint8_t header[WAL_HEADER];
    if (fread(header, sizeof(header), 1, wal->file) != 1 || is_zero(header, sizeof(header))) {
        /* A header is synced before the first frame is written. */
        return ferror(wal->file) ? STORE_IO : STORE_OK;
    }
    if (!header_is_valid(wal, header)) {
        return status_corrupt(path, error, error_room, "the header of %s-wal is wrong", path);
    }
    uint64_t damage = find_damage(wal, sum_stored(header + 24), &ret->n_frames);
    if (damage) {
        return status_corrupt(path, error, error_room,
                              "frame %llu of %s-wal is wrong and later ones are not",
                              (unsigned long long)damage, path);
    }
    ret->is_there = true;
    return ferror(wal->file) ? STORE_IO : STORE_OK;
}

enum store_status
wal_check(const char *path, struct wal_found *ret, char *error, size_t error_room)
{
    *ret = (struct wal_found){0};
    size_t room = strlen(path) + sizeof("-wal");
    char *wal_path = xmalloc(room);
    snprintf(wal_path, room, "%s-wal", path);
    struct wal wal = {.file = fopen(wal_path, "rbe")};
    enum store_status status = STORE_OK;
    if (wal.file) {
        status = wal_judge(&wal, path, ret, error, error_room);
        fclose(wal.file);
    } else {
        status = errno == ENOENT ? STORE_OK : STORE_IO;
    }
    if (status == STORE_IO) {
        snprintf(error, error_room, "store %s: cannot read: %s; check its owner and rights",
                 wal_path, strerror(errno));
    }
    free(wal_path);
    return status;
}
