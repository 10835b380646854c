/* Ends what an earlier life of this worker left running. */
#ifndef BATON_WORKER_SWEEP_H
#define BATON_WORKER_SWEEP_H

#include <stddef.h>

/* Kills every process whose environment says that it belongs to a run below `run_path` (the lock on
 * the state directory says that no such run goes on); never this process or those above it. Waits
 * until they are gone, SWEEP_MS at most, so that no task is given back while its agent still works.
 * Returns how many there were. */
size_t sweep_leftovers(const char *run_path);

#endif
