/* The SQL of the exporter, embedded (broker/export/sql). `baton schema` prints the same text. */
#ifndef BATON_EXPORT_SQL_EXPORT_SQL_H
#define BATON_EXPORT_SQL_EXPORT_SQL_H

#include <stddef.h>

struct export_sql {
    int version;      /* its number, from 1 without gaps */
    const char *name; /* of the file, "001_tables.sql" */
    const char *text;
};

extern const struct export_sql export_sql[];
extern const size_t export_sql_n;

extern const char export_sql_session[], export_sql_merge[], export_sql_load[];

#endif
