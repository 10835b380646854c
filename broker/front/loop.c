/* The loop: one thread, turns in a fixed order, each step bounded.
 *
 * wait - read the clock once - take signals - drain the ROUTER - answers of the store - time - hand
 * out work - hand the facts to the store - send what is durable - watchdog
 *
 * Time comes after the messages, so that a heartbeat that has arrived saves its lease. And nobody
 * pays for the broker's own slowness: when a turn came late, sessions are forgiven that time, and
 * the core's clockwork waits until the workers have had time to speak. */
#include "broker/front/loop.h"
#include "broker/front/admission.h"
#include "broker/front/gc.h"

#include "broker/front/assign.h"
#include "broker/front/cpus.h"
#include "broker/front/exporting.h"
#include "broker/front/listen.h"
#include "broker/front/recover.h"
#include "broker/front/schedules.h"
#include "broker/front/store_ops.h"
#include "broker/front/turn.h"
#include "common/alloc.h"
#include "common/limits.h"
#include "common/notify.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

enum {
    DRAIN_MESSAGES_MAX = 1000,          /* a turn */
    DRAIN_US_MAX = 2000,                /* a turn */
    DRAIN_BYTES_MAX = 32 * 1024 * 1024, /* a turn */
    CLOCK_EVERY = 16,                   /* messages between two looks at the time while draining */
    LARGE_BYTES = 64 * 1024,            /* of a message: look after each such */
    WAIT_MS_MAX = 1000,                 /* a turn comes at least this often */
    DRAIN_CHECK_MS = 1000,              /* who is drained now? */
    STOP_US_MAX = 8 * 1000 * 1000,      /* waiting for the disk at the end */
};

struct loop {
    struct front front;
    void *context;
    int signal_fd;
    int64_t boot_us;     /* when this turn began */
    int64_t planned_us;  /* how long the wait before it was meant to be */
    bool has_more;       /* the ROUTER was not drained dry */
    bool is_not_reading; /* the disk is behind: no messages are taken */
    int64_t not_reading_since;
    int64_t tick_at; /* the core's clockwork stands still until then */
    struct placement placement;
    struct cpus cpus;
    int64_t lay_down_us;   /* when the wait of this turn began; 0: it was only a look */
    uint64_t timed_ticket; /* of the batch whose commit is being timed; 0: of none */
    int64_t timed_since_us;
    int n_stop_signals;
    int64_t stopping_since_us;
};

static int64_t
boot_now_us(void)
{
    int64_t wall_us, boot_us;
    clock_read_system(&wall_us, &boot_us);
    return boot_us;
}

/* ---- waiting ---- */

static bool
is_behind_disk(const struct front *front)
{
    return store_pending_bytes(front->store) + front->outbox.bytes > PENDING_BYTES_MAX;
}

/* How long nothing needs to be done, unless something comes in. */
static long
wait_ms(const struct loop *loop)
{
    const struct front *front = &loop->front;
    if ((loop->has_more && !loop->is_not_reading) || front->out.n_facts > 0 ||
        front->outbox.n_sealed < front->outbox.n || (front->assign_wanted && !front->is_stopping) ||
        snapshot_is_hungry(&front->snapshot, front->store)) {
        return 0;
    }
    int64_t next = front->now + WAIT_MS_MAX;
    if (!loop->is_not_reading && !front->is_stopping) {
        int64_t due = MIN(core_next_at(front->core), sessions_next_at(front->sessions));
        due = MIN(due, schedules_next_at(front));
        next = MIN(next, MAX(due, loop->tick_at));
    }
    if (!front->is_stopping) {
        next = MIN(next, MIN(assign_next_at(front), locks_next_at(&front->lock_waits)));
    }
    return (long)MAX(next - front->now, 0);
}

/* Returns when something is to be done. True in *ret_signal: a signal came. */
static void
wait(struct loop *loop, bool *ret_signal, bool *ret_store)
{
    struct front *front = &loop->front;
    zmq_pollitem_t items[3] = {
        {.fd = store_fd(front->store), .events = ZMQ_POLLIN},
        {.fd = loop->signal_fd, .events = ZMQ_POLLIN},
        {.socket = router_socket(front->router), .events = ZMQ_POLLIN},
    };
    int n_items = loop->is_not_reading || front->is_stopping ? 2 : 3;
    long timeout_ms = wait_ms(loop);
    loop->planned_us = timeout_ms * 1000;
    loop->lay_down_us = timeout_ms > 0 ? boot_now_us() : 0;
    int n = zmq_poll(items, n_items, timeout_ms);
    CHECK(n >= 0 || errno == EINTR);
    *ret_store = n > 0 && (items[0].revents & ZMQ_POLLIN);
    *ret_signal = n > 0 && (items[1].revents & ZMQ_POLLIN);
}

