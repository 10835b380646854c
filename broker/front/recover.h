/* From the store to a core that serves: snapshot, journal, a new epoch. */
#ifndef BATON_FRONT_RECOVER_H
#define BATON_FRONT_RECOVER_H

#include "broker/front/front.h"

/* Opens front->store, fills a new front->core, sets the clock and the window of events, and begins
 * the epoch (its fact is in front->out). -1: done; else the exit status, and `error` says why. */
int recover(struct front *front, char *error, size_t error_room);

/* What the options say of the disk, at the start and after a reload. */
void apply_options(struct front *front);

#endif
