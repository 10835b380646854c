/* Do-nothing workers: sessions of their own, driven by a few threads. A task is done as soon as it
 * has come; it counts when the broker has acknowledged its end. */
#include "bench/load.h"

#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { LOOK_MS = 100 }; /* silent sessions have their heartbeats */

struct seat {
    baton_worker *worker;
    bool is_up;
};

struct driver { /* a thread and its sessions */
    struct crew *crew;
    pthread_t thread;
    struct seat *seats;
    uint32_t n_seats;
    int epoll;
    int wake; /* eventfd in it: something is to be done at once */
};

struct crew {
    struct crew_work work;
    struct driver *drivers;
    uint32_t n_drivers;
    atomic_uint n_up;
    atomic_uint taken;
    atomic_uint reported;
    atomic_bool may_work;
    atomic_bool stop;
    atomic_llong first_ns;
    atomic_llong last_ns;
    sem_t done; /* posted with last_ns */
};

static void
take(struct crew *crew, struct seat *seat, baton_assignment *assignment)
{
    static const struct baton_result done = {.outcome = BATON_OUTCOME_DONE};
    int64_t now = crew->work.come || !atomic_load(&crew->first_ns) ? now_ns() : 0;
    if (!atomic_load_explicit(&crew->first_ns, memory_order_relaxed)) {
        long long none = 0;
        atomic_compare_exchange_strong(&crew->first_ns, &none, now);
    }
    /* What is too much is left as it is and goes back when the session ends. */
    if (atomic_fetch_add(&crew->taken, 1) < crew->work.want) {
        const baton_spec *spec = assignment->spec;
        if (spec->payload_bytes > 0) {
            ran_once(crew->work.ran, payload_number(spec->payload, spec->payload_bytes));
        }
        if (crew->work.come) {
            crew->work.come(crew->work.context, assignment, now);
        }
        need(baton_worker_report(seat->worker, assignment->token, &done) == BATON_OK, "report",
             baton_worker_error(seat->worker));
    }
    baton_assignment_free(assignment);
}

static void
event(struct crew *crew, struct seat *seat, struct baton_worker_event *e)
{
    switch (e->kind) {
    case BATON_WORK_ASSIGNED:
        take(crew, seat, e->assignment);
        break;
    case BATON_WORK_REPORTED:
        need(e->status == BATON_OK && e->state == BATON_DONE, "report",
             baton_status_name(e->status));
        if (atomic_fetch_add(&crew->reported, 1) + 1 == crew->work.want) {
            atomic_store(&crew->last_ns, now_ns());
            sem_post(&crew->done);
        }
        break;
    case BATON_WORK_UP:
        if (!seat->is_up) {
            seat->is_up = true;
            atomic_fetch_add(&crew->n_up, 1);
        }
        break;
    case BATON_WORK_LOST:
    case BATON_WORK_DOWN:
        need(false, "worker", "a lease or a session was lost");
        break;
    case BATON_WORK_STOP:
    case BATON_WORK_DRAIN:
    case BATON_WORK_RESUME:
        break;
    }
}

static void
seat_turn(struct crew *crew, struct seat *seat)
{
    struct baton_worker_event e;
    bool wants = atomic_load(&crew->may_work) && atomic_load(&crew->taken) < crew->work.want;
    /* Nothing takes time here: whatever has come is done at once, so all slots are always free. */
    baton_worker_credit(seat->worker, wants ? crew->work.options->slots : 0);
    baton_status status;
    while ((status = baton_worker_next(seat->worker, 0, &e)) == BATON_OK) {
        event(crew, seat, &e);
        if (e.kind == BATON_WORK_ASSIGNED) {
            baton_worker_credit(seat->worker, wants ? crew->work.options->slots : 0);
        }
    }
    need(status == BATON_TIMEOUT, "worker", baton_worker_error(seat->worker));
}

