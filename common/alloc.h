/* Allocation for the daemons: out of memory aborts, since every size was bounded before it came
 * here. */
#ifndef BATON_COMMON_ALLOC_H
#define BATON_COMMON_ALLOC_H

#include <stddef.h>

void *xmalloc(size_t bytes);
void *xcalloc(size_t n, size_t bytes);
void *xrealloc(void *p, size_t bytes);
/* Grows to n elements of `bytes` each; checks the product. */
void *xreallocarray(void *p, size_t n, size_t bytes);
char *xstrdup(const char *s);
void *xmemdup(const void *p, size_t bytes);

#endif
