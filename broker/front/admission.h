/* Which connections are let in: as many as leave some descriptors for everything else. ZeroMQ
 * accepts on its own thread and knows no bound; out of descriptors it ends the process. */
#ifndef BATON_FRONT_ADMISSION_H
#define BATON_FRONT_ADMISSION_H

#include "broker/front/front.h"

enum {
    DESCRIPTORS_KEPT = 64, /* for the store, zones, backups, the exporter; half, if there are few */
    ADMISSION_OK_MS = 10 * 1000, /* without a refusal: there is room again */
};

/* Once a turn: counts, and says in the log when it begins to refuse and when it is over. */
void admission_look(struct front *front);

#endif
