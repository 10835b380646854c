/* The schema `baton` in the database: made, and brought to our version, by numbered files. */
#ifndef BATON_EXPORT_SCHEMA_H
#define BATON_EXPORT_SCHEMA_H

#include "broker/export/link.h"

/* One at a time, whoever comes: under an advisory lock, in one transaction. Refuses a schema that
 * is newer than we are. */
bool schema_migrate(struct link *link) MUST_CHECK;

#endif
