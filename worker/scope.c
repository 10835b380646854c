#include "worker/scope.h"

#include "common/check.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 4096 };

static struct {
    int directory; /* the group that was given to us; -1: none */
    struct scope_limits limits;
} state = {.directory = -1};

/* ---- files of a group ---- */

static bool
put(int directory, const char *name, const char *text)
{
    int fd = openat(directory, name, O_WRONLY | O_CLOEXEC);
    bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0) {
        int error = errno;
        close(fd);
        errno = error;
    }
    return ok;
}

static bool
get(int directory, const char *name, char text[FILE_BYTES_MAX])
{
    int fd = openat(directory, name, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, FILE_BYTES_MAX - 1) : -1;
    if (fd >= 0) {
        close(fd);
    }
    text[n > 0 ? n : 0] = 0;
    return n >= 0;
}

static bool
has_word(const char *text, const char *word)
{
    size_t bytes = strlen(word);
    for (const char *p = text; (p = strstr(p, word)); p += bytes) {
        if ((p == text || p[-1] == ' ') && strchr(" \n", p[bytes])) {
            return true;
        }
    }
    return false;
}

/* ---- the start ---- */

/* Where version 2 is: alone, or beside version 1. NULL: nowhere. */
static const char *
mount_point(void)
{
    static const char *const places[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        struct statfs fs;
        if (statfs(places[i], &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC) {
            return places[i];
        }
    }
    return NULL;
}

/* The group that this process is in, if it is a service's and ours to write. -1: not. */
static int
open_own(void)
{
    char text[FILE_BYTES_MAX];
    const char *mount = mount_point();
    const char *line = NULL;
    if (mount && getenv("INVOCATION_ID") && get(AT_FDCWD, "/proc/self/cgroup", text)) {
        line = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
    }
    if (!line) {
        return -1;
    }
    char *own = strchr(line, '/');
    own[strcspn(own, "\n")] = 0;
    size_t bytes = strlen(own);
    char path[FILE_BYTES_MAX + 64];
    snprintf(path, sizeof path, "%s%s", mount, own);
    if (bytes < 9 || strcmp(own + bytes - 8, ".service") != 0 || access(path, W_OK) != 0) {
        return -1;
    }
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Groups that have groups with controllers below them may hold no process themselves. */
static bool
step_aside(void)
{
    int own = -1;
    if (mkdirat(state.directory, "worker", 0755) == 0 || errno == EEXIST) {
        own = openat(state.directory, "worker", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    bool ok = own >= 0 && put(own, "cgroup.procs", "0");
    if (own >= 0) {
        close(own);
    }
    return ok;
}

static bool
enable(const char *controller)
{
    char text[FILE_BYTES_MAX];
    char order[32];
    snprintf(order, sizeof order, "+%s", controller);
    return get(state.directory, "cgroup.controllers", text) && has_word(text, controller) &&
           put(state.directory, "cgroup.subtree_control", order);
}

enum scope_status
scope_change(const struct scope_limits *limits, const char **ret_lacks)
{
    const struct {
        const char *controller;
        bool wanted;
    } needs[] = {{"memory", limits->memory_bytes > 0},
                 {"pids", limits->tasks > 0},
                 {"cpu", limits->cpu_weight > 0}};
    bool wanted = false;
    for (size_t i = 0; i < ARRAY_LEN(needs); i++) {
        wanted |= needs[i].wanted;
        if (state.directory >= 0 && needs[i].wanted && !enable(needs[i].controller)) {
            *ret_lacks = needs[i].controller;
            return SCOPE_LACKS;
        }
    }
    if (state.directory < 0 && wanted) {
        *ret_lacks = "control groups of version 2 that are given to this worker (as a service of "
                     "systemd, with Delegate=)";
        return SCOPE_LACKS;
    }
    state.limits = *limits;
    return state.directory < 0 ? SCOPE_NONE : SCOPE_READY;
}

enum scope_status
scope_begin(const struct scope_limits *limits, const char **ret_lacks)
{
    state.directory = open_own();
    if (state.directory >= 0 && !step_aside()) {
        close(state.directory);
        state.directory = -1;
    }
    return scope_change(limits, ret_lacks);
}

/* ---- a run ---- */

static void
name_of(uint64_t token, char name[32])
{
    snprintf(name, 32, "run-%" PRIu64, token);
}

static bool
put_number(int directory, const char *name, uint64_t number)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRIu64, number);
    return number == 0 || put(directory, name, text);
}

int
scope_open(uint64_t token)
{
    if (state.directory < 0) {
        return open("/dev/null", O_WRONLY | O_CLOEXEC);
    }
    char name[32];
    name_of(token, name);
    if (mkdirat(state.directory, name, 0755) != 0 && errno != EEXIST) {
        return -1;
    }
    int group = openat(state.directory, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (group < 0) {
        return -1;
    }
    const struct scope_limits *limits = &state.limits;
    /* The run as a whole is over when it is out of memory: half an agent is no use. */
    bool ok = put_number(group, "memory.max", limits->memory_bytes) &&
              put_number(group, "memory.oom.group", limits->memory_bytes > 0) &&
              put_number(group, "pids.max", limits->tasks) &&
              put_number(group, "cpu.weight", limits->cpu_weight);
    int fd = ok ? openat(group, "cgroup.procs", O_WRONLY | O_CLOEXEC) : -1;
    int error = errno;
    close(group);
    errno = error;
    return fd;
}

bool
scope_close(uint64_t token)
{
    char name[32];
    name_of(token, name);
    int group = state.directory >= 0
                    ? openat(state.directory, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                    : -1;
    if (group < 0) {
        return false;
    }
    char text[FILE_BYTES_MAX];
    const char *kills = get(group, "memory.events", text) ? strstr(text, "oom_kill ") : NULL;
    bool out_of_memory = kills && strtoull(kills + strlen("oom_kill "), NULL, 10) > 0;
    /* The supervisor has ended the run already, so this finds nothing, unless it was killed. What
     * is still dying keeps the group until systemd ends the service. */
    (void)put(group, "cgroup.kill", "1");
    close(group);
    (void)unlinkat(state.directory, name, AT_REMOVEDIR);
    return out_of_memory;
}
