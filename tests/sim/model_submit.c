/* The reference model: submissions and changes of what a task is. */
#include "model.h"

#include "common/limits.h"

#include <string.h>

uint32_t
model_differences(const struct m_spec *a, const struct m_spec *b)
{
    int p = a->priority ? a->priority : BATON__PRIORITY__PRIORITY_MEDIUM;
    int q = b->priority ? b->priority : BATON__PRIORITY__PRIORITY_MEDIUM;
    uint32_t d = 0;
    d |= p != q ? F_PRIORITY : 0;
    d |= a->deadline != b->deadline ? F_DEADLINE : 0;
    d |= a->on_deadline != b->on_deadline ? F_ON_DEADLINE : 0;
    d |= a->not_before != b->not_before ? F_NOT_BEFORE : 0;
    d |= a->estimate != b->estimate ? F_ESTIMATE : 0;
    d |= a->title != b->title ? F_TITLE : 0;
    d |= a->max_attempts != b->max_attempts ? F_MAX_ATTEMPTS : 0;
    d |= a->crash_limit != b->crash_limit ? F_CRASH_LIMIT : 0;
    d |= a->backoff != b->backoff ? F_BACKOFF : 0;
    d |= a->backoff_cap != b->backoff_cap ? F_BACKOFF_CAP : 0;
    d |= a->max_runtime != b->max_runtime ? F_MAX_RUNTIME : 0;
    d |= a->idle != b->idle ? F_IDLE : 0;
    d |= a->lease != b->lease ? F_LEASE : 0;
    d |= a->stall != b->stall ? F_STALL : 0;
    d |= a->review != b->review ? F_REVIEW : 0;
    d |= a->role != b->role ? F_ROLE : 0;
    d |= a->prompt != b->prompt ? F_PROMPT : 0;
    d |= a->label != b->label ? F_LABELS : 0;
    bool edges = a->n_edges != b->n_edges ||
                 memcmp(a->edges, b->edges, a->n_edges * sizeof a->edges[0]) != 0;
    bool claims = a->n_claims != b->n_claims ||
                  memcmp(a->claims, b->claims, a->n_claims * sizeof a->claims[0]) != 0;
    d |= a->held != b->held ? F_HELD : 0;
    d |= a->approval != b->approval ? F_APPROVAL : 0;
    d |= a->no_preempt != b->no_preempt ? F_NO_PREEMPT : 0;
    d |= a->unique != b->unique ? F_UNIQUE : 0;
    d |= a->fairness != b->fairness || a->weight != b->weight ? F_FAIRNESS : 0;
    return d | (edges ? F_AFTER : 0) | (claims ? F_CLAIMS : 0);
}

void
model_take_fields(struct m_spec *to, const struct m_spec *from, uint32_t fields)
{
#define TAKE(flag, name) to->name = fields & (flag) ? from->name : to->name
    TAKE(F_PRIORITY, priority);
    TAKE(F_DEADLINE, deadline);
    TAKE(F_ON_DEADLINE, on_deadline);
    TAKE(F_NOT_BEFORE, not_before);
    TAKE(F_ESTIMATE, estimate);
    TAKE(F_TITLE, title);
    TAKE(F_MAX_ATTEMPTS, max_attempts);
    TAKE(F_CRASH_LIMIT, crash_limit);
    TAKE(F_BACKOFF, backoff);
    TAKE(F_BACKOFF_CAP, backoff_cap);
    TAKE(F_MAX_RUNTIME, max_runtime);
    TAKE(F_IDLE, idle);
    TAKE(F_LEASE, lease);
    TAKE(F_STALL, stall);
    TAKE(F_REVIEW, review);
    TAKE(F_ROLE, role);
    TAKE(F_PROMPT, prompt);
    TAKE(F_LABELS, label);
    TAKE(F_HELD, held);
    TAKE(F_APPROVAL, approval);
    TAKE(F_NO_PREEMPT, no_preempt);
    TAKE(F_UNIQUE, unique);
    TAKE(F_UNIQUE, window);
    TAKE(F_UNIQUE, on_conflict);
    TAKE(F_FAIRNESS, fairness);
    TAKE(F_FAIRNESS, weight);
#undef TAKE
    if (fields & F_AFTER) {
        to->n_edges = from->n_edges;
        memcpy(to->edges, from->edges, sizeof to->edges);
    }
    if (fields & F_CLAIMS) {
        to->n_claims = from->n_claims;
        memcpy(to->claims, from->claims, sizeof to->claims);
    }
}

