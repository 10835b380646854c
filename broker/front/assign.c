#include "broker/front/assign.h"

#include "common/limits.h"
#include "common/text.h"

#include <string.h>

/* ---- what requests name ---- */

bool
assign_read_roles(const struct call *call, char *const *names, size_t n, const char *field,
                  Baton__FromBroker *reply, uint32_t *ret_roles)
{
    uint32_t roles = 0;
    for (size_t i = 0; i < n; i++) {
        int role = role_number(names[i]);
        if (role < 0) {
            char name[LOG_TEXT_ROOM];
            refuse(call, reply, BATON__CODE__CODE_UNKNOWN_ROLE, field,
                   "no role is called %s; the roles are infra, backend, frontend, realtime, "
                   "integration, testing",
                   log_text(name, names[i]));
            return false;
        }
        roles |= 1u << role;
    }
    *ret_roles = roles;
    return true;
}

bool
assign_check_projects(const struct call *call, char *const *names, size_t n, const char *field,
                      Baton__FromBroker *reply)
{
    if (n > NAMED_MAX) {
        refuse(call, reply, BATON__CODE__CODE_TOO_LARGE, field, "at most %d projects are named",
               (int)NAMED_MAX);
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (!name_is_valid(names[i], NAME_BYTES_MAX)) {
            refuse(call, reply, BATON__CODE__CODE_INVALID, field,
                   "the name of a project is 1 to %d bytes of letters, digits and ._:@/+~-",
                   (int)NAME_BYTES_MAX);
            return false;
        }
    }
    return true;
}

/* ---- an assignment in the making ---- */

struct gathered {
    Baton__Assignment **tasks; /* in the arena */
    size_t n, room;
    size_t bytes; /* packed, about; summed up only where it is asked for */
};

static void
gather(struct arena *arena, struct gathered *gathered, const Baton__Assign *more)
{
    if (gathered->n + more->n_tasks > gathered->room) {
        size_t room = MAX(gathered->room * 2, gathered->n + more->n_tasks);
        Baton__Assignment **tasks = arena_alloc(arena, room * sizeof(Baton__Assignment *));
        if (gathered->n > 0) {
            memcpy(tasks, gathered->tasks, gathered->n * sizeof(Baton__Assignment *));
        }
        gathered->tasks = tasks;
        gathered->room = room;
    }
    if (more->n_tasks > 0) {
        memcpy(gathered->tasks + gathered->n, more->tasks,
               more->n_tasks * sizeof(Baton__Assignment *));
    }
    gathered->n += more->n_tasks;
}

static size_t
packed_bytes(const Baton__Assign *assign)
{
    size_t bytes = 0;
    for (size_t i = 0; i < assign->n_tasks; i++) {
        bytes += baton__assignment__get_packed_size(assign->tasks[i]) + 8;
    }
    return bytes;
}

/* ---- takes ---- */

Baton__Code
assign_take(struct front *front, struct core_request *request, const struct take *take,
            const Baton__Ref *task, Baton__Assign *ret)
{
    struct gathered gathered = {0};
    while (gathered.n < take->max && gathered.bytes < TAKE_MESSAGE_BYTES) {
        uint32_t step = MIN(take->max - (uint32_t)gathered.n, (uint32_t)TAKE_STEP);
        struct core_dispatch dispatch = {
            .worker = take->worker,
            .roles = take->roles,
            .max = step,
            .lease_ms = take->lease_ms,
            .sessionless = true,
            .projects = (const char *const *)take->projects,
            .n_projects = take->n_projects,
            .task = task,
        };
        Baton__Assign some = BATON__ASSIGN__INIT;
        Baton__Code code = core_dispatch(front->core, request, &dispatch, &some);
        if (code != BATON__CODE__CODE_OK) {
            return code;
        }
        gather(&front->arena, &gathered, &some);
        gathered.bytes += packed_bytes(&some);
        if (some.n_tasks < step || task) {
            break;
        }
    }
    ret->tasks = gathered.tasks;
    ret->n_tasks = gathered.n;
    return BATON__CODE__CODE_OK;
}

static void
answer_take(struct front *front, struct take *take, Baton__Assign *assign)
{
    Baton__FromBroker reply = BATON__FROM_BROKER__INIT;
    reply.op_case = BATON__FROM_BROKER__OP_ASSIGN;
    reply.assign = assign;
    answer_asker(front, &take->asker, &reply, assign->n_tasks > 0);
    takes_remove(&front->takes, take);
}

static size_t
serve_takes(struct front *front)
{
    size_t n = 0;
    struct take *next;
    for (struct take *take = front->takes.first; take && n < ASSIGN_TURN_MAX; take = next) {
        next = take->next;
        if (!core_has_ready(front->core, take->roles)) {
            continue;
        }
        struct core_request request = front_request(front, take->asker.actor);
        Baton__Assign assign = BATON__ASSIGN__INIT;
        if (assign_take(front, &request, take, NULL, &assign) == BATON__CODE__CODE_OK &&
            assign.n_tasks > 0) {
            n += assign.n_tasks;
            answer_take(front, take, &assign);
        }
    }
    return n;
}

static void
end_takes(struct front *front, int64_t now)
{
    struct take *take;
    while ((take = takes_expired(&front->takes, now))) {
        Baton__Assign nothing = BATON__ASSIGN__INIT;
        answer_take(front, take, &nothing);
    }
}

