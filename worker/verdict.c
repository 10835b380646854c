/* The order of evidence: what stopped it, the result file, the output, the check, the exit status.
 * Exit status 0 alone never means done: agents end so on a rate limit, a denied tool, an unknown
 * command. */
#include "worker/verdict.h"

#include "common/alloc.h"
#include "common/units.h"
#include "worker/clean.h"
#include "worker/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>

int
verdict_exit_status(const struct evidence *evidence)
{
    if (!evidence->have_status) {
        return 0;
    }
    int status = evidence->wait_status;
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* A copy of what a source said, with a summary where it gave none. */
static struct finding
copy(const struct finding *from, const char *summary)
{
    struct finding finding = *from;
    bool has = from->summary && *from->summary;
    finding.summary = has ? xstrdup(from->summary) : summary ? xstrdup(summary) : NULL;
    finding.document = from->document ? xstrdup(from->document) : NULL;
    finding.wait_for = from->wait_for ? xstrdup(from->wait_for) : NULL;
    return finding;
}

static struct verdict
say(struct finding said)
{
    return (struct verdict){.said = said};
}

#define SAY(outcome, ...) say(finding_say(FINDING_SAID, outcome, __VA_ARGS__))

/* An outcome of ours with the document that the agent left. */
static struct verdict
with_document(struct verdict verdict, const struct evidence *evidence)
{
    const struct finding *from = evidence->file->document ? evidence->file : evidence->adapter;
    if (from->document && !verdict.said.document) {
        verdict.said.document = xstrdup(from->document);
    }
    return verdict;
}

static struct verdict
not_started(const struct evidence *evidence)
{
    if (evidence->trouble) {
        baton_outcome outcome = evidence->trouble_is_task ? BATON_OUTCOME_FATAL
                                                          : BATON_OUTCOME_RELEASED;
        struct verdict verdict = SAY(outcome, "not started: %s", evidence->trouble);
        verdict.failed_start = !evidence->trouble_is_task;
        return verdict;
    }
    char why[256];
    snprintf(why, sizeof why, "%s", strerror(evidence->exec_errno));
    if (evidence->own_command) {
        return SAY(BATON_OUTCOME_FATAL,
                   "the task's command '%s' cannot be run here: %s; mend the "
                   "command or install it, then retry",
                   evidence->command, why);
    }
    struct verdict verdict = SAY(BATON_OUTCOME_RELEASED,
                                 "the worker's command '%s' cannot be run: "
                                 "%s",
                                 evidence->command, why);
    verdict.misconfigured = verdict.failed_start = true;
    return verdict;
}

static bool
said_done(const struct finding *finding)
{
    return finding->kind == FINDING_SAID && finding->outcome == BATON_OUTCOME_DONE;
}

static struct verdict
stopped(const struct evidence *evidence)
{
    char limit[64];
    duration_format(evidence->limit_ms, limit, sizeof limit);
    switch (evidence->cause) {
    case CAUSE_CANCELLED:
        return SAY(BATON_OUTCOME_CANCELLED, "ended because it was told to");
    case CAUSE_HALT:
        return SAY(BATON_OUTCOME_RELEASED, "the worker was stopped");
    case CAUSE_WALL:
        return SAY(BATON_OUTCOME_TIMED_OUT,
                   "ran longer than %s; give it more (max_runtime) or make "
                   "it smaller",
                   limit);
    case CAUSE_IDLE:
        return SAY(BATON_OUTCOME_TIMED_OUT, "no output and no progress for %s; it seems to hang",
                   limit);
    case CAUSE_NONE:
    case CAUSE_LOST:
        break;
    }
    CHECK(!"a run that was ended from outside has a cause");
    return (struct verdict){0};
}

/* Someone says that it is done: the check, where there is one, has the last word. */
static struct verdict
done_if_checked(const struct evidence *evidence, const struct finding *said)
{
    switch (evidence->check) {
    case CHECK_PENDING:
        return (struct verdict){.need_check = true};
    case CHECK_FAILED:
        return with_document(
            SAY(BATON_OUTCOME_FAILED, "the check failed: %s", evidence->check_says), evidence);
    case CHECK_PASSED:
        if (!said) {
            return with_document(SAY(BATON_OUTCOME_DONE, "the check passed"), evidence);
        }
        break;
    case CHECK_ABSENT:
        CHECK(said);
        break;
    }
    return say(copy(said, "done"));
}

static struct verdict
by_exit_status(const struct evidence *evidence)
{
    int status = verdict_exit_status(evidence);
    const char *word = evidence->command;
    switch (status) {
    case EX_TEMPFAIL: {
        struct verdict verdict = SAY(BATON_OUTCOME_RELEASED,
                                     "the agent asks to try later (exit status 75)");
        verdict.said.retry_after_ms = RETRY_TEMPFAIL_MS;
        return verdict;
    }
    case EX_USAGE:
    case EX_DATAERR:
    case EX_NOPERM:
    case EX_CONFIG:
        return SAY(BATON_OUTCOME_FATAL, "exit status %d: a retry is useless", status);
    case 126:
    case 127: {
        if (evidence->own_command) {
            return SAY(BATON_OUTCOME_FATAL,
                       "exit status %d: the task's command '%s' needs something "
                       "that cannot be run here",
                       status, word);
        }
        struct verdict verdict = SAY(BATON_OUTCOME_RELEASED,
                                     "exit status %d: the worker's command "
                                     "'%s' cannot be run",
                                     status, word);
        verdict.misconfigured = verdict.failed_start = true;
        return verdict;
    }
    default:
        break;
    }
    if (status < 0) {
        return SAY(BATON_OUTCOME_FAILED, "killed by signal %d (%s)", -status, strsignal(-status));
    }
    return SAY(BATON_OUTCOME_FAILED, "exit status %d", status);
}

/* It ended by itself and no source says how. */
static struct verdict
unsaid(const struct evidence *evidence)
{
    if (evidence->limited) {
        struct verdict verdict = SAY(BATON_OUTCOME_RATE_LIMITED, "the provider's limit is reached");
        verdict.said.retry_after_ms = evidence->limited_ms;
        return verdict;
    }
    if (!evidence->have_status) {
        return SAY(BATON_OUTCOME_FAILED, "the run's supervisor was killed");
    }
    if (verdict_exit_status(evidence) != 0) {
        return by_exit_status(evidence);
    }
    if (evidence->check != CHECK_ABSENT) {
        return done_if_checked(evidence, NULL);
    }
    if (evidence->adapter->kind == FINDING_UNPROVEN || evidence->adapter->kind == FINDING_BAD) {
        struct verdict verdict = say(copy(evidence->adapter, NULL));
        verdict.said.kind = FINDING_SAID;
        verdict.said.outcome = BATON_OUTCOME_FAILED;
        return verdict;
    }
    return SAY(BATON_OUTCOME_FAILED,
               "exit status 0 but nothing proves the task done: write "
               "{\"outcome\":\"done\"} to $BATON_RESULT_FILE, give the task a check, or choose an "
               "--adapter");
}

/* Work that was proved is not thrown away because its process then hung, or the worker stops (then
 * there is no time for a check). A cancelled task is cancelled. */
static struct verdict
ended_from_outside(const struct evidence *evidence)
{
    bool limit = evidence->cause == CAUSE_WALL || evidence->cause == CAUSE_IDLE;
    bool halt = evidence->cause == CAUSE_HALT && evidence->check != CHECK_PENDING &&
                evidence->check != CHECK_FAILED;
    if (said_done(evidence->file) && (limit || halt)) {
        return done_if_checked(evidence, evidence->file);
    }
    return with_document(stopped(evidence), evidence);
}

/* Nobody takes the report; yet hours of paid work may lie in the result. */
static struct verdict
lost(const struct evidence *evidence)
{
    struct evidence without = *evidence;
    without.cause = CAUSE_HALT;
    without.check = CHECK_ABSENT;
    struct verdict verdict = verdict_find(&without);
    verdict.no_report = true;
    verdict.keep = evidence->file->kind == FINDING_SAID;
    return verdict;
}

struct verdict
verdict_find(const struct evidence *evidence)
{
    if (evidence->cause == CAUSE_LOST) {
        return lost(evidence);
    }
    if (evidence->trouble || evidence->exec_errno) {
        return not_started(evidence);
    }
    const struct finding *file = evidence->file;
    const struct finding *adapter = evidence->adapter;
    if (evidence->cause != CAUSE_NONE) {
        return ended_from_outside(evidence);
    }
    if (file->kind == FINDING_BAD) {
        return say(finding_say(FINDING_SAID, BATON_OUTCOME_FAILED, "%s", file->summary));
    }
    if (said_done(file)) {
        return done_if_checked(evidence, file);
    }
    if (file->kind == FINDING_SAID) {
        return say(copy(file, "the agent says so in its result file"));
    }
    if (said_done(adapter)) {
        return done_if_checked(evidence, adapter);
    }
    if (adapter->kind == FINDING_SAID && !evidence->limited) {
        return say(copy(adapter, NULL));
    }
    return unsaid(evidence);
}
