/* Tasks that ended long ago are in no cache; where the parts of one are stands in itself, and which
 * one is behind it in a part. So they are looked at some tasks before they go to the archive, each
 * in two steps while another one goes: its parts come, and then the places of its names and numbers
 * in the indexes. What was looked at is only used for the task that it was; should the list have
 * changed, it is looked at anew. */
#include "broker/core/evolve.h"

static const struct task *
behind(const struct core *core, const struct task *task)
{
    return task->course->ended_next ? task_at(core, task->course->ended_next) : NULL;
}

static struct leaving *
at(struct leaving_run *run, uint32_t i)
{
    return &run->ring[(run->first + i) % LEAVING_AHEAD];
}

struct identity
leaving_take(struct core *core, const struct task *task)
{
    struct leaving_run *run = &core->leaving;
    const struct leaving *first = at(run, 0);
    if (run->n == 0 || first->key != task->key) {
        run->n = 0;
        return identity_of(core, task_project(core, task), task->id);
    }
    run->first++;
    run->n--;
    return first->identity;
}

/* The first step. The task itself is there already. */
static void
fetch_parts(const struct task *task)
{
    enum { LINE = 64 };
    __builtin_prefetch(task->course);
    __builtin_prefetch(task->id);
    __builtin_prefetch(task->id + LINE);
    __builtin_prefetch(task->id + 2 * LINE);
}

const struct task *
leaving_next(struct core *core, const struct task *task)
{
    struct leaving_run *run = &core->leaving;
    const struct task *next = NULL;
    if (run->n == 0) {
        next = behind(core, task);
    } else {
        const struct leaving *last = at(run, run->n - 1);
        const struct task *known = task_at(core, last->slot);
        next = known->key == last->key ? behind(core, known) : NULL;
    }
    if (next) {
        fetch_parts(next);
    }
    return next;
}

/* The second one. The parts are there. */
static void
fetch_places(struct core *core, const struct task *task)
{
    struct leaving_run *run = &core->leaving;
    struct leaving *leaving = at(run, run->n++);
    *leaving = (struct leaving){.key = task->key,
                                .slot = task->slot,
                                .identity = identity_of(core, task_project(core, task), task->id)};
    identity_fetch(core, leaving->identity);
    index64_fetch(&core->by_key, task->key);
    index64_fetch(&core->by_token, task->course->token);
}

void
leaving_look(struct core *core, const struct task *next)
{
    while (next && core->leaving.n < LEAVING_AHEAD) {
        fetch_places(core, next);
        next = behind(core, next);
    }
    if (next) {
        __builtin_prefetch(next);
        __builtin_prefetch((const char *)(next + 1) - 1);
    }
}
