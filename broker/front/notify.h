/* What the service manager hears of us: READY, STOPPING, STATUS and the watchdog, as datagrams to
 * $NOTIFY_SOCKET. Nothing happens when there is none. One thread. */
#ifndef BATON_FRONT_NOTIFY_H
#define BATON_FRONT_NOTIFY_H

#include <stdint.h>

/* Reads the environment. */
void notify_begin(void);
/* "READY=1", "STATUS=…"; several lines at once. */
void notify_send(const char *text);
/* The clock that the manager compares with, for MONOTONIC_USEC. */
int64_t notify_monotonic_us(void);
/* Says that the loop lives; as often as the manager wants it, however often it is called. */
void notify_watchdog(int64_t now_us);

#endif
