/* What the worker and its helper baton-exec agree on: descriptors, the lines on the status pipe,
 * the signals. */
#ifndef BATON_WORKER_EXEC_H
#define BATON_WORKER_EXEC_H

#include <signal.h>

/* Descriptors that the helper is started with, beside 0, 1 and 2, which are the agent's. */
enum {
    EXEC_FD_PROGRESS = 3, /* the agent's too */
    EXEC_FD_WORKDIR = 4,  /* the directory to change into */
    EXEC_FD_STATUS = 5,   /* the helper writes lines here */
    EXEC_FD_SCOPE = 6,    /* the agent writes "0" here before it is the agent: worker/scope.h */
    EXEC_FD_LAST = EXEC_FD_SCOPE,
};

/* Lines on the status pipe: "S pid" the program was executed; "E errno" it could not be; "X status"
 * the main process ended, as in waitpid. The helper ends when nothing of the run is left. */
enum { EXEC_STATUS_LINE_MAX = 32 };

#define EXEC_SIGNAL_TERM SIGTERM /* TERM to all of the run */
#define EXEC_SIGNAL_KILL SIGUSR1 /* KILL to all of the run; also sent when the worker has died */

#endif