/* ---- time ---- */

/* Silence while we did not listen is nobody's fault. After a long stop (SIGSTOP, a suspended
 * machine) every worker is asked to say Hello again, which renews its leases in full. */
static void
forgive(struct loop *loop, int64_t late_us)
{
    struct front *front = &loop->front;
    int64_t late_ms = late_us / 1000;
    sessions_forgive(front->sessions, late_ms, front->now);
    loop->tick_at = front->now + 2 * front->options->heartbeat_ms;
    int64_t lease_ms = front->options->core.lease_ms ? front->options->core.lease_ms
                                                     : 5 * 60 * 1000;
    bool is_long = late_ms > lease_ms / 2;
    log_event(LOG_LEVEL_WARNING, "broker.late", "by_ms=%lld sessions=%zu greet_again=%s",
              (long long)late_ms, sessions_n(front->sessions), is_long ? "yes" : "no");
    while (is_long && sessions_first(front->sessions)) {
        sessions_part(front->sessions, sessions_first(front->sessions), front->now);
    }
}

static void
read_clock(struct loop *loop)
{
    struct front *front = &loop->front;
    int64_t wall_us, boot_us, jump_ms;
    clock_read_system(&wall_us, &boot_us);
    front->now = clock_advance(&front->clock, wall_us, boot_us, &jump_ms);
    if (jump_ms != 0) {
        log_event(LOG_LEVEL_WARNING, "clock.jumped",
                  "by_ms=%lld note=\"leases and timers are not moved; the broker's time follows "
                  "slowly\"",
                  (long long)jump_ms);
    }
    int64_t late_us = boot_us - loop->boot_us - loop->planned_us;
    loop->boot_us = boot_us;
    if (late_us > front->options->heartbeat_ms * 1000) {
        front_count(front, COUNT_TURNS_BEHIND, 1);
        forgive(loop, late_us);
    }
}

static void
expire_sessions(struct front *front)
{
    uint32_t worker;
    while ((worker = sessions_expire(front->sessions, front->now)) != 0) {
        struct core_request request = front_request(front, "");
        core_worker_lost(front->core, &request, worker);
        front_count(front, COUNT_SESSIONS_LOST, 1);
        struct log_about about = {.worker = core_worker_name(front->core, worker)};
        log_event_about(LOG_LEVEL_INFO, "worker.lost", &about, "leases=%u",
                        core_worker_n_leases(front->core, worker));
    }
}

/* The operator's words; "" when there are none. */
static const char *
drain_reason(struct front *front, const char *worker)
{
    struct core_request request = front_request(front, "");
    Baton__StatusReply status = BATON__STATUS_REPLY__INIT;
    core_status(front->core, &request, &status);
    for (size_t i = 0; i < status.n_pauses; i++) {
        if (status.pauses[i]->scope == BATON__PAUSE__SCOPE__WORKER &&
            strcmp(status.pauses[i]->name, worker) == 0) {
            return status.pauses[i]->reason;
        }
    }
    return "";
}

/* Tells workers that were drained (or not any more) since they were last told. */
static void
tell_drained(struct front *front)
{
    if (front->now < front->drain_check_at) {
        return;
    }
    front->drain_check_at = front->now + DRAIN_CHECK_MS;
    for (struct session *s = sessions_first(front->sessions); s; s = s->newer) {
        bool is_draining = core_worker_is_draining(front->core, s->worker);
        if (is_draining == s->draining) {
            continue;
        }
        s->draining = is_draining;
        Baton__Drain drain = BATON__DRAIN__INIT;
        drain.resume = !is_draining;
        const char *reason = is_draining
                                 ? drain_reason(front, core_worker_name(front->core, s->worker))
                                 : "";
        drain.reason = (char *)(uintptr_t)reason;
        Baton__FromBroker message = BATON__FROM_BROKER__INIT;
        message.op_case = BATON__FROM_BROKER__OP_DRAIN;
        message.drain = &drain;
        front_send(front, s->peer, 0, &message);
        front->assign_wanted = true;
    }
}

