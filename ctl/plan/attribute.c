/* What a task of ours can say: a table of attributes, one reader each. */
#include "common/limits.h"
#include "common/text.h"
#include "common/words.h"
#include "ctl/plan/inner.h"

#include <string.h>

static void
read_title(struct reading *r, const struct node *node)
{
    field_text(r->plan, r->source, node, TITLE_BYTES_MAX, &r->spec->title);
}

static void
read_role(struct reading *r, const struct node *node)
{
    if (!field_is(r->plan, r->source, node, NODE_SCALAR)) {
        return;
    }
    int role = role_number_loose(node->text);
    /* Read on with some role, so that only this is said. */
    r->spec->role = role_names[MAX(role, 0)];
    if (role < 0) {
        plan_fail(r->plan, place_of(r->source, node),
                  "unknown role %s; the roles are infra, backend, frontend, realtime, integration, "
                  "testing%s",
                  quote(r->plan, node->text), did_you_mean(r->plan, node->text, role_names));
    }
}

static void
read_priority(struct reading *r, const struct node *node)
{
    int n;
    if (field_word(r->plan, r->source, node, priority_number, "critical, high, medium, low", &n)) {
        r->spec->priority = (baton_priority)n;
    }
}

static void
read_deadline(struct reading *r, const struct node *node)
{
    field_time(r->plan, r->source, node, false, &r->spec->deadline);
}

static void
read_on_deadline(struct reading *r, const struct node *node)
{
    int n;
    if (field_word(r->plan, r->source, node, on_deadline_number,
                   "nothing, expire, cancel, escalate", &n)) {
        r->spec->on_deadline = (baton_on_deadline)n;
    }
}

static void
read_not_before(struct reading *r, const struct node *node)
{
    field_time(r->plan, r->source, node, true, &r->spec->not_before);
}

static void
read_estimate(struct reading *r, const struct node *node)
{
    field_duration(r->plan, r->source, node, &r->spec->estimate_ms);
}

static void
read_after(struct reading *r, const struct node *node)
{
    after_read(r->plan, r->source, r->draft, node);
}

static void
read_resources(struct reading *r, const struct node *node)
{
    claims_read(r->plan, r->source, r->draft, node);
}

static void
read_review(struct reading *r, const struct node *node)
{
    field_duration(r->plan, r->source, node, &r->spec->review_ms);
}

/* "required", or a truth value. */
static void
read_approval(struct reading *r, const struct node *node)
{
    if (node->kind == NODE_SCALAR && strcmp(node->text, "required") == 0) {
        r->spec->approval = true;
    } else {
        field_bool(r->plan, r->source, node, &r->spec->approval);
    }
}

static void
read_preemptible(struct reading *r, const struct node *node)
{
    bool preemptible;
    if (field_bool(r->plan, r->source, node, &preemptible)) {
        r->spec->no_preempt = !preemptible;
    }
}

static void
read_held(struct reading *r, const struct node *node)
{
    field_bool(r->plan, r->source, node, &r->spec->held);
}

static void
read_milestone(struct reading *r, const struct node *node)
{
    field_bool(r->plan, r->source, node, &r->spec->milestone);
}

static bool
read_argv(struct reading *r, const struct node *node, const char *const **ret_argv, size_t *ret_n)
{
    if (node->kind == NODE_SCALAR) {
        plan_fail(r->plan, place_of(r->source, node),
                  "%s: there is no shell that would take one text apart; write a list, such as "
                  "[make, test], or ask for a shell: [sh, -c, \"make test\"]",
                  node->key);
        return false;
    }
    const char *const *argv;
    size_t n;
    if (!field_texts(r->plan, r->source, node, ARGS_MAX, ARG_BYTES_MAX, &argv, &n)) {
        return false;
    }
    if (n == 0 || !*argv[0]) {
        plan_fail(r->plan, place_of(r->source, node),
                  "%s: the program is missing; write its name "
                  "first",
                  node->key);
        return false;
    }
    *ret_argv = argv;
    *ret_n = n;
    return true;
}

static void
read_command(struct reading *r, const struct node *node)
{
    read_argv(r, node, &r->spec->command, &r->spec->n_command);
}

static void
read_check(struct reading *r, const struct node *node)
{
    read_argv(r, node, &r->spec->check, &r->spec->n_check);
}

static void
read_prompt(struct reading *r, const struct node *node)
{
    field_text(r->plan, r->source, node, TEXT_BYTES_MAX, &r->spec->prompt);
}

