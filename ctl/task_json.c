/* Tasks as JSON. Keys come in a fixed order; what is not given is null or left out as said. */
#include "ctl/task_json.h"

#include "common/check.h"
#include "ctl/measures.h"
#include "ctl/ref.h"
#include "ctl/verbs.h"

#include <inttypes.h>

/* Sets a key to a new reference; out of memory is a bug of the caller's bounds. */
static void
put(json_t *object, const char *key, json_t *value)
{
    CHECK(value && json_object_set_new(object, key, value) == 0);
}

static json_t *
text_or_null(const char *text)
{
    return text && text[0] ? ctl_json_text(text) : json_null();
}

static json_t *
texts(const char *const *list, size_t n)
{
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++) {
        CHECK(json_array_append_new(array, ctl_json_text(list[i])) == 0);
    }
    return array;
}

json_t *
task_json_token(uint64_t token)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, token);
    return token ? json_string(text) : json_null();
}

json_t *
task_json_ref(const struct baton_ref *ref, const char *at_hand)
{
    char text[CTL_REF_ROOM];
    return ref->id && ref->id[0]
               ? ctl_json_text(ctl_ref_format(ref->project, ref->id, at_hand, text))
               : json_null();
}

static json_t *
refs(const struct baton_ref *list, size_t n, const char *at_hand)
{
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++) {
        CHECK(json_array_append_new(array, task_json_ref(&list[i], at_hand)) == 0);
    }
    return array;
}

static json_t *
depends_on(const baton_spec *spec)
{
    json_t *array = json_array();
    for (size_t i = 0; i < spec->n_after; i++) {
        const struct baton_edge *edge = &spec->after[i];
        struct baton_ref ref = {edge->project && edge->project[0] ? edge->project : spec->project,
                                edge->id};
        CHECK(json_array_append_new(array, task_json_ref(&ref, spec->project)) == 0);
    }
    return array;
}

static const char *
project_of(const baton_spec *spec)
{
    return spec->project && spec->project[0] ? spec->project : CTL_DEFAULT_PROJECT;
}

static const char *
priority_of(const baton_spec *spec)
{
    return baton_priority_name(spec->priority == BATON_PRIORITY_NONE ? BATON_MEDIUM
                                                                     : spec->priority);
}

json_t *
task_json_row(const baton_task *task)
{
    const baton_spec *spec = task->spec;
    json_t *row = json_object();
    put(row, "id", ctl_json_text(spec->id));
    put(row, "project", ctl_json_text(project_of(spec)));
    put(row, "role", text_or_null(spec->role));
    put(row, "state", ctl_json_text(baton_state_name(task->state)));
    put(row, "priority", ctl_json_text(priority_of(spec)));
    put(row, "depends_on", depends_on(spec));
    put(row, "attempt", json_integer(task->attempt));
    put(row, "worker", text_or_null(task->worker));
    put(row, "created_at", ctl_json_time(task->created_at));
    put(row, "started_at", ctl_json_time(task->started_at));
    put(row, "ended_at", ctl_json_time(task->ended_at));
    put(row, "deadline", ctl_json_time(spec->deadline));
    put(row, "title", ctl_json_text(spec->title));
    put(row, "reason", ctl_json_text(baton_reason_name(task->reason)));
    put(row, "reason_text", text_or_null(task->reason_text));
    put(row, "waits_for", text_or_null(task->waits_for));
    put(row, "note", text_or_null(task->note));
    put(row, "rework", json_integer(task->rework));
    put(row, "review_due_at", ctl_json_time(task->review_due));
    put(row, "progress", json_integer(task->progress));
    put(row, "progress_text", text_or_null(task->progress_text));
    put(row, "milestone", json_boolean(spec->milestone));
    put(row, "archived", json_boolean(task->archived));
    put(row, "purged", json_boolean(task->purged));
    put(row, "alert", task->alert ? ctl_json_text(baton_alert_name(task->alert)) : json_null());
    return row;
}

