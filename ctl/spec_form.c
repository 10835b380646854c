/* A task from options. */
#include "ctl/spec_form.h"

#include "common/path_name.h"
#include "common/text.h"
#include "ctl/file.h"

#include <stdlib.h>
#include <string.h>

void
spec_form_init(struct spec_form *form)
{
    *form = (struct spec_form){.spec = baton_spec_new()};
    CHECK(form->spec);
    arena_init(&form->arena);
}

void
spec_form_fini(struct spec_form *form)
{
    baton_spec_free(form->spec);
    arena_fini(&form->arena);
    *form = (struct spec_form){0};
}

void
spec_form_note(struct spec_form *form, const char *field)
{
    for (size_t i = 0; i < form->n_fields; i++) {
        if (strcmp(form->fields[i], field) == 0) {
            return;
        }
    }
    CHECK(form->n_fields < SPEC_FIELDS_MAX);
    form->fields[form->n_fields++] = field;
}

/* Room for element n of a list in the arena: doubled at each power of two, and the old one is left
 * to the arena. */
static void *
list_grow(struct spec_form *form, void *list, size_t n, size_t bytes)
{
    if (n & (n - 1)) {
        return list;
    }
    void *larger = arena_calloc(&form->arena, n ? 2 * n : 1, bytes);
    if (n) {
        memcpy(larger, list, n * bytes);
    }
    return larger;
}

static bool
take_after_one(struct spec_form *form, struct ctl *ctl, const char *text, uint32_t any)
{
    baton_spec *spec = form->spec;
    struct ctl_ref ref;
    struct baton_edge edge = {.any = any};
    const char *why;
    if (!ctl_edge_parse(text, ctl->project, &ref, &edge.condition, &edge.policy, &why)) {
        ctl_fail(ctl, CTL_DATA, "invalid",
                 "write ID[:success|finished|failed|started][:hold|abort|ignore]",
                 "--after %.200s: %s", text, why);
        return false;
    }
    if (spec->n_after == EDGES_MAX) {
        ctl_fail(ctl, CTL_DATA, "too_large", NULL, "a task has at most %d dependencies", EDGES_MAX);
        return false;
    }
    edge.id = arena_strdup(&form->arena, ref.id);
    edge.project = arena_strdup(&form->arena, ref.project);
    form->after = list_grow(form, form->after, spec->n_after, sizeof edge);
    form->after[spec->n_after++] = edge;
    spec->after = form->after;
    return true;
}

/* "A" or "A|B|C", alternatives. */
static bool
take_after(struct spec_form *form, struct ctl *ctl, const char *value)
{
    char *text = arena_strdup(&form->arena, value);
    uint32_t any = strchr(text, '|') ? ++form->n_any : 0;
    char *rest = text;
    for (char *one; (one = strsep(&rest, "|"));) {
        if (!take_after_one(form, ctl, one, any)) {
            return false;
        }
    }
    return true;
}

/* NAME, NAME=N, NAME:shared. */
static bool
take_resource(struct spec_form *form, struct ctl *ctl, const char *value)
{
    baton_spec *spec = form->spec;
    struct baton_claim claim = {0};
    char *name = arena_strdup(&form->arena, value);
    size_t bytes = strlen(name);
    static const char suffix[] = ":shared";
    if (bytes > sizeof suffix - 1 && strcmp(name + bytes - (sizeof suffix - 1), suffix) == 0) {
        claim.shared = true;
        name[bytes - (sizeof suffix - 1)] = 0;
    }
    char *amount = path_name_is(name) ? NULL : strchr(name, '=');
    if (amount) {
        *amount++ = 0;
        uint64_t n;
        if (!ctl_take_number(ctl, "--resource", amount, CAPACITY_MAX, &n)) {
            return false;
        }
        claim.amount = (uint32_t)n;
    }
    char own[RESOURCE_NAME_ROOM];
    const char *wrong = resource_name_read(name, own);
    if (wrong && path_name_is(name)) {
        ctl_usage(ctl, "--resource %.200s: %s", value, wrong);
        return false;
    }
    if (wrong || spec->n_claims == CLAIMS_MAX) {
        ctl_usage(ctl,
                  "--resource %.200s: write NAME, NAME=N, path:DIRECTORY/** or path:FILE, with "
                  ":shared behind it to share; at most %d",
                  value, CLAIMS_MAX);
        return false;
    }
    claim.name = arena_strdup(&form->arena, own);
    form->claims = list_grow(form, form->claims, spec->n_claims, sizeof claim);
    form->claims[spec->n_claims++] = claim;
    spec->claims = form->claims;
    return true;
}

