/* Operators' verbs on tasks: cancel, retry, hold, release, reopen, set. First the targets and
 * whether each may, then the facts. */
#include "broker/core/state.h"

#include "common/alloc.h"
#include "common/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum verdict { VERDICT_CHANGE, VERDICT_SAME, VERDICT_ILLEGAL };

struct change {
    struct core *core;
    struct core_request *request;
    const Baton__Change *wire;
    uint32_t *targets; /* slots, in the arena */
    size_t n_targets;
    size_t n_roots; /* the first of them were named or matched; the others are downstream */
    enum verdict *verdicts;
    uint64_t fields; /* SET */
    bool by_filter;
};

/* ---- targets ---- */

static Baton__Code
resolve_named(struct change *c)
{
    const Baton__Change *wire = c->wire;
    c->targets = arena_alloc(c->request->arena, wire->n_tasks * sizeof *c->targets);
    for (size_t i = 0; i < wire->n_tasks; i++) {
        const Baton__Ref *ref = wire->tasks[i];
        const char *project = ref->project[0] ? ref->project : "default";
        struct task *task = name_is_valid(ref->id, ID_BYTES_MAX) &&
                                    name_is_valid(project, NAME_BYTES_MAX)
                                ? task_find(c->core, project_find(c->core, project), ref->id)
                                : NULL;
        if (task && task->state != UNKNOWN) {
            bool twice = false;
            for (size_t j = 0; j < c->n_targets && !twice && wire->n_tasks <= NAMED_MAX; j++) {
                twice = c->targets[j] == task->slot;
            }
            if (!twice) {
                c->targets[c->n_targets++] = task->slot;
            }
            continue;
        }
        const char *field = arena_printf(c->request->arena, "tasks[%zu]", i);
        bool valid = name_is_valid(ref->id, ID_BYTES_MAX) && name_is_valid(project, NAME_BYTES_MAX);
        if (valid && tombstone_find(c->core, project, ref->id)) {
            return refuse(
                c->request, BATON__CODE__CODE_ILLEGAL_TRANSITION, field,
                "%s ended long ago and is in the archive: add the work anew under another id",
                ref->id);
        }
        return refuse(c->request, BATON__CODE__CODE_NOT_FOUND, field,
                      "there is no task %s in project %s", ref->id, project);
    }
    c->n_roots = c->n_targets;
    return BATON__CODE__CODE_OK;
}

static Baton__Code
resolve_filter(struct change *c)
{
    if (!c->wire->all) {
        return refuse(c->request, BATON__CODE__CODE_INVALID, "all",
                      "a change of every task that matches must say so (all)");
    }
    struct core *core = c->core;
    core->n_stack = 0;
    for (uint32_t slot = core->first; slot; slot = task_at(core, slot)->next) {
        if (view_matches(core, task_at(core, slot), c->wire->filter)) {
            stack_push(core, slot);
        }
    }
    c->targets = arena_memdup(c->request->arena, core->stack, core->n_stack * sizeof *core->stack);
    c->n_targets = core->n_stack;
    c->by_filter = true;
    c->n_roots = c->n_targets;
    return BATON__CODE__CODE_OK;
}

static void
add_subtree(struct change *c)
{
    graph_downstream(c->core, c->targets, c->n_targets);
    c->n_targets = c->core->n_stack;
    c->targets = arena_memdup(c->request->arena, c->core->stack, c->n_targets * sizeof *c->targets);
}

/* ---- may it? ---- */

/* Its description can't change now, but for little. */
static bool
is_set(const struct task *task)
{
    return task_has_lease(task) || task_is_aside(task);
}

static bool
is_busy(const struct task *task)
{
    return task_has_lease(task);
}

static enum verdict
may_cancel(const struct task *task)
{
    if (task->state == CANCELLED ||
        (task->state == CANCELLING && !cancelling_is_by_the_way(task))) {
        return VERDICT_SAME;
    }
    return task_is_live(task) ? VERDICT_CHANGE : VERDICT_ILLEGAL;
}

static bool
is_past_deadline(const struct change *c, const struct task *task)
{
    return deadline_expires(task) && task->course->deadline <= c->request->now;
}

