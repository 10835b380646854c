/* Status: what each role does, how far it is, what is in its way, when it speaks next. Most of it
 * is derived when somebody asks, from what is leased and reported; a card holds only what a role
 * says of itself beside that, and its promise to speak again. */
#include "broker/core/board/board.h"

#include "common/words.h"

#include <string.h>

enum { BLOCKERS_SHOWN = 20 };

/* ---- a role says what it does ---- */

static Baton__Code
check_progress(struct posting *p)
{
    const Baton__Card *next = &p->next;
    for (size_t i = 0; i < next->n_items; i++) {
        const Baton__Item *item = next->items[i];
        bool fine = i == 0 && strcmp(item->tag, "progress") == 0 && item->value >= 0 &&
                    item->value <= 100;
        if (!fine) {
            return refuse(p->request, BATON__CODE__CODE_INVALID, "card.items",
                          "a status has one item at most: \"progress\", 0 to 100");
        }
    }
    return BATON__CODE__CODE_OK;
}

static Baton__Code
status_set(struct posting *p)
{
    Baton__Card *next = &p->next;
    const Baton__Card *given = p->given;
    const char *role = next->name;
    if (role_number(role) < 0) {
        return refuse(p->request, BATON__CODE__CODE_UNKNOWN_ROLE, "card.name",
                      "'%s' is no role: infra, backend, frontend, realtime, integration, testing",
                      role);
    }
    if (p->under && strcmp(role_names[p->under->role], role) != 0) {
        return refuse(p->request, BATON__CODE__CODE_DENIED, "card.name",
                      "the token is of a task of the role %s: it can't speak for %s",
                      role_names[p->under->role], role);
    }
    if (!given->title[0]) {
        return refuse(p->request, BATON__CODE__CODE_INVALID, "card.title",
                      "what does it do? a status needs a title");
    }
    if (given->due_at && given->due_at <= p->request->now) {
        return refuse(p->request, BATON__CODE__CODE_INVALID, "card.due_at", "that time has passed");
    }
    next->role = next->name;
    next->state = CARD(IN_FORCE);
    next->title = given->title;
    next->text = given->text;
    next->items = given->items;
    next->n_items = given->n_items;
    next->due_at = next->rings_at = given->due_at;
    next->rung = 0;
    /* Said again with the same words it is a word all the same. */
    next->changed_at = p->request->now;
    return check_progress(p);
}

static Baton__Code
status_remove(struct posting *p)
{
    (void)p;
    return BATON__CODE__CODE_OK;
}

/* ---- what its tasks say ---- */

/* When somebody heard of the task last: its progress, else its start. */
static int64_t
heard_at(const struct task *task)
{
    int64_t progress = task->ext ? task->ext->progress_at : 0;
    int64_t started = task->state == RUNNING ? task->course->started_at : 0;
    return MAX(progress, started);
}

/* The task in progress that was heard of last: of the role, and of the project (0: of all). */
static const struct task *
latest_task(const struct core *core, uint32_t role, uint32_t project)
{
    const struct task *latest = NULL;
    for (uint32_t w = 1; w < core->n_workers; w++) {
        for (uint32_t slot = core->workers[w]->first; slot;
             slot = task_at(core, slot)->course->run->next) {
            const struct task *task = task_at(core, slot);
            bool counts = task->role == role && (!project || task->project == project);
            bool later = counts &&
                         (!latest || heard_at(task) > heard_at(latest) ||
                          (heard_at(task) == heard_at(latest) && task->key < latest->key));
            latest = later ? task : latest;
        }
    }
    return latest;
}

/* Its promise has come: kept if one of its tasks spoke since, which may have promised anew. */
static void
status_ring(struct core *core, struct core_request *request, const struct card *card)
{
    Baton__Card next = board_copy(card);
    int role = role_number(next.name);
    /* A project that no task was ever in has none that could speak. */
    uint32_t project = project_find(core, next.project);
    const struct task *task = project ? latest_task(core, (uint32_t)role, project) : NULL;
    int64_t said = task ? heard_at(task) : 0;
    int64_t again = task && task->ext ? task->ext->next_update_at : 0;
    next.rings_at = 0;
    if (said <= card->message->changed_at) {
        next.state = CARD(STALE);
        next.rung++;
    } else if (again > request->now) {
        next.due_at = next.rings_at = again;
    }
    board_emit(core, request, &next, VERB(VERB_UNSPECIFIED));
}