json_t *
task_json_result(const struct baton_result *result)
{
    json_t *object = json_object();
    put(object, "outcome", ctl_json_text(baton_outcome_name(result->outcome)));
    put(object, "summary", text_or_null(result->summary));
    json_t *document = NULL;
    if (result->document_bytes) {
        document = json_loadb(result->document, result->document_bytes, JSON_DECODE_ANY, NULL);
    }
    put(object, "document", document ? document : json_null());
    put(object, "exit_status", json_integer(result->exit_status));
    put(object, "output_tail", text_or_null(result->output_tail));
    put(object, "output_bytes", json_integer((json_int_t)result->output_bytes));
    put(object, "retry_after_ms", json_integer(result->retry_after_ms));
    put(object, "runtime_ms", json_integer(result->runtime_ms));
    return object;
}

static json_t *
edges_json(const baton_spec *spec)
{
    json_t *array = json_array();
    for (size_t i = 0; i < spec->n_after; i++) {
        const struct baton_edge *edge = &spec->after[i];
        json_t *object = json_object();
        put(object, "id", ctl_json_text(edge->id));
        put(object, "project",
            ctl_json_text(edge->project && edge->project[0] ? edge->project : project_of(spec)));
        put(object, "condition", ctl_json_text(baton_condition_name(edge->condition)));
        put(object, "policy", ctl_json_text(baton_policy_name(edge->policy)));
        if (edge->any) {
            put(object, "any", json_integer(edge->any));
        }
        CHECK(json_array_append_new(array, object) == 0);
    }
    return array;
}

static json_t *
claims_json(const baton_spec *spec)
{
    json_t *array = json_array();
    for (size_t i = 0; i < spec->n_claims; i++) {
        json_t *object = json_object();
        put(object, "name", ctl_json_text(spec->claims[i].name));
        put(object, "amount", json_integer(spec->claims[i].amount));
        put(object, "shared", json_boolean(spec->claims[i].shared));
        CHECK(json_array_append_new(array, object) == 0);
    }
    return array;
}

static json_t *
labels_json(const baton_spec *spec)
{
    json_t *object = json_object();
    for (size_t i = 0; i < spec->n_labels; i++) {
        put(object, spec->labels[i].name, ctl_json_text(spec->labels[i].value));
    }
    return object;
}

static void
put_limits(json_t *object, const baton_spec *spec)
{
    put(object, "max_attempts", json_integer(spec->max_attempts));
    put(object, "crash_limit", json_integer(spec->crash_limit));
    put(object, "backoff_ms", json_integer(spec->backoff_ms));
    put(object, "backoff_cap_ms", json_integer(spec->backoff_cap_ms));
    put(object, "max_runtime_ms", json_integer(spec->max_runtime_ms));
    put(object, "idle_ms", json_integer(spec->idle_ms));
    put(object, "lease_ms", json_integer(spec->lease_ms));
    put(object, "stall_ms", json_integer(spec->stall_ms));
    put(object, "review_ms", json_integer(spec->review_ms));
}

