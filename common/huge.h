/* Memory in huge pages, for what is used whole and lasts: touching it costs one fault for 512, and
 * a look-up in it one miss of the TLB less. */
#ifndef BATON_COMMON_HUGE_H
#define BATON_COMMON_HUGE_H

#include <stddef.h>

enum { HUGE_BYTES = 2 * 1024 * 1024 }; /* of a huge page */

/* Best some HUGE_BYTES. In huge pages if the kernel has them; zeroed. */
void *xmalloc_huge(size_t bytes);
void xfree_huge(void *p, size_t bytes); /* as many as were asked for */

/* Number i, from 0, of pieces that a growing list consists of: the first one may be all that is
 * ever used, and that hardly. Not zeroed. */
void *xmalloc_chunk(size_t i, size_t bytes);
void xfree_chunk(void *p, size_t i, size_t bytes); /* with the same numbers */

/* For what grows into the size of huge pages: xcalloc as long as it is small. */
void *xcalloc_huge(size_t n, size_t bytes);
void xfree_table(void *p, size_t n, size_t bytes); /* of xcalloc_huge, with the same numbers */

/* From now on a thread of its own touches the memory that will be asked for next: a program that
 * fills memory as fast as it can waits a third of its time for the kernel to clear it, and the
 * other processor has nothing to do. Does nothing where it can't help. */
void huge_ahead_begin(void);
void huge_ahead_end(void); /* gives back what was not asked for */

#endif
