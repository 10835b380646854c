/* From the model's small structs to messages as they come off the wire, and spoiled ones. */
#include "sim.h"

#include "common/limits.h"

#include <string.h>

static char *
project_text(struct world *w, int project)
{
    /* The first one may stay unsaid. */
    bool unsaid = project == 0 && pick(w, 2);
    return arena_strdup(&w->arena, unsaid ? "" : sim_projects[project]);
}

Baton__Ref *
message_ref(struct world *w, int project, int id)
{
    Baton__Ref *ref = arena_alloc(&w->arena, sizeof *ref);
    baton__ref__init(ref);
    ref->project = project_text(w, project);
    ref->id = arena_strdup(&w->arena, w->names[id]);
    return ref;
}

static void
message_edges(struct world *w, const struct m_spec *spec, Baton__Spec *ret)
{
    if (spec->n_edges == 0) {
        return;
    }
    ret->n_after = spec->n_edges;
    ret->after = arena_calloc(&w->arena, spec->n_edges, sizeof ret->after[0]);
    for (int i = 0; i < spec->n_edges; i++) {
        const struct m_edge *e = &spec->edges[i];
        Baton__Edge *edge = arena_alloc(&w->arena, sizeof *edge);
        baton__edge__init(edge);
        edge->id = arena_strdup(&w->arena, w->names[e->id]);
        if (e->id >= M_GATE_FIRST && e->id < M_GATE_FIRST + M_SIGNALS) {
            edge->id = arena_printf(&w->arena, "%s:%s", pick(w, 2) ? "signal" : "deliverable",
                                    signal_text(w, e->id - M_GATE_FIRST));
        }
        bool unsaid = e->project == spec->project && pick(w, 2);
        edge->project = arena_strdup(&w->arena, unsaid ? "" : sim_projects[e->project]);
        edge->condition = e->condition;
        edge->policy = e->policy;
        edge->any = e->any;
        ret->after[i] = edge;
    }
}

static void
message_claims(struct world *w, const struct m_spec *spec, Baton__Spec *ret)
{
    if (spec->n_claims == 0) {
        return;
    }
    ret->n_claims = spec->n_claims;
    ret->claims = arena_calloc(&w->arena, spec->n_claims, sizeof ret->claims[0]);
    for (int i = 0; i < spec->n_claims; i++) {
        Baton__Claim *claim = arena_alloc(&w->arena, sizeof *claim);
        baton__claim__init(claim);
        claim->name = arena_strdup(&w->arena, sim_resources[spec->claims[i].resource]);
        if (model_is_path(spec->claims[i].resource) && !strchr(claim->name, '*') && pick(w, 2)) {
            claim->name = arena_printf(&w->arena, "%s%s", claim->name, pick(w, 2) ? "/**" : "/");
        }
        claim->amount = (uint32_t)spec->claims[i].amount;
        claim->shared = spec->claims[i].shared;
        ret->claims[i] = claim;
    }
}

static void
message_label(struct world *w, uint32_t label, Baton__Spec *ret)
{
    if (label == 0) {
        return;
    }
    Baton__Spec__LabelsEntry *entry = arena_alloc(&w->arena, sizeof *entry);
    baton__spec__labels_entry__init(entry);
    entry->key = arena_strdup(&w->arena, "level");
    entry->value = arena_printf(&w->arena, "%u", label);
    if (label >= M_LABEL_SCHEDULE) {
        entry->key = arena_strdup(&w->arena, "schedule");
        entry->value = arena_printf(&w->arena, "s%u", label - M_LABEL_SCHEDULE);
    }
    ret->n_labels = 1;
    ret->labels = arena_alloc(&w->arena, sizeof ret->labels[0]);
    ret->labels[0] = entry;
}

