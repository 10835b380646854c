/* Bytes that an agent wrote, made into text that the broker takes: valid UTF-8 without control
 * characters but newline and tab. */
#ifndef BATON_WORKER_CLEAN_H
#define BATON_WORKER_CLEAN_H

#include <stddef.h>

/* The last bytes of `s`, cleaned to at most `bytes_max` bytes; what is not text becomes U+FFFD,
 * carriage returns become newlines. Returns new memory, NUL-terminated. */
char *clean_tail(const void *s, size_t bytes, size_t bytes_max);

/* The same for the first bytes; with `one_line`, newlines and tabs become spaces. */
char *clean_head(const void *s, size_t bytes, size_t bytes_max, int one_line);

#endif
