/* Huge pages, and the thread that touches them ahead of the one that uses them. While it runs,
 * memory is cut from the front of one large reservation of addresses, since only what lies behind
 * each other can be touched before it is known what it will be. Any thread may call. */
#include "common/huge.h"

#include "common/alloc.h"
#include "common/check.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    AHEAD_BYTES = 4 * HUGE_BYTES, /* what was not asked for at the end was touched for nothing */
    /* A table of a quarter of a page is looked up as often as a larger one, and grows. */
    HUGE_TABLE_BYTES_MIN = HUGE_BYTES / 4,
};

/* A sanitizer watches over malloc's pieces only. */
#if defined(__SANITIZE_ADDRESS__)
enum { IS_WATCHED = 1 };
#else
enum { IS_WATCHED = 0 };
#endif

static struct ahead {
    pthread_mutex_t mutex;
    pthread_cond_t moved;
    pthread_t thread;
    uint8_t *base; /* NULL: nothing is reserved */
    size_t bytes;
    size_t used;    /* were asked for */
    size_t touched; /* or left to the one who asked */
    bool stop;
} ahead = {.mutex = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER};

static size_t
whole(size_t bytes)
{
    CHECK(bytes <= SIZE_MAX - HUGE_BYTES);
    return (bytes + HUGE_BYTES - 1) / HUGE_BYTES * HUGE_BYTES;
}

/* Addresses, of which none is memory yet; NULL: there are none. */
static uint8_t *
reserve(size_t bytes)
{
    size_t room = bytes + HUGE_BYTES;
    uint8_t *p = mmap(NULL, room, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) {
        return NULL;
    }
    size_t head = (HUGE_BYTES - (uintptr_t)p % HUGE_BYTES) % HUGE_BYTES;
    if (head) {
        CHECK(munmap(p, head) == 0);
    }
    CHECK(munmap(p + head + bytes, HUGE_BYTES - head) == 0);
    (void)madvise(p + head, bytes, MADV_HUGEPAGE); /* a wish */
    return p + head;
}

/* From the reservation; NULL: there is none, or not as much. */
static void *
take_ahead(size_t bytes)
{
    void *p = NULL;
    pthread_mutex_lock(&ahead.mutex);
    if (ahead.base && bytes <= ahead.bytes - ahead.used) {
        p = ahead.base + ahead.used;
        ahead.used += bytes;
        pthread_cond_signal(&ahead.moved);
    }
    pthread_mutex_unlock(&ahead.mutex);
    return p;
}

void *
xmalloc_huge(size_t bytes)
{
    if (IS_WATCHED) {
        return xcalloc(1, bytes);
    }
    void *p = take_ahead(whole(bytes));
    p = p ? p : reserve(whole(bytes));
    CHECK(p);
    return p;
}

/* What lies in whole huge pages of malloc's piece shall be in such, once it is used. */
static void
wish(void *p, size_t bytes)
{
    uintptr_t begin = ((uintptr_t)p + HUGE_BYTES - 1) / HUGE_BYTES * HUGE_BYTES;
    uintptr_t end = ((uintptr_t)p + bytes) / HUGE_BYTES * HUGE_BYTES;
    if (!IS_WATCHED && begin < end) {
        (void)madvise((void *)begin, end - begin, MADV_HUGEPAGE);
    }
}

void *
xmalloc_chunk(size_t i, size_t bytes)
{
    if (i > 0) {
        return xmalloc_huge(bytes);
    }
    void *p = xmalloc(bytes);
    wish(p, bytes);
    return p;
}

void
xfree_chunk(void *p, size_t i, size_t bytes)
{
    if (i > 0) {
        xfree_huge(p, bytes);
    } else {
        free(p);
    }
}

void
xfree_huge(void *p, size_t bytes)
{
    if (IS_WATCHED) {
        free(p);
    } else {
        CHECK(!p || munmap(p, whole(bytes)) == 0);
    }
}

void *
xcalloc_huge(size_t n, size_t bytes)
{
    size_t total;
    CHECK(!__builtin_mul_overflow(n, bytes, &total));
    return total < HUGE_TABLE_BYTES_MIN ? xcalloc(n, bytes) : xmalloc_huge(total);
}

void
xfree_table(void *p, size_t n, size_t bytes)
{
    if (n * bytes < HUGE_TABLE_BYTES_MIN) {
        free(p);
    } else {
        xfree_huge(p, n * bytes);
    }
}

static void *
touch(void *context)
{
    (void)context;
    pthread_mutex_lock(&ahead.mutex);
    while (!ahead.stop) {
        size_t at = ahead.touched;
        if (at >= ahead.used + AHEAD_BYTES) {
            pthread_cond_wait(&ahead.moved, &ahead.mutex);
            continue;
        }
        if (at == ahead.bytes) {
            break;
        }
        ahead.touched += HUGE_BYTES;
        pthread_mutex_unlock(&ahead.mutex);
        /* Makes pages where there are none, and leaves what stands in the others. */
        bool can = madvise(ahead.base + at, HUGE_BYTES, MADV_POPULATE_WRITE) == 0;
        pthread_mutex_lock(&ahead.mutex);
        if (!can) {
            break; /* an older kernel, or no memory: who uses it will see */
        }
    }
    pthread_mutex_unlock(&ahead.mutex);
    return NULL;
}

static bool
thread_start(pthread_t *ret)
{
    sigset_t all, before;
    sigfillset(&all);
    CHECK(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
    bool started = pthread_create(ret, NULL, touch, NULL) == 0;
    CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    return started;
}

void
huge_ahead_begin(void)
{
    CHECK(!ahead.base);
    long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
    if (sysconf(_SC_NPROCESSORS_ONLN) < 2 || pages <= 0 || page_bytes <= 0) {
        return;
    }
    size_t bytes = whole((size_t)pages * (size_t)page_bytes);
    uint8_t *base = reserve(bytes);
    if (!base) {
        return;
    }
    pthread_mutex_lock(&ahead.mutex);
    ahead.base = base;
    ahead.bytes = bytes;
    ahead.used = ahead.touched = 0;
    ahead.stop = false;
    pthread_mutex_unlock(&ahead.mutex);
    if (!thread_start(&ahead.thread)) {
        pthread_mutex_lock(&ahead.mutex);
        ahead.base = NULL;
        pthread_mutex_unlock(&ahead.mutex);
        CHECK(munmap(base, bytes) == 0);
    }
}

void
huge_ahead_end(void)
{
    if (!ahead.base) {
        return;
    }
    pthread_mutex_lock(&ahead.mutex);
    ahead.stop = true;
    pthread_cond_signal(&ahead.moved);
    pthread_mutex_unlock(&ahead.mutex);
    CHECK(pthread_join(ahead.thread, NULL) == 0);
    pthread_mutex_lock(&ahead.mutex);
    if (ahead.used < ahead.bytes) {
        CHECK(munmap(ahead.base + ahead.used, ahead.bytes - ahead.used) == 0);
    }
    ahead.base = NULL;
    pthread_mutex_unlock(&ahead.mutex);
}
