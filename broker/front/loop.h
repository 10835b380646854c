/* batond as one call: recover, serve until told to stop, leave. */
#ifndef BATON_FRONT_LOOP_H
#define BATON_FRONT_LOOP_H

#include "broker/front/options.h"

/* Returns the exit status. Blocks SIGTERM, SIGINT and SIGHUP for the whole process. */
int front_run(struct options *options);

#endif
