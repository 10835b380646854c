/* The worker's loop and what it is made of. */
#ifndef BATON_WORKER_LOOP_H
#define BATON_WORKER_LOOP_H

#include "worker/worker.h"

/* Blocks the signals that the loop reads and makes the process the reaper of what is below it. To
 * be called before any thread is made. Returns a signalfd; -1: errno. */
int loop_signals(void);

/* Until the worker has ended. Returns the exit status. */
int loop_run(struct worker *worker, int signals);

/* ---- session.c ---- */

/* Opens the session: what the last life left is announced and reported. -1, or an exit status. */
int session_open(struct worker *worker);
void session_close(struct worker *worker);
/* Handles what came from the broker, a bounded number of events. */
void session_read(struct worker *worker);
/* Tells how many tasks may come, when that changed. */
void session_set_credit(struct worker *worker);

#endif
