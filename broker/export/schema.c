#include "broker/export/schema.h"

#include "broker/export/sql/export_sql.h"

#include <stdlib.h>

#define LOCK "SELECT pg_advisory_xact_lock(7021786290442362478)" /* "aration ", any number does */

/* 0: there is none. */
static bool
read_version(struct link *link, int *ret_version)
{
    PGresult *result;
    if (!link_query(link, "SELECT to_regclass('baton.migration') IS NOT NULL", &result)) {
        return false;
    }
    bool is_there = PQntuples(result) == 1 && *PQgetvalue(result, 0, 0) == 't';
    PQclear(result);
    *ret_version = 0;
    if (!is_there) {
        return true;
    }
    if (!link_query(link, "SELECT coalesce(max(version), 0) FROM baton.migration", &result)) {
        return false;
    }
    *ret_version = PQntuples(result) == 1 ? atoi(PQgetvalue(result, 0, 0)) : 0;
    PQclear(result);
    return true;
}

static bool
run_from(struct link *link, int version)
{
    if (version == 0 &&
        !link_run(link,
                  "CREATE SCHEMA IF NOT EXISTS baton;"
                  "CREATE TABLE baton.migration (version integer PRIMARY KEY, name text NOT NULL,"
                  " applied_at timestamptz NOT NULL DEFAULT now())",
                  NULL)) {
        return false;
    }
    for (size_t i = (size_t)version; i < export_sql_n; i++) {
        char note[200];
        snprintf(note, sizeof note, "INSERT INTO baton.migration (version, name) VALUES (%d, '%s')",
                 export_sql[i].version, export_sql[i].name);
        if (!link_run(link, export_sql[i].text, NULL) || !link_run(link, note, NULL)) {
            char why[ERROR_ROOM];
            snprintf(why, sizeof why, "%s", link->error);
            return link_fail(link, "%s: %.200s", export_sql[i].name, why);
        }
    }
    return true;
}

bool
schema_migrate(struct link *link)
{
    int version;
    if (!read_version(link, &version)) {
        return false;
    }
    if (version < (int)export_sql_n) {
        if (!link_run(link, "BEGIN", NULL) || !link_run(link, LOCK, NULL) ||
            !read_version(link, &version) ||
            (version < (int)export_sql_n && !run_from(link, version)) ||
            !link_run(link, "COMMIT", NULL)) {
            return false;
        }
    }
    if (version > (int)export_sql_n) {
        return link_fail(link,
                         "the schema baton has version %d, and this batond knows only %d: a newer "
                         "batond wrote it",
                         version, (int)export_sql_n);
    }
    return true;
}
