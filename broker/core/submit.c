/* Submitting tasks: whole or not at all. First everything is checked (nothing changes), then the
 * facts are emitted. */
#include "broker/core/board/board.h"
#include "broker/core/submission.h"

#include <string.h>

/* So many tasks before its name is looked for, its places in the indexes come to the cache. */
enum { PLAN_AHEAD = 16, EMIT_AHEAD = 8 };

const char *
submission_place(const struct submission *s, size_t i)
{
    return arena_printf(s->request->arena, "tasks[%zu]", i);
}

Baton__Code
submission_refuse(const struct submission *s, size_t i, Baton__Code code, const char *field,
                  const char *what)
{
    const char *at = arena_printf(s->request->arena, "%s.%s", submission_place(s, i), field);
    return refuse(s->request, code, at, "%s: %s", s->submit->tasks[i]->id, what);
}

/* ---- deciding ---- */

/* What is wrong with one; `prefix` says where it stands. */
static Baton__Code
check_one(const struct submission *s, size_t i, const char *prefix)
{
    Baton__Spec *spec = s->submit->tasks[i];
    Baton__Code code = spec_check(s->request, spec, prefix);
    if (code == BATON__CODE__CODE_OK) {
        submission_pack(s, i);
        code = spec_check_packed(s->request, s->plans[i].packed, prefix);
    }
    return code;
}

/* Those whose dependencies are others than they said are packed anew. */
static Baton__Code
attach(struct submission *s)
{
    bool *changed = NULL;
    Baton__Code code = attach_rewrite(s->core, s->request, s->submit, &changed);
    for (size_t i = 0; i < s->n && changed && code == BATON__CODE__CODE_OK; i++) {
        if (changed[i]) {
            s->plans[i].packed = spec_pack(s->core, s->submit->tasks[i], s->request->arena);
            code = spec_check_packed(s->request, s->plans[i].packed, submission_place(s, i));
        }
    }
    return code;
}

static Baton__Code
check_each(struct submission *s)
{
    submission_find_bytes(s);
    for (size_t i = 0; i < s->n; i++) {
        Baton__Code code = check_one(s, i, "");
        if (code != BATON__CODE__CODE_OK) {
            /* Where it stands is named only for one that is wrong. */
            return s->n == 1 ? code : check_one(s, i, submission_place(s, i));
        }
    }
    submission_make_ids(s);
    submission_hash_names(s);
    Baton__Code code = submission_check_twice(s);
    code = code ? code : attach(s);
    for (size_t i = 0; i < s->n && code == BATON__CODE__CODE_OK; i++) {
        if (i + PLAN_AHEAD < s->n) {
            identity_fetch(s->core, s->plans[i + PLAN_AHEAD].identity);
        }
        code = submission_check_fits(s, i);
        if (code == BATON__CODE__CODE_OK) {
            code = submission_plan(s, i);
        }
    }
    return code;
}

static Baton__Code
decide(struct submission *s)
{
    struct core *core = s->core;
    const char *why;
    if (s->n > SUBMIT_TASKS_MAX) {
        return refuse(s->request, BATON__CODE__CODE_TOO_LARGE, "tasks",
                      "more than 200,000 tasks: submit them in parts");
    }
    if (!core_is_accepting(core, &why)) {
        return refuse(s->request, BATON__CODE__CODE_PAUSED, "", "the broker takes no new work: %s",
                      why);
    }
    if (core->n_tasks + s->n > core->config.tasks_max) {
        return refuse(s->request, BATON__CODE__CODE_FULL, "tasks",
                      "the queue is full (%u tasks): wait until some have ended", core->n_tasks);
    }
    Baton__Code code = resources_check(core, s->request, s->submit->resources,
                                       s->submit->n_resources);
    code = code ? code : check_each(s);
    code = code ? code : submission_check_unique(s);
    code = code ? code : submission_check_projects(s);
    code = code ? code : submission_check_parent(s);
    code = code ? code : submission_check_open(s);
    code = code ? code : submission_check_closings(s);
    code = code ? code : carried_check(core, s->request, s->submit, s->ret);
    code = code ? code : submission_list_forward(s);
    return code ? code : submission_check_graph(s);
}

/* ---- answering, emitting ---- */

static void
emit_closings(const struct submission *s)
{
    for (size_t i = 0; i < s->submit->n_close; i++) {
        const char *name = s->submit->close[i];
        uint32_t number = project_find(s->core, name);
        CHECK(number);
        if (!s->core->projects[number]->closing) {
            emit_project_set(s->core, s->request, name, true, "");
        }
    }
}

static void
add_difference(struct submission *s, size_t i, Baton__Difference__Kind kind)
{
    struct arena *arena = s->request->arena;
    const struct plan *plan = &s->plans[i];
    Baton__Difference *difference = arena_alloc(arena, sizeof *difference);
    baton__difference__init(difference);
    difference->kind = kind;
    difference->index = (uint32_t)i;
    const Baton__Spec *spec = s->submit->tasks[i];
    Baton__Ref *ref = arena_alloc(arena, sizeof *ref);
    baton__ref__init(ref);
    ref->project = spec->project;
    ref->id = plan->kind == PLAN_EXISTING ? arena_strdup(arena, plan->task->id) : spec->id;
    difference->task = ref;
    difference->fields = arena_calloc(arena, 64, sizeof(char *));
    for (unsigned f = 0; f < 64 && kind == BATON__DIFFERENCE__KIND__UPDATED; f++) {
        if (plan->diff & UINT64_C(1) << f) {
            difference->fields[difference->n_fields++] = (char *)(uintptr_t)spec_field_name(f);
        }
    }
    s->ret->differences[s->ret->n_differences++] = difference;
}