void
model_respecify(struct model *m, int t, const struct m_spec *spec)
{
    struct m_task *task = &m->task[t];
    uint32_t fields = model_differences(&task->spec, spec);
    model_take_fields(&task->spec, spec, fields);
    if (fields & F_AFTER) {
        task->after_since = m->now;
    }
    if (fields & F_NOT_BEFORE) {
        task->wait_not_before = spec->not_before > m->now;
    }
    if (fields & F_HELD) {
        task->vague = true; /* is it held now? */
    }
    if (fields & (F_DEADLINE | F_ON_DEADLINE)) {
        task->deadline_hi = 0;
    }
    model_touch(m, t);
}

/* ---- cycles ---- */

/* The spec that (project, id) would have. */
static const struct m_spec *
spec_then(const struct model *m, const struct m_spec *specs, int n, int project, int id)
{
    for (int i = 0; i < n; i++) {
        if (specs[i].project == project && specs[i].id == id) {
            return &specs[i];
        }
    }
    int t = model_find(m, project, id);
    return t >= 0 && !m->task[t].archived ? &m->task[t].spec : NULL;
}

/* Walks what `from` depends on, with a stack, and says whether it comes back to it. */
static bool
reaches_itself(const struct model *m, const struct m_spec *specs, int n, const struct m_spec *from)
{
    static uint32_t seen[M_PROJECTS][M_NAMES_MAX];
    static uint32_t walk;
    static const struct m_spec *stack[M_TASKS_MAX + M_SUBMIT_MAX];
    int depth = 0;
    walk++;
    stack[depth++] = from;
    while (depth > 0) {
        const struct m_spec *spec = stack[--depth];
        for (int i = 0; i < spec->n_edges; i++) {
            const struct m_edge *e = &spec->edges[i];
            if (e->project == from->project && e->id == from->id) {
                return true;
            }
            if (seen[e->project][e->id] == walk) {
                continue;
            }
            seen[e->project][e->id] = walk;
            const struct m_spec *next = spec_then(m, specs, n, e->project, e->id);
            if (next) {
                stack[depth++] = next;
            }
        }
    }
    return false;
}

bool
model_would_cycle(const struct model *m, const struct m_spec *specs, int n)
{
    for (int i = 0; i < n; i++) {
        if (specs[i].id >= 0 && reaches_itself(m, specs, n, &specs[i])) {
            return true;
        }
    }
    return false;
}

/* ---- what a submission would do ---- */

struct look {
    struct model *m;
    const struct m_submit *submit;
    struct m_plan *plan;
    codes sure;  /* each is a reason to refuse */
    codes maybe; /* the page leaves it open */
    uint32_t capacity[M_RESOURCES];
    int parent;
    int n_new; /* children so far */
};

static void
look_at_parent(struct look *look)
{
    look->parent = -1;
    if (look->submit->parent_token == 0) {
        return;
    }
    struct m_lease *lease = model_lease(look->m, look->submit->parent_token);
    if (!lease || lease->end != END_LIVE) {
        look->sure |= CODE(STALE_TOKEN) | CODE(NOT_FOUND);
        return;
    }
    look->parent = lease->task;
    if (look->m->state[lease->task] == CANCELLING) {
        look->maybe |= CODE(STALE_TOKEN) | CODE(ILLEGAL_TRANSITION);
    }
}

static void
look_at_child(struct look *look, const struct m_spec *spec)
{
    struct model *m = look->m;
    if (look->parent < 0) {
        return;
    }
    const struct m_task *parent = &m->task[look->parent];
    look->n_new++;
    if (parent->depth + 1 > SPAWN_DEPTH_MAX ||
        parent->n_children + look->n_new > SPAWN_FANOUT_MAX ||
        m->task[parent->root].n_below + look->n_new > 200) {
        look->sure |= CODE(LIMIT);
    }
    for (int a = look->parent; a >= 0; a = m->task[a].parent) {
        const struct m_spec *other = &m->task[a].spec;
        bool says_what = spec->title || spec->unique;
        if (says_what && other->role == spec->role && other->title == spec->title &&
            other->unique == spec->unique) {
            *(m->task[a].archived ? &look->maybe : &look->sure) |= CODE(LIMIT);
        }
    }
}

