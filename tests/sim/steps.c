/* What operators and submitters do in one step, and which step it is. */
#include "sim.h"

#include "common/limits.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

const char *const step_names[STEPS_KINDS_MAX] = {
    "submit", "resubmit", "children", "garbage", "change",     "pause", "resources",
    "repeat", "dispatch", "take",     "report",  "odd report", "lost",  "back",
    "bye",    "time",     "snapshot", "mark",    "sync",       "crash", "question",
    "finish", "board",    "project",  "lock",
};

static void
count(struct world *w, enum step_kind kind, Baton__Code code)
{
    w->n_accepted_of[kind] += code == BATON__CODE__CODE_OK;
}

/* ---- requests with a number ---- */

static const uint8_t *
packed_of(struct world *w, const ProtobufCMessage *message, size_t *ret_bytes)
{
    *ret_bytes = protobuf_c_message_get_packed_size(message);
    uint8_t *data = arena_alloc(&w->arena, *ret_bytes + 1);
    protobuf_c_message_pack(message, data);
    return data;
}

static uint64_t
digest_of(const ProtobufCMessage *message, struct world *w)
{
    size_t bytes;
    const uint8_t *data = packed_of(w, message, &bytes);
    return XXH3_64bits(data, bytes);
}

static void
forget_acknowledged(struct m_client *client)
{
    int n = 0;
    for (int i = 0; i < client->n_answers; i++) {
        if (client->answers[i].number > client->acked) {
            client->answers[n++] = client->answers[i];
        }
    }
    client->n_answers = n;
}

static const char *
client_name(int client)
{
    static const char *const names[M_CLIENTS] = {"c0-8f1e", "c1-77aa", "c2-0000"};
    return names[client];
}

static bool
draws_number(struct world *w, int *ret_client)
{
    *ret_client = (int)pick(w, M_CLIENTS);
    return chance(w, w->rates.numbered) && w->m->clients[*ret_client].n_answers < M_ANSWERS_MAX - 1;
}

/* The request was done: its answer is kept with it. */
static void
remember(struct world *w, int c, const ProtobufCMessage *request, const ProtobufCMessage *answer)
{
    struct m_client *client = &w->m->clients[c];
    uint64_t number = client->number + 1 + (pick(w, 30) == 0 ? pick(w, 5) : 0);
    uint64_t digest = digest_of(request, w);
    const uint8_t *reply;
    size_t reply_bytes;
    if (core_recall(w->core, client_name(c), number, digest, &reply, &reply_bytes) != CORE_NEW) {
        sim_fail(w, "request %llu of %s is new, but is said to be known",
                 (unsigned long long)number, client_name(c));
    }
    if (pick(w, 3) == 0) {
        uint64_t acked = client->number - pick(w, MIN(client->number, 6) + 1);
        client->acked = MAX(client->acked, acked);
    }
    size_t bytes = protobuf_c_message_get_packed_size(answer);
    uint8_t *data = arena_alloc(&w->arena, bytes + 1);
    protobuf_c_message_pack(answer, data);
    core_remember(w->core, world_request(w, "front"), client_name(c), number, client->acked, digest,
                  data, bytes);
    client->number = number;
    client->at = w->m->now;
    forget_acknowledged(client);
    client->answers[client->n_answers++] = (struct m_answer){.number = number,
                                                             .digest = digest,
                                                             .hash = XXH3_64bits(data, bytes),
                                                             .bytes = (uint32_t)bytes,
                                                             .at = w->m->now,
                                                             .order = ++w->m->n_answers};
}