json_t *
task_json_spec(const baton_spec *spec)
{
    json_t *object = json_object();
    put(object, "id", ctl_json_text(spec->id));
    put(object, "project", ctl_json_text(project_of(spec)));
    put(object, "role", text_or_null(spec->role));
    put(object, "title", ctl_json_text(spec->title));
    put(object, "priority", ctl_json_text(priority_of(spec)));
    put(object, "deadline", ctl_json_time(spec->deadline));
    put(object, "on_deadline", ctl_json_text(baton_on_deadline_name(spec->on_deadline)));
    put(object, "not_before", ctl_json_time(spec->not_before));
    put(object, "estimate_ms", json_integer(spec->estimate_ms));
    put(object, "after", edges_json(spec));
    put(object, "resources", claims_json(spec));
    put(object, "held", json_boolean(spec->held));
    put(object, "approval", json_boolean(spec->approval));
    put(object, "preemptible", json_boolean(!spec->no_preempt));
    put(object, "milestone", json_boolean(spec->milestone));
    put(object, "command", texts(spec->command, spec->n_command));
    put(object, "prompt", text_or_null(spec->prompt));
    put(object, "payload_bytes", json_integer((json_int_t)spec->payload_bytes));
    put(object, "env", texts(spec->env, spec->n_env));
    put(object, "workdir", text_or_null(spec->workdir));
    put(object, "check", texts(spec->check, spec->n_check));
    put(object, "labels", labels_json(spec));
    put_limits(object, spec);
    put(object, "unique_key", text_or_null(spec->unique_key));
    put(object, "on_conflict", ctl_json_text(baton_on_conflict_name(spec->on_conflict)));
    put(object, "unique_window_ms", json_integer(spec->unique_window_ms));
    put(object, "fairness_key", text_or_null(spec->fairness_key));
    put(object, "fairness_weight", json_integer(spec->fairness_weight));
    put(object, "traceparent", text_or_null(spec->traceparent));
    return object;
}

static json_t *
attempts_json(const baton_task *task)
{
    json_t *array = json_array();
    for (size_t i = 0; i < task->n_attempts; i++) {
        const struct baton_attempt *attempt = &task->attempts[i];
        json_t *object = json_object();
        put(object, "number", json_integer(attempt->number));
        put(object, "token", task_json_token(attempt->token));
        put(object, "worker", text_or_null(attempt->worker));
        put(object, "started_at", ctl_json_time(attempt->started_at));
        put(object, "ended_at", ctl_json_time(attempt->ended_at));
        put(object, "outcome", text_or_null(baton_outcome_name(attempt->outcome)));
        put(object, "summary", text_or_null(attempt->summary));
        put(object, "exit_status", json_integer(attempt->exit_status));
        CHECK(json_array_append_new(array, object) == 0);
    }
    return array;
}

static json_t *
orphans_json(const baton_task *task)
{
    json_t *array = json_array();
    for (size_t i = 0; i < task->n_orphans; i++) {
        const struct baton_orphan *orphan = &task->orphans[i];
        json_t *object = json_object();
        put(object, "token", task_json_token(orphan->token));
        put(object, "at", ctl_json_time(orphan->at));
        put(object, "worker", text_or_null(orphan->worker));
        put(object, "result", task_json_result(&orphan->result));
        CHECK(json_array_append_new(array, object) == 0);
    }
    return array;
}

json_t *
task_json_whole(const baton_task *task)
{
    const char *project = task->spec->project;
    json_t *whole = task_json_row(task);
    json_t *spec = task_json_spec(task->spec);
    json_object_update_missing(whole, spec);
    json_decref(spec);
    put(whole, "key", json_integer((json_int_t)task->key));
    put(whole, "actor", text_or_null(task->actor));
    put(whole, "ready_at", ctl_json_time(task->ready_at));
    put(whole, "next_at", ctl_json_time(task->next_at));
    put(whole, "progress_at", ctl_json_time(task->progress_at));
    put(whole, "order_at", ctl_json_time(task->order_at));
    put(whole, "latest_start", ctl_json_time(task->latest_start));
    put(whole, "n_unmet", json_integer(task->n_unmet));
    put(whole, "losses", json_integer(task->losses));
    put(whole, "token", task_json_token(task->token));
    put(whole, "measures", measures_json(task->measures, task->n_measures));
    put(whole, "result", task->has_result ? task_json_result(&task->result) : json_null());
    put(whole, "attempts", attempts_json(task));
    put(whole, "dependents", refs(task->dependents, task->n_dependents_named, project));
    put(whole, "n_dependents", json_integer(task->n_dependents));
    put(whole, "aborted_by", task_json_ref(&task->aborted_by, project));
    put(whole, "parent", task_json_ref(&task->parent, project));
    put(whole, "orphans", orphans_json(task));
    return whole;
}
