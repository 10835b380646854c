/* baton config: the values that a daemon would start with, and where each is from. The daemon
 * itself is asked: it alone knows its keys. */
#include "ctl/table.h"
#include "ctl/verbs.h"

#include "common/buf.h"

#include <errno.h>
#include <limits.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { ANSWER_BYTES_MAX = 1024 * 1024 };

/* Beside this program or in the folder of daemons next to it, else wherever PATH has it. */
static void
find_daemon(const char *name, char *out, size_t room)
{
    static const char *const places[] = {"", "../sbin/"};
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = 0;
    char *slash = strrchr(self, '/');
    for (size_t i = 0; slash && i < ARRAY_LEN(places); i++) {
        snprintf(out, room, "%.*s/%s%s", (int)(slash - self), self, places[i], name);
        if (access(out, X_OK) == 0) {
            return;
        }
    }
    snprintf(out, room, "%s", name);
}

/* What it writes on standard output; its errors go to ours. The exit status, or -1. */
static int
run(char *const *argv, struct buf *answer)
{
    int ends[2];
    if (pipe(ends) != 0) {
        return -1;
    }
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    pid_t pid;
    int error = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    ssize_t n = error ? 0 : 1;
    while (n > 0 && answer->bytes < ANSWER_BYTES_MAX) {
        uint8_t *at = buf_reserve(answer, 4096);
        do {
            n = read(ends[0], at, 4096);
        } while (n < 0 && errno == EINTR);
        answer->bytes += n > 0 ? (size_t)n : 0;
    }
    close(ends[0]);
    int status = -1;
    if (error) {
        errno = error;
        return -1;
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : CTL_BUG;
}

/* A line is KEY, tab, where from, tab, when a change counts, tab, value. */
static void
print(struct ctl *ctl, char *text)
{
    static const struct table_column columns[] = {{.title = "KEY"},
                                                  {.title = "VALUE", .shrink = true},
                                                  {.title = "CHANGES"},
                                                  {.title = "FROM", .shrink = true}};
    struct table table;
    table_init(&table, columns, ARRAY_LEN(columns));
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        char *origin = line + strcspn(line, "\t");
        origin += *origin != 0;
        char *changes = origin + strcspn(origin, "\t");
        changes += *changes != 0;
        char *value = changes + strcspn(changes, "\t");
        value += *value != 0;
        line[strcspn(line, "\t")] = 0;
        origin[strcspn(origin, "\t")] = 0;
        changes[strcspn(changes, "\t")] = 0;
        if (ctl->json) {
            json_t *object = json_object();
            json_object_set_new(object, "key", ctl_json_text(line));
            json_object_set_new(object, "value", ctl_json_text(value));
            json_object_set_new(object, "from", ctl_json_text(origin));
            json_object_set_new(object, "changes", ctl_json_text(changes));
            ctl_print_json(ctl, object);
        } else {
            table_add(&table, line);
            table_add(&table, value);
            table_add(&table, changes);
            table_add(&table, origin);
        }
    }
    if (!ctl->json) {
        table_print(&table, ctl);
    }
    table_fini(&table);
}

struct config_form {
    const char *file;
    const char *roles[6];
    size_t n_roles;
    bool checks;
};

enum { OPT_FILE = 256, OPT_ROLE, OPT_CHECK, OPT_EFFECTIVE };

static bool
take_options(struct ctl *ctl, int argc, char **argv, struct config_form *form)
{
    static const struct option options[] = {{"config", required_argument, NULL, OPT_FILE},
                                            {"role", required_argument, NULL, OPT_ROLE},
                                            {"check", no_argument, NULL, OPT_CHECK},
                                            {"effective", no_argument, NULL, OPT_EFFECTIVE},
                                            {0}};
    for (int option; (option = ctl_getopt(ctl, argc, argv, "", options)) != -1;) {
        switch (option) {
        case OPT_FILE:
            form->file = optarg;
            break;
        case OPT_ROLE:
            if (form->n_roles == ARRAY_LEN(form->roles)) {
                ctl_usage(ctl, "--role is given too often");
                return false;
            }
            if (!ctl_take_role(ctl, optarg, &form->roles[form->n_roles++])) {
                return false;
            }
            break;
        case OPT_CHECK:
            form->checks = true;
            break;
        case OPT_EFFECTIVE: /* which it does anyway */
            break;
        default:
            return false;
        }
    }
    return true;
}

int
verb_config(struct ctl *ctl, int argc, char **argv)
{
    struct config_form form = {0};
    if (!take_options(ctl, argc, argv, &form)) {
        return ctl->status;
    }
    const char *of = optind < argc ? argv[optind] : form.n_roles ? "worker" : "broker";
    bool of_worker = strcmp(of, "worker") == 0;
    if (optind + 1 < argc || (!of_worker && strcmp(of, "broker") != 0)) {
        return ctl_usage(ctl, "whose? broker or worker");
    }
    if (of_worker && form.n_roles == 0) {
        return ctl_usage(ctl, "the worker of which role? --role ROLE");
    }
    if (!of_worker && form.n_roles > 0) {
        return ctl_usage(ctl, "--role is of a worker");
    }
    char daemon[PATH_MAX + 32];
    find_daemon(of_worker ? "baton-worker" : "batond", daemon, sizeof daemon);
    const char *args[2 * ARRAY_LEN(form.roles) + 5] = {daemon, form.checks ? "--check-config"
                                                                           : "--effective-config"};
    size_t n = 2;
    if (form.file) {
        args[n++] = "--config";
        args[n++] = form.file;
    }
    for (size_t i = 0; i < form.n_roles; i++) {
        args[n++] = "--role";
        args[n++] = form.roles[i];
    }
    struct buf answer = {0};
    int status = run((char *const *)(uintptr_t)args, &answer);
    if (status < 0) {
        status = ctl_fail(ctl, CTL_CONFIG, "not_installed", "install it, or put it into PATH",
                          "%s can't be run: %s", daemon, strerror(errno));
    } else if (status == 0 && form.checks) {
        ctl_print_text(ctl, strtok((char *)(uintptr_t)buf_text(&answer), "\n"));
        ctl_print(ctl, "\n");
    } else if (status == 0) {
        print(ctl, (char *)(uintptr_t)buf_text(&answer));
    }
    buf_fini(&answer);
    return status;
}