static void
step_repeat(struct world *w)
{
    int c = (int)pick(w, M_CLIENTS);
    const struct m_client *client = &w->m->clients[c];
    if (client->number == 0) {
        return;
    }
    uint64_t number = 1 + pick(w, client->number);
    const struct m_answer *answer = NULL;
    if (client->n_answers && pick(w, 3)) {
        number = client->answers[pick(w, (uint64_t)client->n_answers)].number;
    }
    for (int i = 0; i < client->n_answers; i++) {
        answer = client->answers[i].number == number ? &client->answers[i] : answer;
    }
    bool other = !answer || pick(w, 3) == 0;
    uint64_t digest = other ? rng_next(&w->rng) : answer->digest;
    const uint8_t *reply = NULL;
    size_t bytes = 0;
    enum core_repeat is = core_recall(w->core, client_name(c), number, digest, &reply, &bytes);
    trace_line(w, "request %llu of %s again, %s: %d", (unsigned long long)number, client_name(c),
               other ? "with another body" : "the same", is);
    bool kept = answer && w->m->now < answer->at + w->config.answers_ms &&
                w->m->n_answers - answer->order < w->config.answers_max;
    if (other ? kept && is != CORE_USED : kept && is != CORE_REPLAYED) {
        sim_fail(w, "request %llu of %s came again %s, and the core says %s",
                 (unsigned long long)number, client_name(c), other ? "changed" : "unchanged",
                 is == CORE_NEW    ? "new"
                 : is == CORE_USED ? "used"
                                   : "replayed");
    }
    bool recent = w->m->now < client->at + w->config.answers_ms;
    if (!answer && number <= client->acked && recent && is != CORE_USED) {
        sim_fail(w, "request %llu of %s is acknowledged, and the core says %s",
                 (unsigned long long)number, client_name(c), is == CORE_NEW ? "new" : "replayed");
    }
    if (is == CORE_REPLAYED &&
        (!answer || other || bytes != answer->bytes || XXH3_64bits(reply, bytes) != answer->hash)) {
        sim_fail(w, "request %llu of %s is answered otherwise than the first time",
                 (unsigned long long)number, client_name(c));
    }
}

/* What the answer to a verb was, kept or only hashed. */
static void
answered(struct world *w, const ProtobufCMessage *request, Baton__Code code,
         const ProtobufCMessage *answer)
{
    int client;
    const ProtobufCMessage *said = code == BATON__CODE__CODE_OK ? answer : &w->request.error.base;
    trace_hash_message(w, said);
    if (draws_number(w, &client)) {
        remember(w, client, request, said);
    }
}

/* ---- submissions ---- */

/* Ids of what was created, from the answer. */
static void
take_ids(struct world *w, const struct m_submit *submit, const struct m_plan *plan,
         const Baton__Submitted *ret, int16_t *ids)
{
    for (int i = 0; i < submit->n; i++) {
        ids[i] = submit->spec[i].id;
        bool added = plan->fate[i] == FATE_CREATE || plan->fate[i] == FATE_REPLACE;
        if (ids[i] >= 0 || !added) {
            continue;
        }
        for (size_t k = 0; k < ret->n_differences; k++) {
            const Baton__Difference *d = ret->differences[k];
            if (d->index == (uint32_t)i && d->task && d->task->id[0]) {
                ids[i] = (int16_t)world_name(w, d->task->id);
                if (model_find(w->m, submit->spec[i].project, ids[i]) >= 0) {
                    sim_fail(w, "the broker made the id %s, which exists", d->task->id);
                }
            }
        }
        if (ids[i] < 0) {
            sim_fail(w, "the answer does not name the id that was made for tasks[%d]", i);
        }
    }
}

static void
check_counts(struct world *w, const struct m_submit *submit, const struct m_plan *plan,
             const Baton__Submitted *ret)
{
    uint32_t n[FATE_REPLACE + 1] = {0};
    for (int i = 0; i < submit->n; i++) {
        n[plan->fate[i]]++;
    }
    if (plan->vague) {
        return;
    }
    if (ret->created != n[FATE_CREATE] + n[FATE_REPLACE] || ret->updated < n[FATE_UPDATE] ||
        ret->created + ret->updated + ret->unchanged > (uint32_t)submit->n + n[FATE_REPLACE]) {
        sim_fail(w, "%u created, %u updated, %u unchanged instead of %u, %u, %u", ret->created,
                 ret->updated, ret->unchanged, n[FATE_CREATE] + n[FATE_REPLACE], n[FATE_UPDATE],
                 n[FATE_SAME] + n[FATE_EXISTING] + n[FATE_RAISE]);
    }
    if ((ret->forward_refs_total > 0) != plan->forward && !plan->forward_before) {
        sim_fail(w, "%u forward references are named, but there %s", ret->forward_refs_total,
                 plan->forward ? "are some" : "is none");
    }
}

