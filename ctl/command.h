/* Verbs with words behind them: `baton blocker take`. */
#ifndef BATON_CTL_COMMAND_H
#define BATON_CTL_COMMAND_H

#include "ctl/verbs.h"

/* The function of `verb WORD …`, with argv[0] the word. */
struct command {
    const char *word;
    int (*run)(struct ctl *ctl, int argc, char **argv);
};

/* Finds the one that the first word behind the verb names; `commands` ends with a word of NULL.
 * Moves that word before the options that stand in front of it, so that it is argv[1]. NULL: it
 * names none, or there is no word. */
const struct command *command_find(const struct ctl *ctl, int argc, char **argv,
                                   const struct command *commands);

/* Runs the one that is named, or says which there are. */
int command_run(struct ctl *ctl, int argc, char **argv, const struct command *commands);

#endif
