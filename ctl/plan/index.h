/* Numbers of tasks by project and id. */
#ifndef BATON_CTL_PLAN_INDEX_H
#define BATON_CTL_PLAN_INDEX_H

#include <stddef.h>

struct index;

struct index *index_new(void);
void index_free(struct index *index);

/* Adds a task under the next number, 0, 1, 2 …, unless it is there; returns its number. Borrows the
 * texts for the index's life. O(1). */
size_t index_add(struct index *index, const char *project, const char *id);

/* Its number, or -1. O(1). */
ptrdiff_t index_find(const struct index *index, const char *project, const char *id);

/* How many there are. */
size_t index_n(const struct index *index);

#endif