void
submit_it(struct world *w, const struct m_submit *asked, enum step_kind kind)
{
    struct m_plan plan;
    int16_t ids[M_SUBMIT_MAX];
    Baton__Submit *message = message_submit(w, asked);
    static struct m_submit as_meant;
    const struct m_submit *submit = &as_meant;
    as_meant = *asked;
    model_attach(w->m, &as_meant);
    Baton__Submitted ret;
    codes expected = model_submit_codes(w->m, submit, &plan);
    if (kind == STEP_GARBAGE) {
        codes bad = message_spoil(w, message);
        expected = (expected & ~CODE(OK)) | bad;
    }
    trace_message(w, step_names[kind], &message->base);
    uint64_t digest = pick(w, 256) == 0 ? core_digest(w->core) : 0;
    struct core_request *request = world_request(w, sim_actors[submit->actor]);
    if (pick(w, 2)) {
        request->packed = packed_of(w, &message->base, &request->packed_bytes);
    }
    Baton__Code code = core_submit(w->core, request, message, &ret);
    check_code(w, expected, code);
    count(w, kind, code);
    if (code == BATON__CODE__CODE_OK) {
        trace_message(w, "  answer", &ret.base);
        check_counts(w, submit, &plan, &ret);
    }
    if (code != BATON__CODE__CODE_OK || submit->dry_run) {
        check_refused(w);
        if (digest && digest != core_digest(w->core)) {
            sim_fail(w, "a refused submission changed the state");
        }
    } else {
        take_ids(w, submit, &plan, &ret, ids);
        model_submit(w->m, submit, &plan, ids);
    }
    answered(w, &message->base, code, &ret.base);
}

static bool
has_room(const struct world *w)
{
    return model_n_live(w->m) < w->rates.live_max && w->m->n_tasks < M_TASKS_MAX - 100 &&
           w->n_names < M_NAMES_MAX - 100;
}

static void
step_submit(struct world *w, enum step_kind kind)
{
    struct m_submit submit;
    generate_submit(w, &submit);
    submit_it(w, &submit, kind);
}

/* Tasks that are there, as they are or with something changed. */
static void
step_resubmit(struct world *w)
{
    struct m_submit submit;
    memset(&submit, 0, sizeof submit);
    int n = 1 + (int)pick(w, 4);
    for (int i = 0; i < n && w->m->n_tasks; i++) {
        int t = (int)pick(w, (uint64_t)w->m->n_tasks);
        if (w->m->task[t].response) {
            continue; /* its texts are not the model's */
        }
        submit.spec[submit.n] = w->m->task[t].spec;
        if (pick(w, 3) == 0) {
            generate_fields(w, &submit.spec[submit.n], 1u << pick(w, 19));
        }
        submit.n++;
    }
    if (submit.n == 0) {
        return;
    }
    submit.update = pick(w, 3) != 0;
    submit.dry_run = pick(w, 10) == 0;
    submit.strict = pick(w, 10) == 0;
    submit_it(w, &submit, STEP_RESUBMIT);
}

static void
step_children(struct world *w)
{
    struct m_submit submit;
    if (w->m->n_leases == 0) {
        return;
    }
    generate_submit(w, &submit);
    int span = pick(w, 4) ? 12 : 200;
    int back = (int)pick(w, (uint64_t)MIN(w->m->n_leases, span));
    const struct m_lease *lease = &w->m->leases[w->m->n_leases - 1 - back];
    submit.parent_token = pick(w, 20) ? lease->token : lease->token + 1 + pick(w, 50);
    submit.update = false;
    for (int i = 0; i < submit.n; i++) {
        if (pick(w, 20)) {
            submit.spec[i].project = w->m->task[lease->task].project;
        }
        if (pick(w, 30) == 0 &&
            !w->m->task[lease->task].response) { /* the same again as the one that asks */
            submit.spec[i].title = w->m->task[lease->task].spec.title;
            submit.spec[i].role = w->m->task[lease->task].spec.role;
        }
    }
    submit_it(w, &submit, STEP_CHILDREN);
}

/* ---- changes, pauses, resources ---- */

/* Those named were asked for, or depend on them. */
static void
check_refs(struct world *w, const Baton__Changed *ret)
{
    if (ret->n_tasks != MIN(ret->n_changed, 1000u)) {
        sim_fail(w, "%u changed, %zu named", ret->n_changed, ret->n_tasks);
    }
    for (size_t i = 0; i < ret->n_tasks; i++) {
        if (world_slot(w, ret->tasks[i]->project, ret->tasks[i]->id) < 0) {
            sim_fail(w, "the answer names %s, which nobody added", ret->tasks[i]->id);
        }
    }
}

