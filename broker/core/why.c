/* Why is a task not running (or what is it doing)? Every cause that holds, in words, with who can
 * act; and the terms of its place in the order. */
#include "broker/core/board/board.h"

#include "common/gate_name.h"
#include "common/path_name.h"

#include <string.h>

enum { CAUSES_MAX = 64 };

struct why {
    const struct core *core;
    struct core_request *request;
    const struct task *task;
    Baton__Explained *ret;
};

static bool
has_room(const struct why *w)
{
    return w->ret->n_causes < CAUSES_MAX;
}

static Baton__Cause *
add(struct why *w, unsigned reason, const char *who, const char *text)
{
    Baton__Cause *cause = arena_alloc(w->request->arena, sizeof *cause);
    baton__cause__init(cause);
    cause->reason = (Baton__Reason)reason;
    cause->who = (char *)(uintptr_t)who;
    cause->text = (char *)(uintptr_t)text;
    if (has_room(w)) {
        w->ret->causes[w->ret->n_causes++] = cause;
    }
    return cause;
}

#define SAY(...) arena_printf(w->request->arena, __VA_ARGS__)

static bool
is_ignored(const struct edge_in *edge)
{
    return edge->state == EDGE_BROKEN && edge->policy == BATON__POLICY__POLICY_IGNORE;
}

/* An edge of a group is a cause only in what the group as a whole waits for: a group that is met
 * waits for nothing, and one of which something can still be met does not suffer from what can't.
 */
static bool
is_cause(const struct task *task, const struct edge_in *edge)
{
    if (edge->any == 0) {
        return edge->state != EDGE_MET && !is_ignored(edge);
    }
    bool met = false, pending = false, ignored = false;
    for (uint32_t i = 0; i < task->edges->n_ins; i++) {
        if (task->edges->ins[i].any == edge->any) {
            met |= task->edges->ins[i].state == EDGE_MET;
            pending |= task->edges->ins[i].state == EDGE_PENDING;
            ignored |= is_ignored(&task->edges->ins[i]);
        }
    }
    met |= ignored && !pending;
    return !met && edge->state == (pending ? EDGE_PENDING : EDGE_BROKEN);
}

/* A task may want several things of another one, in one group or in none: they are one cause. What
 * is in the archive is not known to be the same. */
static bool
is_same_cause(const struct task *task, const struct edge_in *a, const struct edge_in *b)
{
    bool same = a->is_gate ? b->is_gate && task->ext->gates[a->out_pos].gate ==
                                               task->ext->gates[b->out_pos].gate
                           : a->pred && a->pred == b->pred;
    return same && a->any == b->any && a->state == b->state && is_cause(task, b);
}

static bool
is_told(const struct task *task, uint32_t in_pos)
{
    const struct edge_in *ins = task->edges->ins;
    uint32_t i = 0;
    while (i < in_pos && !is_same_cause(task, &ins[in_pos], &ins[i])) {
        i++;
    }
    return i < in_pos;
}

/* "be done and start": all that the task wants of the other. */
static const char *
condition_words(const struct why *w, const struct edge_in *edge)
{
    static const char *const words[] = {"be done", "end", "fail", "start"};
    bool wanted[sizeof words / sizeof *words] = {false};
    wanted[edge->condition] = true;
    for (uint32_t i = 0; i < w->task->edges->n_ins; i++) {
        const struct edge_in *other = &w->task->edges->ins[i];
        wanted[other->condition] |= is_same_cause(w->task, edge, other);
    }
    const char *all = NULL;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (wanted[i]) {
            all = all ? SAY("%s %s %s", all, edge->any || edge->state == EDGE_BROKEN ? "or" : "and",
                            words[i])
                      : words[i];
        }
    }
    return all;
}

