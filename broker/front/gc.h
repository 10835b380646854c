/* Deleting records of the archive that were kept long enough. */
#ifndef BATON_FRONT_GC_H
#define BATON_FRONT_GC_H

#include "broker/front/store_ops.h"

/* Begins to look through the archive when it is time to: once a day. Call it every turn. */
void gc_run(struct front *front);

#endif