/* Sometimes what a dry run says is confirmed: by the same state, so that it must hold, or under
 * another verb, so that it can't. */
static codes
confirm_it(struct world *w, Baton__Change *message, codes expected)
{
    if (pick(w, 4) || message->verb == BATON__CHANGE__VERB__SET) {
        return expected;
    }
    Baton__Change dry = *message;
    Baton__Changed ret;
    bool other = pick(w, 2);
    dry.dry_run = true;
    if (other) {
        dry.verb = message->verb == BATON__CHANGE__VERB__HOLD ? BATON__CHANGE__VERB__RELEASE
                                                              : BATON__CHANGE__VERB__HOLD;
    }
    Baton__Code code = core_change(w->core, world_request(w, "bob@desk"), &dry, &ret);
    check_refused(w);
    if (code != BATON__CODE__CODE_OK) {
        return expected;
    }
    if (strlen(ret.confirm) != CONFIRM_BYTES) {
        sim_fail(w, "a dry run answers with the token \"%s\"", ret.confirm);
    }
    message->confirm = ret.confirm;
    return other ? (expected & ~CODE(OK)) | CODE(CONFLICT) : expected;
}

void
change_it(struct world *w, const struct m_change *change)
{
    Baton__Change *message = message_change(w, change);
    Baton__Changed ret;
    codes expected = model_change_codes(w->m, change);
    expected = confirm_it(w, message, expected);
    trace_message(w, "change", &message->base);
    Baton__Code code = core_change(w->core, world_request(w, "bob@desk"), message, &ret);
    check_code(w, expected, code);
    count(w, STEP_CHANGE, code);
    if (code == BATON__CODE__CODE_OK) {
        trace_message(w, "  answer", &ret.base);
        int n = model_change(w->m, change);
        check_refs(w, &ret);
        if (n >= 0 && ret.n_changed != (uint32_t)n) {
            sim_fail(w, "%u tasks changed instead of %d", ret.n_changed, n);
        }
    }
    if (code != BATON__CODE__CODE_OK || change->dry_run) {
        check_refused(w);
    }
    answered(w, &message->base, code, &ret.base);
}

static void
step_change(struct world *w)
{
    struct m_change change;
    generate_change(w, &change);
    change_it(w, &change);
}

static struct m_pause *
draw_pause(struct world *w, Baton__Pause *pause)
{
    struct model *m = w->m;
    int i;
    pause->scope = (Baton__Pause__Scope)pick(w, 6);
    switch (pause->scope) {
    case BATON__PAUSE__SCOPE__ROLE:
        i = (int)pick(w, (uint64_t)w->rates.roles);
        pause->name = arena_strdup(&w->arena, role_names[i]);
        return &m->role[i];
    case BATON__PAUSE__SCOPE__PROJECT:
        i = (int)pick(w, (uint64_t)w->rates.projects);
        pause->name = arena_strdup(&w->arena, sim_projects[i]);
        return &m->project[i];
    case BATON__PAUSE__SCOPE__LOCK:
        i = (int)pick(w, (uint64_t)w->rates.resources);
        pause->name = arena_printf(&w->arena, "%s%s", sim_resources[i],
                                   model_is_path(i) && i != 9 && pick(w, 2) ? "/" : "");
        return &m->lock[i];
    case BATON__PAUSE__SCOPE__WORKER:
        i = (int)pick(w, (uint64_t)w->rates.workers);
        pause->name = arena_strdup(&w->arena, sim_workers[i]);
        world_worker(w, i);
        return &m->worker[i];
    case BATON__PAUSE__SCOPE__SUBMITTER:
        i = (int)pick(w, M_ACTORS);
        pause->name = arena_strdup(&w->arena, sim_actors[i]);
        return &m->submitter[i];
    case BATON__PAUSE__SCOPE__BROKER:
    case _BATON__PAUSE__SCOPE_IS_INT_SIZE:
    default:
        return &m->broker;
    }
}

