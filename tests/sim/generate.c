/* What clients might ask for: rates for a seed, specs, submissions, changes. */
#include "sim.h"

#include "common/limits.h"

#include <string.h>

static const int64_t second = 1000, minute = 60000, hour = 3600000, day = 86400000;

static int
some_rate(struct world *w, int most)
{
    return pick(w, 4) == 0 ? 0 : (int)pick(w, (uint64_t)most + 1);
}

static const struct {
    int weight;
    bool always;
} usual[STEP_KINDS] = {
    [STEP_SUBMIT] = {70, true},    [STEP_RESUBMIT] = {15, false}, [STEP_CHILDREN] = {15, false},
    [STEP_GARBAGE] = {15, false},  [STEP_CHANGE] = {45, false},   [STEP_PAUSE] = {12, false},
    [STEP_RESOURCES] = {8, false}, [STEP_REPEAT] = {15, false},   [STEP_DISPATCH] = {190, true},
    [STEP_TAKE] = {25, false},     [STEP_REPORT] = {350, true},   [STEP_ODD_REPORT] = {30, false},
    [STEP_LOST] = {8, false},      [STEP_BACK] = {14, true},      [STEP_BYE] = {4, false},
    [STEP_TIME] = {160, true},     [STEP_SNAPSHOT] = {20, false}, [STEP_MARK] = {5, false},
    [STEP_SYNC] = {3, true},       [STEP_CRASH] = {3, false},     [STEP_QUESTION] = {15, true},
    [STEP_BOARD] = {60, false},    [STEP_PROJECT] = {8, false},   [STEP_LOCK] = {30, false},
};

void
generate_rates(struct world *w)
{
    struct rates *r = &w->rates;
    for (int i = 0; i < STEP_KINDS; i++) {
        int spread = (int)pick(w, 4); /* none, little, usual, much */
        static const int times[] = {0, 3, 10, 25};
        r->kind[i] = usual[i].weight * times[spread];
        if (usual[i].always && spread == 0) {
            r->kind[i] = usual[i].weight * 10;
        }
    }
    r->board = BOARD_KINDS;
    if (pick(w, 3) ==
        0) { /* a world that is mostly of one kind of card: its rare turns come, too */
        r->board = (int)pick(w, BOARD_KINDS);
        r->kind[STEP_BOARD] = usual[STEP_BOARD].weight * 50;
    }
    r->edges = some_rate(w, 900);
    r->claims = some_rate(w, 500);
    r->deadline = some_rate(w, 400);
    r->hard = some_rate(w, 600);
    r->fairness = some_rate(w, 500);
    r->unique = some_rate(w, 120);
    r->held = some_rate(w, 100);
    r->not_before = some_rate(w, 250);
    r->limits = some_rate(w, 300);
    r->garbage = some_rate(w, 100);
    r->milestone = some_rate(w, 200);
    r->policy = some_rate(w, 700);
    r->groups = some_rate(w, 400);
    r->numbered = some_rate(w, 400);
    r->failure = some_rate(w, 800);
    r->late_tick = some_rate(w, 500);
    r->estimates = some_rate(w, 600);
    r->forward = some_rate(w, 150);
    r->gates = some_rate(w, 400);
    r->budgets = some_rate(w, 400);
    r->approval = some_rate(w, 400);
    r->parks = some_rate(w, 400);
    r->projects = 1 + (int)pick(w, M_PROJECTS);
    r->roles = 1 + (int)pick(w, M_ROLES);
    r->workers = 1 + (int)pick(w, M_WORKERS);
    r->resources = 1 + (int)pick(w, M_RESOURCES);
    static const int lives[] = {4, 15, 40, 80, 160};
    r->live_max = lives[pick(w, ARRAY_LEN(lives))];
    static const int64_t ticks[] = {50, 500, 3000, 10000, 60000, 1200000};
    r->tick_ms = ticks[pick(w, ARRAY_LEN(ticks))];
}

static int64_t
near_time(struct world *w)
{
    static const int64_t spans[] = {2000, 60000, 1800000, 14400000, 172800000, 1296000000};
    int64_t span = spans[pick(w, ARRAY_LEN(spans))];
    return w->m->now + 1 + (int64_t)pick(w, (uint64_t)span);
}