/* A signal or decision that is not in force. */
static void
why_gate(struct why *w, const struct edge_in *edge)
{
    unsigned kind;
    const char *project, *name;
    gate_names(w->task->ext->gates[edge->out_pos].gate, &kind, &project, &name);
    const struct card *card = board_find_proposal(w->core, kind, project, name);
    const char *owner = card && card->message->owner[0] ? card->message->owner : NULL;
    bool is_signal = kind == KIND(SIGNAL);
    bool elsewhere = strcmp(project, task_project(w->core, w->task)) != 0;
    Baton__Cause *cause = add(
        w, BATON__REASON__REASON_GATE,
        is_signal
            ? SAY("whoever has it ready: baton signal raise %s%s%s, or a handoff that says so",
                  name, elsewhere ? " --project " : "", elsewhere ? project : "")
            : (owner ? SAY("%s, who decides it", owner) : "whoever decides it"),
        SAY("waits for the %s %s%s%s%s", card_kind_name((int)kind), name,
            elsewhere ? " of project " : "", elsewhere ? project : "",
            is_signal ? ", which is not raised"
            : card    ? ", which is not in force yet"
                      : ", which nobody has proposed"));
    cause->name = (char *)(uintptr_t)name;
}

static void
why_edge(struct why *w, const struct edge_in *edge)
{
    if (edge->is_gate) {
        why_gate(w, edge);
        return;
    }
    const struct task *pred = edge->pred ? task_at(w->core, edge->pred) : NULL;
    Baton__Cause *cause;
    if (edge->state == EDGE_PENDING && pred->state == UNKNOWN) {
        cause = add(w, BATON__REASON__REASON_FORWARD_REF, "whoever adds that task",
                    SAY("waits for %s, which is not known yet", pred->id));
    } else if (edge->state == EDGE_PENDING) {
        cause = add(w, BATON__REASON__REASON_DEPS, "the worker of that task",
                    SAY("waits for %s to %s; it is %s%s", pred->id, condition_words(w, edge),
                        state_name(pred->state), edge->any ? " (one of several would do)" : ""));
    } else {
        cause = add(
            w, BATON__REASON__REASON_UPSTREAM_FAILED, "an operator, by a retry of that task",
            pred ? SAY("%s is %s, so it can't %s any more", pred->id, state_name(pred->state),
                       condition_words(w, edge))
                 : SAY("a task in the archive can't %s any more", condition_words(w, edge)));
    }
    if (pred) {
        cause->task = ref_make(w->request->arena, w->core, pred);
    }
}

/* An open blocker; `what` is blocked by it. */
static void
why_blocker(struct why *w, const Baton__Card *card, const char *what)
{
    Baton__Cause *cause = add(w, BATON__REASON__REASON_BLOCKER,
                              card->owner[0] ? SAY("%s, by resolving it", card->owner)
                                             : "whoever resolves it",
                              SAY("blocker #%llu is open on %s: %s",
                                  (unsigned long long)card->number, what, card->title));
    cause->at = 0;
    cause->name = SAY("%llu", (unsigned long long)card->number);
}

static bool
is_open_blocker(const Baton__Card *card)
{
    return card->kind == KIND(BLOCKER) && !card_has_ended(card);
}

static void
why_blockers_of_task(struct why *w)
{
    const struct task *task = w->task;
    if (!task_is_blocked(task)) {
        return;
    }
    const struct card *card = board_first_of(w->core, OF_TASK, task_project(w->core, task),
                                             task->id);
    for (; card; card = board_next_of(w->core, card)) {
        if (is_open_blocker(card->message)) {
            why_blocker(w, card->message, "it");
        }
    }
}

/* Blockers on its role or its whole project. */
static void
why_blockers_around(struct why *w)
{
    const struct core *core = w->core;
    const char *project = task_project(core, w->task), *role = role_names[w->task->role];
    if (core->roles[w->task->role].n_blockers) {
        const struct card *card = board_first_of(core, OF_BLOCKED_ROLE, "", role);
        for (; card && has_room(w); card = board_next_of(core, card)) {
            why_blocker(w, card->message, SAY("role %s", role));
        }
    }
    if (core->projects[w->task->project]->n_blockers) {
        const struct card *card = board_first_of(core, OF_BLOCKED_PROJECT, project, "");
        for (; card && has_room(w); card = board_next_of(core, card)) {
            why_blocker(w, card->message, SAY("project %s", project));
        }
    }
}

