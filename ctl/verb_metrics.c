/* baton metrics: how well the roles do in a window of time, against the targets. */
#include "common/units.h"
#include "ctl/metrics.h"
#include "ctl/table.h"

#include <inttypes.h>
#include <string.h>

enum { OPTION_WINDOW = 256, OPTION_ROLE };

#define HOUR_MS INT64_C(3600000)

struct form {
    struct baton_metrics_query query;
    const char *roles[6];
    bool missed;
};

static bool
take_window(struct form *form, struct ctl *ctl, const char *text)
{
    int64_t ms = 0;
    if (strcmp(text, "all") == 0) {
        form->query.window_ms = 0;
        return true;
    }
    if (!ctl_take_duration(ctl, "--window", text, &ms)) {
        return false;
    }
    if (ms <= 0 || ms > 31 * 24 * HOUR_MS) {
        ctl->status = ctl_usage(ctl, "--window: at most 31d, or all");
        return false;
    }
    form->query.window_ms = (ms + HOUR_MS - 1) / HOUR_MS * HOUR_MS;
    return true;
}

static bool
take_options(struct form *form, struct ctl *ctl, int argc, char **argv)
{
    static const struct option options[] = {
        {"window", required_argument, NULL, OPTION_WINDOW},
        {"role", required_argument, NULL, OPTION_ROLE},
        {0},
    };
    form->query.window_ms = 7 * 24 * HOUR_MS;
    form->query.roles = form->roles;
    for (int option; (option = ctl_getopt(ctl, argc, argv, "", options)) != -1;) {
        if (option == OPTION_WINDOW && take_window(form, ctl, optarg)) {
            continue;
        }
        if (option != OPTION_ROLE || form->query.n_roles == ARRAY_LEN(form->roles) ||
            !ctl_take_role(ctl, optarg, &form->roles[form->query.n_roles])) {
            return false;
        }
        form->query.n_roles++;
    }
    if (optind < argc) {
        ctl->status = ctl_usage(ctl, "%s was not expected", argv[optind]);
        return false;
    }
    if (ctl->project_given) {
        form->query.projects = &ctl->project;
        form->query.n_projects = 1;
    }
    return true;
}

/* ---- JSON ---- */

static json_t *
counted_json(const struct baton_metrics *m)
{
    json_t *object = json_object();
    const struct {
        const char *key;
        uint64_t n;
    } numbers[] = {
        {"tasks_ended", m->ended},
        {"tasks_done", m->done},
        {"tasks_on_time", m->on_time},
        {"handoffs_accepted", m->accepted},
        {"handoffs_rejected", m->rejected},
        {"handoffs_unanswered", m->unanswered},
        {"blockers_resolved", m->resolved},
        {"blockers_overdue", m->overdue},
        {"blocker_longest_ms", (uint64_t)m->resolved_ms_max},
    };
    if (m->project) {
        json_object_set_new(object, "project", ctl_json_text(m->project));
    }
    if (m->role) {
        json_object_set_new(object, "role", m->role[0] ? ctl_json_text(m->role) : json_null());
    }
    for (size_t i = 0; i < METRICS_N; i++) {
        double value;
        bool known = metrics_value(m, i, &value);
        json_object_set_new(object, metrics_known[i].name, known ? json_real(value) : json_null());
    }
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        json_object_set_new(object, numbers[i].key, json_integer((json_int_t)numbers[i].n));
    }
    return object;
}

static json_t *
target_json(const struct target *t)
{
    json_t *object = json_object();
    json_object_set_new(object, "project", ctl_json_text(t->project));
    json_object_set_new(object, "name", ctl_json_text(t->name));
    json_object_set_new(object, "role", t->role[0] ? ctl_json_text(t->role) : json_null());
    json_object_set_new(object, "bound", ctl_json_text(t->bound));
    json_object_set_new(object, "target", json_real(t->wanted));
    json_object_set_new(object, "unit", ctl_json_text(t->unit));
    json_object_set_new(object, "value",
                        t->verdict != TARGET_UNKNOWN ? json_real(t->value) : json_null());
    json_object_set_new(object, "met",
                        t->verdict == TARGET_UNKNOWN ? json_null()
                                                     : json_boolean(t->verdict == TARGET_MET));
    return object;
}

static json_t *
sum_json(const struct baton_measure_sum *sum)
{
    json_t *object = json_object();
    json_object_set_new(object, "project", ctl_json_text(sum->project));
    json_object_set_new(object, "role", sum->role[0] ? ctl_json_text(sum->role) : json_null());
    json_object_set_new(object, "name", ctl_json_text(sum->name));
    json_object_set_new(object, "unit", ctl_json_text(sum->unit));
    json_object_set_new(object, "n", json_integer((json_int_t)sum->n));
    json_object_set_new(object, "sum", json_real(sum->sum));
    json_object_set_new(object, "last", json_real(sum->last));
    json_object_set_new(object, "last_at", ctl_json_time(sum->last_at));
    return object;
}

static void
print_json(struct ctl *ctl, const baton_metrics_reply *reply, const struct targets *targets)
{
    json_t *object = json_object();
    json_t *rows = json_array(), *judged = json_array(), *sums = json_array();
    struct baton_metrics total = metrics_add(reply, NULL, NULL);
    for (size_t i = 0; i < reply->n_rows; i++) {
        json_array_append_new(rows, counted_json(&reply->rows[i]));
    }
    for (size_t i = 0; i < targets->n; i++) {
        json_array_append_new(judged, target_json(&targets->list[i]));
    }
    for (size_t i = 0; i < reply->n_sums; i++) {
        json_array_append_new(sums, sum_json(&reply->sums[i]));
    }
    json_object_set_new(object, "now", ctl_json_time(reply->now));
    json_object_set_new(object, "since", ctl_json_time(reply->since));
    json_object_set_new(object, "total", counted_json(&total));
    json_object_set_new(object, "rows", rows);
    json_object_set_new(object, "targets", judged);
    json_object_set_new(object, "measures", sums);
    json_object_set_new(object, "sums_full", json_boolean(reply->sums_full));
    json_object_set_new(object, "partial", json_boolean(reply->partial));
    ctl_print_json(ctl, object);
}

