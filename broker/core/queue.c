/* Ready tasks and the resources they claim: which task runs next.
 *
 * A role has a heap of queues, one a project, each a heap of tasks by order. A task that is first
 * but can't have a resource steps aside into a line of that resource, with others of the same role
 * and need. When the need of a line fits, its first task comes back into the ready queue as the
 * line's scout; the next follows when the scout has gone. So a thousand tasks that wait for one
 * lock cost a release one heap operation, and never stand in the way of those that can run. Ready
 * tasks whose submitter is paused are in a heap of that submitter and nowhere else.
 *
 * Who stands where in here is not persistent and makes no difference to what is picked: the first
 * in order of those that can run. */
#include "broker/core/state.h"

#include "common/alloc.h"
#include "common/path_name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t *
heap_position(const void *core, uint32_t slot)
{
    return &task_at(core, slot)->heap_pos;
}

static const struct heap_class by_order = {.before = order_before, .position = heap_position};

/* ---- a role's heap of queues ---- */

static bool
queue_before(const struct core *core, const struct ready_queue *a, const struct ready_queue *b)
{
    return order_before(core, heap_top(&a->heap), heap_top(&b->heap));
}

static void
role_set(struct role *role, uint32_t i, struct ready_queue *queue)
{
    role->queues[i] = queue;
    queue->pos = i + 1;
}

