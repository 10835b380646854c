/* The place of the broker's sockets in the file system. */
#ifndef BATON_FRONT_LISTEN_H
#define BATON_FRONT_LISTEN_H

#include <stddef.h>

/* Makes the directory of `path` (mode 0750) if it is not there, and removes a socket that a dead
 * broker left behind. -1: done; else the exit status, and `error` says why: above all when another
 * process listens there, since binding would take the path from it silently. */
int listen_prepare(const char *path, char *error, size_t error_room);

#endif
