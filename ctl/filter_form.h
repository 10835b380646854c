/* Which tasks: names and filters from the command line. */
#ifndef BATON_CTL_FILTER_FORM_H
#define BATON_CTL_FILTER_FORM_H

#include "ctl/verbs.h"

enum {
    FILTER_ROLES_MAX = 6,
    FILTER_STATES_MAX = 12,
    FILTER_LABELS_MAX = 64,
};

/* Values of the options below; a verb's own are outside of 512 to FILTER_OPTION_END. */
enum {
    FILTER_OPTION_ROLE = 512,
    FILTER_OPTION_STATE,
    FILTER_OPTION_LABEL,
    FILTER_OPTION_PREFIX,
    FILTER_OPTION_OPEN,
    FILTER_OPTION_END,
};

/* For arrays of struct option. */
#define FILTER_OPTIONS                                                                             \
    {"role", required_argument, NULL, FILTER_OPTION_ROLE},                                         \
        {"state", required_argument, NULL, FILTER_OPTION_STATE},                                   \
        {"label", required_argument, NULL, FILTER_OPTION_LABEL},                                   \
        {"prefix", required_argument, NULL, FILTER_OPTION_PREFIX},                                 \
    {                                                                                              \
        "open", no_argument, NULL, FILTER_OPTION_OPEN                                              \
    }

/* Zeroed memory is one that says nothing. */
struct filter_form {
    const char *roles[FILTER_ROLES_MAX];
    size_t n_roles;
    baton_state states[FILTER_STATES_MAX];
    size_t n_states;
    struct baton_label labels[FILTER_LABELS_MAX];
    char *label_texts[FILTER_LABELS_MAX]; /* ours */
    size_t n_labels;
    const char *prefix;
    const char *project;   /* the one that lists are limited to, or NULL */
    struct ctl_ref *refs;  /* ours */
    struct baton_ref *ids; /* ours; borrow from refs */
    size_t n_ids;
};

/* Takes one of FILTER_OPTIONS. False: reported; return ctl->status. */
bool filter_form_take(struct filter_form *form, struct ctl *ctl, int option, const char *value);

/* Takes the tasks named by the arguments, and the project of the invocation. As above. */
bool filter_form_take_names(struct filter_form *form, struct ctl *ctl, int n, char **names);

/* True when roles, states, labels or a prefix were given. */
bool filter_form_is_narrow(const struct filter_form *form);

/* The filter; borrows from the form. With names it asks for just these. */
struct baton_filter filter_form_filter(const struct filter_form *form);

void filter_form_fini(struct filter_form *form);

#endif
