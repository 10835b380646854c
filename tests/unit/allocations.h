/* Running out of memory when a test wants it. For programs that are linked with --wrap for malloc,
 * calloc and realloc; what ZeroMQ and the C library allocate is not touched. */
#ifndef BATON_TESTS_UNIT_ALLOCATIONS_H
#define BATON_TESTS_UNIT_ALLOCATIONS_H

#include <stdbool.h>

/* Of this thread: the allocation of that number fails, counted from 1, and every one behind it; it
 * is 0 then. Below 0: all work. */
extern _Thread_local long allocations_left;
/* Only that one fails. What goes on as if nothing had been is caught by this alone: else the next
 * one is the one that is noticed. */
extern _Thread_local bool allocations_fail_once;

#endif
