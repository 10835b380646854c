/* /metrics: the broker's numbers in Prometheus' words. Labels are roles, states and the like, and a
 * bounded number of projects; never ids of tasks. */
#include "ctl/metrics.h"
#include "common/words.h"
#include "ctl/web/exposition.h"
#include "ctl/web/web.h"

#include <string.h>

/* ---- families with one sample ---- */

static void
gauge(struct exposition *e, const char *name, const char *unit, const char *help, double value)
{
    expose_family(e, EXPOSE_GAUGE, name, unit, help);
    expose_real(e, NULL, value);
}

static void
count(struct exposition *e, enum exposition_type type, const char *name, const char *unit,
      const char *help, uint64_t value)
{
    expose_family(e, type, name, unit, help);
    expose_number(e, NULL, value);
}

static double
age_s(int64_t since, int64_t now)
{
    return since > 0 && now > since ? (double)(now - since) / 1e3 : 0;
}

static void
put_broker(struct exposition *e, const baton_broker_status *s)
{
    expose_family(e, EXPOSE_INFO, "baton_build", "", "The broker's version.");
    expose_number(e, (const char *const[]){"version", s->version, NULL}, 1);
    gauge(e, "baton_start_time_seconds", "seconds", "When the broker began, since 1970.",
          (double)s->started_at / 1e3);
    count(e, EXPOSE_GAUGE, "baton_epoch", "", "The broker's lives on this store.", s->epoch);
    gauge(e, "baton_recovery_seconds", "seconds",
          "How long the broker's start took, from opening the store to listening.",
          (double)s->recovery_us / 1e6);
    count(e, EXPOSE_GAUGE, "baton_accepting", "", "1 while the broker takes new tasks.",
          s->accepting);
    count(e, EXPOSE_GAUGE, "baton_pauses", "", "Pauses and drains in force.", s->n_pauses);
    count(e, EXPOSE_GAUGE, "baton_memory_bytes", "bytes", "What the tasks take in memory, about.",
          s->memory_bytes);
    count(e, EXPOSE_GAUGE, "baton_workers", "", "Workers that are connected.", s->n_workers);
    count(e, EXPOSE_GAUGE, "baton_sessions", "", "Workers and waiting clients.", s->n_sessions);
}

static void
put_store(struct exposition *e, const baton_broker_status *s)
{
    count(e, EXPOSE_GAUGE, "baton_journal_bytes", "bytes",
          "Of the journal behind the snapshot in force.", s->journal_bytes);
    count(e, EXPOSE_GAUGE, "baton_snapshot_bytes", "bytes", "Of the snapshot in force.",
          s->snapshot_bytes);
    count(e, EXPOSE_GAUGE, "baton_store_free_bytes", "bytes", "Free on the store's disk.",
          s->free_bytes);
    count(e, EXPOSE_COUNTER, "baton_facts", "", "Facts ever journaled on this store.",
          s->journal_seq);
    count(e, EXPOSE_COUNTER, "baton_events", "", "Events ever made on this store.", s->event);
    count(e, EXPOSE_GAUGE, "baton_feed_lag_events", "",
          "Events that are not yet published, since they are not yet on the disk.",
          s->event - MIN(s->feed_event, s->event));
}

/* ---- by role ---- */

static void
role_family(struct exposition *e, const baton_broker_status *s, const char *name, const char *help,
            uint64_t (*of)(const struct baton_role_status *))
{
    expose_family(e, EXPOSE_GAUGE, name, "", help);
    for (size_t i = 0; i < s->n_roles; i++) {
        expose_number(e, (const char *const[]){"role", s->roles[i].role, NULL}, of(&s->roles[i]));
    }
}

static uint64_t
workers_of(const struct baton_role_status *role)
{
    return role->workers;
}

static uint64_t
slots_of(const struct baton_role_status *role)
{
    return role->slots;
}

static uint64_t
credit_of(const struct baton_role_status *role)
{
    return role->credit;
}

static uint64_t
paused_of(const struct baton_role_status *role)
{
    return role->paused;
}

static void
put_tasks(struct exposition *e, const baton_broker_status *s)
{
    expose_family(e, EXPOSE_GAUGE, "baton_tasks", "",
                  "Tasks by role and state, archived ones too.");
    for (size_t i = 0; i < s->n_roles; i++) {
        const struct baton_role_status *role = &s->roles[i];
        const struct {
            const char *state;
            uint64_t n;
        } states[] = {
            {"waiting", role->waiting}, {"ready", role->ready},   {"running", role->running},
            {"done", role->done},       {"failed", role->failed}, {"cancelled", role->cancelled},
        };
        for (size_t k = 0; k < ARRAY_LEN(states); k++) {
            expose_number(e,
                          (const char *const[]){"role", role->role, "state", states[k].state, NULL},
                          states[k].n);
        }
    }
    count(e, EXPOSE_GAUGE, "baton_tasks_in_memory", "", "Tasks that are not archived.", s->n_tasks);
    count(e, EXPOSE_GAUGE, "baton_tasks_archived", "", "Tasks that left the memory.",
          s->n_archived);
}

