#include "broker/export/link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CREDENTIAL "baton-postgres"

int64_t
link_now_ms(void)
{
    struct timespec t;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

bool
link_fail(struct link *link, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(link->error, sizeof link->error, fmt, args);
    va_end(args);
    /* One line, whatever the server said. */
    for (char *p = link->error; *p; p++) {
        *p = *p == '\n' ? ' ' : *p;
    }
    for (size_t n = strlen(link->error); n > 0 && link->error[n - 1] == ' '; n--) {
        link->error[n - 1] = 0;
    }
    return false;
}

static bool
fail_conn(struct link *link, const char *what)
{
    const char *why = PQerrorMessage(link->conn);
    return link_fail(link, "%s: %s", what, why && *why ? why : "the connection is lost");
}

/* Until the socket is ready for one of `events`. */
static bool
wait_for(struct link *link, short events, int64_t until_ms, const char *what)
{
    struct pollfd fds[2] = {{.fd = PQsocket(link->conn), .events = events},
                            {.fd = link->stop_fd, .events = POLLIN}};
    for (;;) {
        int64_t left_ms = until_ms - link_now_ms();
        int n = left_ms > 0 ? poll(fds, 2, (int)left_ms) : 0;
        if (n > 0 && fds[1].revents) {
            link->is_stopped = true;
            return link_fail(link, "stopped");
        }
        if (n > 0) {
            return true;
        }
        if (n == 0) {
            return link_fail(link, "%s: the server did not answer in time", what);
        }
        CHECK(errno == EINTR);
    }
}

/* ---- opening ---- */

/* "" when there is no such credential. */
static bool
read_credential(struct link *link, char text[CONNINFO_BYTES_MAX])
{
    text[0] = 0;
    const char *directory = getenv("CREDENTIALS_DIRECTORY");
    if (!directory || !*directory) {
        return true;
    }
    char path[4096];
    if (snprintf(path, sizeof path, "%s/" CREDENTIAL, directory) >= (int)sizeof path) {
        return link_fail(link, "CREDENTIALS_DIRECTORY is too long");
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return errno == ENOENT || link_fail(link, "credential " CREDENTIAL ": %s", strerror(errno));
    }
    ssize_t n = read(fd, text, CONNINFO_BYTES_MAX);
    close(fd);
    if (n < 0 || n == CONNINFO_BYTES_MAX || memchr(text, 0, (size_t)n)) {
        return link_fail(
            link, "credential " CREDENTIAL ": a connection string of at most %d bytes is wanted",
            CONNINFO_BYTES_MAX - 1);
    }
    text[n] = 0;
    text[strcspn(text, "\r\n")] = 0;
    char *why = NULL;
    PQconninfoOption *options = PQconninfoParse(text, &why);
    PQconninfoFree(options);
    PQfreemem(why); /* it would repeat a part of the secret */
    return options ||
           link_fail(link, "credential " CREDENTIAL
                           ": it is not a connection string such as 'host=db dbname=baton'");
}

static void
ignore_notice(void *context, const char *message)
{
    (void)context;
    (void)message;
}

static bool
connect_on(struct link *link)
{
    int64_t until_ms = link_now_ms() + CONNECT_MS;
    PostgresPollingStatusType step = PGRES_POLLING_WRITING;
    while (step != PGRES_POLLING_OK) {
        short events = step == PGRES_POLLING_READING ? POLLIN : POLLOUT;
        if (!wait_for(link, events, until_ms, "connect")) {
            return false;
        }
        step = PQconnectPoll(link->conn);
        if (step == PGRES_POLLING_FAILED) {
            return fail_conn(link, "connect");
        }
    }
    PQsetNoticeProcessor(link->conn, ignore_notice, NULL);
    return PQsetnonblocking(link->conn, 1) == 0 || fail_conn(link, "connect");
}

bool
link_open(struct link *link)
{
    char conninfo[CONNINFO_BYTES_MAX];
    link->error[0] = 0;
    if (!read_credential(link, conninfo)) {
        return false;
    }
    const char *const keywords[] = {"fallback_application_name", "dbname", "client_encoding", NULL};
    const char *const values[] = {"batond", conninfo[0] ? conninfo : NULL, "UTF8", NULL};
    link->conn = PQconnectStartParams(keywords, values, 1);
    explicit_bzero(conninfo, sizeof conninfo);
    CHECK(link->conn);
    bool ok = PQstatus(link->conn) != CONNECTION_BAD ? connect_on(link)
                                                     : fail_conn(link, "connect");
    if (!ok) {
        link_close(link);
    }
    return ok;
}

void
link_close(struct link *link)
{
    PQfinish(link->conn);
    link->conn = NULL;
}

/* ---- talking ---- */

static bool
flush(struct link *link, int64_t until_ms)
{
    int rest;
    while ((rest = PQflush(link->conn)) == 1) {
        if (!wait_for(link, POLLIN | POLLOUT, until_ms, "send")) {
            return false;
        }
        if (!PQconsumeInput(link->conn)) {
            return fail_conn(link, "send");
        }
    }
    return rest == 0 || fail_conn(link, "send");
}

/* The next result; NULL behind the last one. */
static bool
next_result(struct link *link, int64_t until_ms, PGresult **ret_result)
{
    if (!flush(link, until_ms)) {
        return false;
    }
    while (PQisBusy(link->conn)) {
        if (!wait_for(link, POLLIN, until_ms, "answer")) {
            return false;
        }
        if (!PQconsumeInput(link->conn)) {
            return fail_conn(link, "answer");
        }
    }
    *ret_result = PQgetResult(link->conn);
    return true;
}

static bool
is_error(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    return status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_COPY_IN;
}

/* What the server did not like, with its code; the statement's text stays out of it. */
static bool
fail_result(struct link *link, const PGresult *result)
{
    const char *code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    return link_fail(link, "%s (%s)", message ? message : "the server refused",
                     code ? code : "no code");
}

/* All results; the last one in *ret_last (may be NULL). Ends at a COPY. */
static bool
collect(struct link *link, PGresult **ret_last)
{
    int64_t until_ms = link_now_ms() + ANSWER_MS;
    PGresult *last = NULL;
    bool ok = true;
    for (;;) {
        PGresult *result = NULL;
        if (!next_result(link, until_ms, &result)) {
            ok = false;
            break;
        }
        if (!result) {
            break;
        }
        PQclear(last);
        last = result;
        if (is_error(result)) {
            ok = fail_result(link, result);
            break;
        }
        if (PQresultStatus(result) == PGRES_COPY_IN) {
            break;
        }
    }
    if (ok && ret_last && last) {
        *ret_last = last;
        return true;
    }
    PQclear(last);
    return ok && (!ret_last || link_fail(link, "the server gave no answer"));
}

static bool
send_query(struct link *link, const char *sql)
{
    return PQsendQuery(link->conn, sql) || fail_conn(link, "send");
}

bool
link_query(struct link *link, const char *sql, PGresult **ret_result)
{
    return send_query(link, sql) && collect(link, ret_result);
}

bool
link_run(struct link *link, const char *sql, uint64_t *ret_n)
{
    PGresult *last = NULL;
    if (!link_query(link, sql, &last)) {
        return false;
    }
    if (ret_n) {
        *ret_n = strtoull(PQcmdTuples(last), NULL, 10);
    }
    PQclear(last);
    return true;
}

bool
link_copy(struct link *link, const char *sql, const struct buf *rows)
{
    if (rows->bytes == 0) {
        return true;
    }
    if (!link_run(link, sql, NULL)) {
        return false;
    }
    int64_t until_ms = link_now_ms() + ANSWER_MS;
    for (size_t at = 0; at < rows->bytes;) {
        size_t n = MIN(rows->bytes - at, (size_t)COPY_BYTES);
        int taken = PQputCopyData(link->conn, (const char *)rows->data + at, (int)n);
        if (taken < 0) {
            return fail_conn(link, "copy");
        }
        at += taken ? n : 0;
        if (!flush(link, until_ms)) {
            return false;
        }
    }
    for (int ended = 0; ended == 0;) {
        ended = PQputCopyEnd(link->conn, NULL);
        if (ended < 0) {
            return fail_conn(link, "copy");
        }
        if (!flush(link, until_ms)) {
            return false;
        }
    }
    return collect(link, NULL);
}