static void
why_budgets(struct why *w)
{
    size_t n;
    const struct budget_cause *causes = budgets_why(w->core, w->request->arena, w->task, &n);
    for (size_t i = 0; i < n; i++) {
        Baton__Cause *cause = add(w, BATON__REASON__REASON_BUDGET, causes[i].who, causes[i].text);
        cause->name = (char *)(uintptr_t)causes[i].name;
        cause->at = causes[i].until;
    }
}

static void
why_waiting(struct why *w)
{
    const struct task *task = w->task;
    if (task->held) {
        const char *text = task->ext && task->ext->reason_text ? task->ext->reason_text : NULL;
        add(w, BATON__REASON__REASON_HELD, "an operator, by release",
            text ? SAY("held: %s", text) : "held");
    }
    why_blockers_of_task(w);
    if (task_is_over_budget(task)) {
        why_budgets(w);
    }
    if (!edges_are_clear(task)) {
        /* What can't be met any more first: somebody must act on it. */
        for (unsigned state = EDGE_BROKEN + 1; state-- > 0;) {
            for (uint32_t i = 0; i < task->edges->n_ins && has_room(w); i++) {
                const struct edge_in *edge = &task->edges->ins[i];
                if (edge->state == state && is_cause(task, edge) && !is_told(task, i)) {
                    why_edge(w, edge);
                }
            }
        }
    }
    if (task->timed) {
        Baton__Cause *cause = add(
            w, task->backoff ? BATON__REASON__REASON_BACKOFF : BATON__REASON__REASON_NOT_BEFORE,
            "time",
            task->backoff ? "waits before its next attempt" : "its scheduled start has not come");
        cause->at = task->course->next_at;
    }
}

static void
why_pause(struct why *w, uint32_t scope, const char *name, unsigned reason, const char *what)
{
    const struct pause *pause = pause_find(w->core, scope, name);
    if (pause) {
        Baton__Cause *cause = add(w, reason, "an operator, by resume",
                                  SAY("%s is paused%s%s (by %s)", what, pause->text[0] ? ": " : "",
                                      pause->text, pause->actor[0] ? pause->actor : "the broker"));
        cause->name = (char *)(uintptr_t)name;
        cause->at = pause->until;
    }
}

/* A task with a lease that holds the resource, or a path that meets it; NULL: who held it is gone.
 */
static const struct task *
holder_of(const struct core *core, const struct resource *resource, const char **ret_held)
{
    for (uint32_t w = 1; w < core->n_workers; w++) {
        for (uint32_t slot = core->workers[w]->first; slot;) {
            const struct task *task = task_at(core, slot);
            for (uint32_t i = 0; task->ext && i < task->ext->n_claims; i++) {
                const char *name = core->resources[task->ext->claims[i].resource]->name;
                if (path_names_meet(name, resource->name)) {
                    *ret_held = name;
                    return task;
                }
            }
            slot = task->course->run->next;
        }
    }
    return NULL;
}

static void
why_reservation(struct why *w, const Baton__Card *card, const char *name)
{
    const char *who = card->owner[0] ? card->owner : card->role[0] ? card->role : card->by;
    Baton__Cause *cause = add(
        w, BATON__REASON__REASON_LOCK,
        SAY("%s, by baton reserve release %llu", who, (unsigned long long)card->number),
        SAY("resource %s is reserved by %s (#%llu)%s%s", name, who,
            (unsigned long long)card->number, card->title[0] ? ": " : "", card->title));
    cause->name = (char *)(uintptr_t)name;
    cause->at = card->rings_at;
}