static int64_t
some_ms(struct world *w)
{
    switch (pick(w, 5)) {
    case 0:
        return 1 + (int64_t)pick(w, 2 * second);
    case 1:
        return 1 + (int64_t)pick(w, minute);
    case 2:
        return 1 + (int64_t)pick(w, hour);
    case 3:
        return 1 + (int64_t)pick(w, 10 * minute);
    default:
        return 1 + (int64_t)pick(w, 3 * day);
    }
}

/* An id: mostly the next one, sometimes one that is there. */
int
generate_id(struct world *w, int project)
{
    (void)project;
    int fresh = w->m->n_ids;
    if (fresh + 4 >= NAMES_USER || (fresh > 0 && pick(w, 20) == 0)) {
        return (int)pick(w, (uint64_t)MAX(fresh, 1));
    }
    if (pick(w, 40) == 0) {
        return NAMES_USER + (int)pick(w, NAMES_MADE - NAMES_USER);
    }
    return fresh + (int)pick(w, 2);
}

/* What a task may wait for: mostly something recent. */
static int
other_id(struct world *w)
{
    int fresh = w->m->n_ids;
    if (fresh == 0 || chance(w, w->rates.forward)) {
        return MIN(fresh + (int)pick(w, 8), NAMES_USER - 1);
    }
    int back = pick(w, 4) ? (int)pick(w, 24) : (int)pick(w, 400);
    return MAX(fresh - 1 - back, 0);
}

static void
generate_edge(struct world *w, int project, struct m_edge *edge)
{
    memset(edge, 0, sizeof *edge);
    edge->id = (int16_t)other_id(w);
    edge->project = (int8_t)(pick(w, 8) ? project : (int)pick(w, (uint64_t)w->rates.projects));
    if (chance(w, w->rates.policy)) {
        edge->condition = (int8_t)pick(w, 4);
        edge->policy = (int8_t)pick(w, 3);
    }
    if (chance(w, w->rates.groups)) {
        edge->any = (uint8_t)(1 + pick(w, 2));
    }
    if (chance(w, w->rates.gates)) {
        edge->id = (int16_t)(M_GATE_FIRST +
                             (int)(pick(w, 8) ? pick(w, M_SIGNALS) : pick(w, M_GATES)));
        edge->condition = edge->policy = 0;
    }
}

/* The archive knows outcomes only; whether it ever started is not among them. */
static void
make_answerable(struct world *w, struct m_edge *edge)
{
    int t = model_find(w->m, edge->project, edge->id);
    if (t >= 0 && edge->condition == BATON__CONDITION__CONDITION_STARTED &&
        (w->m->task[t].archived || w->m->state[t] >= FAILED)) {
        edge->condition = BATON__CONDITION__CONDITION_FINISHED;
    }
}

void
generate_edges(struct world *w, struct m_spec *spec, int n)
{
    for (int i = 0; i < n && spec->n_edges < M_EDGES_MAX; i++) {
        struct m_edge edge;
        generate_edge(w, spec->project, &edge);
        if (spec->n_edges > 0 && edge.id < M_GATE_FIRST && pick(w, 12) == 0) {
            /* Something more of a task that it waits for already. */
            const struct m_edge *other = &spec->edges[pick(w, (uint64_t)spec->n_edges)];
            if (other->id < M_GATE_FIRST) {
                edge.id = other->id;
                edge.project = other->project;
                edge.condition = (int8_t)pick(w, 4);
            }
        }
        make_answerable(w, &edge);
        bool again = false;
        for (int k = 0; k < spec->n_edges; k++) {
            const struct m_edge *other = &spec->edges[k];
            again |= other->id == edge.id && other->project == edge.project &&
                     other->condition == edge.condition && other->any == edge.any;
        }
        if (!again) {
            spec->edges[spec->n_edges++] = edge;
        }
    }
}

void
generate_claims(struct world *w, struct m_spec *spec)
{
    int n = 1 + (int)pick(w, M_CLAIMS_MAX);
    for (int i = 0; i < n; i++) {
        struct m_claim claim;
        memset(&claim, 0, sizeof claim);
        claim.resource = (int8_t)pick(w, (uint64_t)w->rates.resources);
        claim.shared = pick(w, 3) == 0;
        claim.amount = claim.shared || pick(w, 3) == 0 ? 0
                                                       : 1 + (int32_t)(pick(w, 8) ? 0 : pick(w, 4));
        if (model_is_path(claim.resource)) {
            claim.amount = 0;
        }
        bool again = false;
        for (int k = 0; k < spec->n_claims; k++) {
            again |= model_meet(spec->claims[k].resource, claim.resource);
        }
        if (!again) {
            spec->claims[spec->n_claims++] = claim;
        }
    }
}

