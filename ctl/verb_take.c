/* baton take: an agent or a script takes one task. */
#include "ctl/cards.h"
#include "ctl/filter_form.h"
#include "ctl/say.h"
#include "ctl/task_json.h"
#include "ctl/verbs.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
    OPTION_ROLE = 256,
    OPTION_WAIT,
    OPTION_TASK,
    OPTION_LEASE,
    OPTION_WORKER,
};

static const struct option options[] = {
    {"role", required_argument, NULL, OPTION_ROLE},
    {"wait", required_argument, NULL, OPTION_WAIT},
    {"task", required_argument, NULL, OPTION_TASK},
    {"lease", required_argument, NULL, OPTION_LEASE},
    {"worker", required_argument, NULL, OPTION_WORKER},
    {0},
};

struct form {
    struct baton_take take;
    const char *roles[FILTER_ROLES_MAX];
    struct ctl_ref ref;
};

static bool
take_option(struct form *form, struct ctl *ctl, int option)
{
    switch (option) {
    case OPTION_ROLE:
        if (form->take.n_roles == FILTER_ROLES_MAX) {
            ctl_usage(ctl, "--role: there are %d roles", FILTER_ROLES_MAX);
            return false;
        }
        return ctl_take_role(ctl, optarg, &form->roles[form->take.n_roles++]);
    case OPTION_WAIT:
        return ctl_take_duration(ctl, "--wait", optarg, &form->take.wait_ms);
    case OPTION_TASK:
        if (!ctl_take_ref(ctl, optarg, &form->ref)) {
            return false;
        }
        form->take.task = (struct baton_ref){form->ref.project, form->ref.id};
        return true;
    case OPTION_LEASE:
        return ctl_take_duration(ctl, "--lease", optarg, &form->take.lease_ms);
    case OPTION_WORKER:
        form->take.worker = optarg;
        return true;
    default:
        return false;
    }
}

static json_t *
upstream_json(const baton_assignment *assignment)
{
    json_t *array = json_array();
    for (size_t i = 0; i < assignment->n_upstream; i++) {
        const struct baton_upstream *upstream = &assignment->upstream[i];
        json_t *one = json_object();
        json_object_set_new(one, "id", ctl_json_text(upstream->id));
        json_object_set_new(one, "project", ctl_json_text(upstream->project));
        json_object_set_new(one, "state", ctl_json_text(baton_state_name(upstream->state)));
        json_object_set_new(one, "summary", ctl_json_text(upstream->summary));
        json_t *document = upstream->document_bytes
                               ? json_loadb(upstream->document, upstream->document_bytes,
                                            JSON_DECODE_ANY, NULL)
                               : NULL;
        json_object_set_new(one, "document", document ? document : json_null());
        json_array_append_new(array, one);
    }
    return array;
}

static void
print_json(struct ctl *ctl, const baton_assignment *assignment)
{
    json_t *object = json_object();
    json_t *spec = task_json_spec(assignment->spec);
    json_object_set_new(object, "id", ctl_json_text(assignment->id));
    json_object_set_new(object, "project", ctl_json_text(assignment->project));
    json_object_set_new(object, "role", ctl_json_text(assignment->role));
    json_object_set_new(object, "token", task_json_token(assignment->token));
    json_object_set_new(object, "attempt", json_integer(assignment->attempt));
    json_object_set_new(object, "lease_ms", json_integer(assignment->lease_ms));
    json_object_update_missing(object, spec);
    json_object_set_new(object, "note",
                        assignment->note[0] ? ctl_json_text(assignment->note) : json_null());
    json_t *previous = assignment->previous_bytes
                           ? json_loadb(assignment->previous, assignment->previous_bytes,
                                        JSON_DECODE_ANY, NULL)
                           : NULL;
    json_object_set_new(object, "previous", previous ? previous : json_null());
    json_object_set_new(object, "upstream", upstream_json(assignment));
    json_t *handoffs = json_array();
    for (size_t i = 0; i < assignment->n_handoffs; i++) {
        json_array_append_new(handoffs, card_json(&assignment->handoffs[i]));
    }
    json_object_set_new(object, "handoffs", handoffs);
    json_t *decisions = json_array();
    for (size_t i = 0; i < assignment->n_decisions; i++) {
        json_array_append_new(decisions, card_json(&assignment->decisions[i]));
    }
    json_object_set_new(object, "decisions", decisions);
    json_decref(spec);
    ctl_print_json(ctl, object);
}

static void
print(struct ctl *ctl, const baton_assignment *assignment)
{
    const baton_spec *spec = assignment->spec;
    char name[CTL_REF_ROOM];
    say(ctl, "task", "%s", ctl_ref_format(assignment->project, assignment->id, ctl->project, name));
    say(ctl, "token", "%" PRIu64, assignment->token);
    say(ctl, "title", "%s", spec->title);
    say(ctl, "attempt", "%u", assignment->attempt);
    say_duration(ctl, "lease", assignment->lease_ms);
    say_time(ctl, "deadline", spec->deadline);
    for (size_t i = 0; i < assignment->n_upstream; i++) {
        const struct baton_upstream *upstream = &assignment->upstream[i];
        say(ctl, i ? "" : "after", "%s is %s%s%s",
            ctl_ref_format(upstream->project, upstream->id, ctl->project, name),
            baton_state_name(upstream->state), upstream->summary[0] ? ": " : "", upstream->summary);
    }
    for (size_t i = 0; i < spec->n_command; i++) {
        say(ctl, i ? "" : "command", "%s", spec->command[i]);
    }
    say_block(ctl, "prompt", spec->prompt);
    for (size_t i = 0; i < assignment->n_handoffs; i++) {
        card_say(ctl, &assignment->handoffs[i]);
    }
    for (size_t i = 0; i < assignment->n_decisions; i++) {
        card_say(ctl, &assignment->decisions[i]);
    }
}

static int
take(struct ctl *ctl, struct form *form)
{
    int status = ctl_connect(ctl);
    if (status != CTL_YES) {
        return status;
    }
    form->take.roles = form->roles;
    if (ctl->project_given) {
        form->take.projects = &ctl->project;
        form->take.n_projects = 1;
    }
    baton_assignment *assignment = NULL;
    baton_status answer = baton_take(ctl->baton, &form->take, &assignment);
    if (answer == BATON_TIMEOUT) {
        return ctl_fail(ctl, CTL_LATER, "nothing", "--wait D waits for work",
                        "there is nothing to take now");
    }
    if (answer != BATON_OK) {
        return ctl_fail_status(ctl, answer);
    }
    if (ctl->json) {
        print_json(ctl, assignment);
    } else {
        print(ctl, assignment);
    }
    baton_assignment_free(assignment);
    return CTL_YES;
}

int
verb_take(struct ctl *ctl, int argc, char **argv)
{
    struct form form = {0};
    for (int option; (option = ctl_getopt(ctl, argc, argv, "", options)) != -1;) {
        if (option == '?' || !take_option(&form, ctl, option)) {
            return ctl->status;
        }
    }
    if (optind < argc) {
        return ctl_usage(ctl, "%s was not expected; a task is named by --task", argv[optind]);
    }
    if (form.take.n_roles == 0 && !form.take.task.id) {
        return ctl_usage(ctl, "for which role? Say --role R, or --task ID");
    }
    return take(ctl, &form);
}