void
assign_dismiss(struct front *front)
{
    end_takes(front, INT64_MAX);
}

/* ---- sessions ---- */

struct serving {
    struct session *session;
    struct gathered gathered;
    bool is_done;
};

static bool
may_serve(const struct front *front, const struct session *session)
{
    return session->blocked_until <= front->now && core_has_ready(front->core, session->roles) &&
           !core_worker_is_draining(front->core, session->worker);
}

/* Sends what was gathered, in as many messages as its size asks for. */
static void
send_gathered(struct front *front, struct serving *serving)
{
    struct session *session = serving->session;
    struct gathered *gathered = &serving->gathered;
    size_t begin = 0;
    while (begin < gathered->n) {
        size_t end = begin;
        size_t bytes = 0;
        do {
            bytes += baton__assignment__get_packed_size(gathered->tasks[end]) + 8;
            end++;
        } while (end < gathered->n && bytes < ASSIGN_MESSAGE_BYTES / 2);
        Baton__Assign assign = BATON__ASSIGN__INIT;
        assign.tasks = gathered->tasks + begin;
        assign.n_tasks = end - begin;
        front_send_assign(front, session->peer, 0, session->worker, &assign);
        begin = end;
    }
    sessions_served(front->sessions, session);
    sessions_set_credit(front->sessions, session,
                        session->credit - MIN(session->credit, (uint32_t)gathered->n));
}

/* Asks the core for up to `quantum` tasks more for one session. *dry has the roles for which there
 * are no more. Returns how many it got. */
static size_t
serve_one(struct front *front, struct serving *serving, uint32_t quantum, uint32_t *dry)
{
    struct session *session = serving->session;
    uint32_t left = session->credit - (uint32_t)serving->gathered.n;
    uint32_t max = MIN(left, quantum);
    if (max == 0 || (session->roles & ~*dry) == 0) {
        serving->is_done = true;
        return 0;
    }
    struct core_request request = front_request(front, "");
    struct core_dispatch dispatch = {
        .worker = session->worker,
        .roles = session->roles,
        .max = max,
        .projects = (const char *const *)session->projects,
        .n_projects = session->n_projects,
    };
    Baton__Assign some = BATON__ASSIGN__INIT;
    if (core_dispatch(front->core, &request, &dispatch, &some) != BATON__CODE__CODE_OK) {
        serving->is_done = true;
        return 0;
    }
    gather(&front->arena, &serving->gathered, &some);
    if (some.n_tasks < max) {
        serving->is_done = true;
        if (session->n_projects == 0) {
            *dry |= session->roles;
        }
    }
    return some.n_tasks;
}

/* Rounds over the hungry sessions: one task each, then two, four, …, so that few tasks are spread
 * and many cost few calls. */
static void
serve_sessions(struct front *front, size_t n_left)
{
    size_t n = 0;
    for (struct session *s = sessions_hungry(front->sessions); s; s = s->hungry_next) {
        n += may_serve(front, s);
    }
    if (n == 0) {
        return;
    }
    struct serving *servings = arena_calloc(&front->arena, n, sizeof *servings);
    size_t i = 0;
    for (struct session *s = sessions_hungry(front->sessions); s; s = s->hungry_next) {
        if (may_serve(front, s)) {
            servings[i++].session = s;
        }
    }
    uint32_t dry = 0;
    uint32_t quantum = n == 1 ? ASSIGN_TURN_MAX : 1;
    bool more = true;
    while (more && n_left > 0) {
        more = false;
        for (i = 0; i < n && n_left > 0; i++) {
            if (!servings[i].is_done) {
                n_left -= MIN(n_left,
                              serve_one(front, &servings[i], (uint32_t)MIN(quantum, n_left), &dry));
                more |= !servings[i].is_done;
            }
        }
        quantum = MIN(quantum * 2, (uint32_t)ASSIGN_TURN_MAX);
    }
    front->assign_wanted = n_left == 0;
    for (i = 0; i < n; i++) {
        if (servings[i].gathered.n > 0) {
            send_gathered(front, &servings[i]);
        }
    }
}

static void
set_capacities(struct front *front)
{
    const struct session_totals *totals = sessions_totals(front->sessions);
    for (int role = 0; role < ROLES_N; role++) {
        uint32_t waiting = front->takes.n_of_role[role];
        core_set_capacity(front->core, role, totals[role].workers + waiting,
                          totals[role].slots + waiting, totals[role].credit + waiting);
    }
}

void
assign_run(struct front *front)
{
    end_takes(front, front->now);
    bool is_due = front->assign_wanted || core_seq(front->core) != front->assign_seq ||
                  front->now >= front->assign_at;
    if (is_due && !front->is_stopping) {
        front->assign_wanted = false;
        size_t n = serve_takes(front);
        if (n < ASSIGN_TURN_MAX) {
            serve_sessions(front, ASSIGN_TURN_MAX - n);
        } else {
            front->assign_wanted = true;
        }
        bool some_wait = sessions_hungry(front->sessions) || front->takes.n > 0;
        front->assign_at = some_wait ? front->now + ASSIGN_AGAIN_MS : INT64_MAX;
        front->assign_seq = core_seq(front->core);
    }
    set_capacities(front);
}

int64_t
assign_next_at(const struct front *front)
{
    return MIN(front->assign_at, takes_next_at(&front->takes));
}
