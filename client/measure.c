/* Metrics, leases, and measures on their way to the broker. */
#include "client/measure.h"

#include "client/handle.h"
#include "client/view.h"

bool
measures_to_messages(const struct baton_measure *measures, size_t n, struct measure_messages *ret)
{
    if (n > MEASURES_MAX) {
        return false;
    }
    ret->n = n;
    for (size_t i = 0; i < n; i++) {
        ret->measures[i] = (Baton__Measure)BATON__MEASURE__INIT;
        ret->measures[i].name = pb_text(measures[i].name);
        ret->measures[i].value = measures[i].value;
        ret->measures[i].unit = pb_text(measures[i].unit);
        ret->list[i] = &ret->measures[i];
    }
    return true;
}

static bool
reply_fill(struct record *record, const Baton__MetricsReply *m, baton_metrics_reply *reply)
{
    static const Baton__Metrics nothing = BATON__METRICS__INIT;
    static const Baton__MeasureSum no_sum = BATON__MEASURE_SUM__INIT;
    struct baton_metrics *rows = record_array(record, m->n_rows, sizeof *rows);
    struct baton_measure_sum *sums = record_array(record, m->n_sums, sizeof *sums);
    if (!rows || !sums) {
        return false;
    }
    for (size_t i = 0; i < m->n_rows; i++) {
        const Baton__Metrics *r = m->rows[i]->metrics ? m->rows[i]->metrics : &nothing;
        rows[i] = (struct baton_metrics){
            .project = m->rows[i]->project,
            .role = m->rows[i]->role,
            .ended = r->ended,
            .done = r->done,
            .on_time = r->on_time,
            .accepted = r->accepted,
            .rejected = r->rejected,
            .unanswered = r->unanswered,
            .resolved = r->resolved,
            .resolved_ms = r->resolved_ms,
            .resolved_ms_max = r->resolved_ms_max,
            .overdue = r->overdue,
            .coverage = r->coverage,
            .lines = r->lines,
            .coverage_plain = r->coverage_plain,
            .n_plain = r->n_plain,
        };
    }
    for (size_t i = 0; i < m->n_sums; i++) {
        const Baton__MeasureSum *s = m->sums[i]->sum ? m->sums[i]->sum : &no_sum;
        sums[i] = (struct baton_measure_sum){
            .project = m->sums[i]->project,
            .role = m->sums[i]->role,
            .name = s->name,
            .unit = s->unit,
            .n = s->n,
            .sum = s->sum,
            .last = s->last,
            .last_at = s->last_at,
        };
    }
    *reply = (baton_metrics_reply){
        .now = m->now,
        .since = m->since,
        .rows = rows,
        .n_rows = m->n_rows,
        .sums = sums,
        .n_sums = m->n_sums,
        .event = m->event,
        .sums_full = m->sums_full,
        .partial = m->partial,
    };
    return true;
}

baton_status
baton_get_metrics(baton *b, const struct baton_metrics_query *query,
                  baton_metrics_reply **ret_reply)
{
    static const struct baton_metrics_query all;
    query = query ? query : &all;
    Baton__MetricsRequest m = BATON__METRICS_REQUEST__INIT;
    m.projects = pb_texts(query->projects);
    m.n_projects = query->n_projects;
    m.roles = pb_texts(query->roles);
    m.n_roles = query->n_roles;
    m.window_ms = query->window_ms;
    Baton__ToBroker message = BATON__TO_BROKER__INIT;
    message.op_case = BATON__TO_BROKER__OP_METRICS;
    message.metrics = &m;
    struct ask ask = {
        .message = &message,
        .answer = BATON__FROM_BROKER__OP_METRICS,
        .public_bytes = sizeof(baton_metrics_reply),
    };
    struct answer answer;
    baton_status status = request(b, &ask, &answer);
    if (status) {
        return status;
    }
    baton_metrics_reply *reply = record_public(answer.record);
    if (!reply_fill(answer.record, answer.message->metrics, reply)) {
        return no_memory(b, answer.record);
    }
    *ret_reply = reply;
    return BATON_OK;
}

