/* One connection to PostgreSQL that never blocks for longer than it was told, and at once not any
 * more when the exporter is stopped. All functions but link_close return false when the connection
 * is of no use any more; `error` says why, in one line. */
#ifndef BATON_EXPORT_LINK_H
#define BATON_EXPORT_LINK_H

#include "broker/export/limits.h"
#include "common/buf.h"
#include "common/check.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

struct link {
    PGconn *conn; /* NULL: closed */
    int stop_fd;  /* readable: the exporter is stopped */
    bool is_stopped;
    char error[ERROR_ROOM];
};

/* By libpq's own means (PG…, service file, ~/.pgpass), or by the credential baton-postgres. The
 * look-up of a host's name is the one thing that libpq blocks for. */
bool link_open(struct link *link) MUST_CHECK;
void link_close(struct link *link);

/* Statements, one or many; *ret_n (may be NULL) are the rows that the last one touched. */
bool link_run(struct link *link, const char *sql, uint64_t *ret_n) MUST_CHECK;
/* The last result; the caller clears it. */
bool link_query(struct link *link, const char *sql, PGresult **ret_result) MUST_CHECK;
/* COPY … FROM STDIN, and the rows. Nothing at all without rows. */
bool link_copy(struct link *link, const char *sql, const struct buf *rows) MUST_CHECK;

/* Monotonic. */
int64_t link_now_ms(void);

/* Sets the error, for what the caller finds. Returns false. */
bool link_fail(struct link *link, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
