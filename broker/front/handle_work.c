/* Take and Report: work as seen from outside. */
#include "broker/front/assign.h"

#include "common/alloc.h"
#include "common/limits.h"

#include <stdlib.h>
#include <string.h>

/* ---- take ---- */

static void
set_assign(struct call *call, Baton__FromBroker *reply, const Baton__Assign *assign)
{
    reply->op_case = BATON__FROM_BROKER__OP_ASSIGN;
    reply->assign = arena_memdup(&call->front->arena, assign, sizeof *assign);
}

/* Fills in everything but the asker; borrows. False: refused. */
static bool
read_take(struct call *call, Baton__FromBroker *reply, struct take *ret)
{
    const Baton__Take *ask = call->message->take;
    struct front *front = call->front;
    if (call->message->id == 0) {
        /* Nobody would ever hear of the lease. */
        reply_refuse(call, reply, BATON__CODE__CODE_INVALID, "id", "a take wants an answer");
        return false;
    }
    if (ask->n_roles == 0 && !ask->task) {
        reply_refuse(call, reply, BATON__CODE__CODE_INVALID, "take.roles",
                     "name the roles to take from, or one task");
        return false;
    }
    if (ask->lease_ms < 0 || ask->lease_ms > DURATION_MS_MAX) {
        reply_refuse(call, reply, BATON__CODE__CODE_INVALID, "take.lease_ms",
                     "a lease is 0 ms (30 minutes) to ten years");
        return false;
    }
    uint32_t roles = 0;
    if (!assign_read_roles(call, ask->roles, ask->n_roles, "take.roles", reply, &roles) ||
        !assign_check_projects(call, ask->projects, ask->n_projects, "take.projects", reply)) {
        return false;
    }
    struct core_request request = front_request(front, call->actor);
    uint32_t worker = core_worker(front->core, &request,
                                  ask->worker[0] ? ask->worker : call->actor);
    if (worker == 0) {
        reply_refuse_as(call, reply, &request);
        return false;
    }
    int64_t wait_ms = MAX(MIN(ask->wait_ms, (int64_t)TAKE_WAIT_MS_MAX), 0);
    *ret = (struct take){
        .worker = worker,
        .roles = ask->n_roles > 0 ? roles : (1u << ROLES_N) - 1,
        .max = ask->max ? MIN(ask->max, (uint32_t)SLOTS_MAX) : 1,
        .lease_ms = ask->lease_ms ? ask->lease_ms : TAKE_LEASE_MS,
        .until = front->now + wait_ms,
        .projects = ask->projects,
        .n_projects = ask->n_projects,
    };
    return true;
}

static enum answered
park(struct call *call, Baton__FromBroker *reply, const struct take *from)
{
    struct take *take = xmemdup(from, sizeof *from);
    take->asker = asker_of(call);
    take->projects = xcalloc(from->n_projects, sizeof(char *));
    for (size_t i = 0; i < from->n_projects; i++) {
        take->projects[i] = xstrdup(from->projects[i]);
    }
    if (!takes_add(&call->front->takes, take)) {
        take_free(take);
        return reply_refuse(call, reply, BATON__CODE__CODE_BUSY, "",
                            "%d others wait for work already; ask again a little later",
                            (int)TAKES_MAX);
    }
    return ANSWER_LATER;
}

enum answered
handle_take(struct call *call, Baton__FromBroker *reply)
{
    struct front *front = call->front;
    const Baton__Take *ask = call->message->take;
    if (front->is_stopping) {
        return reply_refuse(call, reply, BATON__CODE__CODE_BUSY, "",
                            "the broker is stopping; ask again a little later");
    }
    struct take take;
    if (!read_take(call, reply, &take)) {
        return ANSWER_NOW;
    }
    Baton__Assign assign = BATON__ASSIGN__INIT;
    struct core_request request = front_request(front, call->actor);
    if (assign_take(front, &request, &take, ask->task, &assign) != BATON__CODE__CODE_OK) {
        return reply_refuse_as(call, reply, &request);
    }
    if (assign.n_tasks == 0 && take.until > front->now && !ask->task) {
        return park(call, reply, &take);
    }
    set_assign(call, reply, &assign);
    return assign.n_tasks > 0 ? ANSWER_NOW : ANSWER_NOW_FORGET;
}

/* ---- report ---- */

enum answered
handle_report(struct call *call, Baton__FromBroker *reply)
{
    struct front *front = call->front;
    const Baton__Report *report = call->message->report;
    if (report->n_lines > REPORT_LINES_MAX) {
        return reply_refuse(call, reply, BATON__CODE__CODE_TOO_LARGE, "report.lines",
                            "a report has at most %d lines; send several", (int)REPORT_LINES_MAX);
    }
    size_t n = report->n_lines;
    Baton__Reported *reported = arena_alloc(&front->arena, sizeof *reported);
    *reported = (Baton__Reported)BATON__REPORTED__INIT;
    reported->n_lines = n;
    reported->lines = arena_alloc(&front->arena, (n + 1) * sizeof(Baton__LineReply *));
    Baton__LineReply *lines = arena_alloc(&front->arena, (n + 1) * sizeof *lines);
    struct core_request request = front_request(front, call->actor);
    uint32_t worker = call->session ? call->session->worker : 0;
    for (size_t i = 0; i < n; i++) {
        lines[i] = (Baton__LineReply)BATON__LINE_REPLY__INIT;
        reported->lines[i] = &lines[i];
        core_report_line(front->core, &request, worker, report->lines[i], &lines[i]);
        front->counters.n[COUNT_REPORTS_STALE] += lines[i].code == BATON__CODE__CODE_STALE_TOKEN;
    }
    front_count(front, COUNT_REPORT_LINES, n);
    reply->op_case = BATON__FROM_BROKER__OP_REPORTED;
    reply->reported = reported;
    return ANSWER_NOW;
}