bool
unique_is_taken(const struct core *core, struct core_request *request, const struct task *task)
{
    const Baton__Spec *spec = task_unpack(core, task, request->arena);
    const struct task *holder = unique_holder_of(core, task->project, spec->unique_key);
    return holder && holder != task && task_is_live(holder);
}

static bool
is_replaced(const struct change *c, const struct task *task)
{
    return unique_is_taken(c->core, c->request, task);
}

static enum verdict
may_retry(const struct change *c, const struct task *task, bool is_root)
{
    switch (task->state) {
    case FAILED:
    case CANCELLED:
    case ABORTED:
    case EXPIRED:
        break;
    default:
        return is_root ? VERDICT_ILLEGAL : VERDICT_SAME;
    }
    if (is_past_deadline(c, task) || (is_root && task->edges->n_abort) || is_replaced(c, task)) {
        return VERDICT_ILLEGAL;
    }
    bool undone_with_root = task->state == ABORTED ||
                            (task->state == CANCELLED &&
                             task->reason == BATON__REASON__REASON_SUBTREE);
    return is_root || undone_with_root ? VERDICT_CHANGE : VERDICT_SAME;
}

static enum verdict
may_reopen(const struct change *c, const struct task *task)
{
    if (task->state != DONE || is_replaced(c, task)) {
        return VERDICT_ILLEGAL;
    }
    for (uint32_t i = 0; i < task->edges->n_outs && !c->wire->force; i++) {
        if (is_busy(task_at(c->core, task->edges->outs[i].succ))) {
            return VERDICT_ILLEGAL;
        }
    }
    return VERDICT_CHANGE;
}

static enum verdict
may_set(const struct change *c, const struct task *task)
{
    if (task->state == DONE || (is_set(task) && c->fields & ~spec_soft_fields())) {
        return VERDICT_ILLEGAL;
    }
    const Baton__Spec *spec = task_unpack(c->core, task, c->request->arena);
    Baton__Spec *then = task_unpack(c->core, task, c->request->arena);
    spec_copy(then, c->wire->spec, c->fields);
    spec_normalise(then);
    return spec_diff(spec, then, c->request->arena) ? VERDICT_CHANGE : VERDICT_SAME;
}

/* Approval ends every wait; a refusal is an answer to who asked for it. */
static enum verdict
may_judge(const struct change *c, const struct task *task)
{
    bool approves = c->wire->verb == BATON__CHANGE__VERB__APPROVE;
    bool asked = task->state == REVIEW ||
                 (task->state == PARKED && task->reason == BATON__REASON__REASON_APPROVAL);
    if (approves && task->state == DONE) {
        return VERDICT_SAME;
    }
    return asked || (approves && task->state == PARKED) ? VERDICT_CHANGE : VERDICT_ILLEGAL;
}

static enum verdict
may(const struct change *c, size_t i)
{
    const struct task *task = task_at(c->core, c->targets[i]);
    bool is_root = i < c->n_roots;
    switch (c->wire->verb) {
    case BATON__CHANGE__VERB__CANCEL:
        return may_cancel(task);
    case BATON__CHANGE__VERB__RETRY:
        return may_retry(c, task, is_root);
    case BATON__CHANGE__VERB__HOLD:
        return !task_is_live(task) ? VERDICT_ILLEGAL : task->held ? VERDICT_SAME : VERDICT_CHANGE;
    case BATON__CHANGE__VERB__RELEASE:
        return !task_is_live(task) ? VERDICT_ILLEGAL : task->held ? VERDICT_CHANGE : VERDICT_SAME;
    case BATON__CHANGE__VERB__REOPEN:
        return may_reopen(c, task);
    case BATON__CHANGE__VERB__SET:
        return may_set(c, task);
    case BATON__CHANGE__VERB__APPROVE:
    case BATON__CHANGE__VERB__REFUSE:
        return may_judge(c, task);
    case BATON__CHANGE__VERB__NONE:
    case _BATON__CHANGE__VERB_IS_INT_SIZE:
    default:
        return VERDICT_ILLEGAL;
    }
}

