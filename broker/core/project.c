/* Projects as plans: open, or closed to new tasks; complete when closed and every task has ended.
 * What completes one is derived where a task ends (move.c). */
#include "broker/core/state.h"

#include "common/text.h"

void
emit_project_set(struct core *core, struct core_request *request, const char *project, bool closed,
                 const char *text)
{
    Baton__ProjectSet set = BATON__PROJECT_SET__INIT;
    set.project = (char *)(uintptr_t)project;
    set.closed = closed;
    set.text = (char *)(uintptr_t)text;
    Baton__Fact fact = BATON__FACT__INIT;
    fact.what_case = BATON__FACT__WHAT_PROJECT_SET;
    fact.project_set = &set;
    emit(core, request, &fact);
}

static Baton__Code
find(const struct core *core, struct core_request *request, const Baton__Project *ask,
     struct project **ret)
{
    const char *name = ask->name[0] ? ask->name : "default";
    if (ask->verb < 0 || ask->verb > BATON__PROJECT__VERB__OPEN) {
        return refuse(request, BATON__CODE__CODE_INVALID, "verb", "no such verb");
    }
    if (!name_is_valid(name, NAME_BYTES_MAX)) {
        return refuse(request, BATON__CODE__CODE_INVALID, "name", "the name is not valid");
    }
    if (!prose_is_valid(ask->reason, TITLE_BYTES_MAX)) {
        return refuse(request, BATON__CODE__CODE_INVALID, "reason",
                      "the reason is longer than 1,024 bytes or has control characters");
    }
    uint32_t number = project_find(core, name);
    if (!number ||
        (!project_has_tasks(core->projects[number]) && !core->projects[number]->closing)) {
        return refuse(request, BATON__CODE__CODE_NOT_FOUND, "name",
                      "there is no project %s: it begins with its first task", name);
    }
    *ret = core->projects[number];
    return BATON__CODE__CODE_OK;
}

Baton__Code
core_project(struct core *core, struct core_request *request, const Baton__Project *ask,
             Baton__ProjectReply *ret)
{
    baton__project_reply__init(ret);
    struct project *project = NULL;
    Baton__Code code = find(core, request, ask, &project);
    if (code != BATON__CODE__CODE_OK) {
        return code;
    }
    bool close = ask->verb == BATON__PROJECT__VERB__CLOSE;
    if (ask->verb != BATON__PROJECT__VERB__SHOW && close != (project->closing != NULL)) {
        emit_project_set(core, request, project->name, close, ask->reason);
        ret->changed = true;
    }
    ret->project = view_project(request, project);
    ret->event = core->event;
    return BATON__CODE__CODE_OK;
}
