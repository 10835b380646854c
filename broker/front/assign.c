#include "broker/front/assign.h"
#include "broker/front/work_wire.h"

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
            reply_refuse(call, reply, BATON__CODE__CODE_UNKNOWN_ROLE, field,
                         "no role is called %s; the roles are infra, backend, frontend, realtime, "
                         "integration, testing",
                         log_quote(names[i]).s);
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
        reply_refuse(call, reply, BATON__CODE__CODE_TOO_LARGE, field,
                     "at most %d projects are named", (int)NAMED_MAX);
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (!name_is_valid(names[i], NAME_BYTES_MAX)) {
            reply_refuse(call, reply, BATON__CODE__CODE_INVALID, field,
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
    size_t *sizes;             /* of each, packed */
    size_t n, room;
    size_t bytes; /* all together */
};

static void
grow(struct arena *arena, struct gathered *gathered, size_t n)
{
    if (n <= gathered->room) {
        return;
    }
    size_t room = MAX(gathered->room * 2, n);
    Baton__Assignment **tasks = arena_alloc(arena, room * sizeof(Baton__Assignment *));
    size_t *sizes = arena_alloc(arena, room * sizeof *sizes);
    if (gathered->n > 0) {
        memcpy(tasks, gathered->tasks, gathered->n * sizeof(Baton__Assignment *));
        memcpy(sizes, gathered->sizes, gathered->n * sizeof *sizes);
    }
    gathered->tasks = tasks;
    gathered->sizes = sizes;
    gathered->room = room;
}

/* Returns the bytes that were added. */
static size_t
gather(struct arena *arena, struct gathered *gathered, const Baton__Assign *more)
{
    size_t before = gathered->bytes;
    grow(arena, gathered, gathered->n + more->n_tasks);
    for (size_t i = 0; i < more->n_tasks; i++) {
        size_t bytes = work_assignment_bytes(more->tasks[i]) + 8;
        gathered->tasks[gathered->n] = more->tasks[i];
        gathered->sizes[gathered->n++] = bytes;
        gathered->bytes += bytes;
    }
    return gathered->bytes - before;
}

/* ---- takes ---- */

/* What is left of a turn's measure. */
struct measure {
    size_t tasks;
    size_t bytes;
    uint32_t dry; /* roles that have no more that can run now */
};

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
        (void)gather(&front->arena, &gathered, &some);
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

static void
serve_takes(struct front *front, struct measure *left)
{
    struct take *next;
    for (struct take *take = front->takes.first; take && left->tasks > 0 && left->bytes > 0;
         take = next) {
        next = take->next;
        if ((take->roles & ~left->dry) == 0 || !core_has_ready(front->core, take->roles)) {
            continue;
        }
        struct core_request request = front_request(front, take->asker.actor);
        Baton__Assign assign = BATON__ASSIGN__INIT;
        if (assign_take(front, &request, take, NULL, &assign) != BATON__CODE__CODE_OK) {
            continue;
        }
        left->tasks -= MIN(left->tasks, assign.n_tasks);
        left->bytes -= MIN(left->bytes, (size_t)TAKE_MESSAGE_BYTES * (assign.n_tasks > 0));
        if (assign.n_tasks == 0) {
            left->dry |= take->n_projects == 0 ? take->roles : 0;
        } else {
            answer_take(front, take, &assign);
        }
    }
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
    locks_dismiss(front);
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
            bytes += gathered->sizes[end++];
        } while (end < gathered->n && bytes < ASSIGN_MESSAGE_BYTES);
        Baton__Assign assign = BATON__ASSIGN__INIT;
        assign.tasks = gathered->tasks + begin;
        assign.n_tasks = end - begin;
        front_send_assign(front, session->peer, 0, session->worker, &assign);
        begin = end;
    }
    sessions_served(front->sessions, session, (uint32_t)gathered->n);
}

/* Asks the core for up to `quantum` tasks more for one session. */
static void
serve_one(struct front *front, struct serving *serving, size_t quantum, struct measure *left)
{
    struct session *session = serving->session;
    uint32_t credit = session->credit - (uint32_t)serving->gathered.n;
    uint32_t max = (uint32_t)MIN(MIN((size_t)credit, quantum), left->tasks);
    if (credit == 0 || (session->roles & ~left->dry) == 0) {
        serving->is_done = true;
        return;
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
        return;
    }
    size_t bytes = gather(&front->arena, &serving->gathered, &some);
    left->bytes -= MIN(left->bytes, bytes);
    left->tasks -= MIN(left->tasks, some.n_tasks);
    if (some.n_tasks < max) {
        serving->is_done = true;
        left->dry |= session->n_projects == 0 ? session->roles : 0;
    }
}

/* Those that may get something, least recently served first. */
static struct serving *
find_hungry(struct front *front, size_t *ret_n)
{
    size_t n = 0;
    for (struct session *s = sessions_hungry(front->sessions); s; s = s->hungry_next) {
        n += may_serve(front, s);
    }
    struct serving *servings = arena_calloc(&front->arena, n + 1, sizeof *servings);
    size_t i = 0;
    for (struct session *s = sessions_hungry(front->sessions); s; s = s->hungry_next) {
        if (may_serve(front, s)) {
            servings[i++].session = s;
        }
    }
    *ret_n = n;
    return servings;
}

/* Rounds over the hungry sessions: one task each, then two, four, …, so that few tasks are spread
 * and many cost few calls. */
static void
serve_sessions(struct front *front, struct measure *left)
{
    size_t n;
    struct serving *servings = find_hungry(front, &n);
    size_t quantum = n == 1 ? ASSIGN_STEP : 1;
    bool more = n > 0;
    while (more && left->tasks > 0 && left->bytes > 0) {
        more = false;
        for (size_t i = 0; i < n && left->tasks > 0 && left->bytes > 0; i++) {
            if (!servings[i].is_done) {
                serve_one(front, &servings[i], quantum, left);
                more |= !servings[i].is_done;
            }
        }
        quantum = MIN(quantum * 2, (size_t)ASSIGN_STEP);
    }
    for (size_t i = 0; i < n; i++) {
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
        struct measure left = {.tasks = ASSIGN_TURN_MAX, .bytes = ASSIGN_TURN_BYTES};
        serve_takes(front, &left);
        serve_sessions(front, &left);
        front->assign_wanted = left.tasks == 0 || left.bytes == 0;
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
