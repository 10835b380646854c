/* The table of keys, what nobody has set, and reading it again. */
#include "worker/options.h"

#include "client/include/baton.h"
#include "common/alloc.h"
#include "common/text.h"

#include <ctype.h>
#include <getopt.h>
#include <limits.h>
#include <regex.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

static const char synopsis[] =
    "Usage: baton-worker --role ROLE [OPTION…] -- COMMAND [ARG…]\n"
    "Takes tasks of a role from the broker, runs COMMAND for each, reports what became of it.\n"
    "Durations are like 90s, 30m, 2h. Limits of a task come before the worker's.\n";

static const char epilogue[] =
    "\n"
    "In COMMAND these are replaced: {task_id} {project} {role} {attempt} {token} {prompt_file}\n"
    "{task_file} {result_file} {workdir} {endpoint}. No shell is involved.\n"
    "Signals: TERM or INT: take nothing new, finish, end; a second one: stop the tasks and end;\n"
    "HUP: read the configuration again.\n"
    "Exit status: 0 ended as asked; 64 usage; 69 no broker of this kind; 70 a bug; 73 the state\n"
    "directory; 75 another worker has this name; 77 denied; 78 configuration.\n";

/* ---- the keys ---- */

static bool
take_role(const char *text, void *field)
{
    const char *role = baton_role_of(text);
    *(const char **)field = role ? role : text;
    return role;
}

static bool
take_project(const char *text, void *field)
{
    (void)field;
    return name_is_valid(text, NAME_BYTES_MAX);
}

static bool
take_name(const char *text, void *field)
{
    (void)field;
    return name_is_valid(text, NAME_BYTES_MAX) && !strchr(text, '/');
}

static bool
variable_is_valid(const char *text, bool wants_value)
{
    const char *sign = strchr(text, '=');
    size_t bytes = strcspn(text, "=");
    if ((sign != NULL) != wants_value) {
        return false;
    }
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] != '_' && !isalnum((unsigned char)text[i])) {
            return false;
        }
    }
    return bytes > 0 && !isdigit((unsigned char)text[0]) && strncmp(text, "BATON_", 6) != 0;
}

static bool
take_variable(const char *text, void *field)
{
    (void)field;
    return variable_is_valid(text, false);
}

static bool
take_set_variable(const char *text, void *field)
{
    (void)field;
    return variable_is_valid(text, true);
}

static bool
take_pattern(const char *text, void *field)
{
    (void)field;
    regex_t regex;
    if (regcomp(&regex, text, REG_EXTENDED | REG_ICASE | REG_NOSUB) != 0) {
        return false;
    }
    regfree(&regex);
    return true;
}

static bool
take_adapter(const char *text, void *field)
{
    return adapter_of(text, field);
}

static bool
take_level(const char *text, void *field)
{
    return log_level_parse(text, field);
}

#define AT(member) .at = offsetof(struct options, member)

