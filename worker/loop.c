/* The loop: one poll for the broker, the signals and all pipes; then what came is handled in a
 * fixed order, and what time asks for is done. Nothing in it waits for anything else. */
#include "worker/loop.h"

#include "common/alloc.h"
#include "common/log.h"
#include "common/notify.h"
#include "worker/slot.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

enum { FIXED_FDS = 2, TURN_EVENTS_MAX = 256, TURN_MS_MAX = 60 * 1000, STOP_EVERY_MS = 10 * 1000 };

int64_t
worker_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int
loop_signals(void)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGCHLD);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    log_add_signals(&signals);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL);
    /* The supervisors' orphans come to us when a supervisor is killed. */
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* ---- children ---- */

static bool
is_supervisor(const struct worker *worker, pid_t pid)
{
    for (size_t i = 0; i < worker->options->slots; i++) {
        if (worker->slots[i].child.pid == pid) {
            return true;
        }
    }
    return false;
}

static bool
is_known(const void *context, pid_t pid)
{
    const struct worker *worker = context;
    return is_supervisor(worker, pid) || state_is_janitor(&worker->state, pid);
}

static void
reap(struct worker *worker)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        bool ours = is_supervisor(worker, pid);
        /* One that was killed could not end its run. */
        worker->strays.expected = worker->strays.expected || (ours && WIFSIGNALED(status));
        strays_kill(&worker->strays, is_known, worker);
        for (size_t i = 0; ours && i < worker->options->slots; i++) {
            if (slot_reaped(&worker->slots[i], pid)) {
                break;
            }
        }
    }
}

/* ---- phases ---- */

static void
asked_to_end(struct worker *worker, int signal)
{
    static const char *const says[] = {"", "takes nothing new, finishes what runs",
                                       "ends what runs"};
    if (worker->phase == WORKER_HALTS) {
        return;
    }
    worker->phase = worker->phase == WORKER_TAKES ? WORKER_DRAINS : WORKER_HALTS;
    worker->phase_at = worker->now;
    log_event(LOG_LEVEL_NOTICE, "worker.stopping", "signal=%d how=%s", signal,
              log_quote(says[worker->phase]).s);
    for (size_t i = 0; worker->phase == WORKER_HALTS && i < worker->options->slots; i++) {
        slot_stop(&worker->slots[i], CAUSE_HALT, -1);
    }
}

static void
reload(struct worker *worker)
{
    notify_reloading();
    if (options_reload(worker->options)) {
        log_set_level(worker->options->level);
        bool is_good = worker_renew_limits(worker);
        CHECK(is_good); /* patterns were compiled when they were read, and are not too many */
    }
    notify_send("READY=1");
}

static void
read_signals(struct worker *worker, int signals)
{
    struct signalfd_siginfo info;
    while (read(signals, &info, sizeof info) == sizeof info) {
        if (!log_take_signal((int)info.ssi_signo) &&
            (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)) {
            asked_to_end(worker, (int)info.ssi_signo);
        }
        if (info.ssi_signo == SIGHUP) {
            reload(worker);
        }
    }
    reap(worker);
}

static bool
all_free(const struct worker *worker)
{
    for (size_t i = 0; i < worker->options->slots; i++) {
        if (!slot_is_free(&worker->slots[i])) {
            return false;
        }
    }
    return true;
}

/* Ended once nothing runs and the broker has every result, or does not take them in time: they stay
 * in the spool for the next life. */
static void
pass_phases(struct worker *worker)
{
    if (worker->phase == WORKER_TAKES) {
        return;
    }
    int64_t drain_ms = worker->options->drain_ms;
    if (worker->phase == WORKER_DRAINS && drain_ms >= 0 &&
        worker->now >= worker->phase_at + drain_ms) {
        asked_to_end(worker, 0);
    }
    if (!all_free(worker) || worker->strays.expected) {
        return;
    }
    if (!worker->idle_at) {
        worker->idle_at = worker->now;
    }
    worker->ended = worker->ended || worker->n_undelivered == 0 ||
                    worker->now >= worker->idle_at + LINGER_MS;
}

/* ---- the service manager ---- */

/* It sees that the loop lives and what it does, and waits for agents as long as this worker does,
 * whatever the time limit of its own for a stop. */
