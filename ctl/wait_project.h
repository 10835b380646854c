/* Waiting for a project as a plan: until it is closed and every task has ended. */
#ifndef BATON_CTL_WAIT_PROJECT_H
#define BATON_CTL_WAIT_PROJECT_H

#include "ctl/verbs.h"

/* `timeout_ms` -1: for ever. Returns the exit status: CTL_YES when all of its tasks are done. */
int wait_project(struct ctl *ctl, const char *project, int64_t timeout_ms);

#endif
