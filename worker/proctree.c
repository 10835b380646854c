/* /proc/PID/stat of every process, once. No allocation library here: baton-exec links this. */
#include "worker/proctree.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PROCESSES_MAX = 4 * 1024 * 1024 /* the kernel's own largest pid */ };

/* The parent's number stands behind the name, which is in parentheses and may hold anything. */
static pid_t
parent_of(int proc, const char *pid)
{
    char path[64];
    char line[512];
    snprintf(path, sizeof path, "%.20s/stat", pid);
    int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    ssize_t n = read(fd, line, sizeof line - 1);
    close(fd);
    if (n <= 0) {
        return -1;
    }
    line[n] = 0;
    const char *end = strrchr(line, ')');
    char state;
    int parent;
    if (!end || sscanf(end + 1, " %c %d", &state, &parent) != 2) {
        return -1;
    }
    return parent;
}

static bool
add(struct proctree *tree, size_t *room, pid_t pid, pid_t parent)
{
    if (tree->n == *room) {
        size_t more = *room ? *room * 2 : 512;
        struct proctree_process *grown = realloc(tree->processes, more * sizeof *tree->processes);
        if (!grown || more > PROCESSES_MAX) {
            return false;
        }
        tree->processes = grown;
        *room = more;
    }
    tree->processes[tree->n++] = (struct proctree_process){.pid = pid, .parent = parent};
    return true;
}

static int
by_pid(const void *a, const void *b)
{
    const struct proctree_process *x = a;
    const struct proctree_process *y = b;
    return (x->pid > y->pid) - (x->pid < y->pid);
}

bool
proctree_load(struct proctree *ret_tree)
{
    DIR *proc = opendir("/proc");
    if (!proc) {
        return false;
    }
    struct proctree tree = {0};
    size_t room = 0;
    for (struct dirent *entry; (entry = readdir(proc));) {
        if (entry->d_name[0] < '1' || entry->d_name[0] > '9') {
            continue;
        }
        pid_t parent = parent_of(dirfd(proc), entry->d_name);
        if (parent >= 0 && !add(&tree, &room, (pid_t)atoi(entry->d_name), parent)) {
            break;
        }
    }
    closedir(proc);
    if (tree.n) {
        qsort(tree.processes, tree.n, sizeof *tree.processes, by_pid);
    }
    *ret_tree = tree;
    return true;
}

void
proctree_fini(struct proctree *tree)
{
    free(tree->processes);
    *tree = (struct proctree){0};
}

bool
proctree_is_below(const struct proctree *tree, pid_t pid, pid_t root)
{
    /* The picture is not of one moment, so it may hold a loop: no more steps than processes. */
    for (size_t steps = 0; steps < tree->n && pid > 1; steps++) {
        struct proctree_process key = {.pid = pid};
        const struct proctree_process *found =
            tree->n ? bsearch(&key, tree->processes, tree->n, sizeof key, by_pid) : NULL;
        if (!found) {
            return false;
        }
        if (found->parent == root) {
            return true;
        }
        pid = found->parent;
    }
    return false;
}

size_t
proctree_signal(pid_t root, int signal)
{
    struct proctree tree;
    size_t n = 0;
    if (!proctree_load(&tree)) {
        return 0;
    }
    for (size_t i = 0; i < tree.n; i++) {
        if (proctree_is_below(&tree, tree.processes[i].pid, root)) {
            kill(tree.processes[i].pid, signal);
            n++;
        }
    }
    proctree_fini(&tree);
    return n;
}
