/* journald's native protocol: an entry is one datagram of fields. What a field means is
 * systemd.journal-fields(7). */
#ifndef BATON_COMMON_JOURNALD_H
#define BATON_COMMON_JOURNALD_H

#include "common/buf.h"

#define JOURNALD_SOCKET "/run/systemd/journal/socket"

enum journald_sent {
    JOURNALD_SENT,
    JOURNALD_FULL, /* it does not read fast enough: the entry is lost */
    JOURNALD_GONE, /* nobody reads there */
};

/* A field: NAME=value and a newline; a value with a newline in it, with its length as 64 bits,
 * lowest byte first. The name is one that journald takes (capitals, digits, '_'). */
void journald_add(struct buf *buf, const char *name, const char *value);

/* A socket for journald_send; -1: errno. */
int journald_open(void);

/* Sends the entry to the socket at `path`, which is looked up each time: journald may have been
 * restarted. Never waits. */
enum journald_sent journald_send(int fd, const char *path, const struct buf *entry);

#endif