/* Does anything bear the name of the pause? Only where the page is clear about it. */
static void
check_known(struct world *w, const Baton__Pause *pause, bool unknown)
{
    const struct model *m = w->m;
    bool known = false;
    for (int t = 0; t < m->n_tasks; t++) {
        const struct m_task *task = &m->task[t];
        known |= pause->scope == BATON__PAUSE__SCOPE__PROJECT
                     ? strcmp(sim_projects[task->project], pause->name) == 0
                     : !task->archived && !task->response &&
                           strcmp(sim_actors[task->actor], pause->name) == 0;
    }
    bool told = pause->scope == BATON__PAUSE__SCOPE__PROJECT ||
                pause->scope == BATON__PAUSE__SCOPE__SUBMITTER;
    if (told && known == unknown) {
        sim_fail(w, "the answer says that %s is %sknown", pause->name, unknown ? "un" : "");
    }
}

/* Something is wrong with the request: what the answer must be. */
static codes
spoil_pause(struct world *w, Baton__Pause *pause)
{
    if (pause->scope == BATON__PAUSE__SCOPE__WORKER && !pause->resume && pick(w, 2)) {
        pause->name = arena_strdup(&w->arena, "nobody");
        return CODE(NOT_FOUND);
    }
    bool prose = pause->scope == BATON__PAUSE__SCOPE__SUBMITTER;
    pause->name = arena_strdup(&w->arena, prose ? "a\x1b" : "../../etc");
    return CODE(INVALID) | CODE(UNKNOWN_ROLE) | CODE(NOT_FOUND) | CODE(TOO_LARGE);
}

static void
step_pause(struct world *w)
{
    Baton__Pause pause = BATON__PAUSE__INIT;
    Baton__Done ret;
    struct m_pause *of = draw_pause(w, &pause);
    pause.resume = of->on ? pick(w, 4) != 0 : pick(w, 8) == 0;
    pause.reason = arena_strdup(&w->arena, "maintenance");
    codes expected = CODE(OK);
    if (pick(w, 2) && !pause.resume) {
        pause.until = w->m->now + 1 + (int64_t)pick(w, (uint64_t)w->rates.tick_ms * 30);
    }
    if (pick(w, 20) == 0 && pause.scope != BATON__PAUSE__SCOPE__BROKER) {
        expected = spoil_pause(w, &pause);
    }
    pause.refuse = pause.scope == BATON__PAUSE__SCOPE__BROKER && !pause.resume && pick(w, 3) == 0;
    if (of->on && of->until && of->until <= w->m->now) {
        return; /* is about to end */
    }
    trace_message(w, "pause", &pause.base);
    Baton__Code code = core_pause(w->core, world_request(w, "ops@desk"), &pause, &ret);
    check_code(w, expected, code);
    count(w, STEP_PAUSE, code);
    if (code == BATON__CODE__CODE_OK) {
        bool changed = pause.resume ? of->on : !of->on;
        if (changed && !ret.changed) {
            sim_fail(w, "%s changed nothing", pause.resume ? "resume" : "pause");
        }
        check_known(w, &pause, ret.unknown);
        *of = (struct m_pause){
            .on = !pause.resume, .refuse = pause.refuse, .until = pause.resume ? 0 : pause.until};
        w->m->order_valid = false;
    }
    answered(w, &pause.base, code, &ret.base);
}

static void
step_resources(struct world *w)
{
    Baton__Resource resource = BATON__RESOURCE__INIT;
    Baton__Resource *set = &resource;
    Baton__Resources message = BATON__RESOURCES__INIT;
    Baton__ResourceList ret;
    int r = (int)pick(w, (uint64_t)w->rates.resources);
    resource.name = arena_strdup(&w->arena, sim_resources[r]);
    resource.capacity = (uint32_t)pick(w, 6);
    message.n_set = 1;
    message.set = &set;
    codes expected = CODE(OK);
    if (pick(w, 12) == 0) {
        resource.capacity = 1000001 + (uint32_t)pick(w, 1000);
        expected = CODE(INVALID) | CODE(TOO_LARGE);
    } else if (pick(w, 12) == 0) {
        resource.name = arena_strdup(&w->arena, "a\x1b[0m");
        expected = CODE(INVALID);
    }
    if (model_is_path(r)) {
        expected |= CODE(INVALID);
        expected &= ~CODE(OK);
    }
    trace_message(w, "resources", &message.base);
    Baton__Code code = core_resources(w->core, world_request(w, "ops@desk"), &message, &ret);
    check_code(w, expected, code);
    count(w, STEP_RESOURCES, code);
    if (code == BATON__CODE__CODE_OK) {
        w->m->capacity[r] = resource.capacity ? resource.capacity : 1;
        w->m->order_valid = false;
    } else {
        check_refused(w);
    }
    answered(w, &message.base, code, &ret.base);
}