static void
role_fix(const struct core *core, struct role *role, uint32_t i)
{
    struct ready_queue *queue = role->queues[i];
    while (i > 0 && queue_before(core, queue, role->queues[(i - 1) / 2])) {
        role_set(role, i, role->queues[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    for (;;) {
        uint32_t child = 2 * i + 1;
        if (child >= role->n_queues) {
            break;
        }
        if (child + 1 < role->n_queues &&
            queue_before(core, role->queues[child + 1], role->queues[child])) {
            child++;
        }
        if (!queue_before(core, role->queues[child], queue)) {
            break;
        }
        role_set(role, i, role->queues[child]);
        i = child;
    }
    role_set(role, i, queue);
}

/* The queue's first task may have changed, or it became empty, or its project was paused or
 * resumed. */
static void
role_update(struct core *core, struct ready_queue *queue)
{
    struct role *role = &core->roles[queue->role];
    bool in = queue->heap.n > 0 && !queue_is_stopped(core->projects[queue->project], queue->role);
    if (in && queue->pos && role->n_queues == 1) {
        return;
    }
    if (in && !queue->pos) {
        if (role->n_queues == role->room_queues) {
            role->room_queues = role->room_queues ? role->room_queues * 2 : 8;
            role->queues = xreallocarray(role->queues, role->room_queues, sizeof *role->queues);
        }
        role_set(role, role->n_queues++, queue);
        role_fix(core, role, role->n_queues - 1);
    } else if (!in && queue->pos) {
        uint32_t i = queue->pos - 1;
        queue->pos = 0;
        struct ready_queue *last = role->queues[--role->n_queues];
        if (last != queue) {
            role_set(role, i, last);
            role_fix(core, role, i);
        }
    } else if (in) {
        role_fix(core, role, queue->pos - 1);
    }
}

static struct ready_queue *
queue_of(const struct core *core, const struct task *task)
{
    CHECK(task->role < ROLES_N);
    return &core->projects[task->project]->queues[task->role];
}

/* ---- resources ---- */

static bool
has_room(const struct resource *resource, uint32_t amount, bool shared)
{
    if (resource->is_path) {
        return path_is_unheld(resource, shared);
    }
    if (shared) {
        return resource->used == 0;
    }
    if (resource->n_shared > 0) {
        return false;
    }
    return amount == 0
               ? resource->used == 0
               : amount <= resource->capacity && resource->used <= resource->capacity - amount;
}

static bool
fits(const struct resource *resource, uint32_t amount, bool shared)
{
    return !resource_is_paused(resource) && has_room(resource, amount, shared);
}

/* Only tasks with claims stand in lines. */
static struct line *
line_of_task(const struct task *task)
{
    return task->ext ? task->ext->line : NULL;
}

static void
line_add(struct core *core, struct line *line, struct task *task)
{
    heap_add(&line->heap, &by_order, core, task->slot);
    path_count_waiting(core->resources[line->resource], 1);
    task->ext->line = line;
}

static void
line_remove(struct core *core, struct line *line, struct task *task)
{
    heap_remove(&line->heap, &by_order, core, task->slot);
    path_count_waiting(core->resources[line->resource], -1);
    task->ext->line = NULL;
}

/* Later tasks don't pass the first of a line that waits past its time and does not fit; unless it
 * waits for an operator, who may have paused but a corner of a large path. */
static bool
lines_reserve(const struct core *core, const struct resource *resource, const struct task *task)
{
    bool paused = resource->lines && resource_is_paused(resource);
    for (const struct line *line = resource->lines; line; line = line->next) {
        uint32_t first = heap_top(&line->heap);
        if (first && first != task->slot && !line->scout &&
            !fits(resource, line->amount, line->shared) && !paused &&
            !role_is_stopped(&core->roles[line->role]) &&
            !queue_is_stopped(core->projects[line->project], line->role) &&
            task_at(core, first)->order_at < core->queue_now &&
            order_before(core, first, task->slot)) {
            return true;
        }
    }
    return false;
}

/* Kept for an earlier task that waits for it, or for a path that meets it. When a path fits whole,
 * all below it fits too: only a share can be in the way of who waits there. */
static bool
is_reserved(const struct core *core, const struct resource *resource, bool shared,
            const struct task *task)
{
    for (const struct resource *at = resource; at; at = at->above) {
        if (lines_reserve(core, at, task)) {
            return true;
        }
    }
    if (resource->is_path && shared) {
        for (const struct resource *at = resource; (at = path_next_waiting(resource, at));) {
            if (lines_reserve(core, at, task)) {
                return true;
            }
        }
    }
    return false;
}

struct resource *
queue_obstacle(const struct core *core, const struct task *task, bool *ret_reserved)
{
    const struct task_ext *ext = task->ext;
    for (uint32_t i = 0; ext && i < ext->n_claims; i++) {
        const struct claim *claim = &ext->claims[i];
        struct resource *resource = core->resources[claim->resource];
        if (!fits(resource, claim->amount, claim->shared)) {
            *ret_reserved = false;
            return resource;
        }
        if (is_reserved(core, resource, claim->shared, task)) {
            *ret_reserved = true;
            return resource;
        }
    }
    return NULL;
}

/* "path:a/b" becomes "path:a", the top the whole tree. */
static void
path_name_up(char name[RESOURCE_NAME_ROOM])
{
    char *slash = strrchr(name, '/');
    if (slash) {
        *slash = 0;
    } else {
        strcpy(name, PATH_NAME_ALL);
    }
}

bool
claim_is_free(const struct core *core, const char *name, uint32_t amount, bool shared,
              const struct task *task)
{
    const struct resource *resource = resource_find(core, name);
    if (resource) {
        return fits(resource, amount, shared) && !is_reserved(core, resource, shared, task);
    }
    if (pause_find(core, BATON__PAUSE__SCOPE__LOCK, name)) {
        return false;
    }
    /* Nobody has claimed it: only a directory above it can be in the way. */
    char part[RESOURCE_NAME_ROOM];
    snprintf(part, sizeof part, "%s", name);
    while (path_name_is(name) && strcmp(part, PATH_NAME_ALL) != 0) {
        path_name_up(part);
        const struct resource *at = resource_find(core, part);
        if (pause_find(core, BATON__PAUSE__SCOPE__LOCK, part) ||
            (at && (at->paused || at->n_frozen || at->used || (!shared && at->n_shared) ||
                    lines_reserve(core, at, task)))) {
            return false;
        }
    }
    return true;
}

bool
claim_is_unheld(const struct core *core, const char *name, uint32_t amount, bool shared)
{
    const struct resource *resource = resource_find(core, name);
    char part[RESOURCE_NAME_ROOM];
    snprintf(part, sizeof part, "%s", name);
    /* Nobody has claimed it: only a directory above it can be in the way. */
    while (!resource && path_name_is(part) && strcmp(part, PATH_NAME_ALL) != 0) {
        path_name_up(part);
        resource = resource_find(core, part);
        for (const struct resource *at = resource; at; at = at->above) {
            if (at->used || (!shared && at->n_shared)) {
                return false;
            }
        }
        if (resource) {
            return true;
        }
    }
    return !resource || has_room(resource, amount, shared);
}

/* One holder more (1) or less (-1). */
static void
count_holder(struct core *core, const struct claim *claim, int delta)
{
    struct resource *resource = core->resources[claim->resource];
    uint32_t amount = claim->amount ? claim->amount : WHOLE;
    if (resource->is_path) {
        path_count_holder(resource, claim->shared, delta);
    } else if (claim->shared) {
        CHECK(delta > 0 || resource->n_shared > 0);
        resource->n_shared += (uint32_t)delta;
    } else {
        CHECK(delta > 0 || resource->used >= amount);
        resource->used = delta > 0 ? resource->used + amount : resource->used - amount;
    }
}

void
claims_count(struct core *core, const struct claim *claims, uint32_t n_claims, int delta)
{
    for (uint32_t i = 0; i < n_claims; i++) {
        count_holder(core, &claims[i], delta);
    }
}

void
resource_take(struct core *core, const struct claim *claims, uint32_t n_claims)
{
    claims_count(core, claims, n_claims, 1);
    /* What was reserved for these may be free for others now; not what was taken whole. */
    for (uint32_t i = 0; i < n_claims; i++) {
        struct resource *resource = core->resources[claims[i].resource];
        if (!resource->is_path || claims[i].shared) {
            resource_wake(core, resource);
        }
    }
}

void
resource_give_back(struct core *core, const struct claim *claims, uint32_t n_claims)
{
    claims_count(core, claims, n_claims, -1);
    for (uint32_t i = 0; i < n_claims; i++) {
        resource_wake(core, core->resources[claims[i].resource]);
    }
}

static struct line *
line_of(struct resource *resource, const struct task *task, const struct claim *claim)
{
    struct line *line = resource->lines;
    while (line && (line->role != task->role || line->project != task->project ||
                    line->amount != claim->amount || line->shared != claim->shared)) {
        line = line->next;
    }
    if (!line) {
        line = xcalloc(1, sizeof *line);
        *line = (struct line){.next = resource->lines,
                              .resource = resource->number,
                              .amount = claim->amount,
                              .shared = claim->shared,
                              .project = task->project,
                              .role = task->role};
        resource->lines = line;
    }
    return line;
}

static void
ready_add(struct core *core, struct task *task)
{
    struct ready_queue *queue = queue_of(core, task);
    heap_add(&queue->heap, &by_order, core, task->slot);
    role_update(core, queue);
}

static void
ready_remove(struct core *core, struct task *task)
{
    struct ready_queue *queue = queue_of(core, task);
    heap_remove(&queue->heap, &by_order, core, task->slot);
    role_update(core, queue);
}

/* The first of each line that has room now goes back into the ready queue. */
static void
wake_lines(struct core *core, struct resource *resource)
{
    for (struct line *line = resource->lines; line; line = line->next) {
        uint32_t first = heap_top(&line->heap);
        if (!first || line->scout || !fits(resource, line->amount, line->shared) ||
            is_reserved(core, resource, line->shared, task_at(core, first))) {
            continue;
        }
        struct task *task = task_at(core, first);
        line_remove(core, line, task);
        task->ext->scout_line = line;
        line->scout = first;
        ready_add(core, task);
    }
}

/* Some line of it may have reserved it a moment ago and does not now. */
static bool
has_ceded(const struct resource *resource)
{
    if (resource->lines && resource_is_paused(resource)) {
        return true;
    }
    for (const struct line *line = resource->lines; line; line = line->next) {
        if (heap_top(&line->heap) && fits(resource, line->amount, line->shared)) {
            return true;
        }
    }
    return false;
}

void
resource_wake(struct core *core, struct resource *resource)
{
    struct resource *top = resource;
    /* Who waits for a directory and now has room, or is paused, reserves nothing below it. */
    for (struct resource *at = resource->above; at; at = at->above) {
        top = has_ceded(at) ? at : top;
    }
    struct resource *at = resource->is_path ? path_next_waiting(top, top) : NULL;
    while (at) {
        struct resource *next = path_next_waiting(top, at); /* before its last one leaves */
        wake_lines(core, at);
        at = next;
    }
    for (at = top; at; at = at->above) {
        wake_lines(core, at);
    }
}

void
resource_set_paused(struct core *core, struct resource *resource, bool paused)
{
    if (resource->paused != paused) {
        resource->paused = paused;
        path_count_pause(resource, paused ? 1 : -1);
        resource_wake(core, resource);
    }
}

bool
resource_is_paused(const struct resource *resource)
{
    for (const struct resource *at = resource; at; at = at->above) {
        if (at->paused || at->n_frozen) {
            return true;
        }
    }
    return resource->paused_below > 0;
}

void
resource_wake_all(struct core *core)
{
    for (uint32_t i = 1; i < core->n_resources; i++) {
        if (core->resources[i]) {
            wake_lines(core, core->resources[i]);
        }
    }
}

/* The task leaves the ready queue: if it was a scout, the next of its line may come. */
static void
scout_end(struct core *core, struct task *task)
{
    struct line *line = task->ext ? task->ext->scout_line : NULL;
    if (line) {
        line->scout = 0;
        task->ext->scout_line = NULL;
        resource_wake(core, core->resources[line->resource]);
    }
}

/* A scout is the first of its line: one that is no longer goes back, and the line chooses again. */
static void
line_check(struct core *core, struct line *line)
{
    uint32_t first = heap_top(&line->heap);
    if (line->scout && first && order_before(core, first, line->scout)) {
        struct task *scout = task_at(core, line->scout);
        ready_remove(core, scout);
        line_add(core, line, scout);
        scout->ext->scout_line = NULL;
        line->scout = 0;
        resource_wake(core, core->resources[line->resource]);
    }
}

static void
step_aside(struct core *core, struct task *task, struct resource *resource)
{
    const struct claim *claim = task->ext->claims;
    while (claim->resource != resource->number) {
        claim++;
    }
    struct line *line = line_of(resource, task, claim);
    ready_remove(core, task);
    line_add(core, line, task);
    scout_end(core, task);
    line_check(core, line);
}

void
resource_unclaim(struct core *core, const struct claim *claims, uint32_t n_claims)
{
    for (uint32_t i = 0; i < n_claims; i++) {
        struct resource *resource = core->resources[claims[i].resource];
        CHECK(resource->n_claims > 0);
        resource->n_claims--;
        resource_forget_if_unused(core, resource);
    }
}

/* ---- the queue ---- */

bool
queue_is_held_back(const struct core *core, const struct task *task)
{
    return task->actor && core->actors[task->actor]->paused;
}

static struct heap *
held_of(const struct core *core, const struct task *task)
{
    return &core->actors[task->actor]->held;
}

void
queue_enter(struct core *core, struct task *task)
{
    if (queue_is_held_back(core, task)) {
        heap_add(held_of(core, task), &by_order, core, task->slot);
    } else {
        ready_add(core, task);
    }
}

void
queue_leave(struct core *core, struct task *task)
{
    if (queue_is_held_back(core, task)) {
        heap_remove(held_of(core, task), &by_order, core, task->slot);
    } else if (line_of_task(task)) {
        struct line *line = line_of_task(task);
        line_remove(core, line, task);
        resource_wake(core,
                      core->resources[line->resource]); /* it may have been reserved for this one */
    } else {
        ready_remove(core, task);
        scout_end(core, task);
    }
}

void
queue_fix(struct core *core, struct task *task)
{
    if (!task->heap_pos) {
        return;
    }
    if (queue_is_held_back(core, task)) {
        heap_fix(held_of(core, task), &by_order, core, task->slot);
        return;
    }
    struct line *line = line_of_task(task);
    if (line) {
        struct resource *resource = core->resources[line->resource];
        heap_fix(&line->heap, &by_order, core, task->slot);
        line_check(core, line);
        resource_wake(core, resource); /* it may have been reserved for one that is later now */
        return;
    }
    struct ready_queue *queue = queue_of(core, task);
    heap_fix(&queue->heap, &by_order, core, task->slot);
    role_update(core, queue);
    if (task->ext && task->ext->scout_line) {
        line_check(core, task->ext->scout_line);
    }
}

/* … of these projects. */
static struct ready_queue *
first_of(const struct core *core, uint32_t role, const uint32_t *projects, size_t n_projects)
{
    struct ready_queue *best = NULL;
    for (size_t i = 0; i < n_projects; i++) {
        struct ready_queue *queue = projects[i] ? &core->projects[projects[i]]->queues[role] : NULL;
        if (queue && queue->pos && (!best || queue_before(core, queue, best))) {
            best = queue;
        }
    }
    return best;
}

static struct ready_queue *
first_queue(const struct core *core, uint32_t roles, const uint32_t *projects, size_t n_projects)
{
    struct ready_queue *best = NULL;
    for (uint32_t r = 0; r < ROLES_N; r++) {
        const struct role *role = &core->roles[r];
        if (role->n_queues == 0 || !(roles & 1u << r) || role_is_stopped(role)) {
            continue;
        }
        struct ready_queue *queue = projects ? first_of(core, r, projects, n_projects)
                                             : role->queues[0];
        if (queue && (!best || queue_before(core, queue, best))) {
            best = queue;
        }
    }
    return best;
}

struct task *
queue_pick(struct core *core, uint32_t roles, const uint32_t *projects, size_t n_projects,
           int64_t now)
{
    core->queue_now = now;
    struct ready_queue *queue;
    while ((queue = first_queue(core, roles, projects, n_projects)) != NULL) {
        struct task *task = task_at(core, heap_top(&queue->heap));
        bool reserved;
        struct resource *obstacle = queue_obstacle(core, task, &reserved);
        if (!obstacle) {
            return task;
        }
        step_aside(core, task, obstacle);
    }
    return NULL;
}

void
queue_pause_project(struct core *core, struct project *project, bool paused)
{
    project->paused = paused;
    for (int r = 0; r < ROLES_N; r++) {
        role_update(core, &project->queues[r]);
    }
}

void
queue_pause_actor(struct core *core, struct actor *actor, bool paused)
{
    if (!paused) {
        actor->paused = false;
        while (actor->held.n) {
            struct task *task = task_at(core, heap_top(&actor->held));
            heap_remove(&actor->held, &by_order, core, task->slot);
            ready_add(core, task);
        }
        return;
    }
    if (actor->paused) {
        return;
    }
    uint32_t left = actor->n_tasks;
    for (uint32_t slot = core->first; slot && left; slot = task_at(core, slot)->next) {
        struct task *task = task_at(core, slot);
        if (task->actor != actor->number) {
            continue;
        }
        left--;
        if (task->state == READY) {
            queue_leave(core, task);
            heap_add(&actor->held, &by_order, core, slot);
        }
    }
    actor->paused = true;
}

bool
core_has_ready(const struct core *core, uint32_t roles)
{
    if (core->broker_paused) {
        return false;
    }
    for (uint32_t r = 0; r < ROLES_N; r++) {
        if ((roles & 1u << r) && !role_is_stopped(&core->roles[r]) && core->roles[r].n_queues > 0) {
            return true;
        }
    }
    return false;
}

void
core_set_capacity(struct core *core, int role, uint32_t workers, uint32_t slots, uint32_t credit)
{
    CHECK(role >= 0 && role < ROLES_N);
    core->roles[role].workers = workers;
    core->roles[role].slots = slots;
    core->roles[role].credit = credit;
}
