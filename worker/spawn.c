/* posix_spawn of the helper, and the pipes. */
#include "worker/spawn.h"

#include "common/alloc.h"
#include "common/check.h"
#include "worker/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { PIPES = 5, CHILD_FD_MIN = 10 };

static rlim_t nofile_before;

/* Both ends, ours [0] and the child's [1], the latter above every number that it is moved to. */
struct ends {
    int ours;
    int theirs;
};

static int
make_pipe(bool we_write, struct ends *ret_ends)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC)) {
        return errno;
    }
    int ours = we_write ? fds[1] : fds[0];
    int theirs = we_write ? fds[0] : fds[1];
    int moved = fcntl(theirs, F_DUPFD_CLOEXEC, CHILD_FD_MIN);
    int error = moved < 0 ? errno : 0;
    close(theirs);
    if (!error && fcntl(ours, F_SETFL, O_NONBLOCK) < 0) {
        error = errno;
        close(moved);
    }
    if (error) {
        close(ours);
        return error;
    }
    *ret_ends = (struct ends){.ours = ours, .theirs = moved};
    return 0;
}

static int
open_null(bool for_reading, struct ends *ret_ends)
{
    int fd = open("/dev/null", (for_reading ? O_RDONLY : O_WRONLY) | O_CLOEXEC);
    if (fd < 0) {
        return errno;
    }
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, CHILD_FD_MIN);
    int error = moved < 0 ? errno : 0;
    close(fd);
    *ret_ends = (struct ends){.ours = -1, .theirs = moved};
    return error;
}

static void
ends_close(struct ends *ends, bool ours_too)
{
    for (int i = 0; i < PIPES; i++) {
        if (ours_too && ends[i].ours >= 0) {
            close(ends[i].ours);
        }
        if (ends[i].theirs >= 0) {
            close(ends[i].theirs);
        }
    }
}

static const int numbers[PIPES] = {0, 1, 2, EXEC_FD_PROGRESS, EXEC_FD_STATUS};

static int
ends_open(bool quiet, struct ends *ends)
{
    for (int i = 0; i < PIPES; i++) {
        ends[i] = (struct ends){-1, -1};
    }
    for (int i = 0; i < PIPES; i++) {
        bool null = quiet && (numbers[i] == 0 || numbers[i] == EXEC_FD_PROGRESS);
        int error = null ? open_null(numbers[i] == 0, &ends[i])
                         : make_pipe(numbers[i] == 0, &ends[i]);
        if (error) {
            ends_close(ends, true);
            return error;
        }
    }
    return 0;
}

const char *
spawn_tools(void)
{
    static char self[PATH_MAX];
    if (!self[0]) {
        ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
        char *slash = n > 0 ? memrchr(self, '/', (size_t)n) : NULL;
        if (!slash) {
            return NULL;
        }
        *slash = 0;
    }
    return self;
}

static const char *
find_helper(char *path, size_t room)
{
    static const char *const places[] = {"baton-exec", "../libexec/baton/baton-exec"};
    const char *directory = spawn_tools();
    for (size_t i = 0; directory && i < ARRAY_LEN(places); i++) {
        int n = snprintf(path, room, "%s/%s", directory, places[i]);
        if (n > 0 && (size_t)n < room && access(path, X_OK) == 0) {
            return path;
        }
    }
    snprintf(path, room, "%s", BATON_LIBEXEC_DIR "/baton-exec");
    return access(path, X_OK) == 0 ? path : NULL;
}

const char *
spawn_helper(void)
{
    static char path[PATH_MAX];
    static const char *found;
    if (!found) {
        found = find_helper(path, sizeof path);
    }
    return found;
}

static char **
helper_argv(char *const *argv)
{
    size_t n = 0;
    while (argv[n]) {
        n++;
    }
    char **all = xcalloc(n + 4, sizeof *all);
    char number[32];
    all[0] = xstrdup("baton-exec");
    snprintf(number, sizeof number, "%d", (int)getpid());
    all[1] = xstrdup(number);
    snprintf(number, sizeof number, "%llu", (unsigned long long)nofile_before);
    all[2] = xstrdup(number);
    for (size_t i = 0; i < n; i++) {
        all[3 + i] = argv[i];
    }
    return all;
}

static void
helper_argv_free(char **all)
{
    for (int i = 0; i < 3; i++) {
        free(all[i]);
    }
    free(all);
}

static int
spawn_with(const struct spawn *what, const struct ends *ends, const int extra[2], pid_t *ret_pid)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    int error = 0;
    for (int i = 0; i < PIPES && !error; i++) {
        error = posix_spawn_file_actions_adddup2(&files, ends[i].theirs, numbers[i]);
    }
    if (!error) {
        error = posix_spawn_file_actions_adddup2(&files, extra[0], EXEC_FD_WORKDIR);
    }
    if (!error) {
        error = posix_spawn_file_actions_adddup2(&files, extra[1], EXEC_FD_SCOPE);
    }
    if (!error) {
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawnattr_setsigdefault(&attributes, &all);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK |
                                                  POSIX_SPAWN_SETSIGDEF);
        char **argv = helper_argv(what->argv);
        error = posix_spawn(ret_pid, spawn_helper(), &files, &attributes, argv, what->environ);
        helper_argv_free(argv);
    }
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return error;
}

int
spawn_child(const struct spawn *what, struct child *ret_child)
{
    if (!spawn_helper()) {
        return ENOENT;
    }
    struct ends ends[PIPES];
    int error = ends_open(what->quiet, ends);
    if (error) {
        return error;
    }
    const int given[] = {what->workdir, what->scope};
    int extra[] = {-1, -1};
    pid_t pid = 0;
    for (size_t i = 0; i < ARRAY_LEN(extra) && !error; i++) {
        extra[i] = fcntl(given[i], F_DUPFD_CLOEXEC, CHILD_FD_MIN);
        error = extra[i] < 0 ? errno : 0;
    }
    error = error ? error : spawn_with(what, ends, extra, &pid);
    for (size_t i = 0; i < ARRAY_LEN(extra); i++) {
        if (extra[i] >= 0) {
            close(extra[i]);
        }
    }
    ends_close(ends, error != 0);
    if (error) {
        return error;
    }
    *ret_child = (struct child){.pid = pid,
                                .in = ends[0].ours,
                                .out = ends[1].ours,
                                .err = ends[2].ours,
                                .progress = ends[3].ours,
                                .status = ends[4].ours};
    return 0;
}

void
child_close(struct child *child)
{
    int *const fds[] = {&child->in, &child->out, &child->err, &child->progress, &child->status};
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        if (*fds[i] >= 0) {
            close(*fds[i]);
        }
        *fds[i] = -1;
    }
}

bool
spawn_reserve_descriptors(void)
{
    for (;;) {
        int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (fd < 0) {
            return false;
        }
        if (fd > EXEC_FD_LAST) {
            close(fd);
            return true;
        }
    }
}

uint64_t
spawn_raise_files(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0) {
        return UINT64_MAX;
    }
    nofile_before = files.rlim_cur;
    files.rlim_cur = files.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &files) == 0 ? files.rlim_cur : nofile_before;
}
