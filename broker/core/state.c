/* Tasks and names: the slab, the indexes, and what is found by name. No rules of the queue are
 * here. */
#include "broker/core/board/board.h"

#include "common/alloc.h"
#include "common/pack.h"
#include "common/unpack.h"

#include <stdlib.h>
#include <string.h>

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
    DEFAULT(hot_cards_max, CARDS_ENDED_KEPT);
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

void
core_configure(struct core *core, const struct core_config *config)
{
    uint64_t hash_seed = core->config.hash_seed;
    core->config = *config;
    core->config.hash_seed = hash_seed;
    config_defaults(&core->config);
}

/* ---- tasks ---- */

/* Tags of the fields of a packed Spec that the task says beside it. */
enum {
    SPEC_ID = FIELD_TAG(1, FIELD_SIZED),
    SPEC_PROJECT = FIELD_TAG(2, FIELD_SIZED),
    SPEC_ROLE = FIELD_TAG(3, FIELD_SIZED)
};

const struct course course_none = {.effective = NEVER, .timer_at = NEVER};
const struct edges edges_none = {0};

uint64_t
task_hash(const struct core *core, uint32_t project, const char *id)
{
    uint64_t hash = identity_of(core, core->projects[project]->name, id).lo;
    slotset_fetch(&core->names, hash);
    return hash;
}

struct id_probe {
    const struct core *core;
    uint32_t project;
    const char *id;
};

static bool
id_equal(const void *context, uint32_t name)
{
    const struct id_probe *probe = context;
    if (name & NAME_GONE) {
        return false;
    }
    const struct task *task = task_at(probe->core, name >> 1);
    return task->project == probe->project && strcmp(task->id, probe->id) == 0;
}

struct task *
task_find_hashed(const struct core *core, uint64_t hash, uint32_t project, const char *id)
{
    struct id_probe probe = {.core = core, .project = project, .id = id};
    uint32_t name = slotset_find(&core->names, hash, id_equal, &probe);
    return name ? task_at(core, name >> 1) : NULL;
}

struct task *
task_find(const struct core *core, uint32_t project, const char *id)
{
    return project ? task_find_hashed(core, task_hash(core, project, id), project, id) : NULL;
}

struct task *
task_by_key(const struct core *core, uint64_t key)
{
    uint32_t slot = core->latest_slot;
    if (slot && task_at(core, slot)->key == key) {
        return task_at(core, slot);
    }
    slot = index64_get(&core->by_key, key);
    return slot ? task_at(core, slot) : NULL;
}

struct task *
task_by_token(const struct core *core, uint64_t token)
{
    uint32_t slot = core->latest_slot;
    if (slot && token && task_at(core, slot)->course->token == token) {
        return task_at(core, slot);
    }
    slot = index64_get(&core->by_token, token);
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
        core->chunks[core->n_chunks] = xmalloc_chunk(core->n_chunks,
                                                     CHUNK_TASKS * sizeof(struct task));
        core->n_chunks++;
    }
    return slot;
}

struct task *
task_new(struct core *core, uint32_t project, uint64_t hash)
{
    uint32_t slot = slot_take(core);
    struct task *task = task_at(core, slot);
    *task = (struct task){.slot = slot,
                          .project = project,
                          .role = ROLE_NONE,
                          .course = &course_none,
                          .edges = &edges_none,
                          .order_at = NEVER};
    slotset_add(&core->names, name_of_slot(slot), hash);
    core->projects[project]->n_tasks++;
    return task;
}

static void
spec_free(struct core *core, struct task *task)
{
    size_t bytes = strlen(task->id) + 1 + task->spec_bytes;
    core->bytes -= bytes;
    slab_free(&core->slab, task->id, bytes);
}

/* Bytes of the id, project and role that a packed spec begins with. */
static size_t
identity_bytes(const uint8_t *spec, size_t bytes)
{
    const uint8_t *at = spec, *end = spec + bytes;
    while (at < end && (*at == SPEC_ID || *at == SPEC_PROJECT || *at == SPEC_ROLE)) {
        struct varint length = varint_get(at + 1, end, VARINT_BYTES_MAX);
        if (!length.behind || length.value > (size_t)(end - length.behind)) {
            break;
        }
        at = length.behind + length.value;
    }
    return (size_t)(at - spec);
}

