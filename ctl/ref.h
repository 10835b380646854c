/* Names of tasks as people write them. Pure.
 *
 * A task is written ID (in the project at hand) or PROJECT//ID. Ids and projects may hold single
 * slashes and colons but never "//" (name_is_valid), so the first "//" always parts them. A
 * dependency is a task with an optional condition and policy behind colons, ID[:CONDITION][:POLICY]
 * ("build:finished", "API-001:ignore", "infra//DB-1:success:abort"). An id that itself ends in such
 * a word is written with both words behind it.
 */
#ifndef BATON_CTL_REF_H
#define BATON_CTL_REF_H

#include "client/include/baton.h"
#include "common/limits.h"

#include <stdbool.h>
#include <stddef.h>

/* What a project is called when nobody names one. */
#define CTL_DEFAULT_PROJECT "default"

enum {
    /* Room for a written reference with its NUL. */
    CTL_REF_ROOM = NAME_BYTES_MAX + 2 + ID_BYTES_MAX + 1,
};

/* One task, by value. */
struct ctl_ref {
    char project[NAME_BYTES_MAX + 1]; /* never "" */
    char id[ID_BYTES_MAX + 1];
};

/* Reads `text`; a project that is not written is `project` (NULL or "": "default"). False: not a
 * name, and *ret_why is a static sentence that says so. */
bool ctl_ref_parse(const char *text, const char *project, struct ctl_ref *ret_ref,
                   const char **ret_why);

/* Reads a dependency of a task in `project`. As ctl_ref_parse. */
bool ctl_edge_parse(const char *text, const char *project, struct ctl_ref *ret_ref,
                    baton_condition *ret_condition, baton_policy *ret_policy, const char **ret_why);

/* Writes "ID", or "PROJECT//ID" when `project` is another one than `at_hand` (either may be NULL or
 * "" for "default"). Returns out, which has CTL_REF_ROOM; longer names are cut. */
const char *ctl_ref_format(const char *project, const char *id, const char *at_hand, char *out);

/* True when both name the same project. */
bool ctl_project_is(const char *a, const char *b);

#endif
