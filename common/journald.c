#include "common/journald.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

void
journald_add(struct buf *buf, const char *name, const char *value)
{
    size_t bytes = strlen(value);
    buf_add_text(buf, name);
    if (!strchr(value, '\n')) {
        buf_add(buf, "=", 1);
    } else {
        uint8_t length[8];
        for (size_t i = 0; i < sizeof length; i++) {
            length[i] = (uint8_t)((uint64_t)bytes >> 8 * i);
        }
        buf_add(buf, "\n", 1);
        buf_add(buf, length, sizeof length);
    }
    buf_add(buf, value, bytes);
    buf_add(buf, "\n", 1);
}

int
journald_open(void)
{
    return socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

enum journald_sent
journald_send(int fd, const char *path, const struct buf *entry)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        return JOURNALD_GONE;
    }
    strcpy(address.sun_path, path);
    ssize_t sent;
    do {
        sent = sendto(fd, entry->data, entry->bytes, MSG_DONTWAIT | MSG_NOSIGNAL,
                      (const struct sockaddr *)&address, sizeof address);
    } while (sent < 0 && errno == EINTR);
    if (sent >= 0) {
        return JOURNALD_SENT;
    }
    return errno == EAGAIN || errno == ENOBUFS ? JOURNALD_FULL : JOURNALD_GONE;
}
