/* Tasks and names: the slab, the indexes, and what is found by name. No rules of the queue are
 * here. */
#include "broker/core/state.h"

#include "common/alloc.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static void
config_defaults(struct core_config *c)
{
#define DEFAULT(field, value) c->field = c->field ? c->field : (value)
    DEFAULT(lease_ms, 5 * 60 * 1000);
    DEFAULT(start_ms, 30 * 1000);
    DEFAULT(suspect_ms, 60 * 1000);
    DEFAULT(restart_grace_ms, 90 * 1000);
    DEFAULT(cancel_grace_ms, 60 * 1000);
    DEFAULT(stall_ms, 20 * 60 * 1000);
    DEFAULT(linger_ms, 120 * 1000);
    DEFAULT(backoff_ms, 30 * 1000);
    DEFAULT(backoff_cap_ms, 30 * 60 * 1000);
    DEFAULT(max_attempts, 3);
    DEFAULT(crash_limit, 3);
    DEFAULT(hot_ended_max, 100 * 1000);
    DEFAULT(hot_ended_ms, INT64_C(7) * 24 * 3600 * 1000);
    DEFAULT(answers_ms, INT64_C(7) * 24 * 3600 * 1000);
    DEFAULT(answers_max, 262144);
    DEFAULT(tasks_max, TASKS_MAX);
#undef DEFAULT
}

struct core *
core_new(const struct core_config *config)
{
    struct core *core = xcalloc(1, sizeof *core);
    core->config = *config;
    config_defaults(&core->config);
    core->n_slots = 1;
    core->linked = true;
    arena_init(&core->scratch);
    return core;
}

/* ---- tasks ---- */

static uint32_t
id_hash(const struct core *core, uint32_t project, const char *id)
{
    return (uint32_t)XXH3_64bits_withSeed(id, strlen(id), core->config.hash_seed ^ project);
}

static uint32_t
hash_of_slot(const void *core, uint32_t slot)
{
    return task_at(core, slot)->hash;
}

struct id_probe {
    const struct core *core;
    uint32_t project;
    uint32_t hash;
    const char *id;
};

static bool
id_equal(const void *context, uint32_t slot)
{
    const struct id_probe *probe = context;
    const struct task *task = task_at(probe->core, slot);
    return task->hash == probe->hash && task->project == probe->project &&
           strcmp(task->id, probe->id) == 0;
}

struct task *
task_find(const struct core *core, uint32_t project, const char *id)
{
    if (project == 0) {
        return NULL;
    }
    struct id_probe probe = {
        .core = core, .project = project, .hash = id_hash(core, project, id), .id = id};
    uint32_t slot = slotset_find(&core->by_id, probe.hash, id_equal, &probe);
    return slot ? task_at(core, slot) : NULL;
}

struct task *
task_by_key(const struct core *core, uint64_t key)
{
    uint32_t slot = index64_get(&core->by_key, key);
    return slot ? task_at(core, slot) : NULL;
}

struct task *
task_by_token(const struct core *core, uint64_t token)
{
    uint32_t slot = index64_get(&core->by_token, token);
    return slot ? task_at(core, slot) : NULL;
}

static uint32_t
slot_take(struct core *core)
{
    if (core->free_slot) {
        uint32_t slot = core->free_slot;
        core->free_slot = task_at(core, slot)->next;
        return slot;
    }
    uint32_t slot = core->n_slots++;
    if (slot >> CHUNK_BITS >= core->n_chunks) {
        core->chunks = xreallocarray(core->chunks, core->n_chunks + 1, sizeof *core->chunks);
        core->chunks[core->n_chunks++] = xmalloc(CHUNK_TASKS * sizeof(struct task));
    }
    return slot;
}

struct task *
task_new(struct core *core, uint32_t project, const char *id)
{
    uint32_t slot = slot_take(core);
    struct task *task = task_at(core, slot);
    *task = (struct task){.slot = slot,
                          .project = project,
                          .role = ROLE_NONE,
                          .effective = NEVER,
                          .order_at = NEVER,
                          .timer_at = NEVER,
                          .hash = id_hash(core, project, id)};
    task_set_spec(core, task, id, NULL, 0);
    slotset_add(&core->by_id, slot, task->hash, hash_of_slot, core);
    core->projects[project]->n_tasks++;
    return task;
}

