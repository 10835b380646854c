/* Text from outside: is it what we take? Pure functions. */
#ifndef BATON_COMMON_TEXT_H
#define BATON_COMMON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Valid UTF-8 without NUL, surrogates, or overlong forms. */
bool utf8_is_valid(const char *s, size_t bytes);

/* A name that may stand in ids, projects, resources, workers, fairness keys: 1 to `bytes_max` bytes
 * of [A-Za-z0-9._:@/+~-] and any non-ASCII letter, not beginning with '-' or '.', with no "..", no
 * "//", and no '/' at an end. So it is never a path out of a directory, an option, or a terminal
 * escape. */
bool name_is_valid(const char *s, size_t bytes_max);

/* Free text of one or more lines: valid UTF-8, no control characters but newline and tab. */
bool prose_is_valid(const char *s, size_t bytes_max);

/* The first control character that it has and should not; 0: none. */
uint32_t prose_control(const char *s);

/* A path that is relative, not empty, and stays below where it begins. */
bool path_stays_below(const char *path);

/* Copies s for a terminal or a log line: control characters (C0, C1, ESC, DEL), bidirectional
 * overrides and bytes that are not UTF-8 become \xNN or \u{NN}; newline becomes \n unless `lines`.
 * Writes at most `room` bytes with the NUL and returns the length written. */
size_t text_escape(char *out, size_t room, const char *s, bool lines);

/* Copies as much of s as fits into `room` bytes with the NUL, and no part of a character. */
void text_head(char *out, size_t room, const char *s);

/* Length of the character at the beginning of s (`bytes` > 0), 1 for a byte that is none.
 * *ret_plain: text_escape would leave it as it is; then, or if it is UTF-8 at all, *ret_code is its
 * number. */
size_t text_look(const char *s, size_t bytes, uint32_t *ret_code, bool *ret_plain);

#endif