/* Who has the unique key: a slot, or -1. An earlier one of the same request that takes it counts as
 * a conflict that the page settles, but whose outcome depends on its own fate: left open. */
static int
holder_of(struct look *look, int i)
{
    const struct model *m = look->m;
    const struct m_spec *spec = &look->submit->spec[i];
    int holder = -1;
    int n_had = 0;
    bool in_window = false;
    for (int t = 0; t < m->n_tasks; t++) {
        const struct m_task *task = &m->task[t];
        if (task->project != spec->project || task->spec.unique != spec->unique) {
            continue;
        }
        n_had++;
        if (model_is_live(m, t)) {
            holder = t;
        } else if (m->now < task->created_at + task->spec.window) {
            in_window = true;
            holder = holder < 0 && !task->archived ? t : holder;
        }
    }
    /* Whose window counts when several had the key, the page does not say. */
    if (in_window && (n_had > 1 || holder < 0)) {
        look->maybe |= CODE(CONFLICT);
        return holder >= 0 && model_is_live(m, holder) ? holder : -1;
    }
    return holder;
}

static void
look_at_unique(struct look *look, int i)
{
    const struct model *m = look->m;
    const struct m_spec *spec = &look->submit->spec[i];
    struct m_plan *plan = look->plan;
    for (int k = 0; k < i; k++) {
        if (look->submit->spec[k].unique == spec->unique &&
            look->submit->spec[k].project == spec->project &&
            (plan->fate[k] == FATE_CREATE || plan->fate[k] == FATE_REPLACE)) {
            bool joins = spec->on_conflict == BATON__ON_CONFLICT__ON_CONFLICT_EXISTING ||
                         spec->on_conflict == BATON__ON_CONFLICT__ON_CONFLICT_ATTACH ||
                         spec->on_conflict == BATON__ON_CONFLICT__ON_CONFLICT_RAISE;
            *(joins ? &look->maybe : &look->sure) |= CODE(CONFLICT) | CODE(INVALID);
            plan->vague |= joins;
        }
    }
    int holder = holder_of(look, i);
    plan->other[i] = (int16_t)holder;
    if (holder < 0) {
        return;
    }
    switch (spec->on_conflict) {
    case BATON__ON_CONFLICT__ON_CONFLICT_EXISTING:
    case BATON__ON_CONFLICT__ON_CONFLICT_ATTACH:
        plan->fate[i] = FATE_EXISTING;
        return;
    case BATON__ON_CONFLICT__ON_CONFLICT_RAISE:
        plan->fate[i] = FATE_RAISE;
        return;
    case BATON__ON_CONFLICT__ON_CONFLICT_REPLACE:
        if (m->state[holder] == WAITING || m->state[holder] == READY) {
            plan->fate[i] = FATE_REPLACE;
            look->maybe |= m->task[holder].ever_started ? CODE(CONFLICT) : 0;
            return;
        }
        break;
    default:
        break;
    }
    look->sure |= CODE(CONFLICT);
}

static void
look_at_existing(struct look *look, int i, int t)
{
    const struct model *m = look->m;
    const struct m_spec *spec = &look->submit->spec[i];
    const struct m_task *task = &m->task[t];
    struct m_plan *plan = look->plan;
    uint32_t fields = model_differences(&task->spec, spec);
    plan->other[i] = (int16_t)t;
    plan->fate[i] = FATE_SAME;
    if (task->archived) {
        look->maybe |= CODE(CONFLICT) | CODE(ILLEGAL_TRANSITION);
        return;
    }
    if (fields == 0) {
        return;
    }
    plan->fate[i] = FATE_UPDATE;
    if ((fields & F_UNIQUE) && spec->unique) {
        look->maybe |= CODE(CONFLICT);
    }
    bool running = model_holds_lease(m, t) || model_is_aside(m, t);
    if (!look->submit->update) {
        look->sure |= CODE(CONFLICT);
    } else if (m->state[t] >= DONE || (running && (fields & ~(uint32_t)F_WHILE_RUNNING))) {
        look->sure |= CODE(CONFLICT) | CODE(ILLEGAL_TRANSITION);
    } else if (m->state[t] == CANCELLING) {
        look->maybe |= CODE(CONFLICT) | CODE(ILLEGAL_TRANSITION);
    }
}