static void
answer(struct submission *s)
{
    static const Baton__Difference__Kind kinds[] = {
        [PLAN_ADD] = BATON__DIFFERENCE__KIND__CREATED,
        [PLAN_UPDATE] = BATON__DIFFERENCE__KIND__UPDATED,
        [PLAN_UNCHANGED] = BATON__DIFFERENCE__KIND__UNCHANGED,
        [PLAN_EXISTING] = BATON__DIFFERENCE__KIND__EXISTING,
    };
    s->ret->differences = arena_calloc(s->request->arena, s->n, sizeof *s->ret->differences);
    for (size_t i = 0; i < s->n; i++) {
        const struct plan *plan = &s->plans[i];
        s->ret->created += plan->kind == PLAN_ADD;
        s->ret->updated += plan->kind == PLAN_UPDATE;
        s->ret->unchanged += plan->kind == PLAN_UNCHANGED || plan->kind == PLAN_EXISTING;
        bool tell = s->submit->dry_run || plan->kind == PLAN_UPDATE ||
                    plan->kind == PLAN_EXISTING || plan->made_id;
        if (tell) {
            add_difference(s, i, kinds[plan->kind]);
        }
    }
}

static void
emit_respecified(const struct submission *s, uint64_t key, ProtobufCBinaryData spec)
{
    Baton__Respecified change = BATON__RESPECIFIED__INIT;
    change.key = key;
    change.spec = spec;
    Baton__Fact fact = BATON__FACT__INIT;
    fact.what_case = BATON__FACT__WHAT_RESPECIFIED;
    fact.respecified = &change;
    emit(s->core, s->request, &fact);
}

static void
emit_task(struct submission *s, size_t i)
{
    const struct plan *plan = &s->plans[i];
    const Baton__Spec *spec = s->submit->tasks[i];
    if (plan->kind == PLAN_UPDATE) {
        emit_respecified(s, plan->task->key, plan->packed);
    } else if (plan->kind == PLAN_EXISTING && plan->raise) {
        Baton__Spec *raised = task_unpack(s->core, plan->task, s->request->arena);
        raised->priority = spec->priority;
        emit_respecified(s, plan->task->key, spec_pack(s->core, raised, s->request->arena));
    } else if (plan->kind == PLAN_ADD) {
        if (plan->replaced &&
            (plan->replaced->state == WAITING || plan->replaced->state == READY)) {
            Baton__Ended ended = BATON__ENDED__INIT;
            ended.key = plan->replaced->key;
            ended.to = (Baton__TaskState)CANCELLED;
            ended.reason = BATON__REASON__REASON_OPERATOR;
            ended.text = arena_printf(s->request->arena, "replaced by %s", spec->id);
            Baton__Fact fact = BATON__FACT__INIT;
            fact.what_case = BATON__FACT__WHAT_ENDED;
            fact.ended = &ended;
            emit(s->core, s->request, &fact);
        }
        Baton__Added added = BATON__ADDED__INIT;
        added.spec = plan->packed;
        if (s->parent) {
            added.parent = s->parent->key;
            added.depth = (s->parent->ext ? s->parent->ext->depth : 0) + 1;
        }
        Baton__Fact fact = BATON__FACT__INIT;
        fact.what_case = BATON__FACT__WHAT_ADDED;
        fact.added = &added;
        struct adding adding = {.spec = spec, .hash = plan->identity.lo};
        s->core->adding = &adding;
        emit(s->core, s->request, &fact);
        s->core->adding = NULL;
    }
}

Baton__Code
core_submit(struct core *core, struct core_request *request, const Baton__Submit *submit,
            Baton__Submitted *ret)
{
    baton__submitted__init(ret);
    struct submission s = {
        .core = core, .request = request, .submit = submit, .ret = ret, .n = submit->n_tasks};
    if (s.n <= SUBMIT_TASKS_MAX) {
        s.plans = arena_calloc(request->arena, s.n, sizeof *s.plans);
    }
    Baton__Code code = decide(&s);
    slotset_fini(&s.names);
    if (code != BATON__CODE__CODE_OK) {
        return code;
    }
    answer(&s);
    if (!submit->dry_run) {
        resources_emit(core, request, submit->resources, submit->n_resources);
        for (size_t i = 0; i < s.n; i++) {
            if (i + EMIT_AHEAD < s.n) {
                identity_fetch(core, s.plans[i + EMIT_AHEAD].identity);
            }
            emit_task(&s, i);
        }
        carried_emit(core, request, submit);
        emit_closings(&s);
    }
    ret->event = core->event;
    return BATON__CODE__CODE_OK;
}
