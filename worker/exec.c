/* baton-exec: the supervisor of one run, between the worker and the agent. Not for people.
 *
 *   baton-exec WORKER_PID NOFILE COMMAND [ARG…]
 *
 * It executes the command as leader of a session of its own and is the reaper of everything that
 * the command starts, whatever session or group that moves to: so "all processes of this run" is
 * "all below me", and none can get out. It ends when none is left. When the worker dies it kills
 * them all. It has one thread and no sockets, so that it may fork.
 *
 * The worker could not do this itself: one reaper for many runs cannot tell whose orphan it got.
 */
#include "worker/exec.h"

#include "worker/proctree.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STATUS_BAD_CALL = 64, STATUS_TROUBLE = 71 };

static pid_t agent; /* the main process; 0 once it is reaped */

static void
tell(char kind, int value)
{
    char line[EXEC_STATUS_LINE_MAX];
    int n = snprintf(line, sizeof line, "%c %d\n", kind, value);
    /* The worker may be gone; then the next signal is the order to kill. */
    if (write(EXEC_FD_STATUS, line, (size_t)n) < 0) {
        return;
    }
}

static void
reset_signals(void)
{
    for (int signal = 1; signal < NSIG; signal++) {
        struct sigaction standard = {.sa_handler = SIG_DFL};
        (void)sigaction(signal, &standard, NULL);
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void
set_limits(rlim_t nofile)
{
    /* A dump of an agent holds its secrets and fills the disk. */
    struct rlimit core = {0};
    (void)setrlimit(RLIMIT_CORE, &core);
    struct rlimit files;
    if (nofile > 0 && getrlimit(RLIMIT_NOFILE, &files) == 0 && nofile < files.rlim_cur) {
        files.rlim_cur = nofile;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
}

/* In the child. Only comes back by an errno on `failure`. */
static _Noreturn void
become_agent(pid_t supervisor, rlim_t nofile, int failure, char **argv)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != supervisor) {
        _exit(STATUS_TROUBLE);
    }
    setsid();
    set_limits(nofile);
    reset_signals();
    if (write(EXEC_FD_SCOPE, "0", 1) == 1 && fchdir(EXEC_FD_WORKDIR) == 0) {
        (void)close_range(EXEC_FD_WORKDIR, ~0U, CLOSE_RANGE_CLOEXEC);
        execvp(argv[0], argv);
    }
    int error = errno;
    if (write(failure, &error, sizeof error) < 0) {
        _exit(126);
    }
    _exit(error == ENOENT ? 127 : 126);
}

/* 0: the program runs. Otherwise the errno of why not. */
static int
start(rlim_t nofile, char **argv)
{
    int failure[2];
    if (pipe2(failure, O_CLOEXEC)) {
        return errno;
    }
    pid_t self = getpid();
    agent = fork();
    if (agent < 0) {
        int error = errno;
        agent = 0;
        return error;
    }
    if (agent == 0) {
        become_agent(self, nofile, failure[1], argv);
    }
    close(failure[1]);
    int error = 0;
    ssize_t n;
    do {
        n = read(failure[0], &error, sizeof error);
    } while (n < 0 && errno == EINTR);
    close(failure[0]);
    return n == sizeof error ? error : 0;
}

/* True while there are children. */
static bool
reap(void)
{
    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid == 0) {
            return true;
        }
        if (pid < 0 && errno != EINTR) {
            return false;
        }
        if (pid > 0 && pid == agent) {
            agent = 0;
            tell('X', status);
            /* The run ends with its main process; the rest may clean up. */
            (void)proctree_signal(getpid(), SIGTERM);
        }
    }
}

static void
terminate(void)
{
    (void)proctree_signal(getpid(), SIGTERM);
    /* One that is stopped could not hear it. */
    (void)proctree_signal(getpid(), SIGCONT);
}

static void
prepare(sigset_t *ret_signals)
{
    sigemptyset(ret_signals);
    sigaddset(ret_signals, SIGCHLD);
    sigaddset(ret_signals, EXEC_SIGNAL_TERM);
    sigaddset(ret_signals, EXEC_SIGNAL_KILL);
    sigaddset(ret_signals, SIGINT);
    sigaddset(ret_signals, SIGHUP);
    sigaddset(ret_signals, SIGPIPE);
    sigprocmask(SIG_BLOCK, ret_signals, NULL);
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    (void)prctl(PR_SET_PDEATHSIG, EXEC_SIGNAL_KILL);
    (void)fcntl(EXEC_FD_STATUS, F_SETFD, FD_CLOEXEC);
}

/* Until nothing of the run is left. While killing, look again soon: what forks faster than one
 * look at /proc takes has to be met many times. */
static void
supervise(const sigset_t *signals)
{
    bool killing = false;
    while (reap()) {
        if (killing) {
            (void)proctree_signal(getpid(), SIGKILL);
        }
        static const struct timespec soon = {.tv_nsec = 5 * 1000 * 1000};
        int signal = sigtimedwait(signals, NULL, killing ? &soon : NULL);
        if (signal == EXEC_SIGNAL_TERM) {
            terminate();
        } else if (signal == EXEC_SIGNAL_KILL) {
            killing = true;
        }
    }
}

int
main(int argc, char **argv)
{
    if (argc < 4) {
        fputs("baton-exec is started by baton-worker; it is not a command for people\n", stderr);
        return STATUS_BAD_CALL;
    }
    pid_t worker = (pid_t)atoi(argv[1]);
    sigset_t signals;
    prepare(&signals);
    if (getppid() != worker) {
        return STATUS_TROUBLE; /* it died before it could be watched */
    }
    int error = start((rlim_t)strtoull(argv[2], NULL, 10), argv + 3);
    /* The pipes are the agent's alone, so that their end is the agent's end. */
    (void)close_range(0, EXEC_FD_WORKDIR, 0);
    (void)close(EXEC_FD_SCOPE);
    tell(error ? 'E' : 'S', error ? error : (int)agent);
    supervise(&signals);
    return 0;
}
