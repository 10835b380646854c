/* Whose a resource is, as `baton lock` and `baton reserve` say it. */
#ifndef BATON_CTL_LOCK_FORM_H
#define BATON_CTL_LOCK_FORM_H

#include "ctl/verbs.h"

/* A line, or an object with --json. */
void lock_print(struct ctl *ctl, const char *name, const baton_lock_reply *reply);

#endif