static void
look_at_claims(struct look *look, int i)
{
    const struct m_spec *spec = &look->submit->spec[i];
    enum m_fate fate = look->plan->fate[i];
    bool counts = fate == FATE_CREATE || fate == FATE_REPLACE;
    if (fate == FATE_UPDATE) {
        counts = model_differences(&look->m->task[look->plan->other[i]].spec, spec) & F_CLAIMS;
    }
    for (int k = 0; k < spec->n_claims; k++) {
        uint32_t capacity = look->capacity[spec->claims[k].resource];
        if (!spec->claims[k].shared && (uint32_t)spec->claims[k].amount > capacity) {
            *(counts ? &look->sure : &look->maybe) |= CODE(UNSATISFIABLE);
        }
    }
}

static bool
is_known_then(const struct look *look, const struct m_edge *edge)
{
    if (model_find(look->m, edge->project, edge->id) >= 0 || edge->id >= M_GATE_FIRST) {
        return true;
    }
    for (int i = 0; i < look->submit->n; i++) {
        const struct m_spec *spec = &look->submit->spec[i];
        bool added = look->plan->fate[i] == FATE_CREATE || look->plan->fate[i] == FATE_REPLACE;
        if (added && spec->project == edge->project && spec->id == edge->id) {
            return true;
        }
    }
    return false;
}

/* True when the id is given to a task that another one stands for: is it known then? */
static bool
is_stood_for(const struct look *look, const struct m_edge *edge)
{
    for (int i = 0; i < look->submit->n; i++) {
        const struct m_spec *spec = &look->submit->spec[i];
        if (spec->project == edge->project && spec->id == edge->id) {
            return true;
        }
    }
    return false;
}

static void
look_at_edges(struct look *look, int i)
{
    const struct m_spec *spec = &look->submit->spec[i];
    enum m_fate fate = look->plan->fate[i];
    bool counts = fate == FATE_CREATE || fate == FATE_REPLACE || fate == FATE_UPDATE;
    for (int k = 0; k < spec->n_edges; k++) {
        const struct m_edge *e = &spec->edges[k];
        bool again = false;
        for (int j = 0; j < k; j++) {
            again |= spec->edges[j].project == e->project && spec->edges[j].id == e->id;
        }
        if (again) {
            look->maybe |= CODE(INVALID);
        }
        if (!is_known_then(look, e)) {
            counts &= !is_stood_for(look, e);
            look->plan->forward |= counts;
            look->plan->forward_before |= !counts;
            if (look->submit->strict) {
                *(counts ? &look->sure : &look->maybe) |= CODE(FORWARD_REF);
            }
        }
        if (spec->id >= 0 && e->id == spec->id && e->project == spec->project) {
            look->sure |= CODE(INVALID) | CODE(CYCLE);
        }
    }
}

/* A closed project takes nothing new but what its own running tasks add. */
static void
look_at_projects(struct look *look)
{
    const struct m_submit *submit = look->submit;
    bool has[M_PROJECTS] = {0};
    for (int i = 0; i < submit->n; i++) {
        int p = submit->spec[i].project;
        enum m_fate fate = look->plan->fate[i];
        has[p] = true;
        if (look->m->closed[p] && !submit->parent_token &&
            (fate == FATE_CREATE || fate == FATE_REPLACE)) {
            look->sure |= CODE(CLOSED);
        }
    }
    for (int p = 0; p < M_PROJECTS; p++) {
        if ((submit->close & 1u << p) && !has[p] && !model_has_project(look->m, p)) {
            look->sure |= CODE(NOT_FOUND);
        }
    }
}

static void
look_at_twins(struct look *look, int i)
{
    const struct m_submit *submit = look->submit;
    for (int k = 0; k < i; k++) {
        if (submit->spec[i].id < 0 || submit->spec[k].id != submit->spec[i].id ||
            submit->spec[k].project != submit->spec[i].project) {
            continue;
        }
        bool same = model_differences(&submit->spec[k], &submit->spec[i]) == 0;
        *(same ? &look->maybe : &look->sure) |= CODE(INVALID) | CODE(CONFLICT);
        /* One of the two may be another name of a task, and wait for itself under that one. */
        look->maybe |= CODE(CYCLE);
        look->plan->fate[i] = FATE_SAME;
        look->plan->vague = true;
    }
}

