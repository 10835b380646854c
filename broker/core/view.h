/* What clients see. */
#ifndef BATON_BROKER_CORE_VIEW_H
#define BATON_BROKER_CORE_VIEW_H

#include "broker/core/model.h"

/* ---- view.c ---- */

Baton__Code view_find(const struct core *core, struct core_request *request, const Baton__Ref *ref,
                      struct task **ret, uint64_t *ret_archived_key);
bool view_matches(const struct core *core, const struct task *task, const Baton__List *list);

void view_make(const struct core *core, struct core_request *request, const struct task *task,
               bool whole, bool dependents, Baton__TaskView *ret);
Baton__ProjectStatus *view_project(struct core_request *request, const struct project *project);
unsigned view_reason(const struct core *core, const struct task *task, int64_t now);

#endif