static bool
take_label(struct spec_form *form, struct ctl *ctl, const char *value)
{
    baton_spec *spec = form->spec;
    char *name = arena_strdup(&form->arena, value);
    char *equals = strchr(name, '=');
    if (!equals || equals == name || spec->n_labels == LABELS_MAX) {
        ctl_usage(ctl, "--label %.200s: write NAME=VALUE, at most %d", value, LABELS_MAX);
        return false;
    }
    *equals = 0;
    form->labels = list_grow(form, form->labels, spec->n_labels, sizeof *form->labels);
    form->labels[spec->n_labels++] = (struct baton_label){name, equals + 1};
    spec->labels = form->labels;
    return true;
}

bool
spec_form_take_env(struct spec_form *form, struct ctl *ctl, const char *value)
{
    baton_spec *spec = form->spec;
    const char *equals = strchr(value, '=');
    if (!equals || equals == value || spec->n_env == ARGS_MAX) {
        ctl_usage(ctl, "--env %.200s: write NAME=VALUE, at most %d", value, ARGS_MAX);
        return false;
    }
    form->env = list_grow(form, form->env, spec->n_env, sizeof *form->env);
    form->env[spec->n_env++] = value;
    spec->env = form->env;
    return true;
}

void
spec_form_take_command(struct spec_form *form, const char *const *words, size_t n)
{
    form->spec->command = words;
    form->spec->n_command = n;
    spec_form_note(form, "command");
}

void
spec_form_take_check(struct spec_form *form, const char *line)
{
    const char **words = arena_alloc(&form->arena, 3 * sizeof *words);
    words[0] = "/bin/sh";
    words[1] = "-c";
    words[2] = line;
    form->spec->check = words;
    form->spec->n_check = 3;
}

static bool
take_prompt(struct spec_form *form, struct ctl *ctl, const char *path)
{
    size_t bytes;
    char *text = ctl_read_file(ctl, path, TEXT_BYTES_MAX, &bytes);
    if (!text) {
        return false;
    }
    bool ok = strlen(text) == bytes && prose_is_valid(text, TEXT_BYTES_MAX);
    form->spec->prompt = arena_strdup(&form->arena, text);
    free(text);
    if (!ok) {
        ctl_fail(ctl, CTL_DATA, "invalid", NULL,
                 "%s is not a prompt: UTF-8 without control characters", path);
    }
    return ok;
}

static bool
take_count(struct ctl *ctl, const char *option, const char *value, uint32_t *ret)
{
    uint64_t n;
    bool ok = ctl_take_number(ctl, option, value, ATTEMPTS_MAX, &n);
    *ret = ok ? (uint32_t)n : 0;
    return ok;
}

static bool
take_on_deadline(struct spec_form *form, struct ctl *ctl, const char *value)
{
    int number = baton_on_deadline_of(value);
    if (number < 0) {
        ctl_usage(ctl, "--on-deadline %.100s: it is nothing, expire, cancel or escalate", value);
        return false;
    }
    form->spec->on_deadline = (baton_on_deadline)number;
    return true;
}

/* Durations and counts: where they go, and how the option and the field are called. */
static bool
take_limit(struct spec_form *form, struct ctl *ctl, int option, const char *value)
{
    baton_spec *spec = form->spec;
    const struct {
        int option;
        const char *name;
        const char *field;
        int64_t *ms;
        uint32_t *count;
    } limits[] = {
        {SPEC_OPTION_ESTIMATE, "--estimate", "estimate_ms", &spec->estimate_ms, NULL},
        {SPEC_OPTION_BACKOFF, "--backoff", "backoff_ms", &spec->backoff_ms, NULL},
        {SPEC_OPTION_BACKOFF_CAP, "--backoff-cap", "backoff_cap_ms", &spec->backoff_cap_ms, NULL},
        {SPEC_OPTION_MAX_RUNTIME, "--max-runtime", "max_runtime_ms", &spec->max_runtime_ms, NULL},
        {SPEC_OPTION_IDLE, "--idle", "idle_ms", &spec->idle_ms, NULL},
        {SPEC_OPTION_LEASE, "--lease", "lease_ms", &spec->lease_ms, NULL},
        {SPEC_OPTION_STALL, "--stall", "stall_ms", &spec->stall_ms, NULL},
        {SPEC_OPTION_REVIEW, "--review-within", "review_ms", &spec->review_ms, NULL},
        {SPEC_OPTION_MAX_ATTEMPTS, "--max-attempts", "max_attempts", NULL, &spec->max_attempts},
        {SPEC_OPTION_CRASH_LIMIT, "--crash-limit", "crash_limit", NULL, &spec->crash_limit},
    };
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        if (limits[i].option == option) {
            spec_form_note(form, limits[i].field);
            return limits[i].ms ? ctl_take_duration(ctl, limits[i].name, value, limits[i].ms)
                                : take_count(ctl, limits[i].name, value, limits[i].count);
        }
    }
    CHECK(!"an option of tasks without a case");
    return false;
}

