/* baton add: one task. */
#include "ctl/agent.h"
#include "ctl/file.h"
#include "ctl/spec_form.h"
#include "ctl/task_json.h"
#include "ctl/verbs.h"

#include <stdlib.h>
#include <string.h>

enum {
    OPTION_CHECK = SPEC_OPTION_END,
    OPTION_ENV,
    OPTION_WORKDIR,
    OPTION_PAYLOAD_FILE,
    OPTION_UNIQUE_KEY,
    OPTION_UNIQUE_WINDOW,
    OPTION_ON_CONFLICT,
    OPTION_FAIRNESS_KEY,
    OPTION_MILESTONE,
    OPTION_HELD,
    OPTION_DRY_RUN,
    OPTION_STRICT,
    OPTION_UPDATE,
};

static const struct option options[] = {
    SPEC_OPTIONS,
    {"check", required_argument, NULL, OPTION_CHECK},
    {"env", required_argument, NULL, OPTION_ENV},
    {"workdir", required_argument, NULL, OPTION_WORKDIR},
    {"payload-file", required_argument, NULL, OPTION_PAYLOAD_FILE},
    {"unique-key", required_argument, NULL, OPTION_UNIQUE_KEY},
    {"unique-window", required_argument, NULL, OPTION_UNIQUE_WINDOW},
    {"on-conflict", required_argument, NULL, OPTION_ON_CONFLICT},
    {"fairness-key", required_argument, NULL, OPTION_FAIRNESS_KEY},
    {"milestone", no_argument, NULL, OPTION_MILESTONE},
    {"held", no_argument, NULL, OPTION_HELD},
    {"dry-run", no_argument, NULL, OPTION_DRY_RUN},
    {"strict", no_argument, NULL, OPTION_STRICT},
    {"update", no_argument, NULL, OPTION_UPDATE},
    {0},
};

/* Everything that the command line said. */
struct add {
    struct spec_form form;
    struct ctl_ref ref; /* of the new task; id "": the broker makes one */
    struct baton_submit_options submit;
    char *payload; /* ours */
};

static bool
take_on_conflict(struct ctl *ctl, const char *value, baton_spec *spec)
{
    int number = baton_on_conflict_of(value);
    if (number < 0) {
        ctl_usage(ctl, "--on-conflict %.100s: it is reject, existing, replace, raise or attach",
                  value);
        return false;
    }
    spec->on_conflict = (baton_on_conflict)number;
    return true;
}

static bool
take_payload(struct add *add, struct ctl *ctl, const char *path)
{
    free(add->payload);
    add->payload = ctl_read_file(ctl, path, PAYLOAD_BYTES_MAX, &add->form.spec->payload_bytes);
    add->form.spec->payload = add->payload;
    return add->payload != NULL;
}

static bool
take_option(struct add *add, struct ctl *ctl, int option)
{
    baton_spec *spec = add->form.spec;
    switch (option) {
    case OPTION_CHECK:
        spec_form_take_check(&add->form, optarg);
        return true;
    case OPTION_ENV:
        return spec_form_take_env(&add->form, ctl, optarg);
    case OPTION_WORKDIR:
        spec->workdir = optarg;
        return true;
    case OPTION_PAYLOAD_FILE:
        return take_payload(add, ctl, optarg);
    case OPTION_UNIQUE_KEY:
        spec->unique_key = optarg;
        return true;
    case OPTION_UNIQUE_WINDOW:
        return ctl_take_duration(ctl, "--unique-window", optarg, &spec->unique_window_ms);
    case OPTION_ON_CONFLICT:
        return take_on_conflict(ctl, optarg, spec);
    case OPTION_FAIRNESS_KEY:
        spec->fairness_key = optarg;
        return true;
    case OPTION_MILESTONE:
        spec->milestone = true;
        return true;
    case OPTION_HELD:
        spec->held = true;
        return true;
    case OPTION_DRY_RUN:
        add->submit.dry_run = true;
        return true;
    case OPTION_STRICT:
        add->submit.strict = true;
        return true;
    case OPTION_UPDATE:
        add->submit.update = true;
        return true;
    default:
        return spec_form_take(&add->form, ctl, option, optarg, false);
    }
}