static void
put_roles(struct exposition *e, const baton_broker_status *s)
{
    put_tasks(e, s);
    expose_family(e, EXPOSE_GAUGE, "baton_ready_oldest_age_seconds", "seconds",
                  "How long the oldest ready task has been ready; 0: none is.");
    for (size_t i = 0; i < s->n_roles; i++) {
        expose_real(e, (const char *const[]){"role", s->roles[i].role, NULL},
                    age_s(s->roles[i].oldest_ready_at, s->now));
    }
    role_family(e, s, "baton_role_workers", "Connected workers that take the role.", workers_of);
    role_family(e, s, "baton_role_slots", "Tasks that they can run at a time.", slots_of);
    role_family(e, s, "baton_role_free_slots", "Tasks that they would take now.", credit_of);
    role_family(e, s, "baton_role_paused", "1 while an operator has paused the role.", paused_of);
}

static void
put_projects(struct exposition *e, const baton_broker_status *s)
{
    count(e, EXPOSE_GAUGE, "baton_projects", "", "Projects that ever had a task.", s->n_projects);
    expose_family(e, EXPOSE_GAUGE, "baton_project_tasks", "",
                  "Tasks by project and state; of the first projects only.");
    for (size_t i = 0; i < MIN(s->n_projects, (size_t)WEB_PROJECTS_MAX); i++) {
        const struct baton_project_status *p = &s->projects[i];
        expose_number(e, (const char *const[]){"project", p->project, "state", "open", NULL},
                      p->open);
        expose_number(e, (const char *const[]){"project", p->project, "state", "done", NULL},
                      p->done);
        expose_number(e, (const char *const[]){"project", p->project, "state", "failed", NULL},
                      p->failed);
    }
}

/* ---- what happened since the broker began ---- */

static void
put_counts(struct exposition *e, const baton_broker_status *s, const char *of, const char *name,
           const char *help, const char *label)
{
    expose_family(e, EXPOSE_COUNTER, name, "", help);
    for (size_t i = 0; i < s->n_counts; i++) {
        const struct baton_count *c = &s->counts[i];
        if (strcmp(c->name, of) != 0) {
            continue;
        }
        const char *labels[5] = {NULL};
        size_t n = 0;
        if (c->role[0]) {
            labels[n++] = "role";
            labels[n++] = c->role;
        }
        if (label) {
            labels[n++] = label;
            labels[n++] = c->of;
        }
        expose_number(e, labels, c->value);
    }
}

static void
put_lost(struct exposition *e, const baton_broker_status *s)
{
    expose_family(e, EXPOSE_COUNTER, "baton_lease_expired", "",
                  "Leases that ran out: the worker was lost, or did not start in time.");
    for (size_t i = 0; i < s->n_counts; i++) {
        const struct baton_count *c = &s->counts[i];
        if (strcmp(c->name, "attempts") == 0 && strcmp(c->of, "lost") == 0) {
            expose_number(e, (const char *const[]){"role", c->role, NULL}, c->value);
        }
    }
}

static void
put_times(struct exposition *e, const baton_broker_status *s, const char *of, const char *name,
          const char *help)
{
    expose_family(e, EXPOSE_HISTOGRAM, name, "seconds", help);
    for (size_t i = 0; i < s->n_times; i++) {
        const struct baton_times *t = &s->times[i];
        if (strcmp(t->name, of) == 0) {
            const char *labels[] = {t->role[0] ? "role" : NULL, t->role, NULL};
            expose_histogram(e, labels, t->bounds_us, t->counts, t->n_bounds, t->sum_us);
        }
    }
}

static void
put_work(struct exposition *e, const baton_broker_status *s)
{
    put_counts(e, s, "leases", "baton_leases", "Tasks given to workers.", NULL);
    put_counts(e, s, "retries", "baton_retries", "Leases that were not a task's first.", NULL);
    put_lost(e, s);
    put_counts(e, s, "attempts", "baton_attempts", "Attempts that ended, by outcome.", "outcome");
    put_times(e, s, "waits", "baton_claim_wait_seconds",
              "From a task's becoming ready to its first lease.");
    put_times(e, s, "runs", "baton_task_run_seconds", "Of attempts, from start to end.");
    put_times(e, s, "commits", "baton_journal_fsync_seconds", "Of commits, with their sync.");
}