static void
tick(struct loop *loop)
{
    struct front *front = &loop->front;
    if (loop->is_not_reading || front->is_stopping) {
        return;
    }
    if (front->now >= loop->tick_at) {
        expire_sessions(front);
        if (core_next_at(front->core) <= front->now) {
            struct core_request request = front_request(front, "");
            core_tick(front->core, &request);
        }
        schedules_run(front);
    }
    tell_drained(front);
    if (!front->is_stopping) {
        gc_run(front);
    }
}

/* ---- messages ---- */

static void
drain_router(struct loop *loop)
{
    struct front *front = &loop->front;
    struct router_message message = {0};
    size_t bytes = 0;
    loop->has_more = true;
    for (int n = 0; n < DRAIN_MESSAGES_MAX && bytes < DRAIN_BYTES_MAX; n++) {
        bool look = n % CLOCK_EVERY == CLOCK_EVERY - 1 || message.bytes > LARGE_BYTES;
        if (look && boot_now_us() - loop->boot_us > DRAIN_US_MAX) {
            return;
        }
        switch (router_receive(front->router, &message)) {
        case ROUTER_NOTHING:
            loop->has_more = false;
            return;
        case ROUTER_STRANGE:
            front_count(front, COUNT_MESSAGES_DROPPED, 1);
            break;
        case ROUTER_MESSAGE:
            bytes += message.bytes;
            front_count(front, COUNT_MESSAGES_RECEIVED, 1);
            dispatch_frame(front, message.peer, message.data, message.bytes);
            /* It is answered: the next one gets the same memory, while it is in the caches. */
            arena_reset(&front->arena);
            break;
        }
    }
}

/* Reads while the disk keeps up. Memory would grow without end otherwise. */
static void
read_messages(struct loop *loop)
{
    struct front *front = &loop->front;
    bool is_behind = is_behind_disk(front);
    if (is_behind && !loop->is_not_reading) {
        loop->not_reading_since = front->now;
        log_event(LOG_LEVEL_WARNING, "store.behind", "pending_bytes=%zu waiting_bytes=%zu",
                  store_pending_bytes(front->store), front->outbox.bytes);
    }
    if (!is_behind && loop->is_not_reading) {
        sessions_forgive(front->sessions, front->now - loop->not_reading_since, front->now);
        loop->tick_at = MAX(loop->tick_at, front->now + front->options->heartbeat_ms);
    }
    loop->is_not_reading = is_behind;
    if (is_behind) {
        front_count(front, COUNT_TURNS_NOT_READING, 1);
    } else if (!front->is_stopping) {
        drain_router(loop);
    }
}

/* ---- signals ---- */

/* All of the configuration or nothing of it. */
static void
reload(struct loop *loop)
{
    struct front *front = &loop->front;
    notify_reloading();
    bool ok = options_reload(front->options);
    if (ok) {
        log_set_level(front->options->level);
        apply_options(front);
        core_configure(front->core, &front->options->core);
        sessions_set_heartbeat(front->sessions, front->options->heartbeat_ms, front->now);
        exporting_change(front);
        front->gc_at = 0;
    }
    notify_send(ok ? "READY=1\nSTATUS=Serving"
                   : "READY=1\nSTATUS=Serving; the configuration read last was refused");
}

static void
take_signals(struct loop *loop)
{
    struct signalfd_siginfo info;
    while (read(loop->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGHUP) {
            reload(loop);
            continue;
        }
        if (log_take_signal((int)info.ssi_signo)) {
            continue;
        }
        loop->n_stop_signals++;
        log_event(LOG_LEVEL_NOTICE, "broker.stopping", "signal=%u pid=%u", info.ssi_signo,
                  info.ssi_pid);
        if (loop->n_stop_signals > 1) {
            _exit(128 + (int)info.ssi_signo);
        }
    }
}

