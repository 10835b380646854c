/* Strays. */
#include "worker/strays.h"

#include "common/alloc.h"
#include "common/log.h"
#include "worker/proctree.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

void
strays_init(struct strays *strays)
{
    *strays = (struct strays){0};
    struct proctree tree;
    if (!proctree_load(&tree)) {
        return;
    }
    strays->before = xcalloc(tree.n, sizeof *strays->before);
    for (size_t i = 0; i < tree.n; i++) {
        if (tree.processes[i].parent == getpid()) {
            strays->before[strays->n_before++] = tree.processes[i].pid;
        }
    }
    proctree_fini(&tree);
}

void
strays_fini(struct strays *strays)
{
    free(strays->before);
    *strays = (struct strays){0};
}

static bool
was_before(const struct strays *strays, pid_t pid)
{
    for (size_t i = 0; i < strays->n_before; i++) {
        if (strays->before[i] == pid) {
            return true;
        }
    }
    return false;
}

void
strays_kill(struct strays *strays, strays_known_fn *known, const void *context)
{
    struct proctree tree;
    if (!strays->expected || !proctree_load(&tree)) {
        return;
    }
    size_t n = 0;
    for (size_t i = 0; i < tree.n; i++) {
        pid_t pid = tree.processes[i].pid;
        if (tree.processes[i].parent != getpid() || was_before(strays, pid) ||
            known(context, pid)) {
            continue;
        }
        log_event(LOG_LEVEL_WARNING, "process.stray_killed", "pid=%d", (int)pid);
        (void)proctree_signal(pid, SIGKILL);
        kill(pid, SIGKILL);
        n++;
    }
    proctree_fini(&tree);
    /* What dies leaves its own children to us: their look comes when it is reaped. */
    strays->expected = n > 0;
}