/* ---- the broker's own counters ---- */

static const struct {
    const char *name; /* in the status */
    const char *family;
    const char *help;
} counter_families[] = {
    {"messages_received", "baton_messages_received", "Messages that came in."},
    {"messages_sent", "baton_messages_sent", "Messages that went out."},
    {"messages_dropped", "baton_messages_dropped", "Messages that could not be read or sent."},
    {"messages_malformed", "baton_messages_malformed", "Messages that were not of the protocol."},
    {"answers_unroutable", "baton_answers_unroutable", "Answers whose asker was gone."},
    {"answers_not_taken", "baton_answers_not_taken", "Answers whose asker did not read."},
    {"requests_refused", "baton_requests_refused", "Requests that were answered with an error."},
    {"requests_replayed", "baton_requests_replayed", "Requests that came again."},
    {"tasks_assigned", "baton_tasks_assigned", "Assignments sent to sessions and takers."},
    {"tasks_given_back", "baton_tasks_given_back", "Assignments that could not be sent."},
    {"report_lines", "baton_report_lines", "Lines of workers' reports."},
    {"reports_stale", "baton_fence_rejected",
     "Lines of reports under a lease that was no longer theirs."},
    {"connections_refused", "baton_connections_refused",
     "Connections for which there was no descriptor."},
    {"sessions_opened", "baton_sessions_opened", "Workers that came."},
    {"sessions_lost", "baton_sessions_lost", "Workers that were silent for too long."},
    {"events_published", "baton_events_published", "Events sent on the feed."},
    {"snapshots", "baton_snapshots", "Snapshots written."},
    {"turns", "baton_turns", "Turns of the loop."},
    {"turns_behind", "baton_turns_behind", "Turns that came late."},
    {"turns_not_reading", "baton_turns_not_reading", "Turns in which the disk was behind."},
};

static void
put_counters(struct exposition *e, const baton_broker_status *s)
{
    for (size_t i = 0; i < ARRAY_LEN(counter_families); i++) {
        for (size_t k = 0; k < s->n_counters; k++) {
            if (strcmp(s->counters[k].name, counter_families[i].name) == 0) {
                count(e, EXPOSE_COUNTER, counter_families[i].family, "", counter_families[i].help,
                      s->counters[k].value);
            }
        }
    }
}

/* ---- the board ---- */

static void
put_cards(struct exposition *e, const baton_broker_status *s)
{
    uint64_t incidents = 0;
    int64_t oldest_blocker = 0;
    expose_family(e, EXPOSE_GAUGE, "baton_cards", "", "Cards on the board that have not ended.");
    for (size_t i = 0; i < s->n_cards; i++) {
        const struct baton_card_count *c = &s->cards[i];
        expose_number(e, (const char *const[]){"kind", c->kind, "state", c->state, NULL}, c->n);
        incidents += strcmp(c->kind, "incident") == 0 ? c->n : 0;
        if (strcmp(c->kind, "blocker") == 0 && (!oldest_blocker || c->oldest_at < oldest_blocker)) {
            oldest_blocker = c->oldest_at;
        }
    }
    expose_family(e, EXPOSE_GAUGE, "baton_cards_overdue", "", "… of them, past their time.");
    for (size_t i = 0; i < s->n_cards; i++) {
        const struct baton_card_count *c = &s->cards[i];
        expose_number(e, (const char *const[]){"kind", c->kind, "state", c->state, NULL},
                      c->n_overdue);
    }
    gauge(e, "baton_blocker_age_seconds", "seconds",
          "Since the oldest open blocker was raised; 0: none is open.",
          age_s(oldest_blocker, s->now));
    count(e, EXPOSE_GAUGE, "baton_incidents_open", "", "Incidents that are not resolved.",
          incidents);
    put_counts(e, s, "handoff", "baton_handoffs", "Handoffs that ended.", "result");
    put_counts(e, s, "blocker", "baton_blockers", "Blockers that ended.", "result");
    put_counts(e, s, "decision", "baton_decisions", "Decisions that ended.", "result");
    put_counts(e, s, "incident", "baton_incidents", "Incidents that ended.", "result");
}

/* ---- the agents, as `baton metrics` computes it ---- */

static const struct {
    const char *family;
    const char *unit;
    const char *help;
    double per; /* in the unit */
} agent_families[METRICS_N] = {
    {"baton_task_completion_ratio", "ratio", "Tasks done on time, of those that ended in 7 days.",
     100},
    {"baton_handoff_quality_ratio", "ratio", "Handoffs accepted, of those due in 7 days.", 100},
    {"baton_blocker_resolution_seconds", "seconds",
     "Mean from raised to resolved, of the blockers resolved in 7 days.", 1000},
    {"baton_test_coverage_ratio", "ratio", "Lines covered, as attempts of 7 days reported it.",
     100},
};