static void
tell_manager(struct worker *worker)
{
    notify_watchdog(worker->now * 1000);
    if (worker->phase != WORKER_TAKES && worker->now >= worker->told_at + STOP_EVERY_MS) {
        char text[64];
        snprintf(text, sizeof text, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%d000", 3 * STOP_EVERY_MS);
        notify_send(text);
        worker->told_at = worker->now;
    }
    uint32_t running = 0;
    for (size_t i = 0; i < worker->options->slots; i++) {
        running += !slot_is_free(&worker->slots[i]);
    }
    uint64_t state = (uint64_t)running << 3 | (uint64_t)worker->phase << 1 | worker->connected;
    if (state != worker->told) {
        char text[128];
        snprintf(text, sizeof text, "STATUS=%s; %u of %u at work",
                 !worker->connected              ? "Waits for the broker"
                 : worker->phase == WORKER_TAKES ? "Takes tasks"
                                                 : "Takes nothing new",
                 running, (unsigned)worker->options->slots);
        notify_send(text);
        worker->told = state;
    }
}

/* ---- a turn ---- */

static int64_t
next_at(const struct worker *worker)
{
    int64_t next = worker->now + TURN_MS_MAX;
    for (size_t i = 0; i < worker->options->slots; i++) {
        next = MIN(next, slot_next_at(&worker->slots[i]));
    }
    const int64_t brakes[] = {worker->rate.until, worker->starts.until};
    for (size_t i = 0; i < ARRAY_LEN(brakes); i++) {
        next = brakes[i] > worker->now ? MIN(next, brakes[i]) : next;
    }
    if (worker->phase == WORKER_DRAINS && worker->options->drain_ms >= 0) {
        next = MIN(next, worker->phase_at + worker->options->drain_ms);
    }
    if (worker->idle_at) {
        next = MIN(next, worker->idle_at + LINGER_MS);
    }
    if (worker->phase != WORKER_TAKES) {
        next = MIN(next, worker->told_at + STOP_EVERY_MS);
    }
    return MIN(next, worker->now + MIN(notify_wait_ms(), (int64_t)TURN_MS_MAX));
}

static int
wait_ms(const struct worker *worker)
{
    if (worker->touched) {
        return 0;
    }
    int64_t ms = MAX(next_at(worker) - worker->now, (int64_t)0);
    int64_t session = baton_worker_timeout_ms(worker->session);
    return (int)(session >= 0 ? MIN(ms, session) : ms);
}

static void
pump(struct worker *worker, const struct pollfd *fds, const size_t *ends)
{
    size_t from = FIXED_FDS;
    for (size_t i = 0; i < worker->options->slots; i++) {
        slot_pump(&worker->slots[i], fds + from, ends[i] - from);
        from = ends[i];
    }
}

static void
turn(struct worker *worker, struct pollfd *fds, size_t *ends, int signals)
{
    fds[0] = (struct pollfd){.fd = baton_worker_fd(worker->session), .events = POLLIN};
    fds[1] = (struct pollfd){.fd = signals, .events = POLLIN};
    size_t n = FIXED_FDS;
    for (size_t i = 0; i < worker->options->slots; i++) {
        n += slot_poll(&worker->slots[i], fds + n);
        ends[i] = n;
    }
    int ready = poll(fds, n, wait_ms(worker));
    worker->now = worker_clock();
    if (ready > 0) {
        pump(worker, fds, ends);
        if (fds[1].revents) {
            read_signals(worker, signals);
        }
    }
    for (size_t i = 0; i < worker->options->slots; i++) {
        slot_tick(&worker->slots[i]);
    }
    session_set_credit(worker);
    session_read(worker);
    pass_phases(worker);
    tell_manager(worker);
}

int
loop_run(struct worker *worker, int signals)
{
    size_t slots = worker->options->slots;
    struct pollfd *fds = xcalloc(FIXED_FDS + slots * SLOT_FDS, sizeof *fds);
    size_t *ends = xcalloc(slots, sizeof *ends);
    worker->now = worker_clock();
    session_set_credit(worker);
    session_read(worker);
    worker->told = UINT64_MAX;
    notify_send("READY=1");
    while (!worker->ended) {
        turn(worker, fds, ends, signals);
    }
    free(fds);
    free(ends);
    return worker->status;
}