/* ---- projects ---- */

static void
compare_project(struct world *w, int p, const Baton__ProjectStatus *status)
{
    const struct model *m = w->m;
    uint64_t open = 0, done = 0, failed = 0;
    for (int t = 0; t < m->n_tasks; t++) {
        if (m->task[t].project == p) {
            open += model_is_live(m, t);
            done += m->state[t] == DONE;
            failed += m->state[t] > DONE;
        }
        if (check_in_flux(w, t)) {
            return;
        }
    }
    if (status->open != open || status->done != done || status->failed != failed ||
        status->complete != (m->closed[p] && open == 0)) {
        sim_fail(w, "project %s: %llu open, %llu done, %llu failed, %scomplete", sim_projects[p],
                 (unsigned long long)status->open, (unsigned long long)status->done,
                 (unsigned long long)status->failed, status->complete ? "" : "not ");
    }
}

static void
step_project(struct world *w)
{
    Baton__Project ask = BATON__PROJECT__INIT;
    Baton__ProjectReply ret;
    int p = (int)pick(w, (uint64_t)w->rates.projects);
    bool was = w->m->closed[p];
    ask.name = arena_strdup(&w->arena, p || pick(w, 2) ? sim_projects[p] : "");
    ask.reason = arena_strdup(&w->arena, "the plan is made");
    ask.verb = pick(w, 4) == 0 ? BATON__PROJECT__VERB__SHOW
               : pick(w, 4)    ? (was ? BATON__PROJECT__VERB__OPEN : BATON__PROJECT__VERB__CLOSE)
                               : (was ? BATON__PROJECT__VERB__CLOSE : BATON__PROJECT__VERB__OPEN);
    codes expected = model_has_project(w->m, p) ? CODE(OK) : CODE(NOT_FOUND);
    if (pick(w, 30) == 0) {
        ask.name = arena_strdup(&w->arena, "../x");
        expected = CODE(INVALID);
    }
    trace_message(w, "project", &ask.base);
    Baton__Code code = core_project(w->core, world_request(w, "ops@desk"), &ask, &ret);
    check_code(w, expected, code);
    count(w, STEP_PROJECT, code);
    bool shows = ask.verb == BATON__PROJECT__VERB__SHOW;
    if (code == BATON__CODE__CODE_OK) {
        w->m->closed[p] = shows ? was : ask.verb == BATON__PROJECT__VERB__CLOSE;
        if (ret.changed != (w->m->closed[p] != was) || ret.project->closed != w->m->closed[p]) {
            sim_fail(w, "project %s is %s, %schanged", sim_projects[p],
                     ret.project->closed ? "closed" : "open", ret.changed ? "" : "not ");
        }
        compare_project(w, p, ret.project);
    }
    if (code != BATON__CODE__CODE_OK || shows) {
        check_refused(w);
    }
    answered(w, &ask.base, code, &ret.base);
}

/* ---- time ---- */

/* When something of one of the tasks is due, to the millisecond; 0: not known. */
static int64_t
draw_timer(struct world *w)
{
    struct m_due due[8];
    int t = w->m->n_tasks ? (int)pick(w, (uint64_t)w->m->n_tasks) : -1;
    for (int tries = 0; t >= 0 && tries < 8 && !model_holds_lease(w->m, t); tries++) {
        t = (int)pick(w, (uint64_t)w->m->n_tasks);
    }
    int n = t >= 0 && model_holds_lease(w->m, t) ? model_timers(w->m, t, due) : 0;
    int64_t at = n ? due[pick(w, (uint64_t)n)].lo : 0;
    return at > w->m->now && at - w->m->now < INT64_C(40) * 86400000 ? at : 0;
}

