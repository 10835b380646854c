/* Files of plans from the command line, and their mistakes as an error. */
#include "ctl/plan_form.h"

#include "common/buf.h"
#include "common/units.h"

bool
plan_form_take(struct plan_options *options, int option, const char *value)
{
    switch (option) {
    case PLAN_OPTION_ROLE:
        options->role = value;
        return true;
    case PLAN_OPTION_ROLE_MAP:
        options->role_map = value;
        return true;
    case PLAN_OPTION_FORMAT:
        options->format = value;
        return true;
    case PLAN_OPTION_DANGLING:
        options->dangling = value;
        return true;
    case PLAN_OPTION_WITH_CLOSED:
        options->with_closed = true;
        return true;
    case PLAN_OPTION_ZONE:
        options->zone = value;
        return true;
    case PLAN_OPTION_STRICT:
        options->strict = true;
        return true;
    default:
        return false;
    }
}

int
plan_form_report(struct ctl *ctl, const struct plan *plan)
{
    struct buf text = {0};
    size_t n = plan_n_errors(plan), shown = 0;
    buf_printf(&text, n == 1 ? "there is %zu mistake:" : "there are %zu mistakes:", n);
    for (; plan_error(plan, shown); shown++) {
        buf_printf(&text, "\n%s", plan_error(plan, shown));
    }
    if (shown < n) {
        buf_printf(&text, "\nand %zu more", n - shown);
    }
    int status = ctl_fail(ctl, CTL_DATA, "bad_plan", NULL, "%s", buf_text(&text));
    buf_fini(&text);
    return status;
}

static void
warn(struct ctl *ctl, const struct plan *plan)
{
    size_t n = plan_n_warnings(plan), shown = 0;
    for (; plan_warning(plan, shown); shown++) {
        ctl_remark(ctl, "warning: %s", plan_warning(plan, shown));
    }
    if (shown < n) {
        ctl_remark(ctl, "and %zu more warnings", n - shown);
    }
    for (size_t i = 0; plan_note_text(plan, i); i++) {
        ctl_remark(ctl, "%s", plan_note_text(plan, i));
    }
}

int
plan_form_read(struct ctl *ctl, struct plan_options *options, int n_files, char **files,
               struct plan **ret_plan)
{
    const char *why;
    if (!plan_options_are_valid(options, &why)) {
        return ctl_usage(ctl, "%s", why);
    }
    if (n_files == 0) {
        return ctl_usage(ctl, "which plan? Name its file, or - for standard input");
    }
    options->now = ctl_now();
    options->project = ctl->project_given ? ctl->project : NULL;
    struct plan *plan = plan_new(options);
    for (int i = 0; i < n_files; i++) {
        plan_read_file(plan, files[i]);
    }
    if (!plan_finish(plan)) {
        int status = plan_form_report(ctl, plan);
        plan_free(plan);
        return status;
    }
    warn(ctl, plan);
    *ret_plan = plan;
    return CTL_YES;
}

int
plan_form_settle(struct ctl *ctl, struct plan *plan)
{
    const char *zone;
    if (!plan_needs_zone(plan)) {
        return CTL_YES;
    }
    baton_status answer = baton_zone(ctl->baton, &zone);
    if (answer != BATON_OK) {
        return ctl_fail_status(ctl, answer);
    }
    if (!zone_is_known(zone)) {
        return ctl_fail(ctl, CTL_CONFIG, "unknown_zone",
                        "--zone names another; the package tzdata has them",
                        "this machine does not know the broker's time zone %.80s", zone);
    }
    return plan_set_zone(plan, zone) ? CTL_YES : plan_form_report(ctl, plan);
}
