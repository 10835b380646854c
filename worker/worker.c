/* Opening and closing the worker. */
#include "worker/worker.h"

#include "common/alloc.h"
#include "common/buf.h"
#include "common/log.h"
#include "worker/files.h"
#include "worker/loop.h"
#include "worker/slot.h"
#include "worker/sweep.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* Agents run elsewhere: a relative path of a socket would not be found there. */
static char *
absolute_endpoint(const char *endpoint)
{
    static const char ipc[] = "ipc://";
    const char *path = endpoint + sizeof ipc - 1;
    char here[PATH_MAX];
    if (strncmp(endpoint, ipc, sizeof ipc - 1) != 0 || *path == '/' || *path == '@' ||
        !getcwd(here, sizeof here)) {
        return xstrdup(endpoint);
    }
    struct buf all = {0};
    buf_printf(&all, "%s%s/%s", ipc, here, path);
    char *text = xstrdup(buf_text(&all));
    buf_fini(&all);
    return text;
}

static int
open_state(struct worker *worker)
{
    const struct options *options = worker->options;
    pid_t holder = 0;
    switch (state_open(&worker->state, options->state, &holder)) {
    case STATE_OPENED:
        return -1;
    case STATE_IN_USE:
        log_event(LOG_LEVEL_ERROR, "worker.name_in_use", "name=%s state=%s pid=%d do=%s",
                  options->name, options->state, (int)holder,
                  log_quote("stop the other worker, or give this one its own --name").s);
        return EX_TEMPFAIL;
    case STATE_FAILED:
        break;
    }
    log_event(LOG_LEVEL_ERROR, "state.failed", "state=%s why=%s do=%s", options->state,
              log_quote(strerror(errno)).s,
              log_quote("make the directory writable, or name another with --state").s);
    return EX_CANTCREAT;
}

static int
open_workdir(struct worker *worker)
{
    const char *path = worker->options->workdir;
    if (!path) {
        return -1;
    }
    worker->workdir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (worker->workdir < 0) {
        log_event(LOG_LEVEL_ERROR, "worker.no_workdir", "workdir=%s why=%s", log_quote(path).s,
                  log_quote(strerror(errno)).s);
        return EX_CONFIG;
    }
    return -1;
}

bool
worker_renew_limits(struct worker *worker)
{
    const struct options *options = worker->options;
    size_t number = 0;
    struct adapter_limits *limits = adapter_limits_new(options->adapter, options->patterns.items,
                                                       options->patterns.n, &number);
    if (!limits) {
        log_event(LOG_LEVEL_ERROR, "worker.bad_pattern", "pattern=%s do=%s",
                  log_quote(options->patterns.items[number]).s,
                  log_quote("give an extended regular expression").s);
        return false;
    }
    adapter_limits_free(worker->limits);
    worker->limits = limits;
    return true;
}

int
worker_open(struct worker *worker, struct options *options)
{
    *worker = (struct worker){.options = options, .workdir = -1, .now = worker_clock()};
    worker->state = (struct state){
        .dir = -1, .lock = -1, .spool = -1, .orphans = -1, .leases = -1, .run = -1};
    worker->endpoint = absolute_endpoint(baton_endpoint(options->endpoint));
    strays_init(&worker->strays);
    brake_init(&worker->rate, BRAKE_RATE_FIRST_MS);
    brake_init(&worker->starts, BRAKE_START_FIRST_MS);
    int status = worker_renew_limits(worker) ? -1 : EX_USAGE;
    status = status < 0 ? open_workdir(worker) : status;
    status = status < 0 ? open_state(worker) : status;
    if (status >= 0) {
        return status;
    }
    struct buf runs = {0};
    buf_printf(&runs, "%s/run", worker->state.path);
    size_t swept = sweep_leftovers(buf_text(&runs));
    buf_fini(&runs);
    if (swept) {
        log_event(LOG_LEVEL_WARNING, "process.leftovers_killed", "processes=%zu", swept);
    }
    worker->slots = xcalloc(options->slots, sizeof *worker->slots);
    for (size_t i = 0; i < options->slots; i++) {
        slot_init(&worker->slots[i], worker);
    }
    return session_open(worker);
}

void
worker_close(struct worker *worker)
{
    session_close(worker);
    for (size_t i = 0; worker->slots && i < worker->options->slots; i++) {
        slot_fini(&worker->slots[i]);
    }
    free(worker->slots);
    strays_fini(&worker->strays);
    adapter_limits_free(worker->limits);
    state_close(&worker->state);
    if (worker->workdir >= 0) {
        close(worker->workdir);
    }
    free(worker->endpoint);
    *worker = (struct worker){.workdir = -1};
}
