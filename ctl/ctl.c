/* The invocation: its connection, its errors, its exit status. */
#include "ctl/verbs.h"

#include "common/alloc.h"
#include "common/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    ERROR_BYTES_MAX = 16 * 1024, /* of a message; a cycle may be long */
};

enum ctl_exit
ctl_exit_of(baton_status status)
{
    switch (status) {
    case BATON_OK:
        return CTL_YES;
    case BATON_NOT_FOUND:
    case BATON_ILLEGAL_TRANSITION:
    case BATON_STALE_TOKEN:
    case BATON_CLOSED:
        return CTL_NO;
    case BATON_INVALID:
    case BATON_TOO_LARGE:
    case BATON_CONFLICT:
    case BATON_CYCLE:
    case BATON_UNKNOWN_ROLE:
    case BATON_FORWARD_REF:
    case BATON_NUMBER_USED:
    case BATON_UNSATISFIABLE:
        return CTL_DATA;
    case BATON_BAD_ARGUMENT:
        return CTL_USAGE;
    case BATON_NO_BROKER:
        return CTL_BROKER;
    case BATON_FULL:
    case BATON_PAUSED:
    case BATON_BUSY:
    case BATON_TOO_FAR_BEHIND:
    case BATON_TIMEOUT:
    case BATON_INTERRUPTED:
        return CTL_LATER;
    case BATON_DENIED:
    case BATON_LIMIT:
        return CTL_DENIED;
    case BATON_VERSION:
        return CTL_CONFIG;
    case BATON_MALFORMED:
    case BATON_HELLO_FIRST:
    case BATON_INTERNAL:
    case BATON_NO_MEMORY:
        return CTL_BUG;
    }
    return CTL_BUG;
}

/* What to do about it; never a command that destroys something. */
static const char *
hint_of(baton_status status)
{
    switch ((int)status) {
    case BATON_NO_BROKER:
        return "`batond` starts one; --endpoint or BATON_ENDPOINT names another";
    case BATON_NOT_FOUND:
        return "`baton list` shows the tasks; one of another project is written PROJECT//ID";
    case BATON_CLOSED:
        return "`baton project open NAME` opens a project; a running agent may still add to its "
               "own";
    case BATON_STALE_TOKEN:
        return "the task is no longer yours: stop working on it";
    case BATON_ILLEGAL_TRANSITION:
        return "`baton why ID` says in which state the task is and why";
    case BATON_VERSION:
        return "baton and batond are of different versions";
    case BATON_BUSY:
    case BATON_FULL:
    case BATON_PAUSED:
        return "try again later; `baton status` says what is wrong";
    case BATON_MALFORMED:
    case BATON_HELLO_FIRST:
        return "this is a bug in Baton; please report it with the broker's log";
    case BATON_INTERNAL: /* its store could not read or write */
        return "the broker could not do it; its log says why, and `baton status` what is wrong now";
    default:
        return "";
    }
}

static void
report_json(struct ctl *ctl, const char *code, const char *message, const char *hint, json_t *more)
{
    json_t *error = json_object();
    json_object_set_new(error, "code", ctl_json_text(code));
    json_object_set_new(error, "message", ctl_json_text(message));
    json_object_set_new(error, "hint", hint[0] ? ctl_json_text(hint) : json_null());
    if (more) {
        json_object_update_missing(error, more);
        json_decref(more);
    }
    json_t *whole = json_pack("{s:i, s:o}", "v", CTL_JSON_VERSION, "error", error);
    CHECK(whole);
    ctl_write_json(ctl->err, whole);
    fputc('\n', ctl->err);
    json_decref(whole);
}

static void
report(struct ctl *ctl, const char *code, const char *message, const char *hint, json_t *more)
{
    if (ctl->json) {
        report_json(ctl, code, message, hint, more);
        return;
    }
    json_decref(more);
    char *safe = xmalloc(ERROR_BYTES_MAX);
    text_escape(safe, ERROR_BYTES_MAX, message, true);
    fprintf(ctl->err, "baton: %s\n", safe);
    if (hint[0]) {
        text_escape(safe, ERROR_BYTES_MAX, hint, false);
        fprintf(ctl->err, "  hint: %s\n", safe);
    }
    free(safe);
}

