/* The sweep. Normally it finds nothing: a supervisor kills its run when the worker dies. It is for
 * the case that both were killed. */
#include "worker/sweep.h"

#include "common/buf.h"
#include "worker/limits.h"
#include "worker/proctree.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { ENVIRON_READ_MAX = 4 * 1024 * 1024 };

static void
read_environ(pid_t pid, struct buf *content)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return; /* not ours, or gone */
    }
    while (content->bytes < ENVIRON_READ_MAX) {
        ssize_t n = read(fd, buf_reserve(content, READ_BYTES), READ_BYTES);
        if (n <= 0) {
            break;
        }
        content->bytes += (size_t)n;
    }
    close(fd);
}

static bool
is_marked(const struct buf *environment, const char *mark)
{
    size_t bytes = strlen(mark);
    const char *data = (const char *)environment->data;
    for (size_t i = 0; i < environment->bytes;) {
        size_t left = environment->bytes - i;
        if (left >= bytes && memcmp(data + i, mark, bytes) == 0) {
            return true;
        }
        i += strnlen(data + i, left) + 1;
    }
    return false;
}

size_t
sweep_leftovers(const char *run_path)
{
    struct proctree tree;
    if (!proctree_load(&tree)) {
        return 0;
    }
    struct buf mark = {0};
    buf_printf(&mark, "BATON_RESULT_FILE=%s/", run_path);
    size_t n = 0;
    for (size_t i = 0; i < tree.n; i++) {
        pid_t pid = tree.processes[i].pid;
        if (pid == getpid() || proctree_is_below(&tree, getpid(), pid)) {
            continue;
        }
        struct buf environment = {0};
        read_environ(pid, &environment);
        if (is_marked(&environment, buf_text(&mark)) && kill(pid, SIGKILL) == 0) {
            n++;
        }
        buf_fini(&environment);
    }
    buf_fini(&mark);
    proctree_fini(&tree);
    return n;
}
