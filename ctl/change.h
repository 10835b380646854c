/* Operators' verbs on tasks: sending a change and telling what became of it. */
#ifndef BATON_CTL_CHANGE_H
#define BATON_CTL_CHANGE_H

#include "ctl/verbs.h"

/* Sends the change and prints the tasks that it changed, "DONE ID" a line ("would be DONE" in a dry
 * run). `done` is the word for it: "cancelled". Returns the exit status. */
int change_send(struct ctl *ctl, const struct baton_change *change, const char *done);

#endif