static char *
format_message(const char *fmt, va_list args)
{
    char *message = NULL;
    CHECK(vasprintf(&message, fmt, args) >= 0);
    if (strlen(message) >= ERROR_BYTES_MAX) {
        message[ERROR_BYTES_MAX - 1] = 0;
    }
    return message;
}

int
ctl_fail(struct ctl *ctl, enum ctl_exit exit, const char *code, const char *hint, const char *fmt,
         ...)
{
    va_list args;
    va_start(args, fmt);
    char *message = format_message(fmt, args);
    va_end(args);
    report(ctl, code, message, hint ? hint : "", NULL);
    free(message);
    ctl->status = exit;
    return ctl->status;
}

int
ctl_usage(struct ctl *ctl, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    char *message = format_message(fmt, args);
    va_end(args);
    char hint[80];
    snprintf(hint, sizeof hint, "`baton help%s%s` shows how it is written", ctl->verb ? " " : "",
             ctl->verb ? ctl->verb->name : "");
    report(ctl, "usage", message, hint, NULL);
    free(message);
    ctl->status = CTL_USAGE;
    return ctl->status;
}

int
ctl_fail_status_hint(struct ctl *ctl, baton_status status, const char *hint)
{
    const char *said = ctl->baton ? baton_error(ctl->baton) : "";
    const char *field = ctl->baton ? baton_error_field(ctl->baton) : "";
    const char *cycle = ctl->baton ? baton_error_cycle(ctl->baton) : "";
    const char *code = baton_status_name(status);
    json_t *more = json_object();
    if (field[0]) {
        json_object_set_new(more, "field", ctl_json_text(field));
    }
    if (cycle[0]) {
        json_object_set_new(more, "cycle", ctl_json_text(cycle));
    }
    int64_t again_ms = ctl->baton ? baton_error_retry_after_ms(ctl->baton) : 0;
    if (again_ms > 0) {
        json_object_set_new(more, "retry_after_ms", json_integer(again_ms));
    }
    char *message = NULL;
    /* A cycle is part of the sentence for people unless the broker wrote it there already. */
    bool add_cycle = cycle[0] && !strstr(said, cycle);
    CHECK(asprintf(&message, "%s%s%s", said[0] ? said : code, add_cycle ? ": " : "",
                   add_cycle ? cycle : "") >= 0);
    report(ctl, code, message, hint ? hint : hint_of(status), more);
    free(message);
    ctl->status = (int)ctl_exit_of(status);
    return ctl->status;
}

int
ctl_fail_status(struct ctl *ctl, baton_status status)
{
    return ctl_fail_status_hint(ctl, status, NULL);
}

int
ctl_connect(struct ctl *ctl)
{
    if (ctl->baton) {
        return CTL_YES;
    }
    const char *endpoint = baton_endpoint(ctl->endpoint);
    baton_status status = baton_open(endpoint, &ctl->options, &ctl->baton);
    if (status == BATON_OK) {
        return CTL_YES;
    }
    ctl->baton = NULL;
    if (status != BATON_BAD_ARGUMENT) {
        return ctl_fail_status(ctl, status);
    }
    return ctl_fail(ctl, CTL_CONFIG, "bad_argument",
                    "an endpoint is ipc://PATH, given by --endpoint or BATON_ENDPOINT", "%s",
                    baton_error(NULL));
}

void
ctl_remark(struct ctl *ctl, const char *fmt, ...)
{
    if (ctl->quiet) {
        return;
    }
    va_list args;
    va_start(args, fmt);
    char *message = format_message(fmt, args);
    va_end(args);
    char *safe = xmalloc(ERROR_BYTES_MAX);
    text_escape(safe, ERROR_BYTES_MAX, message, false);
    fprintf(ctl->err, "%s\n", safe);
    free(safe);
    free(message);
}

int64_t
ctl_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int
ctl_finish(struct ctl *ctl, int status)
{
    errno = 0;
    bool failed = fflush(ctl->out) != 0 || ferror(ctl->out);
    if (!failed) {
        return status;
    }
    if (errno == EPIPE) {
        return status; /* the reader has seen enough */
    }
    return ctl_fail(ctl, CTL_IO, "io", NULL, "output can't be written: %s",
                    errno ? strerror(errno) : "write error");
}