static int64_t
draw_time(struct world *w)
{
    int64_t next = core_next_at(w->core);
    uint64_t usual = (uint64_t)w->rates.tick_ms;
    int64_t timer;
    switch (pick(w, 11)) {
    case 0:
        return 0;
    case 10: /* at a timer, or just before */
        timer = draw_timer(w);
        return timer ? timer - w->m->now - (int64_t)pick(w, 2) : 0;
    case 1:
    case 2:
    case 3: /* just when something is due, or just before */
        if (next != INT64_MAX && next > w->m->now && next - w->m->now < INT64_C(40) * 86400000) {
            return next - w->m->now - (int64_t)pick(w, 2);
        }
        return (int64_t)pick(w, usual);
    case 4:
        return (int64_t)pick(w, 100) == 0 ? (int64_t)pick(w, INT64_C(20) * 86400000)
                                          : (int64_t)pick(w, usual * 20);
    default:
        return 1 + (int64_t)pick(w, usual * 2);
    }
}

static void
step_time(struct world *w)
{
    int64_t ms = draw_time(w);
    world_advance(w, ms);
    bool late = chance(w, w->rates.late_tick);
    trace_line(w, "%lld ms pass%s", (long long)ms, late ? ", and no tick comes yet" : "");
    if (!late) {
        world_tick(w);
        w->ticked = true;
    }
}

/* ---- one step ---- */

static enum step_kind
draw_kind(struct world *w)
{
    int total = 0;
    for (int i = 0; i < STEP_KINDS; i++) {
        total += w->rates.kind[i];
    }
    int at = (int)pick(w, (uint64_t)total);
    int kind = 0;
    while (at >= w->rates.kind[kind]) {
        at -= w->rates.kind[kind++];
    }
    if (kind <= STEP_GARBAGE && !has_room(w)) {
        return STEP_REPORT;
    }
    return (enum step_kind)kind;
}

static void
step_of_kind(struct world *w, enum step_kind kind)
{
    switch (kind) {
    case STEP_SUBMIT:
    case STEP_GARBAGE:
        step_submit(w, kind);
        break;
    case STEP_RESUBMIT:
        step_resubmit(w);
        break;
    case STEP_CHILDREN:
        step_children(w);
        break;
    case STEP_CHANGE:
        step_change(w);
        break;
    case STEP_PAUSE:
        step_pause(w);
        break;
    case STEP_RESOURCES:
        step_resources(w);
        break;
    case STEP_REPEAT:
        step_repeat(w);
        break;
    case STEP_DISPATCH:
    case STEP_TAKE:
        step_dispatch(w, kind == STEP_TAKE);
        break;
    case STEP_REPORT:
    case STEP_ODD_REPORT:
        step_report(w, kind == STEP_ODD_REPORT);
        break;
    case STEP_LOST:
        step_lost(w);
        break;
    case STEP_BACK:
        step_back(w);
        break;
    case STEP_BYE:
        step_bye(w);
        break;
    case STEP_TIME:
        step_time(w);
        break;
    case STEP_SNAPSHOT:
        world_snapshot(w, 1 + (uint32_t)pick(w, pick(w, 2) ? 8 : 200));
        break;
    case STEP_MARK:
        world_mark(w);
        break;
    case STEP_SYNC:
        world_sync(w);
        break;
    case STEP_CRASH:
        world_crash(w);
        break;
    case STEP_QUESTION:
        step_question(w);
        break;
    case STEP_LOCK:
        step_lock(w);
        break;
    case STEP_BOARD:
        step_board(w);
        break;
    case STEP_PROJECT:
        step_project(w);
        break;
    case STEP_FINISH:
    case STEP_KINDS:
    default:
        break;
    }
}

void
step_run(struct world *w, uint32_t step)
{
    w->step = step;
    w->rng.state = XXH3_64bits_withSeed(&step, sizeof step, w->seed);
    model_begin(w->m);
    enum step_kind kind = draw_kind(w);
    w->doing = step_names[kind];
    w->n_steps_of[kind]++;
    step_of_kind(w, kind);
    check_step(w);
    world_commit(w);
    if (step % 211 == 210 || (w->skipped && !w->late)) {
        model_begin(w->m);
        check_all(w);
        if (!w->late) {
            board_check(w);
            measure_check(w);
            budget_check(w);
        }
        measure_check_token(w);
        check_step(w);
        world_commit(w);
    }
    arena_reset(&w->arena);
}
