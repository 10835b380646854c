/* baton pause, resume, drain: what starts and what does not. */
#include "ctl/verbs.h"

#include <string.h>

enum {
    OPTION_BROKER = 256,
    OPTION_ROLE,
    OPTION_PROJECT,
    OPTION_RESOURCE,
    OPTION_WORKER,
    OPTION_SUBMITTER,
    OPTION_UNTIL,
    OPTION_REASON,
    OPTION_FORCE,
};

/* --project names here what is paused. */
static const struct option options[] = {
    {"broker", no_argument, NULL, OPTION_BROKER},
    {"role", required_argument, NULL, OPTION_ROLE},
    {"project", required_argument, NULL, OPTION_PROJECT},
    {"resource", required_argument, NULL, OPTION_RESOURCE},
    {"worker", required_argument, NULL, OPTION_WORKER},
    {"submitter", required_argument, NULL, OPTION_SUBMITTER},
    {"until", required_argument, NULL, OPTION_UNTIL},
    {"reason", required_argument, NULL, OPTION_REASON},
    {"force", no_argument, NULL, OPTION_FORCE},
    {0},
};

static bool
take_scope(struct ctl *ctl, int option, struct baton_pause *pause, int *n_scopes)
{
    ++*n_scopes;
    pause->name = optarg;
    switch (option) {
    case OPTION_BROKER:
        pause->scope = BATON_SCOPE_BROKER;
        pause->name = "";
        return true;
    case OPTION_ROLE:
        pause->scope = BATON_SCOPE_ROLE;
        return ctl_take_role(ctl, optarg, &pause->name);
    case OPTION_PROJECT:
        pause->scope = BATON_SCOPE_PROJECT;
        return true;
    case OPTION_RESOURCE:
        pause->scope = BATON_SCOPE_LOCK;
        return true;
    case OPTION_SUBMITTER:
        pause->scope = BATON_SCOPE_SUBMITTER;
        return true;
    default:
        pause->scope = BATON_SCOPE_WORKER;
        return true;
    }
}

static bool
read_command_line(struct baton_pause *pause, struct ctl *ctl, int argc, char **argv)
{
    int n_scopes = 0;
    for (int option; (option = ctl_getopt(ctl, argc, argv, "", options)) != -1;) {
        bool ok = true;
        if (option == '?') {
            return false;
        }
        if (option == OPTION_UNTIL) {
            ok = ctl_take_time(ctl, "--until", optarg, &pause->until);
        } else if (option == OPTION_REASON) {
            pause->reason = optarg;
        } else if (option == OPTION_FORCE) {
            pause->force = true;
        } else {
            ok = take_scope(ctl, option, pause, &n_scopes);
        }
        if (!ok) {
            return false;
        }
    }
    if (optind < argc) {
        ctl_usage(ctl, "%s was not expected: say --role %s or the like", argv[optind],
                  argv[optind]);
        return false;
    }
    if (n_scopes != 1) {
        ctl_usage(ctl, "say one of --broker, --role R, --project P, --resource NAME, --worker W, "
                       "--submitter NAME");
        return false;
    }
    return true;
}

const char *
ctl_scope_word(enum baton_scope scope)
{
    static const char *const words[] = {"broker",   "role",   "project",
                                        "resource", "worker", "submitter"};
    return (size_t)scope < ARRAY_LEN(words) ? words[scope] : "";
}

/* A name that nobody has: mostly a slip of the pen, so it is said. */
static void
warn_unknown(struct ctl *ctl, const struct baton_pause *pause)
{
    const char *name = pause->name;
    switch (pause->scope) {
    case BATON_SCOPE_PROJECT:
        ctl_remark(ctl, "no task of project %s is known so far: the pause is for those to come",
                   name);
        break;
    case BATON_SCOPE_LOCK:
        ctl_remark(ctl, "no task claims resource %s so far: the pause is for those to come", name);
        break;
    case BATON_SCOPE_WORKER:
        ctl_remark(ctl, "worker %s has never been here: it is drained when it comes", name);
        break;
    case BATON_SCOPE_SUBMITTER:
        ctl_remark(ctl,
                   "no task in memory was added by %s (`baton show ID` says who added a task): the "
                   "pause is for those to come",
                   name);
        break;
    case BATON_SCOPE_BROKER:
    case BATON_SCOPE_ROLE:
        break;
    }
}

/* Says what became of it. */
static void
tell_pause(struct ctl *ctl, const struct baton_pause *pause, const char *done,
           const struct baton_pause_done *answer)
{
    const char *word = ctl_scope_word(pause->scope);
    if (ctl->json) {
        json_t *object = json_object();
        json_object_set_new(object, "change", json_string(done));
        json_object_set_new(object, "scope", json_string(word));
        json_object_set_new(object, "name",
                            pause->name[0] ? ctl_json_text(pause->name) : json_null());
        json_object_set_new(object, "changed", json_boolean(answer->changed));
        json_object_set_new(object, "known", json_boolean(!answer->unknown));
        ctl_print_json(ctl, object);
        return;
    }
    bool never = !answer->changed && strcmp(done, "resumed") == 0;
    ctl_remark(ctl, "%s%s%s %s %s%s", word, pause->name[0] ? " " : "", pause->name,
               answer->changed ? "is now"
               : never         ? "was not"
                               : "was",
               never ? "paused" : done, answer->changed || never ? "" : " already");
    if (answer->unknown && !pause->resume) {
        warn_unknown(ctl, pause);
    }
}

static int
send_pause(struct ctl *ctl, const struct baton_pause *pause, const char *done)
{
    int status = ctl_connect(ctl);
    if (status != CTL_YES) {
        return status;
    }
    struct baton_pause_done answer;
    baton_status code = baton_pause(ctl->baton, pause, &answer);
    if (code == BATON_NOT_FOUND) {
        return ctl_fail(
            ctl, CTL_NO, "not_found",
            "`baton workers` shows those that are here; --force drains it when it comes",
            "no worker called %s has ever been here", pause->name);
    }
    if (code != BATON_OK) {
        return ctl_fail_status(ctl, code);
    }
    tell_pause(ctl, pause, done, &answer);
    return CTL_YES;
}

int
verb_pause(struct ctl *ctl, int argc, char **argv)
{
    struct baton_pause pause = {.name = ""};
    if (!read_command_line(&pause, ctl, argc, argv)) {
        return ctl->status;
    }
    return send_pause(ctl, &pause, pause.scope == BATON_SCOPE_WORKER ? "draining" : "paused");
}

int
verb_resume(struct ctl *ctl, int argc, char **argv)
{
    struct baton_pause pause = {.name = "", .resume = true};
    if (!read_command_line(&pause, ctl, argc, argv)) {
        return ctl->status;
    }
    if (pause.until || pause.force) {
        return ctl_usage(ctl, "--until and --force are of `baton pause`: this ends one now");
    }
    return send_pause(ctl, &pause, "resumed");
}

/* Draining a broker refuses new work too; draining a role or a worker is what a pause of it is:
 * running work ends, nothing new starts. */
int
verb_drain(struct ctl *ctl, int argc, char **argv)
{
    struct baton_pause pause = {.name = ""};
    if (!read_command_line(&pause, ctl, argc, argv)) {
        return ctl->status;
    }
    if (pause.scope != BATON_SCOPE_BROKER && pause.scope != BATON_SCOPE_ROLE &&
        pause.scope != BATON_SCOPE_WORKER) {
        return ctl_usage(ctl, "a broker, a role or a worker can be drained; pause the others");
    }
    pause.refuse = pause.scope == BATON_SCOPE_BROKER;
    return send_pause(ctl, &pause, "draining");
}
