/* What is found by name: projects, resources, actors, workers, pauses, and the tombstones of tasks
 * in the archive. Names of which nothing is left are forgotten, so that memory does not grow with
 * history. */
#include "broker/core/state.h"

#include "common/alloc.h"
#include "common/path_name.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

uint32_t
project_find(const struct core *core, const char *name)
{
    const char *key = name && name[0] ? name : "default";
    struct project *project = core->latest_project;
    if (project && strcmp(project->name, key) == 0) {
        return project->number;
    }
    HASH_FIND(by_name, core->projects_by_name, key, strlen(key), project);
    return project ? project->number : 0;
}

uint32_t
project_make(struct core *core, const char *name)
{
    uint32_t number = project_find(core, name);
    if (number) {
        core->latest_project = core->projects[number];
        return number;
    }
    if (core->n_projects == 0) {
        core->n_projects = 1;
    }
    struct project *project = xcalloc(1, sizeof *project);
    project->number = core->n_projects++;
    project->name = xstrdup(name[0] ? name : "default");
    project->paused = pause_find(core, BATON__PAUSE__SCOPE__PROJECT, project->name) != NULL;
    for (uint8_t r = 0; r < ROLES_N; r++) {
        project->queues[r].project = project->number;
        project->queues[r].role = r;
    }
    core->projects = xreallocarray(core->projects, core->n_projects, sizeof *core->projects);
    core->projects[project->number] = project;
    HASH_ADD_KEYPTR(by_name, core->projects_by_name, project->name, strlen(project->name), project);
    return project->number;
}

bool
project_has_tasks(const struct project *project)
{
    for (int r = 0; r < ROLE_SLOTS; r++) {
        const struct counts *counts = &project->counts[r];
        if (counts->gone_done || counts->gone_failed || counts->gone_cancelled) {
            return true;
        }
        for (unsigned s = WAITING; s < STATES_N; s++) {
            if (counts->by_state[s]) {
                return true;
            }
        }
    }
    return false;
}

void
project_close(struct project *project, const char *actor, const char *text, int64_t since)
{
    project_open(project);
    project->closing = xmalloc(sizeof *project->closing);
    *project->closing = (struct closing){
        .actor = xstrdup(actor ? actor : ""), .text = xstrdup(text ? text : ""), .since = since};
}

void
project_open(struct project *project)
{
    if (project->closing) {
        free(project->closing->actor);
        free(project->closing->text);
        free(project->closing);
        project->closing = NULL;
    }
}

struct resource *
resource_find(const struct core *core, const char *name)
{
    struct resource *resource;
    HASH_FIND(by_name, core->resources_by_name, name, strlen(name), resource);
    return resource;
}

static struct resource *
resource_add(struct core *core, const char *name, struct resource *above)
{
    if (core->n_resources == 0) {
        core->n_resources = 1;
    }
    struct resource *resource = xcalloc(1, sizeof *resource);
    resource->number = core->n_free_resources ? core->free_resources[--core->n_free_resources]
                                              : core->n_resources++;
    resource->name = xstrdup(name);
    resource->capacity = 1;
    resource->is_path = path_name_is(name);
    resource->above = above;
    if (above) {
        above->n_children++;
    }
    resource_set_paused(core, resource, pause_find(core, BATON__PAUSE__SCOPE__LOCK, name) != NULL);
    core->resources = xreallocarray(core->resources, core->n_resources, sizeof *core->resources);
    core->resources[resource->number] = resource;
    HASH_ADD_KEYPTR(by_name, core->resources_by_name, resource->name, strlen(resource->name),
                    resource);
    return resource;
}

struct resource *
resource_make(struct core *core, const char *name)
{
    struct resource *resource = resource_find(core, name);
    if (resource || !path_name_is(name)) {
        return resource ? resource : resource_add(core, name, NULL);
    }
    struct resource *above = resource_find(core, PATH_NAME_ALL);
    above = above ? above : resource_add(core, PATH_NAME_ALL, NULL);
    if (strcmp(name, PATH_NAME_ALL) == 0) {
        return above;
    }
    char *part = xstrdup(name);
    for (char *slash = part; (slash = strchr(slash, '/')) != NULL; *slash++ = '/') {
        *slash = 0;
        resource = resource_find(core, part);
        above = resource ? resource : resource_add(core, part, above);
    }
    free(part);
    return resource_add(core, name, above);
}