void
generate_fields(struct world *w, struct m_spec *spec, uint32_t fields)
{
    struct m_spec from;
    memset(&from, 0, sizeof from);
    from.project = spec->project;
    from.role = (int8_t)pick(w, (uint64_t)w->rates.roles);
    from.priority = (int8_t)(1 + pick(w, 4));
    from.deadline = pick(w, 4) ? near_time(w) : 0;
    from.on_deadline = (int8_t)pick(w, 4);
    from.not_before = pick(w, 3) ? near_time(w) : 0;
    from.estimate = pick(w, 3) ? some_ms(w) : 0;
    from.title = (uint32_t)pick(w, 1000);
    from.max_attempts = (uint32_t)pick(w, 5);
    from.crash_limit = (uint32_t)pick(w, 4);
    from.backoff = pick(w, 2) ? some_ms(w) : 0;
    from.backoff_cap = pick(w, 2) ? some_ms(w) : 0;
    from.max_runtime = pick(w, 2) ? some_ms(w) : 0;
    from.idle = pick(w, 2) ? some_ms(w) : 0;
    from.lease = pick(w, 2) ? second + some_ms(w) : 0;
    from.stall = pick(w, 2) ? second + some_ms(w) : 0;
    from.approval = spec->role >= 0 && chance(w, w->rates.approval);
    from.no_preempt = pick(w, 2);
    from.prompt = (uint32_t)pick(w, 100);
    from.label = (uint32_t)pick(w, 100);
    if (fields & F_AFTER) {
        generate_edges(w, &from, (int)pick(w, 4));
    }
    if ((fields & F_CLAIMS) && pick(w, 3)) {
        generate_claims(w, &from);
    }
    if (spec->role < 0) {
        fields &= ~(uint32_t)(F_ROLE | F_CLAIMS | F_PROMPT);
    }
    model_take_fields(spec, &from, fields);
}

static void
generate_limits(struct world *w, struct m_spec *spec)
{
    uint32_t fields = (uint32_t)rng_next(&w->rng) &
                      (F_MAX_ATTEMPTS | F_CRASH_LIMIT | F_BACKOFF | F_BACKOFF_CAP | F_MAX_RUNTIME |
                       F_IDLE | F_LEASE | F_STALL);
    generate_fields(w, spec, fields);
}

void
generate_spec(struct world *w, struct m_spec *spec)
{
    struct rates *r = &w->rates;
    memset(spec, 0, sizeof *spec);
    spec->project = (int8_t)pick(w, (uint64_t)r->projects);
    spec->id = (int16_t)(pick(w, 12) ? generate_id(w, spec->project) : -1);
    spec->role = (int8_t)(chance(w, r->milestone) ? -1 : (int)pick(w, (uint64_t)r->roles));
    spec->priority = (int8_t)pick(w, 5);
    spec->title = pick(w, 8) ? (uint32_t)pick(w, 5000) : 0;
    spec->held = chance(w, r->held);
    spec->approval = spec->role >= 0 && chance(w, r->approval);
    spec->no_preempt = pick(w, 4) == 0;
    if (chance(w, r->edges)) {
        generate_edges(w, spec, 1 + (int)pick(w, pick(w, 8) ? 3 : M_EDGES_MAX));
    }
    if (spec->role >= 0 && chance(w, r->claims)) {
        generate_claims(w, spec);
    }
    if (chance(w, r->deadline)) {
        spec->deadline = pick(w, 30) ? near_time(w) : w->m->now - (int64_t)pick(w, hour);
        spec->on_deadline = (int8_t)(chance(w, r->hard) ? 1 + pick(w, 3) : 0);
    }
    if (chance(w, r->not_before)) {
        spec->not_before = pick(w, 10) ? near_time(w) : w->m->now - (int64_t)pick(w, hour);
    }
    spec->estimate = chance(w, r->estimates) ? some_ms(w) : 0;
    spec->review = spec->approval && pick(w, 2) ? 1 + some_ms(w) : 0;
    if (chance(w, r->limits)) {
        generate_limits(w, spec);
    }
    if (chance(w, r->fairness)) {
        spec->fairness = (int8_t)(1 + pick(w, M_FAIR));
        spec->weight = (uint32_t)pick(w, 4);
    }
    if (chance(w, r->unique)) {
        spec->unique = (int8_t)(1 + pick(w, 6));
        /* Keys with a window are only ever kept, so that nobody has to say whose they are. */
        bool windowed = spec->unique > 3;
        spec->on_conflict = (int8_t)(windowed ? 0 : pick(w, 5));
        spec->window = windowed && pick(w, 2) ? some_ms(w) : 0;
    }
    spec->prompt = spec->role >= 0 ? (uint32_t)pick(w, 3) : 0;
    spec->label = (uint32_t)pick(w, 3);
}

