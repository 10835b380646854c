/* baton cancel, retry, hold, release, reopen: operators' verbs on tasks. */
#include "ctl/change.h"
#include "ctl/filter_form.h"
#include "ctl/task_json.h"
#include "ctl/verbs.h"

#include <string.h>

enum {
    OPTION_REASON = 256,
    OPTION_SUBTREE,
    OPTION_DRY_RUN,
    OPTION_FORCE,
    OPTION_GRACE,
    OPTION_ALL,
    OPTION_YES,
    OPTION_CONFIRM,
};

static const struct option options[] = {
    FILTER_OPTIONS,
    {"reason", required_argument, NULL, OPTION_REASON},
    {"subtree", no_argument, NULL, OPTION_SUBTREE},
    {"dry-run", no_argument, NULL, OPTION_DRY_RUN},
    {"force", no_argument, NULL, OPTION_FORCE},
    {"grace", required_argument, NULL, OPTION_GRACE},
    {"all", no_argument, NULL, OPTION_ALL},
    {"yes", no_argument, NULL, OPTION_YES},
    {"confirm", required_argument, NULL, OPTION_CONFIRM},
    {0},
};

/* What the command line said. */
struct form {
    struct filter_form filter;
    struct baton_change change;
    bool yes;
};

static bool
take_option(struct form *form, struct ctl *ctl, int option)
{
    switch (option) {
    case OPTION_REASON:
        form->change.reason = optarg;
        return true;
    case OPTION_SUBTREE:
        form->change.subtree = true;
        return true;
    case OPTION_DRY_RUN:
        form->change.dry_run = true;
        return true;
    case OPTION_FORCE:
        form->change.force = true;
        return true;
    case OPTION_GRACE:
        return ctl_take_duration(ctl, "--grace", optarg, &form->change.grace_ms);
    case OPTION_ALL:
        form->change.all = true;
        return true;
    case OPTION_CONFIRM:
        form->change.confirm = optarg;
        form->yes = true;
        return true;
    case OPTION_YES:
        form->yes = true;
        return true;
    default:
        return filter_form_take(&form->filter, ctl, option, optarg);
    }
}

/* Names or a filter, never both; many at once only when that was said twice. */
static bool
selection_is_sound(const struct form *form, struct ctl *ctl)
{
    bool named = form->filter.n_ids > 0;
    bool filtered = filter_form_is_narrow(&form->filter);
    if (named && (form->change.all || filtered)) {
        ctl_usage(ctl, "name tasks or select them with --all and a filter, not both");
        return false;
    }
    if (!named && !form->change.all) {
        ctl_usage(ctl, "which tasks? Name them%s",
                  filtered ? ", or say --all with the filter" : "");
        return false;
    }
    if (!named && !form->yes && !form->change.dry_run) {
        ctl_fail(ctl, CTL_USAGE, "confirmation", "--dry-run lists what it would touch",
                 "many tasks at once need to be confirmed with --yes");
        return false;
    }
    if (form->change.verb == BATON_REFUSE && (!form->change.reason || !form->change.reason[0])) {
        ctl_usage(ctl, "a refusal needs --reason TEXT: whoever does it again is told");
        return false;
    }
    if (form->change.verb == BATON_CANCEL && (!form->change.reason || !form->change.reason[0])) {
        ctl_usage(ctl, "a cancellation needs --reason TEXT: it is what everybody will read");
        return false;
    }
    return true;
}

static bool
read_command_line(struct form *form, struct ctl *ctl, int argc, char **argv)
{
    for (int option; (option = ctl_getopt(ctl, argc, argv, "", options)) != -1;) {
        if (option == '?' || !take_option(form, ctl, option)) {
            return false;
        }
    }
    return filter_form_take_names(&form->filter, ctl, argc - optind, argv + optind) &&
           selection_is_sound(form, ctl);
}

