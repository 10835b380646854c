/* baton check-token: may whoever has this token still act for its task? */
#include "ctl/agent.h"
#include "ctl/task_json.h"
#include "ctl/verbs.h"

static const struct option options[] = {{0}};

static json_t *
view_json(const struct ctl *ctl, const baton_token_view *view)
{
    json_t *object = json_object();
    json_object_set_new(object, "live", json_boolean(view->live));
    json_object_set_new(object, "task", task_json_ref(&view->task, ctl->project));
    json_object_set_new(object, "role", view->live ? ctl_json_text(view->role) : json_null());
    json_object_set_new(object, "state",
                        view->live ? ctl_json_text(baton_state_name(view->state)) : json_null());
    json_object_set_new(object, "worker", view->live ? ctl_json_text(view->worker) : json_null());
    json_object_set_new(object, "lease_until", ctl_json_time(view->lease_until));
    return object;
}

int
verb_check_token(struct ctl *ctl, int argc, char **argv)
{
    uint64_t token;
    if (ctl_getopt(ctl, argc, argv, "", options) != -1) {
        return ctl->status;
    }
    if (argc - optind > 1) {
        return ctl_usage(ctl, "one token, or none for that of BATON_TOKEN");
    }
    if (!agent_token(ctl, optind < argc ? argv[optind] : NULL, &token)) {
        return ctl->status;
    }
    baton_token_view *view = NULL;
    int status = agent_view(ctl, token, &view);
    if (status != CTL_YES) {
        return status;
    }
    if (ctl->json) {
        ctl_print_json(ctl, view_json(ctl, view));
    } else if (view->live) {
        char name[CTL_REF_ROOM];
        ctl_print(ctl, "yes: ");
        ctl_print_text(ctl, ctl_ref_format(view->task.project, view->task.id, ctl->project, name));
        ctl_print(ctl, " is %s\n", baton_state_name(view->state));
    } else {
        ctl_print(ctl, "no: this is no lease (any more)\n");
    }
    status = view->live ? CTL_YES : CTL_NO;
    baton_token_view_free(view);
    return status;
}
