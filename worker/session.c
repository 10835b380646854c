/* The session with the broker: what comes, what is told, what is owed from an earlier life. */
#include "client/include/baton.h"
#include "common/alloc.h"
#include "common/log.h"
#include "common/words.h"
#include "worker/handoff.h"
#include "worker/loop.h"
#include "worker/slot.h"
#include "worker/spool.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

enum { EVENTS_A_TURN = 256, CRASHES_MAX = 3 };

/* ---- to the broker ---- */

void
worker_confirm_start(struct worker *worker, uint64_t token)
{
    worker->touched = true;
    baton_worker_started(worker->session, token);
}

void
worker_tell_progress(struct worker *worker, uint64_t token, uint32_t percent, const char *text)
{
    worker->touched = true;
    baton_worker_progress(worker->session, token, percent, text, 0);
}

/* Beats are blocked meanwhile; leases last much longer. A broker that is away is not asked. */
bool
worker_lease_is_over(struct worker *worker, uint64_t token)
{
    const struct baton_options options = {.timeout_ms = ASK_MS, .actor = worker->options->name};
    if (!worker->connected ||
        (!worker->asks && baton_open(worker->endpoint, &options, &worker->asks) != BATON_OK)) {
        return false;
    }
    baton_status status = baton_beat(worker->asks, token, 0, NULL);
    return status == BATON_STALE_TOKEN || status == BATON_NOT_FOUND;
}

static void
report(struct worker *worker, uint64_t token, const struct baton_result *result)
{
    worker->touched = true;
    struct handoff handoff;
    struct baton_result with = *result;
    if (handoff_take(result, &handoff)) {
        with.document = handoff.document;
        with.document_bytes = strlen(handoff.document);
        with.handoff = &handoff.card;
    }
    baton_status status = baton_worker_report(worker->session, token, &with);
    handoff_fini(&handoff);
    if (status != BATON_OK) {
        log_event_about(LOG_LEVEL_ERROR, "result.not_sent", &(struct log_about){.token = token},
                        "status=%s why=%s", baton_status_name(status),
                        log_quote(baton_worker_error(worker->session)).s);
    }
}

void
worker_report(struct worker *worker, uint64_t token, const char *project, const char *id,
              const struct baton_result *result)
{
    if (!spool_save(worker->state.spool, token, project, id, result)) {
        log_event_about(
            LOG_LEVEL_ERROR, "result.not_spooled",
            &(struct log_about){.task = id, .project = project, .token = token}, "why=%s risk=%s",
            log_quote(strerror(errno)).s,
            log_quote("the result is lost if this worker dies before it is delivered").s);
    }
    worker->n_undelivered++;
    report(worker, token, result);
}

static uint32_t
free_slots(const struct worker *worker)
{
    uint32_t n = 0;
    for (size_t i = 0; i < worker->options->slots; i++) {
        n += slot_is_free(&worker->slots[i]);
    }
    return n;
}

void
session_set_credit(struct worker *worker)
{
    bool takes = worker->phase == WORKER_TAKES && !worker->broker_drains &&
                 !brake_is_on(&worker->rate, worker->now) &&
                 !brake_is_on(&worker->starts, worker->now) &&
                 worker->n_undelivered < SPOOL_FILES_MAX;
    uint32_t credit = takes ? free_slots(worker) : 0;
    if (credit != worker->credit) {
        worker->credit = credit;
        worker->touched = true;
        baton_worker_credit(worker->session, credit);
    }
}

/* ---- from the broker ---- */

static struct slot *
slot_of(struct worker *worker, uint64_t token)
{
    for (size_t i = 0; i < worker->options->slots; i++) {
        if (!slot_is_free(&worker->slots[i]) && slot_token(&worker->slots[i]) == token) {
            return &worker->slots[i];
        }
    }
    return NULL;
}

static void
give_back(struct worker *worker, baton_assignment *task, const char *why)
{
    struct baton_result result = {
        .outcome = BATON_OUTCOME_RELEASED, .summary = why, .output_tail = ""};
    worker_report(worker, task->token, task->project, task->id, &result);
    baton_assignment_free(task);
}

static void
assigned(struct worker *worker, baton_assignment *task)
{
    worker->credit -= worker->credit > 0;
    if (slot_of(worker, task->token)) {
        baton_assignment_free(task); /* said twice */
        return;
    }
    if (worker->phase != WORKER_TAKES) {
        give_back(worker, task, "the worker is stopping");
        return;
    }
    for (size_t i = 0; i < worker->options->slots; i++) {
        if (slot_is_free(&worker->slots[i])) {
            slot_assign(&worker->slots[i], task);
            return;
        }
    }
    /* The broker does not count what is under way to us. */
    give_back(worker, task, "no slot was free");
}