/* Cycles among what the store would hold. */
static bool
closes_cycle(const struct look *look)
{
    static struct m_spec specs[M_SUBMIT_MAX];
    int n = 0;
    for (int i = 0; i < look->submit->n; i++) {
        enum m_fate fate = look->plan->fate[i];
        if (fate == FATE_CREATE || fate == FATE_REPLACE || fate == FATE_UPDATE) {
            specs[n++] = look->submit->spec[i];
        }
    }
    return model_would_cycle(look->m, specs, n);
}

/* The live task of its key, when the task is none yet and would be attached; or -1. */
static int
stands_for(const struct model *m, const struct m_spec *spec)
{
    if (spec->on_conflict != BATON__ON_CONFLICT__ON_CONFLICT_ATTACH || !spec->unique ||
        model_find(m, spec->project, spec->id) >= 0) {
        return -1;
    }
    for (int t = 0; t < m->n_tasks; t++) {
        if (model_is_live(m, t) && m->task[t].project == spec->project &&
            m->task[t].spec.unique == spec->unique) {
            return t;
        }
    }
    return -1;
}

/* Edge `k` says what an earlier one says already. */
static bool
is_said(struct m_submit *submit, const struct m_spec *spec, int k)
{
    const struct m_edge *b = &spec->edges[k];
    for (int j = 0; j < k; j++) {
        const struct m_edge *a = &spec->edges[j];
        if (a->id == b->id && a->project == b->project && a->condition == b->condition &&
            a->any == b->any) {
            submit->attach_clash |= a->policy != b->policy;
            return true;
        }
    }
    return false;
}

void
model_attach(const struct model *m, struct m_submit *submit)
{
    for (int i = 0; i < submit->n; i++) {
        struct m_spec *spec = &submit->spec[i];
        bool changed = false;
        for (int k = 0; k < spec->n_edges && stands_for(m, spec) < 0; k++) {
            struct m_edge *e = &spec->edges[k];
            int other = -1;
            for (int j = 0; j < submit->n; j++) {
                const struct m_spec *to = &submit->spec[j];
                if (to->id >= 0 && to->id == e->id && to->project == e->project) {
                    other = stands_for(m, to);
                }
            }
            if (other >= 0) {
                e->id = m->task[other].id;
                changed = true;
            }
        }
        for (int k = 0; changed && k < spec->n_edges; k++) {
            if (is_said(submit, spec, k)) {
                memmove(&spec->edges[k], &spec->edges[k + 1],
                        (size_t)(spec->n_edges - k - 1) * sizeof spec->edges[0]);
                spec->n_edges--;
                k--;
            }
        }
    }
}

bool
model_has_project(const struct model *m, int project)
{
    bool has = false;
    for (int t = 0; t < m->n_tasks; t++) {
        has |= m->task[t].project == project;
    }
    return has;
}

codes
model_submit_codes(struct model *m, const struct m_submit *submit, struct m_plan *plan)
{
    struct look look = {.m = m, .submit = submit, .plan = plan};
    memset(plan, 0, sizeof *plan);
    memcpy(look.capacity, m->capacity, sizeof look.capacity);
    for (int i = 0; i < submit->n_resources; i++) {
        look.capacity[submit->resource[i]] = submit->capacity[i] ? submit->capacity[i] : 1;
    }
    if (m->broker.on && m->broker.refuse) {
        *(submit->dry_run ? &look.maybe : &look.sure) |= CODE(PAUSED);
    }
    look_at_parent(&look);
    for (int i = 0; i < submit->n; i++) {
        const struct m_spec *spec = &submit->spec[i];
        int t = model_find(m, spec->project, spec->id);
        plan->fate[i] = FATE_CREATE;
        plan->other[i] = -1;
        if (look.parent >= 0 && spec->project != m->task[look.parent].project) {
            look.sure |= CODE(INVALID) | CODE(DENIED) | CODE(LIMIT); /* also one that is there */
        }
        if (t >= 0) {
            look_at_existing(&look, i, t);
        } else if (spec->unique) {
            look_at_unique(&look, i);
        }
        look_at_twins(&look, i);
        look_at_claims(&look, i);
        if (plan->fate[i] == FATE_CREATE || plan->fate[i] == FATE_REPLACE) {
            look_at_child(&look, spec);
        }
    }
    for (int i = 0; i < submit->n; i++) {
        look_at_edges(&look, i);
    }
    look_at_projects(&look);
    look.sure |= submit->attach_clash ? CODE(INVALID) : 0;
    if (closes_cycle(&look)) {
        look.sure |= CODE(CYCLE);
    } else if (model_would_cycle(m, submit->spec, submit->n)) {
        look.maybe |= CODE(CYCLE); /* among them one that another task stands for */
    }
    return look.sure ? look.sure | look.maybe : CODE(OK) | look.maybe;
}