static void
print_json(struct ctl *ctl, const struct baton_change *change, const baton_changed *changed,
           const char *done)
{
    json_t *tasks = json_array();
    for (size_t i = 0; i < changed->n_named; i++) {
        json_array_append_new(tasks, task_json_ref(&changed->tasks[i], ctl->project));
    }
    json_t *object = json_object();
    json_object_set_new(object, "change", json_string(done));
    json_object_set_new(object, "dry_run", json_boolean(change->dry_run));
    json_object_set_new(object, "tasks", tasks);
    json_object_set_new(object, "n_changed", json_integer(changed->n_changed));
    json_object_set_new(object, "n_unchanged", json_integer(changed->n_unchanged));
    json_object_set_new(object, "confirm",
                        changed->confirm[0] ? ctl_json_text(changed->confirm) : json_null());
    ctl_print_json(ctl, object);
}

static void
print(struct ctl *ctl, const struct baton_change *change, const baton_changed *changed,
      const char *done)
{
    for (size_t i = 0; i < changed->n_named; i++) {
        char name[CTL_REF_ROOM];
        ctl_print(ctl, "%s%s ", change->dry_run ? "would be " : "", done);
        ctl_print_text(ctl, ctl_ref_format(changed->tasks[i].project, changed->tasks[i].id,
                                           ctl->project, name));
        ctl_print(ctl, "\n");
    }
    if (changed->n_changed > changed->n_named) {
        ctl_print(ctl, "and %zu more\n", changed->n_changed - changed->n_named);
    }
    if (changed->confirm[0] && changed->n_changed) {
        ctl_print(ctl, "to do exactly this: --confirm %s\n", changed->confirm);
    }
    if (changed->n_unchanged) {
        ctl_remark(ctl, "%u %s so already", changed->n_unchanged,
                   changed->n_unchanged == 1 ? "was" : "were");
    }
}

int
change_send(struct ctl *ctl, const struct baton_change *change, const char *done)
{
    int status = ctl_connect(ctl);
    if (status != CTL_YES) {
        return status;
    }
    baton_changed *changed = NULL;
    baton_status answer = baton_change(ctl->baton, change, &changed);
    if (answer != BATON_OK) {
        return ctl_fail_status(ctl, answer);
    }
    if (ctl->json) {
        print_json(ctl, change, changed, done);
    } else {
        print(ctl, change, changed, done);
    }
    bool none = changed->n_changed == 0 && changed->n_unchanged == 0;
    if (none) {
        ctl_remark(ctl, "no task fits");
    }
    baton_changed_free(changed);
    return none ? CTL_NO : CTL_YES;
}

static int
run(struct ctl *ctl, int argc, char **argv, enum baton_verb verb, const char *done)
{
    struct form form = {.change.verb = verb};
    int status;
    if (!read_command_line(&form, ctl, argc, argv)) {
        status = ctl->status;
    } else {
        struct baton_filter filter = filter_form_filter(&form.filter);
        form.change.tasks = form.filter.ids;
        form.change.n_tasks = form.filter.n_ids;
        form.change.filter = form.change.all ? &filter : NULL;
        status = change_send(ctl, &form.change, done);
    }
    filter_form_fini(&form.filter);
    return status;
}

int
verb_cancel(struct ctl *ctl, int argc, char **argv)
{
    return run(ctl, argc, argv, BATON_CANCEL, "cancelled");
}

int
verb_retry(struct ctl *ctl, int argc, char **argv)
{
    return run(ctl, argc, argv, BATON_RETRY, "retried");
}

int
verb_hold(struct ctl *ctl, int argc, char **argv)
{
    return run(ctl, argc, argv, BATON_HOLD_TASK, "held");
}

int
verb_release(struct ctl *ctl, int argc, char **argv)
{
    return run(ctl, argc, argv, BATON_RELEASE_TASK, "released");
}

int
verb_approve(struct ctl *ctl, int argc, char **argv)
{
    return run(ctl, argc, argv, BATON_APPROVE, "approved");
}

int
verb_refuse(struct ctl *ctl, int argc, char **argv)
{
    return run(ctl, argc, argv, BATON_REFUSE, "refused");
}

int
verb_reopen(struct ctl *ctl, int argc, char **argv)
{
    return run(ctl, argc, argv, BATON_REOPEN, "reopened");
}