void
task_set_spec(struct core *core, struct task *task, const char *id, const uint8_t *spec,
              size_t bytes)
{
    size_t skipped = bytes ? identity_bytes(spec, bytes) : 0;
    spec = skipped ? spec + skipped : spec;
    bytes -= skipped;
    size_t id_bytes = strlen(id) + 1;
    char *block = slab_alloc(&core->slab, id_bytes + bytes);
    memcpy(block, id, id_bytes);
    if (bytes) {
        memcpy(block + id_bytes, spec, bytes);
    }
    if (task->id) {
        spec_free(core, task);
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
    free(ext->gates);
    free(ext->waits_for);
    free(ext->note);
    free(ext->fairness_key);
    free(ext->unique_key);
    free(ext->unique_full);
    free(ext->reason_text);
    free(ext->progress_text);
    free(ext->result);
    core->bytes -= sizeof *ext;
    measures_free(ext);
    slab_free(&core->slab, ext, sizeof *ext);
    task->ext = NULL;
}

static void
course_free(struct core *core, struct task *task)
{
    if (task->course != &course_none) {
        core->bytes -= sizeof *task->course;
        slab_free(&core->slab, task_course(core, task), sizeof *task->course);
        task->course = &course_none;
    }
}

static void
edges_free(struct core *core, struct task *task)
{
    if (task->edges != &edges_none) {
        core->bytes -= sizeof *task->edges + task->edges->room_outs * sizeof(struct edge_out);
        free(task->edges->outs);
        slab_free(&core->slab, task_edges(core, task), sizeof *task->edges);
        task->edges = &edges_none;
    }
}

void
task_free(struct core *core, struct task *task)
{
    CHECK(!task->heap_pos && !task->course->timer_pos && !task->course->run &&
          task->edges->n_outs == 0 && !task->edges->ins);
    if (task->course->token) {
        index64_remove(&core->by_token, task->course->token);
    }
    if (task->ext && task->ext->claims) {
        resource_unclaim(core, task->ext->claims, task->ext->n_claims);
    }
    actor_drop(core, task->actor);
    ext_free(core, task);
    spec_free(core, task);
    core->projects[task->project]->n_tasks--;
    edges_free(core, task);
    course_free(core, task);
    uint32_t slot = task->slot;
    core->latest_slot = core->latest_slot == slot ? 0 : core->latest_slot;
    *task = (struct task){.next = core->free_slot};
    core->free_slot = slot;
}

struct task_ext *
task_ext(struct core *core, struct task *task)
{
    if (!task->ext) {
        task->ext = slab_alloc(&core->slab, sizeof *task->ext);
        *task->ext = (struct task_ext){0};
        core->bytes += sizeof *task->ext;
    }
    return task->ext;
}

struct course *
task_course(struct core *core, struct task *task)
{
    struct course *course = (struct course *)(uintptr_t)task->course;
    if (task->course == &course_none) {
        task->course = course = slab_alloc(&core->slab, sizeof *course);
        *course = course_none;
        core->bytes += sizeof *course;
    }
    return course;
}

struct edges *
task_edges(struct core *core, struct task *task)
{
    struct edges *edges = (struct edges *)(uintptr_t)task->edges;
    if (task->edges == &edges_none) {
        task->edges = edges = slab_alloc(&core->slab, sizeof *edges);
        *edges = edges_none;
        core->bytes += sizeof *edges;
    }
    return edges;
}

struct run *
run_new(struct core *core)
{
    return memset(slab_alloc(&core->slab, sizeof(struct run)), 0, sizeof(struct run));
}

void
run_free(struct core *core, struct task *task)
{
    if (task->course->run) {
        free(task->course->run->holds);
        slab_free(&core->slab, task->course->run, sizeof(struct run));
        task_course(core, task)->run = NULL;
    }
}

static const char *
task_role(const struct task *task)
{
    return task->role < ROLES_N ? role_names[task->role] : "";
}

Baton__Spec *
task_unpack(const struct core *core, const struct task *task, struct arena *arena)
{
    Baton__Spec *spec = unpack_own(arena, &baton__spec__descriptor, task->spec_bytes,
                                   task_spec(task));
    CHECK(spec);
    spec->id = arena_strdup(arena, task->id); /* an edit moves the task's own */
    spec->project = (char *)(uintptr_t)task_project(core, task);
    spec->role = (char *)(uintptr_t)task_role(task);
    return spec;
}

void
task_spec_pack(const struct core *core, const struct task *task, struct buf *buf)
{
    enum { HEADS = 3 };
    const char *project = task_project(core, task);
    const char *role = task_role(task);
    size_t id_bytes = strlen(task->id);
    size_t project_bytes = strlen(project);
    size_t role_bytes = strlen(role);
    uint8_t *p = buf_reserve(buf, HEADS * PACK_HEAD_BYTES_MAX + id_bytes + project_bytes +
                                      role_bytes + task->spec_bytes);
    p = pack_text(p, SPEC_ID >> 3, task->id, id_bytes);
    p = pack_text(p, SPEC_PROJECT >> 3, project, project_bytes);
    p = pack_text(p, SPEC_ROLE >> 3, role, role_bytes);
    memcpy(p, task_spec(task), task->spec_bytes);
    buf->bytes = (size_t)(p - buf->data) + task->spec_bytes;
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
        spec_free(core, task);
        run_free(core, task);
        course_free(core, task);
        free(task->edges->ins);
        edges_free(core, task);
    }
    for (uint32_t i = 0; i < core->n_chunks; i++) {
        xfree_chunk(core->chunks[i], i, CHUNK_TASKS * sizeof(struct task));
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
        project_open(core->projects[i]);
        metrics_project_fini(core->projects[i]);
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
            heap_fini(&core->actors[i]->held);
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
    board_fini(core);
    gates_fini(core);
    metrics_fini(core);
    budgets_fini(core);
    slotset_fini(&core->names);
    index64_fini(&core->by_key);
    index64_fini(&core->by_token);
    index64_fini(&core->workers_by_number);
    heap_fini(&core->timers);
    for (int r = 0; r < ROLES_N; r++) {
        free(core->roles[r].queues);
    }
    slab_fini(&core->slab);
    arena_fini(&core->scratch);
    buf_fini(&core->packing);
    for (uint32_t i = 0; i < core->room_tombstones / TOMBSTONES_CHUNK; i++) {
        xfree_chunk(core->tombstones[i], i, TOMBSTONES_CHUNK * sizeof **core->tombstones);
    }
    free(core->tombstones);
    free(core->settle);
    free(core->marks);
    free(core->stack);
    free(core->changes);
    buf_fini(&core->snapshot.aside);
    free(core);
}
