/* The text of a verb's usage as a grammar. Its synopsis (the first line, and those that begin with
 * '|') is alternatives with " | " between them, of words in lower case that are typed as they are
 * ("show|close"), placeholders in upper case ("ID…") and options with theirs ("--role R"). Pure. */
#ifndef BATON_CTL_USAGE_H
#define BATON_CTL_USAGE_H

#include <stdbool.h>
#include <stddef.h>

/* A part of a text; borrowed. */
struct span {
    const char *at;
    size_t bytes;
};

bool span_is(struct span span, const char *text);

/* An option as it is written there. */
struct usage_option {
    struct span name;  /* with its dashes */
    struct span value; /* placeholder; 0 bytes: it takes none */
    struct span text;  /* what follows up to the next option */
};

/* The next option from *at on, and *at behind it; false: no more. Those in backticks are of other
 * commands. */
bool usage_next_option(const char **at, struct usage_option *ret);

/* The first one of this name. */
bool usage_find_option(const char *usage, struct span name, struct usage_option *ret);

/* The next alternative of the synopsis; false: no more. Begin with *at the usage. */
bool usage_next_alternative(const char **at, struct span *ret);

/* What follows the synopsis: its newline, or the end. */
const char *usage_synopsis_end(const char *usage);

/* The next word or placeholder of an alternative, options and theirs left out; takes it off. */
bool usage_next_token(struct span *alternative, struct span *ret);

/* "NAME…": stands for all that follow. */
bool usage_repeats(struct span token);

/* Splits "a|b" (brackets and dots left out) at the next '|': takes a piece off. */
bool usage_next_piece(struct span *token, struct span *ret);

/* Typed as it is: in lower case, or "P0". */
bool usage_is_word(struct span piece);

/* The token can be this argument: it has the word, or a placeholder. `ret_word`: it has the word.
 */
bool usage_takes(struct span token, const char *argument, bool *ret_word);

#endif
