#include "broker/front/exporting.h"

#include "broker/export/export.h"
#include "broker/store/tail.h"
#include "common/log.h"
#include "common/words.h"

#include <string.h>

void
exporting_begin(struct front *front)
{
    const struct options *options = front->options;
    if (!options->is_exporting) {
        return;
    }
    struct export_config config = {.keep_ms = options->export_keep_ms};
    front->exporter = export_start(&config, front->store);
    front->sample_at = front->now;
}

void
exporting_change(struct front *front)
{
    const struct options *options = front->options;
    if (!front->exporter) {
        return;
    }
    tail_set_bytes_max(front->store, options->export_journal_bytes);
    struct export_config config = {.keep_ms = options->export_keep_ms};
    export_change(front->exporter, &config);
    front->sample_at = MIN(front->sample_at, front->now + options->export_sample_ms);
}

bool
exporting_end(struct front *front)
{
    bool has_ended = export_stop(front->exporter);
    front->exporter = NULL;
    return has_ended;
}

static void
take_sample(struct front *front)
{
    struct core_request request = front_request(front, "");
    Baton__StatusReply status = BATON__STATUS_REPLY__INIT;
    core_status(front->core, &request, &status);
    for (size_t i = 0; i < status.n_roles; i++) {
        const Baton__RoleStatus *role = status.roles[i];
        int number = role_number(role->role);
        struct export_sample sample = {
            .at = front->now,
            .role = number < 0 ? "" : role_names[number],
            .waiting = role->waiting,
            .ready = role->ready,
            .running = role->running,
            .done = role->done,
            .failed = role->failed,
            .cancelled = role->cancelled,
            .workers = role->workers,
            .slots = role->slots,
            .credit = role->credit,
            .oldest_ready_ms = role->oldest_ready_at ? front->now - role->oldest_ready_at : -1,
        };
        export_add_sample(front->exporter, &sample);
    }
}

/* A line when it begins to fail and one when it works again; what fails in between is in the
 * status. */
static void
look(struct front *front)
{
    struct export_status status;
    export_get_status(front->exporter, &status);
    bool is_failing = status.error[0] != 0;
    if (is_failing == front->is_export_failing) {
        return;
    }
    front->is_export_failing = is_failing;
    log_event(is_failing ? LOG_LEVEL_WARNING : LOG_LEVEL_NOTICE,
              is_failing ? "export.failing" : "export.ok", "lag_facts=%llu lag_ms=%lld error=%s",
              (unsigned long long)status.lag_facts, (long long)status.lag_ms,
              log_quote(status.error).s);
}

void
exporting_run(struct front *front)
{
    if (!front->exporter) {
        return;
    }
    if (front->now >= front->sample_at) {
        front->sample_at = front->now + front->options->export_sample_ms;
        take_sample(front);
    }
    if (front->now >= front->export_look_at) {
        front->export_look_at = front->now + EXPORT_LOOK_MS;
        look(front);
    }
}

Baton__ExporterStatus *
exporting_view(struct front *front)
{
    if (!front->exporter) {
        return NULL;
    }
    struct export_status status;
    export_get_status(front->exporter, &status);
    Baton__ExporterStatus *view = arena_alloc(&front->arena, sizeof *view);
    *view = (Baton__ExporterStatus)BATON__EXPORTER_STATUS__INIT;
    view->state = arena_strdup(&front->arena, status.state);
    view->position = status.position;
    view->lag_facts = status.lag_facts;
    view->lag_ms = status.lag_ms;
    view->error = arena_strdup(&front->arena, status.error);
    view->error_at = status.error_at;
    view->facts = status.facts;
    view->batches = status.batches;
    view->loads = status.loads;
    view->failures = status.failures;
    view->cut = status.is_cut;
    view->purged = status.purged;
    return view;
}
