/* What `baton wait` knows of the tasks it waits for. */
#include "ctl/waiting.h"

#include "common/alloc.h"
#include "ctl/ref.h"

#include <stdlib.h>
#include <string.h>

bool
waiting_for_parse(const char *text, struct waiting_for *ret_want)
{
    struct waiting_for want = {.word = text};
    if (strcmp(text, "terminal") == 0) {
        want.terminal = true;
        want.word = "ended as done";
    } else if (strcmp(text, "started") == 0) {
        want.started = true;
    } else {
        const char *name = strncmp(text, "state=", 6) == 0 ? text + 6 : text;
        int state = name == text && strcmp(text, "done") != 0 ? -1 : baton_state_of(name);
        if (state <= 0) {
            return false;
        }
        want.state = (baton_state)state;
        want.word = baton_state_name(want.state);
    }
    *ret_want = want;
    return true;
}

void
waiting_init(struct waiting *waiting, struct waiting_for want, bool any)
{
    *waiting = (struct waiting){.want = want, .any = any};
}

static bool
is_met(const struct waiting_for *want, const struct waited_task *task)
{
    return want->terminal  ? task->state == BATON_DONE
           : want->started ? task->started || task->state == BATON_DONE
                           : task->state == want->state;
}

bool
waiting_missed(const struct waiting *waiting, size_t n)
{
    const struct waited_task *task = &waiting->tasks[n];
    return !task->met && baton_state_is_terminal(task->state);
}

void
waiting_see(struct waiting *waiting, const char *project, const char *id, baton_state state,
            bool started)
{
    size_t n_before = waiting->names.n;
    size_t n = names_add(&waiting->names, project, id);
    if (n >= waiting->room) {
        waiting->room = waiting->room ? waiting->room * 2 : 128;
        waiting->tasks = xreallocarray(waiting->tasks, waiting->room, sizeof *waiting->tasks);
    }
    struct waited_task *task = &waiting->tasks[n];
    if (n == n_before) {
        *task = (struct waited_task){0};
    }
    waiting->n_met -= task->met;
    waiting->n_missed -= waiting_missed(waiting, n);
    /* A passing state that was seen counts even if the task has gone on; an end does not: who
     * retries a task takes its end back. */
    bool keeps = task->met && !baton_state_is_terminal(waiting->want.state) &&
                 !waiting->want.terminal;
    task->state = state;
    task->started = task->started || started;
    task->met = keeps || is_met(&waiting->want, task);
    waiting->n_met += task->met;
    waiting->n_missed += waiting_missed(waiting, n);
}

size_t
waiting_n_pending(const struct waiting *waiting)
{
    return waiting->names.n - waiting->n_met - waiting->n_missed;
}

bool
waiting_is_decided(const struct waiting *waiting)
{
    if (waiting_n_pending(waiting) == 0) {
        return true;
    }
    return waiting->any ? waiting->n_met > 0 : waiting->n_missed > 0 && !waiting->want.terminal;
}

bool
waiting_is_met(const struct waiting *waiting)
{
    if (waiting->any && waiting->names.n > 0) {
        return waiting->n_met > 0;
    }
    return waiting->n_met == waiting->names.n;
}

const char *
waiting_name(const struct waiting *waiting, size_t n, const char *at_hand)
{
    const char *whole = waiting->names.texts[n];
    const char *id = strstr(whole, "//") + 2;
    size_t bytes = (size_t)(id - 2 - whole);
    const char *project = at_hand && at_hand[0] ? at_hand : CTL_DEFAULT_PROJECT;
    return strlen(project) == bytes && memcmp(project, whole, bytes) == 0 ? id : whole;
}

void
waiting_fini(struct waiting *waiting)
{
    names_fini(&waiting->names);
    free(waiting->tasks);
    *waiting = (struct waiting){0};
}