/* An open incident freezes it, or a path that it meets. */
static void
why_frozen(struct why *w, const struct resource *resource)
{
    const struct card *at = board_first_open(w->core, KIND(INCIDENT));
    for (; at; at = board_next_open(w->core, at)) {
        const Baton__Card *card = at->message;
        for (size_t i = 0; i < card->n_items; i++) {
            const Baton__Item *item = card->items[i];
            if (strcmp(item->tag, "freeze") == 0 && path_names_meet(item->name, resource->name)) {
                unsigned long long number = card->number;
                add(w, BATON__REASON__REASON_LOCK_PAUSED,
                    SAY("whoever ends it: baton incident resolve %llu CAUSE", number),
                    SAY("resource %s is frozen by incident #%llu: %s", item->name, number,
                        card->title))
                    ->name = item->name;
            }
        }
    }
}

static void
why_claims(struct why *w)
{
    const struct task_ext *ext = w->task->ext;
    for (uint32_t i = 0; ext && i < ext->n_claims; i++) {
        const struct resource *resource = w->core->resources[ext->claims[i].resource];
        for (const struct pause *pause = w->core->pauses; pause; pause = pause->next) {
            if (pause->scope == BATON__PAUSE__SCOPE__LOCK &&
                path_names_meet(pause->name, resource->name)) {
                why_pause(w, BATON__PAUSE__SCOPE__LOCK, pause->name,
                          BATON__REASON__REASON_LOCK_PAUSED, SAY("resource %s", pause->name));
            }
        }
        if (resource_is_paused(resource)) {
            why_frozen(w, resource);
        }
    }
    bool reserved;
    const struct resource *obstacle = queue_obstacle(w->core, w->task, &reserved);
    if (obstacle && !resource_is_paused(obstacle)) {
        Baton__Cause *cause = add(
            w, BATON__REASON__REASON_LOCK, "the tasks that hold it",
            reserved ? SAY("resource %s is kept for a task that comes first", obstacle->name)
            : obstacle->is_path
                ? SAY("%s is taken, or a path above or below it", obstacle->name)
                : SAY("resource %s is taken (capacity %u)", obstacle->name, obstacle->capacity));
        cause->name = obstacle->name;
        Baton__Claim wanted = BATON__CLAIM__INIT;
        wanted.name = obstacle->name;
        uint32_t slot = 0;
        const Baton__Card *card;
        while (w->core->board.reservations.n &&
               (card = reservation_next(w->core, &slot, &wanted))) {
            why_reservation(w, card, obstacle->name);
        }
        const char *held = NULL;
        const struct task *holder = reserved ? NULL : holder_of(w->core, obstacle, &held);
        if (holder) {
            cause->task = ref_make(w->request->arena, w->core, holder);
            cause->text = SAY("resource %s is taken: %s holds %s", obstacle->name, holder->id,
                              held);
        }
    }
}

static void
why_ready(struct why *w)
{
    const struct core *core = w->core;
    const struct task *task = w->task;
    const struct role *role = &core->roles[task->role];
    const char *role_name = role_names[task->role];
    const char *project = core->projects[task->project]->name;
    why_pause(w, BATON__PAUSE__SCOPE__BROKER, "", BATON__REASON__REASON_BROKER_PAUSED,
              "the broker");
    why_pause(w, BATON__PAUSE__SCOPE__ROLE, role_name, BATON__REASON__REASON_ROLE_PAUSED,
              SAY("role %s", role_name));
    why_pause(w, BATON__PAUSE__SCOPE__PROJECT, project, BATON__REASON__REASON_PROJECT_PAUSED,
              SAY("project %s", project));
    why_pause(w, BATON__PAUSE__SCOPE__SUBMITTER, actor_name(core, task->actor),
              BATON__REASON__REASON_SUBMITTER_PAUSED,
              SAY("its submitter, %s,", actor_name(core, task->actor)));
    why_blockers_around(w);
    if (budgets_keep(core, task)) {
        why_budgets(w);
    }
    why_claims(w);
    Baton__Cause *cause = NULL;
    if (role->workers == 0) {
        cause = add(w, BATON__REASON__REASON_NO_WORKER, "an operator, by starting a worker",
                    SAY("no worker of role %s is connected", role_name));
    } else if (role->credit == 0) {
        cause = add(w, BATON__REASON__REASON_NO_CREDIT, "the workers of the role",
                    SAY("all %u slots of role %s are busy", role->slots, role_name));
    } else if (w->ret->n_causes == 0) {
        cause = add(w, BATON__REASON__REASON_QUEUED, "the workers of the role",
                    SAY("%u tasks of role %s come before it", w->ret->ahead, role_name));
    }
    if (cause) {
        cause->name = (char *)(uintptr_t)role_name;
    }
}

