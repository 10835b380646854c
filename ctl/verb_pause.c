/* baton pause, resume, drain: what starts and what does not. */
#include "ctl/verbs.h"

#include <string.h>

enum {
    OPTION_BROKER = 256,
    OPTION_ROLE,
    OPTION_PROJECT,
    OPTION_RESOURCE,
    OPTION_WORKER,
    OPTION_UNTIL,
    OPTION_REASON,
};

/* --project names here what is paused. */
static const struct option options[] = {
    {"broker", no_argument, NULL, OPTION_BROKER},
    {"role", required_argument, NULL, OPTION_ROLE},
    {"project", required_argument, NULL, OPTION_PROJECT},
    {"resource", required_argument, NULL, OPTION_RESOURCE},
    {"worker", required_argument, NULL, OPTION_WORKER},
    {"until", required_argument, NULL, OPTION_UNTIL},
    {"reason", required_argument, NULL, OPTION_REASON},
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
        ctl_usage(ctl, "say one of --broker, --role R, --project P, --resource N, --worker W");
        return false;
    }
    return true;
}

static const char *
scope_word(enum baton_scope scope)
{
    static const char *const words[] = {"broker", "role", "project", "resource", "worker"};
    return (size_t)scope < ARRAY_LEN(words) ? words[scope] : "";
}

static int
send_pause(struct ctl *ctl, const struct baton_pause *pause, const char *done)
{
    int status = ctl_connect(ctl);
    if (status != CTL_YES) {
        return status;
    }
    bool changed = false;
    baton_status answer = baton_pause(ctl->baton, pause, &changed);
    if (answer != BATON_OK) {
        return ctl_fail_status(ctl, answer);
    }
    if (ctl->json) {
        json_t *object = json_object();
        json_object_set_new(object, "change", json_string(done));
        json_object_set_new(object, "scope", json_string(scope_word(pause->scope)));
        json_object_set_new(object, "name",
                            pause->name[0] ? ctl_json_text(pause->name) : json_null());
        json_object_set_new(object, "changed", json_boolean(changed));
        ctl_print_json(ctl, object);
        return CTL_YES;
    }
    bool never = !changed && strcmp(done, "resumed") == 0;
    ctl_remark(ctl, "%s%s%s %s %s%s", scope_word(pause->scope), pause->name[0] ? " " : "",
               pause->name,
               changed ? "is now"
               : never ? "was not"
                       : "was",
               never ? "paused" : done, changed || never ? "" : " already");
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