static Baton__Code
refuse_illegal(const struct change *c, const struct task *task)
{
    const char *hint = "";
    switch (c->wire->verb) {
    case BATON__CHANGE__VERB__RETRY:
        hint = task->edges->n_abort
                   ? ": retry the task because of which it was aborted, with its subtree"
               : is_past_deadline(c, task) && state_is_terminal(task->state)
                   ? ": its deadline has passed; set a new one first"
               : state_is_terminal(task->state) && task->state != DONE && is_replaced(c, task)
                   ? ": its unique key belongs to another task now"
                   : ": only failed, cancelled, aborted and expired tasks are retried";
        break;
    case BATON__CHANGE__VERB__REOPEN:
        hint = task->state != DONE    ? ": only done tasks are reopened"
               : is_replaced(c, task) ? ": its unique key belongs to another task now"
                                      : ": a task that depends on it is running; wait for it, or "
                                        "force";
        break;
    case BATON__CHANGE__VERB__SET:
        hint = ": this can't be set in that state";
        break;
    case BATON__CHANGE__VERB__APPROVE:
        hint = ": only tasks in review and parked ones are approved";
        break;
    case BATON__CHANGE__VERB__REFUSE:
        hint = ": only tasks in review, or parked for approval, are refused";
        break;
    case BATON__CHANGE__VERB__NONE:
    case BATON__CHANGE__VERB__CANCEL:
    case BATON__CHANGE__VERB__HOLD:
    case BATON__CHANGE__VERB__RELEASE:
    case _BATON__CHANGE__VERB_IS_INT_SIZE:
    default:
        break;
    }
    return refuse(c->request, BATON__CODE__CODE_ILLEGAL_TRANSITION, "tasks", "%s is %s%s", task->id,
                  state_name(task->state), hint);
}

/* ---- set ---- */

/* The spec that the task would have, checked. */
static Baton__Code
set_spec(const struct change *c, const struct task *task, Baton__Spec **ret)
{
    Baton__Spec *spec = task_unpack(c->core, task, c->request->arena);
    spec_copy(spec, c->wire->spec, c->fields);
    Baton__Code code = spec_check(c->request, spec, "spec");
    *ret = spec;
    return code
               ? code
               : spec_check_packed(c->request, spec_pack(c->core, spec, c->request->arena), "spec");
}

static Baton__Code
check_set(struct change *c)
{
    if (!c->wire->spec) {
        return refuse(c->request, BATON__CODE__CODE_INVALID, "spec", "nothing is given to set");
    }
    for (size_t i = 0; i < c->wire->n_fields; i++) {
        uint64_t bit = spec_settable(c->wire->fields[i]);
        if (!bit) {
            return refuse(c->request, BATON__CODE__CODE_INVALID, "fields", "%s can't be set",
                          c->wire->fields[i]);
        }
        c->fields |= bit;
    }
    if (!c->fields) {
        return refuse(c->request, BATON__CODE__CODE_INVALID, "fields", "nothing is named to set");
    }
    return BATON__CODE__CODE_OK;
}

/* New dependencies are looked at one task at a time: more at once could close a cycle together. */
static Baton__Code
check_set_each(struct change *c)
{
    uint64_t after = spec_settable("after");
    if (c->fields & after && c->n_targets > 1) {
        return refuse(c->request, BATON__CODE__CODE_INVALID, "tasks",
                      "dependencies are set for one task at a time");
    }
    for (size_t i = 0; i < c->n_targets; i++) {
        if (c->verdicts[i] != VERDICT_CHANGE) {
            continue;
        }
        const struct task *task = task_at(c->core, c->targets[i]);
        Baton__Spec *spec;
        Baton__Code code = set_spec(c, task, &spec);
        bool claims = c->fields & spec_settable("claims");
        for (size_t k = 0; claims && k < spec->n_claims && code == BATON__CODE__CODE_OK; k++) {
            const struct resource *resource = resource_find(c->core, spec->claims[k]->name);
            if (spec->claims[k]->amount > (resource ? resource->capacity : 1)) {
                code = refuse(c->request, BATON__CODE__CODE_UNSATISFIABLE, "spec.claims",
                              "%s does not have %u", spec->claims[k]->name,
                              spec->claims[k]->amount);
            }
        }
        if (code == BATON__CODE__CODE_OK && c->fields & after) {
            struct new_task new = {.spec = spec, .slot = task->slot};
            code = graph_check(c->core, c->request, &new, 1);
        }
        if (code != BATON__CODE__CODE_OK) {
            return code;
        }
    }
    return BATON__CODE__CODE_OK;
}

