/* Arguments and environment. */
#include "worker/command.h"

#include "common/alloc.h"
#include "common/buf.h"
#include "common/check.h"
#include "worker/exec.h"
#include "worker/limits.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PLACES = 10, NUMBER_BYTES = 24 };

struct place {
    const char *name;
    const char *value;
};

struct places {
    struct place list[PLACES];
    char attempt[NUMBER_BYTES];
    char token[NUMBER_BYTES];
};

static void
places_init(struct places *places, const struct attempt *attempt)
{
    const baton_assignment *task = attempt->task;
    snprintf(places->attempt, NUMBER_BYTES, "%" PRIu32, task->attempt);
    snprintf(places->token, NUMBER_BYTES, "%" PRIu64, task->token);
    const struct place list[PLACES] = {
        {"{task_id}", task->id},
        {"{project}", task->project},
        {"{role}", task->role},
        {"{attempt}", places->attempt},
        {"{token}", places->token},
        {"{prompt_file}", attempt->prompt_file},
        {"{task_file}", attempt->task_file},
        {"{result_file}", attempt->result_file},
        {"{workdir}", attempt->workdir},
        {"{endpoint}", attempt->endpoint},
    };
    memcpy(places->list, list, sizeof list);
}

static const struct place *
place_at(const struct places *places, const char *s)
{
    for (size_t i = 0; i < PLACES; i++) {
        if (strncmp(s, places->list[i].name, strlen(places->list[i].name)) == 0) {
            return &places->list[i];
        }
    }
    return NULL;
}

static char *
fill(const char *arg, const struct places *places)
{
    struct buf out = {0};
    while (*arg) {
        size_t plain = strcspn(arg, "{");
        buf_add(&out, arg, plain);
        arg += plain;
        if (!*arg) {
            break;
        }
        const struct place *place = place_at(places, arg);
        if (place) {
            buf_add_text(&out, place->value);
            arg += strlen(place->name);
        } else {
            buf_add(&out, arg++, 1);
        }
    }
    char *text = xstrdup(buf_text(&out));
    buf_fini(&out);
    return text;
}

char **
command_arguments(const char *const *argv, size_t n, const struct attempt *attempt)
{
    struct places places;
    places_init(&places, attempt);
    char **filled = xcalloc(n + 1, sizeof *filled);
    for (size_t i = 0; i < n; i++) {
        filled[i] = fill(argv[i], &places);
    }
    return filled;
}

void
command_free(char **list)
{
    for (char **p = list; p && *p; p++) {
        free(*p);
    }
    free(list);
}

/* ---- environment ---- */

struct variables {
    char **list;
    size_t n;
    size_t bytes;
};

static size_t
name_bytes(const char *variable)
{
    return strcspn(variable, "=");
}

/* Sets NAME=value; the last one wins. Silently leaves out what would not fit in the bounds. */
static void
set(struct variables *variables, const char *variable)
{
    size_t name = name_bytes(variable);
    size_t bytes = strlen(variable) + 1;
    if (variables->bytes + bytes > ENVIRON_BYTES_MAX) {
        return;
    }
    variables->bytes += bytes;
    for (size_t i = 0; i < variables->n; i++) {
        if (name_bytes(variables->list[i]) == name &&
            memcmp(variables->list[i], variable, name) == 0) {
            free(variables->list[i]);
            variables->list[i] = xstrdup(variable);
            return;
        }
    }
    variables->list = xreallocarray(variables->list, variables->n + 2, sizeof *variables->list);
    variables->list[variables->n++] = xstrdup(variable);
    variables->list[variables->n] = NULL;
}

static void
set_text(struct variables *variables, const char *name, const char *value)
{
    if (!value) {
        return;
    }
    struct buf both = {0};
    buf_add_text(&both, name);
    buf_add_text(&both, "=");
    buf_add_text(&both, value);
    set(variables, buf_text(&both));
    buf_fini(&both);
}

static bool
is_listed(const struct command_environment *rules, const char *variable)
{
    for (size_t i = 0; i < rules->n_pass; i++) {
        size_t bytes = strlen(rules->pass[i]);
        if (bytes == name_bytes(variable) && memcmp(rules->pass[i], variable, bytes) == 0) {
            return true;
        }
    }
    return false;
}

