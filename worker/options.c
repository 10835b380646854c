/* The command line. */
#include "worker/options.h"

#include "client/include/baton.h"
#include "common/alloc.h"
#include "common/buf.h"
#include "common/text.h"
#include "common/units.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

static const char help[] =
    "Usage: baton-worker --role ROLE [OPTION…] -- COMMAND [ARG…]\n"
    "Takes tasks of a role from the broker, runs COMMAND for each, reports what became of it.\n"
    "\n"
    "  -r, --role ROLE          infra, backend, frontend, realtime, integration, testing; "
    "repeatable\n"
    "  -s, --slots N            tasks at a time (1)\n"
    "  -n, --name NAME          of this worker, its own for ever (HOST-ROLE)\n"
    "  -e, --endpoint E         of the broker ($BATON_ENDPOINT, else the usual socket)\n"
    "  -p, --project P          take only tasks of this project; repeatable\n"
    "      --state DIR          results not delivered yet, directories of attempts\n"
    "                           ($XDG_STATE_HOME/baton/worker/NAME; root: "
    "/var/lib/baton-worker/NAME)\n"
    "  -w, --workdir DIR        run the command here (the attempt's own directory)\n"
    "      --env NAME           pass this variable on too; repeatable\n"
    "      --no-task-commands   run only COMMAND: ignore a task's own command, check and "
    "variables\n"
    "  -v, --verbose            say more\n"
    "      --help, --version\n"
    "\n"
    "Limits (a task's own come first; durations like 90s, 30m, 2h):\n"
    "      --max-runtime D      end a run that takes longer (none)\n"
    "      --idle D             end a run that writes nothing for so long (none)\n"
    "      --grace D            between TERM and KILL (10s)\n"
    "      --drain-timeout D    after the first TERM, wait so long for running tasks (for ever)\n"
    "      --output-max SIZE    of each stream, kept from its beginning and its end (1M)\n"
    "\n"
    "What proves a task done (exit status 0 does not; see docs/agent.md):\n"
    "      --adapter A          read the agent's output: none, claude-json, codex-jsonl,\n"
    "                           openhands-jsonl, last-json-line (none)\n"
    "      --check ARG          a command to run after each task, an argument each time it is "
    "given\n"
    "      --check-command LINE the same as a line for /bin/sh\n"
    "      --rate-limit-pattern RE   output that means: the provider takes no more for now; "
    "repeatable\n"
    "\n"
    "In COMMAND these are replaced: {task_id} {project} {role} {attempt} {token} {prompt_file}\n"
    "{task_file} {result_file} {workdir} {endpoint}. No shell is involved.\n"
    "Signals: TERM or INT: take nothing new, finish, end; a second one: stop the tasks and end.\n"
    "Exit status: 0 ended as asked; 64 usage; 69 no broker of this kind; 70 a bug; 73 the state\n"
    "directory; 75 another worker has this name; 77 denied; 78 configuration.\n";

enum {
    OPT_STATE = 256,
    OPT_ENV,
    OPT_NO_TASK_COMMANDS,
    OPT_MAX_RUNTIME,
    OPT_IDLE,
    OPT_GRACE,
    OPT_DRAIN_TIMEOUT,
    OPT_OUTPUT_MAX,
    OPT_ADAPTER,
    OPT_CHECK,
    OPT_CHECK_COMMAND,
    OPT_PATTERN,
    OPT_HELP,
    OPT_VERSION,
};

static const struct option longs[] = {
    {"role", required_argument, NULL, 'r'},
    {"slots", required_argument, NULL, 's'},
    {"name", required_argument, NULL, 'n'},
    {"endpoint", required_argument, NULL, 'e'},
    {"project", required_argument, NULL, 'p'},
    {"workdir", required_argument, NULL, 'w'},
    {"verbose", no_argument, NULL, 'v'},
    {"state", required_argument, NULL, OPT_STATE},
    {"env", required_argument, NULL, OPT_ENV},
    {"no-task-commands", no_argument, NULL, OPT_NO_TASK_COMMANDS},
    {"max-runtime", required_argument, NULL, OPT_MAX_RUNTIME},
    {"idle", required_argument, NULL, OPT_IDLE},
    {"grace", required_argument, NULL, OPT_GRACE},
    {"drain-timeout", required_argument, NULL, OPT_DRAIN_TIMEOUT},
    {"output-max", required_argument, NULL, OPT_OUTPUT_MAX},
    {"adapter", required_argument, NULL, OPT_ADAPTER},
    {"check", required_argument, NULL, OPT_CHECK},
    {"check-command", required_argument, NULL, OPT_CHECK_COMMAND},
    {"rate-limit-pattern", required_argument, NULL, OPT_PATTERN},
    {"help", no_argument, NULL, OPT_HELP},
    {"version", no_argument, NULL, OPT_VERSION},
    {0},
};

