/* The task as the agent reads it: JSON in BATON_TASK_FILE. docs/agent.md describes the members. */
#ifndef BATON_CONTEXT_TASKFILE_H
#define BATON_CONTEXT_TASKFILE_H

#include "context/attempt.h"

/* JSON text in new memory, ended by a newline. */
char *taskfile_make(const struct attempt *attempt);

#endif