static const struct config_key keys[] = {
    {"role", CONFIG_LIST, AT(roles), .letter = 'r', .shown = "ROLE", .max = ROLES_MAX,
     .take = take_role,
     .wanted = "a role (infra, backend, frontend, realtime, integration, testing)",
     .help = "infra, backend, frontend, realtime, integration or testing; repeatable. A worker "
             "needs one"},
    {"slots", CONFIG_NUMBER, AT(slots), .letter = 's', .shown = "N", .min = 1,
     .max = WORKER_SLOTS_MAX, .standard = "1", .help = "Tasks at a time"},
    {"name", CONFIG_TEXT, AT(name), .letter = 'n', .shown = "NAME", .take = take_name,
     .wanted = "a name of letters, digits and ._:@+~-, 128 bytes at most (that is not a name),",
     .help = "Of this worker, its own for ever: leases and results are found again by it. Two "
             "workers of one machine and role need names [HOST-ROLE]"},
    {"endpoint", CONFIG_TEXT, AT(endpoint), .letter = 'e', .shown = "ipc://PATH",
     .help = "Of the broker [$BATON_ENDPOINT, else the usual socket]"},
    {"project", CONFIG_LIST, AT(projects), .letter = 'p', .shown = "P", .max = WORKER_NAMES_MAX,
     .take = take_project, .wanted = "a project's name",
     .help = "Take only tasks of this project; repeatable"},
    {"state", CONFIG_TEXT, AT(state), .shown = "DIR",
     .help = "Results not delivered yet, and the directories of attempts "
             "[$XDG_STATE_HOME/baton/worker/NAME, else ~/.local/state/baton/worker/NAME; for root "
             "/var/lib/baton-worker/NAME]"},
    {"workdir", CONFIG_TEXT, AT(workdir), .letter = 'w', .shown = "DIR",
     .help = "Run the command here [a directory of its own for each attempt]"},
    {"command", CONFIG_COMMAND, CONFIG_LIVE, AT(command), .shown = "LINE", .max = ARGS_MAX,
     .help = "COMMAND as one line of words, with quotes as in a shell but no shell. What stands on "
             "the command line behind the options comes before it"},
    {"env", CONFIG_LIST, CONFIG_LIVE, AT(pass), .shown = "NAME", .max = WORKER_NAMES_MAX,
     .take = take_variable,
     .wanted = "the NAME of a variable that does not begin with BATON_ (set-env in a file sets "
               "one)",
     .help = "Pass this variable of the worker's environment on to the agent; repeatable"},
    {"set-env", CONFIG_LIST, CONFIG_LIVE | CONFIG_FILE_ONLY | CONFIG_SECRET, AT(set_env),
     .shown = "NAME=VALUE", .max = WORKER_NAMES_MAX, .take = take_set_variable,
     .wanted = "NAME=VALUE of a variable that does not begin with BATON_",
     .help = "Set this variable for the agent. Not an option, since everybody sees a command line"},
    {"task-commands", CONFIG_SWITCH, CONFIG_LIVE, AT(task_commands), .standard = "yes",
     .help = "run a task's own command and check, and set its variables, instead of COMMAND"},
    {"log-level", CONFIG_WORD, CONFIG_LIVE, AT(level), .standard = "info", .shown = "LEVEL",
     .take = take_level, .wanted = "error, warning, notice, info or debug",
     .help = "error, warning, notice, info or debug"},
    {"verbose", CONFIG_SWITCH, CONFIG_FLAG_ONLY, AT(verbose), .letter = 'v',
     .help = "Say more: --log-level debug"},

    {"max-runtime", CONFIG_DURATION, CONFIG_LIVE | CONFIG_ZERO, AT(max_runtime_ms), .shown = "D",
     .standard = "none", .help = "End a run that takes longer"},
    {"idle", CONFIG_DURATION, CONFIG_LIVE | CONFIG_ZERO, AT(idle_ms), .shown = "D",
     .standard = "none",
     .help = "End a run that writes nothing and reports no progress for so long"},
    {"memory-max", CONFIG_SIZE, CONFIG_LIVE | CONFIG_ZERO, AT(scope.memory_bytes), .shown = "SIZE",
     .standard = "none",
     .help = "Memory of a run, all of its processes together; one that wants more is ended. Like "
             "tasks-max and cpu-weight, this needs a worker that is a service of systemd, on a "
             "machine with control groups of version 2"},
    {"tasks-max", CONFIG_NUMBER, CONFIG_LIVE | CONFIG_ZERO, AT(scope.tasks), .shown = "N",
     .standard = "none", .help = "Processes and threads of a run"},
    {"cpu-weight", CONFIG_NUMBER, CONFIG_LIVE | CONFIG_ZERO, AT(scope.cpu_weight), .shown = "N",
     .max = 10000, .standard = "none",
     .help = "Share of the processors for a run beside others, 1 to 10000; the usual is 100"},
    {"grace", CONFIG_DURATION, CONFIG_LIVE | CONFIG_ZERO, AT(grace_ms), .shown = "D",
     .standard = "10s", .help = "Between TERM and KILL"},
    {"drain-timeout", CONFIG_DURATION, CONFIG_LIVE | CONFIG_ZERO, AT(drain_ms), .shown = "D",
     .help = "After the first TERM, wait so long for running tasks [for ever]"},
    {"output-max", CONFIG_SIZE, CONFIG_LIVE, AT(output_kept), .shown = "SIZE", .standard = "1M",
     .max = OUTPUT_KEPT_MAX, .wanted = "a size up to 64M (bytes, or with K or M)",
     .help = "Of each output stream, kept from its beginning and from its end, up to 64M"},

    {"adapter", CONFIG_WORD, CONFIG_LIVE, AT(adapter), .shown = "A", .standard = "none",
     .take = take_adapter,
     .wanted = "none, claude-json, codex-jsonl, openhands-jsonl or last-json-line",
     .help = "Read the agent's output as proof of its work: none, claude-json, codex-jsonl, "
             "openhands-jsonl or last-json-line"},
    {"check", CONFIG_LIST, CONFIG_LIVE, AT(check), .shown = "ARG", .max = ARGS_MAX,
     .help = "A command to run after each task to prove it, an argument each time it is given"},
    {"check-command", CONFIG_TEXT, CONFIG_LIVE, AT(check_line), .shown = "LINE",
     .help = "The same as a line for /bin/sh"},
    {"rate-limit-pattern", CONFIG_LIST, CONFIG_LIVE, AT(patterns), .shown = "RE",
     .max = WORKER_PATTERNS_MAX, .take = take_pattern, .wanted = "an extended regular expression",
     .help = "Output that means: the provider takes no more for now. An extended regular "
             "expression; repeatable"},
};