/* ---- facts ---- */

void
stop_add(struct core_out *out, const struct task *task, int64_t grace_ms, const char *reason)
{
    if (out->n_stops == out->room_stops) {
        out->room_stops = out->room_stops ? out->room_stops * 2 : 16;
        out->stops = xreallocarray(out->stops, out->room_stops, sizeof *out->stops);
    }
    struct core_stop *stop = &out->stops[out->n_stops++];
    *stop = (struct core_stop){
        .token = task->course->token, .worker = task->course->worker, .grace_ms = grace_ms};
    snprintf(stop->reason, sizeof stop->reason, "%s", reason);
}

void
emit_cancelling(struct core *core, struct core_request *request, struct task *task, unsigned reason,
                const char *text, int64_t grace_ms)
{
    Baton__Cancelling cancelling = BATON__CANCELLING__INIT;
    cancelling.key = task->key;
    cancelling.reason = (Baton__Reason)reason;
    cancelling.text = (char *)(uintptr_t)text;
    cancelling.grace_ms = grace_ms ? grace_ms : core->config.cancel_grace_ms;
    Baton__Fact fact = BATON__FACT__INIT;
    fact.what_case = BATON__FACT__WHAT_CANCELLING;
    fact.cancelling = &cancelling;
    emit(core, request, &fact);
    stop_add(request->out, task, cancelling.grace_ms, text[0] ? text : reason_name((int)reason));
}

static void
emit_cancel(struct change *c, size_t i)
{
    struct task *task = task_at(c->core, c->targets[i]);
    unsigned reason = i < c->n_roots ? BATON__REASON__REASON_OPERATOR
                                     : BATON__REASON__REASON_SUBTREE;
    if (is_busy(task)) {
        emit_cancelling(c->core, c->request, task, reason, c->wire->reason, c->wire->grace_ms);
        return;
    }
    if (task->state != WAITING && task->state != READY && !task_is_aside(task)) {
        return; /* ended by what was cancelled before it in this request */
    }
    Baton__Ended ended = BATON__ENDED__INIT;
    ended.key = task->key;
    ended.to = (Baton__TaskState)CANCELLED;
    ended.reason = (Baton__Reason)reason;
    ended.text = c->wire->reason;
    Baton__Fact fact = BATON__FACT__INIT;
    fact.what_case = BATON__FACT__WHAT_ENDED;
    fact.ended = &ended;
    emit(c->core, c->request, &fact);
}

static void
emit_revived(struct change *c, const struct task *task)
{
    Baton__Revived revived = BATON__REVIVED__INIT;
    revived.key = task->key;
    revived.text = c->wire->reason;
    Baton__Fact fact = BATON__FACT__INIT;
    fact.what_case = BATON__FACT__WHAT_REVIVED;
    fact.revived = &revived;
    emit(c->core, c->request, &fact);
}

/* Those that would be aborted again wait for those because of which they were aborted. */
static void
emit_retries(struct change *c)
{
    bool progress = true;
    while (progress) {
        progress = false;
        for (size_t i = 0; i < c->n_targets; i++) {
            struct task *task = task_at(c->core, c->targets[i]);
            if (c->verdicts[i] == VERDICT_CHANGE && state_is_terminal(task->state) &&
                !task->edges->n_abort) {
                emit_revived(c, task);
                c->verdicts[i] = VERDICT_SAME; /* done with */
                progress = true;
            }
        }
    }
}

static void
emit_hold(struct change *c, const struct task *task)
{
    Baton__HoldSet hold = BATON__HOLD_SET__INIT;
    hold.key = task->key;
    hold.release = c->wire->verb == BATON__CHANGE__VERB__RELEASE;
    hold.text = c->wire->reason;
    Baton__Fact fact = BATON__FACT__INIT;
    fact.what_case = BATON__FACT__WHAT_HOLD_SET;
    fact.hold_set = &hold;
    emit(c->core, c->request, &fact);
}

