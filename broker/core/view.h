/* What clients see. */
#ifndef BATON_BROKER_CORE_VIEW_H
#define BATON_BROKER_CORE_VIEW_H

#include "broker/core/model.h"

/* protobuf-c's structs have plain char pointers; packing does not write through them. NULL is "".
 */
static inline char *
view_text(const char *s)
{
    return (char *)(uintptr_t)(s ? s : "");
}

/* ---- view.c ---- */

Baton__Code view_find(const struct core *core, struct core_request *request, const Baton__Ref *ref,
                      struct task **ret, uint64_t *ret_archived_key);
/* Of keys of tasks, for qsort. */
int view_compare_keys(const void *a, const void *b);
void view_make(const struct core *core, struct core_request *request, const struct task *task,
               bool whole, bool dependents, Baton__TaskView *ret);
unsigned view_reason(const struct core *core, const struct task *task, int64_t now);

/* ---- view_list.c ---- */

bool view_matches(const struct core *core, const struct task *task, const Baton__List *list);

/* ---- view_status.c ---- */

Baton__ProjectStatus *view_project(struct core_request *request, const struct project *project);

#endif