static bool
take_list_or_text(struct spec_form *form, struct ctl *ctl, int option, const char *value,
                  bool empty)
{
    switch (option) {
    case SPEC_OPTION_TITLE:
        spec_form_note(form, "title");
        form->spec->title = value;
        return true;
    case SPEC_OPTION_PROMPT:
        spec_form_note(form, "prompt");
        form->spec->prompt = value;
        return strcmp(value, "-") != 0 || take_prompt(form, ctl, value);
    case SPEC_OPTION_PROMPT_FILE:
        spec_form_note(form, "prompt");
        return take_prompt(form, ctl, value);
    case SPEC_OPTION_AFTER:
        spec_form_note(form, "after");
        return empty || take_after(form, ctl, value);
    case SPEC_OPTION_RESOURCE:
        spec_form_note(form, "claims");
        return empty || take_resource(form, ctl, value);
    case SPEC_OPTION_LABEL:
        spec_form_note(form, "labels");
        return empty || take_label(form, ctl, value);
    default:
        return take_limit(form, ctl, option, value);
    }
}

static bool
take_yes_no(struct ctl *ctl, const char *option, const char *value, bool *ret)
{
    bool yes = strcmp(value, "yes") == 0;
    if (!yes && strcmp(value, "no") != 0) {
        ctl_usage(ctl, "%s is yes or no, not %.100s", option, value);
        return false;
    }
    *ret = yes;
    return true;
}

static bool
take_preemptible(struct spec_form *form, struct ctl *ctl, const char *value)
{
    bool preemptible = true, ok = take_yes_no(ctl, "--preemptible", value, &preemptible);
    spec_form_note(form, "no_preempt");
    form->spec->no_preempt = !preemptible;
    return ok;
}

bool
spec_form_take(struct spec_form *form, struct ctl *ctl, int option, const char *value, bool clear)
{
    baton_spec *spec = form->spec;
    bool empty = clear && strcmp(value, "none") == 0;
    switch (option) {
    case SPEC_OPTION_APPROVAL:
        spec_form_note(form, "approval");
        return take_yes_no(ctl, "--approval", value, &spec->approval);
    case SPEC_OPTION_PREEMPTIBLE:
        return take_preemptible(form, ctl, value);
    case SPEC_OPTION_ROLE:
        spec_form_note(form, "role");
        return ctl_take_role(ctl, value, &spec->role);
    case SPEC_OPTION_PRIORITY:
        spec_form_note(form, "priority");
        return ctl_take_priority(ctl, value, &spec->priority);
    case SPEC_OPTION_DEADLINE:
        spec_form_note(form, "deadline");
        spec->deadline = 0;
        return empty || ctl_take_time(ctl, "--deadline", value, &spec->deadline);
    case SPEC_OPTION_ON_DEADLINE:
        spec_form_note(form, "on_deadline");
        return take_on_deadline(form, ctl, value);
    case SPEC_OPTION_NOT_BEFORE:
        spec_form_note(form, "not_before");
        spec->not_before = 0;
        return empty || ctl_take_time(ctl, "--not-before", value, &spec->not_before);
    default:
        return take_list_or_text(form, ctl, option, value, empty);
    }
}

const char *const *
command_split(int *argc, char **argv, size_t *ret_n)
{
    for (int i = 1; i < *argc; i++) {
        if (strcmp(argv[i], "--") == 0) {
            *ret_n = (size_t)(*argc - i - 1);
            argv[i] = NULL;
            *argc = i;
            return (const char *const *)(argv + i + 1);
        }
    }
    *ret_n = 0;
    return NULL;
}
