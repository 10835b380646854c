/* Which tasks: names and filters from the command line. */
#include "ctl/filter_form.h"

#include "common/alloc.h"

#include <stdlib.h>
#include <string.h>

static bool
add_state(struct filter_form *form, baton_state state)
{
    for (size_t i = 0; i < form->n_states; i++) {
        if (form->states[i] == state) {
            return true;
        }
    }
    CHECK(form->n_states < FILTER_STATES_MAX);
    form->states[form->n_states++] = state;
    return true;
}

static void
add_open_states(struct filter_form *form)
{
    for (int state = BATON_WAITING; state <= BATON_EXPIRED; state++) {
        if (!baton_state_is_terminal((baton_state)state)) {
            add_state(form, (baton_state)state);
        }
    }
}

/* "done" or "failed,expired". */
static bool
take_states(struct filter_form *form, struct ctl *ctl, const char *value)
{
    char *text = xstrdup(value);
    char *rest = text;
    bool ok = true;
    for (char *one; ok && (one = strsep(&rest, ","));) {
        int state = baton_state_of(one);
        ok = state > 0 && add_state(form, (baton_state)state);
        if (!ok) {
            ctl_usage(ctl,
                      "--state %.40s: it is waiting, ready, leased, running, parked, cancelling, "
                      "review, done, failed, cancelled, aborted or expired",
                      one);
        }
    }
    free(text);
    return ok;
}

static bool
take_label(struct filter_form *form, struct ctl *ctl, const char *value)
{
    const char *equals = strchr(value, '=');
    if (!equals || equals == value || form->n_labels == FILTER_LABELS_MAX) {
        ctl_usage(ctl, "--label %.200s: write NAME=VALUE, at most %d", value, FILTER_LABELS_MAX);
        return false;
    }
    char *name = xstrdup(value);
    name[equals - value] = 0;
    form->label_texts[form->n_labels] = name;
    form->labels[form->n_labels++] = (struct baton_label){name, name + (equals - value) + 1};
    return true;
}

bool
filter_form_take(struct filter_form *form, struct ctl *ctl, int option, const char *value)
{
    switch (option) {
    case FILTER_OPTION_ROLE:
        if (form->n_roles == FILTER_ROLES_MAX) {
            ctl_usage(ctl, "--role: there are %d roles", FILTER_ROLES_MAX);
            return false;
        }
        return ctl_take_role(ctl, value, &form->roles[form->n_roles++]);
    case FILTER_OPTION_STATE:
        return take_states(form, ctl, value);
    case FILTER_OPTION_LABEL:
        return take_label(form, ctl, value);
    case FILTER_OPTION_PREFIX:
        form->prefix = value;
        return true;
    case FILTER_OPTION_OPEN:
        add_open_states(form);
        return true;
    default:
        CHECK(!"a filter's option without a case");
        return false;
    }
}

bool
filter_form_take_names(struct filter_form *form, struct ctl *ctl, int n, char **names)
{
    form->project = ctl->project_given ? ctl->project : NULL;
    if (n <= 0) {
        return true;
    }
    if (n > CHANGE_TASKS_MAX) {
        ctl_usage(ctl, "at most %d tasks can be named", CHANGE_TASKS_MAX);
        return false;
    }
    form->refs = xcalloc((size_t)n, sizeof *form->refs);
    form->ids = xcalloc((size_t)n, sizeof *form->ids);
    for (int i = 0; i < n; i++) {
        struct ctl_ref *ref = &form->refs[form->n_ids];
        if (!ctl_take_ref(ctl, names[i], ref)) {
            return false;
        }
        form->ids[form->n_ids++] = (struct baton_ref){ref->project, ref->id};
    }
    return true;
}

bool
filter_form_is_narrow(const struct filter_form *form)
{
    return form->n_roles || form->n_states || form->n_labels || form->prefix;
}

struct baton_filter
filter_form_filter(const struct filter_form *form)
{
    bool named = form->n_ids > 0;
    return (struct baton_filter){
        .projects = &form->project,
        .n_projects = form->project && !named ? 1 : 0,
        .roles = form->roles,
        .n_roles = form->n_roles,
        .states = form->states,
        .n_states = form->n_states,
        .labels = form->labels,
        .n_labels = form->n_labels,
        .id_prefix = form->prefix,
        .ids = form->ids,
        .n_ids = form->n_ids,
    };
}

void
filter_form_fini(struct filter_form *form)
{
    for (size_t i = 0; i < form->n_labels; i++) {
        free(form->label_texts[i]);
    }
    free(form->refs);
    free(form->ids);
    *form = (struct filter_form){0};
}