/* ---- doing it ---- */

static void
add_task(struct model *m, const struct m_spec *spec, int id, int parent, int actor)
{
    CHECK(m->n_tasks < M_TASKS_MAX);
    int t = m->n_tasks++;
    struct m_task *task = &m->task[t];
    memset(task, 0, sizeof *task);
    task->spec = *spec;
    task->id = (int16_t)id;
    task->spec.id = (int16_t)id;
    task->project = spec->project;
    task->held = spec->held;
    task->wait_not_before = spec->not_before > m->now;
    task->created_at = task->anchor = m->now;
    task->worker = -1;
    task->actor = (int8_t)actor;
    task->parent = (int16_t)parent;
    task->root = (int16_t)t;
    if (parent >= 0) {
        task->root = m->task[parent].root;
        task->depth = (uint16_t)(m->task[parent].depth + 1);
        m->task[parent].n_children++;
        m->task[task->root].n_below++;
    }
    m->slot[spec->project][id] = (int16_t)t;
    m->n_ids = id < M_IDS_USER ? MAX(m->n_ids, id + 1) : m->n_ids;
    m->state[t] = 0;
    m->seen[t] = 0;
    m->key[t] = UINT64_MAX - (uint64_t)(M_TASKS_MAX - t);
    m->latest[t] = 0;
    model_set(m, t, WAITING, 0);
}

int
model_add_response(struct model *m, int project, int id, int role)
{
    enum { TEXTS_OF_ITS_OWN = 999999 }; /* that no other task has */
    struct m_spec spec;
    memset(&spec, 0, sizeof spec);
    spec.project = (int8_t)project;
    spec.role = (int8_t)role;
    spec.priority = BATON__PRIORITY__PRIORITY_CRITICAL;
    spec.title = spec.prompt = spec.label = TEXTS_OF_ITS_OWN;
    add_task(m, &spec, id, -1, -1);
    m->task[m->n_tasks - 1].response = true;
    model_settle(m);
    return m->n_tasks - 1;
}

void
model_submit(struct model *m, const struct m_submit *submit, const struct m_plan *plan,
             const int16_t *ids)
{
    int parent = -1;
    if (submit->parent_token) {
        parent = model_lease(m, submit->parent_token)->task;
    }
    for (int i = 0; i < submit->n_resources; i++) {
        m->capacity[submit->resource[i]] = submit->capacity[i] ? submit->capacity[i] : 1;
        m->order_valid = false;
    }
    for (int i = 0; i < submit->n; i++) {
        const struct m_spec *spec = &submit->spec[i];
        int other = plan->other[i];
        switch (plan->fate[i]) {
        case FATE_REPLACE:
            model_cancel(m, other, BATON__REASON__REASON_OPERATOR, 0);
            add_task(m, spec, ids[i], parent, submit->actor);
            break;
        case FATE_CREATE:
            add_task(m, spec, ids[i], parent, submit->actor);
            break;
        case FATE_UPDATE:
            model_respecify(m, other, spec);
            break;
        case FATE_RAISE: {
            int own = spec->priority ? spec->priority : BATON__PRIORITY__PRIORITY_MEDIUM;
            int its = m->task[other].spec.priority;
            its = its ? its : BATON__PRIORITY__PRIORITY_MEDIUM;
            if (own < its && model_is_live(m, other)) {
                m->task[other].spec.priority = (int8_t)own;
                model_touch(m, other);
            }
            break;
        }
        case FATE_SAME:
        case FATE_EXISTING:
            break;
        }
    }
    for (int p = 0; p < M_PROJECTS; p++) {
        m->closed[p] |= (submit->close & 1u << p) != 0;
    }
    model_settle(m);
}