void
resource_free(struct resource *resource)
{
    for (struct line *line = resource->lines, *next; line; line = next) {
        next = line->next;
        heap_fini(&line->heap);
        free(line);
    }
    free(resource->name);
    free(resource);
}

static void
number_free(uint32_t **numbers, uint32_t *n, uint32_t *room, uint32_t number)
{
    if (*n == *room) {
        *room = *room ? *room * 2 : 64;
        *numbers = xreallocarray(*numbers, *room, sizeof **numbers);
    }
    (*numbers)[(*n)++] = number;
}

static void
resource_forget(struct core *core, struct resource *resource)
{
    number_free(&core->free_resources, &core->n_free_resources, &core->room_free_resources,
                resource->number);
    core->resources[resource->number] = NULL;
    HASH_DELETE(by_name, core->resources_by_name, resource);
    if (resource->above) {
        resource->above->n_children--;
    }
    resource_free(resource);
}

void
resource_forget_if_unused(struct core *core, struct resource *resource)
{
    while (resource && !resource->n_claims && !resource->set && !resource->used &&
           !resource->n_shared && !resource->n_children &&
           !(resource->is_path && resource->paused)) {
        struct resource *above = resource->above;
        resource_forget(core, resource);
        resource = above; /* a directory is known as long as something in it is */
    }
}

struct actor *
actor_find(const struct core *core, const char *name)
{
    struct actor *actor = core->latest_actor;
    if (!actor || strcmp(actor->name, name) != 0) {
        HASH_FIND(by_name, core->actors_by_name, name, strlen(name), actor);
    }
    return actor;
}

uint32_t
actor_take(struct core *core, const char *name)
{
    if (!name || !name[0]) {
        return 0;
    }
    struct actor *actor = actor_find(core, name);
    if (!actor) {
        if (core->n_actors == 0) {
            core->n_actors = 1;
        }
        actor = xcalloc(1, sizeof *actor);
        actor->number = core->n_free_actors ? core->free_actors[--core->n_free_actors]
                                            : core->n_actors++;
        actor->name = xstrdup(name);
        actor->paused = pause_find(core, BATON__PAUSE__SCOPE__SUBMITTER, name) != NULL;
        core->actors = xreallocarray(core->actors, core->n_actors, sizeof *core->actors);
        core->actors[actor->number] = actor;
        HASH_ADD_KEYPTR(by_name, core->actors_by_name, actor->name, strlen(actor->name), actor);
    }
    core->latest_actor = actor;
    actor->n_tasks++;
    return actor->number;
}

void
actor_drop(struct core *core, uint32_t number)
{
    struct actor *actor = number ? core->actors[number] : NULL;
    if (!actor || --actor->n_tasks > 0) {
        return;
    }
    HASH_DELETE(by_name, core->actors_by_name, actor);
    core->latest_actor = core->latest_actor == actor ? NULL : core->latest_actor;
    core->actors[number] = NULL;
    number_free(&core->free_actors, &core->n_free_actors, &core->room_free_actors, number);
    heap_fini(&actor->held);
    free(actor->name);
    free(actor);
}

const char *
actor_name(const struct core *core, uint32_t number)
{
    return number ? core->actors[number]->name : "";
}

struct worker *
worker_find(const struct core *core, const char *name)
{
    struct worker *worker;
    HASH_FIND(by_name, core->workers_by_name, name, strlen(name), worker);
    return worker;
}

struct worker *
worker_add(struct core *core, uint64_t number, const char *name)
{
    if (core->n_workers == 0) {
        core->n_workers = 1;
    }
    struct worker *worker = xcalloc(1, sizeof *worker);
    worker->number = number;
    worker->idx = core->n_workers++;
    worker->name = xstrdup(name);
    worker->draining = pause_find(core, BATON__PAUSE__SCOPE__WORKER, name) != NULL;
    core->workers = xreallocarray(core->workers, core->n_workers, sizeof *core->workers);
    core->workers[worker->idx] = worker;
    HASH_ADD_KEYPTR(by_name, core->workers_by_name, worker->name, strlen(worker->name), worker);
    index64_put(&core->workers_by_number, number, worker->idx);
    return worker;
}

const char *
core_worker_name(const struct core *core, uint32_t worker)
{
    return worker && worker < core->n_workers ? core->workers[worker]->name : "";
}