void
status_heard(struct core *core, struct core_request *request, const struct task *task)
{
    const struct card *card = board_find_named(core, KIND(STATUS), task_project(core, task),
                                               role_names[task->role]);
    if (!card || card->message->state != CARD(STALE)) {
        return;
    }
    Baton__Card next = board_copy(card);
    int64_t again = task->ext ? task->ext->next_update_at : 0;
    next.state = CARD(IN_FORCE);
    next.rung = 0;
    next.due_at = next.rings_at = again > request->now ? again : 0;
    board_emit(core, request, &next, VERB(SET));
}

static void
status_weigh(struct core *core, const Baton__Card *card, int by)
{
    core->board.n_stale += card->state == CARD(STALE) ? (uint32_t)by : 0;
}

/* ---- what is shown of a role ---- */

static char *
borrow(const char *text)
{
    return (char *)(uintptr_t)(text ? text : "");
}

static void
show_task(const struct core *core, struct core_request *request, const struct task *task,
          Baton__RoleStatus *ret)
{
    const Baton__Spec *spec = task_unpack(core, task, request->arena);
    const struct task_ext *ext = task->ext;
    ret->current = spec->title[0] ? spec->title : task->id;
    ret->task = ref_make(request->arena, core, task);
    ret->progress = ext ? ext->progress : 0;
    ret->text = borrow(ext ? ext->progress_text : "");
    ret->updated_at = heard_at(task);
    ret->next_update_at = ext ? ext->next_update_at : 0;
    ret->stale = task->state == RUNNING && task->course->run->stalled;
}

/* Its own word, where it is newer than that of its task. */
static void
show_card(const Baton__Card *card, Baton__RoleStatus *ret)
{
    ret->stale |= card->state == CARD(STALE);
    if (card->changed_at < ret->updated_at) {
        return;
    }
    ret->current = card->title;
    ret->text = card->text;
    ret->updated_at = card->changed_at;
    ret->next_update_at = card->due_at;
    ret->progress = card->n_items ? (uint32_t)card->items[0]->value : ret->progress;
}

static void
show_blocker(const struct core *core, struct core_request *request, const Baton__Card *card,
             Baton__StatusReply *ret)
{
    uint32_t project = project_find(core, card->project);
    const struct task *task = card->task[0] ? task_find(core, project, card->task) : NULL;
    for (size_t r = 0; r < ret->n_roles; r++) {
        Baton__RoleStatus *role = ret->roles[r];
        bool of_task = task && task->role < ROLES_N &&
                       strcmp(role_names[task->role], role->role) == 0;
        bool whole = !card->task[0] && !card->role[0];
        if ((!of_task && !whole && strcmp(card->role, role->role) != 0) ||
            role->n_blockers == BLOCKERS_SHOWN) {
            continue;
        }
        if (!role->blockers) {
            role->blockers = arena_alloc(request->arena, BLOCKERS_SHOWN * sizeof(char *));
        }
        role->blockers[role->n_blockers++] = card->title;
    }
}

static bool
is_of(const Baton__Card *card, const char *project)
{
    return !project[0] || strcmp(card->project, project) == 0;
}

void
core_status_words(const struct core *core, struct core_request *request, const char *project,
                  Baton__StatusReply *ret)
{
    uint32_t only = project[0] ? project_find(core, project) : 0;
    bool none = project[0] && !only; /* nobody has a task there */
    for (size_t r = 0; r < ret->n_roles; r++) {
        const struct task *task = none ? NULL : latest_task(core, (uint32_t)r, only);
        if (task) {
            show_task(core, request, task, ret->roles[r]);
        }
    }
    const struct card *at = board_first_open(core, KIND(STATUS));
    for (; at; at = board_next_open(core, at)) {
        int role = role_number(at->message->name);
        if (role >= 0 && is_of(at->message, project)) {
            show_card(at->message, ret->roles[role]);
        }
    }
    for (at = board_first_open(core, KIND(BLOCKER)); at; at = board_next_open(core, at)) {
        const Baton__Card *card = at->message;
        if (is_of(card, project) || (card->role[0] && !card->task[0])) {
            show_blocker(core, request, card, ret);
        }
    }
}

const struct card_kind card_status = {
    .name = "status",
    .gives = GIVES_TITLE | GIVES_TEXT | GIVES_DUE_AT | GIVES_ITEMS,
    .named = true,
    .verbs = {[VERB(SET)] = status_set, [VERB(REMOVE)] = status_remove},
    .ring = status_ring,
    .weigh = status_weigh,
};