/* ---- for people ---- */

static void
add_cell(struct table *table, const struct baton_metrics *m, size_t metric, uint64_t n, uint64_t of,
         bool counts)
{
    double value;
    char text[64];
    if (!metrics_value(m, metric, &value)) {
        table_add(table, "-");
    } else if (counts) {
        table_addf(table, "%s (%" PRIu64 "/%" PRIu64 ")",
                   metric_format(value, metrics_known[metric].unit, text, sizeof text), n, of);
    } else {
        table_add(table, metric_format(value, metrics_known[metric].unit, text, sizeof text));
    }
}

static void
add_row(struct table *table, const char *name, const struct baton_metrics *m)
{
    table_add(table, name);
    add_cell(table, m, 0, m->on_time, m->ended, true);
    add_cell(table, m, 1, m->accepted, m->accepted + m->rejected + m->unanswered, true);
    add_cell(table, m, 2, 0, 0, false);
    table_add_number(table, m->overdue);
    add_cell(table, m, 3, 0, 0, false);
}

static void
print_rows(struct ctl *ctl, const baton_metrics_reply *reply)
{
    static const struct table_column columns[] = {
        {"ROLE", false, false},    {"ON TIME", true, false}, {"HANDOFFS", true, false},
        {"BLOCKERS", true, false}, {"OVERDUE", true, false}, {"COVERAGE", true, false},
    };
    struct table table;
    table_init(&table, columns, ARRAY_LEN(columns));
    for (const char *const *role = baton_roles(); *role; role++) {
        struct baton_metrics m = metrics_add(reply, NULL, *role);
        if (m.ended || m.accepted || m.rejected || m.unanswered || m.resolved) {
            add_row(&table, *role, &m);
        }
    }
    struct baton_metrics total = metrics_add(reply, NULL, NULL);
    add_row(&table, "all", &total);
    table_print(&table, ctl);
    table_fini(&table);
}

static void
print_targets(struct ctl *ctl, const struct targets *targets)
{
    static const struct table_column columns[] = {
        {"TARGET", false, true}, {"ROLE", false, false}, {"WANTED", false, false},
        {"IS", true, false},     {"", false, false},
    };
    if (targets->n == 0) {
        return;
    }
    struct table table;
    table_init(&table, columns, ARRAY_LEN(columns));
    for (size_t i = 0; i < targets->n; i++) {
        const struct target *t = &targets->list[i];
        char wanted[64], value[64];
        table_add(&table, t->name);
        table_add(&table, t->role[0] ? t->role : "all");
        table_addf(&table, "%s %s", t->bound,
                   metric_format(t->wanted, t->unit, wanted, sizeof wanted));
        table_add(&table, t->verdict == TARGET_UNKNOWN
                              ? "-"
                              : metric_format(t->value, t->unit, value, sizeof value));
        table_add(&table, verdict_word(t->verdict));
    }
    ctl_print(ctl, "\n");
    table_print(&table, ctl);
    table_fini(&table);
}

static void
print_sums(struct ctl *ctl, const baton_metrics_reply *reply)
{
    static const struct table_column columns[] = {
        {"MEASURE", false, true}, {"ROLE", false, false}, {"PROJECT", false, true},
        {"TIMES", true, false},   {"SUM", true, false},   {"LAST", true, false},
    };
    if (reply->n_sums == 0) {
        return;
    }
    struct table table;
    table_init(&table, columns, ARRAY_LEN(columns));
    for (size_t i = 0; i < reply->n_sums; i++) {
        const struct baton_measure_sum *sum = &reply->sums[i];
        char total[64], last[64];
        table_add(&table, sum->name);
        table_add(&table, sum->role);
        table_add(&table, sum->project);
        table_add_number(&table, sum->n);
        table_add(&table, metric_format(sum->sum, sum->unit, total, sizeof total));
        table_add(&table, metric_format(sum->last, sum->unit, last, sizeof last));
    }
    ctl_print(ctl, "\nMeasures, ever\n");
    table_print(&table, ctl);
    table_fini(&table);
}

int
verb_metrics(struct ctl *ctl, int argc, char **argv)
{
    struct form form = {0};
    struct targets targets;
    baton_metrics_reply *reply = NULL;
    if (!take_options(&form, ctl, argc, argv)) {
        return ctl->status;
    }
    int status = ctl_connect(ctl);
    if (status != CTL_YES) {
        return status;
    }
    baton_status answer = baton_get_metrics(ctl->baton, &form.query, &reply);
    if (answer != BATON_OK) {
        return ctl_fail_status(ctl, answer);
    }
    if (!targets_read(ctl, reply, form.query.projects, form.query.n_projects, &targets)) {
        baton_metrics_reply_free(reply);
        return ctl->status;
    }
    if (ctl->json) {
        print_json(ctl, reply, &targets);
    } else {
        print_rows(ctl, reply);
        print_targets(ctl, &targets);
        print_sums(ctl, reply);
    }
    for (size_t i = 0; i < targets.n; i++) {
        form.missed |= targets.list[i].verdict == TARGET_MISSED;
    }
    targets_fini(&targets);
    baton_metrics_reply_free(reply);
    return form.missed ? CTL_NO : CTL_YES;
}