static void
emit_set(struct change *c, const struct task *task)
{
    Baton__Spec *spec;
    CHECK(set_spec(c, task, &spec) == BATON__CODE__CODE_OK);
    Baton__Respecified change = BATON__RESPECIFIED__INIT;
    change.key = task->key;
    change.spec = spec_pack(c->core, spec, c->request->arena);
    Baton__Fact fact = BATON__FACT__INIT;
    fact.what_case = BATON__FACT__WHAT_RESPECIFIED;
    fact.respecified = &change;
    emit(c->core, c->request, &fact);
}

static void
emit_all(struct change *c)
{
    if (c->wire->verb == BATON__CHANGE__VERB__RETRY) {
        emit_retries(c);
        return;
    }
    /* What follows waits for the last of them, so that no policy acts on a task that is itself
     * among those changed, and no milestone is through because of one that is not reopened yet. */
    c->core->settles_later = true;
    for (size_t n = c->n_targets; n > 0; n--) {
        struct task *task = task_at(c->core, c->targets[n - 1]);
        if (c->verdicts[n - 1] != VERDICT_CHANGE) {
            continue;
        }
        switch (c->wire->verb) {
        case BATON__CHANGE__VERB__CANCEL:
            emit_cancel(c, n - 1);
            break;
        case BATON__CHANGE__VERB__HOLD:
        case BATON__CHANGE__VERB__RELEASE:
            emit_hold(c, task);
            break;
        case BATON__CHANGE__VERB__REOPEN:
            emit_revived(c, task);
            break;
        case BATON__CHANGE__VERB__SET:
            emit_set(c, task);
            break;
        case BATON__CHANGE__VERB__APPROVE:
            emit_approved(c->core, c->request, task, c->wire->reason);
            break;
        case BATON__CHANGE__VERB__REFUSE:
            emit_sent_back(c->core, c->request, task, c->wire->reason);
            break;
        case BATON__CHANGE__VERB__NONE:
        case BATON__CHANGE__VERB__RETRY:
        case _BATON__CHANGE__VERB_IS_INT_SIZE:
        default:
            break;
        }
    }
    c->core->settles_later = false;
    settle(c->core, c->request);
}

static Baton__Code
check_words(const struct change *c)
{
    const Baton__Change *wire = c->wire;
    bool known = wire->verb > BATON__CHANGE__VERB__NONE && wire->verb <= BATON__CHANGE__VERB__SET;
    if (!known && wire->verb != BATON__CHANGE__VERB__APPROVE &&
        wire->verb != BATON__CHANGE__VERB__REFUSE) {
        return refuse(c->request, BATON__CODE__CODE_INVALID, "verb", "no such verb");
    }
    if (wire->n_tasks > CHANGE_TASKS_MAX) {
        return refuse(c->request, BATON__CODE__CODE_TOO_LARGE, "tasks",
                      "more than 10,000 tasks: use a filter, or several requests");
    }
    if (!wire->filter == !wire->n_tasks) {
        return refuse(c->request, BATON__CODE__CODE_INVALID, "tasks",
                      "name tasks or give a filter, one of the two");
    }
    if (!prose_is_valid(wire->reason, TITLE_BYTES_MAX)) {
        return refuse(c->request, BATON__CODE__CODE_INVALID, "reason",
                      "the reason is longer than 1,024 bytes or has control characters");
    }
    if (wire->verb == BATON__CHANGE__VERB__REFUSE && !wire->reason[0]) {
        return refuse(c->request, BATON__CODE__CODE_INVALID, "reason",
                      "say why: whoever does it again is told");
    }
    if (wire->verb == BATON__CHANGE__VERB__CANCEL && !wire->reason[0]) {
        return refuse(c->request, BATON__CODE__CODE_INVALID, "reason",
                      "say why: a cancel needs a reason");
    }
    size_t digits = strspn(wire->confirm, "0123456789abcdef");
    if (wire->confirm[0] && (digits != CONFIRM_BYTES || wire->confirm[digits])) {
        return refuse(c->request, BATON__CODE__CODE_INVALID, "confirm",
                      "not a token: it is the 16 digits that a dry run answers with");
    }
    if (wire->grace_ms < 0 || wire->grace_ms > DURATION_MS_MAX) {
        return refuse(c->request, BATON__CODE__CODE_INVALID, "grace_ms", "not a duration");
    }
    return BATON__CODE__CODE_OK;
}

