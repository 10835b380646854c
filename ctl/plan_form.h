/* Plans from the command line: what `baton apply` and `baton check` have in common. */
#ifndef BATON_CTL_PLAN_FORM_H
#define BATON_CTL_PLAN_FORM_H

#include "ctl/plan/plan.h"
#include "ctl/verbs.h"

/* Values of the options below; a verb's own begin at PLAN_OPTION_END. */
enum {
    PLAN_OPTION_ROLE = 256,
    PLAN_OPTION_ROLE_MAP,
    PLAN_OPTION_FORMAT,
    PLAN_OPTION_DANGLING,
    PLAN_OPTION_WITH_CLOSED,
    PLAN_OPTION_ZONE,
    PLAN_OPTION_STRICT,
    PLAN_OPTION_END,
};

/* For arrays of struct option. */
#define PLAN_OPTIONS                                                                               \
    {"role", required_argument, NULL, PLAN_OPTION_ROLE},                                           \
        {"role-map", required_argument, NULL, PLAN_OPTION_ROLE_MAP},                               \
        {"format", required_argument, NULL, PLAN_OPTION_FORMAT},                                   \
        {"dangling", required_argument, NULL, PLAN_OPTION_DANGLING},                               \
        {"with-closed", no_argument, NULL, PLAN_OPTION_WITH_CLOSED},                               \
        {"zone", required_argument, NULL, PLAN_OPTION_ZONE},                                       \
    {                                                                                              \
        "strict", no_argument, NULL, PLAN_OPTION_STRICT                                            \
    }

/* Takes one of PLAN_OPTIONS; false: it is another one. */
bool plan_form_take(struct plan_options *options, int option, const char *value);

/* Reads and checks the files. Reports what is wrong (CTL_USAGE, CTL_DATA) or returns CTL_YES and
 * the plan, which is the caller's; warnings are remarks. */
int plan_form_read(struct ctl *ctl, struct plan_options *options, int n_files, char **files,
                   struct plan **ret_plan) MUST_CHECK;

/* Times that say no zone are of the broker's, which is asked if there are any: needs a connection.
 * CTL_YES, or what was reported. */
int plan_form_settle(struct ctl *ctl, struct plan *plan) MUST_CHECK;

/* Reports the plan's mistakes; the exit status. */
int plan_form_report(struct ctl *ctl, const struct plan *plan);

#endif
