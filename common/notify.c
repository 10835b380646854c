#include "common/notify.h"

#include "common/check.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static struct {
    struct sockaddr_un address;
    socklen_t address_bytes;
    int fd; /* kept: to say so takes no descriptor when there is none; 0: nobody listens */
    int64_t watchdog_us; /* between two signs of life; 0: nobody wants them */
    int64_t last_us;
} state;

void
notify_begin(void)
{
    const char *path = getenv("NOTIFY_SOCKET");
    if (!path || (path[0] != '/' && path[0] != '@') ||
        strlen(path) >= sizeof state.address.sun_path) {
        return;
    }
    state.address.sun_family = AF_UNIX;
    memcpy(state.address.sun_path, path, strlen(path) + 1);
    if (path[0] == '@') {
        state.address.sun_path[0] = 0;
    }
    state.address_bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd <= 0) {
        return;
    }
    state.fd = fd;

    const char *pid = getenv("WATCHDOG_PID");
    const char *usec = getenv("WATCHDOG_USEC");
    if (usec && (!pid || strtoll(pid, NULL, 10) == (long long)getpid())) {
        state.watchdog_us = strtoll(usec, NULL, 10) / 4;
    }
}

void
notify_send(const char *text)
{
    if (state.fd == 0) {
        return;
    }
    /* Not told is not fatal: the manager acts on its own time limit. */
    (void)!sendto(state.fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT,
                  (const struct sockaddr *)&state.address, state.address_bytes);
}

void
notify_reloading(void)
{
    struct timespec now;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    char text[96];
    snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%lld",
             (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
    notify_send(text);
}

int64_t
notify_wait_ms(void)
{
    return state.watchdog_us > 0 ? state.watchdog_us / 1000 : INT64_MAX;
}

void
notify_watchdog(int64_t now_us)
{
    if (state.watchdog_us > 0 && now_us - state.last_us >= state.watchdog_us) {
        state.last_us = now_us;
        notify_send("WATCHDOG=1");
    }
}
