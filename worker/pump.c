/* The pipes of a run: the prompt in; output, progress and the supervisor's word out. Nothing here
 * waits, and no agent gets more than its share of a turn. */
#include "worker/slot.h"

#include "common/alloc.h"
#include "worker/clean.h"
#include "worker/exec.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DRAIN_READS_MAX = 64 }; /* a pipe holds 64 KiB, or what an agent made of it */

static void
close_end(int *fd)
{
    close(*fd);
    *fd = -1;
}

/* ---- in ---- */

static void
pump_prompt(struct slot *slot)
{
    while (slot->prompt_sent < slot->prompt_bytes) {
        ssize_t n = write(slot->child.in, slot->prompt + slot->prompt_sent,
                          slot->prompt_bytes - slot->prompt_sent);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && errno == EAGAIN) {
            return;
        }
        if (n <= 0) {
            break; /* it does not read it: its own affair */
        }
        slot->prompt_sent += (size_t)n;
    }
    close_end(&slot->child.in);
}

/* ---- out ---- */

/* Bytes read, 0 for "not now"; the end closes the descriptor. */
static size_t
take(int *fd, void *to, size_t bytes)
{
    ssize_t n;
    do {
        n = read(*fd, to, bytes);
    } while (n < 0 && errno == EINTR);
    if (n == 0 || (n < 0 && errno != EAGAIN)) {
        close_end(fd);
    }
    return n > 0 ? (size_t)n : 0;
}

static size_t
pump_output(struct slot *slot, int *fd, struct output *output)
{
    static uint8_t chunk[READ_BYTES];
    size_t n = take(fd, chunk, sizeof chunk);
    output_add(slot->checking ? &slot->check_output : output, chunk, n);
    slot->flood_bytes += n;
    return n;
}

/* ---- progress: lines "PERCENT TEXT" ---- */

static void
progress_line(struct slot *slot)
{
    struct progress *progress = &slot->progress;
    size_t i = 0;
    uint32_t percent = 0;
    while (i < progress->bytes && i < 3 && progress->line[i] >= '0' && progress->line[i] <= '9') {
        percent = percent * 10 + (uint32_t)(progress->line[i++] - '0');
    }
    bool numbered = i > 0 && (i == progress->bytes || strchr(" %\t", progress->line[i]));
    if (!numbered || percent > 100) {
        return; /* not a line of ours: an agent may use the descriptor by mistake */
    }
    while (i < progress->bytes && strchr(" %\t", progress->line[i])) {
        i++;
    }
    free(progress->text);
    progress->text = clean_head(progress->line + i, progress->bytes - i, TITLE_BYTES_MAX, 1);
    progress->percent = percent;
    progress->pending = true;
}

static void
progress_bytes(struct slot *slot, const char *p, size_t n)
{
    struct progress *progress = &slot->progress;
    for (size_t i = 0; i < n; i++) {
        if (p[i] == '\n') {
            progress_line(slot);
            progress->bytes = 0;
            progress->skipping = false;
        } else if (progress->bytes < sizeof progress->line && !progress->skipping) {
            progress->line[progress->bytes++] = p[i];
        } else {
            progress->skipping = true; /* the line counts by its beginning */
        }
    }
}

static size_t
pump_progress(struct slot *slot)
{
    char chunk[4096];
    size_t n = take(&slot->child.progress, chunk, sizeof chunk);
    progress_bytes(slot, chunk, n);
    return n;
}

void
slot_tell_progress(struct slot *slot)
{
    struct progress *progress = &slot->progress;
    if (!progress->pending || slot->worker->now < progress->next_at) {
        return;
    }
    progress->pending = false;
    progress->next_at = slot->worker->now + PROGRESS_EVERY_MS;
    worker_tell_progress(slot->worker, slot->task->token, progress->percent, progress->text);
}

/* ---- the supervisor's lines ---- */

static void
status_line(struct slot *slot)
{
    char kind = slot->status_line[0];
    int value = atoi(slot->status_line + 1);
    struct ending *ending = slot->checking ? &slot->checked : &slot->agent;
    switch (kind) {
    case 'S':
        slot_event(slot, RUN_EV_STARTED);
        break;
    case 'E':
        ending->exec_errno = value;
        break;
    case 'X':
        ending->have_status = true;
        ending->wait_status = value;
        if (ending->exec_errno == 0) {
            slot_event(slot, RUN_EV_EXITED);
        }
        break;
    default:
        break;
    }
}

static void
pump_status(struct slot *slot)
{
    char chunk[256];
    size_t n = slot->child.status >= 0 ? take(&slot->child.status, chunk, sizeof chunk) : 0;
    for (size_t i = 0; i < n; i++) {
        if (chunk[i] != '\n') {
            if (slot->status_bytes < sizeof slot->status_line - 1) {
                slot->status_line[slot->status_bytes++] = chunk[i];
            }
            continue;
        }
        slot->status_line[slot->status_bytes] = 0;
        slot->status_bytes = 0;
        status_line(slot);
    }
}

/* ---- all ---- */

static bool
may_read(const struct slot *slot)
{
    return slot->flood_bytes < FLOOD_BYTES_PER_TICK ||
           slot->worker->now >= slot->flood_tick + FLOOD_TICK_MS;
}

static size_t
want(struct pollfd *fds, size_t n, int fd, short events)
{
    if (fd >= 0) {
        fds[n++] = (struct pollfd){.fd = fd, .events = events};
    }
    return n;
}

size_t
slot_poll(const struct slot *slot, struct pollfd fds[SLOT_FDS])
{
    size_t n = want(fds, 0, slot->child.status, POLLIN);
    n = want(fds, n, slot->child.in, POLLOUT);
    if (may_read(slot)) {
        n = want(fds, n, slot->child.out, POLLIN);
        n = want(fds, n, slot->child.err, POLLIN);
        n = want(fds, n, slot->child.progress, POLLIN);
    }
    return n;
}

/* One read of each ready pipe, in a fixed order: the supervisor's word last, so that what was
 * written before the end is read before it. */
void
slot_pump(struct slot *slot, const struct pollfd *fds, size_t n)
{
    if (slot->worker->now >= slot->flood_tick + FLOOD_TICK_MS) {
        slot->flood_tick = slot->worker->now;
        slot->flood_bytes = 0;
    }
    bool word = false;
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++) {
        if (!fds[i].revents) {
            continue;
        }
        int fd = fds[i].fd;
        if (fd == slot->child.status) {
            word = true;
        } else if (fd == slot->child.in) {
            pump_prompt(slot);
        } else if (fd == slot->child.out) {
            bytes += pump_output(slot, &slot->child.out, &slot->out);
        } else if (fd == slot->child.err) {
            bytes += pump_output(slot, &slot->child.err, &slot->err);
        } else if (fd == slot->child.progress) {
            bytes += pump_progress(slot);
        }
    }
    if (bytes) {
        slot->alive_at = slot->worker->now;
    }
    if (word) {
        pump_status(slot);
    }
}

void
slot_drain(struct slot *slot)
{
    pump_status(slot);
    for (int i = 0; i < DRAIN_READS_MAX && slot->child.out >= 0; i++) {
        if (pump_output(slot, &slot->child.out, &slot->out) == 0) {
            break;
        }
    }
    for (int i = 0; i < DRAIN_READS_MAX && slot->child.err >= 0; i++) {
        if (pump_output(slot, &slot->child.err, &slot->err) == 0) {
            break;
        }
    }
    if (slot->child.progress >= 0) {
        (void)pump_progress(slot);
    }
    child_close(&slot->child);
}