static const struct config_program program = {
    .name = "baton-worker",
    .file = "worker.conf",
    .prefix = "BATON_WORKER_",
    .synopsis = synopsis,
    .epilogue = epilogue,
    .keys = keys,
    .n_keys = ARRAY_LEN(keys),
};

/* ---- what nobody has set ---- */

/* HOST-ROLE: the same at each start, so that a restart finds its leases and results again. */
static void
default_name(const struct options *options, struct buf *name)
{
    char host[64] = "localhost";
    if (gethostname(host, sizeof host) == 0) {
        host[sizeof host - 1] = 0;
        host[strcspn(host, ".")] = 0;
    }
    const char *p = host; /* "(none)" where nobody has set one */
    while (*p && !isalnum((unsigned char)*p)) {
        p++;
    }
    for (p = *p ? p : "localhost"; *p; p++) {
        buf_add(name, isalnum((unsigned char)*p) || *p == '-' ? p : "-", 1);
    }
    for (size_t i = 0; i < options->roles.n; i++) {
        buf_printf(name, "%s%s", name->bytes ? "-" : "", options->roles.items[i]);
    }
}

/* Into `path`; empty: nobody says where. */
static void
default_state(const char *name, struct buf *path)
{
    const char *service = getenv("STATE_DIRECTORY"); /* of systemd, for the unit that we are */
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    if (service && service[0] == '/') {
        buf_add_text(path, service);
    } else if (state && state[0] == '/') {
        buf_printf(path, "%s/baton/worker/%s", state, name);
    } else if (geteuid() == 0) {
        buf_printf(path, "/var/lib/baton-worker/%s", name);
    } else if (home && home[0] == '/') {
        buf_printf(path, "%s/.local/state/baton/worker/%s", home, name);
    }
}

/* "./agent.sh" is what the one who types it sees, not a file of the run's directory. What is not
 * there is left as it is: it may be there when the run begins. */
static void
resolve_program(struct options *options)
{
    const char *first = options->command.n ? options->command.items[0] : "/";
    char here[PATH_MAX];
    if (!strchr(first, '/') || first[0] == '/' || access(first, X_OK) != 0 ||
        !getcwd(here, sizeof here)) {
        return;
    }
    struct buf path = {0}; /* links stay: some programs look at the name they are called by */
    buf_printf(&path, "%s/%s", here, first);
    options->program = xcalloc(options->command.n + 1, sizeof *options->program);
    memcpy(options->program, options->command.items, options->command.n * sizeof *options->program);
    options->program[0] = xstrdup(buf_text(&path));
    options->command.items = options->program;
    buf_fini(&path);
}