static void
message_limits(const struct m_spec *spec, Baton__Spec *ret)
{
    ret->max_attempts = spec->max_attempts;
    ret->crash_limit = spec->crash_limit;
    ret->backoff_ms = spec->backoff;
    ret->backoff_cap_ms = spec->backoff_cap;
    ret->max_runtime_ms = spec->max_runtime;
    ret->idle_ms = spec->idle;
    ret->lease_ms = spec->lease;
    ret->stall_ms = spec->stall;
    ret->unique_window_ms = spec->window;
    ret->on_conflict = spec->on_conflict;
    ret->fairness_weight = spec->weight;
}

Baton__Spec *
message_spec(struct world *w, const struct m_spec *spec)
{
    Baton__Spec *ret = arena_alloc(&w->arena, sizeof *ret);
    baton__spec__init(ret);
    ret->project = project_text(w, spec->project);
    if (spec->id >= 0) {
        ret->id = arena_strdup(&w->arena, w->names[spec->id]);
    }
    ret->milestone = spec->role < 0;
    if (spec->role >= 0) {
        ret->role = arena_strdup(&w->arena, role_names[spec->role]);
    }
    if (spec->title) {
        ret->title = arena_printf(&w->arena, "title %u", spec->title);
    }
    if (spec->prompt && spec->role >= 0) {
        ret->prompt = arena_printf(&w->arena, "do %u\n", spec->prompt);
    }
    ret->priority = spec->priority;
    ret->deadline = spec->deadline;
    ret->on_deadline = spec->on_deadline;
    ret->not_before = spec->not_before;
    ret->estimate_ms = spec->estimate;
    ret->held = spec->held;
    ret->approval = spec->approval;
    ret->no_preempt = spec->no_preempt;
    ret->review_ms = spec->review;
    if (spec->unique) {
        ret->unique_key = arena_printf(&w->arena, "key %d", spec->unique);
    }
    if (spec->fairness) {
        ret->fairness_key = arena_printf(&w->arena, "share%d", spec->fairness);
    }
    message_edges(w, spec, ret);
    message_claims(w, spec, ret);
    message_label(w, spec->label, ret);
    message_limits(spec, ret);
    return ret;
}

Baton__Submit *
message_submit(struct world *w, const struct m_submit *submit)
{
    Baton__Submit *ret = arena_alloc(&w->arena, sizeof *ret);
    baton__submit__init(ret);
    ret->dry_run = submit->dry_run;
    ret->strict = submit->strict;
    ret->update = submit->update;
    ret->parent_token = submit->parent_token;
    ret->close = arena_calloc(&w->arena, M_PROJECTS, sizeof ret->close[0]);
    for (int p = 0; p < M_PROJECTS; p++) {
        if (submit->close & 1u << p) {
            ret->close[ret->n_close++] = arena_strdup(&w->arena, sim_projects[p]);
        }
    }
    ret->n_tasks = (size_t)submit->n;
    ret->tasks = arena_calloc(&w->arena, (size_t)submit->n, sizeof ret->tasks[0]);
    for (int i = 0; i < submit->n; i++) {
        ret->tasks[i] = message_spec(w, &submit->spec[i]);
    }
    if (submit->n_resources) {
        ret->n_resources = (size_t)submit->n_resources;
        ret->resources = arena_calloc(&w->arena, ret->n_resources, sizeof ret->resources[0]);
        for (int i = 0; i < submit->n_resources; i++) {
            Baton__Resource *resource = arena_alloc(&w->arena, sizeof *resource);
            baton__resource__init(resource);
            resource->name = arena_strdup(&w->arena, sim_resources[submit->resource[i]]);
            resource->capacity = submit->capacity[i];
            ret->resources[i] = resource;
        }
    }
    return ret;
}

static const char *const field_names[] = {
    "priority",       "deadline",     "on_deadline", "not_before", "estimate_ms",
    "title",          "max_attempts", "crash_limit", "backoff_ms", "backoff_cap_ms",
    "max_runtime_ms", "idle_ms",      "lease_ms",    "stall_ms",   "role",
    "prompt",         "labels",       "after",       "claims",
};

