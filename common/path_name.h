// Names of resources that are paths: "path:src/api/**". Such a claim takes the path and everything
// below it, so two of them meet when one is the other or lies below it. Pure functions.
#ifndef BATON_COMMON_PATH_NAME_H
#define BATON_COMMON_PATH_NAME_H

#include "common/limits.h"

#include <stdbool.h>
#include <stddef.h>

#define PATH_NAME_PREFIX "path:"
#define PATH_NAME_ALL "path:**" /* the whole tree */

enum { RESOURCE_NAME_ROOM = PATH_NAME_BYTES_MAX + 1 };

/* True when the name says that it is a path, right or wrong. */
bool path_name_is(const char *name);

// Writes the one form that a resource's name has: a path without "/" or "/**" at its end, any other
// name as it is. NULL, or a sentence about what is wrong with the name.
const char *resource_name_read(const char *name, char ret[RESOURCE_NAME_ROOM]);

/* True when one of the two paths (in their one form) is the other or lies below it. */
bool path_names_meet(const char *a, const char *b);

/* True when b (in its one form) is a or lies below it. */
bool path_name_covers(const char *a, const char *b);

#endif