static void
read_prompt_file(struct reading *r, const struct node *node)
{
    struct place at = place_of(r->source, node);
    if (!field_is(r->plan, r->source, node, NODE_SCALAR)) {
        return;
    }
    const char *text = source_read_beside(r->plan, r->source, at, node->text, TEXT_BYTES_MAX);
    if (text && !prose_is_valid(text, TEXT_BYTES_MAX)) {
        plan_fail(r->plan, at, "%s has control characters in it; only newline and tab are taken",
                  quote(r->plan, node->text));
        return;
    }
    r->spec->prompt = text;
}

static void
read_payload(struct reading *r, const struct node *node)
{
    if (node->kind != NODE_SCALAR) {
        plan_fail(r->plan, place_of(r->source, node),
                  "payload: text is wanted here, not %s; write JSON behind |",
                  node_kind_name(node));
        return;
    }
    size_t bytes = strlen(node->text);
    if (bytes > PAYLOAD_BYTES_MAX) {
        plan_fail(r->plan, place_of(r->source, node), "payload: longer than %d KiB; shorten it",
                  PAYLOAD_BYTES_MAX >> 10);
        return;
    }
    r->spec->payload = node->text;
    r->spec->payload_bytes = bytes;
}

static bool
is_variable(const char *name)
{
    static const char first[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
    size_t n = strlen(name);
    return n && n <= NAME_BYTES_MAX && strchr(first, name[0]) &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789") == n;
}

static void
read_env(struct reading *r, const struct node *node)
{
    if (!field_is(r->plan, r->source, node, NODE_MAP)) {
        return;
    }
    if (node->n > ARGS_MAX) {
        plan_fail(r->plan, place_of(r->source, node), "env: more than %d variables", ARGS_MAX);
        return;
    }
    const char **env = arena_calloc(&r->plan->arena, node->n + 1, sizeof *env);
    size_t n = 0;
    for (const struct node *item = node->first; item; item = item->next) {
        struct place at = place_of(r->source, item);
        if (!is_variable(item->key) || strncmp(item->key, "BATON_", 6) == 0) {
            plan_fail(r->plan, at,
                      "%s can't be a variable; use letters, digits and _ (names that "
                      "begin with BATON_ are the worker's)",
                      quote(r->plan, item->key));
        } else if (item->kind == NODE_LIST || item->kind == NODE_MAP) {
            plan_fail(r->plan, at, "%s: text is wanted here, not %s", item->key,
                      node_kind_name(item));
        } else if (strlen(item->text) + strlen(item->key) + 1 > ARG_BYTES_MAX) {
            plan_fail(r->plan, at, "%s: longer than %d KiB; shorten it", item->key,
                      ARG_BYTES_MAX >> 10);
        } else {
            env[n++] = arena_printf(&r->plan->arena, "%s=%s", item->key, item->text);
        }
    }
    r->spec->env = env;
    r->spec->n_env = n;
}

static void
read_workdir(struct reading *r, const struct node *node)
{
    field_name(r->plan, r->source, node, TITLE_BYTES_MAX, &r->spec->workdir);
}

static void
read_labels(struct reading *r, const struct node *node)
{
    if (!field_is(r->plan, r->source, node, NODE_MAP)) {
        return;
    }
    if (node->n > LABELS_MAX) {
        plan_fail(r->plan, place_of(r->source, node), "labels: more than %d", LABELS_MAX);
        return;
    }
    struct baton_label *labels = arena_calloc(&r->plan->arena, node->n + 1, sizeof *labels);
    size_t n = 0;
    for (const struct node *item = node->first; item; item = item->next) {
        const char *value = "";
        if (!name_is_valid(item->key, NAME_BYTES_MAX)) {
            plan_fail(r->plan, place_of(r->source, item), "%s can't be the name of a label",
                      quote(r->plan, item->key));
        } else if (item->kind == NODE_NULL ||
                   field_text(r->plan, r->source, item, KEY_BYTES_MAX, &value)) {
            labels[n++] = (struct baton_label){.name = item->key, .value = value};
        }
    }
    r->spec->labels = labels;
    r->spec->n_labels = n;
}

static void
read_timeout(struct reading *r, const struct node *node)
{
    field_duration(r->plan, r->source, node, &r->spec->max_runtime_ms);
}

static void
read_idle(struct reading *r, const struct node *node)
{
    field_duration(r->plan, r->source, node, &r->spec->idle_ms);
}

static void
read_lease(struct reading *r, const struct node *node)
{
    field_duration(r->plan, r->source, node, &r->spec->lease_ms);
}

static void
read_stall(struct reading *r, const struct node *node)
{
    field_duration(r->plan, r->source, node, &r->spec->stall_ms);
}

static void
read_retries(struct reading *r, const struct node *node)
{
    uint32_t retries;
    if (field_count(r->plan, r->source, node, 0, ATTEMPTS_MAX - 1, &retries)) {
        r->spec->max_attempts = retries + 1;
    }
}

static void
read_max_attempts(struct reading *r, const struct node *node)
{
    field_count(r->plan, r->source, node, 1, ATTEMPTS_MAX, &r->spec->max_attempts);
}

static void
read_backoff(struct reading *r, const struct node *node)
{
    field_duration(r->plan, r->source, node, &r->spec->backoff_ms);
}

static void
read_backoff_cap(struct reading *r, const struct node *node)
{
    field_duration(r->plan, r->source, node, &r->spec->backoff_cap_ms);
}

static void
read_crash_limit(struct reading *r, const struct node *node)
{
    field_count(r->plan, r->source, node, 1, ATTEMPTS_MAX, &r->spec->crash_limit);
}

static void
read_unique_key(struct reading *r, const struct node *node)
{
    field_text(r->plan, r->source, node, KEY_BYTES_MAX, &r->spec->unique_key);
}

static void
read_unique_window(struct reading *r, const struct node *node)
{
    field_duration(r->plan, r->source, node, &r->spec->unique_window_ms);
}

static void
read_on_conflict(struct reading *r, const struct node *node)
{
    int n;
    if (field_word(r->plan, r->source, node, on_conflict_number,
                   "reject, existing, replace, raise, attach", &n)) {
        r->spec->on_conflict = (baton_on_conflict)n;
    }
}

static void
read_fairness(struct reading *r, const struct node *node)
{
    if (node->kind != NODE_MAP) {
        field_name(r->plan, r->source, node, NAME_BYTES_MAX, &r->spec->fairness_key);
        return;
    }
    static const char *const keys[] = {"key", "weight", NULL};
    for (const struct node *item = node->first; item; item = item->next) {
        if (strcmp(item->key, "key") == 0) {
            field_name(r->plan, r->source, item, NAME_BYTES_MAX, &r->spec->fairness_key);
        } else if (strcmp(item->key, "weight") == 0) {
            field_count(r->plan, r->source, item, 1, PRIORITY_WEIGHT_MAX,
                        &r->spec->fairness_weight);
        } else {
            plan_fail(r->plan, place_of(r->source, item), "unknown key %s in fairness%s",
                      quote(r->plan, item->key), did_you_mean(r->plan, item->key, keys));
        }
    }
    if (!r->spec->fairness_key) {
        plan_fail(r->plan, place_of(r->source, node), "fairness: the key is missing; write key:");
    }
}

/* Read before the others. */
static void
read_nothing(struct reading *r, const struct node *node)
{
    (void)r;
    (void)node;
}

const struct attribute attributes[] = {
    {"id", 0, false, read_nothing},
    {"project", 1, false, read_nothing},
    {"title", 2, false, read_title},
    {"task", 2, false, read_title},
    {"role", 3, true, read_role},
    {"agent", 3, true, read_role},
    {"priority", 4, true, read_priority},
    {"deadline", 5, true, read_deadline},
    {"on_deadline", 6, true, read_on_deadline},
    {"not_before", 7, true, read_not_before},
    {"start", 7, true, read_not_before},
    {"estimate", 8, true, read_estimate},
    {"after", 9, false, read_after},
    {"dependencies", 9, false, read_after},
    {"depends_on", 9, false, read_after},
    {"resources", 10, true, read_resources},
    {"held", 11, true, read_held},
    {"approval", 33, true, read_approval},
    {"review_within", 34, true, read_review},
    {"preemptible", 35, true, read_preemptible},
    {"milestone", 12, false, read_milestone},
    {"command", 13, true, read_command},
    {"check", 14, true, read_check},
    {"prompt", 15, true, read_prompt},
    {"prompt_file", 15, true, read_prompt_file},
    {"payload", 16, true, read_payload},
    {"env", 17, true, read_env},
    {"workdir", 18, true, read_workdir},
    {"labels", 19, true, read_labels},
    {"timeout", 20, true, read_timeout},
    {"max_runtime", 20, true, read_timeout},
    {"idle_timeout", 21, true, read_idle},
    {"lease", 22, true, read_lease},
    {"stall", 23, true, read_stall},
    {"retries", 24, true, read_retries},
    {"max_attempts", 24, true, read_max_attempts},
    {"backoff", 25, true, read_backoff},
    {"backoff_cap", 26, true, read_backoff_cap},
    {"crash_limit", 27, true, read_crash_limit},
    {"unique_key", 28, false, read_unique_key},
    {"unique_window", 29, true, read_unique_window},
    {"on_conflict", 30, true, read_on_conflict},
    {"fairness", 31, true, read_fairness},
    {"v", 32, false, read_nothing}, /* version of a line of `baton export` */
    {0},
};
