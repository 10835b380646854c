/* Control groups of runs, with the kernel's own: skipped where version 2 is not mounted or this is
 * not root. */
#include "worker/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char group[128]; /* what systemd would have given */

static const char *
mount_point(void)
{
    static const char *const places[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
    for (size_t i = 0; i < 2; i++) {
        struct statfs fs;
        if (statfs(places[i], &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC) {
            return places[i];
        }
    }
    return NULL;
}

static void
write_file(const char *name, const char *text)
{
    char path[192];
    snprintf(path, sizeof path, "%s/%s", group, name);
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static const char *
read_file(const char *path)
{
    static char text[4096];
    int fd = open(path, O_RDONLY);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    text[n > 0 ? n : 0] = 0;
    close(fd);
    return text;
}

/* In a child, for it moves into the group. Its exit status is the line that failed. */
static int
in_a_service(int (*act)(void))
{
    pid_t pid = fork();
    if (pid == 0) {
        write_file("cgroup.procs", "0");
        setenv("INVOCATION_ID", "x", 1);
        _exit(act());
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

#define NEED(expr)                                                                                 \
    if (!(expr)) {                                                                                 \
        return __LINE__ % 250 + 1;                                                                 \
    }

static int
runs_in_its_own(void)
{
    const char *lacks;
    NEED(scope_begin(&(struct scope_limits){0}, &lacks) == SCOPE_READY);
    NEED(strstr(read_file("/proc/self/cgroup"), ".service/worker\n"));
    int fd = scope_open(42);
    NEED(fd >= 0);
    int ends[2];
    NEED(pipe(ends) == 0);
    pid_t agent = fork();
    if (agent == 0) {
        char yes = write(fd, "0", 1) == 1 &&
                   strstr(read_file("/proc/self/cgroup"), ".service/run-42\n") != NULL;
        (void)!write(ends[1], &yes, 1);
        pause();
        _exit(0);
    }
    close(fd);
    char yes = 0;
    NEED(read(ends[0], &yes, 1) == 1 && yes);
    NEED(!scope_close(42));
    int status;
    NEED(waitpid(agent, &status, 0) == agent);
    NEED(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    (void)scope_close(42); /* once it is reaped, the group goes */
    char path[192];
    snprintf(path, sizeof path, "%s/run-42", group);
    NEED(access(path, F_OK) != 0);
    return 0;
}

static int
limits_are_held_or_refused(void)
{
    char path[192];
    snprintf(path, sizeof path, "%s/cgroup.controllers", group);
    bool there = strstr(read_file(path), "pids") != NULL;
    const char *lacks = "";
    enum scope_status status = scope_begin(&(struct scope_limits){.tasks = 7}, &lacks);
    if (!there) {
        NEED(status == SCOPE_LACKS && strcmp(lacks, "pids") == 0);
        return 0;
    }
    NEED(status == SCOPE_READY);
    int fd = scope_open(7);
    NEED(fd >= 0);
    snprintf(path, sizeof path, "%s/run-7/pids.max", group);
    NEED(strcmp(read_file(path), "7\n") == 0);
    (void)scope_close(7);
    return 0;
}

static int
nobody_gave_us_any(void)
{
    unsetenv("INVOCATION_ID");
    const char *lacks = NULL;
    NEED(scope_begin(&(struct scope_limits){0}, &lacks) == SCOPE_NONE);
    int fd = scope_open(1);
    NEED(fd >= 0 && write(fd, "0", 1) == 1);
    NEED(!scope_close(1));
    NEED(scope_begin(&(struct scope_limits){.memory_bytes = 1}, &lacks) == SCOPE_LACKS && lacks);
    return 0;
}

static int
set_up(void **context)
{
    (void)context;
    const char *mount = mount_point();
    if (!mount || geteuid() != 0) {
        puts("SKIPPED: no control groups of version 2 to write");
        return 0;
    }
    snprintf(group, sizeof group, "%s/baton-test-%d.service", mount, (int)getpid());
    if (mkdir(group, 0755) != 0) {
        printf("SKIPPED: %s can't be made: %s\n", group, strerror(errno));
        group[0] = 0;
    }
    return 0;
}

static int
tear_down(void **context)
{
    (void)context;
    static const char *const below[] = {"/worker", "/run-42", "/run-7", ""};
    for (size_t i = 0; group[0] && i < 4; i++) {
        char path[192];
        snprintf(path, sizeof path, "%s%s", group, below[i]);
        rmdir(path);
    }
    return 0;
}

static void
a_run_has_a_group_of_its_own(void **context)
{
    (void)context;
    if (!group[0]) {
        skip();
    }
    assert_int_equal(in_a_service(runs_in_its_own), 0);
}

static void
limits(void **context)
{
    (void)context;
    if (!group[0]) {
        skip();
    }
    assert_int_equal(in_a_service(limits_are_held_or_refused), 0);
}

static void
none(void **context)
{
    (void)context;
    if (!group[0]) {
        skip();
    }
    assert_int_equal(in_a_service(nobody_gave_us_any), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_has_a_group_of_its_own),
        cmocka_unit_test(limits),
        cmocka_unit_test(none),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
