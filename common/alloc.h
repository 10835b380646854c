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

enum { HUGE_BYTES = 2 * 1024 * 1024 }; /* of a huge page */
/* For what is used whole and lasts, some HUGE_BYTES: in huge pages if the kernel has them, so that
 * touching it costs one fault for 512. */
void *xmalloc_huge(size_t bytes);
/* As xcalloc; in huge pages when it is that large. */
void *xcalloc_huge(size_t n, size_t bytes);

#endif
