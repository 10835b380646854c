/* What the service manager hears of us: READY, STOPPING, STATUS and the watchdog, as datagrams to
 * $NOTIFY_SOCKET. Nothing happens when there is none. One thread. */
#ifndef BATON_COMMON_NOTIFY_H
#define BATON_COMMON_NOTIFY_H

#include <stdint.h>

/* Reads the environment. */
void notify_begin(void);
/* "READY=1", "STATUS=…"; several lines at once. */
void notify_send(const char *text);
/* RELOADING=1 with its clock; READY=1 is to follow. */
void notify_reloading(void);
/* Says that the loop lives; as often as the manager wants it, however often it is called. */
void notify_watchdog(int64_t now_us);
/* A loop waits no longer than this, so that it can say so; INT64_MAX: as long as it likes. */
int64_t notify_wait_ms(void);

#endif
