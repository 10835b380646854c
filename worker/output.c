/* The two ends of a stream. The ring is addressed by the stream's own position modulo its room, so
 * nothing is ever moved but at its few doublings. */
#include "worker/output.h"

#include "common/alloc.h"
#include "worker/limits.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void
output_init(struct output *output, size_t kept, int file)
{
    *output = (struct output){.kept = kept, .file = file};
}

/* A log that cannot be written (a full disk) must not end the agent: it ends the log. */
static void
file_write(struct output *output, const void *p, size_t bytes)
{
    const char *from = p;
    while (output->file >= 0 && bytes > 0) {
        ssize_t n = write(output->file, from, bytes);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            output->file = -1;
            return;
        }
        from += n;
        bytes -= (size_t)n;
    }
}

static void
ring_grow(struct output *output, size_t wanted)
{
    size_t room = output->room ? output->room : MIN((size_t)4096, output->kept);
    while (room < wanted && room < output->kept) {
        room = MIN(room * 2, output->kept);
    }
    /* Until the room is final nothing has wrapped: total <= room. */
    output->ring = xrealloc(output->ring, room);
    output->room = room;
}

static void
ring_put(struct output *output, const uint8_t *p, size_t bytes, uint64_t position)
{
    if (bytes > output->kept) {
        p += bytes - output->kept;
        position += bytes - output->kept;
        bytes = output->kept;
    }
    size_t at = (size_t)(position % output->room);
    size_t first = MIN(bytes, output->room - at);
    memcpy(output->ring + at, p, first);
    memcpy(output->ring, p + first, bytes - first);
}

void
output_add(struct output *output, const void *p, size_t bytes)
{
    if (bytes == 0) {
        return;
    }
    if (output->filed < output->kept && output->filed == output->total) {
        size_t n = MIN(bytes, output->kept - (size_t)output->filed);
        file_write(output, p, n);
        output->filed += n;
    }
    if (output->room < output->kept && output->total + bytes > output->room) {
        ring_grow(output, (size_t)MIN(output->total + bytes, (uint64_t)output->kept));
    }
    ring_put(output, p, bytes, output->total);
    output->total += bytes;
}

static size_t
ring_bytes(const struct output *output)
{
    return (size_t)MIN(output->total, (uint64_t)output->kept);
}

void
output_tail(const struct output *output, size_t bytes_max, struct buf *buf)
{
    size_t bytes = MIN(ring_bytes(output), bytes_max);
    if (bytes == 0) {
        return;
    }
    size_t at = (size_t)((output->total - bytes) % output->room);
    size_t first = MIN(bytes, output->room - at);
    buf_add(buf, output->ring + at, first);
    buf_add(buf, output->ring, bytes - first);
}

void
output_finish(struct output *output, const char *name)
{
    uint64_t missing = output->total - output->filed;
    if (missing == 0) {
        return;
    }
    struct buf tail = {0};
    output_tail(output, (size_t)MIN(missing, (uint64_t)output->kept), &tail);
    char line[128];
    int n = snprintf(line, sizeof line, "\n[end of %s; %llu bytes before it were left out]\n", name,
                     (unsigned long long)(missing - tail.bytes));
    file_write(output, line, (size_t)n);
    file_write(output, tail.data, tail.bytes);
    output->filed = output->total;
    buf_fini(&tail);
}

int
output_is_whole(const struct output *output)
{
    return output->total <= output->kept;
}

void
output_fini(struct output *output)
{
    free(output->ring);
    *output = (struct output){.file = -1};
}
