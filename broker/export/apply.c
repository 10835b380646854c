#include "broker/export/apply.h"

#include "broker/export/copy.h"
#include "broker/export/sql/export_sql.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SQL_ROOM = 1500 };

bool
apply_begin(struct link *link, const char *store_id, struct position *ret_position)
{
    char sql[SQL_ROOM];
    snprintf(
        sql, sizeof sql,
        "INSERT INTO baton.position (store_id, seq) VALUES ('%.64s', 0) ON CONFLICT DO NOTHING;"
        "SELECT store_id, seq, loading FROM baton.position",
        store_id);
    PGresult *result;
    if (!link_run(link, export_sql_session, NULL) || !link_query(link, sql, &result)) {
        return false;
    }
    bool ours = PQntuples(result) == 1 && strcmp(PQgetvalue(result, 0, 0), store_id) == 0;
    if (ours) {
        ret_position->seq = strtoull(PQgetvalue(result, 0, 1), NULL, 10);
        ret_position->is_loading = *PQgetvalue(result, 0, 2) == 't';
    }
    PQclear(result);
    return ours ||
           link_fail(link, "the schema baton in this database has the rows of another store; "
                           "give each broker a database of its own");
}

/* The row of the position is locked by its first statement, so of two exporters (one may be a
 * server's process that a killed broker left behind) one waits, and then sees that it is late. */
static bool
begin_at(struct link *link, uint64_t from, uint64_t to)
{
    char sql[SQL_ROOM];
    uint64_t n;
    snprintf(sql, sizeof sql,
             "BEGIN; UPDATE baton.position SET seq = %" PRIu64 ", at = now() WHERE seq = %" PRIu64
             " AND NOT loading",
             to, from);
    if (!link_run(link, sql, &n)) {
        return false;
    }
    return n == 1 || link_fail(link, "somebody else writes to the schema baton");
}

static bool
copy_staged(struct link *link, const struct rows *rows)
{
    return link_copy(link, "COPY task_in FROM STDIN", &rows->task_in) &&
           link_copy(link, "COPY attempt_in FROM STDIN", &rows->attempt_in) &&
           link_copy(link, "COPY measure_in FROM STDIN", &rows->measure_in) &&
           link_copy(link, "COPY card_in FROM STDIN", &rows->card_in) &&
           link_copy(link, "COPY gone_in FROM STDIN", &rows->gone_in);
}

bool
apply_rows(struct link *link, const struct rows *rows, uint64_t from, uint64_t to, const char *more)
{
    bool staged = rows->task_in.bytes + rows->attempt_in.bytes + rows->measure_in.bytes +
                      rows->card_in.bytes + rows->gone_in.bytes >
                  0;
    return begin_at(link, from, to) && copy_staged(link, rows) &&
           (!staged || link_run(link, export_sql_merge, NULL)) &&
           link_copy(link, "COPY baton.worker FROM STDIN", &rows->worker) &&
           link_copy(link, "COPY baton.task FROM STDIN", &rows->task) &&
           link_copy(link, "COPY baton.attempt FROM STDIN", &rows->attempt) &&
           (!*more || link_run(link, more, NULL)) && link_run(link, "COMMIT", NULL);
}

/* ---- whole rows ---- */

/* Deletes rows with numbers above `after` and below `before`. */
static void
delete_between(char *sql, uint64_t after, uint64_t before)
{
    static const struct {
        const char *table, *number;
    } tables[] = {{"task", "key"},
                  {"attempt", "token"},
                  {"measure", "token"},
                  {"card", "number"},
                  {"worker", "number"}};
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        sql += sprintf(sql, "DELETE FROM baton.%s WHERE %s > %" PRIu64 " AND %s < %" PRIu64 ";",
                       tables[i].table, tables[i].number, after, tables[i].number, before);
    }
}

bool
apply_begin_load(struct link *link, uint64_t lost_after, uint64_t lost_before)
{
    char sql[SQL_ROOM] = "";
    delete_between(sql, lost_after, lost_before);
    return link_run(link,
                    "BEGIN; TRUNCATE card_seen;"
                    "UPDATE baton.position SET loading = true, at = now()",
                    NULL) &&
           (!lost_before || link_run(link, sql, NULL)) && link_run(link, "COMMIT", NULL);
}

