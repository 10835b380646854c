/* Options that every verb takes. */
#ifndef BATON_CTL_OPTIONS_H
#define BATON_CTL_OPTIONS_H

#include "ctl/usage.h"
#include "ctl/verbs.h"

/* Values of the global options, outside of what verbs use. */
enum {
    OPTION_ENDPOINT = 0x10000,
    OPTION_JSON,
    OPTION_PROJECT,
    OPTION_TIMEOUT,
    OPTION_REQUEST_ID,
    OPTION_ACTOR,
    OPTION_QUIET,
    OPTION_NO_COLOR,
    OPTION_HELP,
    OPTION_VERSION,
};

/* The global options, ended by zeros. */
extern const struct option global_options[];

/* Their lines of help. */
extern const char global_usage[];

/* The option that a word ("--role", "--role=x") is, as it is told of the verb (NULL: of none) or of
 * all. */
bool options_find(const struct verb *verb, const char *word, struct usage_option *ret);

/* Takes the global options that stand before the verb. -1: the rest begins at optind; else the exit
 * status to leave with (help and version are done already). */
int options_take_leading(struct ctl *ctl, int argc, char **argv);

/* Lines of usage of a verb, with the global ones. */
void options_print_help(struct ctl *ctl, const struct verb *verb);

#endif