static void
message_filter(struct world *w, const struct m_change *change, Baton__Change *ret)
{
    Baton__List *list = arena_alloc(&w->arena, sizeof *list);
    baton__list__init(list);
    if (change->f_project >= 0) {
        list->n_projects = 1;
        list->projects = arena_alloc(&w->arena, sizeof list->projects[0]);
        list->projects[0] = arena_strdup(&w->arena, sim_projects[change->f_project]);
    }
    list->n_roles = 1;
    list->roles = arena_alloc(&w->arena, sizeof list->roles[0]);
    list->roles[0] = arena_strdup(&w->arena, role_names[change->f_role]);
    list->n_states = 1;
    list->states = arena_alloc(&w->arena, sizeof list->states[0]);
    list->states[0] = change->f_state;
    ret->filter = list;
    ret->all = true;
}

Baton__Change *
message_change(struct world *w, const struct m_change *change)
{
    Baton__Change *ret = arena_alloc(&w->arena, sizeof *ret);
    baton__change__init(ret);
    ret->verb = change->verb;
    ret->subtree = change->subtree;
    ret->dry_run = change->dry_run;
    ret->force = change->force;
    ret->grace_ms = change->grace;
    if (change->reason) {
        ret->reason = arena_strdup(&w->arena, "no longer wanted");
    }
    if (change->filter) {
        message_filter(w, change, ret);
    } else {
        ret->n_tasks = (size_t)change->n;
        ret->tasks = arena_calloc(&w->arena, ret->n_tasks, sizeof ret->tasks[0]);
        for (int i = 0; i < change->n; i++) {
            ret->tasks[i] = message_ref(w, change->project[i], change->id[i]);
        }
    }
    if (change->verb == BATON__CHANGE__VERB__SET) {
        struct m_spec spec = change->spec;
        spec.id = -1;
        ret->spec = message_spec(w, &spec);
        ret->fields = arena_calloc(&w->arena, ARRAY_LEN(field_names) + 2, sizeof ret->fields[0]);
        if (change->fields & F_APPROVAL) {
            ret->fields[ret->n_fields++] = arena_strdup(&w->arena, "approval");
        }
        if (change->fields & F_NO_PREEMPT) {
            ret->fields[ret->n_fields++] = arena_strdup(&w->arena, "no_preempt");
        }
        for (size_t i = 0; i < ARRAY_LEN(field_names); i++) {
            if (change->fields & (1u << i)) {
                ret->fields[ret->n_fields++] = arena_strdup(&w->arena, field_names[i]);
            }
        }
    }
    return ret;
}

/* ---- what must be refused ---- */

static char *
long_text(struct world *w, size_t bytes)
{
    char *s = arena_alloc(&w->arena, bytes + 1);
    memset(s, 'a', bytes);
    s[bytes] = 0;
    return s;
}

/* No name. */
static char *
bad_name(struct world *w)
{
    static const char *const bad[] = {"../x",
                                      "/etc",
                                      "a\nb",
                                      "\x1b[31m",
                                      "-rf",
                                      ".git",
                                      "a..b",
                                      "a//b",
                                      "a b",
                                      "\xff\xfe",
                                      "a\tb",
                                      "$(id)",
                                      "x\xe2\x80\xae"
                                      "y",
                                      "a;b",
                                      "\xc0\xaf",
                                      "a'b\"",
                                      "%n%s",
                                      "a\rb"};
    size_t i = (size_t)pick(w, ARRAY_LEN(bad) + 1);
    return i < ARRAY_LEN(bad) ? arena_strdup(&w->arena, bad[i]) : long_text(w, 4096);
}

static char *
bad_prose(struct world *w)
{
    switch (pick(w, 3)) {
    case 0:
        return arena_strdup(&w->arena, "bell \x07");
    case 1:
        return arena_strdup(&w->arena, "\xed\xa0\x80");
    default:
        return long_text(w, TITLE_BYTES_MAX + 1);
    }
}