/* Parked, or in review. */
static void
why_aside(struct why *w)
{
    const struct task *task = w->task;
    const char *text = task->ext && task->ext->reason_text ? task->ext->reason_text : "";
    const char *project = task_project(w->core, task);
    bool far = strcmp(project, "default") != 0;
    const char *ref = SAY("%s%s%s", far ? project : "", far ? "//" : "", task->id);
    const char *judge = SAY("an operator, by approve or refuse: baton approve %s, or baton refuse "
                            "%s --reason TEXT",
                            ref, ref);
    if (task->state == REVIEW) {
        add(w, BATON__REASON__REASON_APPROVAL, judge, "its work is done and waits to be approved")
            ->at = task->ext->review_due;
        return;
    }
    const char *waits_for = task->ext->waits_for, *end = SAY("; or anybody: baton approve %s", ref);
    const char *digits = strncmp(waits_for, "blocker:", 8) == 0 ? waits_for + 8 : NULL;
    const char *name;
    int kind = gate_name_kind(waits_for, &name);
    const char *who = task->reason == BATON__REASON__REASON_APPROVAL ? judge
                      : task->reason == BATON__REASON__REASON_CHILDREN
                          ? SAY("the workers of those tasks%s", end)
                      : task->reason == BATON__REASON__REASON_REWORK
                          ? SAY("the worker of that task%s", end)
                      : digits ? SAY("whoever resolves it: baton blocker resolve %s%s", digits, end)
                      : kind == KIND(SIGNAL)
                          ? SAY("whoever raises it: baton signal raise %s%s", name, end)
                          : SAY("whoever decides it: baton decision list%s", end);
    Baton__Cause *cause = add(w, task->reason, who,
                              SAY("parked: waits for %s%s%s",
                                  park_words(w->request->arena, waits_for), text[0] ? ": " : "",
                                  text));
    cause->at = task->reason == BATON__REASON__REASON_APPROVAL ? task->ext->review_due : 0;
    if (strchr(waits_for, ':')) {
        cause->name = (char *)(uintptr_t)waits_for;
    }
}

static void
why_leased(struct why *w)
{
    const struct task *task = w->task;
    const char *worker = core_worker_name(w->core, task->course->worker);
    Baton__Cause *cause = NULL;
    if (task->state == CANCELLING) {
        const char *text = task->ext && task->ext->reason_text ? task->ext->reason_text : "";
        cause = add(w, task->reason, "its worker", SAY("told to stop: %s", text));
        cause->at = task->course->run->cancel_until;
    } else if (task->course->run->suspect) {
        cause = add(w, BATON__REASON__REASON_SUSPECT, "its worker, by coming back",
                    SAY("worker %s is out of touch", worker));
        cause->at = task->course->run->lease_until;
    } else if (task->reason == BATON__REASON__REASON_STALLED) {
        cause = add(w, BATON__REASON__REASON_STALLED, "an operator",
                    SAY("worker %s has not told of progress for long", worker));
    } else {
        cause = add(w, BATON__REASON__REASON_OK, "its worker",
                    SAY("%s by worker %s", task->state == LEASED ? "taken" : "being done", worker));
        cause->at = task->course->run->lease_until;
    }
    cause->name = (char *)(uintptr_t)worker;
}