/* ---- graphs ---- */

enum shape {
    SHAPE_LOOSE,
    SHAPE_CHAIN,
    SHAPE_FAN_OUT,
    SHAPE_FAN_IN,
    SHAPE_RANDOM,
    SHAPE_CYCLE,
    SHAPES
};

static void
join(struct world *w, struct m_submit *submit, int from, int to)
{
    struct m_spec *spec = &submit->spec[from];
    if (submit->spec[to].id < 0 || spec->n_edges >= M_EDGES_MAX) {
        return;
    }
    struct m_edge edge;
    generate_edge(w, spec->project, &edge);
    edge.project = submit->spec[to].project;
    edge.id = submit->spec[to].id;
    make_answerable(w, &edge);
    for (int k = 0; k < spec->n_edges; k++) {
        if (spec->edges[k].id == edge.id && spec->edges[k].project == edge.project) {
            return;
        }
    }
    spec->edges[spec->n_edges++] = edge;
}

static void
shape_graph(struct world *w, struct m_submit *submit, enum shape shape)
{
    int n = submit->n;
    for (int i = 1; i < n; i++) {
        switch (shape) {
        case SHAPE_CHAIN:
        case SHAPE_CYCLE:
            join(w, submit, i, i - 1);
            break;
        case SHAPE_FAN_OUT:
            join(w, submit, i, 0);
            break;
        case SHAPE_FAN_IN:
            join(w, submit, 0, i);
            break;
        case SHAPE_RANDOM:
            join(w, submit, i, (int)pick(w, (uint64_t)i));
            join(w, submit, i, (int)pick(w, (uint64_t)i));
            break;
        case SHAPE_LOOSE:
        case SHAPES:
        default:
            break;
        }
    }
    if (shape == SHAPE_CYCLE) {
        join(w, submit, 0, n - 1);
    }
}

/* One request that takes a key twice is refused; what else it could mean, nobody says. */
static void
drop_twin_keys(struct m_submit *submit)
{
    for (int i = 1; i < submit->n; i++) {
        for (int k = 0; k < i; k++) {
            bool twin = submit->spec[k].unique == submit->spec[i].unique;
            bool reject = !submit->spec[k].on_conflict && !submit->spec[i].on_conflict;
            submit->spec[i].unique = twin && !reject ? 0 : submit->spec[i].unique;
        }
    }
}

void
generate_submit(struct world *w, struct m_submit *submit)
{
    memset(submit, 0, sizeof *submit);
    int room = MIN(w->rates.live_max * 2, M_TASKS_MAX - 8 - w->m->n_tasks);
    submit->n = pick(w, 3) ? 1 : 2 + (int)pick(w, pick(w, 6) ? 6 : M_SUBMIT_MAX - 2);
    submit->n = MAX(1, MIN(submit->n, room));
    int fresh = w->m->n_ids;
    for (int i = 0; i < submit->n; i++) {
        generate_spec(w, &submit->spec[i]);
        if (submit->n > 1 && submit->spec[i].id >= 0 && pick(w, 30) && fresh + i < NAMES_USER) {
            submit->spec[i].id = (int16_t)(fresh + i);
        }
    }
    drop_twin_keys(submit);
    if (submit->n > 1) {
        enum shape shape = (enum shape)pick(w, pick(w, 6) ? SHAPE_CYCLE : SHAPES);
        shape_graph(w, submit, shape);
        if (pick(w, 16) == 0) { /* a back edge, which may close a cycle */
            join(w, submit, (int)pick(w, (uint64_t)submit->n), (int)pick(w, (uint64_t)submit->n));
        }
    }
    submit->actor = (int8_t)(pick(w, 3) ? 0 : pick(w, M_ACTORS));
    submit->dry_run = pick(w, 16) == 0;
    submit->strict = pick(w, 10) == 0;
    submit->update = pick(w, 8) == 0;
    if (w->rates.kind[STEP_PROJECT] && pick(w, 60) == 0) {
        submit->close = 1u << (pick(w, 4) ? submit->spec[0].project : (int)pick(w, M_PROJECTS));
    }
    if (pick(w, 12) == 0) {
        submit->resource[0] = (int8_t)pick(w, (uint64_t)w->rates.resources);
        submit->n_resources = !model_is_path(submit->resource[0]);
        submit->capacity[0] = (uint32_t)pick(w, 5);
    }
}

