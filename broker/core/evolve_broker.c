/* Facts that are not about one task: epochs, pauses, capacities. */
#include "broker/core/evolve.h"

#include "common/alloc.h"
#include "common/path_name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
evolve_epoch(struct core *core, const Baton__Fact *fact, struct core_out *out)
{
    core->epoch = fact->epoch_began->epoch;
    core->tally = (struct tallies){0};
    int64_t at = fact->at;
    const struct core_config *config = &core->config;
    for (uint32_t w = 1; w < core->n_workers; w++) {
        for (uint32_t slot = core->workers[w]->first; slot;) {
            struct task *task = task_at(core, slot);
            struct run *run = task->course->run;
            run->suspect = !run->sessionless;
            run->lease_until = at + (run->sessionless ? run->lease_ms : config->restart_grace_ms);
            run->start_until = run->sessionless
                                   ? NEVER
                                   : at + MAX(config->start_ms, config->restart_grace_ms);
            run->stall_at = at + run->stall_ms;
            if (task->state == CANCELLING) {
                run->cancel_until = at + MAX(task->ext->cancel_grace_ms, config->restart_grace_ms) +
                                    CANCEL_SLACK_MS;
            }
            timer_update(core, task);
            slot = run->next;
        }
    }
    event_plain(core, out, at, BATON__EVENT__KIND__EPOCH, "", fact->actor,
                fact->epoch_began->software);
}

void
pause_apply(struct core *core, uint32_t scope, const char *name, bool paused, bool refuse)
{
    switch (scope) {
    case BATON__PAUSE__SCOPE__BROKER:
        core->broker_paused = paused;
        core->broker_refuses = paused && refuse;
        break;
    case BATON__PAUSE__SCOPE__ROLE:
        core->roles[role_number(name)].paused = paused;
        resource_wake_all(core);
        break;
    case BATON__PAUSE__SCOPE__PROJECT: {
        uint32_t number = project_find(core, name);
        if (number) {
            queue_pause_project(core, core->projects[number], paused);
            resource_wake_all(core);
        }
        break;
    }
    case BATON__PAUSE__SCOPE__LOCK: {
        /* A path need not be claimed itself to be in the way of others. */
        struct resource *resource = path_name_is(name) ? resource_make(core, name)
                                                       : resource_find(core, name);
        if (resource) {
            resource_set_paused(core, resource, paused);
            resource_forget_if_unused(core, resource);
        }
        break;
    }
    case BATON__PAUSE__SCOPE__WORKER: {
        struct worker *worker = worker_find(core, name);
        if (worker) {
            worker->draining = paused;
        }
        break;
    }
    case BATON__PAUSE__SCOPE__SUBMITTER: {
        struct actor *actor = actor_find(core, name);
        if (actor) {
            queue_pause_actor(core, actor, paused);
        }
        break;
    }
    default:
        CHECK(false);
    }
}

static void
pause_remove(struct core *core, uint32_t scope, const char *name)
{
    for (struct pause **at = &core->pauses; *at; at = &(*at)->next) {
        struct pause *pause = *at;
        if (pause->scope == scope && strcmp(pause->name, name) == 0) {
            *at = pause->next;
            free(pause->name);
            free(pause->text);
            free(pause->actor);
            free(pause);
            return;
        }
    }
}

static const char *
scope_text(uint32_t scope, const char *name, struct arena *arena)
{
    return name[0] ? arena_printf(arena, "%s %s", scope_name((int)scope), name)
                   : scope_name((int)scope);
}

void
evolve_paused(struct core *core, const Baton__Fact *fact, struct core_out *out)
{
    const Baton__Paused *paused = fact->paused;
    pause_remove(core, paused->scope, paused->name);
    struct pause *pause = xcalloc(1, sizeof *pause);
    *pause = (struct pause){.scope = paused->scope,
                            .name = xstrdup(paused->name),
                            .text = xstrdup(paused->text),
                            .actor = xstrdup(fact->actor),
                            .since = fact->at,
                            .until = paused->until,
                            .refuse = paused->refuse};
    struct pause **at = &core->pauses;
    while (*at) {
        at = &(*at)->next;
    }
    *at = pause;
    pause_apply(core, paused->scope, paused->name, true, paused->refuse);
    event_plain(core, out, fact->at, BATON__EVENT__KIND__PAUSED,
                scope_text(paused->scope, paused->name, &core->scratch), fact->actor, paused->text);
}

void
evolve_resumed(struct core *core, const Baton__Fact *fact, struct core_out *out)
{
    const Baton__Resumed *resumed = fact->resumed;
    pause_remove(core, resumed->scope, resumed->name);
    pause_apply(core, resumed->scope, resumed->name, false, false);
    event_plain(core, out, fact->at, BATON__EVENT__KIND__RESUMED,
                scope_text(resumed->scope, resumed->name, &core->scratch), fact->actor, "");
}

void
evolve_resource_set(struct core *core, const Baton__Fact *fact, struct core_out *out)
{
    const Baton__ResourceSet *set = fact->resource_set;
    struct resource *resource = resource_make(core, set->name);
    resource->capacity = set->capacity ? set->capacity : 1;
    resource->set = set->capacity != 0;
    resource_wake(core, resource);
    event_plain(core, out, fact->at, BATON__EVENT__KIND__RESOURCE, set->name, fact->actor,
                arena_printf(&core->scratch, "%u", resource->capacity));
    resource_forget_if_unused(core, resource);
}

void
evolve_project_set(struct core *core, const Baton__Fact *fact, struct core_out *out)
{
    const Baton__ProjectSet *set = fact->project_set;
    uint32_t number = project_make(core, set->project); /* may move core->projects */
    struct project *project = core->projects[number];
    bool was_complete = project_is_complete(project);
    if (set->closed) {
        project_close(project, fact->actor, set->text, fact->at);
    } else {
        project_open(project);
    }
    event_project(core, out, fact->at,
                  set->closed ? BATON__EVENT__KIND__CLOSED : BATON__EVENT__KIND__OPENED, project,
                  fact->actor, set->text);
    if (!was_complete && project_is_complete(project)) {
        event_completed(core, out, fact->at, project);
    }
}