static int
open_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    log_add_signals(&set);
    CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    CHECK(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* ---- processors ---- */

/* Moves the threads to where it pays, by what this turn has shown. */
static void
place_threads(struct loop *loop)
{
    struct placement *placement = &loop->placement;
    int64_t slept_us = loop->lay_down_us ? loop->boot_us - loop->lay_down_us : 0;
    placement_slept(placement, slept_us, loop->boot_us);
    if (loop->timed_ticket && store_durable(loop->front.store) >= loop->timed_ticket) {
        placement_commit(placement, loop->boot_us - loop->timed_since_us);
        loop->timed_ticket = 0;
    }
    if (placement->seat != loop->cpus.seat) {
        loop->timed_ticket = 0;
        if (!cpus_move(&loop->cpus, placement->seat)) {
            (void)cpus_move(&loop->cpus, PLACEMENT_APART);
            placement_init(placement, 1, loop->boot_us);
        }
    }
}

/* From the beginning of the turn that hands a batch over to that of the turn that hears of it. */
static void
time_commit(struct loop *loop, uint64_t ticket_before)
{
    if (!loop->timed_ticket && loop->front.ticket != ticket_before) {
        loop->timed_ticket = loop->front.ticket;
        loop->timed_since_us = loop->boot_us;
    }
}

/* ---- the turn ---- */

/* Takes the store's word that something changed. -1: go on; else the exit status. */
static int
look_at_store(struct loop *loop, bool has_news)
{
    struct front *front = &loop->front;
    if (has_news) {
        store_acknowledge(front->store);
    }
    enum store_status status;
    const char *error = store_error(front->store, &status);
    if (error) {
        /* Memory is ahead of the disk, and nothing of it may be said any more. */
        log_event(LOG_LEVEL_ERROR, "store.failed",
                  "durability lost: %s; recovering from disk at restart", error);
        return EXIT_IO;
    }
    const char *reason = "";
    bool is_low = !front_is_accepting(front, &reason) && core_is_accepting(front->core, &reason);
    if (is_low != front->is_low_logged) {
        front->is_low_logged = is_low;
        log_event(is_low ? LOG_LEVEL_ERROR : LOG_LEVEL_NOTICE, is_low ? "disk.low" : "disk.ok",
                  "free_bytes=%llu", (unsigned long long)front->space.free_bytes);
    }
    return -1;
}

/* True when everything that was promised is on disk, or there was no time for it. */
static bool
has_stopped(struct loop *loop)
{
    struct front *front = &loop->front;
    if (!front->is_stopping) {
        return false;
    }
    if (front->out.n_facts == 0 && front->outbox.n == 0 &&
        store_durable(front->store) >= front->ticket) {
        return true;
    }
    if (loop->boot_us - loop->stopping_since_us > STOP_US_MAX) {
        /* The disk hangs, and waiting for the store's thread would hang too. What is not durable
         * was not acknowledged. */
        log_event(LOG_LEVEL_WARNING, "broker.impatient", "not_durable=%llu",
                  (unsigned long long)store_pending(front->store));
        _exit(0);
    }
    return false;
}

/* The last messages were taken in this very turn; from now on only the disk is waited for. */
static void
begin_stopping(struct loop *loop)
{
    struct front *front = &loop->front;
    notify_send("STOPPING=1\nSTATUS=Finishing what was promised");
    front->is_stopping = true;
    loop->stopping_since_us = loop->boot_us;
    assign_dismiss(front);
}

/* -1: go on; else the exit status. */
static int
turn(struct loop *loop)
{
    struct front *front = &loop->front;
    bool has_signal, has_news;
    wait(loop, &has_signal, &has_news);
    read_clock(loop);
    place_threads(loop);
    if (has_signal) {
        take_signals(loop);
    }
    int failed = look_at_store(loop, has_news);
    if (failed >= 0) {
        return failed;
    }
    store_ops_run(front);
    read_messages(loop);
    if (loop->n_stop_signals > 0 && !front->is_stopping) {
        begin_stopping(loop);
    }
    tick(loop);
    locks_run(front);
    assign_run(front);
    exporting_run(front);
    admission_look(front);
    uint64_t ticket = front->ticket;
    turn_end(front);
    time_commit(loop, ticket);
    arena_reset(&front->arena);
    front_count(front, COUNT_TURNS, 1);
    notify_watchdog(loop->boot_us);
    return has_stopped(loop) ? 0 : -1;
}

/* ---- beginning and end ---- */

static int
fail(int status, const char *error)
{
    log_event(LOG_LEVEL_ERROR, "broker.refused", "%s", error);
    return status;
}

/* Many connections are many descriptors; the store and the rest need few. */
static void
raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int
open_sockets(struct loop *loop, char *error, size_t error_room)
{
    struct front *front = &loop->front;
    const struct options *options = front->options;
    char feed_path[128];
    snprintf(feed_path, sizeof feed_path, "%s.feed", options->path);
    snprintf(front->feed_endpoint, sizeof front->feed_endpoint, "%s.feed", options->listen);
    int failed = listen_prepare(options->path, error, error_room);
    if (failed < 0) {
        failed = listen_prepare(feed_path, error, error_room);
    }
    if (failed >= 0) {
        return failed;
    }
    raise_descriptor_limit();
    loop->context = zmq_ctx_new();
    CHECK(loop->context);
    (void)zmq_ctx_set(loop->context, ZMQ_MAX_SOCKETS, 16);
    /* ZeroMQ makes the sockets with whatever mode the mask leaves: the owner and the group. */
    mode_t mask = umask(0117);
    bool ok = feed_open(&front->feed, loop->context, front->feed_endpoint, &front->window, error,
                        error_room);
    if (ok) {
        front->router = router_open(loop->context, options->listen, error, error_room);
    }
    umask(mask);
    return ok && front->router ? -1 : EXIT_CONFIG;
}

static void
close_all(struct loop *loop, int status)
{
    struct front *front = &loop->front;
    int linger_ms = status == 0 ? ROUTER_LINGER_MS : 0;
    if (front->router) {
        /* Ours: open_sockets made sure of that. ZeroMQ leaves them behind. */
        unlink(front->options->path);
        unlink(front->feed_endpoint + strlen("ipc://"));
    }
    router_close(front->router, linger_ms);
    feed_close(&front->feed, linger_ms);
    if (loop->context) {
        while (zmq_ctx_term(loop->context) != 0 && errno == EINTR) {
        }
    }
    if (!exporting_end(front)) {
        /* What is promised is on the disk; the position is with the rows, in one transaction. */
        log_event(LOG_LEVEL_WARNING, "export.impatient", "%s", "");
        _exit(status);
    }
    store_ops_fini(front);
    free(front->purges);
    takes_fini(&front->takes);
    locks_fini(&front->lock_waits);
    sessions_free(front->sessions);
    outbox_fini(&front->outbox);
    window_fini(&front->window);
    store_close(front->store);
    core_free(front->core);
    core_out_fini(&front->out);
    arena_fini(&front->arena);
    close(loop->signal_fd);
}

static int
start(struct loop *loop, char *error, size_t error_room)
{
    struct front *front = &loop->front;
    int64_t began_us = boot_now_us();
    int failed = recover(front, error, error_room);
    if (failed >= 0) {
        return failed;
    }
    failed = open_sockets(loop, error, error_room);
    if (failed >= 0) {
        return failed;
    }
    exporting_begin(front);
    loop->boot_us = boot_now_us();
    cpus_init(&loop->cpus);
    placement_init(&loop->placement, loop->cpus.n, loop->boot_us);
    front->recovery_us = loop->boot_us - began_us;
    turn_end(front); /* the new epoch */
    log_event(LOG_LEVEL_NOTICE, "broker.serving", "version=%s epoch=%llu endpoint=%s data=%s",
              BATON_SOFTWARE_VERSION, (unsigned long long)core_epoch(front->core),
              front->options->listen, front->options->data);
    notify_send("READY=1\nSTATUS=Serving");
    return -1;
}

int
front_run(struct options *options)
{
    struct loop loop = {.signal_fd = open_signals()};
    CHECK(loop.signal_fd >= 0);
    struct front *front = &loop.front;
    front->options = options;
    front->sessions = sessions_new(options->heartbeat_ms, SESSIONS_MAX);
    front->assign_at = INT64_MAX;
    arena_init(&front->arena);
    CHECK(getrandom(&front->rng.state, sizeof front->rng.state, 0) ==
          (ssize_t)sizeof front->rng.state);
    log_open("batond", options->level);
    notify_begin();

    char error[1024] = "";
    int status = start(&loop, error, sizeof error);
    if (status >= 0) {
        fail(status, error);
    }
    while (status < 0) {
        status = turn(&loop);
    }
    close_all(&loop, status);
    if (status == 0) {
        log_event(LOG_LEVEL_NOTICE, "broker.stopped", "turns=%llu",
                  (unsigned long long)front->counters.n[COUNT_TURNS]);
    }
    return status;
}
