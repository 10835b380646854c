/* baton project: a project as a plan; it is shown, closed to new tasks, opened again. */
#include "ctl/command.h"
#include "ctl/say.h"
#include "ctl/verbs.h"

#include <inttypes.h>
#include <string.h>

enum { OPTION_REASON = 256 };

static const struct option options[] = {
    {"reason", required_argument, NULL, OPTION_REASON},
    {0},
};

struct form {
    enum baton_project_verb verb;
    const char *name;
    const char *reason;
};

json_t *
ctl_project_json(const struct baton_project_status *project)
{
    json_t *object = json_object();
    json_object_set_new(object, "project", ctl_json_text(project->project));
    json_object_set_new(object, "open", json_integer((json_int_t)project->open));
    json_object_set_new(object, "done", json_integer((json_int_t)project->done));
    json_object_set_new(object, "failed", json_integer((json_int_t)project->failed));
    json_object_set_new(object, "paused", json_boolean(project->paused));
    json_object_set_new(object, "closed", json_boolean(project->closed));
    json_object_set_new(object, "complete", json_boolean(project->complete));
    json_object_set_new(object, "closed_by",
                        project->closed ? ctl_json_text(project->closed_by) : json_null());
    json_object_set_new(object, "closed_at", ctl_json_time(project->closed_at));
    json_object_set_new(object, "closed_reason",
                        project->closed ? ctl_json_text(project->closed_reason) : json_null());
    return object;
}

static bool
read_command_line(struct form *form, struct ctl *ctl, int argc, char **argv)
{
    for (int option; (option = ctl_getopt(ctl, argc, argv, "", options)) != -1;) {
        if (option == '?') {
            return false;
        }
        form->reason = optarg;
    }
    if (argc - optind > 1) {
        ctl_usage(ctl, "one project at a time");
        return false;
    }
    if (optind == argc && !ctl->project_given) {
        ctl_usage(ctl, "which project? Name it: `baton project %s NAME`", argv[0]);
        return false;
    }
    form->name = optind < argc ? argv[optind] : ctl->project;
    return true;
}

static void
print_project(struct ctl *ctl, const baton_project_reply *reply)
{
    const struct baton_project_status *project = &reply->status;
    say(ctl, "project", "%s", project->project);
    say(ctl, "plan", "%s",
        project->complete ? "closed, complete"
        : project->closed ? "closed"
                          : "open");
    say(ctl, "closed by", "%s", project->closed_by);
    say_time(ctl, "closed at", project->closed_at);
    say(ctl, "because", "%s", project->closed_reason);
    say(ctl, "paused", "%s", project->paused ? "yes" : "");
    say(ctl, "tasks", "%" PRIu64 " open, %" PRIu64 " done, %" PRIu64 " failed", project->open,
        project->done, project->failed);
}

static void
tell(struct ctl *ctl, const struct form *form, const baton_project_reply *reply)
{
    const struct baton_project_status *project = &reply->status;
    if (ctl->json) {
        json_t *object = ctl_project_json(project);
        json_object_set_new(object, "changed", json_boolean(reply->changed));
        ctl_print_json(ctl, object);
    } else if (form->verb == BATON_PROJECT_SHOW) {
        print_project(ctl, reply);
    } else {
        ctl_remark(ctl, "project %s %s %s%s; %" PRIu64 " of its tasks are open", project->project,
                   reply->changed ? "is now" : "was", project->closed ? "closed" : "open",
                   reply->changed ? "" : " already", project->open);
    }
}

static int
run(struct ctl *ctl, int argc, char **argv, enum baton_project_verb verb)
{
    struct form form = {.verb = verb};
    if (!read_command_line(&form, ctl, argc, argv)) {
        return ctl->status;
    }
    int status = ctl_connect(ctl);
    if (status != CTL_YES) {
        return status;
    }
    baton_project_reply *reply = NULL;
    baton_status answer = baton_project(ctl->baton, form.verb, form.name, form.reason, &reply);
    if (answer == BATON_NOT_FOUND) {
        return ctl_fail(ctl, CTL_NO, "not_found", "`baton status` shows the projects",
                        "there is no project %s: it begins with its first task", form.name);
    }
    if (answer != BATON_OK) {
        return ctl_fail_status(ctl, answer);
    }
    tell(ctl, &form, reply);
    baton_project_reply_free(reply);
    return CTL_YES;
}

static int
project_show(struct ctl *ctl, int argc, char **argv)
{
    return run(ctl, argc, argv, BATON_PROJECT_SHOW);
}

static int
project_close(struct ctl *ctl, int argc, char **argv)
{
    return run(ctl, argc, argv, BATON_PROJECT_CLOSE);
}

static int
project_open(struct ctl *ctl, int argc, char **argv)
{
    return run(ctl, argc, argv, BATON_PROJECT_OPEN);
}

int
verb_project(struct ctl *ctl, int argc, char **argv)
{
    static const struct command commands[] = {
        {"show", project_show},
        {"close", project_close},
        {"open", project_open},
        {NULL, NULL},
    };
    return command_run(ctl, argc, argv, commands);
}
