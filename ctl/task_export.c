/* A task as `baton apply` reads it: the keys of docs/plan.md, only those that say something. */
#include "ctl/task_json.h"

#include "common/check.h"
#include "common/text.h"
#include "ctl/ref.h"
#include "ctl/verbs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void
put_text(json_t *object, const char *key, const char *text)
{
    if (text && text[0]) {
        json_object_set_new(object, key, ctl_json_text(text));
    }
}

static void
put_number(json_t *object, const char *key, uint32_t number)
{
    if (number) {
        json_object_set_new(object, key, json_integer(number));
    }
}

static void
put_duration(json_t *object, const char *key, int64_t ms)
{
    char text[32];
    if (ms > 0) {
        snprintf(text, sizeof text, "%" PRId64 "ms", ms);
        json_object_set_new(object, key, json_string(text));
    }
}

static void
put_time(json_t *object, const char *key, int64_t ms)
{
    if (ms > 0) {
        json_object_set_new(object, key, ctl_json_time(ms));
    }
}

static void
put_words(json_t *object, const char *key, const char *const *words, size_t n)
{
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++) {
        json_array_append_new(array, ctl_json_text(words[i]));
    }
    if (n) {
        json_object_set(object, key, array);
    }
    json_decref(array);
}

/* A plain name where that says it all, else a map. */
static json_t *
edge_json(const struct baton_edge *edge, const char *project)
{
    struct baton_ref ref = {edge->project && edge->project[0] ? edge->project : project, edge->id};
    json_t *name = task_json_ref(&ref, project);
    if (!edge->condition && !edge->policy && !edge->any) {
        return name;
    }
    json_t *object = json_object();
    json_object_set_new(object, "task", name);
    if (edge->condition) {
        put_text(object, "on", baton_condition_name(edge->condition));
    }
    if (edge->policy) {
        put_text(object, "else", baton_policy_name(edge->policy));
    }
    put_number(object, "any", edge->any);
    return object;
}

static void
put_after(json_t *object, const baton_spec *spec)
{
    json_t *array = json_array();
    for (size_t i = 0; i < spec->n_after; i++) {
        json_array_append_new(array, edge_json(&spec->after[i], spec->project));
    }
    if (spec->n_after) {
        json_object_set(object, "after", array);
    }
    json_decref(array);
}

static void
put_resources(json_t *object, const baton_spec *spec)
{
    json_t *array = json_array();
    for (size_t i = 0; i < spec->n_claims; i++) {
        const struct baton_claim *claim = &spec->claims[i];
        json_t *one = json_object();
        put_text(one, "name", claim->name);
        put_number(one, "amount", claim->amount);
        if (claim->shared) {
            json_object_set_new(one, "shared", json_true());
        }
        json_array_append_new(array, one);
    }
    if (spec->n_claims) {
        json_object_set(object, "resources", array);
    }
    json_decref(array);
}

static void
put_env(json_t *object, const baton_spec *spec)
{
    json_t *env = json_object();
    for (size_t i = 0; i < spec->n_env; i++) {
        const char *equals = strchr(spec->env[i], '=');
        char *name = equals ? strndup(spec->env[i], (size_t)(equals - spec->env[i])) : NULL;
        if (name) {
            json_object_set_new(env, name, ctl_json_text(equals + 1));
        }
        free(name);
    }
    if (spec->n_env) {
        json_object_set(object, "env", env);
    }
    json_decref(env);
}

static void
put_labels(json_t *object, const baton_spec *spec)
{
    json_t *labels = json_object();
    for (size_t i = 0; i < spec->n_labels; i++) {
        json_object_set_new(labels, spec->labels[i].name, ctl_json_text(spec->labels[i].value));
    }
    if (spec->n_labels) {
        json_object_set(object, "labels", labels);
    }
    json_decref(labels);
}

/* Payloads that are text; others have no form in a plan. */
static void
put_payload(json_t *object, const baton_spec *spec)
{
    if (spec->payload_bytes && utf8_is_valid(spec->payload, spec->payload_bytes)) {
        json_object_set_new(object, "payload", json_stringn(spec->payload, spec->payload_bytes));
    }
}

static void
put_limits(json_t *object, const baton_spec *spec)
{
    put_duration(object, "timeout", spec->max_runtime_ms);
    put_duration(object, "idle_timeout", spec->idle_ms);
    put_duration(object, "lease", spec->lease_ms);
    put_duration(object, "stall", spec->stall_ms);
    put_duration(object, "review_within", spec->review_ms);
    put_number(object, "max_attempts", spec->max_attempts);
    put_duration(object, "backoff", spec->backoff_ms);
    put_duration(object, "backoff_cap", spec->backoff_cap_ms);
    put_number(object, "crash_limit", spec->crash_limit);
    put_text(object, "unique_key", spec->unique_key);
    put_duration(object, "unique_window", spec->unique_window_ms);
    if (spec->on_conflict) {
        put_text(object, "on_conflict", baton_on_conflict_name(spec->on_conflict));
    }
}

static void
put_fairness(json_t *object, const baton_spec *spec)
{
    if (!spec->fairness_key || !spec->fairness_key[0]) {
        return;
    }
    json_t *fairness = json_object();
    put_text(fairness, "key", spec->fairness_key);
    put_number(fairness, "weight", spec->fairness_weight);
    json_object_set_new(object, "fairness", fairness);
}

json_t *
task_json_export(const baton_task *task)
{
    const baton_spec *spec = task->spec;
    json_t *object = json_object();
    CHECK(object);
    put_text(object, "id", spec->id);
    put_text(object, "project", spec->project);
    put_text(object, "title", spec->title);
    put_text(object, "role", spec->role);
    put_text(object, "priority", spec->priority ? baton_priority_name(spec->priority) : "");
    put_time(object, "deadline", spec->deadline);
    if (spec->on_deadline) {
        put_text(object, "on_deadline", baton_on_deadline_name(spec->on_deadline));
    }
    put_time(object, "not_before", spec->not_before);
    put_duration(object, "estimate", spec->estimate_ms);
    put_after(object, spec);
    put_resources(object, spec);
    if (spec->approval) {
        json_object_set_new(object, "approval", json_true());
    }
    if (spec->no_preempt) {
        json_object_set_new(object, "preemptible", json_false());
    }
    if (spec->held) {
        json_object_set_new(object, "held", json_true());
    }
    if (spec->milestone) {
        json_object_set_new(object, "milestone", json_true());
    }
    put_words(object, "command", spec->command, spec->n_command);
    put_words(object, "check", spec->check, spec->n_check);
    put_text(object, "prompt", spec->prompt);
    put_payload(object, spec);
    put_env(object, spec);
    put_text(object, "workdir", spec->workdir);
    put_labels(object, spec);
    put_limits(object, spec);
    put_fairness(object, spec);
    return object;
}