static bool
passes(const struct command_environment *rules, const char *variable)
{
    static const char *const names[] = {"PATH", "HOME",  "LANG", "LANGUAGE", "TZ",
                                        "USER", "SHELL", "TERM", "TMPDIR",   "LOGNAME"};
    if (strncmp(variable, "LC_", 3) == 0) {
        return true;
    }
    if (strncmp(variable, "BATON_", 6) == 0) {
        return false; /* of an agent that started this worker */
    }
    size_t bytes = name_bytes(variable);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strlen(names[i]) == bytes && memcmp(names[i], variable, bytes) == 0) {
            return true;
        }
    }
    return is_listed(rules, variable);
}

static bool
task_may_set(const struct command_environment *rules, const char *variable)
{
    size_t bytes = name_bytes(variable);
    return bytes > 0 && variable[bytes] == '=' && strncmp(variable, "BATON_", 6) != 0 &&
           (!rules->listed_only || is_listed(rules, variable));
}

static void
set_baton(struct variables *variables, const struct attempt *attempt)
{
    const baton_assignment *task = attempt->task;
    char number[NUMBER_BYTES];
    set_text(variables, "BATON_TASK_ID", task->id);
    set_text(variables, "BATON_PROJECT", task->project);
    set_text(variables, "BATON_ROLE", task->role);
    snprintf(number, sizeof number, "%" PRIu64, task->token);
    set_text(variables, "BATON_TOKEN", number);
    snprintf(number, sizeof number, "%" PRIu32, task->attempt);
    set_text(variables, "BATON_ATTEMPT", number);
    set_text(variables, "BATON_ENDPOINT", attempt->endpoint);
    set_text(variables, "BATON_PROMPT_FILE", attempt->prompt_file);
    set_text(variables, "BATON_TASK_FILE", attempt->task_file);
    set_text(variables, "BATON_RESULT_FILE", attempt->result_file);
    set_text(variables, "BATON_WORKER", attempt->worker);
    set_text(variables, "BATON_WORKDIR", attempt->workdir);
    snprintf(number, sizeof number, "%d", EXEC_FD_PROGRESS);
    set_text(variables, "BATON_PROGRESS_FD", number);
    if (task->spec->traceparent[0]) {
        set_text(variables, "TRACEPARENT", task->spec->traceparent);
    }
}

static const char *
value_of(const struct variables *variables, const char *name)
{
    size_t bytes = strlen(name);
    for (size_t i = 0; i < variables->n; i++) {
        if (name_bytes(variables->list[i]) == bytes &&
            memcmp(variables->list[i], name, bytes) == 0) {
            return variables->list[i] + bytes + 1;
        }
    }
    return NULL;
}

static bool
path_has(const char *path, const char *directory)
{
    size_t bytes = strlen(directory);
    for (const char *p = path; p; p = strchr(p, ':') ? strchr(p, ':') + 1 : NULL) {
        if (strncmp(p, directory, bytes) == 0 && (p[bytes] == ':' || p[bytes] == 0)) {
            return true;
        }
    }
    return false;
}

static void
add_tools(struct variables *variables, const char *tools)
{
    const char *path = value_of(variables, "PATH");
    if (!tools || (path && path_has(path, tools))) {
        return;
    }
    struct buf longer = {0};
    buf_printf(&longer, "%s:%s", path ? path : "/usr/local/bin:/usr/bin:/bin", tools);
    set_text(variables, "PATH", buf_text(&longer));
    buf_fini(&longer);
}

char **
command_environ(const struct command_environment *rules, const struct attempt *attempt)
{
    struct variables variables = {.list = xcalloc(1, sizeof *variables.list)};
    /* Ours first, so that they are never left out for want of room; nothing else may be BATON_…. */
    set_baton(&variables, attempt);
    for (char *const *p = rules->from ? rules->from : environ; *p; p++) {
        if (passes(rules, *p)) {
            set(&variables, *p);
        }
    }
    for (size_t i = 0; i < rules->n_set; i++) {
        set(&variables, rules->set[i]);
    }
    for (size_t i = 0; i < attempt->task->spec->n_env; i++) {
        if (task_may_set(rules, attempt->task->spec->env[i])) {
            set(&variables, attempt->task->spec->env[i]);
        }
    }
    add_tools(&variables, rules->tools);
    set_text(&variables, "PWD", attempt->workdir);
    return variables.list;
}