static void
stop(struct worker *worker, const struct baton_worker_event *event)
{
    struct slot *slot = slot_of(worker, event->token);
    if (slot) {
        struct log_about about = slot_about(slot);
        log_event_about(LOG_LEVEL_INFO, "task.stopping", &about, "reason=%s",
                        log_quote(event->reason).s);
        slot_stop(slot, CAUSE_CANCELLED, event->grace_ms > 0 ? event->grace_ms : -1);
    }
}

/* A result that will never count: kept for people if there is something in it. False: there is
 * none. */
static bool
set_aside(struct worker *worker, uint64_t token)
{
    struct spooled spooled;
    if (!spool_load(&worker->state, token, &spooled)) {
        return false;
    }
    bool keep = spooled.result.document_bytes > 0 || spooled.result.outcome == BATON_OUTCOME_DONE;
    log_event_about(keep ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, "result.too_late",
                    &(struct log_about){.task = spooled.id, .token = token}, "outcome=%s kept=%s",
                    outcome_name((int)spooled.result.outcome), keep ? "orphans" : "no");
    spooled_fini(&spooled);
    if (keep) {
        spool_orphan(&worker->state, token);
    } else {
        spool_forget(&worker->state, token);
    }
    return true;
}

/* An agent that reported its end itself loses its lease too: that is the usual case. */
static void
lost(struct worker *worker, uint64_t token)
{
    struct slot *slot = slot_of(worker, token);
    if (slot) {
        struct log_about about = slot_about(slot);
        log_event_about(LOG_LEVEL_INFO, "lease.over", &about, "%s", "");
        slot_stop(slot, CAUSE_LOST, GRACE_LOST_MS);
        return;
    }
    if (set_aside(worker, token)) {
        worker->n_undelivered -= worker->n_undelivered > 0;
    }
}

static void
reported(struct worker *worker, const struct baton_worker_event *event)
{
    worker->n_undelivered -= worker->n_undelivered > 0;
    if (event->status == BATON_OK) {
        spool_forget(&worker->state, event->token);
        return;
    }
    log_event_about(baton_state_is_terminal(event->state) ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING,
                    "result.refused", &(struct log_about){.token = event->token},
                    "status=%s state=%s", baton_status_name(event->status),
                    baton_state_name(event->state));
    (void)set_aside(worker, event->token);
    if (event->status == BATON_INVALID) {
        /* What the agent said makes no sense to the broker: its attempt has failed, and is told so.
         */
        struct baton_result result = {.outcome = BATON_OUTCOME_FAILED,
                                      .summary = event->reason ? event->reason : "",
                                      .output_tail = ""};
        worker_report(worker, event->token, "", "", &result);
    }
}

static void
handle(struct worker *worker, const struct baton_worker_event *event)
{
    switch (event->kind) {
    case BATON_WORK_ASSIGNED:
        assigned(worker, event->assignment);
        break;
    case BATON_WORK_STOP:
        stop(worker, event);
        break;
    case BATON_WORK_LOST:
        lost(worker, event->token);
        break;
    case BATON_WORK_REPORTED:
        reported(worker, event);
        break;
    case BATON_WORK_DRAIN:
        worker->broker_drains = true;
        log_event(LOG_LEVEL_NOTICE, "worker.draining", "reason=%s", log_quote(event->reason).s);
        break;
    case BATON_WORK_RESUME:
        worker->broker_drains = false;
        log_event(LOG_LEVEL_NOTICE, "worker.resumed", "%s", "");
        break;
    case BATON_WORK_UP:
        worker->connected = true;
        log_event(LOG_LEVEL_NOTICE, "broker.connected",
                  "endpoint=%s epoch=%" PRIu64 " undelivered=%zu", worker->endpoint, event->epoch,
                  worker->n_undelivered);
        break;
    case BATON_WORK_DOWN:
        worker->connected = false;
        log_event(LOG_LEVEL_WARNING, "broker.lost", "endpoint=%s running=%u", worker->endpoint,
                  (unsigned)(worker->options->slots - free_slots(worker)));
        break;
    }
}

/* What no waiting mends. */
static int
exit_status_of(baton_status status)
{
    switch ((int)status) {
    case BATON_DENIED:
        return EX_NOPERM;
    case BATON_VERSION:
        return EX_UNAVAILABLE;
    case BATON_INVALID:
    case BATON_UNKNOWN_ROLE:
    case BATON_BAD_ARGUMENT:
        return EX_CONFIG;
    default:
        return EX_SOFTWARE;
    }
}

