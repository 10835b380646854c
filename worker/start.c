/* Preparing and starting one attempt: directory, files, environment, process. */
#include "worker/slot.h"

#include "common/alloc.h"
#include "context/prompt.h"
#include "context/taskfile.h"
#include "worker/command.h"
#include "worker/files.h"
#include "worker/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_DIRECTORY, PATH_WORKDIR, PATH_PROMPT, PATH_TASK, PATH_RESULT };

static bool trouble(struct slot *slot, bool of_task, const char *fmt, ...) PRINTF_LIKE(3, 4);

static bool
trouble(struct slot *slot, bool of_task, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(slot->trouble, sizeof slot->trouble, fmt, args);
    va_end(args);
    slot->trouble_is_task = of_task;
    return false;
}

static char *
join(const char *directory, const char *name)
{
    struct buf path = {0};
    buf_printf(&path, "%s/%s", directory, name);
    char *text = xstrdup(buf_text(&path));
    buf_fini(&path);
    return text;
}

static bool
make_directory(struct slot *slot)
{
    struct worker *worker = slot->worker;
    const baton_assignment *task = slot->task;
    slot->directory = state_run_begin(&worker->state, task->token);
    if (slot->directory < 0) {
        return trouble(slot, false,
                       "the directory %s/run/%" PRIu64 " cannot be made: %s; is the "
                       "disk full?",
                       worker->state.path, task->token, strerror(errno));
    }
    struct buf path = {0};
    buf_printf(&path, "%s/run/%" PRIu64, worker->state.path, task->token);
    slot->paths[PATH_DIRECTORY] = xstrdup(buf_text(&path));
    buf_fini(&path);
    slot->log = openat(slot->directory, "output.log",
                       O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
    return slot->log >= 0 || trouble(slot, false, "output.log cannot be made in %s: %s",
                                     slot->paths[PATH_DIRECTORY], strerror(errno));
}

static bool
find_workdir(struct slot *slot)
{
    const struct worker *worker = slot->worker;
    const char *asked = slot->task->spec->workdir;
    if (worker->workdir < 0 && asked[0]) {
        return trouble(slot, true,
                       "the task asks for the directory '%s', but this worker has none "
                       "to look in: start it with --workdir",
                       asked);
    }
    int below = worker->workdir >= 0 ? worker->workdir : slot->directory;
    slot->workdir = files_open_below(below, asked);
    if (slot->workdir < 0) {
        return errno == EXDEV || errno == ELOOP
                   ? trouble(slot, true, "the task's directory '%s' leads out of the worker's own",
                             asked)
                   : trouble(slot, asked[0] != 0, "the directory '%s' cannot be entered: %s", asked,
                             strerror(errno));
    }
    slot->paths[PATH_WORKDIR] = files_path_of(slot->workdir);
    return slot->paths[PATH_WORKDIR] || trouble(slot, false, "the working directory has no path");
}

static void
describe(struct slot *slot)
{
    const struct worker *worker = slot->worker;
    const struct options *options = worker->options;
    const baton_spec *spec = slot->task->spec;
    const char *directory = slot->paths[PATH_DIRECTORY];
    slot->paths[PATH_PROMPT] = join(directory, "prompt");
    slot->paths[PATH_TASK] = join(directory, "task.json");
    slot->paths[PATH_RESULT] = join(directory, "result.json");
    bool own_check = options->task_commands && spec->n_check > 0;
    slot->attempt = (struct attempt){
        .task = slot->task,
        .worker = options->name,
        .endpoint = worker->endpoint,
        .directory = directory,
        .workdir = slot->paths[PATH_WORKDIR],
        .prompt_file = slot->paths[PATH_PROMPT],
        .task_file = slot->paths[PATH_TASK],
        .result_file = slot->paths[PATH_RESULT],
        .check = own_check ? spec->check : options->check.items,
        .n_check = own_check ? spec->n_check : options->check.n,
    };
    slot->check = slot->attempt.n_check ? CHECK_PENDING : CHECK_ABSENT;
}

static bool
write_files(struct slot *slot)
{
    slot->prompt = prompt_make(&slot->attempt, &slot->prompt_bytes);
    char *task = taskfile_make(&slot->attempt);
    bool ok = files_replace(slot->directory, "prompt", slot->prompt, slot->prompt_bytes, false) &&
              files_replace(slot->directory, "task.json", task, strlen(task), false);
    free(task);
    return ok || trouble(slot, false,
                         "the attempt's files cannot be written in %s: %s; is the disk "
                         "full?",
                         slot->paths[PATH_DIRECTORY], strerror(errno));
}

/* 0, or an errno. */
static int
run(struct slot *slot, const char *const *argv, size_t n, bool quiet)
{
    const struct options *options = slot->worker->options;
    struct command_environment rules = {
        .pass = options->pass.items,
        .n_pass = options->pass.n,
        .set = options->set_env.items,
        .n_set = options->set_env.n,
        .tools = spawn_tools(),
        .listed_only = !options->task_commands,
    };
    int scope = scope_open(slot->task->token);
    if (scope < 0) {
        return errno;
    }
    char **arguments = command_arguments(argv, n, &slot->attempt);
    char **variables = command_environ(&rules, &slot->attempt);
    struct spawn what = {.argv = arguments,
                         .environ = variables,
                         .workdir = slot->workdir,
                         .scope = scope,
                         .quiet = quiet};
    int error = spawn_child(&what, &slot->child);
    close(scope);
    command_free(arguments);
    command_free(variables);
    return error;
}

static bool
run_agent(struct slot *slot)
{
    const struct options *options = slot->worker->options;
    const baton_spec *spec = slot->task->spec;
    slot->own_command = options->task_commands && spec->n_command > 0;
    const char *const *argv = slot->own_command ? spec->command : options->command.items;
    size_t n = slot->own_command ? spec->n_command : options->command.n;
    if (n == 0) {
        return trouble(slot, false,
                       "the task has no command and this worker neither: start it as "
                       "baton-worker … -- COMMAND, or give the task one");
    }
    int error = run(slot, argv, n, false);
    if (error) {
        return trouble(slot, false, "no process could be started: %s", strerror(error));
    }
    return true;
}

static void
set_clocks(struct slot *slot)
{
    const struct options *options = slot->worker->options;
    const baton_spec *spec = slot->task->spec;
    int64_t longest = spec->max_runtime_ms ? spec->max_runtime_ms : options->max_runtime_ms;
    slot->wall_at = longest ? slot->started_at + longest : 0;
    slot->idle_ms = spec->idle_ms ? spec->idle_ms : options->idle_ms;
}

bool
slot_start(struct slot *slot)
{
    const baton_assignment *task = slot->task;
    state_lease_begin(&slot->worker->state, task->token, task->project, task->id);
    size_t kept = MAX(slot->worker->options->output_kept, (uint64_t)OUTPUT_KEPT_MIN);
    if (!make_directory(slot)) {
        output_init(&slot->out, kept, -1);
        output_init(&slot->err, kept, -1);
        return false;
    }
    output_init(&slot->out, kept, slot->log);
    output_init(&slot->err, kept, slot->log);
    set_clocks(slot);
    if (!find_workdir(slot)) {
        return false;
    }
    describe(slot);
    return write_files(slot) && run_agent(slot);
}

bool
slot_start_check(struct slot *slot)
{
    slot->checking = true;
    output_init(&slot->check_output, OUTPUT_KEPT_MIN, slot->log);
    int error = run(slot, slot->attempt.check, slot->attempt.n_check, true);
    if (error) {
        struct buf says = {0};
        buf_printf(&says, "it could not be started: %s", strerror(error));
        slot->check_says = xstrdup(buf_text(&says));
        buf_fini(&says);
    }
    return error == 0;
}