static int wrong(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static int
wrong(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fputs("baton-worker: ", stderr);
    vfprintf(stderr, fmt, args);
    fputs("; see --help\n", stderr);
    va_end(args);
    return EX_USAGE;
}

/* ---- values ---- */

static int
add(const char **list, size_t *n, size_t max, const char *value, const char *option)
{
    if (*n == max) {
        return wrong("%s is given too often (%zu times at most)", option, max);
    }
    list[(*n)++] = value;
    return -1;
}

static int
add_role(struct options *options, const char *name)
{
    const char *role = baton_role_of(name);
    if (!role) {
        return wrong("--role: there is no role '%s' (infra, backend, frontend, realtime, "
                     "integration, testing)",
                     name);
    }
    for (size_t i = 0; i < options->n_roles; i++) {
        if (strcmp(options->roles[i], role) == 0) {
            return -1;
        }
    }
    return add(options->roles, &options->n_roles, ROLES_MAX, role, "--role");
}

static int
set_duration(int64_t *ret_ms, const char *option, const char *value)
{
    return duration_parse(value, ret_ms)
               ? -1
               : wrong("%s: '%s' is not a duration like 90s, 30m or 2h", option, value);
}

static int
set_slots(struct options *options, const char *value)
{
    char *end;
    errno = 0;
    unsigned long n = strtoul(value, &end, 10);
    if (errno || *end || !isdigit((unsigned char)*value) || n == 0 || n > WORKER_SLOTS_MAX) {
        return wrong("--slots: '%s' is not a number from 1 to %d", value, WORKER_SLOTS_MAX);
    }
    options->slots = (uint32_t)n;
    return -1;
}

static int
set_output(struct options *options, const char *value)
{
    char *end;
    errno = 0;
    unsigned long long n = strtoull(value, &end, 10);
    unsigned long long unit = *end == 'k' || *end == 'K' ? 1024 : *end == 'M' ? 1024 * 1024 : 1;
    end += unit > 1;
    if (errno || *end || !isdigit((unsigned char)*value) || n > OUTPUT_KEPT_MAX ||
        n * unit > OUTPUT_KEPT_MAX) {
        return wrong("--output-max: '%s' is not a size up to 64M (bytes, or with K or M)", value);
    }
    options->output_kept = MAX((size_t)(n * unit), (size_t)OUTPUT_KEPT_MIN);
    return -1;
}

static int
set_check_command(struct options *options, const char *line)
{
    static const char *const shell[] = {"/bin/sh", "-c"};
    options->n_check = 0;
    options->check[options->n_check++] = shell[0];
    options->check[options->n_check++] = shell[1];
    options->check[options->n_check++] = line;
    return -1;
}

static int
set_limit(struct options *options, int option, const char *value)
{
    switch (option) {
    case OPT_MAX_RUNTIME:
        return set_duration(&options->max_runtime_ms, "--max-runtime", value);
    case OPT_IDLE:
        return set_duration(&options->idle_ms, "--idle", value);
    case OPT_GRACE:
        return set_duration(&options->grace_ms, "--grace", value);
    case OPT_DRAIN_TIMEOUT:
        return set_duration(&options->drain_ms, "--drain-timeout", value);
    case OPT_OUTPUT_MAX:
        return set_output(options, value);
    case OPT_ADAPTER:
        return adapter_of(value, &options->adapter)
                   ? -1
                   : wrong("--adapter: there is no '%s' (none, claude-json, codex-jsonl, "
                           "openhands-jsonl, last-json-line)",
                           value);
    case OPT_CHECK:
        return add(options->check, &options->n_check, ARGS_MAX, value, "--check");
    case OPT_CHECK_COMMAND:
        return set_check_command(options, value);
    case OPT_PATTERN:
        return add(options->patterns, &options->n_patterns, WORKER_PATTERNS_MAX, value,
                   "--rate-limit-pattern");
    default:
        return EX_USAGE; /* getopt has said what is wrong */
    }
}

static int
set(struct options *options, int option, const char *value)
{
    switch (option) {
    case 'r':
        return add_role(options, value);
    case 's':
        return set_slots(options, value);
    case 'n':
        free(options->name);
        options->name = xstrdup(value);
        return -1;
    case 'e':
        options->endpoint = value;
        return -1;
    case 'p':
        return name_is_valid(value, NAME_BYTES_MAX)
                   ? add(options->projects, &options->n_projects, WORKER_NAMES_MAX, value,
                         "--project")
                   : wrong("--project: '%s' is not a project's name", value);
    case 'w':
        options->workdir = value;
        return -1;
    case 'v':
        options->verbose = true;
        return -1;
    case OPT_STATE:
        free(options->state);
        options->state = xstrdup(value);
        return -1;
    case OPT_ENV:
        return strchr(value, '=') || !*value
                   ? wrong("--env takes the name of a variable, not NAME=value")
                   : add(options->pass, &options->n_pass, WORKER_NAMES_MAX, value, "--env");
    case OPT_NO_TASK_COMMANDS:
        options->task_commands = false;
        return -1;
    case OPT_HELP:
        fputs(help, stdout);
        return EX_OK;
    case OPT_VERSION:
        puts("baton-worker " BATON_SOFTWARE_VERSION);
        return EX_OK;
    default:
        return set_limit(options, option, value);
    }
}

/* ---- defaults ---- */

/* HOST-ROLE: the same at each start, so that a restart finds its leases and results again. */
static char *
default_name(const struct options *options)
{
    char host[64] = "localhost";
    if (gethostname(host, sizeof host) == 0) {
        host[sizeof host - 1] = 0;
        host[strcspn(host, ".")] = 0;
    }
    struct buf name = {0};
    for (const char *p = host; *p; p++) {
        buf_add(&name, isalnum((unsigned char)*p) || *p == '-' ? p : "-", 1);
    }
    for (size_t i = 0; i < options->n_roles; i++) {
        buf_printf(&name, "-%s", options->roles[i]);
    }
    const char *text = buf_text(&name);
    char *copy = xstrdup(text[0] == '-' ? text + 1 : text);
    buf_fini(&name);
    return copy;
}

static char *
default_state(const char *name)
{
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    struct buf path = {0};
    if (state && state[0] == '/') {
        buf_printf(&path, "%s/baton/worker/%s", state, name);
    } else if (geteuid() == 0) {
        buf_printf(&path, "/var/lib/baton-worker/%s", name);
    } else if (home && home[0] == '/') {
        buf_printf(&path, "%s/.local/state/baton/worker/%s", home, name);
    } else {
        return NULL;
    }
    char *copy = xstrdup(buf_text(&path));
    buf_fini(&path);
    return copy;
}

/* "./agent.sh" is what the one who types it sees, not a file of the run's directory. What is not
 * there is left as it is: it may be there when the run begins. */
static char *
program_path(const char *program)
{
    char here[PATH_MAX];
    bool relative = strchr(program, '/') && program[0] != '/';
    if (!relative || access(program, X_OK) != 0 || !getcwd(here, sizeof here)) {
        return NULL;
    }
    struct buf path = {0}; /* links stay: some programs look at the name they are called by */
    buf_printf(&path, "%s/%s", here, program);
    char *copy = xstrdup(buf_text(&path));
    buf_fini(&path);
    return copy;
}

static int
complete(struct options *options)
{
    if (options->n_roles == 0) {
        return wrong("say which tasks to take: --role ROLE");
    }
    if (!options->name) {
        options->name = default_name(options);
    }
    if (!name_is_valid(options->name, NAME_BYTES_MAX) || strchr(options->name, '/')) {
        return wrong("--name: '%s' is not a name (letters, digits and ._:@+~-, %d bytes at most)",
                     options->name, NAME_BYTES_MAX);
    }
    if (!options->state) {
        options->state = default_state(options->name);
    }
    if (!options->state) {
        return wrong("--state DIR is needed where HOME is not set");
    }
    if (options->n_command == 0 && !options->task_commands) {
        return wrong("--no-task-commands needs a COMMAND");
    }
    return -1;
}

int
options_read(struct options *options, int argc, char **argv)
{
    *options = (struct options){
        .slots = 1,
        .grace_ms = GRACE_DEFAULT_MS,
        .drain_ms = -1,
        .output_kept = OUTPUT_KEPT_DEFAULT,
        .task_commands = true,
    };
    int status = -1;
    for (int option;
         status < 0 && (option = getopt_long(argc, argv, "+r:s:n:e:p:w:v", longs, NULL)) != -1;) {
        status = set(options, option, optarg);
    }
    if (status >= 0) {
        return status;
    }
    options->n_command = (size_t)(argc - optind);
    options->program = options->n_command ? program_path(argv[optind]) : NULL;
    if (options->program) {
        argv[optind] = options->program;
    }
    options->command = (const char *const *)(argv + optind);
    return complete(options);
}

void
options_fini(struct options *options)
{
    free(options->name);
    free(options->state);
    free(options->program);
    *options = (struct options){0};
}