static void
why_ended(struct why *w)
{
    const struct task *task = w->task;
    const char *text = task->ext && task->ext->reason_text ? task->ext->reason_text : "";
    if (task->state == DONE) {
        add(w, BATON__REASON__REASON_NONE, "nobody", "done");
        return;
    }
    Baton__Cause *cause = add(w, task->reason, "an operator, by retry",
                              SAY("%s (%s)%s%s", state_name(task->state), reason_name(task->reason),
                                  text[0] ? ": " : "", text));
    const struct task *by = task->ext && task->ext->aborted_by
                                ? task_by_key(w->core, task->ext->aborted_by)
                                : NULL;
    if (by) {
        cause->task = ref_make(w->request->arena, w->core, by);
    }
}

/* Ready tasks of the role before this one; walks over the heaps, so it is bounded. */
static uint32_t
count_ahead(const struct core *core, const struct task *task)
{
    enum { LOOKS_MAX = 200 * 1000 };
    uint32_t ahead = 0, looks = 0;
    for (uint32_t p = 1; p < core->n_projects; p++) {
        const struct heap *heap = &core->projects[p]->queues[task->role].heap;
        uint32_t cursor = 0;
        for (uint32_t slot; looks < LOOKS_MAX && (slot = heap_walk(heap, &cursor)); looks++) {
            ahead += order_before(core, slot, task->slot);
        }
    }
    return ahead;
}

static void
why_order(struct why *w)
{
    const struct task *task = w->task;
    struct arena *arena = w->request->arena;
    Baton__Order *order = arena_alloc(arena, sizeof *order);
    baton__order__init(order);
    struct task *effective_from, *inherited_from;
    order_terms(w->core, task, &order->floor_at, &order->base_at, &effective_from, &inherited_from);
    order->order_at = order_time(task->order_at);
    order->anchor = task->anchor;
    order->patience_ms = patience_ms(alert_now(task) == BATON__ALERT__ALERT_ESCALATED
                                         ? (unsigned)BATON__PRIORITY__PRIORITY_CRITICAL
                                         : task->priority);
    order->own_deadline = task->course->deadline;
    order->effective_deadline = task->course->effective == NEVER ? 0 : task->course->effective;
    order->dependents = task->n_live_outs;
    order->key = task->key;
    order->fairness_key = task->ext && task->ext->fairness_key ? task->ext->fairness_key
                                                               : order->fairness_key;
    order->effective_from = effective_from ? ref_make(arena, w->core, effective_from) : NULL;
    order->inherited_from = inherited_from ? ref_make(arena, w->core, inherited_from) : NULL;
    w->ret->order = order;
}

Baton__Code
core_why(const struct core *core, struct core_request *request, const Baton__Ref *ref,
         Baton__Explained *ret, uint64_t *ret_archived_key)
{
    baton__explained__init(ret);
    struct task *task;
    Baton__Code code = view_find(core, request, ref, &task, ret_archived_key);
    if (code != BATON__CODE__CODE_OK) {
        return code;
    }
    struct why why = {.core = core, .request = request, .task = task, .ret = ret};
    ret->task = arena_alloc(request->arena, sizeof *ret->task);
    view_make(core, request, task, true, true, ret->task);
    ret->causes = arena_alloc(request->arena, CAUSES_MAX * sizeof *ret->causes);
    if (task->state == READY) {
        ret->ahead = count_ahead(core, task);
        why_ready(&why);
    } else if (task->state == WAITING) {
        why_waiting(&why);
    } else if (task_is_aside(task)) {
        why_aside(&why);
    } else if (task_has_lease(task)) {
        why_leased(&why);
    } else {
        why_ended(&why);
    }
    if (task_is_live(task)) {
        why_order(&why);
    }
    return BATON__CODE__CODE_OK;
}