bool
apply_load(struct link *link, const struct rows *rows)
{
    return link_run(link, "BEGIN", NULL) &&
           link_copy(link, "COPY worker_load FROM STDIN", &rows->worker_load) &&
           link_copy(link, "COPY task_load FROM STDIN", &rows->task_load) &&
           link_copy(link, "COPY attempt_load FROM STDIN", &rows->attempt_load) &&
           link_copy(link, "COPY measure_in FROM STDIN", &rows->measure_in) &&
           link_copy(link, "COPY card_in FROM STDIN", &rows->card_in) &&
           link_run(link, export_sql_load, NULL) && link_run(link, "COMMIT", NULL);
}

/* What stands behind the snapshot comes again, out of the journal. A card that is neither in it nor
 * in the archive was removed, or is purged. */
bool
apply_end_load(struct link *link, uint64_t seq)
{
    char deletes[SQL_ROOM];
    char sql[SQL_ROOM];
    delete_between(deletes, seq, INT64_MAX);
    snprintf(sql, sizeof sql,
             "UPDATE baton.card c SET removed_at = now() WHERE removed_at IS NULL AND"
             " NOT EXISTS (SELECT FROM card_seen s WHERE s.number = c.number);"
             "UPDATE baton.position SET loading = false, seq = %" PRIu64 ", at = now(); COMMIT",
             seq);
    return link_run(link, "BEGIN", NULL) && link_run(link, deletes, NULL) &&
           link_run(link, sql, NULL);
}

/* ---- retention ---- */

static bool
purge_tasks(struct link *link, const char *cut, uint64_t *cursor, uint64_t *n)
{
    char sql[SQL_ROOM];
    snprintf(
        sql, sizeof sql,
        "WITH page AS (SELECT key, created_at, ended_at FROM baton.task WHERE key > %" PRIu64
        "  ORDER BY key LIMIT %d),"
        " gone AS (DELETE FROM baton.task t USING page p WHERE t.key = p.key AND p.ended_at < %s"
        "  RETURNING t.key),"
        " a AS (DELETE FROM baton.attempt a USING gone g WHERE a.task = g.key),"
        " m AS (DELETE FROM baton.measure m USING gone g WHERE m.task = g.key)"
        " SELECT coalesce(max(key), 0), coalesce(max(created_at) >= %s, true),"
        "  (SELECT count(*) FROM gone) FROM page",
        *cursor, PURGE_ROWS, cut, cut);
    PGresult *result;
    if (!link_query(link, sql, &result)) {
        return false;
    }
    bool through = PQntuples(result) != 1 || *PQgetvalue(result, 0, 1) == 't';
    *cursor = through ? 0 : strtoull(PQgetvalue(result, 0, 0), NULL, 10);
    *n += strtoull(PQgetvalue(result, 0, 2), NULL, 10);
    PQclear(result);
    return true;
}

bool
apply_purge(struct link *link, int64_t cut_ms, uint64_t *cursor, uint64_t *ret_n)
{
    char cut[80];
    snprintf(cut, sizeof cut, "to_timestamp(%" PRId64 ".%03d)", cut_ms / 1000,
             (int)(cut_ms % 1000));
    uint64_t n_cards = 0;
    *ret_n = 0;
    if (*cursor == 0) {
        char sql[SQL_ROOM];
        snprintf(sql, sizeof sql,
                 "SELECT baton.purge_samples(%s, %d);"
                 "DELETE FROM baton.card WHERE number IN (SELECT number FROM baton.card"
                 "  WHERE coalesce(ended_at, removed_at) < %s LIMIT %d)",
                 cut, PURGE_ROWS, cut, PURGE_ROWS);
        if (!link_run(link, sql, &n_cards)) {
            return false;
        }
    }
    *ret_n = n_cards;
    return purge_tasks(link, cut, cursor, ret_n);
}
