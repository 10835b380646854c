/* Finding and making: tasks by slot, number and name, and all that has a name. */
#ifndef BATON_BROKER_CORE_NAMES_H
#define BATON_BROKER_CORE_NAMES_H

#include "broker/core/model.h"

/* ---- state.c: tasks, names, lookups ---- */

static inline struct task *
task_at(const struct core *core, uint32_t slot)
{
    return &core->chunks[slot >> CHUNK_BITS][slot & (CHUNK_TASKS - 1)];
}
/* Cards that have not ended. */
static inline uint32_t
board_n_open(const struct core *core)
{
    return core->board.n - core->board.ended.n;
}
static inline bool
state_is_terminal(unsigned state)
{
    return state >= DONE;
}
static inline bool
task_is_live(const struct task *task)
{
    return task->state != UNKNOWN && !state_is_terminal(task->state);
}
/* Neither queued nor held by a worker: somebody or something has to answer first. */
static inline bool
task_is_aside(const struct task *task)
{
    return task->state == PARKED || task->state == REVIEW;
}
static inline bool
task_has_lease(const struct task *task)
{
    return task->state == LEASED || task->state == RUNNING || task->state == CANCELLING;
}
/* Nothing of it is offered: by an operator's pause, while a blocker is open, or a budget spent. */
static inline bool
role_is_stopped(const struct role *role)
{
    return role->paused || role->n_blockers || role->n_spent;
}
static inline bool
project_is_stopped(const struct project *project)
{
    return project->paused || project->n_blockers || project->n_spent;
}
/* … of this role in this project. */
static inline bool
queue_is_stopped(const struct project *project, unsigned role)
{
    return project_is_stopped(project) || project->queues[role].n_spent;
}
/* A milestone is not given out, so no budget keeps it. */
static inline bool
task_is_over_budget(const struct task *task)
{
    return task->ext && task->ext->n_spent && !task->milestone;
}
/* It is told to stop, but not for good: an actor may still cancel it. */
static inline bool
cancelling_is_by_the_way(const struct task *task)
{
    return task->reason == BATON__REASON__REASON_TIMEOUT ||
           task->reason == BATON__REASON__REASON_PREEMPTED;
}
static inline bool
task_is_blocked(const struct task *task)
{
    return task->ext && task->ext->n_blockers;
}
/* The description without what the task says beside it: id, project, role. spec_bytes of it. */
static inline const uint8_t *
task_spec(const struct task *task)
{
    return (const uint8_t *)task->id + strlen(task->id) + 1;
}
struct task *task_find(const struct core *core, uint32_t project, const char *id); /* NULL */
/* The same in two steps, for who looks for many: the memory that the second one needs comes while
 * the first is done for others. */
uint64_t task_hash(const struct core *core, uint32_t project, const char *id);
struct task *task_find_hashed(const struct core *core, uint64_t hash, uint32_t project,
                              const char *id);
struct task *task_by_key(const struct core *core, uint64_t key);     /* NULL */
struct task *task_by_token(const struct core *core, uint64_t token); /* NULL */
/* One of that hash; its id comes with task_set_spec, before anything else. */
struct task *task_new(struct core *core, uint32_t project, uint64_t hash);
void task_free(struct core *core, struct task *task); /* its name is no longer its own */
/* Sets the id's block: the id is copied, and the packed spec but for what task_spec leaves out. */
void task_set_spec(struct core *core, struct task *task, const char *id, const uint8_t *spec,
                   size_t bytes);
/* Parts, to write to; made when absent. */
struct course *task_course(struct core *core, struct task *task);
struct edges *task_edges(struct core *core, struct task *task);
struct task_ext *task_ext(struct core *core, struct task *task);
/* For tasks without such parts: nothing ever happened, nothing is due, no edges. */
extern const struct course course_none;
extern const struct edges edges_none;
struct run *run_new(struct core *core);              /* zeroed */
void run_free(struct core *core, struct task *task); /* the task's, if it has one */
/* The whole description: as a message, and appended, packed as it was when it was set. */
Baton__Spec *task_unpack(const struct core *core, const struct task *task, struct arena *arena);
void task_spec_pack(const struct core *core, const struct task *task, struct buf *buf);
const char *task_project(const struct core *core, const struct task *task);
void set_text(char **text, const char *to); /* "" and NULL: none */

uint32_t project_find(const struct core *core, const char *name); /* 0: none; "": default */
uint32_t project_make(struct core *core, const char *name);
/* True when a task of it has ever been added; others are only names in dependencies. */
bool project_has_tasks(const struct project *project);
static inline bool
project_is_complete(const struct project *project)
{
    return project->closing && project->n_live == 0;
}
/* NULL text and actor: "". */
void project_close(struct project *project, const char *actor, const char *text, int64_t since);
void project_open(struct project *project);
struct resource *resource_find(const struct core *core, const char *name);
struct resource *resource_make(struct core *core, const char *name);
/* One task more (or less) is the actor's. 0: nobody. */
uint32_t actor_take(struct core *core, const char *name);
void actor_drop(struct core *core, uint32_t number);
struct actor *actor_find(const struct core *core, const char *name); /* NULL */
const char *actor_name(const struct core *core, uint32_t number);
struct worker *worker_find(const struct core *core, const char *name);
struct worker *worker_add(struct core *core, uint64_t number, const char *name);
const struct tombstone *tombstone_find(const struct core *core, const char *project,
                                       const char *id);
const struct tombstone *tombstone_find_hashed(const struct core *core, struct identity identity);
/* In the index of names it takes the place of the task in `slot`; 0: it gets one of its own. */
void tombstone_add(struct core *core, struct identity identity, uint64_t key, unsigned state,
                   uint32_t slot);
static inline struct tombstone *
tombstone_at(const struct core *core, uint32_t number)
{
    return &core->tombstones[number / TOMBSTONES_CHUNK][number % TOMBSTONES_CHUNK];
}
/* A hash of a task's name: by it tasks are found, and after them their tombstones. */
struct identity identity_of(const struct core *core, const char *project, const char *id);
struct identity identity_made(uint64_t hash_seed, const char *project, const char *id);
/* It will be looked for soon: its place comes to the cache meanwhile. */
void identity_fetch(const struct core *core, struct identity identity);
/* Two texts and a number in one key; length in *ret_bytes. Malloced. */
char *name_key(unsigned kind, const char *project, const char *name, size_t *ret_bytes);
/* The same to look for: nearly all fit into the room. */
enum { NAME_KEY_ROOM = 3 + NAME_BYTES_MAX + ID_BYTES_MAX };
struct name_key {
    char room[NAME_KEY_ROOM];
    char *text; /* … or malloced */
    size_t bytes;
};
void name_key_init(struct name_key *key, unsigned kind, const char *project, const char *name);
void name_key_fini(struct name_key *key);
struct pause *pause_find(const struct core *core, uint32_t scope, const char *name);
/* A fresh mark for a graph walk: nothing bears it yet. */
uint32_t mark_new(struct core *core);
void stack_push(struct core *core, uint32_t slot);
Baton__Ref *ref_make(struct arena *arena, const struct core *core, const struct task *task);

#endif
