/* The sweep. Normally it finds nothing: a supervisor kills its run when the worker dies. It is for
 * the case that both were killed. */
#include "worker/sweep.h"

#include "common/buf.h"
#include "worker/exec.h"
#include "worker/limits.h"
#include "worker/proctree.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
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

/* A supervisor is at it already, and knows of processes that bear no mark: let it finish. */
static bool
is_supervisor(pid_t pid)
{
    char path[64];
    char name[32] = "";
    snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    ssize_t n = read(fd, name, sizeof name - 1);
    close(fd);
    return n > 0 && strcmp(name, "baton-exec\n") == 0;
}

static size_t
sweep_once(const char *mark, bool hard)
{
    struct proctree tree;
    if (!proctree_load(&tree)) {
        return 0;
    }
    size_t n = 0;
    for (size_t i = 0; i < tree.n; i++) {
        pid_t pid = tree.processes[i].pid;
        if (pid == getpid() || proctree_is_below(&tree, getpid(), pid)) {
            continue;
        }
        struct buf environment = {0};
        read_environ(pid, &environment);
        if (is_marked(&environment, mark)) {
            int signal = !hard && is_supervisor(pid) ? EXEC_SIGNAL_KILL : SIGKILL;
            n += kill(pid, signal) == 0;
        }
        buf_fini(&environment);
    }
    proctree_fini(&tree);
    return n;
}

size_t
sweep_leftovers(const char *run_path)
{
    struct buf mark = {0};
    buf_printf(&mark, "BATON_RESULT_FILE=%s/", run_path);
    size_t most = 0;
    for (int waited_ms = 0; waited_ms <= SWEEP_MS; waited_ms += SWEEP_STEP_MS) {
        size_t n = sweep_once(buf_text(&mark), waited_ms >= SWEEP_MS / 2);
        if (n == 0) {
            break;
        }
        most = MAX(most, n);
        const struct timespec step = {.tv_nsec = SWEEP_STEP_MS * 1000000L};
        nanosleep(&step, NULL);
    }
    buf_fini(&mark);
    return most;
}
