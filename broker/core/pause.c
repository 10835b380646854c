/* Pauses of all scopes. */
#include "broker/core/state.h"

#include "common/path_name.h"
#include "common/text.h"

#include <string.h>

/* Actors call themselves as they like, in one line of text; all others have names. */
static bool
is_name_of(const Baton__Pause *pause)
{
    return pause->scope == BATON__PAUSE__SCOPE__SUBMITTER
               ? pause->name[0] && prose_is_valid(pause->name, NAME_BYTES_MAX)
               : name_is_valid(pause->name, NAME_BYTES_MAX);
}

/* `name` gets the one form of a resource's name. */
static Baton__Code
check_scope(struct core_request *request, const Baton__Pause *pause, char *name)
{
    bool named = pause->scope != BATON__PAUSE__SCOPE__BROKER;
    if (pause->scope < 0 || pause->scope > BATON__PAUSE__SCOPE__SUBMITTER) {
        return refuse(request, BATON__CODE__CODE_INVALID, "scope", "no such scope");
    }
    if (named && pause->scope == BATON__PAUSE__SCOPE__LOCK) {
        const char *wrong = resource_name_read(pause->name, name);
        if (wrong) {
            return refuse(request, BATON__CODE__CODE_INVALID, "name", "name: %s", wrong);
        }
    } else if (named && !is_name_of(pause)) {
        return refuse(request, BATON__CODE__CODE_INVALID, "name",
                      "the name is missing or not valid");
    }
    if (!named && pause->name[0]) {
        return refuse(request, BATON__CODE__CODE_INVALID, "name", "the broker has no name here");
    }
    if (pause->scope == BATON__PAUSE__SCOPE__ROLE && role_number(pause->name) < 0) {
        return refuse(request, BATON__CODE__CODE_UNKNOWN_ROLE, "name",
                      "'%s' is no role: infra, backend, frontend, realtime, integration, testing",
                      pause->name);
    }
    if (!prose_is_valid(pause->reason, TITLE_BYTES_MAX)) {
        return refuse(request, BATON__CODE__CODE_INVALID, "reason",
                      "the reason is longer than 1,024 bytes or has control characters");
    }
    if (pause->until < 0 || pause->until > TIME_MS_MAX ||
        (pause->until && pause->until <= request->now && !pause->resume)) {
        return refuse(request, BATON__CODE__CODE_INVALID, "until", "that time has passed");
    }
    return BATON__CODE__CODE_OK;
}

/* True when nothing in the store bears the name: a slip of the pen, or a pause that waits for its
 * first. Looks only at what is persistent, so that a broker that was restarted says the same. */
static bool
is_unknown(const struct core *core, const Baton__Pause *pause)
{
    switch (pause->scope) {
    case BATON__PAUSE__SCOPE__PROJECT: {
        uint32_t number = project_find(core, pause->name);
        return !number || !project_has_tasks(core->projects[number]);
    }
    case BATON__PAUSE__SCOPE__LOCK:
        return !resource_find(core, pause->name);
    case BATON__PAUSE__SCOPE__WORKER:
        return !worker_find(core, pause->name);
    case BATON__PAUSE__SCOPE__SUBMITTER:
        return !actor_find(core, pause->name);
    case BATON__PAUSE__SCOPE__BROKER:
    case BATON__PAUSE__SCOPE__ROLE:
    case _BATON__PAUSE__SCOPE_IS_INT_SIZE:
    default:
        return false;
    }
}

/* A new pause, that is: one that is there may be changed and ended. */
static Baton__Code
check_new(const struct core *core, struct core_request *request, const Baton__Pause *pause)
{
    if (pause->scope == BATON__PAUSE__SCOPE__WORKER && !pause->force && is_unknown(core, pause)) {
        return refuse(request, BATON__CODE__CODE_NOT_FOUND, "name",
                      "no worker called %s has ever been here: look at the list of workers, or "
                      "force it to drain one before it first comes",
                      pause->name);
    }
    size_t n = 0;
    for (const struct pause *other = core->pauses; other; other = other->next) {
        n++;
    }
    if (n >= PAUSES_MAX) {
        return refuse(request, BATON__CODE__CODE_FULL, "name",
                      "more than 1,000 pauses: end some of them first");
    }
    return BATON__CODE__CODE_OK;
}

void
emit_resumed(struct core *core, struct core_request *request, uint32_t scope, const char *name)
{
    Baton__Resumed resumed = BATON__RESUMED__INIT;
    resumed.scope = scope;
    resumed.name = arena_strdup(request->arena, name);
    Baton__Fact fact = BATON__FACT__INIT;
    fact.what_case = BATON__FACT__WHAT_RESUMED;
    fact.resumed = &resumed;
    emit(core, request, &fact);
}

Baton__Code
core_pause(struct core *core, struct core_request *request, const Baton__Pause *asked,
           Baton__Done *ret)
{
    baton__done__init(ret);
    char resource[RESOURCE_NAME_ROOM] = "";
    Baton__Code code = check_scope(request, asked, resource);
    if (code != BATON__CODE__CODE_OK) {
        return code;
    }
    Baton__Pause own = *asked;
    own.name = own.scope == BATON__PAUSE__SCOPE__LOCK ? resource : own.name;
    const Baton__Pause *pause = &own;
    uint32_t scope = (uint32_t)pause->scope;
    const struct pause *old = pause_find(core, scope, pause->name);
    code = old || pause->resume ? code : check_new(core, request, pause);
    if (code != BATON__CODE__CODE_OK) {
        return code;
    }
    ret->unknown = is_unknown(core, pause);
    if (pause->resume) {
        ret->changed = old != NULL;
        if (old) {
            emit_resumed(core, request, scope, pause->name);
        }
    } else {
        bool refuse = pause->refuse && scope == BATON__PAUSE__SCOPE__BROKER;
        ret->changed = !old || strcmp(old->text, pause->reason) != 0 ||
                       old->until != pause->until || old->refuse != refuse;
        if (ret->changed) {
            Baton__Paused paused = BATON__PAUSED__INIT;
            paused.scope = scope;
            paused.name = pause->name;
            paused.text = pause->reason;
            paused.until = pause->until;
            paused.refuse = refuse;
            Baton__Fact fact = BATON__FACT__INIT;
            fact.what_case = BATON__FACT__WHAT_PAUSED;
            fact.paused = &paused;
            emit(core, request, &fact);
        }
    }
    ret->event = core->event;
    return BATON__CODE__CODE_OK;
}

bool
core_is_accepting(const struct core *core, const char **ret_reason)
{
    const struct pause *pause = core->broker_refuses
                                    ? pause_find(core, BATON__PAUSE__SCOPE__BROKER, "")
                                    : NULL;
    *ret_reason = pause && pause->text[0] ? pause->text : "an operator drains the broker";
    return !core->broker_refuses;
}