/* A role of which nothing was counted has no sample. */
static void
put_agents(struct exposition *e, const baton_metrics_reply *agents)
{
    for (size_t i = 0; i < METRICS_N; i++) {
        expose_family(e, EXPOSE_GAUGE, agent_families[i].family, agent_families[i].unit,
                      agent_families[i].help);
        for (size_t r = 0; r < ROLES_N; r++) {
            struct baton_metrics sum = metrics_add(agents, NULL, role_names[r]);
            double value;
            if (metrics_value(&sum, i, &value)) {
                expose_real(e, (const char *const[]){"role", role_names[r], NULL},
                            value / agent_families[i].per);
            }
        }
    }
}

/* ---- budgets and the exporter: families without samples when there is none ---- */

static void
put_budgets(struct exposition *e, const baton_budget_list *budgets)
{
    uint64_t n_spent = 0;
    expose_family(e, EXPOSE_GAUGE, "baton_budget_used_ratio", "ratio",
                  "What is used of a budget's limit; of the first budgets only.");
    for (size_t i = 0; i < budgets->n_budgets; i++) {
        const struct baton_budget *budget = &budgets->budgets[i];
        n_spent += budget->spent;
        for (size_t k = 0; i < WEB_BUDGETS_MAX && k < budget->n_limits; k++) {
            const struct baton_budget_limit *limit = &budget->limits[k];
            const char *labels[] = {"project", budget->project, "budget", budget->name,
                                    "limit",   limit->name,     NULL};
            if (limit->limit > 0) {
                expose_real(e, labels, limit->used / limit->limit);
            }
        }
    }
    count(e, EXPOSE_GAUGE, "baton_budgets_spent", "", "Budgets of which nothing is left.", n_spent);
}

static void
put_exporter(struct exposition *e, const struct baton_exporter_status *exporter)
{
    static const char *const states[] = {"connecting", "loading", "exporting", "idle", "failing"};
    expose_family(e, EXPOSE_GAUGE, "baton_exporter_state", "",
                  "1 for the state that the exporter to PostgreSQL is in.");
    for (size_t i = 0; exporter && i < ARRAY_LEN(states); i++) {
        expose_number(e, (const char *const[]){"state", states[i], NULL},
                      strcmp(states[i], exporter->state) == 0);
    }
    const struct {
        enum exposition_type type;
        const char *name;
        const char *help;
        uint64_t value;
    } numbers[] = {
        {EXPOSE_GAUGE, "baton_exporter_lag_facts", "Facts that are not yet rows.",
         exporter ? exporter->lag_facts : 0},
        {EXPOSE_COUNTER, "baton_exporter_facts", "Facts that became rows.",
         exporter ? exporter->facts : 0},
        {EXPOSE_COUNTER, "baton_exporter_failures", "Failed batches and connections.",
         exporter ? exporter->failures : 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        expose_family(e, numbers[i].type, numbers[i].name, "", numbers[i].help);
        if (exporter) {
            expose_number(e, NULL, numbers[i].value);
        }
    }
    expose_family(e, EXPOSE_GAUGE, "baton_exporter_lag_seconds", "seconds",
                  "Since PostgreSQL last had everything.");
    if (exporter) {
        expose_real(e, NULL, (double)exporter->lag_ms / 1e3);
    }
}

static void
put_broker_families(struct exposition *e, const baton_broker_status *status)
{
    put_broker(e, status);
    put_store(e, status);
    put_roles(e, status);
    put_projects(e, status);
    put_work(e, status);
    put_counters(e, status);
    put_cards(e, status);
    put_exporter(e, status->exporter);
}

void
route_metrics(struct web *web, const struct web_request *request, struct web_reply *reply)
{
    struct exposition e = {
        .out = &reply->body,
        .openmetrics = exposition_wants_openmetrics(request->accept),
    };
    reply->type = e.openmetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                : "text/plain; version=0.0.4; charset=utf-8";
    const baton_broker_status *status = web_status(web);
    count(&e, EXPOSE_GAUGE, "baton_up", "", "1 while the broker answers.", status != NULL);
    if (status) {
        put_broker_families(&e, status);
        const baton_metrics_reply *agents = web_agents(web);
        if (agents) {
            put_agents(&e, agents);
        }
        const baton_budget_list *budgets = web_budgets(web);
        if (budgets) {
            put_budgets(&e, budgets);
        }
    }
    process_expose(&e);
    expose_end(&e);
}