/* The same role twice is one. */
static void
drop_twins(struct config_list *roles)
{
    const char **items = (const char **)(uintptr_t)roles->items;
    size_t n = 0;
    for (size_t i = 0; i < roles->n; i++) {
        bool known = false;
        for (size_t j = 0; j < n; j++) {
            known = known || items[j] == items[i];
        }
        if (!known) {
            items[n++] = items[i];
        }
    }
    roles->n = n;
}

/* Everything but the command line. */
static void
read_all(struct options *options)
{
    struct config *config = options->config;
    options->drain_ms = -1;
    config_read(config);
    config_resolve(config, options);
    for (size_t i = 0; i < options->roles.n && !config_errors(config); i++) {
        struct buf file = {0};
        buf_printf(&file, "roles.d/%s.conf", options->roles.items[i]);
        config_add_file(config, buf_text(&file));
        buf_fini(&file);
    }
    struct buf text = {0};
    default_name(options, &text);
    config_settle(config, "name", buf_text(&text), "default");
    config_resolve(config, options);
    buf_clear(&text);
    default_state(options->name, &text);
    if (text.bytes > 0) {
        config_settle(config, "state", buf_text(&text), "default");
        config_resolve(config, options);
    }
    buf_fini(&text);
    drop_twins(&options->roles);
    options->level = options->verbose ? LOG_LEVEL_DEBUG : options->level;
    if (options->check_line) {
        options->shell_check[0] = "/bin/sh";
        options->shell_check[1] = "-c";
        options->shell_check[2] = options->check_line;
        options->check = (struct config_list){options->shell_check, 3};
    }
}

/* ---- checks of more than one value ---- */

static void
check_all(struct options *options)
{
    struct config *config = options->config;
    if (config_errors(config)) {
        return; /* what follows may only follow from that */
    }
    if (options->roles.n == 0) {
        config_wrong(config, EX_USAGE, "say which tasks to take: --role ROLE");
    }
    if (!options->state) {
        config_wrong(config, EX_USAGE, "--state DIR is needed where HOME is not set");
    }
    if (options->command.n == 0 && !options->has_argument && !options->task_commands) {
        config_wrong(config, EX_USAGE, "--no-task-commands needs a COMMAND");
    }
}

int
options_read(struct options *options, int argc, char **argv)
{
    *options = (struct options){0};
    int status;
    options->config = config_open(&program, argc, argv, &status);
    if (status >= 0) {
        return status;
    }
    read_all(options);
    options->has_argument = optind < argc;
    if (options->has_argument) {
        options->command = (struct config_list){(const char *const *)(argv + optind),
                                                (size_t)(argc - optind)};
    }
    check_all(options);
    status = config_finish(options->config);
    if (status < 0) {
        resolve_program(options);
    }
    return status;
}

void
options_fini(struct options *options)
{
    if (options->program) {
        free((char *)(uintptr_t)options->program[0]);
        free(options->program);
    }
    config_close(options->config);
    *options = (struct options){0};
}

bool
options_reload(struct options *options)
{
    struct options fresh = {.config = config_again(options->config),
                            .has_argument = options->has_argument};
    read_all(&fresh);
    check_all(&fresh);
    if (options->has_argument) {
        fresh.command = options->command;
    } else {
        resolve_program(&fresh);
    }
    const char *lacks;
    if (!config_errors(fresh.config) && scope_change(&fresh.scope, &lacks) == SCOPE_LACKS) {
        config_wrong(fresh.config, EX_CONFIG,
                     "memory-max, tasks-max and cpu-weight can't be held here: %s", lacks);
    }
    bool ok = config_take_over(options->config, options, fresh.config, &fresh);
    options_fini(&fresh);
    return ok;
}
