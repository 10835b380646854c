#include "broker/front/admission.h"

#include "common/log.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_ullong n_refused;

/* The number of a descriptor that is not for a connection any more. */
static int
first_kept(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > INT32_MAX) {
        return INT32_MAX;
    }
    int n = (int)limit.rlim_cur;
    return n - MIN(n / 2, (int)DESCRIPTORS_KEPT);
}

/* libc's, as ZeroMQ calls it: the program's own comes before that of a library. A descriptor has
 * the lowest number that is free, so it says how many are in use. One too many is closed at once:
 * left alone, it would wake ZeroMQ's thread again and again, and without descriptors libzmq 4.3.4
 * calls abort. ECONNABORTED is to it a peer that went away; ours try again. */
int accept4(int listener, void *address, void *bytes, int flags)
    __attribute__((visibility("default")));

int
accept4(int listener, void *address, void *bytes, int flags)
{
    int fd = (int)syscall(SYS_accept4, listener, address, bytes, flags);
    if (fd >= 0 ? fd < first_kept() : errno != EMFILE) {
        return fd;
    }
    if (fd >= 0) {
        close(fd);
    }
    atomic_fetch_add(&n_refused, 1);
    errno = ECONNABORTED;
    return -1;
}

void
admission_look(struct front *front)
{
    uint64_t now_refused = atomic_load(&n_refused);
    uint64_t more = now_refused - front->counters.n[COUNT_CONNECTIONS_REFUSED];
    front_count(front, COUNT_CONNECTIONS_REFUSED, more);
    if (more > 0) {
        front->refused_at = front->now;
    }
    bool is_full = more > 0 ||
                   (front->is_full_logged && front->now - front->refused_at < ADMISSION_OK_MS);
    if (is_full != front->is_full_logged) {
        front->is_full_logged = is_full;
        log_event(is_full ? LOG_LEVEL_ERROR : LOG_LEVEL_NOTICE,
                  is_full ? "connections.full" : "connections.ok", "refused=%llu descriptors=%d",
                  (unsigned long long)now_refused, first_kept());
    }
}
