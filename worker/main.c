/* baton-worker: takes tasks of its roles, runs the agent's command for each, reports. */
#include "common/log.h"
#include "common/notify.h"
#include "common/streams.h"
#include "worker/limits.h"
#include "worker/loop.h"
#include "worker/options.h"
#include "worker/scope.h"
#include "worker/spawn.h"
#include "worker/worker.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

/* Found out now and not by an attempt, or by ZeroMQ, which ends the process. */
static bool
has_descriptors(const struct options *options)
{
    uint64_t allowed = spawn_raise_files();
    uint64_t needed = WORKER_FILES + (uint64_t)options->slots * SLOT_FILES_MAX;
    if (allowed < needed) {
        log_event(LOG_LEVEL_ERROR, "worker.no_descriptors", "allowed=%llu needed=%llu do=%s",
                  (unsigned long long)allowed, (unsigned long long)needed,
                  log_quote("raise LimitNOFILE (ulimit -Hn), or take fewer --slots").s);
    }
    return allowed >= needed;
}

static int
work(struct options *options)
{
    int signals = loop_signals();
    if (!spawn_reserve_descriptors() || signals < 0) {
        log_event(LOG_LEVEL_ERROR, "worker.no_descriptors", "why=%s", log_quote(strerror(errno)).s);
        return EX_OSERR;
    }
    if (!spawn_helper()) {
        log_event(LOG_LEVEL_ERROR, "worker.no_helper", "do=%s",
                  log_quote("baton-exec is missing: install Baton whole").s);
        return EX_CONFIG;
    }
    const char *lacks;
    if (scope_begin(&options->scope, &lacks) == SCOPE_LACKS) {
        log_event(LOG_LEVEL_ERROR, "worker.no_scope", "lacks=%s do=%s", log_quote(lacks).s,
                  log_quote("take memory-max, tasks-max and cpu-weight out of the configuration, "
                            "or run the worker where they can be held")
                      .s);
        return EX_CONFIG;
    }
    if (!has_descriptors(options)) {
        return EX_CONFIG;
    }
    struct worker worker;
    int status = worker_open(&worker, options);
    if (status < 0) {
        log_event(LOG_LEVEL_NOTICE, "worker.ready", "name=%s slots=%u endpoint=%s state=%s",
                  options->name, (unsigned)options->slots, worker.endpoint, worker.state.path);
        status = loop_run(&worker, signals);
        log_event(LOG_LEVEL_NOTICE, "worker.ended", "undelivered=%zu status=%d",
                  worker.n_undelivered, status);
    }
    worker_close(&worker);
    close(signals);
    return status;
}

int
main(int argc, char **argv)
{
    struct options options;
    streams_reserve();
    umask(0077);
    int status = options_read(&options, argc, argv);
    if (status < 0) {
        log_open("baton-worker", options.level);
        log_identify(&(struct log_about){
            .worker = options.name,
            .role = options.roles.n == 1 ? options.roles.items[0] : NULL,
        });
        notify_begin();
        status = work(&options);
    }
    options_fini(&options);
    return status;
}