static void *
drive(void *context)
{
    struct driver *driver = context;
    struct crew *crew = driver->crew;
    bool worked = false;
    int64_t looked_ns = 0;
    while (!atomic_load(&crew->stop)) {
        struct epoll_event events[64];
        int n = epoll_wait(driver->epoll, events, 64, LOOK_MS);
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr) {
                seat_turn(crew, events[i].data.ptr);
            }
        }
        /* All are told when the work begins. */
        bool may_work = atomic_load(&crew->may_work);
        int64_t now = now_ns();
        if (may_work != worked || now - looked_ns > LOOK_MS * 1000000) {
            worked = may_work;
            looked_ns = now;
            for (uint32_t i = 0; i < driver->n_seats; i++) {
                seat_turn(crew, &driver->seats[i]);
            }
        }
    }
    return NULL;
}

static void
seat_open(struct seat *seat, const struct options *options, uint32_t number, int epoll)
{
    static const char *const role = "backend";
    char name[32];
    snprintf(name, sizeof name, "w%u", number);
    struct baton_worker_options wanted = {
        .name = name, .roles = &role, .n_roles = 1, .slots = options->slots};
    need(baton_worker_open(options->endpoint, &wanted, &seat->worker) == BATON_OK, "worker",
         baton_worker_error(NULL));
    struct epoll_event readable = {.events = EPOLLIN, .data.ptr = seat};
    need(epoll_ctl(epoll, EPOLL_CTL_ADD, baton_worker_fd(seat->worker), &readable) == 0, "epoll",
         "can't be used");
}

struct crew *
crew_new(const struct crew_work *work)
{
    struct crew *crew = alloc(1, sizeof *crew);
    uint32_t n = work->options->workers;
    crew->work = *work;
    sem_init(&crew->done, 0, 0);
    crew->n_drivers = work->options->threads < n ? work->options->threads : n;
    crew->drivers = alloc(crew->n_drivers, sizeof *crew->drivers);
    for (uint32_t d = 0, number = 0; d < crew->n_drivers; d++) {
        struct driver *driver = &crew->drivers[d];
        driver->crew = crew;
        driver->n_seats = n / crew->n_drivers + (d < n % crew->n_drivers);
        driver->seats = alloc(driver->n_seats, sizeof *driver->seats);
        driver->epoll = epoll_create1(EPOLL_CLOEXEC);
        driver->wake = eventfd(0, EFD_CLOEXEC);
        struct epoll_event woken = {.events = EPOLLIN | EPOLLET};
        need(epoll_ctl(driver->epoll, EPOLL_CTL_ADD, driver->wake, &woken) == 0, "epoll",
             "can't be used");
        for (uint32_t i = 0; i < driver->n_seats; i++) {
            seat_open(&driver->seats[i], work->options, number++, driver->epoll);
        }
        need(pthread_create(&driver->thread, NULL, drive, driver) == 0, "thread", "can't be made");
    }
    while (atomic_load(&crew->n_up) < n) {
        usleep(1000);
    }
    return crew;
}

static void
wake(struct crew *crew)
{
    for (uint32_t d = 0; d < crew->n_drivers; d++) {
        need(eventfd_write(crew->drivers[d].wake, 1) == 0, "eventfd", "can't be written");
    }
}

void
crew_go(struct crew *crew)
{
    atomic_store(&crew->may_work, true);
    wake(crew);
}

int64_t
crew_join(struct crew *crew)
{
    while (!atomic_load(&crew->last_ns)) {
        sem_wait(&crew->done);
    }
    return atomic_load(&crew->last_ns);
}

int64_t
crew_first_ns(const struct crew *crew)
{
    return atomic_load(&crew->first_ns);
}

void
crew_free(struct crew *crew)
{
    atomic_store(&crew->stop, true);
    wake(crew);
    for (uint32_t d = 0; d < crew->n_drivers; d++) {
        struct driver *driver = &crew->drivers[d];
        pthread_join(driver->thread, NULL);
        for (uint32_t i = 0; i < driver->n_seats; i++) {
            baton_worker_close(&driver->seats[i].worker, 0, false);
        }
        close(driver->epoll);
        close(driver->wake);
        free(driver->seats);
    }
    sem_destroy(&crew->done);
    free(crew->drivers);
    free(crew);
}
