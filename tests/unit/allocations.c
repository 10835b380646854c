#include "allocations.h"

#include <stddef.h>

_Thread_local long allocations_left = -1;
_Thread_local bool allocations_fail_once;

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t n, size_t bytes);
void *__real_realloc(void *p, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t n, size_t bytes);
void *__wrap_realloc(void *p, size_t bytes);

static bool
refused(void)
{
    if (allocations_left == 0) {
        return !allocations_fail_once;
    }
    return allocations_left > 0 && --allocations_left == 0;
}

void *
__wrap_malloc(size_t bytes)
{
    return refused() ? NULL : __real_malloc(bytes);
}

void *
__wrap_calloc(size_t n, size_t bytes)
{
    return refused() ? NULL : __real_calloc(n, bytes);
}

void *
__wrap_realloc(void *p, size_t bytes)
{
    return refused() ? NULL : __real_realloc(p, bytes);
}