/* ---- changes ---- */

static void
generate_targets(struct world *w, struct m_change *change)
{
    change->n = pick(w, 6) ? 1 : 2 + (int)pick(w, 3);
    for (int i = 0; i < change->n; i++) {
        int t = w->m->n_tasks ? (int)pick(w, (uint64_t)w->m->n_tasks) : -1;
        /* Mostly a live one, or one in a state that the verb is for. */
        for (int tries = 0; t >= 0 && tries < 6; tries++) {
            bool live = model_is_live(w->m, t);
            bool wanted = change->verb == BATON__CHANGE__VERB__RETRY     ? w->m->state[t] > DONE
                          : change->verb >= BATON__CHANGE__VERB__APPROVE ? model_is_aside(w->m, t)
                          : change->verb == BATON__CHANGE__VERB__REOPEN  ? w->m->state[t] == DONE
                                                                         : live;
            if (wanted) {
                break;
            }
            t = (int)pick(w, (uint64_t)w->m->n_tasks);
        }
        bool unknown = t < 0 || pick(w, 40) == 0;
        change->project[i] = unknown ? 0 : w->m->task[t].project;
        change->id[i] = (int16_t)(unknown ? (int)pick(w, NAMES_USER) : w->m->task[t].id);
        for (int k = 0; k < i; k++) {
            if (change->project[k] == change->project[i] && change->id[k] == change->id[i]) {
                change->n = i;
                return;
            }
        }
    }
}

void
generate_change(struct world *w, struct m_change *change)
{
    memset(change, 0, sizeof *change);
    static const int verbs[] = {1, 1, 2, 2, 2, 3, 4, 4, 5, 6, 6};
    change->verb = verbs[pick(w, ARRAY_LEN(verbs))];
    if (chance(w, w->rates.approval)) {
        change->verb = pick(w, 2) ? BATON__CHANGE__VERB__APPROVE : BATON__CHANGE__VERB__REFUSE;
    }
    change->reason = pick(w, 12) != 0;
    change->dry_run = pick(w, 12) == 0;
    change->force = pick(w, 3) == 0;
    change->subtree = change->verb < BATON__CHANGE__VERB__REOPEN && pick(w, 6) == 0;
    change->grace = pick(w, 3) ? 0 : 1 + (int64_t)pick(w, 5 * minute);
    change->filter = change->verb < BATON__CHANGE__VERB__REOPEN && pick(w, 60) == 0 &&
                     !(change->verb == BATON__CHANGE__VERB__RETRY && w->rates.unique);
    change->f_project = pick(w, 2) ? (int)pick(w, (uint64_t)w->rates.projects) : -1;
    change->f_role = (int)pick(w, (uint64_t)w->rates.roles);
    change->f_state = change->verb == BATON__CHANGE__VERB__RETRY ? FAILED
                      : pick(w, 2)                               ? WAITING
                                                                 : READY;
    if (!change->filter) {
        generate_targets(w, change);
    }
    bool revives = change->verb == BATON__CHANGE__VERB__RETRY ||
                   change->verb == BATON__CHANGE__VERB__REOPEN;
    if (revives && w->rates.unique) { /* two of them might want the same unique key */
        change->n = MIN(change->n, 1);
        change->subtree = false;
    }
    if (change->verb == BATON__CHANGE__VERB__SET) {
        int t = model_find(w->m, change->project[0], change->id[0]);
        change->spec.project = change->project[0];
        change->spec.role = t >= 0 ? w->m->task[t].spec.role : 0;
        for (int n = (int)pick(w, 4); n > 0; n--) {
            change->fields |= 1u << pick(w, 19);
            change->fields |= pick(w, 12) == 0 ? F_APPROVAL : 0;
            change->fields |= pick(w, 12) == 0 ? F_NO_PREEMPT : 0;
        }
        change->n = 1;
        if (change->spec.role < 0) {
            change->fields &= ~(uint32_t)(F_ROLE | F_CLAIMS | F_PROMPT);
        }
        generate_fields(w, &change->spec, change->fields);
    }
}
