/* Resources that are paths: a tree by directories, in which each path counts who holds something
 * below it. So what meets a path is found by walking up, and never by looking at all other locks. A
 * directory that only others lie in is in the tree too, without claims of its own.
 *
 * A task that waits for a path stands in that path's own lines (queue.c). For the way down, each
 * directory lists those of its children at or below which tasks wait. */
#include "broker/core/state.h"

bool
path_is_unheld(const struct resource *path, bool shared)
{
    if (path->whole_below || (!shared && path->shared_below)) {
        return false;
    }
    for (const struct resource *at = path; at; at = at->above) {
        if (at->used || (!shared && at->n_shared)) {
            return false;
        }
    }
    return true;
}

static void
count(uint32_t *counter, int delta)
{
    CHECK(delta > 0 || *counter > 0);
    *counter += (uint32_t)delta;
}

void
path_count_holder(struct resource *path, bool shared, int delta)
{
    count(shared ? &path->n_shared : &path->used, delta);
    for (struct resource *at = path->above; at; at = at->above) {
        count(shared ? &at->shared_below : &at->whole_below, delta);
    }
}

void
path_count_pause(struct resource *path, int delta)
{
    for (struct resource *at = path->above; at; at = at->above) {
        count(&at->paused_below, delta);
    }
}

static void
list_enter(struct resource *above, struct resource *path)
{
    path->prev_waiting = NULL;
    path->next_waiting = above->waiting;
    if (above->waiting) {
        above->waiting->prev_waiting = path;
    }
    above->waiting = path;
}

static void
list_leave(struct resource *above, struct resource *path)
{
    *(path->prev_waiting ? &path->prev_waiting->next_waiting
                         : &above->waiting) = path->next_waiting;
    if (path->next_waiting) {
        path->next_waiting->prev_waiting = path->prev_waiting;
    }
    path->next_waiting = path->prev_waiting = NULL;
}

void
path_count_waiting(struct resource *path, int delta)
{
    for (struct resource *at = path; at; at = at->above) {
        count(&at->n_waiting, delta);
        if (at->above && delta > 0 && at->n_waiting == 1) {
            list_enter(at->above, at);
        } else if (at->above && at->n_waiting == 0) {
            list_leave(at->above, at);
        }
    }
}

struct resource *
path_next_waiting(const struct resource *top, const struct resource *at)
{
    if (at->waiting) {
        return at->waiting;
    }
    for (; at != top; at = at->above) {
        if (at->next_waiting) {
            return at->next_waiting;
        }
    }
    return NULL;
}