static bool
read_command_line(struct add *add, struct ctl *ctl, int argc, char **argv)
{
    size_t n_command;
    const char *const *command = command_split(&argc, argv, &n_command);
    for (int option; (option = ctl_getopt(ctl, argc, argv, "", options)) != -1;) {
        if (option == '?' || !take_option(add, ctl, option)) {
            return false;
        }
    }
    baton_spec *spec = add->form.spec;
    if (command && n_command) {
        spec_form_take_command(&add->form, command, n_command);
    }
    if (argc - optind > 1) {
        ctl_usage(ctl, "one task at a time: %s was not expected; a command stands behind --",
                  argv[optind + 1]);
        return false;
    }
    if (optind < argc) {
        if (!ctl_take_ref(ctl, argv[optind], &add->ref)) {
            return false;
        }
        spec->id = add->ref.id;
        spec->project = add->ref.project;
    } else {
        spec->project = ctl->project;
    }
    if (!spec->role && !spec->milestone) {
        ctl_usage(ctl, "a task needs --role (infra, backend, frontend, realtime, integration, "
                       "testing) or --milestone");
        return false;
    }
    return agent_token_from_environment(ctl, &add->submit.parent_token);
}

static void
print_json(struct ctl *ctl, const struct add *add, const baton_submitted *submitted,
           const struct baton_ref *task, const char *kind)
{
    json_t *forward = json_array();
    for (size_t i = 0; i < submitted->n_forward_refs_named; i++) {
        json_array_append_new(forward,
                              task_json_ref(&submitted->forward_refs[i], add->form.spec->project));
    }
    json_t *object = json_object();
    json_object_set_new(object, "id", ctl_json_text(task->id));
    json_object_set_new(object, "project", ctl_json_text(task->project));
    json_object_set_new(object, "kind", json_string(kind));
    json_object_set_new(object, "dry_run", json_boolean(add->submit.dry_run));
    json_object_set_new(object, "forward_refs", forward);
    ctl_print_json(ctl, object);
}

static void
print(struct ctl *ctl, const struct add *add, const baton_submitted *submitted)
{
    static const char *const kinds[] = {"created", "updated", "unchanged", "existing"};
    const baton_spec *spec = add->form.spec;
    struct baton_ref task = {spec->project, spec->id ? spec->id : ""};
    const char *kind = submitted->created   ? "created"
                       : submitted->updated ? "updated"
                                            : "unchanged";
    if (submitted->n_differences) {
        const struct baton_difference *difference = &submitted->differences[0];
        kind = (size_t)difference->kind < ARRAY_LEN(kinds) ? kinds[difference->kind] : kind;
        task = difference->task.id[0] ? difference->task : task;
    }
    if (ctl->json) {
        print_json(ctl, add, submitted, &task, kind);
        return;
    }
    char name[CTL_REF_ROOM];
    ctl_print_text(ctl, ctl_ref_format(task.project, task.id, ctl->project, name));
    ctl_print(ctl, "\n");
    if (add->submit.dry_run || strcmp(kind, "created") != 0) {
        ctl_remark(ctl, "%s%s", add->submit.dry_run ? "would be " : "", kind);
    }
    for (size_t i = 0; i < submitted->n_forward_refs_named; i++) {
        ctl_remark(ctl, "it waits for %s, which is not known yet", submitted->forward_refs[i].id);
    }
}

int
verb_add(struct ctl *ctl, int argc, char **argv)
{
    struct add add = {0};
    spec_form_init(&add.form);
    int status = CTL_YES;
    if (!read_command_line(&add, ctl, argc, argv)) {
        status = ctl->status;
    } else if ((status = ctl_connect(ctl)) == CTL_YES) {
        baton_submitted *submitted = NULL;
        baton_spec *const specs[] = {add.form.spec};
        baton_status answer = baton_submit(ctl->baton, specs, 1, &add.submit, &submitted);
        if (answer == BATON_OK) {
            print(ctl, &add, submitted);
        } else {
            status = ctl_fail_status(ctl, answer);
        }
        baton_submitted_free(submitted);
    }
    spec_form_fini(&add.form);
    free(add.payload);
    return status;
}