void
session_read(struct worker *worker)
{
    worker->touched = false;
    for (int i = 0; i < EVENTS_A_TURN; i++) {
        struct baton_worker_event event = {0};
        baton_status status = baton_worker_next(worker->session, 0, &event);
        if (status == BATON_TIMEOUT || status == BATON_NO_BROKER || status == BATON_INTERRUPTED) {
            return;
        }
        if (status != BATON_OK) {
            log_event(LOG_LEVEL_ERROR, "session.failed", "status=%s why=%s",
                      baton_status_name(status), log_quote(baton_worker_error(worker->session)).s);
            worker->status = exit_status_of(status);
            worker->ended = true;
            return;
        }
        handle(worker, &event);
    }
    worker->touched = true; /* there may be more */
}

/* ---- what is owed ---- */

static bool
report_spooled(struct worker *worker, uint64_t token)
{
    struct spooled spooled;
    if (!spool_load(&worker->state, token, &spooled)) {
        return false;
    }
    log_event_about(LOG_LEVEL_NOTICE, "result.sent_again",
                    &(struct log_about){.task = spooled.id, .token = token}, "outcome=%s",
                    outcome_name((int)spooled.result.outcome));
    worker->n_undelivered++;
    report(worker, token, &spooled.result);
    spooled_fini(&spooled);
    return true;
}

/* A task that its worker dies of again and again must not go round for ever. */
static void
report_interrupted(struct worker *worker, const struct state_interrupted *interrupted)
{
    bool again = interrupted->crashes < CRASHES_MAX;
    struct baton_result result = {
        .outcome = again ? BATON_OUTCOME_RELEASED : BATON_OUTCOME_FAILED,
        .summary = again ? "the worker was restarted" : "the worker died of it again and again",
        .output_tail = "",
    };
    log_event_about(LOG_LEVEL_WARNING, "task.interrupted",
                    &(struct log_about){.token = interrupted->token}, "crashes=%d outcome=%s",
                    interrupted->crashes, outcome_name((int)result.outcome));
    worker_report(worker, interrupted->token, "", "", &result);
    state_lease_forget(&worker->state, interrupted->token);
}

struct debts {
    uint64_t *spooled;
    size_t n_spooled;
    struct state_interrupted *interrupted;
    size_t n_interrupted;
    struct baton_held *held;
    size_t n_held;
};

static struct debts
find_debts(struct worker *worker)
{
    struct debts debts = {0};
    debts.spooled = state_tokens(worker->state.spool, &debts.n_spooled);
    /* A run whose result is in the spool was ended; only its note was not removed. */
    for (size_t i = 0; i < debts.n_spooled; i++) {
        state_lease_forget(&worker->state, debts.spooled[i]);
    }
    debts.interrupted = state_interrupted(&worker->state, &debts.n_interrupted);
    debts.held = xcalloc(debts.n_spooled + debts.n_interrupted, sizeof *debts.held);
    for (size_t i = 0; i < debts.n_spooled; i++) {
        debts.held[debts.n_held++] = (struct baton_held){debts.spooled[i], true};
    }
    for (size_t i = 0; i < debts.n_interrupted; i++) {
        debts.held[debts.n_held++] = (struct baton_held){debts.interrupted[i].token, true};
    }
    return debts;
}

static void
pay_debts(struct worker *worker, struct debts *debts)
{
    for (size_t i = 0; i < debts->n_spooled; i++) {
        (void)report_spooled(worker, debts->spooled[i]);
    }
    for (size_t i = 0; i < debts->n_interrupted; i++) {
        report_interrupted(worker, &debts->interrupted[i]);
    }
}

int
session_open(struct worker *worker)
{
    const struct options *options = worker->options;
    struct debts debts = find_debts(worker);
    struct baton_worker_options how = {
        .name = options->name,
        .roles = options->roles.items,
        .n_roles = options->roles.n,
        .projects = options->projects.items,
        .n_projects = options->projects.n,
        .slots = options->slots,
        .held = debts.held,
        .n_held = debts.n_held,
    };
    baton_status status = baton_worker_open(worker->endpoint, &how, &worker->session);
    if (status == BATON_OK) {
        pay_debts(worker, &debts);
    } else {
        log_event(LOG_LEVEL_ERROR, "session.refused", "endpoint=%s status=%s why=%s",
                  log_quote(worker->endpoint).s, baton_status_name(status),
                  log_quote(baton_error(NULL)).s);
    }
    free(debts.spooled);
    free(debts.interrupted);
    free(debts.held);
    return status == BATON_OK ? -1 : exit_status_of(status);
}

void
session_close(struct worker *worker)
{
    if (worker->session) {
        baton_worker_close(&worker->session, 0, worker->n_undelivered > 0);
    }
    if (worker->asks) {
        baton_close(&worker->asks);
    }
}