void
task_set_spec(struct core *core, struct task *task, const char *id, const uint8_t *spec,
              size_t bytes)
{
    size_t id_bytes = strlen(id) + 1;
    char *block = xmalloc(id_bytes + bytes);
    memcpy(block, id, id_bytes);
    if (bytes) {
        memcpy(block + id_bytes, spec, bytes);
    }
    if (task->id) {
        core->bytes -= strlen(task->id) + 1 + task->spec_bytes;
        free(task->id);
    }
    core->bytes += id_bytes + bytes;
    task->id = block;
    task->spec_bytes = (uint32_t)bytes;
}

static void
ext_free(struct core *core, struct task *task)
{
    struct task_ext *ext = task->ext;
    if (!ext) {
        return;
    }
    if (ext->unique_full) {
        HASH_DELETE(by_unique, core->unique, ext);
    }
    for (uint32_t i = 0; i < ext->n_attempts; i++) {
        index64_remove(&core->by_token, ext->attempts[i]->token);
        baton__attempt_record__free_unpacked(ext->attempts[i], NULL);
    }
    for (uint32_t i = 0; i < ext->n_orphans; i++) {
        baton__orphan_record__free_unpacked(ext->orphans[i], NULL);
    }
    free(ext->attempts);
    free(ext->orphans);
    free(ext->claims);
    free(ext->fairness_key);
    free(ext->unique_key);
    free(ext->unique_full);
    free(ext->reason_text);
    free(ext->progress_text);
    free(ext->result);
    free(ext);
    task->ext = NULL;
}

void
task_free(struct core *core, struct task *task)
{
    CHECK(!task->heap_pos && !task->timer_pos && !task->run && task->n_outs == 0 && !task->ins);
    slotset_remove(&core->by_id, task->slot, task->hash, hash_of_slot, core);
    if (task->token) {
        index64_remove(&core->by_token, task->token);
    }
    if (task->ext && task->ext->claims) {
        resource_unclaim(core, task->ext->claims, task->ext->n_claims);
    }
    actor_drop(core, task->actor);
    ext_free(core, task);
    core->bytes -= strlen(task->id) + 1 + task->spec_bytes;
    core->projects[task->project]->n_tasks--;
    free(task->id);
    free(task->outs);
    uint32_t slot = task->slot;
    *task = (struct task){.next = core->free_slot};
    core->free_slot = slot;
}

struct task_ext *
task_ext(struct core *core, struct task *task)
{
    if (!task->ext) {
        task->ext = xcalloc(1, sizeof *task->ext);
        core->bytes += sizeof *task->ext;
    }
    return task->ext;
}

Baton__Spec *
task_unpack(const struct task *task, struct arena *arena)
{
    Baton__Spec *spec = baton__spec__unpack(&arena->pb, task->spec_bytes, task_spec(task));
    CHECK(spec);
    return spec;
}

const char *
task_project(const struct core *core, const struct task *task)
{
    return core->projects[task->project]->name;
}

Baton__Ref *
ref_make(struct arena *arena, const struct core *core, const struct task *task)
{
    Baton__Ref *ref = arena_alloc(arena, sizeof *ref);
    baton__ref__init(ref);
    ref->project = core->projects[task->project]->name;
    ref->id = arena_strdup(arena, task->id); /* an edit moves the task's own */
    return ref;
}

void
set_text(char **text, const char *to)
{
    char *copy = to && to[0] ? xstrdup(to) : NULL;
    free(*text);
    *text = copy;
}

/* ---- names ---- */

uint32_t
project_find(const struct core *core, const char *name)
{
    struct project *project;
    const char *key = name && name[0] ? name : "default";
    HASH_FIND(by_name, core->projects_by_name, key, strlen(key), project);
    return project ? project->number : 0;
}