static void
spoil_edge(struct world *w, Baton__Spec *spec)
{
    Baton__Edge *edge = arena_alloc(&w->arena, sizeof *edge);
    baton__edge__init(edge);
    edge->id = arena_strdup(&w->arena, "n1");
    switch (pick(w, 4)) {
    case 0:
        edge->id = bad_name(w);
        break;
    case 1:
        edge->project = bad_name(w);
        break;
    case 2:
        edge->condition = 4 + (int)pick(w, 100);
        break;
    default:
        edge->policy = -1 - (int)pick(w, 100);
        break;
    }
    spec->n_after = 1;
    spec->after = arena_alloc(&w->arena, sizeof spec->after[0]);
    spec->after[0] = edge;
}

static void
spoil_claim(struct world *w, Baton__Spec *spec)
{
    size_t n = pick(w, 2) ? 1 : CLAIMS_MAX + 1;
    spec->milestone = false;
    spec->role = arena_strdup(&w->arena, role_names[0]);
    spec->n_claims = n;
    spec->claims = arena_calloc(&w->arena, n, sizeof spec->claims[0]);
    for (size_t i = 0; i < n; i++) {
        Baton__Claim *claim = arena_alloc(&w->arena, sizeof *claim);
        baton__claim__init(claim);
        claim->name = n > 1 ? arena_printf(&w->arena, "r%zu", i) : bad_name(w);
        spec->claims[i] = claim;
    }
}

static void
spoil_text(struct world *w, Baton__Spec *spec)
{
    switch (pick(w, 7)) {
    case 0:
        spec->id = bad_name(w);
        break;
    case 1:
        spec->project = bad_name(w);
        break;
    case 2:
        spec->role = arena_strdup(&w->arena, pick(w, 2) ? "nurse" : "Backend");
        spec->milestone = false;
        break;
    case 3:
        spec->role = arena_strdup(&w->arena, "");
        spec->milestone = false;
        break;
    case 4:
        spec->title = bad_prose(w);
        break;
    case 5:
        spec->unique_key = long_text(w, KEY_BYTES_MAX + 1);
        break;
    default:
        spec->fairness_key = bad_name(w);
        break;
    }
}

static void
spoil_number(struct world *w, Baton__Spec *spec)
{
    int64_t wrong = pick(w, 2) ? -1 - (int64_t)pick(w, 1000000) : INT64_MAX - (int64_t)pick(w, 9);
    switch (pick(w, 12)) {
    case 0:
        spec->deadline = wrong;
        break;
    case 1:
        spec->not_before = wrong;
        break;
    case 2:
        spec->estimate_ms = wrong;
        break;
    case 3:
        spec->backoff_ms = wrong;
        break;
    case 4:
        spec->max_runtime_ms = wrong;
        break;
    case 5:
        spec->lease_ms = wrong;
        break;
    case 6:
        spec->priority = 5 + (int)pick(w, 1000);
        break;
    case 7:
        spec->on_deadline = pick(w, 2) ? 4 : -1;
        break;
    case 8:
        spec->on_conflict = pick(w, 2) ? 5 : -7;
        break;
    case 9:
        spec->max_attempts = ATTEMPTS_MAX + 1 + (uint32_t)pick(w, 9);
        break;
    case 10:
        spec->fairness_weight = PRIORITY_WEIGHT_MAX + 1 + (uint32_t)pick(w, 9);
        break;
    default:
        spec->stall_ms = wrong;
        break;
    }
}

codes
message_spoil(struct world *w, Baton__Submit *submit)
{
    Baton__Spec *spec = submit->tasks[pick(w, submit->n_tasks)];
    switch (pick(w, 8)) {
    case 0:
        spoil_edge(w, spec);
        break;
    case 1:
        spoil_claim(w, spec);
        break;
    case 2:
    case 3:
    case 4:
        spoil_text(w, spec);
        break;
    default:
        spoil_number(w, spec);
        break;
    }
    return CODE(INVALID) | CODE(TOO_LARGE) | CODE(UNKNOWN_ROLE) | CODE(UNSATISFIABLE) | CODE(LIMIT);
}
