/* What may stand in a place of the command line, for the shells. It is asked of the table of verbs,
 * whose usage is read as a grammar (ctl/usage.h), and of the broker, which knows the names. */
#ifndef BATON_CTL_COMPLETE_H
#define BATON_CTL_COMPLETE_H

#include "ctl/usage.h"
#include "ctl/verbs.h"

enum {
    COMPLETE_NAMES_MAX = 2000, /* of each kind that is asked for */
    COMPLETE_ARGUMENTS_MAX = 64,
};

/* What a file's name is wanted for; the shell knows them better. */
#define COMPLETE_FILES "\tfiles"

/* One place. */
struct place {
    struct ctl *ctl;
    const struct verb *verb;                       /* NULL: it is the verb's own */
    const char *arguments[COMPLETE_ARGUMENTS_MAX]; /* behind the verb, without options */
    size_t n_arguments;
    const char *begun;  /* what stands there so far */
    struct span before; /* printed before each word: "--role=" */
};

/* Prints what may stand in place of the last of the words, one a line, perhaps with a tab and what
 * it is; COMPLETE_FILES where a file may. The words are those behind `baton`. */
int complete_words(struct ctl *ctl, int n, const char *const *words);

/* Prints the word if it is begun so. `help` may be NULL. */
void place_offer(const struct place *place, const char *word, const char *help);

/* Offers what the broker knows for a placeholder, nothing for others. `option` is whose value it
 * is,
 * "" for an argument of the verb. */
void place_offer_names(const struct place *place, struct span placeholder, const char *option);

#endif
