/* What was perhaps meant. Pure. */
#ifndef BATON_COMMON_NEAREST_H
#define BATON_COMMON_NEAREST_H

/* The word that `text` was perhaps meant to be, of words ended by NULL, at most two slips away; or
 * NULL. */
const char *nearest_word(const char *text, const char *const *words);

#endif