uint32_t
project_make(struct core *core, const char *name)
{
    uint32_t number = project_find(core, name);
    if (number) {
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

struct resource *
resource_find(const struct core *core, const char *name)
{
    struct resource *resource;
    HASH_FIND(by_name, core->resources_by_name, name, strlen(name), resource);
    return resource;
}

struct resource *
resource_make(struct core *core, const char *name)
{
    struct resource *resource = resource_find(core, name);
    if (resource) {
        return resource;
    }
    if (core->n_resources == 0) {
        core->n_resources = 1;
    }
    resource = xcalloc(1, sizeof *resource);
    resource->number = core->n_free_resources ? core->free_resources[--core->n_free_resources]
                                              : core->n_resources++;
    resource->name = xstrdup(name);
    resource->capacity = 1;
    resource->paused = pause_find(core, BATON__PAUSE__SCOPE__LOCK, name) != NULL;
    core->resources = xreallocarray(core->resources, core->n_resources, sizeof *core->resources);
    core->resources[resource->number] = resource;
    HASH_ADD_KEYPTR(by_name, core->resources_by_name, resource->name, strlen(resource->name),
                    resource);
    return resource;
}

static void
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

void
resource_forget_if_unused(struct core *core, struct resource *resource)
{
    if (resource->n_claims || resource->set || resource->used || resource->n_shared) {
        return;
    }
    number_free(&core->free_resources, &core->n_free_resources, &core->room_free_resources,
                resource->number);
    core->resources[resource->number] = NULL;
    HASH_DELETE(by_name, core->resources_by_name, resource);
    resource_free(resource);
}

uint32_t
actor_take(struct core *core, const char *name)
{
    if (!name || !name[0]) {
        return 0;
    }
    struct actor *actor;
    HASH_FIND(by_name, core->actors_by_name, name, strlen(name), actor);
    if (!actor) {
        if (core->n_actors == 0) {
            core->n_actors = 1;
        }
        actor = xcalloc(1, sizeof *actor);
        actor->number = core->n_free_actors ? core->free_actors[--core->n_free_actors]
                                            : core->n_actors++;
        actor->name = xstrdup(name);
        core->actors = xreallocarray(core->actors, core->n_actors, sizeof *core->actors);
        core->actors[actor->number] = actor;
        HASH_ADD_KEYPTR(by_name, core->actors_by_name, actor->name, strlen(actor->name), actor);
    }
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
    core->actors[number] = NULL;
    number_free(&core->free_actors, &core->n_free_actors, &core->room_free_actors, number);
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

void
identity_hash(const struct core *core, const char *project, const char *id, uint64_t *ret_hi,
              uint64_t *ret_lo)
{
    char text[NAME_BYTES_MAX + ID_BYTES_MAX + 2];
    size_t n = strlen(project);
    size_t m = strlen(id);
    CHECK(n + m + 1 < sizeof text);
    memcpy(text, project, n);
    text[n] = 0;
    memcpy(text + n + 1, id, m);
    XXH128_hash_t h = XXH3_128bits_withSeed(text, n + 1 + m, core->config.hash_seed);
    *ret_hi = h.high64;
    *ret_lo = h.low64;
}

static uint32_t
tombstone_hash(const void *core, uint32_t slot)
{
    return (uint32_t)((const struct core *)core)->tombstones[slot - 1].hash_lo;
}

struct tombstone_probe {
    const struct core *core;
    uint64_t hi, lo;
};

static bool
tombstone_equal(const void *context, uint32_t slot)
{
    const struct tombstone_probe *probe = context;
    const struct tombstone *tombstone = &probe->core->tombstones[slot - 1];
    return tombstone->hash_hi == probe->hi && tombstone->hash_lo == probe->lo;
}

const struct tombstone *
tombstone_find(const struct core *core, const char *project, const char *id)
{
    if (core->n_tombstones == 0) {
        return NULL;
    }
    struct tombstone_probe probe = {.core = core};
    identity_hash(core, project, id, &probe.hi, &probe.lo);
    uint32_t slot = slotset_find(&core->tombstones_by_hash, (uint32_t)probe.lo, tombstone_equal,
                                 &probe);
    return slot ? &core->tombstones[slot - 1] : NULL;
}

void
tombstone_add(struct core *core, uint64_t hi, uint64_t lo, uint64_t key, unsigned state)
{
    if (core->n_tombstones == core->room_tombstones) {
        core->room_tombstones = core->room_tombstones ? core->room_tombstones * 2 : 1024;
        core->tombstones = xreallocarray(core->tombstones, core->room_tombstones,
                                         sizeof *core->tombstones);
    }
    core->tombstones[core->n_tombstones++] = (struct tombstone){
        .hash_hi = hi, .hash_lo = lo, .key = key, .state = (uint8_t)state};
    slotset_add(&core->tombstones_by_hash, core->n_tombstones, (uint32_t)lo, tombstone_hash, core);
}

/* ---- scratch ---- */

uint32_t
mark_new(struct core *core)
{
    if (core->n_marks < core->n_slots) {
        uint32_t n = MAX(core->n_slots + core->n_slots / 2, 1024u);
        core->marks = xreallocarray(core->marks, n, sizeof *core->marks);
        memset(core->marks + core->n_marks, 0, (n - core->n_marks) * sizeof *core->marks);
        core->n_marks = n;
    }
    if (++core->mark == 0) {
        memset(core->marks, 0, core->n_marks * sizeof *core->marks);
        core->mark = 1;
    }
    return core->mark;
}

void
stack_push(struct core *core, uint32_t slot)
{
    if (core->n_stack == core->room_stack) {
        core->room_stack = core->room_stack ? core->room_stack * 2 : 256;
        core->stack = xreallocarray(core->stack, core->room_stack, sizeof *core->stack);
    }
    core->stack[core->n_stack++] = slot;
}

/* ---- the end ---- */

static void
tasks_free_all(struct core *core)
{
    for (uint32_t slot = 1; slot < core->n_slots; slot++) {
        struct task *task = task_at(core, slot);
        if (!task->id) {
            continue; /* a free slot */
        }
        ext_free(core, task);
        free(task->id);
        free(task->ins);
        free(task->outs);
        free(task->run);
    }
    for (uint32_t i = 0; i < core->n_chunks; i++) {
        free(core->chunks[i]);
    }
    free(core->chunks);
}

static void
names_free_all(struct core *core)
{
    HASH_CLEAR(by_name, core->projects_by_name);
    for (uint32_t i = 1; i < core->n_projects; i++) {
        for (int r = 0; r < ROLES_N; r++) {
            heap_fini(&core->projects[i]->queues[r].heap);
        }
        free(core->projects[i]->name);
        free(core->projects[i]);
    }
    HASH_CLEAR(by_name, core->resources_by_name);
    for (uint32_t i = 1; i < core->n_resources; i++) {
        if (core->resources[i]) {
            resource_free(core->resources[i]);
        }
    }
    HASH_CLEAR(by_name, core->workers_by_name);
    for (uint32_t i = 1; i < core->n_workers; i++) {
        free(core->workers[i]->name);
        free(core->workers[i]);
    }
    HASH_CLEAR(by_name, core->actors_by_name);
    for (uint32_t i = 1; i < core->n_actors; i++) {
        if (core->actors[i]) {
            free(core->actors[i]->name);
            free(core->actors[i]);
        }
    }
    for (struct pause *pause = core->pauses, *next; pause; pause = next) {
        next = pause->next;
        free(pause->name);
        free(pause->text);
        free(pause->actor);
        free(pause);
    }
    for (struct linger *linger = core->lingers, *next; linger; linger = next) {
        next = linger->next;
        free(linger->claims);
        free(linger);
    }
    struct fairness *fairness, *tmp;
    HASH_ITER (by_key, core->fairness, fairness, tmp) {
        HASH_DELETE(by_key, core->fairness, fairness);
        free(fairness->key);
        free(fairness);
    }
    free(core->projects);
    free(core->resources);
    free(core->free_resources);
    free(core->workers);
    free(core->actors);
    free(core->free_actors);
}

void
core_free(struct core *core)
{
    if (!core) {
        return;
    }
    tasks_free_all(core);
    names_free_all(core);
    answers_fini(core);
    slotset_fini(&core->by_id);
    slotset_fini(&core->tombstones_by_hash);
    index64_fini(&core->by_key);
    index64_fini(&core->by_token);
    index64_fini(&core->workers_by_number);
    heap_fini(&core->timers);
    for (int r = 0; r < ROLES_N; r++) {
        free(core->roles[r].queues);
    }
    arena_fini(&core->scratch);
    free(core->tombstones);
    free(core->settle);
    free(core->marks);
    free(core->stack);
    free(core->changes);
    buf_fini(&core->snapshot.aside);
    buf_fini(&core->snapshot.head);
    free(core);
}