struct pause *
pause_find(const struct core *core, uint32_t scope, const char *name)
{
    for (struct pause *pause = core->pauses; pause; pause = pause->next) {
        if (pause->scope == scope && strcmp(pause->name, name) == 0) {
            return pause;
        }
    }
    return NULL;
}

/* ---- tombstones ---- */

struct identity
identity_of(const struct core *core, const char *project, const char *id)
{
    return identity_made(core->config.hash_seed, project, id);
}

struct identity
identity_made(uint64_t hash_seed, const char *project, const char *id)
{
    char text[NAME_BYTES_MAX + ID_BYTES_MAX + 2];
    size_t n = strlen(project);
    size_t m = strlen(id);
    if (n + m + 1 >= sizeof text) {
        return (struct identity){0}; /* no task has such a name */
    }
    memcpy(text, project, n);
    text[n] = 0;
    memcpy(text + n + 1, id, m);
    XXH128_hash_t h = XXH3_128bits_withSeed(text, n + 1 + m, hash_seed);
    return (struct identity){.hi = h.high64, .lo = h.low64};
}

void
identity_fetch(const struct core *core, struct identity identity)
{
    slotset_fetch(&core->names, identity.lo);
}

struct tombstone_probe {
    const struct core *core;
    struct identity identity;
};

static bool
tombstone_equal(const void *context, uint32_t name)
{
    const struct tombstone_probe *probe = context;
    if (!(name & NAME_GONE)) {
        return false;
    }
    const struct tombstone *tombstone = tombstone_at(probe->core, name >> 1);
    return tombstone->hash_hi == probe->identity.hi && tombstone->hash_lo == probe->identity.lo;
}

const struct tombstone *
tombstone_find(const struct core *core, const char *project, const char *id)
{
    return core->n_tombstones ? tombstone_find_hashed(core, identity_of(core, project, id)) : NULL;
}

const struct tombstone *
tombstone_find_hashed(const struct core *core, struct identity identity)
{
    struct tombstone_probe probe = {.core = core, .identity = identity};
    uint32_t name = slotset_find(&core->names, identity.lo, tombstone_equal, &probe);
    return name ? tombstone_at(core, name >> 1) : NULL;
}

void
tombstone_add(struct core *core, struct identity identity, uint64_t key, unsigned state,
              uint32_t slot)
{
    if (core->n_tombstones == core->room_tombstones) {
        uint32_t n = core->room_tombstones / TOMBSTONES_CHUNK;
        core->tombstones = xreallocarray(core->tombstones, n + 1, sizeof *core->tombstones);
        core->tombstones[n] = xmalloc_chunk(n, TOMBSTONES_CHUNK * sizeof **core->tombstones);
        core->room_tombstones += TOMBSTONES_CHUNK;
    }
    uint32_t number = core->n_tombstones++;
    *tombstone_at(core, number) = (struct tombstone){
        .hash_hi = identity.hi, .hash_lo = identity.lo, .key = key, .state = (uint8_t)state};
    uint64_t hash = identity.lo;
    if (slot) {
        slotset_replace(&core->names, name_of_slot(slot), hash, name_of_tombstone(number));
    } else {
        slotset_add(&core->names, name_of_tombstone(number), hash);
    }
}

static void
key_write(char *key, unsigned kind, const char *project, size_t n_project, const char *name,
          size_t n_name)
{
    key[0] = (char)kind;
    memcpy(key + 1, project, n_project + 1);
    memcpy(key + 2 + n_project, name, n_name + 1);
}

char *
name_key(unsigned kind, const char *project, const char *name, size_t *ret_bytes)
{
    size_t n_project = strlen(project), n_name = strlen(name);
    char *key = xmalloc(n_project + n_name + 3);
    key_write(key, kind, project, n_project, name, n_name);
    *ret_bytes = n_project + n_name + 2;
    return key;
}

void
name_key_init(struct name_key *key, unsigned kind, const char *project, const char *name)
{
    size_t n_project = strlen(project), n_name = strlen(name);
    key->bytes = n_project + n_name + 2;
    key->text = key->bytes < sizeof key->room ? key->room : xmalloc(key->bytes + 1);
    key_write(key->text, kind, project, n_project, name, n_name);
}

void
name_key_fini(struct name_key *key)
{
    if (key->text != key->room) {
        free(key->text);
    }
}
