#include "common/alloc.h"

#include "common/check.h"

#include <stdlib.h>
#include <string.h>

void *
xmalloc(size_t bytes)
{
    void *p = malloc(bytes ? bytes : 1);
    CHECK(p);
    return p;
}

void *
xcalloc(size_t n, size_t bytes)
{
    void *p = calloc(n ? n : 1, bytes ? bytes : 1);
    CHECK(p);
    return p;
}

void *
xrealloc(void *p, size_t bytes)
{
    void *q = realloc(p, bytes ? bytes : 1);
    CHECK(q);
    return q;
}

void *
xreallocarray(void *p, size_t n, size_t bytes)
{
    size_t total;
    CHECK(!__builtin_mul_overflow(n, bytes, &total));
    return xrealloc(p, total);
}

char *
xstrdup(const char *s)
{
    return xmemdup(s, strlen(s) + 1);
}

void *
xmemdup(const void *p, size_t bytes)
{
    void *q = xmalloc(bytes);
    if (bytes) {
        memcpy(q, p, bytes);
    }
    return q;
}