/* ---- what a dry run showed ---- */

struct reached {
    uint64_t key;
    uint64_t state;
};

static int
compare_reached(const void *a, const void *b)
{
    const struct reached *x = a, *y = b;
    return x->key < y->key ? -1 : x->key > y->key;
}

/* Stands for the verb, the tasks that it changes and the states that they are in. */
static char *
confirm_token(const struct change *c)
{
    struct reached *reached = arena_alloc(c->request->arena, (c->n_targets + 1) * sizeof *reached);
    size_t n = 0;
    for (size_t i = 0; i < c->n_targets; i++) {
        const struct task *task = task_at(c->core, c->targets[i]);
        if (c->verdicts[i] == VERDICT_CHANGE) {
            reached[n++] = (struct reached){.key = task->key, .state = task->state};
        }
    }
    qsort(reached, n, sizeof *reached, compare_reached);
    reached[n++] = (struct reached){.key = (uint64_t)c->wire->verb};
    uint64_t digest = XXH3_64bits_withSeed(reached, n * sizeof *reached, c->core->config.hash_seed);
    return arena_printf(c->request->arena, "%0*" PRIx64, (int)CONFIRM_BYTES, digest);
}

static Baton__Code
check_confirm(const struct change *c, const char *token)
{
    if (!c->wire->confirm[0] || strcmp(c->wire->confirm, token) == 0) {
        return BATON__CODE__CODE_OK;
    }
    return refuse(c->request, BATON__CODE__CODE_CONFLICT, "confirm",
                  "what this reaches is not what was confirmed: tasks were added, or changed their "
                  "state; look again with a dry run");
}

static void
answer(const struct change *c, Baton__Changed *ret)
{
    size_t room = MIN(c->n_targets, (size_t)NAMED_MAX);
    ret->tasks = arena_alloc(c->request->arena, room * sizeof *ret->tasks);
    for (size_t i = 0; i < c->n_targets; i++) {
        if (c->verdicts[i] == VERDICT_CHANGE) {
            ret->n_changed++;
            if (ret->n_tasks < room) {
                ret->tasks[ret->n_tasks++] = ref_make(c->request->arena, c->core,
                                                      task_at(c->core, c->targets[i]));
            }
        } else if (c->verdicts[i] == VERDICT_SAME) {
            ret->n_unchanged++;
        }
    }
}

Baton__Code
core_change(struct core *core, struct core_request *request, const Baton__Change *change,
            Baton__Changed *ret)
{
    baton__changed__init(ret);
    struct change c = {.core = core, .request = request, .wire = change};
    Baton__Code code = check_words(&c);
    if (code == BATON__CODE__CODE_OK && change->verb == BATON__CHANGE__VERB__SET) {
        code = check_set(&c);
    }
    if (code == BATON__CODE__CODE_OK) {
        code = change->filter ? resolve_filter(&c) : resolve_named(&c);
    }
    if (code != BATON__CODE__CODE_OK) {
        return code;
    }
    bool spreads = change->verb <= BATON__CHANGE__VERB__RELEASE;
    if (change->subtree && spreads) {
        add_subtree(&c);
    }
    c.verdicts = arena_alloc(request->arena, c.n_targets * sizeof *c.verdicts);
    for (size_t i = 0; i < c.n_targets; i++) {
        c.verdicts[i] = may(&c, i);
    }
    char *token = change->dry_run || change->confirm[0] ? confirm_token(&c) : NULL;
    code = token ? check_confirm(&c, token) : code;
    if (code != BATON__CODE__CODE_OK) {
        return code;
    }
    for (size_t i = 0; i < c.n_targets; i++) {
        if (c.verdicts[i] == VERDICT_ILLEGAL && i < c.n_roots && !c.by_filter) {
            return refuse_illegal(&c, task_at(core, c.targets[i]));
        }
    }
    if (change->verb == BATON__CHANGE__VERB__SET) {
        code = check_set_each(&c);
        if (code != BATON__CODE__CODE_OK) {
            return code;
        }
    }
    answer(&c, ret);
    if (change->dry_run) {
        ret->confirm = token;
    } else {
        emit_all(&c);
    }
    ret->event = core->event;
    return BATON__CODE__CODE_OK;
}