void
baton_metrics_reply_free(baton_metrics_reply *reply)
{
    record_free(record_of(reply));
}

baton_status
baton_check_token(baton *b, uint64_t token, baton_token_view **ret_view)
{
    Baton__CheckToken m = BATON__CHECK_TOKEN__INIT;
    m.token = token;
    Baton__ToBroker message = BATON__TO_BROKER__INIT;
    message.op_case = BATON__TO_BROKER__OP_CHECK_TOKEN;
    message.check_token = &m;
    struct ask ask = {
        .message = &message,
        .answer = BATON__FROM_BROKER__OP_TOKEN,
        .public_bytes = sizeof(baton_token_view),
    };
    struct answer answer;
    baton_status status = request(b, &ask, &answer);
    if (status) {
        return status;
    }
    const Baton__TokenView *view = answer.message->token;
    baton_token_view *ret = record_public(answer.record);
    *ret = (baton_token_view){
        .live = view->live,
        .task = ref_from_message(view->task),
        .role = view->role,
        .state = (baton_state)view->state,
        .worker = view->worker,
        .lease_until = view->lease_until,
    };
    *ret_view = ret;
    return BATON_OK;
}

void
baton_token_view_free(baton_token_view *view)
{
    record_free(record_of(view));
}

/* ---- budgets ---- */

struct baton_budget *
budgets_from_messages(struct record *record, Baton__BudgetView *const *m, size_t n)
{
    struct baton_budget *budgets = record_array(record, n, sizeof *budgets);
    for (size_t i = 0; budgets && i < n; i++) {
        struct baton_budget_limit *limits = record_array(record, m[i]->n_limits, sizeof *limits);
        for (size_t k = 0; limits && k < m[i]->n_limits; k++) {
            const Baton__BudgetLimit *l = m[i]->limits[k];
            limits[k] = (struct baton_budget_limit){.name = l->name,
                                                    .unit = l->unit,
                                                    .limit = l->limit,
                                                    .used = l->used,
                                                    .reserved = l->reserved};
        }
        budgets[i] = (struct baton_budget){
            .number = m[i]->number,
            .name = m[i]->name,
            .project = m[i]->project,
            .role = m[i]->role,
            .task = m[i]->task,
            .owner = m[i]->owner,
            .everywhere = m[i]->everywhere,
            .hard = m[i]->hard,
            .day_ends_at = m[i]->day_ends_at,
            .spent = m[i]->spent,
            .limits = limits,
            .n_limits = limits ? m[i]->n_limits : 0,
        };
    }
    return record->failed ? NULL : budgets;
}

baton_status
baton_budgets(baton *b, const struct baton_ref *task, const char *project, const char *name,
              baton_budget_list **ret_list)
{
    Baton__Ref ref = BATON__REF__INIT;
    Baton__BudgetsRequest m = BATON__BUDGETS_REQUEST__INIT;
    if (task) {
        ref.project = pb_text(task->project);
        ref.id = pb_text(task->id);
        m.task = &ref;
    }
    m.project = pb_text(project);
    m.name = pb_text(name);
    Baton__ToBroker message = BATON__TO_BROKER__INIT;
    message.op_case = BATON__TO_BROKER__OP_BUDGETS;
    message.budgets = &m;
    struct ask ask = {
        .message = &message,
        .answer = BATON__FROM_BROKER__OP_BUDGETS,
        .public_bytes = sizeof(baton_budget_list),
    };
    struct answer answer;
    baton_status status = request(b, &ask, &answer);
    if (status) {
        return status;
    }
    const Baton__BudgetList *list = answer.message->budgets;
    baton_budget_list *ret = record_public(answer.record);
    ret->budgets = budgets_from_messages(answer.record, list->budgets, list->n_budgets);
    ret->n_budgets = list->n_budgets;
    ret->event = list->event;
    if (!ret->budgets) {
        return no_memory(b, answer.record);
    }
    *ret_list = ret;
    return BATON_OK;
}

void
baton_budget_list_free(baton_budget_list *list)
{
    record_free(record_of(list));
}
