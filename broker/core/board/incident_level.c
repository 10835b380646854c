/* What an incident's level of severity says: how soon somebody should answer, and who. */
#include "broker/core/board/incident.h"

#include "common/words.h"

#include <string.h>

#define DAY (24 * 60 * MINUTE)

const Baton__Card *
incident_level(const struct core *core, const Baton__Card *incident)
{
    const struct card *at = board_first_open(core, KIND(LEVEL));
    while (at && (at->message->severity != incident->severity ||
                  strcmp(at->message->project, incident->project) != 0)) {
        at = board_next_open(core, at);
    }
    return at ? at->message : NULL;
}

/* When somebody should have answered, from now on. */
int64_t
incident_due_at(const struct core *core, const struct core_request *request,
                const Baton__Card *incident)
{
    static const int64_t built_in[] = {
        [P0] = 15 * MINUTE, [P1] = 60 * MINUTE, [P2] = 240 * MINUTE, [P3] = 0};
    const Baton__Card *level = incident_level(core, incident);
    int64_t ms = built_in[incident->severity];
    for (size_t i = 0; level && i < level->n_items; i++) {
        if (strcmp(level->items[i]->tag, "response") == 0) {
            ms = level->items[i]->name[0] ? 0 : (int64_t)level->items[i]->value;
        }
    }
    if (ms) {
        return request->now + ms;
    }
    return request->business_end > request->now ? request->business_end : request->now + DAY;
}

/* Who owns what is on fire: the area's owner, else the role or the role of the task that it is
 * about; -1: nobody knows. */
static int
owner_role(const struct core *core, const Baton__Card *incident)
{
    const Baton__Card *area = decision_area_rule(core, incident);
    if (area) {
        return role_number(area->role[0] ? area->role : area->owner);
    }
    if (incident->role[0]) {
        return role_number(incident->role);
    }
    const struct task *task = incident->task[0]
                                  ? task_find(core, project_find(core, incident->project),
                                              incident->task)
                                  : NULL;
    return task && task->role < ROLES_N ? task->role : -1;
}

/* The role that can begin soonest. */
static int
any_role(const struct core *core)
{
    int best = 0;
    for (int r = 1; r < ROLES_N; r++) {
        const struct role *role = &core->roles[r], *than = &core->roles[best];
        if (role->credit != than->credit ? role->credit > than->credit
                                         : role->workers > than->workers) {
            best = r;
        }
    }
    return best;
}

/* Roles to summon, as bits; *ret_unknown: an owner is asked for, and nobody knows who that is. */
uint32_t
incident_roles(const struct core *core, const Baton__Card *incident, bool *ret_unknown)
{
    static const char *const built_in[][3] = {
        [P0] = {"infra", "backend"}, [P1] = {"owner"}, [P2] = {"owner"}, [P3] = {"any"}};
    const Baton__Card *level = incident_level(core, incident);
    size_t n = level ? level->n_items : ARRAY_LEN(built_in[0]);
    uint32_t roles = 0;
    *ret_unknown = false;
    for (size_t i = 0; i < n; i++) {
        const char *name = !level ? built_in[incident->severity][i]
                           : strcmp(level->items[i]->tag, "required") == 0 ? level->items[i]->name
                                                                           : NULL;
        if (!name) {
            continue;
        }
        int role = strcmp(name, "owner") == 0 ? owner_role(core, incident)
                   : strcmp(name, "any") == 0 ? any_role(core)
                                              : role_number(name);
        *ret_unknown |= role < 0;
        roles |= role < 0 ? 0 : 1u << role;
    }
    return roles || *ret_unknown ? roles : 1u << any_role(core);
}
