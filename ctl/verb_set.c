/* baton set: other values for tasks that exist. */
#include "ctl/change.h"
#include "ctl/filter_form.h"
#include "ctl/spec_form.h"
#include "ctl/verbs.h"

enum {
    OPTION_DRY_RUN = SPEC_OPTION_END,
    OPTION_REASON,
};

static const struct option options[] = {
    SPEC_OPTIONS,
    {"dry-run", no_argument, NULL, OPTION_DRY_RUN},
    {"reason", required_argument, NULL, OPTION_REASON},
    {0},
};

static bool
read_command_line(struct spec_form *form, struct filter_form *names, struct baton_change *change,
                  struct ctl *ctl, int argc, char **argv)
{
    size_t n_command;
    const char *const *command = command_split(&argc, argv, &n_command);
    for (int option; (option = ctl_getopt(ctl, argc, argv, "", options)) != -1;) {
        if (option == OPTION_DRY_RUN) {
            change->dry_run = true;
        } else if (option == OPTION_REASON) {
            change->reason = optarg;
        } else if (option == '?' || !spec_form_take(form, ctl, option, optarg, true)) {
            return false;
        }
    }
    if (command) {
        spec_form_take_command(form, command, n_command);
    }
    if (!filter_form_take_names(names, ctl, argc - optind, argv + optind)) {
        return false;
    }
    if (names->n_ids == 0 || form->n_fields == 0) {
        ctl_usage(ctl, names->n_ids ? "set what? Name a field: --priority, --deadline, --title, …"
                                    : "which tasks? Name them");
        return false;
    }
    return true;
}

int
verb_set(struct ctl *ctl, int argc, char **argv)
{
    struct baton_change change = {.verb = BATON_SET};
    struct filter_form names = {0};
    struct spec_form form;
    spec_form_init(&form);
    int status;
    if (!read_command_line(&form, &names, &change, ctl, argc, argv)) {
        status = ctl->status;
    } else {
        change.tasks = names.ids;
        change.n_tasks = names.n_ids;
        change.spec = form.spec;
        change.fields = form.fields;
        change.n_fields = form.n_fields;
        status = change_send(ctl, &change, "set");
    }
    filter_form_fini(&names);
    spec_form_fini(&form);
    return status;
}
